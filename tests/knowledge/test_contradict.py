"""What cannot be so: refused of persons in one line, withdrawn of a model, never a division by nothing."""

from pathlib import Path
from typing import Any

import pytest
from tests.knowledge.packs import CITE, CONCEPTS, MODEL, PERSON, load, measured, pack, question, row, said, unsure

from pellucid.errors import InputError
from pellucid.knowledge import evaluate, load_guideline
from pellucid.knowledge.contradict import contradictions_of, has_mass
from pellucid.knowledge.evaluate import situated
from pellucid.knowledge.guideline import Guideline
from pellucid.knowledge.reasons import open_categories
from pellucid.record import Finding

JAGGED_HIGH = {"all": [{"is": {"shape": "jagged"}}, {"is": {"stage": "high"}}]}


def guideline(folder: Path, *contradictions: dict[str, Any], **more: Any) -> Guideline:
    asked = question(
        [
            row("c", {"is": {"shape": "jagged"}}, over="all"),
            row("b", {"is": {"stage": "high"}}, over="all"),
            row("b", {"all": [{"at_least": {"part": 6}}, {"at_least": {"size": 6}}]}),
        ]
    )
    return load(folder, pack(asked, contradictions=list(contradictions), **more))


HARD = {"id": "C", "claim": "no jagged shape is high", "when": JAGGED_HIGH, "hard": True}


def test_certain_contradiction_of_persons_is_refused_in_one_line_that_names_both(tmp_path: Path) -> None:
    pack_ = guideline(tmp_path, HARD)
    with pytest.raises(InputError) as caught:
        evaluate(pack_, "q", [said(pack_, "shape", "jagged"), said(pack_, "stage", "high")])
    told = str(caught.value)
    assert "\n" not in told
    assert "shape jagged (someone) and stage high (someone) cannot both be so: no jagged shape is high" in told
    assert "correct one of them" in told


def test_measurements_that_contradict_are_named_with_their_values(tmp_path: Path) -> None:
    pack_ = guideline(
        tmp_path, {"id": "L", "claim": "no part is larger than the whole", "larger": {"part": "size"}, "hard": True}
    )
    with pytest.raises(InputError, match=r"part 9 mm \(someone\) and size 4 mm \(someone\) cannot both be so"):
        evaluate(pack_, "q", [measured("part", 9), measured("size", 4)])


def test_what_a_model_calls_and_cannot_be_is_withdrawn(tmp_path: Path) -> None:
    pack_ = guideline(tmp_path, HARD)
    called = [
        unsure(pack_, "shape", 0.4, 0.6).model_copy(update={"state": "jagged"}),
        unsure(pack_, "stage", 0.2, 0.0, 0.8).model_copy(update={"state": "high"}),
    ]
    got = evaluate(pack_, "q", called)
    assert got.crisp is None
    # of the 0.08 that is round and low, a quarter has part and size large, which nobody judged
    assert got.probabilities == pytest.approx({"a": 0.06 / 0.52, "b": 0.34 / 0.52, "c": 0.12 / 0.52}, abs=1e-6)


@pytest.mark.parametrize("others", [MODEL, PERSON])
def test_certainties_that_leave_nothing_possible_count_as_not_judged(tmp_path: Path, others: Any) -> None:
    pack_ = guideline(tmp_path, HARD)
    got = evaluate(pack_, "q", [said(pack_, "shape", "jagged", MODEL), said(pack_, "stage", "high", others)])
    unjudged = evaluate(pack_, "q", [])
    assert (got.open, got.probabilities) == (unjudged.open, unjudged.probabilities)
    assert {"shape", "stage"} <= set(got.unjudged)


def test_distributions_of_a_model_that_leave_nothing_possible_count_as_not_judged(tmp_path: Path) -> None:
    pack_ = guideline(tmp_path, HARD)
    got = evaluate(pack_, "q", [unsure(pack_, "shape", 0.0, 1.0), unsure(pack_, "stage", 0.0, 0.0, 1.0)])
    assert got.probabilities == evaluate(pack_, "q", []).probabilities


def test_inputs_that_contradict_count_as_not_stated(tmp_path: Path) -> None:
    concepts = {**CONCEPTS, **{name: {**CONCEPTS[name], "when_unknown": "not stated"} for name in ("shape", "stage")}}
    pack_ = guideline(tmp_path, HARD, concepts=concepts)
    got = evaluate(pack_, "q", [said(pack_, "shape", "jagged", MODEL), said(pack_, "stage", "high", PERSON)])
    assert got.probabilities == evaluate(pack_, "q", []).probabilities


def test_findings_that_can_be_keep_their_mass(tmp_path: Path) -> None:
    pack_ = guideline(tmp_path, HARD)
    compiled, facts, _ = situated(pack_, "q", [said(pack_, "shape", "jagged"), unsure(pack_, "stage", 0.5, 0.5, 0.0)])
    assert has_mass(compiled.build, facts)
    assert open_categories(compiled, facts) == ("c",)


def test_soft_contradiction_is_pointed_out_and_nothing_else(tmp_path: Path) -> None:
    pack_ = guideline(tmp_path, {**HARD, "hard": False})
    findings = [said(pack_, "shape", "jagged"), said(pack_, "stage", "high")]
    assert evaluate(pack_, "q", findings).crisp == "c"
    assert len(contradictions_of(pack_, findings)) == 1
    assert contradictions_of(pack_, findings[:1]) == ()


@pytest.mark.parametrize(
    ("when", "stage", "hit"),
    [
        ({"count": {"of": JAGGED_HIGH["all"], "at_least": 2}}, "high", True),
        ({"count": {"of": JAGGED_HIGH["all"], "at_least": 2}}, "low", False),
        ({"all": [JAGGED_HIGH["all"][0], {"not": JAGGED_HIGH["all"][1]}]}, "low", True),
        ({"any": [JAGGED_HIGH["all"][1], {"at_least": {"size": 9}}]}, "high", True),
        ({"any": [JAGGED_HIGH["all"][1], {"at_least": {"size": 9}}]}, "low", False),
        ({"all": [JAGGED_HIGH["all"][0], {"at_least": {"size": 9}}]}, "low", False),
    ],
)
def test_unknown_findings_contradict_nothing(tmp_path: Path, when: Any, stage: str, hit: bool) -> None:
    pack_ = guideline(tmp_path, {"id": "C", "claim": "x", "when": when, "cite": CITE})
    findings = [said(pack_, "shape", "jagged"), said(pack_, "stage", stage)]
    assert bool(contradictions_of(pack_, findings)) is hit


SHIPPED: list[tuple[str, dict[str, str | float], str, dict[str, str | float]]] = [
    ("diabetic-retinopathy-icdr", {"haemorrhages_four_quadrants": "present"}, "red lesions", {"red_lesions": "none"}),
    ("diabetic-retinopathy-icdr", {"haemorrhages_four_quadrants": "present"}, "20", {"haemorrhages_upper_nasal": 20.0}),
    ("diabetic-retinopathy-icdr", {"venous_beading": "present"}, "beading", {"venous_beading_extent": "one quadrant"}),
    ("diabetic-retinopathy-icdr", {"irma": "present"}, "prominent", {"irma_degree": "mild"}),
    (
        "diabetic-retinopathy-icdr",
        {"new_vessels": "present", "disc_new_vessels": "none"},
        "on the disc or elsewhere",
        {"other_new_vessels": "none"},
    ),
    ("diabetic-retinopathy-icdr", {"vitreous_haemorrhage": "present"}, "blood", {"preretinal_bleeding": "absent"}),
    (
        "breast-ultrasound",
        {"margin": "not circumscribed", "indistinct": "absent", "angular": "absent", "microlobulated": "absent"},
        "in some part",
        {"spiculated": "absent"},
    ),
    ("breast-ultrasound", {"long_axis": 9.0}, "short axis is not longer", {"short_axis": 10.0}),
    ("incidental-lung-nodule", {"perifissural": "present"}, "is solid", {"nodule_type": "part-solid"}),
    ("lung-cancer-screening", {"nodule_type": "no nodule"}, "has no features", {"spiculation": "present"}),
    ("lung-cancer-screening", {"nodule_type": "solid"}, "only a part-solid nodule", {"solid_part_change": "present"}),
    ("lung-cancer-screening", {"nodule_type": "solid"}, "the doubling that counts", {"doubling_within_a_year": "present"}),
    ("lung-cancer-screening", {"nodule_type": "solid"}, "only a cyst", {"cyst_change": "larger cystic part"}),
    ("renal-cyst-ct", {"septa": "none"}, "without septa", {"septal_enhancement": "present"}),
    ("renal-cyst-ct", {"septa": "none"}, "without septa", {"septum_thickness": 4.0}),
    ("renal-cyst-ct", {"protrusion": "none"}, "is a protrusion", {"protrusion_height": 5.0}),
    ("renal-cyst-ct", {"too_small": "present"}, "is homogeneous", {"content": "heterogeneous"}),
    ("renal-cyst-ct", {"protocol": "unenhanced only"}, "without contrast", {"wall_enhancement": "present"}),
    ("renal-cyst-mr", {"contrast": "not given"}, "without contrast", {"protrusion": "acute margins"}),
    ("renal-cyst-mr", {"septa": "none"}, "without septa", {"septal_enhancement": "present"}),
    ("renal-cyst-mr", {"protrusion": "none"}, "is a protrusion", {"protrusion_height": 5.0}),
    ("brain-tumour-mri-signs", {"necrosis": "present"}, "not homogeneous", {"enhancement": "homogeneous"}),
]
NOT_SO: dict[str, str | float] = {
    "red_lesions": "few", "haemorrhages_upper_nasal": 21.0, "venous_beading_extent": "two or more quadrants",
    "irma_degree": "prominent", "other_new_vessels": "below half a disc", "preretinal_bleeding": "present",
    "spiculated": "present", "short_axis": 9.0, "nodule_type": "solid", "spiculation": "absent", "solid_part_change": "absent",
    "doubling_within_a_year": "absent", "cyst_change": "none", "septal_enhancement": "absent", "septum_thickness": 0.5,
    "protrusion_height": 1.0, "content": "homogeneous", "wall_enhancement": "absent", "protrusion": "none", "enhancement": "ring",
}  # fmt: skip
"""What the last finding may be instead."""


def typed(pack_: Guideline, given: dict[str, str | float]) -> list[Finding]:
    found: list[Finding] = []
    for name, value in given.items():
        concept = pack_.concepts[name]
        if isinstance(value, str):
            found.append(said(pack_, name, value))
        else:
            found.append(Finding(concept=name, observer=PERSON, unit=concept.unit, value=value, sd=0.0))
    return found


@pytest.mark.parametrize(("name", "given", "told", "last"), SHIPPED)
def test_what_cannot_be_by_definition_is_pointed_out_in_the_packs_that_ship(
    name: str, given: dict[str, str | float], told: str, last: dict[str, str | float]
) -> None:
    pack_ = load_guideline(name)
    assert contradictions_of(pack_, typed(pack_, given)) == ()
    (text,) = contradictions_of(pack_, typed(pack_, {**given, **last}))
    assert told in text
    (concept,) = last
    assert contradictions_of(pack_, typed(pack_, {**given, concept: NOT_SO[concept]})) == ()


def test_no_red_lesions_rule_the_four_quadrants_out_of_a_persons_grade() -> None:
    pack_ = load_guideline("diabetic-retinopathy-icdr")
    none = said(pack_, "red_lesions", "none")
    unsure_sign = Finding(
        concept="haemorrhages_four_quadrants", observer=PERSON, states=("absent", "present"), probabilities=(0.5, 0.5)
    )
    clear = [said(pack_, name, "absent") for name in ("hard_exudates", "exudate_near_macula")]
    got = evaluate(pack_, "dr-grade", [none, unsure_sign, *clear])
    without = evaluate(pack_, "dr-grade", [none, said(pack_, "haemorrhages_four_quadrants", "absent"), *clear])
    assert got.probabilities == without.probabilities
