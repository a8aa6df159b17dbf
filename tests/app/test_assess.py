"""`pellucid assess`: findings in, a justified answer out, without an image."""

import json
from pathlib import Path

import pytest

from pellucid.app.cli import main

FORM = """by: Dr A
guideline: lung-cancer-screening
findings: {setting: screening, age: 64 years, status: baseline}
lesions:
  upper: {nodule_type: solid, mean_diameter: 7.9 ± 0.1 mm, benign_content: absent, juxtapleural: absent}
  lower: {nodule_type: solid, mean_diameter: 15 mm, benign_content: absent, juxtapleural: absent}
"""


@pytest.fixture
def form(tmp_path: Path) -> Path:
    (tmp_path / "ct.yaml").write_text(FORM, encoding="utf-8")
    return tmp_path / "ct.yaml"


def test_examination_comes_first_and_names_the_driving_nodule(form: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assess", str(form), "--question", "nodule"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("THE EXAMINATION: nodule\n  Very suspicious (category 4B). Driven by lower.")
    assert "======== upper ========" in told
    assert "No image: the findings were stated" in told


def test_readings_are_written_whole_and_verify(form: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["assess", str(form), "--question", "nodule", "-o", str(out)]) == 0
    assert {p.name for p in out.iterdir()} == {"ct-upper.reading.json", "ct-lower.reading.json", "ct.examination.json"}
    assert main(["verify", str(out / "ct-upper.reading.json")]) == 0
    assert main(["report", str(out / "ct-upper.reading.json"), "--as", "html", "-o", str(out)]) == 0
    page = (out / "ct-upper.html").read_text(encoding="utf-8")
    assert "Lung cancer screening" in page
    assert "Where it was seen" not in page
    capsys.readouterr()


def test_json_is_one_line(form: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["assess", str(form), "--question", "nodule", "--json"])
    (line,) = capsys.readouterr().out.splitlines()
    assert [lesion["name"] for lesion in json.loads(line)["lesions"]] == ["upper", "lower"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("guideline: lung-cancer-screening\n", "", "expected a guideline, got none"),
        ("lung-cancer-screening", "lung-cancer-screning", "did you mean 'lung-cancer-screening'"),
        ("nodule_type: solid", "nodule_type: soild", "did you mean 'solid'"),
        ("15 mm", "1.5 cm", "expected mean_diameter in mm"),
        ("by: Dr A", "by: {name: X, kind: robot}", "expected person or model"),
    ],
)
def test_bad_input_is_one_line_and_a_non_zero_exit(
    form: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    form.write_text(FORM.replace(old, new), encoding="utf-8")
    assert main(["assess", str(form)]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_what_stays_open_exits_with_three(form: Path, capsys: pytest.CaptureFixture[str]) -> None:
    form.write_text(FORM.replace(", status: baseline", "").replace("15 mm", "7 mm"), encoding="utf-8")
    assert main(["assess", str(form), "--question", "nodule"]) == 3
    assert "nobody has stated" in capsys.readouterr().out


def test_signs_of_a_brain_tumour_are_weighed_and_never_a_category(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "brain.yaml").write_text(
        "by: Dr A\nguideline: brain-tumour-mri-signs\nfindings: {location: sellar}\n", encoding="utf-8"
    )
    assert main(["assess", str(tmp_path / "brain.yaml")]) == 0
    told = capsys.readouterr().out
    assert told.startswith("TO CONSIDER")
    assert "1. pituitary" in told
    assert "no probability, no category" in told


def test_an_earlier_reading_makes_growth_a_probability(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = "by: Dr A\nguideline: lung-cancer-screening\nlesions:\n  a: {nodule_type: solid, %s}\n  b: {nodule_type: solid, %s}\n"
    then, now, out = tmp_path / "then.yaml", tmp_path / "now.yaml", tmp_path / "out"
    then.write_text(body % (("mean_diameter: 6 ± 0.3 mm",) * 2), encoding="utf-8")
    now.write_text((body % (("mean_diameter: 9 ± 0.3 mm",) * 2)).replace("  b:", "  c:"), encoding="utf-8")
    main(["assess", str(then), "--question", "size-table", "-o", str(out)])
    capsys.readouterr()
    asked = ["assess", str(now), "--question", "size-table", "--earlier"]
    main([*asked, str(out / "then.examination.json"), "--interval-months", "12"])
    told = capsys.readouterr()
    assert "c: not in" in told.err
    assert "9.0 ± 0.3 mm, 12 months before 6.0 ± 0.3 mm" in told.out
    assert "Status: growing, >99 %  [Worked out from other findings]" in told.out
    assert main([*asked, str(out / "then-a.reading.json"), "--interval-months", "12"]) == 1
    assert "a lesion of the same name in both" in capsys.readouterr().err
    assert main([*asked, str(out / "then.examination.json")]) == 1
    assert "expected the months between the two readings" in capsys.readouterr().err
    assert main(["assess", str(now), "--interval-months", "12"]) == 1
    assert "--interval-months: expected --earlier" in capsys.readouterr().err
    (tmp_path / "x.examination.json").write_text("{}", encoding="utf-8")
    assert main([*asked, str(tmp_path / "x.examination.json")]) == 1
    assert "is not a valid examination" in capsys.readouterr().err
