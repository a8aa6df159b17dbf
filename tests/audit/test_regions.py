"""Places, their names, and the same shape elsewhere."""

import numpy as np
import pytest

from pellucid.audit.regions import (
    WINDOWS,
    at_border,
    borders,
    box_of,
    called,
    elsewhere,
    grown,
    joined,
    of_box,
    overlap,
    windows,
)

SHAPE = (64, 96)


@pytest.mark.parametrize(
    ("box", "name"),
    [
        ((0, 0, 10, 10), "the upper-left corner"),
        ((54, 86, 64, 96), "the lower-right corner"),
        ((28, 0, 38, 10), "the middle of the left border"),
        ((0, 43, 10, 53), "the middle of the upper border"),
        ((28, 40, 38, 56), "the middle of the image"),
        ((0, 2, 8, 94), "the upper border"),
        ((0, 0, 64, 96), "the whole image"),
    ],
)
def test_a_place_is_called_as_a_person_would(box: tuple[int, int, int, int], name: str) -> None:
    assert called(of_box(box, SHAPE)) == name


def test_windows_cover_the_image() -> None:
    assert len(windows(SHAPE)) == WINDOWS**2
    assert np.any([of_box(b, SHAPE) for b in windows(SHAPE)], axis=0).all()


def test_neighbouring_windows_are_joined_and_distant_ones_are_not() -> None:
    regions = joined([0, 1, 80], SHAPE)
    assert [box_of(r) for r in regions] == [
        box_of(of_box(windows(SHAPE)[0], SHAPE) | of_box(windows(SHAPE)[1], SHAPE)),
        (53, 80, 64, 96),
    ]


def test_elsewhere_is_the_same_shape_apart_from_the_region_and_from_what_is_avoided() -> None:
    region, lesion = of_box((0, 0, 10, 12), SHAPE), of_box((30, 30, 60, 70), SHAPE)
    for seed in range(20):
        other = elsewhere(region, lesion, np.random.default_rng(seed))
        assert other.sum() == region.sum()
        assert not (other & region).sum() > 0.1 * region.sum()
        assert not (other & lesion).sum() > 0.1 * region.sum()


def test_a_frame_has_a_frame_of_the_same_area_inside_it() -> None:
    frame = borders(SHAPE)["the whole border"]
    inner = elsewhere(frame, np.zeros(SHAPE, bool), np.random.default_rng(0))
    assert not (inner & frame).any()
    assert inner.sum() >= frame.sum()


def test_only_what_is_near_the_edge_lies_at_the_border() -> None:
    assert at_border(of_box((0, 0, 10, 10), SHAPE))
    assert not at_border(of_box((28, 40, 38, 56), SHAPE))


def test_growing_adds_pixels_on_every_side_and_overlap_is_one_with_itself() -> None:
    mask = of_box((20, 20, 30, 30), SHAPE)[None]
    assert box_of(grown(mask, 2)[0]) == (18, 18, 32, 32)
    assert overlap(mask[0], mask[0]) == 1.0
