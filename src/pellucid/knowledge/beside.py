"""Facts that can be so together, for a question's answer and for what stands beside it: next steps, signs of a differential.

What stands beside an answer may rest on concepts that decide none, so it gets axes of its own; contradictions hold all the same.
"""

from collections.abc import Sequence

from pellucid.errors import InputError
from pellucid.knowledge.axes import axes_over
from pellucid.knowledge.contradict import fault_of, has_mass, without_impossible
from pellucid.knowledge.facts import Fact, read_facts
from pellucid.knowledge.guideline import Guideline
from pellucid.knowledge.reasons import crisp_values
from pellucid.knowledge.space import Builder
from pellucid.knowledge.steps import Situation
from pellucid.knowledge.terms import Predicate
from pellucid.record import Finding


def build_beside(guideline: Guideline, predicates: Sequence[Predicate]) -> Builder:
    """What builds the diagrams of some predicates, over axes of their own."""
    return Builder(guideline, axes_over(guideline, predicates))


def situation_of(build: Builder, findings: Sequence[Finding]) -> Situation:
    """The facts on the axes of `build`; crisp facts of a model that cannot all be so are withdrawn.

    Raises InputError where a finding does not fit its concept, where one concept comes twice, or where what persons say for
    certain cannot all be so.
    """
    return Situation(build.guideline, build, possible_facts(build, findings))


def possible_facts(build: Builder, findings: Sequence[Finding]) -> list[Fact]:
    """The facts on some axes, as `situation_of` has them."""
    by_name = {finding.concept: finding for finding in findings}
    if len(by_name) != len(findings):
        raise InputError("findings: expected each concept once, got one twice; keep one observer's finding per concept")
    facts = read_facts(build.axes, by_name)
    if 0 not in crisp_values(build, build.impossible(), facts) or not has_mass(build, facts):
        if all(finding.observer.kind == "person" for finding in findings):
            raise InputError(fault_of(build.guideline, findings))
        facts = without_impossible(build, facts)
        if 0 not in crisp_values(build, build.impossible(), facts):  # an input nobody stated rules the rest out
            raise InputError(fault_of(build.guideline, findings))
    return facts
