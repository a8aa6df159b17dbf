"""What is asked of an audit, and which methods it tries unless others are named."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pellucid.errors import UnknownName
from pellucid.explain import METHODS
from pellucid.trial.subject import OnTrial

PANEL = ("grad-cam", "grad-cam++", "integrated-gradients", "gradient-shap", "lime", "kernel-shap", "concept-evidence")
"""Methods tried unless others are named: what the field uses most, and the reader's own evidence."""
BLACK_BOX = ("occlusion", "rise", "lime", "kernel-shap")
"""Methods tried on a model that gives no gradients."""
FOR_MAPS, FOR_SHORTCUTS = 0.6, 0.2
"""Shares of the time; the rest goes to readings, concepts and the page."""


@dataclass(frozen=True)
class Request:
    """What is to be audited, and how much of it. Empty methods, targets or measures stand for the usual ones."""

    data: Path
    out: Path
    methods: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    cases: int = 200
    minutes: float = 15.0
    seed: int = 0
    declared: Path | None = None
    examples: bool = True


def chosen_methods(trial: OnTrial, named: Sequence[str]) -> tuple[str, ...]:
    """The methods asked for, `all` for every one; by default those the field uses that apply to this model."""
    if "all" in named:
        return tuple(METHODS)
    for name in named:
        if name not in METHODS:
            raise UnknownName("explanation method", name, METHODS)
    if named:
        return tuple(dict.fromkeys(named))
    usual = PANEL if trial.subject.no_gradients is None else BLACK_BOX
    return tuple(m for m in usual if m in METHODS and (METHODS[m].needs != "concept evidence" or trial.reader is not None))
