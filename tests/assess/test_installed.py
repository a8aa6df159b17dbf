"""The files of an installed reader are those that its card and the reading name; the reading uses that reader's figures."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pellucid.assess.calibrate import METHODS
from pellucid.assess.conclude import Ask, conclude_all
from pellucid.assess.fitted import Fitted
from pellucid.assess.novelty import fit_novelty
from pellucid.assess.verify import Check, verify
from pellucid.knowledge import Guideline
from pellucid.record import Finding, Provenance, ReaderRef, Reading, SetRule, Signals, StudyRef

from .conftest import RULES, findings


@pytest.fixture(scope="session")
def fitted() -> Fitted:
    rng = np.random.default_rng(0)
    z, y, folds = rng.normal(size=(60, 2)), rng.integers(2, size=60), np.arange(60) % 5
    plain = METHODS["none"](z, y)
    novelty = fit_novelty(rng.normal(size=(60, 12)), folds, components=4)
    points = {"edge": (0.8, 0.8), "shape": (0.8, 0.8)}
    return Fitted({"edge": plain, "shape": plain}, points, plain, 0.5, novelty, RULES)


@pytest.fixture
def readers(tmp_path: Path, fitted: Fitted) -> Path:
    """A folder of installed readers with one reader, `toy`."""
    folder = tmp_path / "readers" / "toy"
    folder.mkdir(parents=True)
    (folder / "weights.safetensors").write_bytes(b"not really weights")
    (folder / "calibration.json").write_text(fitted.as_json(), encoding="utf-8")
    hashes = {
        name: _hash(folder / file) for name, file in (("weights", "weights.safetensors"), ("calibration", "calibration.json"))
    }
    lines = [
        '[reader]\nname = "toy"\nversion = "1.0"\n[files]',
        *(f'{name}_sha256 = "{value}"' for name, value in hashes.items()),
    ]
    (folder / "card.toml").write_text("\n".join(lines), encoding="utf-8")
    return folder.parent


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


Make = Callable[..., Reading]


@pytest.fixture
def read(readers: Path, pack: Guideline, fitted: Fitted) -> Make:
    """A reading as the installed reader would write it."""
    folder = readers / "toy"
    ref = ReaderRef(
        name="toy",
        version="1.0",
        weights_sha256=_hash(folder / "weights.safetensors"),
        calibration_sha256=_hash(folder / "calibration.json"),
        card_sha256=_hash(folder / "card.toml"),
    )

    def made(
        found: tuple[Finding, ...] = findings(), rules: dict[str, SetRule] = RULES, threshold: float = fitted.novelty.threshold
    ) -> Reading:
        study = StudyRef(pixels_sha256="a" * 64, width=100, height=80, spacing_mm=(0.1, 0.1))
        signals = Signals(novelty=0.5, novelty_threshold=threshold, novelty_false_alarm=fitted.novelty.false_alarm)
        asks = [Ask(pack, question, rules[question]) for question in pack.questions]
        assessments, told = conclude_all(study, found, asks, signals)
        return Reading(
            study=study,
            reader=ref,
            findings=found,
            assessments=assessments,
            cautions=told,
            provenance=Provenance(signals=signals),
        )

    return made


def _checks(reading: Reading, pack: Guideline, readers: Path) -> dict[str, Check]:
    return {check.name: check for check in verify(reading.as_json(), guidelines=[pack], readers=readers).checks}


def test_reading_of_the_installed_reader_verifies_wholly(read: Make, pack: Guideline, readers: Path) -> None:
    checks = _checks(read(), pack, readers)
    assert all(check.ok and check.checked for check in checks.values()), checks
    assert {"card", "weights", "calibration", "figures"} <= set(checks)


@pytest.mark.parametrize(("part", "file"), [("weights", "weights.safetensors"), ("calibration", "calibration.json")])
def test_changed_file_is_named_against_its_card(read: Make, pack: Guideline, readers: Path, part: str, file: str) -> None:
    reading = read()
    with (readers / "toy" / file).open("ab") as handle:
        handle.write(b" ")
    checks = _checks(reading, pack, readers)
    assert not checks[part].ok
    assert file in checks[part].detail
    assert "its card says" in checks[part].detail
    assert [name for name, check in checks.items() if not check.ok] == [part]


def test_changed_card_is_named(read: Make, pack: Guideline, readers: Path) -> None:
    reading = read()
    with (readers / "toy" / "card.toml").open("a") as handle:
        handle.write("\n# more\n")
    assert [name for name, check in _checks(reading, pack, readers).items() if not check.ok] == ["card"]


def test_card_that_is_no_toml_is_named(read: Make, pack: Guideline, readers: Path) -> None:
    reading = read()
    (readers / "toy" / "card.toml").write_bytes(b"\xff = [")
    assert "cannot be read as a card" in _checks(reading, pack, readers)["card"].detail


def test_missing_weights_are_named(read: Make, pack: Guideline, readers: Path) -> None:
    reading = read()
    (readers / "toy" / "weights.safetensors").unlink()
    assert "is missing" in _checks(reading, pack, readers)["weights"].detail


def test_reading_by_another_version_is_not_checked_and_says_so(read: Make, pack: Guideline, readers: Path) -> None:
    reading = read()
    card = readers / "toy" / "card.toml"
    card.write_text(card.read_text().replace('version = "1.0"', 'version = "1.1"'))
    checks = _checks(reading, pack, readers)
    assert checks["card"].ok
    assert not checks["card"].checked
    assert "installed is version 1.1" in checks["card"].detail


def test_weights_that_the_reading_names_must_be_those_of_its_version(read: Make, pack: Guideline, readers: Path) -> None:
    reading = read()
    other = Reading.model_validate(
        {**dict(reading), "id": "", "reader": reading.reader.model_copy(update={"weights_sha256": "e" * 64})}
    )
    assert "names eeeeeeeeeeee…" in _checks(other, pack, readers)["weights"].detail


def test_hand_typed_reading_names_no_model(read: Make, pack: Guideline, readers: Path) -> None:
    typed = Reading.model_validate({**dict(read()), "id": "", "reader": ReaderRef(name="toy", version="1.0")})
    checks = _checks(typed, pack, readers)
    assert checks["reader"].ok
    assert not checks["reader"].checked


@pytest.mark.parametrize("name", ["..", "../readers/toy", "/etc", "toy/"])
def test_reader_name_cannot_lead_out_of_the_folder(read: Make, pack: Guideline, readers: Path, name: str) -> None:
    reading = read()
    other = Reading.model_validate({**dict(reading), "id": "", "reader": reading.reader.model_copy(update={"name": name})})
    assert "is not installed" in _checks(other, pack, readers)["weights"].detail


def test_forged_set_rule_is_found(read: Make, pack: Guideline, readers: Path) -> None:
    lax = {**RULES, "alarm": RULES["alarm"].model_copy(update={"threshold": 0.2})}
    checks = _checks(read(rules=lax), pack, readers)
    assert checks["assessment alarm"].ok, "by itself it is consistent"
    assert "assessment alarm: set_rule" in checks["figures"].detail


def test_forged_novelty_threshold_is_found(read: Make, pack: Guideline, readers: Path) -> None:
    assert "novelty_threshold" in _checks(read(threshold=99.0), pack, readers)["figures"].detail


def test_state_called_against_its_operating_point_is_found(read: Make, pack: Guideline, readers: Path) -> None:
    found = findings(rough=0.3)
    called = (found[0].model_copy(update={"state": "rough"}), *found[1:])
    checks = _checks(read(called), pack, readers)
    assert checks["assessment grade"].ok, "by itself it is consistent"
    assert "edge: state: the reading says rough, the reader's calibration gives None" in checks["figures"].detail


def test_dropped_assessment_and_dropped_finding_are_found(read: Make, pack: Guideline, readers: Path) -> None:
    reading = read()
    fewer = Reading.model_validate({**dict(reading), "id": "", "assessments": reading.assessments[:1]})
    assert "alarm" in _checks(fewer, pack, readers)["figures"].detail
    blind = read(tuple(f for f in findings() if f.concept != "shape"))
    assert "shape" in _checks(blind, pack, readers)["figures"].detail


def test_calibration_that_is_damaged_under_a_matching_hash_is_named(read: Make, pack: Guideline, readers: Path) -> None:
    folder = readers / "toy"
    before = _hash(folder / "calibration.json")
    (folder / "calibration.json").write_text(json.dumps({"sets": {}}))
    after = _hash(folder / "calibration.json")
    (folder / "card.toml").write_text((folder / "card.toml").read_text().replace(before, after))
    reading = read()
    refs = reading.reader.model_copy(update={"calibration_sha256": after, "card_sha256": _hash(folder / "card.toml")})
    reading = Reading.model_validate({**dict(reading), "id": "", "reader": refs})
    assert not _checks(reading, pack, readers)["figures"].ok
