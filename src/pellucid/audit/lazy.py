"""scipy, loaded when a measure first needs it: importing the audit costs numpy only."""

from importlib import import_module
from typing import Any

from pellucid.errors import MissingExtra


def scipy_module(name: str) -> Any:
    """The module `scipy.<name>`; MissingExtra where scipy is not installed. scipy has no types, hence Any."""
    try:
        return import_module(f"scipy.{name}")
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "scipy":
            raise
        raise MissingExtra("scipy", "torch", "measuring maps") from None
