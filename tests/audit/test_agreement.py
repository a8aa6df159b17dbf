"""Measures of agreement against scikit-learn."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics

from pellucid.audit import agreement
from pellucid.errors import InputError

Case = tuple[NDArray[np.int64], NDArray[np.float64]]


def _case(states: int, n: int = 150, seed: int = 0) -> Case:
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(states), rng.integers(states, size=n - states)])
    p = np.round(rng.dirichlet(np.ones(states), size=n) + 0.6 * np.eye(states)[labels] * rng.random((n, 1)), 2)
    return labels, p / p.sum(axis=1, keepdims=True)


def test_binary_auroc_is_that_of_scikit_learn_also_with_ties() -> None:
    labels, p = _case(2)
    rough = np.round(p[:, 1], 1)
    assert agreement.auroc(labels, rough) == pytest.approx(metrics.roc_auc_score(labels, rough))
    assert agreement.auroc(labels, p) == pytest.approx(metrics.roc_auc_score(labels, p[:, 1]))


def test_auroc_of_more_states_is_macro_one_vs_rest() -> None:
    labels, p = _case(5)
    assert agreement.auroc(labels, p) == pytest.approx(metrics.roc_auc_score(labels, p, multi_class="ovr", average="macro"))


def test_auroc_leaves_out_states_that_do_not_occur() -> None:
    labels, p = _case(4)
    kept = labels != 2
    areas = [metrics.roc_auc_score(labels[kept] == s, p[kept, s]) for s in (0, 1, 3)]
    assert agreement.auroc(labels[kept], p[kept]) == pytest.approx(np.mean(areas))


@pytest.mark.parametrize("states", [2, 3, 6])
def test_crisp_measures_are_those_of_scikit_learn(states: int) -> None:
    labels, p = _case(states, seed=states)
    said = p.argmax(axis=1)
    assert agreement.accuracy(labels, said) == pytest.approx(metrics.accuracy_score(labels, said))
    assert agreement.balanced_accuracy(labels, said) == pytest.approx(metrics.balanced_accuracy_score(labels, said))
    assert agreement.macro_f1(labels, said) == pytest.approx(metrics.f1_score(labels, said, average="macro"))
    assert agreement.kappa(labels, said) == pytest.approx(metrics.cohen_kappa_score(labels, said))
    assert agreement.quadratic_kappa(labels, said) == pytest.approx(metrics.cohen_kappa_score(labels, said, weights="quadratic"))
    assert np.array_equal(agreement.confusion(labels, said), metrics.confusion_matrix(labels, said))


@pytest.mark.parametrize("states", [2, 5])
def test_graded_measures_are_those_of_scikit_learn(states: int) -> None:
    labels, p = _case(states, seed=states)
    assert agreement.log_loss(labels, p) == pytest.approx(metrics.log_loss(labels, p))
    expected = (
        metrics.brier_score_loss(labels, p[:, 1]) if states == 2 else ((p - np.eye(states)[labels]) ** 2).sum(axis=1).mean()
    )
    assert agreement.brier(labels, p) == pytest.approx(expected)


def test_sensitivity_and_specificity_are_recalls() -> None:
    labels, p = _case(2)
    said = (p[:, 1] > 0.4).astype(int)
    assert agreement.sensitivity(labels, said) == pytest.approx(metrics.recall_score(labels, said))
    assert agreement.specificity(labels, said) == pytest.approx(metrics.recall_score(labels, said, pos_label=0))


def test_ece_is_zero_when_frequencies_match_and_known_when_they_do_not() -> None:
    labels = np.tile([0, 0, 0, 1], 50)
    assert agreement.ece(labels, np.full(200, 0.25), bins=1) == pytest.approx(0.0)
    assert agreement.ece(labels, np.full(200, 0.65), bins=1) == pytest.approx(0.4)


def test_ece_bins_hold_equally_many_cases() -> None:
    p = np.concatenate([np.full(90, 0.1), np.full(10, 0.9)])
    labels = np.concatenate([np.zeros(90, int), np.zeros(10, int)])
    assert agreement.ece(labels, p, bins=10) == pytest.approx(0.9 * 0.1 + 0.1 * 0.9)


def test_ece_of_more_states_is_about_the_most_probable_one() -> None:
    p = np.tile([0.7, 0.2, 0.1], (100, 1))
    labels = np.concatenate([np.zeros(50, int), np.ones(50, int)])
    assert agreement.ece(labels, p, bins=1) == pytest.approx(0.2)


def test_one_class_gives_nan_and_not_a_filler() -> None:
    ones = np.ones(5, int)
    assert np.isnan(agreement.auroc(ones, np.linspace(0, 1, 5)))
    assert np.isnan(agreement.specificity(ones, ones))
    assert np.isnan(agreement.kappa(ones, ones))


def test_majority_baseline_answers_the_commonest_state() -> None:
    labels = np.array([0] * 7 + [1] * 2 + [2])
    assert agreement.majority_baseline(agreement.accuracy, labels) == pytest.approx(0.7)
    assert agreement.majority_baseline(agreement.balanced_accuracy, labels) == pytest.approx(1 / 3)
    assert agreement.majority_baseline(agreement.kappa, labels, ordinal=True) == pytest.approx(0.0)
    entropy = -sum(q * np.log(q) for q in (0.7, 0.2, 0.1))
    assert agreement.majority_baseline(agreement.log_loss, labels, graded=True) == pytest.approx(entropy)


@pytest.mark.parametrize(
    ("labels", "values"),
    [([], []), ([0, 1], [0.5]), ([0, -1], [0.1, 0.2]), ([0, 1], [0.1, float("nan")]), ([0.5, 1], [0.1, 0.2])],
)
def test_arrays_that_do_not_fit_are_refused(labels: list[float], values: list[float]) -> None:
    with pytest.raises(InputError):
        agreement.auroc(labels, values)
