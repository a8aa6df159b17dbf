"""What a clinician would notice of an evaluation; exactness is tested in test_reasons.py."""

from typing import Any

import pytest

from pellucid.errors import InputError, UnknownName
from pellucid.knowledge import Guideline, evaluate, load_guideline, statement
from pellucid.record import Finding, Observer

MODEL = Observer(name="reader", kind="model")


def find(guideline: Guideline, **stated: Any) -> list[Finding]:
    found: list[Finding] = []
    for name, state in stated.items():
        concept = guideline.concepts[name]
        if isinstance(state, float):
            found.append(Finding(concept=name, observer=MODEL, unit=concept.unit, value=state, sd=5.0))
        elif state is None:
            found.append(Finding(concept=name, observer=MODEL, states=concept.states, unknown_because="blurred"))
        else:
            shares = tuple(float(s == state) for s in concept.states or ())
            found.append(Finding(concept=name, observer=MODEL, states=concept.states, probabilities=shares, state=state))
    return found


BENIGN = {
    "shape": "oval",
    "margin": "circumscribed",
    "angular": "absent",
    "microlobulated": "absent",
    "spiculated": "absent",
    "orientation": 10.0,
    "echogenicity": "isoechoic",
    "posterior_features": "none",
    "halo": "absent",
    "calcifications": "absent",
    "new_or_enlarging": "absent",
    "palpable_or_high_risk": "absent",
}


@pytest.fixture
def breast() -> Guideline:
    return load_guideline("breast-ultrasound-2013")


def test_unknown_margin_leaves_category_unknown(breast: Guideline) -> None:
    got = evaluate(breast, "birads", find(breast, **{**BENIGN, "margin": None}))
    assert got.crisp is None
    assert got.open == ("3", "4A")
    assert got.missing == ("margin",)
    assert sum(got.probabilities.values()) == pytest.approx(1)


def test_conflict_of_rule_and_scorecard_is_reported_and_the_rule_stands(breast: Guideline) -> None:
    upright = {**BENIGN, "orientation": 80.0, "posterior_features": "shadowing"}
    got = evaluate(breast, "birads", find(breast, **upright))
    assert got.crisp == "4A"
    assert got.conflict == "rule F2 asks for at least 4A, the scorecard proposes 3 (risk 1.4 %): the rule stands"


def test_limit_inside_the_interval_is_a_boundary_only_where_it_matters(breast: Guideline) -> None:
    near = {**BENIGN, "orientation": 44.0}
    assert evaluate(breast, "birads", find(breast, **near)).boundary == ()
    shadow = {**near, "posterior_features": "shadowing"}
    (said,) = evaluate(breast, "birads", find(breast, **shadow)).boundary
    assert said == "the orientation (measured: 44 ± 5 deg) may as well be not parallel: the category would then be 4A"


def test_stated_history_moves_the_category(breast: Guideline) -> None:
    assert evaluate(breast, "birads", find(breast, **BENIGN)).crisp == "3"
    assert evaluate(breast, "birads", find(breast, **{**BENIGN, "new_or_enlarging": "present"})).crisp == "4A"


def test_history_that_nobody_stated_is_not_taken_as_absent(breast: Guideline) -> None:
    silent = {name: state for name, state in BENIGN.items() if name not in ("new_or_enlarging", "palpable_or_high_risk")}
    assert evaluate(breast, "birads", find(breast, **silent)).crisp == "4A"


def test_single_field_cannot_tell_grades_apart_and_the_statement_says_so() -> None:
    pack = load_guideline("diabetic-retinopathy-icdr")
    got = evaluate(pack, "dr-grade", find(pack, red_lesions="many", hard_exudates="present", exudate_near_macula="present"))
    assert got.crisp is None
    assert got.open == ("2", "3", "4")
    assert got.derivation.claim == "the grade is at least 2 (2, 3 or 4): the findings do not decide which"
    assert "does not show four quadrants" in statement(pack, "dr-grade", got, "3")
    assert "1 cannot be told from grade 2" not in statement(pack, "dr-grade", got, "3")


def test_sign_of_proliferation_forces_grade_four() -> None:
    pack = load_guideline("diabetic-retinopathy-icdr")
    got = evaluate(pack, "dr-grade", find(pack, red_lesions="few", hard_exudates="absent", new_vessels="present"))
    assert (got.crisp, got.probabilities["4"]) == ("4", 1.0)
    assert [[c.concept for c in reason] for reason in got.sufficient_reason] == [["new_vessels"]]


def test_findings_that_the_question_does_not_use_change_nothing(breast: Guideline) -> None:
    plain = evaluate(breast, "birads", find(breast, **BENIGN))
    assert evaluate(breast, "birads", find(breast, **BENIGN, skin_thickening="present", long_axis=12.0)) == plain


def test_unknown_question_offers_the_nearest(breast: Guideline) -> None:
    with pytest.raises(UnknownName, match="did you mean 'birads'"):
        evaluate(breast, "birad", [])


def test_finding_with_other_states_is_refused(breast: Guideline) -> None:
    wrong = Finding(concept="shape", observer=MODEL, states=("oval", "square"), probabilities=(1.0, 0.0), state="oval")
    with pytest.raises(InputError, match="expected the states oval, round, irregular"):
        evaluate(breast, "birads", [wrong])


def test_measurement_in_another_unit_is_refused(breast: Guideline) -> None:
    wrong = Finding(concept="orientation", observer=MODEL, unit="rad", value=1.0, sd=0.1)
    with pytest.raises(InputError, match="expected a value in deg"):
        evaluate(breast, "birads", [wrong])


def test_concept_given_twice_is_refused(breast: Guideline) -> None:
    with pytest.raises(InputError, match="one twice"):
        evaluate(breast, "birads", find(breast, shape="oval") * 2)
