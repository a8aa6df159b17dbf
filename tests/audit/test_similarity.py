"""How alike two maps are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.audit.paper import stats

from pellucid.audit.similarity import overlap, spearman, ssim
from pellucid.errors import InputError

RNG = np.random.default_rng(0)
ONE = RNG.normal(size=(4, 20, 17)).astype(np.float32)
OTHER = (ONE + RNG.normal(size=ONE.shape)).astype(np.float32)


def test_rank_correlation_is_scipys_also_with_ties() -> None:
    tied = np.round(OTHER).astype(np.float32)
    expected = [stats.spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(ONE, tied, strict=True)]
    np.testing.assert_allclose(spearman(ONE, tied), expected, atol=1e-12)


@pytest.mark.parametrize("shape", [(3, 20, 17), (2, 9, 10, 11)])
def test_structural_similarity_is_skimages(shape: tuple[int, ...]) -> None:
    metrics = pytest.importorskip("skimage.metrics")
    a = np.random.default_rng(1).random(shape).astype(np.float32)
    b = (a + 0.3 * np.random.default_rng(2).random(shape)).astype(np.float32)
    unit = [[(m - m.min()) / (m.max() - m.min()) for m in maps.astype(np.float64)] for maps in (a, b)]
    expected = [metrics.structural_similarity(x, y, data_range=1.0) for x, y in zip(*unit, strict=True)]
    np.testing.assert_allclose(ssim(a, b), expected, atol=1e-9)


def test_map_is_like_itself_and_unlike_its_negative() -> None:
    np.testing.assert_allclose(spearman(ONE, ONE), 1.0)
    np.testing.assert_allclose(spearman(ONE, -ONE), -1.0)
    np.testing.assert_allclose(ssim(ONE, ONE), 1.0)
    np.testing.assert_allclose(overlap(ONE, ONE), 1.0)


@pytest.mark.parametrize("alike", [spearman, ssim, overlap])
def test_constant_map_is_not_comparable(alike) -> None:
    assert np.isnan(alike(np.ones_like(ONE), ONE)).all()
    assert np.isnan(alike(ONE, np.zeros_like(ONE))).all()


@given(st.integers(0, 10_000))
def test_similarities_stay_in_their_bounds_and_do_not_depend_on_the_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, 2, 8, 9)).astype(np.float32)
    for alike in (spearman, ssim):
        value = alike(a, b)
        assert ((value >= -1) & (value <= 1)).all()
        np.testing.assert_allclose(value, alike(b, a), atol=1e-12)
    assert ((overlap(a, b) >= 0) & (overlap(a, b) <= 1)).all()


def test_monotone_change_of_a_map_leaves_ranks_and_top_pixels_alone() -> None:
    np.testing.assert_allclose(spearman(np.exp(ONE), OTHER), spearman(ONE, OTHER), atol=1e-12)
    np.testing.assert_allclose(overlap(np.exp(ONE), OTHER), overlap(ONE, OTHER))


def test_top_tenth_of_unrelated_maps_overlaps_by_a_tenth() -> None:
    a, b = np.random.default_rng(3).random((2, 50, 40, 40)).astype(np.float32)
    assert overlap(a, b).mean() == pytest.approx(0.1, abs=0.01)


def test_maps_of_different_shapes_are_refused() -> None:
    with pytest.raises(InputError, match="one shape"):
        spearman(ONE, ONE[:, 1:])
