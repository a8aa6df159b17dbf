"""The closed grammar of predicates: is, at_least, at_most, above, below, all, any, not, and rule references.

A predicate is a mapping with exactly one of these words. Nothing is evaluated as code; concepts and states must exist.
"""

from collections.abc import Mapping
from dataclasses import replace

from pellucid.knowledge.fields import Place
from pellucid.knowledge.guideline import Atom, Compound, Entry, Predicate

LIMITS = {"at_least": "at least", "at_most": "at most", "above": "above", "below": "below"}
WORDS = ("is", *LIMITS, "all", "any", "not", "rule")

Definitions = Mapping[str, Predicate]


def read_predicate(place: Place, entries: Mapping[str, Entry], definitions: Definitions) -> Predicate:
    """The predicate at `place`; GuidelineError for unknown words, concepts, states or definitions."""
    pairs = list(place.pairs())
    if len(pairs) != 1:
        place.refuse(f"exactly one of {', '.join(WORDS)}", ", ".join(key for key, _ in pairs) or "nothing")
    ((word, operand),) = pairs
    if word == "is":
        return _is(operand, entries)
    if word in LIMITS:
        return _limit(word, operand, entries)
    if word in ("all", "any"):
        parts = tuple(read_predicate(item, entries, definitions) for item in operand.items())
        if not parts:
            operand.refuse("one or more predicates", "an empty list")
        return Compound("all" if word == "all" else "any", parts)
    if word == "not":
        return Compound("not", (read_predicate(operand, entries, definitions),))
    if word == "rule":
        name = operand.text()
        if name not in definitions:
            operand.unknown("definition (it must stand above its use)", name, list(definitions))
        return definitions[name]
    return place.unknown("word", word, list(WORDS))


def read_definitions(place: Place | None, entries: Mapping[str, Entry]) -> dict[str, Predicate]:
    """Named predicates, each with its own sentence; one may refer only to those above it, so there are no circles."""
    found: dict[str, Predicate] = {}
    for name, body in place.pairs() if place else ():
        fields = body.fields()
        claim, when = fields.take("claim").text(), read_predicate(fields.take("when"), entries, found)
        fields.done()
        found[name] = replace(when, claim=claim) if isinstance(when, Compound) else Compound("all", (when,), claim)
    return found


def _one_concept(place: Place, entries: Mapping[str, Entry]) -> tuple[Entry, Place]:
    pairs = list(place.pairs())
    if len(pairs) != 1:
        place.refuse("exactly one concept", f"{len(pairs)}")
    ((name, wanted),) = pairs
    if name not in entries:
        wanted.unknown("concept", name, list(entries))
    return entries[name], wanted


def _is(place: Place, entries: Mapping[str, Entry]) -> Predicate:
    entry, wanted = _one_concept(place, entries)
    states = wanted.texts()
    known = list(entry.concept.states or [cell.name for cell in entry.cells])
    for state in states:
        if state not in known:
            wanted.unknown(f"state of {entry.concept.name}", state, known)
    if not states or len(set(states)) != len(states):
        wanted.refuse("one or more different states", states)
    if entry.concept.states is not None:
        return _states_atom(entry, states)
    atoms = tuple(_cell_atom(entry, state) for state in states)
    return atoms[0] if len(atoms) == 1 else Compound("any", atoms)


def _states_atom(entry: Entry, states: tuple[str, ...]) -> Atom:
    return Atom(entry.concept.name, entry.say.replace("{state}", " or ".join(states)), states)


def _cell_atom(entry: Entry, name: str) -> Atom:
    index = next(i for i, cell in enumerate(entry.cells) if cell.name == name)
    low = entry.cells[index - 1].below if index else None
    high = entry.cells[index].below
    return Atom(
        entry.concept.name,
        entry.say.replace("{state}", name),
        low=None if low is None else (low, False),
        high=None if high is None else (high, True),
    )


def _limit(word: str, place: Place, entries: Mapping[str, Entry]) -> Predicate:
    entry, wanted = _one_concept(place, entries)
    concept = entry.concept
    if concept.states is not None:
        return _ordinal_limit(word, entry, wanted)
    value = wanted.number()
    unit = "" if concept.unit == "1" else f" {concept.unit}"
    claim = f"the {concept.label} is {LIMITS[word]} {value:g}{unit}"
    if word in ("at_least", "above"):
        return Atom(concept.name, claim, low=(value, word == "above"))
    return Atom(concept.name, claim, high=(value, word == "below"))


def _ordinal_limit(word: str, entry: Entry, wanted: Place) -> Predicate:
    states, state = list(entry.concept.states or ()), wanted.text()
    if not entry.concept.ordinal:
        wanted.refuse(f"an ordinal concept or a measurement after {word}", f"{entry.concept.name}, whose states have no order")
    if state not in states:
        wanted.unknown(f"state of {entry.concept.name}", state, states)
    i = states.index(state)
    met = {"at_least": states[i:], "at_most": states[: i + 1], "above": states[i + 1 :], "below": states[:i]}[word]
    if not met or len(met) == len(states):
        wanted.refuse(f"a limit that some states of {entry.concept.name} meet and some do not", f"{word} {state}")
    return _states_atom(entry, tuple(met))
