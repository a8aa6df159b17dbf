"""The course of a lesion worked out: where a finding holds an earlier measurement, the findings of the pack that growth decides.

A finding that somebody judged stands, whatever the measurements say; `set_aside` tells where the two are hard to reconcile.
Where a guideline counts growth of the whole or of its solid part, the two are taken as independent. A size limit that the
measured values pass without growth has a state of its own where the guideline has one (it classifies such a nodule anew by its
size): the probability of not having grown then goes there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pellucid.errors import InputError
from pellucid.knowledge.growth import DECIMALS, OUTCOMES, Growth, Pair, growth, pair_of_findings
from pellucid.knowledge.growth_criteria import CRITERIA, Criterion, Outcome, Sign
from pellucid.knowledge.guideline import Guideline
from pellucid.knowledge.terms import rounded
from pellucid.record import Finding, Step, Truth

HARDLY = 0.05
"""Where two measurements leave less to what was stated, the two are hard to reconcile."""


@dataclass(frozen=True)
class Measured:
    """One measurement taken twice, and what that says of growth."""

    finding: Finding
    pair: Pair
    growth: Growth
    label: str


def criterion_of(guideline: Guideline) -> Criterion | None:
    """What the guideline calls growth; None where nothing is held here."""
    return CRITERIA.get(f"{guideline.name}-{guideline.edition}")


def measures_of(guideline: Guideline) -> tuple[str, ...]:
    """The measurements whose growth decides a finding of the guideline."""
    rule = criterion_of(guideline)
    return tuple(dict.fromkeys(name for sign in rule.signs for name in sign.measures)) if rule else ()


def courses(guideline: Guideline, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings that follow from two measurements and that nobody judged, each with its derivation.

    InputError where the measurements cannot be compared.
    """
    by_name = {finding.concept: finding for finding in findings}
    worked = _worked(guideline, by_name)
    return tuple(found for found in worked if not _judged(by_name.get(found.concept)))


def set_aside(guideline: Guideline, findings: Sequence[Finding]) -> tuple[tuple[bool, str], ...]:
    """What two measurements say beside a finding that somebody judged all the same: whether it is hard to reconcile, in words."""
    by_name = {finding.concept: finding for finding in findings if finding.because is None}
    told: list[tuple[bool, str]] = []
    for found in _worked(guideline, by_name):
        stated = by_name.get(found.concept)
        if stated is None or not _judged(stated):
            continue
        rule = criterion_of(guideline)
        sign = next(sign for sign in rule.signs if sign.concept == found.concept) if rule else None
        label = guideline.concepts[found.concept].label
        hard = sign is not None and _agreement(sign, stated, found) < HARDLY
        said = stated.state or "a distribution"
        claim = found.because.claim if found.because else ""
        verdict = "the two are hard to reconcile; what was stated stands" if hard else "what was stated stands"
        told.append((hard, f"{label} was stated ({said}, {stated.observer.name}) beside two measurements: {claim}: {verdict}"))
    return tuple(told)


def _agreement(sign: Sign, stated: Finding, found: Finding) -> float:
    """The probability that stated and measured course are both growth, or both not."""
    grows = sign.states["growing"]
    names = found.states or ()
    measured = dict(zip(names, found.probabilities or (), strict=True)).get(grows, 0.0)
    given = dict(zip(stated.states or (), stated.probabilities or (), strict=True)).get(grows, 0.0)
    return given * measured + (1 - given) * (1 - measured)


def _judged(finding: Finding | None) -> bool:
    return finding is not None and finding.unknown_because is None


def _worked(guideline: Guideline, by_name: Mapping[str, Finding]) -> list[Finding]:
    rule = criterion_of(guideline)
    found: list[Finding] = []
    for sign in rule.signs if rule else ():
        twice = [_twice(guideline, rule, by_name[name]) for name in sign.measures if name in by_name and by_name[name].earlier]
        if rule and twice:
            found.append(_finding(guideline, rule, sign, twice, by_name))
    return found


def _twice(guideline: Guideline, rule: Criterion | None, now: Finding) -> Measured:
    before, name = now.earlier, rule.name if rule else ""
    if before is None:
        raise InputError(f"growth: expected an earlier {now.concept}, got none")
    pair = pair_of_findings(now.model_copy(update={"value": before.value, "sd": before.sd}), now, before.months)
    return Measured(now, pair, growth(pair, name), guideline.concepts[now.concept].label)


def _finding(
    guideline: Guideline, rule: Criterion, sign: Sign, twice: Sequence[Measured], by_name: Mapping[str, Finding]
) -> Finding:
    concept = guideline.concepts[sign.concept]
    shares = _together(twice)
    called = max((one.growth.measured for one in twice), key=OUTCOMES.index)
    passed = _limit_passed(guideline, sign, by_name)
    states = {outcome: sign.states.get(outcome, sign.states["stable"]) for outcome in OUTCOMES}
    if passed and sign.passed:
        states |= {"stable": sign.passed, "decreased": sign.passed}
    names = concept.states or ()
    summed = tuple(min(round(sum(shares[o] for o in OUTCOMES if states[o] == name), DECIMALS), 1.0) for name in names)
    told = ", ".join(f"{name} {p:.2f}" for p, name in sorted(zip(summed, names, strict=True), key=lambda one: -one[0]) if p)
    claim = f"{concept.label}, worked out from {' and '.join(_told(one) for one in twice)}: {told}"
    because = (*(_step(rule, one) for one in twice), *([_passed_step(passed, sign)] if passed and sign.passed else []))
    step = Step(claim=claim, truth=Truth.MET, because=because, citation=rule.citation, verified=rule.verified, ground="published")
    return Finding(
        concept=sign.concept,
        observer=twice[0].finding.observer,
        states=names,
        probabilities=summed,
        state=states[called],
        because=step,
    )


def _together(twice: Sequence[Measured]) -> dict[Outcome, float]:
    """The outcome of the most grown of independent measurements."""
    found: dict[Outcome, float] = {}
    below = 1.0
    for outcome in reversed(OUTCOMES):
        rest = 1.0
        for one in twice:
            shares = _shares(one.growth)
            rest *= max(sum(shares[o] for o in OUTCOMES[: OUTCOMES.index(outcome)]), 0.0)
        found[outcome], below = max(below - rest, 0.0), rest
    return found


def _shares(one: Growth) -> dict[Outcome, float]:
    return {"decreased": one.decreased, "stable": one.stable, "slowly growing": one.slowly, "growing": one.growing}


def _told(one: Measured) -> str:
    p = one.pair
    return (
        f"the {one.label} of {p.first_mm:g} ± {p.first_sd_mm:.2g} mm and, {p.months:g} months later, "
        f"{p.second_mm:g} ± {p.second_sd_mm:.2g} mm"
    )


def _step(rule: Criterion, one: Measured) -> Step:
    """By how much the measured values differ, against what the guideline calls growth."""
    rise = one.pair.second_mm - one.pair.first_mm
    limit = one.growth.threshold
    if limit is None:
        over = "no growth over this interval counts"
    elif rule.kind == "ratio":
        over = f"growth is {limit:g} times the earlier one"
    else:
        over = f"growth is {'at least' if rule.inclusive else 'more than'} {limit:g} mm"
    changed = f"the {one.label} changed by {rise:+.3g} mm, {one.pair.second_mm / one.pair.first_mm:.2f} times the earlier one"
    claim = (
        f"{changed}; {over} ({rule.claim}): probability {one.growth.growing:.2f} with the error of both measurements, "
        f"{one.growth.any_increase:.2f} that it grew at all"
    )
    assumed = (Step(claim=one.growth.assumption, truth=Truth.MET),) if one.growth.assumption else ()
    met = Truth.MET if one.growth.measured == "growing" else Truth.NOT_MET
    return Step(claim=claim, truth=met, because=assumed, citation=rule.citation, verified=rule.verified, ground="published")


def _limit_passed(guideline: Guideline, sign: Sign, by_name: Mapping[str, Finding]) -> str | None:
    """In words, the size limit that the measured values pass; of any type of lesion where the type is not certain."""
    kind = by_name.get(sign.kind or "")
    for name, by_kind in sign.limits.items():
        now = by_name.get(name)
        if now is None or now.earlier is None or now.value is None:
            continue
        step = guideline.entries[name].rounded_to
        asked = [kind.state] if kind is not None and kind.state is not None and kind.state in by_kind else list(by_kind)
        if kind is not None and kind.state is not None and kind.state not in by_kind:
            continue
        for limit in sorted({limit for one in asked for limit in by_kind[one]}):
            if rounded(now.earlier.value, step) < limit <= rounded(now.value, step):
                return f"the {name.replace('_', ' ')} passes the size limit of {limit:g} mm"
    return None


def _passed_step(passed: str, sign: Sign) -> Step:
    claim = f"{passed}, so that without growth the nodule is classified anew by its size"
    return Step(claim=claim, truth=Truth.MET, citation=sign.passed_citation, verified="background", ground="published")
