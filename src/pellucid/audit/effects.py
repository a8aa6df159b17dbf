"""Paired effects as records: here, elsewhere, and their difference with an interval corrected for the number of comparisons."""

import numpy as np
from numpy.typing import NDArray

from pellucid.record.shortcut import PlaceEffect
from pellucid.record.trial import Measured

Values = NDArray[np.float64]
RESAMPLES = 4000
LEAST = 8
"""Below so many cases no interval is given."""


def effect(
    here: Values, elsewhere: Values, patients: NDArray[np.str_], level: float, generator: np.random.Generator
) -> PlaceEffect:
    """Values (n,) of a disturbance here and elsewhere; cases that are NaN are left out. `level` is of the difference alone."""
    kept = np.isfinite(here) & np.isfinite(elsewhere)
    return PlaceEffect(
        here=mean_of(here[kept], patients[kept], 0.95, generator),
        elsewhere=mean_of(elsewhere[kept], patients[kept], 0.95, generator),
        difference=mean_of(here[kept] - elsewhere[kept], patients[kept], level, generator),
    )


def mean_of(values: Values, patients: NDArray[np.str_], level: float, generator: np.random.Generator) -> Measured:
    """The mean of values (n,) with its percentile interval over patients (Efron 1979, doi 10.1214/aos/1176344552)."""
    if len(values) == 0:
        return Measured(value=None, reason="no case in which it could be done")
    _, which = np.unique(patients, return_inverse=True)
    sums, counts = np.bincount(which, weights=values), np.bincount(which)
    value, n = float(values.mean()), len(values)
    if len(counts) < LEAST:
        return Measured(value=value, n=n, patients=len(counts), reason=f"no interval: fewer than {LEAST} patients")
    drawn = generator.integers(len(counts), size=(RESAMPLES, len(counts)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, ((1 - level) / 2, (1 + level) / 2))
    return Measured(value=value, low=float(low), high=float(high), n=n, patients=len(counts))


def too_few(found: PlaceEffect) -> bool:
    """Whether an effect has no interval because cases are too few."""
    return found.difference.low is None
