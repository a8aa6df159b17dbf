"""`python -m pellucid.app`: the same as `pellucid`."""

from pellucid.app.cli import entry

if __name__ == "__main__":
    entry()
