"""What a guideline pack says, as frozen data: rules, decision rows, scorecards, learned tables, questions.

Nothing here computes. `loader.py` builds these from YAML, `space.py` turns a question into diagrams over its joint states.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pellucid.knowledge.terms import Citation, Definition, Entry, Predicate, Score, Source
from pellucid.record import Code, Concept, GuidelineRef


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


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """One row of a published table; the first row that is met decides."""

    id: str
    claim: str
    when: Predicate | None
    """None in `otherwise`: everything else."""
    category: str
    citation: Citation | None
    note: str | None = None
    over: tuple[str, ...] | Literal["all"] = ()
    """Rows further down that this one is meant to override."""


@dataclass(frozen=True, slots=True)
class Decide:
    """Published rows in order, and what holds where none of them is met (None: the rows cover everything)."""

    rows: tuple[DecisionRow, ...]
    otherwise: DecisionRow | None


Proposal = Bands | Outcome | Table | Decide


@dataclass(frozen=True, slots=True)
class NextStep:
    """What to do next, with its citation."""

    text: str
    citation: Citation


@dataclass(frozen=True, slots=True)
class NextStepRule:
    """A next step that goes before a category's own one where its predicate is met."""

    category: str
    when: Predicate
    step: NextStep


@dataclass(frozen=True, slots=True)
class Monotone:
    """A concept whose worse values never lower the category, as the pack declares and the checker proves."""

    concept: str
    worse: tuple[str, ...] | None
    """States from least to most worrying; None for measurements and ordinal concepts in their own order."""
    within: Predicate | None
    lower_is_worse: bool = False


@dataclass(frozen=True, slots=True)
class AtMost:
    """How many lesions something is done to, of those whose own answer says so."""

    most: int
    of: tuple[str, ...]
    """The answers by which a lesion comes into question at all."""


@dataclass(frozen=True, slots=True)
class Examination:
    """How several lesions make one examination."""

    rule: Literal["most suspicious"]
    claim: str
    citation: Citation
    order: tuple[str, ...] = ()
    """Answers from least to most pressing, where that is not the order of the categories."""
    followed: AtMost | None = None
    """At most so many lesions are followed, the most suspicious first."""
    sampled: AtMost | None = None
    """At most so many lesions are sampled, the most suspicious first."""
    size: str | None = None
    """The measurement that ranks lesions of one category, larger first."""
    score: str | None = None
    """The score that ranks lesions before their size, highest first, where the guideline says so instead of the category."""


@dataclass(frozen=True, slots=True)
class Category:
    """One answer to a question, as a clinician would say it; `likelihood` is the published one, never the model's."""

    name: str
    statement: str
    next_step: NextStep | None = None
    likelihood: str | None = None
    likelihood_citation: Citation | None = None
    code: Code | None = None
    """A public code of exactly this category, where pydicom's dictionaries hold one."""


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
    outside: tuple[str, ...] = ()
    """Categories on no scale: not applicable, guideline silent, incomplete."""
    next_steps: tuple[NextStepRule, ...] = ()
    monotone: tuple[Monotone, ...] = ()
    examination: Examination | None = None
    second_opinions: tuple[str, ...] = ()
    """Published risk models that are asked beside this question."""
    ask_for: tuple[str, ...] = ()
    """Inputs that a reading names where nobody stated them and a state of theirs would change the answer."""


@dataclass(frozen=True, slots=True)
class Sign:
    """A finding that speaks for a diagnosis, or against it where the weight is below 0."""

    when: Predicate
    weight: float
    citation: Citation


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One line of a differential."""

    name: str
    signs: tuple[Sign, ...]
    mimics: tuple[str, ...]
    """What may look the same and is not on the list."""
    next_step: NextStep | None
    total: Score
    """The same weights as a sum."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A differential without a category: diagnoses with the signs that weigh for and against them."""

    name: str
    label: str
    diagnoses: tuple[Diagnosis, ...]
    limits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Contradiction:
    """What cannot be so; a hard one is taken out of the space of possibilities."""

    id: str
    claim: str
    when: Predicate
    hard: bool
    citation: Citation | None


@dataclass(frozen=True, slots=True)
class Joint:
    """How often states of some concepts were seen together in named data; counts in the order of their states, row-major."""

    concepts: tuple[str, ...]
    counts: tuple[float, ...]
    citation: Citation


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
    contradictions: tuple[Contradiction, ...] = ()
    joint: tuple[Joint, ...] = ()
    scores: Mapping[str, Score] = field(default_factory=dict[str, Score])
    differentials: Mapping[str, Weights] = field(default_factory=dict[str, Weights])
    definitions: tuple[Definition, ...] = ()

    @property
    def concepts(self) -> Mapping[str, Concept]:
        """The concepts by name, in the pack's order."""
        return {name: entry.concept for name, entry in self.entries.items()}

    def ref(self) -> GuidelineRef:
        """Name, edition and hash, as a reading keeps them."""
        return GuidelineRef(name=self.name, edition=self.edition, sha256=self.sha256)
