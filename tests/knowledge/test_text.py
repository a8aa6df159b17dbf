"""A pack shown as text holds everything it rests on."""

import pytest

from pellucid.knowledge import evaluate, list_guidelines, load_guideline, show, trace
from pellucid.knowledge.questions import rows_of
from pellucid.knowledge.sheet import condition, sheet
from pellucid.knowledge.text import COLUMNS
from pellucid.record import Assessment, ReaderRef, Reading, StudyRef


def squeezed(text: str) -> str:
    """The text without its line breaks and columns."""
    return " ".join(text.split())


@pytest.mark.parametrize("name", list_guidelines())
def test_everything_in_a_pack_is_shown(name: str) -> None:
    pack, found = load_guideline(name), sheet(load_guideline(name))
    lines = [line for section in found.sections for grid in section.grids for line in grid.lines]
    shown = {cell.text for line in lines for cell in line.cells} | {line.claim for line in lines}
    shown |= {note for line in lines for note in line.notes}
    citations = {cell.citation for line in lines for cell in line.cells if cell.citation}
    assert {concept.definition for concept in pack.concepts.values()} <= shown
    assert {source.reference for source in pack.sources.values()} | {s.note for s in pack.sources.values() if s.note} <= shown
    assert {one.name for one in pack.definitions} | {one.claim for one in pack.definitions} <= shown
    assert {one.claim for one in pack.contradictions} | set(pack.notes) <= shown
    for question in pack.questions.values():
        parts = (*question.rules, *rows_of(question))
        assert {part.id for part in parts} | {part.claim for part in parts} | {p.note for p in parts if p.note} <= shown
        assert {part.citation for part in parts if part.citation} <= citations
        assert {category.statement for category in question.categories.values()} <= shown
        steps = [c.next_step for c in question.categories.values() if c.next_step] + [r.step for r in question.next_steps]
        assert {step.text for step in steps} <= shown
        assert {step.citation for step in steps} <= citations
        assert {silent.why for silent in question.silent} | {item.text for item in question.cannot_tell} <= shown
        assert set(question.limits) | set(question.second_opinions) <= shown


@pytest.mark.parametrize("name", list_guidelines())
def test_a_pack_in_the_terminal_is_narrow_and_leaves_no_cell_out(name: str) -> None:
    pack = load_guideline(name)
    text = show(pack)
    assert max(len(line) for line in text.splitlines()) <= COLUMNS
    lines = [line for section in sheet(pack).sections for grid in section.grids for line in grid.lines]
    letters = bare(text)
    for line in lines:
        for part in (line.claim, *line.notes, *(cell.text for cell in line.cells)):
            assert bare(part) <= letters, part


def bare(text: str) -> set[str]:
    """Every word of a text without the brackets that a table puts around it."""
    return {word.strip("()[]") for word in text.split()}


def test_points_and_their_risks_are_shown_whole() -> None:
    lines = [squeezed(line) for line in show(load_guideline("breast-ultrasound")).splitlines()]
    assert any(line.startswith("the margin is not circumscribed +3 ") for line in lines)
    assert any(line.startswith("0 0.7 % ") for line in lines)
    assert any(line.startswith("1 1.4 % ") for line in lines)


def test_a_definition_is_called_by_its_sentence_and_written_out_once() -> None:
    pack = load_guideline("lung-cancer-screening")
    claims = {one.claim for one in pack.definitions}
    row = next(row for row in rows_of(pack.questions["size-table"]) if row.id == "S-baseline-6")
    assert row.when is not None
    (named,) = [part for part in condition(row.when).parts if part.text in claims]
    assert named.parts == ()
    assert condition(next(one for one in pack.definitions if one.claim == named.text).when).text != named.text


def test_a_decision_row_stands_in_one_line_with_clause_and_mark() -> None:
    lines = [squeezed(line) for line in show(load_guideline("thyroid-nodule")).splitlines()]
    assert "L2 the points of the nodule are exactly 2 TR2 TI-RADS 2017, 2 points background" in lines


def test_the_summary_counts_every_mark_once() -> None:
    found = sheet(load_guideline("thyroid-nodule"))
    assert sum(found.marks().values()) == 63
    assert found.units()["decision rows"] == 17
    assert found.units()["points"] == 16


def test_trace_gives_each_derivation_under_its_question() -> None:
    pack = load_guideline("diabetic-retinopathy-icdr")
    got = evaluate(pack, "dr-grade", [])
    assessment = Assessment(
        question="dr-grade",
        guideline=pack.ref(),
        category=None,
        statement="none",
        probabilities=got.probabilities,
        confidence_set=(),
        derivation=got.derivation,
        abstained_because="nothing was judged",
    )
    reading = Reading(
        study=StudyRef(pixels_sha256="0" * 64, width=1, height=1),
        reader=ReaderRef(name="r", version="1"),
        findings=(),
        assessments=(assessment,),
    )
    text = trace(reading)
    assert text.startswith("dr-grade: abstains: nothing was judged   (diabetic-retinopathy-icdr 2003, ")
    assert "G4: new vessels, or vitreous or preretinal haemorrhage, are grade 4" in text
