"""The engine against a slow, independent reading of the same YAML (`brute`): shipped packs and any small pack."""

import json
import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.knowledge.against import Case, cases_of, compare, draw_findings
from tests.knowledge.brute import Brute
from tests.knowledge.packs import CITE, CONCEPTS, load, pack, question, row, said, unsure

from pellucid.errors import GuidelineError
from pellucid.knowledge import list_guidelines, load_guideline, load_guideline_file
from pellucid.knowledge.space import compile_question

RELAXED = {"deadline": None, "suppress_health_check": list(HealthCheck)}
QUESTIONS = [(name, question) for name in list_guidelines() for question in load_guideline(name).questions]
MOST_AT_LENGTH = 400
"""Cases of one pack for each of five seeds."""
PARTS = ("check_distribution", "check_reasons", "check_contrasts")


@pytest.mark.parametrize(("name", "question"), QUESTIONS)
def test_shipped_question_agrees_with_brute_force(name: str, question: str) -> None:
    done = Counter[str]()
    for case, rng in cases_of(name, question, seed=1, n=24):
        compare(case, rng, 16, done, budget=1000)
    assert min(done[part] for part in PARTS) >= 6, done


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2])
@pytest.mark.parametrize(("name", "question"), QUESTIONS)
def test_shipped_question_agrees_with_brute_force_at_length(name: str, question: str, seed: int) -> None:
    done = Counter[str]()
    for case, rng in cases_of(name, question, seed, n=MOST_AT_LENGTH // len(load_guideline(name).questions)):
        compare(case, rng, 120, done)
    assert min(done[part] for part in PARTS) >= 40, done


@st.composite
def small_packs(draw: st.DrawFn) -> dict[str, Any]:
    """A random pack of three to five concepts of every kind, with every word of the grammar, and up to four rules."""
    concepts: dict[str, Any] = {f"c{i}": _concept(draw) for i in range(draw(st.integers(2, 4)))}
    if draw(st.booleans()):
        concepts["angle"] = {"definition": "d", "unit": "deg", "plausible": [0, 180]}
        if draw(st.booleans()):
            concepts["angle"]["cells"] = [{"name": "low", "below": 20.5}, {"name": "mid", "below": 60.5}, {"name": "high"}]
    if draw(st.booleans()):
        concepts["inner"] = {"definition": "d", "unit": "deg", "plausible": [0, 180]}
    predicate = predicates(concepts)
    categories = {name: {"statement": "x"} for name in "abc"}
    pack: dict[str, Any] = {"sources": {"s": {"kind": "data", "short": "S", "reference": "r"}}, "concepts": concepts}
    pack |= {"name": "n", "edition": "1", "title": "t", "definitions": {"d": {"claim": "x", "when": draw(predicate)}}}
    pack["scores"] = {"sum": {"terms": draw(_terms(concepts, predicate)), "cite": CITE}}
    pack["contradictions"] = [
        {"id": f"K{k}", "claim": "x", "hard": draw(st.booleans()), "when": draw(predicate)}
        for k in range(draw(st.integers(0, 2)))
    ]
    if "angle" in concepts and "inner" in concepts:
        pack["contradictions"].append({"id": "L", "claim": "x", "hard": True, "larger": {"inner": "angle"}})
    words = {"label": "l", "noun": "category", "categories": categories}
    first = {"decide": {"rows": draw(_rows(predicate)), "otherwise": {"category": "b", "claim": "x"}}}
    rich = st.one_of(predicate, predicate, st.sampled_from(_further()))
    kind = draw(st.sampled_from(["bands", "table", "decide", "decide"]))
    outside = draw(st.sampled_from([[], ["a"], ["c"]]))
    pack["questions"] = {
        "early": {**words, "outside": draw(st.sampled_from([[], ["a"]])), "proposal": first, "rules": draw(_rules(predicate))},
        "q": {
            **words,
            "outside": outside if kind == "decide" else [],
            "proposal": _proposal(draw, kind, rich, pack),
            "rules": draw(_rules(rich)),
        },
    }
    return pack


def _concept(draw: st.DrawFn) -> dict[str, Any]:
    states = [f"s{k}" for k in range(draw(st.integers(2, 3)))]
    found: dict[str, Any] = {"definition": "d", "states": states, "ordinal": True}
    when = draw(st.sampled_from([None, None, "averaged", "not stated", {"counts_as": states[0], "cite": CITE}]))
    return found | ({"when_unknown": when} if when else {})


def _further() -> list[Any]:
    """Predicates over what a pack defines."""
    return [
        {"rule": "d"},
        {"score": {"sum": {"at_least": 2}}},
        {"score": {"sum": {"above": -1, "below": 2}}},
        {"answer": {"early": ["a", "c"]}},
        {"not": {"answer": {"early": "b"}}},
    ]


def _terms(concepts: dict[str, Any], predicate: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    some = [name for name, concept in concepts.items() if "states" in concept]
    by = st.sampled_from(some).map(
        lambda name: {"by": name, "points": {state: k - 1.5 for k, state in enumerate(concepts[name]["states"])}}
    )
    when = st.tuples(predicate, st.sampled_from([-1, 0.5, 2])).map(lambda pair: {"when": pair[0], "points": pair[1]})
    return st.lists(by | when, min_size=1, max_size=4)


def _rows(predicate: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    one = st.tuples(predicate, st.sampled_from("abc"))
    return st.lists(one, min_size=1, max_size=4).map(
        lambda found: [
            {"id": f"S{k}", "claim": "x", "when": when, "category": category, "cite": CITE}
            for k, (when, category) in enumerate(found)
        ]
    )


def _rules(predicate: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    one = st.tuples(predicate, st.sampled_from(["at_least", "at_most", "exactly"]), st.sampled_from("abc"))
    return st.lists(one, max_size=3).map(
        lambda found: [
            {"id": f"R{k}", "claim": "x", bound: category, "when": when, "cite": CITE}
            for k, (when, bound, category) in enumerate(found)
        ]
    )


def _proposal(draw: st.DrawFn, kind: str, predicate: st.SearchStrategy[Any], pack: dict[str, Any]) -> dict[str, Any]:
    if kind == "decide":
        other = {"category": draw(st.sampled_from("abc")), "claim": "x"}
        return {"decide": {"rows": draw(_rows(predicate)), "otherwise": other}}
    if kind == "table":
        rows: list[dict[str, Any]] = [
            {"when": draw(predicate), "counts": [draw(st.integers(0, 9)) + 0.5 for _ in "abc"]} for _ in range(2)
        ]
        return {"table": {"rows": [*rows, {"counts": [1.5, 2.0, 3.0]}], "smoothing": 1.0, "cite": CITE, "figures": {}}}
    points = st.sampled_from([-1, 1, 2, 3])
    plain = predicates(pack["concepts"])  # a scorecard stands above the questions
    terms = [{"when": draw(plain), "points": draw(points)} for _ in range(draw(st.integers(1, 4)))]
    span = sum(abs(t["points"]) for t in terms)
    risks = [round(i / span, 3) for i in range(span + 1)]
    pack["scorecards"] = {"k": {"outcome": "o", "terms": terms, "risks": risks, "cite": CITE, "figures": {}}}
    limits = [{"category": "a", "up_to": 0.25}, {"category": "b", "below": 0.7}, {"category": "c", "up_to": 1.0}]
    return {"bands": {"scorecard": "k", "limits": limits, "cite": CITE}}


def predicates(concepts: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Predicates over concepts alone."""

    def atom(name: str) -> st.SearchStrategy[Any]:
        concept = concepts[name]
        if "unit" in concept:
            limit = st.tuples(st.sampled_from(["at_least", "above", "at_most", "below"]), st.sampled_from([20, 20.5, 60]))
            typed = limit.map(lambda pair: {pair[0]: {name: pair[1]}})
            return typed | st.sampled_from(["low", "mid"]).map(lambda cell: {"is": {name: cell}}) if "cells" in concept else typed
        states = concept["states"]
        some = st.lists(st.sampled_from(states), min_size=1, max_size=2, unique=True).map(lambda wanted: {"is": {name: wanted}})
        return some | st.just({"at_least": {name: states[1]}}) | st.just({"below": {name: states[-1]}})

    def count(parts: list[Any]) -> Any:
        return {"count": {"of": parts, "at_least": 1, "at_most": len(parts) - 1}}

    return st.recursive(
        st.sampled_from(sorted(concepts)).flatmap(atom),
        lambda inner: (
            st.lists(inner, min_size=1, max_size=3).map(lambda p: {"all": p})
            | st.lists(inner, min_size=1, max_size=3).map(lambda p: {"any": p})
            | st.lists(inner, min_size=2, max_size=4).map(count)
            | inner.map(lambda p: {"not": p})
        ),
        max_leaves=5,
    )


def agrees(pack: dict[str, Any], seed: int) -> None:
    """Both readings of a pack, on four sets of findings."""
    text = json.dumps(pack)  # JSON is YAML without anchors
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "guideline.yaml"
        file.write_text(text, encoding="utf-8")
        guideline = load_guideline_file(file)
    brute, rng = Brute(text, "q"), random.Random(seed)
    assume(brute.can_be(tuple(brute.real)))
    compile_question(guideline, "q")
    for _ in range(4):
        compare(Case(brute, guideline, "q", draw_findings(rng, brute, guideline, {})), rng, 400, Counter())


@given(pack=small_packs(), seed=st.integers(0, 10_000))
@settings(max_examples=60, **RELAXED)
def test_any_small_pack_agrees_with_brute_force(pack: dict[str, Any], seed: int) -> None:
    agrees(pack, seed)


@pytest.mark.slow
@given(pack=small_packs(), seed=st.integers(0, 10_000))
@settings(max_examples=400, **RELAXED)
def test_any_small_pack_agrees_with_brute_force_at_length(pack: dict[str, Any], seed: int) -> None:
    agrees(pack, seed)


def test_findings_that_leave_nothing_possible_even_when_withdrawn_are_refused_by_both(tmp_path: Path) -> None:
    """The random pack that the comparison once did not know: an input that nobody stated rules out what is left."""
    asked = question([row("b", {"is": {"shape": "jagged"}}), row("c", {"is": {"entry": "yes"}})])
    entry = {"definition": "d", "states": ["no", "yes"], "when_unknown": "not stated"}
    never = {"not": {"is": {"entry": "yes"}}}
    contradictions = [{"id": "K", "claim": "x", "hard": True, "when": never}]
    content = pack(asked, contradictions=contradictions, concepts={**CONCEPTS, "entry": entry})
    guideline, brute = load(tmp_path, content), Brute(json.dumps(content), "q")
    assert brute.can_be(tuple(brute.real))
    called = unsure(guideline, "entry", 0.6, 0.4).model_copy(update={"state": "no"})
    for shape in ([], [said(guideline, "shape", "round")], [unsure(guideline, "shape", 0.5, 0.5)]):
        case, done = Case(brute, guideline, "q", [called, *shape]), Counter[str]()
        compare(case, random.Random(1), 400, done)
        assert (case.contradicted, done["refused"]) == (True, 1)
    stated = Case(brute, guideline, "q", [said(guideline, "entry", "yes"), unsure(guideline, "shape", 0.5, 0.5)])
    assert not stated.refused


def test_gap_in_the_rows_is_refused_with_a_witness(tmp_path: Path) -> None:
    rows = [{"id": "S", "claim": "x", "when": {"is": {"c": "s0"}}, "category": "a", "cite": CITE}]
    pack: dict[str, Any] = {"sources": {"s": {"kind": "data", "short": "S", "reference": "r"}}, "name": "n", "edition": "1"}
    pack |= {"title": "t", "concepts": {"c": {"definition": "d", "states": ["s0", "s1"]}}}
    words = {"label": "l", "noun": "category", "categories": {name: {"statement": "x"} for name in "ab"}}
    pack["questions"] = {"q": {**words, "proposal": {"decide": {"rows": rows}}}}
    file = tmp_path / "guideline.yaml"
    file.write_text(json.dumps(pack), encoding="utf-8")
    with pytest.raises(GuidelineError, match="expected a row for every combination, got none where c s1"):
        compile_question(load_guideline_file(file), "q")
