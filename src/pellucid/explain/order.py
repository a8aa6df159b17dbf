"""Whether tokens stand in reading order, and on which side of them the class token is: found by changing corners of the image."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from math import prod

import torch
from torch import Tensor, nn

from pellucid.explain.layout import Layer

AMONG = 0.75
"""The token of a changed corner must be among this upper part of changes: behind convolutions its neighbours change too."""
CHANGE = 3.0
"""By how many standard deviations of the image a corner is changed."""

LOOKS = 2


def corners(images: Tensor, grid: tuple[int, ...]) -> tuple[Tensor, list[tuple[int, ...]]]:
    """An image and its copies with one cell at a corner changed (1 + corners, C, *space), and these cells."""
    space = tuple(images.shape[2:])
    cells = list(product(*((0, g - 1) if g > 1 else (0,) for g in grid)))
    copies = images[:1].repeat(1 + len(cells), *(1,) * (images.ndim - 1))
    for row, cell in enumerate(cells, start=1):
        place = tuple(slice(c * s // g, max((c + 1) * s // g, c * s // g + 1)) for c, g, s in zip(cell, grid, space, strict=True))
        copies[(row, slice(None), *place)] += CHANGE
    return copies, cells


@torch.no_grad()
def changes(module: nn.Module, layer: Layer, images: Tensor) -> Tensor:
    """How much each token of a layer differs from that of the first image: (B - 1, tokens)."""
    seen: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: object, output: Tensor | tuple[Tensor, ...]) -> None:
        seen[:] = [(output if isinstance(output, Tensor) else output[0]).clone()]

    hook = module.get_submodule(layer.name).register_forward_hook(keep)
    try:
        module(images.clone())
    finally:
        hook.remove()
    tokens = seen[0].transpose(0, 1) if layer.kind == "sequence first" else seen[0]
    return (tokens[1:] - tokens[:1]).abs().sum(dim=2)


def agrees(amount: Tensor, cells: Sequence[tuple[int, ...]], grid: tuple[int, ...], prefix: int) -> bool:
    """Whether each changed corner shows at its own token, in reading order behind `prefix` others."""
    for row, cell in zip(amount, cells, strict=True):
        index = 0
        for c, g in zip(cell, grid, strict=True):
            index = index * g + c
        own = row[prefix + index]
        if own <= 0 or own < row.quantile(AMONG):
            return False
    return True


def token_order(module: nn.Module, layers: Sequence[Layer], images: Tensor) -> dict[tuple[int, tuple[int, ...]], int | None]:
    """For each number of tokens and grid: how many tokens stand before the places, None where they are not in reading order.

    Looks at the first layers with so many tokens, before attention mixes them: at two, since some models reorder after embedding.
    """
    found: dict[tuple[int, tuple[int, ...]], int | None] = {}
    looked: dict[tuple[int, tuple[int, ...]], int] = {}
    for layer in layers:
        key = (layer.prefix + prod(layer.grid), layer.grid)
        if layer.kind not in ("tokens", "sequence first") or looked.get(key, 0) >= LOOKS or found.get(key, 0) is None:
            continue
        looked[key] = looked.get(key, 0) + 1
        if key not in found and found and layer.prefix == 0:  # a later grid without other tokens goes as the first did
            looked[key], found[key] = LOOKS, 0 if None not in found.values() else None
            continue
        changed, cells = corners(images, layer.grid)
        amount = changes(module, layer, changed)
        sides = (found[key],) if key in found else dict.fromkeys((layer.prefix, 0))
        found[key] = next((p for p in sides if p is not None and agrees(amount, cells, layer.grid, p)), None)
    return found


def in_order(layers: Sequence[Layer], order: dict[tuple[int, tuple[int, ...]], int | None]) -> list[Layer]:
    """Layers with the side of their other tokens as found; those whose tokens are not in reading order are left out."""
    kept: list[Layer] = []
    later = None if None in order.values() else 0  # grids without other tokens that come only after attention
    for layer in layers:
        if layer.kind not in ("tokens", "sequence first"):
            kept.append(layer)
            continue
        prefix = order.get((layer.prefix + prod(layer.grid), layer.grid), later if layer.prefix == 0 else None)
        if prefix is not None:
            kept.append(replace(layer, prefix=prefix, suffix=layer.prefix - prefix))
    return kept
