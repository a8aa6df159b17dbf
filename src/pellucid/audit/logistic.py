"""A small ridge multinomial logistic regression: what features can tell of an outcome, on cases it was not fitted on.

An instrument for measuring, not a model of Pellucid's; deterministic, no random start.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RIDGE = 1.0
"""Penalty on half the squared weights of standardised features, as scikit-learn's C = 1; the intercepts are free."""
STEPS = 50
STOP = 1e-8


def fit_logistic(features: Floats, labels: Ints, states: int, ridge: float = RIDGE) -> Floats:
    """Weights (D + 1, S), the last row the intercepts, of least penalised log loss: Newton steps, halved where they overshoot."""
    x = np.concatenate([features, np.ones((len(features), 1))], axis=1)
    hot = np.eye(states)[labels]
    penalty = np.concatenate([np.full(features.shape[1], ridge), [1e-6]])[:, None]
    weights = np.zeros((x.shape[1], states))

    def loss(w: Floats) -> float:
        return float(-(hot * _log_softmax(x @ w)).sum() + 0.5 * (penalty * w**2).sum())

    for _ in range(STEPS):
        p = np.exp(_log_softmax(x @ weights))
        gradient = x.T @ (p - hot) + penalty * weights
        step = np.linalg.solve(_curvature(x, p, penalty), gradient.T.ravel()).reshape(states, -1).T
        before, size = loss(weights), 1.0
        while loss(weights - size * step) > before and size > STOP:
            size /= 2
        weights = weights - size * step
        if np.abs(size * step).max() < STOP:
            break
    return weights


def _curvature(x: Floats, p: Floats, penalty: Floats) -> Floats:
    """The Hessian (S (D + 1), S (D + 1)), state by state."""
    states, width = p.shape[1], x.shape[1]
    whole = np.zeros((states * width, states * width))
    for a in range(states):
        for b in range(a, states):
            block = x.T @ (x * (p[:, a] * ((a == b) - p[:, b]))[:, None])
            whole[a * width : (a + 1) * width, b * width : (b + 1) * width] = block
            whole[b * width : (b + 1) * width, a * width : (a + 1) * width] = block.T
    return whole + np.diag(np.tile(penalty[:, 0], states))


def _log_softmax(z: Floats) -> Floats:
    shifted = z - z.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def held_out_probabilities(features: ArrayLike, labels: ArrayLike, folds: ArrayLike) -> Floats:
    """Probabilities (n, S) for every case from a fit on the other folds; S is the largest label plus one.

    Features (n, D) are standardised by the fitting cases; one that does not vary there counts for nothing. With no features
    (D = 0) it is the frequency of the labels in the other folds.
    """
    x, y, fold = np.asarray(features, dtype=np.float64), np.asarray(labels, dtype=np.int64), np.asarray(folds)
    if x.ndim != 2 or len(x) != len(y) or len(fold) != len(y) or len(np.unique(fold)) < 2:
        raise InputError(
            f"held out: expected features (n, D), labels (n,) and folds (n,) of two kinds or more, got shapes {x.shape}, "
            f"{y.shape} and {len(np.unique(fold))} folds"
        )
    states, found = int(y.max()) + 1, np.zeros((len(y), int(y.max()) + 1))
    for name in np.unique(fold):
        rest, inside = fold != name, fold == name
        centre, spread = x[rest].mean(axis=0), x[rest].std(axis=0)
        scale = np.where(spread > 0, 1.0 / np.where(spread > 0, spread, 1.0), 0.0)
        weights = fit_logistic((x[rest] - centre) * scale, y[rest], states)
        given = np.concatenate([(x[inside] - centre) * scale, np.ones((int(inside.sum()), 1))], axis=1)
        found[inside] = np.exp(_log_softmax(given @ weights))
    return found


def patient_folds(patients: ArrayLike, folds: int, generator: np.random.Generator) -> Ints:
    """A fold for every case (n,), whole patients together, as even as can be in patients."""
    names, which = np.unique(np.asarray(patients), return_inverse=True)
    if len(names) < folds:
        raise InputError(f"folds: expected at least {folds} patients, got {len(names)}")
    return (generator.permutation(len(names)) % folds)[which]
