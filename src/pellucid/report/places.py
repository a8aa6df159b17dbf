"""Where each finding is: regions led back to the picture's own coordinates, grouped, tagged and measured.

Picture coordinates: x in pixels of the original image, y in units of the same length (a millimetre is as long down
as across), the origin at the outer corner of the top-left pixel.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pellucid.record import Finding, Region, StudyRef
from pellucid.report import words

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1."""

WHITE, COLOURS = 1, 7
"""The style sheet's colour of the first measured outline, and how many others it has before they begin again."""

BAR_LENGTHS_MM = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
AXIS_TOLERANCE = 0.1
"""A drawn long axis may differ from the number beside it by this share, or it is not drawn."""
AXIS_POINTS = 1500
FEW_PLACES = 4
"""Up to so many places are all shown at first; more would hide the image."""


@dataclass(frozen=True)
class Place:
    """One place in the picture, shared by every finding that has this region."""

    key: str
    colour: int
    numbers: tuple[int, ...]
    concepts: tuple[str, ...]
    kind: str
    """"outline" (measured or drawn) or "evidence" (where the reader looked)."""
    meaning: str
    share: float | None
    parts: int
    path: str
    box: Box
    edges: tuple[tuple[float, float], ...] = ()
    """The largest outline's points farthest up, right, down and left, and towards the corners: where its number may stand."""
    tag: tuple[float, float] = (0.0, 0.0)
    """Where its number stands, in per cent of the picture's width and height."""
    axis: tuple[float, float, float, float] | None = None
    shown: bool = True


@dataclass(frozen=True)
class ScaleBar:
    """A length that can be read off the picture."""

    label: str
    width: float
    """In pixels of the original image."""
    percent: float
    """Of the picture's width."""


@dataclass(frozen=True)
class Frame:
    """The picture's size and what is drawn over it."""

    width: float
    height: float
    places: tuple[Place, ...]
    crop: Box
    """What the small pictures beside the findings show."""
    scale: ScaleBar | None
    undrawable: tuple[str, ...]
    """Concepts with a place in mm although the spacing is unknown."""

    def of(self, concept: str) -> Place | None:
        """The place of a concept's finding, or None."""
        return next((place for place in self.places if concept in place.concepts), None)


def frame(study: StudyRef, findings: Sequence[Finding], wanted: Sequence[str] = (), at: str = "") -> Frame:
    """The places of all findings in the picture; where there are many, those of `wanted` concepts are shown at first.
    `at` begins their keys.
    """
    rows, columns = study.spacing_mm or (1.0, 1.0)
    size = (float(study.width), study.height * rows / columns)
    groups: dict[tuple[object, ...], list[int]] = {}
    undrawable: list[str] = []
    for number, finding in enumerate(findings, start=1):
        region = finding.region
        if region is None:
            continue
        if region.unit == "mm" and study.spacing_mm is None:
            undrawable.append(finding.concept)
            continue
        groups.setdefault((region.outlines, region.unit, region.share), []).append(number)
    places = _coloured([_place(f"{at}p{k}", numbers, findings, study) for k, numbers in enumerate(groups.values(), start=1)])
    shown = [replace(place, shown=_at_first(place, places, wanted)) for place in places]
    placed = _tagged(shown, size)
    return Frame(*size, tuple(placed), _crop(placed, size), _scale_bar(study), tuple(undrawable))


def _coloured(places: Sequence[Place]) -> list[Place]:
    """White for the first measured outline, another colour for every other place."""
    first = next((place.key for place in places if place.kind == "outline"), None)
    others = [place.key for place in places if place.key != first]
    return [replace(p, colour=WHITE if p.key == first else 2 + others.index(p.key) % COLOURS) for p in places]


def _at_first(place: Place, places: Sequence[Place], wanted: Sequence[str]) -> bool:
    few = len(places) <= FEW_PLACES or not wanted
    return few or place.kind == "outline" or any(concept in wanted for concept in place.concepts)


def _place(key: str, numbers: Sequence[int], findings: Sequence[Finding], study: StudyRef) -> Place:
    members = [findings[number - 1] for number in numbers]
    region = next(f.region for f in members if f.region is not None)
    outlines = [to_picture(outline, region, study) for outline in region.outlines]
    everything = np.concatenate(outlines)
    low, high = everything.min(axis=0), everything.max(axis=0)
    return Place(
        key=key,
        colour=WHITE,
        numbers=tuple(numbers),
        concepts=tuple(f.concept for f in members),
        kind="outline" if region.share is None else "evidence",
        meaning=region.meaning,
        share=region.share,
        parts=len(outlines),
        path=" ".join(_path(outline) for outline in outlines),
        box=(float(low[0]), float(low[1]), float(high[0]), float(high[1])),
        edges=_edges(max(outlines, key=_area)),
        axis=next((axis for f in members if (axis := long_axis(f, study)) is not None), None),
    )


def _area(outline: NDArray[np.float64]) -> float:
    x, y = outline[:, 0], outline[:, 1]
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2


def _edges(outline: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    ways = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (0, -1), (1, 0), (0, 1), (-1, 0)], dtype=np.float64)
    found = outline[(outline @ ways.T).argmax(axis=0)]
    return tuple((float(x), float(y)) for x, y in found)


def to_picture(outline: Sequence[tuple[float, float]], region: Region, study: StudyRef) -> NDArray[np.float64]:
    """An outline (N, 2) in picture coordinates, from mm or from pixels of the original image."""
    points = np.asarray(outline, dtype=np.float64)
    rows, columns = study.spacing_mm or (1.0, 1.0)
    return points / columns if region.unit == "mm" else points * np.array([1.0, rows / columns])


def _path(outline: NDArray[np.float64]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in outline) + "Z"


def long_axis(finding: Finding, study: StudyRef) -> tuple[float, float, float, float] | None:
    """The two farthest points of a long-axis finding's outline (x0, y0, x1, y1), where their distance is the number it states."""
    region = finding.region
    if finding.concept != "long_axis" or region is None or finding.value is None or region.unit != finding.unit:
        return None
    outline = max(region.outlines, key=len)
    points = np.asarray(outline, dtype=np.float64)[:: max(1, len(outline) // AXIS_POINTS + 1)]
    distance = np.hypot(*(points[:, None, :] - points[None, :, :]).transpose(2, 0, 1))
    first, second = np.unravel_index(int(distance.argmax()), distance.shape)
    allowed = max(AXIS_TOLERANCE * finding.value, 2 * (finding.sd or 0.0))
    if abs(float(distance[first, second]) - finding.value) > allowed:
        return None
    ends = to_picture([tuple(points[first]), tuple(points[second])], region, study)
    return float(ends[0, 0]), float(ends[0, 1]), float(ends[1, 0]), float(ends[1, 1])


def _scale_bar(study: StudyRef) -> ScaleBar | None:
    if study.spacing_mm is None:
        return None
    across = study.width * study.spacing_mm[1]
    length = max((mm for mm in BAR_LENGTHS_MM if mm <= across / 4), default=None)
    if length is None:
        return None
    return ScaleBar(f"{length:g}\u00a0mm", length / study.spacing_mm[1], 100 * length / across)


def _crop(places: Sequence[Place], size: tuple[float, float]) -> Box:
    """A 4:3 window around all places, a margin wider, never beyond the picture where that can be helped."""
    width, height = size
    if not places:
        return (0.0, 0.0, width, height)
    boxes = np.array([place.box for place in places])
    x0, y0, x1, y1 = boxes[:, 0].min(), boxes[:, 1].min(), boxes[:, 2].max(), boxes[:, 3].max()
    across = float(max((x1 - x0) * 1.25, (y1 - y0) * 1.25 * 4 / 3, width / 5))
    across = min(across, max(width, height * 4 / 3))
    down = across * 3 / 4
    left = _inside(float(x0 + x1) / 2 - across / 2, across, width)
    top = _inside(float(y0 + y1) / 2 - down / 2, down, height)
    return (left, top, left + across, top + down)


def _inside(start: float, length: float, whole: float) -> float:
    return (whole - length) / 2 if length > whole else min(max(start, 0.0), whole - length)


def _tagged(places: Sequence[Place], size: tuple[float, float]) -> list[Place]:
    """Each place with a spot for its number: at its edge, clear of the numbers already set."""
    taken: list[tuple[float, float, float]] = []
    done: list[Place] = []
    for place in places:
        half = 2.2 + 0.8 * len(words.numbers(place.numbers))
        spots = _spots(place, size, half)
        free = next((s for s in spots if all(_clear(s, half, other) for other in taken)), spots[0])
        taken.append((*free, half))
        done.append(replace(place, tag=free))
    return done


def _spots(place: Place, size: tuple[float, float], half: float) -> list[tuple[float, float]]:
    """Candidate spots in per cent: on the largest outline, then along the top and bottom of the whole place."""
    spots = [(100 * x / size[0], 100 * y / size[1]) for x, y in place.edges]
    left, top, bottom = 100 * place.box[0] / size[0], 100 * place.box[1] / size[1], 100 * place.box[3] / size[1]
    spots += [(left + step * 6, top - 5) for step in range(8)] + [(left + step * 6, bottom + 5) for step in range(8)]
    return [(min(max(x, half + 1), 99 - half), min(max(y, 4.0), 96.0)) for x, y in spots]


def _clear(spot: tuple[float, float], half: float, other: tuple[float, float, float]) -> bool:
    return abs(spot[0] - other[0]) > half + other[2] or abs(spot[1] - other[1]) > 5


def box_words(place: Place, study: StudyRef) -> str:
    """The place's extent in pixels of the original image, for a report without pictures."""
    rows, columns = study.spacing_mm or (1.0, 1.0)
    x0, y0, x1, y1 = place.box
    top, bottom = y0 * columns / rows, y1 * columns / rows
    return f"x {x0:.0f}\u2013{x1:.0f}, y {top:.0f}\u2013{bottom:.0f} px"
