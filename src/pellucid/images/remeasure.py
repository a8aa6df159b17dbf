"""A lesion measured once more, from its drawn outline instead of its mask: what a stated measurement must agree with.

The reader measures on the net's grid, from probabilities: the border lies where they cross the threshold between two cells. The
outline goes through the midpoints of the cells' borders and is simplified within half a cell, so the two differ by fractions of
a cell. The tolerances are in cells for that reason. They were measured on the 195 breast ultrasound images, of 199, in which
the shipped reader found a lesion (median, 95th percentile, largest), and on 11 595 invented blobs of 2 to 28 cells (largest):

====================================  ==================  =====  ==========
difference                            195 images          blobs  tolerance
====================================  ==================  =====  ==========
long axis, in cells                   0.27, 0.69, 0.94    1.22   1.5
short axis, in cells                  0.27, 0.83, 1.37    5.8    (a)
area, in cells times perimeter        0.05, 0.14, 0.21    0.32   0.4
orientation, in cells / (a - b) (b)   0.03, 0.11, 0.22    0.30   0.4
aspect, relative, in (c)              0.23, 0.64, 1.12    1.60   2
====================================  ==================  =====  ==========

(a) Where several directions are nearly longest, the mask may choose another one, and the short axis is another. So the stated
one must lie within 1 cell of what the outline gives at right angles to some direction within 1 cell of the longest (largest
difference then: 0.96), and within 1.8 cells of the same for those within 4 degrees of a peak of the extents within 1.5 cells of
the longest (largest: 1.76). (b) The half axes of the ellipse with the same
second moments, in radians. (c) One cell of the width and one of the depth, in quadrature. A cell of the shipped reader is 8
pixels of the image shrunk to 384, in those images at the median 1.5 mm: on their median long axis of 21 mm the tolerance is 2.2
mm, and 95 % of the readings differ by less than 6 %.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError
from pellucid.images.measure import CELL_SD, DIRECTIONS, UNITS

Floats = NDArray[np.float64]

LONG_CELLS = 1.5
NEARLY_LONGEST_CELLS, SHORT_CELLS = 1.0, 1.0
PEAK_CELLS, PEAK_DEGREES, SHORT_AT_PEAK_CELLS = 1.5, 4, 1.8
AREA_CELLS = 0.4
TURN_CELLS = 0.4
ASPECT_CELLS = 2.0
ROUNDING = 0.011
"""Values and outlines are kept to two decimals."""
LEAST_SD_SHARE = 0.7
"""The smallest standard deviation follows from the mask's shape; the outline's differs by less than this."""


@dataclass(frozen=True)
class Span:
    """What an outline gives for one measure: its own value, what may be stated of it, and the smallest standard deviation that
    its border, known to a cell, leaves (before the reader's own factor)."""

    value: float
    low: float
    high: float
    least_sd: float = 0.0

    def holds(self, stated: float) -> bool:
        """Whether a stated value lies within."""
        return self.low - ROUNDING <= stated <= self.high + ROUNDING


@dataclass(frozen=True)
class _Traced:
    """Area, perimeter, half axes and angle in degrees of outlines, and all their points."""

    area: float
    perimeter: float
    half_axes: tuple[float, float]
    angle: float
    points: Floats


def remeasure(outlines: Sequence[Sequence[tuple[float, float]]], sides: tuple[float, float]) -> dict[str, Span]:
    """What the outlines of one lesion, holes the other way round, give for every measure; `sides` are those of a cell of the
    grid they were traced on, in their own unit. InputError where they enclose nothing."""
    cell = max(sides)
    traced = _traced([np.asarray(outline, np.float64) for outline in outlines])
    extents = np.ptp(traced.points @ DIRECTIONS, axis=0)
    longest = float(extents.max())
    short = float(np.roll(extents, -90)[extents.argmax()])
    width, depth = (float(v) for v in np.ptp(traced.points, axis=0))
    end = CELL_SD * math.sqrt(sides[0] * sides[1])
    length = math.sqrt(2) * end
    a, b = traced.half_axes
    within, share = AREA_CELLS * cell * traced.perimeter, math.hypot(cell / width, cell / depth)
    turn = math.degrees(TURN_CELLS * cell / (a - b)) if a > b else 180.0
    aspect = depth / width
    low, high = _short_axis(extents, cell)
    apart = ASPECT_CELLS * share * aspect
    least = LEAST_SD_SHARE * math.pi * (a + b) * end / 2, LEAST_SD_SHARE * aspect * length * math.hypot(1 / width, 1 / depth)
    spans = (
        Span(longest, longest - LONG_CELLS * cell, longest + LONG_CELLS * cell, length),
        Span(short, low, high, length),
        Span(traced.area, traced.area - within, traced.area + within, least[0]),
        Span(traced.angle, traced.angle - turn, traced.angle + turn),
        Span(aspect, aspect - apart, aspect + apart, least[1]),
    )
    return dict(zip(UNITS, spans, strict=True))


def _short_axis(extents: Floats, cell: float) -> tuple[float, float]:
    """The shortest and longest short axis that may be stated."""
    # Directions are one a degree, so that ninety on stands the one at right angles.
    across, longest = np.roll(extents, -90), float(extents.max())
    nearly = across[extents >= longest - NEARLY_LONGEST_CELLS * cell]
    peaks = (extents >= np.roll(extents, 1)) & (extents >= np.roll(extents, -1)) & (extents >= longest - PEAK_CELLS * cell)
    around = np.any([np.roll(peaks, turn) for turn in range(-PEAK_DEGREES, PEAK_DEGREES + 1)], axis=0)
    low = max(nearly.min() - SHORT_CELLS * cell, across[around].min() - SHORT_AT_PEAK_CELLS * cell)
    high = min(nearly.max() + SHORT_CELLS * cell, across[around].max() + SHORT_AT_PEAK_CELLS * cell)
    return float(low), float(high)


def _traced(outlines: Sequence[Floats]) -> _Traced:
    """Area and second moments by Green's theorem (Steger, On the calculation of moments of polygons, FGBV-96-04, 1996)."""
    sums = np.sum([_moments(outline) for outline in outlines], axis=0)
    sums *= np.sign(sums[0])
    area = float(sums[0])
    points = np.concatenate(outlines)
    if not area > 0 or float(np.ptp(points, axis=0).min()) <= 0:
        raise InputError("expected outlines that enclose an area, got ones that enclose nothing: the place is not a lesion")
    cx, cy = sums[1] / area, sums[2] / area
    xx, yy, xy = (float(v) for v in (sums[3] / area - cx * cx, sums[4] / area - cy * cy, sums[5] / area - cx * cy))
    middle, half = (xx + yy) / 2, math.hypot((xx - yy) / 2, xy)
    axes = 2 * math.sqrt(max(0.0, middle + half)), 2 * math.sqrt(max(0.0, middle - half))
    angle = abs(math.degrees(0.5 * math.atan2(2 * xy, xx - yy)))
    perimeter = sum(float(np.hypot(*(o - np.roll(o, 1, axis=0)).T).sum()) for o in outlines)
    return _Traced(area, perimeter, axes, angle, points)


def _moments(outline: Floats) -> Floats:
    """The integrals of 1, x, y, xx, yy and xy over one closed outline (N, 2), signed by its direction."""
    (x, y), (u, v) = outline.T, np.roll(outline, -1, axis=0).T
    c = x * v - u * y
    mixed = x * v + 2 * x * y + 2 * u * v + u * y
    terms = (c / 2, (x + u) * c / 6, (y + v) * c / 6, (x * x + x * u + u * u) * c / 12, (y * y + y * v + v * v) * c / 12)
    return np.array([*(t.sum() for t in terms), (mixed * c).sum() / 24])
