"""A clear photograph beside what an examination shows: never a confident negative, and a reader of photographs as before."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from pellucid.assess.conclude import Ask, conclude, conclude_all
from pellucid.assess.lesions import assess_stated
from pellucid.assess.typed import read_typed
from pellucid.assess.worked_out import work_out
from pellucid.errors import InputError
from pellucid.knowledge import load_guideline
from pellucid.record import Assessment, Finding, Observer, Signals, StudyRef

EYE = load_guideline("diabetic-retinopathy-icdr-2003")
SIGNS = ("haemorrhages_four_quadrants", "venous_beading", "irma", "new_vessels", "vitreous_haemorrhage")
CLEAR = {"red_lesions": "none", "hard_exudates": "absent", **dict.fromkeys(SIGNS, "absent")}
PHOTOGRAPH = ("red_lesions", "hard_exudates", "exudate_near_macula", "optic_disc")
NET = Observer(name="net 1.0", kind="model")
QUARTER = "a quarter of the disc or more"


def asked(tmp_path: Path, stated: Mapping[str, str | int]) -> dict[str, Assessment]:
    file = tmp_path / "eye.yaml"
    file.write_text("by: Dr A\nfindings:\n" + "".join(f"  {k}: {v}\n" for k, v in stated.items()), encoding="utf-8")
    (lesion,) = assess_stated(read_typed(file, EYE), EYE).lesions
    return {a.question: a for a in lesion.reading.assessments}


@pytest.mark.parametrize(
    "found",
    [
        {"macular_thickening": "involving the centre"},
        {"macular_thickening": "distant from the centre"},
        {"cotton_wool_spots": "present"},
        {"irma_degree": "mild"},
        {"venous_beading_extent": "one quadrant"},
    ],
)
def test_a_clear_photograph_does_not_outweigh_what_an_examination_shows(tmp_path: Path, found: Mapping[str, str]) -> None:
    answer = asked(tmp_path, CLEAR | dict(found))["referable-dr"]
    assert answer.category == "referable"
    assert answer.probabilities["referable"] == 1.0
    assert answer.conflict is None


def test_oedema_at_the_centre_is_the_next_step_of_every_question_of_the_photograph(tmp_path: Path) -> None:
    answers = asked(tmp_path, CLEAR | {"macular_thickening": "involving the centre"})
    assert answers["dr-grade"].category == "0"
    for question in ("referable-dr", "dr-grade"):
        assert "within 1 month, macular oedema at the centre" in str(answers[question].next_step)


@pytest.mark.parametrize(
    ("photograph", "examination"),
    [
        ({"new_vessels": "absent"}, {"disc_new_vessels": QUARTER}),
        ({"new_vessels": "absent"}, {"other_new_vessels": "below half a disc"}),
        ({"vitreous_haemorrhage": "absent"}, {"preretinal_bleeding": "present"}),
        ({"irma": "absent"}, {"irma_degree": "prominent"}),
        ({"venous_beading": "absent"}, {"venous_beading_extent": "two or more quadrants"}),
        ({"red_lesions": "none"}, {"microaneurysms": "present"}),
        ({"red_lesions": "none"}, {"haemorrhages_lower_nasal": 1}),
        ({"red_lesions": "few"}, {"haemorrhages_upper_temporal": 200}),
        ({"hard_exudates": "present", "exudate_near_macula": "present"}, {"macular_exudates": "absent"}),
        ({"exudate_near_macula": "absent"}, {"macular_exudates": "involving the centre"}),
        (CLEAR, {"disc_new_vessels": QUARTER, "preretinal_bleeding": "present", "macular_thickening": "involving the centre"}),
    ],
)
def test_a_photograph_that_denies_what_an_examination_shows_is_refused_for_a_person_and_told_of_a_model(
    tmp_path: Path, photograph: dict[str, str], examination: dict[str, str | int]
) -> None:
    with pytest.raises(InputError, match="cannot both be so") as caught:
        asked(tmp_path, photograph | examination)
    assert "\n" not in str(caught.value)
    found = [_called(name, str(state)) for name, state in photograph.items()]
    person = Observer(name="Dr A", kind="person")
    for name, value in examination.items():
        if isinstance(value, int):
            found.append(Finding(concept=name, observer=person, unit="1", value=float(value), sd=0.0))
        else:
            found.append(_called(name, value, person))
    _, cautions = conclude_all(StudyRef(), work_out(found, [EYE]), [Ask(EYE, "referable-dr")], Signals())
    assert cautions[0].kind == "contradiction"


def test_all_four_quadrants_full_of_haemorrhages_are_the_sign_that_a_photograph_denies(tmp_path: Path) -> None:
    quadrants = {name: 21 for name in EYE.concepts if name.startswith("haemorrhages_") and name != SIGNS[0]}
    with pytest.raises(InputError, match="cannot both be so"):
        asked(tmp_path, {SIGNS[0]: "absent"} | quadrants)


def test_red_lesions_that_no_examination_finds_are_a_contradiction(tmp_path: Path) -> None:
    nothing = {name: 0 for name in EYE.concepts if name.startswith("haemorrhages_") and name != SIGNS[0]}
    with pytest.raises(InputError, match="cannot both be so"):
        asked(tmp_path, {"red_lesions": "many", "microaneurysms": "absent"} | nothing)


def test_a_grade_from_an_examination_lifts_that_of_the_photograph(tmp_path: Path) -> None:
    answers = asked(tmp_path, {"red_lesions": "few", "hard_exudates": "absent", "disc_new_vessels": QUARTER})
    assert (answers["dr-grade"].category, answers["icdr"].category) == ("4", "4")
    assert answers["referable-dr"].category == "referable"
    assert "within 1 month for proliferative" in str(answers["referable-dr"].next_step)


def test_a_normal_examination_leaves_a_clear_photograph_not_referable(tmp_path: Path) -> None:
    quadrants = {name: 0 for name in EYE.concepts if name.startswith("haemorrhages_") and name != SIGNS[0]}
    none = dict.fromkeys(("venous_beading_extent", "irma_degree", "disc_new_vessels", "other_new_vessels"), "none")
    absent = dict.fromkeys(
        ("microaneurysms", "cotton_wool_spots", "preretinal_bleeding", "macular_thickening", "macular_exudates"), "absent"
    )
    answers = asked(tmp_path, CLEAR | quadrants | none | absent)
    assert (answers["referable-dr"].category, answers["dr-grade"].category) == ("not referable", "0")
    assert answers["referable-dr"].conflict is None


def test_what_a_reader_of_photographs_finds_is_answered_by_the_photograph_alone() -> None:
    rng = np.random.default_rng(8)
    for _ in range(25):
        found = work_out([*(_random(name, rng) for name in PHOTOGRAPH), *(_unjudged(name) for name in SIGNS)], [EYE])
        assert {f.concept for f in found} == {*PHOTOGRAPH, *SIGNS}
        stated = [*found, *(_called(name, "absent") for name in ("examination_signs", "macular_oedema"))]
        for question in ("referable-dr", "dr-grade"):
            alone, examined = (conclude(Ask(EYE, question), each, Signals()) for each in (found, stated))
            assert alone.probabilities == examined.probabilities
            assert alone.category == examined.category


def _called(name: str, state: str, by: Observer = NET) -> Finding:
    states = EYE.concepts[name].states or ()
    return Finding(concept=name, observer=by, states=states, probabilities=tuple(float(s == state) for s in states), state=state)


def _unjudged(name: str) -> Finding:
    return Finding(concept=name, observer=NET, states=EYE.concepts[name].states, unknown_because="one field")


def _random(name: str, rng: np.random.Generator) -> Finding:
    states = EYE.concepts[name].states or ()
    shares = rng.dirichlet(np.full(len(states), 0.4))
    called = states[int(shares.argmax())] if shares.max() > 0.7 else None
    return Finding(concept=name, observer=NET, states=states, probabilities=tuple(map(float, shares)), state=called)
