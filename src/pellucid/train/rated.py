"""Concepts that several readers rated: how far readers agree, and whether the predicted spread follows theirs."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import spearmanr

from pellucid.audit.agreement import quadratic_kappa
from pellucid.train.labels import NOT_RECORDED

FEWEST_FOR_A_SPREAD = 3
"""An image needs so many readers for their spread to say anything."""
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Interval = Callable[[Callable[..., float], tuple[ArrayLike, ...], ArrayLike], dict[str, Any]]


def pairs(ratings: Ints) -> tuple[Ints, Ints, Ints]:
    """Every two readers of the same image, both ways round, from ratings (n, R): which image, what one said, what the other."""
    image, one, other = [], [], []
    for i, row in enumerate(ratings):
        said = row[row != NOT_RECORDED]
        first, second = np.nonzero(~np.eye(len(said), dtype=np.bool_))
        image.append(np.full(len(first), i))
        one.append(said[first])
        other.append(said[second])
    return np.concatenate(image), np.concatenate(one), np.concatenate(other)


def spread(probabilities: ArrayLike) -> Floats:
    """Standard deviation (n,) of graded states under distributions (n, S), one step a state."""
    p = np.asarray(probabilities, dtype=np.float64)
    step = np.arange(p.shape[1])
    mean = p @ step
    return np.sqrt(np.maximum(p @ (step * step) - mean * mean, 0.0))


def readers_spread(ratings: Ints) -> Floats:
    """Standard deviation (n,) of the ratings (n, R) of each image; NaN where fewer than three readers rated it."""
    said = np.where(ratings == NOT_RECORDED, np.nan, ratings)
    enough = np.isfinite(said).sum(axis=1) >= FEWEST_FOR_A_SPREAD
    found = np.full(len(ratings), np.nan)
    found[enough] = np.nanstd(said[enough], axis=1)
    return found


def within_one(labels: ArrayLike, said: ArrayLike) -> float:
    """Share of answers at most one state away from the label."""
    return float((np.abs(np.asarray(labels) - np.asarray(said)) <= 1).mean())


def constant_within_one(labels: ArrayLike) -> float:
    """The same for the best constant answer: what makes `within_one` useless as a measure."""
    y = np.asarray(labels)
    return max(within_one(y, np.full(len(y), state)) for state in range(int(y.max()) + 1))


def rank_correlation(a: ArrayLike, b: ArrayLike) -> float:
    """Spearman's correlation; NaN where one of them does not vary."""
    x, y = np.asarray(a), np.asarray(b)
    found: Any = spearmanr(x, y) if np.ptp(x) > 0 and np.ptp(y) > 0 else None
    return float("nan") if found is None else float(found.statistic)


def rated_figures(
    ratings: Ints, p: Floats, answer: tuple[Ints, Ints], patients: NDArray[Any], interval: Interval
) -> dict[str, Any]:
    """Figures of a graded concept beside its readers.

    `ratings` (n, R) and predicted distributions `p` (n, S) are of the same images; `answer`: their medians, and what was stated.
    """
    image, one, other = pairs(ratings)
    theirs = readers_spread(ratings)
    enough = np.isfinite(theirs)
    return {
        "kappa_between_readers": interval(quadratic_kappa, (one, other), patients[image]),
        "within_one": interval(within_one, answer, patients),
        "within_one_constant": interval(constant_within_one, (answer[0],), patients),
        "spread": interval(rank_correlation, (spread(p)[enough], theirs[enough]), patients[enough]),
    }
