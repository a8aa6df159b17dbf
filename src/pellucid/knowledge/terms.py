"""The terms of a guideline pack: sources and citations, concepts with the pack's words for them, predicates over them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pellucid.record import Concept

DIGITS = 9
"""Numbers that differ only beyond these decimals are one, so that 7.95 stays 7.95 however it was computed."""
Verified = Literal["source", "recomputed", "background"]
WhenUnknown = Literal["base rate", "averaged", "not stated", "counts as"]


@dataclass(frozen=True, slots=True)
class Source:
    """A publication or a named data set that citations point to."""

    name: str
    kind: Literal["publication", "data"]
    short: str
    """How a citation names it, e.g. 'ICDR 2003'."""
    reference: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a rule or a number comes from, and whether that was read, recomputed or is background knowledge."""

    source: Source
    clause: str
    verified: Verified

    @property
    def text(self) -> str:
        """The short form, e.g. 'ICDR 2003, grade 2'."""
        return f"{self.source.short}, {self.clause}"


@dataclass(frozen=True, slots=True)
class Cell:
    """A named stretch of a measurement: from the previous cell's limit up to, not including, `below` (None = open)."""

    name: str
    below: float | None


@dataclass(frozen=True, slots=True)
class BaseRate:
    """How often each state occurs in named data; used only where a concept could not be judged."""

    counts: tuple[float, ...]
    citation: Citation


@dataclass(frozen=True, slots=True)
class CountsAs:
    """The guideline's own rule for missing data: what was not judged, or is not sure, counts as this state."""

    state: str
    citation: Citation


@dataclass(frozen=True, slots=True)
class Repeatability:
    """The standard deviation of a measurement that states none."""

    sd: float
    citation: Citation


@dataclass(frozen=True, slots=True)
class Entry:
    """A concept with the pack's words for it and what an unknown means."""

    concept: Concept
    say: str
    """Claim template with one {state}, e.g. 'the margin is {state}'."""
    cells: tuple[Cell, ...] = ()
    when_unknown: WhenUnknown = "base rate"
    """base rate: probability averages over the base rate (uniform without one). averaged: the learned table already averages
    over it. not stated: an input from outside the image; rules that rest on it do not bind until somebody states it. counts as:
    `counts_as` holds the state.
    """
    base_rate: BaseRate | None = None
    counts_as: CountsAs | None = None
    plausible: tuple[float, float] | None = None
    """A measurement outside these limits is taken for a wrong unit or a slip."""
    repeatability: Repeatability | None = None
    rounded_to: float | None = None
    """The step that a measurement is rounded to before limits are compared, a half upwards; None: compared as it is."""
    answered_by: str | None = None
    """The question of the pack whose answer it is, where nobody stated it."""
    counted: bool = False
    """Whether it is the number of lesions that are listed, where nobody stated it."""
    not_counted: tuple[tuple[str, str], ...] = ()
    """Question and decision row by which a lesion is not counted."""


@dataclass(frozen=True, slots=True)
class Atom:
    """One concept in some states, or one measurement inside an interval."""

    concept: str
    claim: str
    states: tuple[str, ...] = ()
    low: tuple[float, bool] | None = None
    """(limit, strict): at least, or above when strict."""
    high: tuple[float, bool] | None = None
    """(limit, strict): at most, or below when strict."""


@dataclass(frozen=True, slots=True)
class Compound:
    """all, any or not over other predicates."""

    operator: Literal["all", "any", "not"]
    parts: tuple["Predicate", ...]
    claim: str | None = None
    """Set where a definition of the pack gives this predicate its own sentence."""


@dataclass(frozen=True, slots=True)
class Count:
    """So many of some predicates are met."""

    parts: tuple["Predicate", ...]
    least: int
    most: int
    claim: str


@dataclass(frozen=True, slots=True)
class ScoreTest:
    """A score lies in an interval."""

    score: "Score"
    claim: str
    low: tuple[float, bool] | None = None
    """(limit, strict): at least, or above when strict."""
    high: tuple[float, bool] | None = None


@dataclass(frozen=True, slots=True)
class AnswerTest:
    """An earlier question of the pack has one of some answers."""

    question: str
    answers: tuple[str, ...]
    claim: str


@dataclass(frozen=True, slots=True)
class Larger:
    """The first measurement exceeds the second."""

    first: str
    second: str
    claim: str
    beyond_error: bool = False
    """Only where the difference is more than the 95 % interval of its error allows."""


Predicate = Atom | Compound | Count | ScoreTest | AnswerTest | Larger


@dataclass(frozen=True, slots=True)
class ScoreTerm:
    """Points for a predicate that is met, or points by the state of a concept; exactly one of the two."""

    when: Predicate | None
    points: float
    concept: str | None = None
    by_state: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """A published sum of points over findings."""

    name: str
    label: str
    terms: tuple[ScoreTerm, ...]
    citation: Citation


@dataclass(frozen=True, slots=True)
class Definition:
    """A predicate that the pack gives a name and a sentence of its own."""

    name: str
    claim: str
    when: Predicate


def rounded(value: float, step: float | None) -> float:
    """A measurement as limits are compared with it: rounded to the step, a half upwards."""
    return value if step is None else round(math.floor(round(value / step, DIGITS) + 0.5) * step, DIGITS)


def counted(least: int, most: int, of: int) -> str:
    """The words of a count: 'at least 2 of these 5 hold'."""
    if least == most:
        asked = f"exactly {least}"
    elif most == of:
        asked = f"at least {least}"
    else:
        asked = f"at most {most}" if least == 0 else f"{least} to {most}"
    return f"{asked} of these {of} hold"
