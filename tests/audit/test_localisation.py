"""Does the map lie on the lesion."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, jaccard_score

from pellucid.audit.localisation import centre_pointing, dice, iou, pointing_game, random_pointing
from pellucid.errors import InputError

MASK = np.zeros((20, 30), dtype=bool)
MASK[5:10, 10:20] = True


def test_strongest_pixel_inside_is_a_hit_and_outside_a_miss() -> None:
    evidence = np.zeros(MASK.shape)
    evidence[7, 15] = 1.0
    assert pointing_game(evidence, MASK) == 1.0
    evidence[0, 0] = 2.0
    assert pointing_game(evidence, MASK) == 0.0


def test_flat_map_points_as_well_as_blind_chance() -> None:
    assert pointing_game(np.ones(MASK.shape), MASK) == pytest.approx(random_pointing(MASK)) == pytest.approx(50 / 600)


def test_tolerance_lets_a_near_miss_count() -> None:
    evidence = np.zeros(MASK.shape)
    evidence[12, 15] = 1.0
    assert pointing_game(evidence, MASK) == 0.0
    assert pointing_game(evidence, MASK, tolerance_px=3) == 1.0
    assert pointing_game(evidence, MASK, tolerance_px=2) == 0.0


def test_centre_pointing_hits_a_lesion_in_the_middle_only() -> None:
    assert centre_pointing(MASK) == 0.0
    assert centre_pointing(np.ones((5, 5))) == 1.0


def test_overlap_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 32, 32)) > 0.6
    assert iou(a, b) == pytest.approx(jaccard_score(b.ravel(), a.ravel()))
    assert dice(a, b) == pytest.approx(f1_score(b.ravel(), a.ravel()))


def test_nothing_to_find_is_nan() -> None:
    empty = np.zeros((4, 4))
    assert np.isnan([iou(empty, empty), dice(empty, empty), pointing_game(np.ones((4, 4)), empty), random_pointing(empty)]).all()


def test_arrays_on_different_grids_are_refused() -> None:
    with pytest.raises(InputError):
        iou(np.ones((4, 4)), np.ones((4, 5)))
    with pytest.raises(InputError):
        pointing_game(np.full((4, 4), np.nan), np.ones((4, 4)))
