"""A model's measurements are those of its outlines, and the outlines lie on the grid of the recorded preparation."""

from collections.abc import Callable
from typing import Any

import pytest

from pellucid.assess.check import Check
from pellucid.assess.outlined import check_outlines
from pellucid.assess.verify import GRIDS
from pellucid.record import Finding, Observer, PreparationStep, Provenance, ReaderRef, Reading, Region, StudyRef

MODEL = Observer(name="toy 1.0", kind="model")
PERSON = Observer(name="Dr A", kind="person")
STEPS = (
    PreparationStep(name="display", parameters={"rule": "as stored"}),
    PreparationStep(
        name="letterbox",
        parameters={"size": 480, "resampling": "bilinear", "from_size": (480.0, 480.0), "placed": (0.0, 0.0, 480.0, 480.0)},
    ),
)
OBLONG = ((8.0, 8.4), (8.4, 8.0), (31.6, 8.0), (32.0, 8.4), (32.0, 19.6), (31.6, 20.0), (8.4, 20.0), (8.0, 19.6))
"""24 by 12 mm with its corners cut, on a grid of cells of 0.8 mm."""
VALUES = {"long_axis": 26.3, "short_axis": 21.3, "area": 287.7, "orientation": 0.0, "aspect": 0.5}
MEASURE_UNITS = {"long_axis": "mm", "short_axis": "mm", "area": "mm2", "orientation": "deg", "aspect": "1"}


def _finding(name: str, observer: Observer = MODEL, **changes: Any) -> Finding:
    region = Region(outlines=(OBLONG,), unit="mm", meaning="outline, found by the reader, of the mass")
    values = {"value": VALUES[name], "sd": 3.0, "region": region} | changes
    return Finding(concept=name, observer=observer, unit=MEASURE_UNITS[name], **values)


def _reading(*found: Finding, spacing: float | None = 0.1, steps: tuple[PreparationStep, ...] = STEPS) -> Reading:
    study = StudyRef(pixels_sha256="a" * 64, width=480, height=480, spacing_mm=(spacing, spacing) if spacing else None)
    ref = ReaderRef(name="toy", version="1.0")
    return Reading(study=study, reader=ref, findings=found, assessments=(), provenance=Provenance(preparation=steps))


def _named(reading: Reading, **more: Any) -> dict[str, Check]:
    return {check.name: check for check in check_outlines(reading, (8,), **more)}


def test_measurements_that_their_outlines_give_hold() -> None:
    checks = _named(_reading(*(_finding(name) for name in VALUES)))
    assert all(check.ok and check.checked for check in checks.values()), checks
    assert checks["measurements"].detail.startswith("5 agree with their outlines")
    assert "1.5 cells of the grid (1.2 mm)" in checks["measurements"].detail


@pytest.mark.parametrize(
    ("name", "value"), [("long_axis", 30.0), ("long_axis", 20.0), ("short_axis", 5.0), ("area", 150.0), ("orientation", 40.0)]
)
def test_value_that_its_outline_does_not_give_is_named(name: str, value: float) -> None:
    check = _named(_reading(_finding(name, value=value)))["measurements"]
    assert not check.ok
    assert check.detail.startswith(f"{name}: the reading says {value:.2f} {MEASURE_UNITS[name]}, its outline gives")
    assert "can be stated" in check.detail


def test_aspect_that_its_outline_does_not_give_is_named() -> None:
    assert "aspect: the reading says 0.90" in _named(_reading(_finding("aspect", value=0.9)))["measurements"].detail


def test_deviation_smaller_than_the_border_leaves_is_named() -> None:
    sure = _reading(_finding("long_axis", sd=0.1))
    assert _named(sure)["measurements"].ok, "without the reader's own factor nothing is known of it"
    assert "a standard deviation of 0.1" in _named(sure, factors={"long_axis": 2.0})["measurements"].detail


@pytest.mark.parametrize("spacing", [0.2, 0.093, 0.05])
def test_spacing_that_moves_the_grid_is_found(spacing: float) -> None:
    check = _named(_reading(_finding("long_axis"), spacing=spacing))["places"]
    assert not check.ok
    assert "long_axis: expected the outline on a grid of cells of 8 pixels" in check.detail


def test_recorded_size_that_is_not_the_images_is_found() -> None:
    steps = (STEPS[0], PreparationStep(name="letterbox", parameters={**STEPS[1].parameters, "from_size": (480.0, 400.0)}))
    assert not _named(_reading(_finding("long_axis"), steps=steps))["preparation"].ok


def test_outline_in_mm_without_a_spacing_is_found() -> None:
    assert "knows no pixel spacing" in _named(_reading(_finding("long_axis"), spacing=None))["places"].detail


def test_length_beside_an_outline_in_pixels_is_found() -> None:
    pixels = Region(outlines=(tuple((10 * x, 10 * y) for x, y in OBLONG),), unit="px", meaning="outline")
    reading = _reading(_finding("long_axis", region=pixels), spacing=None)
    assert "its outline is in pixels and the spacing is not known" in _named(reading)["measurements"].detail
    assert _named(_reading(_finding("aspect", region=pixels), spacing=None))["measurements"].ok


def test_measurement_called_unknown_beside_its_outline_is_found() -> None:
    unknown = _finding("long_axis", value=None, sd=None, unknown_because="too dark")
    assert "said to be unknown (too dark), but its outline gives" in _named(_reading(unknown))["measurements"].detail


def test_measurements_of_one_place_share_its_outline() -> None:
    moved = Region(
        outlines=(tuple((x + 0.8, y) for x, y in OBLONG),), unit="mm", meaning="outline, found by the reader, of the mass"
    )
    check = _named(_reading(_finding("long_axis"), _finding("aspect", region=moved)))["measurements"]
    assert check.detail == "aspect: its outline is another than that of long_axis, and both are said to be the same place's"


def test_what_a_person_typed_is_not_checked_and_said_so() -> None:
    for region in (None, _finding("long_axis").region):
        checks = _named(_reading(_finding("long_axis", PERSON, value=99.0, region=region)))
        assert checks["typed measurements"].detail == "not checked: long_axis: typed by a person, no outline gives them"
        assert not checks["typed measurements"].checked


def test_model_measurement_without_an_outline_or_steps_is_not_checked_and_said_so() -> None:
    bare = _named(_reading(_finding("long_axis", region=None)))["measurements"]
    assert (bare.ok, bare.checked, bare.detail) == (True, False, "not checked: long_axis: no outline gives them")
    blind = _named(_reading(_finding("long_axis"), steps=()))["measurements"]
    assert (blind.ok, blind.checked) == (True, False)


@pytest.mark.parametrize("far", [1e300, 1e-300, -1e9])
def test_absurd_outlines_are_found_and_not_warned_of(far: float) -> None:
    region = Region(outlines=(((0.0, 0.0), (far, 0.0), (far, far), (0.0, far)),), unit="mm", meaning="outline")
    for spacing in (0.1, 1e-300, 1e300):
        reading = _reading(_finding("long_axis", region=region), spacing=spacing)
        assert not all(check.ok for check in check_outlines(reading))


def test_grids_are_those_of_the_packaged_encoders() -> None:
    encoders: Callable[..., Any] = pytest.importorskip("pellucid.models.encoders")
    assert set(GRIDS) == set(encoders.PACKAGED)
    assert set(GRIDS.values()) == {encoders.FINEST_STRIDE}
