"""Means over cases with intervals over patients, and paired differences."""

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_rel

from pellucid.audit import paired
from pellucid.audit.interval import bootstrap

PATIENTS = np.repeat(np.arange(20), 3).astype(str)
VALUES = np.random.default_rng(0).normal(size=60) + np.repeat(np.random.default_rng(1).normal(size=20), 3)


def test_interval_of_the_mean_is_that_of_the_bootstrap_over_patients() -> None:
    found = paired.mean(VALUES, paired.sample(PATIENTS, seed=0), "none")
    other = bootstrap(lambda v: float(v.mean()), [VALUES], np.random.default_rng(0), groups=PATIENTS)
    assert (found.value, found.n, found.patients) == (pytest.approx(VALUES.mean()), 60, 20)
    assert found.low == pytest.approx(other.low, abs=0.08)
    assert found.high == pytest.approx(other.high, abs=0.08)


def test_cases_that_are_not_defined_are_left_out_of_mean_count_and_resamples() -> None:
    values = VALUES.copy()
    values[:6] = np.nan
    found = paired.mean(values, paired.sample(PATIENTS, seed=0), "none")
    assert (found.n, found.patients) == (54, 18)
    assert found.value == pytest.approx(VALUES[6:].mean())


def test_nothing_defined_gives_the_reason_and_one_patient_no_interval() -> None:
    drawn = paired.sample(PATIENTS, seed=0)
    assert paired.mean(np.full(60, np.nan), drawn, "no lesion").reason == "no lesion"
    alone = paired.sample(np.array(["a", "a"]), seed=0)
    for found in (paired.mean(np.ones(2), alone, ""), paired.difference(np.ones(2), alone, 1)):
        assert (found.value, found.low, found.reason) == (1.0, None, "no interval: one patient")


def test_interval_of_a_difference_is_near_that_of_the_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 40))
    found = paired.difference(one - other, paired.sample(np.arange(40).astype(str), seed=0, resamples=20_000), 1)
    low, high = ttest_rel(one, other).confidence_interval(0.95)
    assert found.low == pytest.approx(low, abs=0.02)
    assert found.high == pytest.approx(high, abs=0.02)


def test_more_comparisons_make_the_interval_wider() -> None:
    drawn = paired.sample(PATIENTS, seed=0)
    widths = [d.high - d.low for d in (paired.difference(VALUES, drawn, m) for m in (1, 10, 90)) if d.high and d.low]
    assert widths[0] < widths[1] < widths[2]


def test_same_seed_gives_the_same_interval() -> None:
    one, other = (paired.mean(VALUES, paired.sample(PATIENTS, seed=3), "") for _ in range(2))
    assert one == other


def test_corrected_intervals_hold_together_for_few_patients() -> None:
    """Family-wise: of ten true zeros, at least one interval misses in at most about 5 % of 400 runs with 20 patients."""
    rng = np.random.default_rng(0)
    names = np.arange(20).astype(str)
    missed = 0
    for run in range(400):
        drawn = paired.sample(names, seed=run, resamples=300)
        found = [paired.difference(rng.normal(size=20), drawn, 10) for _ in range(10)]
        missed += any(d.low > 0 or d.high < 0 for d in found if d.low is not None and d.high is not None)
    assert missed <= 0.08 * 400


def test_cases_that_are_all_one_or_all_zero_have_the_exact_interval_over_patients() -> None:
    drawn = paired.sample(PATIENTS, seed=0)
    values = np.ones(60)
    values[:18] = np.nan  # six patients of twenty
    found = paired.mean(values, drawn, "none")
    exact = binomtest(14, 14).proportion_ci(0.95, method="exact")
    assert (found.value, found.low, found.high) == (1.0, pytest.approx(exact.low), 1.0)
    none = paired.mean(np.zeros(60), drawn, "none")
    assert (none.low, none.high) == (0.0, pytest.approx(binomtest(0, 20).proportion_ci(0.95, method="exact").high))
    same = paired.mean(np.full(60, 0.5), drawn, "none")
    assert (same.low, same.high) == (0.5, 0.5)
