"""A risk model's answer in words and as a derivation: what was seen, what each published coefficient adds, what follows."""

import math
from collections.abc import Mapping, Sequence

from pellucid.knowledge.guideline import Citation
from pellucid.knowledge.risk.axes import outside_share
from pellucid.knowledge.risk.model import Input, Limit, RiskModel, Term
from pellucid.knowledge.risk.record import BandCall, Contribution
from pellucid.record import Finding, Step, Truth


def said_words(given: Input, finding: Finding | None) -> str:
    """An input as the findings have it, as a clause: 'the age is 45 years', 'the setting is not stated'."""
    label = given.concept.label
    if finding is None or finding.unknown_because is not None:
        why = f" ({finding.unknown_because})" if finding and finding.unknown_because else ""
        return f"{label} is not stated{why}"
    if finding.value is not None:
        error = f" ± {finding.sd:.2g}" if finding.sd else ""
        return f"{label} is {finding.value:.4g}{error}{_unit(given)}"
    ranked = sorted(zip(finding.probabilities or (), finding.states or (), strict=True), key=lambda pair: -pair[0])
    if ranked[0][0] == 1.0:
        return f"{label} is {ranked[0][1]}"
    return f"{label} is " + " or ".join(f"{state} ({p:.2g})" for p, state in ranked if p > 0)


def _unit(given: Input) -> str:
    return "" if given.concept.unit == "1" else f" {given.concept.unit}"


def limit_words(limit: Limit, given: Input) -> str:
    """A limit as a phrase: 'from 50 to 75 years', 'above 8 mm', 'where it is present'."""
    if limit.states:
        return f"where it is {' or '.join(limit.states)}"
    low, high, unit = limit.low, limit.high, _unit(given)
    if low and high and not (low[1] or high[1]):
        return f"from {low[0]:g} to {high[0]:g}{unit}"
    parts = [f"{'above' if low[1] else 'from'} {low[0]:g}{unit}"] if low else []
    parts += [f"{'below' if high[1] else 'up to'} {high[0]:g}{unit}"] if high else []
    return " and ".join(parts)


def refused_step(model: RiskModel, truth: Truth, why: str) -> Step:
    """Why the model does not apply (not met), or cannot be asked (unknown)."""
    return Step(claim=f"{model.label} applies to this nodule", truth=truth, because=(Step(claim=why, truth=truth),))


def applicable_steps(
    model: RiskModel,
    said: Mapping[str, Finding],
    contributions: Sequence[Contribution],
    risks: tuple[float, float],
    bands: Sequence[BandCall],
) -> Step:
    """The whole derivation; `risks` are the mean over what the findings allow, and the formula at the values as stated."""
    mean, at_stated = risks
    limits = [_limit_step(limit, model, said) for limit in model.domain]
    steps = [_summed(model, said, contributions)]
    for fixed in model.fixed:
        finding = said.get(fixed.concept)
        share = _share(finding, fixed.state)
        truth = Truth.UNKNOWN if 0 < share < 1 else (Truth.MET if share else Truth.NOT_MET)
        steps.append(_published(fixed.claim, truth, fixed.citation, (_seen(model.inputs[fixed.concept], finding),)))
    if abs(mean - at_stated) >= 1e-6:
        steps.append(Step(claim=f"over all that the findings allow, the mean is {_percent(mean)}", truth=Truth.MET))
    return Step(
        claim=f"{model.label} gives a probability of {model.outcome} of {_percent(mean)}",
        truth=Truth.MET,
        because=(*limits, *steps, *(_band_step(call) for call in bands)),
    )


def _share(finding: Finding | None, state: str) -> float:
    return dict(zip(finding.states or (), finding.probabilities or (), strict=True)).get(state, 0.0) if finding else 0.0


def _limit_step(limit: Limit, model: RiskModel, said: Mapping[str, Finding]) -> Step:
    given, finding = model.inputs[limit.concept], said.get(limit.concept)
    claim = f"{model.label} holds for {given.concept.label} {limit_words(limit, given)}"
    if finding is None or finding.unknown_because is not None:
        truth = Truth.UNKNOWN
    else:
        truth = Truth.MET if outside_share(limit, given, said) <= 0.5 else Truth.NOT_MET
    return _published(claim, truth, limit.citation, (_seen(given, finding),))


def _summed(model: RiskModel, said: Mapping[str, Finding], contributions: Sequence[Contribution]) -> Step:
    first, *rest = contributions
    steps = [_published(f"the log odds begin at {first.log_odds:g}", Truth.MET, model.intercept_citation)]
    steps += [_term_step(model, term, adds, said) for term, adds in zip(model.terms, rest, strict=True)]
    total = sum(adds.log_odds for adds in contributions)
    odds = f"the log odds by {model.label} at the values as stated are {total:.4f}"
    claim = f"{odds}, a probability of {_percent(0.5 * (1 + math.tanh(total / 2)))}"
    return Step(claim=claim, truth=Truth.MET, because=tuple(steps))


def _term_step(model: RiskModel, term: Term, adds: Contribution, said: Mapping[str, Finding]) -> Step:
    if term.kind == "model":
        part = model.parts[term.of]
        claim = f"the probability by {part.label}, times {term.coefficient:g}, adds {adds.log_odds:.4f}"
        return _published(claim, Truth.MET, term.citation, (_summed(part, said, adds.parts),))
    given = model.inputs[term.of]
    seen, where = [_seen(given, said.get(term.of))], ""
    if term.where:
        name, state = term.where
        where = f" where {model.inputs[name].concept.label} is {state}"
        seen.insert(0, _seen(model.inputs[name], said.get(name)))
    return _published(f"{given.concept.label}{where} adds {adds.log_odds:.4f}", Truth.MET, term.citation, tuple(seen))


def _seen(given: Input, finding: Finding | None) -> Step:
    known = finding is not None and finding.unknown_because is None
    assumed = "" if known or given.unstated is None else f", taken as {given.unstated.state}"
    truth = Truth.MET if known else Truth.UNKNOWN
    return Step(claim=said_words(given, finding) + assumed, truth=truth, ground="observed")


def _band_step(call: BandCall) -> Step:
    note = f" ({call.note})" if call.note else ""
    claim = f"{call.scheme}, risk {call.band}: {call.action.rstrip('.')}{note}"
    return Step(claim=claim, truth=call.applies, citation=call.citation, ground="published", verified=call.verified)


def _published(claim: str, truth: Truth, citation: Citation, because: tuple[Step, ...] = ()) -> Step:
    return Step(claim=claim, truth=truth, citation=citation.text, because=because, ground="published", verified=citation.verified)


def _percent(probability: float) -> str:
    """With three digits that say something: '46.2 %', '0.113 %'."""
    return f"{100 * probability:.3g} %"
