"""Do a model's measurements and places fit its outlines, and those the pixels' spacing and the recorded preparation?

An outline is traced on the grid of the net, so that every point of it is the midpoint of a border between two cells. The grid
follows from the image's size, its spacing and the preparation: change one of these alone and the outlines leave the grid.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pellucid.assess.check import Check, unchecked
from pellucid.errors import ImageError, InputError
from pellucid.images.measure import LENGTHS, UNITS
from pellucid.images.prepare import way_back
from pellucid.images.remeasure import LONG_CELLS, ROUNDING, remeasure
from pellucid.record import Finding, Reading, Region

Floats = NDArray[np.float64]

STRIDES = range(8, 33)
"""Pixels of the prepared image that a cell of a net's finest grid can span (`models.encoders`)."""
NO_FACTORS: Mapping[str, float] = {}
POINT_ROUNDING = 0.0051
"""Points of outlines are kept to two decimals."""
ROUGHEST = 0.2
"""Where rounding moves a point by more than this share of half a cell, nothing is learnt from where it lies."""


def check_outlines(reading: Reading, strides: Sequence[int] = STRIDES, factors: Mapping[str, float] = NO_FACTORS) -> list[Check]:
    """The preparation against the image's size, every place of the model against the grid, every measurement of the model
    against its outline; and what could not be checked. `factors` are the reader's own, by which it widens the standard deviation
    of a measurement; without them the deviations are not looked at."""
    with np.errstate(all="ignore"):  # absurd numbers are found to be wrong, not warned of
        return _checked(reading, strides, factors)


def _checked(reading: Reading, strides: Sequence[int], factors: Mapping[str, float]) -> list[Check]:
    mine = [f for f in reading.findings if f.observer.kind == "model"]
    placed = [f for f in mine if f.region is not None]
    steps = reading.provenance.preparation
    try:
        lead = way_back((reading.study.width, reading.study.height), steps)
    except (ImageError, InputError) as error:
        return [Check("preparation", False, f"the recorded steps are none of this image: {error}"[:300])]
    checks = _typed(reading)
    if placed and not steps:
        return [*checks, unchecked("measurements", "without the steps of the preparation the outlines' grid is not known")]
    stride, strange = _stride(placed, reading, lead, strides)
    if strange is not None:
        return [*checks, Check("places", False, strange)]
    if placed:
        grid = f"the reader's grid, of cells of {stride} pixels of the prepared image"
        checks.append(Check("places", True, f"the outlines of {len(placed)} findings lie on {grid}"))
    return [*checks, *_measurements(mine, reading, lead * stride, factors)]


def _typed(reading: Reading) -> list[Check]:
    """What persons measured has no outline to be measured again."""
    names = [f.concept for f in reading.findings if f.observer.kind == "person" and f.value is not None]
    return [unchecked("typed measurements", f"{', '.join(names)}: typed by a person, no outline gives them")] if names else []


def _lead(region: Region, reading: Reading, lead: Floats) -> Floats | None:
    """The affine (2, 3) from prepared pixels to the region's own unit; None where that is mm and no spacing is known."""
    spacing = reading.study.spacing_mm
    if region.unit == "px":
        return lead
    return None if spacing is None else lead * np.array([[spacing[1]], [spacing[0]]])


def _stride(placed: Sequence[Finding], reading: Reading, lead: Floats, strides: Sequence[int]) -> tuple[int, str | None]:
    """The smallest stride on whose grid every outline lies, and what is wrong where there is none."""
    for f in placed:
        if f.region is not None and _lead(f.region, reading, lead) is None:
            return 0, f"{f.concept}: an outline in mm, and the reading knows no pixel spacing"
    last = f"{strides[0]}" if len(strides) == 1 else f"{strides[0]} to {strides[-1]}"
    worst: str | None = None
    for stride in strides:
        off = next((f.concept for f in placed if f.region is not None and not _on_grid(f.region, reading, lead, stride)), None)
        if off is None:
            return stride, None
        worst = worst or off
    told = f"expected the outline on a grid of cells of {last} pixels of the prepared image, got one that lies on none"
    return 0, f"{worst}: {told}: outline, spacing or preparation was changed"


def _on_grid(region: Region, reading: Reading, lead: Floats, stride: int) -> bool:
    """Whether every point is the midpoint of a border: in half cells, one coordinate even and the other odd."""
    affine = _lead(region, reading, lead)
    if affine is None:
        return False
    half = np.array([affine[0, 0], affine[1, 1]]) * stride / 2
    allowed = POINT_ROUNDING / half + 1e-6
    if float(allowed.max()) > ROUGHEST:
        return True
    points = (np.concatenate([np.asarray(o, np.float64) for o in region.outlines]) - affine[:, 2]) / half
    whole = np.round(points)
    return bool((np.abs(points - whole) <= allowed).all() and (whole.sum(axis=1) % 2 == 1).all())


def _measurements(mine: Sequence[Finding], reading: Reading, cells: Floats, factors: Mapping[str, float]) -> list[Check]:
    measured = [f for f in mine if f.unit is not None and f.concept in UNITS]
    bare = [f.concept for f in mine if f.value is not None and (f.region is None or f not in measured)]
    checks = [unchecked("measurements", f"{', '.join(bare)}: no outline gives them")] if bare else []
    done = 0
    for f in (f for f in measured if f.region is not None):
        try:
            wrong = _wrong(f, reading, cells, factors.get(f.concept, 0.0))
        except (InputError, ArithmeticError) as error:
            wrong = f"{f.concept}: {error}"
        if wrong:
            return [Check("measurements", False, wrong)]
        done += f.value is not None
    if unlike := _unlike_outlines(measured):
        return [Check("measurements", False, unlike)]
    sides = reading.study.spacing_mm or (1.0, 1.0)
    length = LONG_CELLS * max(float(cells[0, 0]) * sides[1], float(cells[1, 1]) * sides[0])
    unit = "mm" if reading.study.spacing_mm else "px"
    told = f"{done} agree with their outlines, the long axis to within {LONG_CELLS:g} cells of the grid ({length:.1f} {unit})"
    return [*checks, Check("measurements", True, told)] if done else checks


def _wrong(f: Finding, reading: Reading, cells: Floats, factor: float) -> str | None:
    """What is wrong with a model's measurement beside its outline."""
    if f.region is None or (affine := _lead(f.region, reading, cells)) is None:
        return None
    sides = float(affine[0, 0]), float(affine[1, 1])
    span = remeasure(f.region.outlines, sides)[f.concept]
    if f.value is None:
        known = reading.study.spacing_mm is not None or f.concept not in LENGTHS
        said = f"said to be unknown ({f.unknown_because}), but its outline gives {span.value:.2f} {f.unit}"
        return f"{f.concept}: {said}" if known else None
    if f.concept in LENGTHS and f.region.unit == "px":
        return f"{f.concept}: stated as {f.value} {f.unit}, but its outline is in pixels and the spacing is not known"
    if not span.holds(f.value):
        said = f"the reading says {f.value:.2f} {f.unit}, its outline gives {span.value:.2f}"
        return f"{f.concept}: {said} ({max(0.0, span.low):.2f} to {span.high:.2f} can be stated)"
    least = factor * span.least_sd
    narrow = f.sd is not None and f.sd < least - ROUNDING
    said = f"the reading gives it a standard deviation of {f.sd}, its border and the reader's calibration at least {least:.2f}"
    return f"{f.concept}: {said}" if narrow else None


def _unlike_outlines(measured: Sequence[Finding]) -> str | None:
    """Measurements of one place are taken from one outline."""
    first: dict[str, Finding] = {}
    for f in (f for f in measured if f.region is not None):
        other = first.setdefault(f.region.meaning if f.region else "", f)
        if f.region is not None and other.region is not None and f.region.outlines != other.region.outlines:
            return f"{f.concept}: its outline is another than that of {other.concept}, and both are said to be the same place's"
    return None
