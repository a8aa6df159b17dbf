"""The known phrases, numbers and categories of a sentence, in order; every other word stands by itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from pellucid.knowledge.language import Lexicon, Sense, Token, tokens
from pellucid.knowledge.language.words import units

INSIDE = frozenset(',():;+="\u201c\u201d')
"""Marks that a phrase of four or more words may have inside."""
AFTER_SCHEME = frozenset(
    (
        "is",
        "are",
        "was",
        "be",
        "of",
        "as",
        ":",
        "=",
        "(",
        "the",
        "a",
        "at",
        "remain",
        "number",
        "would",
        "can",
        "either",
        "between",
        "lie",
        "from",
    )
)
JOINS = frozenset((",", "or", "and", "to", "through", "also", "well", "as", "both", "either"))


@dataclass(frozen=True)
class Unit:
    """A phrase with what it may mean, a number with its unit, a mark, or a word."""

    words: tuple[str, ...]
    senses: tuple[Sense, ...] = ()
    number: str = ""
    high: str = ""
    """The upper end of a range."""
    spread: str = ""
    unit: str = ""
    marks: frozenset[str] = field(default_factory=frozenset[str])

    def has(self, *kinds: str) -> bool:
        """Whether it may be of one of these kinds."""
        return any(sense.kind in kinds for sense in self.senses)

    def of(self, *kinds: str) -> tuple[Sense, ...]:
        """Its senses of these kinds."""
        return tuple(sense for sense in self.senses if sense.kind in kinds)

    @property
    def text(self) -> str:
        """Its words."""
        return " ".join(self.words)

    @property
    def mark(self) -> bool:
        """Whether it is a mark and nothing else."""
        return not self.senses and not self.number and not self.words[0][-1].isalnum() and self.words[0] != "%"


def spot(text: str, lexicon: Lexicon) -> list[Unit]:
    """The units of a sentence."""
    found = tokens(text)
    units_: list[Unit] = []
    at = 0
    while at < len(found):
        size, senses = _phrase(found, at, lexicon)
        if size and (size > 1 or not found[at].number):
            unit = Unit(tuple(t.word for t in found[at : at + size]), senses)
            units_.append(unit)
            at += size
            if unit.has("scheme"):
                listed, at = _categories(found, at, unit, lexicon)
                units_ += listed
        elif found[at].number:
            unit, at = _quantity(found, at)
            units_.append(unit)
        else:
            units_.append(Unit((found[at].word,)))
            at += 1
    return _resolved(_shared_units(_ranges(units_)), lexicon)


def _phrase(found: Sequence[Token], at: int, lexicon: Lexicon) -> tuple[int, tuple[Sense, ...]]:
    """How many tokens the longest phrase that begins here takes, and what it may mean."""
    if found[at].mark and found[at].word != "%":
        return 0, ()
    key: list[str] = []
    best: tuple[int, tuple[Sense, ...]] = (0, ())
    for end in range(at, len(found)):
        word = found[end]
        if word.mark and word.word != "%":
            if word.word not in INSIDE or len(key) >= lexicon.longest:
                break
            continue
        key.append(word.word)
        if len(key) > lexicon.longest:
            break
        senses = lexicon.terms.get(tuple(key))
        if senses is not None and (end - at + 1 == len(key) or len(key) >= 4):
            best = (end - at + 1, senses)
    return best


def _quantity(found: Sequence[Token], at: int) -> tuple[Unit, int]:
    """A number with its spread, upper end and unit."""
    known = units()
    number, high, spread, unit = found[at].word, "", "", ""
    end = at + 1

    def word(ahead: int = 0) -> str:
        return found[end + ahead].word if end + ahead < len(found) else ""

    if word() in known:
        unit, end = word(), end + 1
    if word() in ("\u00b1", "+") and end + 1 < len(found) and found[end + 1].number:
        spread, end = found[end + 1].word, end + 2
    elif word() in ("to", "through") and end + 1 < len(found) and found[end + 1].number:
        high, end = found[end + 1].word, end + 2
    if not unit and word() in known:
        unit, end = word(), end + 1
    elif unit and word() == unit:
        end += 1
    name, power = known.get(unit, ("", 0))
    scaled = [_scaled(part, power) for part in (number, high, spread)]
    return Unit(tuple(t.word for t in found[at:end]), (), scaled[0], scaled[1], scaled[2], name), end


def _scaled(number: str, power: int) -> str:
    if not number or not power:
        return number
    sign = number[0] if number[0] in "<>" else ""
    value = Decimal(number.lstrip("<>")).scaleb(power)
    return f"{sign}{value:f}" if int(value.as_tuple().exponent) <= 0 else f"{sign}{value}"


def _categories(found: Sequence[Token], at: int, scheme: Unit, lexicon: Lexicon) -> tuple[list[Unit], int]:
    """The categories that stand behind a word such as `category`, one or a list of them."""
    asked = [sense.about for sense in scheme.of("scheme")]
    names: dict[tuple[str, ...], list[Sense]] = {}
    for question in asked:
        for name in lexicon.categories.get(question, ()):
            key = tuple(t.word for t in tokens(name) if not t.mark)
            names.setdefault(key, []).append(Sense("category", question, name))
    start = at
    while start < len(found) and found[start].word in AFTER_SCHEME:
        start += 1
    between = any(t.word == "between" for t in found[at:start])
    listed: list[Unit] = []
    end, ranged = at, False
    while start < len(found):
        size = next((n for n in range(8, 0, -1) if tuple(t.word for t in found[start : start + n]) in names), 0)
        if not size:
            break
        words = tuple(t.word for t in found[start : start + size])
        marks = (("to",) if ranged else ()) + (("listed",) if listed else ())
        listed.append(Unit(words, tuple(names[words]), marks=frozenset(marks)))
        start = end = start + size
        ranged = start < len(found) and found[start].word in ("to", "through", *(("and",) if between else ()))
        while start < len(found) and (found[start].word in JOINS or lexicon.terms.get((found[start].word,), ()) == scheme.senses):
            start += 1
    return listed, end


def _ranges(found: list[Unit]) -> list[Unit]:
    """Categories joined by `to` marked as the ends of a range."""
    units_ = list(found)
    for index in range(2, len(found)):
        here, join, before = found[index], found[index - 1], found[index - 2]
        if here.has("category") and before.has("category") and join.text in ("to", "through"):
            units_[index] = replace(here, marks=here.marks | {"to", "listed"})
    return units_


def _resolved(found: list[Unit], lexicon: Lexicon) -> list[Unit]:
    """States that only a named concept gives a meaning (`3`, `other`, `not seen`) bound to the nearest one that has them."""
    units_: list[Unit] = []
    for index, unit in enumerate(found):
        said = {sense.said for sense in unit.of("generic")} or ({unit.number} if unit.number and not unit.unit else set[str]())
        name = _nearest(found, index, said, lexicon) if said else None
        if name is not None:
            state = next(x for x in lexicon.states[name] if x in said)
            kept = tuple(s for s in unit.senses if s.kind not in ("generic", "level", "deny", "affirm", "negate"))
            units_.append(Unit(unit.words, (*kept, Sense("state", name, state))))
        elif unit.has("generic") and len(unit.words) > 1 and len(unit.senses) == 1:
            units_ += [Unit((word,), lexicon.terms.get((word,), ())) for word in unit.words]
        else:
            units_.append(replace(unit, senses=tuple(s for s in unit.senses if s.kind != "generic")))
    return units_


def _nearest(found: Sequence[Unit], index: int, said: set[str], lexicon: Lexicon) -> str | None:
    """The concept nearest before, else behind, in the same part of the sentence, if it has one of these states."""
    before = next((u for u in reversed(found[:index]) if u.has("concept") or u.text in (";", ".")), None)
    behind = next((u for u in found[index + 1 :] if u.has("concept") or u.text in (";", ".")), None)
    for unit in (before, behind):
        for sense in unit.of("concept") if unit else ():
            if said & set(lexicon.states.get(sense.about, ())):
                return sense.about
    return None


def _shared_units(found: list[Unit]) -> list[Unit]:
    """In a list of numbers (`6, 12 and 24 months`, `30 x 20 mm`) the last one's unit is that of all."""
    for index in range(len(found) - 2, -1, -1):
        here = found[index]
        if not here.number or here.unit:
            continue
        after = index + 1
        while after < len(found) - 1 and found[after].text in (
            ",",
            "and",
            "or",
            "x",
            "\u00d7",
            "by",
            "then",
            "again",
            "at",
            "repeat",
        ):
            after += 1
        if after > index + 1 and found[after].number and found[after].unit and found[after].unit != "%":
            found[index] = replace(here, unit=found[after].unit, number=_like(here, found[after]))
    return found


def _like(unit: Unit, model: Unit) -> str:
    power = next((p for word, (_, p) in units().items() if word in model.words), 0)
    return _scaled(unit.number, power)
