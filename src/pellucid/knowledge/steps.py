"""Predicates and decision rows as steps of a derivation, on the crisp facts: what was seen, counted, summed, answered."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pellucid.knowledge.axes import Axis, cell_truths
from pellucid.knowledge.facts import Fact
from pellucid.knowledge.guideline import Decide, DecisionRow, Guideline
from pellucid.knowledge.reasons import crisp_values
from pellucid.knowledge.space import GAP, Builder
from pellucid.knowledge.terms import AnswerTest, Atom, Compound, Count, Larger, Predicate, ScoreTerm, ScoreTest
from pellucid.record import Step, Truth

KLEENE = {0: Truth.NOT_MET, 1: Truth.UNKNOWN, 2: Truth.MET}
RANK = {found: rank for rank, found in KLEENE.items()}
JOINED = {"all": "all of these hold", "any": "one or more of these hold"}


@dataclass(frozen=True, eq=False)
class Situation:
    """Crisp facts on some axes, and what builds the diagrams of predicates over them."""

    guideline: Guideline
    build: Builder
    facts: Sequence[Fact]
    told: set[str] = field(default_factory=set[str])
    """Earlier questions whose rows, and findings whose origin, were told already: a derivation tells them once."""

    def seen(self, concept: str) -> tuple[Axis, Fact] | None:
        """A concept's axis and fact; None where there is no such axis."""
        at = self.build.at.get(concept)
        return None if at is None else (self.build.axes[at], self.facts[at])

    def values(self, root: int) -> set[Any]:
        """The values of a diagram that the crisp facts leave possible."""
        return crisp_values(self.build, root, self.facts)


def listed(names: Sequence[str]) -> str:
    """Names in words: 'a, b or c'."""
    return " or ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def predicate_step(predicate: Predicate, situation: Situation) -> Step:
    """A predicate with the steps it rests on; leaves are observations."""
    if isinstance(predicate, Atom):
        return _observed(predicate, situation)
    if isinstance(predicate, ScoreTest):
        return _scored(predicate, situation)
    if isinstance(predicate, AnswerTest):
        return _answered(predicate, situation)
    if isinstance(predicate, Larger):
        return Step(claim=predicate.claim, truth=KLEENE[_only(situation, predicate)], ground="observed")
    parts = tuple(predicate_step(part, situation) for part in predicate.parts)
    if isinstance(predicate, Count):
        met = sum(part.truth is Truth.MET for part in parts)
        claim = f"{predicate.claim} ({met} met)"
        return Step(claim=claim, truth=KLEENE[_only(situation, predicate)], because=parts)
    claim = predicate.claim or (f"not so: {parts[0].claim}" if predicate.operator == "not" else JOINED[predicate.operator])
    return Step(claim=claim, truth=_join(predicate, [part.truth for part in parts]), because=parts)


def truth_of(predicate: Predicate, situation: Situation) -> Truth:
    """The truth that `predicate_step` gives, without the steps."""
    if isinstance(predicate, Atom):
        seen = situation.seen(predicate.concept)
        return Truth.UNKNOWN if seen is None else atom_truth(predicate, *seen)
    if isinstance(predicate, Compound):
        return _join(predicate, [truth_of(part, situation) for part in predicate.parts])
    return KLEENE[_only(situation, predicate)]


def _only(situation: Situation, predicate: Predicate) -> int:
    """Kleene rank of a predicate on the crisp facts: unknown where they leave two values possible."""
    found = situation.values(situation.build.truth(predicate))
    return found.pop() if len(found) == 1 else 1


def _scored(predicate: ScoreTest, situation: Situation) -> Step:
    score = predicate.score
    spans: set[tuple[float, float]] = situation.values(situation.build.score(score))
    low, high = min(low for low, _ in spans), max(high for _, high in spans)
    total = f"{low:g}" if low == high else f"between {low:g} and {high:g}"
    terms = tuple(step for term in score.terms if (step := _term_step(term, situation)) is not None)
    summed = Step(
        claim=f"the {score.label} add up to {total}",
        truth=sure(low == high),
        citation=score.citation.text,
        because=terms,
        ground="published",
        verified=score.citation.verified,
    )
    return Step(claim=predicate.claim, truth=KLEENE[_only(situation, predicate)], because=(summed,))


def _term_step(term: ScoreTerm, situation: Situation) -> Step | None:
    """One term of a score; None where it is known to give nothing."""
    if term.when is not None:
        part = predicate_step(term.when, situation)
        if part.truth is Truth.NOT_MET:
            return None
        return Step(claim=f"{term.points:+g} where {part.claim}", truth=part.truth, because=part.because, ground="observed")
    found = situation.seen(term.concept or "")
    if found is None:
        return Step(claim=f"points for {term.concept} (not used by this question)", truth=Truth.UNKNOWN, ground="observed")
    axis, fact = found
    label, points = axis.entry.concept.label, term.by_state or {}
    if fact.cell is None or fact.cell >= axis.cells:
        span = f"{min(points.values()):g} to {max(points.values()):g}"
        return Step(claim=f"{span} for {label} ({fact.seen})", truth=Truth.UNKNOWN, ground="observed")
    worth = points[axis.labels[fact.cell]]
    claim = f"{worth:+g} for {label}: {axis.labels[fact.cell]} ({fact.seen})"
    return Step(claim=claim, truth=Truth.MET, ground="observed")


def _answered(predicate: AnswerTest, situation: Situation) -> Step:
    question = situation.guideline.questions[predicate.question]
    found: set[int] = situation.values(situation.build.category(question))
    names = [list(question.categories)[k] for k in sorted(found) if k != GAP]
    said = f"{question.label}: {listed(names)}" if names else question.label
    because: tuple[Step, ...] = ()
    if isinstance(question.proposal, Decide) and question.name not in situation.told:
        situation.told.add(question.name)
        because = decided_rows(question.proposal, situation)
    return Step(claim=f"{predicate.claim} ({said})", truth=KLEENE[_only(situation, predicate)], because=because)


def _join(predicate: Compound, truths: Sequence[Truth]) -> Truth:
    ranks = [RANK[found] for found in truths]
    if predicate.operator == "not":
        return KLEENE[2 - ranks[0]]
    return KLEENE[min(ranks) if predicate.operator == "all" else max(ranks)]


def _observed(atom: Atom, situation: Situation) -> Step:
    found = situation.seen(atom.concept)
    if found is None:
        return Step(claim=f"{atom.claim} (not used by this question)", truth=Truth.UNKNOWN, ground="observed")
    axis, fact = found
    counted = axis.entry.counts_as if "counts as" in fact.seen else None
    fresh = f"finding {atom.concept}" not in situation.told
    situation.told.add(f"finding {atom.concept}")
    return Step(
        claim=f"{atom.claim} ({fact.seen})",
        truth=atom_truth(atom, axis, fact),
        because=fact.because if fresh else (),
        ground="observed",
        citation=counted.citation.text if counted else None,
        verified=counted.citation.verified if counted else None,
    )


def atom_truth(atom: Atom, axis: Axis, fact: Fact) -> Truth:
    """Kleene truth of an atom on one fact."""
    if fact.cell is None or fact.cell >= axis.cells:
        return Truth.UNKNOWN
    return KLEENE[2 * int(cell_truths(atom, axis.labels[: axis.cells], axis.cuts)[fact.cell])]


def decided_rows(proposal: Decide, situation: Situation) -> tuple[Step, ...]:
    """The row that decides, and the rows above it that are unknown; rows that are not met are only named."""
    shown: list[Step] = []
    passed: list[str] = []
    for row in (*proposal.rows, *([proposal.otherwise] if proposal.otherwise else [])):
        if row.when is not None and truth_of(row.when, situation) is Truth.NOT_MET:
            passed.append(row.id)
            continue
        step = row_step(row, situation)
        shown.append(step)
        if step.truth is Truth.MET:
            break
    if passed:
        shown.insert(0, Step(claim=f"not met: {', '.join(passed)}", truth=Truth.MET))
    return tuple(shown)


def row_step(row: DecisionRow, situation: Situation) -> Step:
    """A decision row with the steps it rests on."""
    part = predicate_step(row.when, situation) if row.when else Step(claim="no row above is met", truth=Truth.MET)
    because = part.because if row.when is None or (isinstance(row.when, Compound) and not row.when.claim) else (part,)
    return Step(
        claim=f"{row.id}: {row.claim}" if row.when else row.claim,
        truth=part.truth,
        citation=row.citation.text if row.citation else None,
        because=because,
        ground="published" if row.citation else "logic",
        verified=row.citation.verified if row.citation else None,
    )


def sure(certain: bool) -> Truth:
    """Met where certain, else unknown."""
    return Truth.MET if certain else Truth.UNKNOWN
