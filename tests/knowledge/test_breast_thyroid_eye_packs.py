"""The thyroid, retinopathy and mammography packs against plain transcriptions of their published tables, case by case.

The functions below were written from the tables and do not read the packs; where they and the engine differ, one is wrong.
"""

import random
from collections.abc import Mapping
from functools import lru_cache
from itertools import product
from typing import Any

import pytest

from pellucid.errors import InputError
from pellucid.knowledge import Guideline, contradictions_of, load_guideline
from pellucid.knowledge.evaluate import evaluate, next_step_of, situated
from pellucid.knowledge.guideline import Bands
from pellucid.knowledge.reasons import crisp_values, open_categories
from pellucid.knowledge.space import compile_question
from pellucid.record import Finding, Observer, Truth

PERSON = Observer(name="reader", kind="person")
Stated = Mapping[str, Any]


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


def every(values: Mapping[str, tuple[Any, ...]]) -> list[dict[str, Any]]:
    return [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]


def shown(found: list[tuple[dict[str, Any], Any, Any]]) -> str:
    return "\n".join(f"{stated}: expected {expected}, got {got}" for stated, expected, got in found[:5])


# Thyroid

NODULES: dict[str, tuple[Any, ...]] = {
    "composition": ("cystic", "spongiform", "mixed", "solid", "cannot be determined"),
    "echogenicity": ("anechoic", "hyperechoic", "isoechoic", "hypoechoic", "very hypoechoic", "cannot be determined"),
    "shape": ("wider than tall", "taller than wide"),
    "margin": ("smooth", "ill-defined", "lobulated or irregular", "extrathyroidal extension", "cannot be determined"),
    "macrocalcification": ("absent", "present"),
    "rim_calcification": ("absent", "present"),
    "punctate_foci": ("absent", "present"),
}
ECHOES = {"anechoic": 0, "hyperechoic": 1, "isoechoic": 1, "hypoechoic": 2, "very hypoechoic": 3, "cannot be determined": 1}
EDGES = {"smooth": 0, "ill-defined": 0, "lobulated or irregular": 2, "extrathyroidal extension": 3, "cannot be determined": 0}
SIZES = {"TR3": (15, 25), "TR4": (10, 15), "TR5": (5, 10)}
SCHEDULES = {"TR3": "1, 3 and 5 years", "TR4": "1, 2, 3 and 5 years", "TR5": "every year for 5 years"}


def thyroid_points(n: Stated) -> int:
    if n["composition"] in ("cystic", "spongiform"):
        return 0
    total = 1 if n["composition"] == "mixed" else 2
    total += ECHOES[n["echogenicity"]] + EDGES[n["margin"]]
    total += 3 if n["shape"] == "taller than wide" else 0
    return total + sum(
        w for name, w in (("macrocalcification", 1), ("rim_calcification", 2), ("punctate_foci", 3)) if n[name] == "present"
    )


def thyroid_level(points: int) -> str:
    if points >= 7:
        return "TR5"
    return {0: "TR1", 2: "TR2", 3: "TR3"}.get(points, "TR4")


def thyroid_management(level: str, diameter: float) -> str:
    if level not in SIZES:
        return "no further step"
    followed, sampled = SIZES[level]
    return "fine-needle aspiration" if diameter >= sampled else "follow-up" if diameter >= followed else "no further step"


def cannot_be(nodule: Stated) -> bool:
    return nodule["composition"] in ("mixed", "solid") and nodule["echogenicity"] == "anechoic"


@pytest.fixture(scope="module")
def thyroid() -> Guideline:
    return load_guideline("thyroid-nodule-2017")


def test_points_and_level_of_every_nodule_are_those_of_the_table(thyroid: Guideline) -> None:
    wrong = []
    for nodule in (n for n in every(NODULES) if not cannot_be(n)):
        compiled, facts, _ = situated(thyroid, "level", findings(thyroid, nodule))
        points = thyroid_points(nodule)
        totals = crisp_values(compiled.build, compiled.build.score(thyroid.scores["points"]), facts)
        got = open_categories(compiled, facts)
        if totals != {(points, points)} or got != (thyroid_level(points),):
            wrong.append((nodule, (points, thyroid_level(points)), (totals, got)))
    assert not wrong, shown(wrong)


def test_step_of_every_nodule_is_that_of_its_level_and_size(thyroid: Guideline) -> None:
    rng, wrong = random.Random(2017), []
    for nodule in (n for n in every(NODULES) if not cannot_be(n)):
        for size in rng.sample((4.9, 5.0, 9.9, 10.0, 14.9, 15.0, 24.9, 25.0, 60.0), 3):
            expected = thyroid_management(thyroid_level(thyroid_points(nodule)), size)
            got = answers(thyroid, "management", {**nodule, "diameter": size})
            if got != (expected,):
                wrong.append(({**nodule, "diameter": size}, expected, got))
    assert not wrong, shown(wrong)


def test_nodule_whose_parts_contradict_each_other_is_refused(thyroid: Guideline) -> None:
    for nodule in (n for n in every(NODULES) if cannot_be(n)):
        with pytest.raises(InputError, match="anechoic"):
            answers(thyroid, "level", nodule)


def test_what_was_not_judged_of_a_nodule_counts_as_published_or_leaves_the_level_open(thyroid: Guideline) -> None:
    rng, wrong = random.Random(7), []
    possible = [n for n in every(NODULES) if not cannot_be(n)]
    for nodule in rng.sample(possible, 800):
        missing = rng.sample(list(NODULES), rng.randint(1, 3))
        counted = {name: "cannot be determined" for name in missing if name in ("composition", "echogenicity", "margin")}
        base = {**nodule, **counted}
        if cannot_be(base):
            continue
        free = [name for name in missing if name not in counted]
        filled = [{**base, **chosen} for chosen in every({name: NODULES[name] for name in free})]
        expected = {thyroid_level(thyroid_points(n)) for n in filled}
        got = answers(thyroid, "level", {**nodule, **dict.fromkeys(missing)})
        if set(got) != expected:
            wrong.append(({**nodule, **dict.fromkeys(missing)}, expected, got))
    assert not wrong, shown(wrong)


def test_a_followed_nodule_gets_the_schedule_of_its_level(thyroid: Guideline) -> None:
    rng = random.Random(5)
    for nodule in rng.sample([n for n in every(NODULES) if not cannot_be(n)], 200):
        level = thyroid_level(thyroid_points(nodule))
        if level in SIZES:
            stated = findings(thyroid, {**nodule, "diameter": SIZES[level][0]})
            step = next_step_of(thyroid, "management", "follow-up", stated)
            assert step is not None
            assert SCHEDULES[level] in step.text


def test_condition_outside_the_scale_gives_no_level(thyroid: Guideline) -> None:
    nodule = {name: states[0] for name, states in NODULES.items()}
    for name in ("child", "pet_avid", "genetic_or_radiation_risk", "suspicious_nodes"):
        assert answers(thyroid, "level", {**nodule, name: "present"}) == ("not applicable",)
        assert answers(thyroid, "management", {**nodule, name: "present", "diameter": 30}) == ("not applicable",)


# Retina

QUADRANTS = tuple(f"haemorrhages_{name}" for name in ("upper_temporal", "upper_nasal", "lower_temporal", "lower_nasal"))
EYES: dict[str, tuple[Any, ...]] = {
    "microaneurysms": ("absent", "present"),
    **dict.fromkeys(QUADRANTS, (0, 1, 20, 21, 60)),
    "hard_exudates": ("absent", "present"),
    "cotton_wool_spots": ("absent", "present"),
    "venous_beading_extent": ("none", "one quadrant", "two or more quadrants"),
    "irma_degree": ("none", "mild", "prominent"),
    "disc_new_vessels": ("none", "below a quarter of the disc", "a quarter of the disc or more"),
    "other_new_vessels": ("none", "below half a disc", "half a disc or more"),
    "preretinal_bleeding": ("absent", "present"),
}
PLACES = ("absent", "distant from the centre", "approaching the centre", "involving the centre")


def four_two_one(eye: Stated) -> int:
    return (
        all(eye[name] > 20 for name in QUADRANTS)
        + (eye["venous_beading_extent"] == "two or more quadrants")
        + (eye["irma_degree"] == "prominent")
    )


def proliferative(eye: Stated) -> bool:
    return eye["disc_new_vessels"] != "none" or eye["other_new_vessels"] != "none" or eye["preretinal_bleeding"] == "present"


def grade(eye: Stated) -> str:
    if proliferative(eye):
        return "4"
    if four_two_one(eye):
        return "3"
    other = any(eye[name] > 0 for name in QUADRANTS) or "present" in (eye["hard_exudates"], eye["cotton_wool_spots"])
    if other or eye["venous_beading_extent"] != "none" or eye["irma_degree"] != "none":
        return "2"
    return "1" if eye["microaneurysms"] == "present" else "0"


def severity(eye: Stated) -> str:
    bleeding = eye["preretinal_bleeding"] == "present"
    if eye["disc_new_vessels"] == "a quarter of the disc or more":
        return "high-risk proliferative"
    if bleeding and (eye["disc_new_vessels"] != "none" or eye["other_new_vessels"] == "half a disc or more"):
        return "high-risk proliferative"
    if proliferative(eye):
        return "proliferative"
    return ("less than severe", "severe", "very severe", "very severe")[four_two_one(eye)]


def random_eye(rng: random.Random) -> dict[str, Any]:
    """Half of the eyes are without new vessels and bleeding, so that every grade is met."""
    eye = {name: rng.choice(states) for name, states in EYES.items()}
    if rng.random() < 0.7:
        eye.update(disc_new_vessels="none", other_new_vessels="none", preretinal_bleeding="absent")
    if rng.random() < 0.3:
        eye.update(dict.fromkeys(QUADRANTS, rng.choice((0, 21))), venous_beading_extent="none", irma_degree="none")
    if rng.random() < 0.2:
        eye.update(dict.fromkeys(QUADRANTS, 0), hard_exudates="absent", cotton_wool_spots="absent")
    return eye


@pytest.fixture(scope="module")
def retina() -> Guideline:
    return load_guideline("diabetic-retinopathy-icdr-2003")


@pytest.mark.parametrize(("question", "transcribed"), [("icdr", grade), ("severity", severity)])
def test_grade_of_thousands_of_eyes_is_that_of_the_scale(retina: Guideline, question: str, transcribed: Any) -> None:
    rng, wrong, met = random.Random(2003), [], set()
    for _ in range(3000):
        eye = random_eye(rng)
        expected, got = transcribed(eye), answers(retina, question, eye)
        met.add(expected)
        if got != (expected,):
            wrong.append((eye, expected, got))
    assert not wrong, shown(wrong)
    assert len(met) == 5


@pytest.mark.parametrize(("question", "transcribed"), [("icdr", grade), ("severity", severity)])
def test_what_was_not_judged_of_an_eye_leaves_just_the_grades_open_that_could_be(
    retina: Guideline, question: str, transcribed: Any
) -> None:
    rng, wrong = random.Random(1680), []
    for _ in range(600):
        eye, missing = random_eye(rng), rng.sample(list(EYES), rng.randint(1, 3))
        filled = [{**eye, **chosen} for chosen in every({name: EYES[name] for name in missing})]
        expected = {transcribed(one) for one in filled}
        got = answers(retina, question, {**eye, **dict.fromkeys(missing)})
        if set(got) != expected:
            wrong.append(({**eye, **dict.fromkeys(missing)}, expected, got))
    assert not wrong, shown(wrong)


def test_oedema_goes_by_the_sign_that_is_nearer_to_the_centre(retina: Guideline) -> None:
    names = ("absent", "mild", "moderate", "severe")
    for thickening, exudates in product((*PLACES, None), repeat=2):
        spans = [PLACES if place is None else (place,) for place in (thickening, exudates)]
        expected = {names[max(map(PLACES.index, pair))] for pair in product(*spans)}
        got = answers(retina, "dme", {"macular_thickening": thickening, "macular_exudates": exudates})
        assert set(got) == expected


def test_a_grade_without_its_evidence_is_never_given(retina: Guideline) -> None:
    rng = random.Random(4)
    for _ in range(600):
        eye = random_eye(rng)
        (got,) = answers(retina, "icdr", eye)
        evidence = eye["microaneurysms"] == "present" or grade({**eye, "microaneurysms": "absent"}) != "0"
        assert got == "0" or evidence
        assert got != "3" or four_two_one(eye)
        assert got != "4" or proliferative(eye)


def test_exudates_of_an_eye_without_exudates_are_pointed_out(retina: Guideline) -> None:
    stated = findings(retina, {"hard_exudates": "absent", "macular_exudates": PLACES[3]})
    assert any("without hard exudates" in told for told in contradictions_of(retina, stated))
    assert not contradictions_of(retina, findings(retina, {"hard_exudates": "present", "macular_exudates": PLACES[3]}))


def test_parts_of_a_circumscribed_margin_are_pointed_out() -> None:
    pack = load_guideline("breast-ultrasound-2013")
    for part in ("indistinct", "angular", "microlobulated", "spiculated"):
        assert contradictions_of(pack, findings(pack, {"margin": "circumscribed", part: "present"}))
        assert not contradictions_of(pack, findings(pack, {"margin": "not circumscribed", part: "present"}))


# Breast

HISTORY = ("absent", "present", "not mentioned")
FINDINGS: dict[str, tuple[Any, ...]] = {
    "shape": ("oval", "round", "irregular"),
    "margin": ("circumscribed", "obscured", "microlobulated", "indistinct", "spiculated"),
    "density": ("fat-containing", "low", "equal", "high"),
    "fatty_hilum": ("absent", "present"),
    "calcifications_in_mass": ("absent", "present"),
    "architectural_distortion": ("absent", "present"),
    "examination": ("complete work-up", "screening", "not mentioned"),
    "new_or_enlarging": HISTORY,
    "palpable_or_high_risk": HISTORY,
    "surgery_here": HISTORY,
}
ORDER = ("2", "3", "4A", "4B", "4C", "5", "0")
MARGIN_POINTS = {"circumscribed": 0, "obscured": 0, "microlobulated": 1, "indistinct": 1, "spiculated": 3}


def bounded(proposed: str, floors: list[str], ceilings: list[str]) -> str:
    low = max((ORDER.index(one) for one in floors), default=0)
    high = min((ORDER.index(one) for one in ceilings), default=len(ORDER) - 1)
    return ORDER[max(min(ORDER.index(proposed), high), low)]


def worked_up(m: Stated) -> bool:
    return m["examination"] == "complete work-up" and m["new_or_enlarging"] == m["palpable_or_high_risk"] == "absent"


def mass_category(m: Stated) -> str:
    irregular, spiculated, sharp = m["shape"] == "irregular", m["margin"] == "spiculated", m["margin"] == "circumscribed"
    distortion, flecks = m["architectural_distortion"] == "present", m["calcifications_in_mass"] == "present"
    benign = sharp and not irregular and (m["density"] == "fat-containing" or m["fatty_hilum"] == "present")
    total = irregular + MARGIN_POINTS[m["margin"]] + distortion
    proposed = "4B" if total <= 1 else "4C"
    floors, ceilings = [], []
    if benign:
        floors.append("2")
        ceilings.append("2")
    if irregular or spiculated or (distortion and m["surgery_here"] != "present"):
        floors.append("4A")
    if irregular and spiculated and (m["density"] == "high" or flecks):
        floors.append("5")
    if sharp and not irregular and not flecks and not distortion and worked_up(m):
        ceilings.append("3")
    if m["new_or_enlarging"] == "present" and sharp and not benign:
        floors.append("4A")
    if m["examination"] == "screening" and not benign:
        return "0"
    return bounded(proposed, floors, ceilings)


DUCTAL = ("linear", "segmental")
SUSPICIOUS = {"amorphous": 1, "coarse heterogeneous": 1, "fine pleomorphic": 2, "fine linear or branching": 3}
TYPES = ("skin", "vascular", "coarse", "large rod-like", "round", "rim", "dystrophic", "milk of calcium", "suture", *SUSPICIOUS)
FLECKS: dict[str, tuple[Any, ...]] = {
    "calcification_type": TYPES,
    "calcification_distribution": ("diffuse", "regional", "grouped", *DUCTAL),
    "examination": FINDINGS["examination"],
    "new_or_enlarging": HISTORY,
    "palpable_or_high_risk": HISTORY,
}


def calcification_category(c: Stated) -> str:
    kind, lie = c["calcification_type"], c["calcification_distribution"]
    if (kind not in SUSPICIOUS and kind != "round") or (kind == "round" and lie in ("diffuse", "regional")):
        return "2"
    if c["examination"] == "screening":
        return "0"
    if kind == "fine linear or branching" and lie in DUCTAL:
        return "5"
    if kind == "round" and lie == "grouped" and worked_up(c):
        return "3"
    total = SUSPICIOUS.get(kind, int(lie == "grouped")) + (lie in DUCTAL)
    return "4B" if total <= 2 else "4C"


@pytest.fixture(scope="module")
def mammography() -> Guideline:
    return load_guideline("mammography-2013")


def test_category_of_thousands_of_masses_is_the_card_within_floors_and_ceilings(mammography: Guideline) -> None:
    rng, wrong, met = random.Random(1998), [], set()
    for mass in rng.sample(every(FINDINGS), 4000):
        expected, got = mass_category(mass), answers(mammography, "mass", mass)
        met.add(expected)
        if got != (expected,):
            wrong.append((mass, expected, got))
    assert not wrong, shown(wrong)
    assert met == set(ORDER)


def test_category_of_every_group_of_calcifications_is_the_card_within_floors_and_ceilings(mammography: Guideline) -> None:
    wrong = []
    for flecks in every(FLECKS):
        expected, got = calcification_category(flecks), answers(mammography, "calcifications", flecks)
        if got != (expected,):
            wrong.append((flecks, expected, got))
    assert not wrong, shown(wrong)


@pytest.mark.parametrize("echogenicity", ["hyperechoic", "isoechoic", "hypoechoic"])
def test_solid_mass_of_benign_pattern_is_category_3_only_with_its_history(echogenicity: str) -> None:
    pack = load_guideline("breast-ultrasound-2013")
    pattern = {
        "shape": "oval",
        "margin": "circumscribed",
        "orientation": 10,
        "echogenicity": echogenicity,
        "posterior_features": "none",
        "halo": "absent",
        "calcifications": "absent",
    }
    for new, palpable in product((*HISTORY, None), repeat=2):
        stated = {**pattern, "new_or_enlarging": new, "palpable_or_high_risk": palpable}
        assert answers(pack, "birads", stated) == (("3",) if new == palpable == "absent" else ("4A",))


# a conflict is one on this case ---------------------------------------------------------------------------------------

MAMMOGRAPHY = load_guideline("mammography-2013")


def first_seen(**given: Any) -> dict[str, Any]:
    """A circumscribed mass, worked up and of known history."""
    quiet = {"shape": "oval", "margin": "circumscribed", "density": "equal", "fatty_hilum": "absent"}
    quiet |= {"calcifications_in_mass": "absent", "architectural_distortion": "absent", "surgery_here": "absent"}
    history = {"examination": "complete work-up", "new_or_enlarging": "absent", "palpable_or_high_risk": "absent"}
    return {**quiet, **history, **given}


@pytest.mark.parametrize("shape", ["oval", "round"])
def test_probably_benign_mass_after_work_up_is_no_conflict_with_a_card_that_cannot_propose_less(shape: str) -> None:
    got = evaluate(MAMMOGRAPHY, "mass", findings(MAMMOGRAPHY, first_seen(shape=shape)))
    assert (got.crisp, got.conflict) == ("3", None)
    card = MAMMOGRAPHY.questions["mass"].proposal
    assert isinstance(card, Bands)
    assert min(card.scorecard.risks) > 0.02, "the card's lowest risk lies above category 3, so it would always disagree"


CALCIFIED = {"calcification_type": "round", "calcification_distribution": "grouped", "surgery_here": "absent"}
LINEAR = {"calcification_type": "fine linear or branching", "calcification_distribution": "segmental"}


@pytest.mark.parametrize(
    ("question", "given", "category", "rule"),
    [
        ("calcifications", first_seen(**CALCIFIED), "3", "F4-calcifications"),
        ("calcifications", LINEAR, "5", "F2-classic-calcifications"),
        ("mass", first_seen(density="fat-containing"), "2", "F1-mass"),
        ("mass", first_seen(shape="irregular", margin="spiculated", density="high"), "5", "F2-classic"),
    ],
)
def test_a_rule_that_the_card_can_never_meet_stands_without_a_conflict(
    question: str, given: Stated, category: str, rule: str
) -> None:
    used = {axis.name for axis in compile_question(MAMMOGRAPHY, question).axes}
    got = evaluate(MAMMOGRAPHY, question, findings(MAMMOGRAPHY, {k: v for k, v in given.items() if k in used}))
    assert (got.crisp, got.conflict) == (category, None)
    assert any(step.claim.startswith(f"{rule}: ") and step.truth is Truth.MET for step in got.derivation.because)


def test_simple_cyst_with_a_halo_is_a_conflict_on_this_case() -> None:
    pack = load_guideline("breast-ultrasound")
    cyst = {"echogenicity": "anechoic", "margin": "circumscribed", "shape": "oval", "posterior_features": "enhancement"}
    cyst |= dict.fromkeys(("indistinct", "angular", "microlobulated", "spiculated", "calcifications"), "absent")
    assert evaluate(pack, "birads", findings(pack, {**cyst, "halo": "absent"})).conflict is None
    told = evaluate(pack, "birads", findings(pack, {**cyst, "halo": "present"})).conflict
    assert told == "rule F1 asks for at most 2, the scorecard proposes 4A (risk 2.7 %): the rule stands"
