"""What an explanation method gives: maps in the pixel grid of the images, and everything needed to make them again."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pellucid.errors import InputError


@dataclass(frozen=True)
class Target:
    """What is explained: a name a clinician would say, and its score (B,) in the model's raw output (a logit, a similarity)."""

    name: str
    score: Callable[[Any], Tensor]


@dataclass(frozen=True)
class Maps:
    """One map per image: (B, H, W), or (B, D, H, W) for volumes, in the grid of the images as the model takes them.

    Orientation: higher speaks more for the target; where `signed`, below zero speaks against it. Neither normalised nor
    inverted.
    """

    values: NDArray[np.float32]
    method: str
    target: str
    signed: bool
    layer: str | None = None
    seed: int | None = None
    samples: int | None = None
    standard_error: NDArray[np.float32] | None = None
    """Of sampled methods: the standard error of `values`, same shape."""
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.values.ndim not in (3, 4) or not np.isfinite(self.values).all():
            raise InputError(
                f"{self.method}: expected finite maps (B, H, W) or (B, D, H, W), got shape {self.values.shape}"
                f"{'' if np.isfinite(self.values).all() else ' with NaN or infinity: the model gives no usable gradient here'}"
            )
