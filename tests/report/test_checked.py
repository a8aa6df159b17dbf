"""A reason that does not hold is struck from the report, and the report says so."""

import re
from pathlib import Path

import pytest

from pellucid.record import Change, Condition, Contrast, Reading, reading_from_json
from pellucid.report import html, text
from pellucid.report.checked import NOT_TRIED, reasons_of


@pytest.fixture(scope="module")
def example(root: Path) -> Reading:
    """The shipped example: a reading of the breast pack."""
    return reading_from_json((root / "src" / "pellucid" / "app" / "examples" / "breast-case.json").read_text(encoding="utf-8"))


def tampered(reading: Reading, question: str, **changed: object) -> Reading:
    assessments = tuple(a.model_copy(update=changed) if a.question == question else a for a in reading.assessments)
    return reading.model_copy(update={"assessments": assessments})


def flat(report: str) -> str:
    return re.sub(r"\s+", " ", report)


def test_every_reason_of_the_example_holds(example: Reading) -> None:
    found = [reasons_of(a, example) for a in example.assessments]
    assert sum(len(r.sufficient) + len(r.contrasts) for r in found) > 3
    assert all(r.notes == () for r in found)
    assert "Struck" not in text(example)


def test_a_reason_with_a_finding_left_out_is_struck_and_said(example: Reading) -> None:
    a = next(a for a in example.assessments if any(len(r) > 1 for r in a.sufficient_reason))
    whole = next(r for r in a.sufficient_reason if len(r) > 1)
    broken = tampered(example, a.question, sufficient_reason=(whole[1:],))
    broken = broken.model_copy(update={"assessments": tuple(b for b in broken.assessments if b.question == a.question)})
    for report in (flat(text(broken)), flat(html(broken))):
        assert "Struck, because it does not hold" in report
        assert "other findings could still make it" in report
        assert "Enough by itself" not in report
        assert "Enough together" not in report


def test_a_reason_with_a_needless_finding_is_struck(example: Reading) -> None:
    a = next(a for a in example.assessments if a.sufficient_reason)
    used = {c.concept for c in a.sufficient_reason[0]}
    spare = next(c for r in a.sufficient_reason for c in r if c.concept not in used)
    found = reasons_of(*_one(tampered(example, a.question, sufficient_reason=((*a.sufficient_reason[0], spare),)), a.question))
    assert found.sufficient == ()
    assert "can be spared" in found.notes[0]


def test_a_reason_that_cites_what_was_not_found_is_struck(example: Reading) -> None:
    a = next(a for a in example.assessments if a.sufficient_reason)
    lie = ((Condition(concept="shape", state="no such shape"),),)
    found = reasons_of(*_one(tampered(example, a.question, sufficient_reason=lie), a.question))
    assert found.sufficient == ()
    assert "is not what was found" in found.notes[0]


def test_a_contrast_that_would_not_change_the_category_is_struck(example: Reading) -> None:
    a = next(a for a in example.assessments if a.contrasts)
    other = next(c for c in a.contrasts)
    lies = (
        Contrast(category=a.category or "", changes=other.changes),
        Contrast(category=other.category, changes=()),
        Contrast(category=other.category, changes=(Change(concept="shape", seen=None, instead="square"),)),
        Contrast(category=other.category, changes=(other.changes[0].model_copy(update={"seen": "something else"}),)),
    )
    found = reasons_of(*_one(tampered(example, a.question, contrasts=lies), a.question))
    assert found.contrasts == ()
    assert [note for note in found.notes if "Struck" in note] == list(found.notes)
    assert len(found.notes) == len(lies)


def test_reasons_on_a_guideline_that_is_not_here_are_shown_and_said_to_be_untried(readings) -> None:
    reading = readings["breast"]
    assert NOT_TRIED in flat(text(reading))
    assert NOT_TRIED in flat(html(reading))


def _one(reading: Reading, question: str):
    return next(a for a in reading.assessments if a.question == question), reading
