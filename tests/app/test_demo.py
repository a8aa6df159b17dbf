"""`pellucid demo`: the example case moves its category, and the whole demo runs as promised."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import pellucid
from pellucid.app.demo import example_case, second_look
from pellucid.app.summary import moves

Run = Callable[..., tuple[int, str, str]]


def test_the_example_verifies_and_holds_no_pixels() -> None:
    case = example_case()
    assert pellucid.verify(case.as_json()).ok
    assert case.study.source is None or not Path(case.study.source).is_absolute()


def test_the_second_look_moves_a_category() -> None:
    case = example_case()
    concept, state = second_look(case)
    second = pellucid.revise(case, {concept: state}, by="test")
    assert [a.category for a in second.assessments] != [a.category for a in case.assessments]
    assert " -> " in moves(case, second)


@pytest.mark.slow
def test_the_demo_reads_revises_verifies_and_leaves_pages(run: Run, work: Path, shipped_reader: Callable[[str], Path]) -> None:
    shipped_reader("fundus")
    pytest.importorskip("skimage")
    code, out, err = run("demo", "-o", "made")
    assert (code, err) == (0, "")
    assert len(re.findall(r"json  verifies(, as far as| only in part)", out)) == 3
    assert "unchanged" not in out or re.search(r"\w -> \w", out)
    for name in ("eye", "breast-case", "breast-case-revised"):
        assert (work / "made" / f"{name}.html").stat().st_size > 5000
    assert "data:image/" in (work / "made" / "eye.html").read_text(encoding="utf-8")
