"""Is the map concentrated or spread out? Functions of a bench -> (n,) of the size of the map's values; NaN where all are zero.

A concentrated map is easier to read, and says nothing about whether it is right.
"""

import numpy as np
from numpy.typing import NDArray

from pellucid.audit.cases import Bench

LEAST = 0.05
"""Values below this share of the map's largest count as nothing (effective complexity)."""


def _sizes(bench: Bench) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Absolute values (n, pixels), and which maps are not zero throughout."""
    sizes = np.abs(bench.maps.reshape(len(bench.maps), -1).astype(np.float64))
    return sizes, sizes.sum(axis=1) > 0


def sparseness(bench: Bench) -> NDArray[np.float64]:
    """Gini coefficient of the absolute values: 0 all equal, towards 1 all in one pixel (Chalasani 2020, arXiv:1810.06583)."""
    sizes, some = _sizes(bench)
    ranked = np.sort(sizes, axis=1)
    n = ranked.shape[1]
    weights = 2.0 * np.arange(1, n + 1, dtype=np.float64) - n - 1
    total = np.where(some, ranked.sum(axis=1), 1.0)
    return np.where(some, ranked @ weights / (n * total), np.nan)


def entropy(bench: Bench) -> NDArray[np.float64]:
    """Entropy of the absolute values taken as a distribution over pixels, divided by its largest possible value (Bhatt 2020)."""
    sizes, some = _sizes(bench)
    share = sizes / np.where(some, sizes.sum(axis=1), 1.0)[:, None]
    terms = np.where(share > 0, share * np.log(np.where(share > 0, share, 1.0)), 0.0)
    return np.where(some, -terms.sum(axis=1) / np.log(max(2, sizes.shape[1])), np.nan)


def effective_complexity(bench: Bench) -> NDArray[np.float64]:
    """Share of pixels with more than 5 % of the largest absolute value (after Nguyen 2020, arXiv:2007.07584)."""
    sizes, some = _sizes(bench)
    largest = np.where(some, sizes.max(axis=1), 1.0)
    return np.where(some, (sizes > LEAST * largest[:, None]).mean(axis=1), np.nan)
