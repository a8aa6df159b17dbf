"""What the findings say on each axis of a question: a crisp cell or none, weights over cells, and the words for what was seen."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError
from pellucid.knowledge.axes import Axis
from pellucid.record import Finding, Step

WITHIN = 1.959963984540054
"""Half width of a 95 % interval, in standard deviations."""
BEYOND = 0.025
"""What lies outside such an interval on either side: a state that was worked out with more than this may as well be so."""
LEAST_TOLD = 0.005


@dataclass(frozen=True, eq=False)
class Fact:
    """One axis as the findings have it."""

    cell: int | None
    """The crisp cell; None where it is unknown."""
    weights: NDArray[np.float64]
    """Probability of each cell; sums to 1."""
    seen: str
    """In words, e.g. 'seen: circumscribed, 0.71'."""
    judged: bool
    """Whether somebody judged it, crisply or not."""
    because: tuple[Step, ...] = ()
    """How it follows from other findings, where nobody stated it."""


def read_facts(axes: Sequence[Axis], findings: Mapping[str, Finding]) -> list[Fact]:
    """One fact per axis; InputError where a finding does not fit its concept, or a person's measurement is not plausible."""
    return [_fact(axis, findings.get(axis.name)) for axis in axes]


def _fact(axis: Axis, finding: Finding | None) -> Fact:
    if finding is None or finding.unknown_because is not None:
        return _unjudged(axis, finding)
    if finding.value is not None:
        return _measured(axis, finding)
    names = _names_of_states(axis, finding)
    given = np.asarray(finding.probabilities, np.float64)
    weights = np.zeros(len(axis.labels))
    weights[[axis.labels.index(name) for name in names]] = given / given.sum()
    unsure = axis.entry.counts_as
    if finding.state is None and unsure is not None:
        return Fact(axis.labels.index(unsure.state), weights, f"{_seen(finding, names)}: counts as {unsure.state}", True)
    cell = None if finding.state is None else axis.labels.index(finding.state)
    return Fact(cell, weights, _seen(finding, names), True, (finding.because,) if finding.because else ())


def _names_of_states(axis: Axis, finding: Finding) -> tuple[str, ...]:
    expected = axis.labels[: axis.cells]
    if finding.states is None or set(finding.states) != set(expected):
        raise InputError(
            f"finding {axis.name}: expected the states {', '.join(expected)}, "
            f"got {', '.join(finding.states or ('a measurement',))}; "
            "the reader and the guideline must mean the same concept"
        )
    return finding.states


def _unjudged(axis: Axis, finding: Finding | None) -> Fact:
    weights = np.zeros(len(axis.labels))
    if axis.extra:
        weights[-1] = 1.0
    elif axis.entry.base_rate is not None:
        counts = np.asarray(axis.entry.base_rate.counts)
        weights[:] = counts / counts.sum()
    else:
        weights[:] = 1.0 / axis.cells
    counts_as = axis.entry.counts_as
    if counts_as is not None:
        at = axis.labels.index(counts_as.state)
        weights[:] = np.arange(len(axis.labels)) == at
        return Fact(at, weights, f"not judged: counts as {counts_as.state}", False)
    is_input = axis.entry.when_unknown == "not stated"
    why = f": {finding.unknown_because}" if finding and finding.unknown_because else ""
    seen = f"not stated{why}" if is_input else f"unknown{why}" if why else "not judged"
    return Fact(len(axis.labels) - 1 if is_input else None, weights, seen, False)


def withdrawn(axis: Axis) -> Fact:
    """The fact of a finding that cannot be so beside others: as if nobody had judged it, without a state that it counts as."""
    if axis.entry.counts_as is None:
        return _unjudged(axis, None)
    return Fact(None, np.full(len(axis.labels), 1.0 / len(axis.labels)), "withdrawn", False)


def _measured(axis: Axis, finding: Finding) -> Fact:
    if finding.unit != axis.entry.concept.unit or finding.value is None or finding.sd is None:
        raise InputError(f"finding {axis.name}: expected a value in {axis.entry.concept.unit}, got the unit {finding.unit}")
    value, sd, limits = finding.value, finding.sd, axis.entry.plausible
    if limits is not None and not limits[0] <= value <= limits[1]:
        unlikely = f"{value:g} {finding.unit} is not plausible (expected {limits[0]:g} to {limits[1]:g} {finding.unit})"
        if finding.observer.kind == "person":
            raise InputError(f"finding {axis.name}: {unlikely}; look at the unit")
        return _unjudged(axis, finding.model_copy(update={"unknown_because": unlikely}))
    passed = [1.0, *(_passes(value, sd, cut) for cut in axis.cuts), 0.0]
    weights = np.zeros(len(axis.labels))
    weights[: axis.cells] = -np.diff(passed)
    cell = sum(_beyond(value, cut) for cut in axis.cuts)
    unit = "" if finding.unit == "1" else f" {finding.unit}"
    shown = f"{value:.3g}" if axis.entry.rounded_to is None else f"{value:.5g}"  # 14.95 mm is 15.0 mm rounded, 14.94 mm is not
    seen, because = f"measured: {shown} ± {sd:.2g}{unit}", ()
    if finding.because is not None:
        seen, because = f"counted: {value:g}", (finding.because,)
    return Fact(cell, weights, seen, True, because)


def _passes(value: float, sd: float, cut: tuple[float, bool]) -> float:
    """Probability that the true value passes the cut: normal with the finding's standard deviation."""
    if sd == 0:
        return float(_beyond(value, cut))
    return 0.5 * math.erfc((cut[0] - value) / (sd * math.sqrt(2)))


def _seen(finding: Finding, names: tuple[str, ...]) -> str:
    ranked = sorted(zip(finding.probabilities or (), names, strict=True), key=lambda pair: -pair[0])
    if finding.because is not None:
        return "worked out: " + ", ".join(f"{name} {p:.2f}" for p, name in ranked if p >= LEAST_TOLD)
    if finding.state is None:
        return "not sure: " + ", ".join(f"{name} {p:.2f}" for p, name in ranked[:2])
    if finding.observer.kind == "person":
        return f"seen: {finding.state}, by {finding.observer.name}"
    p = next(p for p, name in ranked if name == finding.state)
    return f"seen: {finding.state}, {p:.2f}"


def within_interval(axis: Axis, finding: Finding | None) -> list[int]:
    """The cells that a measurement's 95 % interval reaches, or that have their share of what was worked out; else none."""
    if finding is not None and finding.because is not None and finding.state is not None:
        shares = dict(zip(finding.states or (), finding.probabilities or (), strict=True))
        return [k for k, label in enumerate(axis.labels) if shares.get(label, 0.0) > BEYOND]
    if finding is None or finding.value is None or not finding.sd:
        return []
    low, high = (
        sum(_beyond(end, cut) for cut in axis.cuts)
        for end in (finding.value - WITHIN * finding.sd, finding.value + WITHIN * finding.sd)
    )
    return list(range(low, high + 1))


def _beyond(value: float, cut: tuple[float, bool]) -> bool:
    return value > cut[0] if cut[1] else value >= cut[0]
