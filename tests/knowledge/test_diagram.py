"""Diagrams against plain enumeration of every joint state."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.knowledge.diagram import SEVERAL, Diagrams, flatten

Table = dict[tuple[int, ...], Any]


@st.composite
def sizes(draw: st.DrawFn) -> tuple[int, ...]:
    return tuple(draw(st.lists(st.integers(1, 3), min_size=1, max_size=4)))


def a_table(draw: Callable[..., Any], widths: tuple[int, ...], values: st.SearchStrategy[Any]) -> Table:
    """A function of a few axes that often ignores some of them, so that diagrams have parts to share."""
    matters = [draw(st.booleans()) for _ in widths]
    known: dict[tuple[int, ...], Any] = {}
    found: Table = {}
    for state in itertools.product(*map(range, widths)):
        key = tuple(k if hit else 0 for k, hit in zip(state, matters, strict=True))
        if key not in known:
            known[key] = draw(values)
        found[state] = known[key]
    return found


def built(store: Diagrams, widths: tuple[int, ...], table: Table) -> int:
    def at(state: tuple[int, ...]) -> int:
        level = len(state)
        if level == len(widths):
            return store.terminal(table[state])
        return store.node(level, [at((*state, k)) for k in range(widths[level])])

    return at(())


def read(store: Diagrams, root: int, widths: tuple[int, ...]) -> Table:
    found: Table = {}
    for state in itertools.product(*map(range, widths)):
        node = root
        while store.level[node] < store.depth:
            node = store.children[node][state[store.level[node]]]
        found[state] = store.value[node]
    return found


@settings(deadline=None, max_examples=60)
@given(st.data(), sizes(), st.integers(1, 4))
def test_combining_diagrams_combines_their_values(data: st.DataObject, widths: tuple[int, ...], n: int) -> None:
    store = Diagrams(len(widths))
    tables = [a_table(data.draw, widths, st.integers(0, 3)) for _ in range(n)]
    roots = [built(store, widths, table) for table in tables]
    made = store.combine(lambda *values: sum(10**k * v for k, v in enumerate(values)) % 7, *roots)
    expected = {state: sum(10**k * table[state] for k, table in enumerate(tables)) % 7 for state in tables[0]}
    assert read(store, made, widths) == expected
    assert made == built(store, widths, expected), "equal functions are one node"


@settings(deadline=None, max_examples=60)
@given(st.data(), sizes())
def test_union_keeps_one_bit_and_says_several_for_more(data: st.DataObject, widths: tuple[int, ...]) -> None:
    store, values = Diagrams(len(widths)), st.sampled_from([0, 1, 2, 4, SEVERAL])
    one, other = (a_table(data.draw, widths, values) for _ in range(2))

    def either(a: int, b: int) -> int:
        return SEVERAL if SEVERAL in (a, b) or (a | b).bit_count() > 1 else a | b

    made = store.union(built(store, widths, one), built(store, widths, other))
    assert read(store, made, widths) == {state: either(one[state], other[state]) for state in one}


@settings(deadline=None, max_examples=60)
@given(st.data(), sizes())
def test_rewriting_visits_every_node_once_and_keeps_values(data: st.DataObject, widths: tuple[int, ...]) -> None:
    store, into = Diagrams(len(widths)), Diagrams(len(widths))
    table = a_table(data.draw, widths, st.integers(0, 3))
    visits: list[tuple[int, tuple[int, ...]]] = []

    def turned(level: int, children: list[int]) -> int:
        visits.append((level, tuple(children)))
        return into.node(level, children[::-1])

    made = store.rewrite(built(store, widths, table), turned, into)
    mirrored = {tuple(n - 1 - k for n, k in zip(widths, state, strict=True)): value for state, value in table.items()}
    assert read(into, made, widths) == mirrored
    assert len(visits) == len(set(visits))


@settings(deadline=None, max_examples=60)
@given(st.data(), sizes())
def test_values_and_paths_are_those_of_the_joint_states(data: st.DataObject, widths: tuple[int, ...]) -> None:
    store = Diagrams(len(widths))
    table = a_table(data.draw, widths, st.integers(0, 3))
    root = built(store, widths, table)
    some = [sorted(data.draw(st.sets(st.integers(0, n - 1), min_size=1))) for n in widths]
    assert store.values(root, some) == {table[state] for state in itertools.product(*some)}
    for wanted in range(5):
        path = store.path(root, lambda value, wanted=wanted: value == wanted)
        assert (path is None) == (wanted not in table.values())
        for state, value in table.items() if path is not None else ():
            if all(state[level] == k for level, k in (path or {}).items()):
                assert value == wanted


@settings(deadline=None, max_examples=60)
@given(st.data(), sizes())
def test_sums_and_shortest_ways_are_those_of_the_joint_states(data: st.DataObject, widths: tuple[int, ...]) -> None:
    store = Diagrams(len(widths))
    table = a_table(data.draw, widths, st.integers(0, 3))
    flat = flatten(store, built(store, widths, table))
    weights = [np.asarray([data.draw(st.floats(0.01, 1)) for _ in range(n)]) for n in widths]
    weights = [w / w.sum() for w in weights]
    ends = np.asarray([[float(value == k) for k in range(4)] for value in flat.terminals])
    chances = {state: float(np.prod([w[k] for w, k in zip(weights, state, strict=True)])) for state in table}
    expected = [sum(p for state, p in chances.items() if table[state] == k) for k in range(4)]
    assert flat.backward(ends, weights)[flat.root] == pytest.approx(expected)
    passed = flat.forward(weights)[flat.first_terminal :]
    assert dict(zip(flat.terminals, passed, strict=True)) == pytest.approx({k: p for k, p in enumerate(expected) if p})
    costs = [np.asarray([data.draw(st.floats(0, 9)) for _ in range(n)]) for n in widths]
    costs = [c - c.min() for c in costs]  # an axis that is not asked costs nothing
    total = flat.cheapest(np.where(ends > 0, 0.0, np.inf), costs)[flat.root]
    for k in range(4):
        ways = [sum(c[i] for c, i in zip(costs, state, strict=True)) for state in table if table[state] == k]
        assert total[k] == pytest.approx(min(ways, default=np.inf))


def test_equal_parts_are_kept_once() -> None:
    store = Diagrams(3)
    one = store.leaf(2, [0, 1])
    assert store.leaf(2, [0, 1]) == one
    assert store.node(1, [one, one]) == one
    assert flatten(store, store.node(0, [one, store.node(1, [one, store.terminal(0)])])).size == 5


def test_terminal_alone_is_a_flat_diagram() -> None:
    store = Diagrams(2)
    flat = flatten(store, store.terminal("x"))
    assert (flat.size, flat.levels, flat.terminals, flat.root) == (1, (), ("x",), 0)
    assert flat.backward(np.ones((1, 1)), [np.ones(1), np.ones(1)])[0, 0] == 1.0
