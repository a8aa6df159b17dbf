"""Locality, by hand and on a toy concept that looks at one corner."""

import numpy as np
import pytest

from pellucid.audit.concept_locality import moved, place_share, ring_fill, swapped, worst_move
from pellucid.errors import InputError


def corner(image: np.ndarray) -> np.ndarray:
    """A concept that reads the mean of the upper left quarter, and nothing else."""
    p = image[:8, :8].mean() / 255
    return np.array([[1 - p, p]])


def test_a_concept_that_reads_its_place_alone_has_a_share_of_one() -> None:
    generator = np.random.default_rng(0)
    image = np.full((16, 16), 40, dtype=np.uint8)
    image[:8, :8] = 220
    mask = np.zeros((16, 16), dtype=bool)
    mask[:8, :8] = True
    inside, outside = ring_fill(image, mask, generator), ring_fill(image, ~mask, generator)
    assert (inside[:8, :8] == 40).all()
    assert (outside[8:, 8:] == 220).all()
    assert place_share(moved(corner(image), corner(inside)), moved(corner(image), corner(outside))) == 1.0


def test_a_move_is_the_total_variation_and_the_worst_of_several_counts() -> None:
    before, after = np.array([[0.2, 0.8], [1.0, 0.0]]), np.array([[0.5, 0.5], [0.0, 1.0]])
    assert moved(before, after) == pytest.approx([0.3, 1.0])
    assert worst_move(before, [before, after]) == pytest.approx([0.3, 1.0])
    assert np.isnan(place_share([0.0], [0.0]))


def test_another_image_is_stretched_to_the_size_and_taken_where_masked() -> None:
    image, other = np.zeros((4, 4, 3), dtype=np.uint8), np.full((2, 2, 3), 9, dtype=np.uint8)
    mask = np.eye(4, dtype=bool)
    found = swapped(image, mask, other)
    assert (found[mask] == 9).all()
    assert (found[~mask] == 0).all()


def test_a_mask_of_another_size_is_refused_and_an_empty_one_changes_nothing() -> None:
    image = np.arange(16, dtype=np.uint8).reshape(4, 4)
    with pytest.raises(InputError, match="expected a mask of shape"):
        ring_fill(image, np.zeros((2, 2), dtype=bool), np.random.default_rng(0))
    assert (ring_fill(image, np.zeros((4, 4), dtype=bool), np.random.default_rng(0)) == image).all()
    assert (ring_fill(image, np.ones((4, 4), dtype=bool), np.random.default_rng(0)) == image).all()
