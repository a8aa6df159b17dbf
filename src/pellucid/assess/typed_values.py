"""One value that was typed, as a finding: a state, states with probabilities, a measurement with its error, or why unknown."""

import math
import re
from dataclasses import dataclass

from pellucid.knowledge.fields import Place
from pellucid.knowledge.terms import Entry
from pellucid.record import PROBABILITY_TOLERANCE, Finding, Observer

CALLED_ABOVE = 0.5
"""A state is called where its probability is above this; below, the finding stays unsure."""
MEASURED = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*(?:(?:±|\+/-)\s*(\d+(?:\.\d+)?))?\s*([^\d\s±+/-]\S*)?")
UNKNOWN = re.compile(r"(?:unknown|not judged|not assessable)(?:\s*:\s*(.+))?")
NOT_RECORDED = "not recorded"
WIDEST = 4
"""An error of more than the plausible range divided by this says nothing: its 95 % interval is the whole range."""


@dataclass(frozen=True)
class Stated:
    """A finding and where it stands in the file."""

    finding: Finding
    place: Place


def stated(entry: Entry, place: Place, observer: Observer) -> Stated:
    """What is said of one concept; GuidelineError with file and line where it does not fit the concept."""
    concept, value = entry.concept, place.node.value
    why = NOT_RECORDED if value is None else None
    if isinstance(value, str) and (given := UNKNOWN.fullmatch(value)) and value not in (concept.states or ()):
        why = given.group(1) or NOT_RECORDED
    if why is not None:
        blank = Finding(concept=concept.name, observer=observer, states=concept.states, unit=concept.unit, unknown_because=why)
        return Stated(blank, place)
    if concept.states is not None:
        return Stated(_state(concept.name, concept.states, place, observer), place)
    value, sd = measured(entry, place)
    return Stated(Finding(concept=concept.name, observer=observer, unit=concept.unit, value=value, sd=sd), place)


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


def measured(entry: Entry, place: Place) -> tuple[float, float]:
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
    if most := too_wide(entry, number, sd):
        place.refuse(f"an error of {concept.name} of at most {most:g} (± is one standard deviation)", f"{number:g} ± {sd:g}")
    return number, sd


def too_wide(entry: Entry, value: float, sd: float) -> float | None:
    """The largest error that a value may have, where its own is larger: of a quantity that cannot be negative the value itself,
    and always a quarter of the plausible range; None where the error can be.
    """
    if entry.plausible is None or (entry.repeatability and sd <= entry.repeatability.sd):
        return None
    low, high = entry.plausible
    most = (high - low) / WIDEST
    if low >= 0 and value > 0:
        most = min(most, value)
    return most if sd > most else None
