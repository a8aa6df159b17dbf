"""Reduced ordered multi-valued decision diagrams: a function of many discrete axes, kept as a graph that shares equal parts.

A node asks one axis and has one child per class of it; terminals hold values. Sums over all joint states, shortest ways and
projections visit each node once, however many joint states there are. Source: Bryant 1986, doi 10.1109/TC.1986.1676819; for
many-valued axes Miller and Drechsler 2002, doi 10.1109/ISMVL.2002.1011114.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Value = Any
Floats = NDArray[np.float64]


class Diagrams:
    """A store of diagrams over axes 0, 1, … `depth` - 1, asked in that order; equal parts are kept once."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.level: list[int] = []
        self.children: list[tuple[int, ...]] = []
        self.value: list[Value] = []
        self._known: dict[Hashable, int] = {}

    def terminal(self, value: Hashable) -> int:
        """The node that holds a value."""
        return self._add(self.depth, (), value)

    def node(self, level: int, children: Sequence[int]) -> int:
        """The node that asks axis `level`; its only child where all children are the same."""
        first = children[0]
        if all(child == first for child in children):
            return first
        return self._add(level, tuple(children), None)

    def _add(self, level: int, children: tuple[int, ...], value: Hashable) -> int:
        key = (level, children, value)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = len(self.level)
            self.level.append(level)
            self.children.append(children)
            self.value.append(value)
        return found

    def leaf(self, level: int, values: Sequence[Hashable]) -> int:
        """A diagram of one axis: a value for each of its classes."""
        return self.node(level, [self.terminal(value) for value in values])

    def combine(self, merge: Callable[..., Hashable], *roots: int) -> int:
        """The diagram whose values are `merge` of the values of some diagrams."""
        memo: dict[tuple[int, ...], int] = {}

        def at(nodes: tuple[int, ...]) -> int:
            done = memo.get(nodes)
            if done is not None:
                return done
            level = min(self.level[node] for node in nodes)
            if level == self.depth:
                made = self.terminal(merge(*(self.value[node] for node in nodes)))
            else:
                parts = [self.children[n] if self.level[n] == level else None for n in nodes]
                width = next(len(part) for part in parts if part is not None)
                rows = (tuple(n if p is None else p[i] for n, p in zip(nodes, parts, strict=True)) for i in range(width))
                made = self.node(level, [at(row) for row in rows])
            memo[nodes] = made
            return made

        return at(tuple(roots))

    def rewrite(self, root: int, change: Callable[[int, list[int]], int]) -> int:
        """A diagram rebuilt from the bottom: `change(level, new children)` makes each node anew, terminals stay."""
        memo: dict[int, int] = {}

        def at(node: int) -> int:
            if self.level[node] == self.depth:
                return node
            if node not in memo:
                memo[node] = change(self.level[node], [at(child) for child in self.children[node]])
            return memo[node]

        return at(root)

    def values(self, root: int, allowed: Sequence[Sequence[int]]) -> set[Any]:
        """The values that can be reached where every axis is in one of its allowed classes."""
        seen, found, stack = {root}, set[Any](), [root]
        while stack:
            node = stack.pop()
            if self.level[node] == self.depth:
                found.add(self.value[node])
                continue
            children = self.children[node]
            for i in allowed[self.level[node]]:
                if children[i] not in seen:
                    seen.add(children[i])
                    stack.append(children[i])
        return found

    def path(self, root: int, wanted: Callable[[Any], bool]) -> dict[int, int] | None:
        """One way to a terminal that is wanted, as axis -> class of the axes it asks; None where there is none."""
        dead: set[int] = set()

        def at(node: int) -> dict[int, int] | None:
            if self.level[node] == self.depth:
                return {} if wanted(self.value[node]) else None
            if node in dead:
                return None
            for i, child in enumerate(self.children[node]):
                rest = at(child)
                if rest is not None:
                    return {self.level[node]: i, **rest}
            dead.add(node)
            return None

        return at(root)

    def flatten(self, root: int) -> "Flat":
        """The nodes under a root as arrays, by level; for sums and shortest ways."""
        seen, stack = {root}, [root]
        while stack:
            for child in self.children[stack.pop()]:
                if child not in seen:
                    seen.add(child)
                    stack.append(child)
        order = sorted(seen, key=lambda node: (self.level[node], node))
        place = {node: i for i, node in enumerate(order)}
        levels: list[Level] = []
        start = 0
        while start < len(order) and self.level[order[start]] < self.depth:
            level = self.level[order[start]]
            stop = start
            while stop < len(order) and self.level[order[stop]] == level:
                stop += 1
            children = [[place[child] for child in self.children[node]] for node in order[start:stop]]
            levels.append(Level(level, start, stop, np.asarray(children, np.intp)))
            start = stop
        return Flat(tuple(levels), start, tuple(self.value[node] for node in order[start:]), place[root])


@dataclass(frozen=True, eq=False)
class Level:
    """The nodes that ask one axis: rows start to stop of the flat diagram, children (nodes, classes)."""

    axis: int
    start: int
    stop: int
    children: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Flat:
    """A diagram as arrays: levels from the root down, then terminals from row `first_terminal` on."""

    levels: tuple[Level, ...]
    first_terminal: int
    terminals: tuple[Any, ...]
    root: int

    @property
    def size(self) -> int:
        """Number of nodes, terminals included."""
        return self.first_terminal + len(self.terminals)

    def backward(self, ends: Floats, weights: Sequence[Floats]) -> Floats:
        """(nodes, K): for each node the mean of the terminals' rows `ends` (T, K) under it, classes weighted by `weights`."""
        total = np.zeros((self.size, ends.shape[1]))
        total[self.first_terminal :] = ends
        for level in reversed(self.levels):
            total[level.start : level.stop] = np.tensordot(total[level.children], weights[level.axis], (1, 0))
        return total

    def forward(self, weights: Sequence[Floats]) -> Floats:
        """(nodes,): the probability of passing each node."""
        mass = np.zeros(self.size)
        mass[self.root] = 1.0
        for level in self.levels:
            passed = mass[level.start : level.stop, None] * weights[level.axis][None, :]
            mass += np.bincount(level.children.ravel(), passed.ravel(), self.size)
        return mass

    def cheapest(self, ends: Floats, costs: Sequence[Floats]) -> Floats:
        """(nodes, K): the lowest cost of a way from each node to a terminal whose row of `ends` (T, K) is not infinite."""
        total = np.full((self.size, ends.shape[1]), np.inf)
        total[self.first_terminal :] = ends
        for level in reversed(self.levels):
            total[level.start : level.stop] = (total[level.children] + costs[level.axis][None, :, None]).min(axis=1)
        return total
