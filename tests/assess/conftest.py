"""A small invented guideline, findings on it, and readings concluded with it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pellucid.assess.conclude import Ask, conclude_all
from pellucid.knowledge import Guideline, load_guideline_file
from pellucid.record import Finding, Observer, Provenance, ReaderRef, Reading, SetRule, Signals, StudyRef

MODEL = Observer(name="toy 1.0", kind="model")
Spacing = tuple[float, float] | None
HASHES = {"weights_sha256": "b" * 64, "calibration_sha256": "c" * 64, "card_sha256": "d" * 64}
EDGE, SHAPE = ("smooth", "rough"), ("oval", "irregular")

PACK = """
name: toy-mass
edition: "2024"
title: Invented, for tests only
sources:
  book: {kind: publication, short: Toy book, reference: nobody}
  data: {kind: data, short: Toy data, reference: invented}
concepts:
  edge:
    label: edge of the mass
    definition: where it ends
    states: [smooth, rough]
  shape: {definition: outline, states: [oval, irregular]}
  vessels: {definition: never seen on one image, states: [absent, present], when_unknown: not stated}
  size: {definition: longest diameter, unit: mm}
scorecards:
  card:
    outcome: alarm
    terms:
      - {when: {is: {edge: rough}}, points: 2}
      - {when: {is: {shape: irregular}}, points: 1}
    risks: [0.01, 0.2, 0.6, 0.97]
    cite: {source: data, clause: "10 cases", verified: recomputed}
    figures: {n: 10}
questions:
  grade:
    label: grade of the mass
    noun: grade
    needs: [edge]
    categories:
      low:
        statement: A calm mass.
        next_step: {text: Nothing to do., cite: {source: book, clause: "1", verified: source}}
      middle:
        statement: A doubtful mass.
        next_step: {text: Tissue diagnosis., cite: {source: book, clause: "2", verified: source}}
      high:
        statement: An alarming mass.
        next_step: {text: Tissue diagnosis., cite: {source: book, clause: "3", verified: source}}
    proposal:
      bands:
        scorecard: card
        limits: [{category: low, up_to: 0.05}, {category: middle, up_to: 0.5}, {category: high, up_to: 1.0}]
        cite: {source: book, clause: limits, verified: source}
    rules:
      - id: R1
        claim: a mass of 20 mm or more is at least middle
        at_least: middle
        when: {at_least: {size: 20}}
        cite: {source: book, clause: "4", verified: source}
      - id: R2
        claim: a mass with vessels is high
        exactly: high
        when: {is: {vessels: present}}
        cite: {source: book, clause: "5", verified: source}
    limits: [Vessels cannot be seen on one image.]
  alarm:
    label: is it alarming
    noun: answer
    categories:
      calm: {statement: The findings speak for a calm mass.}
      alarming: {statement: The findings speak for an alarming mass.}
    proposal: {outcome: {scorecard: card, positive: alarming, threshold: 0.5, why: invented}}
"""


def judged(concept: str, states: tuple[str, ...], second: float, point: float = 0.8, observer: Observer = MODEL) -> Finding:
    """A finding on two states; called where one of them reaches the operating point."""
    p = (round(1 - second, 6), second)
    state = next((s for s, q in zip(states, p, strict=True) if q >= point), None)
    return Finding(concept=concept, observer=observer, states=states, probabilities=p, state=state)


def _unknown(concept: str, states: tuple[str, ...], because: str = "no mass was found") -> Finding:
    return Finding(concept=concept, observer=MODEL, states=states, unknown_because=because)


def findings(rough: float | None = 0.05, irregular: float | None = 0.1, size: float | None = 8.0) -> tuple[Finding, ...]:
    """Findings on the toy guideline; None where it could not be judged."""
    edge = judged("edge", EDGE, rough) if rough is not None else _unknown("edge", EDGE)
    shape = judged("shape", SHAPE, irregular) if irregular is not None else _unknown("shape", SHAPE)
    vessels = _unknown("vessels", ("absent", "present"), "one image cannot show it")
    long = Finding(concept="size", observer=MODEL, unit="mm", value=size, sd=0.5) if size is not None else None
    return (edge, shape, vessels, long or Finding(concept="size", observer=MODEL, unit="mm", unknown_because="no pixel spacing"))


@pytest.fixture(scope="session")
def pack_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pack") / "guideline.yaml"
    path.write_text(PACK, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def pack(pack_file: Path) -> Guideline:
    return load_guideline_file(pack_file)


RULES = {
    "grade": SetRule(method="ordinal-aps", threshold=0.9, coverage=0.9, n=100),
    "alarm": SetRule(method="lac", threshold=0.7, coverage=0.9, n=100),
}


@pytest.fixture(scope="session")
def conclude_toy(pack: Guideline) -> Callable[..., Reading]:
    """A reading of findings, concluded with the toy guideline."""

    def reading(found: tuple[Finding, ...], signals: Signals | None = None, spacing: Spacing = (0.1, 0.1)) -> Reading:
        study = StudyRef(pixels_sha256="a" * 64, width=100, height=80, spacing_mm=spacing, source="x.png")
        asks = [Ask(pack, question, RULES[question]) for question in pack.questions]
        assessments, told = conclude_all(study, found, asks, signals or Signals())
        return Reading(
            study=study,
            reader=ReaderRef(name="toy", version="1.0", **HASHES),
            findings=found,
            assessments=assessments,
            cautions=told,
            provenance=Provenance(signals=signals or Signals(), created="2026-01-01T00:00:00+00:00"),
        )

    return reading
