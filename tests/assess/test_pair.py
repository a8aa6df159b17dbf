"""What is known of a pair, and which rules may decide."""

from types import ModuleType

import pytest

from pellucid.assess.pair import judge, possible_levels
from pellucid.knowledge.concordance import load_table
from pellucid.knowledge.concordance.truth import NOT_EXAMINED
from pellucid.record import GuidelineRef, Truth

BREAST, LUNG = load_table("breast"), load_table("lung")


def test_signs_of_another_kind_of_examination_are_not_unknown(pairs: ModuleType) -> None:
    judged = judge(pairs.image("4A", pairs.BENIGN_MASS), pairs.tissue("fibroadenoma"), BREAST)
    assert judged.facts.states["calcification_morphology"] == {NOT_EXAMINED}
    assert judged.phenotypes["grouped calcifications"] is Truth.NOT_MET
    assert judged.phenotypes["circumscribed mass"] is Truth.MET


def test_a_sign_that_was_looked_for_and_not_judged_is_unknown(pairs: ModuleType) -> None:
    judged = judge(pairs.image("4A", (pairs.seen("calcification_morphology"),)), pairs.tissue("fibroadenoma"), BREAST)
    assert judged.phenotypes["grouped calcifications"] is Truth.UNKNOWN


def test_another_name_of_a_sign_is_the_same_sign(pairs: ModuleType) -> None:
    finding = pairs.seen("architectural_distortion", "present").model_copy(update={"concept": "distortion"})
    assert judge(pairs.image("4B", (finding,)), pairs.tissue("scar"), BREAST).phenotypes["architectural distortion"] is Truth.MET


def test_a_state_that_the_table_does_not_know_is_unknown(pairs: ModuleType) -> None:
    finding = pairs.seen("shape", "oval").model_copy(
        update={"states": ("oval", "round", "star"), "state": "star", "probabilities": (0.0, 0.0, 1.0)}
    )
    judged = judge(pairs.image("4A", (finding,)), pairs.tissue("fibroadenoma"), BREAST)
    assert judged.phenotypes["circumscribed mass"] is Truth.UNKNOWN


@pytest.mark.parametrize(
    ("category", "p", "levels"),
    [
        ("3", None, {"probably benign"}),
        ("3", 0.05, {"probably benign"}),
        ("3", 0.10, {"high"}),
        ("4X", 0.10, {"highest"}),
        (None, 0.5, {"high", "highest"}),
    ],
)
def test_a_risk_raises_the_level_and_never_lowers_it(
    pairs: ModuleType, category: str | None, p: float | None, levels: set[str]
) -> None:
    assert possible_levels(pairs.image(category, organ="lung", p=p), LUNG) == levels


def test_in_the_breast_the_category_alone_sets_the_level(pairs: ModuleType) -> None:
    assert possible_levels(pairs.image("3", p=0.9), BREAST) == {"probably benign"}


def test_what_is_not_stated_of_the_removal_counts_as_a_part(pairs: ModuleType) -> None:
    judged = judge(pairs.image("4A", pairs.BENIGN_MASS), pairs.tissue("fibroadenoma", target=None), BREAST)
    assert judged.facts.states["removed"] == {"part"}
    assert "target" not in judged.facts.states
    assert judged.open_outcomes == ("concordant benign", "non-diagnostic")
    assert judged.outcome is None


def test_a_mammogram_is_not_asked_for_what_only_ultrasound_shows(pairs: ModuleType) -> None:
    pack = GuidelineRef(name="mammography", edition="2013", sha256="a" * 64)
    findings = (pairs.seen("shape", "oval"), pairs.seen("margin", "circumscribed"))
    judged = judge(pairs.image("4A", findings, guideline=pack), pairs.tissue("fibroadenoma"), BREAST)
    assert judged.phenotypes["circumscribed mass"] is Truth.MET
    assert judged.outcome == "concordant benign"
