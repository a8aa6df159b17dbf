"""Measurements of a lesion from its mask: axes, area, orientation to the skin and aspect, each with a standard deviation.

The border is placed between pixel centres where the probability crosses the threshold (the vertices of marching squares,
Lorensen and Cline 1987), so that a mask on a coarse grid still measures to a fraction of its cell.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError
from pellucid.images.frames import checked_spacing
from pellucid.images.outline import components

Floats = NDArray[np.float64]

NO_SPACING = "no pixel spacing"
NO_LESION = "no lesion in the mask"
THRESHOLDS = (0.3, 0.5, 0.7)
"""Probabilities at which the mask is cut; the middle one is measured, the spread over all is part of the standard deviation."""

CELL_SD = 1 / math.sqrt(12)
"""Standard deviation, in cells of the mask's grid, of where a border lies inside its cell (uniform)."""

LARGEST_ANGLE_SD = 90 / math.sqrt(12)
"""Standard deviation in degrees of an orientation of which nothing is known (uniform over 0..90)."""


_ANGLES = np.deg2rad(np.arange(180.0))
DIRECTIONS = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)])
"""Unit vectors (2, 180), one a degree, in which extents are taken: the longest is found to within 0.004 %."""


@dataclass(frozen=True)
class Measure:
    """One measured number with its unit and standard deviation, or why it is unknown."""

    unit: str
    value: float | None = None
    sd: float | None = None
    unknown_because: str | None = None


@dataclass(frozen=True)
class Measures:
    """What a mask says of a lesion.

    long_axis: largest distance across the convex hull (maximum Feret diameter). short_axis: extent of the hull at right angles
    to it. area: of the cells above the threshold. orientation: 0 = long axis parallel to the skin, which runs along the top of
    the image, 90 = perpendicular, from second moments. aspect: depth / width of the upright bounding box. ends: the two ends
    (x, y) of the long axis in pixels of the original image, None without a lesion.
    """

    long_axis: Measure
    short_axis: Measure
    area: Measure
    orientation: Measure
    aspect: Measure
    ends: tuple[tuple[float, float], tuple[float, float]] | None = None

    def named(self) -> dict[str, Measure]:
        """Every measure by the name of its concept."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "ends"}


UNITS = {"long_axis": "mm", "short_axis": "mm", "area": "mm2", "orientation": "deg", "aspect": "1"}
ORIENTATION = list(UNITS).index("orientation")
LENGTHS = ("long_axis", "short_axis", "area")
"""Measures that need a spacing."""


@dataclass(frozen=True)
class _Shape:
    """One cut of the mask, in mm (or in pixels of the original where no spacing is known)."""

    values: tuple[float, ...]
    """In the order of UNITS."""
    ends: Floats
    width: float
    depth: float
    half_axes: tuple[float, float]
    """Of the ellipse with the same second moments."""


def measure(
    mask: NDArray[Any],
    affine: Any = None,
    spacing_mm: object = None,
    thresholds: Sequence[float] = THRESHOLDS,
    sd_scale: float | Mapping[str, float] = 1.0,
) -> Measures:
    """Measures of the largest region of a mask (H, W), boolean or probabilities 0..1.

    `affine` (2, 3) leads from the mask's (x, y) to pixels of the original image (identity by default), `spacing_mm` is one
    number or (rows, columns); without it lengths and area are unknown, and orientation and aspect take pixels to be square.
    The standard deviation joins, in quadrature, the spread over `thresholds` (none for a boolean mask) and half a cell's
    uncertainty of each border, times `sd_scale` (one number, or one by name: what cross-validation against drawn masks found).
    Raises InputError on other input.
    """
    values = _probabilities(mask)
    cuts = (0.5,) if np.asarray(mask).dtype == bool else tuple(sorted(thresholds))
    spacing = checked_spacing(spacing_mm)
    to_mm = _to_mm(affine, spacing)
    shapes = [_shape(values, cut, to_mm) for cut in cuts]
    main = shapes[len(cuts) // 2]
    if main is None:
        long_axis, short_axis, area, orientation, aspect = (Measure(unit, unknown_because=NO_LESION) for unit in UNITS.values())
        return Measures(long_axis, short_axis, area, orientation, aspect)
    sds = _sds([s for s in shapes if s is not None], main, to_mm)
    sds *= [sd_scale.get(name, 1.0) if isinstance(sd_scale, Mapping) else sd_scale for name in UNITS]
    sds[ORIENTATION] = min(sds[ORIENTATION], LARGEST_ANGLE_SD)
    named = zip(UNITS.items(), main.values, sds.tolist(), strict=True)
    long_axis, short_axis, area, orientation, aspect = (
        Measure(unit, unknown_because=NO_SPACING) if name in LENGTHS and spacing is None else Measure(unit, value, sd)
        for (name, unit), value, sd in named
    )
    scale = (spacing[1], spacing[0]) if spacing else (1.0, 1.0)
    (ax, ay), (bx, by) = (main.ends / scale).tolist()
    return Measures(long_axis, short_axis, area, orientation, aspect, ((ax, ay), (bx, by)))


def _sds(shapes: list[_Shape], main: _Shape, to_mm: Floats) -> Floats:
    """Standard deviations in the order of UNITS: spread over the cuts and uncertainty of the border, in quadrature."""
    if len(shapes) == 1:
        return _border_sds(main, 0.0, to_mm)
    values = np.array([s.values for s in shapes])
    unround = float(np.std(values[:, 0] - values[:, 1], ddof=1)) / 4
    return np.hypot(np.std(values, axis=0, ddof=1), _border_sds(main, unround, to_mm))


def _probabilities(mask: NDArray[Any]) -> Floats:
    values = np.asarray(mask)
    if values.ndim != 2 or values.size == 0 or (values.dtype != bool and not np.issubdtype(values.dtype, np.floating)):
        raise InputError(f"mask: expected booleans or probabilities (H, W), got {values.dtype} {values.shape}")
    values = values.astype(np.float64)
    low, high = values.min(), values.max()
    if not (low >= 0 and high <= 1):
        raise InputError(f"mask: expected probabilities from 0 to 1, got {low:g} to {high:g}; apply the sigmoid first")
    return values


def _to_mm(affine: Any, spacing: tuple[float, float] | None) -> Floats:
    """The affine (2, 3) from the mask's grid to mm (to original pixels without spacing)."""
    matrix = np.array([[1.0, 0, 0], [0, 1.0, 0]]) if affine is None else np.array(affine, np.float64)
    if matrix.shape != (2, 3) or not np.isfinite(matrix).all() or abs(np.linalg.det(matrix[:, :2])) == 0:
        raise InputError(f"affine: expected a finite, invertible matrix (2, 3), got {matrix.tolist()}")
    return matrix if spacing is None else matrix * np.array([[spacing[1]], [spacing[0]]])


def _shape(values: Floats, cut: float, to_mm: Floats) -> _Shape | None:
    """The largest region above the cut, measured; None where there is none."""
    above = values >= cut
    rows, columns = np.flatnonzero(above.any(axis=1)), np.flatnonzero(above.any(axis=0))
    if not len(rows):
        return None
    top, left = int(rows[0]), int(columns[0])
    window = np.s_[max(0, top - 1) : rows[-1] + 2, max(0, left - 1) : columns[-1] + 2]
    region = components(above[window]) == 1
    # Other regions count as outside; what lies below the cut stays, for the border runs through it.
    kept = np.where(region | ~above[window], values[window], 0.0)
    origin = np.array([max(0, left - 1), max(0, top - 1)], np.float64)
    border = (_border_points(kept, region, cut) + origin) @ to_mm[:, :2].T + to_mm[:, 2]
    cell = abs(float(np.linalg.det(to_mm[:, :2])))
    return _measured(border, _covariance(region, to_mm), float(region.sum()) * cell)


def _border_points(kept: Floats, region: NDArray[np.bool_], cut: float) -> Floats:
    """Where the border crosses each row's and each column's line of pixel centres, first and last crossing; (x, y) in cells."""
    points: list[Floats] = []
    for swapped in (False, True):
        grid, inside = (kept.T, region.T) if swapped else (kept, region)
        padded = np.pad(grid, ((0, 0), (1, 1)))
        lines = np.flatnonzero(inside.any(axis=1))
        first = inside[lines].argmax(axis=1)
        last = inside.shape[1] - 1 - inside[lines, ::-1].argmax(axis=1)
        for at, outwards in ((first, -1), (last, 1)):
            within, without = padded[lines, at + 1], padded[lines, at + 1 + outwards]
            across = at + 0.5 + outwards * (within - cut) / (within - without)
            pair = (lines + 0.5, across) if swapped else (across, lines + 0.5)
            points.append(np.stack(pair, axis=1).astype(np.float64))
    return np.concatenate(points)


def _covariance(region: NDArray[np.bool_], to_mm: Floats) -> Floats:
    """Second central moments (2, 2) of a region of whole cells, in mm2; a cell has extent (1/12 each way)."""
    rows, columns = np.nonzero(region)
    x, y = columns - columns.mean(), rows - rows.mean()
    cells = np.array([[x @ x, x @ y], [x @ y, y @ y]]) / len(x) + np.eye(2) / 12
    return to_mm[:, :2] @ cells @ to_mm[:, :2].T


def _measured(border: Floats, covariance: Floats, area: float) -> _Shape:
    """Long and short axis, area, orientation and aspect of border points (N, 2) in mm.

    Extents are those of the convex hull, for a hull reaches as far in every direction as its points. The orientation is that of
    the ellipse with the region's second moments (Haralick and Shapiro, Computer and Robot Vision 1992, vol. 1, ch. 3), which is
    steadier than the direction of the longest diameter where a lesion is nearly round.
    """
    along = border @ DIRECTIONS
    best = int(np.ptp(along, axis=0).argmax())
    ends = border[[along[:, best].argmin(), along[:, best].argmax()]]
    dx, dy = (ends[1] - ends[0]).tolist()
    long_axis = math.hypot(dx, dy)
    across = border @ np.array([-dy, dx]) / long_axis
    width, depth = (float(v) for v in np.ptp(border, axis=0))
    (xx, xy), (_, yy) = covariance.tolist()
    angle = abs(math.degrees(0.5 * math.atan2(2 * xy, xx - yy)))
    middle, half = (xx + yy) / 2, math.hypot((xx - yy) / 2, xy)
    axes = 2 * math.sqrt(middle + half), 2 * math.sqrt(max(0.0, middle - half))
    values = (long_axis, float(np.ptp(across)), area, angle, depth / width)
    return _Shape(values, ends, width, depth, axes)


def _border_sds(shape: _Shape, unround: float, to_mm: Floats) -> Floats:
    """Standard deviations, in the order of UNITS, that come from a border known to a fraction of a cell only.

    A length has two ends; an area changes by its perimeter times the shift of the border, taken as one for half of it; an
    ellipse with half axes a > b whose radius errs by s in its second harmonic turns by s / (a - b) radians, to first order
    (`unround` is the spread of that harmonic over the cuts: growing or shrinking evenly does not turn a shape).
    """
    cell = math.sqrt(abs(float(np.linalg.det(to_mm[:, :2]))))
    end = CELL_SD * cell
    length = math.sqrt(2) * end
    a, b = shape.half_axes
    radius = math.hypot(end, unround)
    turned = math.degrees(radius / (a - b)) if a - b > radius else LARGEST_ANGLE_SD
    aspect = shape.values[4] * math.hypot(length / shape.width, length / shape.depth)
    return np.array([length, length, math.pi * (a + b) * end / 2, turned, aspect])
