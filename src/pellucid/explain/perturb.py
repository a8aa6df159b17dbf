"""Maps from what the score does when parts of the image are taken away: occlusion and RISE. The forward pass is enough."""

from itertools import product
from math import ceil, prod

import torch
from torch import Tensor

from pellucid.errors import ExplainError
from pellucid.explain.absence import absent
from pellucid.explain.ask import Answer, Ask, at_least, chunks, scores_of
from pellucid.explain.cams import enlarged

WINDOW = 8
"""The default window is one part in so many of each side."""


def through(image: Tensor, gone: Tensor, masks: Tensor) -> Tensor:
    """One image (C, *space) seen through masks (m, *space) of zero to one, `gone` (C, *space) behind them -> (m, C, *space)."""
    return torch.lerp(gone.unsqueeze(0), image.unsqueeze(0), masks.unsqueeze(1).to(image))


def window_of(given: int | tuple[int, ...] | None, space: tuple[int, ...], name: str) -> tuple[int, ...]:
    """A window or stride for each axis. Raises ExplainError where it does not fit the image."""
    sides = (given,) * len(space) if isinstance(given, int) else given
    if sides is None or len(sides) != len(space) or any(not 1 <= side <= s for side, s in zip(sides, space, strict=True)):
        raise ExplainError(f"occlusion: expected {name} as one number or one per axis, within {space}, got {given}")
    return tuple(sides)


def windows(space: tuple[int, ...], window: tuple[int, ...], stride: tuple[int, ...]) -> list[tuple[slice, ...]]:
    """Windows at every stride, the last cut at the border, so that every pixel is covered once or more."""
    starts = [[i * step for i in range(ceil((s - w) / step) + 1)] for s, w, step in zip(space, window, stride, strict=True)]
    return [tuple(slice(a, min(a + w, s)) for a, w, s in zip(at, window, space, strict=True)) for at in product(*starts)]


def occlusion(ask: Ask) -> Answer:
    """Zeiler and Fergus 2014 (arXiv 1311.2901): how much the score falls when a window is taken away.

    Where windows overlap, their mean."""
    given = ask.options["window"]
    window = window_of(tuple(max(1, s // WINDOW) for s in ask.space) if given is None else given, ask.space, "window")
    step = ask.options["stride"]
    stride = window_of(tuple(max(1, w // 2) for w in window) if step is None else step, ask.space, "stride")
    if any(s > w for s, w in zip(stride, window, strict=True)):
        raise ExplainError(f"occlusion: expected a stride {stride} within the window {window}, or pixels between are never tried")
    places = windows(ask.space, window, stride)
    gone = absent(ask.images, ask.options["baseline"])
    whole = scores_of(ask, ask.images)
    total, covered = torch.zeros_like(ask.images[:, 0]), torch.zeros_like(ask.images[0, 0])
    for place in places:
        covered[place] += 1
    for part in chunks(len(places), max(1, ask.subject.at_once(False) // len(ask.images))):
        variants = [ask.images.clone() for _ in places[part]]
        for place, variant in zip(places[part], variants, strict=True):
            variant[(..., *place)] = gone[(..., *place)]
        fallen = whole - scores_of(ask, torch.cat(variants)).view(len(variants), -1)
        for place, by in zip(places[part], fallen, strict=True):
            total[(..., *place)] += by.view(-1, *(1,) * len(place))
    return Answer(total / covered, samples=len(places))


def soft_masks(count: int, space: tuple[int, ...], cells: int, visible: float, generator: torch.Generator) -> Tensor:
    """Random masks (count, *space): coarse cells that are on with chance `visible`, enlarged and shifted (Petsiuk 2018)."""
    coarse = (torch.rand((count, 1, *(min(cells, s) for s in space)), generator=generator) < visible).float()
    sides = [ceil(s / min(cells, s)) for s in space]
    large = enlarged(coarse, tuple(s + 2 * side for s, side in zip(space, sides, strict=True)))
    shifts = torch.stack([torch.randint(2 * side, (count,), generator=generator) for side in sides], dim=1).tolist()
    return torch.stack(
        [one[0][tuple(slice(a, a + s) for a, s in zip(at, space, strict=True))] for one, at in zip(large, shifts, strict=True)]
    )


def rise(ask: Ask) -> Answer:
    """RISE, Petsiuk et al. 2018 (arXiv 1806.07421): the mean score where a pixel is seen, less the mean score.

    Masks are shared by all images. The mean is taken off (Petsiuk leaves it in): it says nothing of a place, and with a logit
    for a score it would drown the map.
    """
    samples, cells = at_least(ask, "samples", 2), at_least(ask, "cells", 2)
    visible, generator = ask.options["visible"], ask.generator()
    if not 0 < visible < 1:
        raise ExplainError(f"visible: expected a part between 0 and 1, got {visible!r}")
    gone = absent(ask.images, ask.options["baseline"])
    size = prod(ask.space)
    first, crossed, square = (torch.zeros(len(ask.images), size, dtype=torch.float64) for _ in range(3))
    seen, seen_square = (torch.zeros(size, dtype=torch.float64) for _ in range(2))
    mean = torch.zeros(len(ask.images), 1, dtype=torch.float64)
    for part in chunks(samples, ask.subject.at_once(False)):
        masks = soft_masks(part.stop - part.start, ask.space, cells, visible, generator)
        scores = torch.stack([scores_of(ask, through(x, g, masks.to(x.device))) for x, g in zip(ask.images, gone, strict=True)])
        flat, values = masks.flatten(1).double(), scores.double().cpu()
        first, crossed, square = first + values @ flat, crossed + values @ flat**2, square + values**2 @ flat**2
        seen, seen_square, mean = (
            seen + flat.sum(dim=0),
            seen_square + (flat**2).sum(dim=0),
            mean + values.sum(dim=1, keepdim=True),
        )
    where = first / seen.clamp(min=1e-9)
    error = (square - 2 * where * crossed + where**2 * seen_square).clamp(min=0).sqrt() / seen.clamp(min=1e-9)
    shape = (len(ask.images), *ask.space)
    return Answer((where - mean / samples).view(shape), samples=samples, standard_error=error.view(shape))
