"""Random findings on a question, and the engine's answer compared with the slow reading in `brute`."""

import itertools
import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest
import yaml
from tests.knowledge.brute import MET, Box, Brute, Seen, TooLong, bits_of

from pellucid.errors import InputError
from pellucid.knowledge import Evaluation, Guideline, evaluate, load_guideline
from pellucid.record import Concept, Contrast, Finding, Observer

OBSERVERS = (Observer(name="reader", kind="model"), Observer(name="someone", kind="person"))
MOST_KNOWN = 8
"""With at most so many certain findings every sufficient reason is sought; above, random ones are."""


@cache
def shipped(name: str, question: str) -> tuple[Brute, Guideline]:
    guideline = load_guideline(name)
    return Brute(Path(guideline.file).read_text(encoding="utf-8"), question), guideline


@cache
def given_in_cases(name: str, question: str) -> tuple[dict[str, Finding], ...]:
    """The findings of the pack's own cases: places where its rows are met."""
    guideline = load_guideline(name)
    raw = yaml.load(Path(guideline.file).with_name("cases.yaml").read_bytes(), Loader=yaml.BaseLoader)
    usual = (raw.get("defaults") or {}).get(question, {})
    stated = [{**usual, **(case["given"] or {})} for case in raw["cases"] if case.get("question") == question]
    return tuple(
        {name: _stated(guideline.concepts[name], value) for name, value in given.items() if value != "null"} for given in stated
    )


def _stated(concept: Concept, value: str) -> Finding:
    if concept.unit:
        return Finding(concept=concept.name, observer=OBSERVERS[1], unit=concept.unit, value=float(value), sd=0.0)
    shares = tuple(float(state == value) for state in concept.states or ())
    return Finding(concept=concept.name, observer=OBSERVERS[1], states=concept.states, state=value, probabilities=shares)


def draw_findings(rng: random.Random, brute: Brute, guideline: Guideline, start: dict[str, Finding]) -> list[Finding]:
    """Findings on what a question uses: most certain, some unsure, unknown, measured or not given; of persons and of a model."""
    free = set(rng.sample(brute.names, min(len(brute.names), rng.randint(0, 6))))
    vague = rng.choice([0.0, 0.1, 0.3])
    who = rng.choice([OBSERVERS, OBSERVERS[:1], OBSERVERS[1:]])
    keep = rng.choice([0.0, 0.6, 0.9])
    found: list[Finding] = []
    for i, name in enumerate(brute.names):
        observer, concept = rng.choice(who), guideline.concepts[name]
        if name in free:
            one = _free(rng, observer, concept)
        elif name in start and rng.random() < keep:
            one = start[name].model_copy(update={"observer": observer})
        elif brute.extra[i] and rng.random() < 0.4:
            one = None
        else:
            one = _measured(rng, brute, i, observer, concept) if concept.unit else _called(rng, observer, concept, vague)
        found += [one] if one else []
    return found


def _free(rng: random.Random, observer: Observer, concept: Concept) -> Finding | None:
    """A finding that decides no state, or none."""
    kind = rng.choice(["unknown", "absent", "unsure", "unsure"])
    if kind == "absent":
        return None
    if kind == "unknown" or concept.unit:
        why = "not in view"
        return Finding(concept=concept.name, observer=observer, states=concept.states, unit=concept.unit, unknown_because=why)
    return Finding(concept=concept.name, observer=observer, states=concept.states, probabilities=_shares(rng, concept))


def _shares(rng: random.Random, concept: Concept) -> tuple[float, ...]:
    weights = [rng.choice([0, 0, 1, 2, 5]) for _ in concept.states or ()]
    weights[rng.randrange(len(weights))] += 1
    return tuple(w / sum(weights) for w in weights)


def _called(rng: random.Random, observer: Observer, concept: Concept, vague: float) -> Finding:
    states = concept.states or ()
    state = rng.choice(states)
    sure = tuple(float(s == state) for s in states)
    shares = _shares(rng, concept) if rng.random() < vague else sure
    return Finding(concept=concept.name, observer=observer, states=states, probabilities=shares, state=state)


def _measured(rng: random.Random, brute: Brute, i: int, observer: Observer, concept: Concept) -> Finding:
    """A value on a limit, beside one, anywhere plausible, or (seldom) not plausible at all."""
    low, high = (float(x) for x in brute.concepts[concept.name].get("plausible", (0, 100)))
    limits = [cut[0] for cut in brute.cuts[i]] or [low]
    value = rng.choice(limits) + rng.choice([0.0, -0.25, 0.25, -1.0, 1.0])
    if rng.random() < 0.3:
        value = rng.uniform(low, high)
    value = min(max(value, low), high) if rng.random() < 0.98 else high * 10 + 1
    sd = rng.choice([0.0, 0.0, 0.1, 2.0])
    return Finding(concept=concept.name, observer=observer, unit=concept.unit, value=round(value, 3), sd=sd)


class Case:
    """One set of findings, as both readings have it."""

    def __init__(self, brute: Brute, guideline: Guideline, question: str, findings: list[Finding]) -> None:
        self.brute, self.guideline, self.question, self.findings = brute, guideline, question, findings
        by_name = {f.concept: f for f in findings}
        self.facts = [brute.see(i, by_name.get(name)) for i, name in enumerate(brute.names)]
        persons = [f for f in findings if f.observer.kind == "person"]
        self.slip = any(_not_plausible(brute, f) for f in persons)
        brute.steps, brute.budget = 0, 200_000
        likely = tuple(sum(1 << k for k, w in enumerate(seen.weights) if w > 1e-12) for seen in self.facts)
        whole = not brute.can_be(likely)
        self.contradicted = whole or not brute.can_be(self.box())
        self.refused = self.contradicted and len(persons) == len(findings)
        if self.contradicted and not self.refused:
            names = brute.named_in_hard()
            self.facts = [
                brute.withdrawn(i, seen, whole) if name in names else seen
                for i, (name, seen) in enumerate(zip(brute.names, self.facts, strict=True))
            ]
            brute.steps = 0
            self.refused = not brute.can_be(self.box())  # an input that nobody stated rules out what is left

    def box(self, fixed: Iterable[int] | None = None) -> Box:
        """What the facts leave possible; with `fixed`, certain facts that are not among them are set free."""
        brute = self.brute
        kept = None if fixed is None else set(fixed)
        return tuple(
            brute.free(i, seen)
            if kept is None or i in kept or seen.cell is None
            else brute.real[i] + (brute.unknown[i] == "not stated" and brute.real[i] + 1)
            for i, seen in enumerate(self.facts)
        )


def _not_plausible(brute: Brute, finding: Finding) -> bool:
    low, high = (float(x) for x in brute.concepts[finding.concept].get("plausible", ("-inf", "inf")))
    return finding.value is not None and not low <= finding.value <= high


def compare(case: Case, rng: random.Random, most: int, done: Counter[str], budget: int = 200_000) -> None:
    """Everything the engine says of one case; `most` bounds the candidates for contrasts, `budget` the steps of each part. Counts
    what was compared.
    """
    brute = case.brute
    if case.slip or case.refused:
        done["refused"] += 1
        with pytest.raises(InputError):
            evaluate(case.guideline, case.question, case.findings)
        return
    got = evaluate(case.guideline, case.question, case.findings)
    done["contradicted"] += case.contradicted
    for part in (check_distribution, check_reasons, check_contrasts):
        brute.steps, brute.budget = 0, budget
        try:
            part(case, got, rng, most)
            done[part.__name__] += 1
        except TooLong:
            done[f"{part.__name__} too long"] += 1


def possible_share(case: Case) -> tuple[list[int], Callable[[Box], float]]:
    """The judged concepts that hard contradictions name, and for a box with one cell of each the share of what nobody judged that
    can be beside them, by plain enumeration; 1 where contradictions join no judged concept with an unjudged one.
    """
    brute, names = case.brute, case.brute.named_in_hard()
    bound = [i for i, name in enumerate(brute.names) if name in names]
    known, open_ = [i for i in bound if case.facts[i].judged], [i for i in bound if not case.facts[i].judged]
    if not known or not open_:
        return [], lambda box: 1.0

    @cache
    def share(cells: tuple[int, ...]) -> float:
        total, box = 0.0, list(case.box())
        for i, cell in zip(known, cells, strict=True):
            box[i] = cell
        for chosen in itertools.product(*([k for k, w in enumerate(case.facts[i].weights) if w > 0] for i in open_)):
            for i, k in zip(open_, chosen, strict=True):
                box[i] = 1 << k
            if not any(node.at(tuple(box)) & MET for node in brute.never):
                total += math.prod(case.facts[i].weights[k] for i, k in zip(open_, chosen, strict=True))
        return total

    return known, lambda box: share(tuple(box[i] for i in known))


def split(box: Box, axes: Sequence[int]) -> Iterator[Box]:
    """The box cut into boxes of one cell of each of some axes."""
    for chosen in itertools.product(*([1 << k for k in bits_of(box[i])] for i in axes)):
        cut = list(box)
        for i, cell in zip(axes, chosen, strict=True):
            cut[i] = cell
        yield tuple(cut)


def masses(case: Case) -> list[list[list[float]]]:
    """For each concept, the mass of (category, cell) over what can be: judged concepts as they were judged, unjudged ones by
    their prior given the judged."""
    brute = case.brute
    known, beside = possible_share(case)
    found = [[[0.0] * len(seen.weights) for _ in brute.categories] for seen in case.facts]
    support = tuple(sum(1 << k for k, w in enumerate(seen.weights) if w > 0) for seen in case.facts)
    pieces = ((cut, shares) for box, (_, shares) in brute.pieces(support) for cut in split(box, known))
    for box, shares in pieces:
        sums = [sum(seen.weights[k] for k in bits_of(cells)) for seen, cells in zip(case.facts, box, strict=True)]
        for i, (seen, cells) in enumerate(zip(case.facts, box, strict=True)):
            around = math.prod(sums[:i]) * math.prod(sums[i + 1 :]) / beside(box)
            for (c, share), k in itertools.product(enumerate(shares), bits_of(cells)):
                found[i][c][k] += around * seen.weights[k] * share
    return found


def joint_states(case: Case, most: int) -> list[Box] | None:
    """Every joint state with any weight as a box of its own; None where there are more than `most`."""
    cells = [[1 << k for k, w in enumerate(seen.weights) if w > 0] for seen in case.facts]
    return list(itertools.product(*cells)) if math.prod(len(c) for c in cells) <= most else None


def check_distribution(case: Case, got: Evaluation, rng: random.Random, most: int) -> None:
    """P(category) by a plain sum over joint states where there are few, else by pieces; and the bits of every concept."""
    brute = case.brute
    joint = masses(case)
    total = sum(map(sum, joint[0]))
    if total <= 0:
        return
    overall = [sum(row) / total for row in joint[0]]
    states, beside = joint_states(case, most), possible_share(case)[1]
    if states is not None:
        summed = dict.fromkeys(brute.categories, 0.0)
        for state in states:
            weight = math.prod(seen.weights[cell.bit_length() - 1] for seen, cell in zip(case.facts, state, strict=True))
            for _, (_, shares) in brute.pieces(state):
                weight /= beside(state)
                for name, share in zip(brute.categories, shares, strict=True):
                    summed[name] += weight * share / total
        assert list(summed.values()) == pytest.approx(overall, abs=1e-9)
    assert got.probabilities == pytest.approx(dict(zip(brute.categories, overall, strict=True)), abs=2e-6)
    present, look = entropy(overall), {item.concept: item for item in got.look_again}
    for i, name in enumerate(brute.names):
        shares = [[p / total for p in row] for row in joint[i]]
        bits = present + entropy(map(sum, zip(*shares, strict=True))) - entropy(itertools.chain(*shares))
        if brute.extra[i] and not case.facts[i].judged:
            assert name not in look
            continue
        assert (look[name].bits if name in look else 0.0) == pytest.approx(bits, abs=3e-6)
        if name in look and present > 1e-2:
            assert look[name].share == pytest.approx(bits / present, abs=1e-3)
    assert list(got.look_again) == sorted(got.look_again, key=lambda item: -item.bits)


def entropy(shares: Iterable[float]) -> float:
    return -sum(p * math.log2(p) for p in shares if p > 0)


def check_reasons(case: Case, got: Evaluation, rng: random.Random, most: int) -> None:
    """Open categories; every sufficient reason forces the category and no part of it does; none is missing."""
    brute = case.brute
    known = [i for i, seen in enumerate(case.facts) if seen.cell is not None]
    opened = brute.open_in(case.box())
    assert set(got.open) == opened
    assert got.crisp == (got.open[0] if len(opened) == 1 else None)
    if len(opened) != 1:
        assert got.sufficient_reason == ()
        return
    (category,) = opened
    said: list[frozenset[int]] = []
    for reason in got.sufficient_reason:
        said.append(frozenset(brute.at[c.concept] for c in reason))
        assert all(brute.cell(i := brute.at[c.concept], c.state) in alike(brute, i, case.facts[i]) for c in reason)
    assert len(set(said)) == len(said)
    if len(known) <= MOST_KNOWN:
        assert set(said) == set(minimal_sets(case, known, category))
        return
    for reason in said if len(said) <= 12 else rng.sample(said, 12):
        assert brute.only(case.box(reason), category), "a reason that is not sufficient"
        assert not any(brute.only(case.box(reason - {i}), category) for i in reason), "a reason that is not minimal"
    for _ in range(4):
        left = set(known)
        for i in rng.sample(known, len(known)):
            if brute.only(case.box(left - {i}), category):
                left.discard(i)
        assert frozenset(left) in said, "a sufficient reason that is missing"


def alike(brute: Brute, i: int, seen: Seen) -> list[int]:
    """The cells that may be named for a certain fact: its own."""
    return [] if seen.cell is None else [seen.cell]


def minimal_sets(case: Case, known: Sequence[int], category: str) -> list[frozenset[int]]:
    found: list[frozenset[int]] = []
    for size in range(len(known) + 1):
        for subset in map(frozenset, itertools.combinations(known, size)):
            if not any(smaller <= subset for smaller in found) and case.brute.only(case.box(subset), category):
                found.append(subset)
    return found


def price(case: Case, i: int, cell: int) -> float:
    """How implausible a state is, as a cost."""
    seen, n = case.facts[i], len(case.brute.cells[i])
    weights = seen.weights[:n] if seen.judged or case.brute.unknown[i] == "base rate" else [0.0] * n
    return -1000 * math.log(max(1e-6, weights[cell]))


def unstated(case: Case, i: int) -> bool:
    return case.brute.unknown[i] == "not stated" and not case.facts[i].judged


def candidates(case: Case, size: int, most: int, rng: random.Random) -> tuple[list[dict[int, int]], bool]:
    """Sets of `size` changes, all of them where there are at most `most`, and whether these are all."""
    ways = {
        i: [k for k in range(len(case.brute.cells[i])) if k != seen.cell]
        for i, seen in enumerate(case.facts)
        if case.brute.cells[i]
    }
    places = list(itertools.combinations(ways, size))
    if len(places) <= most and sum(math.prod(len(ways[i]) for i in place) for place in places) <= most:
        every = [
            dict(zip(place, cells, strict=True)) for place in places for cells in itertools.product(*(ways[i] for i in place))
        ]
        return every, True
    return [{i: rng.choice(ways[i]) for i in rng.choice(places)} for _ in range(most // 4)], False


def changed(case: Case, changes: dict[int, int]) -> Box:
    return tuple(1 << changes[i] if i in changes else cells for i, cells in enumerate(case.box()))


def forced_by(case: Case, changes: dict[int, int]) -> str | None:
    """The category that some changes force."""
    box = changed(case, changes)
    first = next(case.brute.pieces(box), None)
    if first is None or len(first[1][0]) > 1:
        return None
    (category,) = first[1][0]
    return category if case.brute.only(box, category) else None


def check_contrasts(case: Case, got: Evaluation, rng: random.Random, most: int) -> None:
    """Each contrast forces its category, and no candidate does so with fewer or (where all were tried) likelier changes."""
    brute = case.brute
    here = {got.crisp} if got.crisp else set[str]()
    said: dict[str, tuple[int, float, bool]] = {}
    for contrast in got.contrasts:
        changes = read_changes(case, contrast)
        assert forced_by(case, changes) == contrast.category
        cost = sum(price(case, i, k) for i, k in changes.items())
        said[contrast.category] = (len(changes), cost, any(unstated(case, i) for i in changes))
    assert not here & set(said)
    for size in range(1, 4):
        if all(n < size for n, _, _ in said.values()) and set(said) | here == set(brute.categories):
            break
        for changes in candidates(case, size, most, rng)[0]:
            category = forced_by(case, changes)
            if category is None or category in here:
                continue
            assert category in said, f"no contrast for {category}, but {changes} forces it"
            n, cost, inputs = said[category]
            touched = any(unstated(case, i) for i in changes)
            if inputs and not touched:
                pytest.fail(f"the contrast for {category} touches an input, {changes} needs none")
            if inputs == touched:
                new = sum(price(case, i, k) for i, k in changes.items())
                assert (n, cost) <= (size, new + 1e-6), f"{changes} is a better contrast for {category}"


def read_changes(case: Case, contrast: Contrast) -> dict[int, int]:
    brute = case.brute
    found: dict[int, int] = {}
    for change in contrast.changes:
        i = brute.at[change.concept]
        seen = case.facts[i]
        assert (change.seen is None) == (seen.cell is None or not seen.judged)
        assert change.seen is None or brute.cell(i, change.seen) == seen.cell
        found[i] = brute.cell(i, change.instead)
    return found


def cases_of(name: str, question: str, seed: int, n: int) -> Iterator[tuple[Case, random.Random]]:
    """Random cases of one question, the same for the same seed."""
    brute, guideline = shipped(name, question)
    rng = random.Random(f"{name} {question} {seed}")
    starts = given_in_cases(name, question) or ({},)
    for _ in range(n):
        for _ in range(8):
            case = Case(brute, guideline, question, draw_findings(rng, brute, guideline, rng.choice(starts)))
            if not case.contradicted or rng.random() < 0.1:
                break
        yield case, rng
