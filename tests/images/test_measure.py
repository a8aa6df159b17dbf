import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.errors import InputError
from pellucid.images import measure
from pellucid.images.measure import NO_LESION, NO_SPACING, UNITS, Measure, Measures


def ellipse(half_axes: tuple[float, float], degrees: float, size: int = 128, softness: float | None = None) -> np.ndarray:
    """A tilted ellipse in the middle of the image: a mask, or probabilities that fall over `softness` pixels."""
    a, b = half_axes
    y, x = np.mgrid[:size, :size] + 0.5 - size / 2
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    u, v = (x * c + y * s) / a, (-x * s + y * c) / b
    radius = np.hypot(u, v)
    if softness is None:
        return radius < 1
    gradient = np.hypot(u / a, v / b) / np.maximum(radius, 1e-9)
    return 1 / (1 + np.exp((radius - 1) / np.maximum(gradient, 1e-9) / softness))


def values(measured: Measures) -> dict[str, float]:
    return {name: m.value for name, m in measured.named().items() if m.value is not None}


def known(m: Measure) -> tuple[float, float]:
    """Value and standard deviation of a measure that is not unknown."""
    assert m.value is not None
    assert m.sd is not None
    return m.value, m.sd


@pytest.mark.parametrize("softness", [None, 1.0])
@pytest.mark.parametrize("degrees", [0, 20, 45, 70, 90, 130])
def test_a_tilted_ellipse_measures_as_drawn(degrees, softness):
    got = values(measure(ellipse((40, 22), degrees, softness=softness), spacing_mm=0.1))
    assert got["long_axis"] == pytest.approx(8.0, abs=0.1)
    assert got["short_axis"] == pytest.approx(4.4, abs=0.1)
    assert got["area"] == pytest.approx(math.pi * 4.0 * 2.2, rel=0.01)
    assert got["orientation"] == pytest.approx(min(degrees, 180 - degrees), abs=1.0)
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    assert got["aspect"] == pytest.approx(math.hypot(40 * s, 22 * c) / math.hypot(40 * c, 22 * s), rel=0.03)


def test_true_values_lie_within_three_standard_deviations():
    for degrees in range(0, 180, 7):
        value, sd = known(measure(ellipse((15.3, 8.7), degrees, 48)).orientation)
        assert abs(value - min(degrees, 180 - degrees)) < 3 * sd
    for radius in np.linspace(3, 20, 18):
        value, sd = known(measure(ellipse((radius, radius * 0.6), 25, 64), spacing_mm=1.0).long_axis)
        assert abs(value - 2 * radius) < 3 * sd


def test_anisotropic_spacing_is_taken_into_account():
    # An ellipse in mm, drawn on pixels that are twice as high as wide.
    y, x = np.mgrid[:100, :200] + 0.5
    mask = ((x * 0.1 - 10) / 6) ** 2 + ((y * 0.2 - 10) / 3) ** 2 < 1
    got = values(measure(mask, spacing_mm=(0.2, 0.1)))
    assert got["long_axis"] == pytest.approx(12, abs=0.15)
    assert got["short_axis"] == pytest.approx(6, abs=0.25)
    assert got["aspect"] == pytest.approx(0.5, abs=0.02)
    assert got["orientation"] == pytest.approx(0, abs=0.5)


def test_a_coarse_grid_with_its_affine_measures_the_original():
    fine = values(measure(ellipse((160, 90), 30, 512), spacing_mm=0.05))
    coarse = measure(ellipse((40, 22.5), 30, 128, softness=0.7), [[4, 0, 0], [0, 4, 0]], 0.05)
    assert values(coarse)["long_axis"] == pytest.approx(fine["long_axis"], rel=0.01)
    assert values(coarse)["area"] == pytest.approx(fine["area"], rel=0.01)
    assert coarse.ends is not None
    length = math.dist(*coarse.ends) * 0.05
    assert length == pytest.approx(values(coarse)["long_axis"], rel=1e-9)


def test_shifting_the_affine_moves_the_ends_only():
    mask = ellipse((20, 10), 15, 64)
    here, there = measure(mask, None, 1.0), measure(mask, [[1, 0, 100], [0, 1, 50]], 1.0)
    assert values(here) == pytest.approx(values(there))
    assert here.ends is not None
    assert there.ends is not None
    assert np.subtract(there.ends, here.ends) == pytest.approx(np.array([[100, 50], [100, 50]]))


def test_axes_agree_with_a_brute_force_search_over_the_hull():
    spatial = pytest.importorskip("scipy.spatial")
    rng = np.random.default_rng(5)
    for _ in range(10):
        mask = ellipse((rng.uniform(8, 28), rng.uniform(5, 20)), rng.uniform(0, 180), 64) | ellipse(
            (6, 14), rng.uniform(0, 180), 64
        )
        rows, columns = np.nonzero(mask)
        centres = np.stack([columns + 0.5, rows + 0.5], axis=1)
        # Midpoints of the pixel borders: where a mask of 0 and 1 crosses one half.
        points = np.concatenate([centres + offset for offset in ((0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5))])
        hull = points[spatial.ConvexHull(points).vertices]
        assert values(measure(mask, spacing_mm=1.0))["long_axis"] == pytest.approx(spatial.distance.pdist(hull).max(), rel=1e-4)


def test_orientation_agrees_with_scikit_image():
    skimage = pytest.importorskip("skimage.measure")
    for degrees in (10, 35, 64, 88):
        mask = ellipse((30, 17), degrees, 96)
        properties = skimage.regionprops(mask.astype(int))[0]
        theirs = 90 - abs(math.degrees(properties.orientation))
        assert values(measure(mask))["orientation"] == pytest.approx(theirs, abs=0.01)


def test_without_spacing_lengths_are_unknown_and_angle_and_aspect_remain():
    measured = measure(ellipse((30, 15), 20))
    for name in ("long_axis", "short_axis", "area"):
        assert measured.named()[name].value is None
        assert measured.named()[name].unknown_because == NO_SPACING
    assert measured.orientation.value == pytest.approx(20, abs=1)
    assert measured.aspect.value is not None


def test_units_are_those_of_the_concepts():
    assert {name: m.unit for name, m in measure(ellipse((30, 15), 20), spacing_mm=1.0).named().items()} == UNITS


def test_an_empty_mask_has_no_measures():
    measured = measure(np.zeros((8, 8)), spacing_mm=1.0)
    assert {m.unknown_because for m in measured.named().values()} == {NO_LESION}
    assert {name: m.unit for name, m in measured.named().items()} == UNITS
    assert measured.ends is None


def test_only_the_largest_region_is_measured():
    mask = np.zeros((64, 64), bool)
    mask[20:30, 10:40] = True
    alone = values(measure(mask, spacing_mm=1.0))
    mask[50:55, 50:55] = True
    assert values(measure(mask, spacing_mm=1.0)) == alone


def test_a_soft_border_gives_a_wider_standard_deviation():
    sharp, soft = (measure(ellipse((30, 15), 20, softness=s), spacing_mm=1.0) for s in (0.3, 4.0))
    for name in ("long_axis", "short_axis", "area"):  # growing evenly does not turn it
        assert known(soft.named()[name])[1] > known(sharp.named()[name])[1]


def test_a_nearly_round_lesion_has_an_unsure_orientation():
    assert known(measure(ellipse((20, 19.8), 30, 64)).orientation)[1] > 20
    assert known(measure(ellipse((25, 10), 30, 64)).orientation)[1] < 3


def test_standard_deviations_scale_by_what_was_calibrated():
    mask = ellipse((30, 15), 20)
    plain, scaled = measure(mask, spacing_mm=1.0), measure(mask, spacing_mm=1.0, sd_scale={"long_axis": 3.0})
    assert scaled.long_axis.sd == pytest.approx(3 * known(plain.long_axis)[1])
    assert scaled.area.sd == plain.area.sd
    assert measure(mask, spacing_mm=1.0, sd_scale=2.0).area.sd == pytest.approx(2 * known(plain.area)[1])


@given(st.integers(1, 20), st.integers(1, 20), st.data())
@settings(max_examples=60, deadline=None)
def test_any_mask_gives_finite_measures_or_a_reason(height, width, data):
    seed = data.draw(st.integers(0, 10_000))
    mask = np.random.default_rng(seed).random((height, width)) ** 2
    measured = measure(mask, [[3.5, 0, 1], [0, 2.5, 2]], (0.1, 0.3))
    for m in measured.named().values():
        assert (m.value is None) == (m.unknown_because is not None)
        if m.value is not None:
            assert math.isfinite(m.value)
            assert m.sd is not None
            assert math.isfinite(m.sd)
            assert m.sd >= 0
    if measured.ends is not None:
        assert known(measured.long_axis)[0] >= known(measured.short_axis)[0] * 0.99 - 1e-9


def test_a_lesion_that_fills_the_image_is_measured_to_its_border():
    got = values(measure(np.ones((40, 60), bool), spacing_mm=1.0))
    assert got["aspect"] == pytest.approx(40 / 60)
    assert got["area"] == 2400


@pytest.mark.parametrize(
    "mask", [np.full((3, 3), np.nan), np.full((3, 3), 2.0), np.zeros((3, 3), int), np.zeros((0, 3)), np.zeros(3)]
)
def test_anything_but_probabilities_is_refused(mask):
    with pytest.raises(InputError, match="mask"):
        measure(mask)


@pytest.mark.parametrize("affine", [np.zeros((2, 3)), np.eye(3), [[1, 0, math.nan], [0, 1, 0]]])
def test_an_affine_that_leads_nowhere_is_refused(affine):
    with pytest.raises(InputError, match="affine"):
        measure(np.ones((3, 3), bool), affine)
