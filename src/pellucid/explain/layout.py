"""Where the places of the image are in what a layer gives: channels first, channels last, or tokens behind class and registers.

Peers take this from the user, or guess: Captum's Grad-CAM reads the tokens of a ViT as channels and says nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import isqrt, prod
from typing import Literal

from torch import Tensor

MOST_PREFIX = 32
"""Class and register tokens: no published vision transformer has more (DINOv2 and v3 have 1 + 4)."""
PLANE = 2
"""Axes of a plane: in these a net strides alike, along the depth it may not."""

Kind = Literal["channels first", "channels last", "tokens", "sequence first"]


@dataclass(frozen=True)
class Layer:
    """A layer that keeps places: its name in the module, and how its output becomes a grid."""

    name: str
    kind: Kind
    grid: tuple[int, ...]
    """(h, w) or (d, h, w)."""
    channels: int
    prefix: int = 0
    """Tokens that stand before the places: class and registers."""
    suffix: int = 0
    """Tokens that stand behind the places, where a model puts its class token last."""
    bytes_after: int = 0
    """What the outputs of everything that is called later take for one image."""

    def to_grid(self, activation: Tensor) -> Tensor:
        """What the layer gives -> (B, C, h, w) or (B, C, d, h, w); class and register tokens are left out."""
        if self.kind == "channels first":
            return activation
        if self.kind == "channels last":
            return activation.movedim(-1, 1)
        tokens = activation.transpose(0, 1) if self.kind == "sequence first" else activation
        places = tokens[:, self.prefix : self.prefix + prod(self.grid)]
        return places.transpose(1, 2).unflatten(2, self.grid)

    def from_grid(self, grid: Tensor, like: Tensor) -> Tensor:
        """The inverse of `to_grid`: (B, C, h, w) put back into the places of an output of this layer."""
        if self.kind == "channels first":
            return grid
        if self.kind == "channels last":
            return grid.movedim(1, -1)
        whole = like.clone()
        places = grid.flatten(2).transpose(1, 2)
        tokens = whole.transpose(0, 1) if self.kind == "sequence first" else whole
        tokens[:, self.prefix : self.prefix + prod(self.grid)] = places
        return whole


def fits(grid: tuple[int, ...], space: tuple[int, ...]) -> bool:
    """Whether a grid can be the image at a coarser step: no larger, and within a plane of the same shape to one cell."""
    if prod(grid[-PLANE:]) < 2 or any(not 0 < g <= s for g, s in zip(grid, space, strict=True)):
        return False
    (h, w), (height, width) = grid[-PLANE:], space[-PLANE:]
    return abs(w - width * h / height) <= 1 or abs(h - height * w / width) <= 1


def token_grid(count: int, space: tuple[int, ...], seen: Iterable[tuple[int, ...]], prefix: int | None) -> tuple[int, ...] | None:
    """The grid of `count` tokens: one that a convolution gave before, else the one of the image's shape."""
    possible = [g for g in seen if 0 <= count - prod(g) <= MOST_PREFIX and (prefix is None or count - prod(g) == prefix)]
    if possible:
        return max(possible, key=prod)
    if len(space) != PLANE:
        return None
    height, width = space
    for extra in range(MOST_PREFIX + 1) if prefix is None else (prefix,):
        h = isqrt(max(0, (count - extra) * height // width))
        if h > 1 and (count - extra) % h == 0 and h * width == (count - extra) // h * height:
            return (h, (count - extra) // h)
    return None


@dataclass(frozen=True)
class Sizes:
    """What is known before a layer is looked at: the batch, the image's space, grids seen so far, tokens before the places."""

    batch: int
    space: tuple[int, ...]
    seen: tuple[tuple[int, ...], ...]
    prefix: int | None


def layout_of(name: str, shape: tuple[int, ...], known: Sizes) -> Layer | str:
    """The layer's layout, or in words why its output has no places."""
    shown = f"its output {shape} for {known.batch} images"
    if len(shape) == len(known.space) + 2 and shape[0] == known.batch:
        return grid_layout(name, shape, known.space) or (
            f"{shown} is a single cell: it comes after the pooling"
            if prod(shape[2:]) == 1
            else f"{shown} has no axes in the shape of the image {known.space}"
        )
    if len(shape) == 3 and known.batch in shape[:2]:
        return token_layout(name, shape, known) or (
            f"{shown} are tokens that are no grid of the image {known.space} with class and register tokens before it"
        )
    return f"{shown} has no grid: it comes after the pooling"


def grid_layout(name: str, shape: tuple[int, ...], space: tuple[int, ...]) -> Layer | None:
    """(B, C, *grid) or (B, *grid, C), whichever has the image's shape; the former where both have."""
    if fits(shape[2:], space):
        return Layer(name, "channels first", shape[2:], shape[1])
    if fits(shape[1:-1], space):
        return Layer(name, "channels last", shape[1:-1], shape[-1])
    return None


def token_layout(name: str, shape: tuple[int, ...], known: Sizes) -> Layer | None:
    """(B, N, C) or (N, B, C) where the tokens are a grid behind some others."""
    first = shape[0] == known.batch
    count = shape[1] if first else shape[0]
    grid = token_grid(count, known.space, known.seen, known.prefix)
    if grid is None:
        return None
    return Layer(name, "tokens" if first else "sequence first", grid, shape[2], prefix=count - prod(grid))
