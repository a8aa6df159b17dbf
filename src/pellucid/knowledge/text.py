"""A guideline pack and a reading's derivations as plain text, for reading in a terminal."""

import textwrap
from collections.abc import Iterator, Sequence

from pellucid.knowledge.guideline import Guideline
from pellucid.knowledge.sheet import Cell, Condition, Grid, Line, Sheet, again, condition, sheet
from pellucid.knowledge.terms import Predicate
from pellucid.record import Assessment, Examination, Reading, Step, Weighing

COLUMNS = 110
GAP = 2
NARROWEST = 7
KEY = 20
"""A first column up to this width is taken for a key: notes stand beside it, not below."""
SOURCE = "source"


def show(guideline: Guideline) -> str:
    """The whole pack as tables of at most 110 columns: what decides, with clause and mark, and everything it rests on."""
    made = sheet(guideline)
    head = f"{guideline.title}  ({guideline.name}, edition {guideline.edition}, {guideline.sha256[:12]}…)"
    lines = [*_wrapped(head, ""), *_wrapped(summary(made), "")]
    for section in made.sections:
        lines += ["", *_wrapped(section.title, ""), "=" * min(COLUMNS, len(section.title))]
        lines += _wrapped(section.about, "") if section.about else []
        for table in section.grids:
            lines += _grid(table)
    return "\n".join(line.rstrip() for line in lines)


def summary(made: Sheet) -> str:
    """How much there is and how much of it was checked, in one sentence."""
    marks, units = made.marks(), made.units()
    kinds = ", ".join(f"{unit} {n}" for unit, n in units.items())
    said = ", ".join(f"{marks[mark]} {mark}" for mark in ("source", "recomputed", "background"))
    return f"{sum(marks.values())} cited entries ({said}): {kinds}."


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, COLUMNS, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def _grid(table: Grid) -> Iterator[str]:
    yield ""
    if table.title:
        yield from _wrapped(table.title, "")
        yield "-" * min(COLUMNS, len(table.title))
    for sentence in table.lead:
        yield from _wrapped(sentence, "  ")
    if not table.columns:
        for line in table.lines:
            yield from textwrap.wrap(
                line.cells[0].text, COLUMNS, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False
            )
        return
    columns = [name for column in table.columns for name in (("clause", "mark") if column == SOURCE else (column,))]
    rows = [_cells(line, table.lines[i - 1] if i else None, table.columns) for i, line in enumerate(table.lines)]
    widths = _widths(columns, rows)
    if table.lines:
        yield from _row(columns, widths)
        yield "  " + (" " * GAP).join("-" * width for width in widths)
    for line, row in zip(table.lines, rows, strict=True):
        yield from _line(line, row, widths)


def _line(line: Line, row: list[str], widths: Sequence[int]) -> Iterator[str]:
    yield from _row(row, widths)
    inner = " " * (2 + widths[0] + GAP if widths[0] <= KEY else 2 + GAP)
    for text in ((line.claim,) if line.claim else ()) + line.notes:
        yield from _wrapped(f"({text})" if text != line.claim else f"= {text}", inner)


def _cells(line: Line, above: Line | None, columns: Sequence[str]) -> list[str]:
    found: list[str] = []
    for k, (cell, column) in enumerate(zip(line.cells, columns, strict=True)):
        texts = _texts(cell, column)
        repeats = column == SOURCE and above is not None and again(above.cells[k], cell)
        found += ("as above", *texts[1:]) if repeats else texts
    return found


def _texts(cell: Cell, column: str) -> tuple[str, ...]:
    citation = cell.citation
    if column == SOURCE:
        return (citation.text, citation.verified) if citation else ("", "")
    said = cell.text or (_said(cell.when) if cell.when else "")
    return (f"{said} [{citation.text}; {citation.verified}]" if citation and said else said,)


def _widths(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """Every column as wide as its longest text, the widest ones made narrower until the table fits."""
    texts = [[name, *(row[k] for row in rows)] for k, name in enumerate(columns)]
    widths = [max(len(text) for text in column) for column in texts]
    floors = [max(NARROWEST, *(len(word) for text in column for word in text.split() or [""])) for column in texts]
    room = COLUMNS - 2 - GAP * (len(columns) - 1)
    while sum(widths) > room:
        free = [k for k in range(len(widths)) if widths[k] > floors[k]]
        if not free:
            return [max(NARROWEST, room // len(widths))] * len(widths)
        widest = max(free, key=lambda k: widths[k])
        widths[widest] -= 1
    return widths


def _row(cells: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    parts = [textwrap.wrap(text, width, break_on_hyphens=False) or [""] for text, width in zip(cells, widths, strict=True)]
    for i in range(max(len(part) for part in parts)):
        yield "  " + (" " * GAP).join(
            f"{part[i] if i < len(part) else '':<{width}}" for part, width in zip(parts, widths, strict=True)
        )


JOINTS = {"all of": " and ", "any of": " or "}


def _said(found: Condition) -> str:
    if not found.parts:
        return found.text
    parts = [f"({_said(part)})" if part.parts else part.text for part in found.parts]
    if found.text in JOINTS:
        return JOINTS[found.text].join(parts)
    return f"not {parts[0]}" if found.text == "not" else f"{found.text}: {', '.join(parts)}"


def words(predicate: Predicate) -> str:
    """A predicate in one line."""
    return _said(condition(predicate))


def trace(record: Reading | Examination) -> str:
    """Every assessment's derivation as an indented tree; of an examination, how its lesions combine, then every lesion's."""
    if isinstance(record, Reading):
        return "\n\n".join([*map(_traced, record.assessments), *map(_traced_signs, record.weighed)])
    together = [f"THE EXAMINATION\n{_traced(one.assessment, LESIONS)}" for one in record.combined]
    return "\n\n".join([*together, *(f"LESION {one.name}\n{trace(one.reading)}" for one in record.lesions)])


LESIONS = 2
"""How deep below the examination's claim its lesions stand: their own derivations follow, each under its name."""


def _traced(assessment: Assessment, depth: int | None = None) -> str:
    said = assessment.category or f"abstains: {assessment.abstained_because}"
    edition = f"{assessment.guideline.name} {assessment.guideline.edition}, {assessment.guideline.sha256[:12]}…"
    shown = assessment.derivation if depth is None else cut(assessment.derivation, depth)
    return f"{assessment.question}: {said}   ({edition})\n{shown.as_text(1)}"


def _traced_signs(weighing: Weighing) -> str:
    ref = weighing.guideline
    lines = [f"{weighing.differential}: signs weighed, no category   ({ref.name} {ref.edition}, {ref.sha256[:12]}…)"]
    for one in weighing.diagnoses:
        lines.append(f"  {one.rank}. {one.name}: {one.score:g} ({one.lowest:g} to {one.highest:g} with what is not judged)")
        lines += [sign.step.as_text(2) for sign in one.signs]
    return "\n".join(lines)


def cut(step: Step, depth: int) -> Step:
    """A derivation down to so many levels below its root."""
    return step.model_copy(update={"because": tuple(cut(child, depth - 1) for child in step.because) if depth else ()})
