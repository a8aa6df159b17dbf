"""The block `earlier` of typed findings: the same lesion measured before, in the file or in an earlier reading.

earlier: {interval_months: 6, mean_diameter: 6.1 ± 0.5 mm}
"""

from collections.abc import Mapping
from dataclasses import replace

from pellucid.assess.typed_values import Stated, measured
from pellucid.errors import GuidelineError, InputError
from pellucid.knowledge import Guideline
from pellucid.knowledge.course import courses, criterion_of, measures_of
from pellucid.knowledge.fields import Fields, Place
from pellucid.knowledge.growth_criteria import CRITERIA, Criterion
from pellucid.record import Earlier, Finding

INTERVAL = "interval_months"
MOST_MONTHS = 1200.0


def with_earlier(
    guideline: Guideline, found: Mapping[str, Stated], block: Place | None, shared: Place | None = None
) -> dict[str, Stated]:
    """The findings with what was measured before. `shared` is the block of the whole examination, which may hold the interval.

    GuidelineError with file and line where the block does not fit the guideline, the findings, or time.
    """
    if block is None:
        return dict(found)
    rule = criterion_of(guideline)
    if rule is None:
        known = ", ".join(CRITERIA)
        block.refuse(f"no `earlier`, for {guideline.name} has no criterion of growth here ({known} have one)", "one")
    fields = block.fields()
    months = _interval(fields, shared, rule, found)
    before = {name: place for name in measures_of(guideline) if (place := fields.maybe(name)) is not None}
    fields.done()
    if not before:
        block.refuse(f"an earlier {' or '.join(measures_of(guideline))}", f"only {INTERVAL}")
    if fault := fault_of_earlier(rule, {name: one.finding for name, one in found.items()}, months):
        block.refuse(*fault)
    made = dict(found)
    for name, place in before.items():
        now = found.get(name)
        if now is None or now.finding.value is None:
            place.refuse(f"{name} of this examination beside the earlier one", "none")
        value, sd = measured(guideline.entries[name], place)
        earlier = Earlier(value=value, sd=sd, months=months)
        made[name] = replace(now, finding=now.finding.model_copy(update={"earlier": earlier}))
    _check_comparable(guideline, made, block)
    return made


def interval_only(block: Place | None) -> None:
    """Refuses measurements in the block of an examination with several lesions: whose are they?"""
    if block is None:
        return
    for name, place in block.pairs():
        if name != INTERVAL:
            place.refuse(f"only {INTERVAL} in the `earlier` of several lesions; a measurement stands with its lesion", name)


def _interval(fields: Fields, shared: Place | None, rule: Criterion, found: Mapping[str, Stated]) -> float:
    place = fields.maybe(INTERVAL) or (dict(shared.pairs()).get(INTERVAL) if shared else None)
    since = found.get(rule.interval or "")
    stated = since.finding.value if since else None
    if place is None:
        if stated is None or stated <= 0:
            fields.place.refuse(f"the key {INTERVAL!r}: without the time between the two, growth cannot be judged", "none")
        return stated
    value = place.node.value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MOST_MONTHS:
        place.refuse(f"{INTERVAL} as a number of months above 0 and at most {MOST_MONTHS:g}", repr(value))
    return float(value)


def fault_of_earlier(rule: Criterion, found: Mapping[str, Finding], months: float) -> tuple[str, str] | None:
    """What was expected and what came, where the findings leave no earlier measurement so many months before; else None."""
    since = found.get(rule.interval or "")
    if since is not None and since.value is not None and months < since.value:
        least = f"{since.value:g} or more, the {rule.interval}"
        return f"{INTERVAL} of {least}: no earlier examination is later than the last one", f"{months:g}"
    age = found["age"].value if "age" in found else None
    if age is not None and months >= 12 * (age + 1):
        return f"{INTERVAL} within the {age:g} years that the patient has lived", f"{months:g}"
    for sign in rule.signs:
        said = found.get(sign.concept)
        if said is not None and said.state in sign.first_seen and max(said.probabilities or ()) == 1.0:
            return (
                f"no earlier measurement of a lesion whose {sign.concept} is stated as {said.state}",
                "one; correct one of them",
            )
    return None


def _check_comparable(guideline: Guideline, made: Mapping[str, Stated], block: Place) -> None:
    try:
        courses(guideline, [one.finding for one in made.values()])
    except InputError as error:
        raise GuidelineError(f"{block.file}:{block.node.line}: {error}") from None
