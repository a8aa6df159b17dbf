"""The files of an installed reader are those that its card and the reading name; the reading uses that reader's figures."""

import hashlib
import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pellucid.assess.calibrate import METHODS
from pellucid.assess.conclude import Ask, conclude_all
from pellucid.assess.demands import unmet
from pellucid.assess.fitted import Fitted
from pellucid.assess.novelty import fit_novelty
from pellucid.assess.revise import revise
from pellucid.assess.verify import Check, verdict, verify
from pellucid.knowledge import Guideline
from pellucid.models.card import Card, parse
from pellucid.record import (
    Caution,
    Finding,
    Observer,
    PreparationStep,
    Provenance,
    ReaderRef,
    Reading,
    Region,
    SetRule,
    Shadow,
    Signals,
    StudyRef,
)

from .conftest import RULES, findings

CARD = """
shadow_question = "alarm"
shadow_outcomes = ["calm", "alarming"]
[reader]
name = "toy"
version = "1.0"
title = "Toy"
modality = "US"
licence = "none"
[data]
title = "Toy data"
citation = "nobody"
licence = "none"
[encoder]
name = "tf_efficientnet_lite0"
[[preparation]]
name = "luminance"
[[preparation]]
name = "letterbox"
size = 80
[[concepts]]
name = "edge"
states = ["smooth", "rough"]
unless_found = "mass"
[[concepts]]
name = "shape"
states = ["oval", "irregular"]
unless_found = "mass"
[[places]]
name = "mass"
[[measurements]]
name = "size"
unit = "mm"
place = "mass"
[[unjudged]]
name = "vessels"
states = ["absent", "present"]
because = "one image cannot show it"
[[questions]]
name = "grade"
guideline = "toy-mass"
[[questions]]
name = "alarm"
guideline = "toy-mass-2024"
[files]
weights_sha256 = "{weights}"
calibration_sha256 = "{calibration}"
weights_bytes = 18
guidelines = {{}}
"""
PREPARATION = (
    PreparationStep(name="display", parameters={"rule": "as stored"}),
    PreparationStep(name="luminance"),
    PreparationStep(
        name="letterbox",
        parameters={"size": 80, "resampling": "bilinear", "from_size": (100.0, 80.0), "placed": (0.0, 8.0, 80.0, 64.0)},
    ),
)
SQUARE = ((2.0, 1.5), (5.0, 1.5), (5.0, 4.5), (2.0, 4.5))
"""In mm, on the grid: a cell of 8 pixels of the prepared image is 1 mm, the letterbox begins one cell above the image."""


def _placed(found: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The same findings, each with the place that the reader would give it."""
    evidence = Region(outlines=(SQUARE,), unit="mm", meaning="where half of what speaks for it lies", share=0.5)
    outline = Region(outlines=(SQUARE,), unit="mm", meaning="outline, found by the reader, of the mass")
    places = {"edge": evidence, "shape": evidence, "size": outline}
    return tuple(f.model_copy(update={"region": places.get(f.concept)}) for f in found)


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
    (folder / "card.toml").write_text(CARD.format(**hashes), encoding="utf-8")
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
        found: tuple[Finding, ...] = findings(),
        rules: dict[str, SetRule] = RULES,
        change: Callable[[Signals], Signals] = lambda signals: signals,
    ) -> Reading:
        study = StudyRef(pixels_sha256="a" * 64, width=100, height=80, spacing_mm=(0.1, 0.1))
        asks = [Ask(pack, question, rules[question]) for question in pack.questions]
        placed = _placed(found)
        novelty = Signals(novelty=0.5, novelty_threshold=fitted.novelty.threshold, novelty_false_alarm=fitted.novelty.false_alarm)
        given = conclude_all(study, placed, asks, novelty)[0][1].probabilities["alarming"]
        shadow = Shadow(
            question="alarm", category="alarming", probability=0.9, concept_probability=given, disagrees=abs(0.9 - given) > 0.5
        )
        signals = change(novelty.model_copy(update={"shadow": (shadow,)}))
        assessments, told = conclude_all(study, placed, asks, signals)
        return Reading(
            study=study,
            reader=ref,
            findings=placed,
            assessments=assessments,
            cautions=told,
            provenance=Provenance(signals=signals, preparation=PREPARATION),
        )

    return made


def _checks(reading: Reading, pack: Guideline, readers: Path) -> dict[str, Check]:
    return {check.name: check for check in verify(reading.as_json(), guidelines=[pack], readers=readers).checks}


def test_reading_of_the_installed_reader_verifies_wholly(read: Make, pack: Guideline, readers: Path) -> None:
    checks = _checks(read(), pack, readers)
    assert {"card", "weights", "calibration", "figures", "completeness", "places"} <= set(checks)
    left = [name for name, check in checks.items() if not (check.ok and check.checked)]
    assert left == ["measurements"], "no outline gives the toy's size, which is none of the five measures"
    assert checks["measurements"].detail == "not checked: size: no outline gives them"


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
    assert checks["figures"].checked == (part != "calibration")


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
    person = Observer(name="Dr A", kind="person")
    found = tuple(f.model_copy(update={"observer": person}) for f in read().findings)
    no_model = ReaderRef(name="toy", version="1.0")
    typed = Reading.model_validate({**dict(read()), "id": "", "reader": no_model, "findings": found})
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
    reading = read(change=lambda s: s.model_copy(update={"novelty_threshold": 99.0}))
    assert "novelty_threshold" in _checks(reading, pack, readers)["figures"].detail


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


Change = Callable[[Signals], Signals]
SILENCED: dict[str, tuple[Change, str, str]] = {
    "no shadow": (lambda s: s.model_copy(update={"shadow": ()}), "completeness", "always takes a second look at alarm (shadow)"),
    "shadow of the other question": (
        lambda s: s.model_copy(update={"shadow": (s.shadow[0].model_copy(update={"question": "grade", "category": "high"}),)}),
        "completeness",
        "expected one second look, at alarm: alarming",
    ),
    "shadow twice": (lambda s: s.model_copy(update={"shadow": s.shadow * 2}), "completeness", "expected one second look"),
    "shadow that agrees": (
        lambda s: s.model_copy(update={"shadow": (s.shadow[0].model_copy(update={"disagrees": False}),)}),
        "figures",
        "shadow of alarm: disagrees: the reading says False, the reader's calibration gives True",
    ),
    "no novelty": (
        lambda s: s.model_copy(update={"novelty": None}),
        "completeness",
        "always measures how unlike its training images an image is (novelty)",
    ),
    "no novelty threshold": (lambda s: s.model_copy(update={"novelty_threshold": None}), "figures", "novelty_threshold"),
    "another false alarm": (lambda s: s.model_copy(update={"novelty_false_alarm": 0.5}), "figures", "novelty_false_alarm"),
}


@pytest.mark.parametrize("name", SILENCED)
def test_signal_stripped_with_its_caution_is_found(read: Make, pack: Guideline, readers: Path, name: str) -> None:
    change, check, told = SILENCED[name]
    checks = _checks(read(change=change), pack, readers)
    assert checks["content"].ok, "the forger computed the id again"
    assert checks["cautions"].ok, "and the cautions are those that the signals left give"
    assert not checks[check].ok
    assert told in checks[check].detail


def test_shadow_is_not_asked_for_where_its_category_has_no_probability(read: Make, pack: Guideline, readers: Path) -> None:
    card = parse(Card, tomllib.loads((readers / "toy" / "card.toml").read_text()), "card.toml")
    reading = read(change=lambda s: s.model_copy(update={"shadow": ()}))
    assert unmet(reading, card) is not None
    other = card.model_copy(update={"shadow_outcomes": ("calm", "nothing the guideline names")})
    assert unmet(reading, other) is None


def test_what_needs_a_reader_that_is_not_installed_is_said(read: Make, pack: Guideline, tmp_path: Path) -> None:
    result = verify(read().as_json(), guidelines=[pack], readers=tmp_path / "none")
    left = {c.name: c.detail for c in result.checks if not c.checked}
    assert result.ok
    assert not result.complete
    assert {"card", "weights", "calibration", "figures", "completeness"} <= set(left)
    assert "whether a second look or the novelty should have raised a caution" in left["figures"]
    assert "whether a finding, a measurement, the second look or the novelty was left out" in left["completeness"]
    assert "verifies only in part" in verdict(result)


def _changed(reading: Reading, **parts: object) -> Reading:
    return Reading.model_validate({**dict(reading), "id": "", **parts})


def test_model_that_is_not_named_by_hash_is_found(read: Make, pack: Guideline, readers: Path) -> None:
    for part in ("weights", "calibration", "card"):
        bare = read().reader.model_copy(update={f"{part}_sha256": None})
        assert "does not name that model's weights" in _checks(_changed(read(), reader=bare), pack, readers)["reader"].detail


def test_finding_by_another_model_is_found(read: Make, pack: Guideline, readers: Path) -> None:
    reading = read()
    first = reading.findings[0].model_copy(update={"observer": Observer(name="better 2.0", kind="model")})
    check = _checks(_changed(reading, findings=(first, *reading.findings[1:])), pack, readers)["reader"]
    assert "edge was found by better 2.0, but the reading is by toy 1.0" in check.detail


def test_file_of_one_version_under_the_name_of_another_is_found(read: Make, pack: Guideline, readers: Path) -> None:
    reading = read()
    person = tuple(f.model_copy(update={"observer": f.observer.model_copy(update={"name": "toy 0.9"})}) for f in reading.findings)
    old = reading.reader.model_copy(update={"version": "0.9"})
    checks = _checks(_changed(reading, reader=old, findings=person), pack, readers)
    assert "names card.toml of version 1.0, but says it is by version 0.9" in checks["card"].detail


FINDINGS: dict[str, tuple[str, dict[str, object], str]] = {
    "no place": ("edge", {"region": None}, "edge: this reader shows where it was seen"),
    "measurement without an outline": ("size", {"region": None}, "size: this reader measures it from an outline"),
    "unjudged": (
        "vessels",
        {"unknown_because": "nothing to see"},
        "vessels: this reader can never judge it; the reading says otherwise",
    ),
    "other reason": (
        "edge",
        {"probabilities": None, "state": None, "region": None, "unknown_because": "too dark"},
        "edge: this reader judges it unless no mass was found",
    ),
    "one of two that need the place": (
        "shape",
        {"probabilities": None, "state": None, "region": None, "unknown_because": "no mass was found"},
        "shape and edge need the same mass; one is judged, the other is not",
    ),
    "unmeasured": (
        "size",
        {"value": None, "sd": None, "unknown_because": "no pixel spacing"},
        "size: said to be unknown for want of a pixel spacing; the reading has one",
    ),
}


@pytest.mark.parametrize("name", FINDINGS)
def test_finding_that_the_reader_would_not_make_is_found(read: Make, pack: Guideline, readers: Path, name: str) -> None:
    concept, update, told = FINDINGS[name]
    reading = read()
    found = tuple(f.model_copy(update=update if f.concept == concept else {}) for f in reading.findings)
    check = _checks(_changed(reading, findings=found), pack, readers)["completeness"]
    assert not check.ok
    assert told in check.detail


def test_place_that_is_called_something_else_is_found(read: Make, pack: Guideline, readers: Path) -> None:
    reading = read()
    region = reading.findings[0].region
    assert region is not None
    called = reading.findings[0].model_copy(update={"region": region.model_copy(update={"meaning": "biopsied: benign"})})
    check = _checks(_changed(reading, findings=(called, *reading.findings[1:])), pack, readers)["completeness"]
    assert "edge: its place is said to be 'biopsied: benign'" in check.detail


STEPS: dict[str, tuple[Callable[[list[PreparationStep]], list[PreparationStep]], str, str]] = {
    "none": (lambda steps: [], "completeness", "expected 'display' as its first recorded step"),
    "left out": (lambda steps: [steps[0], steps[2]], "completeness", "the reading says letterbox, the card luminance, letterbox"),
    "other way of shrinking": (
        lambda steps: [*steps[:2], PreparationStep(name="letterbox", parameters={**steps[2].parameters, "resampling": "box"})],
        "completeness",
        "letterbox: resampling: the reading says box, the card bilinear",
    ),
    "other size": (
        lambda steps: [*steps[:2], PreparationStep(name="letterbox", parameters={**steps[2].parameters, "size": 96})],
        "preparation",
        "expected 'letterbox' with placed",
    ),
}


@pytest.mark.parametrize("name", STEPS)
def test_preparation_that_is_not_the_readers_is_found(read: Make, pack: Guideline, readers: Path, name: str) -> None:
    change, check, told = STEPS[name]
    reading = read()
    steps = tuple(change(list(reading.provenance.preparation)))
    forged = _changed(reading, provenance=reading.provenance.model_copy(update={"preparation": steps}))
    assert told in _checks(forged, pack, readers)[check].detail


def test_caution_of_a_known_reader_that_no_rule_gives_is_found(
    read: Make, pack: Guideline, readers: Path, tmp_path: Path
) -> None:
    reading = read()
    forged = _changed(reading, cautions=(*reading.cautions, Caution(kind="scope", text="A biopsy was benign.")))
    assert "nothing gives rise to the caution (scope) 'A biopsy was benign.'" in _checks(forged, pack, readers)["cautions"].detail
    unknown = _checks(forged, pack, tmp_path / "none")["added cautions"]
    assert unknown.detail == "not checked: the rules do not give the caution (scope) 'A biopsy was benign.'"


def test_person_in_a_models_reading_needs_the_reading_that_was_revised(read: Make, pack: Guideline, readers: Path) -> None:
    second = revise(read(), {"edge": "rough"}, by="Dr A", guidelines=[pack])
    checks = _checks(second, pack, readers)
    assert all(c.ok for c in checks.values()), checks
    assert "is needed to see that nothing else was changed" in checks["revision"].detail
    assert "revises no other" in _checks(_changed(second, revises=None), pack, readers)["revision"].detail
    nobody = second.provenance.model_copy(update={"by": "Dr B"})
    assert "no finding in it was set by Dr B" in _checks(_changed(second, provenance=nobody), pack, readers)["revision"].detail
