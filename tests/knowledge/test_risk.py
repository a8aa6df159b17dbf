"""Risk models give the published numbers, say why they do not apply, and carry uncertain findings along."""

import itertools
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from pellucid.errors import GuidelineError, InputError, UnknownName
from pellucid.knowledge.risk import Risk, RiskModel, list_risk_models, load_risk_model, load_risk_model_file, risk
from pellucid.record import Finding, Observer, Truth

PERSON = Observer(name="a radiologist", kind="person")
NET = Observer(name="a net", kind="model")
YES_NO = ("absent", "present")


def sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


def measured(concept: str, value: float, sd: float = 0.0, unit: str = "mm", observer: Observer = PERSON) -> Finding:
    return Finding(concept=concept, observer=observer, unit=unit, value=value, sd=sd)


def unsure(concept: str, shares: Mapping[str, float]) -> Finding:
    return Finding(concept=concept, observer=NET, states=tuple(shares), probabilities=tuple(shares.values()))


def findings_of(model: RiskModel, given: Mapping[str, str | float]) -> list[Finding]:
    found: list[Finding] = []
    for name, value in given.items():
        concept = model.inputs[name].concept
        if concept.unit is not None:
            found.append(measured(name, float(value), unit=concept.unit))
        else:
            states = concept.states or ()
            shares = tuple(float(state == value) for state in states)
            found.append(Finding(concept=name, observer=PERSON, states=states, probabilities=shares, state=str(value)))
    return found


def yes(flag: int) -> str:
    return YES_NO[flag]


def brock_given(*case: Any) -> dict[str, str | float]:
    age, female, fh, emph, size, upper, kind, count, spic = case
    return {
        "age": age, "sex": "female" if female else "male", "family_history_lung_cancer": yes(fh), "emphysema": yes(emph),
        "long_axis": size, "upper_lobe": yes(upper), "nodule_type": kind, "nodule_count": count, "spiculation": yes(spic),
        "ever_smoker": "present",
    }  # fmt: skip


def mayo_given(age: float, smoke: int, cancer: int, size: float, spic: int, upper: int) -> dict[str, str | float]:
    return {
        "age": age, "ever_smoker": yes(smoke), "previous_extrathoracic_cancer": "more than 5 years ago" if cancer else "absent",
        "long_axis": size, "spiculation": yes(spic), "upper_lobe": yes(upper), "nodule_count": 1,
    }  # fmt: skip


# Independent transcriptions, from the uncentred equations where there are some (guidelines.md 1.3 and 1.4).
def brock_uncentred(*case: Any) -> float:
    age, female, fh, emph, size, upper, kind, count, spic = case
    density = {"solid": 0.0, "part-solid": 0.3770, "non-solid": -0.1276}[kind]
    intercept = -6.7892 - 0.0287 * 62 + 5.3854 * 1.58113883 + 0.0824 * 4
    x = intercept + 0.0287 * age + 0.6011 * female + 0.2961 * fh + 0.2953 * emph - 5.3854 * math.sqrt(10 / size)
    return sigmoid(x + 0.6581 * upper + density - 0.0824 * count + 0.7729 * spic)


def brock_without(*case: Any) -> float:
    age, female, fh, emph, size, upper, kind, count = case
    x = -6.8071 + 0.0321 * (age - 62) + 0.5635 * female + 0.3013 * fh + 0.3462 * emph
    x -= 5.6693 * (1 / math.sqrt(size / 10) - 1.58113883)
    x += 0.7116 * upper + (0.3395 if kind == "part-solid" else -0.3055 if kind == "non-solid" else 0.0)
    return sigmoid(x - 0.0803 * (count - 4))


def mayo(age: float, smoke: int, cancer: int, size: float, spic: int, upper: int) -> float:
    return sigmoid(-6.8272 + 0.0391 * age + 0.7917 * smoke + 1.3388 * cancer + 0.1274 * size + 1.0407 * spic + 0.7838 * upper)


def va(age: float, smoke: int, size: float, quit_years: float) -> float:
    return sigmoid(-8.404 + 2.061 * smoke + 0.779 * age / 10 + 0.112 * size - 0.567 * smoke * quit_years / 10)


UPTAKE = {"none": 0.0, "faint": 2.322, "moderate": 4.617, "intense": 4.771}


def test_five_models_ship() -> None:
    assert list_risk_models() == ("brock-2013", "brock-2013-spiculation", "herder-2005", "mayo-1997", "va-2007")
    with pytest.raises(UnknownName, match="did you mean 'mayo-1997'"):
        load_risk_model("mayo-1979")


@pytest.mark.parametrize("name", list_risk_models())
def test_vectors_of_every_file_come_out(name: str) -> None:
    model = load_risk_model(name)
    assert model.vectors or name == "herder-2005"
    for vector in model.vectors:
        answer = risk(model, findings_of(model, vector.given))
        assert answer.not_applicable_because is None, vector.name
        assert round(answer.probability or 0.0, vector.decimals) == vector.probability, vector.name


BROCK_VECTORS = [
    ((62, 0, 0, 0, 4, 0, "solid", 4, 0), 0.001125),
    ((62, 0, 0, 0, 10, 0, "solid", 1, 0), 0.031912),
    ((65, 1, 0, 1, 12, 1, "part-solid", 1, 1), 0.461921),
    ((70, 0, 1, 1, 20, 1, "solid", 2, 1), 0.582881),
]
MAYO_VECTORS = [((60, 0, 0, 8, 0, 0), 0.030413), ((60, 1, 0, 15, 1, 1), 0.511498), ((72, 1, 1, 22, 1, 1), 0.939676)]


@pytest.mark.parametrize(("inputs", "expected"), BROCK_VECTORS)
def test_brock_gives_the_published_vectors_to_six_decimals(inputs: tuple, expected: float) -> None:
    model = load_risk_model("brock-2013-spiculation")
    answer = risk(model, findings_of(model, brock_given(*inputs)))
    assert (answer.probability, answer.low, answer.high, answer.sd) == (expected, expected, expected, 0.0)
    assert answer.method == "the formula at the stated values, which are certain"


@pytest.mark.parametrize(("inputs", "expected"), MAYO_VECTORS)
def test_mayo_gives_the_published_vectors_to_six_decimals(inputs: tuple, expected: float) -> None:
    model = load_risk_model("mayo-1997")
    assert risk(model, findings_of(model, mayo_given(*inputs))).probability == expected


def test_every_model_agrees_with_an_independent_transcription_at_random_points() -> None:
    rng = np.random.default_rng(20240501)
    kinds = ("solid", "part-solid", "non-solid")
    full, plain, swensen, gould, herder = (
        load_risk_model(n) for n in ("brock-2013-spiculation", "brock-2013", "mayo-1997", "va-2007", "herder-2005")
    )
    for _ in range(200):
        a, b, c, d, e, f = (int(x) for x in rng.integers(0, 2, 6))
        age, size, count = float(rng.uniform(50, 75)), float(rng.uniform(7, 30)), float(rng.integers(1, 20))
        kind, quit_years = kinds[int(rng.integers(3))], float(rng.uniform(0, 40))
        given = brock_given(age, a, b, c, size, d, kind, count, e)
        for model, expected in (
            (full, brock_uncentred(age, a, b, c, size, d, kind, count, e)),
            (plain, brock_without(age, a, b, c, size, d, kind, count)),
        ):
            answer = risk(model, findings_of(model, {k: v for k, v in given.items() if k in model.inputs}))
            assert answer.probability == pytest.approx(expected, abs=6e-7)
        before_pet = mayo(age, a, b, size, c, d)
        said = findings_of(swensen, mayo_given(age, a, b, size, c, d))
        assert risk(swensen, said).probability == pytest.approx(before_pet, abs=6e-7)
        uptake = tuple(UPTAKE)[int(rng.integers(4))]
        pet = findings_of(herder, {"pet_uptake": uptake})
        after_pet = sigmoid(-4.739 + 3.691 * before_pet + UPTAKE[uptake])
        assert risk(herder, [*said, *pet]).probability == pytest.approx(after_pet, abs=6e-7)
        about = {"age": age, "ever_smoker": yes(f), "long_axis": size, "nodule_count": 1, "years_since_quit": quit_years}
        assert risk(gould, findings_of(gould, about)).probability == pytest.approx(va(age, f, size, quit_years), abs=6e-7)


def test_states_are_summed_exactly() -> None:
    model = load_risk_model("brock-2013-spiculation")
    shares = {"spiculation": (0.3, 0.7), "emphysema": (0.9, 0.1), "upper_lobe": (0.45, 0.55)}
    types = {"solid": 0.5, "part-solid": 0.3, "non-solid": 0.2}
    given = {k: v for k, v in brock_given(65, 1, 0, 0, 12, 0, "solid", 1, 0).items() if k not in (*shares, "nodule_type")}
    said = [*findings_of(model, given), unsure("nodule_type", types)]
    said += [unsure(name, dict(zip(YES_NO, p, strict=True))) for name, p in shares.items()]
    expected, square = 0.0, 0.0
    for spic, emph, upper in itertools.product((0, 1), repeat=3):
        for kind, q in types.items():
            weight = shares["spiculation"][spic] * shares["emphysema"][emph] * shares["upper_lobe"][upper] * q
            p = brock_uncentred(65, 1, 0, emph, 12, upper, kind, 1, spic)
            expected, square = expected + weight * p, square + weight * p * p
    answer = risk(model, said)
    assert answer.probability == pytest.approx(expected, abs=6e-7)
    assert answer.sd == pytest.approx(math.sqrt(square - expected**2), abs=2e-6)
    assert answer.method == "exact sum over 24 combinations of states"
    assert answer.at_stated == pytest.approx(brock_uncentred(65, 1, 0, 0, 12, 1, "solid", 1, 1), abs=6e-7)


def test_error_of_a_measurement_is_integrated_and_its_interval_is_that_of_the_size() -> None:
    model = load_risk_model("brock-2013-spiculation")
    given = brock_given(62, 0, 0, 0, 10, 0, "solid", 1, 0)
    said = [f for f in findings_of(model, given) if f.concept != "long_axis"]
    answer = risk(model, [*said, measured("long_axis", 10.0, 0.75)])
    grid = np.linspace(10 - 8 * 0.75, 10 + 8 * 0.75, 20001)
    density = np.exp(-0.5 * ((grid - 10) / 0.75) ** 2)
    values = np.array([brock_uncentred(62, 0, 0, 0, float(d), 0, "solid", 1, 0) for d in grid])
    assert answer.probability == pytest.approx(float((values * density).sum() / density.sum()), abs=1e-6)
    for end, z in ((answer.low, -1.959964), (answer.high, 1.959964)):
        exact = brock_uncentred(62, 0, 0, 0, 10 + z * 0.75, 0, "solid", 1, 0)
        assert end == pytest.approx(exact, rel=0.01)
    assert "Gauss-Legendre quadrature at 400 points over the error of longest diameter" in (answer.method or "")


def test_mixed_uncertainty_agrees_with_monte_carlo() -> None:
    model = load_risk_model("brock-2013-spiculation")
    given = brock_given(65, 1, 0, 1, 12, 1, "part-solid", 3, 0)
    said = [f for f in findings_of(model, given) if f.concept not in ("long_axis", "nodule_count", "spiculation")]
    said += [measured("long_axis", 12.0, 1.0), measured("nodule_count", 4.0, 1.0, unit="1")]
    answer = risk(model, [*said, unsure("spiculation", {"absent": 0.4, "present": 0.6})])
    rng = np.random.default_rng(7)
    n = 200_000
    size, count = rng.normal(12, 1, n), rng.normal(4, 1, n)
    kept = count >= 1  # below 1 is implausible and left out
    spic = rng.random(n) < 0.6
    x = -6.7892 + 0.0287 * 3 + 0.6011 + 0.2953 - 5.3854 * ((size / 10) ** -0.5 - 1.58113883) + 0.6581 + 0.377
    p = (1 / (1 + np.exp(-(x - 0.0824 * (count - 4) + 0.7729 * spic))))[kept]
    assert answer.probability == pytest.approx(p.mean(), abs=4 * p.std() / math.sqrt(len(p)))
    assert answer.sd == pytest.approx(p.std(), rel=0.01)
    assert (answer.low, answer.high) == pytest.approx(tuple(np.quantile(p, [0.025, 0.975])), abs=0.01)


@pytest.mark.parametrize(
    ("name", "changed", "why"),
    [
        (
            "brock-2013-spiculation",
            {"age": 45},
            "age is 45 years, and Brock 2013 with spiculation holds from 50 to 75 years only",
        ),
        ("brock-2013-spiculation", {"age": 75.1}, "from 50 to 75 years only: the cohort was that old"),
        ("brock-2013-spiculation", {"long_axis": 86.1}, "longest diameter is 86.1 mm, and .* from 1 to 86 mm only"),
        ("brock-2013-spiculation", {"ever_smoker": "absent"}, "having ever smoked is absent, and .* where it is present only"),
        ("mayo-1997", {"long_axis": 3.9}, "from 4 to 30 mm only"),
        ("mayo-1997", {"long_axis": 30.1}, "from 4 to 30 mm only"),
        ("mayo-1997", {"nodule_count": 2}, "number of nodules is 2, and Mayo 1997 holds up to 1 only"),
        (
            "mayo-1997",
            {"previous_extrathoracic_cancer": "within 5 years"},
            "within 5 years, and Mayo 1997 holds where it is absent",
        ),
        ("va-2007", {"long_axis": 6.9}, "from 7 to 30 mm only"),
        ("herder-2005", {"long_axis": 31}, "Herder 2005 holds from 4 to 30 mm only"),
    ],
)
def test_outside_its_domain_a_model_names_value_and_limit(name: str, changed: dict[str, str | float], why: str) -> None:
    given = {
        **brock_given(62, 0, 0, 0, 10, 0, "solid", 1, 0), **mayo_given(62, 1, 0, 10, 0, 0), "pet_uptake": "faint",
        "years_since_quit": 3, **changed,
    }  # fmt: skip
    model = load_risk_model(name)
    answer = risk(model, findings_of(model, {k: v for k, v in given.items() if k in model.inputs}))
    assert answer.probability is None
    assert re.search(why, answer.not_applicable_because or "")
    assert answer.derivation.truth is Truth.NOT_MET


def test_limits_themselves_are_inside() -> None:
    brock, swensen = load_risk_model("brock-2013-spiculation"), load_risk_model("mayo-1997")
    for age, size in ((50, 1), (75, 86)):
        said = findings_of(brock, brock_given(age, 0, 0, 0, size, 0, "solid", 1, 0))
        assert risk(brock, said).probability == pytest.approx(brock_uncentred(age, 0, 0, 0, size, 0, "solid", 1, 0), abs=6e-7)
    for size in (4, 30):
        assert risk(swensen, findings_of(swensen, mayo_given(60, 0, 0, size, 0, 0))).probability is not None


@pytest.mark.parametrize("name", list_risk_models())
def test_each_missing_input_is_named_and_never_counts_as_zero(name: str) -> None:
    model = load_risk_model(name)
    given = {
        **brock_given(62, 0, 0, 0, 10, 0, "solid", 1, 0), **mayo_given(62, 1, 0, 10, 0, 0), "pet_uptake": "faint",
        "years_since_quit": 3,
    }  # fmt: skip
    said = findings_of(model, {k: v for k, v in given.items() if k in model.inputs})
    whole = risk(model, said)
    assert whole.probability is not None
    optional = {"nodule_type", "setting", "perifissural"} if name in ("mayo-1997", "va-2007", "herder-2005") else {"setting"}
    for left_out in {f.concept for f in said} - optional:
        answer = risk(model, [f for f in said if f.concept != left_out])
        assert answer.probability is None
        assert answer.not_applicable_because == f"{model.inputs[left_out].concept.label} is missing"
        assert answer.derivation.truth is Truth.UNKNOWN


def test_unknown_finding_is_missing_with_its_reason() -> None:
    model = load_risk_model("brock-2013-spiculation")
    said = [f for f in findings_of(model, brock_given(62, 0, 0, 0, 10, 0, "solid", 1, 0)) if f.concept != "emphysema"]
    said.append(Finding(concept="emphysema", observer=NET, states=YES_NO, unknown_because="lungs cut off"))
    assert risk(model, said).not_applicable_because == "emphysema is missing (lungs cut off)"


def test_years_since_quitting_are_not_asked_of_people_who_never_smoked() -> None:
    model = load_risk_model("va-2007")
    never = findings_of(model, {"age": 62, "ever_smoker": "absent", "long_axis": 10, "nodule_count": 1})
    assert risk(model, never).probability == pytest.approx(va(62, 0, 10, 0), abs=6e-7)
    perhaps = [*never[:1], unsure("ever_smoker", {"absent": 0.5, "present": 0.5}), *never[2:]]
    assert risk(model, perhaps).not_applicable_because == "time since smoking stopped is missing"
    known = risk(model, [*perhaps, measured("years_since_quit", 20, unit="years")])
    assert known.probability == pytest.approx((va(62, 0, 10, 20) + va(62, 1, 10, 20)) / 2, abs=6e-7)


def test_term_that_cannot_count_asks_for_nothing(load: Callable[[str, str], RiskModel]) -> None:
    old = "  - {by_state: margin, coefficients: {smooth: 0, jagged: 1},"
    new = """  - {indicator: {spikes: many}, where: {margin: jagged}, coefficient: 1,"""
    inputs = "  margin: {definition: edge, states: [smooth, jagged]}\n"
    assert inputs in SMALL
    text = SMALL.replace(inputs, inputs + "  spikes: {definition: spikes, states: [few, many]}\n").replace(old, new)
    model = load(SMALL, text)
    smooth = findings_of(model, {"age": 50, "size": 10, "margin": "smooth"})
    assert risk(model, smooth).probability == pytest.approx(sigmoid(-2), abs=6e-7)
    jagged = findings_of(model, {"age": 50, "size": 10, "margin": "jagged"})
    assert risk(model, jagged).not_applicable_because == "spikes is missing"
    many = findings_of(model, {"spikes": "many"})
    assert risk(model, [*jagged, *many]).probability == pytest.approx(sigmoid(-1), abs=6e-7)


def test_perifissural_nodule_has_no_risk_and_a_likely_one_a_share() -> None:
    model = load_risk_model("brock-2013-spiculation")
    said = findings_of(model, brock_given(70, 0, 1, 1, 20, 1, "solid", 2, 1))
    plain = risk(model, said)
    assert any("Perifissural form is not stated and counts as absent" in caveat for caveat in plain.caveats)
    assert risk(model, [*said, *findings_of(model, {"perifissural": "present"})]).probability == 0.0
    half = risk(model, [*said, unsure("perifissural", {"absent": 0.5, "present": 0.5})])
    assert half.probability == pytest.approx((plain.probability or 0) / 2, abs=1e-6)
    assert not any("Perifissural" in caveat for caveat in half.caveats)


def test_part_outside_the_limits_is_left_out_and_told() -> None:
    model = load_risk_model("mayo-1997")
    said = [f for f in findings_of(model, mayo_given(60, 1, 0, 15, 1, 1)) if f.concept != "long_axis"]
    answer = risk(model, [*said, measured("long_axis", 29.5, 1.0)])
    grid = np.linspace(29.5 - 8, 30, 40001)
    density = np.exp(-0.5 * (grid - 29.5) ** 2)
    values = 1 / (1 + np.exp(-(-6.8272 + 0.0391 * 60 + 0.7917 + 0.1274 * grid + 1.0407 + 0.7838)))
    assert answer.probability == pytest.approx(float((values * density).sum() / density.sum()), abs=2e-5)
    assert any("30.9 % of that lies outside" in caveat for caveat in answer.caveats)
    assert risk(model, [*said, measured("long_axis", 30.0, 1.0)]).probability is not None
    refused = risk(model, [*said, measured("long_axis", 30.5, 1.0)])
    assert refused.not_applicable_because == (
        "longest diameter is 30.5 ± 1 mm, and Mayo 1997 holds from 4 to 30 mm only: the nodules of the cohort were that large"
    )


def test_state_that_the_model_has_no_word_for_is_outside() -> None:
    model = load_risk_model("brock-2013-spiculation")
    said = [f for f in findings_of(model, brock_given(62, 0, 0, 0, 10, 0, "solid", 1, 0)) if f.concept != "nodule_type"]
    states = ("solid", "part-solid", "non-solid", "thick-walled cyst")
    cyst = Finding(concept="nodule_type", observer=PERSON, states=states, probabilities=(0.0, 0.0, 0.0, 1.0))
    assert "thick-walled cyst, which Brock 2013 with spiculation has no coefficient for" in str(
        risk(model, [*said, cyst]).not_applicable_because
    )
    mostly = Finding(concept="nodule_type", observer=PERSON, states=states, probabilities=(0.6, 0.2, 0.0, 0.2))
    expected = 0.75 * brock_uncentred(62, 0, 0, 0, 10, 0, "solid", 1, 0)
    expected += 0.25 * brock_uncentred(62, 0, 0, 0, 10, 0, "part-solid", 1, 0)
    assert risk(model, [*said, mostly]).probability == pytest.approx(expected, abs=6e-7)


def test_incidental_setting_is_pointed_out_and_does_not_refuse() -> None:
    model = load_risk_model("brock-2013-spiculation")
    said = findings_of(model, brock_given(62, 0, 0, 0, 10, 0, "solid", 1, 0))
    for setting, told in (("incidental", True), ("screening", False)):
        answer = risk(model, [*said, *findings_of(model, {"setting": setting})])
        assert answer.probability == 0.031912
        assert any("its calibration drifts elsewhere" in caveat for caveat in answer.caveats) is told


@pytest.mark.parametrize(
    ("probability", "band"),
    [(0.0999, "below 10 %"), (0.1, "10 to 70 %"), (0.7, "10 to 70 %"), (0.7001, "above 70 %"), (1.0, "above 70 %")],
)
def test_bands_after_pet_hold_their_limits(probability: float, band: str) -> None:
    (scheme,) = load_risk_model("herder-2005").schemes
    assert scheme.band(probability).name == band


@pytest.mark.parametrize(
    ("probability", "band"), [(0.0499, "below 5 %"), (0.05, "5 to 65 %"), (0.65, "5 to 65 %"), (0.651, "above 65 %")]
)
def test_bands_before_pet_hold_their_limits(probability: float, band: str) -> None:
    for name in ("mayo-1997", "va-2007"):
        (scheme,) = load_risk_model(name).schemes
        assert scheme.band(probability).name == band


@pytest.mark.parametrize(("size", "applies"), [(7.9, Truth.NOT_MET), (8.0, Truth.MET)])
def test_action_is_meant_for_nodules_of_its_guideline_only(size: float, applies: Truth) -> None:
    model = load_risk_model("brock-2013-spiculation")
    (call,) = risk(model, findings_of(model, brock_given(62, 0, 0, 0, size, 0, "solid", 1, 0))).bands
    assert (call.band, call.applies) == ("below 10 %", applies)
    assert (call.note is None) is (applies is Truth.MET)


def test_action_stays_open_where_what_it_asks_for_is_not_stated() -> None:
    model = load_risk_model("mayo-1997")
    said = findings_of(model, mayo_given(60, 1, 0, 15, 1, 1))
    (call,) = risk(model, said).bands
    assert (call.applies, call.band) == (Truth.UNKNOWN, "5 to 65 %")
    (call,) = risk(model, [*said, *findings_of(model, {"nodule_type": "solid"})]).bands
    assert call.applies is Truth.MET


def test_shares_of_bands_sum_to_one_and_an_open_band_is_told() -> None:
    model = load_risk_model("brock-2013-spiculation")
    said = [f for f in findings_of(model, brock_given(65, 1, 0, 0, 11, 0, "solid", 1, 0)) if f.concept != "spiculation"]
    answer = risk(model, [*said, unsure("spiculation", {"absent": 0.5, "present": 0.5})])
    low, high = (brock_uncentred(65, 1, 0, 0, 11, 0, "solid", 1, s) for s in (0, 1))
    assert low < 0.1 < high
    assert dict(answer.bands[0].shares) == {"below 10 %": 0.5, "10 % or more": 0.5}
    assert any("between bands of BTS 2015" in caveat for caveat in answer.caveats)


def test_contributions_add_up_to_the_log_odds_and_are_cited() -> None:
    for name in list_risk_models():
        model = load_risk_model(name)
        given = {
            **brock_given(62, 0, 0, 1, 10, 0, "part-solid", 1, 0), **mayo_given(62, 1, 0, 10, 0, 0), "pet_uptake": "faint",
            "years_since_quit": 3,
        }  # fmt: skip
        answer = risk(model, findings_of(model, {k: v for k, v in given.items() if k in model.inputs}))
        total = sum(c.log_odds for c in answer.contributions)
        assert sigmoid(total) == pytest.approx(answer.at_stated, abs=2e-6)
        assert all(c.citation and c.verified for c in answer.contributions)


def test_derivation_shows_what_each_published_number_adds() -> None:
    model = load_risk_model("herder-2005")
    given = {**mayo_given(60, 1, 0, 15, 1, 1), "pet_uptake": "moderate", "nodule_type": "solid"}
    text = risk(model, findings_of(model, given)).derivation.as_text()
    assert "Herder 2005 gives a probability of malignancy of 85.4 %" in text
    assert "the log odds by Mayo 1997 at the values as stated are 0.0460, a probability of 51.1 %" in text
    assert "spiculation adds 1.0407  [Swensen 1997, prediction model]" in text
    assert "BTS 2015, risk after PET, risk above 70 %: Consider excision  [BTS 2015, risk after PET-CT]" in text


def test_answer_survives_json() -> None:
    model = load_risk_model("brock-2013-spiculation")
    for given in (brock_given(62, 0, 0, 0, 10, 0, "solid", 1, 0), brock_given(40, 0, 0, 0, 10, 0, "solid", 1, 0)):
        answer = risk(model, findings_of(model, given))
        assert Risk.model_validate_json(answer.model_dump_json()) == answer
    with pytest.raises(ValidationError, match="never both"):
        Risk.model_validate({**answer.model_dump(), "not_applicable_because": None})


def test_order_of_findings_and_of_their_states_does_not_matter() -> None:
    model = load_risk_model("brock-2013-spiculation")
    said = [f for f in findings_of(model, brock_given(65, 1, 0, 1, 12, 1, "solid", 1, 1)) if f.concept != "nodule_type"]
    a = risk(model, [*said, unsure("nodule_type", {"solid": 0.2, "part-solid": 0.5, "non-solid": 0.3})])
    b = risk(model, [unsure("nodule_type", {"non-solid": 0.3, "part-solid": 0.5, "solid": 0.2}), *reversed(said)])
    assert (a.probability, a.low, a.high, a.sd) == (b.probability, b.low, b.high, b.sd)


@pytest.mark.parametrize(
    ("finding", "said"),
    [
        (measured("long_axis", 1.2, unit="cm"), "long_axis: expected a value in mm, got the unit cm"),
        (measured("long_axis", 0.9), r"0.9 mm is not plausible \(expected 1 to 200 mm\); look at the unit"),
        (measured("long_axis", -5), "is not plausible"),
        (measured("long_axis", 1200), "1200 mm is not plausible"),
        (measured("age", 620, unit="years"), "620 years is not plausible"),
        (measured("age", 62, unit="months"), "expected a value in years, got the unit months"),
        (measured("spiculation", 1.0), "spiculation: expected the states absent, present, got a value in mm"),
        (unsure("spiculation", {"no": 0.5, "yes": 0.5}), "expected the states absent, present, got no, yes"),
        (unsure("nodule_type", {"solid": 0.5, "subsolid": 0.5}), "expected the states solid, part-solid, non-solid"),
        (unsure("long_axis", {"small": 0.5, "large": 0.5}), "expected a value in mm, got the states small, large"),
    ],
)
def test_finding_that_does_not_fit_is_refused_in_one_line(finding: Finding, said: str) -> None:
    model = load_risk_model("brock-2013-spiculation")
    rest = [f for f in findings_of(model, brock_given(62, 0, 0, 0, 10, 0, "solid", 1, 0)) if f.concept != finding.concept]
    with pytest.raises(InputError, match=said) as caught:
        risk(model, [*rest, finding])
    assert "\n" not in str(caught.value)


def test_implausible_value_of_a_net_is_unknown() -> None:
    model = load_risk_model("brock-2013-spiculation")
    rest = [f for f in findings_of(model, brock_given(62, 0, 0, 0, 10, 0, "solid", 1, 0)) if f.concept != "long_axis"]
    answer = risk(model, [*rest, measured("long_axis", 0.2, observer=NET)])
    assert answer.not_applicable_because == "longest diameter is missing (0.2 mm is not plausible (expected 1 to 200 mm))"


def test_same_concept_twice_is_refused() -> None:
    model = load_risk_model("brock-2013-spiculation")
    with pytest.raises(InputError, match="finding long_axis: expected it once"):
        risk(model, [measured("long_axis", 10), measured("long_axis", 12)])


def test_findings_that_are_no_numbers_or_no_distributions_cannot_be_made() -> None:
    for bad in (math.nan, math.inf):
        with pytest.raises(ValidationError):
            measured("long_axis", bad)
    with pytest.raises(ValidationError, match="must sum to 1"):
        unsure("spiculation", {"absent": 0.5, "present": 0.6})
    with pytest.raises(ValidationError):
        measured("long_axis", 10, -1)


def test_too_many_uncertain_measurements_are_refused_before_memory_is_full(load: Callable[[str, str], RiskModel]) -> None:
    names = [f"size{letter}" for letter in "abcdef"]
    inputs = "".join(f"  {n}: {{definition: a size, unit: mm, plausible: [1, 100]}}\n" for n in names)
    terms = "".join(
        f"  - {{linear: {n}, coefficient: 0.1, cite: {{source: here, clause: t, verified: background}}}}\n" for n in names
    )
    model = load("terms:\n", f"{inputs}terms:\n{terms}".replace(f"{inputs}terms", f"{inputs}terms", 1))
    said = findings_of(model, {"age": 50, "margin": "smooth"}) + [measured("size", 10, 1)] + [measured(n, 10, 1) for n in names]
    with pytest.raises(InputError, match="expected fewer uncertain inputs"):
        risk(model, said)


SMALL = """\
name: toy
title: A toy
label: Toy 2000
outcome: harm
sources:
  here: {kind: publication, short: Here, reference: invented}
intercept: {value: -2, cite: {source: here, clause: i, verified: background}}
inputs:
  age: {definition: age, unit: years, plausible: [0, 120]}
  size: {definition: size, unit: mm, plausible: [1, 100]}
  margin: {definition: edge, states: [smooth, jagged]}
terms:
  - {centred: age, at: 50, coefficient: 0.1, cite: {source: here, clause: t, verified: background}}
  - {power: size, per: 10, exponent: -0.5, minus: 1, coefficient: -2, cite: {source: here, clause: t, verified: background}}
  - {by_state: margin, coefficients: {smooth: 0, jagged: 1}, cite: {source: here, clause: t, verified: background}}
domain:
  - {concept: size, above: 2, below: 50, hard: true, why: so it was, cite: {source: here, clause: d, verified: background}}
bands:
  - scheme: Here
    limits: [{name: low, below: 0.5, action: Wait.}, {name: high, up_to: 1, action: Act.}]
    cite: {source: here, clause: b, verified: background}
vectors:
  - {name: one, given: {age: 50, size: 10, margin: smooth}, probability: 0.119203}
"""


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str, str], RiskModel]:
    def changed(old: str, new: str) -> RiskModel:
        assert old in SMALL
        file = tmp_path / "toy.yaml"
        file.write_text(SMALL.replace(old, new, 1), encoding="utf-8")
        return load_risk_model_file(file)

    return changed


def test_small_model_of_a_user_loads_and_answers(load: Callable[[str, str], RiskModel]) -> None:
    model = load("A toy", "A toy")
    (vector,) = model.vectors
    assert risk(model, findings_of(model, vector.given)).probability == vector.probability
    for edge in (2, 50):
        assert risk(model, findings_of(model, {**vector.given, "size": edge})).not_applicable_because is not None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("title: A toy", "title: A toy\nextra: 1", "toy.yaml:3: unknown key 'extra'"),
        ("title: A toy\n", "", "expected the key 'title'"),
        ("name: toy", "name: toy\nname: toy", "each key once"),
        ("name: toy", "name: &a toy", "an anchor or alias"),
        ("name: toy", "name: !!python/name:os.system toy", "the tag"),
        ("value: -2,", "value: minus two,", "toy.yaml:7: expected number, got 'minus two'"),
        ("value: -2,", "value: .nan,", "toy.yaml:7: expected number, got '.nan'"),
        ("{centred: age, at: 50,", "{centered: age, at: 50,", "toy.yaml:13: expected exactly one of linear, centred, power"),
        ("{centred: age, at: 50,", "{centred: age, linear: age, at: 50,", "toy.yaml:13: expected .* got centred, linear"),
        ("{centred: age, at: 50,", "{centred: ages, at: 50,", "toy.yaml:13: unknown input 'ages': did you mean 'age'"),
        ("{centred: age, at: 50,", "{centred: margin, at: 50,", "toy.yaml:13: expected a measurement, got margin"),
        ("{centred: age, at: 50,", "{centred: age,", "toy.yaml:13: expected the key 'at'"),
        ("{centred: age, at: 50,", "{centred: age, at: 50, per: 10,", "toy.yaml:13: unknown key 'per'"),
        ("per: 10,", "per: 0,", "toy.yaml:14: expected a number above 0, got 0"),
        ("size: {definition: size, unit: mm, plausible: [1, 100]}", "size: {definition: size, unit: mm, plausible: [0, 100]}",
         "toy.yaml:14: expected an input that is plausible above 0 only, because it is raised to -0.5"),
        ("plausible: [1, 100]", "plausible: [100, 1]", "toy.yaml:10: expected plausible: .lowest, highest."),
        (", plausible: [1, 100]", "", "toy.yaml:10: expected plausible: .lowest, highest."),
        ("states: [smooth, jagged]", "states: [smooth, jagged], unit: mm, plausible: [1, 2]", "toy.yaml:11: expected an input"),
        ("states: [smooth, jagged]", "states: [smooth]", "toy.yaml:11: expected an input"),
        ("states: [smooth, jagged]", "states: [yes, true]", "toy.yaml:11: expected text .put it in quotes., got True"),
        ("{smooth: 0, jagged: 1}", "{smooth: 0}", "toy.yaml:15: expected a coefficient for each of smooth, jagged, got smooth"),
        ("{smooth: 0, jagged: 1}", "{smooth: 0, jaged: 1}", "yaml:15: unknown state of margin 'jaged': did you mean 'jagged'"),
        ("clause: t, verified: background", "clause: t, verified: surely", "unknown mark 'surely'"),
        ("cite: {source: here, clause: d", "cite: {source: there, clause: d", "toy.yaml:17: unknown source 'there'"),
        ("above: 2, below: 50,", "", "toy.yaml:17: expected is, at_least, above, at_most or below, got none"),
        ("above: 2, below: 50,", "above: 50, below: 2,", "toy.yaml:17: expected a lower limit that is not above"),
        ("above: 2, below: 50,", "above: 2, at_least: 3,", "toy.yaml:17: expected one limit on this side, got two"),
        ("above: 2, below: 50,", "is: small,", "toy.yaml:17: expected an input with states, got size"),
        ("hard: true,", "hard: yes,", "toy.yaml:17: expected true or false, got 'yes'"),
        ("hard: true,", "", "toy.yaml:17: expected the key 'hard'"),
        ("below: 0.5", "below: 1.5", "toy.yaml:20: expected bands with ascending limits"),
        ("up_to: 1,", "below: 1,", "toy.yaml:20: expected bands with ascending limits"),
        ("given: {age: 50,", "given: {old: 50,", "toy.yaml:23: unknown input 'old'"),
        ("margin: smooth}, prob", "margin: smoth}, prob", "toy.yaml:23: unknown state of margin 'smoth'"),
        ("  - {by_state: margin, coefficients: {smooth: 0, jagged: 1},", "  - {model: toy, coefficient: 1,",
         "toy.yaml:15: expected a model that does not lead back to itself, got toy -> toy"),
        ("  - {by_state: margin, coefficients: {smooth: 0, jagged: 1},", "  - {model: mayo, coefficient: 1,",
         "toy.yaml:15: unknown risk model 'mayo': did you mean 'mayo-1997'"),
        ("  - {by_state: margin, coefficients: {smooth: 0, jagged: 1},", "  - {indicator: {margin: torn}, coefficient: 1,",
         "toy.yaml:15: unknown state of margin 'torn'"),
        ("  - {by_state: margin, coefficients: {smooth: 0, jagged: 1},", "  - {linear: age, where: {size: 1}, coefficient: 1,",
         "toy.yaml:15: expected (text|an input with states)"),
        ("kind: publication", "kind: rumour", "expected publication or data, got rumour"),
    ],
)  # fmt: skip
def test_mistake_in_a_file_is_named_with_its_line(load: Callable[[str, str], RiskModel], old: str, new: str, said: str) -> None:
    with pytest.raises(GuidelineError, match=said) as caught:
        load(old, new)
    assert "\n" not in str(caught.value)


def test_circle_through_two_files_is_refused(tmp_path: Path) -> None:
    term = "  - {by_state: margin, coefficients: {smooth: 0, jagged: 1},"
    for name, other in (("toy", "tin"), ("tin", "toy")):
        text = SMALL.replace("name: toy", f"name: {name}").replace(term, f"  - {{model: {other}, coefficient: 1,")
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(GuidelineError, match="toy -> tin -> toy"):
        load_risk_model_file(tmp_path / "toy.yaml")


def test_missing_file_is_one_line() -> None:
    with pytest.raises(GuidelineError, match="expected a readable risk model"):
        load_risk_model_file("nowhere.yaml")


@pytest.mark.parametrize("name", list_risk_models())
def test_every_number_has_a_citation_with_its_mark(name: str) -> None:
    model = load_risk_model(name)
    marks = {model.intercept_citation.verified, *(t.citation.verified for t in model.terms)}
    assert marks <= ({"background"} if name == "herder-2005" else {"source", "background"})
    assert all(limit.citation.verified == "background" and limit.why for limit in model.domain)
    assert all(band.action.endswith(".") for scheme in model.schemes for band in scheme.bands)
    assert all(text.endswith(".") for text in model.limits)
    assert model.fuller is None or model.fuller in list_risk_models()
