"""The two lung packs against plain transcriptions of their published tables, cell by cell on grids of findings.

The functions below were written from the tables and do not read the packs; where they and the engine differ, one is wrong.
"""

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import product
from typing import Any

import pytest

from pellucid.errors import InputError
from pellucid.knowledge import Guideline, load_guideline
from pellucid.knowledge.contradict import contradictions_of
from pellucid.knowledge.evaluate import evaluate, situated
from pellucid.knowledge.reasons import open_categories
from pellucid.record import Finding, Observer

PERSON = Observer(name="radiologist", kind="person")
SILENT, OUT = ("guideline silent",), ("not applicable",)
Stated = Mapping[str, Any]

COURSES = ("baseline", "stable", "decreased", "past a threshold", "new", "growing", "slowly growing")
FIRST_SEEN_SIZE = ("baseline", "stable", "decreased", "past a threshold")
SIZES = (2.0, 3.9, 4.0, 5.9, 6.0, 7.9, 8.0, 9.9, 10.0, 14.9, 15.0, 29.9, 30.0, 60.0)
SOLID_SIZES = (1.0, 3.9, 4.0, 5.9, 6.0, 7.9, 8.0, 20.0)


@lru_cache(maxsize=4096)
def finding(guideline: Guideline, name: str, stated: Any) -> Finding:
    concept = guideline.concepts[name]
    if concept.states is None:
        return Finding(concept=name, observer=PERSON, unit=concept.unit, value=float(stated), sd=0.0)
    shares = tuple(float(state == stated) for state in concept.states)
    return Finding(concept=name, observer=PERSON, states=concept.states, state=stated, probabilities=shares)


def findings(guideline: Guideline, stated: Stated) -> list[Finding]:
    return [finding(guideline, name, value) for name, value in stated.items() if value is not None]


def answers(guideline: Guideline, question: str, stated: Stated) -> tuple[str, ...]:
    """The answers that the engine leaves open."""
    compiled, facts, _ = situated(guideline, question, findings(guideline, stated))
    return open_categories(compiled, facts)


def band(limits: tuple[float, ...], names: tuple[str, ...], value: float) -> str:
    """The name of the stretch of `value`; limits belong to the stretch above them."""
    return names[sum(value >= limit for limit in limits)]


@pytest.fixture(scope="module")
def screening() -> Guideline:
    return load_guideline("lung-cancer-screening-2022")


@pytest.fixture(scope="module")
def incidental() -> Guideline:
    return load_guideline("incidental-lung-nodule-2017")


# --- screening 2022, transcribed


def solid_2022(course: str, size: float, typical_juxtapleural: bool = False) -> str:
    if typical_juxtapleural and size < 10 and course not in ("growing", "slowly growing"):
        return "2"
    if course in FIRST_SEEN_SIZE:
        return band((6, 8, 15), ("2", "3", "4A", "4B"), size)
    if course == "new":
        return band((4, 6, 8), ("2", "3", "4A", "4B"), size)
    return band((8,), ("4A", "4B"), size) if course == "growing" else "4B"


def part_solid_2022(course: str, size: float, solid: float, solid_part_grew: bool) -> str:
    if course == "slowly growing":
        return "4B"
    if course == "new":
        return "3" if size < 6 else "4A" if solid < 4 else "4B"
    if solid_part_grew:
        return "4B" if solid >= 4 else "4A" if size >= 6 else "guideline silent"
    if course == "growing":
        return "guideline silent"
    return "2" if size < 6 else band((6, 8), ("3", "4A", "4B"), solid)


def non_solid_2022(course: str, size: float) -> str:
    if size < 30:
        return "2"
    return {"baseline": "3", "new": "3", "growing": "guideline silent", "past a threshold": "guideline silent"}.get(course, "2")


def airway_2022(proximal: bool, course: str) -> str:
    if not proximal:
        return "2" if course in ("baseline", "new", "stable", "decreased") else "guideline silent"
    if course in ("new", "decreased"):
        return "guideline silent"
    return "4A" if course == "baseline" else "4B"


CYSTS = {
    "thick-walled cyst": {
        "thicker wall or nodularity": "4B",
        "larger cystic part": "3",
        "more loculations or opacity": "guideline silent",
    },
    "multilocular cyst": {
        "thicker wall or nodularity": "4B",
        "larger cystic part": "4B",
        "more loculations or opacity": "4B",
        "became multilocular": "4A",
    },
}


def cyst_2022(kind: str, course: str, change: str) -> str:
    if change != "none":
        return CYSTS[kind][change]
    return "4A" if course in ("baseline", "stable", "decreased") else "guideline silent"


def lesions() -> Iterator[tuple[dict[str, Any], str]]:
    """Lesions of every type and course with the category of the table."""
    for course, size in product(COURSES, SIZES):
        yield {"nodule_type": "solid", "status": course, "mean_diameter": size}, solid_2022(course, size)
        yield {"nodule_type": "non-solid", "status": course, "mean_diameter": size}, non_solid_2022(course, size)
        for solid, grew in product(SOLID_SIZES, (False, True)):
            if solid <= size and not (grew and course == "baseline"):
                stated = {"nodule_type": "part-solid", "status": course, "mean_diameter": size, "solid_diameter": solid}
                change = "present" if grew else "absent"
                yield {**stated, "solid_part_change": change}, part_solid_2022(course, size, solid, grew)
    for course, size in product(COURSES, (4.0, 12.0)):
        stated = {"status": course, "mean_diameter": size}
        yield {"nodule_type": "no nodule", **stated}, "1"
        yield {"nodule_type": "thin-walled cyst", **stated}, "not classified"
        yield {"nodule_type": "tubular or air-filled airway", **stated}, "2"
        yield {"nodule_type": "subsegmental airway", **stated}, airway_2022(False, course)
        yield {"nodule_type": "proximal airway", **stated}, airway_2022(True, course)
        for kind, changes in CYSTS.items():
            for change in ("none", *(changes if course not in ("baseline", "new") else ())):
                yield {"nodule_type": kind, "cyst_change": change, **stated}, cyst_2022(kind, course, change)


def steady_2022(stated: Stated) -> bool:
    """Stable or smaller in all parts and not a proximal airway lesion: what the steps down ask for."""
    if stated["status"] not in ("stable", "decreased") or stated["nodule_type"] == "proximal airway":
        return False
    return stated.get("solid_part_change", "absent") == "absent" and stated.get("cyst_change", "none") == "none"


def nodule_2022(table: str, stated: Stated) -> str:
    earlier, months = stated.get("previous_category"), stated.get("months_since_previous")
    if table in ("not applicable", "not classified", "1"):
        return table
    if stated.get("benign_after_workup") == "present" and "4B" in (table, earlier):
        return "2"
    doubled = stated["nodule_type"] == "non-solid" and stated.get("doubling_within_a_year") == "present"
    spiculated = stated.get("spiculation") == "present" and bool({table, earlier} & {"3", "4A", "4B"})
    if stated.get("suspicion_confirmed") == "present" and (spiculated or doubled):
        return "4X"
    if earlier == "4B" and stated["status"] in ("stable", "decreased"):
        return "4B"
    if table == "guideline silent" or earlier is None or not steady_2022(stated):
        return table
    due, lower = {"4A": (3, "3"), "3": (6, "2"), "2": (0, "2")}[earlier]
    return lower if earlier == "2" or (months is not None and months >= due) else earlier


def examination_2022(nodule: str, stated: Stated) -> str:
    pattern = stated.get("inflammation", "none")
    if nodule in ("not applicable", "4X"):
        return nodule
    if nodule == "4B":
        itself = stated["status"] == "new" and stated["nodule_type"] in ("solid", "part-solid")
        inflamed = itself and pattern not in ("none", "consolidation") and stated.get("resembles_cancer") != "present"
        return "0" if inflamed else "4B"
    incomplete = "present" in (stated.get("prior_ct_awaited"), stated.get("lungs_not_evaluable")) or pattern != "none"
    return "0" if incomplete else "1" if nodule == "not classified" else nodule


# --- screening 2022, compared


def test_the_screening_table_is_the_published_one_on_a_grid(screening: Guideline) -> None:
    compared = 0
    for stated, expected in lesions():
        assert answers(screening, "size-table", stated) == (expected,), stated
        compared += 1
    assert compared > 1300


def test_a_typical_juxtapleural_nodule_is_category_2_only_below_10_mm_and_without_growth(screening: Guideline) -> None:
    forms = product(("present", "absent", None), ("smooth", "not smooth"), ("oval", "lentiform", "triangular", "other"))
    for (contact, margin, shape), course, size in product(forms, COURSES, SIZES):
        typical = contact == "present" and margin == "smooth" and shape != "other"
        stated = {"nodule_type": "solid", "status": course, "mean_diameter": size}
        got = answers(screening, "size-table", {**stated, "juxtapleural": contact, "margin": margin, "shape": shape})
        assert got == (solid_2022(course, size, typical),), (course, size, contact, margin, shape)


def test_steps_down_work_up_and_4x_follow_the_transcription_on_a_grid(screening: Guideline) -> None:
    cells = {(table, lesion["nodule_type"], lesion["status"]): lesion for lesion, table in lesions()}
    extras = list(product(("2", "3", "4A", "4B", None), (2, 3, 5, 6, None), ("present", None), ("present", "absent", None)))
    compared = 0
    for (table, _, course), lesion in cells.items():
        for (earlier, months, benign, confirmed), spiculation in product(extras, ("present", "absent")):
            if earlier is not None and course in ("baseline", "new"):
                continue
            stated = {
                **lesion,
                "previous_category": earlier,
                "months_since_previous": months,
                "benign_after_workup": benign,
                "suspicion_confirmed": confirmed,
                "spiculation": spiculation,
                "enlarged_lymph_nodes": "absent",
                "metastases": "absent",
                "other_suspicious_feature": "absent",
                "doubling_within_a_year": "present" if course == "growing" and months == 6 else None,
            }
            compared += 1
            if compared % 4 == 0:
                assert answers(screening, "nodule", stated) == (nodule_2022(table, stated),), stated
    assert compared > 4 * 3000


def test_category_0_never_hides_4b_or_4x_and_otherwise_stands_before_the_nodule(screening: Guideline) -> None:
    patterns = (
        "none",
        "consolidation",
        "more than six new nodules",
        "large solid nodule in a short interval",
        "new nodules while immunocompromised",
    )
    cells = {(table, lesion["nodule_type"], lesion["status"]): lesion for lesion, table in lesions()}
    incomplete = list(product(patterns, ("present", None), ("present", None), ("present", None), ("present", None)))
    for k, ((table, _, _), lesion) in enumerate(cells.items()):
        for pattern, awaited, dark, like_cancer, confirmed in incomplete[k % 3 :: 3]:
            stated = {
                **lesion,
                "spiculation": "present",
                "suspicion_confirmed": confirmed,
                "inflammation": pattern,
                "prior_ct_awaited": awaited,
                "lungs_not_evaluable": dark,
                "resembles_cancer": like_cancer,
            }
            expected = examination_2022(nodule_2022(table, stated), stated)
            assert answers(screening, "examination", stated) == (expected,), stated


def test_outside_the_screening_population_no_category_is_given(screening: Guideline) -> None:
    for lesion, _ in list(lesions())[::25]:
        for reason in ({"age": 34}, {"setting": "incidental"}, {"known_lung_cancer": "present"}):
            for question in ("size-table", "nodule", "examination"):
                assert answers(screening, question, {**lesion, **reason}) == OUT


def test_published_vectors_of_the_screening_table(screening: Guideline) -> None:
    vectors: list[tuple[dict[str, Any], str]] = [
        ({"nodule_type": "solid", "status": "baseline", "mean_diameter": 7.9}, "3"),
        ({"nodule_type": "solid", "status": "baseline", "mean_diameter": 8.0}, "4A"),
        ({"nodule_type": "solid", "status": "new", "mean_diameter": 5.9}, "3"),
        ({"nodule_type": "solid", "status": "new", "mean_diameter": 6.0}, "4A"),
        ({"nodule_type": "part-solid", "status": "baseline", "mean_diameter": 10, "solid_diameter": 5.9}, "3"),
        ({"nodule_type": "part-solid", "status": "baseline", "mean_diameter": 10, "solid_diameter": 6.0}, "4A"),
        ({"nodule_type": "part-solid", "status": "baseline", "mean_diameter": 10, "solid_diameter": 8.0}, "4B"),
        ({"nodule_type": "non-solid", "status": "baseline", "mean_diameter": 29.9}, "2"),
        ({"nodule_type": "non-solid", "status": "baseline", "mean_diameter": 30.0}, "3"),
        ({"nodule_type": "proximal airway", "status": "baseline"}, "4A"),
        ({"nodule_type": "proximal airway", "status": "stable"}, "4B"),
        ({"nodule_type": "thick-walled cyst", "status": "baseline"}, "4A"),
    ]
    for stated, expected in vectors:
        assert answers(screening, "nodule", stated) == (expected,), stated


# --- incidental 2017, transcribed

NONE = "no routine follow-up"
FIVE_YEARS = "CT every year for 5 years"
HIGHLY_SUSPICIOUS = "PET/CT, biopsy or resection"
SINGLE = {
    ("low", 0): NONE,
    ("high", 0): "optional CT at 12 months",
    ("low", 1): "CT at 6 to 12 months, 18 to 24 considered",
    ("high", 1): "CT at 6 to 12 and 18 to 24 months",
    ("low", 2): "CT at 3 months, PET/CT or tissue sampling",
    ("high", 2): "CT at 3 months, PET/CT or tissue sampling",
}
MULTIPLE = {"low": "CT at 3 to 6 months, 18 to 24 considered", "high": "CT at 3 to 6 and 18 to 24 months"}


def rounded(value: float) -> int:
    """To the nearest millimetre, a half upwards."""
    return math.floor(value + 0.5)


def solid_2017(size: float, count: int, risk: str) -> str:
    whole = rounded(size)
    step = 0 if whole < 6 else 1 if whole <= 8 else 2
    return SINGLE[risk, step] if count == 1 or step == 0 else MULTIPLE[risk]


def subsolid_2017(part_solid: bool, size: float, solid: float, count: int, course: str) -> str:
    small, first = rounded(size) < 6, course == "first seen"
    if course == "growing":
        return HIGHLY_SUSPICIOUS
    if count > 1 and small:
        return "CT at 3 to 6 months, then 2 and 4 years" if first else "CT at 2 and 4 years"
    if small:
        return NONE
    if first and count > 1:
        return "CT at 3 to 6 months, then by the most suspicious nodule"
    if first:
        return "CT at 3 to 6 months, then by the solid part" if part_solid else "CT at 6 to 12 months, then every 2 years"
    return "CT every 2 years" if not part_solid else HIGHLY_SUSPICIOUS if rounded(solid) >= 6 else FIVE_YEARS


FINE = tuple(2 + k / 4 for k in range(60))


def incidental_nodules() -> Iterator[tuple[dict[str, Any], str]]:
    for size, count, risk, course in product(FINE, (1, 2, 9), ("low", "high"), ("first seen", "persistent", "growing")):
        shared = {"mean_diameter": size, "nodule_count": count, "risk": risk, "course": course}
        silent = "guideline silent" if course == "growing" else solid_2017(size, count, risk)
        yield {"nodule_type": "solid", **shared}, silent
        yield {"nodule_type": "non-solid", **shared}, subsolid_2017(False, size, 0, count, course)
        for solid in (1.0, 5.25, 5.5, 8.25, 8.5):
            if solid <= size:
                expected = subsolid_2017(True, size, solid, count, course)
                yield {"nodule_type": "part-solid", "solid_diameter": solid, **shared}, expected


# --- incidental 2017, compared


def test_the_incidental_table_is_the_published_one_on_a_grid(incidental: Guideline) -> None:
    compared = 0
    for stated, expected in incidental_nodules():
        assert answers(incidental, "follow-up", stated) == (expected,), stated
        compared += 1
    assert compared > 5000


def test_sizes_typed_in_whole_millimetres_give_the_rows_of_the_table(incidental: Guideline) -> None:
    for size, expected in ((5, SINGLE["low", 0]), (6, SINGLE["low", 1]), (8, SINGLE["low", 1]), (9, SINGLE["low", 2])):
        stated = {"nodule_type": "solid", "mean_diameter": size, "nodule_count": 1, "risk": "low", "course": "first seen"}
        assert answers(incidental, "follow-up", stated) == (expected,)


def test_benign_form_needs_no_follow_up_and_eligibility_goes_before_everything(incidental: Guideline) -> None:
    reasons = ({"age": 34}, {"setting": "screening"}, {"known_cancer": "present"}, {"immunosuppressed": "present"})
    for stated, expected in list(incidental_nodules())[::17]:
        assert answers(incidental, "follow-up", {**stated, "benign_content": "present"}) == (NONE,)
        typical = stated["nodule_type"] == "solid" and stated["course"] != "growing"
        got = answers(incidental, "follow-up", {**stated, "perifissural": "present"})
        assert got == ((NONE,) if typical else (expected,))
        for reason in reasons:
            assert answers(incidental, "follow-up", {**stated, "benign_content": "present", **reason}) == OUT


def test_one_factor_of_eight_is_enough_for_high_risk(incidental: Guideline) -> None:
    factors = ("older_age", "heavy_smoking", "carcinogens", "family_history_lung_cancer")
    factors = (*factors, "spiculation", "upper_lobe", "emphysema", "fibrosis")
    for given in product(("absent", "present"), repeat=len(factors)):
        expected = "high" if "present" in given else "low"
        assert answers(incidental, "risk-group", dict(zip(factors, given, strict=True))) == (expected,)


# --- both


def test_centimetres_for_millimetres_and_a_solid_part_larger_than_the_nodule_are_refused(
    screening: Guideline, incidental: Guideline
) -> None:
    for guideline, question in ((screening, "nodule"), (incidental, "follow-up")):
        with pytest.raises(InputError, match="not plausible"):
            evaluate(guideline, question, findings(guideline, {"nodule_type": "solid", "mean_diameter": 0.9}))
        stated = {"nodule_type": "part-solid", "mean_diameter": 5.0, "solid_diameter": 9.0}
        with pytest.raises(InputError, match="cannot be larger"):
            evaluate(guideline, question, findings(guideline, stated))
        close = findings(guideline, {"nodule_type": "part-solid", "mean_diameter": 7.0, "solid_diameter": 7.5})
        assert any("cannot be larger" in told for told in contradictions_of(guideline, close))


def test_volumes_in_the_notes_are_those_of_spheres() -> None:
    volumes = {d: round(math.pi / 6 * d**3) for d in (4, 6, 8, 10, 15, 30)}
    assert volumes == {4: 34, 6: 113, 8: 268, 10: 524, 15: 1767, 30: 14137}
    assert [round((6 * v / math.pi) ** (1 / 3), 2) for v in (100, 250)] == [5.76, 7.82]


# what would become 4X -------------------------------------------------------------------------------------------------

SCREENING = load_guideline("lung-cancer-screening-2022")
FEATURES = ("spiculation", "enlarged_lymph_nodes", "metastases", "other_suspicious_feature")
QUIET = {"nodule_type": "solid", "status": "baseline", "benign_content": "absent", "juxtapleural": "absent"}
QUIET |= {"setting": "screening", "age": 64, "known_lung_cancer": "absent"} | dict.fromkeys(FEATURES, "absent")


def unasked(question: str, **stated: Any) -> list[str]:
    got = evaluate(SCREENING, question, findings(SCREENING, {**QUIET, **stated}))
    return [text for text in got.boundary if "which nobody has stated" in text]


@pytest.mark.parametrize("question", ["nodule", "examination"])
@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("size", [6, 8, 15])
def test_a_suspicious_feature_without_a_radiologists_word_is_announced_as_a_candidate_for_4x(
    question: str, feature: str, size: float
) -> None:
    (told,) = unasked(question, mean_diameter=size, **{feature: "present"})
    assert told.startswith("the category would become 4X if confirmation of the raised suspicion is present")
    assert f"(seen: {SCREENING.concepts[feature].label} present)" in told


@pytest.mark.parametrize(
    "stated",
    [
        {"mean_diameter": 9},
        {"mean_diameter": 5, "spiculation": "present"},
        {"mean_diameter": 9, "spiculation": "present", "suspicion_confirmed": "absent"},
        {"mean_diameter": 9, "spiculation": "present", "suspicion_confirmed": "present"},
        {"mean_diameter": 9, "spiculation": None},
        {"mean_diameter": 9, "spiculation": "present", "setting": "incidental"},
    ],
    ids=["no feature", "category 2", "denied", "confirmed", "not judged", "out of scope"],
)
def test_no_candidate_is_announced_where_a_radiologists_word_would_change_nothing(stated: Stated) -> None:
    assert unasked("nodule", **stated) == []
