"""Predicates and decision rows as steps of a derivation, on the crisp facts: what was seen, counted, summed, answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pellucid.knowledge.axes import Axis, cell_truths
from pellucid.knowledge.facts import Fact
from pellucid.knowledge.guideline import Decide, DecisionRow, Guideline
from pellucid.knowledge.reasons import crisp_values
from pellucid.knowledge.space import GAP, Compiled
from pellucid.knowledge.terms import AnswerTest, Atom, Compound, Count, Larger, Predicate, ScoreTerm, ScoreTest
from pellucid.record import Step, Truth

KLEENE = {0: Truth.NOT_MET, 1: Truth.UNKNOWN, 2: Truth.MET}
RANK = {found: rank for rank, found in KLEENE.items()}
JOINED = {"all": "all of these hold", "any": "one or more of these hold"}


@dataclass(frozen=True, eq=False)
class Situation:
    """One evaluation under way: the tables, the facts on their axes, and the categories the crisp facts leave open."""

    guideline: Guideline
    compiled: Compiled
    facts: Sequence[Fact]
    by_name: Mapping[str, tuple[Axis, Fact]]
    open: tuple[str, ...]


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


def _only(situation: Situation, predicate: Predicate) -> int:
    """Kleene rank of a predicate on the crisp facts: unknown where they leave two values possible."""
    compiled = situation.compiled
    found = crisp_values(compiled, compiled.build.truth(predicate), situation.facts)
    return found.pop() if len(found) == 1 else 1


def _scored(predicate: ScoreTest, situation: Situation) -> Step:
    score, compiled = predicate.score, situation.compiled
    spans = [crisp_values(compiled, compiled.build.score(score), situation.facts)]
    low, high = min(low for low, _ in spans[0]), max(high for _, high in spans[0])
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
    if term.concept not in situation.by_name:
        return Step(claim=f"points for {term.concept} (not used by this question)", truth=Truth.UNKNOWN, ground="observed")
    axis, fact = situation.by_name[term.concept]
    label, points = axis.entry.concept.label, term.by_state or {}
    if fact.cell is None or fact.cell >= axis.cells:
        span = f"{min(points.values()):g} to {max(points.values()):g}"
        return Step(claim=f"{span} for {label} ({fact.seen})", truth=Truth.UNKNOWN, ground="observed")
    worth = points[axis.labels[fact.cell]]
    claim = f"{worth:+g} for {label}: {axis.labels[fact.cell]} ({fact.seen})"
    return Step(claim=claim, truth=Truth.MET, ground="observed")


def _answered(predicate: AnswerTest, situation: Situation) -> Step:
    question, compiled = situation.guideline.questions[predicate.question], situation.compiled
    found = crisp_values(compiled, compiled.build.category(question), situation.facts)
    names = [list(question.categories)[k] for k in sorted(found) if k != GAP]
    said = f"{question.label}: {listed(names)}" if names else question.label
    because = decided_rows(question.proposal, situation) if isinstance(question.proposal, Decide) else ()
    return Step(claim=f"{predicate.claim} ({said})", truth=KLEENE[_only(situation, predicate)], because=because)


def _join(predicate: Compound, truths: Sequence[Truth]) -> Truth:
    ranks = [RANK[found] for found in truths]
    if predicate.operator == "not":
        return KLEENE[2 - ranks[0]]
    return KLEENE[min(ranks) if predicate.operator == "all" else max(ranks)]


def _observed(atom: Atom, situation: Situation) -> Step:
    if atom.concept not in situation.by_name:
        return Step(claim=f"{atom.claim} (not used by this question)", truth=Truth.UNKNOWN, ground="observed")
    axis, fact = situation.by_name[atom.concept]
    counted = axis.entry.counts_as if "counts as" in fact.seen else None
    return Step(
        claim=f"{atom.claim} ({fact.seen})",
        truth=atom_truth(atom, axis, fact),
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
        step = _row_step(row, situation)
        if step.truth is Truth.NOT_MET:
            passed.append(row.id)
            continue
        shown.append(step)
        if step.truth is Truth.MET:
            break
    if passed:
        shown.insert(0, Step(claim=f"not met: {', '.join(passed)}", truth=Truth.MET))
    return tuple(shown)


def _row_step(row: DecisionRow, situation: Situation) -> Step:
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
