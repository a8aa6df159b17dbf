"""Two readings of the same lesions: what an earlier one measured stands beside what is stated now."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pellucid.assess.typed import Typed
from pellucid.assess.typed_earlier import INTERVAL, MOST_MONTHS, fault_of_earlier
from pellucid.errors import InputError
from pellucid.knowledge import Guideline
from pellucid.knowledge.course import criterion_of, measures_of
from pellucid.knowledge.growth_criteria import CRITERIA, Criterion
from pellucid.record import Earlier, Finding, Reading


def with_readings(typed: Typed, guideline: Guideline, before: Mapping[str, Reading], months: float | None) -> Typed:
    """The findings with the measurements of an earlier examination, lesion by lesion of the same name; one reading and one lesion
    belong together whatever they are called. Lesions that the earlier examination does not have stay as they are.

    `months` is the time between the two (None: what the findings state as the time since the earlier examination). InputError
    where nothing can be compared, or where the findings leave no earlier measurement.
    """
    rule = criterion_of(guideline)
    if rule is None:
        known = ", ".join(CRITERIA)
        raise InputError(f"earlier reading: expected a guideline with a criterion of growth ({known}), got {guideline.name}")
    if len(before) == 1 and len(typed.lesions) == 1:
        before = dict(zip(typed.lesions, before.values(), strict=True))
    common = [name for name in typed.lesions if name in before]
    if not common:
        here, there = (", ".join(names) for names in (typed.lesions, before))
        raise InputError(f"earlier reading: expected a lesion of the same name in both, got {there} then and {here} now")
    lesions = {
        name: _lesion(typed, name, guideline, before[name], _months(rule, name, found, months)) if name in common else found
        for name, found in typed.lesions.items()
    }
    return replace(typed, lesions=lesions)


def _months(rule: Criterion, name: str, found: Sequence[Finding], months: float | None) -> float:
    if months is None:
        since = next((f.value for f in found if f.concept == rule.interval), None)
        if since is None or since <= 0:
            what = f", or {rule.interval}" if rule.interval else ""
            raise InputError(f"{name}: expected the months between the two readings ({INTERVAL}{what}), got none")
        return since
    if not 0 < months <= MOST_MONTHS:  # NaN fails too
        raise InputError(f"{name}: expected {INTERVAL} above 0 and at most {MOST_MONTHS:g}, got {months:g}")
    return months


def _lesion(typed: Typed, name: str, guideline: Guideline, before: Reading, months: float) -> tuple[Finding, ...]:
    found = typed.lesions[name]
    rule = criterion_of(guideline)
    where = f"{place}: {name}" if (place := typed.place(name)) else name
    if any(f.earlier for f in found):
        raise InputError(f"{where}: expected one earlier measurement, got one in the file and an earlier reading: leave one out")
    if rule and (fault := fault_of_earlier(rule, {f.concept: f for f in found}, months)):
        raise InputError(f"{where}: expected {fault[0]}, got {fault[1]}")
    made = tuple(_measured_before(f, before, months) if f.concept in measures_of(guideline) else f for f in found)
    if not any(f.earlier for f in made):
        wanted = " or ".join(measures_of(guideline))
        raise InputError(f"{where}: expected {wanted} in both readings, got none that both have (earlier: {before.id[:12]}…)")
    return made


def _measured_before(now: Finding, before: Reading, months: float) -> Finding:
    then = before.finding(now.concept)
    if now.value is None or then is None or then.value is None or then.sd is None or then.unit != now.unit:
        return now
    return now.model_copy(update={"earlier": Earlier(value=then.value, sd=then.sd, months=months, reading=before.id)})
