"""The doctor tells what is missing and how to get it, and what is broken."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pellucid.app import doctor
from pellucid.app.doctor import EXTRAS, PURPOSES

Run = Callable[..., tuple[int, str, str]]


def test_the_doctor_shows_every_area(run: Run) -> None:
    code, out, _ = run("doctor", "--json")
    rows = json.loads(out)
    assert code == 0
    assert {row["area"] for row in rows} == {"python", "package", "extra", "reader", "guideline", "threads"}
    assert {row["name"] for row in rows if row["area"] == "extra"} == set(EXTRAS)
    assert all(row["detail"] for row in rows)


def test_every_extra_has_its_purpose() -> None:
    assert set(PURPOSES) == set(EXTRAS)


def test_a_missing_extra_is_told_with_its_command_and_is_no_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    found = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "nibabel" else found(name))
    code, out, _ = run("doctor")
    assert code == 0
    assert "pip install 'pellucid[nifti]'" in out


def test_a_missing_base_package_is_broken(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    found = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "tqdm" else found(name))
    code, _, err = run("doctor")
    assert code == 1
    assert "pip install tqdm" in err


def test_a_damaged_reader_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    (tmp_path / "readers" / "odd").mkdir(parents=True)
    (tmp_path / "readers" / "odd" / "card.toml").write_text("not = 'a card'")
    monkeypatch.setattr(doctor, "files", lambda _: tmp_path)
    code, _, err = run("doctor")
    assert code == 1
    assert "reader odd" in err
