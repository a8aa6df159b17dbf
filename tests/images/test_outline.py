import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from pellucid.errors import InputError
from pellucid.images import components, fill, outlines
from pellucid.images.outline import quick_outlines, simplified

MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=14))


def disc(size: int, radius: float) -> np.ndarray:
    y, x = np.mgrid[:size, :size] + 0.5
    return (x - size / 2) ** 2 + (y - size / 2) ** 2 < radius**2


def signed_area(outline: np.ndarray) -> float:
    x, y = outline.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def test_one_pixel_is_a_unit_square():
    mask = np.zeros((3, 4), bool)
    mask[1, 2] = True
    (square,) = outlines(mask, 0)
    assert sorted(map(tuple, square.tolist())) == [(2, 1), (2, 2), (3, 1), (3, 2)]


def test_pixels_that_touch_at_a_corner_are_two_outlines():
    assert len(outlines(np.eye(2, dtype=bool), 0)) == 2


def test_a_hole_runs_the_other_way_round():
    mask = np.ones((5, 5), bool)
    mask[2, 2] = False
    outer, hole = outlines(mask, 0)
    assert signed_area(outer) == 25
    assert signed_area(hole) == -1


def test_empty_mask_has_no_outline():
    assert outlines(np.zeros((4, 4), bool)) == ()


@given(MASKS)
@settings(max_examples=150, deadline=None)
def test_exact_outlines_fill_to_the_same_mask(mask):
    traced = outlines(mask, 0)
    assert np.array_equal(fill(traced, mask.shape), mask)
    assert sum(signed_area(o) for o in traced) == mask.sum()
    assert all(len(o) >= 4 for o in traced)


@given(MASKS, st.floats(0.1, 3))
@settings(max_examples=80, deadline=None)
def test_simplified_outlines_stay_polygons_on_pixel_borders(mask, tolerance):
    for outline in outlines(mask, tolerance):
        assert len(outline) >= 3
        assert (np.sort(outline % 1, axis=1) == [0, 0.5]).all()


def test_simplified_disc_has_few_corners_and_nearly_the_same_area():
    mask = disc(128, 40)
    (outline,) = outlines(mask)
    assert len(outline) < 48
    assert abs(signed_area(outline) / mask.sum() - 1) < 0.02


def test_every_dropped_corner_lies_within_the_tolerance():
    (exact,) = outlines(disc(96, 30), 0)
    kept = simplified(exact, 0.75)
    assert len(kept) < len(exact)
    ends = np.roll(kept, -1, axis=0)
    for point in exact:
        away = [np.abs(_distance(point, a, b)) for a, b in zip(kept, ends, strict=True)]
        assert min(away) <= 0.75 + 1e-9


def _distance(p: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    along = np.clip((p - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
    return float(np.hypot(*(p - a - along * (b - a))))


def test_fill_agrees_with_winding_numbers():
    polygon = np.array([(10.2, 5.1), (50.7, 12.4), (40.3, 55.8), (30.1, 20.9), (8.9, 30.2)])
    y, x = np.mgrid[:64, :64] + 0.5
    seen = (polygon[:, 0] + 1j * polygon[:, 1])[:, None, None] - (x + 1j * y)
    turns = np.angle(np.roll(seen, -1, axis=0) / seen).sum(axis=0) / (2 * np.pi)
    assert np.array_equal(fill([polygon], (64, 64)), np.abs(turns) > 0.5)


def test_fill_cuts_polygons_at_the_border_of_the_image():
    assert fill([np.array([(-5.0, -5.0), (20, -5), (20, 20), (-5, 20)])], (7, 9)).all()


@given(MASKS)
@settings(max_examples=100, deadline=None)
def test_components_agree_with_scipy(mask):
    ndimage = pytest.importorskip("scipy.ndimage")
    labels = components(mask)
    theirs, count = ndimage.label(mask)
    assert np.array_equal(labels > 0, mask)
    assert labels.max() == count
    assert len(set(zip(labels.ravel().tolist(), theirs.ravel().tolist(), strict=True)) - {(0, 0)}) == count


@given(MASKS)
@settings(max_examples=50, deadline=None)
def test_components_are_numbered_from_the_largest(mask):
    sizes = np.bincount(components(mask).ravel())[1:]
    assert (np.diff(sizes) <= 0).all()


@pytest.mark.parametrize("mask", [np.zeros((3, 3)), np.zeros(3, bool), np.zeros((2, 2, 2), bool)])
def test_anything_but_a_boolean_mask_is_refused(mask):
    with pytest.raises(InputError, match="boolean"):
        outlines(mask)
    with pytest.raises(InputError, match="boolean"):
        components(mask)


def test_quick_outlines_enclose_what_the_exact_ones_do():
    rng = np.random.default_rng(3)
    mask = np.kron(rng.random((8, 8)) > 0.5, np.ones((5, 5), dtype=bool)).astype(bool)
    quick, exact = quick_outlines(mask), outlines(mask, 0)
    assert len(quick) == len(exact)
    assert np.mean(fill(quick, mask.shape) == mask) > 0.97
