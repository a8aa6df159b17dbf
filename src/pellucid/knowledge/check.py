"""Is a guideline pack sound: every category reachable, every rule with cases that meet it, do not and leave it unknown, cases
pass.

Schema, names and citations are already refused at loading where they are wrong; this checks what the pack does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pellucid.errors import GuidelineError
from pellucid.knowledge.evaluate import Evaluation, evaluate
from pellucid.knowledge.fields import Fields, Place
from pellucid.knowledge.guideline import Entry, Guideline
from pellucid.knowledge.strict_yaml import parse
from pellucid.knowledge.tables import compile_question
from pellucid.record import Finding, Observer, Truth

TRUTHS = {found.value: found for found in Truth}
WRITER = Observer(name="case writer", kind="person")


@dataclass(frozen=True)
class Case:
    """Findings as a person would state them, and what must follow."""

    name: str
    question: str
    findings: tuple[Finding, ...]
    category: str | None
    open: tuple[str, ...] | None
    rules: Mapping[str, Truth]
    conflict: bool | None
    line: int


@dataclass(frozen=True)
class Check:
    """What was found wrong, and the table of which cases exercise which rule."""

    problems: tuple[str, ...]
    coverage: str


def check(guideline: Guideline) -> tuple[str, ...]:
    """What is wrong with a pack, in sentences; empty where it is sound."""
    return check_guideline(guideline).problems


def check_guideline(guideline: Guideline) -> Check:
    """Problems and coverage of a pack; its cases stand in cases.yaml beside guideline.yaml."""
    file = Path(guideline.file).with_name("cases.yaml")
    if not file.is_file():
        return Check((f"{file}: expected cases beside the guideline, got no such file",), "")
    try:
        cases = read_cases(guideline, file)
    except GuidelineError as error:
        return Check((str(error),), "")
    evaluations = [evaluate(guideline, case.question, case.findings) for case in cases]
    problems = [*_unreachable(guideline), *_open_questions(guideline, cases)]
    for case, evaluation in zip(cases, evaluations, strict=True):
        problems += [f"{file}:{case.line}: case {case.name!r}: {fault}" for fault in _faults(guideline, case, evaluation)]
    rows, gaps = _coverage(guideline, cases)
    return Check((*problems, *gaps), "\n".join(rows))


def _unreachable(guideline: Guideline) -> list[str]:
    found: list[str] = []
    for name in guideline.questions:
        compiled = compile_question(guideline, name)
        mask = int(np.bitwise_or.reduce(compiled.open, axis=None))
        found += [
            f"question {name}: category {category} can never be given"
            for k, category in enumerate(compiled.categories)
            if not mask >> k & 1
        ]
    return found


def _open_questions(guideline: Guideline, cases: Sequence[Case]) -> list[str]:
    asked = {case.question for case in cases}
    return [f"question {name}: expected one or more cases, got none" for name in guideline.questions if name not in asked]


def _faults(guideline: Guideline, case: Case, evaluation: Evaluation) -> list[str]:
    found: list[str] = []
    if case.open is not None and evaluation.open != case.open:
        found.append(f"expected {', '.join(case.open)} to stay open, got {', '.join(evaluation.open)}")
    if case.open is None and evaluation.crisp != case.category:
        found.append(f"expected {case.category}, got {evaluation.crisp or ' or '.join(evaluation.open)}")
    if case.conflict is not None and (evaluation.conflict is not None) != case.conflict:
        found.append(f"expected {'a' if case.conflict else 'no'} conflict, got {evaluation.conflict or 'none'}")
    rules = guideline.questions[case.question].rules
    got = {rule.id: step.truth for rule, step in zip(rules, evaluation.derivation.because[1:], strict=False)}
    return found + [
        f"expected rule {rule} {truth.value}, got {got[rule].value}"
        for rule, truth in case.rules.items()
        if got[rule] is not truth
    ]


def _coverage(guideline: Guideline, cases: Sequence[Case]) -> tuple[list[str], list[str]]:
    rows = [f"{'rule':<16}{'met':>5}{'not met':>9}{'unknown':>9}"]
    gaps: list[str] = []
    for name, question in guideline.questions.items():
        for rule in question.rules:
            said = [case.rules[rule.id] for case in cases if case.question == name and rule.id in case.rules]
            counted = [said.count(truth) for truth in (Truth.MET, Truth.NOT_MET, Truth.UNKNOWN)]
            rows.append(f"{rule.id:<16}{counted[0]:>5}{counted[1]:>9}{counted[2]:>9}")
            gaps += [
                f"question {name}: rule {rule.id}: expected a case where it is {word}, got none"
                for word, n in zip(("met", "not met", "unknown"), counted, strict=True)
                if n == 0
            ]
    return rows, gaps


def read_cases(guideline: Guideline, file: Path) -> tuple[Case, ...]:
    """The cases of a pack; GuidelineError names file and line."""
    fields = Place(parse(file.read_bytes(), str(file)), str(file)).fields()
    defaults = fields.maybe("defaults")
    usual = {name: dict(place.pairs()) for name, place in defaults.pairs()} if defaults else {}
    cases = tuple(_case(item, guideline, usual) for item in fields.take("cases").items())
    fields.done()
    return cases


def _case(place: Place, guideline: Guideline, usual: Mapping[str, Mapping[str, Place]]) -> Case:
    fields = place.fields()
    question = fields.take("question")
    if question.text() not in guideline.questions:
        question.unknown("question", question.text(), list(guideline.questions))
    stated = {**usual.get(question.text(), {}), **dict(fields.take("given").pairs())}
    findings = [_finding(name, value, guideline.entries) for name, value in stated.items() if value.node.value is not None]
    name = fields.take("name").text()
    expect = fields.take("expect").fields()
    case = _expectation(Case(name, question.text(), tuple(findings), None, None, {}, None, place.node.line), expect, guideline)
    expect.done()
    fields.done()
    return case


def _expectation(case: Case, expect: Fields, guideline: Guideline) -> Case:
    question = guideline.questions[case.question]
    category, opened, rules, conflict = (expect.maybe(key) for key in ("category", "open", "rules", "conflict"))
    if (category is None) == (opened is None):
        expect.place.refuse("one of category and open", "both" if category else "neither")
    names = (category or opened or expect.place).texts()
    for name in names:
        if name not in question.categories:
            (category or opened or expect.place).unknown("category", name, list(question.categories))
    truths: dict[str, Truth] = {}
    known = [rule.id for rule in question.rules]
    for rule, truth in rules.pairs() if rules else ():
        if rule not in known or truth.text() not in TRUTHS:
            truth.unknown("rule or truth", f"{rule}: {truth.text()}", [*known, *TRUTHS])
        truths[rule] = TRUTHS[truth.text()]
    if conflict and not isinstance(conflict.node.value, bool):
        conflict.refuse("true or false", repr(conflict.node.value))
    return Case(
        case.name,
        case.question,
        case.findings,
        names[0] if category else None,
        names if opened else None,
        truths,
        conflict.node.value if conflict else None,
        case.line,
    )


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
