"""A second opinion: the published risk models beside the reading's own probability, and a caution where they disagree.

A model of age, size and a few signs knows nothing of the pixels, and a net that reads pixels knows nothing of the cohort; so
where both speak of the same nodule each is a check of the other. They are never averaged.

**When they disagree.** Both of these must hold:

1. the two probabilities fall into different *action bands* of the guideline that the model is used with (BTS 2015, ACCP 2013), so
   that somebody would do something else. A difference within a band, however large in points, changes nothing that is done;
2. neither interval covers the other's probability: the model's does not hold the reading's, and the reading's, where it has one,
   does not hold the model's. A difference that the error of the inputs explains is no disagreement.

The model's interval for this purpose takes every diameter as measured no better than its published repeatability
(`growth_criteria.SD_OF_ONE_MM`, the figure of the packs), also where a person typed a bare number; otherwise 9.9 % and 10.1 %
would disagree. The probability shown is that of the findings as stated. The bands' limits of probability are compared also where
the guideline means other nodules (BTS begins at 8 mm), because without them a nodule of 6 mm could be called anything; the text
then says that the action is not meant for it. Neither the error of the model's coefficients nor its miscalibration in another
population is in the interval: it is too narrow, and the caution asks for a look, not for a change.

A model with a fuller variant that applies (Brock with spiculation) is left out. PET uptake that only the model knows is named.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pellucid.errors import InputError
from pellucid.knowledge.growth_criteria import SD_OF_ONE_MM
from pellucid.knowledge.guideline import Guideline, Outcome, Question
from pellucid.knowledge.risk import Risk, RiskModel, list_risk_models, load_risk_model, risk
from pellucid.knowledge.risk.model import Scheme
from pellucid.record import Assessment, Caution, Finding, SecondOpinion, Truth


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
class Opinions:
    """What the models say: those that apply, those that do not with their reasons, and the cautions that follow."""

    risks: tuple[Risk, ...]
    not_applicable: tuple[Risk, ...]
    cautions: tuple[Caution, ...]


def second_opinion(findings: Sequence[Finding], own: Own | None = None, models: Iterable[RiskModel] | None = None) -> Opinions:
    """The risks by all models (default: those that ship), and one caution for each that disagrees with the reading's own.

    InputError where a finding does not fit a model's input: another unit, other states, an implausible value.
    """
    asked = tuple(models) if models is not None else tuple(load_risk_model(name) for name in list_risk_models())
    answers = [(model, risk(model, findings)) for model in asked]
    applicable = {answer.model for _, answer in answers if answer.probability is not None}
    heard = [(model, answer) for model, answer in answers if answer.model in applicable and model.fuller not in applicable]
    cautions = [caution for model, answer in heard if own for caution in _disagreement(model, answer, findings, own)]
    return Opinions(
        risks=tuple(answer for _, answer in heard),
        not_applicable=tuple(answer for _, answer in answers if answer.probability is None),
        cautions=tuple(cautions),
    )


def opinions_on(question: Question, findings: Sequence[Finding]) -> tuple[SecondOpinion, ...]:
    """The second opinions that a question of a guideline asks for: models that apply, then those that do not, with the reason."""
    if not question.second_opinions:
        return ()
    found = second_opinion(findings, models=[load_risk_model(name) for name in question.second_opinions])
    return tuple(_as_record(answer) for answer in (*found.risks, *found.not_applicable))


def _as_record(answer: Risk) -> SecondOpinion:
    return SecondOpinion(
        model=answer.model,
        label=answer.label,
        outcome=answer.outcome,
        sha256=answer.sha256,
        probability=None if answer.probability is None else round(answer.probability, 6),
        low=None if answer.low is None else round(answer.low, 6),
        high=None if answer.high is None else round(answer.high, 6),
        actions=tuple(f"{call.scheme}: {call.action} [{call.citation}]" for call in answer.bands if call.applies is Truth.MET),
        not_applicable_because=answer.not_applicable_because,
        derivation=answer.derivation,
    )


class Asks(Protocol):
    """A question put to a guideline."""

    @property
    def guideline(self) -> Guideline: ...
    @property
    def question(self) -> str: ...


def disagreements(asks: Sequence[Asks], findings: Sequence[Finding], assessments: Sequence[Assessment]) -> list[Caution]:
    """One caution for each risk model that disagrees with the probability of the outcome that the assessments give."""
    wanted = dict.fromkeys(name for ask in asks for name in ask.guideline.questions[ask.question].second_opinions)
    proposals = {ask.question: ask.guideline.questions[ask.question].proposal for ask in asks}
    outcomes = {name: proposal.positive for name, proposal in proposals.items() if isinstance(proposal, Outcome)}
    own = next((Own(a.question, a.probabilities[outcomes[a.question]]) for a in assessments if a.question in outcomes), None)
    if own is None or not wanted:
        return []
    return list(second_opinion(findings, own, [load_risk_model(name) for name in wanted]).cautions)


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
