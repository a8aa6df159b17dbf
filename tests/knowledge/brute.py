"""A slow, independent reading of a pack's YAML, in plain Python, that the engine is compared with: questions and findings.

Boxes are cut in pieces until each has one answer; see `brute_terms`.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Any

from tests.knowledge.brute_terms import EXTRA, MET, NOT, TESTS, UNKNOWN, Box, Node, Terms, bits_of, halves, inside, passes, words

from pellucid.record import Finding

Leaf = tuple[frozenset[str], tuple[float, ...]]
"""The categories left open, and the probability of each."""


class TooLong(Exception):
    """A search took more steps than its budget."""


@dataclass(frozen=True)
class Asked:
    """One question of the pack over the axes of the question that is read."""

    names: list[str]
    outside: set[int]
    kind: str
    body: Any
    rows: list[tuple[Node | None, int]]
    rules: list[tuple[Node, int | None, int | None]]
    terms: list[tuple[Node, int]]
    risks: list[float]


@dataclass(frozen=True)
class Seen:
    """What the findings say of one concept."""

    cell: int | None
    weights: list[float]
    judged: bool


class Brute(Terms):
    """One question of one pack."""

    def __init__(self, text: str, question: str) -> None:
        self.asked = cache(self._asked)
        super().__init__(text, question)
        self.top = self.asked(question)
        self.categories = self.top.names
        self.steps, self.budget = 0, 200_000

    def _answer(self, question: str, wanted: list[str]) -> Node:
        asked = self.asked(question)
        right = sum(1 << asked.names.index(name) for name in wanted)
        gap = 1 << len(asked.names)

        def at(box: Box) -> int:
            found = self.given(asked, box)
            return (MET if found & right else 0) | (UNKNOWN if found & gap else 0) | (NOT if found & ~right & ~gap else 0)

        return Node(at, lambda box: self.relevant(asked, box))

    # Questions

    def _asked(self, name: str) -> Asked:
        asked = self.raw["questions"][name]
        names = list(asked["categories"])
        ((kind, body),) = asked["proposal"].items()
        card = self.raw.get("scorecards", {}).get(body.get("scorecard"), {"terms": [], "risks": []})
        rows = [(row, n) for n, row in enumerate(body.get("rows", []))]
        number = [names.index(row["category"]) if kind == "decide" else n for row, n in rows]
        nodes: list[Node | None] = [self.node(row["when"]) if "when" in row else None for row, _ in rows]
        if "otherwise" in body:
            nodes, number = [*nodes, None], [*number, names.index(body["otherwise"]["category"])]

        def limit(rule: Any, key: str) -> int | None:
            found = rule.get("exactly", rule.get(key))
            return None if found is None else names.index(found)

        return Asked(
            names,
            {names.index(n) for n in words(asked.get("outside", []))},
            kind,
            body,
            list(zip(nodes, number, strict=True)),
            [(self.node(r["when"]), limit(r, "at_least"), limit(r, "at_most")) for r in asked.get("rules", [])],
            [(self.node(t["when"]), int(t["points"])) for t in card["terms"]],
            [float(r) for r in card["risks"]],
        )

    def first(self, asked: Asked, box: Box) -> int:
        """The numbers of the rows that may be the first one met, as bits; the bit past all categories where none is."""
        found = 0
        for node, n in asked.rows:
            truth = MET if node is None else node.at(box)
            found |= 1 << n if truth & MET else 0
            if truth == MET:
                return found
        return found | 1 << len(asked.names)

    def risk(self, asked: Asked, box: Box) -> set[float]:
        totals = {0}
        for node, points in asked.terms:
            truth = node.at(box)
            totals = {t + p for t in totals for p in ([points] if truth & MET else []) + ([0] if truth & ~MET else [])}
        lowest = sum(min(points, 0) for _, points in asked.terms)
        return {asked.risks[total - lowest] for total in totals}

    def limits(self, asked: Asked, box: Box) -> set[tuple[int, int]]:
        found = {(0, len(asked.names) - 1)}
        for node, low, high in asked.rules:
            truth = node.at(box)
            bound = {(max(a, low or 0), min(b, b if high is None else high)) for a, b in found} if truth & MET else set()
            found = bound | (found if truth & ~MET else set())
        return {(a, max(a, b)) for a, b in found}

    def given(self, asked: Asked, box: Box) -> int:
        """The categories that a question may give, as bits; the bit past them where no row fits."""
        if asked.kind == "decide":
            proposed = set(bits_of(self.first(asked, box)))
        else:
            proposed = {band(asked, risk) for risk in self.risk(asked, box)}
        found = 0
        for k, (low, high) in itertools.product(proposed, self.limits(asked, box)):
            found |= 1 << (k if k == len(asked.names) or k in asked.outside else max(min(k, high), low))
        return found

    def leaves(self, box: Box) -> set[Leaf]:
        """What the question may answer in a box, contradictions aside."""
        top, n = self.top, len(self.categories)
        if top.kind == "outcome":
            sides = {risk: frozenset([self.categories[risk >= float(top.body["threshold"])]]) for risk in self.risk(top, box)}
            return {(side, (1 - risk, risk)) for risk, side in sides.items()}
        if top.kind != "table":
            names = [*self.categories, "no row fits"]
            return {(frozenset([names[k]]), tuple(float(i == k) for i in range(n))) for k in bits_of(self.given(top, box))}
        counts = [[float(x) for x in row["counts"]] for row in top.body["rows"]]
        total = [sum(row[k] for row in counts) for k in range(n)]
        share = float(top.body["smoothing"]) / sum(total)
        found: set[Leaf] = set()
        for row, (low, high) in itertools.product(
            bits_of(self.first(top, box) & ((1 << len(counts)) - 1)), self.limits(top, box)
        ):
            kept = [(x + share * total[k]) * (low <= k <= high) for k, x in enumerate(counts[row])]
            found.add((frozenset(self.categories[low : high + 1]), tuple(x / sum(kept) for x in kept)))
        return found

    def relevant(self, asked: Asked, box: Box) -> Iterator[Node]:
        """What a question rests on in a box; rows below one that is met do not matter."""
        for node, _ in asked.rows:
            if node is not None:
                yield node
                if node.at(box) == MET:
                    break
        yield from (node for node, _ in asked.terms)
        yield from (node for node, _, _ in asked.rules)

    def pieces(self, box: Box, ignore: frozenset[str] | None = None) -> Iterator[tuple[Box, Leaf]]:
        """Boxes that cover what can be in `box`, each with its one answer; those that only leave `ignore` open are left out."""
        stack = [box]
        while stack:
            here = stack.pop()
            self.steps += 1
            if self.steps > self.budget:
                raise TooLong
            truths = [node.at(here) for node in self.never]
            if MET in truths:
                continue
            found = self.leaves(here)
            if all(opened == ignore for opened, _ in found):
                continue
            sure = not any(truth & MET for truth in truths)
            if len(found) == 1 and sure:
                yield here, next(iter(found))
            else:
                nodes = self.relevant(self.top, here) if len(found) > 1 else self.never
                stack += next(cut for node in itertools.chain(nodes, self.never) if (cut := halves(node, here)))

    def can_be(self, box: Box) -> bool:
        return next(self.pieces(box), None) is not None

    def open_in(self, box: Box) -> frozenset[str]:
        """Every category that stays open in a box."""
        found: frozenset[str] = frozenset()
        for _, (opened, _) in self.pieces(box):
            found |= opened
        return found

    def only(self, box: Box, category: str) -> bool:
        """Whether nothing else than a category can come out."""
        return next(self.pieces(box, frozenset([category])), None) is None

    # Findings

    def see(self, i: int, finding: Finding | None) -> Seen:
        """What one finding says; a value that is not plausible counts as not judged."""
        concept, n = self.concepts[self.names[i]], len(self.cells[i])
        low, high = (float(x) for x in concept.get("plausible", ("-inf", "inf")))
        if finding is None or finding.unknown_because or (finding.value is not None and not low <= finding.value <= high):
            if self.extra[i]:
                return Seen(n if self.unknown[i] == "not stated" else None, [0.0] * n + [1.0], False)
            if self.unknown[i] == "counts as":
                at = self.cells[i].index(concept["when_unknown"]["counts_as"])
                return Seen(at, [float(k == at) for k in range(n)], False)
            counts = [float(x) for x in concept.get("base_rate", {}).get("counts", [1] * n)]
            return Seen(None, [x / sum(counts) for x in counts], False)
        more = [0.0] * self.extra[i]
        if finding.value is not None:
            x, sd = finding.value, finding.sd
            half = float(concept.get("rounded_to", 0)) / 2  # rounded half upwards: the value lies half a step further up
            x = round(x + half, 9)
            below = [NormalDist(x, sd).cdf(cut[0]) if sd else float(not passes(x, cut)) for cut in self.cuts[i]]
            weights = [b - a for a, b in itertools.pairwise([0.0, *below, 1.0])]
            return Seen(sum(passes(x, cut) for cut in self.cuts[i]), weights + more, True)
        shares = dict(zip(finding.states or (), finding.probabilities or (), strict=True))
        state = finding.state
        if state is None and self.unknown[i] == "counts as":
            state = concept["when_unknown"]["counts_as"]
        weights = [shares[name] / sum(shares.values()) for name in self.cells[i]]
        return Seen(None if state is None else self.cells[i].index(state), weights + more, True)

    def withdrawn(self, i: int, seen: Seen, whole: bool) -> Seen:
        """What stays of a finding of a model that cannot be so: its probabilities, or nothing where they cannot be so either."""
        if not whole:
            return seen if self.extra[i] else Seen(None, seen.weights, seen.judged)
        if self.unknown[i] == "counts as":
            return Seen(None, [1 / len(self.cells[i])] * len(self.cells[i]), False)
        return self.see(i, None)

    def named_in_hard(self) -> set[str]:
        found = {name for c in self.hard if "when" in c for name, _ in self._mentions(c["when"])}
        return found | {name for c in self.hard for pair in c.get("larger", {}).items() for name in pair}

    def free(self, i: int, seen: Seen) -> int:
        """The cells of a concept: its own where it is certain, else all that are real."""
        return self.real[i] if seen.cell is None else 1 << seen.cell

    def cell(self, i: int, label: str) -> int:
        """The cell that a label of the engine means."""
        if label in EXTRA.values():
            return len(self.cells[i])
        concept = self.concepts[self.names[i]]
        if "states" in concept:
            return self.cells[i].index(label)
        named = [(cell["name"], float(cell.get("below", "inf"))) for cell in concept.get("cells", ())]
        for (name, upto), low in zip(named, [float("-inf"), *(upto for _, upto in named)], strict=False):
            if name == label:
                return next(k for k, cell in enumerate(self.cells[i]) if low <= inside(cell) < upto)
        tests = [part.replace("at least", "at_least").replace("at most", "at_most").split() for part in label.split(" and ")]
        (found,) = [k for k, cell in enumerate(self.cells[i]) if all(TESTS[t[0]](inside(cell), float(t[1])) for t in tests)]
        return found


def band(asked: Asked, risk: float) -> int:
    """The category that a risk proposes."""
    if asked.kind == "outcome":
        return int(risk >= float(asked.body["threshold"]))
    limits = asked.body["limits"]
    return asked.names.index(
        next(b["category"] for b in limits if risk <= float(b.get("up_to", -1)) or risk < float(b.get("below", -1)))
    )
