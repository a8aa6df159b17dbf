"""The published risk models beside a reading's own probability: a caution where they would do something else, and only there."""

import math

import pytest

from pellucid.assess.second_opinion import Opinions, Own, second_opinion
from pellucid.errors import InputError
from pellucid.knowledge.risk import load_risk_model
from pellucid.record import Finding, Observer

PERSON = Observer(name="a radiologist", kind="person")
GIVEN: dict[str, str | float] = {
    "age": 65, "sex": "female", "family_history_lung_cancer": "absent", "emphysema": "present", "long_axis": 12,
    "upper_lobe": "present", "nodule_type": "part-solid", "nodule_count": 1, "spiculation": "present", "ever_smoker": "present",
    "setting": "screening",
}  # fmt: skip
UNITS = {"age": "years", "long_axis": "mm", "nodule_count": "1", "years_since_quit": "years"}


def states_of(name: str) -> tuple[str, ...]:
    for model in ("brock-2013-spiculation", "herder-2005"):
        given = load_risk_model(model).inputs.get(name)
        if given is not None:
            return given.concept.states or ()
    raise LookupError(name)


def findings(**changed: str | float | None) -> list[Finding]:
    found: list[Finding] = []
    for name, value in {**GIVEN, **changed}.items():
        if isinstance(value, str):
            states = states_of(name)
            shares = tuple(float(s == value) for s in states)
            found.append(Finding(concept=name, observer=PERSON, states=states, probabilities=shares, state=value))
        elif value is not None:
            found.append(Finding(concept=name, observer=PERSON, unit=UNITS[name], value=float(value), sd=0.0))
    return found


def labels(opinion: Opinions) -> list[str]:
    return [answer.label for answer in opinion.risks]


def test_models_that_apply_answer_and_the_others_say_why_not() -> None:
    opinion = second_opinion(findings())
    assert labels(opinion) == ["Brock 2013 with spiculation"]
    assert [(a.label, a.not_applicable_because) for a in opinion.not_applicable] == [
        ("Herder 2005", "earlier cancer outside the chest and uptake on PET are missing"),
        ("Mayo 1997", "earlier cancer outside the chest is missing"),
        ("VA 2007", "time since smoking stopped is missing"),
    ]
    assert opinion.cautions == ()


def test_fuller_variant_speaks_alone_where_it_applies() -> None:
    assert labels(second_opinion(findings(spiculation=None))) == ["Brock 2013 without spiculation"]


def test_other_band_and_outside_the_interval_is_a_caution() -> None:
    (caution,) = second_opinion(findings(nodule_type="solid"), Own("suspicion", 0.03)).cautions
    assert caution.kind == "second-opinion"
    assert caution.text == (
        "Brock 2013 with spiculation gives a probability of lung cancer of 37 %, this reading 3 % on suspicion: by BTS 2015, "
        "initial risk, that is 10 % or more (PET-CT, then the risk again with its uptake (Herder)) against below 10 % "
        "(CT surveillance)."
    )


def test_same_band_is_no_caution_however_far_apart() -> None:
    assert second_opinion(findings(), Own("suspicion", 0.99)).cautions == ()
    assert second_opinion(findings(), Own("suspicion", 0.11)).cautions == ()


def test_other_band_inside_the_error_of_the_diameter_is_no_caution() -> None:
    near = findings(spiculation="absent", nodule_type="solid", upper_lobe="absent", long_axis=11.5)
    (answer,) = second_opinion(near).risks
    assert 0.1 < (answer.probability or 0) < 0.15
    assert answer.low == answer.high
    assert second_opinion(near, Own("suspicion", 0.0999)).cautions == ()
    assert len(second_opinion(near, Own("suspicion", 0.02)).cautions) == 1


def test_uncertain_finding_widens_the_interval_until_it_covers() -> None:
    said = [f for f in findings() if f.concept != "perifissural"]
    assert len(second_opinion(said, Own("suspicion", 0.03)).cautions) == 1
    states = ("absent", "present")
    doubt = Finding(concept="perifissural", observer=PERSON, states=states, probabilities=(0.9, 0.1), state="absent")
    assert second_opinion([*said, doubt], Own("suspicion", 0.03)).cautions == ()


def test_interval_of_the_reading_that_covers_the_model_is_no_caution() -> None:
    assert second_opinion(findings(), Own("suspicion", 0.08, 0.02, 0.5)).cautions == ()
    assert len(second_opinion(findings(), Own("suspicion", 0.08, 0.02, 0.2)).cautions) == 1


def test_action_that_is_not_meant_for_the_nodule_is_said_so() -> None:
    (caution,) = second_opinion(findings(long_axis=6, spiculation="absent"), Own("suspicion", 0.9)).cautions
    assert "These actions are not meant for this nodule: longest diameter is 6 mm: smaller nodules" in caution.text
    (caution,) = second_opinion(findings(), Own("suspicion", 0.03)).cautions
    assert "These actions are not meant for this nodule: nodule type is part-solid" in caution.text


def full() -> list[Finding]:
    states = ("absent", "more than 5 years ago", "within 5 years")
    cancer = Finding(concept="previous_extrathoracic_cancer", observer=PERSON, states=states, probabilities=(1.0, 0.0, 0.0))
    return [*findings(pet_uptake="intense", years_since_quit=5, nodule_type="solid"), cancer]


def test_each_model_that_disagrees_has_its_own_caution_and_uptake_is_named() -> None:
    opinion = second_opinion(full(), Own("suspicion", 0.01))
    assert labels(opinion) == ["Brock 2013 with spiculation", "Herder 2005", "Mayo 1997", "VA 2007"]
    assert len(opinion.cautions) == 4
    herder = next(c for c in opinion.cautions if c.text.startswith("Herder"))
    assert herder.text.endswith("The model also knows that uptake on PET is intense.")


def test_nodule_outside_every_domain_has_no_second_opinion() -> None:
    opinion = second_opinion(findings(age=40, long_axis=3), Own("suspicion", 0.9))
    assert opinion.risks == ()
    assert opinion.cautions == ()
    assert len(opinion.not_applicable) == 5


def test_only_the_models_asked_for_are_heard() -> None:
    assert labels(second_opinion(full(), models=[load_risk_model("mayo-1997")])) == ["Mayo 1997"]
    assert second_opinion(full(), Own("suspicion", 0.01), models=[]).cautions == ()


def test_same_findings_give_the_same_opinion() -> None:
    assert second_opinion(full(), Own("suspicion", 0.01)) == second_opinion(full(), Own("suspicion", 0.01))


@pytest.mark.parametrize("bad", [math.nan, -0.1, 1.1, math.inf])
def test_probability_that_is_none_is_refused(bad: float) -> None:
    with pytest.raises(InputError, match="expected a probability of malignancy from 0 to 1"):
        Own("suspicion", bad)


def test_interval_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="both ends of the interval or neither"):
        Own("suspicion", 0.5, 0.1)
    for low, high in ((0.6, 0.9), (0.1, 0.4), (-0.1, 0.9), (0.1, 1.2), (math.nan, 0.9)):
        with pytest.raises(InputError, match=r"expected an interval around 0\.5"):
            Own("suspicion", 0.5, low, high)


def test_wrong_unit_is_refused() -> None:
    said = [f for f in findings() if f.concept != "long_axis"]
    with pytest.raises(InputError, match="expected a value in mm, got the unit cm"):
        second_opinion([*said, Finding(concept="long_axis", observer=PERSON, unit="cm", value=1.2, sd=0.0)])
