"""The risk left after a benign biopsy: vectors by hand, order, bounds, and what the table has no figure for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.assess.imaging import Risk
from pellucid.assess.residual import residual, residual_risk
from pellucid.errors import InputError
from pellucid.knowledge.concordance import load_table

SHARE = st.floats(0.0, 1.0)


@pytest.mark.parametrize(("p", "sensitivity", "expected"), [(0.95, 0.97, 0.36), (0.10, 0.97, 0.0033), (0.40, 0.97, 0.0196)])
def test_the_published_vectors_come_out(p: float, sensitivity: float, expected: float) -> None:
    assert residual_risk(p, sensitivity) == pytest.approx(expected, rel=0.02)


def test_it_is_bayes_written_out() -> None:
    assert residual_risk(0.3, 0.9, 0.8) == pytest.approx(0.3 * 0.1 / (0.3 * 0.1 + 0.7 * 0.8))


@given(SHARE, SHARE, SHARE, SHARE)
def test_it_rises_with_the_risk_before_and_falls_with_sensitivity(p: float, q: float, se: float, other: float) -> None:
    low, high = sorted((p, q))
    assert residual_risk(low, se) <= residual_risk(high, se) + 1e-12
    less, more = sorted((se, other))
    if 0 < p < 1:
        assert residual_risk(p, more) <= residual_risk(p, less) + 1e-12


@given(SHARE, SHARE, SHARE)
def test_it_is_a_probability(p: float, se: float, sp: float) -> None:
    assert 0.0 <= residual_risk(p, se, sp) <= 1.0


@given(SHARE, SHARE)
def test_a_benign_result_of_a_specific_biopsy_never_raises_the_risk(p: float, se: float) -> None:
    assert residual_risk(p, se) <= p + 1e-12


@pytest.mark.parametrize("values", [(-0.1, 0.9, 1.0), (0.5, 1.1, 1.0), (0.5, 0.9, 2.0)])
def test_what_is_no_probability_is_refused(values: tuple[float, float, float]) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        residual_risk(*values)


def test_the_interval_spans_sensitivity_and_the_risk_before() -> None:
    left = residual("specific benign", Risk(value=0.4, low=0.2, high=0.6, of="typed"), None, load_table("breast"))
    assert left is not None
    assert left.value == pytest.approx(0.0196, abs=1e-4)
    assert left.low == pytest.approx(residual_risk(0.2, 0.999))
    assert left.high == pytest.approx(residual_risk(0.6, 0.963))
    assert (left.method, left.above_ceiling, left.ceiling) == ("bayes", "possibly", 0.02)
    assert "(0.2 to 0.6)" in left.before


@pytest.mark.parametrize(("p", "says"), [(0.1, "no"), (0.4, "possibly"), (0.95, "yes")])
def test_the_ceiling_is_compared_with_value_and_interval(p: float, says: str) -> None:
    left = residual("nonspecific benign", Risk(value=p, of="typed"), None, load_table("breast"))
    assert left is not None
    assert left.above_ceiling == says
    assert "without an interval" in left.before


def test_without_a_probability_the_published_range_of_the_category_gives_a_range() -> None:
    left = residual("specific benign", None, (0.1, 0.5), load_table("breast"))
    assert left is not None
    assert left.value is None
    assert (left.low, left.high) == (pytest.approx(residual_risk(0.1, 0.999)), pytest.approx(residual_risk(0.5, 0.963)))
    assert "no probability was given" in left.before


def test_without_either_there_is_no_figure() -> None:
    assert residual("specific benign", None, None, load_table("breast")) is None


@pytest.mark.parametrize("tissue", ["malignant", "suspicious", "high-risk", "atypical", "non-diagnostic"])
def test_only_benign_results_leave_a_risk_in_the_breast(tissue: str) -> None:
    risk = Risk(value=0.5, of="typed")
    assert residual(tissue, risk, None, load_table("breast")) is None  # pyright: ignore[reportArgumentType] - a class of tissue


def test_a_counted_risk_goes_before_the_formula() -> None:
    left = residual("non-diagnostic", Risk(value=0.1, of="typed"), None, load_table("lung"))
    assert left is not None
    assert (left.method, left.value) == ("counted", 0.593)
    nonspecific = residual("nonspecific benign", None, None, load_table("lung"))
    assert nonspecific is not None
    assert (nonspecific.low, nonspecific.value, nonspecific.high) == (0.106, 0.146, 0.164)
    assert nonspecific.above_ceiling is None


def test_where_the_table_is_silent_there_is_no_figure() -> None:
    assert residual("nonspecific benign", Risk(value=0.9, of="typed"), None, load_table("liver")) is None
