"""Several readers: their agreement, their spread, and what a constant reaches."""

import numpy as np
import pytest

pytest.importorskip("torch")

from pellucid.train.rated import constant_within_one, pairs, rank_correlation, readers_spread, spread, within_one


def test_every_two_readers_of_an_image_meet_both_ways_round() -> None:
    image, one, other = pairs(np.array([[0, 2, -1], [4, -1, -1], [1, 1, 3]]))
    found = sorted(zip(image.tolist(), one.tolist(), other.tolist(), strict=True))
    assert found == [(0, 0, 2), (0, 2, 0), (2, 1, 1), (2, 1, 1), (2, 1, 3), (2, 1, 3), (2, 3, 1), (2, 3, 1)]


def test_the_spread_of_a_distribution_is_that_of_answers_drawn_from_it() -> None:
    said = np.array([[0, 0, 4, 4], [2, 2, 2, 2], [1, 2, 3, 4]])
    p = np.stack([(said == s).mean(axis=1) for s in range(5)], axis=1)
    assert np.allclose(spread(p), readers_spread(said))
    assert np.allclose(spread(p), [2.0, 0.0, float(np.std([1, 2, 3, 4]))])


def test_two_readers_give_no_spread() -> None:
    assert np.isnan(readers_spread(np.array([[1, 2, -1, -1]]))[0])


def test_a_constant_passes_for_within_one_where_grades_lie_close() -> None:
    labels = np.array([3, 4, 4, 3, 4, 2, 3, 0])
    assert constant_within_one(labels) == 7 / 8
    assert within_one(labels, np.full(8, 3)) == 7 / 8
    assert within_one(labels, labels) == 1.0


def test_a_spread_that_never_changes_correlates_with_nothing() -> None:
    assert np.isnan(rank_correlation([1, 2, 3], [5, 5, 5]))
    assert rank_correlation([1, 2, 3], [2, 4, 9]) == pytest.approx(1.0)
