"""What a guideline's signs weigh for and against on some findings, as the reading keeps it."""

from collections.abc import Sequence

from pellucid.knowledge import Guideline, Weighed, weigh
from pellucid.record import Finding, WeighedDiagnosis, WeighedSign, Weighing


def weigh_all(guideline: Guideline, findings: Sequence[Finding]) -> tuple[Weighing, ...]:
    """Every differential of a guideline on these findings, in the guideline's order; none where it has none.

    InputError where a finding does not fit its concept, or where what persons say for certain cannot all be so.
    """
    return tuple(
        Weighing(
            differential=name,
            label=weights.label,
            guideline=guideline.ref(),
            diagnoses=tuple(_diagnosis(one) for one in weigh(guideline, name, findings)),
            limits=weights.limits,
        )
        for name, weights in guideline.differentials.items()
    )


def _diagnosis(one: Weighed) -> WeighedDiagnosis:
    return WeighedDiagnosis(
        name=one.name,
        rank=one.rank,
        score=one.score,
        lowest=one.lowest,
        highest=one.highest,
        signs=tuple(WeighedSign(weight=sign.weight, step=sign.step) for sign in one.signs),
        mimics=one.mimics,
        next_step=one.next_step.text if one.next_step else None,
        next_step_citation=one.next_step.citation.text if one.next_step else None,
    )
