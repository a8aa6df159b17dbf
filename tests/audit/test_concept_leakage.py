"""Leakage: none where outputs are the true states, found where it is planted."""

import numpy as np
import pytest

from pellucid.audit.concept_leakage import (
    concepts_task_leakage,
    conditional_leakage,
    interconcept_leakage,
    random_bottleneck,
    shuffled_within_states,
)
from pellucid.audit.interval import bootstrap
from pellucid.errors import InputError

N = 400


def world(leak: float, seed: int = 3) -> tuple[list[np.ndarray], np.ndarray, np.ndarray, np.ndarray]:
    """Three concepts, an outcome that rests on the first two and on chance; where `leak`, outputs also carry the outcome."""
    generator = np.random.default_rng(seed)
    concepts = generator.integers(0, 2, (N, 3))
    z = 1.5 * (concepts[:, 0] + concepts[:, 1] - 1) + generator.logistic(size=N)
    outcomes = (z > 0).astype(np.int64)
    soft = []
    for k in range(3):
        logit = 3.0 * (2 * concepts[:, k] - 1) + generator.normal(size=N) + leak * (2 * outcomes - 1)
        p = 1 / (1 + np.exp(-logit))
        soft.append(np.stack([1 - p, p], axis=1))
    return soft, concepts, outcomes, np.arange(N) % 5


def one_hot_outputs(concepts: np.ndarray) -> list[np.ndarray]:
    return [np.eye(2)[concepts[:, k]] for k in range(concepts.shape[1])]


def mean(values: np.ndarray) -> float:
    return float(np.mean(values))


def test_hard_concepts_do_not_leak() -> None:
    _, concepts, outcomes, folds = world(0.0)
    hard = one_hot_outputs(concepts)
    found = bootstrap(mean, [conditional_leakage(hard, concepts, outcomes, folds)], np.random.default_rng(0), resamples=300)
    assert found.value is not None
    assert abs(found.value) < 0.01
    assert concepts_task_leakage(hard, concepts, outcomes, np.random.default_rng(0)).value < 0.02


def test_soft_concepts_that_carry_only_themselves_do_not_leak() -> None:
    soft, concepts, outcomes, folds = world(0.0)
    found = bootstrap(mean, [conditional_leakage(soft, concepts, outcomes, folds)], np.random.default_rng(0), resamples=300)
    assert found.low is not None
    assert found.low < 0.005


def test_planted_leakage_is_detected_by_every_score_and_vanishes_in_the_control() -> None:
    soft, concepts, outcomes, folds = world(1.5)
    control = shuffled_within_states(soft, concepts, np.random.default_rng(1))
    leak = bootstrap(mean, [conditional_leakage(soft, concepts, outcomes, folds)], np.random.default_rng(0), resamples=300)
    assert leak.low is not None
    assert leak.low > 0.1
    nothing = bootstrap(mean, [conditional_leakage(control, concepts, outcomes, folds)], np.random.default_rng(0), resamples=300)
    assert nothing.low is not None
    assert nothing.low < 0.005
    for score in (
        lambda s: concepts_task_leakage(s, concepts, outcomes, np.random.default_rng(2)).value,
        lambda s: interconcept_leakage(s, concepts, np.random.default_rng(2)).value,
    ):
        assert score(soft) > 0.05
        assert score(control) < score(soft) / 2


def test_the_control_keeps_what_an_output_says_of_its_own_concept() -> None:
    soft, concepts, _, _ = world(1.5)
    dealt = shuffled_within_states(soft, concepts, np.random.default_rng(1))
    for k in range(3):
        for state in (0, 1):
            inside = concepts[:, k] == state
            assert np.sort(dealt[k][inside, 1]) == pytest.approx(np.sort(soft[k][inside, 1]))


def test_concepts_that_mean_nothing_keep_their_frequencies() -> None:
    _, concepts, _, _ = world(0.0)
    assert (random_bottleneck(concepts, np.random.default_rng(0)).sum(axis=0) == concepts.sum(axis=0)).all()


def test_an_outcome_that_never_varies_has_no_score_and_missing_states_are_refused() -> None:
    soft, concepts, outcomes, _ = world(0.0)
    assert np.isnan(concepts_task_leakage(soft, concepts, np.zeros(N), np.random.default_rng(0)).value)
    concepts[0, 0] = -1
    with pytest.raises(InputError, match="expected every concept recorded"):
        interconcept_leakage(soft, concepts, np.random.default_rng(0))
    with pytest.raises(InputError, match="expected concepts"):
        concepts_task_leakage(soft[:2], concepts, outcomes, np.random.default_rng(0))
