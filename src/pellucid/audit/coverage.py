"""How often a set of categories holds the true one, and how large the sets are.

Common shapes: `labels` (n,) whole numbers from 0; `sets` (n, S) booleans, true where the category is in the set.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.errors import InputError


def _sets(labels: ArrayLike, sets: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    truth, held = np.asarray(labels).astype(np.int64), np.asarray(sets).astype(bool)
    if truth.ndim != 1 or held.ndim != 2 or len(truth) != len(held) or len(truth) == 0:
        raise InputError(f"coverage: expected labels (n,) and sets (n, S) with n >= 1, got shapes {truth.shape} and {held.shape}")
    if truth.min() < 0 or truth.max() >= held.shape[1]:
        raise InputError(f"coverage: expected labels from 0 to {held.shape[1] - 1}, got {truth.min()} to {truth.max()}")
    return truth, held


def coverage(labels: ArrayLike, sets: ArrayLike) -> float:
    """Share of cases whose set holds the true category."""
    truth, held = _sets(labels, sets)
    return float(held[np.arange(len(truth)), truth].mean())


def mean_set_size(labels: ArrayLike, sets: ArrayLike) -> float:
    """Mean number of categories in a set; the labels do not matter."""
    _, held = _sets(labels, sets)
    return float(held.sum(axis=1).mean())


def coverage_by_size(labels: ArrayLike, sets: ArrayLike) -> tuple[tuple[int, int, float], ...]:
    """For each set size that occurs: (size, number of cases, coverage). An empty set never covers."""
    truth, held = _sets(labels, sets)
    hit, size = held[np.arange(len(truth)), truth], held.sum(axis=1)
    return tuple((int(s), int((size == s).sum()), float(hit[size == s].mean())) for s in np.unique(size))


def size_stratified_coverage(labels: ArrayLike, sets: ArrayLike, least: int = 10) -> float:
    """The lowest coverage among set sizes held by at least `least` cases; NaN where there is none.

    Source: Angelopoulos 2021, arXiv 2009.14193.
    """
    strata = [share for _, n, share in coverage_by_size(labels, sets) if n >= least]
    return min(strata) if strata else float("nan")
