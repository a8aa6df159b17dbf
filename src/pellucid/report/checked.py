"""The reasons of an assessment that hold when tried out on its guideline; a report shows no other as a reason."""

from dataclasses import dataclass

from pellucid.audit.concept_reasons import check_reasons
from pellucid.errors import PellucidError
from pellucid.knowledge import load_guideline
from pellucid.record import Assessment, Condition, Contrast, Reading

NOT_TRIED = (
    "These reasons were not tried out again for this report: the guideline that the reading names, by its hash, is not installed "
    "here."
)
STRUCK = "Struck, because it does not hold: {}."


@dataclass(frozen=True)
class Reasons:
    """What may be shown as a reason, and what is said of the rest."""

    sufficient: tuple[tuple[Condition, ...], ...]
    contrasts: tuple[Contrast, ...]
    notes: tuple[str, ...]


NO_REASONS = Reasons((), (), ())


def reasons_of(assessment: Assessment, reading: Reading) -> Reasons:
    """The sufficient reasons and contrasts that hold, and a sentence for each that was struck.

    Where the guideline of that hash does not ship with this version they cannot be tried out, which is said.
    """
    a = assessment
    if not (a.sufficient_reason or a.contrasts):
        return NO_REASONS
    try:
        guideline = load_guideline(f"{a.guideline.name}-{a.guideline.edition}")
    except PellucidError:
        guideline = None
    if guideline is None or guideline.sha256 != a.guideline.sha256:
        return Reasons(a.sufficient_reason, a.contrasts, (NOT_TRIED,))
    checked = check_reasons(guideline, a, reading.findings)
    return Reasons(checked.sufficient, checked.contrasts, tuple(STRUCK.format(told) for told in checked.struck))
