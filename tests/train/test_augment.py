"""Batches varied anew: image and place move alike, and nothing changes where nothing is varied."""

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from pellucid.train.augment import varied_batch  # noqa: E402
from pellucid.train.recipe import Augment  # noqa: E402

STILL = Augment(rotate=0.0, zoom=(1.0, 1.0), flip_horizontal=False, brightness=0.0, contrast=0.0)


def disc(size: int, stride: int) -> Any:
    at = (torch.arange(size // stride) + 0.5) * stride
    return ((at - 0.3 * size)[:, None] ** 2 + (at - 0.6 * size)[None] ** 2 < (0.15 * size) ** 2).float()


def test_a_place_moves_with_its_image() -> None:
    image = disc(64, 1).expand(8, 3, 64, 64) * 2 - 1
    place = disc(64, 4).expand(8, 1, 16, 16)
    how = Augment(rotate=180.0, zoom=(0.9, 1.1), flip_vertical=True, brightness=0.0, contrast=0.0)
    x, moved = varied_batch(image, place, how, torch.Generator().manual_seed(3))
    seen = torch.nn.functional.avg_pool2d((x[:, :1] + 1) / 2, 4)
    overlap = (seen * moved).sum(dim=(1, 2, 3)) / (seen + moved - seen * moved).sum(dim=(1, 2, 3))
    assert overlap.min() > 0.6
    assert (x - image).abs().mean() > 0.02


def test_the_same_generator_gives_the_same_batch_and_the_next_draw_another() -> None:
    image, place = torch.rand(4, 3, 32, 32), torch.zeros(4, 0, 8, 8)
    first, second = (varied_batch(image, place, Augment(), torch.Generator().manual_seed(1))[0] for _ in range(2))
    generator = torch.Generator().manual_seed(1)
    varied_batch(image, place, Augment(), generator)
    assert torch.equal(first, second)
    assert not torch.equal(first, varied_batch(image, place, Augment(), generator)[0])


def test_light_changes_within_the_shares_that_are_given() -> None:
    image, place = torch.zeros(64, 3, 8, 8), torch.zeros(64, 0, 2, 2)
    how = STILL.model_copy(update={"brightness": 0.1, "colour": 0.05})
    x, _ = varied_batch(image, place, how, torch.Generator().manual_seed(0))
    colours = x.mean(dim=(2, 3))
    assert 0.2 < colours.abs().max() <= 0.3 + 1e-6  # shares of a range of two
    assert (colours - colours.mean(dim=1, keepdim=True)).abs().max() > 0.03
