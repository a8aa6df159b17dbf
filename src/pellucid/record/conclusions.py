"""What was concluded: assessments with their reasons, second opinions, cautions."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pellucid.record.findings import PROBABILITY_TOLERANCE, Distribution, Probability, Record, Sha256, Step, Text


class GuidelineRef(Record):
    """Which guideline, which edition, which bytes."""

    name: Text
    edition: Text
    sha256: Sha256


class Condition(Record):
    """A concept in a state, as a reader of the report would say it."""

    concept: Text
    state: Text


class Change(Record):
    """One finding that would have to be different."""

    concept: Text
    seen: Text | None
    instead: Text


class Contrast(Record):
    """The smallest change of findings that would give another category."""

    category: Text
    changes: tuple[Change, ...]


class LookAgain(Record):
    """How much of the uncertainty over the category, in bits and as a share, confirming one finding would settle on average."""

    concept: Text
    bits: Annotated[float, Field(ge=0.0)]
    share: Probability


class Differential(Record):
    """A diagnosis to consider, with what speaks for it."""

    name: Text
    because: tuple[Condition, ...] = ()
    citation: str | None = None


class SetRule(Record):
    """How the confidence set was cut: categories stay in while their conformal score is at most the threshold."""

    method: Literal["lac", "aps", "ordinal-aps"]
    threshold: float
    coverage: Probability
    n: Annotated[int, Field(ge=1)]


class SecondOpinion(Record):
    """What an independent published risk model says of the same findings, or why it does not apply; never both."""

    model: Text
    label: Text
    outcome: Text
    sha256: Sha256
    probability: Probability | None = None
    low: Probability | None = None
    high: Probability | None = None
    """95 % of the risk over what the findings allow."""
    actions: tuple[Text, ...] = ()
    """What guidelines do at this risk, one sentence each with its citation."""
    not_applicable_because: Text | None = None
    derivation: Step

    @model_validator(mode="after")
    def _answer_or_reason(self) -> Self:
        if (self.probability is None) == (self.not_applicable_because is None):
            raise ValueError(f"second opinion {self.model}: expected a probability or a reason why not, exactly one of the two")
        return self


class Assessment(Record):
    """The conclusion to one question, computed from the findings and one guideline and from nothing else."""

    question: Text
    guideline: GuidelineRef
    category: str | None
    statement: Text  # the conclusion as a clinician would say it
    probabilities: Distribution
    confidence_set: tuple[str, ...]
    coverage: Probability | None = None
    set_rule: SetRule | None = None
    derivation: Step
    sufficient_reason: tuple[tuple[Condition, ...], ...] = ()
    """All minimal sets of findings that force the category whatever the others are; smallest first."""
    contrasts: tuple[Contrast, ...] = ()
    look_again: tuple[LookAgain, ...] = ()
    differential: tuple[Differential, ...] = ()
    next_step: str | None = None
    next_step_citation: str | None = None
    next_step_shared: bool | None = None  # whether every category of the confidence set has this same next step
    boundary: tuple[Text, ...] = ()
    """Cases on an edge: crisp and most probable category differ, or a threshold lies inside a measurement's interval."""
    conflict: str | None = None
    """A published floor or ceiling against what the scorecard proposes."""
    abstained_because: str | None = None
    second_opinions: tuple[SecondOpinion, ...] = ()
    """Published risk models beside the answer; never averaged with it."""
    joint_shift: Probability | None = None
    """How far the guideline's joint tables moved a probability at most; None where findings count as independent."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.probabilities and abs(sum(self.probabilities.values()) - 1.0) > PROBABILITY_TOLERANCE:
            raise ValueError(
                f"assessment {self.question}: probabilities must sum to 1, got {sum(self.probabilities.values()):.6f}"
            )
        strangers = [
            c for c in (*self.confidence_set, *([self.category] if self.category else [])) if c not in self.probabilities
        ]
        if strangers:
            raise ValueError(
                f"assessment {self.question}: {strangers[0]!r} is not one of the categories {tuple(self.probabilities)}"
            )
        if (self.category is None) != (self.abstained_because is not None):
            raise ValueError(f"assessment {self.question}: expected a category or a reason to abstain, exactly one of the two")
        return self


class WeighedSign(Record):
    """One sign on these findings: its weight, negative where it speaks against, and whether it is met and by what."""

    weight: float
    step: Step


class WeighedDiagnosis(Record):
    """One diagnosis to consider: the sum of the weights of its signs that are met. The sum is no probability."""

    name: Text
    rank: Annotated[int, Field(ge=1)]
    score: float
    lowest: float
    highest: float
    """The sums that what is not judged leaves possible."""
    signs: tuple[WeighedSign, ...]
    mimics: tuple[Text, ...] = ()
    next_step: str | None = None
    next_step_citation: str | None = None


class Weighing(Record):
    """A differential in which signs weigh for and against diagnoses; never a category."""

    differential: Text
    label: Text
    guideline: GuidelineRef
    diagnoses: tuple[WeighedDiagnosis, ...]
    """Highest sum first."""
    limits: tuple[Text, ...] = ()


class Caution(Record):
    """Something the reader of the report must weigh."""

    kind: Literal["contradiction", "shadow", "novelty", "boundary", "conflict", "input", "scope", "second-opinion"]
    text: Text
