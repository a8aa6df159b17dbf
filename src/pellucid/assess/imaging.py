"""The imaging statement on one lesion, as concordance needs it: findings, category, risk, from a reading or typed."""

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator

from pellucid.errors import InputError
from pellucid.knowledge.concordance import Table, list_tables, load_table
from pellucid.knowledge.concordance.table import LEVELS
from pellucid.record import Assessment, Finding, GuidelineRef, Observer, Probability, Reading, Record, Sha256, Text

MALIGNANT = "malignant"
"""The category of a question on malignancy whose probability is a risk."""


class Risk(Record):
    """A probability of malignancy before the biopsy, with its interval where one is known, and where it comes from."""

    value: Probability
    low: Probability | None = None
    high: Probability | None = None
    of: Text

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if (self.low is None) != (self.high is None):
            raise ValueError("risk: expected both ends of the interval or neither")
        if self.low is not None and self.high is not None and not self.low <= self.value <= self.high:
            raise ValueError(f"risk: expected low <= value <= high, got {self.low:g}, {self.value:g}, {self.high:g}")
        return self


class Imaging(Record):
    """What was said of the image; what is not said stays unknown."""

    organ: Text
    by: Observer
    reading: Sha256 | None = None
    guideline: GuidelineRef | None = None
    question: Text | None = None
    category: Text | None = None
    category_unknown_because: Text | None = None
    statement: Text
    """The conclusion as a clinician would say it."""
    step: Text | None = None
    """The head of the derivation that led to the category."""
    confidence_set: tuple[Text, ...] = ()
    risk: Risk | None = None
    findings: tuple[Finding, ...] = ()
    notes: Annotated[tuple[Text, ...], Field()] = ()

    @model_validator(mode="after")
    def _category_or_why_not(self) -> Self:
        if (self.category is None) == (self.category_unknown_because is None):
            raise ValueError("imaging: expected a category or the reason why there is none, exactly one of the two")
        names = [f.concept for f in self.findings]
        if len(set(names)) != len(names):
            raise ValueError(f"imaging: expected each concept once, got {sorted({n for n in names if names.count(n) > 1})}")
        return self


def organ_of(reading: Reading) -> str:
    """The organ whose table knows a guideline of the reading; InputError where none does."""
    names = [a.guideline.name for a in reading.assessments]
    found = [organ for organ in list_tables() if set(load_table(organ).guidelines) & set(names)]
    if len(found) == 1:
        return found[0]
    asked = ", ".join(dict.fromkeys(names)) or "none"
    raise InputError(
        f"expected a reading by a guideline of one of {', '.join(list_tables())}, got guidelines {asked}; say which organ it is"
    )


def imaging_of(reading: Reading, table: Table, risk: Risk | None = None) -> Imaging:
    """The imaging statement of a reading: the assessment on the organ's scale, the risk, and every finding.

    `risk` takes the place of the reading's own. Raises InputError where no assessment is on a scale of the table.
    """
    asked = _on_scale(reading.assessments, table)
    if asked is None:
        labels = " or ".join(scale.label for scale in table.scales.values())
        questions = ", ".join(f"{a.guideline.name}: {a.question}" for a in reading.assessments) or "none"
        raise InputError(f"expected a reading of the {table.organ} with a {labels}, got the questions {questions}")
    known = asked.category is not None and table.grade(asked.category) is not None
    why = asked.abstained_because or f"the category {asked.category} is on no scale of the table"
    return Imaging(
        organ=table.organ,
        by=_observer(reading),
        reading=reading.id,
        guideline=asked.guideline,
        question=asked.question,
        category=asked.category if known else None,
        category_unknown_because=None if known else why,
        statement=asked.statement,
        step=asked.derivation.claim,
        confidence_set=tuple(c for c in asked.confidence_set if table.grade(c)),
        risk=risk or _risk(reading.assessments),
        findings=reading.findings,
        notes=tuple(a.conflict for a in reading.assessments if a.conflict),
    )


def _on_scale(assessments: Sequence[Assessment], table: Table) -> Assessment | None:
    """The assessment whose guideline and question are those of a scale; of several the most suspicious category."""
    found = [
        a
        for a in assessments
        for scale in table.scales.values()
        if a.guideline.name in scale.guidelines and a.question in scale.questions
    ]
    graded = [(LEVELS.index(grade.level), a) for a in found if (grade := table.grade(a.category)) is not None]
    if not graded:
        return next(iter(found), None)
    highest = max(level for level, _ in graded)
    return next(a for level, a in graded if level == highest)


def _risk(assessments: Sequence[Assessment]) -> Risk | None:
    for a in assessments:
        if a.category is not None and MALIGNANT in a.probabilities:
            return Risk(value=a.probabilities[MALIGNANT], of=f"{a.guideline.name} {a.guideline.edition}, {a.question}")
    return None


def _observer(reading: Reading) -> Observer:
    if reading.provenance.by:
        return Observer(name=reading.provenance.by, kind="person")
    return Observer(name=f"{reading.reader.name} {reading.reader.version}", kind="model")
