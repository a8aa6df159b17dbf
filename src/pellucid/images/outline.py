"""Outlines of masks as closed polygons, their inverse, and connected components; all without SciPy.

Coordinates are (x, y) with the origin at the outer corner of the top-left pixel, so pixel (column c, row r) covers
c..c+1, r..r+1. Foreground is 4-connected throughout: pixels that touch at a corner only are two regions.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError

Mask = NDArray[np.bool_]
Outline = NDArray[np.float64]

TOLERANCE = 0.5
"""How far, in pixels, a simplified outline may lie from the midpoints of the exact one's borders."""

DIRECTIONS = ((1, 0), (0, 1), (-1, 0), (0, -1))
"""Right, down, left, up: each the one before it, turned clockwise on the screen."""


def outlines(mask: Mask, tolerance: float = TOLERANCE) -> tuple[Outline, ...]:
    """The closed outlines of a mask (H, W), each (N, 2) with N >= 3 in pixel-corner coordinates, the longest first.

    Traced exactly along pixel borders, regions clockwise and holes anticlockwise on the screen. With `tolerance` 0 that is
    the outline, and `fill` gives the mask back. Else the steps are taken out: the outline goes through the midpoints of the
    pixel borders (as marching squares would) and is simplified by Douglas and Peucker's method (Cartographica 1973;10:112)
    within `tolerance` pixels of them. Holes count by the even-odd rule. Raises InputError on anything but a boolean (H, W).
    """
    traced = [np.array(corners, np.float64) for corners in _traced(_checked(mask))]
    if tolerance > 0:
        traced = [simplified(_midpoints(outline), tolerance) for outline in traced]
    return tuple(sorted(traced, key=_length, reverse=True))


def quick_outlines(mask: Mask) -> tuple[Outline, ...]:
    """The same through the midpoints of the borders, with only straight runs shortened: several times faster, more points."""
    return tuple(_without_straight_runs(_midpoints(np.array(corners, np.float64))) for corners in _traced(_checked(mask)))


def _without_straight_runs(points: Outline) -> Outline:
    before, after = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    turns = np.abs(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]) > 0
    return points[turns] if turns.sum() > 2 else points


def _checked(mask: Mask) -> Mask:
    array = np.asarray(mask)
    if array.ndim != 2 or array.dtype != bool:
        raise InputError(f"mask: expected a boolean array (H, W), got {array.dtype} {array.shape}; cut it at a threshold first")
    return array


def _length(outline: Outline) -> float:
    return float(np.abs(np.diff(outline, axis=0, append=outline[:1])).sum())


def _borders(mask: Mask) -> dict[int, int]:
    """Corner -> which of the four directions a border leaves it in, as bits; the region lies on the right-hand side."""
    height, width = mask.shape
    padded = np.zeros((height + 2, width + 2), bool)
    padded[1:-1, 1:-1] = mask
    # Around each of the (H + 1) x (W + 1) corners: the pixels north-west, north-east, south-west, south-east of it.
    nw, ne, sw, se = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    leaving = (se & ~ne) | (sw & ~se) << 1 | (nw & ~sw) << 2 | (ne & ~nw) << 3
    flat = leaving.ravel()
    corners = np.flatnonzero(flat)
    return dict(zip(corners.tolist(), flat[corners].tolist(), strict=True))


def _traced(mask: Mask) -> list[list[tuple[int, int]]]:
    """Corners (x, y) of every border, where it turns; at a corner shared by two regions it turns right and stays with its own."""
    borders = _borders(mask)
    stride = mask.shape[1] + 1
    steps = (1, stride, -1, -stride)
    found = []
    while borders:
        start = at = next(iter(borders))
        bits = borders[at]
        heading = first = (bits & -bits).bit_length() - 1
        corners = []
        while True:
            bits = borders[at] & ~(1 << heading)
            if bits:
                borders[at] = bits
            else:
                del borders[at]
            at += steps[heading]
            if at == start and _turn(borders.get(at, 0) | 1 << first, heading) == first:
                break
            turned = _turn(borders[at], heading)
            if turned != heading:
                corners.append((at % stride, at // stride))
            heading = turned
        if heading != first:
            corners.append((start % stride, start // stride))
        found.append(corners)
    return found


def _turn(bits: int, heading: int) -> int:
    """Where a border goes on at a corner: right if it can, else straight, else left."""
    right = (heading + 1) & 3
    if bits >> right & 1:
        return right
    return heading if bits >> heading & 1 else (heading + 3) & 3


def _midpoints(corners: Outline) -> Outline:
    """The midpoint of every pixel border along an exact outline."""
    sides = np.roll(corners, -1, axis=0) - corners
    lengths = np.abs(sides).sum(axis=1).astype(int)
    nth = np.arange(lengths.sum()) - np.repeat(lengths.cumsum() - lengths, lengths)
    return np.repeat(corners, lengths, axis=0) + np.repeat(np.sign(sides), lengths, axis=0) * (nth + 0.5)[:, None]


def simplified(outline: Outline, tolerance: float) -> Outline:
    """Those points of an outline that Douglas and Peucker's method keeps to stay within `tolerance` of it; three or more."""
    n = len(outline)
    far = int(np.argmax(((outline - outline[0]) ** 2).sum(axis=1)))
    ring = np.concatenate([outline, outline[:1]])
    keep = {0, far}
    todo = [(0, far), (far, n)]
    limit = tolerance * tolerance
    while todo:
        a, b = todo.pop()
        if b - a < 2:
            continue
        away = _squared_distances(ring[a + 1 : b], ring[a], ring[b])
        worst = int(away.argmax())
        if away[worst] > limit:
            middle = a + 1 + worst
            keep.add(middle)
            todo += [(a, middle), (middle, b)]
    least = 3
    return outline[sorted(keep)] if len(keep) >= least else outline


def _squared_distances(points: Outline, a: Outline, b: Outline) -> NDArray[np.float64]:
    """Squared distance of points (N, 2) to the segment from a to b."""
    ax, ay, dx, dy = a[0], a[1], b[0] - a[0], b[1] - a[1]
    px, py = points[:, 0] - ax, points[:, 1] - ay
    length = dx * dx + dy * dy
    along = np.clip((px * dx + py * dy) / length, 0.0, 1.0) if length else 0.0
    return (px - along * dx) ** 2 + (py - along * dy) ** 2


def fill(polygons: Iterable[Outline], shape: tuple[int, int]) -> Mask:
    """The mask (H, W) of all pixels whose centre lies inside polygons (N, 2) by the even-odd rule: inverse of `outlines`."""
    height, width = shape
    crossings = np.zeros((height, width + 1), np.int32)
    for polygon in polygons:
        points = np.asarray(polygon, np.float64)
        for (x0, y0), (x1, y1) in zip(points.tolist(), np.roll(points, -1, axis=0).tolist(), strict=True):
            low, high = min(y0, y1), max(y0, y1)
            rows = np.arange(max(0, int(np.ceil(low - 0.5))), min(height, int(np.ceil(high - 0.5))))
            if len(rows):
                x = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
                columns = np.clip(np.ceil(x - 0.5), 0, width).astype(int)
                np.add.at(crossings, (rows, columns), 1)
    return np.asarray(crossings.cumsum(axis=1)[:, :width] % 2 == 1)


def components(mask: Mask) -> NDArray[np.int32]:
    """Labels (H, W) of the 4-connected regions of a mask: 0 outside, 1 the largest region, 2 the next, and so on.

    Row by row: runs of pixels are joined with the runs they touch in the row above (union-find).
    """
    mask = _checked(mask)
    height, width = mask.shape
    # One empty column to the right parts the rows, so that no run goes on into the next.
    flat = np.zeros(height * (width + 1) + 1, np.int8)
    flat[:-1].reshape(height, width + 1)[:, :width] = mask
    edges = np.flatnonzero(np.diff(flat, prepend=np.int8(0)))
    starts, ends = edges[::2], edges[1::2]
    if not len(starts):
        return np.zeros(mask.shape, np.int32)
    roots = _joined(starts, ends, width + 1)
    _, region = np.unique(roots, return_inverse=True)
    areas = np.bincount(region, weights=ends - starts)
    rank = np.empty(len(areas), np.int32)
    rank[np.argsort(-areas, kind="stable")] = np.arange(1, len(areas) + 1)
    labels = np.zeros(height * (width + 1), np.int32)
    lengths = ends - starts
    inside = np.repeat(starts - np.concatenate([[0], lengths.cumsum()[:-1]]), lengths) + np.arange(lengths.sum())
    labels[inside] = np.repeat(rank[region], lengths)
    return labels.reshape(height, width + 1)[:, :width]


def _joined(starts: NDArray[np.int64], ends: NDArray[np.int64], stride: int) -> NDArray[np.int64]:
    """For every run the number of the run that stands for its region."""
    parent = list(range(len(starts)))

    def root(run: int) -> int:
        while parent[run] != run:
            parent[run] = parent[parent[run]]
            run = parent[run]
        return run

    above = np.searchsorted(ends + stride, starts, side="right").tolist()
    until = np.searchsorted(starts + stride, ends, side="left").tolist()
    for run, (first, last) in enumerate(zip(above, until, strict=True)):
        for other in range(first, last):
            a, b = root(run), root(other)
            if a != b:
                parent[max(a, b)] = min(a, b)
    return np.array([root(run) for run in range(len(parent))])
