"""`pellucid cases`: kept, listed, found, taken out, checked; refusals in one line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy")

from tests.app.conftest import made_reading

from pellucid.app.command import DONE, ERROR, USAGE
from pellucid.record import StudyRef

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def kept(run: Run, number: int, outcome: str, patient: str) -> Path:
    """A reading of its own image, written and kept."""
    path = Path(f"{number}.reading.json")
    path.write_text(made_reading(StudyRef(pixels_sha256=str(number) * 64, width=64, height=48)).as_json(), encoding="utf-8")
    words = ("--outcome", outcome, "--verified-by", "histology", "--patient", patient, "--library", "l.db")
    code, out, err = run("cases", "add", str(path), *words)
    assert (code, err) == (DONE, "")
    assert f"as {outcome} in l.db" in out
    return path


def test_cases_are_kept_found_with_one_that_contradicts_and_taken_out(run: Run) -> None:
    first = kept(run, 1, "malignant", "P1")
    for number, outcome, patient in ((2, "malignant", "P2"), (3, "benign", "P3"), (4, "benign", "P1")):
        kept(run, number, outcome, patient)
    code, out, err = run("cases", "find", str(first), "--patient", "P1", "-k", "1", "--library", "l.db", "--json")
    found = json.loads(out)
    assert (code, err) == (DONE, "")
    assert {(case["outcome"], case["stands"]) for case in found} == {("malignant", "confirms"), ("benign", "contradicts")}
    told = run("cases", "find", str(first), "--patient", "P1", "-k", "1", "--library", "l.db")[1]
    assert told.count("CONTRADICTS") == 1
    listed = run("cases", "list", "--library", "l.db")[1].splitlines()
    assert len(listed) == 4
    assert run("cases", "remove", listed[0].split()[0], "--library", "l.db")[0] == DONE
    code, out, _ = run("cases", "check", "--library", "l.db")
    assert code == DONE
    assert "whole, 3 cases" in out


def test_what_cannot_be_kept_or_found_is_said_in_one_line_and_changes_nothing(run: Run) -> None:
    first = kept(run, 1, "malignant", "P1")
    words = ("--outcome", "benign", "--verified-by", "histology", "--patient", "P1", "--library", "l.db")
    for more, said in (
        ((), "is there already; --replace"),
        (("--replace", "--on", "yesterday"), "expected a day like"),
        (("--replace", "--image", "a.png"), "expected --image and --reader together"),
        (("--replace", "--verified-by", "astrology"), "expected one of histology"),
    ):
        code, out, err = run("cases", "add", str(first), *words, *more)
        assert (code, out) == (ERROR, "")
        assert err.count("\n") == 1
        assert said in err
    for action, said in (
        (("remove", "77"), "expected the number of a case, got 77"),
        (("find", str(first), "-k", "0"), "k from 1"),
        (("find", str(first), "--space", "image"), "expected an image and --reader"),
    ):
        code, _, err = run("cases", *action, "--library", "l.db")
        assert code == ERROR
        assert said in err
    assert run("cases", "list", "--library", "l.db")[1].split()[1] == "malignant"
    code, _, err = run("cases", "list", "--library", "none.db")
    assert code == ERROR
    assert "got no file" in err
    assert not Path("none.db").exists()
    assert run("cases", "add", str(first))[0] == USAGE
