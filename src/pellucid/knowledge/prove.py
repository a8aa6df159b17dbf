"""Proofs over the whole space of a pack, with a witness for every fault: gaps, overlaps, dead rows, categories, order.

Every question is finite, so a walk of its diagram proves what holds in every combination of findings.
"""

from collections.abc import Iterator
from functools import reduce
from importlib import import_module
from typing import Any

from pellucid.knowledge.axes import Axis, axes_of
from pellucid.knowledge.guideline import Decide, Guideline, Monotone, Question
from pellucid.knowledge.locate import at
from pellucid.knowledge.reasons import either
from pellucid.knowledge.space import MET, Builder, Compiled, Leaf, compile_question, state_words

FREE_SCHEMES = {"99PELLUCID"}
Fault = tuple[tuple[str, ...], str]
"""The keys that lead to what is wrong, and a sentence."""


def proofs(guideline: Guideline) -> Iterator[str]:
    """What is wrong with a pack, each with file and line. GuidelineError where a combination has no answer at all."""
    for keys, told in _faults(guideline):
        yield f"{at(guideline, *keys)}: {told}"


def _faults(guideline: Guideline) -> Iterator[Fault]:
    yield from _measurements(guideline)
    yield from _codes(guideline)
    for question in guideline.questions.values():
        compiled = compile_question(guideline, question.name)
        yield from _unreachable(compiled)
        if isinstance(question.proposal, Decide):
            yield from _rows(guideline, question, question.proposal)
        for declared in question.monotone:
            yield from _order(compiled, declared)


def _measurements(guideline: Guideline) -> Iterator[Fault]:
    used = {axis.name for question in guideline.questions.values() for axis in axes_of(guideline, question) if axis.cuts}
    for name in guideline.entries:
        if name in used and guideline.entries[name].plausible is None:
            told = f"concept {name}: expected plausible limits [lowest, highest] of a measurement that rules use, got none"
            yield ("concepts", name), told


def _codes(guideline: Guideline) -> Iterator[Fault]:
    """Codes that pydicom's dictionaries do not hold; nothing is said where pydicom is not installed."""
    known = dicom_codes()
    coded = [(("concepts", name), f"concept {name}", entry.concept.code) for name, entry in guideline.entries.items()]
    coded += [
        (("questions", q.name, "categories", c.name), f"{q.name} category {c.name}", c.code)
        for q in guideline.questions.values()
        for c in q.categories.values()
    ]
    for keys, name, code in coded:
        if code is None or code.scheme in FREE_SCHEMES or known is None:
            continue
        if code.scheme not in known:
            yield keys, f"{name}: expected a coding scheme of pydicom ({', '.join(sorted(known)[:8])} …), got {code.scheme}"
        elif code.value not in known[code.scheme]:
            yield keys, f"{name}: expected a code of pydicom's dictionary {code.scheme}, got {code.value}"


def dicom_codes() -> dict[str, set[str]] | None:
    """Coding scheme -> code values in pydicom's dictionaries; None where pydicom is not installed."""
    try:
        found: dict[str, dict[str, dict[str, Any]]] = import_module("pydicom.sr._concepts_dict").concepts
    except ImportError:
        return None
    return {scheme: {value for values in terms.values() for value in values} for scheme, terms in found.items()}


def _unreachable(compiled: Compiled) -> Iterator[Fault]:
    everything = [range(axis.size) for axis in compiled.axes]
    leaves: set[Leaf] = compiled.store.values(compiled.answer, everything)
    mask = reduce(either, (leaf.open for leaf in leaves), 0)
    for k, category in enumerate(compiled.categories):
        if not mask >> k & 1:
            name = compiled.question.name
            yield ("questions", name, "categories", category), f"question {name}: category {category} can never be given"


def _rows(guideline: Guideline, question: Question, decide: Decide) -> Iterator[Fault]:
    """Rows that can never decide, and rows of different category that are met together without one being meant to override."""
    build = Builder(guideline, axes_of(guideline, question))
    store, ids = build.store, [row.id for row in decide.rows]
    whole = (*decide.rows, decide.otherwise) if decide.otherwise else decide.rows
    first = build.first_met([(row.when, i) for i, row in enumerate(whole)])
    possible = store.combine(lambda bad, i: -1 if bad else i, build.impossible(), first)
    deciding = store.values(possible, [range(axis.size) for axis in build.axes])
    for i, row in enumerate(whole):
        if i not in deciding:
            told = f"question {question.name}: row {row.id} can never decide: rows above it are met wherever it is"
            yield ("questions", question.name, "decide", row.id), told
    for j, row in enumerate(decide.rows):
        if row.when is None:
            continue
        both = store.combine(lambda i, t, j=j: i if t == MET and 0 <= i < j else -1, possible, build.truth(row.when))
        met_together: set[int] = store.values(both, [range(axis.size) for axis in build.axes]) - {-1}
        for i in sorted(met_together):
            above = decide.rows[i]
            meant = above.over == "all" or row.id in above.over
            if above.category != row.category and not meant:
                where = state_words(build.axes, store.path(both, lambda k, i=i: k == i) or {})
                yield (
                    ("questions", question.name, "decide", row.id),
                    f"question {question.name}: rows {ids[i]} ({above.category}) and {row.id} ({row.category}) are both met "
                    f"where {where}; make them exclude each other, or list {row.id} under `over` of {ids[i]}",
                )


def _order(compiled: Compiled, declared: Monotone) -> Iterator[Fault]:
    """Two neighbouring values of a concept, the worse of which gives a lower category, everything else alike."""
    k = compiled.axis(declared.concept)
    name = compiled.question.name
    keys = ("questions", name, "monotone", declared.concept)
    if k is None:
        yield keys, f"question {name}: monotone: expected a concept that the question uses, got {declared.concept}"
        return
    axis, store = compiled.axes[k], compiled.store
    outside = {list(compiled.categories).index(c) for c in compiled.question.outside}
    spans = store.combine(lambda leaf: _span(leaf, outside), compiled.answer)
    within = compiled.build.truth(declared.within) if declared.within else store.terminal(MET)
    order = _cells_in_order(axis, declared)
    for i, lower in enumerate(order):
        for higher in order[i + 1 :]:
            parts = [_cut(compiled, root, k, cell) for root in (spans, within) for cell in (lower, higher)]
            bad = store.combine(_falls, *parts)
            path = store.path(bad, bool)
            if path is not None:
                where = state_words(compiled.axes, path)
                yield (
                    keys,
                    f"question {name}: {axis.entry.concept.label} is declared monotone, but {axis.labels[higher]} gives a lower "
                    f"category than {axis.labels[lower]} where {where}",
                )
                return


def _span(leaf: Leaf, outside: set[int]) -> tuple[int, int] | None:
    """Lowest and highest category on the scale that a leaf leaves open; None where there is none."""
    on = [k for k in range(len(leaf.shares)) if leaf.open >> k & 1 and k not in outside]
    return (on[0], on[-1]) if on else None


def _falls(low: tuple[int, int] | None, high: tuple[int, int] | None, before: int, after: int) -> bool:
    inside = before == MET and after == MET
    return inside and low is not None and high is not None and (high[0] < low[0] or high[1] < low[1])


def _cells_in_order(axis: Axis, declared: Monotone) -> list[int]:
    if declared.worse is not None:
        return [axis.labels.index(state) for state in declared.worse]
    cells = list(range(axis.cells))
    return cells[::-1] if declared.lower_is_worse else cells


def _cut(compiled: Compiled, root: int, k: int, cell: int) -> int:
    """A diagram with one axis fixed."""
    at = int(compiled.axes[k].classes[cell])
    store = compiled.store
    return store.rewrite(root, lambda level, c: c[at] if level == k else store.node(level, c), store)
