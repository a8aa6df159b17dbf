"""From findings to an assessment: the category that the rules give, its confidence set, and when to say nothing.

Everything here is a pure function of findings, guideline, set rule and signals, so that `verify` and `revise` run the very same
code.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pellucid.assess.calibrate import round_probabilities
from pellucid.assess.conform import predict_set
from pellucid.assess.second_opinion import disagreements, opinions_on
from pellucid.assess.worked_out import cautions_beside, unstated
from pellucid.errors import UnknownName
from pellucid.knowledge import Evaluation, Guideline, contradictions_of, evaluate, next_step_of
from pellucid.knowledge.axes import parts_of
from pellucid.knowledge.guideline import Decide, Question
from pellucid.knowledge.space import compile_question
from pellucid.knowledge.terms import AnswerTest, Atom
from pellucid.record import Assessment, Caution, Finding, SetRule, Signals, StudyRef

NOT_APPLICABLE = "not applicable"
HUMAN_READING = "Have a person read the image."
MILLIMETRES = ("mm", "mm2", "mm3", "cm", "cm2")
MOST_REASONS = 2


@dataclass(frozen=True)
class Ask:
    """One question to one guideline, how its confidence set is cut (None: no set is given), and whether the guideline's joint
    tables take the place of independence.
    """

    guideline: Guideline
    question: str
    set_rule: SetRule | None = None
    joint: bool = False


def asked_again(guideline: Guideline, given: Assessment) -> Ask:
    """The question that an assessment answers, put as it was."""
    return Ask(guideline, given.question, given.set_rule, given.joint_shift is not None)


def conclude_all(
    study: StudyRef, findings: Sequence[Finding], asks: Sequence[Ask], signals: Signals, beside: Sequence[Guideline] = ()
) -> tuple[tuple[Assessment, ...], tuple[Caution, ...]]:
    """The assessments of every question, in order, and the cautions that go with them. `beside` are guidelines that the findings
    are held against without a question: what contradicts there is a caution too.
    """
    assessments = tuple(conclude(ask, findings, signals) for ask in asks)
    told = cautions(study, findings, assessments, signals, asks)
    more = _contradictions(beside, findings)
    return assessments, tuple(dict.fromkeys([*more, *told]))


def _contradictions(guidelines: Iterable[Guideline], findings: Sequence[Finding]) -> list[Caution]:
    packs = {guideline.sha256: guideline for guideline in guidelines}.values()
    texts = [_sentence(text) for guideline in packs for text in contradictions_of(guideline, findings)]
    return [Caution(kind="contradiction", text=text) for text in texts]


def conclude(ask: Ask, findings: Sequence[Finding], signals: Signals) -> Assessment:
    """The assessment of one question; `category` is None, with a named reason, where no answer should be given.

    The category is the one the rules decide; where they do not decide, the most probable one, and the statement says so (a
    boundary note too, unless the confidence set holds it alone).
    UnknownName for a question that the guideline does not have.
    """
    guideline, question, set_rule = ask.guideline, ask.question, ask.set_rule
    if question not in guideline.questions:
        raise UnknownName("question", question, guideline.questions, f"guideline {guideline.name}")
    asked = guideline.questions[question]
    evaluation = evaluate(guideline, question, findings, joint=ask.joint)
    order = tuple(asked.categories)
    shares = round_probabilities([evaluation.probabilities.get(name, 0.0) for name in order])
    probabilities = dict(zip(order, shares, strict=True))
    held = predict_set(probabilities, set_rule, order) if set_rule else ()
    used = {axis.name for axis in compile_question(guideline, question).axes}
    asked_for = [f for f in findings if f.concept in used]
    why_not = _blind(ask, evaluation, asked_for, signals)
    blind = why_not is not None
    why_not = why_not or (_undecided(held, order, set_rule) if set_rule else None)
    category = None if why_not else (evaluation.crisp or evaluation.most_probable)
    step, citation, shared = _next_step(guideline, question, findings, category, () if blind else held)
    return Assessment(
        question=question,
        guideline=guideline.ref(),
        category=category,
        statement=_statement(asked, evaluation, category, why_not),
        probabilities=probabilities,
        confidence_set=held,
        coverage=set_rule.coverage if set_rule else None,
        set_rule=set_rule,
        derivation=evaluation.derivation,
        sufficient_reason=evaluation.sufficient_reason if category else (),
        contrasts=evaluation.contrasts,
        look_again=evaluation.look_again,
        differential=() if blind else evaluation.differential,
        next_step=step,
        next_step_citation=citation,
        next_step_shared=shared,
        boundary=_boundary(asked, evaluation, probabilities, held, category),
        conflict=_sentence(evaluation.conflict) if evaluation.conflict else None,
        abstained_because=why_not,
        second_opinions=opinions_on(asked, findings),
        joint_shift=None if evaluation.joint_shift is None else round(evaluation.joint_shift, 6),
    )


def _blind(ask: Ask, evaluation: Evaluation, findings: Sequence[Finding], signals: Signals) -> str | None:
    """A reason to give no answer before any set is cut; `findings` are those the question uses."""
    return (
        _unlike(findings, signals)
        or _unjudged(findings)
        or _missing(evaluation, ask.guideline, findings)
        or _not_stated(evaluation, ask.guideline, ask.guideline.questions[ask.question])
    )


def is_unlike(signals: Signals) -> bool:
    """Whether the image lies beyond the novelty threshold."""
    return signals.novelty is not None and signals.novelty_threshold is not None and signals.novelty > signals.novelty_threshold


def _judged(finding: Finding) -> bool:
    return finding.unknown_because is None


def _unlike(findings: Sequence[Finding], signals: Signals) -> str | None:
    """A reason where the image is unlike the training images and a model's finding is among those the question uses."""
    by_model = any(f.observer.kind == "model" and _judged(f) for f in findings)
    if not (is_unlike(signals) and by_model):
        return None
    return f"the image is unlike the images this reader learned from {_distance(signals)}"


def _distance(signals: Signals) -> str:
    return f"(distance {signals.novelty or 0:.2f}, limit {signals.novelty_threshold or 0:.2f})"


def _unjudged(findings: Sequence[Finding]) -> str | None:
    """A reason where no finding that the question uses could be judged."""
    if any(_judged(f) for f in findings):
        return None
    reasons = list(dict.fromkeys(f.unknown_because for f in findings if f.unknown_because))
    told = f": {'; '.join(reasons[:MOST_REASONS])}" if reasons else ""
    return f"none of the findings that the guideline asks for could be judged{told}"


def _missing(evaluation: Evaluation, guideline: Guideline, findings: Sequence[Finding]) -> str | None:
    """A reason where a finding that the guideline needs has nothing said of it and the rules are left undecided."""
    if evaluation.crisp is not None or not evaluation.missing:
        return None
    said = {f.concept: f for f in findings}
    labels = [guideline.concepts[name].label for name in evaluation.missing]
    first = said.get(evaluation.missing[0])
    why = f" ({first.unknown_because})" if first and first.unknown_because else ""
    return f"the guideline needs {' and '.join(labels)}, which could not be judged{why}"


def _not_stated(evaluation: Evaluation, guideline: Guideline, asked: Question) -> str | None:
    """A reason where a published table is left open by findings that nobody judged and for which no base rate is known: equal
    weights would make an answer out of nothing.
    """
    blank = unstated(guideline, asked, evaluation)
    if not blank:
        return None
    labels = [guideline.concepts[name].label for name in blank]
    told = f"{', '.join(labels[:MOST_REASONS])}{' and others' if len(labels) > MOST_REASONS else ''}"
    return f"the rules leave {' or '.join(evaluation.open)} open, and nobody has stated: {told}"


def _scope(guideline: Guideline, question: str) -> list[str]:
    """The concepts that decide whether a guideline applies at all, also by way of an earlier question."""
    proposal, found = guideline.questions[question].proposal, dict[str, None]()
    for row in proposal.rows if isinstance(proposal, Decide) else ():
        if row.category != NOT_APPLICABLE or row.when is None:
            continue
        for part in parts_of(row.when):
            if isinstance(part, Atom):
                found[part.concept] = None
            elif isinstance(part, AnswerTest) and NOT_APPLICABLE in part.answers:
                found |= dict.fromkeys(_scope(guideline, part.question))
    return list(found)


def _presumed(ask: Ask, findings: Sequence[Finding]) -> str | None:
    """A sentence where the guideline was taken to apply although nobody stated what decides that."""
    said = {f.concept for f in findings if _judged(f)}
    blank = [ask.guideline.concepts[name].label for name in _scope(ask.guideline, ask.question) if name not in said]
    return f"The guideline was taken to apply: nobody has stated {', '.join(blank)}." if blank else None


def _undecided(held: tuple[str, ...], order: tuple[str, ...], rule: SetRule) -> str | None:
    """A reason where the confidence set says nothing: it is empty, or holds every category."""
    name = f"the {_percent(rule.coverage)} confidence set"
    if not held:
        return f"no answer fits the findings well enough: {name} is empty"
    if len(held) < len(order):
        return None
    every = f"both {held[0]} and {held[1]} stay" if len(order) == 2 else "every category stays"
    return f"{every} within {name}, so the findings cannot decide"


def _next_step(
    guideline: Guideline, question: str, findings: Sequence[Finding], category: str | None, held: tuple[str, ...]
) -> tuple[str, str | None, bool | None]:
    """What to do next, its citation, and whether the whole confidence set has it in common (None: nothing to compare)."""
    names: list[str] = [*held, *([category] if category and category not in held else [])]
    steps = {name: next_step_of(guideline, question, name, findings) for name in names}
    texts = {step.text if step else None for step in steps.values()}
    common = len(texts) == 1 and None not in texts
    shared = common if held and texts != {None} else None
    own = steps.get(category) if category else (next(iter(steps.values())) if common else None)
    if own is None:
        return HUMAN_READING, None, shared
    return own.text, own.citation.text, shared


def _statement(asked: Question, evaluation: Evaluation, category: str | None, why_not: str | None) -> str:
    if category is None:
        return f"No {asked.noun} is given: {why_not}."
    told = asked.categories[category].statement
    return told if evaluation.crisp else f"Most probably: {told}"


def _boundary(
    asked: Question, evaluation: Evaluation, probabilities: Mapping[str, float], held: tuple[str, ...], category: str | None
) -> tuple[str, ...]:
    """What the evaluation reports as an edge, and what choosing a category adds to it."""
    notes = [_sentence(text) for text in evaluation.boundary]
    if category and evaluation.crisp is None and held != (category,):
        share = probabilities[category]
        notes.append(f"The rules do not decide on one {asked.noun}; {category} is the most probable one ({_percent(share)}).")
        notes += [item.text for item in asked.cannot_tell if len(set(item.between) & set(evaluation.open)) > 1]
    if category and held and category not in held:
        others = " or ".join(held)
        notes.append(f"The findings as called give {asked.noun} {category}, but their probabilities together support {others}.")
    return tuple(dict.fromkeys(notes))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _sentence(text: str) -> str:
    """With a capital letter and a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def cautions(
    study: StudyRef, findings: Sequence[Finding], assessments: Sequence[Assessment], signals: Signals, asks: Sequence[Ask] = ()
) -> tuple[Caution, ...]:
    """What the reader of the report must weigh, most serious first: findings that contradict each other before all else.

    `asks` are the questions with their guidelines, which say what contradicts and what the findings cannot tell apart.
    """
    told = _contradictions([ask.guideline for ask in asks], findings)
    told += [
        caution for guideline in dict.fromkeys(ask.guideline for ask in asks) for caution in cautions_beside(guideline, findings)
    ]
    if is_unlike(signals):
        alarm = signals.novelty_false_alarm
        rate = f"; {_percent(alarm)} of ordinary images lie beyond it" if alarm is not None else ""
        text = f"The image is unlike the images this reader learned from {_distance(signals)[:-1]}{rate})."
        told.append(Caution(kind="novelty", text=text))
    told += [
        Caution(
            kind="shadow",
            text=f"There is evidence here that none of my concepts describes: on {s.question.replace('-', ' ')}, a look that "
            f"skips the named findings gives {s.category} {_percent(s.probability)}, the findings as first read give "
            f"{_percent(s.concept_probability)}.",
        )
        for s in signals.shadow
        if s.disagrees
    ]
    told += disagreements(asks, findings, assessments)
    told += [Caution(kind="input", text=text) for ask in asks if (text := _presumed(ask, findings))]
    told += [Caution(kind="conflict", text=a.conflict) for a in assessments if a.conflict]
    told += [Caution(kind="boundary", text=text) for a in assessments for text in a.boundary]
    told += _about_input(study, findings)
    told += _about_people(findings, assessments)
    told += [Caution(kind="scope", text=limit) for ask in asks for limit in _limits(ask)]
    return tuple(dict.fromkeys(told))


def _limits(ask: Ask) -> list[str]:
    """What a question leaves out of sight, the clauses of the guideline among it that are not encoded."""
    asked = ask.guideline.questions[ask.question]
    left_out = "; ".join(f"{item.clause} ({item.why})" for item in asked.silent)
    return [*asked.limits, *([f"Not encoded of the guideline for the {asked.label}: {left_out}."] if left_out else [])]


def _about_input(study: StudyRef, findings: Sequence[Finding]) -> list[Caution]:
    if study.pixels_sha256 is None:
        return []
    unmeasured = any(f.unit in MILLIMETRES and not _judged(f) for f in findings)
    if study.spacing_mm is not None or not unmeasured:
        return []
    return [Caution(kind="input", text="No pixel spacing is known, so nothing was measured in millimetres.")]


def _about_people(findings: Sequence[Finding], assessments: Sequence[Assessment]) -> list[Caution]:
    """A person's finding beside the model's: the coverage was measured without it."""
    people = dict.fromkeys(f.observer.name for f in findings if f.observer.kind == "person")
    if not people or not any(f.observer.kind == "model" for f in findings) or not any(a.set_rule for a in assessments):
        return []
    who = " and ".join(people)
    text = f"Some findings are by {who}; the coverage of the confidence sets was measured on the model's own findings."
    return [Caution(kind="scope", text=text)]
