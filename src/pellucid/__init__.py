"""Pellucid reads medical images and justifies what it says.

The public names, loaded when first asked for: importing the package costs no torch, no pydicom and no pydantic.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid import report
    from pellucid.assess.revise import revise
    from pellucid.assess.verify import Verification, verify
    from pellucid.errors import PellucidError
    from pellucid.images.study import Study, StudyImage, open_study
    from pellucid.knowledge import Guideline, list_guidelines, load_guideline
    from pellucid.reader import Reader, list_readers, load_reader
    from pellucid.record import Assessment, Concept, Finding, Reading, Region, Step, Truth, reading_from_json

__version__ = "0.1.0"

_HOMES = {
    "pellucid": ("report",),
    "pellucid.assess.revise": ("revise",),
    "pellucid.assess.verify": ("Verification", "verify"),
    "pellucid.errors": ("PellucidError",),
    "pellucid.images.study": ("Study", "StudyImage", "open_study"),
    "pellucid.knowledge": ("Guideline", "list_guidelines", "load_guideline"),
    "pellucid.reader": ("Reader", "list_readers", "load_reader"),
    "pellucid.record": ("Assessment", "Concept", "Finding", "Reading", "Region", "Step", "Truth", "reading_from_json"),
}
"""Module -> the public names that live in it; the same as the imports above, which only type checkers read."""

__all__ = [
    "Assessment",
    "Concept",
    "Finding",
    "Guideline",
    "PellucidError",
    "Reader",
    "Reading",
    "Region",
    "Step",
    "Study",
    "StudyImage",
    "Truth",
    "Verification",
    "list_guidelines",
    "list_readers",
    "load_guideline",
    "load_reader",
    "open_study",
    "reading_from_json",
    "report",
    "revise",
    "verify",
]


def __getattr__(name: str) -> Any:
    """The public name, from the module where it lives."""
    home = next((home for home, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module 'pellucid' has no attribute {name!r}; its public names are {', '.join(__all__)}")
    if home == "pellucid":
        return import_module(f"pellucid.{name}")
    try:
        return getattr(import_module(home), name)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if home != "pellucid.reader" or package == "pellucid":
            raise
        raise import_module("pellucid.errors").MissingExtra(package, "torch", f"pellucid.{name}") from None


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
