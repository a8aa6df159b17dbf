"""Are findings independent of each other given the image, as the graded evaluation takes them to be?

If they are, and the probabilities are right, what is left of each label after its probability is taken away (the residual) has
no correlation with what is left of any other. That is tested for every pair of concepts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.errors import InputError

Floats = NDArray[np.float64]

DRAWS = 1000
DRAWS_A_PAIR = 200
"""At least so many draws for each pair of concepts: Holm's smallest corrected p is then below 0.005, whatever their number."""
CHUNK = 500
LEAST_CASES = 30
"""Below this many cases with both concepts recorded a pair is not tested."""


@dataclass(frozen=True)
class Pair:
    """One pair of concepts: the largest correlation of residuals over their states, and how surprising it is."""

    first: int
    second: int
    n: int
    correlation: float
    """Signed, of the pair of states where it is largest in size."""
    p: float
    p_corrected: float = 1.0
    """Holm's correction over all tested pairs."""


def residuals(labels: ArrayLike, probabilities: ArrayLike) -> Floats:
    """What is left of the labels (n,) after their probabilities (n, S): (n, S), rows of NaN where not recorded (-1)."""
    y, p = np.asarray(labels, dtype=np.int64), np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 2 or y.shape != (len(p),) or (len(y) and y.max() >= p.shape[1]):
        raise InputError(f"residuals: expected labels (n,) below S and probabilities (n, S), got shapes {y.shape} and {p.shape}")
    left = np.eye(p.shape[1])[np.maximum(y, 0)] - p
    left[y < 0] = np.nan
    return left


def pairwise(left: Sequence[Floats], generator: np.random.Generator) -> tuple[Pair, ...]:
    """Every pair of concepts with enough cases, the most surprising first; `left` are residuals (n, S_k), NaN where unknown.

    The generalised covariance measure with a multiplier bootstrap: Shah and Peters 2020, doi 10.1214/19-AOS1857; corrected after
    Holm 1979. It holds where the probabilities are right on average; probabilities of training images are not.
    """
    tried: list[_Tried] = []
    for i, j in combinations(range(len(left)), 2):
        use = np.isfinite(left[i]).all(axis=1) & np.isfinite(left[j]).all(axis=1)
        made = _tried(i, j, left, np.flatnonzero(use)) if use.sum() >= LEAST_CASES else None
        tried += [made] if made is not None else []
    draws, beaten = max(DRAWS, DRAWS_A_PAIR * len(tried)), np.zeros(len(tried))
    for start in range(0, draws, CHUNK):
        drawn = generator.standard_normal((min(CHUNK, draws - start), len(left[0])))
        for at, pair in enumerate(tried):
            largest = np.abs(drawn[:, pair.rows] @ pair.centred).max(axis=1) / np.sqrt(len(pair.rows))
            beaten[at] += (largest >= pair.seen).sum()
    found = [
        Pair(pair.first, pair.second, len(pair.rows), pair.correlation, float((1 + count) / (1 + draws)))
        for pair, count in zip(tried, beaten, strict=True)
    ]
    return _corrected(sorted(found, key=lambda pair: pair.p))


@dataclass(frozen=True)
class _Tried:
    """A pair under test: its cases, its products of residuals in standard units, and the largest statistic seen."""

    first: int
    second: int
    rows: NDArray[np.intp]
    centred: Floats
    seen: float
    correlation: float


def _tried(i: int, j: int, left: Sequence[Floats], rows: NDArray[np.intp]) -> _Tried | None:
    """A pair made ready on some cases; None where one of the concepts does not vary."""
    a, b = left[i][rows][:, 1:], left[j][rows][:, 1:]
    products = (a[:, :, None] * b[:, None, :]).reshape(len(a), -1)
    scale = np.sqrt((a**2).sum(axis=0)[:, None] * (b**2).sum(axis=0)[None, :]).reshape(-1)
    spread = products.std(axis=0)
    use = (spread > 0) & (scale > 0)
    if not use.any():
        return None
    products, scale, spread = products[:, use], scale[use], spread[use]
    centred = (products - products.mean(axis=0)) / spread
    seen = float(np.abs(np.sqrt(len(a)) * products.mean(axis=0) / spread).max())
    correlation = products.sum(axis=0) / scale
    return _Tried(i, j, rows, centred, seen, float(correlation[np.abs(correlation).argmax()]))


def _corrected(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """With Holm's corrected p, in the order given (by p)."""
    running = 0.0
    found: list[Pair] = []
    for rank, pair in enumerate(pairs):
        running = max(running, min(1.0, (len(pairs) - rank) * pair.p))
        found.append(Pair(pair.first, pair.second, pair.n, pair.correlation, pair.p, running))
    return tuple(found)


def dependent_share(pairs: Sequence[Pair], level: float = 0.05) -> float:
    """Share of the tested pairs that are not independent at the corrected level; NaN where none was tested."""
    return float(np.mean([pair.p_corrected <= level for pair in pairs])) if pairs else float("nan")
