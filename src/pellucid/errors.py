"""Everything that can go wrong, each class one sentence.

PellucidError
├── InputError (ValueError)          what came in is not what was expected
│   ├── ImageError                   a file that is not a readable image, or pixels that cannot be used
│   ├── GuidelineError               a guideline pack that breaks its grammar
│   ├── RecipeError                  a training recipe or manifest that cannot be used
│   ├── ExplainError                 an explanation that cannot be given: the message says why and what to do
│   ├── LibraryError                 a case library, or a case, that cannot be used; nothing was changed
│   └── CardError                    a reader's card, weights or calibration that do not fit together
├── UnknownName (LookupError)        a reader, concept, state or guideline that does not exist
├── MissingExtra (ImportError)       an optional package is needed; the message names the extra
├── WriterError (RuntimeError)       a language model that gave no usable text
└── TamperedError (ValueError)       content and its hash disagree

Messages say: expected, got, where, what to do; in one line.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class PellucidError(Exception):
    """Root of all errors raised on purpose by Pellucid."""


class InputError(PellucidError, ValueError):
    """What came in is not what was expected."""


class ImageError(InputError):
    """A file that is not a readable image, or pixels that cannot be used."""


class GuidelineError(InputError):
    """A guideline pack that breaks its grammar; the message names file and line."""


class RecipeError(InputError):
    """A training recipe or manifest that cannot be used."""


class ExplainError(InputError):
    """An explanation that cannot be given for this model, layer or target; the message says why and what to do."""


class LibraryError(InputError):
    """A case library, or a case, that cannot be used; nothing in the library was changed."""


class CardError(InputError):
    """A reader's card, weights or calibration that do not fit together."""


class UnknownName(PellucidError, LookupError):
    """A name that does not exist; the message offers the nearest one, or says what else to do."""

    def __init__(self, kind: str, got: str, known: Iterable[str], where: str = "", to_do: str | None = None) -> None:
        names = sorted(known)
        near = get_close_matches(got, names, n=1, cutoff=0.5)
        hint = to_do or (f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names) or 'none'}")
        place = f" in {where}" if where else ""
        super().__init__(f"unknown {kind} {got!r}{place}: {hint}")


class MissingExtra(PellucidError, ImportError):
    """An optional package is needed; the message names the extra to install."""

    def __init__(self, package: str, extra: str, purpose: str, install: str | None = None) -> None:
        command = install or f"pip install 'pellucid[{extra}]'"
        super().__init__(f"{purpose} needs {package}, which is not installed: {command}")


class WriterError(PellucidError, RuntimeError):
    """A language model that could not be asked, or that gave no usable text."""


class TamperedError(PellucidError, ValueError):
    """Content and its hash disagree; the message says which content."""
