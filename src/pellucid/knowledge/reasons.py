"""Exact reasons from a question's diagram: sufficient reasons, contrasts, value of looking again.

Facts are crisp cells; a concept without one is free and ranges over all its real states. Nothing is sampled, and what cannot be
(hard contradictions) counts for nothing. Sufficient reasons are the prime implicants of the decision at this instance (Shih,
Choi, Darwiche 2018, arXiv:1805.03364); fewer fixed findings never force more, so the minimal sets follow from one walk.
"""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.knowledge.axes import Axis
from pellucid.knowledge.diagram import Diagrams, Flat, flatten
from pellucid.knowledge.facts import Fact
from pellucid.knowledge.space import Builder, Compiled
from pellucid.record import Change, Condition, Contrast, LookAgain

ONE_CHANGE = 1_000_000.0
"""Cost of a change: fewer changes always win; the plausibility of the new state only breaks ties."""
LEAST = 1e-6
MOST_REASONS = 20_000
Subset = tuple[int, ...]


def allowed(axes: Sequence[Axis], facts: Sequence[Fact]) -> list[list[int]]:
    """The classes that each axis may be in: its crisp one, or all real ones where it is free."""
    pairs = zip(axes, facts, strict=True)
    return [list(range(axis.real)) if fact.cell is None else [int(axis.classes[fact.cell])] for axis, fact in pairs]


def crisp_values(build: Builder, root: int, facts: Sequence[Fact]) -> set[Any]:
    """The values of a diagram that the crisp facts leave possible."""
    return build.store.values(root, allowed(build.axes, facts))


def open_mask(compiled: Compiled, facts: Sequence[Fact]) -> int:
    """The categories that stay open on the crisp facts as bits; 0 where the facts cannot all be so."""
    return reduce(either, compiled.masks.values(compiled.masked, allowed(compiled.axes, facts)), 0)


def named(compiled: Compiled, mask: int) -> tuple[str, ...]:
    """Bits as names of categories, in order."""
    return tuple(name for k, name in enumerate(compiled.categories) if mask >> k & 1)


def open_categories(compiled: Compiled, facts: Sequence[Fact]) -> tuple[str, ...]:
    """The categories that stay open on the crisp facts, whatever the unknown concepts are."""
    return named(compiled, open_mask(compiled, facts))


def either(a: int, b: int) -> int:
    """The bits of one or the other."""
    return a | b


def _joined(store: Diagrams, nodes: Sequence[int]) -> int:
    """The union of some diagrams of decided categories."""
    return reduce(store.union, dict.fromkeys(nodes))


def sufficient_reasons(compiled: Compiled, facts: Sequence[Fact]) -> tuple[tuple[Condition, ...], ...]:
    """All subset-minimal sets of crisp facts that force the one open category; smallest first, then in the pack's order.

    A fact that is set free ranges over all its states, 'not stated' included.
    """
    opened = open_mask(compiled, facts)
    if opened.bit_count() != 1:
        return ()

    scratch = Diagrams(len(compiled.axes))

    def freed(level: int, children: list[int]) -> int:
        """Two ways for a known fact, set free or fixed; one for a free one."""
        axis, fact = compiled.axes[level], facts[level]
        if fact.cell is None:
            return _joined(scratch, children[: axis.real])
        last = axis.size - (axis.entry.when_unknown == "averaged")
        return scratch.node(level, (_joined(scratch, children[:last]), children[int(axis.classes[fact.cell])]))

    root = compiled.masks.rewrite(compiled.decided, freed, scratch)
    found = sorted(_minimal(scratch, root, opened), key=lambda subset: (len(subset), subset))
    known = [k for k, fact in enumerate(facts) if fact.cell is not None]
    said = {k: Condition(concept=compiled.axes[k].name, state=compiled.axes[k].labels[facts[k].cell or 0]) for k in known}
    return tuple(tuple(said[k] for k in subset) for subset in found)


def _minimal(store: Diagrams, root: int, wanted: int) -> list[Subset]:
    """The subset-minimal sets of levels that have to be fixed (second child) for the bits to be `wanted`."""
    memo = dict[int, list[Subset]]()

    def at(node: int) -> list[Subset]:
        if store.level[node] == store.depth:
            return [()] if store.value[node] == wanted else []
        if node not in memo:
            free, fixed = (at(child) for child in store.children[node])
            covered = [frozenset(subset) for subset in free]
            more = [(store.level[node], *s) for s in fixed if not any(c.issubset(s) for c in covered)]
            memo[node] = [*free, *more][:MOST_REASONS]
        return memo[node]

    return at(root)


def contrasts(compiled: Compiled, facts: Sequence[Fact]) -> tuple[Contrast, ...]:
    """For every category that is not already forced: the fewest changes that force it; ties go to the more plausible states,
    then to order.

    A concept without a crisp state may be given one (`seen` is None); where it is left alone it must not matter. Inputs that
    nobody stated are touched only where no change of findings gives the category.
    """
    ways = _ways(compiled, facts)
    found = _search(compiled, facts, ways, inputs_too=False)
    if len(found) < len(compiled.categories) and any(
        _unstated(axis, fact) for axis, fact in zip(compiled.axes, facts, strict=True)
    ):
        found = {**_search(compiled, facts, ways, inputs_too=True), **found}
    return tuple(found[name] for name in compiled.categories if name in found and found[name].changes)


def _unstated(axis: Axis, fact: Fact) -> bool:
    return axis.entry.when_unknown == "not stated" and not fact.judged


def _ways(compiled: Compiled, facts: Sequence[Fact]) -> Flat:
    """The diagram of open categories in which every free axis has one more way, 'left alone', that joins all its real states."""
    scratch = Diagrams(len(compiled.axes))

    def widened(level: int, children: list[int]) -> int:
        if facts[level].cell is not None:
            return scratch.node(level, children)
        real = children[: compiled.axes[level].real]
        return scratch.node(level, [*real, _joined(scratch, real)])

    return flatten(scratch, compiled.masks.rewrite(compiled.decided, widened, scratch))


def _search(compiled: Compiled, facts: Sequence[Fact], flat: Flat, inputs_too: bool) -> dict[str, Contrast]:
    """The cheapest joint state that forces each category; no changes where it is forced already."""
    costs = [_costs(axis, fact, inputs_too) for axis, fact in zip(compiled.axes, facts, strict=True)]
    certain = np.asarray([1 << k for k in range(len(compiled.categories))])
    ends = np.where(np.asarray(flat.terminals)[:, None] == certain[None, :], 0.0, np.inf)
    total = flat.cheapest(ends, costs)
    found: dict[str, Contrast] = {}
    for index, category in enumerate(compiled.categories):
        if not np.isfinite(total[flat.root, index]):
            continue
        node, place = flat.root, dict[int, int]()
        for level in flat.levels:
            if level.start <= node < level.stop:
                children = level.children[node - level.start]
                at = int(np.argmin(total[children, index] + costs[level.axis]))
                node, place[level.axis] = int(children[at]), at
        found[category] = Contrast(category=category, changes=_changes(compiled, facts, place))
    return found


def _costs(axis: Axis, fact: Fact, inputs_too: bool) -> NDArray[np.float64]:
    """What each way of an axis costs: 0 unchanged, else one change plus how implausible its likeliest state is; infinite where
    it may not be taken. The last way of a free axis is 'left alone'.
    """
    cost = np.full(axis.real + 1 if fact.cell is None else axis.size, np.inf)
    if not _unstated(axis, fact) or inputs_too:
        best = np.full(axis.real, LEAST)
        if fact.judged or axis.entry.when_unknown == "base rate":
            np.maximum.at(best, axis.classes[: axis.cells], fact.weights[: axis.cells])
        cost[: axis.real] = ONE_CHANGE - 1000 * np.log(best)
    cost[-1 if fact.cell is None else int(axis.classes[fact.cell])] = 0.0
    return cost


def _changes(compiled: Compiled, facts: Sequence[Fact], place: dict[int, int]) -> tuple[Change, ...]:
    changes: list[Change] = []
    for k, at in sorted(place.items()):
        axis, fact = compiled.axes[k], facts[k]
        if at == (axis.real if fact.cell is None else axis.classes[fact.cell]):
            continue
        cells = [cell for cell in range(axis.cells) if axis.classes[cell] == at]
        instead = max(cells, key=lambda cell: (round(float(fact.weights[cell]), 9), -cell))
        seen = None if fact.cell is None or not fact.judged else axis.labels[fact.cell]
        changes.append(Change(concept=axis.name, seen=seen, instead=axis.labels[instead]))
    return tuple(changes)


def class_weights(compiled: Compiled, facts: Sequence[Fact]) -> list[NDArray[np.float64]]:
    """Probability of each class of each axis."""
    pairs = zip(compiled.axes, facts, strict=True)
    return [np.asarray(np.bincount(axis.classes, fact.weights, axis.size), np.float64) for axis, fact in pairs]


def joint_with_each_axis(
    compiled: Compiled, weights: Sequence[NDArray[np.float64]], flat: Flat | None = None
) -> list[NDArray[np.float64]]:
    """For each axis, the mass of (category, class), summed exactly over all others, which are taken as independent given the
    image; it sums to the mass of what can be, 1 where nothing is impossible. `flat` takes the place of the question's own diagram
    (see `conditional`).
    """
    flat = flat or compiled.flat
    below = flat.backward(np.asarray([leaf.shares for leaf in flat.terminals]), weights)
    passed = flat.forward(weights)
    asked = {level.axis: level for level in flat.levels}
    total = below[flat.root]
    found: list[NDArray[np.float64]] = []
    for k, weight in enumerate(weights):
        level = asked.get(k)
        if level is None:
            found.append(total[:, None] * weight[None, :])
            continue
        mass, rows = passed[level.start : level.stop], below[level.start : level.stop]
        around = np.maximum(total - mass @ rows, 0.0)
        through = np.tensordot(mass, below[level.children], (0, 0)) * weight[:, None]
        found.append(through.T + around[:, None] * weight[None, :])
    return found


def look_again(compiled: Compiled, facts: Sequence[Fact], joints: Sequence[NDArray[np.float64]]) -> tuple[LookAgain, ...]:
    """Concepts ranked by the expected fall of the category's entropy if they were confirmed: mutual information, in bits and as
    a share.
    """
    mass = float(joints[0].sum()) if joints else 0.0
    if mass <= 0:
        return ()
    present = _entropy(joints[0].sum(axis=1) / mass)
    found: list[LookAgain] = []
    for axis, fact, joint in zip(compiled.axes, facts, joints, strict=True):
        if axis.extra and not fact.judged:
            continue
        shares = joint / mass
        bits = round(max(0.0, present + _entropy(shares.sum(axis=0)) - _entropy(shares)), 6)
        if bits > 0 and present > 0:
            found.append(LookAgain(concept=axis.name, bits=bits, share=round(min(1.0, bits / present), 6)))
    return tuple(sorted(found, key=lambda item: -item.bits))


def _entropy(probabilities: NDArray[np.float64]) -> float:
    positive = probabilities[probabilities > 0]
    return float(-(positive * np.log2(positive)).sum())
