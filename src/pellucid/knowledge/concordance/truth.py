"""Three-valued truth of predicates over what is known of a pair: each fact is the set of states it may still have.

Knowing less only widens a set, and a wider set only turns met or not met into unknown: what is decided stays decided when a fact
is added, and never becomes decided when one is taken away.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pellucid.knowledge.concordance.words import Atom, Compound, Predicate
from pellucid.record import Step, Truth

NOT_EXAMINED = "not examined"
"""The state of a sign that this examination does not ask for: no predicate on it is met."""


@dataclass(frozen=True)
class Facts:
    """What is known of a pair of image and tissue."""

    states: Mapping[str, frozenset[str]]
    """Concept -> the states it may have; a concept that is not here may have any."""
    values: Mapping[str, float] = field(default_factory=dict[str, float])
    """Measurement -> its value; one that is not here is unknown."""
    held: frozenset[str] = frozenset()
    """Diagnoses that hold."""
    held_open: bool = False
    """Whether further diagnoses may hold, since something in the report was not understood."""
    seen: Mapping[str, str] = field(default_factory=dict[str, str])
    """Concept -> what was stated or seen, in words."""


def truth_of(predicate: Predicate, facts: Facts) -> Truth:
    """Met, not met, or unknown."""
    if isinstance(predicate, Atom):
        return _atom(predicate, facts)
    if not isinstance(predicate, Compound):
        raise TypeError(f"expected a predicate of a concordance table, got {type(predicate).__name__}")
    parts = [truth_of(part, facts) for part in predicate.parts]
    if predicate.operator == "not":
        return {Truth.MET: Truth.NOT_MET, Truth.NOT_MET: Truth.MET}.get(parts[0], Truth.UNKNOWN)
    decides, else_all = (Truth.NOT_MET, Truth.MET) if predicate.operator == "all" else (Truth.MET, Truth.NOT_MET)
    if decides in parts:
        return decides
    return else_all if all(part is else_all for part in parts) else Truth.UNKNOWN


def _atom(atom: Atom, facts: Facts) -> Truth:
    if atom.concept == "diagnosis":
        return Truth.MET if facts.held & set(atom.states) else Truth.UNKNOWN if facts.held_open else Truth.NOT_MET
    possible = facts.states.get(atom.concept)
    if possible is not None and NOT_EXAMINED in possible:
        return Truth.NOT_MET
    if not atom.states:
        value = facts.values.get(atom.concept)
        return Truth.UNKNOWN if value is None else Truth.MET if _inside(atom, value) else Truth.NOT_MET
    wanted = set(atom.states)
    if possible is None or (possible & wanted and not possible <= wanted):
        return Truth.UNKNOWN
    return Truth.MET if possible <= wanted else Truth.NOT_MET


def _inside(atom: Atom, value: float) -> bool:
    low = atom.low is None or (value > atom.low[0] if atom.low[1] else value >= atom.low[0])
    high = atom.high is None or (value < atom.high[0] if atom.high[1] else value <= atom.high[0])
    return low and high


def step_of(predicate: Predicate, facts: Facts) -> Step:
    """The predicate as a derivation: its claim, its truth, what was seen, and its parts."""
    truth = truth_of(predicate, facts)
    if isinstance(predicate, Atom):
        seen = facts.seen.get(predicate.concept, "not stated")
        return Step(claim=f"{predicate.claim} ({seen})", truth=truth, ground="observed")
    parts = tuple(step_of(part, facts) for part in getattr(predicate, "parts", ()))
    operator = getattr(predicate, "operator", "all")
    words = {"all": "all of these hold", "any": "one or more of these hold", "not": f"not so: {parts[0].claim if parts else ''}"}
    return Step(claim=getattr(predicate, "claim", None) or words[operator], truth=truth, because=parts)


def atoms_of(predicate: Predicate) -> Iterable[str]:
    """The concepts that a predicate rests on, in order of their first use."""
    if isinstance(predicate, Atom):
        return (predicate.concept,)
    return dict.fromkeys(name for part in getattr(predicate, "parts", ()) for name in atoms_of(part))


def undecided_concepts(predicate: Predicate, facts: Facts) -> list[str]:
    """The concepts whose unknown state leaves the predicate unknown; empty where it is decided."""
    if truth_of(predicate, facts) is not Truth.UNKNOWN:
        return []
    if isinstance(predicate, Atom):
        return [predicate.concept]
    return list(dict.fromkeys(name for part in getattr(predicate, "parts", ()) for name in undecided_concepts(part, facts)))
