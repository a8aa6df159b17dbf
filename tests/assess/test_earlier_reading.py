"""Two readings of the same lesion: the earlier measurement and its reading stand beside what is stated now."""

import math
from pathlib import Path

import pytest

from pellucid.assess.earlier_reading import with_readings
from pellucid.assess.lesions import assess_stated
from pellucid.assess.revise import revise
from pellucid.assess.typed import Typed, read_typed
from pellucid.assess.verify import verify
from pellucid.errors import InputError
from pellucid.knowledge import load_guideline
from pellucid.record import Reading

LUNG = load_guideline("lung-cancer-screening")
QUIET = "nodule_type: solid, benign_content: absent, juxtapleural: absent"


def read(tmp_path: Path, body: str) -> Typed:
    (tmp_path / "f.yaml").write_text(f"by: Dr A\n{body}", encoding="utf-8")
    return read_typed(tmp_path / "f.yaml", LUNG)


def made(typed: Typed) -> dict[str, Reading]:
    return {lesion.name: lesion.reading for lesion in assess_stated(typed, LUNG, ("nodule",)).lesions}


@pytest.fixture
def before(tmp_path: Path) -> dict[str, Reading]:
    return made(read(tmp_path, f"findings: {{{QUIET}, status: baseline, mean_diameter: 6 ± 0.5 mm}}\n"))


def test_growth_between_two_readings_is_that_of_their_measurements(tmp_path: Path, before: dict[str, Reading]) -> None:
    now = read(tmp_path, f"lesions: {{upper: {{{QUIET}, mean_diameter: 8.5 ± 0.5 mm}}}}\n")
    reading = made(with_readings(now, LUNG, before, 12))["upper"]
    size, status = reading.finding("mean_diameter"), reading.finding("status")
    assert size is not None
    assert size.earlier is not None
    assert status is not None
    assert (size.earlier.value, size.earlier.sd, size.earlier.reading) == (6.0, 0.5, before["the examination"].id)
    grown = dict(zip(status.states or (), status.probabilities or (), strict=True))["growing"]
    assert grown == pytest.approx(0.5 * math.erfc(-(2.5 - 1.5) / (math.hypot(0.5, 0.5) * math.sqrt(2))), abs=1e-6)
    assert verify(reading.as_json()).ok


def test_lesions_belong_together_by_name(tmp_path: Path) -> None:
    body = f"lesions:\n  a: {{{QUIET}, mean_diameter: 6 mm}}\n  b: {{{QUIET}, mean_diameter: 9 mm}}\n"
    before = made(read(tmp_path, body))
    now = with_readings(read(tmp_path, body.replace("  a:", "  c:").replace("9 mm", "12 mm")), LUNG, before, 12)
    kept = {name: [f.earlier for f in found if f.concept == "mean_diameter"] for name, found in now.lesions.items()}
    assert kept["c"] == [None]
    assert kept["b"][0] is not None
    assert kept["b"][0].value == 9.0
    with pytest.raises(InputError, match="a lesion of the same name in both, got a, b then and x, y now"):
        with_readings(read(tmp_path, body.replace("  a:", "  x:").replace("  b:", "  y:")), LUNG, before, 12)


@pytest.mark.parametrize(
    ("more", "months", "said"),
    [
        ("mean_diameter: 8 mm", None, "the months between the two readings .*got none"),
        ("mean_diameter: 8 mm", 0.0, "above 0 and at most 1200, got 0"),
        ("mean_diameter: 8 mm", math.nan, "above 0 and at most 1200, got nan"),
        (
            "mean_diameter: 8 mm, status: new",
            12.0,
            "f.yaml:2: .*a lesion whose status is stated as new",
        ),
        ("mean_diameter: unknown", 12.0, "expected mean_diameter or solid_diameter in both readings, got none"),
        ("mean_diameter: 8 mm, age: 30", 500.0, "within the 30 years"),
    ],
)
def test_what_cannot_be_compared_is_one_line(
    tmp_path: Path, before: dict[str, Reading], more: str, months: float | None, said: str
) -> None:
    now = read(tmp_path, f"lesions: {{upper: {{{QUIET}, {more}}}}}\n")
    with pytest.raises(InputError, match=said) as caught:
        with_readings(now, LUNG, before, months)
    assert "\n" not in str(caught.value)


def test_two_earlier_measurements_of_one_lesion_are_refused(tmp_path: Path, before: dict[str, Reading]) -> None:
    now = read(tmp_path, "findings: {mean_diameter: 8}\nearlier: {interval_months: 6, mean_diameter: 6}\n")
    with pytest.raises(InputError, match="leave one out"):
        with_readings(now, LUNG, before, 12)
    thyroid = load_guideline("thyroid-nodule")
    with pytest.raises(InputError, match="expected a guideline with a criterion of growth"):
        with_readings(now, thyroid, before, 12)


def test_the_time_between_is_that_since_the_earlier_ct_where_it_is_stated(tmp_path: Path, before: dict[str, Reading]) -> None:
    now = read(tmp_path, f"findings: {{{QUIET}, mean_diameter: 8, months_since_previous: 6}}\n")
    (found,) = with_readings(now, LUNG, before, None).lesions.values()
    assert [f.earlier.months for f in found if f.earlier] == [6.0]


def test_a_revised_measurement_keeps_its_earlier_one_and_moves_the_growth(tmp_path: Path, before: dict[str, Reading]) -> None:
    now = read(tmp_path, f"findings: {{{QUIET}, mean_diameter: 8.5 ± 0.5 mm}}\n")
    (reading,) = made(with_readings(now, LUNG, before, 12)).values()
    second = revise(reading, {"mean_diameter": "6.2±0.5"}, by="Dr B")
    status = second.finding("status")
    assert status is not None
    assert status.state == "stable"
    assert verify(second.as_json()).ok
    with pytest.raises(InputError, match=r"expected an error of at most 6\.2 .*, got 6\.2±80"):
        revise(reading, {"mean_diameter": "6.2±80"}, by="Dr B")
    third = revise(second, {"status": "growing"}, by="Dr B")
    assert [f.because for f in third.findings if f.concept == "status"] == [None]
    assert any("beside two measurements" in c.text for c in third.cautions)
    assert verify(third.as_json()).ok


def test_growth_that_does_not_follow_from_the_measurements_does_not_verify(tmp_path: Path, before: dict[str, Reading]) -> None:
    now = read(tmp_path, f"findings: {{{QUIET}, mean_diameter: 8.5 ± 0.5 mm}}\n")
    (reading,) = made(with_readings(now, LUNG, before, 12)).values()
    calm = [f.model_copy(update={"state": "stable"}) if f.concept == "status" else f for f in reading.findings]
    gone = [f for f in reading.findings if f.concept != "status"]
    for findings in (calm, gone):
        forged = Reading.model_validate({**dict(reading), "id": "", "findings": tuple(findings)})
        checks = {check.name: check for check in verify(forged.as_json()).checks}
        assert not checks["worked-out findings"].ok
        assert checks["worked-out findings"].detail.startswith("status: finding: the reading says")
