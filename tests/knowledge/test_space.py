"""A compiled question: Kleene's three values, counts, scores, earlier questions, floors and ceilings, what cannot be."""

from pathlib import Path
from typing import Any

import pytest
from tests.knowledge.packs import CITE, CONCEPTS, MODEL, load, measured, pack, question, row, said, unsure

from pellucid.errors import GuidelineError
from pellucid.knowledge import evaluate
from pellucid.knowledge.axes import axes_over
from pellucid.knowledge.guideline import Decide, Guideline
from pellucid.knowledge.space import MET, NOT_MET, UNKNOWN, Builder, compile_question
from pellucid.record import Finding

UNSTATED = {**CONCEPTS, "stage": {**CONCEPTS["stage"], "when_unknown": "not stated"}}


def truth(folder: Path, when: Any, **state: int) -> int:
    """Kleene's value of a predicate in one joint state, given as axis -> cell; the input `stage` may stay unstated."""
    guideline = load(folder, pack(question([row("b", when)]), concepts=UNSTATED, scores=_scores()))
    proposal = guideline.questions["q"].proposal
    assert isinstance(proposal, Decide)
    predicate = proposal.rows[0].when
    assert predicate is not None
    build = Builder(guideline, axes_over(guideline, [predicate]))
    cells = [[int(axis.classes[state[axis.name]])] for axis in build.axes]
    (found,) = build.store.values(build.truth(predicate), cells)
    return found


def _scores() -> dict[str, Any]:
    terms = [
        {"when": {"is": {"shape": "jagged"}}, "points": 1},
        {"by": "stage", "points": {"low": 0, "middle": 0.5, "high": 2.5}},
    ]
    by_predicate = [{"when": JAGGED, "points": 1}, {"when": HIGH, "points": 2}, {"when": {"is": {"stage": "low"}}, "points": -1}]
    return {"sum": {"terms": terms, "cite": CITE}, "signs": {"terms": by_predicate, "cite": CITE}}


JAGGED, HIGH = {"is": {"shape": "jagged"}}, {"is": {"stage": "high"}}


@pytest.mark.parametrize(
    ("when", "unstated", "expected"),
    [
        ({"all": [JAGGED, HIGH]}, {"shape": 1}, UNKNOWN),
        ({"all": [JAGGED, HIGH]}, {"shape": 0}, NOT_MET),
        ({"any": [JAGGED, HIGH]}, {"shape": 1}, MET),
        ({"any": [JAGGED, HIGH]}, {"shape": 0}, UNKNOWN),
        ({"not": HIGH}, {}, UNKNOWN),
        ({"not": {"all": [JAGGED, HIGH]}}, {"shape": 0}, MET),
        ({"count": {"of": [JAGGED, HIGH], "at_least": 1}}, {"shape": 1}, MET),
        ({"count": {"of": [JAGGED, HIGH], "at_least": 1}}, {"shape": 0}, UNKNOWN),
        ({"count": {"of": [JAGGED, HIGH], "at_least": 2}}, {"shape": 0}, NOT_MET),
        ({"count": {"of": [JAGGED, HIGH], "at_most": 0}}, {"shape": 1}, NOT_MET),
        ({"count": {"of": [JAGGED, HIGH], "at_most": 1}}, {"shape": 0}, MET),
        ({"score": {"sum": {"at_least": 1}}}, {"shape": 1}, MET),
        ({"score": {"sum": {"above": 1}}}, {"shape": 1}, UNKNOWN),
        ({"score": {"sum": {"above": 2.5}}}, {"shape": 0}, NOT_MET),
        ({"score": {"sum": {"at_most": 3.5}}}, {"shape": 1}, MET),
        ({"score": {"sum": {"below": 1}}}, {"shape": 1}, NOT_MET),
        ({"score": {"sum": {"at_least": 0.5, "at_most": 1.5}}}, {"shape": 0}, UNKNOWN),
        ({"score": {"signs": {"at_least": 1}}}, {"shape": 1}, UNKNOWN),
        ({"score": {"signs": {"at_least": 0}}}, {"shape": 1}, MET),
        ({"score": {"signs": {"below": -1}}}, {"shape": 0}, NOT_MET),
        ({"score": {"signs": {"above": 2}}}, {"shape": 0}, NOT_MET),
        ({"score": {"signs": {"above": 2}}}, {"shape": 1}, UNKNOWN),
    ],
)
def test_unknown_stays_unknown_unless_it_cannot_matter(
    tmp_path: Path, when: Any, unstated: dict[str, int], expected: int
) -> None:
    assert truth(tmp_path, when, stage=3, **unstated) == expected


@pytest.mark.parametrize(("cell", "expected"), [(0, NOT_MET), (1, MET), (2, NOT_MET)])
def test_score_lies_inside_two_limits(tmp_path: Path, cell: int, expected: int) -> None:
    assert truth(tmp_path, {"score": {"sum": {"at_least": 0.5, "below": 2.5}}}, shape=0, stage=cell) == expected


def answer(guideline: Guideline, *findings: Finding) -> tuple[str, ...]:
    return evaluate(guideline, "q", list(findings)).open


def test_first_row_that_is_met_decides(tmp_path: Path) -> None:
    guideline = load(tmp_path, pack(question([row("c", JAGGED, over="all"), row("b", HIGH)])))
    assert answer(guideline, said(guideline, "shape", "jagged"), said(guideline, "stage", "high")) == ("c",)
    assert answer(guideline, said(guideline, "shape", "round"), said(guideline, "stage", "high")) == ("b",)
    assert answer(guideline, said(guideline, "shape", "round"), said(guideline, "stage", "low")) == ("a",)
    assert answer(guideline, said(guideline, "stage", "high")) == ("b", "c")


def test_row_on_an_input_that_nobody_stated_does_not_bind(tmp_path: Path) -> None:
    guideline = load(tmp_path, pack(question([row("c", HIGH), row("b", JAGGED)]), concepts=UNSTATED))
    assert answer(guideline, said(guideline, "shape", "jagged")) == ("b",)
    assert answer(guideline, said(guideline, "shape", "jagged"), said(guideline, "stage", "high")) == ("c",)


def test_floor_and_ceiling_bound_the_rows_and_the_more_suspicious_stands(tmp_path: Path) -> None:
    rules = [
        {"id": "F", "claim": "x", "at_least": "b", "when": HIGH, "cite": CITE},
        {"id": "G", "claim": "x", "at_most": "a", "when": {"at_least": {"size": 9}}, "cite": CITE},
    ]
    guideline = load(tmp_path, pack(question([row("c", JAGGED)], rules=rules)))
    jagged, round_ = said(guideline, "shape", "jagged"), said(guideline, "shape", "round")
    low, high = said(guideline, "stage", "low"), said(guideline, "stage", "high")
    assert answer(guideline, round_, high, measured("size", 5)) == ("b",)
    assert answer(guideline, jagged, low, measured("size", 9)) == ("a",)
    assert answer(guideline, jagged, high, measured("size", 9)) == ("b",)


def test_floor_leaves_an_answer_outside_the_scale_alone(tmp_path: Path) -> None:
    rules = [{"id": "F", "claim": "x", "at_least": "c", "when": HIGH, "cite": CITE}]
    guideline = load(tmp_path, pack(question([row("b", JAGGED)], rules=rules, outside=["a"])))
    assert answer(guideline, said(guideline, "shape", "round"), said(guideline, "stage", "high")) == ("a",)
    assert answer(guideline, said(guideline, "shape", "jagged"), said(guideline, "stage", "high")) == ("c",)


def test_earlier_answer_is_the_one_after_its_floors(tmp_path: Path) -> None:
    floor = {"id": "F", "claim": "x", "at_least": "b", "when": HIGH, "cite": CITE}
    content = pack(question([row("c", {"answer": {"early": "b"}})]))
    content["questions"] = {"early": question([row("c", JAGGED)], rules=[floor]), **content["questions"]}
    guideline = load(tmp_path, content)
    assert answer(guideline, said(guideline, "shape", "round"), said(guideline, "stage", "high")) == ("c",)
    assert answer(guideline, said(guideline, "shape", "jagged"), said(guideline, "stage", "high")) == ("a",)


def test_what_is_not_sure_counts_as_the_state_the_guideline_names(tmp_path: Path) -> None:
    counted = {"counts_as": "low", "cite": CITE}
    concepts = {**CONCEPTS, "stage": {**CONCEPTS["stage"], "when_unknown": counted}}
    guideline = load(tmp_path, pack(question([row("c", HIGH)]), concepts=concepts))
    assert answer(guideline) == ("a",)
    got = evaluate(guideline, "q", [unsure(guideline, "stage", 0.1, 0.2, 0.7)])
    assert (got.open, got.probabilities["c"], got.most_probable) == (("a",), 0.7, "c")


def test_what_cannot_be_is_taken_out_and_the_rest_renormalised(tmp_path: Path) -> None:
    hard = [{"id": "C", "claim": "x", "hard": True, "when": {"all": [JAGGED, HIGH]}}]
    guideline = load(tmp_path, pack(question([row("c", JAGGED, over="all"), row("b", HIGH)]), contradictions=hard))
    got = evaluate(guideline, "q", [unsure(guideline, "shape", 0.5, 0.5), unsure(guideline, "stage", 0.5, 0.0, 0.5)])
    assert got.probabilities == pytest.approx({"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}, abs=1e-6)
    certain = evaluate(guideline, "q", [said(guideline, "stage", "high"), unsure(guideline, "shape", 0.1, 0.9)])
    assert (certain.open, certain.probabilities["b"]) == (("b",), 1.0)


def test_comparison_of_measurements_leaves_out_the_cells_where_the_first_exceeds_the_second(tmp_path: Path) -> None:
    hard = [{"id": "C", "claim": "x", "hard": True, "larger": {"part": "size"}}]
    asked = question([row("c", {"at_least": {"part": 6}}, over="all"), row("b", {"at_least": {"size": 6}})])
    guideline = load(tmp_path, pack(asked, contradictions=hard))
    assert answer(guideline, measured("size", 5)) == ("a",)
    assert answer(guideline, measured("part", 7)) == ("c",)
    assert evaluate(guideline, "q", []).probabilities == pytest.approx({"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}, abs=1e-6)


def test_value_that_is_not_plausible_is_refused_of_a_person_and_unknown_of_a_model(tmp_path: Path) -> None:
    guideline = load(tmp_path, pack(question([row("b", {"at_least": {"size": 6}})])))
    with pytest.raises(ValueError, match=r"size: 0.9 mm is not plausible \(expected 1 to 200 mm\); look at the unit"):
        evaluate(guideline, "q", [measured("size", 0.9)])
    assert answer(guideline, measured("size", 0.9, MODEL)) == ("a", "b")


def test_counted_table_gives_no_answer_to_test(tmp_path: Path) -> None:
    table = {"rows": [{"counts": [1, 2, 3]}], "smoothing": 1, "cite": CITE, "figures": {}}
    content = pack(question([row("c", {"answer": {"early": "b"}})]))
    early = {**question([row("b", JAGGED)]), "proposal": {"table": table}}
    content["questions"] = {"early": early, **content["questions"]}
    with pytest.raises(GuidelineError, match="question early: its counted table gives no one answer to test"):
        compile_question(load(tmp_path, content), "q")
