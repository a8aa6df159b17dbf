"""A measured number with its 95 % interval, by resampling patients or cases; and null with a reason where it does not apply."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.errors import InputError

RESAMPLES = 1000
LEVEL = 0.95
LEAST_DEFINED = 0.5
"""Below this share of resamples in which the measure is defined, no interval is given."""


@dataclass(frozen=True)
class Interval:
    """A value with its lower and upper bound; or no value and the reason why it does not apply."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        if (self.low is None) != (self.high is None) or (self.value is None and self.low is not None):
            raise InputError(
                f"interval: expected both bounds around a value or neither, got {self.low}, {self.value}, {self.high}"
            )
        if self.low is None and self.reason is None:
            raise InputError("interval: expected a value with its bounds, or a reason why there is none")

    def as_dict(self) -> dict[str, float | str | None]:
        """JSON-able: {value, low, high}, and `reason` where something does not apply."""
        numbers: dict[str, float | str | None] = {"value": self.value, "low": self.low, "high": self.high}
        return numbers if self.reason is None else {**numbers, "reason": self.reason}


def not_applicable(reason: str) -> Interval:
    """Null with a reason, for a measure that does not apply."""
    return Interval(None, reason=reason)


def alike(value: float, patients: int) -> tuple[float, float]:
    """The exact 95 % interval of a share that is 0 or 1 in every one of `patients` patients, whose bootstrap has no width.

    Clopper and Pearson 1934, doi 10.1093/biomet/26.4.404, at its ends: 14 patients all right, 0.77 to 1. A patient counts once,
    however many cases it has.
    """
    far = ((1 - LEVEL) / 2) ** (1 / patients)
    return (far, 1.0) if value == 1 else (0.0, 1 - far)


def resample(groups: ArrayLike, generator: np.random.Generator, resamples: int) -> list[NDArray[np.int64]]:
    """Indices of the cases of each bootstrap sample: whole groups (patients) drawn with replacement.

    `groups` (n,) names the patient of each case.
    """
    _, which = np.unique(np.asarray(groups), return_inverse=True)
    members = np.argsort(which, kind="stable")
    sizes = np.bincount(which)
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    drawn: list[NDArray[np.int64]] = []
    for _ in range(resamples):
        picked = generator.integers(len(sizes), size=len(sizes))
        lengths = sizes[picked]
        within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        drawn.append(members[np.repeat(starts[picked], lengths) + within])
    return drawn


def bootstrap(
    measure: Callable[..., float],
    arrays: Sequence[ArrayLike],
    generator: np.random.Generator,
    *,
    groups: ArrayLike | None = None,
    resamples: int = RESAMPLES,
    reason: str = "not defined for these cases",
) -> Interval:
    """A measure of `arrays` (each (n, …)) with its 95 % percentile interval over patients (`groups`) or, without groups, over
    cases.

    Resamples in which the measure is not defined (NaN) are left out; where they are more than half, the value stands without
    bounds and says so. A value that is itself not defined gives null with `reason`. A share that is 0 or 1 in every case, by
    which resamples cannot differ, has the exact interval over patients instead (`alike`). Source: Efron 1979, doi
    10.1214/aos/1176344552; clusters: Field and Welsh 2007.
    """
    given = [np.asarray(a) for a in arrays]
    if not given or any(len(a) != len(given[0]) for a in given):
        raise InputError(f"bootstrap: expected arrays of one length, got {[len(a) for a in given]}")
    n = len(given[0])
    if n == 0:
        return not_applicable("no cases")
    clusters = np.arange(n) if groups is None else np.asarray(groups)
    if len(clusters) != n:
        raise InputError(f"bootstrap: expected one group per case, got {len(clusters)} for {n} cases")
    value = float(measure(*given))
    if not np.isfinite(value):
        return not_applicable(reason)
    values = np.array([measure(*(a[index] for a in given)) for index in resample(clusters, generator, resamples)])
    defined = values[np.isfinite(values)]
    if len(defined) < LEAST_DEFINED * resamples or len(defined) == 0:
        return Interval(value, reason=f"no interval: defined in {len(defined)} of {resamples} resamples")
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    if low == high == value and value in (0, 1):
        low, high = _share(measure, given, clusters, value) or (low, high)
    return Interval(value, float(low), float(high))


def _share(
    measure: Callable[..., float], arrays: Sequence[NDArray[Any]], clusters: NDArray[Any], value: float
) -> tuple[float, float] | None:
    """The exact interval where the measure is a share of cases, so that each case alone has the value or none; else None."""
    each = np.array([measure(*(a[[i]] for a in arrays)) for i in range(len(clusters))])
    counted = np.isfinite(each)
    if not counted.any() or (each[counted] != value).any():
        return None
    return alike(value, len(np.unique(clusters[counted])))
