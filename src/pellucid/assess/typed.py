"""Findings that a person typed, or that another system exported: one strict YAML file, checked against a guideline.

    by: Dr Ada                         # who says so; `by: {name: VendorX 2.1, kind: model}` for another system
    findings: {age: 62 y, setting: screening}          # of the whole examination
    lesions:                                           # each beside the findings of the examination
      right upper lobe: {nodule_type: solid, mean_diameter: 7.9 ± 0.5 mm, spiculation: {absent: 0.7, present: 0.3}}
      left lower lobe: {nodule_type: part-solid, mean_diameter: 9 mm, solid_diameter: unknown}

A value is a state, states with probabilities, a measurement (a plain number is in the concept's unit), `unknown`, or
`'unknown: why'` in quotes.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pellucid.errors import InputError
from pellucid.knowledge import Guideline
from pellucid.knowledge.fields import Place
from pellucid.knowledge.risk import load_risk_model
from pellucid.knowledge.strict_yaml import parse
from pellucid.knowledge.terms import Entry
from pellucid.record import PROBABILITY_TOLERANCE, Finding, Observer

CALLED_ABOVE = 0.5
"""A state is called where its probability is above this; below, the finding stays unsure."""
WHOLE = "the examination"
MEASURED = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*(?:(?:±|\+/-)\s*(\d+(?:\.\d+)?))?\s*([^\d\s±+/-]\S*)?")
UNKNOWN = re.compile(r"(?:unknown|not judged|not assessable)(?:\s*:\s*(.+))?")
NOT_RECORDED = "not recorded"


@dataclass(frozen=True)
class Typed:
    """The findings of one examination: per lesion, those of the examination included; one unnamed lesion where none is named."""

    observer: Observer
    lesions: Mapping[str, tuple[Finding, ...]]


def read_typed(path: str | Path, guideline: Guideline) -> Typed:
    """The findings in a YAML file.

    Raises InputError (GuidelineError with file and line) where the file is not such YAML, or a finding does not fit its concept.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(
            f"{file}: expected findings in YAML, got no such file; `pellucid guidelines show NAME --template` prints one"
        )
    fields = Place(parse(file.read_bytes(), str(file)), str(file)).fields()
    observer = _observer(fields.take("by"))
    fields.maybe("guideline")
    shared, lesions = fields.maybe("findings"), fields.maybe("lesions")
    known = askable(guideline)
    common = _findings(shared, known, observer) if shared else {}
    if lesions is None:
        fields.done()
        if not common:
            fields.place.refuse("findings, lesions, or both", "neither")
        return Typed(observer, {WHOLE: tuple(common.values())})
    found: dict[str, tuple[Finding, ...]] = {}
    for name, body in lesions.pairs():
        found[name] = tuple({**common, **_findings(body, known, observer)}.values())
    if not found:
        lesions.refuse("one lesion or more", "none")
    fields.done()
    return Typed(observer, found)


def guideline_named(path: str | Path) -> str | None:
    """The guideline that a file of findings names, where it names one."""
    file = Path(path)
    if not file.is_file():
        return None
    named = dict(Place(parse(file.read_bytes(), str(file)), str(file)).pairs()).get("guideline")
    return named.text() if named else None


def _observer(place: Place) -> Observer:
    if isinstance(place.node.value, str):
        return Observer(name=place.text(), kind="person")
    fields = place.fields()
    name, kind = fields.take("name").text(), fields.take("kind")
    fields.done()
    if kind.text() not in ("person", "model"):
        kind.refuse("person or model", kind.text())
    return Observer(name=name, kind="model" if kind.text() == "model" else "person")


def askable(guideline: Guideline) -> dict[str, Entry]:
    """Every concept that may be stated: the guideline's own, and what its second opinions ask for beside them."""
    models = dict.fromkeys(name for question in guideline.questions.values() for name in question.second_opinions)
    found = dict(guideline.entries)
    for model in models:
        for name, asked in load_risk_model(model).inputs.items():
            found.setdefault(name, Entry(asked.concept, "{state}", plausible=asked.plausible))
    return found


def _findings(place: Place, known: Mapping[str, Entry], observer: Observer) -> dict[str, Finding]:
    found: dict[str, Finding] = {}
    for name, value in place.pairs():
        if name not in known:
            value.unknown("concept", name, list(known))
        found[name] = _finding(known[name], value, observer)
    return found


def _finding(entry: Entry, place: Place, observer: Observer) -> Finding:
    concept, value = entry.concept, place.node.value
    why = NOT_RECORDED if value is None else None
    if isinstance(value, str) and (given := UNKNOWN.fullmatch(value)) and value not in (concept.states or ()):
        why = given.group(1) or NOT_RECORDED
    if why is not None:
        return Finding(concept=concept.name, observer=observer, states=concept.states, unit=concept.unit, unknown_because=why)
    if concept.states is not None:
        return _state(concept.name, concept.states, place, observer)
    measured, sd = _measured(entry, place)
    return Finding(concept=concept.name, observer=observer, unit=concept.unit, value=measured, sd=sd)


def _state(name: str, states: tuple[str, ...], place: Place, observer: Observer) -> Finding:
    if isinstance(place.node.value, dict):
        shares = {state: share.number() for state, share in place.pairs()}
    else:
        is_number = isinstance(place.node.value, int) and not isinstance(place.node.value, bool)
        said = str(place.node.value) if is_number else place.text()
        shares = {said: 1.0}
    for state in shares:
        if state not in states:
            place.unknown(f"state of {name}", state, list(states))
    total = sum(shares.values())
    if min(shares.values(), default=0.0) < 0 or abs(total - 1) > PROBABILITY_TOLERANCE:
        place.refuse(f"probabilities of {name} between 0 and 1 that sum to 1", f"{total:g} in all")
    probabilities = tuple(shares.get(state, 0.0) for state in states)
    called = [state for state, p in zip(states, probabilities, strict=True) if p > CALLED_ABOVE]
    return Finding(
        concept=name, observer=observer, states=states, probabilities=probabilities, state=called[0] if called else None
    )


def _measured(entry: Entry, place: Place) -> tuple[float, float]:
    """Value and standard deviation; where none is stated, the pack's repeatability, or 0."""
    concept, value = entry.concept, place.node.value
    usual = entry.repeatability.sd if entry.repeatability else 0.0
    if isinstance(value, int | float) and not isinstance(value, bool):
        number, sd = float(value), usual
    else:
        found = MEASURED.fullmatch(place.text().strip())
        if found is None:
            place.refuse(f"a measurement of {concept.name} such as '7.9 mm' or '7.9 ± 0.5 mm'", repr(place.text()))
        unit = found.group(3)
        if unit is not None and unit != concept.unit and not (concept.unit == "1" and unit is None):
            place.refuse(f"{concept.name} in {concept.unit}", f"{place.text()!r}")
        number, sd = float(found.group(1)), float(found.group(2)) if found.group(2) else usual
    limits = entry.plausible
    if not math.isfinite(number) or (limits and not limits[0] <= number <= limits[1]):
        expected = f"{limits[0]:g} to {limits[1]:g} {concept.unit}" if limits else "a finite number"
        place.refuse(f"{concept.name} of {expected} (is the unit right?)", f"{number:g}")
    return number, sd
