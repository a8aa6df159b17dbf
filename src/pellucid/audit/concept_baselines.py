"""What anybody could score on these concept labels without seeing an image, and the most that hard concepts could give.

Common shapes: `labels` (n,), `outcomes` (n,), `concepts` (n, K): whole numbers, -1 where not recorded (in a profile that is a
value of its own; a case whose own label is not recorded must be left out first). `folds` (n,), or None: the table is then made
on the very cases it is asked about, which is what a ceiling means.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.audit.agreement import accuracy
from pellucid.errors import InputError

Ints = NDArray[np.int64]


def profile_of(concepts: ArrayLike) -> Ints:
    """A number for each case (n,): cases with the same number have the same value of every concept."""
    table = np.asarray(concepts, dtype=np.int64)
    if table.ndim != 2 or len(table) == 0:
        raise InputError(f"profiles: expected concepts (n, K) with n >= 1, got shape {table.shape}")
    return np.unique(table, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def commonest_given(keys: ArrayLike, labels: ArrayLike, folds: ArrayLike | None = None) -> Ints:
    """For every case the commonest label among the cases with its key (n,), ties to the lowest label.

    With folds, among the cases of the other folds; where the key does not occur there, the commonest label there.
    """
    key, label = np.asarray(keys, dtype=np.int64), np.asarray(labels, dtype=np.int64)
    if key.shape != label.shape or key.ndim != 1 or len(key) == 0 or label.min() < 0:
        raise InputError(
            f"baseline: expected keys (n,) and recorded labels (n,) with n >= 1, got shapes {key.shape} and {label.shape}"
            f"{'; leave out the cases without a label' if label.size and label.min() < 0 else ''}"
        )
    _, which = np.unique(key, return_inverse=True)
    size = int(label.max()) + 1
    whole = _counts(which, label, int(which.max()) + 1, size)
    if folds is None:
        return whole.argmax(axis=1)[which]
    fold, found = np.asarray(folds), np.zeros(len(key), dtype=np.int64)
    for name in np.unique(fold):
        inside = fold == name
        rest = whole - _counts(which[inside], label[inside], len(whole), size)
        seen = rest.sum(axis=1) > 0
        best = rest.argmax(axis=1)
        best[~seen] = rest.sum(axis=0).argmax()
        found[inside] = best[which[inside]]
    return found


def _counts(which: NDArray[np.intp], labels: Ints, keys: int, size: int) -> Ints:
    return np.bincount(which * size + labels, minlength=keys * size).reshape(keys, size)


def ceiling(concepts: ArrayLike, outcomes: ArrayLike, folds: ArrayLike | None = None) -> float:
    """The accuracy of always answering the commonest outcome of each profile of concept values.

    Without folds no function of the hard concept values can be right more often on these cases: a concept model above it uses
    something else than its concepts. With folds it is what such a table is worth on cases it has not seen. Source: the
    positive region of a decision table, Pawlak 1982, doi 10.1007/BF01001956; for concept bottlenecks arXiv 2604.19323.
    """
    return accuracy(outcomes, commonest_given(profile_of(concepts), outcomes, folds))


def inconsistent(concepts: ArrayLike, outcomes: ArrayLike) -> tuple[int, int, int]:
    """(profiles, profiles that occur with more than one outcome, cases in those)."""
    which, outcome = profile_of(concepts), np.asarray(outcomes, dtype=np.int64)
    table = _counts(which, outcome, int(which.max()) + 1, int(outcome.max()) + 1)
    mixed = (table > 0).sum(axis=1) > 1
    return len(table), int(mixed.sum()), int(table[mixed].sum())


def class_only(labels: ArrayLike, classes: ArrayLike, folds: ArrayLike | None = None) -> float:
    """The accuracy on a concept of reciting its commonest value given the true class: what knowing the class alone is worth."""
    return accuracy(labels, commonest_given(classes, labels, folds))


def majority(labels: ArrayLike, folds: ArrayLike | None = None) -> float:
    """The accuracy of always answering the commonest label."""
    return accuracy(labels, commonest_given(np.zeros(len(np.asarray(labels))), labels, folds))


def within_class_accuracy(labels: ArrayLike, predicted: ArrayLike, classes: ArrayLike) -> float:
    """Accuracy on the cases whose label is not the commonest one of their class: there, reciting the class is always wrong.

    NaN where the class decides the label in every case.
    """
    truth, said = np.asarray(labels, dtype=np.int64), np.asarray(predicted)
    unusual = truth != commonest_given(classes, truth)
    return accuracy(truth[unusual], said[unusual]) if unusual.any() else float("nan")
