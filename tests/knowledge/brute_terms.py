"""The predicates of a pack in a slow, independent reading of its YAML, in plain Python.

A *box* holds, for each concept, the cells it may be in, as bits. A predicate on a box gives every Kleene value it may have; where
more than one remains the box is cut in two, until each piece has one answer. On a box of one joint state this is plain
evaluation. The YAML is read with every scalar as text, so `yes` stays a word.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

NOT, UNKNOWN, MET = 1, 2, 4
EXTRA = {"averaged": "not judged", "not stated": "not stated"}
Box = tuple[int, ...]
Cut = tuple[float, bool]
"""(limit, strict): passed from the limit up, or only above it."""
CUTS = {"at_least": False, "below": False, "above": True, "at_most": True}
TESTS: dict[str, Callable[[float, float], bool]] = {
    "at_least": lambda x, t: x >= t,
    "above": lambda x, t: x > t,
    "at_most": lambda x, t: x <= t,
    "below": lambda x, t: x < t,
}


@dataclass(frozen=True)
class Node:
    """A predicate on a box: which values it may have, what it is made of; `splits` holds groups of cells by axis for a leaf."""

    at: Callable[[Box], int]
    parts: Callable[[Box], Iterable["Node"]] = lambda _: ()
    splits: Sequence[tuple[int, Sequence[int]]] = ()


def bits_of(mask: int) -> Iterator[int]:
    return (k for k in range(mask.bit_length()) if mask >> k & 1)


def one(mask: int) -> bool:
    return mask & (mask - 1) == 0


def values(mask: int) -> list[int]:
    return [bit for bit in (NOT, UNKNOWN, MET) if mask & bit]


def mixed(join: Callable[[int, int], int]) -> list[list[int]]:
    """The values that joining two sets of values may give."""
    table = [[0] * 8 for _ in range(8)]
    for a, b in itertools.product(range(8), repeat=2):
        for x, y in itertools.product(values(a), values(b)):
            table[a][b] |= join(x, y)
    return table


LOWEST, HIGHEST = mixed(min), mixed(max)
OPPOSITE = [(a & UNKNOWN) | (MET if a & NOT else 0) | (NOT if a & MET else 0) for a in range(8)]


def passes(x: float, cut: Cut) -> bool:
    return x > cut[0] if cut[1] else x >= cut[0]


def words(found: Any) -> list[str]:
    return [found] if isinstance(found, str) else list(found)


class Terms:
    """The axes of one question of one pack, and predicates over them."""

    def __init__(self, text: str, question: str) -> None:
        self.raw: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)
        self.concepts: dict[str, Any] = self.raw["concepts"]
        self.hard = [c for c in self.raw.get("contradictions") or () if c.get("hard") == "true"]
        self._find_axes(question)
        self.at = {name: i for i, name in enumerate(self.names)}
        self.real = [(1 << len(cells)) - 1 for cells in self.cells]
        self.unknown = [self._word(name) for name in self.names]
        self.extra = [word in EXTRA for word in self.unknown]
        self.define = cache(lambda name: self.node(self.raw["definitions"][name]["when"]))
        self.score = cache(self._score)
        self.never = [self._larger(**c["larger"]) if "larger" in c else self.node(c["when"]) for c in self.hard]

    def _word(self, name: str) -> str:
        word = self.concepts[name].get("when_unknown", "base rate")
        return word if isinstance(word, str) else "counts as"

    # What a question uses, and where its measurements are cut

    def _find_axes(self, question: str) -> None:
        found: dict[str, set[Cut]] = {}
        for predicate in self._predicates(question):
            for name, cut in self._mentions(predicate):
                found.setdefault(name, set()).update([cut] if cut else [])
        hard = [pair for c in self.hard if "when" in c for pair in self._mentions(c["when"]) if pair[0] in found]
        for name, cut in hard:
            found[name].update([cut] if cut else [])
        for name, cuts in found.items():
            cuts.update((float(cell["below"]), False) for cell in self.concepts[name].get("cells", ()) if "below" in cell)
        for c in self.hard:
            for first, second in c.get("larger", {}).items():
                if first in found and second in found:
                    shared = {(limit, False) for limit, _ in found[first] | found[second]}
                    found[first], found[second] = found[first] | shared, found[second] | shared
        self.names = [name for name in self.concepts if name in found]
        self.cuts = [sorted(found[name]) for name in self.names]
        self.cells: list[list[Any]] = [
            words(self.concepts[name]["states"])
            if "states" in self.concepts[name]
            else list(itertools.pairwise([None, *cuts, None]))
            for name, cuts in zip(self.names, self.cuts, strict=True)
        ]

    def _predicates(self, question: str) -> list[Any]:
        asked = self.raw["questions"][question]
        (body,) = asked["proposal"].values()
        card = self.raw.get("scorecards", {}).get(body.get("scorecard"), {"terms": []})
        whole = [*asked.get("rules", []), *card["terms"], *body.get("rows", [])]
        return [part["when"] for part in whole if "when" in part]

    def _mentions(self, predicate: Mapping[str, Any]) -> Iterator[tuple[str, Cut | None]]:
        ((word, operand),) = predicate.items()
        if word == "rule":
            inner = [self.raw["definitions"][operand]["when"]]
        elif word in ("not", "all", "any"):
            inner = [operand] if word == "not" else operand
        elif word == "count":
            inner = operand["of"]
        elif word == "score":
            terms = [term for name in operand for term in self.raw["scores"][name]["terms"]]
            yield from ((term["by"], None) for term in terms if "by" in term)
            inner = [term["when"] for term in terms if "when" in term]
        elif word == "answer":
            inner = [p for name in operand for p in self._predicates(name)]
        else:
            for name, limit in operand.items():
                yield name, (float(limit), CUTS[word]) if word in CUTS and "unit" in self.concepts[name] else None
            return
        for part in inner:
            yield from self._mentions(part)

    # Predicates

    def node(self, predicate: Mapping[str, Any]) -> Node:
        """A predicate; what it gives is kept under the cells of the concepts that it mentions."""
        made, known = self._node(predicate), dict[Box, int]()
        if made.splits:
            return made
        axes = sorted({self.at[name] for name, _ in self._mentions(predicate) if name in self.at})

        def at(box: Box) -> int:
            key = tuple([box[i] for i in axes])
            found = known.get(key)
            if found is None:
                found = known[key] = made.at(box)
            return found

        return Node(at, made.parts)

    def _node(self, predicate: Mapping[str, Any]) -> Node:
        ((word, operand),) = predicate.items()
        if word in ("rule", "not"):
            part = self.define(operand) if word == "rule" else self.node(operand)
            return part if word == "rule" else Node(lambda box: OPPOSITE[part.at(box)], lambda _: [part])
        if word in ("all", "any"):
            return self._joined([self.node(p) for p in operand], LOWEST if word == "all" else HIGHEST)
        if word == "count":
            parts = [self.node(p) for p in operand["of"]]
            low, high = int(operand.get("at_least", 0)), int(operand.get("at_most", len(parts)))
            spans = {NOT: (0.0, 0.0), UNKNOWN: (0.0, 1.0), MET: (1.0, 1.0)}
            return self._sum([(p, spans) for p in parts], [("at_least", low), ("at_most", high)])
        if word == "score":
            ((name, limits),) = operand.items()
            return self._sum(self.score(name), [(key, float(limit)) for key, limit in limits.items()])
        if word == "answer":
            ((name, wanted),) = operand.items()
            return self._answer(name, words(wanted))
        ((name, wanted),) = operand.items()
        return self._atom(name, [self._meets(word, wanted, name, cell) for cell in self._cells_of(name)])

    def _cells_of(self, name: str) -> list[Any]:
        return self.cells[self.at[name]] if name in self.at else []

    def _meets(self, word: str, wanted: Any, name: str, cell: Any) -> bool:
        concept = self.concepts[name]
        if "states" in concept:
            states = words(concept["states"])
            return cell in words(wanted) if word == "is" else TESTS[word](states.index(cell), states.index(wanted))
        x = inside(cell)
        if word != "is":
            return TESTS[word](x, float(wanted))
        named = [c["name"] for c in concept["cells"] if x < float(c.get("below", "inf"))]
        return named[0] in words(wanted)

    def _atom(self, name: str, met: list[bool]) -> Node:
        if name not in self.at:
            return Node(lambda _: UNKNOWN)
        i = self.at[name]
        yes = sum(1 << k for k, hit in enumerate(met) if hit)
        no, beyond = (1 << len(met)) - 1 - yes, 1 << len(met)

        def at(box: Box) -> int:
            b = box[i]
            return (NOT if b & no else 0) | (UNKNOWN if b & beyond else 0) | (MET if b & yes else 0)

        return Node(at, splits=[(i, [yes, no, beyond])])

    def _joined(self, parts: list[Node], table: list[list[int]]) -> Node:
        settled = NOT if table is LOWEST else MET

        def at(box: Box) -> int:
            found = parts[0].at(box)
            for part in parts[1:]:
                if found == settled:
                    break
                found = table[found][part.at(box)]
            return found

        return Node(at, lambda _: parts)

    def _score(self, name: str) -> list[tuple[Node, dict[int, tuple[float, float]]]]:
        """The terms of a score: a node, and the lowest and highest points for each of its values."""
        found: list[tuple[Node, dict[int, tuple[float, float]]]] = []
        for term in self.raw["scores"][name]["terms"]:
            if "when" in term:
                p = float(term["points"])
                found.append((self.node(term["when"]), {NOT: (0.0, 0.0), UNKNOWN: (min(0.0, p), max(0.0, p)), MET: (p, p)}))
                continue
            points = [float(term["points"][state]) for state in self._cells_of(term["by"])]
            spans = {1 << k: (p, p) for k, p in enumerate(points)} | {1 << len(points): (min(points), max(points))}
            i = self.at[term["by"]]
            found.append((Node(lambda box, i=i: box[i], splits=[(i, list(spans))]), spans))
        return found

    def _sum(self, terms: Sequence[tuple[Node, Mapping[int, tuple[float, float]]]], limits: Sequence[tuple[str, float]]) -> Node:
        def at(box: Box) -> int:
            totals = {(0.0, 0.0)}
            for node, spans in terms:
                got = [spans[1 << k] for k in bits_of(node.at(box))]
                totals = {(round(a + x, 6), round(b + y, 6)) for a, b in totals for x, y in got}
            return sum({within(total, limits) for total in totals})

        return Node(at, lambda _: [node for node, _ in terms])

    def _answer(self, question: str, wanted: list[str]) -> Node:
        """A test of an earlier question."""
        raise NotImplementedError

    def _larger(self, **pair: str) -> Node:
        ((first, second),) = pair.items()
        if first not in self.at or second not in self.at:
            return Node(lambda _: UNKNOWN)
        i, j = self.at[first], self.at[second]
        truth = [[exceeds(a, b) for b in self.cells[j]] + [UNKNOWN] for a in self.cells[i]]
        truth.append([UNKNOWN] * (len(self.cells[j]) + 1))

        def at(box: Box) -> int:
            return sum({truth[a][b] for a in bits_of(box[i]) for b in bits_of(box[j])})

        return Node(at, splits=[(k, [1 << n for n in range(len(self.cells[k]) + 1)]) for k in (i, j)])


def halves(node: Node, box: Box) -> list[Box]:
    """A box cut by the first part of a predicate that is not decided in it; empty where all are."""
    if one(node.at(box)) and not node.splits:
        return []
    for i, groups in node.splits:
        parts = [box[i] & group for group in groups if box[i] & group]
        if len(parts) > 1 and not one(node.at(box)):
            return [(*box[:i], part, *box[i + 1 :]) for part in parts]
    return next((cut for part in node.parts(box) if (cut := halves(part, box))), [])


def inside(cell: tuple[Cut | None, Cut | None]) -> float:
    """A value inside a stretch of a measurement."""
    low, high = cell
    if low is None or high is None:
        return 0.0 if low is high else low[0] + 1 if low else high[0] - 1 if high else 0.0
    return (low[0] + high[0]) / 2


def exceeds(a: tuple[Cut | None, Cut | None], b: tuple[Cut | None, Cut | None]) -> int:
    """Whether every value of one stretch exceeds every value of another: MET, NOT where none does, else UNKNOWN."""
    least, most = a[0], b[1]
    if least and most and (least[0] > most[0] or (least[0] == most[0] and (least[1] or not most[1]))):
        return MET
    return NOT if a[1] and b[0] and a[1][0] <= b[0][0] else UNKNOWN


def within(total: tuple[float, float], limits: Sequence[tuple[str, float]]) -> int:
    """Kleene's value of a total between two ends lying inside some limits."""
    sides = [[TESTS[word](end, limit) for end in total] for word, limit in limits]
    if all(all(side) for side in sides):
        return MET
    return UNKNOWN if all(any(side) for side in sides) else NOT
