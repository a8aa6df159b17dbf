"""Random readings of any guideline pack: findings called, hedged, open, not judged or measured, concluded by the pack itself."""

from collections.abc import Mapping

import numpy as np

from pellucid.assess.lesions import assess_stated
from pellucid.assess.typed import Typed
from pellucid.errors import InputError
from pellucid.knowledge import Guideline, load_guideline
from pellucid.knowledge.terms import Entry
from pellucid.record import Assessment, Finding, Observer, Provenance, ReaderRef, Reading, Region, StudyRef

MODEL, PERSON = Observer(name="reader-x", kind="model"), Observer(name="Dr Example", kind="person")
WHY = ("motion", "no pixel spacing", "one field does not show it", "outside the field of view", "this reader was not taught it")
FEWEST = 0.35
"""The share of a pack's concepts that a random reading leaves out, at most."""


def random_reading(pack: str | Guideline, generator: np.random.Generator, *, image: bool | None = None) -> Reading:
    """A reading with random findings of the pack; of an image, or stated."""
    guideline = load_guideline(pack) if isinstance(pack, str) else pack
    seen = bool(generator.random() < 0.6) if image is None else image
    for attempt in range(60):
        try:
            return _tried(guideline, generator, generator.random() * FEWEST + attempt / 60, seen=seen)
        except InputError:
            continue  # findings that cannot be so together
    raise InputError(f"expected findings of {guideline.name} that can be so together, got none in 60 draws")


def _tried(guideline: Guideline, generator: np.random.Generator, left_out: float, *, seen: bool) -> Reading:
    observer = MODEL if seen else PERSON
    findings: dict[str, Finding] = {}
    for name, entry in guideline.entries.items():
        if generator.random() >= left_out:
            findings[name] = random_finding(entry, observer, generator)
    if not findings:
        name, entry = next(iter(guideline.entries.items()))
        findings[name] = random_finding(entry, observer, generator)
    typed = Typed(MODEL if seen else Observer(name=PERSON.name, kind="model"), {"the examination": tuple(findings.values())})
    made = assess_stated(typed, guideline).lesions[0].reading
    if seen:
        return _seen(made, generator)
    return Reading(
        study=made.study,
        reader=made.reader,
        findings=made.findings,
        assessments=made.assessments,
        cautions=made.cautions,
        provenance=Provenance(by=PERSON.name),
    )


def random_finding(entry: Entry, observer: Observer, generator: np.random.Generator) -> Finding:
    """A finding of one concept."""
    concept = entry.concept
    kind = generator.random()
    if kind < 0.1:
        why = str(generator.choice(WHY))
        return Finding(concept=concept.name, observer=observer, states=concept.states, unit=concept.unit, unknown_because=why)
    if concept.states is None:
        low, high = entry.plausible or (1.0, 50.0)
        whole = concept.unit in ("1", "years", "months", "%")
        value = float(np.round(generator.uniform(low, min(high, low + 60)), 0 if whole else 1))
        spread = 0.0 if whole or kind < 0.5 else float(np.round(generator.uniform(0.1, 3), 2))
        return Finding(concept=concept.name, observer=observer, unit=concept.unit, value=value, sd=spread)
    return _state(concept.name, concept.states, observer, generator)


def _state(name: str, states: tuple[str, ...], observer: Observer, generator: np.random.Generator) -> Finding:
    top = int(generator.integers(len(states)))
    if generator.random() < 0.5:
        shares = np.eye(len(states))[top]
    else:
        rest = generator.dirichlet(np.ones(len(states)))
        weight = generator.uniform(0.2, 0.98)
        shares = weight * np.eye(len(states))[top] + (1 - weight) * rest
    shares = np.round(shares, 6)
    shares[top] += 1 - shares.sum()
    best = int(shares.argmax())
    settled = shares[best] > 0.5 or generator.random() < 0.5
    probabilities = tuple(float(min(1.0, max(0.0, round(p, 6)))) for p in shares)
    return Finding(
        concept=name, observer=observer, states=states, probabilities=probabilities, state=states[best] if settled else None
    )


def _seen(made: Reading, generator: np.random.Generator) -> Reading:
    """The reading as if an image had been read: a study with a side, an outline, confidence sets."""
    x, y = generator.uniform(20, 220), generator.uniform(20, 180)
    outline = ((x, y), (x + 60, y), (x + 60, y + 40), (x, y + 40))
    region = Region(outlines=(outline,), unit="px", meaning="outline of the lesion")
    findings = tuple(f.model_copy(update={"region": region}) if f.unit and f.value is not None else f for f in made.findings)
    side: Mapping[str, str] = {"laterality": str(generator.choice(["L", "R"]))} if generator.random() < 0.8 else {}
    assessments = tuple(_with_set(a, generator) for a in made.assessments)
    return Reading(
        study=StudyRef(pixels_sha256="ab" * 32, width=320, height=260, modality="US", ids=dict(side)),
        reader=ReaderRef(name="reader-x", version="1.0", weights_sha256="cd" * 32),
        findings=findings,
        assessments=assessments,
        cautions=made.cautions,
    )


def _with_set(assessment: Assessment, generator: np.random.Generator) -> Assessment:
    """An assessment with a confidence set around its category."""
    if assessment.category is None or generator.random() < 0.3:
        return assessment
    names = list(assessment.probabilities)
    at = names.index(assessment.category)
    low, high = max(0, at - int(generator.integers(0, 3))), min(len(names), at + 1 + int(generator.integers(0, 3)))
    held = tuple(names[low:high])
    shared = bool(generator.random() < 0.5) if len(held) > 1 else None
    return assessment.model_copy(update={"confidence_set": held, "coverage": 0.9, "next_step_shared": shared})
