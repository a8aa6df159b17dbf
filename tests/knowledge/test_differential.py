"""Differentials: sums of signs, exact ranges, ranks, and what the loader and the checker refuse."""

import itertools
import random
from pathlib import Path

import pytest

from pellucid.errors import GuidelineError, InputError, UnknownName
from pellucid.knowledge import Guideline, check_guideline, load_guideline, load_guideline_file, next_step_of, show, weigh
from pellucid.record import Finding, Observer, Truth

READER = Observer(name="reader", kind="person")
PACK = """
name: masses
edition: "1"
title: two diagnoses
sources:
  book: {kind: publication, short: book, reference: a book}
concepts:
  place: {definition: where, states: [inside, outside, between]}
  tail: {definition: tail, states: [absent, present]}
  ring: {definition: ring, states: [absent, present]}
  size: {definition: size, unit: mm, plausible: [1, 200]}
  history: {definition: told, states: [absent, present], when_unknown: not stated}
contradictions:
  - {id: C1, claim: a ring has no tail, when: {all: [{is: {ring: present}}, {is: {tail: present}}]}, hard: true}
differentials:
  mass:
    label: what it may be
    diagnoses:
      - name: alpha
        signs:
          - {when: {is: {place: outside}}, weight: 3, cite: {source: book, clause: p. 1, verified: background}}
          - {when: {is: {place: inside}}, weight: -3, cite: {source: book, clause: p. 1, verified: background}}
          - {when: {is: {tail: present}}, weight: 1.5, cite: {source: book, clause: p. 2, verified: background}}
          - {when: {at_least: {size: 30}}, weight: -1, cite: {source: book, clause: p. 3, verified: background}}
        mimics: [gamma]
        next_step: {text: Look again., cite: {source: book, clause: p. 9, verified: background}}
      - name: beta
        signs:
          - {when: {is: {place: inside}}, weight: 3, cite: {source: book, clause: p. 4, verified: background}}
          - {when: {is: {ring: present}}, weight: 2, cite: {source: book, clause: p. 5, verified: background}}
          - when: {all: [{is: {tail: present}}, {is: {ring: absent}}]}
            weight: -1
            cite: {source: book, clause: p. 6, verified: background}
          - {when: {is: {history: present}}, weight: 1, cite: {source: book, clause: p. 7, verified: background}}
    limits: [no category]
"""
CASES = """
cases:
  - name: everything for alpha
    differential: mass
    given: {place: outside, tail: present, size: 40}
    expect: {first: alpha, scores: {alpha: 3.5, beta: -1}}
  - name: everything for beta
    differential: mass
    given: {place: inside, ring: present, history: present}
    expect: {first: beta, scores: {alpha: -3, beta: 6}}
  - name: a tail excludes a ring
    differential: mass
    given: {place: between, tail: present, ring: absent}
    expect: {first: [alpha], scores: {beta: -1}}
"""


def pack(tmp_path: Path, old: str = "", new: str = "", cases: str = CASES) -> Guideline:
    assert old in PACK
    (tmp_path / "guideline.yaml").write_text(PACK.replace(old, new, 1) if old else PACK, encoding="utf-8")
    (tmp_path / "cases.yaml").write_text(cases, encoding="utf-8")
    return load_guideline_file(tmp_path)


def stated(guideline: Guideline, given: dict[str, str | float]) -> list[Finding]:
    found: list[Finding] = []
    for name, value in given.items():
        concept = guideline.concepts[name]
        if concept.states is None:
            found.append(Finding(concept=name, observer=READER, unit=concept.unit, value=float(value), sd=0.0))
        else:
            chances = tuple(float(state == value) for state in concept.states)
            found.append(Finding(concept=name, observer=READER, states=concept.states, state=str(value), probabilities=chances))
    return found


def test_the_sum_counts_the_signs_that_are_met_and_the_highest_sum_comes_first(tmp_path: Path) -> None:
    guideline = pack(tmp_path)
    first, second = weigh(
        guideline, "mass", stated(guideline, {"place": "inside", "tail": "absent", "ring": "present", "size": 10})
    )
    assert (first.name, first.rank, first.score, first.lowest, first.highest) == ("beta", 1, 5, 5, 6)
    assert (second.name, second.rank, second.score) == ("alpha", 2, -3)
    assert [sign.weight for sign in first.speaks_for] == [3, 2]
    assert [sign.step.citation for sign in second.speaks_against] == ["book, p. 1"]
    assert second.mimics == ("gamma",)
    assert second.next_step is not None
    assert second.next_step.text == "Look again."


def test_what_is_not_judged_leaves_a_range_and_is_listed(tmp_path: Path) -> None:
    guideline = pack(tmp_path)
    alpha, beta = weigh(guideline, "mass", stated(guideline, {"tail": "present"}))
    assert (alpha.score, alpha.lowest, alpha.highest) == (1.5, -2.5, 4.5)
    assert {sign.step.truth for sign in alpha.not_judged} == {Truth.UNKNOWN}
    assert len(alpha.not_judged) == 3
    assert (beta.score, beta.lowest, beta.highest) == (-1, -1, 3)  # a tail excludes the ring, so the third sign is met


def test_equal_sums_share_a_rank_and_stand_in_the_order_of_the_pack(tmp_path: Path) -> None:
    guideline = pack(tmp_path)
    found = weigh(guideline, "mass", [])
    assert [(weighed.name, weighed.rank, weighed.score) for weighed in found] == [("alpha", 1, 0), ("beta", 1, 0)]


def test_an_input_that_nobody_stated_does_not_bind_and_keeps_its_range(tmp_path: Path) -> None:
    guideline = pack(tmp_path)
    given = {"place": "inside", "tail": "absent", "ring": "absent", "size": 10}
    beta = weigh(guideline, "mass", stated(guideline, given))[0]
    assert (beta.score, beta.lowest, beta.highest) == (3, 3, 4)


def test_ranges_are_those_of_all_completions_that_can_be_so(tmp_path: Path) -> None:
    guideline = load_guideline("brain-tumour-mri-signs")
    draw = random.Random(2021)
    names = ("location", "enhancement", "necrosis", "restricted_core", "calcification", "cystic_calcified", "cortical")
    states = {name: guideline.concepts[name].states or () for name in names}
    others = {name: c.states[0] for name, c in guideline.concepts.items() if c.states and name not in names}
    for _ in range(8):
        given = {name: draw.choice(states[name]) for name in names if draw.random() < 0.6}
        free = [name for name in names if name not in given]
        full: list[dict[str, float]] = []
        for way in itertools.product(*(states[name] for name in free)):
            try:
                found = weigh(guideline, "mass", stated(guideline, {**others, **given, **dict(zip(free, way, strict=True))}))
            except InputError:
                continue
            full.append({weighed.name: weighed.score for weighed in found})
        if not full:
            continue
        for weighed in weigh(guideline, "mass", stated(guideline, {**others, **given})):
            sums = [scores[weighed.name] for scores in full]
            assert (weighed.lowest, weighed.highest) == (min(sums), max(sums)), (given, weighed.name)


def test_the_order_of_findings_changes_nothing() -> None:
    guideline = load_guideline("brain-tumour-mri-signs")
    findings = stated(
        guideline, {"location": "sellar", "dural_tail": "present", "waist": "present", "enhancement": "homogeneous"}
    )
    assert weigh(guideline, "mass", findings) == weigh(guideline, "mass", findings[::-1])


def test_contradicting_findings_of_a_person_are_refused(tmp_path: Path) -> None:
    guideline = pack(tmp_path)
    with pytest.raises(InputError, match="a ring has no tail"):
        weigh(guideline, "mass", stated(guideline, {"tail": "present", "ring": "present"}))


def test_an_unknown_differential_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="mass"):
        weigh(pack(tmp_path), "mas", [])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("weight: 1.5", "weight: 0", "expected a weight above or below 0"),
        ("weight: 1.5", "weigth: 1.5", "'weight'"),
        ("{tail: present}}, weight: 1.5", "{tial: present}}, weight: 1.5", "did you mean 'tail'"),
        ("name: beta", "name: alpha", "two or more diagnoses of different names"),
        ("limits: [no category]", "limit: [no category]", "unknown key 'limit'"),
        (PACK[PACK.index("differentials:") :], "", "one or more questions or differentials"),
    ],
)
def test_a_broken_differential_is_refused_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(GuidelineError, match=r"guideline\.yaml:\d+") as caught:
        pack(tmp_path, old, new)
    assert said in str(caught.value)


def test_the_checker_runs_the_cases_of_a_differential(tmp_path: Path) -> None:
    found = check_guideline(pack(tmp_path))
    assert found.problems == ()
    assert "alpha 3 (+1.5)" in found.coverage


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("first: alpha", "first: beta", "expected beta first, got alpha"),
        ("alpha: 3.5", "alpha: 4", "expected a sum of 4 for alpha, got 3.5"),
        ("size: 40", "size: 20", "sign 4 of alpha: expected a case where it is met, got none"),
        ("differential: mass", "differential: mas", "unknown differential 'mas'"),
        ("first: alpha", "first: alfa", "unknown diagnosis 'alfa'"),
        ("first: alpha, scores: {alpha: 3.5, beta: -1}", "", "first or scores"),
        ("size: 40", "size: 40, ring: present", "a ring has no tail"),
    ],
)
def test_the_checker_sees_what_is_wrong_with_a_differential(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in CASES
    assert any(said in problem for problem in check_guideline(pack(tmp_path, cases=CASES.replace(old, new, 1))).problems)


def test_show_prints_the_signs_with_their_weights_and_citations(tmp_path: Path) -> None:
    told = show(pack(tmp_path))
    assert "Differential mass: what it may be" in told
    assert any(" ".join(line.split()) == "the place is outside +3 book, p. 1 background" for line in told.splitlines())
    assert "may be instead: gamma" in told


def test_a_conditional_next_step_may_rest_on_a_concept_that_decides_no_category() -> None:
    guideline = load_guideline("dermoscopy-abcd")
    step = next_step_of(guideline, "suspicion", "suspicious", stated(guideline, {"lesion": "melanocytic", "elevation": "raised"}))
    assert step is not None
    assert "not monitored" in step.text
