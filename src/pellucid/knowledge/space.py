"""A question as a decision diagram over every joint state of its concepts, built once per pack.

Counts, scores, earlier questions and decision rows are folded one into the next, so equal parts meet early and the diagram stays
small where a table of all joint states would not. Kleene's three values are kept while predicates are built: a cell 'not stated'
or 'not judged' leaves them unknown, and what is unknown does not bind.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import GuidelineError
from pellucid.knowledge.axes import Axis, Cut, axes_of, cell_truths, scorecard_of
from pellucid.knowledge.diagram import SEVERAL, Diagrams, Flat, flatten
from pellucid.knowledge.guideline import Bands, Decide, Guideline, Outcome, Question, Rule, Table
from pellucid.knowledge.terms import AnswerTest, Atom, Compound, Count, Larger, Predicate, Score, ScoreTest

NOT_MET, UNKNOWN, MET = 0, 1, 2
GAP = -1
POINT_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Leaf:
    """Where a joint state leads: the categories left open, as bits, and the probability of each. No bits: it cannot be."""

    open: int
    shares: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Compiled:
    """One question, ready to be evaluated. Roots are nodes of `store`."""

    guideline: Guideline
    question: Question
    axes: tuple[Axis, ...]
    categories: tuple[str, ...]
    store: Diagrams
    answer: int
    """Terminals are leaves."""
    flat: Flat
    """The same as arrays."""
    masks: Diagrams
    """A small store of its own, with two roots."""
    masked: int
    """Terminals are the categories left open, as bits."""
    decided: int
    """The same with SEVERAL for two bits or more."""
    points: int | None
    """Terminals are totals of the scorecard, where there is one."""
    proposed: int | None
    """Terminals are the category indices that the scorecard proposes, before floors and ceilings."""
    build: "Builder"
    """Makes the diagrams of further predicates over the same axes."""

    def axis(self, concept: str) -> int | None:
        """The position of a concept's axis; None where the question does not use it."""
        return next((k for k, axis in enumerate(self.axes) if axis.name == concept), None)


class Builder:
    """Predicates, scores and questions as diagrams over one set of axes."""

    def __init__(self, guideline: Guideline, axes: Sequence[Axis]) -> None:
        self.guideline, self.axes = guideline, tuple(axes)
        self.store = Diagrams(len(self.axes))
        self.at = {axis.name: k for k, axis in enumerate(self.axes)}
        self._made: dict[Hashable, tuple[object, int]] = {}

    def _once(self, key: object, make: Callable[[], int]) -> int:
        """`make()`, kept under the identity of `key`."""
        found = self._made.get(id(key))
        if found is None:
            found = self._made[id(key)] = (key, make())
        return found[1]

    def truth(self, predicate: Predicate) -> int:
        """The diagram of a predicate; terminals are Kleene's values. Concepts that no axis has are unknown."""
        return self._once(predicate, lambda: self._truth(predicate))

    def _truth(self, predicate: Predicate) -> int:
        if isinstance(predicate, Atom):
            return self._atom(predicate)
        if isinstance(predicate, Compound):
            return self._compound(predicate)
        if isinstance(predicate, Count):
            counted = self.store.terminal((0, 0))
            for part in predicate.parts:
                counted = self.store.combine(_tally, counted, self.truth(part))
            return self.store.combine(lambda n: _within(n, (predicate.least, False), (predicate.most, False)), counted)
        if isinstance(predicate, ScoreTest):
            return self.store.combine(lambda n: _within(n, predicate.low, predicate.high), self.score(predicate.score))
        if isinstance(predicate, AnswerTest):
            question = self.guideline.questions[predicate.question]
            wanted = {list(question.categories).index(name) for name in predicate.answers}
            return self.store.combine(lambda k: UNKNOWN if k == GAP else MET * (k in wanted), self.category(question))
        return self._larger(predicate)

    def _atom(self, atom: Atom) -> int:
        if atom.concept not in self.at:
            return self.store.terminal(UNKNOWN)
        axis = self.axes[self.at[atom.concept]]
        line = np.full(axis.size, UNKNOWN)
        met = cell_truths(atom, axis.labels[: axis.cells], axis.cuts)
        line[axis.classes[: axis.cells]] = np.where(met, MET, NOT_MET)
        return self.store.leaf(self.at[atom.concept], line.tolist())

    def _compound(self, predicate: Compound) -> int:
        parts = [self.truth(part) for part in predicate.parts]
        if predicate.operator == "not":
            return self.store.combine(lambda a: MET - a, parts[0])
        found = parts[-1]
        for part in reversed(parts[:-1]):
            found = self.store.combine(min if predicate.operator == "all" else max, part, found)
        return found

    def _larger(self, predicate: Larger) -> int:
        if predicate.first not in self.at or predicate.second not in self.at:
            return self.store.terminal(UNKNOWN)
        first, second = self.axes[self.at[predicate.first]], self.axes[self.at[predicate.second]]
        found = self.store.terminal(UNKNOWN)
        for own in range(first.cells):
            line = np.full(second.size, UNKNOWN)
            for other in range(second.cells):
                line[second.classes[other]] = _compare(_bounds(first, own), _bounds(second, other))
            row = self.store.leaf(self.at[predicate.second], line.tolist())
            here = self.store.leaf(self.at[predicate.first], [k == first.classes[own] for k in range(first.size)])
            found = self.store.combine(lambda at, then, other: then if at else other, here, row, found)
        return found

    def score(self, score: Score) -> int:
        """The diagram of a score; terminals are (lowest, highest) totals, equal where every term is known."""
        return self._once(score, lambda: self._score(score))

    def _score(self, score: Score) -> int:
        total = self.store.terminal((0.0, 0.0))
        for term in score.terms:
            if term.when is not None:
                points = term.points
                part = self.store.combine(lambda t, p=points: _points(t, p), self.truth(term.when))
            else:
                part = self._by_state(term.concept or "", dict(term.by_state or {}))
            total = self.store.combine(_add, total, part)
        return total

    def _by_state(self, concept: str, points: dict[str, float]) -> int:
        span = (min(points.values()), max(points.values()))
        if concept not in self.at:
            return self.store.terminal(span)
        axis = self.axes[self.at[concept]]
        line = [span] * axis.size
        for cell in range(axis.cells):
            own = points[axis.labels[cell]]
            line[int(axis.classes[cell])] = (own, own)
        return self.store.leaf(self.at[concept], line)

    def category(self, question: Question) -> int:
        """The diagram of a question's category; terminals are indices, GAP where no row fits."""
        return self._once(question, lambda: self._category(question))

    def _category(self, question: Question) -> int:
        if isinstance(question.proposal, Table):
            raise GuidelineError(
                f"{self.guideline.file}: question {question.name}: its counted table gives no one answer to test"
            )
        names = list(question.categories)
        outside = {names.index(name) for name in question.outside}
        proposed, (floor, ceiling) = self.proposed(question), self.bounds(question)
        return self.store.combine(
            lambda k, low, high: k if k == GAP or k in outside else max(min(k, high), low), proposed, floor, ceiling
        )

    def proposed(self, question: Question) -> int:
        """The diagram of what proposes a category, before floors and ceilings; terminals are indices."""
        return self._once(question.proposal, lambda: self._proposed(question))

    def _proposed(self, question: Question) -> int:
        proposal, names = question.proposal, list(question.categories)
        if isinstance(proposal, Decide):
            return self.first_met([(row.when, names.index(row.category)) for row in (*proposal.rows, proposal.otherwise) if row])
        if isinstance(proposal, Table):
            raise TypeError("expected decision rows or a scorecard")
        lowest, risks = proposal.scorecard.lowest, np.asarray(proposal.scorecard.risks)
        bands = band_of(proposal, names, risks).tolist()
        return self.store.combine(lambda total: bands[total - lowest], self.points(question))

    def points(self, question: Question) -> int:
        """The diagram of a scorecard's total."""
        card = scorecard_of(question)
        if card is None:
            raise TypeError("expected a question with a scorecard")
        total = self.store.terminal(0)
        for term in card.terms:
            add = term.points
            total = self.store.combine(lambda n, t, p=add: n + p * (t == MET), total, self.truth(term.when))
        return total

    def first_met(self, rows: Sequence[tuple[Predicate | None, int]]) -> int:
        """The diagram of the first row that is met; rows without a predicate always are."""
        found = self.store.terminal(GAP)
        for when, index in reversed(rows):
            if when is None:
                found = self.store.terminal(index)
            else:
                found = self.store.combine(lambda t, other, k=index: k if t == MET else other, self.truth(when), found)
        return found

    def bounds(self, question: Question) -> tuple[int, int]:
        """Floor and ceiling as category indices; where two published rules cross, the more suspicious one stands."""
        names = list(question.categories)
        floor = self._limit(question.rules, [names.index(r.low) if r.low else 0 for r in question.rules], max, 0)
        last = len(names) - 1
        ceiling = self._limit(question.rules, [names.index(r.high) if r.high else last for r in question.rules], min, last)
        return floor, self.store.combine(max, floor, ceiling)

    def _limit(self, rules: Sequence[Rule], limits: Sequence[int], join: Callable[[int, int], int], idle: int) -> int:
        found = self.store.terminal(idle)
        for rule, limit in zip(rules, limits, strict=True):
            if limit != idle:
                found = self.store.combine(lambda t, k, own=limit: join(own, k) if t == MET else k, self.truth(rule.when), found)
        return found

    def impossible(self) -> int:
        """The diagram of hard contradictions; 1 where one is met."""
        return self._once(self.guideline.contradictions, self._impossible)

    def _impossible(self) -> int:
        found = self.store.terminal(0)
        for one in self.guideline.contradictions:
            if one.hard:
                found = self.store.combine(lambda t, other: 1 if t == MET else other, self.truth(one.when), found)
        return found


def _tally(counted: tuple[int, int], found: int) -> tuple[int, int]:
    return counted[0] + (found == MET), counted[1] + (found != NOT_MET)


def _points(found: int, points: float) -> tuple[float, float]:
    if found == UNKNOWN:
        return min(0.0, points), max(0.0, points)
    return (points, points) if found == MET else (0.0, 0.0)


def _add(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    return round(a[0] + b[0], POINT_DIGITS), round(a[1] + b[1], POINT_DIGITS)


def _within(span: tuple[float, float], low: Cut | None, high: Cut | None) -> int:
    """Kleene truth of a total, known between two ends, lying between two limits."""
    ends = [
        (low is None or x > low[0] or (x == low[0] and not low[1]), high is None or x < high[0] or (x == high[0] and not high[1]))
        for x in span
    ]
    if all(above and below for above, below in ends):
        return MET
    return NOT_MET if not ends[1][0] or not ends[0][1] else UNKNOWN


Bounds = tuple[Cut | None, Cut | None]


def _bounds(axis: Axis, cell: int) -> Bounds:
    return axis.cuts[cell - 1] if cell else None, axis.cuts[cell] if cell < len(axis.cuts) else None


def _compare(first: Bounds, second: Bounds) -> int:
    """Whether any value of the first cell exceeds every value of the second: MET always, NOT_MET never, else UNKNOWN."""
    if _beyond(first[0], second[1]):
        return MET
    return NOT_MET if _beyond(second[0], first[1], strictly=False) else UNKNOWN


def _beyond(low: Cut | None, high: Cut | None, strictly: bool = True) -> bool:
    """Whether everything from `low` up lies above (or, not strictly, at or above) everything below `high`."""
    if low is None or high is None:
        return False
    apart = low[1] or not high[1]
    return low[0] > high[0] or (low[0] == high[0] and (apart or not strictly))


def band_of(proposal: Bands | Outcome, names: list[str], risks: NDArray[np.float64]) -> NDArray[np.int16]:
    """Category index that each risk proposes."""
    if isinstance(proposal, Outcome):
        return (risks >= proposal.threshold).astype(np.int16)
    found = np.zeros(risks.shape, np.int16)
    for band, following in zip(proposal.bands, (*proposal.bands[1:], None), strict=True):
        if band is proposal.bands[0]:
            found[...] = names.index(band.category)
        if following is not None:
            past = risks > band.limit if band.inclusive else risks >= band.limit
            found[past] = names.index(following.category)
    return found


def table_shares(table: Table) -> NDArray[np.float64]:
    """(rows, categories): smoothed shares; the pseudo-count is spread over the categories by their overall share."""
    counts = np.asarray([row.counts for row in table.rows], np.float64)
    overall = counts.sum(axis=0) / counts.sum()
    smoothed = counts + table.smoothing * overall
    return smoothed / smoothed.sum(axis=1, keepdims=True)


@lru_cache(maxsize=256)
def compile_question(guideline: Guideline, name: str) -> Compiled:
    """The diagrams of one question; GuidelineError where a joint state is left without an answer."""
    question = guideline.questions[name]
    build = Builder(guideline, axes_of(guideline, question))
    leaves = _leaves(build, question)
    never = impossible_leaf(len(question.categories))

    def possible(bad: int, leaf: Leaf) -> Leaf:
        return never if bad else leaf

    answer = build.store.combine(possible, build.impossible(), leaves)
    gap = build.store.path(answer, lambda leaf: leaf.open == 0 and any(leaf.shares))
    if gap is not None:
        raise GuidelineError(
            f"{guideline.file}: question {name}: expected a row for every combination, got none where "
            f"{state_words(build.axes, gap)}; add a row, or `otherwise`"
        )
    carded, masks = scorecard_of(question) is not None, Diagrams(len(build.axes))
    opened = build.store.combine(_open, answer)
    return Compiled(
        guideline,
        question,
        build.axes,
        tuple(question.categories),
        build.store,
        answer,
        flatten(build.store, answer),
        masks,
        build.store.rewrite(opened, masks.node, masks),
        build.store.rewrite(build.store.combine(_alone, opened), masks.node, masks),
        build.points(question) if carded else None,
        build.proposed(question) if carded else None,
        build,
    )


def _open(leaf: Leaf) -> int:
    return leaf.open


def _alone(bits: int) -> int:
    return bits if bits.bit_count() < 2 else SEVERAL


def impossible_leaf(n: int) -> Leaf:
    """The leaf of what cannot be."""
    return Leaf(0, (0.0,) * n)


def _leaves(build: Builder, question: Question) -> int:
    n, proposal = len(question.categories), question.proposal
    certain = [Leaf(1 << k, tuple(float(i == k) for i in range(n))) for k in range(n)]
    if isinstance(proposal, Table):
        return _table_leaves(build, question, proposal)
    if isinstance(proposal, Outcome):
        lowest, risks = proposal.scorecard.lowest, proposal.scorecard.risks
        ends = [Leaf(1 << int(risk >= proposal.threshold), (1.0 - risk, risk)) for risk in risks]

        def risky(total: int) -> Leaf:
            return ends[total - lowest]

        return build.store.combine(risky, build.points(question))
    gap = Leaf(0, (1.0,) * n)  # told from what cannot be by its shares

    def sure(k: int) -> Leaf:
        return gap if k == GAP else certain[k]

    return build.store.combine(sure, build.category(question))


def _table_leaves(build: Builder, question: Question, table: Table) -> int:
    shares = table_shares(table)
    row = build.first_met([(row.when, i) for i, row in enumerate(table.rows)])
    floor, ceiling = build.bounds(question)

    def leaf(i: int, low: int, high: int) -> Leaf:
        kept = [share if low <= k <= high else 0.0 for k, share in enumerate(shares[i].tolist())]
        return Leaf(sum(1 << k for k in range(low, high + 1)), tuple(share / sum(kept) for share in kept))

    return build.store.combine(leaf, row, floor, ceiling)


def state_words(axes: Sequence[Axis], path: dict[int, int]) -> str:
    """A way through a diagram in words: 'type solid, mean diameter below 6 mm'."""
    said: list[str] = []
    for k, at in sorted(path.items()):
        axis = axes[k]
        cell = next(i for i in range(len(axis.labels)) if axis.classes[i] == at)
        said.append(f"{axis.entry.concept.label} {axis.labels[cell]}")
    return ", ".join(said) or "always"
