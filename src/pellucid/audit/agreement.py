"""How well predictions agree with the reference: discrimination, agreement beyond chance, calibration.

Common shapes: `labels` (n,) whole numbers from 0; `predicted` (n,) likewise; `probabilities` (n, S), or (n,) for the
probability of label 1. Every function gives a float, and NaN where the measure is not defined for these labels (an AUROC
with one class): `interval.bootstrap` turns that into null with a reason. Arrays that do not fit raise InputError.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SMALLEST_PROBABILITY = 1e-15
"""Log loss is taken of probabilities no smaller than this, as scikit-learn does in double precision."""
ECE_BINS = 10


def _pair(labels: ArrayLike, other: ArrayLike) -> tuple[Ints, Floats]:
    """Labels as whole numbers and the other array as floats, of one length, finite."""
    given, rest = np.asarray(labels), np.asarray(other, dtype=np.float64)
    if given.ndim != 1 or rest.ndim == 0 or len(given) != len(rest) or len(given) == 0:
        raise InputError(
            f"measure: expected labels (n,) and values (n, …) with n >= 1, got shapes {given.shape} and {rest.shape}"
        )
    if not np.isfinite(rest).all():
        raise InputError("measure: expected finite values, got NaN or infinity; leave out the cases that were not judged")
    whole = given.astype(np.int64)
    if whole.min() < 0 or not np.array_equal(whole, given):
        raise InputError("measure: expected labels as whole numbers from 0; leave out the cases without a label")
    return whole, rest


def _mean(values: NDArray[np.bool_] | Floats) -> float:
    return float(values.sum() / values.size)


def _columns(probabilities: Floats) -> Floats:
    """Probabilities as (n, S), from (n,) for label 1 or from (n, S)."""
    return np.stack([1.0 - probabilities, probabilities], axis=1) if probabilities.ndim == 1 else probabilities


def confusion(labels: ArrayLike, predicted: ArrayLike, states: int | None = None) -> Ints:
    """The table of counts (S, S), reference in rows and prediction in columns."""
    truth, guess = _pair(labels, predicted)
    said = guess.astype(np.int64)
    size = max(int(truth.max()), int(said.max())) + 1 if states is None else states
    if said.min() < 0 or max(int(truth.max()), int(said.max())) >= size:
        raise InputError(f"confusion: expected labels from 0 to {size - 1}, got some outside")
    return np.bincount(truth * size + said, minlength=size * size).reshape(size, size)


def _auroc_binary(positive: NDArray[np.bool_], scores: Floats) -> float:
    n, n_positive = len(positive), int(positive.sum())
    if n_positive in (0, n):
        return float("nan")
    order = np.argsort(scores)
    ranked = scores[order]
    starts = np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1])))
    ends = np.concatenate((starts[1:], [n]))
    mean_rank = np.repeat((starts + ends + 1) / 2.0, ends - starts)
    rank_sum = mean_rank[positive[order]].sum()
    return float((rank_sum - n_positive * (n_positive + 1) / 2.0) / (n_positive * (n - n_positive)))


def auroc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Area under the ROC curve by ranks, ties counting half; macro one-vs-rest over the states present for scores (n, S).

    A single column (n,) is the score of label 1. Source: Hanley and McNeil 1982, doi 10.1148/radiology.143.1.7063747.
    """
    truth, values = _pair(labels, scores)
    if values.ndim == 1:
        return _auroc_binary(truth == 1, values)
    if values.shape[1] == 2:
        return _auroc_binary(truth == 1, values[:, 1])
    areas = [_auroc_binary(truth == s, values[:, s]) for s in np.unique(truth) if s < values.shape[1]]
    return _mean(np.array(areas)) if areas else float("nan")


def accuracy(labels: ArrayLike, predicted: ArrayLike) -> float:
    """Share of cases predicted right."""
    truth, said = _pair(labels, predicted)
    return _mean(truth == said)


def balanced_accuracy(labels: ArrayLike, predicted: ArrayLike) -> float:
    """Mean recall over the states that occur in the reference. Source: Brodersen 2010, doi 10.1109/ICPR.2010.764."""
    table = confusion(labels, predicted)
    occurring = table.sum(axis=1) > 0
    return _mean(np.diag(table)[occurring] / table.sum(axis=1)[occurring])


def macro_f1(labels: ArrayLike, predicted: ArrayLike) -> float:
    """Mean F1 over the states that occur in reference or prediction; a state never hit counts 0."""
    table = confusion(labels, predicted)
    total = table.sum(axis=0) + table.sum(axis=1)
    return _mean(2.0 * np.diag(table)[total > 0] / total[total > 0])


def kappa(labels: ArrayLike, predicted: ArrayLike, ordinal: bool = False) -> float:
    """Cohen's kappa; quadratic-weighted where the states are ordered. NaN where both say one and the same state throughout.

    Source: Cohen 1960, doi 10.1177/001316446002000104, and 1968, doi 10.1037/h0026256.
    """
    table = confusion(labels, predicted).astype(np.float64)
    size = len(table)
    places = np.arange(size)
    weight = (places[:, None] - places[None, :]) ** 2.0 if ordinal else 1.0 - np.eye(size)
    expected = table.sum(axis=1)[:, None] * table.sum(axis=0)[None, :] / table.sum()
    by_chance = float((weight * expected).sum())
    return float("nan") if by_chance == 0 else 1.0 - float((weight * table).sum()) / by_chance


def quadratic_kappa(labels: ArrayLike, predicted: ArrayLike) -> float:
    """Quadratic-weighted kappa, for ordered states."""
    return kappa(labels, predicted, ordinal=True)


def sensitivity(labels: ArrayLike, predicted: ArrayLike) -> float:
    """Share of the positive cases (label not 0) that were called positive (prediction not 0)."""
    truth, said = _pair(labels, predicted)
    return _mean(said[truth != 0] != 0) if (truth != 0).any() else float("nan")


def specificity(labels: ArrayLike, predicted: ArrayLike) -> float:
    """Share of the negative cases (label 0) that were called negative (prediction 0)."""
    truth, said = _pair(labels, predicted)
    return _mean(said[truth == 0] == 0) if (truth == 0).any() else float("nan")


def ece(labels: ArrayLike, probabilities: ArrayLike, bins: int = ECE_BINS) -> float:
    """Expected calibration error over bins of equal mass (equal numbers of cases, not equal width).

    Two states: the probability of label 1 against its frequency. More: the probability of the most probable state against how
    often it is right. It is biased upward in small samples, and its bootstrap interval with it. Source: Naeini 2015; Nixon
    2019, arXiv 1904.01685.
    """
    truth, values = _pair(labels, probabilities)
    if values.ndim == 1 or values.shape[1] == 2:
        confidence, hit = (values if values.ndim == 1 else values[:, 1]), truth == 1
    else:
        confidence, hit = values.max(axis=1), values.argmax(axis=1) == truth
    order = np.argsort(confidence, kind="stable")
    edges = np.linspace(0, len(order), min(bins, len(order)) + 1).round().astype(np.int64)[:-1]
    gap = np.add.reduceat(confidence[order] - hit[order], edges)
    return float(np.abs(gap).sum() / len(order))


def brier(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Brier score: (n,) or two states, mean squared error of the probability of label 1 (0 to 1); more states, the sum over
    states (0 to 2).

    Source: Brier 1950, doi 10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.
    """
    truth, values = _pair(labels, probabilities)
    if values.ndim == 1 or values.shape[1] == 2:
        positive = values if values.ndim == 1 else values[:, 1]
        return _mean((positive - (truth == 1)) ** 2)
    return _mean(((values - np.eye(values.shape[1])[truth]) ** 2).sum(axis=1))


def log_loss(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean negative log of the probability that was given to the true state, in nats."""
    truth, values = _pair(labels, probabilities)
    given = _columns(values)[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(given, SMALLEST_PROBABILITY)).mean())


def majority_baseline(measure: Callable[..., float], labels: ArrayLike, graded: bool = False, **options: Any) -> float:
    """What a measure gives to always answering the commonest state, or, where `graded`, the frequencies of the states."""
    truth, _ = _pair(labels, labels)
    counts = np.bincount(truth, minlength=2)
    if graded:
        return measure(truth, np.tile(counts / counts.sum(), (len(truth), 1)), **options)
    return measure(truth, np.full(len(truth), counts.argmax()), **options)
