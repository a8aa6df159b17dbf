"""Growth between two measurements is a probability: it agrees with closed forms and Monte Carlo, and bad input is refused."""

import math
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from pellucid.errors import InputError, UnknownName
from pellucid.knowledge import evaluate, list_guidelines, load_guideline, load_guideline_file
from pellucid.knowledge.growth import (
    CRITERIA,
    Pair,
    doubling_time,
    growth,
    growth_finding,
    pair_of_findings,
    probability_of_doubling_within,
)
from pellucid.knowledge.growth_criteria import REPEATABILITY_MM, SD_OF_ONE_MM
from pellucid.record import Concept, Finding, Observer

PERSON = Observer(name="a radiologist", kind="person")
SCREENING, INCIDENTAL, LIVER = CRITERIA
STATUS = Concept(
    name="status",
    label="course",
    definition="course since the earlier CT",
    states=("baseline", "stable", "decreased", "past a threshold", "new", "growing", "slowly growing"),
)


def measured(value: float, sd: float = 0.0, concept: str = "mean_diameter", unit: str = "mm") -> Finding:
    return Finding(concept=concept, observer=PERSON, unit=unit, value=value, sd=sd)


def test_the_error_of_a_diameter_is_one_figure_in_every_pack() -> None:
    sds = {
        (name, entry.concept.name): entry.repeatability.sd
        for name in list_guidelines()
        for entry in load_guideline(name).entries.values()
        if entry.repeatability and entry.concept.unit == "mm"
    }
    assert {name for name, _ in sds} >= set(CRITERIA)
    assert set(sds.values()) == {SD_OF_ONE_MM}
    assert pytest.approx(REPEATABILITY_MM) == 2 * SD_OF_ONE_MM


def test_unchanged_lesion_is_measured_as_grown_as_seldom_as_the_error_says() -> None:
    rng = np.random.default_rng(3)
    first, second = rng.normal(8, SD_OF_ONE_MM, (2, 200_000))
    expected = 1 - NormalDist(0, math.sqrt(2) * 0.75).cdf(1.5)
    assert float((second - first > 1.5).mean()) == pytest.approx(expected, abs=0.002)


@pytest.mark.parametrize(
    ("d1", "s1", "d2", "s2"), [(6, 0.54, 8, 0.54), (6, 0.2, 7.4, 1.0), (12, 0.75, 11, 0.75), (5, 0.5, 3, 0.3)]
)
def test_probabilities_are_those_of_the_normal_difference(d1: float, s1: float, d2: float, s2: float) -> None:
    difference = NormalDist(d2 - d1, math.sqrt(s1**2 + s2**2))
    for criterion, threshold in ((SCREENING, 1.5), (INCIDENTAL, 2.0)):
        found = growth(Pair(d1, s1, d2, s2, 12), criterion)
        assert found.growing == pytest.approx(1 - difference.cdf(threshold), abs=1e-6)
        assert found.decreased == pytest.approx(difference.cdf(-threshold), abs=1e-6)
        assert found.any_increase == pytest.approx(1 - difference.cdf(0), abs=1e-6)
        assert found.growing + found.decreased + found.stable == pytest.approx(1, abs=1e-9)
        assert found.assumption is None


def test_probabilities_agree_with_monte_carlo() -> None:
    rng = np.random.default_rng(11)
    n = 400_000
    for criterion, d1, d2, s in ((SCREENING, 7.0, 8.2, 0.6), (INCIDENTAL, 7.0, 9.3, 0.8), (LIVER, 12.0, 17.0, 1.2)):
        first, second = rng.normal(d1, s, n), rng.normal(d2, s, n)
        grew = second >= 1.5 * first if criterion == LIVER else second - first > (1.5 if criterion == SCREENING else 2.0)
        found = growth(Pair(d1, s, d2, s, 6), criterion)
        assert found.growing == pytest.approx(float(grew.mean()), abs=4 * math.sqrt(0.25 / n))


@pytest.mark.parametrize(
    ("criterion", "d1", "d2", "measured_as"),
    [
        (SCREENING, 6.0, 7.5, "stable"),
        (SCREENING, 5.1, 6.6, "stable"),  # 6.6 - 5.1 is above 1.5 in binary fractions
        (SCREENING, 6.0, 7.6, "growing"),
        (SCREENING, 7.5, 6.0, "stable"),
        (SCREENING, 7.6, 6.0, "decreased"),
        (INCIDENTAL, 6.0, 7.9, "stable"),
        (INCIDENTAL, 6.0, 8.0, "growing"),
        (LIVER, 10.0, 14.9, "stable"),
        (LIVER, 10.0, 15.0, "growing"),
        (LIVER, 15.0, 10.0, "decreased"),
    ],
)
def test_threshold_itself_counts_where_the_guideline_says_so(criterion: str, d1: float, d2: float, measured_as: str) -> None:
    certain = growth(Pair(d1, 0, d2, 0, 6), criterion)
    assert certain.measured == measured_as
    assert {"growing": certain.growing, "stable": certain.stable, "decreased": certain.decreased}[measured_as] == 1.0
    unsure = growth(Pair(d1, 0.5, d2, 0.5, 6), criterion)
    assert unsure.measured == measured_as
    assert 0 < unsure.stable < 1


def test_measured_increase_on_the_threshold_is_an_even_chance() -> None:
    assert growth(Pair(6, 0.54, 7.5, 0.54, 12), SCREENING).growing == 0.5
    assert growth(Pair(10, 0.5, 15, 0.5, 6), LIVER).growing == 0.5


def test_growth_is_monotone_in_the_later_size() -> None:
    for criterion in CRITERIA:
        shares = [growth(Pair(10, 0.6, d, 0.6, 6), criterion).growing for d in np.linspace(6, 20, 57)]
        assert shares == sorted(shares)


def test_longer_interval_asks_for_more_growth_in_screening() -> None:
    found = growth(Pair(6, 0.5, 8.5, 0.5, 24), SCREENING)
    assert (found.threshold, found.measured) == (3.0, "slowly growing")
    assert found.growing == pytest.approx(1 - NormalDist(2.5, math.hypot(0.5, 0.5)).cdf(3.0), abs=1e-6)
    assert found.assumption == (
        "the interval of 24 months is longer than the 12 months of the criterion; growth is taken as even over it"
    )
    assert growth(Pair(6, 0.5, 8.5, 0.5, 3), SCREENING).threshold == 1.5


def test_longer_interval_cannot_be_threshold_growth_in_the_liver() -> None:
    found = growth(Pair(10, 0.5, 30, 0.5, 6.5), LIVER)
    assert (found.growing, found.measured, found.threshold) == (0.0, "stable", None)
    assert "does not count" in (found.assumption or "")
    assert growth(Pair(10, 0.5, 30, 0.5, 6.0), LIVER).growing == 1.0


def test_longer_interval_changes_nothing_where_the_guideline_names_none() -> None:
    assert growth(Pair(6, 0.5, 8, 0.5, 60), INCIDENTAL).growing == growth(Pair(6, 0.5, 8, 0.5, 1), INCIDENTAL).growing


def test_doubling_time_is_that_of_the_sphere() -> None:
    found = doubling_time(Pair(8, 0, 8 * 2 ** (1 / 3), 0, 12))
    assert found.days == pytest.approx(12 * 30.4375, abs=0.01)
    assert (found.low_days, found.high_days) == (found.days, found.days)
    v1, v2 = (math.pi / 6 * d**3 for d in (6, 9))
    assert doubling_time(Pair(6, 0.5, 9, 0.5, 10)).days == pytest.approx(10 * 30.4375 * math.log(2) / math.log(v2 / v1), abs=0.01)


def test_interval_of_the_doubling_time_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    true1, true2, sd, held, n = 8.0, 10.0, 0.54, 0, 4000
    truth = 3 * math.log2(true2 / true1)  # doublings in the 12 months
    for d1, d2 in zip(rng.normal(true1, sd, n), rng.normal(true2, sd, n), strict=True):
        found = doubling_time(Pair(float(d1), sd, float(d2), sd, 365.25 / 30.4375))
        held += found.low_doublings <= truth <= found.high_doublings
    assert held / n == pytest.approx(0.95, abs=0.012)


def test_shrinking_or_doubtful_growth_has_no_upper_limit_of_doubling_time() -> None:
    doubtful = doubling_time(Pair(8, 0.54, 8.5, 0.54, 12))
    assert doubtful.days is not None
    assert doubtful.low_days is not None
    assert doubtful.high_days is None
    shrinking = doubling_time(Pair(10, 0.2, 8, 0.2, 12))
    assert (shrinking.days, shrinking.low_days, shrinking.high_days) == (None, None, None)
    assert shrinking.doublings_per_year < 0


def test_probability_of_doubling_agrees_with_monte_carlo_and_the_interval() -> None:
    pair = Pair(8, 0.5, 10, 0.5, 12)
    rng = np.random.default_rng(2)
    first, second = rng.normal(8, 0.5, 400_000), rng.normal(10, 0.5, 400_000)
    days = 12 * 30.4375 * math.log(2) / (3 * np.log(second / first))
    for limit in (200.0, 400.0, 600.0):
        expected = float(((days > 0) & (days <= limit)).mean())
        assert probability_of_doubling_within(pair, limit) == pytest.approx(expected, abs=0.003)
    found = doubling_time(pair)
    assert probability_of_doubling_within(pair, found.low_days or 0) == pytest.approx(0.025, abs=1e-4)
    assert probability_of_doubling_within(pair, found.high_days or 0) == pytest.approx(0.975, abs=1e-4)
    assert probability_of_doubling_within(pair, 0.001) == 0.0


def test_finding_gives_probabilities_over_the_states_of_a_pack() -> None:
    found = growth_finding(Pair(6, 0.54, 7.8, 0.54, 12), SCREENING, STATUS, PERSON)
    shares = dict(zip(found.states or (), found.probabilities or (), strict=True))
    expected = growth(Pair(6, 0.54, 7.8, 0.54, 12), SCREENING)
    assert (shares["growing"], shares["stable"], shares["decreased"]) == (expected.growing, expected.stable, expected.decreased)
    assert (shares["baseline"], shares["new"], found.state) == (0.0, 0.0, "growing")
    assert sum(found.probabilities or ()) == pytest.approx(1, abs=1e-9)


PACK = """\
name: toy
edition: "1"
title: A toy
sources:
  here: {kind: data, short: Here, reference: invented}
concepts:
  status: {definition: course, states: [stable, decreased, growing]}
  size: {definition: size, unit: mm, plausible: [1, 100]}
questions:
  care:
    label: what care
    noun: level
    categories:
      little: {statement: Little care.}
      some: {statement: Some care.}
      much: {statement: Much care.}
    proposal:
      decide:
        rows:
          - {id: G, claim: growth is much, when: {all: [{is: {status: growing}}, {at_least: {size: 8}}]}, category: much,
             cite: {source: here, clause: g, verified: background}}
          - {id: L, claim: growth below 8 mm is some, when: {all: [{is: {status: growing}}, {below: {size: 8}}]}, category: some,
             cite: {source: here, clause: l, verified: background}}
          - {id: S, claim: no growth is little, when: {is: {status: [stable, decreased]}}, category: little,
             cite: {source: here, clause: s, verified: background}}
"""


def test_exact_engine_carries_the_probability_of_growth_on(tmp_path: Path) -> None:
    (tmp_path / "guideline.yaml").write_text(PACK, encoding="utf-8")
    pack = load_guideline_file(tmp_path)
    pair = Pair(6.4, 0.54, 8.3, 0.54, 12)
    found = growth_finding(pair, SCREENING, pack.concepts["status"], PERSON)
    answer = evaluate(pack, "care", [found, measured(8.3, 0.54, concept="size")])
    growing = growth(pair, SCREENING).growing
    large = 1 - NormalDist(8.3, 0.54).cdf(8)
    expected = {"little": 1 - growing, "some": growing * (1 - large), "much": growing * large}
    assert answer.probabilities == pytest.approx(expected, abs=2e-6)
    assert answer.crisp == "much"


def test_outcomes_may_share_a_state() -> None:
    concept = Concept(name="threshold_growth", label="threshold growth", definition="growth", states=("absent", "present"))
    names = {"growing": "present", "stable": "absent", "decreased": "absent"}
    found = growth_finding(Pair(10, 0.8, 15.5, 0.8, 5), LIVER, concept, PERSON, names)
    growing = growth(Pair(10, 0.8, 15.5, 0.8, 5), LIVER).growing
    assert found.probabilities == pytest.approx((1 - growing, growing), abs=2e-6)
    assert found.state == "present"


def test_random_pairs_always_make_a_valid_finding() -> None:
    rng = np.random.default_rng(17)
    for _ in range(500):
        d1, d2 = rng.uniform(5, 60, 2)
        pair = Pair(float(d1), float(rng.uniform(0, 1.5)), float(d2), float(rng.uniform(0, 1.5)), float(rng.uniform(0.5, 40)))
        for criterion in CRITERIA:
            found = growth_finding(pair, criterion, STATUS, PERSON)
            assert sum(found.probabilities or ()) == pytest.approx(1, abs=3e-6)


def test_findings_without_a_stated_error_take_the_repeatability() -> None:
    pair = pair_of_findings(measured(6), measured(8, 0.75), 12)
    assert pair == Pair(6, SD_OF_ONE_MM, 8, 0.75, 12)
    assert pair.first_sd_mm == 0.75


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (measured(6), measured(7, concept="long_axis"), "expected the same measurement twice, got mean_diameter and long_axis"),
        (measured(0.6, unit="cm"), measured(0.8, unit="cm"), "expected the earlier mean_diameter in mm, got cm"),
        (measured(6), measured(0.8, unit="cm"), "expected the later mean_diameter in mm, got cm"),
        (measured(-6), measured(8), "expected first_mm above 0"),
        (
            measured(6),
            Finding(concept="mean_diameter", observer=PERSON, unit="mm", unknown_because="cut off"),
            "unknown: cut off",
        ),
    ],
)
def test_findings_that_cannot_be_compared_are_refused(before: Finding, now: Finding, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        pair_of_findings(before, now, 12)
    assert "\n" not in str(caught.value)


GOOD = Pair(6, 0.5, 8, 0.5, 12)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0, 0.0, 501.0])
def test_diameters_that_are_none_are_refused(bad: float) -> None:
    for field in ("first_mm", "second_mm"):
        with pytest.raises(InputError, match=f"expected {field} above 0 and at most 500 mm, got {bad}"):
            replace(GOOD, **{field: bad})


@pytest.mark.parametrize("bad", [math.nan, math.inf, -0.1])
def test_errors_that_are_none_are_refused(bad: float) -> None:
    for field in ("first_sd_mm", "second_sd_mm"):
        with pytest.raises(InputError, match=f"expected {field} of 0 mm or more, got {bad}"):
            replace(GOOD, **{field: bad})


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0, -3.0, 1201.0])
def test_intervals_that_are_none_are_refused(bad: float) -> None:
    with pytest.raises(InputError, match="expected the interval in months"):
        replace(GOOD, months=bad)


def test_ratio_of_a_diameter_that_may_be_zero_is_refused() -> None:
    tiny = Pair(2, 1, 4, 1, 3)
    for asked in (doubling_time, lambda pair: growth(pair, LIVER), lambda pair: probability_of_doubling_within(pair, 400)):
        with pytest.raises(InputError, match=r"expected the earlier diameter clear of zero, got 2 ± 1 mm"):
            asked(tiny)
    assert 0 < growth(tiny, SCREENING).growing < 1


def test_other_bad_input_is_refused() -> None:
    with pytest.raises(UnknownName, match="did you mean 'lung-cancer-screening-2022'"):
        growth(GOOD, "lung-cancer-screening-2020")
    for bad in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(InputError, match="expected a doubling time above 0 days"):
            probability_of_doubling_within(GOOD, bad)
    with pytest.raises(InputError, match="expected a state for each of decreased, stable, growing, got growing"):
        growth_finding(GOOD, SCREENING, STATUS, PERSON, {"growing": "growing"})
    with pytest.raises(UnknownName, match="unknown state 'grown'"):
        growth_finding(GOOD, SCREENING, STATUS, PERSON, {"growing": "grown", "stable": "stable", "decreased": "stable"})


@pytest.mark.parametrize("name", list(CRITERIA))
def test_every_criterion_is_cited_and_named_by_its_key(name: str) -> None:
    rule = CRITERIA[name]
    assert rule.name == name
    assert rule.citation
    assert rule.claim
