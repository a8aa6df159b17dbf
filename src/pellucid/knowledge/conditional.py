"""What leaving out the impossible does to findings that were judged: nothing, as long as they can be so among themselves.

Hard contradictions take joint states away. Where a judged concept meets one that nobody judged, the prior of the unjudged one is
conditioned on the judged one, and not the other way round:

    P(judged, unjudged) = P(judged) · P(unjudged | judged, possible)

so a nodule that is half likely part-solid stays so where its solid part is unknown. The probability of each judged state is what
its observer said, unless judged findings contradict each other; only then is that mass left out and the rest made to sum to one.
Exact: the possible share of the unjudged, Z(judged), is the diagram of the impossible with its unjudged axes summed out, and
every leaf of the answer is divided by it.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from pellucid.knowledge.beside import build_beside
from pellucid.knowledge.contradict import contradictions_of
from pellucid.knowledge.diagram import Diagrams, Flat, flatten
from pellucid.knowledge.facts import Fact, read_facts
from pellucid.knowledge.guideline import Guideline
from pellucid.knowledge.space import MET, Builder, Compiled, Leaf, impossible_leaf
from pellucid.record import Finding

DIGITS = 12
"""Shares that differ by less are one terminal."""


def conditional(compiled: Compiled, facts: Sequence[Fact], known: frozenset[int] = frozenset()) -> Flat:
    """The question's diagram whose leaves are divided by the possible share of what nobody judged.

    `known` are axes that count as judged all the same. It is the diagram of the question itself where no contradiction joins a
    judged concept with an unjudged one.
    """
    bound = _in_contradictions(compiled)
    free = [k for k in bound if not facts[k].judged and k not in known]
    if not free or len(free) == len(bound):
        return compiled.flat
    weights = {k: np.bincount(compiled.axes[k].classes, facts[k].weights, compiled.axes[k].size) for k in free}
    return _divided(compiled, tuple((k, tuple(weights[k].tolist())) for k in free))


@lru_cache(maxsize=256)
def _in_contradictions(compiled: Compiled) -> tuple[int, ...]:
    """The axes that the hard contradictions of a question ask."""
    store, seen, stack = compiled.store, set[int](), [compiled.build.impossible()]
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack += store.children[node]
    return tuple(sorted({store.level[node] for node in seen} - {store.depth}))


@lru_cache(maxsize=256)
def _divided(compiled: Compiled, free: tuple[tuple[int, tuple[float, ...]], ...]) -> Flat:
    """The answer over Z, for the class weights of the axes in contradictions that nobody judged."""
    scratch = Diagrams(compiled.store.depth)
    weights = dict(free)

    def summed(level: int, children: list[int]) -> int:
        if level not in weights:
            return scratch.node(level, children)
        total = scratch.terminal(0.0)
        for weight, child in zip(weights[level], children, strict=True):
            if weight > 0:
                total = scratch.combine(lambda a, b, w=weight: round(a + w * b, DIGITS), total, child)
        return total

    ok = compiled.store.combine(lambda bad: 0.0 if bad else 1.0, compiled.build.impossible())
    share = compiled.store.rewrite(ok, summed, scratch)
    if scratch.level[share] == scratch.depth:
        return compiled.flat
    never = impossible_leaf(len(compiled.categories))

    def over(leaf: Leaf, z: float) -> Leaf:
        return Leaf(leaf.open, tuple(p / z for p in leaf.shares)) if z > 0 and leaf is not never else never

    answer = compiled.store.rewrite(compiled.answer, scratch.node, scratch)
    return flatten(scratch, scratch.combine(over, answer, share))


LIKELY = 0.2
"""Findings that contradict each other with at least this probability are pointed out where a question does not weigh it; ours."""


def left_aside(compiled: Compiled, findings: Sequence[Finding]) -> list[str]:
    """Sentences for hard contradictions between a concept that the question uses and one that it does not, both judged: they do
    not weigh on its answer, so what speaks against the finding that it rests on is said. Those called for certain are cautions of
    their own (`contradictions_of`).
    """
    guideline, used, by_name = compiled.guideline, {axis.name for axis in compiled.axes}, {f.concept: f for f in findings}
    called, found = contradictions_of(guideline, findings), list[str]()
    for one in guideline.contradictions:
        build = _contradiction(guideline, one.id) if one.hard else None
        if build is None or used.isdisjoint(build.at) or used.issuperset(build.at):
            continue
        facts = read_facts(build.axes, by_name)
        pairs = zip(build.axes, facts, strict=True)
        weights = [np.asarray(np.bincount(axis.classes, fact.weights, axis.size), np.float64) for axis, fact in pairs]
        flat = flatten(build.store, build.truth(one.when))
        share = float(flat.backward(np.asarray([[float(end == MET)] for end in flat.terminals]), weights)[flat.root, 0])
        if share >= LIKELY and all(fact.judged for fact in facts) and not any(one.claim in text for text in called):
            labels = {name: guideline.concepts[name].label for name in build.at}
            inside = " and ".join(label for name, label in labels.items() if name in used)
            outside = " and ".join(label for name, label in labels.items() if name not in used)
            found.append(
                f"{inside} and {outside} as judged contradict each other with a probability of {100 * share:.0f} % "
                f"({one.claim}), which the {compiled.question.label} leaves aside: it rests on {inside} alone"
            )
    return found


@lru_cache(maxsize=256)
def _contradiction(guideline: Guideline, name: str) -> Builder:
    """What builds the predicate of one contradiction, over its own concepts."""
    return build_beside(guideline, [next(one.when for one in guideline.contradictions if one.id == name)])
