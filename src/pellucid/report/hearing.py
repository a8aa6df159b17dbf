"""What a sentence says of findings, measurements and categories: its claims, and every word that was not understood.

A claim that may be about several concepts comes as alternatives; nothing is guessed, the checker looks whether one of them holds.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pellucid.knowledge.language import Lexicon, Sense
from pellucid.knowledge.language.tokens import words_of
from pellucid.report.claims import Claim
from pellucid.report.scope import Clause, clauses
from pellucid.report.spotting import Unit, spot

Alternatives = tuple[Claim, ...]
GIVEN = frozenset(("given", "assigned", "made", "reached", "established", "applied", "stated"))
LISTING = frozenset((",", "or", "and", "to", "through", "both", "either", "category", "grade", "level", "class", "also"))
"""Words that may stand between the categories of a list."""
WEIGHED = ("probability", "likelihood", "chance", "certainty", "calibrated", "odd")
"""Words with which a percentage says by itself how sure a finding is; elsewhere it takes a word such as `probably`."""
FUNCTION = (
    "negate", "deny", "affirm", "assess", "unjudged", "unsettled", "unlikely", "break", "with", "verb", "confidence", "favour",
    "level", "subject", "scheme", "size", "concept", "state", "category", "generic", "diagnosis", "differential", "leading",
)  # fmt: skip
"""Parts of a sentence that are understood by what they do."""


@dataclass(frozen=True)
class Heard:
    """What was understood, and what was not."""

    claims: tuple[Alternatives, ...]
    strange: tuple[str, ...] = ()
    favoured: bool = False
    """A word such as `suggests` stands in it, which does not state a diagnosis plainly."""


@dataclass(frozen=True)
class Spot:
    """A unit with its place in a sentence: the clause, and what scope gave it."""

    index: int
    clause: int
    unit: Unit
    denied: bool
    level: str


def hear(text: str, lexicon: Lexicon, question: str = "") -> Heard:
    """The claims of a sentence; `question` is the one that its heading names."""
    parts = clauses(spot(text, lexicon))
    spots: list[Spot] = []
    strange: list[str] = []
    for number, clause in enumerate(parts):
        for k, unit in enumerate(clause.units):
            spots.append(Spot(len(spots), number, unit, clause.denied[k], clause.level[k]))
        strange += [f"denied twice: {clause.units[k].text}" for k in clause.twice]
    ear = _Ear(lexicon, question, spots, parts)
    claims = [*ear.unjudged(), *ear.chances(), *ear.states(), *ear.numbers(), *ear.present(), *ear.categories(), *ear.diagnoses()]
    strange += ear.leftover()
    return Heard(tuple(claims), tuple(strange), any(s.unit.has("favour", "differential", "leading") for s in spots))


class _Ear:
    """One sentence being understood; each step takes the units it could use."""

    def __init__(self, lexicon: Lexicon, question: str, spots: Sequence[Spot], parts: Sequence[Clause]) -> None:
        self.lexicon, self.question, self.spots, self.parts = lexicon, question, spots, parts
        self.used: set[int] = set()
        self.taken: set[tuple[int, str]] = set()
        """Concepts that a clause has said something of."""
        self.percents = self._percents()
        self.weighed = any(s.unit.text in WEIGHED for s in spots)

    def _of(self, *kinds: str) -> Iterator[Spot]:
        return (s for s in self.spots if s.unit.has(*kinds))

    def _concepts(self, clause: int) -> list[Spot]:
        return [s for s in self._of("concept") if s.clause == clause]

    def unjudged(self) -> Iterator[Alternatives]:
        """Concepts of which a clause says that they could not be judged, or are not settled."""
        for s in self._of("concept"):
            clause = self.parts[s.clause]
            if not clause.unjudged and not clause.unsettled:
                continue
            kind = "unjudged" if clause.unjudged else "unsettled"
            names = [sense.about for sense in s.unit.of("concept")]
            self.used.add(s.index)
            self.taken |= {(s.clause, name) for name in names}
            yield tuple(Claim(kind, name) for name in names)

    def states(self) -> Iterator[Alternatives]:
        """States, each bound to the nearest concept that can have it."""
        for s in self._of("state"):
            if s.index in self.used or self._is_measure(s):
                continue
            options = self._options(s)
            if not options:
                continue
            self.used.add(s.index)
            self.taken |= {(s.clause, sense.about) for sense in options}
            percent = self.percents.get(s.index, "")
            yield tuple(self._claim(s, sense, percent) for sense in options)

    def _is_measure(self, s: Spot) -> bool:
        """Whether words that may be a state name a measurement here, because its number stands in the clause."""
        units = {self.lexicon.units.get(x.about) for x in s.unit.of("concept")} - {None}
        return any(t.unit.number and (t.unit.unit or "1") in units for t in self.spots if t.clause == s.clause)

    def chances(self) -> Iterator[Alternatives]:
        """The probabilities of a concept that is not settled: `shape is not settled: round 41 % and oval 27 %`."""
        for start in [s for s in self._of("concept") if self.parts[s.clause].unsettled]:
            names = [x.about for x in start.unit.of("concept")]
            heard: list[Spot] = []
            for s in self.spots[start.index + 1 :]:
                if s.unit.text == ".":
                    break
                if s.unit.unit == "%" and (states := self._named(names, heard)):
                    self.used |= {s.index, *(t.index for t in heard)}
                    yield tuple(Claim("chance", name, x, number=s.unit.number, unit="%") for name, x in states)
                    heard = []
                elif s.unit.mark or s.unit.text == "and" or s.unit.has("unsettled", "verb"):
                    heard = []
                elif s.unit.senses or s.unit.number or s.unit.text not in self.lexicon.neutral:
                    heard.append(s)

    def _named(self, names: Sequence[str], heard: Sequence[Spot]) -> list[tuple[str, str]]:
        said = {(x.about, x.said) for t in heard for x in t.unit.of("state")} if len(heard) == 1 else set[tuple[str, str]]()
        told = tuple(word for t in heard for word in t.unit.words)
        return [
            (name, x)
            for name in names
            for x in self.lexicon.states.get(name, ())
            if (name, x) in said or tuple(w for w in words_of(x) if w[0].isalnum()) == told
        ]

    def _claim(self, s: Spot, sense: Sense, percent: str) -> Claim:
        denied, said = s.denied, sense.said
        states = self.lexicon.states.get(sense.about, ())
        if denied and len(states) == 2:
            denied, said = False, next(x for x in states if x != said)
        unit = "%" if percent else ""
        return Claim("finding", sense.about, said, self._level(s, percent), percent, unit=unit, denied=denied)

    def _level(self, s: Spot, percent: str) -> str:
        return s.level or ("" if percent and self.weighed else "plain")

    def _options(self, s: Spot) -> list[Sense]:
        """The senses of a state, kept to the nearest concept of its clause that has the state."""
        senses = list(s.unit.of("state"))
        able = {sense.about for sense in senses}
        near = [t for t in self._concepts(s.clause) if able & {x.about for x in t.unit.of("concept")}]
        if not near:
            return senses
        best = min(near, key=lambda t: (abs(t.index - s.index), t.index > s.index))
        names = {x.about for x in best.unit.of("concept")}
        return [sense for sense in senses if sense.about in names]

    def _percents(self) -> dict[int, str]:
        """Each percentage by the unit that it belongs to: the nearest finding or category before it, else behind it."""
        found: dict[int, str] = {}
        for s in self.spots:
            if s.unit.unit != "%" or s.unit.high or self._covers(s) or self._share(s) or self._open(s):
                continue
            able = [t for t in self.spots if t.unit.has("state", "category", "concept", "diagnosis") and t.index not in found]
            able = [t for t in able if self._chanced(t)]
            before = [t for t in able if t.index < s.index]
            behind = [t for t in able if t.index > s.index and t.clause == s.clause]
            target = before[-1] if before else behind[0] if behind else None
            if target is not None:
                found[target.index] = s.unit.number
                self.used.add(s.index)
        return found

    def _open(self, s: Spot) -> bool:
        """Whether it is one of the probabilities of a concept that is not settled."""
        return any(part.unsettled for part in self.parts[max(0, s.clause - 3) : s.clause + 1])

    def _chanced(self, t: Spot) -> bool:
        """Whether a unit can have a probability: not a measurement, and a concept only where it can be there or not."""
        if t.unit.has("state", "category", "diagnosis"):
            return True
        return any(self.lexicon.poles(x.about)[0] for x in t.unit.of("concept")) and not any(
            u.unit.has("state")
            and u.clause == t.clause
            and {x.about for x in u.unit.of("state")} & {x.about for x in t.unit.of("concept")}
            for u in self.spots
        )

    def _covers(self, s: Spot) -> bool:
        """Whether a percentage is the coverage of a confidence set."""
        near = [t for t in self.spots if abs(t.index - s.index) <= 4 and t.clause == s.clause]
        return any(t.unit.has("confidence") for t in near)

    def _share(self, s: Spot) -> bool:
        """Whether it is the value of a concept that is measured in per cent."""
        return any(self.lexicon.units.get(x.about) == "%" for t in self._concepts(s.clause) for x in t.unit.of("concept"))

    def numbers(self) -> Iterator[Alternatives]:
        """Numbers, each bound to the nearest measurement with its unit."""
        for s in self.spots:
            if not s.unit.number or s.index in self.used or (s.unit.unit == "%" and self._covers(s)) or s.unit.high:
                continue
            unit = s.unit.unit or "1"
            names = self._measured(s, unit)
            if names:
                self.used.add(s.index)
                shown = replace(Claim("measure"), denied=s.denied, number=s.unit.number, spread=s.unit.spread, unit=unit)
                yield tuple(replace(shown, about=name) for name in names)

    def _measured(self, s: Spot, unit: str) -> list[str]:
        every = [name for name, own in self.lexicon.units.items() if own == unit]
        free = [t for t in self._concepts(s.clause) if {x.about for x in t.unit.of("concept")} & set(every)]
        open_ = [t for t in free if not any((s.clause, x.about) in self.taken for x in t.unit.of("concept"))]
        before = [t for t in open_ if t.index < s.index]
        behind = [t for t in open_ if t.index > s.index]
        behind = [t for t in behind if not any(u.unit.number for u in self.spots[s.index + 1 : t.index])]
        if behind and behind[0].index == s.index + 1:
            before = []  # `a 4 mm solid part`
        best = before[-1] if before else behind[0] if behind else None
        if best is not None:
            names = [x.about for x in best.unit.of("concept") if x.about in every]
            self.taken |= {(s.clause, name) for name in names}
            return names
        return every if unit not in ("1", "%") else []

    def present(self) -> Iterator[Alternatives]:
        """Concepts that are named and of which nothing else is said: they are there, or, denied, they are not."""
        for s in self._of("concept"):
            names = [x.about for x in s.unit.of("concept")]
            if s.index in self.used or any((s.clause, name) in self.taken for name in names):
                self.used.add(s.index)
                continue
            able = [name for name in names if self.lexicon.poles(name)[0] is not None]
            assessed = any(u.has("assess") for u in self.parts[s.clause].units)
            if assessed and not s.denied:
                self.used.add(s.index)
                yield tuple(Claim("judged", name) for name in names)
                continue
            if not able:
                continue
            self.used.add(s.index)
            percent = self.percents.get(s.index, "")
            yield tuple(self._presence(s, name, percent) for name in able)

    def _presence(self, s: Spot, name: str, percent: str) -> Claim:
        low, high = self.lexicon.poles(name)
        level, unit = self._level(s, percent), "%" if percent else ""
        if s.denied or high is not None:
            return Claim("finding", name, (low if s.denied else high) or "", level, percent, unit=unit)
        return Claim("finding", name, low or "", level, percent, unit=unit, denied=True)

    def categories(self) -> Iterator[Alternatives]:
        """Answers: one for each question that is named, or a set of them."""
        found = [s for s in self._of("category") if s.index not in self.used]
        coverage = next((s for s in self.spots if s.unit.unit == "%" and self._covers(s)), None)
        if coverage is not None:
            self.used.add(coverage.index)
        named: dict[str, dict[str, Spot]] = {}
        for s in found:
            self.used.add(s.index)
            for sense in s.unit.of("category"):
                if not self.question or sense.about in self.question.split("|"):
                    for name in self._ranged(s, sense, named):
                        earlier = named.setdefault(sense.about, {}).get(name)
                        named[sense.about][name] = earlier if earlier and (earlier.denied or earlier.level) else s
        if (
            found
            and coverage is None
            and (len({name for cats in named.values() for name in cats}) < 2 or not self._listed(found))
        ):
            yield from self._one_by_one(found, named)
            return
        whole = {q: cats for q, cats in named.items() if len(cats) == max(len(c) for c in named.values())}
        if whole:
            yield tuple(self._answer(q, cats, coverage) for q, cats in whole.items())
        elif coverage is not None and self.question:
            yield (Claim("set", self.question, "", number=coverage.unit.number, unit="%"),)
        elif not found:
            yield from self._unanswered()

    def _one_by_one(self, found: Sequence[Spot], named: dict[str, dict[str, Spot]]) -> Iterator[Alternatives]:
        """An answer for each category that is named; one that is named twice has the percentage and the doubt of both."""
        for s in found:
            options = [x for x in s.unit.of("category") if x.about in named]
            claims = [self._answer(x.about, {x.said: named[x.about].get(x.said, s)}, None) for x in options]
            chance = next((self.percents[t.index] for t in found if t.index in self.percents), "")
            claims = [replace(c, number=c.number or chance, unit="%" if c.number or chance else "") for c in claims]
            if s.unit.words[0] == "no" and not s.denied and any(set(u.words) & GIVEN for u in self.parts[s.clause].units):
                claims += [Claim("abstained", x.about) for x in options]
            if claims:
                yield tuple(claims)

    def _unanswered(self) -> Iterator[Alternatives]:
        """Of a question whose answer is not named: that it has none, or that it has one."""
        for s in self._of("scheme"):
            clause = self.parts[s.clause]
            denials = sum(unit.has("negate", "deny", "unjudged") for unit in clause.units)
            given = any(set(unit.words) & GIVEN for unit in clause.units)
            if denials == 1 or clause.unjudged:
                yield tuple(Claim("abstained", x.about) for x in s.unit.of("scheme"))
            elif given or denials:
                yield tuple(Claim("answered", x.about) for x in s.unit.of("scheme"))
            if denials or given:
                return

    def _listed(self, found: Sequence[Spot]) -> bool:
        """Whether categories of which one question has several stand in one list, not as one answer and another."""
        for a, b in itertools.pairwise(found):
            if "listed" in b.unit.marks:
                continue
            between = {s.unit.text for s in self.spots[a.index + 1 : b.index]}
            shared = {x.about for x in a.unit.of("category")} & {x.about for x in b.unit.of("category")}
            same = {(x.about, x.said) for x in a.unit.of("category")} & {(x.about, x.said) for x in b.unit.of("category")}
            if shared and not same and not between <= LISTING:
                return False
            if shared and not same and between <= {",", "(", ":", ";"} and b is found[-1]:
                return False
        return True

    def _ranged(self, s: Spot, sense: Sense, named: dict[str, dict[str, Spot]]) -> list[str]:
        """The category, and, at the end of a range, those between."""
        if "to" not in s.unit.marks or not named.get(sense.about):
            return [sense.said]
        order = self.lexicon.categories[sense.about]
        last = order.index(list(named[sense.about])[-1])
        return list(order[last : order.index(sense.said) + 1]) or [sense.said]

    def _answer(self, question: str, named: dict[str, Spot], coverage: Spot | None) -> Claim:
        if coverage is not None or len(named) > 1:
            order = [name for name in self.lexicon.categories[question] if name in named]
            number = coverage.unit.number if coverage else ""
            denied = any(s.denied for s in named.values())
            return Claim("set", question, "|".join(order), number=number, unit="%" if number else "", denied=denied)
        ((name, s),) = named.items()
        percent = self.percents.get(s.index, "")
        return Claim("category", question, name, s.level, percent, unit="%" if percent else "", denied=s.denied)

    def diagnoses(self) -> Iterator[Alternatives]:
        """Diagnoses that are named."""
        for s in self._of("diagnosis"):
            self.used.add(s.index)
            yield tuple(Claim("differential", x.about, x.said, s.level, denied=s.denied) for x in s.unit.of("diagnosis"))

    def leftover(self) -> list[str]:
        """Every word and number that was not understood."""
        found: list[str] = []
        for s in self.spots:
            if s.index in self.used or s.unit.mark:
                continue
            if s.unit.number:
                found += [s.unit.text] if s.unit.text != "1" else []
            elif s.unit.senses and any(s.unit.has(kind) for kind in FUNCTION):
                found += [f"denied: {s.unit.text}"] if s.denied and self._bare_denial(s) else []
                found += [s.unit.text] if self._loose_size(s) else []
            else:
                found += [word for word in s.unit.words if word not in self.lexicon.neutral and word != "%"]
        return found

    def _loose_size(self, s: Spot) -> bool:
        """Whether a word such as `thick` stands where nothing is measured."""
        kinds = {x.kind for x in s.unit.senses}
        return (
            kinds == {"size"}
            and s.unit.text not in self.lexicon.neutral
            and not any(t.unit.number for t in self.spots if t.clause == s.clause)
        )

    def _bare_denial(self, s: Spot) -> bool:
        """Whether a denial denies nothing but what the report is about (`no mass`), which is never filler."""
        inside = [t for t in self.spots if t.clause == s.clause]
        said = any(t.index in self.used and t.denied and not t.unit.has("subject") for t in inside)
        return s.unit.has("subject", "concept") and not said and not self.parts[s.clause].unjudged
