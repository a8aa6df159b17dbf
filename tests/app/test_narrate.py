"""`pellucid report --as narrative`, alone and with a language model behind the checker."""

from pathlib import Path

import pytest

from pellucid.app.cli import main

FORM = """by: Dr A
guideline: thyroid-nodule
findings: {composition: solid, echogenicity: hypoechoic, shape: taller than wide, margin: smooth, comet_tail: absent,
  macrocalcification: absent, rim_calcification: absent, punctate_foci: absent, diameter: 14 mm}
"""


@pytest.fixture
def reading(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A reading by typed findings."""
    (tmp_path / "case.yaml").write_text(FORM, encoding="utf-8")
    assert main(["assess", str(tmp_path / "case.yaml"), "-o", str(tmp_path)]) == 0
    capsys.readouterr()
    return tmp_path / "case.reading.json"


def test_the_narrative_is_printed(reading: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(reading), "--as", "narrative", "--lesion", "left lobe"]) == 0
    told = capsys.readouterr().out
    assert "FINDINGS\nLesion: left lobe. The nodule is solid" in told
    assert "RECOMMENDATION\n1. Level of the nodule: " in told


def test_it_is_written_beside_the_other_formats(reading: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(reading), "--as", "text,narrative", "-o", str(tmp_path / "out")]) == 0
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"case.txt", "case.narrative.txt"}


def test_an_endpoint_that_does_not_answer_gives_the_grammars_text(reading: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--rephrase-url", "http://127.0.0.1:1/v1", "--rephrase-model", "m", "--rephrase-timeout", "5"]
    assert main(["report", str(reading), "--as", "narrative", *asked]) == 0
    told = capsys.readouterr()
    assert "The nodule is solid" in told.out
    assert "The language model's text was not used: 127.0.0.1:1: expected an answer" in told.out
    assert told.err.startswith("pellucid: the grammar's text is used: 127.0.0.1:1: expected an answer")


SEVERAL = """by: Dr A
guideline: lung-cancer-screening
findings: {setting: screening, age: 63, known_lung_cancer: absent}
lesions:
  right upper lobe: {nodule_type: solid, status: baseline, mean_diameter: 9 mm}
  left lower lobe: {nodule_type: solid, status: baseline, mean_diameter: 4 mm}
"""


def test_an_examination_is_told_lesion_by_lesion_below_what_they_make_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "case.yaml").write_text(SEVERAL, encoding="utf-8")
    assert main(["assess", str(tmp_path / "case.yaml"), "-o", str(tmp_path)]) in (0, 3)
    capsys.readouterr()
    made = str(tmp_path / "case.examination.json")
    assert main(["report", made, "--as", "narrative"]) == 0
    told = capsys.readouterr().out
    head, first, second = (told.index(x) for x in ("THE EXAMINATION\n", "Lesion: right upper lobe.", "Lesion: left lower lobe."))
    assert head < first < second
    assert "Driven by right upper lobe." in told[head:first]
    assert "Next step: " in told[head:first]
    assert main(["report", made, "--as", "narrative", "--lesion", "x"]) == 1
    assert "expected no --lesion for an examination" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rephrase-url", "http://h/v1", "--rephrase-local", "x"], "got both"),
        (["--rephrase-model", "m"], "needs --rephrase-url"),
        (["--rephrase-url", "http://h/v1"], "--rephrase-model"),
        (["--rephrase-url", "h", "--rephrase-model", "m"], "http(s)://HOST/v1"),
        (["--rephrase-url", "http://h/v1", "--rephrase-model", "m", "--rephrase-timeout", "0"], "above 0"),
        (["--rephrase-local", "/nowhere"], "config.json"),
    ],
)
def test_wrong_options_are_one_line(options: list[str], said: str, reading: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(reading), "--as", "narrative", *options]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
