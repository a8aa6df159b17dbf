"""`pellucid read`: one reading per image, failures listed, exit codes as promised."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid.record import reading_from_json

Run = Callable[..., tuple[int, str, str]]
Save = Callable[..., Path]

pytestmark = pytest.mark.usefixtures("fake_reader")


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name.endswith(".json") or p.name.startswith("."))


def test_an_image_gives_a_reading_named_after_it(run: Run, image: Save, work: Path) -> None:
    code, out, err = run("read", image("case.png"), "--reader", "fake", "-o", "out")
    assert (code, err) == (0, "")
    reading = reading_from_json((work / "out" / "case.reading.json").read_text())
    assert reading.study.source == "case.png"
    assert "malignant" in out
    assert "next: tissue sampling" in out


def test_without_a_folder_the_reading_goes_to_the_current_one(run: Run, image: Save, work: Path) -> None:
    assert run("read", image("case.png"), "--reader", "fake")[0] == 0
    assert names(work) == ["case.reading.json"]


def test_json_prints_one_line_per_reading_and_writes_nothing(run: Run, image: Save, work: Path) -> None:
    code, out, _ = run("read", image("a.png"), image("b.png"), "--reader", "fake", "--json")
    assert code == 0
    assert [json.loads(line)["study"]["source"] for line in out.splitlines()] == ["a.png", "b.png"]
    assert names(work) == []


def test_an_abstaining_reading_is_written_and_exits_with_3(run: Run, image: Save, work: Path) -> None:
    code, out, err = run("read", image("dark.png", 0), "--reader", "fake")
    assert (code, err) == (3, "")
    assert "abstains: the image is all black" in out
    assert names(work) == ["dark.reading.json"]


def test_when_some_files_fail_the_rest_are_read_and_the_failures_listed(run: Run, image: Save, work: Path) -> None:
    image("in/a.png")
    image("in/deep/b.png", 0)
    (work / "in" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing more")
    (work / "in" / "empty.png").write_bytes(b"")
    (work / "in" / "notes.txt").write_text("not an image")
    code, _, err = run("read", "in", "--reader", "fake", "-o", "out")
    assert code == 1
    assert names(work / "out") == ["a.reading.json", "b.reading.json"]
    lines = err.splitlines()
    assert "3 failed of 5" in lines[0]
    assert len(lines) == 4
    for name in ("broken.png", "empty.png", "notes.txt"):
        assert sum(str(Path("in") / name) in line for line in lines) == 1


def test_two_images_of_one_name_give_two_readings(run: Run, image: Save, work: Path) -> None:
    assert run("read", image("a/case.png"), image("b/case.png"), image("b/case.tif"), "--reader", "fake", "-o", "out")[0] == 0
    assert len(names(work / "out")) == 3


def test_every_frame_gives_a_reading_with_its_number(run: Run, work: Path) -> None:
    frames = [Image.fromarray(np.full((20, 30), value, dtype=np.uint8)) for value in (10, 20, 30)]
    frames[0].save(work / "cine.tif", save_all=True, append_images=frames[1:])
    assert run("read", "cine.tif", "--reader", "fake")[0] == 0
    assert names(work) == [f"cine.frame-{number:04d}.reading.json" for number in range(3)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--reader", "fakr"], "did you mean 'fake'"),
        (["--reader", "fake", "--roi", "0,0,1000,10"], "expected it inside 64 x 48"),
    ],
)
def test_wrong_input_is_one_line_and_exit_1(run: Run, image: Save, arguments: list[str], words: str) -> None:
    code, out, err = run("read", image("case.png"), *arguments)
    assert (code, out) == (1, "")
    assert words in err
    assert err.count("\n") == 1
    assert err.startswith("pellucid: error: ")


def test_a_missing_file_is_one_line_that_names_it(run: Run) -> None:
    code, _, err = run("read", "nowhere.png", "--reader", "fake")
    assert (code, err.count("\n")) == (1, 1)
    assert "nowhere.png" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--roi", "1,2,3"],
        ["--roi", "1,2,0,4"],
        ["--roi=-1,0,3,4"],
        ["--roi", "a,b,c,d"],
        ["--spacing-mm", "0"],
        ["--spacing-mm", "nan"],
        ["--spacing-mm=-1"],
        ["--spacing-mm", "1,2,3"],
        ["--nonsense"],
    ],
)
def test_an_argument_that_cannot_be_meant_is_usage(run: Run, image: Save, arguments: list[str]) -> None:
    code, _, err = run("read", image("case.png"), "--reader", "fake", *arguments)
    assert (code, err.count("\n")) == (2, 1)
    assert "--help" in err


def test_spacing_is_handed_to_the_study(run: Run, image: Save) -> None:
    _, out, _ = run("read", image("case.png"), "--reader", "fake", "--json", "--spacing-mm", "0.1,0.2")
    assert json.loads(out)["study"]["spacing_mm"] == [0.1, 0.2]


def test_a_folder_that_cannot_be_written_is_an_error(run: Run, image: Save, work: Path) -> None:
    (work / "file").write_text("in the way")
    code, _, err = run("read", image("case.png"), "--reader", "fake", "-o", "file")
    assert code == 1
    assert err.count("\n") == 1


def test_debug_shows_the_traceback(run: Run, work: Path) -> None:
    (work / "x.png").write_bytes(b"no image")
    assert "Traceback" not in run("read", "x.png", "--reader", "fake")[2]
    assert "Traceback" in run("read", "x.png", "--reader", "fake", "--debug")[2]
    assert "Traceback" in run("--debug", "read", "x.png", "--reader", "fake")[2]
