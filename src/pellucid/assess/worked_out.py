"""Findings that follow from others: the course of a lesion from two measurements, and what a question of the pack answers.

They stand in the reading beside what was stated, each with the steps it follows by (`Finding.because`); they are never typed, and
whoever changes a finding that they rest on has them worked out again.
"""

from collections.abc import Iterable, Sequence

from pellucid.errors import InputError
from pellucid.knowledge import Evaluation, Guideline, evaluate
from pellucid.knowledge.course import courses, set_aside
from pellucid.knowledge.guideline import Decide, Question
from pellucid.knowledge.terms import Entry
from pellucid.record import Caution, Finding, Step, Truth

HALF = 0.5
"""A statement that the pack's own question gives less than this is pointed out."""


def work_out(findings: Sequence[Finding], guidelines: Iterable[Guideline]) -> tuple[Finding, ...]:
    """The findings with all that follows from them, in place of what followed before; a count of lesions stays as it is.

    InputError where two measurements cannot be compared.
    """
    found = {f.concept: f for f in findings if f.because is None or f.value is not None}
    for guideline in dict.fromkeys(guidelines):
        for one in (*courses(guideline, tuple(found.values())), *_answers(guideline, tuple(found.values()))):
            found.pop(one.concept, None)
            found[one.concept] = one
    return tuple(found.values())


def cautions_beside(guideline: Guideline, findings: Sequence[Finding]) -> list[Caution]:
    """Where somebody stated what follows otherwise from other findings: what was stated stands, and this is said."""
    told = [
        Caution(kind="contradiction" if hard else "input", text=_sentence(text)) for hard, text in set_aside(guideline, findings)
    ]
    said = {f.concept: f for f in findings if f.unknown_because is None and f.because is None}
    for entry in guideline.entries.values():
        stated = said.get(entry.concept.name)
        if entry.answered_by is None or stated is None or stated.state is None:
            continue
        evaluation = _answer(guideline, entry, findings)
        if evaluation is not None and evaluation.probabilities[stated.state] < HALF:
            told.append(Caution(kind="conflict", text=_otherwise(entry, stated, evaluation)))
    return told


def _otherwise(entry: Entry, stated: Finding, evaluation: Evaluation) -> str:
    """What was stated, what the question of the pack says instead, and what speaks for that."""
    best = evaluation.most_probable
    speaks = dict.fromkeys(f"{c.concept.replace('_', ' ')} {c.state}" for reason in evaluation.sufficient_reason for c in reason)
    why = f": {', '.join(speaks)}" if speaks else ""
    said = f"{entry.concept.label} was stated as {stated.state} ({stated.observer.name})"
    instead = f"by the stated factors it is {best} ({evaluation.probabilities[best]:.2f}){why}"
    return _sentence(f"{said}; {instead} [{entry.answered_by}]. What was stated stands")


def unstated(guideline: Guideline, asked: Question, evaluation: Evaluation) -> list[str]:
    """The concepts for want of which a published table is left open: nobody judged them and no base rate is known. Equal weights
    would make an answer out of nothing.
    """
    if evaluation.crisp is not None or not isinstance(asked.proposal, Decide):
        return []
    matters = [item.concept for item in evaluation.look_again if item.concept in evaluation.unjudged]
    return [name for name in matters if guideline.entries[name].base_rate is None]


def _answer(guideline: Guideline, entry: Entry, findings: Sequence[Finding]) -> Evaluation | None:
    """What the question says that stands in for a concept; None where nothing that it asks was judged, or it is left open."""
    if entry.answered_by is None:
        return None
    question = guideline.questions[entry.answered_by]
    try:
        evaluation = evaluate(guideline, question.name, findings)
    except InputError:  # findings that cannot be so are refused where they are used
        return None
    return None if unstated(guideline, question, evaluation) else evaluation


def _answers(guideline: Guideline, findings: Sequence[Finding]) -> list[Finding]:
    judged = {f.concept for f in findings if f.unknown_because is None}
    found: list[Finding] = []
    for name, entry in guideline.entries.items():
        if entry.answered_by is None or name in judged:
            continue
        evaluation = _answer(guideline, entry, findings)
        used = [f for f in findings if f.unknown_because is None]
        if evaluation is not None and used:
            found.append(_stands_in(guideline, entry, evaluation, used[0]))
    return found


def _stands_in(guideline: Guideline, entry: Entry, evaluation: Evaluation, first: Finding) -> Finding:
    """The question's answer as a finding; a state is called only where the question decides it."""
    concept, states = entry.concept, entry.concept.states or ()
    question = guideline.questions[entry.answered_by or ""]
    shares = tuple(evaluation.probabilities[state] for state in states)
    told = ", ".join(f"{state} {p:.2f}" for p, state in sorted(zip(shares, states, strict=True), key=lambda one: -one[0]) if p)
    claim = f"{concept.label}, worked out by the question {question.name} ({question.label}), for nobody stated it: {told}"
    step = Step(claim=claim, truth=Truth.MET, because=(evaluation.derivation,))
    return Finding(
        concept=concept.name,
        observer=first.observer,
        states=states,
        probabilities=shares,
        state=evaluation.crisp,
        because=step,
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
