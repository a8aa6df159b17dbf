"""What a report of several lesions says: what they make together, which of them drives and why, then each lesion's own sheet."""

from dataclasses import dataclass

from pellucid.knowledge.text import LESIONS, cut
from pellucid.record import Combined, Examination, Reading, Step
from pellucid.report import words
from pellucid.report.sheet import Sheet, Verdict, sheet, verdict

INDEPENDENT = "The probabilities take the lesions as independent of each other, given their findings."
BELOW = "Each lesion's own derivation stands in its part below."


@dataclass(frozen=True)
class Answer:
    """What one lesion brings to a question."""

    lesion: str
    said: str
    drives: bool


@dataclass(frozen=True)
class Together:
    """One question, answered for the whole examination."""

    verdict: Verdict
    why: Step
    """The guideline's clause and what each lesion brings; the lesions' own derivations are left out."""
    answers: tuple[Answer, ...]
    lists: tuple[str, ...]
    """Which lesions are followed and sampled, where the guideline limits their number."""


@dataclass(frozen=True)
class ExaminationSheet:
    """Everything that the report of an examination says, top to bottom."""

    id: str
    title: str
    lesions: tuple[tuple[str, Sheet], ...]
    together: tuple[Together, ...]


def examination_sheet(examination: Examination) -> ExaminationSheet:
    """The sheet of an examination; ids of the lesions' parts begin with `l1-`, `l2-`, …"""
    lesions = tuple((one.name, sheet(one.reading, at=f"l{k}-")) for k, one in enumerate(examination.lesions, start=1))
    return ExaminationSheet(
        id=examination.id,
        title=lesions[0][1].title,
        lesions=lesions,
        together=tuple(_together(one, examination) for one in examination.combined),
    )


def _together(one: Combined, examination: Examination) -> Together:
    a = one.assessment
    answers = tuple(Answer(e.name, _said(e.reading, a.question), e.name in one.drives) for e in examination.lesions)
    lists = [f"To follow: {words.listing(one.followed)}."] if one.followed else []
    lists += [f"To sample: {words.listing(one.sampled)}."] if one.sampled else []
    return Together(verdict(a), cut(a.derivation, LESIONS), answers, tuple(lists))


def _said(reading: Reading, question: str) -> str:
    a = next((a for a in reading.assessments if a.question == question), None)
    if a is None:
        return "not asked"
    return words.category(question, a.category) if a.category else f"no category: {a.abstained_because}"
