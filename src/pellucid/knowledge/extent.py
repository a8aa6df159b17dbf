"""How large a pack is: rows, cases, the states its questions tell apart, their joint states, and the nodes that hold them all."""

from dataclasses import dataclass
from math import prod

from pellucid.knowledge.axes import scorecard_of
from pellucid.knowledge.guideline import Guideline, Question, Table
from pellucid.knowledge.questions import rows_of
from pellucid.knowledge.space import compile_question

LONGEST = 20
"""Up to so many factors of a product are written out."""


@dataclass(frozen=True, slots=True)
class Extent:
    """One question, or a whole pack."""

    rows: int
    """Decision rows, counted rows, terms of a scorecard, floors and ceilings; of a pack the points and signs too."""
    states: int
    """Classes of states that the rules tell apart, over all concepts; 'not judged' counts where it makes a difference."""
    joint: int
    """Their product: every combination that the checker proves something of."""
    product: str
    nodes: int
    """Of the decision diagram, which holds the combinations exactly."""


def question_extent(guideline: Guideline, name: str) -> Extent:
    """One question of a pack."""
    compiled = compile_question(guideline, name)
    sizes = [axis.size for axis in compiled.axes]
    joint = prod(sizes)
    written = " × ".join(map(str, sizes)) if len(sizes) <= LONGEST else f"product of {len(sizes)} concepts"
    return Extent(_rows(guideline.questions[name]), sum(sizes), joint, f"{written} = {number(joint)}", compiled.flat.size)


def pack_extent(guideline: Guideline) -> Extent:
    """A whole pack: sums over its questions, and the joint states of the largest."""
    each = [question_extent(guideline, name) for name in guideline.questions]
    largest = max(each, key=lambda one: one.joint, default=Extent(0, 0, 0, "no question", 0))
    points = sum(len(term.by_state or {}) or 1 for score in guideline.scores.values() for term in score.terms)
    signs = sum(len(d.signs) for weights in guideline.differentials.values() for d in weights.diagnoses)
    rows = sum(one.rows for one in each) + points + signs
    return Extent(rows, sum(one.states for one in each), largest.joint, largest.product, sum(one.nodes for one in each))


def number(n: int) -> str:
    """A count as it is, or its order of magnitude."""
    return f"{n:,}" if n < 10**7 else f"{n:.1e}".replace("e+", " × 10^")


def _rows(question: Question) -> int:
    counted = len(question.proposal.rows) if isinstance(question.proposal, Table) else 0
    card = scorecard_of(question)
    return len(rows_of(question)) + len(question.rules) + counted + (len(card.terms) if card else 0)
