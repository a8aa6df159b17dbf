"""From findings to the answer of one question: two views of one finite table, and the exact reasons.

The crisp view is a three-valued derivation; the graded view is the exact distribution over categories, taking concepts as
independent given the image. Both come from the same tables, which are built once per guideline.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import UnknownName
from pellucid.knowledge.axes import parts_of
from pellucid.knowledge.beside import build_beside, possible_facts, situation_of
from pellucid.knowledge.conditional import conditional, left_aside
from pellucid.knowledge.correlate import joint_mass
from pellucid.knowledge.derivation import conflict, derive, open_words
from pellucid.knowledge.facts import Fact, within_interval
from pellucid.knowledge.guideline import Anchor, Decide, Guideline, NextStep, Outcome, Question
from pellucid.knowledge.questions import rows_of
from pellucid.knowledge.reasons import (
    class_weights,
    contrasts,
    joint_with_each_axis,
    look_again,
    open_categories,
    sufficient_reasons,
)
from pellucid.knowledge.space import Builder, Compiled, compile_question
from pellucid.knowledge.steps import RANK, Situation, row_step, truth_of
from pellucid.knowledge.terms import AnswerTest, Atom, Predicate, ScoreTest
from pellucid.record import Condition, Contrast, Differential, Finding, LookAgain, Step, Truth

DECIMALS = 6


@dataclass(frozen=True)
class Evaluation:
    """The answer of one guideline to one question, computed from the findings and from nothing else."""

    crisp: str | None
    """The category that the crisp findings decide; None where they leave several open."""
    most_probable: str
    """The category with the highest probability; for an outcome, the side of its operating threshold. Ties go to the more
    suspicious.
    """
    probabilities: dict[str, float]
    derivation: Step
    sufficient_reason: tuple[tuple[Condition, ...], ...]
    contrasts: tuple[Contrast, ...]
    look_again: tuple[LookAgain, ...]
    differential: tuple[Differential, ...]
    boundary: tuple[str, ...]
    conflict: str | None
    missing: tuple[str, ...]
    """Concepts the question needs and nobody judged."""
    open: tuple[str, ...]
    """Categories the crisp findings leave open, in order; one where `crisp` is set."""
    unjudged: tuple[str, ...]
    """Concepts of this question that nobody judged, inputs included."""
    joint_shift: float | None = None
    """How far the pack's joint tables move the probability of a category at most; None where they were not used."""


def evaluate(guideline: Guideline, question: str, findings: Sequence[Finding], *, joint: bool = False) -> Evaluation:
    """The evaluation of `question` on `findings`; findings on concepts it does not use are left aside.

    With `joint`, the pack's counted tables of findings that go together take the place of independence. Raises UnknownName for a
    question the guideline does not ask, InputError where a finding does not fit its concept, or where what persons say for
    certain cannot all be so.
    """
    compiled, facts, by_name = situated(guideline, question, findings)
    opened = open_categories(compiled, facts)
    situation = Situation(guideline, compiled.build, facts)
    masses = joint_with_each_axis(compiled, class_weights(compiled, facts), conditional(compiled, facts))
    probabilities, shift = _rounded(compiled, masses[0].sum(axis=1)), None
    if joint and guideline.joint:
        apart, masses = probabilities, joint_mass(compiled, facts)
        probabilities = _rounded(compiled, masses[0].sum(axis=1))
        shift = max(abs(probabilities[name] - apart[name]) for name in probabilities)
    crisp, most_probable = (opened[0] if len(opened) == 1 else None), _most_probable(compiled, probabilities)
    beside = situation_of(_beside(guideline, question), findings) if compiled.question.anchors else situation
    tree = derive(compiled, situation, opened)
    rules = compiled.question.rules
    return Evaluation(
        crisp=crisp,
        most_probable=most_probable,
        probabilities=probabilities,
        derivation=tree,
        sufficient_reason=sufficient_reasons(compiled, facts),
        contrasts=contrasts(compiled, facts),
        look_again=look_again(compiled, facts, masses),
        differential=tuple(found for anchor in compiled.question.anchors if (found := _consider(anchor, beside))),
        boundary=(
            *_two_views(compiled, crisp, most_probable),
            *_edges(compiled, facts, by_name),
            *_unasked(compiled, facts, opened),
            *left_aside(compiled, findings),
        ),
        conflict=conflict(compiled, situation, tree.because[1 : 1 + len(rules)]),
        missing=tuple(
            name for name in compiled.question.needs if name not in by_name or by_name[name].unknown_because is not None
        ),
        open=opened,
        unjudged=tuple(axis.name for axis, fact in zip(compiled.axes, facts, strict=True) if not fact.judged),
        joint_shift=shift,
    )


def situated(guideline: Guideline, question: str, findings: Sequence[Finding]) -> tuple[Compiled, list[Fact], dict[str, Finding]]:
    """The compiled question, the facts on its axes, and the findings by concept."""
    if question not in guideline.questions:
        raise UnknownName("question", question, guideline.questions, f"{guideline.name}-{guideline.edition}")
    compiled = compile_question(guideline, question)
    facts = possible_facts(compiled.build, findings)
    return compiled, facts, {finding.concept: finding for finding in findings}


@lru_cache(maxsize=256)
def _beside(guideline: Guideline, name: str) -> Builder:
    """What builds the predicates of a question's differential and conditional next steps."""
    question = guideline.questions[name]
    return build_beside(guideline, [*(a.when for a in question.anchors), *(rule.when for rule in question.next_steps)])


def row_on(guideline: Guideline, question: str, row: str, findings: Sequence[Finding]) -> Step:
    """One decision row on findings, whatever the rows above it: met, not met, or unknown where what nobody judged leaves both
    possible. An input that nobody stated does not bind. Raises as `evaluate` does, and StopIteration for an unknown row.
    """
    compiled, facts, _ = situated(guideline, question, findings)
    situation = Situation(guideline, compiled.build, facts)
    asked = next(one for one in rows_of(compiled.question) if one.id == row)
    step = row_step(asked, situation)
    values = situation.values(compiled.build.truth(asked.when)) if asked.when else {RANK[Truth.MET]}
    met = RANK[Truth.MET] in values
    truth = Truth.NOT_MET if not met else Truth.MET if len(values) == 1 else Truth.UNKNOWN
    return step.model_copy(update={"claim": asked.claim, "truth": truth})


def score_of(guideline: Guideline, name: str, findings: Sequence[Finding]) -> float:
    """The highest total of a score that the crisp findings leave possible; UnknownName for a score the guideline lacks."""
    if name not in guideline.scores:
        raise UnknownName("score", name, guideline.scores, f"{guideline.name}-{guideline.edition}")
    situation = situation_of(_scored(guideline, name), findings)
    spans: set[tuple[float, float]] = situation.values(situation.build.score(guideline.scores[name]))
    return max(high for _, high in spans)


@lru_cache(maxsize=64)
def _scored(guideline: Guideline, name: str) -> Builder:
    return build_beside(guideline, [ScoreTest(guideline.scores[name], name)])


def next_step_of(guideline: Guideline, question: str, category: str, findings: Sequence[Finding]) -> NextStep | None:
    """What to do next in a category: the first of the pack's conditional steps that is met, else the category's own."""
    asked = guideline.questions[question]
    rules = [rule for rule in asked.next_steps if rule.category == category]
    if rules:
        situation = situation_of(_beside(guideline, question), findings)
        met = [rule.step for rule in rules if truth_of(rule.when, situation) is Truth.MET]
        if met:
            return met[0]
    return asked.categories[category].next_step


def statement(guideline: Guideline, question: str, evaluation: Evaluation, category: str) -> str:
    """The category as a clinician would say it, with what stays open and why these findings cannot tell it apart."""
    asked = guideline.questions[question]
    said = [asked.categories[category].statement]
    if len(evaluation.open) > 1:
        opened = open_words(compile_question(guideline, question), evaluation.open)
        said.append(f"By the rules alone the {asked.noun} is {opened}.")
        said += [item.text for item in asked.cannot_tell if len(set(item.between) & set(evaluation.open)) > 1]
    return " ".join(said)


def _rounded(compiled: Compiled, shares: NDArray[np.float64]) -> dict[str, float]:
    shares = shares / shares.sum()
    return {name: round(float(share), DECIMALS) for name, share in zip(compiled.categories, shares, strict=True)}


def _most_probable(compiled: Compiled, probabilities: dict[str, float]) -> str:
    proposal, names = compiled.question.proposal, compiled.categories
    if isinstance(proposal, Outcome):
        return names[1] if probabilities[names[1]] >= proposal.threshold else names[0]
    return max(names, key=lambda name: (probabilities[name], names.index(name)))


def _two_views(compiled: Compiled, crisp: str | None, most_probable: str) -> tuple[str, ...]:
    if crisp is None or crisp == most_probable:
        return ()
    noun = compiled.question.noun
    return (
        f"the findings as stated give {noun} {crisp}, "
        f"all their probabilities together make {most_probable} the most probable {noun}",
    )


def _edges(compiled: Compiled, facts: Sequence[Fact], by_name: Mapping[str, Finding]) -> list[str]:
    """Sentences for measurements whose 95 % interval holds a limit that matters: past it, other categories stay open."""
    found: list[str] = []
    here = open_categories(compiled, facts)
    for k, axis in enumerate(compiled.axes):
        finding, fact = by_name.get(axis.name), facts[k]
        for cell in within_interval(axis, finding):
            there = open_categories(compiled, [*facts[:k], replace(fact, cell=cell), *facts[k + 1 :]])
            if there != here:
                label, noun = axis.entry.concept.label, compiled.question.noun
                found.append(
                    f"the {label} ({fact.seen}) may as well be {axis.labels[cell]}: the {noun} would then be {' or '.join(there)}"
                )
    return found


def _unasked(compiled: Compiled, facts: Sequence[Fact], here: Sequence[str]) -> list[str]:
    """Sentences for inputs nobody stated that the pack says to ask for, where one state of theirs would change the answer."""
    found: list[str] = []
    for k, axis in enumerate(compiled.axes):
        if axis.name not in compiled.question.ask_for or facts[k].judged:
            continue
        for cell in range(axis.cells):
            stated = [*facts[:k], replace(facts[k], cell=cell), *facts[k + 1 :]]
            there = open_categories(compiled, stated)
            if there and not set(there) & set(here):
                said = axis.entry.say.format(state=axis.labels[cell])
                seen = _seen_beside(compiled, axis.name, stated)
                found.append(
                    f"the {compiled.question.noun} would become {' or '.join(there)} if {said}, which nobody has stated"
                    + (f" (seen: {seen})" if seen else "")
                )
    return found


def _seen_beside(compiled: Compiled, concept: str, facts: Sequence[Fact]) -> str:
    """What is found among the conditions that stand with an input in the rows that it makes decide."""
    situation = Situation(compiled.guideline, compiled.build, facts)
    found: dict[str, None] = {}
    for when in _row_conditions(compiled.guideline, compiled.question):
        names = {part.concept for part in parts_of(when) if isinstance(part, Atom)}
        if concept in names and truth_of(when, situation) is Truth.MET:
            met = [item for item in _supports(when, situation) if item.concept != concept]
            labels = compiled.guideline.concepts
            found |= dict.fromkeys(f"{labels[item.concept].label} {item.state}" for item in met)
    return " and ".join(found)


def _row_conditions(guideline: Guideline, question: Question) -> Iterator[Predicate]:
    """The conditions of a question's decision rows, and of the rows of earlier questions whose answers it rests on."""
    for row in question.proposal.rows if isinstance(question.proposal, Decide) else ():
        if row.when is None:
            continue
        yield row.when
        for part in parts_of(row.when):
            if isinstance(part, AnswerTest):
                yield from _row_conditions(guideline, guideline.questions[part.question])


def _consider(anchor: Anchor, situation: Situation) -> Differential | None:
    if truth_of(anchor.when, situation) is not Truth.MET:
        return None
    return Differential(name=anchor.name, because=_supports(anchor.when, situation), citation=anchor.citation.text)


def _supports(predicate: Predicate, situation: Situation) -> tuple[Condition, ...]:
    """The crisp facts on the concepts a predicate mentions, each once."""
    found: dict[str, Condition] = {}
    for atom in (part for part in parts_of(predicate) if isinstance(part, Atom)):
        seen = situation.seen(atom.concept)
        if seen is None:
            continue
        axis, fact = seen
        if fact.cell is not None and fact.cell < axis.cells and truth_of(atom, situation) is Truth.MET:
            found[atom.concept] = Condition(concept=atom.concept, state=axis.labels[fact.cell])
    return tuple(found.values())
