"""Files are written whole or not at all, and outputs never overwrite each other."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pellucid.app.files import find_images, load_reading, output_names, stem_of
from pellucid.errors import InputError
from pellucid.train.files import write_whole

LOOP = """
import sys
from pathlib import Path
from pellucid.train.files import write_whole
target, mark = Path(sys.argv[1]), sys.argv[2]
print("started", flush=True)
while True:
    write_whole(target, mark * 2_000_000)
"""


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = write_whole(tmp_path / "new" / "folder" / "a.json", "é")
    assert path.read_text(encoding="utf-8") == "é"
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]


def test_a_new_file_has_the_permissions_that_others_have(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("x")
    assert write_whole(tmp_path / "whole", "x").stat().st_mode == plain.stat().st_mode


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX limits")
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = write_whole(tmp_path / "a.json", "old")
    code = (
        "import resource, signal, sys\nfrom pathlib import Path\nfrom pellucid.train.files import write_whole\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nresource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    write_whole(Path(sys.argv[1]), 'n' * 100_000)\nexcept OSError:\n    sys.exit(7)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, target], check=False).returncode == 7
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_kill_in_the_middle_leaves_a_whole_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", LOOP, target, "a"], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            while not target.exists():
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
        assert target.read_text() == "a" * 2_000_000


def test_two_processes_writing_one_file_leave_one_of_the_two(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    processes = [subprocess.Popen([sys.executable, "-c", LOOP, target, mark], stdout=subprocess.PIPE) for mark in "ab"]
    try:
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        seen: set[str] = set()
        for _ in range(40):
            if target.exists():
                text = target.read_text()
                assert text in ("a" * 2_000_000, "b" * 2_000_000)
                seen.add(text[0])
            time.sleep(0.01)
        assert seen
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_images_of_one_name_keep_apart() -> None:
    paths = [Path("a/case.png"), Path("b/case.png"), Path("b/case.jpg"), Path("other.png")]
    names = output_names(paths)
    assert names == ["a-case.png", "b-case.png", "case.jpg", "other"]


def test_a_name_that_would_be_taken_by_another_image_is_not_used_twice() -> None:
    paths = [Path("x/case.png"), Path("x/case.jpg"), Path("x/case.png.tif"), Path("X/Case.png"), Path("y/x/case.png")]
    names = output_names(paths)
    assert len({name.casefold() for name in names}) == len(paths)


def test_folders_are_searched_and_hidden_files_and_readings_left_out(tmp_path: Path) -> None:
    for name in ("b.png", "a.png", ".hidden.png", "old.reading.json", "old.examination.json", "deep/c.dcm", ".git/x.png"):
        write_whole(tmp_path / name, "x")
    found = find_images([str(tmp_path / "b.png"), str(tmp_path)])
    assert [p.relative_to(tmp_path).as_posix() for p in found] == ["b.png", "a.png", "deep/c.dcm"]


def test_an_empty_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file"):
        find_images([str(tmp_path)])


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "42", '{"id": 1}', json.dumps({"study": {}}), "\x00\xff" * 50])
def test_what_is_no_reading_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    path = write_whole(tmp_path / "x.json", content)
    with pytest.raises(InputError, match="not a valid reading") as caught:
        load_reading(path)
    assert "\n" not in str(caught.value)


def test_a_missing_or_enormous_reading_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_reading(tmp_path / "none.json")
    big = tmp_path / "big.json"
    with open(big, "wb") as file:
        os.truncate(file.fileno(), 2**30)
    with pytest.raises(InputError, match="at most"):
        load_reading(big)


STEMS = {"case.reading.json": "case", "case.json": "case", "a.b.reading.json": "a.b", "ct.examination.json": "ct"}


@pytest.mark.parametrize(("name", "stem"), STEMS.items())
def test_the_stem_of_a_reading_is_its_images_name(name: str, stem: str) -> None:
    assert stem_of(f"folder/{name}") == stem
