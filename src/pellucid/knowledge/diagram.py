"""Reduced ordered multi-valued decision diagrams: a function of many discrete axes, kept as a graph that shares equal parts.

A node asks one axis and has one child per class of it; terminals hold values. Sums over all joint states, shortest ways and
projections visit each node once, however many joint states there are. Source: Bryant 1986, doi 10.1109/TC.1986.1676819; for
many-valued axes Miller and Drechsler 2002, doi 10.1109/ISMVL.2002.1011114.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

Value = Any
Floats = NDArray[np.float64]
SEVERAL = -1
"""In place of several bits, where only one bit alone matters."""


class Diagrams:
    """A store of diagrams over axes 0, 1, … `depth` - 1, asked in that order; equal parts are kept once."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.level: list[int] = []
        self.children: list[tuple[int, ...]] = []
        self.value: list[Value] = []
        self._known: dict[Hashable, int] = {}
        self._unions: dict[tuple[int, int], int] = {}

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

    @overload
    def combine(self, merge: Callable[[Any], Hashable], a: int, /) -> int: ...
    @overload
    def combine(self, merge: Callable[[Any, Any], Hashable], a: int, b: int, /) -> int: ...
    @overload
    def combine(self, merge: Callable[[Any, Any, Any], Hashable], a: int, b: int, c: int, /) -> int: ...
    @overload
    def combine(self, merge: Callable[[Any, Any, Any, Any], Hashable], a: int, b: int, c: int, d: int, /) -> int: ...
    def combine(self, merge: Callable[..., Hashable], *roots: int) -> int:
        """The diagram whose values are `merge` of the values of some diagrams."""
        memo: dict[tuple[int, ...], int] = {}
        levels, children, values = self.level, self.children, self.value

        def at(*nodes: int) -> int:
            done = memo.get(nodes)
            if done is not None:
                return done
            level = min([levels[node] for node in nodes])
            if level == self.depth:
                made = self.terminal(merge(*[values[node] for node in nodes]))
            else:
                width = len(next(children[node] for node in nodes if levels[node] == level))
                parts = [children[node] if levels[node] == level else (node,) * width for node in nodes]
                made = self.node(level, list(map(at, *parts)))
            memo[nodes] = made
            return made

        return at(*roots)

    def union(self, a: int, b: int) -> int:
        """The diagram of what holds in one or the other, where terminals are one bit, none (0), or SEVERAL; what was joined once
        is kept.
        """
        if a == b or self.value[a] == SEVERAL:
            return a
        if self.value[b] == SEVERAL:
            return b
        key = (a, b) if a < b else (b, a)
        made = self._unions.get(key)
        if made is None:
            own, other = self.level[a], self.level[b]
            level = min(own, other)
            if level == self.depth:
                both = self.value[a] | self.value[b]
                made = self.terminal(both if both & (both - 1) == 0 else SEVERAL)
            elif own == other:
                made = self.node(level, list(map(self.union, self.children[a], self.children[b])))
            elif own == level:
                made = self.node(level, [self.union(child, b) for child in self.children[a]])
            else:
                made = self.node(level, [self.union(a, child) for child in self.children[b]])
            self._unions[key] = made
        return made

    def rewrite(self, root: int, change: Callable[[int, list[int]], int], into: "Diagrams") -> int:
        """A diagram rebuilt from the bottom in the store `into`, which may be this one: `change(level, new children)` makes each
        node anew there, terminals keep their values.
        """
        memo: dict[int, int] = {}

        def at(node: int) -> int:
            if self.level[node] == self.depth:
                return into.terminal(self.value[node])
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


def flatten(store: Diagrams, root: int) -> Flat:
    """The nodes under a root as arrays, by level; for sums and shortest ways."""
    seen, stack = {root}, [root]
    while stack:
        for child in store.children[stack.pop()]:
            if child not in seen:
                seen.add(child)
                stack.append(child)
    order = sorted(seen, key=lambda node: (store.level[node], node))
    place = {node: i for i, node in enumerate(order)}
    levels: list[Level] = []
    start = 0
    while start < len(order) and store.level[order[start]] < store.depth:
        level = store.level[order[start]]
        stop = start
        while stop < len(order) and store.level[order[stop]] == level:
            stop += 1
        children = [[place[child] for child in store.children[node]] for node in order[start:stop]]
        levels.append(Level(level, start, stop, np.asarray(children, np.intp)))
        start = stop
    return Flat(tuple(levels), start, tuple(store.value[node] for node in order[start:]), place[root])
