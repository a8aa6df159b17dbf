"""A batch varied anew each time it is seen: for nets whose encoder learns, which cannot live on views kept on disk."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.train.recipe import Augment


def varied_batch(x: Tensor, places: Tensor, how: Augment, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A normalised batch (B, C, H, W) and its places (B, P, h, w) turned, zoomed, shifted and flipped alike, in another light.

    What comes in from outside is the image mirrored; brightness, contrast and colours change by shares of the range.
    """
    theta = _motions(len(x), how, generator)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    moved = F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    if places.shape[1]:
        grid = F.affine_grid(theta, list(places.shape), align_corners=False)
        places = F.grid_sample(places, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    contrast = 1 + how.contrast * _uniform((len(x), 1, 1, 1), generator)
    shift = 2 * how.brightness * _uniform((len(x), 1, 1, 1), generator) + 2 * how.colour * _uniform(
        (*x.shape[:2], 1, 1), generator
    )
    return (moved * contrast + shift).contiguous(memory_format=torch.channels_last), places


def _motions(count: int, how: Augment, generator: torch.Generator) -> Tensor:
    """Random affine maps (B, 2, 3) in the convention of `affine_grid`."""
    angle = math.radians(how.rotate) * _uniform((count,), generator)
    low, high = how.zoom
    zoom = 1 / (low + (high - low) * torch.rand(count, generator=generator))
    flip_x, flip_y = (
        torch.where(torch.rand(count, generator=generator) < 0.5 * wanted, -1.0, 1.0)
        for wanted in (how.flip_horizontal, how.flip_vertical)
    )
    shift = 0.1 * _uniform((count, 2), generator)
    turn = torch.stack([angle.cos() * flip_x, -angle.sin() * flip_y, angle.sin() * flip_x, angle.cos() * flip_y], dim=1)
    return torch.cat([(turn * zoom.unsqueeze(1)).view(count, 2, 2), shift.unsqueeze(2)], dim=2)


def _uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Numbers from -1 to 1."""
    return 2 * torch.rand(shape, generator=generator) - 1
