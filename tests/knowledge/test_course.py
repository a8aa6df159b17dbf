"""The course of a lesion worked out from two measurements, by each guideline's own criterion."""

from statistics import NormalDist

import pytest

from pellucid.errors import InputError
from pellucid.knowledge import evaluate, load_guideline
from pellucid.knowledge.course import courses, criterion_of, measures_of, set_aside
from pellucid.knowledge.growth import Pair, growth
from pellucid.knowledge.growth_criteria import CRITERIA
from pellucid.record import Earlier, Finding, Observer

PERSON = Observer(name="Dr A", kind="person")
SCREENING, INCIDENTAL, LIVER = (load_guideline(name) for name in CRITERIA)


def twice(concept: str, before: float, now: float, sd: float = 0.5, months: float = 12) -> Finding:
    earlier = Earlier(value=before, sd=sd, months=months)
    return Finding(concept=concept, observer=PERSON, unit="mm", value=now, sd=sd, earlier=earlier)


def stated(pack: str, concept: str, state: str) -> Finding:
    states = load_guideline(pack).concepts[concept].states or ()
    return Finding(
        concept=concept, observer=PERSON, states=states, state=state, probabilities=tuple(float(s == state) for s in states)
    )


def shares(found: Finding) -> dict[str, float]:
    return {state: p for state, p in zip(found.states or (), found.probabilities or (), strict=True) if p}


def test_every_criterion_names_states_and_measurements_of_its_pack() -> None:
    for name, rule in CRITERIA.items():
        pack = load_guideline(name)
        for sign in rule.signs:
            states = set(pack.concepts[sign.concept].states or ())
            assert {*sign.states.values(), *sign.first_seen, *([sign.passed] if sign.passed else [])} <= states
            assert all(pack.concepts[measure].unit == "mm" for measure in sign.measures)
            kinds = {kind for limits in sign.limits.values() for kind in limits}
            assert kinds <= set(pack.concepts[sign.kind].states or ()) if sign.kind else not kinds
        assert rule.interval is None or pack.concepts[rule.interval].unit == "months"
    assert criterion_of(load_guideline("thyroid-nodule")) is None
    assert measures_of(INCIDENTAL) == ("mean_diameter", "solid_diameter")


def test_growth_in_screening_is_a_distribution_over_the_course_with_numbers_and_citation() -> None:
    (found,) = courses(SCREENING, [stated("lung-cancer-screening", "nodule_type", "solid"), twice("mean_diameter", 9, 11)])
    expected = growth(Pair(9, 0.5, 11, 0.5, 12), "lung-cancer-screening-2022")
    assert (found.concept, found.state) == ("status", "growing")
    assert shares(found) == pytest.approx({"growing": expected.growing, "stable": expected.stable})
    assert found.because is not None
    assert found.because.citation == "Lung-RADS v2022, growth"
    assert "the mean diameter of 9 ± 0.5 mm and, 12 months later, 11 ± 0.5 mm: growing 0.76" in found.because.claim
    assert "changed by +2 mm, 1.22 times the earlier one; growth is more than 1.5 mm" in found.because.because[0].claim


@pytest.mark.parametrize(
    ("kind", "before", "now", "state"),
    [
        ("solid", 5.8, 6.2, "past a threshold"),
        ("solid", 6.1, 6.5, "stable"),
        ("solid", 7.94, 7.95, "past a threshold"),
        ("solid", 7.96, 8.1, "stable"),
        ("part-solid", 7.8, 8.2, "stable"),
        ("non-solid", 29.8, 30.1, "past a threshold"),
        ("solid", 8.2, 7.8, "stable"),
        ("thin-walled cyst", 5.8, 6.2, "stable"),
        (None, 14.8, 15.2, "past a threshold"),
    ],
)
def test_a_size_limit_passed_without_growth_is_said_so(kind: str | None, before: float, now: float, state: str) -> None:
    found = [stated("lung-cancer-screening", "nodule_type", kind)] if kind else []
    (worked,) = courses(SCREENING, [*found, twice("mean_diameter", before, now)])
    assert worked.state == state


def test_the_solid_part_has_a_course_of_its_own_in_screening() -> None:
    status, part = courses(SCREENING, [twice("mean_diameter", 12, 12.4), twice("solid_diameter", 3, 5.5)])
    assert (status.state, part.concept, part.state) == ("stable", "solid_part_change", "present")
    assert shares(part)["present"] == pytest.approx(1 - NormalDist(2.5, 0.5 * 2**0.5).cdf(1.5), abs=1e-6)


def test_slow_growth_over_years_is_not_called_stable() -> None:
    (found,) = courses(SCREENING, [twice("mean_diameter", 9, 11.5, 0.2, 36)])
    assert found.state == "slowly growing"
    assert shares(found)["slowly growing"] > 0.99


def test_whole_and_solid_part_together_decide_the_course_of_a_chance_nodule() -> None:
    (found,) = courses(INCIDENTAL, [twice("mean_diameter", 10, 12), twice("solid_diameter", 4, 6)])
    assert shares(found) == pytest.approx({"growing": 0.75, "persistent": 0.25}, abs=1e-5)
    (one,) = courses(INCIDENTAL, [twice("mean_diameter", 10, 12)])
    assert shares(one) == pytest.approx({"growing": 0.5, "persistent": 0.5}, abs=1e-6)


def test_threshold_growth_of_a_liver_observation_reaches_its_category() -> None:
    findings = [
        twice("diameter", 11, 18.5, 0.75, 5),
        stated("liver-lesion-ct-mr", "arterial_phase", "nonrim hyperenhancement"),
        *(stated("liver-lesion-ct-mr", name, "absent") for name in ("tumour_in_vein", "enhancing_capsule")),
        stated("liver-lesion-ct-mr", "washout", "none"),
        stated("liver-lesion-ct-mr", "benign_impression", "not benign"),
    ]
    (worked,) = courses(LIVER, findings)
    p = shares(worked)["present"]
    assert 0.5 < p < 1.0
    answer = evaluate(LIVER, "table", [*findings, worked])
    assert evaluate(LIVER, "table", findings).probabilities["LR-5"] == 0
    assert answer.probabilities["LR-5"] == pytest.approx(
        p / 2, abs=2e-6
    )  # a sign of LR-M that nobody judged takes the other half
    (late,) = courses(LIVER, [twice("diameter", 11, 30, 0.75, 7)])
    assert shares(late) == {"absent": 1.0}
    assert late.because is not None
    assert "no growth over this interval counts" in late.because.because[0].claim


def test_the_derivation_of_the_category_tells_where_the_course_comes_from_once() -> None:
    findings = [stated("lung-cancer-screening", "nodule_type", "solid"), twice("mean_diameter", 9, 11)]
    answer = evaluate(SCREENING, "size-table", [*findings, *courses(SCREENING, findings)])
    told = answer.derivation.as_text()
    assert told.count("worked out from the mean diameter") == 1
    assert "(worked out: growing 0.76, stable 0.24)" in told
    assert any("(worked out: growing 0.76, stable 0.24) may as well be stable" in text for text in answer.boundary)


def test_what_somebody_judged_stands_and_is_set_beside_the_measurements() -> None:
    findings = [twice("mean_diameter", 9, 11), stated("lung-cancer-screening", "status", "growing")]
    assert courses(SCREENING, findings) == ()
    ((hard, text),) = set_aside(SCREENING, findings)
    assert not hard
    assert text.startswith("course since the earlier CT was stated (growing, Dr A) beside two measurements")
    ((hard, text),) = set_aside(SCREENING, [twice("mean_diameter", 9, 9), stated("lung-cancer-screening", "status", "growing")])
    assert hard
    assert "hard to reconcile" in text
    ((hard, _),) = set_aside(SCREENING, [twice("mean_diameter", 9, 14), stated("lung-cancer-screening", "status", "stable")])
    assert hard


def test_a_course_that_nobody_could_judge_is_worked_out() -> None:
    states = SCREENING.concepts["status"].states
    blank = Finding(concept="status", observer=PERSON, states=states, unknown_because="no time")
    assert courses(SCREENING, [twice("mean_diameter", 9, 11), blank])[0].state == "growing"
    assert courses(SCREENING, [blank]) == ()
    assert courses(load_guideline("thyroid-nodule"), []) == ()


def test_a_ratio_of_diameters_that_may_be_zero_is_refused() -> None:
    with pytest.raises(InputError, match="clear of zero"):
        courses(LIVER, [twice("diameter", 4, 9, 2, 5)])
