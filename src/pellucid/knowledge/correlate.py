"""Findings that go together: a counted joint table in the place of independence, with a reader's probabilities as evidence.

A joint state's weight is its share in the table times, for every finding, the reader's probability over the table's marginal
(virtual evidence: Pearl 1988, section 2.2.2; Jeffrey's rule would keep the marginals instead). The sum over joint states of the
group is exact: each is a certain case of the rest.
"""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pellucid.knowledge.conditional import conditional
from pellucid.knowledge.facts import Fact
from pellucid.knowledge.guideline import Joint
from pellucid.knowledge.reasons import class_weights, joint_with_each_axis
from pellucid.knowledge.space import Compiled

SMOOTHING = 0.5
"""Added to every cell of a counted table, so that what was never seen together is not impossible (Jeffreys' prior)."""


def joint_mass(compiled: Compiled, facts: Sequence[Fact]) -> list[NDArray[np.float64]]:
    """As `joint_with_each_axis`, with the pack's joint tables in the place of independence.

    Where a hard contradiction meets a concept of a table, that concept counts as judged: the table speaks for it.
    """
    groups = [group for joint in compiled.guideline.joint if (group := _group(compiled, facts, joint))]
    base = class_weights(compiled, facts)
    flat = conditional(compiled, facts, frozenset(k for group in groups for k, _ in group[0][0]))
    total: list[NDArray[np.float64]] | None = None
    for chosen in itertools.product(*groups):
        weights, share = list(base), 1.0
        for states, weight in chosen:
            share *= weight
            for k, cell in states:
                weights[k] = np.eye(compiled.axes[k].size)[compiled.axes[k].classes[cell]]
        if share > 0:
            part = [share * one for one in joint_with_each_axis(compiled, weights, flat)]
            total = part if total is None else [a + b for a, b in zip(total, part, strict=True)]
    return total if total is not None else joint_with_each_axis(compiled, base, flat)


State = tuple[tuple[tuple[int, int], ...], float]
"""((axis, cell), …) of the concepts of a group, and the weight of that joint state."""


def _group(compiled: Compiled, facts: Sequence[Fact], joint: Joint) -> list[State]:
    """The joint states of one table over the axes that the question uses; none where it uses fewer than two."""
    sizes = [len(compiled.guideline.entries[name].concept.states or ()) for name in joint.concepts]
    used = [(i, k) for i, name in enumerate(joint.concepts) if (k := compiled.axis(name)) is not None]
    if len(used) < 2:
        return []
    table = np.asarray(joint.counts).reshape(sizes) + SMOOTHING
    table = table.sum(axis=tuple(i for i in range(len(sizes)) if i not in {i for i, _ in used}))
    table = table / table.sum()
    evidence = np.ones_like(table)
    for at, (_, k) in enumerate(used):
        marginal = table.sum(axis=tuple(i for i in range(table.ndim) if i != at))
        own = facts[k].weights[: len(marginal)] if facts[k].judged else marginal
        evidence = evidence * (own / marginal).reshape([-1 if i == at else 1 for i in range(table.ndim)])
    weights = table * evidence
    if weights.sum() <= 0:
        return []
    weights = weights / weights.sum()
    axes = [k for _, k in used]
    return [(tuple(zip(axes, cells, strict=True)), float(weights[cells])) for cells in np.ndindex(*weights.shape)]
