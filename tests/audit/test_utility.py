"""Selective risk, net benefit and next steps, by hand and by properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.audit.utility import (
    aurc,
    decision_curve,
    excess_aurc,
    net_benefit,
    net_benefit_all,
    net_benefit_gain,
    net_benefit_none,
    risk_at,
    risk_coverage,
    step_agreement,
)
from pellucid.errors import InputError


def test_risk_at_a_coverage_is_the_error_rate_of_the_surest() -> None:
    wrong, sure = np.array([0, 0, 1, 1, 0]), np.array([0.9, 0.8, 0.7, 0.2, 0.6])
    assert risk_coverage(wrong, sure)[1] == pytest.approx([0, 0, 1 / 3, 1 / 4, 2 / 5])
    assert risk_at(wrong, sure, 0.8) == pytest.approx(1 / 4)
    assert risk_at(wrong, sure, 1.0) == pytest.approx(2 / 5)
    assert aurc(wrong, sure) == pytest.approx((0 + 0 + 1 / 3 + 1 / 4 + 2 / 5) / 5)


def test_a_confidence_that_knows_nothing_gives_the_error_rate_and_the_best_has_no_excess() -> None:
    wrong = np.array([0, 1, 0, 1, 1])
    assert aurc(wrong, np.full(5, 0.5)) == pytest.approx(0.6)
    assert excess_aurc(wrong, 1.0 - wrong) == pytest.approx(0.0)


def test_net_benefit_by_hand() -> None:
    y, p = np.array([1, 1, 0, 0]), np.array([0.9, 0.1, 0.6, 0.2])
    assert net_benefit(y, p, 0.5) == pytest.approx(0.25 - 0.25)
    assert net_benefit(y, p, 0.2) == pytest.approx(0.25 - 0.5 * 0.25)
    assert decision_curve(y, p, [0.5]) == ((0.5, 0.0, 0.0, 0.0),)


cases = st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=1, max_size=30)


@given(cases, st.floats(0.01, 0.99))
def test_never_acting_is_worth_nothing_and_always_acting_follows_the_prevalence(given_cases: list, threshold: float) -> None:
    y = np.array([c[0] for c in given_cases])
    assert net_benefit_none(y, threshold) == 0.0
    prevalence = y.mean()
    assert net_benefit_all(y, threshold) == pytest.approx(prevalence - (1 - prevalence) * threshold / (1 - threshold), abs=1e-9)
    assert net_benefit_gain(y, y.astype(float), threshold) >= -1e-12  # a perfect answer is never worse than either


@given(cases)
def test_the_area_lies_between_the_best_order_and_the_worst(given_cases: list) -> None:
    wrong, sure = np.array([c[0] for c in given_cases], dtype=float), np.array([c[1] for c in given_cases])
    assert aurc(wrong, -wrong) - 1e-12 <= aurc(wrong, sure) <= aurc(wrong, wrong) + 1e-12


def test_next_steps_agree_where_they_are_the_same_and_a_missing_reference_is_left_out() -> None:
    found = step_agreement(["Biopsy.", "Wait.", "Wait."], ["Biopsy.", "Biopsy.", None])
    assert found[:2].tolist() == [1.0, 0.0]
    assert np.isnan(found[2])


def test_shares_and_thresholds_out_of_bounds_are_refused() -> None:
    with pytest.raises(InputError, match="coverage"):
        risk_at(np.zeros(2), np.zeros(2), 0.0)
    with pytest.raises(InputError, match="threshold"):
        net_benefit(np.zeros(2), np.zeros(2), 1.0)
    with pytest.raises(InputError, match="one length"):
        step_agreement(["a"], [])
