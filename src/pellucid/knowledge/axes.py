"""The axes of a question: the concepts its predicates mention, measurements cut into cells by the pack's own thresholds.

Cells (or states) that no predicate tells apart share one class, which keeps the space small without losing exactness.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.knowledge.guideline import Bands, Decide, Guideline, Outcome, Question, Scorecard, Table
from pellucid.knowledge.terms import AnswerTest, Atom, Compound, Count, Entry, Larger, Predicate, Score, ScoreTest

EXTRA_LABEL = {"averaged": "not judged", "not stated": "not stated"}
Cut = tuple[float, bool]
"""(limit, strict): a value passes when it is >= limit, or > limit when strict."""


@dataclass(frozen=True, eq=False)
class Axis:
    """One concept of the joint space: its cells, and the class of each cell."""

    entry: Entry
    labels: tuple[str, ...]
    """Cell names; where the concept may stay unjudged, the extra cell 'not judged' or 'not stated' is last."""
    cuts: tuple[Cut, ...]
    """Of a measurement, ascending."""
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

    @property
    def real(self) -> int:
        """Number of real classes."""
        return self.size - self.extra


def parts_of(predicate: Predicate) -> Iterator[Predicate]:
    """A predicate and everything inside it, without following scores and answers."""
    yield predicate
    for part in predicate.parts if isinstance(predicate, Compound | Count) else ():
        yield from parts_of(part)


def mentions(predicates: Sequence[Predicate], guideline: Guideline) -> Iterator[Atom | Larger | Score]:
    """Every atom, comparison and score that some predicates rest on, through scores and earlier questions too."""
    for predicate in predicates:
        for part in parts_of(predicate):
            if isinstance(part, Atom | Larger):
                yield part
            elif isinstance(part, ScoreTest):
                yield part.score
                yield from mentions([term.when for term in part.score.terms if term.when], guideline)
            elif isinstance(part, AnswerTest):
                yield from mentions(predicates_of(guideline.questions[part.question]), guideline)


def predicates_of(question: Question) -> list[Predicate]:
    """Every predicate that bears on a question's answer."""
    card, proposal = scorecard_of(question), question.proposal
    found = [rule.when for rule in question.rules]
    found += [term.when for term in card.terms] if card else []
    rows = proposal.rows if isinstance(proposal, Table | Decide) else ()
    return [*found, *(row.when for row in rows if row.when is not None)]


def scorecard_of(question: Question) -> Scorecard | None:
    """The scorecard that proposes an answer, where one does."""
    return question.proposal.scorecard if isinstance(question.proposal, Bands | Outcome) else None


def axes_of(guideline: Guideline, question: Question) -> tuple[Axis, ...]:
    """The axes of what a question's answer rests on, in the pack's order of concepts."""
    return axes_over(guideline, predicates_of(question))


def axes_over(guideline: Guideline, predicates: Sequence[Predicate]) -> tuple[Axis, ...]:
    """The axes of some predicates, in the pack's order of concepts; hard contradictions cut measurements too."""
    found = list(mentions(predicates, guideline))
    names = {name for one in found for name in _names(one)}
    hard = [one.when for one in guideline.contradictions if one.hard]
    limits = [one for when in hard for one in mentions([when], guideline) if set(_names(one)) <= names]
    found += [one for one in limits if not isinstance(one, Larger)]
    axes = {name: _axis(guideline.entries[name], found) for name in guideline.entries if name in names}
    for one in limits:
        if isinstance(one, Larger):
            shared = {cut[0] for name in (one.first, one.second) for cut in axes[name].cuts}
            for name in (one.first, one.second):
                axes[name] = _axis(guideline.entries[name], found, frozenset(shared))
    return tuple(axes.values())


def _names(one: Atom | Larger | Score) -> tuple[str, ...]:
    if isinstance(one, Atom):
        return (one.concept,)
    if isinstance(one, Larger):
        return (one.first, one.second)
    return tuple(term.concept for term in one.terms if term.concept)


def _axis(entry: Entry, found: Sequence[Atom | Larger | Score], further: frozenset[float] = frozenset()) -> Axis:
    name = entry.concept.name
    used = [one for one in found if isinstance(one, Atom) and one.concept == name]
    named = {(cell.below, False) for cell in entry.cells if cell.below is not None}
    cuts = sorted(named | {cut for atom in used for cut in (atom.low, _above(atom.high)) if cut is not None})
    if entry.concept.unit is not None:
        cuts = sorted({*cuts, *((limit, False) for limit in further)})
    labels = entry.concept.states or tuple(_cell_label(entry, cuts, i) for i in range(len(cuts) + 1))
    rows = [cell_truths(atom, labels, cuts).tolist() for atom in used]
    scored = [term.by_state for one in found if isinstance(one, Score) for term in one.terms if term.concept == name]
    rows += [[by_state[label] for label in labels] for by_state in scored if by_state]
    if further and entry.concept.unit is not None:
        rows.append(list(range(len(labels))))
    signatures = list(zip(*rows, strict=True)) if rows else [()] * len(labels)
    order = list(dict.fromkeys(signatures))
    classes = [order.index(signature) for signature in signatures]
    if entry.when_unknown in EXTRA_LABEL:
        labels, classes = (*labels, EXTRA_LABEL[entry.when_unknown]), [*classes, len(order)]
    return Axis(entry, labels, tuple(cuts), np.asarray(classes, np.intp), max(classes) + 1)


def _above(high: Cut | None) -> Cut | None:
    """The cut that a value must not pass: below t fails at >= t, at most t fails at > t."""
    return None if high is None else (high[0], not high[1])


def cell_truths(atom: Atom, labels: Sequence[str], cuts: Sequence[Cut]) -> NDArray[np.bool_]:
    """Whether each real cell meets an atom."""
    if atom.states:
        return np.asarray([label in atom.states for label in labels])
    first = cuts.index(atom.low) + 1 if atom.low else 0
    past = _above(atom.high)
    last = cuts.index(past) if past else len(cuts)
    return np.asarray([first <= i <= last for i in range(len(labels))])


def _cell_label(entry: Entry, cuts: list[Cut], i: int) -> str:
    low, high = (cuts[i - 1] if i else None), (cuts[i] if i < len(cuts) else None)
    lower = None
    for cell in entry.cells:
        if low == (None if lower is None else (lower, False)) and high == (None if cell.below is None else (cell.below, False)):
            return cell.name
        lower = cell.below
    unit = "" if entry.concept.unit == "1" else f" {entry.concept.unit}"
    parts = [f"{'above' if low[1] else 'at least'} {low[0]:g}{unit}"] if low else []
    return " and ".join([*parts, *([f"{'at most' if high[1] else 'below'} {high[0]:g}{unit}"] if high else [])])
