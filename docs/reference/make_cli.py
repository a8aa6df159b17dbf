"""Writes docs/reference/cli.md from the parser, the same on every version of Python; `make docs` runs it, a test compares."""

import argparse
from pathlib import Path

from pellucid.app.cli import COMMANDS, build_parser

TARGET = Path(__file__).with_name("cli.md")

HEAD = """# The command line

*Made from the program by `make docs`; a test compares the two.*

| exit code | meaning |
|--:|---|
| 0 | done |
| 1 | error: one line on stderr says what was expected, what was got and what to do |
| 2 | usage: the command was not understood |
| 3 | abstained: a reading answers none of its questions; the reason is in it |

`--debug`, before or after the command, shows the traceback of an error.
"""


def parsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The sub-parsers of a parser, by name."""
    groups = [a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(groups[0]) if groups else {}


def arguments(parser: argparse.ArgumentParser) -> list[str]:
    """One table row per argument."""
    rows: list[str] = []
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction | argparse._SubParsersAction) or "--debug" in action.option_strings:
            continue
        metavar = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
        name = ", ".join(action.option_strings) or metavar
        value = f" {metavar}" if action.option_strings and action.nargs != 0 else ""
        need = " (needed)" if action.required and action.option_strings else ""
        rows.append(f"| `{name}{value}`{need} | {action.help} |")
    return rows


def section(title: str, parser: argparse.ArgumentParser, examples: tuple[str, ...]) -> str:
    """One command as Markdown."""
    lines = [f"## {title}", "", parser.description or ""]
    rows = arguments(parser)
    if rows:
        lines += ["", "| argument | meaning |", "|---|---|", *rows]
    for name, sub in parsers(parser).items():
        lines += ["", f"**{title.rpartition(' ')[2]} {name}**: {sub.description}"]
        if arguments(sub):
            lines += ["", "| argument | meaning |", "|---|---|", *arguments(sub)]
    if examples:
        lines += ["", "```sh", *examples, "```"]
    return "\n".join(lines) + "\n"


def cli_reference() -> str:
    """The whole page."""
    subs = parsers(build_parser())
    sections = [section(f"pellucid {name}", subs[name], command.examples) for name, command in COMMANDS.items()]
    return "\n".join([HEAD, *sections])


if __name__ == "__main__":
    TARGET.write_text(cli_reference(), encoding="utf-8")
    print(f"wrote {TARGET}")
