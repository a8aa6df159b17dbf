"""What a guideline pack says, as frozen data: concepts, citations, predicates, scorecards, learned tables, questions.

Nothing here computes. `loader.py` builds these from YAML, `tables.py` turns a question into finite tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pellucid.record import Concept, GuidelineRef

Verified = Literal["source", "recomputed", "background"]
WhenUnknown = Literal["base rate", "averaged", "not stated"]


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
class Entry:
    """A concept with the pack's words for it and what an unknown means."""

    concept: Concept
    say: str
    """Claim template with one {state}, e.g. 'the margin is {state}'."""
    cells: tuple[Cell, ...] = ()
    when_unknown: WhenUnknown = "base rate"
    """base rate: probability averages over the base rate (uniform without one). averaged: the learned table already averages
    over it. not stated: an input from outside the image; rules that rest on it do not bind until somebody states it.
    """
    base_rate: BaseRate | None = None


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


Predicate = Atom | Compound


@dataclass(frozen=True, slots=True)
class Rule:
    """A published floor (`low`), ceiling (`high`) or both on the category, binding where `when` is met."""

    id: str
    claim: str
    when: Predicate
    low: str | None
    high: str | None
    citation: Citation
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """Points for one predicate of a scorecard."""

    when: Predicate
    points: int


@dataclass(frozen=True, slots=True)
class Scorecard:
    """Integer points over discrete concept states, and the risk per total, fitted on named data."""

    name: str
    outcome: str
    """What the risk is the risk of, e.g. 'malignancy'."""
    terms: tuple[Term, ...]
    risks: tuple[float, ...]
    """Risk of each total from `lowest` upwards."""
    lowest: int
    citation: Citation
    figures: Mapping[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Band:
    """Risks above the previous band's limit up to and including `up_to` propose this category; 'below' excludes the limit."""

    category: str
    limit: float
    inclusive: bool


@dataclass(frozen=True, slots=True)
class Bands:
    """Scorecard risk to category, by published limits."""

    scorecard: Scorecard
    bands: tuple[Band, ...]
    citation: Citation


@dataclass(frozen=True, slots=True)
class Outcome:
    """Scorecard risk read as the probability of `positive`; the crisp category follows the operating threshold."""

    scorecard: Scorecard
    positive: str
    threshold: float
    why: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a learned table: how often each category was seen where `when` is met (first match)."""

    when: Predicate | None
    """None in the last row: everything else."""
    counts: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """P(category | concept states) counted in named data, with a stated smoothing per row."""

    rows: tuple[Row, ...]
    smoothing: float
    """Pseudo-count spread over the categories by their overall share."""
    citation: Citation
    figures: Mapping[str, str | int | float]


Proposal = Bands | Outcome | Table


@dataclass(frozen=True, slots=True)
class NextStep:
    """What to do next, with its citation."""

    text: str
    citation: Citation


@dataclass(frozen=True, slots=True)
class Category:
    """One answer to a question, as a clinician would say it; `likelihood` is the published one, never the model's."""

    name: str
    statement: str
    next_step: NextStep | None = None
    likelihood: str | None = None
    likelihood_citation: Citation | None = None


@dataclass(frozen=True, slots=True)
class Anchor:
    """A diagnosis to consider where a predicate is met."""

    name: str
    when: Predicate
    citation: Citation


@dataclass(frozen=True, slots=True)
class Silent:
    """A clause that is not encoded, and why."""

    clause: str
    why: str


@dataclass(frozen=True, slots=True)
class CannotTell:
    """A sentence that a statement carries where two or more of these categories stay open."""

    between: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, its ordered categories, what proposes one, and the published rules that bound it."""

    name: str
    label: str
    noun: str
    """What an answer is called: 'category', 'grade'."""
    categories: Mapping[str, Category]
    needs: tuple[str, ...]
    """Concepts without which no answer is given."""
    proposal: Proposal
    rules: tuple[Rule, ...] = ()
    anchors: tuple[Anchor, ...] = ()
    silent: tuple[Silent, ...] = ()
    limits: tuple[str, ...] = ()
    """What this question leaves out of sight, in sentences."""
    cannot_tell: tuple[CannotTell, ...] = ()
    """Categories that the findings of this pack cannot tell apart, and why."""


@dataclass(frozen=True, eq=False)
class Guideline:
    """A pack: one edition of one guideline, with the hash of its bytes. Compared by identity; loading is cached."""

    name: str
    edition: str
    title: str
    sha256: str
    file: str
    sources: Mapping[str, Source]
    entries: Mapping[str, Entry]
    questions: Mapping[str, Question]
    notes: tuple[str, ...] = ()

    @property
    def concepts(self) -> Mapping[str, Concept]:
        """The concepts by name, in the pack's order."""
        return {name: entry.concept for name, entry in self.entries.items()}

    def ref(self) -> GuidelineRef:
        """Name, edition and hash, as a reading keeps them."""
        return GuidelineRef(name=self.name, edition=self.edition, sha256=self.sha256)
