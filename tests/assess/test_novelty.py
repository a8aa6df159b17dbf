"""Novelty: unlike images score high, like ones raise the stated number of false alarms."""

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from pellucid.assess.novelty import fit_novelty, novelty_from_dict, novelty_score
from pellucid.errors import InputError


def _features(n: int, width: int = 40, seed: int = 0) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(8, width))
    return rng.normal(size=(n, 8)) * np.arange(8, 0, -1) @ mixing + 0.3 * rng.normal(size=(n, width)) + 5.0


@pytest.mark.parametrize("rate", [0.02, 0.1])
def test_false_alarms_on_new_images_come_at_the_stated_rate(rate: float) -> None:
    made = fit_novelty(_features(500), np.arange(500) % 5, components=8, false_alarm=rate)
    alarms = np.mean([novelty_score(made, v) > made.threshold for v in _features(3000, seed=1)])
    assert 0.4 * rate <= alarms <= 1.6 * rate


def test_vectors_off_the_plane_and_far_along_it_are_both_unlike() -> None:
    x = _features(300)
    made = fit_novelty(x, np.arange(300) % 5, components=8)
    off = np.linalg.svd(x - x.mean(axis=0))[2][-1]
    along = np.linalg.svd(x - x.mean(axis=0))[2][0]
    assert novelty_score(made, x.mean(axis=0) + 10 * off) > made.threshold
    assert novelty_score(made, x.mean(axis=0) + 500 * along) > made.threshold
    assert novelty_score(made, x.mean(axis=0)) < 1.0


def test_a_typical_image_scores_about_one() -> None:
    made = fit_novelty(_features(400), np.arange(400) % 5, components=8)
    assert np.median([novelty_score(made, v) for v in _features(200, seed=3)]) == pytest.approx(1.0, abs=0.1)


def test_distance_along_the_axes_is_the_mahalanobis_distance() -> None:
    x = _features(300, width=6)
    made = fit_novelty(x, np.arange(300) % 5, components=5)
    z = (x - x.mean(axis=0)) @ np.linalg.svd(x - x.mean(axis=0))[2][:5].T
    expected = np.sqrt((z**2 / z.var(axis=0, ddof=1)).mean(axis=1))
    along = np.sqrt((((x - made.mean) @ made.axes.T) ** 2).mean(axis=1))
    assert along == pytest.approx(expected, rel=2e-3)


def test_json_round_trip_is_exact_and_small() -> None:
    rng = np.random.default_rng(0)
    made = fit_novelty(rng.normal(size=(200, 320)), np.arange(200) % 5)
    text = json.dumps(made.as_dict())
    again = novelty_from_dict(json.loads(text))
    v = rng.normal(size=320)
    assert len(text) < 300_000
    assert novelty_score(again, v) == novelty_score(made, v)


def test_few_images_promise_only_the_rate_they_can() -> None:
    assert fit_novelty(_features(30), np.arange(30) % 5, components=4).false_alarm == pytest.approx(1 / 31)


@pytest.mark.parametrize(
    ("vectors", "folds", "components"),
    [
        (np.ones((50, 20)), np.arange(50) % 5, 4),
        (_features(10), np.arange(10) % 5, 8),
        (_features(50), np.arange(50) % 5, 0),
        (_features(50), np.arange(50) % 5, 40),
        (_features(50), np.zeros(50), 4),
        (np.full((50, 20), np.nan), np.arange(50) % 5, 4),
        (np.ones(50), np.arange(50) % 5, 4),
    ],
)
def test_vectors_that_give_no_distance_are_refused(
    vectors: NDArray[np.float64], folds: NDArray[np.int64], components: int
) -> None:
    with pytest.raises(InputError):
        fit_novelty(vectors, folds, components)


def test_vector_of_another_encoder_is_refused() -> None:
    made = fit_novelty(_features(60), np.arange(60) % 5, components=4)
    for bad in (np.zeros(39), np.full(40, np.nan), np.zeros((2, 40))):
        with pytest.raises(InputError):
            novelty_score(made, bad)
    content = made.as_dict()
    for bad in ({**content, "axes": [[1.0]]}, {"mean": [0.0]}):
        with pytest.raises(InputError):
            novelty_from_dict(bad)
