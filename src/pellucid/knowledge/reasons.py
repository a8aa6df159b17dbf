"""Exact reasons from the finite table: sufficient reasons, contrasts, value of looking again.

Facts are crisp cells; a concept without one is free and ranges over all its real states. Nothing is sampled. Sufficient reasons
are the prime implicants of the decision at this instance (Shih, Choi, Darwiche 2018, arXiv:1805.03364).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pellucid.knowledge.facts import Fact
from pellucid.knowledge.tables import Axis, Compiled
from pellucid.record import Change, Condition, Contrast, LookAgain

ONE_CHANGE = 1_000_000
"""Cost of a change: fewer changes always win; the plausibility of the new state only breaks ties."""
LEFT = -1
NEVER = np.iinfo(np.int32).max
LEAST = 1e-6

Masks = NDArray[np.uint16]


def _real(axis: Axis) -> int:
    """Classes an axis ranges over: 'not stated' is a fact and stays in, 'not judged' is no state and stays out."""
    return axis.size - (axis.entry.when_unknown == "averaged")


def _open_masks(compiled: Compiled) -> Masks:
    return compiled.open[tuple(slice(0, _real(axis)) for axis in compiled.axes)]


def open_categories(compiled: Compiled, facts: Sequence[Fact]) -> tuple[str, ...]:
    """The categories that stay open on the crisp facts, whatever the unknown concepts are."""
    mask = int(np.bitwise_or.reduce(crisp_part(compiled, facts, compiled.open), axis=None))
    return tuple(name for k, name in enumerate(compiled.categories) if mask >> k & 1)


def crisp_part(compiled: Compiled, facts: Sequence[Fact], table: NDArray[np.generic]) -> NDArray[np.generic]:
    """The part of a joint table that agrees with the crisp facts: known axes dropped, free axes over their real classes."""
    index = tuple(
        slice(0, _free_size(axis)) if fact.cell is None else int(axis.classes[fact.cell])
        for axis, fact in zip(compiled.axes, facts, strict=True)
    )
    return table[index]


def _free_size(axis: Axis) -> int:
    """Classes a free concept ranges over: its real states only."""
    return axis.size - axis.extra


def sufficient_reasons(compiled: Compiled, facts: Sequence[Fact]) -> tuple[tuple[Condition, ...], ...]:
    """All subset-minimal sets of crisp facts that force the one open category; smallest first, then in the pack's order."""
    opened = open_categories(compiled, facts)
    if len(opened) != 1:
        return ()
    masks = _open_masks(compiled)
    known = [k for k, fact in enumerate(facts) if fact.cell is not None]
    for k, (axis, fact) in enumerate(zip(compiled.axes, facts, strict=True)):
        before = (slice(None),) * k
        if fact.cell is None:
            masks = _or_along(masks[(*before, slice(0, _free_size(axis)))], k)
        else:
            at = int(axis.classes[fact.cell])
            masks = np.concatenate([_or_along(masks, k), masks[(*before, slice(at, at + 1))]], axis=k)
    forced = (masks == 1 << compiled.categories.index(opened[0])).reshape((2,) * len(known))
    found = [tuple(known[i] for i in range(len(known)) if chosen[i]) for chosen in np.argwhere(_minimal(forced)).tolist()]
    said = {k: Condition(concept=compiled.axes[k].name, state=compiled.axes[k].labels[facts[k].cell or 0]) for k in known}
    return tuple(tuple(said[k] for k in subset) for subset in sorted(found, key=lambda subset: (len(subset), subset)))


def _or_along(masks: Masks, k: int) -> Masks:
    return np.bitwise_or.reduce(masks, axis=k, keepdims=True)


def _minimal(forced: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Subsets (index 1 = fixed) that force, while dropping any one member no longer does."""
    minimal = forced.copy()
    for k in range(forced.ndim):
        fixed, dropped = (slice(None),) * k + (1,), (slice(None),) * k + (0,)
        minimal[fixed] &= ~forced[dropped]
    return minimal


def contrasts(compiled: Compiled, facts: Sequence[Fact]) -> tuple[Contrast, ...]:
    """For every category that is not already forced: the fewest changes that force it; ties go to the more plausible states,
    then to order.

    A concept without a crisp state may be given one (`seen` is None); where it is left alone it must not matter. Inputs that
    nobody stated are touched only where no change of findings gives the category.
    """
    found = _search(compiled, facts, inputs_too=False)
    if len(found) < len(compiled.categories) and any(
        _unstated(axis, fact) for axis, fact in zip(compiled.axes, facts, strict=True)
    ):
        found = {**_search(compiled, facts, inputs_too=True), **found}
    return tuple(found[name] for name in compiled.categories if name in found and found[name].changes)


def _unstated(axis: Axis, fact: Fact) -> bool:
    return axis.entry.when_unknown == "not stated" and not fact.judged


def _search(compiled: Compiled, facts: Sequence[Fact], inputs_too: bool) -> dict[str, Contrast]:
    """The cheapest place of the joint space that forces each category; no changes where it is forced already."""
    pairs = list(zip(compiled.axes, facts, strict=True))
    options = [_choices(axis, fact, inputs_too) for axis, fact in pairs]
    masks, costs = _open_masks(compiled), np.zeros(1, np.int32)
    for k in range(len(pairs) - 1, -1, -1):  # from the last axis: the array is still small where its runs are short
        (axis, fact), before = pairs[k], (slice(None),) * k
        if fact.cell is None:
            free = masks[(*before, slice(0, _free_size(axis)))]
            masks = np.concatenate([free, _or_along(free, k)], axis=k)
        elif options[k][0].size < masks.shape[k]:
            masks = masks[(*before, options[k][0])]
    for _, cost in options:
        costs = (costs[:, None] + cost[None, :]).reshape(-1)
    flat = masks.reshape(-1)
    found: dict[str, Contrast] = {}
    for index, category in enumerate(compiled.categories):
        bill = np.where(flat == 1 << index, costs, NEVER)
        best = int(np.argmin(bill))
        if bill[best] < NEVER:
            place = [int(choice[at]) for (choice, _), at in zip(options, np.unravel_index(best, masks.shape), strict=True)]
            found[category] = Contrast(category=category, changes=_changes(compiled, facts, place))
    return found


def _choices(axis: Axis, fact: Fact, inputs_too: bool) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """The classes an axis may take and what each costs: 0 unchanged, else one change plus how implausible its likeliest state
    is.

    The class LEFT stands for a free concept that is left alone.
    """
    if _unstated(axis, fact) and not inputs_too:
        return axis.classes[-1:], np.zeros(1, np.int32)
    size = _free_size(axis)
    best = np.full(size, LEAST)
    if fact.judged or axis.entry.when_unknown == "base rate":
        np.maximum.at(best, axis.classes[: axis.cells], fact.weights[: axis.cells])
    cost = (ONE_CHANGE + np.rint(-1000 * np.log(best))).astype(np.int32)
    choice = np.arange(size)
    if fact.cell is None:
        return np.append(choice, LEFT), np.append(cost, np.int32(0))
    at = axis.classes[fact.cell]
    if at < size:
        cost[at] = 0
        return choice, cost
    return np.append(choice, at), np.append(cost, np.int32(0))


def _changes(compiled: Compiled, facts: Sequence[Fact], place: Sequence[int]) -> tuple[Change, ...]:
    changes: list[Change] = []
    for axis, fact, at in zip(compiled.axes, facts, place, strict=True):
        if at == (LEFT if fact.cell is None else axis.classes[fact.cell]):
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


def joint_with_each_axis(compiled: Compiled, weights: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """For each axis, P(category, class): exact contraction over all others, which are taken as independent given the image."""
    n = len(weights)
    half = _halfway([axis.size for axis in compiled.axes])
    front, back = _outer(weights[:half]), _outer(weights[half:])
    table = compiled.shares.reshape(len(compiled.categories), front.size, back.size)
    parts = ((range(half), (table @ back) * front), (range(half, n), np.matmul(front, table) * back))
    found: list[NDArray[np.float64]] = []
    for axes, part in parts:
        sizes = [compiled.axes[k].size for k in axes]
        for i, size in enumerate(sizes):
            before, after = int(np.prod(sizes[:i], dtype=np.int64)), int(np.prod(sizes[i + 1 :], dtype=np.int64))
            found.append(part.reshape(-1, before, size, after).sum(axis=(1, 3)))
    return found


def _halfway(sizes: list[int]) -> int:
    """Where to cut the axes so that both halves have about as many joint states."""
    logs = np.cumsum(np.log(sizes))
    return int(np.argmin(np.abs(logs - logs[-1] / 2))) + 1 if len(sizes) > 1 else 1


def _outer(weights: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    found = np.ones(1)
    for weight in weights:
        found = (found[:, None] * weight[None, :]).reshape(-1)
    return found


def look_again(compiled: Compiled, facts: Sequence[Fact], joints: Sequence[NDArray[np.float64]]) -> tuple[LookAgain, ...]:
    """Concepts ranked by the expected fall of the category's entropy if they were confirmed: mutual information, in bits and as
    a share.
    """
    present = _entropy(joints[0].sum(axis=1))
    found: list[LookAgain] = []
    for axis, fact, joint in zip(compiled.axes, facts, joints, strict=True):
        if axis.extra and not fact.judged:
            continue
        bits = round(max(0.0, present + _entropy(joint.sum(axis=0)) - _entropy(joint)), 6)
        if bits > 0 and present > 0:
            found.append(LookAgain(concept=axis.name, bits=bits, share=round(min(1.0, bits / present), 6)))
    return tuple(sorted(found, key=lambda item: -item.bits))


def _entropy(probabilities: NDArray[np.float64]) -> float:
    positive = probabilities[probabilities > 0]
    return float(-(positive * np.log2(positive)).sum())
