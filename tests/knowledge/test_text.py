"""A pack shown as text holds everything it rests on."""

import pytest

from pellucid.knowledge import evaluate, list_guidelines, load_guideline, show, trace
from pellucid.record import Assessment, ReaderRef, Reading, StudyRef


@pytest.mark.parametrize("name", list_guidelines())
def test_everything_in_a_pack_is_shown(name: str) -> None:
    pack, text = load_guideline(name), show(load_guideline(name))
    for concept in pack.concepts.values():
        assert concept.definition in text
    for question in pack.questions.values():
        assert all(rule.claim in text and f"{rule.citation.text}; {rule.citation.verified}" in text for rule in question.rules)
        assert all(category.statement in text for category in question.categories.values())
        assert all(silent.why in text for silent in question.silent)
        assert all(item.text in text for item in question.cannot_tell)
    assert all(source.reference in text for source in pack.sources.values())


def test_points_and_their_risks_are_shown_whole() -> None:
    text = show(load_guideline("breast-ultrasound"))
    assert "+3 where the margin is not circumscribed" in text
    assert "risk per total: 0: 0.7 %, 1: 1.4 %" in text


def test_trace_gives_each_derivation_under_its_question() -> None:
    pack = load_guideline("diabetic-retinopathy-icdr")
    got = evaluate(pack, "dr-grade", [])
    assessment = Assessment(
        question="dr-grade",
        guideline=pack.ref(),
        category=None,
        statement="none",
        probabilities=got.probabilities,
        confidence_set=(),
        derivation=got.derivation,
        abstained_because="nothing was judged",
    )
    reading = Reading(
        study=StudyRef(pixels_sha256="0" * 64, width=1, height=1),
        reader=ReaderRef(name="r", version="1"),
        findings=(),
        assessments=(assessment,),
    )
    text = trace(reading)
    assert text.startswith("dr-grade: abstains: nothing was judged   (diabetic-retinopathy-icdr 2003, ")
    assert "G4: new vessels, or vitreous or preretinal haemorrhage, are grade 4" in text
