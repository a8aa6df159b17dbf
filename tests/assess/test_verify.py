"""Every change to a reading is found and named; garbage gives one clear line."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pellucid.assess.lesions import assess_stated
from pellucid.assess.revise import revise
from pellucid.assess.typed import read_typed
from pellucid.assess.verify import Check, Verification, verdict, verify
from pellucid.knowledge import Guideline, load_guideline
from pellucid.record import Examination, Reading, Shadow, Signals, reading_from_json

from .conftest import findings

Toy = Callable[..., Reading]
LUNG, BRAIN = load_guideline("lung-cancer-screening"), load_guideline("brain-tumour-mri-signs")


def _failed(result: Verification) -> Check:
    """The first check that failed, a single line."""
    assert not result.ok
    first = next(check for check in result.checks if not check.ok)
    assert "\n" not in first.detail
    assert len(first.detail) < 1000
    return first


def _forged(reading: Reading, change: Callable[[dict[str, Any]], None]) -> str:
    """The reading with its content changed and its id computed again, as a careful forger would."""
    content = json.loads(reading.as_json())
    change(content)
    content["id"] = ""
    return Reading.model_validate_json(json.dumps(content)).as_json()


@pytest.fixture
def reading(conclude_toy: Toy) -> Reading:
    shadow = Shadow(question="alarm", category="alarming", probability=0.9, concept_probability=0.0, disagrees=True)
    first = conclude_toy(findings(rough=0.15, irregular=0.1))
    given = first.assessments[1].probabilities["alarming"]
    signals = Signals(novelty=1.0, novelty_threshold=2.0, shadow=(shadow.model_copy(update={"concept_probability": given}),))
    return conclude_toy(findings(rough=0.15, irregular=0.1), signals)


def test_untouched_reading_verifies(reading: Reading, pack: Guideline) -> None:
    result = verify(reading.as_json(), guidelines=[pack])
    assert result.ok, result
    names = [check.name for check in result.checks]
    assert {"format", "content", "guideline toy-mass", "findings", "assessment grade", "assessment alarm", "cautions"} <= set(
        names
    )


def test_bytes_and_other_spacing_of_the_json_are_the_same_reading(reading: Reading, pack: Guideline) -> None:
    assert verify(json.dumps(json.loads(reading.as_json())).encode(), guidelines=[pack]).ok


def test_reader_that_is_not_installed_is_not_checked_and_says_so(reading: Reading, pack: Guideline) -> None:
    weights = next(c for c in verify(reading.as_json(), guidelines=[pack]).checks if c.name == "weights")
    assert weights.ok
    assert not weights.checked
    assert weights.detail == "not checked: the reader toy is not installed"


def test_file_name_time_and_software_may_change(reading: Reading, pack: Guideline) -> None:
    content = json.loads(reading.as_json())
    content["study"]["source"] = "other.png"
    content["provenance"] |= {"created": "2030-01-01", "software": "pellucid 9"}
    assert verify(json.dumps(content), guidelines=[pack]).ok


def test_changed_content_is_found_by_its_id_and_by_the_rules(reading: Reading, pack: Guideline) -> None:
    text = reading.as_json().replace('"category":"low"', '"category":"high"').replace('"category": "low"', '"category": "high"')
    result = verify(text, guidelines=[pack])
    failed = {check.name: check.detail for check in result.checks if not check.ok}
    assert "changed after it was written" in failed["content"]
    assert "category: the reading says 'high', the rules give 'low'" in failed["assessment grade"]


def _set(path: list[str | int], value: Any) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        place: Any = content
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value(place[path[-1]]) if callable(value) else value

    return change


FORGERIES: dict[str, tuple[list[str | int], Any, str, str]] = {
    "category": (["assessments", 0, "category"], "middle", "assessment grade", "category: the reading says 'middle'"),
    "statement": (
        ["assessments", 0, "statement"],
        "All is well.",
        "assessment grade",
        "statement: the reading says 'All is well.'",
    ),
    "set": (["assessments", 0, "confidence_set"], ["low"], "assessment grade", "confidence_set: the reading says"),
    "threshold": (["assessments", 1, "set_rule", "threshold"], 0.1, "assessment alarm", "confidence_set"),
    "coverage": (
        ["assessments", 0, "coverage"],
        0.99,
        "assessment grade",
        "coverage: the reading says '0.99', the rules give '0.9'",
    ),
    "probabilities": (
        ["assessments", 1, "probabilities"],
        {"calm": 0.9, "alarming": 0.1},
        "assessment alarm",
        "probabilities: the reading says",
    ),
    "claim": (
        ["assessments", 0, "derivation", "because", 0, "claim"],
        "all is well",
        "assessment grade",
        "derivation: the reading says",
    ),
    "truth": (["assessments", 0, "derivation", "because", 1, "truth"], "met", "assessment grade", "met: R1"),
    "citation": (["assessments", 0, "derivation", "because", 1, "citation"], "NEJM", "assessment grade", "NEJM"),
    "fewer steps": (["assessments", 0, "derivation", "because"], lambda old: old[:1], "assessment grade", "1 steps under"),
    "next step": (["assessments", 0, "next_step"], "Go home.", "assessment grade", "next_step: the reading says 'Go home.'"),
    "look again": (["assessments", 0, "look_again"], [], "assessment grade", "look_again: the reading says '[]'"),
    "finding": (["findings", 0, "probabilities"], [0.2, 0.8], "assessment grade", "the rules give"),
    "called state": (["findings", 0, "state"], None, "assessment grade", "the rules give"),
    "measurement": (["findings", 3, "value"], 30.0, "assessment grade", "the rules give"),
    "states": (["findings", 2, "states"], ["no", "yes"], "findings", "vessels: states: the reading says"),
    "state twice": (["findings", 2, "states"], ["absent", "present", "present"], "findings", "vessels: states"),
    "unit": (["findings", 3, "unit"], "cm", "findings", "size: unit: the reading says 'cm', the guideline has 'mm'"),
    "silenced caution": (
        ["cautions"],
        lambda old: [c for c in old if c["kind"] != "shadow"],
        "cautions",
        "missing is the caution (shadow)",
    ),
    "invented caution": (
        ["cautions"],
        lambda old: [*old, {"kind": "novelty", "text": "odd"}],
        "cautions",
        "nothing gives rise to the caution (novelty)",
    ),
    "shadow": (
        ["provenance", "signals", "shadow", 0, "concept_probability"],
        0.5,
        "signals",
        "concept_probability: the reading says",
    ),
    "novelty": (["provenance", "signals", "novelty"], 9.0, "assessment grade", "category"),
    "guideline hash": (["assessments", 0, "guideline", "sha256"], "e" * 64, "guideline toy-mass", "eeeeeeeeeeee"),
    "guideline name": (["assessments", 0, "guideline", "name"], "toy", "assessment grade", "guideline: the reading says"),
    "question": (["assessments", 0, "question"], "fate", "assessments", "unknown question 'fate'"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_forger_who_computes_the_id_again_is_found_and_the_place_is_named(reading: Reading, pack: Guideline, name: str) -> None:
    path, value, check, told = FORGERIES[name]
    result = verify(_forged(reading, _set(path, value)), guidelines=[pack])
    assert next(c for c in result.checks if c.name == "content").ok
    failed = {c.name: c.detail for c in result.checks if not c.ok}
    assert check in failed, failed
    assert told in failed[check]


def test_verdict_never_reads_as_complete_when_something_was_left_out(reading: Reading, pack: Guideline) -> None:
    part = verify(reading.as_json(), guidelines=[pack])
    assert (part.ok, part.complete) == (True, False)
    left = [c.name for c in part.checks if not c.checked]
    assert verdict(part) == f"verifies only in part: {len(part.checks) - len(left)} checks hold, NOT CHECKED: {', '.join(left)}"
    whole = Verification(True, (Check("content", True, "x"),))
    assert whole.complete
    assert "as far as can be checked without the model" in verdict(whole)
    assert "taken on trust" in verdict(whole)
    assert verdict(verify("{}")) == "does not verify: format"
    assert any("hash, not a signature" in told for told in part.beyond)


def test_revised_reading_verifies(reading: Reading, pack: Guideline) -> None:
    second = revise(reading, {"edge": "rough", "size": "25±2"}, by="Dr A", guidelines=[pack])
    result = verify(second.as_json(), guidelines=[pack])
    assert result.ok, result
    assert not next(c for c in result.checks if c.name == "signals").checked


def test_guideline_of_another_hash_is_named(reading: Reading, pack: Guideline, monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(pack, sha256="f" * 64)
    monkeypatch.setattr(sys.modules["pellucid.assess.revise"], "load_guideline", lambda _: other)
    failed = _failed(verify(reading.as_json()))
    assert failed.name == "guideline toy-mass"
    assert pack.sha256[:12] in failed.detail
    assert "ffffffffffff" in failed.detail


def test_missing_guideline_fails_and_what_follows_is_not_checked(reading: Reading) -> None:
    result = verify(reading.as_json())
    assert _failed(result).name == "guideline toy-mass"
    left = next(c for c in result.checks if c.name == "assessments")
    assert (left.ok, left.checked) == (False, False)


def _ids_again(content: dict[str, Any]) -> str:
    """An examination with every id computed again, as a careful forger would."""
    content["id"] = ""
    for lesion in content["lesions"]:
        lesion["reading"]["id"] = ""
    return Examination.model_validate_json(json.dumps(content)).as_json()


@pytest.fixture(scope="module")
def examination() -> Examination:
    """Two nodules, the larger of which drives."""
    calm = {"nodule_type": "solid", "benign_content": "absent", "juxtapleural": "absent", "status": "baseline"}
    file = {"by": "Dr A", "findings": {"setting": "screening", "age": 64}, "lesions": {}}
    file["lesions"] = {"upper": {**calm, "mean_diameter": "7 ± 0.5 mm"}, "lower": {**calm, "mean_diameter": "16 ± 0.5 mm"}}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "findings.yaml"
        path.write_text(json.dumps(file), encoding="utf-8")
        return assess_stated(read_typed(path, LUNG), LUNG, ("nodule", "examination"))


def test_examination_of_several_lesions_verifies_lesion_by_lesion_and_together(examination: Examination) -> None:
    result = verify(examination.as_json())
    assert result.ok, result
    names = {check.name for check in result.checks}
    assert {"content", "upper: content", "lower: assessment nodule", "together nodule", "together examination"} <= names
    assert any("whether every lesion that was seen" in told for told in result.beyond)


LESION_FORGERIES: dict[str, tuple[list[str | int], Any, str, str]] = {
    "a lesion's finding": (
        ["lesions", 0, "reading", "findings", 6, "value"],
        17.0,
        "upper: assessment nodule",
        "the rules give",
    ),
    "a lesion's category": (
        ["lesions", 1, "reading", "assessments", 0, "category"],
        "2",
        "lower: assessment nodule",
        "category: the reading says '2', the rules give '4B'",
    ),
    "the driving lesion": (["combined", 0, "drives"], ["upper"], "together nodule", "drives: the reading says"),
    "the combined category": (
        ["combined", 0, "assessment", "category"],
        "2",
        "together nodule",
        "category: the reading says '2', the rules give '4B'",
    ),
    "the combined probabilities": (
        ["combined", 1, "assessment", "probabilities"],
        lambda old: {**old, "4B": old["2"], "2": old["4B"]},
        "together examination",
        "probabilities: the reading says",
    ),
    "the combined next step": (["combined", 0, "assessment", "next_step"], "Go home.", "together nodule", "next_step"),
    "who is sampled": (["combined", 0, "sampled"], ["upper"], "together nodule", "sampled: the reading says"),
    "a combined question left out": (["combined"], lambda old: old[1:], "together", "questions combined"),
    "a question left out of one lesion": (
        ["lesions", 1, "reading", "assessments"],
        lambda old: old[:1],
        "together",
        "lower was asked other questions",
    ),
}


@pytest.mark.parametrize("name", LESION_FORGERIES)
def test_forged_examination_is_found_with_its_ids_as_they_were_and_computed_again(examination: Examination, name: str) -> None:
    path, value, check, told = LESION_FORGERIES[name]
    content = json.loads(examination.as_json())
    _set(path, value)(content)
    failed = {c.name for c in verify(json.dumps(content)).checks if not c.ok}
    assert "content" in failed, "changed without care: the id no longer fits"
    careful = {c.name: c.detail for c in verify(_ids_again(content)).checks if not c.ok}
    assert "content" not in careful
    assert told in careful[check]


@pytest.fixture(scope="module")
def signs(tmp_path_factory: pytest.TempPathFactory) -> Reading:
    """Signs of a mass in the brain: no question, a differential."""
    path = tmp_path_factory.mktemp("signs") / "brain.yaml"
    path.write_text("by: Dr A\nfindings: {location: sellar, waist: present, dural_tail: absent}\n", encoding="utf-8")
    return assess_stated(read_typed(path, BRAIN), BRAIN).lesions[0].reading


SIGN_FORGERIES: dict[str, tuple[list[str | int], Any, str]] = {
    "the sum": (["weighed", 0, "diagnoses", 0, "score"], 9.0, "pituitary adenoma: score"),
    "the range": (["weighed", 0, "diagnoses", 0, "highest"], 3.0, "pituitary adenoma: highest"),
    "the order": (["weighed", 0, "diagnoses"], lambda old: old[::-1], "diagnoses: the reading says"),
    "the name": (["weighed", 0, "diagnoses", 0, "name"], "glioblastoma", "diagnoses: the reading says"),
    "a sign": (["weighed", 0, "diagnoses", 0, "signs", 0, "weight"], 8.0, "pituitary adenoma: signs"),
    "a sign's truth": (["weighed", 0, "diagnoses", 0, "signs", 3, "step", "truth"], "not met", "pituitary adenoma: signs"),
    "the mimics": (["weighed", 0, "diagnoses", 0, "mimics"], [], "pituitary adenoma: mimics"),
    "the next step": (["weighed", 0, "diagnoses", 0, "next_step"], "Go home.", "pituitary adenoma: next_step"),
    "the limits": (["weighed", 0, "limits"], [], "limits: the reading says"),
    "a finding": (["findings", 0, "probabilities"], [1.0, 0.0, 0.0, 0.0], "pituitary adenoma: score"),
}


@pytest.mark.parametrize("name", SIGN_FORGERIES)
def test_weighed_signs_are_weighed_again(signs: Reading, name: str) -> None:
    assert verify(signs.as_json()).ok
    path, value, told = SIGN_FORGERIES[name]
    change = _set(path, value)
    content = json.loads(signs.as_json())
    change(content)
    if name == "a finding":
        content["findings"][0]["state"] = "extra-axial"
        told = "diagnoses: the reading says"
    content["id"] = ""
    forged = Reading.model_validate_json(json.dumps(content)).as_json()
    failed = {c.name: c.detail for c in verify(forged).checks if not c.ok}
    assert list(failed) == ["signs mass"]
    assert told in failed["signs mass"]


def test_reading_without_its_signs_concludes_nothing_and_says_so(signs: Reading) -> None:
    result = verify(_forged(signs, _set(["weighed"], [])))
    assert not result.complete
    assert "conclusions: not checked" in f"{verdict(result)} " + str([f"{c.name}: {c.detail}" for c in result.checks])


def test_signs_of_another_system_that_cannot_be_so_are_a_caution_that_must_stay(tmp_path: Path) -> None:
    findings = "{restricted_core: {absent: 0.4, present: 0.6}, enhancement: {none: 0.6, ring: 0.4}}"
    (tmp_path / "v.yaml").write_text(f"by: {{name: VendorX 2, kind: model}}\nfindings: {findings}\n", encoding="utf-8")
    reading = assess_stated(read_typed(tmp_path / "v.yaml", BRAIN), BRAIN).lesions[0].reading
    assert [caution.kind for caution in reading.cautions] == ["contradiction"]
    assert verify(reading.as_json()).ok
    failed = _failed(verify(_forged(reading, _set(["cautions"], []))))
    assert failed.name == "cautions"


def test_examination_with_another_id_or_a_lesion_of_another_id_is_found(examination: Examination) -> None:
    content = json.loads(examination.as_json())
    content["id"] = "f" * 64
    assert _failed(verify(json.dumps(content))).name == "content"
    content = json.loads(examination.as_json())
    content["lesions"][0]["reading"]["id"] = "f" * 64
    assert _failed(verify(json.dumps(content))).name == "upper: content"


@pytest.mark.parametrize("lesions", ["[]", "{}", "3", "[3]", '[{"name": "x"}]', '[{"name": "x", "reading": {}}]', "null"])
def test_what_only_looks_like_an_examination_gives_one_clear_line(lesions: str) -> None:
    assert _failed(verify(f'{{"lesions": {lesions}, "combined": []}}')).name == "format"


GARBAGE: dict[str, str | bytes] = {
    "empty": "",
    "blank": b"  \n ",
    "not JSON": "reading: yes",
    "cut short": '{"id": "abc", "study": {',
    "not text": b"\xff\xfe\x00\x01",
    "image": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "list": "[]",
    "number": "3",
    "null": "null",
    "empty object": "{}",
    "nested lists": "[" * 100_000,
    "nested objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "deep but valid": '{"id":' + "[" * 500 + "]" * 500 + "}",
    "NaN": '{"id": NaN}',
    "infinity": '{"id": -Infinity}',
    "overflow": '{"id": 1e999}',
    "long number": '{"id": ' + "9" * 10_000 + "}",
    "said twice": '{"id": "a", "id": "b"}',
    "surrogate": '{"id": "x", "study": "\\ud800"}',
    "zero bytes": bytes(1000),
    "byte order mark": b'\xef\xbb\xbf{"id": "x"}',
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_gives_one_clear_line(name: str) -> None:
    result = verify(GARBAGE[name])
    failed = _failed(result)
    assert failed.name == "format"
    assert len(result.checks) == 1
    assert len(failed.detail) <= 300


def test_huge_file_is_refused_before_it_is_read() -> None:
    assert "at most 64 MB" in _failed(verify(b" " * (65 << 20))).detail


def test_wrong_field_is_named(reading: Reading) -> None:
    content = json.loads(reading.as_json())
    content["findings"][0]["probabilities"] = [0.7, 0.7]
    assert "findings.0" in _failed(verify(json.dumps(content))).detail
    content = json.loads(reading.as_json())
    content["surprise"] = 1
    assert "surprise" in _failed(verify(json.dumps(content))).detail


@pytest.mark.parametrize("id_", [None, "", 3, "f" * 64, ["x"]])
def test_missing_or_wrong_id_is_named(reading: Reading, pack: Guideline, id_: Any) -> None:
    content = json.loads(reading.as_json())
    content["id"] = id_
    assert _failed(verify(json.dumps(content), guidelines=[pack])).name == "content"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_changed_byte_that_changes_the_content_is_found(reading: Reading, pack: Guideline, data: st.DataObject) -> None:
    raw = bytearray(reading.as_json().encode())
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(32, 126))
    result = verify(bytes(raw), guidelines=[pack])
    if result.ok:
        assert reading_from_json(bytes(raw)).id == reading.id


def test_verify_needs_no_torch(reading: Reading, pack_file: Path, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(reading.as_json(), encoding="utf-8")
    code = """
import sys
from pathlib import Path
from pellucid.assess.verify import verify
from pellucid.knowledge import load_guideline_file
pack = load_guideline_file(sys.argv[2])
assert verify(Path(sys.argv[1]).read_bytes(), guidelines=[pack]).ok
assert not {'torch', 'timm', 'scipy', 'sklearn'} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "r.json"), str(pack_file)], check=True, timeout=60)
