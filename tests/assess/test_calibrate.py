"""Calibration: chosen by held-out loss, sane for tiny classes, never certain."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.isotonic import IsotonicRegression

from pellucid.assess.calibrate import (
    METHODS,
    apply,
    calibration_from_dict,
    fit_calibration,
    pool_adjacent_violators,
    round_probabilities,
)
from pellucid.audit.agreement import ece
from pellucid.errors import InputError

Case = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]


def _case(n: int, states: int, sharpness: float = 1.0, seed: int = 0) -> Case:
    """Logits whose true calibration is to divide them by `sharpness`."""
    rng = np.random.default_rng(seed)
    honest = rng.normal(scale=1.5, size=(n, states))
    labels = (np.log(rng.random((n, states)) + 1e-12) * -1 / np.exp(honest)).argmin(axis=1)
    return sharpness * honest, labels, np.arange(n) % 5


@pytest.mark.parametrize("states", [2, 4])
def test_overconfident_logits_are_cooled_by_the_right_temperature(states: int) -> None:
    logits, labels, folds = _case(4000, states, sharpness=3.0)
    made = fit_calibration(logits, labels, folds)
    assert made.method == "temperature"
    assert 1 / made.inverse_temperature == pytest.approx(3.0, rel=0.1)
    assert made.log_loss["temperature"] < made.log_loss["none"]


def test_temperature_is_the_one_of_an_independent_optimiser() -> None:
    logits, labels, _ = _case(300, 3, sharpness=2.0)
    found = minimize(lambda b: -log_softmax(b * logits, axis=1)[np.arange(300), labels].sum(), 1.0, tol=1e-10).x[0]
    assert METHODS["temperature"](logits, labels).inverse_temperature == pytest.approx(found, rel=1e-4)


def test_biases_are_those_of_an_independent_optimiser() -> None:
    logits, labels, _ = _case(300, 3, sharpness=2.0)
    shifted = logits + np.array([1.0, 0.0, -1.0])

    def loss(theta: NDArray[np.float64]) -> float:
        return float(
            -log_softmax(theta[0] * shifted + theta[1:], axis=1)[np.arange(300), labels].sum() + 0.5 * (theta[1:] ** 2).sum()
        )

    found = minimize(loss, [1.0, 0, 0, 0], tol=1e-10).x
    made = METHODS["temperature-bias"](shifted, labels)
    assert [made.inverse_temperature, *made.bias] == pytest.approx(found, abs=1e-4)


def test_honest_logits_are_left_alone() -> None:
    assert fit_calibration(*_case(1000, 3)).method == "none"


def test_shifted_logits_take_a_bias() -> None:
    logits, labels, folds = _case(2000, 3)
    assert fit_calibration(logits + np.array([2.0, 0.0, 0.0]), labels, folds).method == "temperature-bias"


def test_a_staircase_is_learned_by_isotonic() -> None:
    rng = np.random.default_rng(0)
    z = rng.uniform(-4, 4, size=3000)
    labels = (rng.random(3000) < np.where(z < -2, 0.02, np.where(z < 2.5, 0.5, 0.95))).astype(int)
    logits = np.stack([np.zeros(3000), z], axis=1)
    made = fit_calibration(logits, labels, np.arange(3000) % 5)
    assert made.method == "isotonic"
    assert ece(labels, apply(made, logits)) < 0.02


def test_adjacent_violators_are_pooled_as_in_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    x = np.round(rng.normal(size=200), 1)
    y = (rng.random(200) < 1 / (1 + np.exp(-2 * x))).astype(float)
    reference = IsotonicRegression(out_of_bounds="clip").fit(x, y)
    points = np.linspace(-5, 5, 301)
    assert np.interp(points, *pool_adjacent_violators(x, y)) == pytest.approx(reference.predict(points))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("states", [2, 6])
def test_no_probability_is_ever_zero_or_one(method: str, states: int) -> None:
    logits, labels, _ = _case(50, states)
    p = apply(
        METHODS[method](logits, labels), np.concatenate([1e6 * np.eye(states), np.zeros((1, states)), -1e6 * np.eye(states)])
    )
    assert p.min() >= 1 / 102 - 1e-12
    assert p.sum(axis=1) == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(5))
def test_five_positives_of_199_stay_sane(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.zeros(199, dtype=int)
    labels[rng.choice(199, 5, replace=False)] = 1
    logits = np.stack([np.zeros(199), rng.normal(size=199) * 4 + 2 * labels], axis=1)
    made = fit_calibration(logits, labels, rng.integers(5, size=199))
    p = apply(made, logits)[:, 1]
    assert p.mean() == pytest.approx(5 / 199, abs=0.02)
    assert 1 / 400 - 1e-12 <= p.min() <= p.max() <= 0.9


def test_separable_logits_and_absent_states_do_not_break_the_fit() -> None:
    labels = np.arange(40) % 2
    logits = np.stack([10.0 * (labels == 0), 10.0 * (labels == 1), np.zeros(40)], axis=1)
    p = apply(fit_calibration(logits, labels, np.arange(40) // 8), logits)
    assert np.isfinite(p).all()
    assert (p.argmax(axis=1) == labels).all()


@pytest.mark.parametrize("method", METHODS)
def test_json_round_trip_gives_the_same_probabilities(method: str) -> None:
    logits, labels, _ = _case(80, 3)
    made = METHODS[method](logits, labels)
    again = calibration_from_dict(json.loads(json.dumps(made.as_dict())))
    assert again == made
    assert np.array_equal(apply(again, logits), apply(made, logits))


def test_one_vector_gives_what_the_batch_gives() -> None:
    logits, labels, folds = _case(60, 3)
    made = fit_calibration(logits, labels, folds)
    assert np.array_equal(apply(made, logits[7]), apply(made, logits)[7])


def test_cases_without_a_label_are_left_out() -> None:
    logits, labels, folds = _case(100, 3)
    masked = np.where(np.arange(100) < 60, labels, -1)
    assert fit_calibration(logits, masked, folds) == fit_calibration(logits[:60], labels[:60], folds[:60])


@pytest.mark.parametrize(
    ("logits", "labels", "folds"),
    [
        (np.zeros((0, 2)), [], []),
        (np.zeros((3, 1)), [0, 0, 0], [0, 1, 2]),
        (np.zeros((3, 2)), [0, 1, 1], [0, 0, 0]),
        (np.zeros((3, 2)), [0, 1, 2], [0, 1, 1]),
        (np.full((3, 2), np.nan), [0, 1, 1], [0, 1, 1]),
        (np.zeros((3, 2)), [-1, -1, -1], [0, 1, 1]),
    ],
)
def test_input_that_cannot_be_calibrated_is_refused(logits: NDArray[np.float64], labels: list[int], folds: list[int]) -> None:
    with pytest.raises(InputError):
        fit_calibration(logits, labels, folds)


def test_calibration_that_does_not_fit_together_is_refused() -> None:
    content = METHODS["temperature-bias"](*_case(50, 3)[:2]).as_dict()
    for bad in ({**content, "method": "magic"}, {**content, "bias": [1.0]}, {**content, "extra": 1}, {"method": "none"}):
        with pytest.raises(InputError):
            calibration_from_dict(bad)
    with pytest.raises(InputError):
        apply(calibration_from_dict(content), [0.0, 1.0])


@settings(max_examples=200, deadline=None)
@given(arrays(np.float64, st.integers(1, 8), elements=st.floats(0, 1)).filter(lambda p: p.sum() > 1e-6))
def test_rounded_probabilities_sum_to_one_exactly_and_stay_near(p: NDArray[np.float64]) -> None:
    rounded = round_probabilities(p)
    assert sum(round(q * 1e6) for q in rounded) == 1_000_000
    assert rounded == pytest.approx(p / p.sum(), abs=1.01e-6)
    assert round_probabilities(rounded) == rounded
