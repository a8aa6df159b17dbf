"""Is a guideline pack sound: proofs over its whole space, and every case with what it exercises.

Schema, names and citations are already refused at loading where they are wrong; this checks what the pack does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from pellucid.errors import GuidelineError, InputError
from pellucid.knowledge.axes import parts_of
from pellucid.knowledge.check_differential import WeighedCase, differential_faults, read_weighed_case
from pellucid.knowledge.evaluate import evaluate, next_step_of, situated
from pellucid.knowledge.extent import Extent, pack_extent, question_extent
from pellucid.knowledge.fields import Fields, Place
from pellucid.knowledge.guideline import Guideline, Question
from pellucid.knowledge.locate import at
from pellucid.knowledge.prove import proofs
from pellucid.knowledge.questions import rows_of
from pellucid.knowledge.reasons import either, open_categories
from pellucid.knowledge.space import MET, NOT_MET, Compiled, compile_question
from pellucid.knowledge.steps import Situation, truth_of
from pellucid.knowledge.strict_yaml import parse
from pellucid.knowledge.terms import Atom, Entry, Predicate
from pellucid.record import Finding, Observer, Truth

TRUTHS = {found.value: found for found in Truth}
WRITER = Observer(name="case writer", kind="person")


@dataclass(frozen=True)
class Case:
    """Findings as a person would state them, and what must follow."""

    name: str
    question: str
    findings: tuple[Finding, ...]
    line: int
    category: str | None = None
    open: tuple[str, ...] | None = None
    rules: Mapping[str, Truth] | None = None
    conflict: bool | None = None
    next_step: str | None = None
    scores: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Check:
    """What was found wrong, and the table of which cases exercise which rule."""

    problems: tuple[str, ...]
    coverage: str
    cases: int = 0
    extent: Extent | None = None
    """How large the pack is; None where it could not be walked."""


def check(guideline: Guideline) -> tuple[str, ...]:
    """What is wrong with a pack, in sentences; empty where it is sound."""
    return check_guideline(guideline).problems


def check_guideline(guideline: Guideline) -> Check:
    """Problems and coverage of a pack; its cases stand in cases.yaml beside guideline.yaml."""
    file = Path(guideline.file).with_name("cases.yaml")
    if not file.is_file():
        return Check((f"{file}: expected cases beside the guideline, got no such file",), "")
    try:
        cases, weighed = read_cases(guideline, file)
        problems = [*proofs(guideline), *_open_questions(guideline, cases)]
    except GuidelineError as error:
        return Check((str(error),), "")
    rows: list[str] = []
    for name in guideline.questions:
        faults, told, gaps = _exercise(guideline, name, [case for case in cases if case.question == name], file)
        problems += [*faults, *gaps]
        rows += told
    faults, told = differential_faults(guideline, weighed, file)
    return Check((*problems, *faults), "\n".join([*rows, *told]), len(cases) + len(weighed), pack_extent(guideline))


def _open_questions(guideline: Guideline, cases: Sequence[Case]) -> list[str]:
    asked = {case.question for case in cases}
    return [
        f"{at(guideline, 'questions', name)}: question {name}: expected one or more cases, got none"
        for name in guideline.questions
        if name not in asked
    ]


def _exercise(guideline: Guideline, name: str, cases: Sequence[Case], file: Path) -> tuple[list[str], list[str], list[str]]:
    """Faults of the cases of one question, the table of what they exercise, and what no case exercises."""
    question, compiled = guideline.questions[name], compile_question(guideline, name)
    tested = {part.id: part.when for part in (*rows_of(question), *question.rules) if part.when is not None}
    seen: dict[str, list[Truth]] = {key: [] for key in tested}
    faults: list[str] = []
    for case in cases:
        try:
            truths, wrong = _case_faults(guideline, case, tested)
        except InputError as error:
            truths, wrong = {}, [str(error)]
        faults += [f"{file}:{case.line}: case {case.name!r}: {fault}" for fault in wrong]
        for key, truth in truths.items():
            seen[key].append(truth)
    extent = question_extent(guideline, name)
    space = f"  {extent.states} states; joint states {extent.product}; {extent.nodes} diagram nodes"
    rows = [
        f"question {name}: {len(cases)} cases, {extent.rows} rows",
        space,
        f"  {'rule':<28}{'met':>5}{'not met':>9}{'unknown':>9}",
    ]
    gaps: list[str] = []
    for key, found in seen.items():
        counted = [found.count(truth) for truth in (Truth.MET, Truth.NOT_MET, Truth.UNKNOWN)]
        rows.append(f"  {key:<28}{counted[0]:>5}{counted[1]:>9}{counted[2]:>9}")
        wanted = ("met", "not met", "unknown") if _can_be_unknown(compiled, tested[key]) else ("met", "not met")
        gaps += [
            f"{_place(guideline, name, key)}: question {name}: {key}: expected a case where it is {word}, got none"
            for word, n in zip(wanted, counted, strict=False)
            if n == 0
        ]
    return faults, rows, gaps


def _place(guideline: Guideline, question: str, key: str) -> str:
    """Where a row or a rule of a question stands."""
    whole = at(guideline, "questions", question)
    parts = [at(guideline, "questions", question, part, key) for part in ("decide", "rules")]
    return max([whole, *parts], key=lambda told: int(told.rpartition(":")[2]))


def _can_be_unknown(compiled: Compiled, predicate: Predicate) -> bool:
    """Whether findings can leave a predicate unknown: by an atom of its own, or where an answer or a score it asks for can turn
    on concepts that may stay unjudged.
    """
    entries, store = {axis.name: axis.entry for axis in compiled.axes}, compiled.store
    own = [part for part in parts_of(predicate) if isinstance(part, Atom)]
    if any(entries[atom.concept].when_unknown != "counts as" for atom in own):
        return True
    free = [axis.entry.when_unknown in ("base rate", "averaged") for axis in compiled.axes]

    def joined(level: int, children: list[int]) -> int:
        if not free[level]:
            return store.node(level, children)
        return reduce(lambda a, b: store.combine(either, a, b), dict.fromkeys(children[: compiled.axes[level].real]))

    bits = store.combine(lambda rank: 1 << rank, compiled.build.truth(predicate))
    found = store.values(store.rewrite(bits, joined, store), [range(axis.size) for axis in compiled.axes])
    return any(seen not in (1 << NOT_MET, 1 << MET) for seen in found)


def _case_faults(guideline: Guideline, case: Case, tested: Mapping[str, Predicate]) -> tuple[dict[str, Truth], list[str]]:
    compiled, facts, _ = situated(guideline, case.question, case.findings)
    situation = Situation(guideline, compiled.build, facts)
    truths = {key: truth_of(when, situation) for key, when in tested.items()}
    opened = open_categories(compiled, facts)
    found = _answer_faults(guideline, case, opened)
    found += [
        f"expected rule {rule} {truth.value}, got {truths[rule].value}"
        for rule, truth in (case.rules or {}).items()
        if truths[rule] is not truth
    ]
    for name, total in (case.scores or {}).items():
        got = situation.values(compiled.build.score(guideline.scores[name]))
        if got != {(total, total)}:
            found.append(f"expected a score {name} of {total:g}, got {sorted(got)}")
    if case.next_step is not None:
        step = next_step_of(guideline, case.question, _answer(guideline, case, opened), case.findings)
        if case.next_step.lower() not in (step.text if step else "").lower():
            found.append(f"expected a next step with {case.next_step!r}, got {step.text if step else 'none'}")
    return truths, found


def _answer(guideline: Guideline, case: Case, opened: Sequence[str]) -> str:
    """The decided category, else the most probable one; the distribution is worked out only where it is asked for."""
    return opened[0] if len(opened) == 1 else evaluate(guideline, case.question, case.findings).most_probable


def _answer_faults(guideline: Guideline, case: Case, opened: tuple[str, ...]) -> list[str]:
    found: list[str] = []
    if case.open is not None and opened != case.open:
        found.append(f"expected {', '.join(case.open)} to stay open, got {', '.join(opened)}")
    if case.open is None and opened != (case.category,):
        found.append(f"expected {case.category}, got {' or '.join(opened)}")
    conflict = evaluate(guideline, case.question, case.findings).conflict if case.conflict is not None else None
    if case.conflict is not None and (conflict is not None) != case.conflict:
        found.append(f"expected {'a' if case.conflict else 'no'} conflict, got {conflict or 'none'}")
    return found


def read_cases(guideline: Guideline, file: Path) -> tuple[tuple[Case, ...], tuple[WeighedCase, ...]]:
    """The cases of a pack's questions and of its differentials; GuidelineError names file and line."""
    fields = Place(parse(file.read_bytes(), str(file)), str(file)).fields()
    defaults = fields.maybe("defaults")
    usual = {name: dict(place.pairs()) for name, place in defaults.pairs()} if defaults else {}
    found = [_case(item, guideline, usual) for item in fields.take("cases").items()]
    fields.done()
    cases = tuple(case for case in found if isinstance(case, Case))
    return cases, tuple(case for case in found if isinstance(case, WeighedCase))


def _case(place: Place, guideline: Guideline, usual: Mapping[str, Mapping[str, Place]]) -> Case | WeighedCase:
    fields = place.fields()
    question, differential = fields.maybe("question"), fields.maybe("differential")
    asked = question or differential
    if asked is None or (question and differential):
        place.refuse("one of question and differential", "both" if asked else "neither")
    known = guideline.questions if question else guideline.differentials
    if asked.text() not in known:
        asked.unknown("question" if question else "differential", asked.text(), list(known))
    stated = {**usual.get(asked.text(), {}), **dict(fields.take("given").pairs())}
    findings = [_finding(name, value, guideline.entries) for name, value in stated.items() if value.node.value is not None]
    name, expect = fields.take("name").text(), fields.take("expect")
    fields.done()
    if differential:
        return read_weighed_case(place, guideline, tuple(findings))
    expected = expect.fields()
    case = Case(name, asked.text(), tuple(findings), place.node.line, **_expected(expected, guideline, asked.text()))
    expected.done()
    return case


def _expected(expect: Fields, guideline: Guideline, name: str) -> dict[str, Any]:
    question = guideline.questions[name]
    category, opened, conflict = (expect.maybe(key) for key in ("category", "open", "conflict"))
    if (category is None) == (opened is None):
        expect.place.refuse("one of category and open", "both" if category else "neither")
    names = (category or opened or expect.place).texts()
    for one in names:
        if one not in question.categories:
            (category or opened or expect.place).unknown("category", one, list(question.categories))
    if conflict and not isinstance(conflict.node.value, bool):
        conflict.refuse("true or false", repr(conflict.node.value))
    step = expect.maybe("next_step")
    return {
        "category": names[0] if category else None,
        "open": names if opened else None,
        "rules": _truths(expect.maybe("rules"), question),
        "conflict": conflict.node.value if conflict else None,
        "next_step": step.text() if step else None,
        "scores": _scores(expect.maybe("score"), guideline),
    }


def _truths(place: Place | None, question: Question) -> dict[str, Truth]:
    known = [part.id for part in (*rows_of(question), *question.rules)]
    found: dict[str, Truth] = {}
    for rule, truth in place.pairs() if place else ():
        if rule not in known or truth.text() not in TRUTHS:
            truth.unknown("rule or truth", f"{rule}: {truth.text()}", [*known, *TRUTHS])
        found[rule] = TRUTHS[truth.text()]
    return found


def _scores(place: Place | None, guideline: Guideline) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, total in place.pairs() if place else ():
        if name not in guideline.scores:
            total.unknown("score", name, list(guideline.scores))
        found[name] = total.number()
    return found


def _finding(name: str, value: Place, entries: Mapping[str, Entry]) -> Finding:
    if name not in entries:
        value.unknown("concept", name, list(entries))
    concept = entries[name].concept
    if concept.states is None:
        return Finding(concept=name, observer=WRITER, unit=concept.unit, value=value.number(), sd=0.0)
    if value.text() not in concept.states:
        value.unknown(f"state of {name}", value.text(), list(concept.states))
    return Finding(
        concept=name,
        observer=WRITER,
        states=concept.states,
        state=value.text(),
        probabilities=tuple(float(state == value.text()) for state in concept.states),
    )
