"""The mean of a measure over cases with its interval over patients, and a method beside a control on the same cases."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.audit.interval import LEVEL, RESAMPLES, alike
from pellucid.audit.lazy import scipy_module
from pellucid.record.trial import Measured

LEAST_PATIENTS = 2


@dataclass(frozen=True)
class Sample:
    """The patients of the cases, and how often each was drawn in every bootstrap sample (resamples, patients)."""

    which: NDArray[np.int64]
    drawn: NDArray[np.float64]

    def means(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean of the defined values in every bootstrap sample, NaN where none is drawn."""
        known = np.isfinite(values)
        count = self.drawn.shape[1]
        sums = np.bincount(self.which[known], values[known], count)
        cases = np.bincount(self.which[known], minlength=count)
        drawn = self.drawn @ cases
        return np.where(drawn > 0, self.drawn @ sums / np.maximum(drawn, 1), np.nan)

    def patients(self, values: NDArray[np.float64]) -> int:
        """Patients with at least one defined value."""
        return len(np.unique(self.which[np.isfinite(values)]))


def sample(patients: NDArray[np.str_], seed: int, resamples: int = RESAMPLES) -> Sample:
    """Whole patients drawn with replacement (Efron 1979, doi 10.1214/aos/1176344552; clusters: Field and Welsh 2007)."""
    names, which = np.unique(patients, return_inverse=True)
    p = len(names)
    drawn = np.random.default_rng(seed).multinomial(p, np.full(p, 1 / p), size=resamples)
    return Sample(which, drawn.astype(np.float64))


def mean(values: NDArray[np.float64], drawn: Sample, reason: str) -> Measured:
    """Mean over cases with the 95 % percentile interval over patients; null with `reason` where no case is defined.

    Where every case is 0, or every case is 1, resamples cannot differ: the exact interval of a share stands instead.
    """
    n, patients = int(np.isfinite(values).sum()), drawn.patients(values)
    if n == 0:
        return Measured(value=None, reason=reason)
    value = float(np.nanmean(values))
    if patients < LEAST_PATIENTS:
        return Measured(value=value, n=n, patients=patients, reason="no interval: one patient")
    low, high = np.nanquantile(drawn.means(values), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    if value in (0, 1) and (values[np.isfinite(values)] == value).all():
        low, high = alike(value, patients)
    return Measured(value=value, low=float(low), high=float(high), n=n, patients=patients)


def difference(better: NDArray[np.float64], drawn: Sample, comparisons: int, largest: float = float("inf")) -> Measured:
    """Mean of paired differences (n,), turned so that above zero is better, with an interval corrected for `comparisons`.

    `largest` is the widest possible difference: the interval does not reach beyond it.

    Bonferroni: each of the m intervals has level 1 - 0.05/m, so that all of them hold together with 95 %; Holm would reject a
    little more often but gives no interval to print. The interval is the mean ± t times the bootstrap standard error over
    patients, t with patients - 1 degrees of freedom: percentiles of a bootstrap are too narrow that far out and with few patients
    (Hesterberg 2015, doi 10.1080/00031305.2015.1089789).
    """
    n, patients = int(np.isfinite(better).sum()), drawn.patients(better)
    if n == 0:
        return Measured(value=None, reason="no case in which both are defined")
    value = float(np.nanmean(better))
    if patients < LEAST_PATIENTS:
        return Measured(value=value, n=n, patients=patients, reason="no interval: one patient")
    p = patients
    error = float(np.nanstd(drawn.means(better))) * np.sqrt(p / (p - 1))
    reach = float(scipy_module("stats").t.ppf(1 - (1 - LEVEL) / (2 * max(comparisons, 1)), p - 1)) * error
    return Measured(value=value, low=max(value - reach, -largest), high=min(value + reach, largest), n=n, patients=p)
