"""The category that the rules give, the set beside it, and when nothing is said."""

from collections.abc import Callable

import pytest

from pellucid.assess.conclude import Ask, cautions, conclude, conclude_all
from pellucid.errors import UnknownName
from pellucid.knowledge import Guideline, evaluate, load_guideline
from pellucid.record import Assessment, Finding, Observer, Reading, SetRule, Shadow, Signals, StudyRef

from .conftest import EDGE, RULES, SHAPE, findings, judged

Toy = Callable[..., Reading]
Findings = tuple[Finding, ...]
STUDY = StudyRef(pixels_sha256="a" * 64, width=10, height=10)
STRANGE = Signals(novelty=3.2, novelty_threshold=1.5, novelty_false_alarm=0.02)


def _grade(
    pack: Guideline, found: tuple[Finding, ...], signals: Signals | None = None, rule: SetRule | None = RULES["grade"]
) -> Assessment:
    return conclude(Ask(pack, "grade", rule), found, signals or Signals())


def test_decided_findings_give_the_category_of_the_rules(pack: Guideline) -> None:
    found = findings(rough=0.02, irregular=0.05)
    a = _grade(pack, found)
    evaluation = evaluate(pack, "grade", found)
    assert a.category == evaluation.crisp == "low"
    assert a.statement == "A calm mass."
    assert a.abstained_because is None
    assert a.derivation == evaluation.derivation
    assert a.sufficient_reason == evaluation.sufficient_reason
    assert a.guideline == pack.ref()
    assert a.next_step == "Nothing to do."
    assert a.next_step_citation == "Toy book, 1"


def test_probabilities_are_in_the_order_of_the_categories_and_sum_to_one(pack: Guideline) -> None:
    a = _grade(pack, findings(rough=0.123457, irregular=0.333333))
    assert tuple(a.probabilities) == ("low", "middle", "high")
    assert sum(round(p * 1e6) for p in a.probabilities.values()) == 1_000_000


def test_undecided_findings_give_the_most_probable_category_and_say_so(pack: Guideline) -> None:
    rule = SetRule(method="lac", threshold=0.72, coverage=0.9, n=50)
    a = _grade(pack, findings(rough=0.3, irregular=0.02), rule=rule)
    assert evaluate(pack, "grade", findings(rough=0.3, irregular=0.02)).crisp is None
    assert a.category == "low"
    assert a.statement == "Most probably: A calm mass."
    assert any("do not decide on one grade" in text for text in a.boundary)


def test_most_probable_category_that_the_set_holds_alone_is_no_edge(pack: Guideline) -> None:
    rule = SetRule(method="lac", threshold=0.5, coverage=0.9, n=50)
    a = _grade(pack, findings(rough=0.3, irregular=0.02), rule=rule)
    assert a.confidence_set == ("low",)
    assert a.statement == "Most probably: A calm mass."
    assert a.boundary == ()


def test_category_outside_its_own_set_is_an_edge_and_is_said(pack: Guideline) -> None:
    found = (judged("edge", EDGE, 0.45, point=0.5), judged("shape", SHAPE, 0.45, point=0.5), *findings()[2:])
    a = _grade(pack, found, rule=SetRule(method="lac", threshold=0.6, coverage=0.9, n=50))
    assert a.category == "low"
    assert a.confidence_set == ("high",)
    assert any("together support high" in text for text in a.boundary)
    assert a.next_step_shared is False


def test_next_step_shared_by_the_whole_set_is_said(pack: Guideline) -> None:
    a = _grade(pack, findings(rough=0.5, irregular=0.95), rule=SetRule(method="lac", threshold=0.7, coverage=0.9, n=50))
    assert a.confidence_set == ("middle", "high")
    assert a.next_step == "Tissue diagnosis."
    assert a.next_step_shared is True


def test_image_unlike_the_training_images_gives_no_category_but_still_its_numbers(pack: Guideline) -> None:
    a = _grade(pack, findings(), STRANGE)
    assert a.category is None
    assert "unlike the images this reader learned from (distance 3.20, limit 1.50)" in str(a.abstained_because)
    assert a.probabilities
    assert a.confidence_set
    assert a.next_step == "Have a person read the image."
    assert a.differential == ()
    assert a.statement.startswith("No grade is given: the image is unlike")


def test_novelty_is_no_matter_where_a_person_judged_every_finding(pack: Guideline) -> None:
    person = Observer(name="Dr A", kind="person")
    found = (judged("edge", EDGE, 0.0, observer=person), judged("shape", SHAPE, 0.0, observer=person))
    found = (*found, Finding(concept="size", observer=person, unit="mm", value=5.0, sd=0.0))
    assert _grade(pack, found, STRANGE).category == "low"


def test_nothing_judged_gives_no_category_and_the_reason(pack: Guideline) -> None:
    a = _grade(pack, findings(rough=None, irregular=None, size=None))
    assert a.category is None
    assert str(a.abstained_because).startswith(
        "none of the findings that the guideline asks for could be judged: no mass was found"
    )


def test_needed_finding_that_is_missing_gives_no_category(pack: Guideline) -> None:
    a = _grade(pack, findings(rough=None, irregular=0.02))
    assert a.category is None
    assert a.abstained_because == "the guideline needs edge of the mass, which could not be judged (no mass was found)"


def test_concept_that_no_image_can_show_does_not_make_every_reading_abstain(pack: Guideline) -> None:
    found = findings(rough=0.02, irregular=0.02)
    assert found[2].unknown_because
    assert _grade(pack, found).category is not None


def test_binary_set_with_both_answers_cannot_decide(pack: Guideline) -> None:
    a = conclude(Ask(pack, "alarm", RULES["alarm"]), findings(rough=0.5, irregular=0.5), Signals())
    assert a.confidence_set == ("calm", "alarming")
    assert a.abstained_because == "both calm and alarming stay within the 90 % confidence set, so the findings cannot decide"
    assert a.sufficient_reason == ()


def test_empty_set_gives_no_category(pack: Guideline) -> None:
    rule = SetRule(method="lac", threshold=0.1, coverage=0.9, n=9)
    a = conclude(Ask(pack, "alarm", rule), findings(rough=0.5, irregular=0.5), Signals())
    assert a.confidence_set == ()
    assert "the 90 % confidence set is empty" in str(a.abstained_because)


def test_without_a_set_rule_no_set_and_no_coverage_are_claimed(pack: Guideline) -> None:
    a = _grade(pack, findings(), rule=None)
    assert (a.confidence_set, a.coverage, a.set_rule, a.next_step_shared) == ((), None, None, None)
    assert a.category == "low"


def test_unknown_question_offers_the_nearest(pack: Guideline) -> None:
    with pytest.raises(UnknownName, match="did you mean 'grade'"):
        conclude(Ask(pack, "grades"), findings(), Signals())


def test_conclusion_is_the_same_whatever_the_order_of_findings(pack: Guideline) -> None:
    found = findings(rough=0.3, irregular=0.6)
    assert _grade(pack, found) == _grade(pack, tuple(reversed(found)))


def test_cautions_tell_novelty_shadow_and_missing_spacing(conclude_toy: Toy) -> None:
    shadow = Shadow(question="alarm", category="alarming", probability=0.9, concept_probability=0.1, disagrees=True)
    reading = conclude_toy(findings(size=None), STRANGE.model_copy(update={"shadow": (shadow,)}), spacing=None)
    by_kind = {c.kind: c.text for c in reading.cautions}
    assert "evidence here that none of my concepts describes" in by_kind["shadow"]
    assert "90 %" in by_kind["shadow"]
    assert "2 % of ordinary images" in by_kind["novelty"]
    assert "No pixel spacing" in by_kind["input"]
    assert by_kind["scope"] == "Vessels cannot be seen on one image."
    assert reading.cautions[0].kind == "novelty"


def test_agreeing_shadow_and_familiar_image_give_no_caution() -> None:
    shadow = Shadow(question="alarm", category="alarming", probability=0.2, concept_probability=0.1, disagrees=False)
    assert cautions(STUDY, (), (), Signals(novelty=1.0, novelty_threshold=1.5, shadow=(shadow,))) == ()


def test_boundary_of_an_assessment_is_a_caution(conclude_toy: Toy) -> None:
    reading = conclude_toy(findings(rough=0.3, irregular=0.02, size=19.8))
    told = [c.text for c in reading.cautions if c.kind == "boundary"]
    assert set(reading.assessments[0].boundary) <= set(told)
    assert any("20 mm" in text for text in told)


def test_clauses_that_are_not_encoded_are_said_with_the_reason() -> None:
    breast = load_guideline("breast-ultrasound")
    _, told = conclude_all(StudyRef(), (), [Ask(breast, "birads")], Signals())
    (said,) = [c.text for c in told if c.kind == "scope" and c.text.startswith("Not encoded of the guideline")]
    for silent in breast.questions["birads"].silent:
        assert f"{silent.clause} ({silent.why})" in said
    assert "complicated cyst and clustered microcysts" in said
