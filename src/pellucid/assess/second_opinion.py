"""A second opinion: the published risk models beside the reading's own probability, and a caution where they disagree.

A model of age, size and a few signs knows nothing of the pixels, and a net that reads pixels knows nothing of the cohort; so
where both speak of the same nodule each is a check of the other. They are never averaged.

**When they disagree.** Both of these must hold:

1. the two probabilities fall into different *action bands* of the guideline that the model is used with (BTS 2015, ACCP 2013), so
   that somebody would do something else. A difference within a band, however large in points, changes nothing that is done;
2. neither interval covers the other's probability: the model's does not hold the reading's, and the reading's, where it has one,
   does not hold the model's. A difference that the error of the inputs explains is no disagreement.

The model's interval for this purpose takes every diameter as measured no better than its published repeatability
(`growth.SD_OF_ONE_MM`), also where a person typed a bare number; otherwise 9.9 % and 10.1 % would disagree. The probability shown
is that of the findings as stated. The bands' limits of probability are compared also where the guideline means other nodules (BTS
begins at 8 mm), because without them a nodule of 6 mm could be called anything; the text then says that the action is not meant
for it. Neither the error of the model's coefficients nor its miscalibration in another population is in the interval: it is too
narrow, and the caution asks for a look, not for a change.

A model with a fuller variant that applies (Brock with spiculation) is left out. PET uptake that only the model knows is named.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pellucid.errors import InputError
from pellucid.knowledge.growth import SD_OF_ONE_MM
from pellucid.knowledge.risk import Risk, RiskModel, list_risk_models, load_risk_model, risk
from pellucid.knowledge.risk_model import Scheme
from pellucid.record import Caution, Finding, Truth


@dataclass(frozen=True, slots=True)
class Own:
    """The reading's own calibrated probability of malignancy, the question it answers, and its interval where it has one."""

    question: str
    probability: float
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.probability <= 1.0:  # NaN fails too
            raise InputError(f"second opinion: expected a probability of malignancy from 0 to 1, got {self.probability}")
        if (self.low is None) != (self.high is None):
            raise InputError("second opinion: expected both ends of the interval or neither, got one")
        if self.low is not None and self.high is not None and not 0.0 <= self.low <= self.probability <= self.high <= 1.0:
            raise InputError(
                f"second opinion: expected an interval around {self.probability:g}, got {self.low:g} to {self.high:g}"
            )


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """What the models say: those that apply, those that do not with their reasons, and the cautions that follow."""

    risks: tuple[Risk, ...]
    not_applicable: tuple[Risk, ...]
    cautions: tuple[Caution, ...]


def second_opinion(
    findings: Sequence[Finding], own: Own | None = None, models: Iterable[RiskModel] | None = None
) -> SecondOpinion:
    """The risks by all models (default: those that ship), and one caution for each that disagrees with the reading's own.

    InputError where a finding does not fit a model's input: another unit, other states, an implausible value.
    """
    asked = tuple(models) if models is not None else tuple(load_risk_model(name) for name in list_risk_models())
    answers = [(model, risk(model, findings)) for model in asked]
    applicable = {answer.model for _, answer in answers if answer.probability is not None}
    heard = [(model, answer) for model, answer in answers if answer.model in applicable and model.fuller not in applicable]
    cautions = [caution for model, answer in heard if own for caution in _disagreement(model, answer, findings, own)]
    return SecondOpinion(
        risks=tuple(answer for _, answer in heard),
        not_applicable=tuple(answer for _, answer in answers if answer.probability is None),
        cautions=tuple(cautions),
    )


def _disagreement(model: RiskModel, answer: Risk, findings: Sequence[Finding], own: Own) -> list[Caution]:
    """A caution where model and reading fall into different bands and neither interval covers the other; else nothing."""
    probability = answer.probability
    apart = [scheme for scheme in model.schemes if probability is not None and _bands_differ(scheme, probability, own)]
    if not apart or probability is None or _covered(model, answer, findings, own):
        return []
    return [Caution(kind="second-opinion", text=_sentence(apart[0], answer, probability, own))]


def _bands_differ(scheme: Scheme, probability: float, own: Own) -> bool:
    return scheme.band(probability) != scheme.band(own.probability)


def _covered(model: RiskModel, answer: Risk, findings: Sequence[Finding], own: Own) -> bool:
    """Whether either interval holds the other's probability."""
    measured = risk(model, [_no_better_than_repeatable(finding) for finding in findings])
    lows = [r.low for r in (answer, measured) if r.low is not None]
    highs = [r.high for r in (answer, measured) if r.high is not None]
    if min(lows) <= own.probability <= max(highs):
        return True
    return own.low is not None and own.high is not None and own.low <= (answer.probability or 0.0) <= own.high


def _no_better_than_repeatable(finding: Finding) -> Finding:
    if finding.unit != "mm" or finding.value is None or (finding.sd or 0.0) >= SD_OF_ONE_MM:
        return finding
    return finding.model_copy(update={"sd": SD_OF_ONE_MM})


def _sentence(scheme: Scheme, answer: Risk, probability: float, own: Own) -> str:
    theirs, ours = scheme.band(probability), scheme.band(own.probability)
    call = next(call for call in answer.bands if call.scheme == scheme.name)
    spread = f" ({_percent(answer.low)} to {_percent(answer.high)})" if answer.low != answer.high else ""
    limits = (
        f"by {scheme.name}, that is {theirs.name} ({theirs.action.rstrip('.')}) against {ours.name} ({ours.action.rstrip('.')})"
    )
    unlike = "" if call.applies is Truth.MET else f" Whether these actions are meant for this nodule is open: {call.note}."
    if call.applies is Truth.NOT_MET:
        unlike = f" These actions are not meant for this nodule: {call.note}."
    pet = next((used.said for used in answer.inputs if used.concept == "pet_uptake" and used.stated), None)
    knows = f" The model also knows that {pet}." if pet else ""
    return (
        f"{answer.label} gives a probability of {answer.outcome} of {_percent(probability)}{spread}, this reading "
        f"{_percent(own.probability)} on {own.question.replace('-', ' ')}: {limits}.{unlike}{knows}"
    )


def _percent(share: float | None) -> str:
    return f"{100 * (share or 0.0):.2g} %"
