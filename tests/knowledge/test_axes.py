"""A question's axes: what it mentions, measurements cut where its thresholds lie, and no more classes than it can tell apart."""

from pathlib import Path

import pytest
from tests.knowledge.packs import CITE, CONCEPTS, load, pack, question, row

from pellucid.knowledge.axes import Axis, axes_of, axes_over
from pellucid.knowledge.guideline import Guideline


def axes(guideline: Guideline, name: str = "q") -> dict[str, Axis]:
    return {axis.name: axis for axis in axes_of(guideline, guideline.questions[name])}


def test_concepts_are_found_through_definitions_scores_counts_and_earlier_questions(tmp_path: Path) -> None:
    early = question([row("b", {"at_least": {"size": 5}})])
    asked = question(
        [
            row("b", {"rule": "bad"}),
            row("c", {"all": [{"score": {"sum": {"at_least": 2}}}, {"not": {"answer": {"early": "b"}}}]}),
        ]
    )
    content = pack(
        asked,
        definitions={"bad": {"claim": "bad", "when": {"is": {"shape": "jagged"}}}},
        scores={"sum": {"terms": [{"by": "stage", "points": {"low": 0, "middle": 1, "high": 2}}], "cite": CITE}},
    )
    content["questions"] = {"early": early, "q": asked}
    guideline = load(tmp_path, content)
    assert list(axes(guideline)) == ["shape", "stage", "size"]
    assert list(axes(guideline, "early")) == ["size"]


@pytest.mark.parametrize(
    ("rows", "labels"),
    [
        ([{"at_least": {"size": 6}}], ["below 6 mm", "at least 6 mm"]),
        ([{"below": {"size": 6}}], ["below 6 mm", "at least 6 mm"]),
        ([{"above": {"size": 6}}], ["at most 6 mm", "above 6 mm"]),
        ([{"at_most": {"size": 6}}], ["at most 6 mm", "above 6 mm"]),
        (
            [{"at_least": {"size": 6}}, {"above": {"size": 6}}],
            ["below 6 mm", "at least 6 mm and at most 6 mm", "above 6 mm"],
        ),
        (
            [{"all": [{"at_least": {"size": 6}}, {"below": {"size": 8.5}}]}],
            ["below 6 mm", "at least 6 mm and below 8.5 mm", "at least 8.5 mm"],
        ),
    ],
)
def test_each_kind_of_limit_cuts_on_its_side(tmp_path: Path, rows: list[dict[str, object]], labels: list[str]) -> None:
    guideline = load(tmp_path, pack(question([row("b", when) for when in rows])))
    assert list(axes(guideline)["size"].labels) == labels


def test_states_that_nothing_tells_apart_share_a_class(tmp_path: Path) -> None:
    guideline = load(tmp_path, pack(question([row("b", {"is": {"stage": "high"}})])))
    stage = axes(guideline)["stage"]
    assert stage.classes.tolist() == [0, 0, 1]
    assert (stage.size, stage.real, stage.cells, stage.extra) == (2, 2, 3, False)


def test_input_that_may_stay_unstated_has_one_more_class(tmp_path: Path) -> None:
    concepts = {**CONCEPTS, "stage": {**CONCEPTS["stage"], "when_unknown": "not stated"}}
    guideline = load(tmp_path, pack(question([row("b", {"is": {"stage": "high"}})]), concepts=concepts))
    stage = axes(guideline)["stage"]
    assert (stage.labels[-1], stage.size, stage.real, stage.cells, stage.extra) == ("not stated", 3, 2, 3, True)


def test_named_cells_keep_their_names(tmp_path: Path) -> None:
    cells = [{"name": "small", "below": 10}, {"name": "large"}]
    concepts = {**CONCEPTS, "size": {**CONCEPTS["size"], "cells": cells}}
    guideline = load(tmp_path, pack(question([row("b", {"at_least": {"size": 20}})]), concepts=concepts))
    assert axes(guideline)["size"].labels == ("small", "at least 10 mm and below 20 mm", "at least 20 mm")


def test_hard_contradictions_cut_what_the_question_uses_and_bring_no_concept_in(tmp_path: Path) -> None:
    hard = [
        {"id": "C", "claim": "x", "hard": True, "when": {"all": [{"at_least": {"size": 50}}, {"is": {"shape": "round"}}]}},
        {"id": "D", "claim": "x", "when": {"at_least": {"size": 70}}},
    ]
    guideline = load(tmp_path, pack(question([row("b", {"at_least": {"size": 6}})]), contradictions=hard))
    found = axes(guideline)
    assert list(found) == ["size"]
    assert found["size"].labels == ("below 6 mm", "at least 6 mm and below 50 mm", "at least 50 mm")


def test_measurements_that_are_compared_share_their_limits(tmp_path: Path) -> None:
    hard = [{"id": "C", "claim": "x", "hard": True, "larger": {"part": "size"}}]
    asked = question([row("b", {"at_least": {"size": 6}}), row("c", {"at_least": {"part": 3}})])
    found = axes(load(tmp_path, pack(asked, contradictions=hard)))
    assert found["size"].labels == found["part"].labels == ("below 3 mm", "at least 3 mm and below 6 mm", "at least 6 mm")
    assert found["size"].size == 3, "a comparison tells all cells apart"


def test_predicates_beside_a_question_get_axes_of_their_own(tmp_path: Path) -> None:
    guideline = load(tmp_path, pack(question([row("b", {"is": {"shape": "jagged"}}), row("c", {"is": {"stage": "high"}})])))
    (first, _) = guideline.questions["q"].proposal.rows  # type: ignore[union-attr]
    assert [axis.name for axis in axes_over(guideline, [first.when])] == ["shape"]  # type: ignore[list-item]
