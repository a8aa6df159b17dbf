"""Marks that recur: patches that are the same in many images, which no two pictures of tissue are.

Burnt-in text, laterality letters, callipers, rulers, logos and scanner marks repeat pixel for pixel at the same place; anatomy
does not. Nothing has to be known of what a mark looks like.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pellucid.audit.regions import WINDOW_SHARE, Box, Region, box_of, grown, of_box, windows
from pellucid.record.shortcut import Look

Grey = NDArray[np.float64]
"""(n, H, W) in 0..1 of the set's range."""
ALIKE = 0.3
"""Two patches are the same mark where their difference is below this share of what each differs in itself (ours)."""
STRUCTURE = 0.08
"""A patch without so much spread (of the set's range) is empty: black surround recurs everywhere and marks nothing."""
LEAST_CARRIED = 0.08
LEAST_CARRIERS = 3
MOST_COMPARED = 200
SAME_VALUE = 0.03
"""Values that differ by less (of the set's range) are one value: a burnt-in mark after JPEG."""
SHARES = tuple(np.arange(0.1, 1.0, 0.1).round(1).tolist())
SHARP = 0.3
"""A mark ends: in the images that carry it, fewer of the pixels right outside have its value."""
SMALLEST, MOST_PIECES = 3, 60
LARGEST_SHARE = 0.04
"""A piece that is larger (of the image) is no mark: a cell's nucleus in the middle of every crop recurs too."""
MOSTLY = 0.7
MOST_BLACK = 0.1
"""A patch with more black (of the set's range) than this is at the edge of the picture's field, which recurs and is no mark."""
STEEP = 0.05
STROKES, BLOCK, LONG = 4, 0.8, 2.0


@dataclass(frozen=True)
class Recurring:
    """A place at which a pattern recurs, and which of the cases (n,) carry it."""

    region: Region
    carriers: NDArray[np.bool_]


def grey(images: NDArray[np.float32]) -> Grey:
    """Images (n, C, H, W) as one channel in 0..1 of the set's own range (without its farthest thousandth)."""
    mean = images.mean(axis=1, dtype=np.float64)
    low, high = np.quantile(mean, (0.0005, 0.9995))
    return np.clip((mean - low) / max(float(high - low), 1e-9), 0.0, 1.0)


def recurring(pictures: Grey) -> list[Recurring]:
    """Places with a recurring pattern, the most carried first: exact overlays, and windows that are alike."""
    found = [Recurring(region, carriers) for region, carriers in _overlays(pictures)]
    burnt = np.any([mark.region for mark in found], axis=0) if found else np.zeros(pictures.shape[1:], dtype=np.bool_)
    for region, carriers in _alike(pictures[:MOST_COMPARED]):
        if not (region & burnt).any():
            found.append(Recurring(region, np.pad(carriers, (0, len(pictures) - len(carriers)))))
    return _together(sorted(found, key=lambda r: -float(r.carriers.mean())))


def _alike(pictures: Grey) -> list[tuple[Region, NDArray[np.bool_]]]:
    """Windows whose patches, less what is smooth in them, are the same in several images."""
    shape, found = (pictures.shape[1], pictures.shape[2]), list[tuple[Region, NDArray[np.bool_]]]()
    for box in windows(shape):
        patches = pictures[:, box[0] : box[2], box[1] : box[3]].reshape(len(pictures), -1)
        lit = (patches <= 2 * SAME_VALUE).mean(axis=1) < MOST_BLACK
        carriers = lit & _carriers(np.where(lit[:, None], _rough(patches, box), 0.0))
        if _enough(carriers):
            found.append((of_box(box, shape), carriers))
    return found


def _enough(carriers: NDArray[np.bool_]) -> bool:
    return bool(carriers.mean() >= LEAST_CARRIED and carriers.sum() >= LEAST_CARRIERS)


def _overlays(pictures: Grey) -> list[tuple[Region, NDArray[np.bool_]]]:
    """Small pieces of pixels that have one and the same value in many images while the pixels around them vary.

    Tissue takes a value now here, now there; what is burnt in takes it always at the same place.
    """
    share, value = _commonest(pictures)
    pieces = [p for p in components(share >= SHARES[0], value) if SMALLEST <= len(p) <= LARGEST_SHARE * share.size]
    small = sorted(pieces, key=lambda p: -float(share[p[:, 0], p[:, 1]].mean()))
    found: list[tuple[Region, NDArray[np.bool_]]] = []
    for piece in small[:MOST_PIECES]:
        found += _overlay(piece, float(value[piece[:, 0], piece[:, 1]].mean()), pictures)
    return found


def _overlay(piece: NDArray[np.int64], value: float, pictures: Grey) -> list[tuple[Region, NDArray[np.bool_]]]:
    """A piece with those who carry it, where it is a mark: not black, of one value to within little, with an edge."""
    ys, xs = piece[:, 0], piece[:, 1]
    carriers = (np.abs(pictures[:, ys, xs] - value) <= SAME_VALUE).mean(axis=1) >= MOSTLY
    if not _enough(carriers) or value <= 2 * SAME_VALUE:
        return []
    inside, own = np.zeros(pictures.shape[1:], dtype=np.bool_), pictures[carriers]
    inside[ys, xs] = True
    ring = grown(inside[None], 1)[0] & ~inside
    exact = (np.abs(own[:, ys, xs] - np.median(own[:, ys, xs])) <= SAME_VALUE / 3).mean()
    edged = ring.any() and (np.abs(own[:, ring] - value) <= SAME_VALUE).mean() < SHARP
    return [(ring | inside, carriers)] if exact >= MOSTLY and edged else []


def _commonest(pictures: Grey) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Per pixel (H, W): the share of images that have its commonest value, and that value, to within `SAME_VALUE`."""
    ordered = np.sort(pictures, axis=0)
    share: NDArray[np.float64] = np.zeros(pictures.shape[1:])
    value: NDArray[np.float64] = ordered[len(ordered) // 2].copy()
    for part in SHARES:
        count = max(2, round(part * len(pictures)))
        spans = ordered[count - 1 :] - ordered[: len(ordered) - count + 1]
        first = spans.argmin(axis=0)
        held = spans.min(axis=0) <= SAME_VALUE
        middle: NDArray[np.float64] = np.take_along_axis(ordered, (first + count // 2)[None], axis=0)[0]
        share[held], value[held] = part, middle[held]
    return share, value


def _rough(patches: NDArray[np.float64], box: Box) -> NDArray[np.float64]:
    """Patches (n, pixels) of a box less the smooth surface (second order) through each: light that falls off towards the rim of a
    photograph recurs and is no mark.
    """
    y, x = np.mgrid[-1 : 1 : (box[2] - box[0]) * 1j, -1 : 1 : (box[3] - box[1]) * 1j].reshape(2, -1)
    base, _ = np.linalg.qr(np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1))
    return patches - patches @ base @ base.T


def _carriers(patches: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which patches (n, pixels) have a structure that at least two others share."""
    spread = (patches**2).mean(axis=1)
    squared = np.maximum(spread[:, None] + spread[None] - 2 * patches @ patches.T / patches.shape[1], 0.0)
    full = np.minimum(spread[:, None], spread[None]) > STRUCTURE**2
    same = full & (squared < ALIKE**2 * np.minimum(spread[:, None], spread[None]))
    np.fill_diagonal(same, val=False)
    return same.sum(axis=1) >= 2


def look_of(pictures: Grey, region: Region) -> tuple[Look, Literal["bright", "dark"] | None]:
    """What recurs in a region of the images that carry it: its look and whether it is brighter or darker than around it.

    `pictures` (n, H, W) are the carriers. The mean over them keeps what is common and blurs what is not.
    """
    top, left, bottom, right = box_of(region)
    margin = max(1, round(0.03 * max(region.shape)))
    mean = pictures.mean(axis=0)[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin]
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


def components(on: NDArray[np.bool_], value: NDArray[np.float64] | None = None) -> list[NDArray[np.int64]]:
    """Connected pieces (eight neighbours) of a mask, each as points (k, 2); with `value` (H, W) alike from pixel to pixel."""
    left = {(int(y), int(x)) for y, x in np.argwhere(on)}
    levels = np.zeros(on.shape) if value is None else value
    pieces: list[NDArray[np.int64]] = []
    while left:
        stack, piece = [left.pop()], list[tuple[int, int]]()
        while stack:
            y, x = stack.pop()
            piece.append((y, x))
            around = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            near = {p for p in around if abs(levels[p] - levels[y, x]) <= SAME_VALUE / 2}
            left -= near
            stack.extend(near)
        pieces.append(np.array(piece, dtype=np.int64))
    return pieces


def _together(marks: list[Recurring]) -> list[Recurring]:
    """Places near each other with much the same carriers as one each: the strokes of a text, the ticks of a ruler."""
    groups: list[Recurring] = []
    for mark in marks:
        joined, apart = mark, list[Recurring]()
        for other in groups:
            if _near(joined.region, other.region) and _shared(joined.carriers, other.carriers) > MOSTLY:
                joined = Recurring(joined.region | other.region, joined.carriers | other.carriers)
            else:
                apart.append(other)
        groups = [*apart, joined]
    return sorted(groups, key=lambda r: -float(r.carriers.mean()))


def _shared(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return np.count_nonzero(one & other) / max(1, np.count_nonzero(one | other))


def _near(one: Region, other: Region) -> bool:
    """Whether the boxes of two regions lie within a window's width of each other."""
    (t, left, b, r), (t2, left2, b2, r2) = box_of(one), box_of(other)
    gap = max(t2 - b, t - b2, left2 - r, left - r2)
    return gap <= WINDOW_SHARE * max(one.shape)
