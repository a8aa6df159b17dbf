"""Readings made by hand: every number is invented."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from pellucid.record import (
    Assessment,
    Caution,
    Change,
    Condition,
    Contrast,
    Differential,
    Finding,
    GuidelineRef,
    LookAgain,
    Observer,
    PreparationStep,
    Provenance,
    ReaderRef,
    Reading,
    Region,
    Reliability,
    SetRule,
    Shadow,
    Signals,
    Step,
    StudyRef,
    Truth,
)

MODEL = Observer(name="breast-ultrasound 1.0", kind="model")
EYE_MODEL = Observer(name="fundus 1.0", kind="model")
Outline = tuple[tuple[float, float], ...]

SHAPE = ("oval", "round", "irregular")
ECHOES = ("anechoic", "hyperechoic", "isoechoic", "hypoechoic", "complex cystic and solid", "heterogeneous")
POSTERIOR = ("none", "enhancement", "shadowing", "combined")
YES_NO = ("absent", "present")
ACR = "Breast ultrasound lexicon, edition 2013"


def ellipse(x: float, y: float, across: float, down: float, lean: float = 0.0) -> Outline:
    """A closed outline of 36 points."""
    points: list[tuple[float, float]] = []
    for step in range(36):
        t = 2 * math.pi * step / 36
        u, v = across / 2 * math.cos(t), down / 2 * math.sin(t)
        points.append((x + u * math.cos(lean) - v * math.sin(lean), y + u * math.sin(lean) + v * math.cos(lean)))
    return tuple(points)


def figures(value: float, baseline: float = 0.5, human: float | None = None, n: int = 252) -> Reliability:
    low, high = max(0.0, value - 0.05), min(1.0, value + 0.04)
    return Reliability(
        measure="AUROC", value=value, low=low, high=high, baseline=baseline, baseline_name="chance", human=human, n=n
    )


def judged(concept: str, states: Sequence[str], probabilities: Sequence[float], **more: Any) -> Finding:
    more.setdefault("state", states[int(np.argmax(probabilities))])
    return Finding(concept=concept, observer=MODEL, states=tuple(states), probabilities=tuple(probabilities), **more)


def breast_findings(lesion: Region, evidence: Callable[[str, float], Region | None]) -> tuple[Finding, ...]:
    margin = ("circumscribed", "not circumscribed")
    measured = Reliability(
        measure="error of the long axis (mm)", value=1.4, low=1.1, high=1.8, baseline=6.2, baseline_name="mean size", n=252
    )
    return (
        judged("shape", SHAPE, (0.03, 0.015, 0.955), region=evidence("shape", 0.83), reliability=figures(0.86, human=0.9)),
        judged("margin", margin, (0.04, 0.96), region=evidence("margin", 0.78), reliability=figures(0.88)),
        judged("spiculated", YES_NO, (0.46, 0.54), state=None, region=evidence("spiculated", 0.64), reliability=figures(0.74)),
        judged(
            "echogenicity",
            ECHOES,
            (0.0, 0.004, 0.02, 0.876, 0.02, 0.08),
            region=evidence("echogenicity", 0.91),
            reliability=figures(0.81),
        ),
        judged(
            "posterior_features",
            POSTERIOR,
            (0.18, 0.03, 0.71, 0.08),
            region=evidence("posterior", 0.57),
            reliability=figures(0.79),
        ),
        judged("halo", YES_NO, (0.34, 0.66), reliability=figures(0.72)),
        Finding(
            concept="calcifications",
            observer=MODEL,
            states=YES_NO,
            unknown_because="this reader does no better than chance here",
            reliability=figures(0.53, n=25),
        ),
        Finding(concept="long_axis", observer=MODEL, unit="mm", value=29.94, sd=1.13, region=lesion, reliability=measured),
        Finding(concept="short_axis", observer=MODEL, unit="mm", value=21.2, sd=0.9, region=lesion),
        Finding(concept="orientation", observer=MODEL, unit="degrees", value=12.4, sd=4.0, region=lesion),
        Finding(concept="aspect", observer=MODEL, unit="1", value=0.71, sd=0.04, region=lesion),
    )


def breast_derivation() -> Step:
    seen = (
        Step(claim="margin is not circumscribed (96 %)", truth=Truth.MET, ground="observed"),
        Step(claim="shape is irregular (96 %)", truth=Truth.MET, ground="observed"),
        Step(claim="suspicious calcifications: cannot be judged", truth=Truth.UNKNOWN, ground="observed"),
    )
    floor = Step(
        claim="At least category 4: a suspicious descriptor is present",
        truth=Truth.MET,
        citation=f"{ACR}, rule F2",
        ground="published",
        verified="background",
        because=(Step(claim="any of the three", truth=Truth.MET, because=seen),),
    )
    ceiling = Step(
        claim="At most category 3: oval, circumscribed and parallel",
        truth=Truth.NOT_MET,
        citation=f"{ACR}, rule F3",
        ground="published",
        verified="source",
        because=(Step(claim="shape is oval (3 %)", truth=Truth.NOT_MET, ground="observed"),),
    )
    card = Step(
        claim="Risk of malignancy 0.42, in the band of 4B: above 10 %, up to 50 %",
        truth=Truth.MET,
        citation="Scorecard fitted on 252 human-labelled cases, cross-validated AUROC 0.91 (0.86 to 0.95)",
        ground="learned",
        verified="recomputed",
        because=(
            Step(claim="+3 points: margin not circumscribed", truth=Truth.MET, ground="observed"),
            Step(claim="+2 points: shape irregular", truth=Truth.MET, ground="observed"),
        ),
    )
    return Step(claim="Category 4B", truth=Truth.MET, because=(floor, ceiling, card))


BREAST_GUIDELINE = GuidelineRef(name="breast-ultrasound", edition="2013", sha256="a7" * 32)
EYE_GUIDELINE = GuidelineRef(name="diabetic-retinopathy-icdr", edition="2003", sha256="e1" * 32)


def birads(**changes: Any) -> Assessment:
    values: dict[str, Any] = {
        "question": "birads",
        "guideline": BREAST_GUIDELINE,
        "category": "4B",
        "statement": "Irregular mass with a margin that is not circumscribed: moderate suspicion of malignancy.",
        "probabilities": {"2": 0.0, "3": 0.006, "4A": 0.114, "4B": 0.52, "4C": 0.33, "5": 0.03},
        "confidence_set": ("4B", "4C"),
        "coverage": 0.9,
        "set_rule": SetRule(method="ordinal-aps", threshold=0.93, coverage=0.9, n=252),
        "derivation": breast_derivation(),
        "sufficient_reason": (
            (Condition(concept="margin", state="not circumscribed"), Condition(concept="shape", state="irregular")),
        ),
        "contrasts": (
            Contrast(
                category="3",
                changes=(
                    Change(concept="margin", seen="not circumscribed", instead="circumscribed"),
                    Change(concept="shape", seen="irregular", instead="oval"),
                ),
            ),
            Contrast(category="4C", changes=(Change(concept="spiculated", seen=None, instead="present"),)),
        ),
        "look_again": (LookAgain(concept="spiculated", bits=0.8, share=0.58), LookAgain(concept="margin", bits=0.2, share=0.14)),
        "differential": (
            Differential(
                name="Invasive carcinoma",
                because=(Condition(concept="shape", state="irregular"),),
                citation="own summary, to be checked",
            ),
            Differential(name="Fat necrosis"),
        ),
        "next_step": "Tissue diagnosis (core needle biopsy)",
        "next_step_citation": f"{ACR}, management table",
        "next_step_shared": True,
        "boundary": ("The most probable category differs from the crisp one when spiculation is taken as present.",),
    }
    return Assessment(**{**values, **changes})


def malignancy(**changes: Any) -> Assessment:
    values: dict[str, Any] = {
        "question": "malignancy",
        "guideline": BREAST_GUIDELINE,
        "category": "malignant",
        "statement": "More likely malignant than benign.",
        "probabilities": {"benign": 0.29, "malignant": 0.71},
        "confidence_set": ("malignant",),
        "coverage": 0.9,
        "derivation": Step(
            claim="Malignant: probability at least one half", truth=Truth.MET, ground="learned", citation="Scorecard on 252 cases"
        ),
        "next_step": "Tissue diagnosis",
        "next_step_shared": True,
    }
    return Assessment(**{**values, **changes})


def breast_study(**changes: Any) -> StudyRef:
    values: dict[str, Any] = {
        "pixels_sha256": "5c" * 32,
        "width": 320,
        "height": 240,
        "modality": "US",
        "spacing_mm": (0.25, 0.25),
        "spacing_source": "manifest",
        "source": "case.png",
    }
    return StudyRef(**{**values, **changes})


def breast_regions() -> tuple[Region, Callable[[str, float], Region | None]]:
    lesion = Region(outlines=(ellipse(40, 28, 29.9, 21.2, 0.2),), unit="mm", meaning="lesion outline, found by the reader")
    shifts = {"shape": (0, 0), "margin": (-6, -4), "spiculated": (9, -5), "echogenicity": (1, 2), "posterior": (2, 15)}

    def evidence(name: str, share: float) -> Region | None:
        dx, dy = shifts[name]
        return Region(outlines=(ellipse(40 + dx, 28 + dy, 20, 13),), unit="mm", meaning="what the reader looked at", share=share)

    return lesion, evidence


def breast(**changes: Any) -> Reading:
    shadow = Shadow(question="malignancy", category="malignant", probability=0.74, concept_probability=0.71, disagrees=False)
    values: dict[str, Any] = {
        "study": breast_study(),
        "reader": ReaderRef(
            name="breast-ultrasound", version="1.0", weights_sha256="51" * 32, calibration_sha256="0c" * 32, card_sha256="d4" * 32
        ),
        "findings": breast_findings(*breast_regions()),
        "assessments": (birads(), malignancy()),
        "cautions": (
            Caution(kind="scope", text="Lymph nodes and the other breast are outside what this reader judges."),
            Caution(kind="input", text="Burnt-in measuring marks touch the lesion."),
        ),
        "provenance": Provenance(
            preparation=(
                PreparationStep(name="luminance"),
                PreparationStep(name="letterbox", parameters={"size": 384, "scale": 0.5}),
            ),
            signals=Signals(novelty=0.12, novelty_threshold=0.6, novelty_false_alarm=0.05, shadow=(shadow,)),
            created="2025-11-03 14:20 UTC",
            software="pellucid 0.1.0",
        ),
    }
    return Reading(**{**values, **changes})


def without_spacing() -> Reading:
    outline = Region(outlines=(ellipse(160, 112, 120, 84),), unit="px", meaning="lesion outline, found by the reader")
    findings = tuple(
        Finding(concept=f.concept, observer=MODEL, unit=f.unit, unknown_because="no pixel spacing", region=outline)
        if f.unit in {"mm", "mm2"}
        else f.model_copy(update={"region": outline if f.unit else None})
        for f in breast_findings(*breast_regions())
    )
    return breast(study=breast_study(spacing_mm=None, spacing_source=None), findings=findings)


def abstained() -> Reading:
    everything = ("2", "3", "4A", "4B", "4C", "5")
    open_answer = birads(
        category=None,
        statement="This reader gives no category for this image.",
        confidence_set=everything,
        next_step=None,
        next_step_citation=None,
        next_step_shared=None,
        abstained_because="the image is unlike the images that this reader learned from",
        sufficient_reason=(),
        contrasts=(),
    )
    signals = Signals(novelty=3.1, novelty_threshold=0.6, novelty_false_alarm=0.05)
    return breast(assessments=(open_answer,), provenance=Provenance(signals=signals))


def revised() -> tuple[Reading, Reading]:
    """An earlier reading and the one in which a person set the margin."""
    first = breast()
    person = Observer(name="Dr A. Example", kind="person")
    by_hand = Finding(
        concept="margin",
        observer=person,
        states=("circumscribed", "not circumscribed"),
        probabilities=(1.0, 0.0),
        state="circumscribed",
    )
    findings = tuple(by_hand if f.concept == "margin" else f for f in first.findings)
    lower = birads(
        category="4A",
        statement="Irregular mass with a circumscribed margin: low suspicion of malignancy.",
        probabilities={"2": 0.0, "3": 0.09, "4A": 0.66, "4B": 0.21, "4C": 0.04, "5": 0.0},
        confidence_set=("4A", "4B"),
    )
    made = Provenance(by="Dr A. Example", signals=first.provenance.signals)
    return first, breast(findings=findings, assessments=(lower, malignancy()), revises=first.id, provenance=made)


def eye_assessment(red: str) -> Assessment:
    return Assessment(
        question="dr-grade",
        guideline=EYE_GUIDELINE,
        category="2",
        statement="Moderate non-proliferative diabetic retinopathy, as far as one field shows.",
        probabilities={"0": 0.004, "1": 0.09, "2": 0.76, "3": 0.12, "4": 0.026},
        confidence_set=("2", "3", "4"),
        coverage=0.9,
        derivation=Step(
            claim="Grade 2: more than microaneurysms alone, less than grade 3",
            truth=Truth.UNKNOWN,
            citation="ICDR scale 2003",
            ground="published",
            verified="source",
            because=(
                Step(claim=f"red lesions are {red}", truth=Truth.MET, ground="observed"),
                Step(claim="four quadrants of haemorrhages: one field cannot show them", truth=Truth.UNKNOWN, ground="observed"),
            ),
        ),
        next_step="Refer to an ophthalmologist",
        next_step_shared=False,
        sufficient_reason=((Condition(concept="hard_exudates", state="present"),),),
    )


def eye(red: Sequence[Outline], exudates: Sequence[Outline], disc: Outline, study: StudyRef) -> Reading:
    places = {
        "red": Region(outlines=tuple(red), unit="px", meaning="red lesions, one by one", share=0.62),
        "exudates": Region(outlines=tuple(exudates), unit="px", meaning="hard exudates, one by one", share=0.81),
        "disc": Region(outlines=(disc,), unit="px", meaning="optic disc"),
    }
    one_field = "one field of view cannot show it"
    findings = (
        judged("red_lesions", ("none", "few", "many"), (0.004, 0.106, 0.89), region=places["red"], reliability=figures(0.94)),
        judged("hard_exudates", YES_NO, (0.003, 0.997), region=places["exudates"], reliability=figures(0.96, human=0.97)),
        judged("exudate_near_macula", YES_NO, (0.22, 0.78), reliability=figures(0.89)),
        judged("optic_disc", ("not seen", "seen"), (0.0, 1.0), region=places["disc"], reliability=figures(0.99)),
        *(
            Finding(concept=name, observer=EYE_MODEL, states=YES_NO, unknown_because=one_field)
            for name in ("haemorrhages_four_quadrants", "venous_beading", "irma", "new_vessels", "vitreous_haemorrhage")
        ),
    )
    reader = ReaderRef(name="fundus", version="1.0", weights_sha256="9b" * 32)
    return Reading(study=study, reader=reader, findings=findings, assessments=(eye_assessment("many"),))


def fundus() -> Reading:
    spots = [ellipse(80 + 23 * (i % 9), 60 + 31 * (i // 9), 7, 6) for i in range(40)]
    study = StudyRef(pixels_sha256="fe" * 32, width=400, height=300, modality="OP")
    return eye(spots[:25], spots[25:], ellipse(320, 150, 40, 46), study)


@pytest.fixture(scope="session")
def readings() -> Mapping[str, Reading]:
    """One reading of each kind that a report must be able to show."""
    return {
        "breast": breast(),
        "fundus": fundus(),
        "abstained": abstained(),
        "no spacing": without_spacing(),
        "revised": revised()[1],
        "nothing": breast(findings=(), assessments=(), cautions=()),
    }


@pytest.fixture(scope="session")
def build() -> Callable[..., Reading]:
    """Makes a breast reading with the given parts changed."""
    return breast


@pytest.fixture(scope="session")
def assess() -> Callable[..., Assessment]:
    """Makes the assessment of the breast reading with the given parts changed."""
    return birads


@pytest.fixture(scope="session")
def before_and_after() -> tuple[Reading, Reading]:
    """An earlier reading and the one in which a person set the margin."""
    return revised()


@pytest.fixture(scope="session")
def pixels() -> np.ndarray:
    """Grey pixels (240, 320) of the breast readings: speckle and a dark ellipse."""
    rows, columns = np.mgrid[:240, :320]
    speckle = np.random.default_rng(7).normal(120, 25, (240, 320))
    dark = ((columns - 160) / 60) ** 2 + ((rows - 112) / 42) ** 2 < 1
    return np.clip(speckle - 80 * dark, 0, 255).astype(np.uint8)
