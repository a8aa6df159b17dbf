"""What is measured and not learned: how grey a place is and how rough, and what shape an outline has.

Features of a net trained on photographs (normalised, at stride 8 and coarser) lose absolute grey level; the words that clinicians
use of ultrasound (echogenicity, shadowing, halo) are about nothing else. So every cell of the finest grid also carries plain
statistics of the prepared image, and every concept with a place the shape of that place's map. A linear head then weighs inside
against around and below.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

APPEARANCE = ("mean", "spread", "gradient", "highest", "lowest", "gradient across", "gradient down")
"""What `appearance` gives of every cell, in order, of the mean over the colours."""
SHAPE = (
    "log area", "log axis ratio", "log depth to width", "uprightness", "slant", "log roughness", "overlap with its ellipse",
    "blur of the border", "surest cell", "depth", "place across", "share cut off by the image",
)  # fmt: skip
"""What `outline_shape` gives of a place, in order."""
SHARPNESS = 2.0
"""How steeply the ellipse of `outline_shape` falls off, in squared half axes."""


def appearance(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Grey statistics of a normalised image (B, C, H, W) within each cell of a grid: (B, 7, h, w), as `APPEARANCE` names them."""
    grey = torch.stack(x.unbind(dim=1)).mean(dim=0)  # (B, H, W), contiguous whatever the layout of x
    across = F.pad((grey[..., 1:] - grey[..., :-1]).abs(), (0, 1))
    down = F.pad((grey[..., 1:, :] - grey[..., :-1, :]).abs(), (0, 0, 0, 1))
    gradient = (across * across + down * down).sqrt()
    mean, squared, gradient, across, down = (_pooled(p, size, torch.mean) for p in (grey, grey * grey, gradient, across, down))
    spread = (squared - mean * mean).clamp(min=0).sqrt()
    highest, lowest = _pooled(grey, size, torch.amax), -_pooled(grey, size, torch.amin)
    return torch.stack([mean, spread, gradient, highest, lowest, across, down], dim=1)


def _pooled(plane: Tensor, size: tuple[int, int], how: Callable[..., Tensor]) -> Tensor:
    """A plane (B, H, W) reduced to (B, h, w) cell by cell; what a whole number of cells does not cover is left out."""
    h, w = size
    tall, wide = plane.shape[-2] // h, plane.shape[-1] // w
    rows = how(plane[..., : h * tall, : w * wide].unflatten(-2, (h, tall)), dim=-2)
    return how(rows.unflatten(-1, (w, wide)), dim=-1)


def grids_of(encoder: nn.Module, x: Tensor, with_appearance: bool) -> list[Tensor]:
    """The grids of an encoder, finest first; the finest also carries the image's appearance where asked."""
    grids: list[Tensor] = encoder(x)
    if with_appearance:
        size = (grids[0].shape[-2], grids[0].shape[-1])
        finest = torch.cat([grids[0], appearance(x, size).to(grids[0].dtype)], dim=1)
        grids = [finest.contiguous(memory_format=torch.channels_last), *grids[1:]]
    return grids


def outline_shape(p: Tensor) -> Tensor:
    """The shape of place maps (B, P, h, w), probabilities: (B, P, 12), as `SHAPE` names it; lengths in shares of the grid.

    Axes and slant come from second moments, weighted by the probability (Haralick and Shapiro, Computer and Robot Vision 1992,
    vol. 1, ch. 3); roughness is perimeter squared over 4 pi area, 1 for a disc (Cox 1927, J Paleontol 1:179), the perimeter being
    the total variation of the map; the blur of the border is the width over which the map falls, in cells.
    """
    height, width = p.shape[-2:]
    area = p.sum(dim=(2, 3)) + 1e-3
    y = torch.arange(height, dtype=p.dtype, device=p.device).unsqueeze(1) / height
    x = torch.arange(width, dtype=p.dtype, device=p.device).unsqueeze(0) / width
    middle_y, middle_x = (p * y).sum(dim=(2, 3)) / area, (p * x).sum(dim=(2, 3)) / area
    dy, dx = y - middle_y[..., None, None], x - middle_x[..., None, None]
    yy, xx = (p * dy * dy).sum(dim=(2, 3)) / area + 1e-5, (p * dx * dx).sum(dim=(2, 3)) / area + 1e-5
    xy = (p * dx * dy).sum(dim=(2, 3)) / area
    centre, half = (xx + yy) / 2, (((xx - yy) / 2) ** 2 + xy**2).sqrt()
    ratio = 0.5 * ((centre + half) / (centre - half).clamp(min=1e-5)).log()
    step_x, step_y = F.pad(p[..., 1:] - p[..., :-1], (0, 1)), F.pad(p[..., 1:, :] - p[..., :-1, :], (0, 0, 0, 1))
    perimeter = torch.hypot(step_x, step_y).sum(dim=(2, 3))
    cut_off = p[..., 0, :].sum(-1) + p[..., -1, :].sum(-1) + p[..., 0].sum(-1) + p[..., -1].sum(-1)
    numbers = [
        area.log(), ratio, (yy / xx).log(), (xx - yy) / (xx + yy), xy / (xx + yy),
        (perimeter.clamp(min=0.1) ** 2 / (4 * math.pi * area)).log(), _overlap_with_ellipse(p, (dx, dy), (xx, yy, xy)),
        (p * (1 - p)).sum(dim=(2, 3)) / perimeter.clamp(min=0.01), p.amax(dim=(2, 3)), middle_y, middle_x,
        cut_off / perimeter.clamp(min=1),
    ]  # fmt: skip
    return torch.stack(numbers, dim=-1)


def _overlap_with_ellipse(p: Tensor, offsets: tuple[Tensor, Tensor], moments: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Soft intersection over union of maps (B, P, h, w) with the ellipse of the same second moments: 1 for an ellipse."""
    dx, dy = offsets
    xx, yy, xy = (m[..., None, None] for m in moments)
    squared = (dx * dx * yy - 2 * dx * dy * xy + dy * dy * xx) / (xx * yy - xy * xy).clamp(min=1e-8)
    ellipse = torch.sigmoid((4 - squared) * SHARPNESS)
    shared = (p * ellipse).sum(dim=(2, 3))
    return shared / (p + ellipse - p * ellipse).sum(dim=(2, 3))
