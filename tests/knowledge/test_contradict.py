"""What cannot be so: refused of persons in one line, withdrawn of a model, never a division by nothing."""

from pathlib import Path
from typing import Any

import pytest
from tests.knowledge.packs import CITE, CONCEPTS, MODEL, PERSON, load, measured, pack, question, row, said, unsure

from pellucid.errors import InputError
from pellucid.knowledge import evaluate
from pellucid.knowledge.contradict import contradictions_of, has_mass
from pellucid.knowledge.evaluate import situated
from pellucid.knowledge.guideline import Guideline
from pellucid.knowledge.reasons import open_categories

JAGGED_HIGH = {"all": [{"is": {"shape": "jagged"}}, {"is": {"stage": "high"}}]}


def guideline(folder: Path, *contradictions: dict[str, Any], **more: Any) -> Guideline:
    asked = question(
        [
            row("c", {"is": {"shape": "jagged"}}, over="all"),
            row("b", {"is": {"stage": "high"}}, over="all"),
            row("b", {"all": [{"at_least": {"part": 6}}, {"at_least": {"size": 6}}]}),
        ]
    )
    return load(folder, pack(asked, contradictions=list(contradictions), **more))


HARD = {"id": "C", "claim": "no jagged shape is high", "when": JAGGED_HIGH, "hard": True}


def test_certain_contradiction_of_persons_is_refused_in_one_line_that_names_both(tmp_path: Path) -> None:
    pack_ = guideline(tmp_path, HARD)
    with pytest.raises(InputError) as caught:
        evaluate(pack_, "q", [said(pack_, "shape", "jagged"), said(pack_, "stage", "high")])
    told = str(caught.value)
    assert "\n" not in told
    assert "shape jagged (someone) and stage high (someone) cannot both be so: no jagged shape is high" in told
    assert "correct one of them" in told


def test_measurements_that_contradict_are_named_with_their_values(tmp_path: Path) -> None:
    pack_ = guideline(
        tmp_path, {"id": "L", "claim": "no part is larger than the whole", "larger": {"part": "size"}, "hard": True}
    )
    with pytest.raises(InputError, match=r"part 9 mm \(someone\) and size 4 mm \(someone\) cannot both be so"):
        evaluate(pack_, "q", [measured("part", 9), measured("size", 4)])


def test_what_a_model_calls_and_cannot_be_is_withdrawn(tmp_path: Path) -> None:
    pack_ = guideline(tmp_path, HARD)
    called = [
        unsure(pack_, "shape", 0.4, 0.6).model_copy(update={"state": "jagged"}),
        unsure(pack_, "stage", 0.2, 0.0, 0.8).model_copy(update={"state": "high"}),
    ]
    got = evaluate(pack_, "q", called)
    assert got.crisp is None
    # of the 0.08 that is round and low, a quarter has part and size large, which nobody judged
    assert got.probabilities == pytest.approx({"a": 0.06 / 0.52, "b": 0.34 / 0.52, "c": 0.12 / 0.52}, abs=1e-6)


@pytest.mark.parametrize("others", [MODEL, PERSON])
def test_certainties_that_leave_nothing_possible_count_as_not_judged(tmp_path: Path, others: Any) -> None:
    pack_ = guideline(tmp_path, HARD)
    got = evaluate(pack_, "q", [said(pack_, "shape", "jagged", MODEL), said(pack_, "stage", "high", others)])
    unjudged = evaluate(pack_, "q", [])
    assert (got.open, got.probabilities) == (unjudged.open, unjudged.probabilities)
    assert {"shape", "stage"} <= set(got.unjudged)


def test_distributions_of_a_model_that_leave_nothing_possible_count_as_not_judged(tmp_path: Path) -> None:
    pack_ = guideline(tmp_path, HARD)
    got = evaluate(pack_, "q", [unsure(pack_, "shape", 0.0, 1.0), unsure(pack_, "stage", 0.0, 0.0, 1.0)])
    assert got.probabilities == evaluate(pack_, "q", []).probabilities


def test_inputs_that_contradict_count_as_not_stated(tmp_path: Path) -> None:
    concepts = {**CONCEPTS, **{name: {**CONCEPTS[name], "when_unknown": "not stated"} for name in ("shape", "stage")}}
    pack_ = guideline(tmp_path, HARD, concepts=concepts)
    got = evaluate(pack_, "q", [said(pack_, "shape", "jagged", MODEL), said(pack_, "stage", "high", PERSON)])
    assert got.probabilities == evaluate(pack_, "q", []).probabilities


def test_findings_that_can_be_keep_their_mass(tmp_path: Path) -> None:
    pack_ = guideline(tmp_path, HARD)
    compiled, facts, _ = situated(pack_, "q", [said(pack_, "shape", "jagged"), unsure(pack_, "stage", 0.5, 0.5, 0.0)])
    assert has_mass(compiled.build, facts)
    assert open_categories(compiled, facts) == ("c",)


def test_soft_contradiction_is_pointed_out_and_nothing_else(tmp_path: Path) -> None:
    pack_ = guideline(tmp_path, {**HARD, "hard": False})
    findings = [said(pack_, "shape", "jagged"), said(pack_, "stage", "high")]
    assert evaluate(pack_, "q", findings).crisp == "c"
    assert len(contradictions_of(pack_, findings)) == 1
    assert contradictions_of(pack_, findings[:1]) == ()


@pytest.mark.parametrize(
    ("when", "stage", "hit"),
    [
        ({"count": {"of": JAGGED_HIGH["all"], "at_least": 2}}, "high", True),
        ({"count": {"of": JAGGED_HIGH["all"], "at_least": 2}}, "low", False),
        ({"all": [JAGGED_HIGH["all"][0], {"not": JAGGED_HIGH["all"][1]}]}, "low", True),
        ({"any": [JAGGED_HIGH["all"][1], {"at_least": {"size": 9}}]}, "high", True),
        ({"any": [JAGGED_HIGH["all"][1], {"at_least": {"size": 9}}]}, "low", False),
        ({"all": [JAGGED_HIGH["all"][0], {"at_least": {"size": 9}}]}, "low", False),
    ],
)
def test_unknown_findings_contradict_nothing(tmp_path: Path, when: Any, stage: str, hit: bool) -> None:
    pack_ = guideline(tmp_path, {"id": "C", "claim": "x", "when": when, "cite": CITE})
    findings = [said(pack_, "shape", "jagged"), said(pack_, "stage", stage)]
    assert bool(contradictions_of(pack_, findings)) is hit
