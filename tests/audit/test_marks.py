"""Marks that recur are found without being told what they look like; tissue is not a mark."""

import numpy as np
import pytest

from pellucid.audit.marks import components, grey, look_of, recurring
from pellucid.audit.regions import called
from pellucid.trial.known_evidence import PLANTS

SHAPE = (64, 64)


def tissue(n: int, seed: int = 0) -> np.ndarray:
    """(n, 1, 64, 64) in 0..1: smooth noise, no two alike."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((n, 1, 17, 17))
    fine = np.kron(coarse, np.ones((4, 4)))[:, :, :64, :64]
    return np.clip(0.2 + 0.4 * fine + 0.05 * rng.standard_normal((n, 1, *SHAPE)), 0, 1).astype(np.float32)


def marked(kind: str, place: str, share: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    images = tissue(60, seed)
    plant = PLANTS[kind][0](SHAPE, place)
    carry = np.arange(60) < share * 60
    return np.stack([plant.present(x) if c else x for x, c in zip(images, carry, strict=True)]), carry


@pytest.mark.parametrize(
    ("kind", "place", "where", "look"),
    [
        ("scanner mark", "upper-left", "the upper-left corner", "mark"),
        ("laterality token", "lower-right", "the lower-right corner", "letter-like mark"),
        ("ruler", "left", "the left border", "ruler-like row of ticks"),
    ],
)
@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
def test_a_burnt_in_mark_is_found_where_it_is_with_who_carries_it(
    kind: str, place: str, where: str, look: str, share: float
) -> None:
    images, carry = marked(kind, place, share)
    pictures = grey(images)
    first = recurring(pictures)[0]
    assert called(first.region) == where
    assert (first.carriers == carry).mean() > 0.95
    assert look_of(pictures[first.carriers], first.region) == (look, "bright")


def test_tissue_has_no_marks() -> None:
    assert [recurring(grey(tissue(60, seed))) for seed in range(5)] == [[]] * 5


def test_a_black_surround_that_all_images_share_is_no_mark() -> None:
    images = tissue(40)
    images[:, :, :8] = 0.0
    images[:, :, :, :8] = 0.0
    assert not [r for r in recurring(grey(images)) if r.region[:6].any()]


def test_a_mark_in_one_image_does_not_recur() -> None:
    images, _ = marked("scanner mark", "upper-left", 1 / 60)
    assert not recurring(grey(images))


def test_pieces_are_the_connected_ones_of_like_value() -> None:
    on = np.array([[1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1]], dtype=bool)
    assert sorted(len(p) for p in components(on)) == [2, 2]
    values = np.array([[0.0, 1.0, 0, 0], [0, 0, 0, 0.5], [0, 0, 0, 0.5]])
    assert sorted(len(p) for p in components(on, values)) == [1, 1, 2]
