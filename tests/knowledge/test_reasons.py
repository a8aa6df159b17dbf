"""The engine against a slow, independent reading of the same YAML: plain Python loops over every joint state."""

import itertools
import json
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from statistics import NormalDist
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pellucid.knowledge import Evaluation, Guideline, evaluate, load_guideline, load_guideline_file
from pellucid.record import Finding, Observer

MODEL = Observer(name="reader", kind="model")
Assignment = tuple[str, ...]
Truth = Callable[[Assignment], int]
RELAXED = {"deadline": None, "suppress_health_check": list(HealthCheck)}


class Brute:
    """One question of one pack, read straight from the YAML and evaluated state by state."""

    def __init__(self, text: str, question: str) -> None:
        self.raw: dict[str, Any] = yaml.safe_load(text)
        self.question = self.raw["questions"][question]
        self.categories = list(self.question["categories"])
        mentioned: set[str] = set()
        proposal = self.question["proposal"]
        self.kind, self.body = next(iter(proposal.items()))
        card = self.raw.get("scorecards", {}).get(self.body.get("scorecard"), {"terms": []})
        used = [r["when"] for r in self.question.get("rules", [])] + [t["when"] for t in card["terms"]]
        used += [row["when"] for row in self.body.get("rows", []) if "when" in row]
        for predicate in used:
            self._mention(predicate, mentioned)
        self.names = [name for name in self.raw["concepts"] if name in mentioned]
        self.real = [self._states(name) for name in self.names]
        self.unknown = [self.raw["concepts"][name].get("when_unknown", "base rate") for name in self.names]
        extra = {"averaged": ["not judged"], "not stated": ["not stated"]}
        self.extra = [extra.get(word, []) if isinstance(word, str) else [] for word in self.unknown]
        self.terms = [(self.truth(t["when"]), t["points"]) for t in card["terms"]]
        self.risks, self.lowest = card.get("risks"), sum(min(t["points"], 0) for t in card["terms"])
        self.rules = [(self.truth(r["when"]), r) for r in self.question.get("rules", [])]
        self.rows = [
            (self.truth(row["when"]) if "when" in row else lambda _: 2, row["counts"]) for row in self.body.get("rows", [])
        ]
        self.answer = cache(self._answer)

    def _mention(self, predicate: Mapping[str, Any], found: set[str]) -> None:
        ((word, operand),) = predicate.items()
        if word == "rule":
            self._mention(self.raw["definitions"][operand]["when"], found)
        elif word == "not":
            self._mention(operand, found)
        elif word in ("all", "any"):
            for part in operand:
                self._mention(part, found)
        else:
            found.update(operand)

    def _states(self, name: str) -> list[str]:
        concept = self.raw["concepts"][name]
        return concept["states"] if "states" in concept else [cell["name"] for cell in concept["cells"]]

    def truth(self, predicate: Mapping[str, Any]) -> Truth:
        ((word, operand),) = predicate.items()
        if word == "rule":
            return self.truth(self.raw["definitions"][operand]["when"])
        if word == "not":
            part = self.truth(operand)
            return lambda a: 2 - part(a)
        if word in ("all", "any"):
            parts, join = [self.truth(p) for p in operand], min if word == "all" else max
            return lambda a: join(p(a) for p in parts)
        ((name, wanted),) = operand.items()
        at, states = self.names.index(name), self._states(name)
        if word == "is":
            met = [wanted] if isinstance(wanted, str) else wanted
        else:
            i = states.index(wanted)
            met = {"at_least": states[i:], "at_most": states[: i + 1], "above": states[i + 1 :], "below": states[:i]}[word]
        values = {state: 2 if state in met else 0 for state in states}
        return lambda a: values.get(a[at], 1)

    def _answer(self, a: Assignment) -> tuple[frozenset[str], tuple[float, ...]]:
        floor, ceiling, last = 0, len(self.categories) - 1, len(self.categories) - 1
        for truth, rule in self.rules:
            if truth(a) == 2:
                low = rule.get("exactly", rule.get("at_least"))
                high = rule.get("exactly", rule.get("at_most"))
                floor = max(floor, self.categories.index(low) if low else 0)
                ceiling = min(ceiling, self.categories.index(high) if high else last)
        ceiling = max(ceiling, floor)
        if self.kind == "table":
            return self._from_table(a, floor, ceiling)
        risk = self.risks[sum(points for truth, points in self.terms if truth(a) == 2) - self.lowest]
        if self.kind == "outcome":
            return frozenset([self.categories[risk >= self.body["threshold"]]]), (1 - risk, risk)
        for limit in self.body["limits"]:
            if risk <= limit.get("up_to", -1) or risk < limit.get("below", -1):
                proposed = self.categories.index(limit["category"])
                break
        k = max(min(proposed, ceiling), floor)
        return frozenset([self.categories[k]]), tuple(float(i == k) for i in range(last + 1))

    def _from_table(self, a: Assignment, floor: int, ceiling: int) -> tuple[frozenset[str], tuple[float, ...]]:
        counts = next(counts for truth, counts in self.rows if truth(a) == 2)
        total = [sum(c[k] for _, c in self.rows) for k in range(len(self.categories))]
        kept = [(n + self.body["smoothing"] * total[k] / sum(total)) * (floor <= k <= ceiling) for k, n in enumerate(counts)]
        return frozenset(self.categories[floor : ceiling + 1]), tuple(x / sum(kept) for x in kept)

    def fact(self, i: int, finding: Finding | None) -> tuple[str | None, dict[str, float], bool]:
        """(crisp state, weights, judged) of one concept."""
        concept = self.raw["concepts"][self.names[i]]
        if finding is None or finding.unknown_because:
            if isinstance(self.unknown[i], dict):
                state = self.unknown[i]["counts_as"]
                return state, {state: 1.0}, False
            if self.extra[i]:
                state = "not stated" if self.unknown[i] == "not stated" else None
                return state, {self.extra[i][0]: 1.0}, False
            counts = concept.get("base_rate", {}).get("counts", [1] * len(self.real[i]))
            return None, {s: n / sum(counts) for s, n in zip(self.real[i], counts, strict=True)}, False
        if finding.value is None:
            return finding.state, dict(zip(finding.states or (), finding.probabilities or (), strict=True)), True
        weights, below, crisp = {}, 0.0, None
        for cell in concept["cells"]:
            limit = cell.get("below", math.inf)
            spread = NormalDist(finding.value, finding.sd).cdf(limit) if finding.sd else float(finding.value < limit)
            upto = 1.0 if limit == math.inf else spread
            weights[cell["name"]], below = upto - below, upto
            crisp = crisp or (cell["name"] if finding.value < limit else None)
        return crisp, weights, True


def all_states(brute: Brute) -> Iterator[Assignment]:
    return itertools.product(*(real + extra for real, extra in zip(brute.real, brute.extra, strict=True)))


def check_distribution(brute: Brute, facts: list[Any], got: Evaluation) -> None:
    """P(category), and the mutual information of each concept with it, by plain sums."""
    joint: list[dict[tuple[str, str], float]] = [{} for _ in brute.names]
    supports = [[(s, w) for s, w in weights.items() if w > 0] for _, weights, _ in facts]
    overall = dict.fromkeys(brute.categories, 0.0)
    for states in itertools.product(*supports):
        a, weight = tuple(s for s, _ in states), math.prod(w for _, w in states)
        for category, share in zip(brute.categories, brute.answer(a)[1], strict=True):
            overall[category] += weight * share
            for i, state in enumerate(a):
                joint[i][category, state] = joint[i].get((category, state), 0.0) + weight * share
    assert got.probabilities == pytest.approx(overall, abs=2e-6)
    present, look = entropy(overall.values()), {item.concept: item for item in got.look_again}
    for i, name in enumerate(brute.names):
        state_shares = [sum(p for (_, s), p in joint[i].items() if s == state) for state in {s for _, s in joint[i]}]
        bits = present + entropy(state_shares) - entropy(joint[i].values())
        if brute.extra[i] and not facts[i][2]:
            assert name not in look
        else:
            assert (look[name].bits if name in look else 0.0) == pytest.approx(bits, abs=3e-6)
            if name in look and present > 1e-2:
                assert look[name].share == pytest.approx(bits / present, abs=1e-3)
    assert list(got.look_again) == sorted(got.look_again, key=lambda item: -item.bits)


def entropy(shares: Any) -> float:
    return -sum(p * math.log2(p) for p in shares if p > 0)


def completions(brute: Brute, fixed: Mapping[int, str]) -> Iterator[Assignment]:
    """All joint states that agree with `fixed`; concepts left out range over their real states."""
    return itertools.product(*([fixed[i]] if i in fixed else real for i, real in enumerate(brute.real)))


def forced(brute: Brute, fixed: Mapping[int, str]) -> frozenset[str]:
    """The categories that stay open."""
    return frozenset().union(*(brute.answer(a)[0] for a in completions(brute, fixed)))


def check_reasons(brute: Brute, facts: list[Any], got: Evaluation) -> None:
    """Open categories; sufficient reasons as the minimal hitting sets of what separates the facts from every other answer."""
    known = {i: state for i, (state, _, _) in enumerate(facts) if state is not None}
    opened = forced(brute, known)
    assert set(got.open) == opened
    assert got.crisp == (got.open[0] if len(opened) == 1 else None)
    if len(opened) > 1:
        assert got.sufficient_reason == ()
        return
    domains = [
        real + (extra if extra == ["not stated"] and i in known else [])
        for i, (real, extra) in enumerate(zip(brute.real, brute.extra, strict=True))
    ]
    differing = {
        sum(1 << i for i, state in known.items() if a[i] != state)
        for a in itertools.product(*domains)
        if brute.answer(a)[0] != opened
    }
    differing = [d for d in differing if not any(e != d and e & d == e for e in differing)]
    minimal: list[int] = []
    for size in range(len(known) + 1):
        for subset in itertools.combinations(sorted(known), size):
            mask = sum(1 << i for i in subset)
            if not any(m & mask == m for m in minimal) and all(mask & d for d in differing):
                minimal.append(mask)
    said = [sum(1 << brute.names.index(c.concept) for c in reason) for reason in got.sufficient_reason]
    assert said == minimal
    assert all(known[brute.names.index(c.concept)] == c.state for reason in got.sufficient_reason for c in reason)


def check_contrasts(brute: Brute, facts: list[Any], got: Evaluation) -> None:
    """For every category the cheapest change that forces it, over all assignments of all concepts."""
    best = cheapest(brute, facts, inputs_too=False)
    if len(best) < len(brute.categories):
        best = {**cheapest(brute, facts, inputs_too=True), **best}
    expected = {category: cost for category, cost in best.items() if cost[0]}
    assert {c.category: len(c.changes) for c in got.contrasts} == {category: cost[0] for category, cost in expected.items()}
    for contrast in got.contrasts:
        fixed = {i: state for i, (state, _, _) in enumerate(facts) if state is not None}
        price = 0
        for change in contrast.changes:
            i = brute.names.index(change.concept)
            assert change.seen == (fixed.get(i) if facts[i][2] else None)
            fixed[i], price = change.instead, price + cost_of(brute, facts, i, change.instead)
        assert forced(brute, fixed) == {contrast.category}
        assert price == expected[contrast.category][1]


def cost_of(brute: Brute, facts: list[Any], i: int, state: str) -> int:
    judged = facts[i][2] or brute.unknown[i] == "base rate"
    return round(-1000 * math.log(max(1e-6, facts[i][1].get(state, 0.0) if judged else 0.0)))


def cheapest(brute: Brute, facts: list[Any], inputs_too: bool) -> dict[str, tuple[int, int]]:
    options: list[list[str | None]] = []
    for i, (state, _, judged) in enumerate(facts):
        if brute.unknown[i] == "not stated" and not judged:
            options.append([state, *brute.real[i]] if inputs_too else [state])
        else:
            options.append([None, *brute.real[i]] if state is None else list(brute.real[i]))
    found: dict[str, tuple[int, int]] = {}
    for chosen in itertools.product(*options):
        changed = [i for i, state in enumerate(chosen) if state is not None and state != facts[i][0]]
        cost = (len(changed), sum(cost_of(brute, facts, i, str(chosen[i])) for i in changed))
        worst = max(found.values(), default=None)
        if len(found) == len(brute.categories) and worst is not None and cost >= worst:
            continue
        opened = forced(brute, {i: state for i, state in enumerate(chosen) if state is not None})
        if len(opened) == 1:
            (category,) = opened
            found[category] = min(found.get(category, cost), cost)
    return found


def random_findings(draw: Callable[..., Any], guideline: Guideline, names: list[str], most_free: int) -> list[Finding]:
    """Findings on `names`: crisp, unsure, unknown, measured or not given; at most `most_free` without a crisp state."""
    found: list[Finding] = []
    free = 0
    for name in names:
        concept = guideline.concepts[name]
        optional = guideline.entries[name].when_unknown != "base rate"
        kind = draw(st.sampled_from(["crisp", "crisp", "unsure", "unknown", "absent"]))
        if concept.unit:
            value, sd = draw(st.floats(0, 90)), draw(st.sampled_from([0.0, 4.0, 15.0]))
            found.append(Finding(concept=name, observer=MODEL, unit=concept.unit, value=round(value, 2), sd=sd))
            continue
        if kind != "crisp" and not optional:
            kind = kind if free < most_free else "crisp"
            free += kind != "crisp"
        if kind == "unknown":
            found.append(Finding(concept=name, observer=MODEL, states=concept.states, unknown_because="not in view"))
        if kind in ("crisp", "unsure"):
            weights = [draw(st.integers(0, 5)) for _ in concept.states or ()]
            weights[draw(st.integers(0, len(weights) - 1))] += 3
            shares = tuple(w / sum(weights) for w in weights)
            state = (concept.states or ())[shares.index(max(shares))] if kind == "crisp" else None
            found.append(Finding(concept=name, observer=MODEL, states=concept.states, probabilities=shares, state=state))
    return found


def compare(brute: Brute, guideline: Guideline, question: str, findings: list[Finding]) -> None:
    by_name = {f.concept: f for f in findings}
    facts = [brute.fact(i, by_name.get(name)) for i, name in enumerate(brute.names)]
    got = evaluate(guideline, question, findings)
    check_distribution(brute, facts, got)
    check_reasons(brute, facts, got)
    check_contrasts(brute, facts, got)


@cache
def shipped(name: str, question: str) -> tuple[Brute, Guideline]:
    guideline = load_guideline(name)
    return Brute(Path(guideline.file).read_text(encoding="utf-8"), question), guideline


@pytest.mark.parametrize("question", ["dr-grade", "referable-dr"])
@given(data=st.data())
@settings(max_examples=20, **RELAXED)
def test_retinopathy_agrees_with_brute_force(question: str, data: st.DataObject) -> None:
    brute, guideline = shipped("diabetic-retinopathy-icdr", question)
    compare(brute, guideline, question, random_findings(data.draw, guideline, brute.names, 3))


@given(data=st.data())
@settings(max_examples=25, **RELAXED)
def test_malignancy_agrees_with_brute_force(data: st.DataObject) -> None:
    brute, guideline = shipped("breast-ultrasound", "malignancy")
    compare(brute, guideline, "malignancy", random_findings(data.draw, guideline, brute.names, 2))


@given(data=st.data())
@settings(max_examples=3, **RELAXED)
def test_category_of_breast_mass_agrees_with_brute_force(data: st.DataObject) -> None:
    brute, guideline = shipped("breast-ultrasound", "birads")
    compare(brute, guideline, "birads", random_findings(data.draw, guideline, brute.names, 1))


@given(data=st.data())
@settings(max_examples=60, **RELAXED)
def test_probabilities_of_breast_category_agree_with_brute_force(data: st.DataObject) -> None:
    brute, guideline = shipped("breast-ultrasound", "birads")
    findings = random_findings(data.draw, guideline, brute.names, 0)
    by_name = {f.concept: f.model_copy(update=_two_likeliest(f)) for f in findings}
    facts = [brute.fact(i, by_name.get(name)) for i, name in enumerate(brute.names)]
    check_distribution(brute, facts, evaluate(guideline, "birads", list(by_name.values())))


def _two_likeliest(finding: Finding) -> dict[str, Any]:
    """Keeps the brute sum short: all but the two likeliest states get no weight."""
    if finding.probabilities is None:
        return {}
    kept = sorted(finding.probabilities)[-2:]
    shares = [p if p >= kept[0] else 0.0 for p in finding.probabilities]
    return {"probabilities": tuple(p / sum(shares) for p in shares)}


@st.composite
def small_packs(draw: st.DrawFn) -> dict[str, Any]:
    """A random pack of three to five concepts of every kind, with a points card or a counted table, and up to four rules."""
    cite = {"source": "s", "clause": "c", "verified": "background"}
    concepts: dict[str, Any] = {}
    for i in range(draw(st.integers(3, 5))):
        states = [f"s{k}" for k in range(draw(st.integers(2, 3)))]
        concepts[f"c{i}"] = {"definition": "d", "states": states, "ordinal": True}
        if when := draw(st.sampled_from([None, None, "averaged", "not stated"])):
            concepts[f"c{i}"]["when_unknown"] = when
    if draw(st.booleans()):
        concepts["angle"] = {
            "definition": "d",
            "unit": "deg",
            "cells": [{"name": "low", "below": 20.5}, {"name": "mid", "below": 60.5}, {"name": "high"}],
        }
    predicate = predicates(concepts)
    categories = ["a", "b", "c"]
    rules = []
    for k in range(draw(st.integers(0, 4))):
        bound = draw(st.sampled_from(["at_least", "at_most", "exactly"]))
        rules.append(
            {"id": f"R{k}", "claim": "x", bound: draw(st.sampled_from(categories)), "when": draw(predicate), "cite": cite}
        )
    pack: dict[str, Any] = {
        "sources": {"s": {"kind": "data", "short": "S", "reference": "r"}},
        "concepts": concepts,
        "name": "n",
        "edition": "1",
        "title": "t",
    }
    if draw(st.booleans()):
        terms = [
            {"when": draw(predicate), "points": draw(st.sampled_from([-1, 1, 2, 3]))} for _ in range(draw(st.integers(1, 4)))
        ]
        span = sum(abs(t["points"]) for t in terms)
        pack["scorecards"] = {
            "k": {
                "outcome": "o",
                "terms": terms,
                "risks": [round(i / span, 3) for i in range(span + 1)],
                "cite": cite,
                "figures": {},
            }
        }
        limits = [{"category": "a", "up_to": 0.25}, {"category": "b", "below": 0.7}, {"category": "c", "up_to": 1.0}]
        proposal: dict[str, Any] = {"bands": {"scorecard": "k", "limits": limits, "cite": cite}}
    else:
        rows: list[dict[str, Any]] = [
            {"when": draw(predicate), "counts": [draw(st.integers(0, 9)) + 0.5 for _ in categories]} for _ in range(2)
        ]
        proposal = {"table": {"rows": [*rows, {"counts": [1.5, 2.0, 3.0]}], "smoothing": 1.0, "cite": cite, "figures": {}}}
    words = {name: {"statement": "x"} for name in categories}
    pack["questions"] = {"q": {"label": "l", "noun": "category", "categories": words, "proposal": proposal, "rules": rules}}
    return pack


def predicates(concepts: dict[str, Any]) -> st.SearchStrategy[Any]:
    def atom(name: str) -> st.SearchStrategy[Any]:
        if "cells" in concepts[name]:
            return st.sampled_from(["low", "mid", "high"]).map(lambda cell: {"is": {name: cell}})
        states = concepts[name]["states"]
        some = st.lists(st.sampled_from(states), min_size=1, max_size=2, unique=True).map(lambda wanted: {"is": {name: wanted}})
        return some | st.just({"at_least": {name: states[1]}}) | st.just({"below": {name: states[-1]}})

    atoms = st.sampled_from(sorted(concepts)).flatmap(atom)
    return st.recursive(
        atoms,
        lambda inner: (
            st.lists(inner, min_size=1, max_size=3).map(lambda p: {"all": p})
            | st.lists(inner, min_size=1, max_size=3).map(lambda p: {"any": p})
            | inner.map(lambda p: {"not": p})
        ),
        max_leaves=5,
    )


@given(pack=small_packs(), data=st.data())
@settings(max_examples=120, **RELAXED)
def test_any_small_pack_agrees_with_brute_force(pack: dict[str, Any], data: st.DataObject) -> None:
    text = json.dumps(pack)  # JSON is YAML without anchors
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "guideline.yaml"
        file.write_text(text, encoding="utf-8")
        guideline = load_guideline_file(file)
    brute = Brute(text, "q")
    compare(brute, guideline, "q", random_findings(data.draw, guideline, brute.names, 3))
