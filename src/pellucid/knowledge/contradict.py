"""What cannot be so: contradictions that a pack declares, found among findings, and taken out of the facts of a model."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pellucid.errors import InputError
from pellucid.knowledge.axes import parts_of
from pellucid.knowledge.facts import WITHIN, Fact, withdrawn
from pellucid.knowledge.guideline import Contradiction, Guideline
from pellucid.knowledge.space import Builder
from pellucid.knowledge.terms import Atom, Compound, Count, Larger, Predicate
from pellucid.record import Finding

NOTHING = 1e-12
"""A cell of less probability is taken for impossible where findings contradict each other."""


def contradictions_of(guideline: Guideline, findings: Sequence[Finding]) -> tuple[str, ...]:
    """Sentences for the contradictions that findings stated for certain, or called, run into; who says what is named."""
    return tuple(told for told, _ in contradictions_with_concepts(guideline, findings))


def contradictions_with_concepts(guideline: Guideline, findings: Sequence[Finding]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The same sentences, each with the concepts that it is about."""
    by_name = {finding.concept: finding for finding in findings}
    met = [one for one in guideline.contradictions if _met(one.when, guideline, by_name)]
    return tuple((_sentence(guideline, one, by_name), tuple(_concepts(one.when))) for one in met)


def fault_of(guideline: Guideline, findings: Sequence[Finding]) -> str:
    """One line on findings that cannot all be so."""
    found = contradictions_of(guideline, findings)
    told = "; ".join(found) or "no joint state of the guideline fits them"
    return f"findings: expected findings that can be so together, got: {told}; correct one of them"


def _sentence(guideline: Guideline, one: Contradiction, by_name: Mapping[str, Finding]) -> str:
    said = [_said(guideline, by_name[name]) for name in _concepts(one.when) if name in by_name]
    return f"{' and '.join(said)} cannot both be so: {one.claim}"


def _said(guideline: Guideline, finding: Finding) -> str:
    label = guideline.entries[finding.concept].concept.label
    unit = "" if finding.unit in (None, "1") else f" {finding.unit}"
    what = f"{finding.value:g}{unit}" if finding.value is not None else str(finding.state)
    who = "worked out from other findings" if finding.because else finding.observer.name
    return f"{label} {what} ({who})"


def _concepts(predicate: Predicate) -> list[str]:
    found: dict[str, None] = {}
    for part in parts_of(predicate):
        if isinstance(part, Atom):
            found[part.concept] = None
        if isinstance(part, Larger):
            found |= {part.first: None, part.second: None}
    return list(found)


def _met(predicate: Predicate, guideline: Guideline, by_name: Mapping[str, Finding]) -> bool:
    """Whether a predicate holds on what is stated, called or measured; anything unknown does not."""
    return _truth(predicate, guideline, by_name) is True


def _truth(predicate: Predicate, guideline: Guideline, by_name: Mapping[str, Finding]) -> bool | None:
    if isinstance(predicate, Atom):
        return _atom(predicate, by_name.get(predicate.concept))
    if isinstance(predicate, Larger):
        return _exceeds(by_name.get(predicate.first), by_name.get(predicate.second), beyond_error=predicate.beyond_error)
    if not isinstance(predicate, Compound | Count):
        raise InputError(f"contradiction {predicate.claim!r}: expected concepts only, got a score or an answer")
    parts = [_truth(part, guideline, by_name) for part in predicate.parts]
    if isinstance(predicate, Count):
        low, high = sum(part is True for part in parts), sum(part is not False for part in parts)
        return (predicate.least <= low and high <= predicate.most) or (None if low != high else False)
    if predicate.operator == "not":
        return None if parts[0] is None else not parts[0]
    decisive = predicate.operator == "any"
    return decisive if decisive in parts else None if None in parts else not decisive


def _exceeds(first: Finding | None, second: Finding | None, *, beyond_error: bool) -> bool | None:
    if first is None or second is None or first.value is None or second.value is None:
        return None
    error = WITHIN * math.hypot(first.sd or 0.0, second.sd or 0.0) if beyond_error else 0.0
    return first.value - second.value > error


def _atom(atom: Atom, finding: Finding | None) -> bool | None:
    if finding is None:
        return None
    if atom.states:
        return None if finding.state is None else finding.state in atom.states
    if finding.value is None:
        return None
    above = atom.low is None or (finding.value > atom.low[0] if atom.low[1] else finding.value >= atom.low[0])
    return above and (atom.high is None or (finding.value < atom.high[0] if atom.high[1] else finding.value <= atom.high[0]))


def without_impossible(build: Builder, facts: Sequence[Fact]) -> list[Fact]:
    """The facts without what contradicts: the crisp cells of contradicting concepts are withdrawn, and where the probabilities
    leave nothing possible either, the whole findings: what a model calls and cannot be so stays unknown.
    """
    named = {name for one in build.guideline.contradictions if one.hard for name in _concepts(one.when)}
    pairs = list(zip(build.axes, facts, strict=True))
    if has_mass(build, facts):
        return [replace(fact, cell=None) if axis.name in named and not axis.extra else fact for axis, fact in pairs]
    return [withdrawn(axis) if axis.name in named else fact for axis, fact in pairs]


def has_mass(build: Builder, facts: Sequence[Fact]) -> bool:
    """Whether any joint state that can be has a probability above nothing."""
    likely = [
        sorted({int(k) for k in axis.classes[fact.weights > NOTHING]}) for axis, fact in zip(build.axes, facts, strict=True)
    ]
    return 0 in build.store.values(build.impossible(), likely)
