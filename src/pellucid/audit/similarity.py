"""How alike are two maps? Functions of (n, H, W) or (n, D, H, W) and the same -> (n,), NaN where a map is constant."""

import numpy as np
from numpy.typing import NDArray

from pellucid.audit.cases import Maps
from pellucid.audit.lazy import scipy_module
from pellucid.audit.perturb import top
from pellucid.errors import InputError

WINDOW = 7
"""Side of the window of the structural similarity, in pixels."""


def _pair(first: Maps, second: Maps) -> None:
    if first.shape != second.shape or first.ndim < 3:
        raise InputError(f"similarity: expected two arrays of maps of one shape, got {first.shape} and {second.shape}")


def constant(maps: Maps) -> NDArray[np.bool_]:
    """(n,): the map has one value everywhere, so that nothing can be compared with it."""
    flat = maps.reshape(len(maps), -1)
    return flat.max(axis=1) == flat.min(axis=1)


def unit(maps: Maps) -> NDArray[np.float64]:
    """Every map brought to 0 … 1 by its own lowest and highest value; a constant map to 0."""
    flat = maps.reshape(len(maps), -1).astype(np.float64)
    low, span = flat.min(axis=1, keepdims=True), np.ptp(flat, axis=1, keepdims=True)
    return np.where(span > 0, (flat - low) / np.where(span > 0, span, 1.0), 0.0).reshape(maps.shape)


def pearson(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Row-wise correlation of (n, k) and (n, k); NaN where a row is constant."""
    a = first - first.mean(axis=1, keepdims=True)
    b = second - second.mean(axis=1, keepdims=True)
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    flat = (np.ptp(first, axis=1) == 0) | (np.ptp(second, axis=1) == 0)
    return np.where(flat, np.nan, (a * b).sum(axis=1) / np.where(flat, 1.0, size)).clip(-1.0, 1.0)


def spearman(first: Maps, second: Maps) -> NDArray[np.float64]:
    """Rank correlation over pixels, ties at their mean rank (Spearman 1904, doi 10.2307/1412159)."""
    rankdata = scipy_module("stats").rankdata
    _pair(first, second)
    ranks = [np.asarray(rankdata(m.reshape(len(m), -1), axis=1), np.float64) for m in (first, second)]
    return pearson(*ranks)


def ssim(first: Maps, second: Maps) -> NDArray[np.float64]:
    """Structural similarity of two maps, each brought to 0 … 1; NaN where either is constant.

    Uniform window of 7 pixels, sample covariance, K1 = 0.01, K2 = 0.03, no borders (Wang 2004, doi 10.1109/TIP.2003.819861).
    """
    uniform_filter = scipy_module("ndimage").uniform_filter
    _pair(first, second)
    a, b = unit(first), unit(second)
    side = min(WINDOW, *((s - 1) // 2 * 2 + 1 for s in first.shape[1:]))
    size = [1] + [side] * (first.ndim - 1)

    def local(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(uniform_filter(x, size), np.float64)

    count = side ** (first.ndim - 1)
    sample = count / (count - 1)
    ma, mb = local(a), local(b)
    va, vb, cov = (sample * (local(x) - m) for x, m in ((a * a, ma * ma), (b * b, mb * mb), (a * b, ma * mb)))
    c1, c2 = 0.01**2, 0.03**2
    found = ((2 * ma * mb + c1) * (2 * cov + c2)) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    inner = (slice(None), *(slice(side // 2, s - side // 2) for s in first.shape[1:]))
    mean = found[inner].reshape(len(first), -1).mean(axis=1)
    return np.where(constant(first) | constant(second), np.nan, mean)


def overlap(first: Maps, second: Maps, fraction: float = 0.1, seed: int = 0) -> NDArray[np.float64]:
    """Share of the highest `fraction` of pixels that two maps have in common; by chance it is `fraction`."""
    _pair(first, second)
    one, other = top(first, fraction, seed), top(second, fraction, seed + 1)
    axes = tuple(range(1, one.ndim))
    common = (one & other).sum(axis=axes) / one.sum(axis=axes)
    return np.where(constant(first) | constant(second), np.nan, common)
