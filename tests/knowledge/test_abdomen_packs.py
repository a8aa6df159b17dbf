"""The packs of liver, kidney and prostate against a plain transcription of the same tables, written without the YAML.

Each transcription takes a dict of complete findings. Where a case leaves findings out, what the guideline lets them count as is
put in; what is then still missing is completed in every way, and the categories of all completions must be the open ones.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product

import pytest

from pellucid.errors import InputError
from pellucid.knowledge.evaluate import evaluate, next_step_of
from pellucid.knowledge.facts import read_facts
from pellucid.knowledge.guideline import Guideline
from pellucid.knowledge.loader import load_guideline
from pellucid.knowledge.reasons import open_categories
from pellucid.knowledge.space import compile_question
from pellucid.record import Finding, Observer

Given = dict[str, str | float]
Values = Mapping[str, Sequence[str | float]]
WRITER = Observer(name="test", kind="person")


def finding(guideline: Guideline, name: str, value: str | float) -> Finding:
    concept = guideline.concepts[name]
    if isinstance(value, str):
        states = concept.states or ()
        one_hot = tuple(float(state == value) for state in states)
        return Finding(concept=name, observer=WRITER, states=states, state=value, probabilities=one_hot)
    return Finding(concept=name, observer=WRITER, unit=concept.unit, value=value, sd=0.0)


def opened(guideline: Guideline, question: str, given: Given) -> tuple[str, ...]:
    """The categories that the engine leaves open; several questions of thousands of cases, so without the reasons."""
    compiled = compile_question(guideline, question)
    known = {name: finding(guideline, name, value) for name, value in given.items()}
    return open_categories(compiled, read_facts(compiled.axes, known))


def completions(given: Given, values: Values, usual: Given) -> Iterator[Given]:
    """Every way to fill in what is missing; `usual` holds what a missing finding counts as."""
    base = {**usual, **given}
    missing = [name for name in values if name not in base]
    for filled in product(*(values[name] for name in missing)):
        yield {**base, **dict(zip(missing, filled, strict=True))}


def disagreements(
    guideline: Guideline,
    question: str,
    oracle: Callable[[Given], str | None],
    values: Values,
    usual: Given,
    cases: list[Given],
) -> list[tuple[Given, tuple[str, ...], set[str]]]:
    """Cases in which the engine and the transcription do not leave the same categories open (oracle None: cannot be)."""
    found: list[tuple[Given, tuple[str, ...], set[str]]] = []
    for given in cases:
        expected = {answer for one in completions(given, values, usual) if (answer := oracle(one)) is not None}
        got = opened(guideline, question, given)
        if set(got) != expected:
            found.append((given, got, expected))
    return found


def drawn(values: Values, n: int, left_out: int, seed: int) -> list[Given]:
    """Random cases; of each up to `left_out` findings are missing."""
    draw = random.Random(seed)
    cases: list[Given] = []
    for _ in range(n):
        missing = set(draw.sample(list(values), draw.randint(0, left_out)))
        cases.append({name: draw.choice(allowed) for name, allowed in values.items() if name not in missing})
    return cases


# --- liver ---------------------------------------------------------------------------------------------------------------------

MALIGNANT = [
    "us_nodule", "subthreshold_growth", "restricted_diffusion", "t2_hyperintensity", "corona_enhancement", "fat_sparing",
    "iron_sparing", "transitional_hypointensity", "hepatobiliary_hypointensity", "nonenhancing_capsule", "nodule_in_nodule",
    "mosaic_architecture", "blood_products", "fat_in_mass",
]  # fmt: skip
BENIGN = [
    "size_stability", "size_reduction", "parallels_blood_pool", "undistorted_vessels", "iron_in_mass",
    "marked_t2_hyperintensity", "hepatobiliary_isointensity",
]  # fmt: skip
NOT_BOTH = [
    ("t2_hyperintensity", "marked_t2_hyperintensity"), ("hepatobiliary_hypointensity", "hepatobiliary_isointensity"),
    ("enhancing_capsule", "nonenhancing_capsule"), ("threshold_growth", "subthreshold_growth"),
    ("threshold_growth", "size_reduction"), ("subthreshold_growth", "size_reduction"), ("threshold_growth", "size_stability"),
    ("subthreshold_growth", "size_stability"), ("size_stability", "size_reduction"), ("iron_sparing", "iron_in_mass"),
    ("fat_sparing", "fat_in_mass"),
]  # fmt: skip
TARGETOID = ["delayed_central_enhancement", "targetoid_restriction", "targetoid_late_phase"]
NONTARGETOID = [
    "infiltrative_appearance", "marked_diffusion_restriction", "necrosis_or_ischaemia", "other_sign_of_other_malignancy",
]  # fmt: skip
YES_NO = ["absent", "present"]

LIVER_STEP_1: Values = {
    "risk_group": [*["high risk"] * 15, "not high risk"],
    "age": [*[18.0, 60.0] * 8, 17.9],
    "excluded_cause": [*["absent"] * 15, "present"],
    "observation_status": [*["untreated and unproven"] * 15, "treated", "proven by pathology"],
    "contrast": [*["multiphase"] * 15, "not multiphase"],
    "image_quality": ["sufficient", "sufficient", "sufficient", "sufficient", "insufficient"],
    "tumour_in_vein": ["absent", "absent", "absent", "absent", "definite"],
    "benign_impression": ["not benign", "not benign", "not benign", "probably benign", "definitely benign"],
    "diameter": [5.0, 9.9, 10.0, 15.0, 19.9, 20.0, 60.0],
    "arterial_phase": ["no hyperenhancement", "nonrim hyperenhancement", "nonrim hyperenhancement", "rim hyperenhancement"],
    "washout": ["none", "nonperipheral", "nonperipheral", "peripheral"],
    "enhancing_capsule": YES_NO,
    "threshold_growth": YES_NO,
    **{name: ["absent", "absent", "absent", "absent", "present"] for name in [*TARGETOID, *NONTARGETOID]},
}
HESITATIONS = [
    "none", "LR-1 or LR-2", "LR-2 or LR-3", "LR-3 or LR-4", "LR-4 or LR-5", "LR-3 or LR-M", "LR-4 or LR-M", "LR-5 or LR-M",
]  # fmt: skip
LIVER_ALL: Values = {
    **LIVER_STEP_1,
    **{name: ["absent"] * 9 + ["present"] for name in [*MALIGNANT, *BENIGN]},
    "hesitation": [*HESITATIONS],
}
LIVER_USUAL: Given = {
    "risk_group": "high risk",
    "age": 60.0,
    "excluded_cause": "absent",
    "observation_status": "untreated and unproven",
    "contrast": "multiphase",
    "image_quality": "sufficient",
    "tumour_in_vein": "absent",
    "arterial_phase": "no hyperenhancement",
    "washout": "none",
    "hesitation": "none",
    **dict.fromkeys(["enhancing_capsule", "threshold_growth", "targetoid_restriction", "targetoid_late_phase"], "absent"),
    **dict.fromkeys(["marked_diffusion_restriction", *MALIGNANT, *BENIGN], "absent"),
}


def liver_table(f: Given) -> str:
    """The cell of the diagnostic table."""
    size, capsule = float(f["diameter"]), f["enhancing_capsule"] == "present"
    count = capsule + (f["washout"] == "nonperipheral") + (f["threshold_growth"] == "present")
    if f["arterial_phase"] != "nonrim hyperenhancement":
        return (("LR-3", "LR-3", "LR-4") if size < 20 else ("LR-3", "LR-4", "LR-4"))[min(count, 2)]
    if size < 10:
        return ("LR-3", "LR-4", "LR-4")[min(count, 2)]
    if size >= 20:
        return ("LR-4", "LR-5", "LR-5")[min(count, 2)]
    if count == 1:
        return "LR-4" if capsule else "LR-5"
    return "LR-5" if count else "LR-3"


def impossible_liver(f: Given) -> bool:
    return any(f.get(a) == f.get(b) == "present" for a, b in NOT_BOTH)


def before_the_table(f: Given) -> str | None:
    stated = (f["risk_group"], f["excluded_cause"], f["observation_status"], f["contrast"])
    if stated != ("high risk", "absent", "untreated and unproven", "multiphase") or float(f["age"]) < 18:
        return "not applicable"
    if f["image_quality"] == "insufficient":
        return "LR-NC"
    if f["tumour_in_vein"] == "definite":
        return "LR-TIV"
    return {"definitely benign": "LR-1", "probably benign": "LR-2", "not benign": None}[str(f["benign_impression"])]


def liver_step_1(f: Given) -> str | None:
    if impossible_liver(f):
        return None
    if (early := before_the_table(f)) is not None:
        return early
    targetoid = f["arterial_phase"] == "rim hyperenhancement" or f["washout"] == "peripheral"
    if targetoid or any(f[name] == "present" for name in TARGETOID):
        return "LR-M"
    cell = liver_table(f)
    return "LR-M" if cell != "LR-5" and any(f[name] == "present" for name in NONTARGETOID) else cell


def liver_step_2(f: Given) -> str | None:
    ladder = ["LR-1", "LR-2", "LR-3", "LR-4", "LR-5"]
    found = liver_step_1(f)
    if found not in ladder:
        return found
    malignant, benign = (any(f[name] == "present" for name in names) for names in (MALIGNANT, BENIGN))
    at = ladder.index(found)
    if malignant and not benign and at < 3:
        at += 1
    if benign and not malignant and at > 0:
        at -= 1
    return ladder[at]


def liver_step_3(f: Given) -> str | None:
    found, torn = liver_step_2(f), str(f["hesitation"])
    lower = {
        "LR-1 or LR-2": "LR-2", "LR-2 or LR-3": "LR-3", "LR-3 or LR-4": "LR-3", "LR-4 or LR-5": "LR-4",
        "LR-3 or LR-M": "LR-3", "LR-4 or LR-M": "LR-M", "LR-5 or LR-M": "LR-M",
    }  # fmt: skip
    return lower[torn] if found is not None and found in torn.split(" or ") else found


@pytest.fixture(scope="module")
def liver() -> Guideline:
    return load_guideline("liver-lesion-ct-mr-2018")


def test_every_cell_of_the_liver_table_is_the_published_one(liver: Guideline) -> None:
    names = ["diameter", "arterial_phase", "washout", "enhancing_capsule", "threshold_growth"]
    phases = ["no hyperenhancement", "nonrim hyperenhancement"]
    rest: Given = {"benign_impression": "not benign", **dict.fromkeys([*TARGETOID, *NONTARGETOID], "absent")}
    grid = product(LIVER_STEP_1["diameter"], phases, ["none", "nonperipheral"], YES_NO, YES_NO)
    for values in grid:
        given: Given = {**rest, **dict(zip(names, values, strict=True))}
        assert opened(liver, "table", given) == (liver_table(given),), given


def test_the_liver_algorithm_agrees_with_its_transcription(liver: Guideline) -> None:
    cases = [case for case in drawn(LIVER_STEP_1, 1500, 4, 1) if not impossible_liver(case)]
    assert disagreements(liver, "table", liver_step_1, LIVER_STEP_1, LIVER_USUAL, cases) == []


@pytest.mark.parametrize(("question", "oracle"), [("adjusted", liver_step_2), ("category", liver_step_3)])
def test_ancillary_features_and_tie_break_agree_with_their_transcription(
    liver: Guideline, question: str, oracle: Callable[[Given], str | None]
) -> None:
    cases = [case for case in drawn(LIVER_ALL, 1000, 5, 2) if not impossible_liver(case)]
    assert len(cases) > 500
    assert disagreements(liver, question, oracle, LIVER_ALL, LIVER_USUAL, cases) == []


def test_one_ancillary_feature_at_a_time_moves_one_category_and_never_to_the_highest(liver: Guideline) -> None:
    rest: Given = {"benign_impression": "not benign", **dict.fromkeys([*TARGETOID, *NONTARGETOID], "absent")}
    cells: dict[str, Given] = {
        "LR-3": {"diameter": 12.0},
        "LR-4": {"diameter": 25.0, "arterial_phase": "nonrim hyperenhancement"},
        "LR-5": {"diameter": 25.0, "arterial_phase": "nonrim hyperenhancement", "washout": "nonperipheral"},
    }
    up, down = {"LR-3": "LR-4", "LR-4": "LR-4", "LR-5": "LR-5"}, {"LR-3": "LR-2", "LR-4": "LR-3", "LR-5": "LR-4"}
    for before, cell in cells.items():
        assert opened(liver, "adjusted", {**rest, **cell}) == (before,)
        for name in MALIGNANT:
            assert opened(liver, "adjusted", {**rest, **cell, name: "present"}) == (up[before],)
        for name in BENIGN:
            assert opened(liver, "adjusted", {**rest, **cell, name: "present"}) == (down[before],)
        assert opened(liver, "adjusted", {**rest, **cell, "mosaic_architecture": "present", "iron_in_mass": "present"}) == (
            before,
        )


def test_an_unsure_major_feature_counts_as_absent(liver: Guideline) -> None:
    given: Given = {"diameter": 15.0, "arterial_phase": "nonrim hyperenhancement", "benign_impression": "not benign"}
    given |= dict.fromkeys([*TARGETOID, *NONTARGETOID], "absent")
    findings = [finding(liver, name, value) for name, value in given.items()]
    unsure = Finding(
        concept="washout", observer=WRITER, states=("none", "nonperipheral", "peripheral"), probabilities=(0.4, 0.5, 0.1)
    )
    assert evaluate(liver, "category", [*findings, unsure]).crisp == "LR-3"


def test_impossible_liver_findings_are_refused(liver: Guideline) -> None:
    both = [finding(liver, name, "present") for name in ("t2_hyperintensity", "marked_t2_hyperintensity")]
    with pytest.raises(InputError, match="both mild to moderate and marked"):
        evaluate(liver, "category", both)


# --- kidney --------------------------------------------------------------------------------------------------------------------

ARCHITECTURE: Values = {
    "calcification": YES_NO,
    "wall_thickness": [1.0, 2.0, 2.0, 2.1, 3.9, 4.0],
    "wall_enhancement": YES_NO,
    "septa": ["none", "one to three", "four or more"],
    "septum_thickness": [1.0, 2.0, 2.1, 3.9, 4.0],
    "septal_enhancement": YES_NO,
    "protrusion": ["none", "none", "none", "obtuse margins", "acute margins"],
    "protrusion_height": [2.0, 3.9, 4.0],
}
SCOPE: Values = {
    "cause": ["cystic mass"] * 6 + ["infectious or inflammatory", "vascular", "necrotic solid mass"],
    "enhancing_part": [0.0, 10.0, 24.9, 25.0],
}
RENAL_USUAL: Given = {"cause": "cystic mass", "enhancing_part": 0.0}
RENAL_CT: Values = {
    **SCOPE,
    "protocol": ["renal mass protocol", "portal venous phase only", "unenhanced only"],
    "attenuation": [-20.0, -9.0, 5.0, 20.0, 20.5, 30.0, 31.0, 69.9, 70.0],
    "content": ["homogeneous", "heterogeneous"],
    "content_enhancement": ["absent", "absent", "present"],
    "too_small": ["absent"] * 5 + ["present"],
    **ARCHITECTURE,
}
RENAL_MR: Values = {
    **SCOPE,
    "contrast": ["given", "not given"],
    "t2_signal": ["homogeneous and like cerebrospinal fluid", "other"],
    "t1_signal": ["not hyperintense", "not hyperintense", "homogeneous hyperintense", "heterogeneous hyperintense"],
    "t1_ratio": [0.5, 2.4, 2.5, 4.0],
    "content_enhancement": ["absent", "absent", "present"],
    **ARCHITECTURE,
}


def renal_upper(f: Given) -> str | None:
    """Classes IIF to IV by wall, septa and protrusions; None where none of them is met."""
    if f["protrusion"] == "acute margins" or (f["protrusion"] == "obtuse margins" and float(f["protrusion_height"]) >= 4):
        return "IV"
    wall = float(f["wall_thickness"]) if f["wall_enhancement"] == "present" else 0.0
    septum = float(f["septum_thickness"]) if f["septal_enhancement"] == "present" and f["septa"] != "none" else 0.0
    if f["protrusion"] == "obtuse margins" or max(wall, septum) >= 4:
        return "III"
    if max(wall, septum) > 2 or (f["septa"] == "four or more" and septum > 0):
        return "IIF"
    return None


def out_of_scope(f: Given, contrast: bool) -> bool:
    return f["cause"] != "cystic mass" or float(f["enhancing_part"]) >= 25 or (contrast and f["content_enhancement"] == "present")


def renal_ct(f: Given) -> str | None:
    small = f["too_small"] == "present"
    if small and f["protrusion"] != "none":
        return None
    if out_of_scope(f, contrast=f["protocol"] == "renal mass protocol"):
        return "not applicable"
    return "II" if small else (renal_upper(f) or lower_ct(f))


def lower_ct(f: Given) -> str:
    if float(f["wall_thickness"]) > 2:
        return "guideline silent"
    if f["septa"] != "none":
        return "II" if f["septa"] == "one to three" and float(f["septum_thickness"]) <= 2 else "guideline silent"
    if f["content"] != "homogeneous":
        return "guideline silent"
    hu = float(f["attenuation"])
    if -9 <= hu <= 20:
        return "II" if f["protocol"] == "unenhanced only" or f["calcification"] == "present" else "I"
    benign = {"renal mass protocol": hu > 20, "portal venous phase only": 20 < hu <= 30, "unenhanced only": hu >= 70}
    return "II" if benign[str(f["protocol"])] else "guideline silent"


def renal_mr(f: Given) -> str:
    if out_of_scope(f, contrast=f["contrast"] == "given"):
        return "not applicable"
    return renal_upper(f) or lower_mr(f)


def lower_mr(f: Given) -> str:
    if f["t1_signal"] == "heterogeneous hyperintense":
        return "IIF"
    if float(f["wall_thickness"]) > 2:
        return "guideline silent"
    if f["septa"] != "none":
        return "II" if float(f["septum_thickness"]) <= 2 else "guideline silent"
    if f["t1_signal"] == "homogeneous hyperintense":
        return "II" if float(f["t1_ratio"]) >= 2.5 else "guideline silent"
    if f["t2_signal"] == "other":
        return "guideline silent"
    return "I" if f["contrast"] == "given" and f["calcification"] == "absent" else "II"


@pytest.mark.parametrize(
    ("pack", "oracle", "values"), [("renal-cyst-ct-2019", renal_ct, RENAL_CT), ("renal-cyst-mr-2019", renal_mr, RENAL_MR)]
)
def test_renal_classes_agree_with_their_transcription(pack: str, oracle: Callable[[Given], str | None], values: Values) -> None:
    guideline = load_guideline(pack)
    cases = [case for case in drawn(values, 1500, 3, 3) if case.get("too_small") != "present" or case.get("protrusion") == "none"]
    assert disagreements(guideline, "class", oracle, values, RENAL_USUAL, cases) == []


def test_centimetres_typed_for_millimetres_are_refused() -> None:
    for pack, question, name, value in [
        ("liver-lesion-ct-mr-2018", "category", "diameter", 1.5),
        ("renal-cyst-ct-2019", "class", "wall_thickness", 0.4),
        ("prostate-mri-2.1", "overall", "diameter", 1.5),
    ]:
        guideline = load_guideline(pack)
        with pytest.raises(InputError, match="look at the unit"):
            evaluate(guideline, question, [finding(guideline, name, value)])


# --- prostate ------------------------------------------------------------------------------------------------------------------

DWI = ["normal", "linear or wedge-shaped", "focal but not marked on both", "focal and marked on both"]
T2_PERIPHERAL = [
    "normal", "linear wedge-shaped or diffuse mild", "heterogeneous or rounded", "circumscribed homogeneous moderate",
]  # fmt: skip
T2_TRANSITION = [
    "normal or typical nodule", "atypical nodule", "heterogeneous with obscured margins",
    "lenticular or non-circumscribed homogeneous",
]  # fmt: skip
PROSTATE: Values = {
    "indication": ["untreated gland"] * 8 + ["after treatment", "progression under surveillance"],
    "zone": ["peripheral", "transition"],
    "diameter": [5.0, 14.9, 15.0, 30.0],
    "extraprostatic_extension": ["absent", "absent", "definite"],
    "dwi": [*DWI, "not adequate"],
    "t2_peripheral": [*T2_PERIPHERAL, "not adequate"],
    "t2_transition": [*T2_TRANSITION, "not adequate"],
    "contrast_enhancement": ["negative", "positive", "not adequate"],
}


def sequence_score(f: Given, name: str, ladder: list[str]) -> int | None:
    """1 to 5, None for X."""
    if f[name] == "not adequate":
        return None
    score = ladder.index(str(f[name])) + 1
    invasive = float(f["diameter"]) >= 15 or f["extraprostatic_extension"] == "definite"
    return 5 if score == 4 and invasive else score


def prostate_overall(f: Given) -> str:
    if f["indication"] != "untreated gland":
        return "not applicable"
    dwi, dce = sequence_score(f, "dwi", DWI), f["contrast_enhancement"]
    if dwi is None and dce == "not adequate":
        return "staging only"
    if f["zone"] == "peripheral":
        score = sequence_score(f, "t2_peripheral", T2_PERIPHERAL) if dwi is None else dwi
        if score is None:
            return "guideline silent"
        return str(4 if score == 3 and dce == "positive" else score)
    score = sequence_score(f, "t2_transition", T2_TRANSITION)
    if score is None:
        return "guideline silent"
    raised = dwi is not None and ((score == 2 and dwi >= 4) or (score == 3 and dwi == 5))
    return str(score + raised)


def prostate_cases() -> list[Given]:
    """The whole space of one indication."""
    names = list(PROSTATE)[1:]
    grid = product(*(dict.fromkeys(PROSTATE[name]) for name in names))
    return [{"indication": "untreated gland", **dict(zip(names, values, strict=True))} for values in grid]


def test_every_combination_of_prostate_findings_agrees_with_the_transcription() -> None:
    cases = prostate_cases()
    assert len(cases) == 6000
    guideline = load_guideline("prostate-mri-2.1")
    assert disagreements(guideline, "overall", prostate_overall, PROSTATE, {}, cases[::2]) == []


def test_prostate_findings_left_out_leave_open_what_the_transcription_leaves_open() -> None:
    cases = drawn(PROSTATE, 1000, 3, 4)
    guideline = load_guideline("prostate-mri-2.1")
    assert disagreements(guideline, "overall", prostate_overall, PROSTATE, {"indication": "untreated gland"}, cases) == []


def test_a_treated_observation_is_sent_to_another_guideline(liver: Guideline) -> None:
    treated = [finding(liver, "observation_status", "treated")]
    evaluation = evaluate(liver, "category", treated)
    step = next_step_of(liver, "category", "not applicable", treated)
    assert evaluation.crisp == "not applicable"
    assert step is not None
    assert "treatment response" in step.text
