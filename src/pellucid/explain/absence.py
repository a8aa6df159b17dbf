"""What an image looks like where something is taken away: a value, a blur, or an image that is given."""

import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.errors import ExplainError

Baseline = float | str | Tensor
BLUR = 8
"""The blur's window is one part in so many of the image's side."""


def absent(images: Tensor, baseline: Baseline) -> Tensor:
    """Images (B, C, …) with everything taken away.

    `baseline`: a number (0 is the mean colour of normalised images), "blur" (a mean over an eighth of the side), or a tensor
    that broadcasts to one image (C, …).
    """
    if isinstance(baseline, str):
        if baseline != "blur":
            raise ExplainError(f"baseline: expected a number, 'blur' or a tensor, got {baseline!r}")
        return blurred(images)
    try:
        return torch.as_tensor(baseline).to(images).expand_as(images)
    except RuntimeError:
        shape = tuple(torch.as_tensor(baseline).shape)
        raise ExplainError(f"baseline: expected a shape that fits images {tuple(images.shape)}, got {shape}") from None


def blurred(images: Tensor) -> Tensor:
    """Means over an odd window of an eighth of the side, twice; the border is repeated."""
    pool = F.avg_pool2d if images.ndim == 4 else F.avg_pool3d
    windows = tuple(max(1, min(side // BLUR, side - 1)) // 2 * 2 + 1 for side in images.shape[2:])
    padding = [p for window in reversed(windows) for p in (window // 2, window // 2)]
    for _ in range(2):
        images = pool(F.pad(images, padding, mode="replicate"), windows, stride=1)
    return images
