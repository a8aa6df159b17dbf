"""`pellucid report`, `verify` and `revise` on real guidelines, without a model."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid.app.demo import example_case, second_look
from pellucid.images.study import open_study
from pellucid.record import Reading, reading_from_json
from pellucid.train.files import write_whole

from .conftest import made_reading

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def case(work: Path) -> Path:
    return write_whole(work / "case.reading.json", example_case().as_json())


@pytest.fixture
def pictured(work: Path) -> tuple[Path, Reading]:
    """A reading of an image that lies beside it."""
    rng = np.random.default_rng(3)
    Image.fromarray(rng.integers(0, 255, (48, 64), dtype=np.uint8)).save(work / "eye.png")
    reading = made_reading(open_study(work / "eye.png").images[0].ref())
    return write_whole(work / "eye.reading.json", reading.as_json()), reading


# report ---------------------------------------------------------------------------------------------------------------


def test_text_alone_is_printed(run: Run, case: Path, work: Path) -> None:
    code, out, err = run("report", case)
    assert (code, err) == (0, "")
    assert len(out) > 200
    assert [p.name for p in work.iterdir()] == ["case.reading.json"]


def test_both_formats_go_into_the_folder_named_after_the_reading(run: Run, case: Path, work: Path) -> None:
    code, out, _ = run("report", case, "--as", "text,html", "-o", "reports")
    assert code == 0
    assert sorted(p.name for p in (work / "reports").iterdir()) == ["case.html", "case.txt"]
    assert out.count("case.") == 2


def test_the_page_shows_the_image_that_was_read(run: Run, pictured: tuple[Path, Reading], work: Path) -> None:
    code, _, err = run("report", pictured[0], "--as", "html")
    assert (code, err) == (0, "")
    assert "data:image/" in (work / "eye.html").read_text(encoding="utf-8")


def test_an_image_that_was_changed_or_is_gone_is_not_drawn(run: Run, pictured: tuple[Path, Reading], work: Path) -> None:
    Image.fromarray(np.zeros((48, 64), dtype=np.uint8)).save(work / "eye.png")
    code, _, err = run("report", pictured[0], "--as", "html")
    assert code == 0
    assert "not those that were read" in err
    assert "data:image/" not in (work / "eye.html").read_text(encoding="utf-8")
    (work / "eye.png").unlink()
    code, _, err = run("report", pictured[0], "--as", "html")
    assert (code, "--image" in err) == (0, True)


def test_an_image_named_by_hand_must_be_the_one(run: Run, pictured: tuple[Path, Reading], work: Path) -> None:
    (work / "archive").mkdir()
    (work / "eye.png").rename(work / "archive" / "renamed.png")
    assert run("report", pictured[0], "--as", "html", "--image", "archive/renamed.png")[0] == 0
    Image.fromarray(np.zeros((48, 64), dtype=np.uint8)).save(work / "other.png")
    for wrong in ("other.png", "nowhere.png", str(pictured[0])):
        code, _, err = run("report", pictured[0], "--as", "html", "--image", wrong)
        assert (code, err.count("\n")) == (1, 1)
        assert "cannot be drawn" in err


@pytest.mark.parametrize("name", ["pdf", "sr", "fhir"])
def test_formats_to_come_say_what_there_is(run: Run, case: Path, name: str) -> None:
    code, _, err = run("report", case, "--as", name)
    assert (code, err.count("\n")) == (1, 1)
    assert "available: text, narrative, html" in err


def test_an_unknown_format_offers_the_nearest(run: Run, case: Path) -> None:
    code, _, err = run("report", case, "--as", "htlm")
    assert code == 1
    assert "did you mean 'html'" in err


# verify ---------------------------------------------------------------------------------------------------------------


def test_a_whole_reading_verifies(run: Run, case: Path) -> None:
    code, out, err = run("verify", case)
    assert (code, err) == (0, "")
    assert "FAIL" not in out
    result = json.loads(run("verify", case, "--json")[1])
    assert result["ok"] is True
    assert all(check["ok"] for check in result["checks"])
    assert result["complete"] is False, "findings typed by a person are not checked against a model"
    assert result["not_checked"]
    assert out.splitlines()[-1] == f"{case} {result['verdict']}"
    assert "verifies only in part" in result["verdict"]
    assert "-     not checked: who wrote it" in out


def test_a_tampered_reading_fails_and_says_which(run: Run, case: Path) -> None:
    content = json.loads(case.read_text())
    content["study"]["width"] += 1
    case.write_text(json.dumps(content))
    code, out, err = run("verify", case)
    assert code == 1
    assert "FAIL" in out
    assert err.count("\n") == 1
    assert "does not verify" in err


def test_a_conclusion_that_does_not_follow_fails_though_its_hash_is_right(run: Run, case: Path) -> None:
    content = json.loads(case.read_text())
    assessment = content["assessments"][0]
    assessment["statement"] = "All is well."
    content["id"] = ""
    forged = reading_from_json(json.dumps(content))
    case.write_text(forged.as_json())
    code, _, err = run("verify", case)
    assert code == 1
    assert assessment["question"] in err


@pytest.mark.parametrize("content", ["", "{}", "[1]", "no json"])
def test_what_is_no_reading_does_not_verify(run: Run, work: Path, content: str) -> None:
    path = write_whole(work / "x.json", content)
    code, _, err = run("verify", path)
    assert (code, err.count("\n")) == (1, 1)


def test_a_missing_reading_is_one_line(run: Run) -> None:
    code, _, err = run("verify", "nowhere.json")
    assert (code, err.count("\n")) == (1, 1)


# revise ---------------------------------------------------------------------------------------------------------------


def test_a_revision_shows_the_move_and_leaves_the_old_reading(run: Run, case: Path, work: Path) -> None:
    before = case.read_bytes()
    concept, state = second_look(example_case())
    code, out, err = run("revise", case, "--set", f"{concept}={state}", "--by", "radiologist on call")
    assert (code, err) == (0, "")
    assert " -> " in out
    assert case.read_bytes() == before
    new = next(p for p in work.iterdir() if p != case)
    reading = reading_from_json(new.read_text())
    assert new.name == f"case-{reading.id[:8]}.reading.json"
    assert reading.revises == example_case().id
    finding = reading.finding(concept)
    assert finding is not None
    assert (finding.state, finding.observer.name, finding.observer.kind) == (state, "radiologist on call", "person")
    assert run("verify", new)[0] == 0


@pytest.mark.parametrize(
    "setting", ["margn=circumscribed", "margin=circumscribedd", "long_axis=wide", "long_axis=-3", "long_axis=nan"]
)
def test_what_cannot_be_set_is_one_line_and_nothing_is_written(run: Run, case: Path, work: Path, setting: str) -> None:
    code, _, err = run("revise", case, "--set", setting, "--by", "me")
    assert (code, err.count("\n")) == (1, 1)
    assert [p.name for p in work.iterdir()] == ["case.reading.json"]


def test_a_reading_is_never_overwritten_by_its_revision(run: Run, case: Path) -> None:
    code, _, err = run("revise", case, "--set", "margin=circumscribed", "--by", "me", "-o", case)
    assert code == 1
    assert "never overwritten" in err


@pytest.mark.parametrize("arguments", [["--set", "margin"], ["--set", "=x"], ["--set", "margin="], []])
def test_a_setting_is_needed_and_has_two_sides(run: Run, case: Path, arguments: list[str]) -> None:
    assert run("revise", case, *arguments, "--by", "me")[0] == 2


# trace ----------------------------------------------------------------------------------------------------------------


def test_a_trace_follows_every_assessment_from_its_findings(run: Run, case: Path) -> None:
    code, out, _ = run("guidelines", "trace", case)
    assert code == 0
    for assessment in example_case().assessments:
        assert assessment.question in out
        assert assessment.derivation.claim in out
