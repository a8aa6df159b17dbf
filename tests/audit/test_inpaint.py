"""Removed pixels painted in from their neighbours."""

import numpy as np
import pytest

from pellucid.audit.inpaint import imputed, neighbours, painted_in

IMAGE = np.random.default_rng(0).normal(size=(3, 24, 20)).astype(np.float32)
REMOVED = np.random.default_rng(1).random((24, 20)) < 0.6


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # grad-cam hands a tensor to numpy
def test_filling_agrees_with_road_of_grad_cam() -> None:
    torch = pytest.importorskip("torch")
    road = pytest.importorskip("pytorch_grad_cam.metrics.road")
    theirs = road.NoisyLinearImputer(noise=0.0)(torch.tensor(IMAGE), torch.tensor((~REMOVED).astype(np.float32)))
    np.testing.assert_allclose(painted_in(IMAGE, REMOVED), theirs.numpy(), atol=1e-5)


def test_slope_is_filled_exactly_away_from_the_border() -> None:
    y, x = np.mgrid[0:24, 0:20]
    slope = (2 * y + 3 * x)[None].astype(np.float32)
    hole = np.zeros((24, 20), dtype=bool)
    hole[5:15, 4:12] = True
    np.testing.assert_allclose(painted_in(slope, hole), slope, atol=1e-3)


def test_fill_stays_between_the_known_values_and_leaves_them_alone() -> None:
    filled = painted_in(IMAGE, REMOVED)
    np.testing.assert_array_equal(filled[:, ~REMOVED], IMAGE[:, ~REMOVED])
    for c in range(3):
        known = IMAGE[c][~REMOVED]
        assert known.min() - 1e-5 <= filled[c].min()
        assert filled[c].max() <= known.max() + 1e-5


def test_image_removed_whole_becomes_its_mean_and_nothing_removed_changes_nothing() -> None:
    np.testing.assert_allclose(painted_in(IMAGE, np.ones((24, 20), bool))[1], IMAGE[1].mean(), rtol=1e-4)
    np.testing.assert_array_equal(painted_in(IMAGE, np.zeros((24, 20), bool)), IMAGE)


def test_noise_is_one_percent_of_the_range_and_only_where_pixels_were_removed() -> None:
    noise = imputed(IMAGE, REMOVED, seed=0) - painted_in(IMAGE, REMOVED)
    assert (noise[:, ~REMOVED] == 0).all()
    assert noise[:, REMOVED].std() == pytest.approx(0.01 * float(np.ptp(IMAGE)), rel=0.1)


def test_weights_of_the_plane_are_the_papers_and_volumes_sum_to_one() -> None:
    weights = dict(neighbours(2))
    assert weights[(0, 1)] == pytest.approx(1 / 6)
    assert weights[(1, -1)] == pytest.approx(1 / 12)
    assert sum(w for _, w in neighbours(3)) == pytest.approx(1.0)


def test_volume_is_filled() -> None:
    z, y, x = np.mgrid[0:9, 0:10, 0:11]
    slope = (z + y + x)[None].astype(np.float32)
    hole = np.zeros((9, 10, 11), dtype=bool)
    hole[3:6, 3:6, 3:6] = True
    np.testing.assert_allclose(painted_in(slope, hole), slope, atol=1e-3)
