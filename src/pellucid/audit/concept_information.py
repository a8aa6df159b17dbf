"""How much concept outputs know of each other and of the outcome, in nats: plug-in, and by nearest neighbours.

`values` (n, D) are continuous outputs, ties allowed (they are broken by a jitter of 1e-10 of their spread, from the generator
given). Nearest-neighbour estimates may come out below 0 where there is nothing; they are not cut, so that means of them stay
honest.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEIGHBOURS = 3
"""As in the sources."""
JITTER = 1e-10
CASES_A_VALUE = 20
"""Outputs with at least this many cases to each different value are labels, not continuous: hard states, isotonic plateaus."""
EULER = 0.5772156649015329


def entropy(labels: ArrayLike) -> float:
    """Plug-in entropy of labels (n,)."""
    _, counts = np.unique(np.asarray(labels), return_counts=True)
    p = counts / counts.sum()
    return float(-(p * np.log(p)).sum())


def discrete_information(a: ArrayLike, b: ArrayLike) -> float:
    """Plug-in mutual information of two lists of labels (n,); biased upward by about (A-1)(B-1) / 2n."""
    first, second = np.asarray(a), np.asarray(b)
    pairs = np.stack([np.unique(x, return_inverse=True)[1].reshape(-1) for x in (first, second)], axis=1)
    joint = np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1)
    return max(0.0, entropy(first) + entropy(second) - entropy(joint))


def mixed_information(values: ArrayLike, labels: ArrayLike, generator: np.random.Generator) -> float:
    """Mutual information of continuous values (n, D) and labels (n,); labels that occur once are left out.

    Source: Ross 2014, doi 10.1371/journal.pone.0087357.
    """
    x, y = _jittered(values, generator), np.asarray(labels)
    _, which, counts = np.unique(y, return_inverse=True, return_counts=True)
    use = counts[which] > 1
    x, which = x[use], which[use]
    if len(x) < 2 or len(np.unique(which)) < 2:
        return 0.0
    distance = _distances(x)
    near, k = np.zeros(len(x)), np.zeros(len(x), dtype=np.int64)
    for label in np.unique(which):
        inside = np.flatnonzero(which == label)
        k[inside] = min(NEIGHBOURS, len(inside) - 1)
        within = np.sort(distance[np.ix_(inside, inside)], axis=1)
        near[inside] = within[np.arange(len(inside)), k[inside]]
    beside = (distance < np.nextafter(near, np.inf)[:, None]).sum(axis=1)
    sizes = np.bincount(which)[which]
    psi = _digamma(len(x))
    return float(psi[len(x)] + psi[k].mean() - psi[sizes].mean() - psi[np.maximum(beside - 1, 1)].mean())


def continuous_information(a: ArrayLike, b: ArrayLike, generator: np.random.Generator) -> float:
    """Mutual information of two sets of continuous values (n, D) and (n, E).

    Source: Kraskov, Stögbauer, Grassberger 2004, doi 10.1103/PhysRevE.69.066138, its first estimator.
    """
    first, second = _distances(_jittered(a, generator)), _distances(_jittered(b, generator))
    n = len(first)
    if n <= NEIGHBOURS + 1 or len(second) != n:
        raise InputError(f"information: expected more than {NEIGHBOURS + 1} cases in both, got {n} and {len(second)}")
    joint = np.sort(np.maximum(first, second), axis=1)[:, NEIGHBOURS]
    psi = _digamma(n + 1)
    beside = [psi[(d < joint[:, None]).sum(axis=1)] for d in (first, second)]  # the case itself counts for the + 1
    return float(psi[NEIGHBOURS] + psi[n] - (beside[0] + beside[1]).mean())


def information(a: ArrayLike, b: ArrayLike, generator: np.random.Generator) -> float:
    """Mutual information of two outputs (n, …), each taken as continuous or, where its values keep coming back, as labels."""
    first, second = _as_labels(a), _as_labels(b)
    if first is not None and second is not None:
        return discrete_information(first, second)
    if second is not None:
        return mixed_information(a, second, generator)
    return continuous_information(a, b, generator) if first is None else mixed_information(b, first, generator)


def _as_labels(values: ArrayLike) -> Ints | None:
    """A number for every different row, where there are few of them."""
    x = np.asarray(values)
    rows, which = np.unique(x.reshape(len(x), -1), axis=0, return_inverse=True)
    whole = np.issubdtype(x.dtype, np.integer)
    return which.reshape(-1).astype(np.int64) if whole or len(rows) * CASES_A_VALUE <= len(x) else None


def _jittered(values: ArrayLike, generator: np.random.Generator) -> Floats:
    x = np.asarray(values, dtype=np.float64)
    x = x.reshape(len(x), -1)
    if len(x) == 0 or not np.isfinite(x).all():
        raise InputError(f"information: expected finite values (n, D) with n >= 1, got shape {x.shape}, or NaN among them")
    spread = x.std(axis=0)
    x = x / np.where(spread > 0, spread, 1.0)
    return x + JITTER * np.maximum(1.0, np.abs(x).mean(axis=0)) * generator.standard_normal(x.shape)


def _distances(x: Floats) -> Floats:
    """Largest difference over the columns, between all cases (n, n)."""
    found = np.zeros((len(x), len(x)))
    for column in x.T:
        np.maximum(found, np.abs(column[:, None] - column[None, :]), out=found)
    return found


def _digamma(largest: int) -> Floats:
    """The digamma function at 0 (not defined: NaN), 1, …, `largest`."""
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, max(largest, 1)))])
    return np.concatenate([[np.nan], harmonic - EULER])
