"""From findings that were stated to readings, one a lesion, and to what a guideline makes of all lesions of an examination.

The most suspicious lesion drives. The distribution over the examination's categories is exact where lesions are independent given
their findings: the probability that all of them rank at most so high is the product over lesions.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from pellucid.assess.calibrate import round_probabilities
from pellucid.assess.conclude import HUMAN_READING, Ask, conclude_all
from pellucid.assess.revise import guideline_of
from pellucid.assess.typed import Typed
from pellucid.assess.weighing import weigh_all
from pellucid.assess.worked_out import work_out
from pellucid.errors import InputError, UnknownName
from pellucid.knowledge import Guideline, next_step_of, score_of
from pellucid.knowledge.contradict import contradictions_with_concepts
from pellucid.knowledge.guideline import AtMost, Question
from pellucid.knowledge.guideline import Examination as Rule
from pellucid.record import (
    Assessment,
    Combined,
    Examination,
    Finding,
    Lesion,
    Provenance,
    ReaderRef,
    Reading,
    Signals,
    Step,
    StudyRef,
    Truth,
)

STATED = "as stated"


def assess_stated(typed: Typed, guideline: Guideline, questions: Sequence[str] = (), *, joint: bool = False) -> Examination:
    """Every lesion's reading by a guideline, and the examination's own answer where the guideline says how lesions combine.

    Raises UnknownName for a question the guideline does not ask, InputError where what a person says for certain cannot be so.
    """
    for name in questions:
        if name not in guideline.questions:
            raise UnknownName("question", name, guideline.questions, f"guideline {guideline.name}")
    asked = tuple(questions) or tuple(guideline.questions)
    asks = [Ask(guideline, name, joint=joint) for name in asked]
    everything = {name: work_out(found, [guideline]) for name, found in typed.lesions.items()}
    for name, found in everything.items():
        told = contradictions_with_concepts(guideline, found) if typed.observer.kind == "person" else ()
        for text, concepts in told[:1]:
            _refuse(
                typed.place(name, concepts),
                f"{name}: expected findings that can be so together, got: {text}; correct one of them",
            )
    lesions = tuple(Lesion(name=name, reading=_placed(typed, name, found, asks, guideline)) for name, found in everything.items())
    return Examination(lesions=lesions, combined=combine_all(lesions, [guideline]))


def _refuse(place: str, text: str) -> NoReturn:
    raise InputError(f"{place}: {text}" if place else text)


def _placed(typed: Typed, name: str, findings: Sequence[Finding], asks: Sequence[Ask], guideline: Guideline) -> Reading:
    """The reading of one lesion; what the engine refuses is told with the lesion and its place in the file."""
    try:
        return _reading(typed, findings, guideline, asks)
    except InputError as error:
        _refuse(typed.place(name), f"{name}: {error}")


def _reading(typed: Typed, findings: Sequence[Finding], guideline: Guideline, asks: Sequence[Ask]) -> Reading:
    study, weighed = StudyRef(), weigh_all(guideline, findings)
    assessments, cautions = conclude_all(study, findings, asks, Signals(), [guideline] if weighed else [])
    return Reading(
        study=study,
        reader=ReaderRef(name=typed.observer.name, version=STATED),
        findings=tuple(findings),
        assessments=assessments,
        weighed=weighed,
        cautions=cautions,
        provenance=Provenance(by=typed.observer.name, created=datetime.now(UTC).isoformat(timespec="seconds")),
    )


def combine_all(lesions: Sequence[Lesion], guidelines: Iterable[Guideline] = ()) -> tuple[Combined, ...]:
    """What each question put to the lesions says of all of them together, in order; questions without such a rule are left out.

    Every lesion was asked the same. `guidelines` are packs that do not ship. Raises as `guideline_of` does.
    """
    packs = tuple(guidelines)
    asked = [(guideline_of(a.guideline, packs), a.question) for a in lesions[0].reading.assessments]
    return tuple(one for pack, name in asked if (one := combine_lesions(pack, name, lesions)) is not None)


def combine_lesions(guideline: Guideline, name: str, lesions: Sequence[Lesion]) -> Combined | None:
    """What one question says of all lesions together; None where the guideline has no rule for that, or there is one lesion."""
    question = guideline.questions[name]
    if question.examination is None or len(lesions) < 2:
        return None
    rule, order = question.examination, _order(question)
    answers = {lesion.name: _answer(lesion.reading, name) for lesion in lesions}
    ranked = {key: order.index(a.category) for key, a in answers.items() if a.category is not None}
    top = max(ranked.values(), default=-1)
    open_above = [key for key, a in answers.items() if a.category is None and _highest(a, order) > top]
    category = order[top] if ranked and not open_above else None
    drives = [key for key, rank in ranked.items() if rank == top] if category else []
    why_not = (
        None
        if category
        else f"{_listed(open_above or list(answers))} could be more suspicious, without a {question.noun} of its own"
    )
    step = next_step_of(guideline, name, category, _of(lesions, drives[0]).findings) if category else None
    assessment = Assessment(
        question=name,
        guideline=guideline.ref(),
        category=category,
        statement=f"{question.categories[category].statement} {_driven(drives)}"
        if category
        else f"No {question.noun} is given to the examination: {why_not}.",
        probabilities=_distribution(list(question.categories), order, list(answers.values())),
        confidence_set=(),
        derivation=_derivation(rule, question, answers, category, drives),
        next_step=step.text if step else HUMAN_READING,
        next_step_citation=step.citation.text if step else None,
        abstained_because=why_not,
    )
    chosen = _most_pressing(guideline, rule, ranked, lesions)
    return Combined(
        assessment=assessment,
        drives=tuple(drives),
        followed=_within(rule.followed, chosen, answers),
        sampled=_within(rule.sampled, chosen, answers),
    )


def _order(question: Question) -> list[str]:
    """Categories from least to most pressing; those on no scale come first unless the guideline places them."""
    given = question.examination.order if question.examination else ()
    rest = [name for name in question.categories if name not in given]
    return [*(n for n in rest if n in question.outside), *(given or [n for n in rest if n not in question.outside])] + (
        [n for n in rest if n not in question.outside] if given else []
    )


def _answer(reading: Reading, question: str) -> Assessment:
    return next(a for a in reading.assessments if a.question == question)


def _of(lesions: Iterable[Lesion], name: str) -> Reading:
    return next(lesion.reading for lesion in lesions if lesion.name == name)


def _highest(assessment: Assessment, order: Sequence[str]) -> int:
    return max((order.index(name) for name, p in assessment.probabilities.items() if p > 0), default=len(order))


def _distribution(names: Sequence[str], order: Sequence[str], answers: Sequence[Assessment]) -> dict[str, float]:
    """P(category) of the most suspicious of independent lesions, by their cumulative distributions."""
    below: NDArray[np.float64] = np.ones(len(order))
    for answer in answers:
        below = below * np.minimum(np.cumsum([answer.probabilities[name] for name in order]), 1.0)
    shares = np.maximum(np.diff(below, prepend=0.0), 0.0)
    rounded = round_probabilities((shares / shares.sum()).tolist())
    found = dict(zip(order, rounded, strict=True))
    return {name: found[name] for name in names}


def _derivation(
    rule: Rule, question: Question, answers: Mapping[str, Assessment], category: str | None, drives: Sequence[str]
) -> Step:
    because = tuple(
        Step(
            claim=f"{name}: {a.category or 'no ' + question.noun}",
            truth=Truth.MET if a.category else Truth.UNKNOWN,
            because=(a.derivation,),
        )
        for name, a in answers.items()
    )
    claim = f"the {question.noun} of the examination stays open"
    if category:
        claim = f"the {question.noun} of the examination is {category}, by {_listed(drives)}"
    clause = Step(
        claim=rule.claim,
        truth=Truth.MET,
        citation=rule.citation.text,
        because=because,
        ground="published",
        verified=rule.citation.verified,
    )
    return Step(claim=claim, truth=Truth.MET if category else Truth.UNKNOWN, because=(clause,))


def _most_pressing(guideline: Guideline, rule: Rule, ranked: Mapping[str, int], lesions: Sequence[Lesion]) -> tuple[str, ...]:
    """Lesions that have a category, the most suspicious first, by the guideline's score where it ranks by one, else by category;
    of equal ones the larger first.
    """

    def size(name: str) -> float:
        finding = _of(lesions, name).finding(rule.size) if rule.size else None
        return finding.value if finding is not None and finding.value is not None else 0.0

    def first(name: str) -> float:
        return score_of(guideline, rule.score, _of(lesions, name).findings) if rule.score else float(ranked[name])

    return tuple(sorted(ranked, key=lambda name: (-first(name), -size(name))))


def _within(limit: AtMost | None, chosen: Sequence[str], answers: Mapping[str, Assessment]) -> tuple[str, ...]:
    """The first of the lesions whose own answer asks for it; any other takes nobody's place, however many its points."""
    return tuple(name for name in chosen if answers[name].category in limit.of)[: limit.most] if limit else ()


def _driven(drives: Sequence[str]) -> str:
    return f"Driven by {_listed(drives)}."


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
