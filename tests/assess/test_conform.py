"""Confidence sets: they hold what they promise, and are cut the same way every time."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pellucid.assess.conform import (
    METHODS,
    choose_set_rule,
    conformal_threshold,
    cross_conformal_coverage,
    predict_set,
    true_scores,
)
from pellucid.errors import InputError
from pellucid.record import SetRule

GRADES = ("0", "1", "2", "3", "4")


def _case(
    states: int, n: int = 400, seed: int = 0, strength: float = 1.5
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    z = rng.normal(scale=strength, size=(n, states))
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(states, p=row) for row in p])
    return p, labels, rng.integers(5, size=n)


def _rule(method: str, threshold: float) -> SetRule:
    return SetRule.model_validate({"method": method, "threshold": threshold, "coverage": 0.9, "n": 100})


def test_threshold_is_the_finite_sample_quantile() -> None:
    scores = np.arange(1, 100) / 100
    assert conformal_threshold(scores, 0.9) == pytest.approx(0.90)
    assert conformal_threshold(scores[:9] / 1.0, 0.9) == pytest.approx(0.09)


def test_too_few_cases_let_every_category_in() -> None:
    assert conformal_threshold(np.arange(8) / 10, 0.9) == 1.0


def test_split_conformal_coverage_is_nominal_on_average() -> None:
    p, labels, _ = _case(4, n=40_000, strength=1.0)
    for method in METHODS:
        covered = []
        scores = true_scores(p, labels, method)
        for start in range(0, 40_000, 400):
            threshold = conformal_threshold(scores[start : start + 199], 0.9)
            covered.append(np.mean(scores[start + 199 : start + 400] <= threshold))
        assert np.mean(covered) == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=60, deadline=None)
@given(weights=st.lists(st.integers(0, 20), min_size=2, max_size=5).filter(lambda w: sum(w) > 0), threshold=st.floats(0, 1))
def test_set_does_not_depend_on_the_order_of_the_mapping(method: str, weights: list[int], threshold: float) -> None:
    p = {GRADES[i]: w / sum(weights) for i, w in enumerate(weights)}
    sets = {
        predict_set(dict(shuffled), _rule(method, threshold))
        for shuffled in itertools.islice(itertools.permutations(p.items()), 30)
    }
    assert len(sets) == 1


@settings(max_examples=200, deadline=None)
@given(weights=st.lists(st.integers(0, 20), min_size=3, max_size=5).filter(lambda w: sum(w) > 0), threshold=st.floats(0, 1))
def test_ordinal_set_has_no_gap_and_holds_the_most_probable(weights: list[int], threshold: float) -> None:
    p = {GRADES[i]: w / sum(weights) for i, w in enumerate(weights)}
    held = [GRADES.index(name) for name in predict_set(p, _rule("ordinal-aps", threshold))]
    assert held == list(range(held[0], held[-1] + 1))
    assert max(weights[i] for i in held) == max(weights)


@pytest.mark.parametrize("method", METHODS)
def test_larger_threshold_gives_a_larger_set(method: str) -> None:
    p = {"0": 0.05, "1": 0.4, "2": 0.1, "3": 0.3, "4": 0.15}
    sets = [set(predict_set(p, _rule(method, t))) for t in np.linspace(0, 1, 21)]
    assert all(a <= b for a, b in itertools.pairwise(sets))
    assert sets[-1] == set(p)


def test_scores_on_paper() -> None:
    p = np.array([0.1, 0.6, 0.05, 0.25])
    assert METHODS["lac"](p) == pytest.approx([0.9, 0.4, 0.95, 0.75])
    assert METHODS["aps"](p) == pytest.approx([0.9, 0.3, 0.975, 0.725])
    assert METHODS["ordinal-aps"](p) == pytest.approx([0.65, 0.3, 0.725, 0.875])


def test_order_given_decides_the_neighbours() -> None:
    p = {"mild": 0.5, "none": 0.05, "severe": 0.3, "moderate": 0.15}
    assert predict_set(p, _rule("ordinal-aps", 0.6), ("none", "mild", "moderate", "severe")) == ("mild", "moderate")
    with pytest.raises(InputError):
        predict_set(p, _rule("ordinal-aps", 0.6), ("none", "mild"))


@pytest.mark.parametrize(("states", "ordered"), [(2, False), (5, True), (6, True), (4, False)])
@pytest.mark.parametrize("seed", range(3))
def test_chosen_rule_covers_within_its_bounds(states: int, ordered: bool, seed: int) -> None:
    rule, measured = choose_set_rule(*_case(states, n=300, seed=seed), ordered=ordered)
    assert 0.87 <= measured.coverage <= 0.93
    assert rule.method == measured.method
    assert rule.n == measured.n == 300
    assert sum(n for _, n, _ in measured.by_size) == 300
    assert sum(size * n for size, n, _ in measured.by_size) / 300 == pytest.approx(measured.mean_size)


def test_staircase_probabilities_do_not_cover_far_too_much() -> None:
    rng = np.random.default_rng(0)
    step = rng.choice([0.05, 0.2, 0.5, 0.93], p=[0.35, 0.25, 0.3, 0.1], size=600)
    labels = (rng.random(600) < step).astype(int)
    p = np.stack([1 - step, step], axis=1)
    keep = cross_conformal_coverage(p, labels, np.arange(600) % 5, "lac")
    _, chosen = choose_set_rule(p, labels, np.arange(600) % 5, ordered=False)
    assert abs(chosen.coverage - 0.9) <= abs(keep.coverage - 0.9)


def test_ties_are_broken_towards_the_nominal_coverage() -> None:
    scores = np.concatenate([np.full(88, 0.3), np.full(12, 0.8)])
    assert conformal_threshold(scores, 0.9) == pytest.approx(0.8)
    assert conformal_threshold(scores, 0.9, ties="nearest") == pytest.approx(0.3)


def test_threshold_of_a_fold_does_not_see_the_fold() -> None:
    p, labels, _ = _case(3, n=100)
    folds = np.arange(100) % 2
    wrong = labels.copy()
    wrong[folds == 0] = p[folds == 0].argmin(axis=1)
    measured = cross_conformal_coverage(p, wrong, folds, "lac")
    scores = true_scores(p, wrong, "lac")
    expected = [np.mean(scores[folds == k] <= conformal_threshold(scores[folds != k]) + 1e-9) for k in (0, 1)]
    assert measured.coverage == pytest.approx(np.mean(expected))


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError):
        conformal_threshold([], 0.9)
    with pytest.raises(InputError):
        conformal_threshold([0.1, float("nan")], 0.9)
    with pytest.raises(InputError):
        cross_conformal_coverage(np.ones((3, 2)) / 2, [0, 1, 1], [0, 0, 0], "lac")
    with pytest.raises(InputError):
        choose_set_rule(np.ones((3, 2)) / 2, [0, 1, 2], [0, 1, 1], ordered=False)
