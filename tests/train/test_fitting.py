"""What is fitted on held-out predictions: operating points."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

pytest.importorskip("torch")

from pellucid.assess.findings import stated
from pellucid.audit.agreement import quadratic_kappa
from pellucid.models.card import ConceptSpec
from pellucid.train.fitting import SEVERAL_STATES, operating_points, rated_points

STATES = ("common", "rare", "rarest")


def _held_out(separable: bool) -> tuple[np.ndarray, np.ndarray]:
    """Labels, most of them the first state, and calibrated probabilities that lean to the common state."""
    rng = np.random.default_rng(0)
    labels = rng.choice(3, 400, p=[0.8, 0.15, 0.05])
    prior = np.log([0.8, 0.15, 0.05])
    logits = prior + rng.normal(0, 0.5, (400, 3)) + (2.0 * np.eye(3)[labels] if separable else 0.0)
    p = np.exp(logits)
    return p / p.sum(axis=1, keepdims=True), labels


def _told(p: np.ndarray, points: tuple[float, ...]) -> np.ndarray:
    said = [stated(STATES, tuple(row), points) for row in p]
    return np.array([STATES.index(s) if s else len(STATES) for s in said])


def _macro_f1(labels: np.ndarray, told: np.ndarray) -> float:
    return float(f1_score(labels, told, average="macro", labels=[0, 1, 2]))


def test_rare_states_are_stated_sooner_where_that_finds_more_of_them():
    p, labels = _held_out(separable=True)
    points = operating_points(ConceptSpec(name="x", states=STATES), p, labels)
    assert points[2] < points[1] < points[0]
    assert _macro_f1(labels, _told(p, points)) > _macro_f1(labels, _told(p, (SEVERAL_STATES,) * 3)) + 0.02


def test_points_of_several_states_leave_as_much_unsaid_as_the_plain_point():
    p, labels = _held_out(separable=True)
    p = 0.6 * p + 0.4 / 3
    points = operating_points(ConceptSpec(name="x", states=STATES), p, labels)
    plain = (_told(p, (SEVERAL_STATES,) * 3) == len(STATES)).mean()
    assert (_told(p, points) == len(STATES)).mean() == pytest.approx(plain, abs=0.02)


def test_a_given_operating_point_is_kept():
    p, labels = _held_out(separable=True)
    assert operating_points(ConceptSpec(name="x", states=STATES, operating_point=0.3), p, labels) == (0.3, 0.3, 0.3)


def test_two_states_get_the_point_with_the_best_macro_f1():
    rng = np.random.default_rng(1)
    labels = (rng.random(300) < 0.2).astype(int)
    second = np.clip(0.2 + 0.25 * labels + rng.normal(0, 0.08, 300), 0.01, 0.99)
    p = np.stack([1 - second, second], axis=1)
    _, cut = operating_points(ConceptSpec(name="x", states=("no", "yes")), p, labels)
    values = {t: f1_score(labels, second >= t, average="macro") for t in np.arange(0.15, 0.65, 0.05)}
    assert values[min(values, key=lambda t: abs(t - cut))] == pytest.approx(max(values.values()), abs=1e-9)


def test_a_graded_concept_that_readers_rated_is_always_stated_at_its_best_kappa():
    p, labels = _held_out(separable=True)
    points = rated_points(p, labels)
    told = _told(p, points)
    assert (told < len(STATES)).all()
    assert quadratic_kappa(labels, told) >= quadratic_kappa(labels, p.argmax(axis=1))
