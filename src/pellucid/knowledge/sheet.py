"""A guideline pack laid out for people: sections of tables whose cells keep their citations. Terminal and page draw the same.

Nothing is left out: what a pack holds stands in some line of its sheet.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from pellucid.knowledge.guideline import DecisionRow, Guideline, Joint, NextStep, Weights
from pellucid.knowledge.questions import rows_of
from pellucid.knowledge.terms import (
    AnswerTest,
    Citation,
    Compound,
    Count,
    Definition,
    Entry,
    Predicate,
    Score,
    ScoreTerm,
    counted,
)

NOT_APPLICABLE = "not applicable"
UNITS = {"1": "a number"}


@dataclass(frozen=True, slots=True)
class Condition:
    """A predicate in words; its parts where it joins several."""

    text: str
    parts: tuple["Condition", ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """Text, a condition, a citation, or text with the citation that carries it."""

    text: str = ""
    when: Condition | None = None
    citation: Citation | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table: its cells, the sentence above them and what is noted below."""

    cells: tuple[Cell, ...]
    claim: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Grid:
    """One table."""

    title: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    lead: tuple[str, ...] = ()
    """Sentences above the table."""
    unit: str = "entry"
    """What one line is, as the summary counts it."""


@dataclass(frozen=True, slots=True)
class Section:
    """Tables under one heading."""

    name: str
    title: str
    grids: tuple[Grid, ...]
    about: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A whole pack."""

    guideline: Guideline
    sections: tuple[Section, ...]

    def cited_grids(self) -> Iterator[Grid]:
        """The tables that carry citations, each row once: what applies to whom stands again in the questions."""
        for section in self.sections:
            if section.name != "eligibility":
                yield from (table for table in section.grids if any(cell.citation for line in table.lines for cell in line.cells))

    def marks(self) -> Counter[str]:
        """How many cited cells carry each mark."""
        cells = (cell for table in self.cited_grids() for line in table.lines for cell in line.cells)
        return Counter(cell.citation.verified for cell in cells if cell.citation)

    def units(self) -> dict[str, int]:
        """How many lines there are of each unit: decision rows, points, rules and so on."""
        found: Counter[str] = Counter()
        for table in self.cited_grids():
            found[table.unit] += len(table.lines)
        return dict(found)


JOINED = {"all": "all of", "any": "any of", "not": "not"}


def condition(predicate: Predicate) -> Condition:
    """A predicate in words. What a definition names is called by its sentence; the definition stands in its own table."""
    if isinstance(predicate, Count):
        named = predicate.claim != counted(predicate.least, predicate.most, len(predicate.parts))
        return Condition(predicate.claim, () if named else tuple(condition(part) for part in predicate.parts))
    if not isinstance(predicate, Compound) or predicate.claim:
        return Condition(predicate.claim or "")
    parts = tuple(condition(part) for part in predicate.parts)
    return parts[0] if len(parts) == 1 and predicate.operator != "not" else Condition(JOINED[predicate.operator], parts)


LONG = 60
"""A citation longer than this is not repeated where the line above has the same."""


def again(above: Cell, cell: Cell) -> bool:
    """Whether a cell only repeats a long citation of the cell above it."""
    return cell.citation is not None and cell.citation == above.citation and len(cell.citation.text) > LONG


def cited(citation: Citation | None) -> Cell:
    """A citation as a cell of its own."""
    return Cell(citation=citation)


def stepped(step: NextStep | None) -> Cell:
    """A next step with the citation that carries it."""
    return Cell(step.text, citation=step.citation) if step else Cell()


def grid(title: str, columns: Sequence[str], lines: Sequence[Line], unit: str = "entry", lead: Sequence[str] = ()) -> list[Grid]:
    """A table, or none where it would be empty."""
    return [Grid(title, tuple(columns), tuple(lines), tuple(lead), unit)] if lines or lead else []


def plain_list(title: str, sentences: Sequence[str]) -> list[Grid]:
    """Sentences under a heading."""
    return grid(title, (), [Line((Cell(sentence),)) for sentence in sentences])


def row_line(row: DecisionRow, ids: Sequence[str]) -> Line:
    """One row of a decision table."""
    when = condition(row.when) if row.when else Condition("no row above is met")
    over = ids if row.over == "all" else row.over
    notes = [f"goes before {', '.join(over) if row.over != 'all' else 'every row below'} where both are met"] if over else []
    notes += [row.note] if row.note else []
    return Line((Cell(row.id), Cell(when=when), Cell(row.category), cited(row.citation)), row.claim, tuple(notes))


def sheet(guideline: Guideline) -> Sheet:
    """The pack in sections."""
    from pellucid.knowledge.sheet_question import question_section

    made = [
        Section("eligibility", "Who and what it applies to", tuple(_eligibility(guideline))),
        *(question_section(question) for question in guideline.questions.values()),
        *(_differential(weights) for weights in guideline.differentials.values()),
        Section("scores", "Scores", tuple(table for score in guideline.scores.values() for table in _score(score))),
        Section("definitions", "Definitions", tuple(_definitions(guideline.definitions))),
        Section("findings", "Findings that are asked for", tuple(_concepts(guideline))),
        Section("contradictions", "What cannot be so", tuple(_contradictions(guideline))),
        Section("joint", "Findings that go together", tuple(t for table in guideline.joint for t in _joint(guideline, table))),
        Section("notes", "Notes on the whole", tuple(plain_list("", guideline.notes))),
        Section("sources", "Sources", tuple(_sources(guideline))),
    ]
    return Sheet(guideline, tuple(section for section in made if section.grids))


def _eligibility(guideline: Guideline) -> list[Grid]:
    merged: dict[tuple[str, Condition], Line] = {}
    for question in guideline.questions.values():
        for row in rows_of(question):
            handed_on = isinstance(row.when, AnswerTest) and row.when.answers == (NOT_APPLICABLE,)
            if row.category != NOT_APPLICABLE or row.when is None or handed_on:
                continue
            key = row.claim, condition(row.when)
            asked = ", ".join((*(merged[key].notes if key in merged else ()), question.name))
            merged[key] = Line((Cell(when=key[1]), cited(row.citation)), row.claim, (asked,))
    lines = [replace(line, notes=(f"in {line.notes[0]}",)) for line in merged.values()]
    lead = ["The guideline is not applicable where one of these holds. The same rows stand in their questions."]
    return grid("", ("not applicable when", "source"), lines, "conditions of eligibility", lead) if lines else []


def _differential(weights: Weights) -> Section:
    tables: list[Grid] = []
    for diagnosis in weights.diagnoses:
        signs = [Line((Cell(when=condition(s.when)), Cell(f"{s.weight:+g}"), cited(s.citation))) for s in diagnosis.signs]
        lead = [f"may be instead: {', '.join(diagnosis.mimics)}"] if diagnosis.mimics else []
        tables += grid(diagnosis.name, ("sign", "weight", "source"), signs, "weights", lead)
        step = [Line((stepped(diagnosis.next_step),))] if diagnosis.next_step else []
        tables += grid("", ("next step",), step, "next steps")
    about = "Diagnoses ranked by the sum of the weights of the signs that are met; no probability and no category."
    return Section(
        f"differential-{weights.name}",
        f"Differential {weights.name}: {weights.label}",
        (*tables, *plain_list("Out of sight", weights.limits)),
        about,
    )


def _score(score: Score) -> list[Grid]:
    lines = [line for term in score.terms for line in _term(term, score.citation)]
    return grid(f"{score.label} ({score.name})", ("where", "points", "source"), lines, "points", ["The sum of these:"])


def _term(term: ScoreTerm, citation: Citation) -> Iterator[Line]:
    if term.when is not None:
        yield Line((Cell(when=condition(term.when)), Cell(f"{term.points:+g}"), cited(citation)))
    for state, points in (term.by_state or {}).items():
        yield Line((Cell(f"{(term.concept or '').replace('_', ' ')}: {state}"), Cell(f"{points:+g}"), cited(citation)))


def _definitions(definitions: Sequence[Definition]) -> list[Grid]:
    lines = [Line((Cell(one.name), Cell(one.claim), Cell(when=condition(one.when)))) for one in definitions]
    return grid("", ("name", "means that", "holds when"), lines)


def _concepts(guideline: Guideline) -> list[Grid]:
    entries = guideline.entries.values()
    tables = grid("", ("finding", "what is meant", "states or unit"), [_concept(entry) for entry in entries])
    lead = ["A finding not listed here stays unknown: every category it could lead to stays open."]
    tables += grid(
        "Missing data: what a finding counts as where it was not judged",
        ("finding", "then", "source"),
        [line for entry in entries for line in _when_missing(entry)],
        "missing-data rules",
        lead,
    )
    tables += grid(
        "How often, where nobody judged it",
        ("finding", "counted", "source"),
        [line for entry in entries for line in _base(entry)],
        "base rates",
    )
    sds = [
        Line(
            (
                Cell(e.concept.name),
                Cell(f"standard deviation {e.repeatability.sd:g} {e.concept.unit}"),
                cited(e.repeatability.citation),
            )
        )
        for e in entries
        if e.repeatability
    ]
    return tables + grid("Error of a measurement that states none", ("finding", "error", "source"), sds, "errors")


def _concept(entry: Entry) -> Line:
    concept = entry.concept
    said = f"{' < ' if concept.ordinal else ' | '}".join(concept.states or ()) or UNITS.get(
        concept.unit or "", concept.unit or ""
    )
    notes = (
        [f"plausible from {entry.plausible[0]:g} to {entry.plausible[1]:g} {concept.unit if concept.unit != '1' else ''}".strip()]
        if entry.plausible
        else []
    )
    if entry.rounded_to is not None:
        notes.append(f"limits are compared with the value rounded to {entry.rounded_to:g} {concept.unit}, a half upwards")
    if entry.cells:
        notes.append(
            "called " + ", ".join(f"{c.name} (below {c.below:g})" if c.below is not None else c.name for c in entry.cells)
        )
    if concept.code:
        notes.append(f"code {concept.code.scheme} {concept.code.value}, {concept.code.meaning}")
    return Line((Cell(concept.name), Cell(concept.definition), Cell(said)), notes=tuple(notes))


def _when_missing(entry: Entry) -> Iterator[Line]:
    """What a finding counts as that nobody judged; nothing where it stays unknown."""
    name, counts = Cell(entry.concept.name), entry.counts_as
    if counts:
        yield Line((name, Cell(f"counts as {counts.state}"), cited(counts.citation)))
    elif entry.answered_by:
        yield Line((name, Cell(f"the answer of {entry.answered_by}, where it has one"), Cell()))
    elif entry.counted:
        but = f", but for those of {' and '.join(row for _, row in entry.not_counted)}" if entry.not_counted else ""
        yield Line((name, Cell(f"the lesions that are listed are counted{but}"), Cell()))
    elif entry.when_unknown == "not stated":
        yield Line((name, Cell("input from outside the image: does not bind until stated"), Cell()))
    elif entry.when_unknown == "averaged":
        yield Line((name, Cell("the learned table averages over it"), Cell()))


def _base(entry: Entry) -> Iterator[Line]:
    rate = entry.base_rate
    if rate:
        counts = ", ".join(f"{state} {n:g}" for state, n in zip(entry.concept.states or (), rate.counts, strict=True))
        yield Line((Cell(entry.concept.name), Cell(counts), cited(rate.citation)))


def _contradictions(guideline: Guideline) -> list[Grid]:
    lines: list[Line] = []
    for one in guideline.contradictions:
        then = "cannot be: left out" if one.hard else "pointed out"
        inner = one.when.parts[0] if isinstance(one.when, Compound) and len(one.when.parts) == 1 else one.when
        bare = replace(inner, claim=None) if isinstance(inner, Compound) and inner.claim == one.claim else inner
        lines.append(Line((Cell(one.id), Cell(when=condition(bare)), Cell(then), cited(one.citation)), one.claim))
    return grid("", ("id", "when", "then", "source"), lines, "contradictions")


def _joint(guideline: Guideline, table: Joint) -> list[Grid]:
    states = [guideline.entries[name].concept.states or () for name in table.concepts]
    lines = [
        Line((*(Cell(state) for state in cell), Cell(f"{n:g}"), cited(table.citation)))
        for cell, n in zip(product(*states), table.counts, strict=True)
    ]
    return grid(" and ".join(table.concepts), (*table.concepts, "seen together", "source"), lines, "counts")


def _sources(guideline: Guideline) -> list[Grid]:
    lines = [
        Line((Cell(source.short), Cell(source.reference), Cell(source.kind)), notes=(source.note,) if source.note else ())
        for source in guideline.sources.values()
    ]
    return grid("", ("cited as", "reference", "kind"), lines)
