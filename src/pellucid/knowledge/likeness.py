"""How alike two cases are by what was seen of them, concept by concept, and in which words.

Two distributions over the same states differ by their Hellinger distance, two measurements in the same unit by their difference
as a share of the larger (an angle as a share of 90 degrees), each between 0 and 1; the cases differ by the root mean square over
the concepts that were seen in both. Source: Hellinger 1909, doi 10.1515/crll.1909.136.210.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pellucid.record import Finding, Reading, Seen, SimilarCase

SAME, OTHER = 0.2, 0.35
"""A concept is told as alike up to the first distance, as different from the second on, or where the likeliest state differs."""
TOLD = 4
"""Concepts told on either side at most."""
ANGLES = ("deg", "degree", "degrees", "°")
PLACES = 4
NOTHING = (None, "absent", "none", "not seen")
"""Agreement on what is there is told before agreement on what is not, and on sizes."""


@dataclass(frozen=True)
class Likeness:
    """The distance over all concepts seen in both (None where there is none), and what is alike and what is not."""

    distance: float | None
    alike: tuple[str, ...]
    different: tuple[str, ...]


def seen_of(findings: Iterable[Finding]) -> tuple[Seen, ...]:
    """What was seen, without who saw it and where; what is unknown is left out."""
    return tuple(
        Seen(concept=f.concept, states=f.states, probabilities=f.probabilities, unit=f.unit, value=f.value, sd=f.sd)
        for f in findings
        if f.unknown_because is None
    )


def difference(one: Seen, other: Seen) -> float | None:
    """Between 0 and 1; None where the two are not of the same states or unit."""
    if one.probabilities is not None and other.probabilities is not None and one.states == other.states:
        overlap = sum(math.sqrt(p * q) for p, q in zip(one.probabilities, other.probabilities, strict=True))
        return math.sqrt(max(0.0, 1.0 - overlap))
    if one.value is None or other.value is None or one.unit != other.unit:
        return None
    apart = abs(one.value - other.value)
    if one.unit in ANGLES:
        return min(apart % 180, 180 - apart % 180) / 90
    larger = max(abs(one.value), abs(other.value))
    return min(1.0, apart / larger) if larger else 0.0


def likeness(here: Sequence[Seen], there: Sequence[Seen]) -> Likeness:
    """How alike what was seen here and there is; the nearest agreements and the largest differences in words."""
    others = {s.concept: s for s in there}
    pairs = [(s, others[s.concept]) for s in here if s.concept in others]
    found = [(apart, a, b) for a, b in pairs if (apart := difference(a, b)) is not None]
    if not found:
        return Likeness(None, (), ())
    distance = round(math.sqrt(sum(apart * apart for apart, _, _ in found) / len(found)), PLACES)
    alike = [x for x in found if x[0] <= SAME and _likeliest(x[1]) == _likeliest(x[2])]
    other = [x for x in found if x[0] >= OTHER or _likeliest(x[1]) != _likeliest(x[2])]
    return Likeness(
        distance,
        tuple(_same(a) for _, a, _ in sorted(alike, key=lambda x: (_likeliest(x[1]) in NOTHING, x[0], x[1].concept))[:TOLD]),
        tuple(_apart(a, b) for _, a, b in sorted(other, key=lambda x: (-x[0], x[1].concept))[:TOLD]),
    )


def _likeliest(seen: Seen) -> str | None:
    """The likeliest state; None for a measurement."""
    if seen.probabilities is None or seen.states is None:
        return None
    return seen.states[max(range(len(seen.states)), key=lambda i: (seen.probabilities or ())[i])]


def _said(seen: Seen) -> str:
    if seen.probabilities is None:
        return f"{seen.value:g}{f' {seen.unit}' if seen.unit != '1' else ''}"
    return f"{_likeliest(seen)} ({max(seen.probabilities):.2f})"


def _same(seen: Seen) -> str:
    return f"{seen.concept.replace('_', ' ')}: {_likeliest(seen) or 'nearly the same'}"


def _apart(one: Seen, other: Seen) -> str:
    return f"{one.concept.replace('_', ' ')}: {_said(one)} here, {_said(other)} there"


def answer_of(reading: Reading, question: str | None) -> str | None:
    """The reading's category for a question, the most probable one where it abstains; None where it was not asked."""
    asked = next((a for a in reading.assessments if a.question == question), None)
    if asked is None:
        return None
    return asked.category or _most(asked.probabilities)


def _most(probabilities: Mapping[str, float]) -> str | None:
    return max(probabilities, key=lambda name: (probabilities[name], name)) if probabilities else None


def retold(case: SimilarCase, reading: Reading) -> SimilarCase:
    """The case as compared with this reading: distance over concepts, words and where it stands are derived from what is
    recorded of it; the rest stays. A case of which nothing is recorded stays as it is.
    """
    if not case.seen:
        return case
    found = likeness(seen_of(reading.findings), case.seen)
    answer = answer_of(reading, case.question)
    stands = None if answer is None else "confirms" if case.outcome == answer else "contradicts"
    told = {"alike": found.alike, "different": found.different, "concept_distance": found.distance, "stands": stands}
    return case.model_copy(update=told)
