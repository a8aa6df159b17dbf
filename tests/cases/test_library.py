"""Cases are kept whole or not at all; a file that is no library is told in one line and not touched."""

import multiprocessing
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cases.conftest import made

from pellucid.cases import Confirmed, Library, open_library
from pellucid.errors import LibraryError
from pellucid.knowledge.likeness import seen_of
from pellucid.record import Reading

Made = Callable[..., Reading]
BENIGN = Confirmed("benign", "histology", "P1", by="Dr A", on="2026-03-31")


def test_a_case_comes_back_as_it_was_kept(library: Library, reading: Made) -> None:
    assert library.add(reading("one"), BENIGN)
    (case,) = library.cases()
    assert case.seen == seen_of(reading("one").findings)
    assert (case.confirmed.outcome, case.confirmed.question, case.confirmed.on) == ("benign", "malignancy", "2026-03-31")
    assert library.check() == []


def test_a_reading_is_kept_once_unless_it_is_replaced(library: Library, reading: Made) -> None:
    assert library.add(reading("one"), BENIGN)
    assert not library.add(reading("one"), BENIGN)
    assert library.add(reading("one"), Confirmed("malignant", "histology", "P1"), replace=True)
    assert [c.confirmed.outcome for c in library.cases()] == ["malignant"]


def test_a_hostile_outcome_is_kept_as_plain_text(library: Library, reading: Made) -> None:
    hostile = "x'); DROP TABLE pellucid_cases; -- <script>"
    library.add(reading("one"), Confirmed(hostile, "histology", "P1"))
    assert [c.confirmed.outcome for c in library.cases()] == [hostile]


@pytest.mark.parametrize("outcome", ["", "  ", "a\nb", "a\x1b[2J", "right\u202eleft", "x" * 201])
def test_an_outcome_that_could_deceive_is_refused(library: Library, reading: Made, outcome: str) -> None:
    with pytest.raises(LibraryError, match="outcome: expected 1 to 200 printable"):
        library.add(reading("one"), Confirmed(outcome, "histology", "P1"))


def test_wrong_verification_day_and_category_are_refused(library: Library, reading: Made) -> None:
    for confirmed, told in (
        (Confirmed("benign", "gut feeling", "P1"), "verified by"),
        (Confirmed("benign", "histology", "P1", on="31.3.2026"), "on: expected a day"),
        (Confirmed("begnin", "histology", "P1", question="malignancy"), "expected an answer to malignancy"),
    ):
        with pytest.raises(LibraryError, match=told):
            library.add(reading("one"), confirmed)
    assert library.rows() == []


def broken(kind: str, path: Path, reading: Made) -> None:
    library = open_library(path, create=True)
    for i in range(40):
        library.add(reading(str(i)), BENIGN)
    library.close()
    whole = path.read_bytes()
    if kind == "cut off":
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "not SQLite":
        path.write_bytes(b"PK" + whole[2:])
    elif kind == "empty":
        path.write_bytes(b"")
    else:
        if kind == "foreign":
            path.unlink()
        with sqlite3.connect(path) as connection:
            sql = "CREATE TABLE recipes (a)" if kind == "foreign" else "UPDATE pellucid_library SET value = '2'"
            connection.execute(sql)
        connection.close()


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("cut off", "cut off"),
        ("not SQLite", "SQLite file"),
        ("empty", "SQLite file"),
        ("foreign", "other tables"),
        ("newer", "format 2"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_in_one_line_and_left_alone(
    tmp_path: Path, reading: Made, kind: str, told: str
) -> None:
    path = tmp_path / "cases.db"
    broken(kind, path, reading)
    before = path.read_bytes()
    for create in (False, True):
        with pytest.raises(LibraryError, match=told) as caught:
            open_library(path, create=create)
        assert "\n" not in str(caught.value)
    assert path.read_bytes() == before


def test_a_damaged_page_is_an_error_and_not_a_wrong_answer(tmp_path: Path, reading: Made) -> None:
    path = tmp_path / "cases.db"
    library = open_library(path, create=True)
    for i in range(40):
        library.add(reading(str(i)), BENIGN)
    library.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(LibraryError, match="cannot be used"):
        open_library(path).rows()


def test_a_case_changed_outside_is_found(tmp_path: Path, reading: Made) -> None:
    path = tmp_path / "cases.db"
    library = open_library(path, create=True)
    library.add(reading("one"), BENIGN)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE pellucid_cases SET outcome = 'malignant'")
    connection.close()
    assert "changed outside" in library.check()[0]


def test_no_file_is_made_by_looking(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="no file"):
        open_library(tmp_path / "none.db")
    assert list(tmp_path.iterdir()) == []


def test_a_password_is_never_shown() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(LibraryError) as caught:
        open_library("postgresql://me:secret@127.0.0.1:1/none")
    assert "secret" not in str(caught.value)


def _add_many(path: str, start: int) -> None:
    library = open_library(path, create=True)
    for i in range(start, start + 30):
        library.add(made(str(i)), BENIGN)


def test_two_processes_may_add_at_once(tmp_path: Path) -> None:
    path = str(tmp_path / "cases.db")
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_add_many, args=(path, start)) for start in (0, 15)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0]
    library = open_library(path)
    assert len(library.rows()) == 45
    assert library.check() == []


def test_a_kill_leaves_a_whole_library_that_goes_on(tmp_path: Path, root: Path) -> None:
    path = tmp_path / "cases.db"
    code = (
        "from tests.cases.conftest import made\nfrom pellucid.cases import Confirmed, open_library\nimport sys\n"
        f"library = open_library({str(path)!r}, create=True)\n"
        "for i in range(100000):\n    library.add(made(str(i)), Confirmed('benign', 'histology', 'P'))\n"
        "    print(i, flush=True)\n"
    )
    paths = os.pathsep.join([str(root), str(root / "src"), os.environ.get("PYTHONPATH", "")])
    worker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": paths})
    assert worker.stdout is not None
    told = [int(worker.stdout.readline()) for _ in range(20)][-1]
    worker.send_signal(signal.SIGKILL)
    worker.communicate()
    library = open_library(path, create=True)
    assert library.check() == []
    assert len(library.rows()) > told
    assert library.add(made("after"), BENIGN)


@pytest.mark.skipif(shutil.which("pg_ctl") is None and not os.environ.get("PELLUCID_TEST_POSTGRES"), reason="no PostgreSQL here")
def test_postgresql_keeps_and_finds_as_sqlite_does(reading: Made) -> None:
    address = os.environ.get("PELLUCID_TEST_POSTGRES")
    if not address:
        pytest.skip("PELLUCID_TEST_POSTGRES holds no address of an empty database")
    from pellucid.cases import Query, find

    library = open_library(address, create=True)
    for case in list(library.cases()):
        library.remove(case.id)
    assert library.add(reading("one"), BENIGN)
    assert not library.add(reading("one"), BENIGN)
    assert library.add(reading("two", margin=0.2), Confirmed("malignant", "histology", "P2"))
    assert library.check() == []
    assert [c.outcome for c in find(library, Query(reading("new", margin=0.3)), space="concepts", k=1)] == ["malignant", "benign"]
    library.close()
