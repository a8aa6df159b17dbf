"""A question as finite tables, built once: every joint state of its concepts, with the categories left open and their
probabilities.

An axis is a concept that the question's predicates mention. Measurements are cut into cells by the pack's own thresholds, and
cells (or states) that no predicate tells apart share one class, which keeps the space small without losing exactness. Arrays
over the joint space have one dimension per axis, in the pack's order of concepts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import GuidelineError
from pellucid.knowledge.guideline import Atom, Bands, Compound, Entry, Guideline, Outcome, Predicate, Question, Scorecard, Table

NOT_MET, UNKNOWN, MET = 0, 1, 2
MAX_JOINT_STATES = 2_000_000
EXTRA_LABEL = {"averaged": "not judged", "not stated": "not stated"}

Truths = NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Axis:
    """One concept of the joint space: its cells, and the class of each cell."""

    entry: Entry
    labels: tuple[str, ...]
    """Cell names; where the concept may stay unjudged, the extra cell 'not judged' or 'not stated' is last."""
    cuts: tuple[tuple[float, bool], ...]
    """(limit, strict) of a measurement, ascending: a value passes when it is >= limit, or > limit when strict."""
    classes: NDArray[np.intp]
    """Class of each cell."""
    size: int
    """Number of classes, the extra cell's included (it has the last)."""

    @property
    def name(self) -> str:
        """The concept's name."""
        return self.entry.concept.name

    @property
    def extra(self) -> bool:
        """Whether the last cell is 'not judged' or 'not stated'."""
        return self.entry.when_unknown in EXTRA_LABEL

    @property
    def cells(self) -> int:
        """Number of real cells, the extra one not counted."""
        return len(self.labels) - self.extra


@dataclass(frozen=True, eq=False)
class Compiled:
    """The tables of one question."""

    question: Question
    axes: tuple[Axis, ...]
    categories: tuple[str, ...]
    open: NDArray[np.uint16]
    """Bit k is set where category k is left open by proposal and rules; one dimension per axis."""
    shares: NDArray[np.float64]
    """(categories, joint states): the distribution over categories in each joint state."""
    points: NDArray[np.int16] | None
    """Total points of the scorecard, where there is one."""
    proposed: NDArray[np.int16] | None
    """Category the scorecard proposes before rules, where there is one."""


def atoms(predicate: Predicate) -> Iterator[Atom]:
    """Every atom of a predicate, left to right."""
    if isinstance(predicate, Atom):
        yield predicate
    else:
        for part in predicate.parts:
            yield from atoms(part)


def scorecard_of(question: Question) -> Scorecard | None:
    """The scorecard a question's proposal rests on, if any."""
    return question.proposal.scorecard if isinstance(question.proposal, (Bands, Outcome)) else None


def predicates(question: Question) -> list[Predicate]:
    """Every predicate that decides the category: rules, scorecard terms, table rows."""
    card = scorecard_of(question)
    found = [rule.when for rule in question.rules] + [term.when for term in (card.terms if card else ())]
    if isinstance(question.proposal, Table):
        found += [row.when for row in question.proposal.rows if row.when is not None]
    return found


@lru_cache(maxsize=256)
def compile_question(guideline: Guideline, name: str) -> Compiled:
    """The tables of question `name`; cached per guideline object."""
    question = guideline.questions[name]
    used = [atom for predicate in predicates(question) for atom in atoms(predicate)]
    axes = tuple(
        _axis(entry, mentioned)
        for concept, entry in guideline.entries.items()
        if (mentioned := [atom for atom in used if atom.concept == concept])
    )
    shape = tuple(axis.size for axis in axes)
    if int(np.prod(shape, dtype=np.int64)) > MAX_JOINT_STATES:
        raise GuidelineError(f"{guideline.file}: question {name}: expected at most {MAX_JOINT_STATES} joint states, got {shape}")
    floor, ceiling = _bounds(question, axes)
    card, points = scorecard_of(question), None
    if card:
        points = sum(
            (term.points * (truth(term.when, axes) == MET).astype(np.int16) for term in card.terms), np.zeros(shape, np.int16)
        )
    if isinstance(question.proposal, Table):
        opened, shares, proposed = *_from_table(question.proposal, axes, floor, ceiling), None
    else:
        risk = np.asarray(question.proposal.scorecard.risks)[np.asarray(points) - question.proposal.scorecard.lowest]
        opened, shares, proposed = _from_risk(question, risk, floor, ceiling)
    return Compiled(
        question, axes, tuple(question.categories), opened, shares.reshape(len(question.categories), -1), points, proposed
    )


def _axis(entry: Entry, used: list[Atom]) -> Axis:
    named = {(cell.below, False) for cell in entry.cells if cell.below is not None}
    cuts = sorted(named | {cut for atom in used for cut in (atom.low, _above(atom.high)) if cut is not None})
    labels = entry.concept.states or tuple(_cell_label(entry, cuts, i) for i in range(len(cuts) + 1))
    vectors = np.stack([_cell_truths(atom, labels, cuts) for atom in used])
    signatures = [tuple(column) for column in vectors.T.tolist()]
    order = list(dict.fromkeys(signatures))
    classes = [order.index(signature) for signature in signatures]
    if entry.when_unknown in EXTRA_LABEL:
        labels, classes = (*labels, EXTRA_LABEL[entry.when_unknown]), [*classes, len(order)]
    return Axis(entry, labels, tuple(cuts), np.asarray(classes, np.intp), max(classes) + 1)


def _above(high: tuple[float, bool] | None) -> tuple[float, bool] | None:
    """The cut that a value must not pass: below t fails at >= t, at most t fails at > t."""
    return None if high is None else (high[0], not high[1])


def _cell_truths(atom: Atom, labels: tuple[str, ...], cuts: list[tuple[float, bool]]) -> NDArray[np.bool_]:
    if atom.states:
        return np.asarray([label in atom.states for label in labels])
    first = cuts.index(atom.low) + 1 if atom.low else 0
    past = _above(atom.high)
    last = cuts.index(past) if past else len(cuts)
    return np.asarray([first <= i <= last for i in range(len(labels))])


def _cell_label(entry: Entry, cuts: list[tuple[float, bool]], i: int) -> str:
    low, high = (cuts[i - 1] if i else None), (cuts[i] if i < len(cuts) else None)
    lower = None
    for cell in entry.cells:
        if low == (None if lower is None else (lower, False)) and high == (None if cell.below is None else (cell.below, False)):
            return cell.name
        lower = cell.below
    unit = "" if entry.concept.unit == "1" else f" {entry.concept.unit}"
    parts = [f"{'above' if low[1] else 'at least'} {low[0]:g}{unit}"] if low else []
    return " and ".join([*parts, *([f"{'at most' if high[1] else 'below'} {high[0]:g}{unit}"] if high else [])])


def truth(predicate: Predicate, axes: tuple[Axis, ...]) -> Truths:
    """Kleene truth of a predicate over the joint space, broadcastable; cells that are not judged or not stated are unknown."""
    if isinstance(predicate, Compound):
        parts = [truth(part, axes) for part in predicate.parts]
        if predicate.operator == "not":
            return (MET - parts[0]).astype(np.int8)
        join = np.minimum if predicate.operator == "all" else np.maximum
        found = parts[0]
        for part in parts[1:]:
            found = join(found, part)
        return found
    i = next(k for k, axis in enumerate(axes) if axis.name == predicate.concept)
    axis = axes[i]
    met = _cell_truths(predicate, axis.labels[: axis.cells], list(axis.cuts))
    line = np.full(axis.size, UNKNOWN, np.int8)
    line[axis.classes[: axis.cells]] = np.where(met, MET, NOT_MET)
    return line.reshape([-1 if k == i else 1 for k in range(len(axes))])


def _bounds(question: Question, axes: tuple[Axis, ...]) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Floor and ceiling as category indices; where two published rules cross, the more suspicious one stands."""
    names = list(question.categories)
    shape = tuple(axis.size for axis in axes)
    floor, ceiling = np.zeros(shape, np.int16), np.full(shape, len(names) - 1, np.int16)
    for rule in question.rules:
        met = truth(rule.when, axes) == MET
        if rule.low:
            np.maximum(floor, np.where(met, names.index(rule.low), 0), out=floor, casting="unsafe")
        if rule.high:
            np.minimum(ceiling, np.where(met, names.index(rule.high), len(names) - 1), out=ceiling, casting="unsafe")
    return floor, np.maximum(floor, ceiling)


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


def _from_risk(
    question: Question, risk: NDArray[np.float64], floor: NDArray[np.int16], ceiling: NDArray[np.int16]
) -> tuple[NDArray[np.uint16], NDArray[np.float64], NDArray[np.int16]]:
    if isinstance(question.proposal, Table):
        raise TypeError("expected bands or an outcome")
    proposed = band_of(question.proposal, list(question.categories), risk)
    category = np.maximum(np.minimum(proposed, ceiling), floor)
    if isinstance(question.proposal, Outcome):
        shares = np.stack([1.0 - risk, risk])
    else:
        shares = np.stack([category == k for k in range(len(question.categories))]).astype(np.float64)
    return np.left_shift(1, category).astype(np.uint16), shares, proposed


def _from_table(
    table: Table, axes: tuple[Axis, ...], floor: NDArray[np.int16], ceiling: NDArray[np.int16]
) -> tuple[NDArray[np.uint16], NDArray[np.float64]]:
    row = np.full(floor.shape, len(table.rows) - 1, np.int16)
    for i in range(len(table.rows) - 2, -1, -1):
        when = table.rows[i].when
        if when is not None:
            row = np.where(truth(when, axes) == MET, np.int16(i), row)
    n = len(table.rows[0].counts)
    inside = np.stack([(floor <= k) & (k <= ceiling) for k in range(n)])
    opened = sum((inside[k].astype(np.uint16) << k for k in range(n)), np.zeros(floor.shape, np.uint16))
    shares = np.moveaxis(table_shares(table)[row], -1, 0) * inside
    return opened.astype(np.uint16), shares / shares.sum(axis=0)


def table_shares(table: Table) -> NDArray[np.float64]:
    """(rows, categories): smoothed shares; the pseudo-count is spread over the categories by their overall share."""
    counts = np.asarray([row.counts for row in table.rows], np.float64)
    overall = counts.sum(axis=0) / counts.sum()
    smoothed = counts + table.smoothing * overall
    return smoothed / smoothed.sum(axis=1, keepdims=True)
