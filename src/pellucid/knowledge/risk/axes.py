"""One input of a risk model as the findings have it: the values it may take inside the model's limits, and their weights."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError
from pellucid.knowledge.risk.model import Input, Limit, RiskModel
from pellucid.record import Finding

Grid = NDArray[np.float64]
REACH = 6.0
"""Standard deviations to either side over which a measurement is integrated."""
PANELS = {1: 50, 2: 6}
FEWEST_PANELS = 3
"""Panels for so many measurements with an error; the fewest still integrate the logistic of a normal to six decimals."""
NODES = 8
"""Gauss-Legendre nodes in each panel."""


@dataclass(frozen=True, eq=False)
class Axis:
    """Values (n,) with weights (n,) that sum to one; `point` is the most probable value."""

    values: Grid
    weights: Grid
    point: float
    spread: bool
    """Whether this is a measurement with an error, integrated by quadrature."""


def fitting(given: Input, finding: Finding) -> Finding:
    """The finding, if it fits the input; one with an implausible value by a model comes back as unknown.

    InputError for another unit, other states, or an implausible value by a person. A finding may have more states than the input.
    """
    concept = given.concept
    if concept.unit is None:
        if finding.states is None or not set(concept.states or ()) <= set(finding.states):
            got = ", ".join(finding.states or (f"a value in {finding.unit}",))
            raise InputError(f"finding {concept.name}: expected the states {', '.join(concept.states or ())}, got {got}")
        return finding
    if finding.unit != concept.unit:
        got = f"the unit {finding.unit}" if finding.unit else f"the states {', '.join(finding.states or ())}"
        raise InputError(f"finding {concept.name}: expected a value in {concept.unit}, got {got}")
    low, high = given.plausible or (-math.inf, math.inf)
    if finding.value is None or low <= finding.value <= high:
        return finding
    unlikely = f"{finding.value:g} {concept.unit} is not plausible (expected {low:g} to {high:g} {concept.unit})"
    if finding.observer.kind == "person":
        raise InputError(f"finding {concept.name}: {unlikely}; look at the unit")
    return finding.model_copy(update={"value": None, "sd": None, "unknown_because": unlikely})


def outside_share(limit: Limit | None, given: Input, said: Mapping[str, Finding]) -> float:
    """The share of what a finding allows that lies outside a limit; without a limit, in states the model has no word for."""
    finding = said.get(given.concept.name)
    if finding is None or finding.unknown_because is not None:
        return 0.0
    if finding.value is None:
        allowed = (limit.states if limit else given.concept.states) or ()
        known = given.concept.states or ()
        shares = dict(zip(finding.states or (), finding.probabilities or (), strict=True))
        return sum(p for state, p in shares.items() if state not in allowed and (limit is None or state in known))
    if limit is None:
        return 0.0
    return _below(finding, limit) + _beyond(finding, limit)


def _below(finding: Finding, limit: Limit) -> float:
    """Probability that the true value lies below the lower limit."""
    if limit.low is None or finding.value is None:
        return 0.0
    value, (edge, excluded) = finding.value, limit.low
    if not finding.sd:
        return float(value <= edge if excluded else value < edge)
    return 0.5 * math.erfc((value - edge) / (finding.sd * math.sqrt(2)))


def _beyond(finding: Finding, limit: Limit) -> float:
    """Probability that the true value lies above the upper limit."""
    if limit.high is None or finding.value is None:
        return 0.0
    value, (edge, excluded) = finding.value, limit.high
    if not finding.sd:
        return float(value >= edge if excluded else value > edge)
    return 0.5 * math.erfc((edge - value) / (finding.sd * math.sqrt(2)))


def axis_of(model: RiskModel, name: str, finding: Finding | None, measured: int) -> Axis:
    """The axis of one input inside the model's hard limits; `measured` is how many inputs carry an error."""
    given = model.inputs[name]
    limits = [limit for limit in model.domain if limit.hard and limit.concept == name]
    if finding is None or finding.unknown_because is not None:
        if given.unstated is None:  # risk() has refused before
            raise InputError(f"risk {model.name}: expected a finding on {name}, got none")
        index = float((given.concept.states or ()).index(given.unstated.state))
        return Axis(np.array([index]), np.ones(1), index, False)
    if finding.value is None:
        return _states(given, finding, limits)
    if not finding.sd:
        return Axis(np.array([finding.value]), np.ones(1), finding.value, False)
    low, high = given.plausible or (-math.inf, math.inf)
    low = max([low, *(limit.low[0] for limit in limits if limit.low)])
    high = min([high, *(limit.high[0] for limit in limits if limit.high)])
    return _integral(finding.value, finding.sd, (low, high), PANELS.get(measured, FEWEST_PANELS))


def _states(given: Input, finding: Finding, limits: list[Limit]) -> Axis:
    known = given.concept.states or ()
    shares = dict(zip(finding.states or (), finding.probabilities or (), strict=True))
    allowed = [i for i, s in enumerate(known) if shares[s] > 0 and all(s in limit.states for limit in limits)]
    weights = np.array([shares[known[i]] for i in allowed])
    values = np.array(allowed, np.float64)
    return Axis(values, weights / weights.sum(), float(values[np.argmax(weights)]), False)


def _integral(mean: float, sd: float, within: tuple[float, float], panels: int) -> Axis:
    """Nodes and weights over a normal error, cut off at the limits and at ± REACH standard deviations, scaled to one."""
    low, high = max(within[0], mean - REACH * sd), min(within[1], mean + REACH * sd)
    nodes, shares = _legendre()
    edges = np.linspace(low, high, panels + 1)
    half = np.diff(edges)[:, None] / 2
    values = (edges[:-1, None] + half * (1 + nodes)).ravel()
    weights = (half * shares).ravel() * np.exp(-0.5 * ((values - mean) / sd) ** 2)
    return Axis(values, weights / weights.sum(), min(max(mean, low), high), True)


@lru_cache(maxsize=1)
def _legendre() -> tuple[Grid, Grid]:
    nodes, shares = np.polynomial.legendre.leggauss(NODES)
    return np.asarray(nodes, np.float64), np.asarray(shares, np.float64)
