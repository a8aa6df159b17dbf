"""A region painted over from its surroundings."""

import numpy as np
import pytest

from pellucid.audit.paint import painted_over
from pellucid.errors import InputError


def ramp(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return (0.3 * x + 0.5 * y)[None, None].astype(np.float32)


def box(shape: tuple[int, int], *, rows: slice, columns: slice) -> np.ndarray:
    region = np.zeros(shape, dtype=bool)
    region[rows, columns] = True
    return region


@pytest.mark.parametrize("shape", [(64, 64), (65, 63), (40, 90), (7, 5)])
def test_nothing_outside_the_region_is_touched_and_a_constant_stays(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).normal(size=(2, 3, *shape)).astype(np.float32)
    region = box(shape, rows=slice(1, 4), columns=slice(1, 3))
    out = painted_over(image, region)
    assert np.array_equal(out[:, :, ~region], image[:, :, ~region])
    assert painted_over(np.full_like(image, 0.7), region) == pytest.approx(0.7)


def test_a_slope_is_continued_across_the_gap() -> None:
    image, region = ramp(64, 64), box((64, 64), rows=slice(20, 30), columns=slice(30, 41))
    assert np.abs(painted_over(image, region) - image)[0, 0][region].max() < 0.02 * float(np.ptp(image))


def test_nothing_of_what_was_inside_is_left() -> None:
    image, region = ramp(64, 64), box((64, 64), rows=slice(0, 9), columns=slice(0, 9))
    marked = image.copy()
    marked[:, :, region] = 1000.0
    assert np.array_equal(painted_over(image, region), painted_over(marked, region))


def test_each_image_may_have_its_own_region() -> None:
    images = np.concatenate([ramp(32, 32), 2 * ramp(32, 32)])
    regions = np.stack([box((32, 32), rows=slice(a, a + 5), columns=slice(4, 9)) for a in (3, 20)])
    out = painted_over(images, regions)
    assert np.array_equal(out[0], painted_over(images[:1], regions[:1])[0])
    assert np.array_equal(out[1][:, ~regions[1]], images[1][:, ~regions[1]])


def test_an_image_removed_whole_becomes_zero() -> None:
    assert not painted_over(ramp(16, 16), np.ones((16, 16), dtype=bool)).any()


def test_a_region_of_another_size_is_refused() -> None:
    with pytest.raises(InputError, match="expected a region"):
        painted_over(ramp(16, 16), np.ones((8, 8), dtype=bool))
