"""Predicates that stand beside a question's answer: conditional next steps, signs of a differential.

They may rest on concepts that decide no answer, so they get axes of their own; contradictions hold for them all the same.
"""

from collections.abc import Sequence

from pellucid.errors import InputError
from pellucid.knowledge.axes import axes_of
from pellucid.knowledge.contradict import fault_of, without_impossible
from pellucid.knowledge.facts import Fact, read_facts
from pellucid.knowledge.guideline import Category, Decide, DecisionRow, Guideline, Question
from pellucid.knowledge.reasons import open_categories
from pellucid.knowledge.space import Builder, Compiled, Leaf, impossible_leaf
from pellucid.knowledge.steps import Situation
from pellucid.knowledge.terms import Predicate
from pellucid.record import Finding


def compile_beside(guideline: Guideline, name: str, predicates: Sequence[Predicate]) -> Compiled:
    """Axes and diagrams for some predicates; its one answer, `possible`, is missing only where contradictions exclude a state."""
    rows = tuple(DecisionRow(str(i), name, when, "possible", None) for i, when in enumerate(predicates))
    question = Question(name, name, "answer", {"possible": Category("possible", name)}, (), Decide(rows, None))
    build = Builder(guideline, axes_of(guideline, question))
    answer = build.store.combine(lambda bad: impossible_leaf(1) if bad else Leaf(1, (1.0,)), build.impossible())
    flat = build.store.flatten(answer)
    return Compiled(guideline, question, build.axes, ("possible",), build.store, answer, flat, None, None, build)


def possible_facts(compiled: Compiled, findings: Sequence[Finding]) -> tuple[list[Fact], dict[str, Finding]]:
    """The facts on the axes, and the findings by concept; crisp facts of a model that cannot all be so are withdrawn.

    Raises InputError where a finding does not fit its concept, where one concept comes twice, or where what persons say for
    certain cannot all be so.
    """
    by_name = {finding.concept: finding for finding in findings}
    if len(by_name) != len(findings):
        raise InputError("findings: expected each concept once, got one twice; keep one observer's finding per concept")
    facts = read_facts(compiled.axes, by_name)
    if not open_categories(compiled, facts):
        if all(finding.observer.kind == "person" for finding in findings):
            raise InputError(fault_of(compiled.guideline, findings))
        facts = without_impossible(compiled, facts)
    return facts, by_name


def situation_of(compiled: Compiled, facts: Sequence[Fact]) -> Situation:
    """What steps are derived from: the tables and the facts on their axes."""
    pairs = {axis.name: (axis, fact) for axis, fact in zip(compiled.axes, facts, strict=True)}
    return Situation(compiled.guideline, compiled, facts, pairs, open_categories(compiled, facts))
