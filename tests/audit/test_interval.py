"""Intervals by resampling patients."""

import numpy as np
import pytest
from scipy import stats

from pellucid.audit.agreement import accuracy, auroc, sensitivity
from pellucid.audit.interval import Interval, bootstrap, not_applicable, resample
from pellucid.errors import InputError


def test_interval_of_a_mean_is_the_one_of_theory() -> None:
    x = np.random.default_rng(0).normal(size=400)
    interval = bootstrap(lambda v: float(v.mean()), [x], np.random.default_rng(1), resamples=2000)
    low, high = stats.norm.interval(0.95, x.mean(), x.std() / 20)
    assert interval.value == pytest.approx(x.mean())
    assert interval.low == pytest.approx(low, abs=0.012)
    assert interval.high == pytest.approx(high, abs=0.012)


def test_whole_patients_are_drawn() -> None:
    groups = np.array(["a", "b", "a", "c", "b", "a"])
    for index in resample(groups, np.random.default_rng(0), 50):
        counts = np.bincount(index, minlength=6)
        assert counts[0] == counts[2] == counts[5]
        assert counts[1] == counts[4]
        assert counts[0] + counts[1] + counts[3] == 3


def test_patients_with_many_images_widen_the_interval() -> None:
    value = np.random.default_rng(0).normal(size=40)
    x, groups = np.repeat(value, 10), np.repeat(np.arange(40), 10)
    mean = lambda v: float(v.mean())  # noqa: E731
    by_case = bootstrap(mean, [x], np.random.default_rng(1))
    by_patient = bootstrap(mean, [x], np.random.default_rng(1), groups=groups)
    assert by_patient.high - by_patient.low > 2 * (by_case.high - by_case.low)  # type: ignore[operator]


def test_same_generator_state_gives_the_same_interval() -> None:
    labels, scores = np.tile([0, 1], 50), np.random.default_rng(0).random(100)
    first, second = (bootstrap(auroc, [labels, scores], np.random.default_rng(7), resamples=100) for _ in range(2))
    assert first == second


def test_resamples_without_a_class_are_left_out() -> None:
    labels = np.array([1, 1, *[0] * 8])
    interval = bootstrap(auroc, [labels, np.arange(10.0)], np.random.default_rng(0))
    assert interval.value == 0.0
    assert interval.reason is None


def test_measure_that_does_not_apply_is_null_with_a_reason() -> None:
    interval = bootstrap(auroc, [np.ones(5, int), np.arange(5.0)], np.random.default_rng(0), reason="only malignant cases")
    assert interval.as_dict() == {"value": None, "low": None, "high": None, "reason": "only malignant cases"}
    assert bootstrap(accuracy, [np.zeros(0), np.zeros(0)], np.random.default_rng(0)) == not_applicable("no cases")


def test_value_that_most_resamples_cannot_give_has_no_bounds_and_says_so() -> None:
    calls = iter([0.5] + [float("nan")] * 90 + [0.5] * 10)
    interval = bootstrap(lambda _: next(calls), [np.arange(3)], np.random.default_rng(0), resamples=100)
    assert interval.value == 0.5
    assert interval.low is None
    assert "10 of 100" in str(interval.reason)


def test_interval_without_value_and_without_reason_cannot_be_built() -> None:
    for bad in [(None,), (None, 0.1, 0.2, "x"), (0.5, 0.1, None), (0.5,)]:
        with pytest.raises(InputError):
            Interval(*bad)


def test_arrays_of_different_length_are_refused() -> None:
    with pytest.raises(InputError):
        bootstrap(auroc, [np.zeros(3), np.zeros(4)], np.random.default_rng(0))
    with pytest.raises(InputError):
        bootstrap(auroc, [np.zeros(3), np.zeros(3)], np.random.default_rng(0), groups=[1, 2])


def test_a_share_of_one_or_none_has_the_exact_interval_over_patients() -> None:
    mean = lambda v: float(v.mean())  # noqa: E731
    groups = np.repeat(np.arange(14), 2)
    for value, hits in ((1.0, 14), (0.0, 0)):
        found = bootstrap(mean, [np.full(28, value)], np.random.default_rng(0), groups=groups)
        exact = stats.binomtest(hits, 14).proportion_ci(0.95, method="exact")
        assert (found.value, found.low, found.high) == (value, pytest.approx(exact.low), pytest.approx(exact.high))


def test_only_patients_that_the_share_counts_make_its_interval() -> None:
    labels = np.array([1] * 5 + [0] * 40)
    found = bootstrap(sensitivity, [labels, labels], np.random.default_rng(0))
    assert (found.low, found.high) == (pytest.approx(0.025 ** (1 / 5)), 1.0)


def test_a_measure_that_is_no_share_keeps_its_percentiles() -> None:
    scores = np.arange(10.0)
    ranked = bootstrap(auroc, [scores > 4, scores], np.random.default_rng(0))
    assert (ranked.low, ranked.high) == (1.0, 1.0)
