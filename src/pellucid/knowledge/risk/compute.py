"""The risk that a published model gives for the findings at hand, with what it rests on; or why it does not apply.

    risk(load_risk_model("brock-2013-spiculation"), findings)

Concepts, by the names the lung packs share: `age` (years), `sex` (male, female), `ever_smoker`, `years_since_quit`,
`family_history_lung_cancer`, `emphysema`, `previous_extrathoracic_cancer` (absent, more than 5 years ago, within 5 years),
`long_axis` (mm), `nodule_type` (solid, part-solid, non-solid), `spiculation`, `upper_lobe`, `nodule_count` (unit 1),
`perifissural`, `pet_uptake` (none, faint, moderate, intense), `setting` (screening, incidental); all others are absent, present.

Uncertain findings are propagated and not rounded to their most probable state. Over states the sum is exact: every combination is
weighed by its probability. Over a measurement with a standard deviation the integral is taken by Gauss-Legendre quadrature in
panels over ± 6 standard deviations (4e-9 of a normal error lies beyond). Findings count as independent. What lies outside the
hard limits of the model is left out and the rest scaled up; the answer says how much that was, and where it is more than half the
model is not applicable. A missing input is never filled in.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError
from pellucid.knowledge.risk.axes import Axis, axis_of, fitting, outside_share
from pellucid.knowledge.risk.model import Limit, RiskModel, Scheme, Term
from pellucid.knowledge.risk.record import BandCall, Contribution, InputUsed, Risk
from pellucid.knowledge.risk.steps import applicable_steps, limit_words, refused_step, said_words
from pellucid.record import Finding, FrozenDict, Truth

Grid = NDArray[np.float64]
DECIMALS = 6
ROUNDING = 1e-9
WORTH_SAYING = 0.001
"""A share of probability outside the limits that is pointed out."""
MOST_POINTS = 20_000_000
INTERVAL = (0.025, 0.975)


@dataclass(frozen=True)
class _Spread:
    """The distribution of the risk over what the findings allow: equal-length risks and weights, which sum to one."""

    risks: Grid
    weights: Grid

    def mean(self) -> float:
        return float(self.risks @ self.weights)

    def sd(self) -> float:
        return math.sqrt(float(((self.risks - self.mean()) ** 2) @ self.weights))

    def interval(self) -> tuple[float, float]:
        order = np.argsort(self.risks)
        summed = np.asarray(np.cumsum(self.weights[order]), np.float64)
        low, high = (order[min(int((summed < q * summed[-1]).sum()), len(order) - 1)] for q in INTERVAL)
        return float(self.risks[low]), float(self.risks[high])


def risk(model: RiskModel, findings: Sequence[Finding]) -> Risk:
    """The model's answer to the findings; findings on concepts it does not use are left aside.

    InputError for a finding that does not fit its concept: another unit, other states, an implausible value, said twice.
    """
    said = _said(model, findings)
    refusal = _outside(model, said) or _missing(model, said)
    if refusal:
        truth, why = refusal
        return Risk(
            model=model.name,
            label=model.label,
            outcome=model.outcome,
            sha256=model.sha256,
            not_applicable_because=why,
            inputs=_inputs(model, said),
            derivation=refused_step(model, truth, why),
        )
    axes = {name: axis_of(model, name, said.get(name), _measured(model, said)) for name in _needed(model, said)}
    spread = _spread(model, axes)
    points = {name: np.array([axis.point]) for name, axis in axes.items()} | _unneeded(model, axes)
    at_stated = float(probabilities(model, points)[0])
    mean, bands = round(spread.mean(), DECIMALS), tuple(_call(scheme, model, said, spread) for scheme in model.schemes)
    low, high = spread.interval()
    contributions = _contributions(model, points)
    caveats = _caveats(model, said, bands)
    return Risk(
        model=model.name,
        label=model.label,
        outcome=model.outcome,
        sha256=model.sha256,
        probability=mean,
        sd=round(spread.sd(), DECIMALS),
        low=round(low, DECIMALS),
        high=round(high, DECIMALS),
        at_stated=round(at_stated, DECIMALS),
        method=_method(model, axes),
        inputs=_inputs(model, said),
        contributions=contributions,
        bands=bands,
        caveats=caveats,
        derivation=applicable_steps(model, said, contributions, (mean, at_stated), bands),
    )


def _said(model: RiskModel, findings: Sequence[Finding]) -> dict[str, Finding]:
    """The findings the model knows, by concept; what could not be judged stays out of reach of every sum."""
    found: dict[str, Finding] = {}
    for finding in findings:
        given = model.inputs.get(finding.concept)
        if given is None:
            continue
        if finding.concept in found:
            raise InputError(f"finding {finding.concept}: expected it once, got it twice; say which of the two counts")
        found[finding.concept] = fitting(given, finding)
    return found


def _judged(said: Mapping[str, Finding], name: str) -> bool:
    return name in said and said[name].unknown_because is None


def _needed(model: RiskModel, said: Mapping[str, Finding]) -> list[str]:
    """The inputs of the sum: all that a term or a fixed probability asks for, unless the term certainly does not count."""
    needed: dict[str, None] = {}
    for part in model.parts.values():
        needed |= dict.fromkeys(_needed(part, said))
    for term in model.terms:
        if term.where:
            needed[term.where[0]] = None
        if term.kind != "model" and not (term.where and _excluded(term.where, said)):
            needed[term.of] = None
    return list(needed | dict.fromkeys(fixed.concept for fixed in model.fixed))


def _excluded(where: tuple[str, str], said: Mapping[str, Finding]) -> bool:
    """Whether the findings give no probability to the state in which a term counts."""
    finding = said.get(where[0])
    if finding is None or finding.probabilities is None or finding.states is None:
        return False
    return finding.probabilities[finding.states.index(where[1])] == 0.0


def _unneeded(model: RiskModel, axes: Mapping[str, Axis]) -> dict[str, Grid]:
    """NaN for inputs outside the sum: where one leaked in, the answer could not be a number."""
    return {name: np.array([math.nan]) for name in model.inputs if name not in axes}


def _measured(model: RiskModel, said: Mapping[str, Finding]) -> int:
    return sum(1 for name in _needed(model, said) if name in said and said[name].sd)


def _outside(model: RiskModel, said: Mapping[str, Finding]) -> tuple[Truth, str] | None:
    """A reason where more than half of what the findings allow lies outside the hard limits."""
    shares = [
        (outside_share(limit, model.inputs[limit.concept], said), limit.concept, limit) for limit in model.domain if limit.hard
    ]
    shares += [(outside_share(None, given, said), name, None) for name, given in model.inputs.items()]  # states without a word
    if math.prod(1.0 - share for share, _, _ in shares) >= 0.5 - ROUNDING:
        return None
    _, name, limit = max(shares, key=lambda found: found[0])
    given = model.inputs[name]
    words = said_words(given, said[name])
    if limit is None:
        return Truth.NOT_MET, f"{words}, which {model.label} has no coefficient for"
    return Truth.NOT_MET, f"{words}, and {model.label} holds {limit_words(limit, given)} only: {limit.why}"


def _missing(model: RiskModel, said: Mapping[str, Finding]) -> tuple[Truth, str] | None:
    """A reason where an input of the sum, or of a hard limit, is not there."""
    wanted = dict.fromkeys([*_needed(model, said), *(limit.concept for limit in model.domain if limit.hard)])
    missing = [name for name in wanted if not _judged(said, name) and model.inputs[name].unstated is None]
    if not missing:
        return None
    labels = [model.inputs[name].concept.label for name in missing]
    listed = f"{', '.join(labels[:-1])} and {labels[-1]} are" if len(labels) > 1 else f"{labels[0]} is"
    reasons = list(dict.fromkeys(said[name].unknown_because or "" for name in missing if name in said))
    return Truth.UNKNOWN, f"{listed} missing" + (f" ({'; '.join(reasons)})" if reasons else "")


def _spread(model: RiskModel, axes: Mapping[str, Axis]) -> _Spread:
    shape = tuple(len(axis.values) for axis in axes.values())
    if math.prod(shape) > MOST_POINTS:
        raise InputError(f"risk {model.name}: expected fewer uncertain inputs, got {math.prod(shape)} combinations; confirm some")
    weights, values = np.ones(()), dict(_unneeded(model, axes))
    for i, (name, axis) in enumerate(axes.items()):
        along = [1] * len(shape)
        along[i] = -1
        weights = weights * axis.weights.reshape(along)
        values[name] = axis.values.reshape(along)
    risks = np.broadcast_to(probabilities(model, values), shape)
    return _Spread(risks.ravel(), weights.ravel() / weights.sum())


def probabilities(model: RiskModel, values: Mapping[str, Grid]) -> Grid:
    """The model's probability at every point: measurements in their unit, states by their place among the input's states."""
    log_odds = np.asarray(model.intercept, np.float64)
    for term in model.terms:
        log_odds = log_odds + _summand(model, term, values)
    found = 0.5 * (1.0 + np.tanh(0.5 * log_odds))  # the logistic function, without overflow
    for fixed in model.fixed:
        found = np.where(values[fixed.concept] == _index(model, fixed.concept, fixed.state), fixed.probability, found)
    return np.asarray(found, np.float64)


def _summand(model: RiskModel, term: Term, values: Mapping[str, Grid]) -> Grid:
    counts = values[term.where[0]] == _index(model, *term.where) if term.where else None
    if counts is not None and not counts.any():
        return np.zeros(1)  # what the term asks for may be missing, because it cannot count
    if term.kind == "model":
        found = term.coefficient * probabilities(model.parts[term.of], values)
    elif term.kind == "transform":
        found = term.coefficient * ((values[term.of] / term.per) ** term.exponent - term.minus)
    else:
        by_state = dict(term.by_state)
        table = np.array([by_state.get(state, 0.0) for state in model.inputs[term.of].concept.states or ()])
        found = table[values[term.of].astype(np.intp)]
    return np.asarray(found if counts is None else np.where(counts, found, 0.0), np.float64)


def _index(model: RiskModel, name: str, state: str) -> int:
    return (model.inputs[name].concept.states or ()).index(state)


def _contributions(model: RiskModel, points: Mapping[str, Grid]) -> tuple[Contribution, ...]:
    """The summands of the log odds at the values as stated, the intercept first."""
    cite = model.intercept_citation
    found = [Contribution(of="intercept", log_odds=model.intercept, citation=cite.text, verified=cite.verified)]
    for term in model.terms:
        found.append(
            Contribution(
                of=term.of,
                log_odds=round(float(np.ravel(_summand(model, term, points))[0]), DECIMALS),
                citation=term.citation.text,
                verified=term.citation.verified,
                parts=_contributions(model.parts[term.of], points) if term.kind == "model" else (),
            )
        )
    return tuple(found)


def _inputs(model: RiskModel, said: Mapping[str, Finding]) -> tuple[InputUsed, ...]:
    return tuple(
        InputUsed(concept=name, said=said_words(given, said.get(name)), stated=_judged(said, name))
        for name, given in model.inputs.items()
    )


def _call(scheme: Scheme, model: RiskModel, said: Mapping[str, Finding], spread: _Spread) -> BandCall:
    """The band of the mean risk, and how much probability lies in each band."""
    band = scheme.band(round(spread.mean(), DECIMALS))
    names = [b.name for b in scheme.bands]
    edges = [spread.risks <= b.limit if b.inclusive else spread.risks < b.limit for b in scheme.bands]
    summed = [0.0, *(float(spread.weights[edge].sum()) for edge in edges[:-1]), 1.0]
    shares = {n: round(max(b - a, 0.0), DECIMALS) for n, a, b in zip(names, summed[:-1], summed[1:], strict=True)}
    outside = [(_fits(limit, model, said), limit) for limit in scheme.applies]
    unmet = [(truth, limit) for truth, limit in outside if truth is not Truth.MET]
    worst = next((pair for pair in unmet if pair[0] is Truth.NOT_MET), unmet[0] if unmet else None)
    note = f"{said_words(model.inputs[worst[1].concept], said.get(worst[1].concept))}: {worst[1].why}" if worst else None
    return BandCall(
        scheme=scheme.name,
        band=band.name,
        action=band.action,
        shares=FrozenDict(shares),
        applies=worst[0] if worst else Truth.MET,
        note=note,
        citation=scheme.citation.text,
        verified=scheme.citation.verified,
    )


def _fits(limit: Limit, model: RiskModel, said: Mapping[str, Finding]) -> Truth:
    if not _judged(said, limit.concept):
        return Truth.UNKNOWN
    return Truth.MET if outside_share(limit, model.inputs[limit.concept], said) <= 0.5 else Truth.NOT_MET


def _caveats(model: RiskModel, said: Mapping[str, Finding], bands: Sequence[BandCall]) -> tuple[str, ...]:
    """What the reader must weigh: assumed inputs, soft limits, a share outside the hard ones, a risk on the edge of a band."""
    told: list[str] = []
    for name, given in model.inputs.items():
        if given.unstated and not _judged(said, name):
            told.append(f"{said_words(given, said.get(name))} and counts as {given.unstated.state}: {given.unstated.why}")
    for limit in model.domain:
        words = said_words(model.inputs[limit.concept], said.get(limit.concept))
        share = outside_share(limit, model.inputs[limit.concept], said)
        if not limit.hard and _fits(limit, model, said) is not Truth.MET:
            told.append(f"{words}: {limit.why}")
        if limit.hard and share >= WORTH_SAYING:
            told.append(f"{words}: {100 * share:.1f} % of that lies outside the limits of the model and is left out")
    for call in bands:
        open_bands = [name for name, share in call.shares.items() if share >= INTERVAL[0]]
        if len(open_bands) > 1:
            told.append(f"the findings leave the risk between bands of {call.scheme}: {' or '.join(open_bands)}")
    return (*(f"{text[:1].upper()}{text[1:]}." for text in told), *model.limits)


def _method(model: RiskModel, axes: Mapping[str, Axis]) -> str:
    states = math.prod(len(axis.values) for axis in axes.values() if not axis.spread)
    spread = [name for name, axis in axes.items() if axis.spread]
    told = [f"exact sum over {states} combinations of states"] if states > 1 else []
    if spread:
        labels = " and ".join(model.inputs[name].concept.label for name in spread)
        points = math.prod(len(axes[name].values) for name in spread)
        told.append(f"Gauss-Legendre quadrature at {points} points over the error of {labels}")
    return "; ".join(told) or "the formula at the stated values, which are certain"
