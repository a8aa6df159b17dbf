"""Leaving out the impossible moves what nobody judged, and not what somebody judged."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from tests.knowledge.packs import CONCEPTS, MODEL, load, measured, pack, question, row, said, unsure

from pellucid.knowledge import evaluate, load_guideline
from pellucid.knowledge.conditional import conditional
from pellucid.knowledge.evaluate import situated
from pellucid.knowledge.guideline import Guideline
from pellucid.record import Finding

JAGGED_HIGH = {"all": [{"is": {"shape": "jagged"}}, {"is": {"stage": "high"}}]}
HARD = {"id": "C", "claim": "no jagged shape is high", "when": JAGGED_HIGH, "hard": True}


def guideline(folder: Path, *rows: dict[str, Any], concepts: dict[str, Any] | None = None) -> Guideline:
    shape = row("c", {"is": {"shape": "jagged"}}, over="all")
    stage = row("b", {"is": {"stage": "high"}}, over="all")
    return load(folder, pack(question([*rows, shape, stage]), contradictions=[HARD], concepts=concepts or CONCEPTS))


def test_judged_finding_keeps_its_probability_beside_one_that_nobody_judged(tmp_path: Path) -> None:
    pack_ = guideline(tmp_path)
    got = evaluate(pack_, "q", [unsure(pack_, "shape", 0.4, 0.6)])
    # jagged 0.6 is c; of round 0.4, a third is high
    assert got.probabilities == pytest.approx({"a": 0.4 * 2 / 3, "b": 0.4 / 3, "c": 0.6}, abs=1e-6)


def test_the_unjudged_prior_is_conditioned_on_the_judged_one(tmp_path: Path) -> None:
    pack_ = guideline(tmp_path)
    got = evaluate(pack_, "q", [unsure(pack_, "stage", 0.1, 0.2, 0.7)])
    # high 0.7 can only be round: b; of the other 0.3, half is jagged: c
    assert got.probabilities == pytest.approx({"a": 0.15, "b": 0.7, "c": 0.15}, abs=1e-6)


def test_judged_findings_that_contradict_each_other_lose_the_impossible_share(tmp_path: Path) -> None:
    pack_ = guideline(tmp_path)
    got = evaluate(pack_, "q", [unsure(pack_, "shape", 0.4, 0.6), unsure(pack_, "stage", 0.2, 0.0, 0.8)])
    left = 0.4 * 0.2 + 0.4 * 0.8 + 0.6 * 0.2
    assert got.probabilities == pytest.approx({"a": 0.08 / left, "b": 0.32 / left, "c": 0.12 / left}, abs=1e-6)


def test_where_nothing_or_everything_was_judged_the_diagram_is_the_questions_own(tmp_path: Path) -> None:
    pack_ = guideline(tmp_path)
    both = [unsure(pack_, "shape", 0.4, 0.6), unsure(pack_, "stage", 0.2, 0.0, 0.8)]
    for findings in ([], both):
        compiled, facts, _ = situated(pack_, "q", findings)
        assert conditional(compiled, facts) is compiled.flat


def test_part_solid_share_stays_where_the_solid_part_is_unknown() -> None:
    lung = load_guideline("lung-cancer-screening")
    states = lung.concepts["nodule_type"].states or ()
    shares = tuple({"solid": 0.5, "part-solid": 0.5}.get(state, 0.0) for state in states)
    kind = Finding(concept="nodule_type", observer=MODEL, states=states, probabilities=shares)
    course = said(lung, "status", "baseline", MODEL)
    for size in (5.5, 7.0, 12.0):
        got = evaluate(lung, "size-table", [kind, course, measured("mean_diameter", size, MODEL)])
        rest = [course, measured("mean_diameter", size, MODEL)]
        solid, part = (
            evaluate(lung, "size-table", [said(lung, "nodule_type", name, MODEL), *rest]).probabilities
            for name in ("solid", "part-solid")
        )
        mixed = {c: (solid[c] + part[c]) / 2 for c in got.probabilities}
        assert got.probabilities == pytest.approx(mixed, abs=2e-6)


@pytest.mark.parametrize("name", ["lung-cancer-screening", "incidental-lung-nodule", "liver-lesion-ct-mr", "thyroid-nodule"])
def test_confirming_nothing_about_a_judged_concept_is_lost_to_contradictions(name: str) -> None:
    """Law of total probability: with one concept unsure and all others unjudged, the answer is the mean of the answers with that
    concept certain, weighted as judged."""
    pack_ = load_guideline(name)
    for asked, concept in itertools.product(pack_.questions, list(pack_.concepts)[:5]):
        states = pack_.concepts[concept].states
        if states is None:
            continue
        shares = tuple((k + 1) / (len(states) * (len(states) + 1) / 2) for k in range(len(states)))
        vague = Finding(concept=concept, observer=MODEL, states=states, probabilities=shares)
        got = evaluate(pack_, asked, [vague]).probabilities
        sure = [vague.model_copy(update={"probabilities": one}) for one in certain(len(states))]
        parts = [evaluate(pack_, asked, [one]).probabilities for one in sure]
        mixed = {c: sum(share * part[c] for share, part in zip(shares, parts, strict=True)) for c in got}
        assert got == pytest.approx(mixed, abs=1e-5), (asked, concept)


def certain(n: int) -> list[tuple[float, ...]]:
    return [tuple(float(i == k) for i in range(n)) for k in range(n)]


def test_contradiction_with_a_concept_the_question_does_not_use_is_said_and_not_weighed(tmp_path: Path) -> None:
    asked = question([row("c", {"is": {"shape": "jagged"}}, over="all")])
    pack_ = load(tmp_path, pack(asked, contradictions=[HARD]))
    shape = unsure(pack_, "shape", 0.4, 0.6)
    got = evaluate(pack_, "q", [shape, unsure(pack_, "stage", 0.0, 0.5, 0.5)])
    assert got.probabilities["c"] == pytest.approx(0.6)
    assert got.boundary == (
        "shape and stage as judged contradict each other with a probability of 30 % (no jagged shape is high), "
        "which the l leaves aside: it rests on shape alone",
    )
    assert evaluate(pack_, "q", [shape, unsure(pack_, "stage", 0.0, 0.7, 0.3)]).boundary == ()
    assert evaluate(pack_, "q", [shape]).boundary == (), "an unjudged concept speaks against nothing"
    assert evaluate(pack_, "q", [said(pack_, "shape", "jagged", MODEL), said(pack_, "stage", "high", MODEL)]).boundary == ()
