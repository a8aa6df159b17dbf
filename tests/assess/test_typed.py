"""Findings that were typed: read strictly, refused in one line with file and line."""

from pathlib import Path

import pytest

from pellucid.assess.typed import askable, guideline_named, read_typed
from pellucid.errors import GuidelineError, InputError
from pellucid.knowledge import load_guideline
from pellucid.record import Finding

LUNG = load_guideline("lung-cancer-screening")


def typed(tmp_path: Path, body: str) -> dict[str, Finding]:
    file = tmp_path / "findings.yaml"
    file.write_text(f"by: Dr A\nfindings:\n{body}", encoding="utf-8")
    (found,) = read_typed(file, LUNG).lesions.values()
    return {finding.concept: finding for finding in found}


def test_states_probabilities_measurements_and_unknowns_are_read(tmp_path: Path) -> None:
    found = typed(
        tmp_path,
        "  nodule_type: solid\n  spiculation: {absent: 0.7, present: 0.3}\n  mean_diameter: 7.9 ± 0.5 mm\n"
        "  status: 'unknown: no earlier CT at hand'\n  margin: unknown\n  age: 64\n",
    )
    assert (found["nodule_type"].state, max(found["nodule_type"].probabilities or ())) == ("solid", 1.0)
    assert (found["spiculation"].state, found["spiculation"].probabilities) == ("absent", (0.7, 0.3))
    assert (found["mean_diameter"].value, found["mean_diameter"].sd) == (7.9, 0.5)
    assert found["status"].unknown_because == "no earlier CT at hand"
    assert found["margin"].unknown_because == "not recorded"
    assert (found["age"].value, found["age"].sd) == (64.0, 0.0)
    assert all(finding.observer.name == "Dr A" and finding.observer.kind == "person" for finding in found.values())


def test_a_state_is_called_only_above_one_half(tmp_path: Path) -> None:
    assert typed(tmp_path, "  spiculation: {absent: 0.5, present: 0.5}\n")["spiculation"].state is None


def test_a_measurement_without_an_error_takes_the_packs_repeatability(tmp_path: Path) -> None:
    stated = LUNG.entries["mean_diameter"].repeatability
    assert stated is not None
    assert typed(tmp_path, "  mean_diameter: 9 mm\n")["mean_diameter"].sd == stated.sd


def test_lesions_stand_beside_the_findings_of_the_examination(tmp_path: Path) -> None:
    file = tmp_path / "two.yaml"
    file.write_text(
        "by: {name: VendorX 2, kind: model}\nguideline: lung-cancer-screening\nfindings: {age: 60, status: baseline}\n"
        "lesions:\n  first: {mean_diameter: 9}\n  second: {status: new}\n",
        encoding="utf-8",
    )
    found = read_typed(file, LUNG)
    assert guideline_named(file) == "lung-cancer-screening"
    assert found.observer.kind == "model"
    assert [f.concept for f in found.lesions["first"]] == ["age", "status", "mean_diameter"]
    assert next(f.state for f in found.lesions["second"] if f.concept == "status") == "new"


def test_inputs_of_second_opinions_may_be_stated(tmp_path: Path) -> None:
    assert "sex" in askable(LUNG)
    assert typed(tmp_path, "  sex: female\n")["sex"].state == "female"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("  nodule_typ: solid\n", r"findings.yaml:3: unknown concept 'nodule_typ': did you mean 'nodule_type'"),
        ("  nodule_type: solids\n", r"findings.yaml:3: unknown state of nodule_type 'solids': did you mean 'solid'"),
        ("  mean_diameter: 0.79 cm\n", r"findings.yaml:3: expected mean_diameter in mm, got '0.79 cm'"),
        ("  mean_diameter: 0.79\n", r"is the unit right\?\), got 0.79"),
        ("  mean_diameter: about 8\n", r"a measurement of mean_diameter such as"),
        ("  spiculation: {absent: 0.7, present: 0.7}\n", r"that sum to 1, got 1.4 in all"),
        ("  spiculation: {absent: 1.5, present: -0.5}\n", r"between 0 and 1 that sum to 1"),
        ("  spiculation: true\n", r"expected text"),
        ("  age: 64\n  age: 65\n", r"each key once"),
        ("  age: &a 64\n", r"an anchor or alias"),
        ("  age: .nan\n", r"a measurement of age"),
    ],
)
def test_mistake_is_one_line_with_its_place(tmp_path: Path, body: str, said: str) -> None:
    with pytest.raises(GuidelineError, match=said) as caught:
        typed(tmp_path, body)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_says_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_typed(tmp_path / "none.yaml", LUNG)
    (tmp_path / "empty.yaml").write_text("by: Dr A\n", encoding="utf-8")
    with pytest.raises(GuidelineError, match="findings, lesions, or both"):
        read_typed(tmp_path / "empty.yaml", LUNG)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("8 ± 100 mm", r"findings.yaml:3: expected an error of mean_diameter of at most 8 .*got 8 ± 100"),
        ("100 ± 60 mm", r"of at most 37 .*got 100 ± 60"),
    ],
)
def test_an_error_that_says_nothing_is_refused(tmp_path: Path, value: str, said: str) -> None:
    with pytest.raises(GuidelineError, match=said):
        typed(tmp_path, f"  mean_diameter: {value}\n")
    assert typed(tmp_path, "  mean_diameter: 8 ± 3 mm\n")["mean_diameter"].sd == 3.0
    assert typed(tmp_path, "  solid_diameter: 1 ± 0.75 mm\n")["solid_diameter"].sd == 0.75
