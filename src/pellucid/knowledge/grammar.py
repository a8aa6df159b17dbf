"""The closed grammar of predicates: one word each, over the concepts, scores, questions and definitions of one pack.

A predicate is a mapping with exactly one of these words. Nothing is evaluated as code; every name must exist.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pellucid.knowledge.fields import Place
from pellucid.knowledge.terms import (
    DIGITS,
    AnswerTest,
    Atom,
    Compound,
    Count,
    Definition,
    Entry,
    Larger,
    Predicate,
    Score,
    ScoreTest,
    counted,
    rounded,
)

LIMITS = {"at_least": "at least", "at_most": "at most", "above": "above", "below": "below"}


@dataclass
class Vocabulary:
    """The names that a predicate may use; it grows as a pack is read, so there are no circles."""

    entries: Mapping[str, Entry]
    definitions: dict[str, Predicate] = field(default_factory=dict[str, Predicate])
    scores: dict[str, Score] = field(default_factory=dict[str, Score])
    written: dict[str, Definition] = field(default_factory=dict[str, Definition])
    """The definitions as the pack writes them, for reading."""
    answers: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Questions read so far and their categories."""


def read_predicate(place: Place, known: Vocabulary) -> Predicate:
    """The predicate at `place`; GuidelineError for unknown words, concepts, states, scores, questions or definitions."""
    word, operand = _one(place, "word", list(WORDS))
    if word not in WORDS:
        place.unknown("word", word, list(WORDS))
    return WORDS[word](word, operand, known)


def read_definitions(place: Place | None, known: Vocabulary) -> None:
    """Named predicates, each with its own sentence; one may refer only to those above it."""
    for name, body in place.pairs() if place else ():
        fields = body.fields()
        claim, when = fields.take("claim").text(), read_predicate(fields.take("when"), known)
        fields.done()
        known.definitions[name] = with_claim(when, claim)
        known.written[name] = Definition(name, claim, when)


def with_claim(predicate: Predicate, claim: str) -> Predicate:
    """The same predicate under a sentence of its own."""
    return Compound("all", (predicate,), claim) if isinstance(predicate, Atom) else replace(predicate, claim=claim)


def _one(place: Place, kind: str, known: Sequence[str]) -> tuple[str, Place]:
    pairs = list(place.pairs())
    if len(pairs) != 1:
        place.refuse(f"exactly one {kind} (of {', '.join(known)})", ", ".join(key for key, _ in pairs) or "nothing")
    return pairs[0]


def _joined(word: str, operand: Place, known: Vocabulary) -> Predicate:
    parts = tuple(read_predicate(item, known) for item in operand.items())
    if not parts:
        operand.refuse("one or more predicates", "an empty list")
    return Compound("all" if word == "all" else "any", parts)


def _not(_: str, operand: Place, known: Vocabulary) -> Predicate:
    return Compound("not", (read_predicate(operand, known),))


def _rule(_: str, operand: Place, known: Vocabulary) -> Predicate:
    if operand.text() not in known.definitions:
        operand.unknown("definition (it must stand above its use)", operand.text(), list(known.definitions))
    return known.definitions[operand.text()]


def _count(_: str, operand: Place, known: Vocabulary) -> Predicate:
    fields = operand.fields()
    parts = tuple(read_predicate(item, known) for item in fields.take("of").items())
    least, most = fields.maybe("at_least"), fields.maybe("at_most")
    fields.done()
    low, high = (least.whole() if least else 0), (most.whole() if most else len(parts))
    if (least is None and most is None) or not 0 <= low <= high <= len(parts) or (low == 0 and high == len(parts)):
        operand.refuse(
            f"at_least and/or at_most between 0 and {len(parts)} that some counts meet and some do not", f"{low} to {high}"
        )
    return Count(parts, low, high, counted(low, high, len(parts)))


def _score(_: str, operand: Place, known: Vocabulary) -> Predicate:
    name, body = _one(operand, "score", list(known.scores))
    if name not in known.scores:
        body.unknown("score (it must stand above its use)", name, list(known.scores))
    score, limits = known.scores[name], {key: value.number() for key, value in body.pairs()}
    for key in limits:
        if key not in LIMITS:
            body.unknown("limit", key, list(LIMITS))
    lows = [(limits[key], key == "above") for key in ("at_least", "above") if key in limits]
    highs = [(limits[key], key == "below") for key in ("at_most", "below") if key in limits]
    if not limits or len(lows) > 1 or len(highs) > 1:
        body.refuse("one lower limit, one upper limit, or both", ", ".join(limits) or "nothing")
    words = " and ".join(f"{LIMITS[key]} {value:g}" for key, value in limits.items())
    if "at_least" in limits and limits["at_least"] == limits.get("at_most"):
        words = f"exactly {limits['at_least']:g}"
    return ScoreTest(score, f"the {score.label} are {words}", lows[0] if lows else None, highs[0] if highs else None)


def _answer(_: str, operand: Place, known: Vocabulary) -> Predicate:
    name, body = _one(operand, "question", list(known.answers))
    if name not in known.answers:
        body.unknown("question (it must stand above its use)", name, list(known.answers))
    wanted = body.texts()
    for answer in wanted:
        if answer not in known.answers[name]:
            body.unknown(f"category of {name}", answer, list(known.answers[name]))
    return AnswerTest(name, wanted, f"{name.replace('-', ' ')} gives {' or '.join(wanted)}")


def read_larger(place: Place, known: Vocabulary, claim: str) -> Larger:
    """The shorthand of contradictions: the first measurement exceeds the second."""
    first, second = _one_concept(place, known)
    other = second.text()
    if other not in known.entries:
        second.unknown("concept", other, list(known.entries))
    units = first.concept.unit, known.entries[other].concept.unit
    if units[0] is None or units[0] != units[1]:
        place.refuse("two measurements of one unit", f"{first.concept.name} ({units[0]}) and {other} ({units[1]})")
    return Larger(first.concept.name, other, claim)


def _one_concept(place: Place, known: Vocabulary) -> tuple[Entry, Place]:
    name, wanted = _one(place, "concept", list(known.entries)[:6])
    if name not in known.entries:
        wanted.unknown("concept", name, list(known.entries))
    return known.entries[name], wanted


def _is(_: str, place: Place, vocabulary: Vocabulary) -> Predicate:
    entry, wanted = _one_concept(place, vocabulary)
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


def _limit(word: str, place: Place, known: Vocabulary) -> Predicate:
    entry, wanted = _one_concept(place, known)
    concept = entry.concept
    if concept.states is not None:
        return _ordinal_limit(word, entry, wanted)
    value = wanted.number()
    unit = "" if concept.unit == "1" else f" {concept.unit}"
    claim = f"the {concept.label} is {LIMITS[word]} {value:g}{unit}"
    if entry.rounded_to is not None:
        return _rounded_limit(word, entry, wanted, f"{claim}, rounded to {entry.rounded_to:g}{unit}")
    if word in ("at_least", "above"):
        return Atom(concept.name, claim, low=(value, word == "above"))
    return Atom(concept.name, claim, high=(value, word == "below"))


def _rounded_limit(word: str, entry: Entry, wanted: Place, claim: str) -> Atom:
    """A limit on the rounded value, as the cut that it makes among values before rounding: 8.0 in steps of 0.1 begins at 7.95."""
    value, step = wanted.number(), entry.rounded_to or 0.0
    if rounded(value, step) != value:
        wanted.refuse(f"a limit of {entry.concept.name} in steps of {step:g}, to which it is rounded", f"{value:g}")
    cut = round(value + (step if word in ("above", "at_most") else -step) / 2, DIGITS)
    if word in ("at_least", "above"):
        return Atom(entry.concept.name, claim, low=(cut, False))
    return Atom(entry.concept.name, claim, high=(cut, True))


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


Reads = Callable[[str, Place, Vocabulary], Predicate]
WORDS: dict[str, Reads] = {
    "is": _is,
    "at_least": _limit,
    "at_most": _limit,
    "above": _limit,
    "below": _limit,
    "all": _joined,
    "any": _joined,
    "not": _not,
    "count": _count,
    "score": _score,
    "answer": _answer,
    "rule": _rule,
}
"""Every word of the grammar and what reads it."""
