"""What stands beside an answer rests on axes of its own; the same facts hold there, contradictions too."""

from pathlib import Path

import pytest
from tests.knowledge.packs import CITE, MODEL, load, pack, question, row, said

from pellucid.errors import InputError
from pellucid.knowledge import evaluate
from pellucid.knowledge.beside import build_beside, situation_of
from pellucid.knowledge.evaluate import next_step_of
from pellucid.knowledge.guideline import Guideline
from pellucid.knowledge.steps import truth_of
from pellucid.record import Truth

HARD = [
    {"id": "C", "claim": "x", "hard": True, "when": {"all": [{"is": {"shape": "jagged"}}, {"is": {"stage": "high"}}]}},
]


@pytest.fixture
def guideline(tmp_path: Path) -> Guideline:
    steps = [{"category": "b", "when": {"is": {"stage": "high"}}, "text": "look again", "cite": CITE}]
    asked = question([row("b", {"is": {"shape": "jagged"}})], next_steps=steps, differential=[_anchor()])
    asked["categories"]["b"]["next_step"] = {"text": "wait", "cite": CITE}
    return load(tmp_path, pack(asked, contradictions=HARD))


def _anchor() -> dict[str, object]:
    return {"name": "late", "when": {"is": {"stage": "high"}}, "cite": CITE}


def test_concept_that_decides_nothing_still_makes_the_next_step_and_the_differential(guideline: Guideline) -> None:
    findings = [said(guideline, "shape", "round"), said(guideline, "stage", "high")]
    assert [d.name for d in evaluate(guideline, "q", findings).differential] == ["late"]
    step = next_step_of(guideline, "q", "b", findings)
    assert step is not None
    assert step.text == "look again"
    other = next_step_of(guideline, "q", "b", [said(guideline, "stage", "low")])
    assert other is not None
    assert other.text == "wait"


def test_what_nobody_judged_is_unknown_beside_the_answer(guideline: Guideline) -> None:
    (rule,) = guideline.questions["q"].next_steps
    build = build_beside(guideline, [rule.when])
    assert [axis.name for axis in build.axes] == ["stage"]
    assert truth_of(rule.when, situation_of(build, [])) is Truth.UNKNOWN
    assert truth_of(rule.when, situation_of(build, [said(guideline, "stage", "middle")])) is Truth.NOT_MET


def test_concept_given_twice_is_refused(guideline: Guideline) -> None:
    (rule,) = guideline.questions["q"].next_steps
    with pytest.raises(InputError, match="expected each concept once"):
        situation_of(build_beside(guideline, [rule.when]), [said(guideline, "stage", "low"), said(guideline, "stage", "high")])


def test_model_that_contradicts_itself_leaves_what_is_beside_unknown(guideline: Guideline) -> None:
    anchors, steps = guideline.questions["q"].anchors, guideline.questions["q"].next_steps
    wide = build_beside(guideline, [steps[0].when, anchors[0].when, guideline.contradictions[0].when])
    findings = [said(guideline, "shape", "jagged", MODEL), said(guideline, "stage", "high", MODEL)]
    assert truth_of(steps[0].when, situation_of(wide, findings)) is Truth.UNKNOWN
    with pytest.raises(InputError, match="cannot both be so"):
        situation_of(wide, [said(guideline, "shape", "jagged"), said(guideline, "stage", "high")])
