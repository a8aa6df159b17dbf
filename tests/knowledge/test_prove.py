"""Proofs over the whole space of a pack: each fault is found, with a joint state as witness."""

import re
from pathlib import Path
from typing import Any

import pytest
from tests.knowledge.packs import CITE, CONCEPTS, load, pack, question, row

from pellucid.errors import GuidelineError
from pellucid.knowledge.prove import proofs

JAGGED, HIGH, LARGE = {"is": {"shape": "jagged"}}, {"is": {"stage": "high"}}, {"at_least": {"size": 6}}


place = re.compile(r".*guideline\.yaml:\d+: (.*)")


def faults(folder: Path, asked: dict[str, Any], **more: Any) -> list[str]:
    told = [place.fullmatch(text) for text in proofs(load(folder, pack(asked, **more)))]
    assert None not in told, "every fault names file and line"
    return [found[1] for found in told if found]


def test_sound_pack_has_no_fault(tmp_path: Path) -> None:
    rows = [row("c", {"all": [JAGGED, LARGE]}), row("b", {"all": [JAGGED, {"not": LARGE}]})]
    assert faults(tmp_path, question(rows, monotone=[{"concept": "size"}])) == []


def test_gap_is_found_with_a_witness(tmp_path: Path) -> None:
    rows = [row("a", {"not": JAGGED}), row("b", {"all": [JAGGED, LARGE]}), row("c", {"all": [JAGGED, HIGH]})]
    with pytest.raises(GuidelineError, match="got none where shape jagged, stage low, size below 6 mm; add a row"):
        faults(tmp_path, question(rows, otherwise=None))


def test_overlap_is_found_with_a_witness(tmp_path: Path) -> None:
    rows = [row("c", JAGGED), row("b", HIGH)]
    (told,) = faults(tmp_path, question(rows))
    assert "rows S0 (c) and S1 (b) are both met where shape jagged, stage high" in told
    assert faults(tmp_path, question([row("c", JAGGED, over=["S1"]), row("b", HIGH)])) == []
    assert faults(tmp_path, question([row("c", JAGGED, over="all"), row("b", HIGH)])) == []


def test_overlap_that_cannot_be_is_none(tmp_path: Path) -> None:
    hard = [{"id": "C", "claim": "x", "hard": True, "when": {"all": [JAGGED, HIGH]}}]
    assert faults(tmp_path, question([row("c", JAGGED), row("b", HIGH)]), contradictions=hard) == []


def test_row_that_can_never_decide_is_found(tmp_path: Path) -> None:
    rows = [row("c", JAGGED), row("c", {"all": [JAGGED, LARGE]}), row("b", HIGH, over="all")]
    found = faults(tmp_path, question([{**rows[0], "over": "all"}, *rows[1:]]))
    assert found == ["question q: row S1 can never decide: rows above it are met wherever it is"]


def test_otherwise_that_can_never_decide_is_found(tmp_path: Path) -> None:
    found = faults(tmp_path, question([row("b", JAGGED), row("a", {"not": JAGGED})], otherwise="c", categories="abc"))
    assert "question q: row otherwise can never decide: rows above it are met wherever it is" in found


def test_category_out_of_reach_is_found(tmp_path: Path) -> None:
    assert faults(tmp_path, question([row("c", JAGGED)])) == ["question q: category b can never be given"]


@pytest.mark.parametrize(
    ("rows", "declared", "said"),
    [
        ([row("b", LARGE)], {"concept": "size"}, None),
        ([row("b", {"below": {"size": 6}})], {"concept": "size"}, "size is declared monotone, but at least 6 mm gives a lower"),
        (
            [row("b", {"all": [JAGGED, {"below": {"size": 6}}]})],
            {"concept": "size"},
            "category than below 6 mm where shape jagged",
        ),
        ([row("b", {"all": [JAGGED, {"below": {"size": 6}}]})], {"concept": "size", "within": {"not": JAGGED}}, None),
        ([row("b", JAGGED)], {"concept": "shape", "worse": ["round", "jagged"]}, None),
        ([row("b", JAGGED)], {"concept": "shape", "worse": ["jagged", "round"]}, "shape is declared monotone, but round gives"),
        ([row("b", {"is": {"stage": "middle"}})], {"concept": "stage"}, "high gives a lower category than middle"),
        ([row("b", JAGGED)], {"concept": "size"}, "monotone: expected a concept that the question uses, got size"),
    ],
)
def test_broken_order_is_found_with_a_witness(
    tmp_path: Path, rows: list[dict[str, Any]], declared: dict[str, Any], said: str | None
) -> None:
    found = faults(tmp_path, question(rows, categories="ab", monotone=[declared]))
    assert (found == []) if said is None else any(said in told for told in found)


def test_order_may_run_downwards(tmp_path: Path) -> None:
    asked = question([row("b", {"below": {"size": 6}})], categories="ab", monotone=[{"concept": "size"}])
    assert faults(tmp_path, {**asked, "lower_is_worse": ["size"]}) == []


def test_answers_outside_the_scale_break_no_order(tmp_path: Path) -> None:
    asked = question([row("b", {"below": {"size": 6}}), row("c", JAGGED, over="all")], monotone=[{"concept": "size"}])
    asked["proposal"]["decide"]["rows"][0]["over"] = "all"
    assert any("declared monotone" in told for told in faults(tmp_path, asked))
    assert faults(tmp_path, {**asked, "outside": ["a"]}) == []


def test_measurement_without_plausible_limits_is_found(tmp_path: Path) -> None:
    concepts = {**CONCEPTS, "size": {"definition": "d", "unit": "mm"}}
    (told,) = faults(tmp_path, question([row("b", LARGE)], categories="ab"), concepts=concepts)
    assert told == "concept size: expected plausible limits [lowest, highest] of a measurement that rules use, got none"


def test_code_that_no_dictionary_holds_is_found(tmp_path: Path) -> None:
    pytest.importorskip("pydicom")
    asked = question([row("b", JAGGED)], categories="ab")
    for scheme, value, said in (
        ("DCM", "000000", "expected a code of pydicom's dictionary DCM, got 000000"),
        ("ACME", "1", "expected a coding scheme of pydicom"),
        ("99PELLUCID", "1", None),
    ):
        code = {"scheme": scheme, "value": value, "meaning": "m"}
        concepts = {**CONCEPTS, "shape": {**CONCEPTS["shape"], "code": code}}
        found = faults(tmp_path, asked, concepts=concepts)
        assert (found == []) if said is None else (len(found) == 1 and said in found[0])


def test_rule_that_crosses_its_own_scale_is_refused(tmp_path: Path) -> None:
    rules = [{"id": "R", "claim": "x", "at_least": "c", "at_most": "a", "when": HIGH, "cite": CITE}]
    with pytest.raises(GuidelineError, match="a floor not above its ceiling, got c above a"):
        faults(tmp_path, question([row("b", JAGGED)], rules=rules))
