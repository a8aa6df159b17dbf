"""Counted joint tables in the place of independence, against hand calculations and the slow reading."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from tests.knowledge.packs import CITE, load, pack, question, row, said, unsure

from pellucid.knowledge import evaluate
from pellucid.knowledge.correlate import SMOOTHING
from pellucid.knowledge.guideline import Guideline

ROWS = [
    row("c", {"all": [{"is": {"shape": "jagged"}}, {"is": {"stage": "high"}}]}),
    row("b", {"any": [{"is": {"shape": "jagged"}}, {"is": {"stage": "high"}}]}),
]


def guideline(folder: Path, counts: list[list[float]], rows: list[dict[str, Any]] | None = None) -> Guideline:
    joint = [{"concepts": ["shape", "stage"], "counts": counts, "cite": CITE}]
    return load(folder, pack(question(rows or ROWS), joint=joint))


def test_table_of_independent_counts_moves_nothing(tmp_path: Path) -> None:
    outer = [[60 * x * y - SMOOTHING for y in (0.2, 0.3, 0.5)] for x in (0.4, 0.6)]
    pack_ = guideline(tmp_path, outer)
    findings = [unsure(pack_, "shape", 0.3, 0.7), unsure(pack_, "stage", 0.25, 0.25, 0.5)]
    got = evaluate(pack_, "q", findings, joint=True)
    assert got.joint_shift == pytest.approx(0, abs=1e-6)
    assert got.probabilities == pytest.approx(evaluate(pack_, "q", findings).probabilities, abs=1e-6)


def test_findings_that_always_go_together_move_the_probabilities_as_computed_by_hand(tmp_path: Path) -> None:
    n = 1e9  # so many that the smoothing does not show
    pack_ = guideline(tmp_path, [[n / 2, 0, 0], [0, 0, n / 2]])
    got = evaluate(pack_, "q", [unsure(pack_, "shape", 0.3, 0.7), unsure(pack_, "stage", 0.4, 0.0, 0.6)], joint=True)
    together = {"a": 0.3 * 0.4, "c": 0.7 * 0.6}  # each over its marginal of one half, which cancels
    expected = {"a": together["a"] / 0.54, "b": 0.0, "c": together["c"] / 0.54}
    assert got.probabilities == pytest.approx(expected, abs=1e-5)
    apart = evaluate(pack_, "q", [unsure(pack_, "shape", 0.3, 0.7), unsure(pack_, "stage", 0.4, 0.0, 0.6)]).probabilities
    assert apart == pytest.approx({"a": 0.12, "b": 0.46, "c": 0.42})
    assert got.joint_shift == pytest.approx(0.46, abs=1e-5)


def test_finding_not_judged_follows_the_one_that_is(tmp_path: Path) -> None:
    pack_ = guideline(tmp_path, [[70, 7, 3], [13, 5, 95]])
    got = evaluate(pack_, "q", [said(pack_, "shape", "jagged")], joint=True)
    assert got.probabilities["c"] == pytest.approx((95 + SMOOTHING) / (113 + 3 * SMOOTHING), abs=1e-6)


def test_joint_sum_is_the_one_over_every_joint_state(tmp_path: Path) -> None:
    counts = [[4.0, 7.0, 1.0], [0.0, 5.0, 9.0]]
    pack_ = guideline(tmp_path, counts)
    shape, stage = (0.35, 0.65), (0.2, 0.5, 0.3)
    table = [[n + SMOOTHING for n in line] for line in counts]
    total = sum(map(sum, table))
    rows, columns = [sum(line) / total for line in table], [sum(line[k] for line in table) / total for k in range(3)]
    weights = {
        (i, k): table[i][k] / total * shape[i] / rows[i] * stage[k] / columns[k] for i, k in itertools.product(range(2), range(3))
    }
    mass = sum(weights.values())
    expected = {"c": weights[1, 2], "b": weights[1, 0] + weights[1, 1] + weights[0, 2], "a": weights[0, 0] + weights[0, 1]}
    got = evaluate(pack_, "q", [unsure(pack_, "shape", *shape), unsure(pack_, "stage", *stage)], joint=True)
    assert got.probabilities == pytest.approx({name: p / mass for name, p in expected.items()}, abs=1e-6)


def test_table_of_which_the_question_uses_one_concept_changes_nothing(tmp_path: Path) -> None:
    pack_ = guideline(tmp_path, [[9, 0, 0], [0, 0, 9]], [row("c", {"is": {"shape": "jagged"}})])
    assert evaluate(pack_, "q", [unsure(pack_, "shape", 0.3, 0.7)], joint=True).joint_shift == 0


def test_shift_is_said_only_where_tables_were_asked_for(tmp_path: Path) -> None:
    pack_ = guideline(tmp_path, [[9, 0, 0], [0, 0, 9]])
    assert evaluate(pack_, "q", []).joint_shift is None
