"""Marks that recur: patches that are the same in many images, which no two pictures of tissue are.

Burnt-in text, laterality letters, callipers, rulers, logos and scanner marks repeat pixel for pixel at the same place; anatomy
does not. Nothing has to be known of what a mark looks like.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pellucid.audit.regions import Box, Region, of_box, windows
from pellucid.record.shortcut import Look

Grey = NDArray[np.float64]
"""(n, H, W) in 0..1 of the set's range."""
ALIKE = 0.3
"""Two patches are the same mark where their difference is below this share of what each differs in itself (ours)."""
STRUCTURE = 0.08
"""A patch without so much spread (of the set's range) is empty: black surround recurs everywhere and marks nothing."""
LEAST_CARRIED = 0.08
MOST_COMPARED = 200
STEEP = 0.25
STROKES, BLOCK, LONG = 4, 0.85, 2.0


@dataclass(frozen=True)
class Recurring:
    """A window in which a pattern recurs: where, and which of the cases (n,) carry it."""

    box: Box
    carriers: NDArray[np.bool_]


def grey(images: NDArray[np.float32]) -> Grey:
    """Images (n, C, H, W) as one channel in 0..1 of the set's own range (its 0.5th to 99.5th percentile)."""
    mean = images.mean(axis=1, dtype=np.float64)
    low, high = np.quantile(mean, (0.005, 0.995))
    return np.clip((mean - low) / max(float(high - low), 1e-9), 0.0, 1.0)


def recurring(pictures: Grey) -> list[Recurring]:
    """Windows with a recurring pattern, strongest first (by share of carriers)."""
    some = pictures[:MOST_COMPARED]
    found: list[Recurring] = []
    for box in windows((pictures.shape[1], pictures.shape[2])):
        carriers = _carriers(some[:, box[0] : box[2], box[1] : box[3]].reshape(len(some), -1))
        if carriers.mean() >= LEAST_CARRIED and carriers.sum() >= 3:
            everyone = np.zeros(len(pictures), dtype=np.bool_)
            everyone[: len(some)] = carriers
            found.append(Recurring(box, everyone))
    return sorted(found, key=lambda r: -float(r.carriers.mean()))


def _carriers(patches: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which patches (n, pixels) have a structure that at least two others share."""
    centred = patches - patches.mean(axis=1, keepdims=True)
    spread = (centred**2).mean(axis=1)
    squared = np.maximum(spread[:, None] + spread[None] - 2 * centred @ centred.T / patches.shape[1], 0.0)
    full = np.minimum(spread[:, None], spread[None]) > STRUCTURE**2
    same = full & (squared < ALIKE**2 * np.minimum(spread[:, None], spread[None]))
    np.fill_diagonal(same, val=False)
    return same.sum(axis=1) >= 2


def look_of(pictures: Grey, region: Region) -> tuple[Look, Literal["bright", "dark"] | None]:
    """What recurs in a region of the images that carry it: its look and whether it is brighter or darker than around it.

    `pictures` (n, H, W) are the carriers. The mean over them keeps what is common and blurs what is not.
    """
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    mean = pictures.mean(axis=0)[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    middle = float(np.median(mean))
    above, below = float(mean.max()) - middle, middle - float(mean.min())
    if max(above, below) < STEEP:
        return "area", None
    bright = above >= below
    on = mean > middle + above / 2 if bright else mean < middle - below / 2
    return _shape(on), "bright" if bright else "dark"


def _shape(on: NDArray[np.bool_]) -> Look:
    pieces = components(on)
    if len(pieces) >= STROKES and _in_a_row(pieces):
        return "ruler-like row of ticks"
    ys, xs = np.nonzero(on)
    box = (np.ptp(ys) + 1) * (np.ptp(xs) + 1)
    return "mark" if len(ys) >= BLOCK * box else "letter-like mark"


def _in_a_row(pieces: list[NDArray[np.int64]]) -> bool:
    """Whether pieces lie along a line, evenly."""
    centres = np.array([p.mean(axis=0) for p in pieces])
    spread = centres.std(axis=0)
    if spread.max() < LONG * max(float(spread.min()), 0.5):
        return False
    gaps = np.diff(np.sort(centres[:, int(spread.argmax())]))
    return bool(gaps.std() < 0.5 * gaps.mean())


def components(on: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Connected pieces (eight neighbours) of a small mask, each as points (k, 2)."""
    left = {(int(y), int(x)) for y, x in np.argwhere(on)}
    pieces: list[NDArray[np.int64]] = []
    while left:
        stack, piece = [left.pop()], list[tuple[int, int]]()
        while stack:
            y, x = stack.pop()
            piece.append((y, x))
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            stack.extend(near)
        pieces.append(np.array(piece, dtype=np.int64))
    return pieces


def region_of(marks: list[Recurring], shape: tuple[int, int]) -> list[tuple[Region, NDArray[np.bool_]]]:
    """Overlapping windows with much the same carriers as one region each, with who carries it."""
    groups: list[tuple[Region, NDArray[np.bool_]]] = []
    for mark in marks:
        region = of_box(mark.box, shape)
        for i, (other, carriers) in enumerate(groups):
            shared = np.count_nonzero(carriers & mark.carriers) / max(1, min(int(carriers.sum()), int(mark.carriers.sum())))
            if (other & region).any() and shared > 0.5:
                groups[i] = (other | region, carriers | mark.carriers)
                break
        else:
            groups.append((region, mark.carriers))
    return groups
