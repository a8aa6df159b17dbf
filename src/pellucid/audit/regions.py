"""Places in an image: windows over a grid, borders, the same shape elsewhere; and how a person would call them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Region = NDArray[np.bool_]
"""(H, W): true inside."""
Box = tuple[int, int, int, int]
"""Top, left, bottom, right in pixels; bottom and right outside."""

WINDOWS = 9
"""Windows per axis; each a sixth of the image wide, so that neighbours overlap."""
WINDOW_SHARE = 1 / 6
BORDER_SHARE = 1 / 12
NEAR_BORDER = 0.12
TRIES = 40
MOST_OVERLAP = 0.1
GROWN_SHARE = 0.03


def windows(shape: tuple[int, int]) -> list[Box]:
    """`WINDOWS` squared boxes that cover an image (H, W), row by row."""
    spans: list[list[tuple[int, int]]] = []
    for size in shape:
        side = max(1, round(size * WINDOW_SHARE))
        starts = np.round(np.linspace(0, size - side, WINDOWS)).astype(int)
        spans.append([(int(s), int(s) + side) for s in starts])
    return [(top, left, bottom, right) for top, bottom in spans[0] for left, right in spans[1]]


def borders(shape: tuple[int, int]) -> dict[str, Region]:
    """The four borders and the whole frame of an image (H, W), by name."""
    height, width = shape
    thick = [max(1, round(size * BORDER_SHARE)) for size in shape]
    found = {name: np.zeros(shape, dtype=np.bool_) for name in ("upper", "lower", "left", "right")}
    found["upper"][: thick[0]] = True
    found["lower"][height - thick[0] :] = True
    found["left"][:, : thick[1]] = True
    found["right"][:, width - thick[1] :] = True
    frame = found["upper"] | found["lower"] | found["left"] | found["right"]
    return {**{f"the {name} border": region for name, region in found.items()}, "the whole border": frame}


def of_box(box: Box, shape: tuple[int, int]) -> Region:
    """A box as a region (H, W)."""
    region = np.zeros(shape, dtype=np.bool_)
    region[box[0] : box[2], box[1] : box[3]] = True
    return region


def box_of(region: Region) -> Box:
    """The smallest box around a region that is not empty."""
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def joined(chosen: Sequence[int], shape: tuple[int, int]) -> list[Region]:
    """Windows by index, neighbours joined to one region each; the region that holds the first index comes first."""
    boxes, left = windows(shape), list(chosen)
    regions: list[Region] = []
    while left:
        group, rest = [left[0]], left[1:]
        grown = True
        while grown:
            near = [i for i in rest if any(_adjacent(i, j) for j in group)]
            group, rest, grown = group + near, [i for i in rest if i not in near], bool(near)
        regions.append(np.any([of_box(boxes[i], shape) for i in group], axis=0))
        left = rest
    return regions


def _adjacent(one: int, other: int) -> bool:
    (a, b), (c, d) = divmod(one, WINDOWS), divmod(other, WINDOWS)
    return abs(a - c) + abs(b - d) == 1


def overlap(one: Region, other: Region) -> float:
    """Intersection over union of two regions that are not empty."""
    return int((one & other).sum()) / max(1, int((one | other).sum()))


def elsewhere(region: Region, avoid: Region, generator: np.random.Generator) -> Region:
    """The same shape moved to a random place that meets `avoid` (H, W) and the region itself as little as possible.

    A frame, which cannot be moved, becomes a frame of at least the same area further in.
    """
    height, width = region.shape
    top, left, bottom, right = box_of(region)
    if (bottom - top, right - left) == (height, width):
        return _inner(region)
    shut, best, least = np.logical_or(avoid, region), region, 2.0
    shape, area = region[top:bottom, left:right], int(region.sum())
    ends = (height - (bottom - top) + 1, width - (right - left) + 1)
    drawn: NDArray[np.int64] = generator.integers(ends, size=(TRIES, 2))
    for y, x in drawn.tolist():
        moved = np.zeros_like(region)
        moved[y : y + bottom - top, x : x + right - left] = shape
        met = int((moved & shut).sum()) / area
        if met < least:
            best, least = moved, met
        if least <= MOST_OVERLAP:
            break
    return best


def _inner(frame: Region) -> Region:
    """The next frame inside a frame, thickened until it is as large."""
    inside, found = ~frame, np.zeros_like(frame)
    while inside.any() and np.count_nonzero(found) < np.count_nonzero(frame):
        top, left, bottom, right = box_of(inside)
        core = np.zeros_like(frame)
        core[top + 1 : bottom - 1, left + 1 : right - 1] = True
        found, inside = found | (inside & ~core), inside & core
    return found


def at_border(region: Region) -> bool:
    """Whether a region's centre lies within reach of the border."""
    top, left, bottom, right = box_of(region)
    height, width = region.shape
    y, x = (top + bottom) / 2 / height, (left + right) / 2 / width
    reach = NEAR_BORDER + WINDOW_SHARE / 2
    return min(y, 1 - y, x, 1 - x) <= reach


def called(region: Region) -> str:
    """What a person would call a place: 'the upper-left corner', 'the lower border', 'the middle'."""
    top, left, bottom, right = box_of(region)
    height, width = region.shape
    if (bottom - top, right - left) == (height, width):
        return "the whole border" if np.count_nonzero(region) < region.size / 2 else "the whole image"
    tall, wide = (bottom - top) > height / 2, (right - left) > width / 2
    row = "" if tall else ("upper", "middle", "lower")[_third((top + bottom) / 2 / height)]
    column = "" if wide else ("left", "middle", "right")[_third((left + right) / 2 / width)]
    if tall or wide:
        side = (row or column) or "middle"
        return f"the {side} border" if side != "middle" and at_border(region) else f"the {side} of the image"
    if row == column == "middle":
        return "the middle of the image"
    if "middle" in (row, column):
        edge = column if row == "middle" else row
        return f"the middle of the {edge} border" if at_border(region) else f"the {edge} part of the image"
    return f"the {row}-{column} {'corner' if at_border(region) else 'part of the image'}"


def _third(share: float) -> int:
    return 0 if share < 1 / 3 else 2 if share > 2 / 3 else 1


def grown(masks: NDArray[np.bool_], reach_px: int | None = None) -> NDArray[np.bool_]:
    """Masks (n, H, W) grown on every side, by three hundredths of the image where not told by how much."""
    reach = max(1, round(GROWN_SHARE * max(masks.shape[1:]))) if reach_px is None else reach_px
    out = masks
    for axis in (1, 2):
        total = out.copy()
        for step in range(1, reach + 1):
            ahead, behind = [slice(None)] * 3, [slice(None)] * 3
            ahead[axis], behind[axis] = slice(step, None), slice(None, -step)
            total[tuple(ahead)] |= out[tuple(behind)]
            total[tuple(behind)] |= out[tuple(ahead)]
        out = total
    return out
