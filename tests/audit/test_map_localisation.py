"""Does the map lie on the lesion."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score
from tests.audit.paper import bench, cases

from pellucid.audit import map_localisation
from pellucid.audit.cases import Bench, Cases
from pellucid.audit.localisation import iou
from pellucid.audit.map_controls import CONTROLS, control_bench

ALL = [
    map_localisation.pointing_game,
    map_localisation.pointing_game_small,
    map_localisation.mass_accuracy,
    map_localisation.pixel_auprc,
    map_localisation.tuned_iou,
]


def on_lesion(n: int = 12) -> Bench:
    c = cases(n)
    return bench(n=n, of=c, maps=c.masks.astype(np.float32) if c.masks is not None else None)


@pytest.mark.parametrize("measure", ALL)
def test_map_that_is_the_lesion_is_perfect_and_beats_the_controls(measure: Any) -> None:
    b = on_lesion()
    own = np.nanmean(measure(b))
    assert own == pytest.approx(1.0, abs=0.2 if measure is map_localisation.tuned_iou else 1e-9)
    for control in CONTROLS.values():
        assert own > np.nanmean(measure(control_bench(b, control, seed=1)))


@pytest.mark.parametrize("measure", ALL)
def test_case_without_a_lesion_is_not_measured_and_no_masks_measure_nothing(measure: Any) -> None:
    b = on_lesion()
    masks = np.array(b.cases.masks)
    masks[3] = False
    assert np.isnan(measure(replace(b, cases=replace(b.cases, masks=masks)))[3])
    assert np.isnan(measure(replace(b, cases=replace(b.cases, masks=None)))).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_pixel_auprc_is_scikit_learns_also_with_ties(seed: int, tied: bool) -> None:
    rng = np.random.default_rng(seed)
    maps = rng.normal(size=(3, 9, 10)).astype(np.float32)
    maps = np.round(maps) if tied else maps
    masks = rng.random(maps.shape) < 0.2
    masks[:, 0, 0] = True
    expected = [average_precision_score(m.ravel(), v.ravel()) for m, v in zip(masks, maps, strict=True)]
    np.testing.assert_allclose(map_localisation.average_precision(maps, masks), expected, atol=1e-9)


@pytest.mark.filterwarnings("ignore")  # quantus warns by itself
@pytest.mark.parametrize(("measure", "theirs"), [("pointing_game", "PointingGame"), ("mass_accuracy", "RelevanceMassAccuracy")])
def test_pointing_and_mass_agree_with_quantus(measure: str, theirs: str) -> None:
    quantus = pytest.importorskip("quantus")
    b = bench(n=8)
    masks = np.array(b.cases.masks)
    metric = getattr(quantus, theirs)(normalise=False, abs=False, disable_warnings=True)
    found = metric(
        model=None,
        x_batch=b.cases.images,
        y_batch=b.cases.targets,
        a_batch=b.maps[:, None].copy(),
        s_batch=masks[:, None],
        device="cpu",
    )
    np.testing.assert_allclose(getattr(map_localisation, measure)(b), np.array(found, dtype=float), atol=1e-5)


def test_threshold_of_the_overlap_is_chosen_on_the_other_patients() -> None:
    """By hand: two patients, one in each fold; the best share of one is used for the other."""
    masks = np.zeros((2, 10, 10), dtype=bool)
    masks[0, :2], masks[1, :5] = True, True
    maps = np.broadcast_to(np.linspace(1, 0, 100).reshape(10, 10), (2, 10, 10)).astype(np.float32)
    c = Cases(np.zeros((2, 1, 10, 10), np.float32), np.zeros(2, np.int64), np.array(["a", "b"]), masks)
    b = Bench(c, lambda x: np.ones((len(x), 1)), lambda x, t: x[:, 0], maps)
    half, fifth = np.zeros((10, 10), bool), np.zeros((10, 10), bool)
    half[:5], fifth[:2] = True, True
    np.testing.assert_allclose(map_localisation.tuned_iou(b), [iou(half, masks[0]), iou(fifth, masks[1])])


def test_smallest_third_of_the_lesions_is_taken() -> None:
    masks = np.zeros((6, 12, 12), dtype=bool)
    for i in range(6):
        masks[i, : i + 1, : i + 1] = True
    c = Cases(np.zeros((6, 1, 12, 12), np.float32), np.zeros(6, np.int64), np.arange(6).astype(str), masks)
    b = Bench(c, lambda x: np.ones((len(x), 1)), lambda x, t: x[:, 0], np.zeros((6, 12, 12), np.float32))
    assert map_localisation.small_lesions(b).tolist() == [True, True, False, False, False, False]


@pytest.mark.parametrize("measure", [map_localisation.pointing_game, map_localisation.pixel_auprc, map_localisation.tuned_iou])
def test_measures_of_rank_do_not_change_with_a_monotone_change_of_the_map(measure: Any) -> None:
    b = bench(n=8)
    np.testing.assert_allclose(measure(b), measure(replace(b, maps=np.exp(b.maps).astype(np.float32))), atol=1e-6)


def test_random_map_has_the_lesions_share_of_the_image_as_auprc() -> None:
    b = control_bench(bench(n=40), CONTROLS["random map"], seed=3)
    assert map_localisation.pixel_auprc(b).mean() == pytest.approx(49 / 576, abs=0.02)
