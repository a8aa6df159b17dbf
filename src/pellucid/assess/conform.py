"""Confidence sets over categories, with their coverage taken from cases the model did not train on (conformal prediction).

Common shapes: `probabilities` (n, S) over categories, lowest first where they are ordered; `labels` (n,) whole numbers; `folds`
(n,). A category's score is low when it is a good guess; a set holds every category whose score is at most a threshold. The same
score is used to fit the threshold and to cut the set, and nothing is drawn at random, so that the same findings always give the
same set:

- `lac`: one minus the category's probability. Smallest sets on average; a set may be empty. Sadinle 2019, doi
  10.1080/01621459.2017.1395341.
- `aps`: the mass of all more probable categories and half of the category's own. Romano 2020, arXiv 2006.02544, with its random
  number held at its mean, one half. The most probable category always stays in.
- `ordinal-aps`: the same, in the order in which a run of neighbouring categories grows from the most probable one, to the more
  probable side first; so a set never has a gap. Lu 2022, arXiv 2207.02238. The most probable category always stays in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.audit import coverage as measure
from pellucid.errors import InputError
from pellucid.record import SetRule

Floats = NDArray[np.float64]
Method = Literal["lac", "aps", "ordinal-aps"]
Ties = Literal["keep", "nearest"]

NOMINAL = 0.9
BOUNDS = (0.87, 0.93)
"""Cross-conformal coverage that is accepted for a nominal 90 %."""
EPSILON = 1e-9
"""Scores closer than this are equal: probabilities are kept to six decimals."""
LARGEST_SCORE = 1.0


def lac_scores(p: Floats) -> Floats:
    """One minus each probability, (S,) -> (S,)."""
    return 1.0 - p


def aps_scores(p: Floats) -> Floats:
    """Mass of the strictly more probable categories plus half of the own, (S,) -> (S,); equal probabilities score equally."""
    above = (p[None, :] > p[:, None]) @ p
    scores = above + 0.5 * p
    scores[p == p.max()] = 0.5 * p.max()
    return scores


def ordinal_aps_scores(p: Floats) -> Floats:
    """Mass that a contiguous run grown from the mode holds before it takes the category, plus half of the own, (S,) -> (S,).

    Where two are equally probable the higher (more severe) category is taken first.
    """
    low = high = len(p) - 1 - int(np.argmax(p[::-1]))
    scores = np.empty(len(p))
    scores[low] = 0.5 * p[low]
    mass = float(p[low])
    while high - low + 1 < len(p):
        up = high + 1 < len(p) and (low == 0 or p[high + 1] >= p[low - 1])
        taken = high + 1 if up else low - 1
        low, high = min(low, taken), max(high, taken)
        scores[taken] = mass + 0.5 * p[taken]
        mass += float(p[taken])
    return scores


METHODS: dict[Method, Callable[[Floats], Floats]] = {"lac": lac_scores, "aps": aps_scores, "ordinal-aps": ordinal_aps_scores}
KEEPS_MODE: frozenset[Method] = frozenset({"aps", "ordinal-aps"})


@dataclass(frozen=True)
class SetCoverage:
    """What a way of cutting sets measures on folds that its threshold did not see."""

    method: Method
    ties: Ties
    coverage: float
    mean_size: float
    by_size: tuple[tuple[int, int, float], ...]
    """(set size, number of cases, coverage)."""
    n: int


def conformal_threshold(scores: ArrayLike, coverage: float = NOMINAL, ties: Ties = "keep") -> float:
    """The threshold that holds at least `coverage` of new cases: the ceil((n + 1) coverage)-th smallest of the true categories'
    scores (n,).

    With fewer cases than that needs, the threshold lets every category in. Where many scores are equal (probabilities on a
    staircase) that rule covers too much; `ties="nearest"` then steps down to the next lower score if the coverage of these
    cases comes nearer to the nominal one. That gives up the finite-sample guarantee for a coverage nearer to what is stated.
    Source: Vovk 2005, doi 10.1007/b106715.
    """
    s = np.sort(np.asarray(scores, dtype=np.float64))
    if s.ndim != 1 or len(s) == 0 or not np.isfinite(s).all() or not 0 < coverage < 1:
        raise InputError(
            f"conformal threshold: expected finite scores (n,) and a coverage between 0 and 1, got shape {s.shape} and {coverage}"
        )
    rank = int(np.ceil((len(s) + 1) * coverage - EPSILON))
    if rank > len(s):
        return LARGEST_SCORE
    at = float(s[rank - 1])
    below = s[s < at - EPSILON]
    if ties == "nearest" and len(below):
        share, share_below = float(np.mean(s <= at + EPSILON)), len(below) / len(s)
        at = float(below[-1]) if coverage - share_below < share - coverage else at
    return min(at, LARGEST_SCORE)


def _sets(probabilities: Floats, method: Method, threshold: float) -> NDArray[np.bool_]:
    """Which categories stay in, (n, S)."""
    scores = np.stack([METHODS[method](p) for p in probabilities])
    held = scores <= threshold + EPSILON
    if method in KEEPS_MODE:
        held |= scores == scores.min(axis=1, keepdims=True)
    return held


def predict_set(probabilities: Mapping[str, float], rule: SetRule, order: Sequence[str] | None = None) -> tuple[str, ...]:
    """The categories that stay in, in `order`; a set never depends on the order of the mapping.

    `order` names the categories from the lowest to the highest (for `ordinal-aps` it decides who is whose neighbour); without
    it the names are sorted.
    """
    names = sorted(probabilities) if order is None else list(order)
    if sorted(names) != sorted(probabilities) or not names:
        raise InputError(f"confidence set: expected an order of the categories {sorted(probabilities)}, got {names}")
    p = np.array([[probabilities[name] for name in names]])
    return tuple(name for name, held in zip(names, _sets(p, rule.method, rule.threshold)[0], strict=True) if held)


def _table(probabilities: ArrayLike, labels: ArrayLike) -> tuple[Floats, NDArray[np.int64]]:
    p, y = np.asarray(probabilities, dtype=np.float64), np.asarray(labels).astype(np.int64)
    if p.ndim != 2 or len(p) != len(y) or len(p) == 0 or not np.isfinite(p).all():
        raise InputError(
            f"confidence sets: expected finite probabilities (n, S) and labels (n,), got shapes {p.shape} and {y.shape}"
        )
    if y.min() < 0 or y.max() >= p.shape[1]:
        raise InputError(f"confidence sets: expected labels from 0 to {p.shape[1] - 1}, got {y.min()} to {y.max()}")
    return p, y


def true_scores(probabilities: ArrayLike, labels: ArrayLike, method: Method) -> Floats:
    """The score of each case's true category, (n,)."""
    p, y = _table(probabilities, labels)
    return np.array([METHODS[method](row)[label] for row, label in zip(p, y, strict=True)])


def cross_conformal_coverage(
    probabilities: ArrayLike, labels: ArrayLike, folds: ArrayLike, method: Method, coverage: float = NOMINAL, ties: Ties = "keep"
) -> SetCoverage:
    """Coverage and size of the sets when each fold is cut by the threshold of the other folds; probabilities must be out of
    fold."""
    p, y = _table(probabilities, labels)
    f = np.asarray(folds)
    if f.shape != y.shape or len(np.unique(f)) < 2:
        raise InputError(
            f"confidence sets: expected two folds or more, one entry per case, got shape {f.shape}, {len(np.unique(f))} folds"
        )
    scores = true_scores(p, y, method)
    held = np.zeros(p.shape, dtype=bool)
    for fold in np.unique(f):
        here = f == fold
        held[here] = _sets(p[here], method, conformal_threshold(scores[~here], coverage, ties))
    return SetCoverage(
        method, ties, measure.coverage(y, held), measure.mean_set_size(y, held), measure.coverage_by_size(y, held), len(y)
    )


def choose_set_rule(
    probabilities: ArrayLike,
    labels: ArrayLike,
    folds: ArrayLike,
    ordered: bool,
    coverage: float = NOMINAL,
    bounds: tuple[float, float] = BOUNDS,
) -> tuple[SetRule, SetCoverage]:
    """The way of cutting sets with the smallest mean size among those whose cross-conformal coverage lies in `bounds`, fitted
    on all cases.

    Where none lies inside, the one nearest to the nominal coverage. Ordered categories (more than two) take `ordinal-aps` only,
    so that no set has a gap. Returns the rule and what it measured; the measured coverage belongs beside the nominal one.
    """
    p, y = _table(probabilities, labels)
    methods: tuple[Method, ...] = ("ordinal-aps",) if ordered and p.shape[1] > 2 else ("lac", "aps")
    ways: tuple[Ties, ...] = ("keep", "nearest")
    tried = [cross_conformal_coverage(p, y, folds, method, coverage, ties) for method in methods for ties in ways]
    inside = [t for t in tried if bounds[0] <= t.coverage <= bounds[1]]
    best = min(inside, key=lambda t: t.mean_size) if inside else min(tried, key=lambda t: abs(t.coverage - coverage))
    threshold = conformal_threshold(true_scores(p, y, best.method), coverage, best.ties)
    return SetRule(method=best.method, threshold=round(threshold, 9), coverage=coverage, n=len(y)), best
