"""Growth of one lesion between two measurements, each with its error: a probability of growth, not a yes or no.

**Which error.** A finding that states its error keeps it; one that states none has `SD_OF_ONE_MM`, the one figure that the packs
give too (`growth_criteria` says where it comes from).

**What is computed.** Measured values with independent normal errors and no prior knowledge of growth: the true diameters are
normal around the measured ones, so the true increase passes a threshold t with probability Φ((d2 − d1 − t) / √(sd1² + sd2²)),
and the true ratio passes r with Φ((d2 − r·d1) / √(sd2² + r²·sd1²)). Both are exact. A measured increase just on the threshold
has probability one half. Guidelines set their threshold on the *measured* increase so that error alone seldom passes it; that
any growth took place at all is therefore given beside it, and is larger.

**Doubling time.** VDT = ln 2 · Δt / (3 · ln(d2 / d1)). Its error is far from normal, and it is infinite where nothing grew.
So the interval is taken of the doublings a year, by Fieller's exact limits of a ratio of normals, and turned over: an
interval of doublings that reaches zero means a doubling time without an upper limit.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pellucid.errors import InputError, UnknownName
from pellucid.knowledge.growth_criteria import CRITERIA, SD_OF_ONE_MM, Criterion, Outcome
from pellucid.record import Concept, Finding, Observer

DAYS_PER_MONTH = 30.4375
DAYS_PER_YEAR = 365.25
Z95 = 1.959963984540054
CLEAR_OF_ZERO = 3.0
"""A diameter must be so many standard deviations above zero for a ratio to mean anything (1 in 700 of its error lies below)."""
LARGEST_MM = 500.0
OUTCOMES: tuple[Outcome, ...] = ("decreased", "stable", "slowly growing", "growing")
DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Pair:
    """Two measurements of the same diameter of the same lesion, in mm with standard deviations, and the months between."""

    first_mm: float
    first_sd_mm: float
    second_mm: float
    second_sd_mm: float
    months: float

    def __post_init__(self) -> None:
        for name, value in (("first_mm", self.first_mm), ("second_mm", self.second_mm)):
            if not 0 < value <= LARGEST_MM:  # NaN fails too
                raise InputError(
                    f"growth: expected {name} above 0 and at most {LARGEST_MM:g} mm, got {value}; is the unit right?"
                )
        for name, value in (("first_sd_mm", self.first_sd_mm), ("second_sd_mm", self.second_sd_mm)):
            if not 0 <= value < math.inf:
                raise InputError(f"growth: expected {name} of 0 mm or more, got {value}")
        if not 0 < self.months <= 1200:
            raise InputError(f"growth: expected the interval in months, above 0 and at most 1200, got {self.months}")


@dataclass(frozen=True, slots=True)
class Growth:
    """Probabilities over the outcomes by one criterion; growing, slowly growing, decreased and stable sum to one."""

    growing: float
    decreased: float
    stable: float
    slowly: float
    """That it grew by the threshold over an interval so long that this is no growth by the criterion: slow growth."""
    any_increase: float
    """That the true diameter increased at all, by however little."""
    measured: Outcome
    """What the measured values say when they are taken as exact."""
    threshold: float | None
    """The increase in mm, or the ratio, that counts as growth over this interval; None where none can."""
    assumption: str | None
    """What was taken for granted about the interval."""


@dataclass(frozen=True, slots=True)
class DoublingTime:
    """Volume doubling time of a sphere, with a 95 % interval; None stands for no doubling, or for no upper limit."""

    days: float | None
    low_days: float | None
    high_days: float | None
    doublings_per_year: float
    low_doublings: float
    high_doublings: float


def growth(pair: Pair, criterion: str) -> Growth:
    """How probable it is that the lesion grew by a criterion of CRITERIA; UnknownName offers the nearest.

    Decrease has no published threshold in these guidelines: it is taken as the mirror image of growth.
    """
    rule = _criterion(criterion)
    threshold, assumption = _over_interval(rule, pair.months)
    growing, grew = (0.0, False) if threshold is None else _grew(pair, rule, threshold)
    decreased, shrank = _grew(_mirrored(pair), rule, rule.threshold if threshold is None else threshold)
    slowly, crept = _slowly(pair, rule, growing)
    growing, decreased, slowly = round(growing, DECIMALS), round(decreased, DECIMALS), round(slowly, DECIMALS)
    return Growth(
        growing=growing,
        decreased=decreased,
        stable=round(max(1.0 - growing - decreased - slowly, 0.0), DECIMALS),
        slowly=slowly,
        any_increase=round(_passes(pair, 0.0, 1.0), DECIMALS),
        measured="growing" if grew else "slowly growing" if crept else "decreased" if shrank else "stable",
        threshold=threshold,
        assumption=assumption,
    )


def _slowly(pair: Pair, rule: Criterion, growing: float) -> tuple[float, bool]:
    """What passes the threshold over an interval longer than the criterion's without passing the one in proportion."""
    if rule.longer != "pro rata" or rule.within_months is None or pair.months <= rule.within_months:
        return 0.0, False
    share, crept = _grew(pair, rule, rule.threshold)
    return max(share - growing, 0.0), crept


def _mirrored(pair: Pair) -> Pair:
    return Pair(pair.second_mm, pair.second_sd_mm, pair.first_mm, pair.first_sd_mm, pair.months)


def _criterion(name: str) -> Criterion:
    if name not in CRITERIA:
        raise UnknownName("growth criterion", name, CRITERIA)
    return CRITERIA[name]


def _over_interval(rule: Criterion, months: float) -> tuple[float | None, str | None]:
    """The threshold over this interval (None: it cannot be met), and what that takes for granted."""
    if rule.within_months is None or months <= rule.within_months:
        return rule.threshold, None
    longer = f"the interval of {months:g} months is longer than the {rule.within_months:g} months of the criterion"
    if rule.longer == "never":
        return None, f"{longer}, so that growth over it does not count"
    return rule.threshold * months / rule.within_months, f"{longer}; growth is taken as even over it"


def _grew(pair: Pair, rule: Criterion, threshold: float) -> tuple[float, bool]:
    """Probability that the true values pass the threshold, and whether the measured ones do."""
    rise, ratio = (threshold, 1.0) if rule.kind == "millimetres" else (0.0, threshold)
    if rule.kind == "ratio":
        _check_clear_of_zero(pair)
    excess = _rounded(pair.second_mm - ratio * pair.first_mm - rise)
    met = excess > 0 or (rule.inclusive and excess == 0)
    return _passes(pair, rise, ratio, met), met


def _check_clear_of_zero(pair: Pair) -> None:
    for name, value, sd in (("earlier", pair.first_mm, pair.first_sd_mm), ("later", pair.second_mm, pair.second_sd_mm)):
        if value < CLEAR_OF_ZERO * sd:
            raise InputError(
                f"growth: expected the {name} diameter clear of zero, got {value:g} ± {sd:g} mm; a ratio means nothing"
            )


def _rounded(difference_mm: float) -> float:
    """Without the noise of binary fractions: 7.5 − 6.0 and 6.6 − 5.1 are the same 1.5."""
    return round(difference_mm, 9)


def _passes(pair: Pair, rise: float, ratio: float, met: bool | None = None) -> float:
    """Probability that second − ratio · first > rise."""
    sd = math.hypot(pair.second_sd_mm, ratio * pair.first_sd_mm)
    excess = _rounded(pair.second_mm - ratio * pair.first_mm - rise)
    if sd == 0:
        return float(excess > 0 if met is None else met)
    return 0.5 * math.erfc(-excess / (sd * math.sqrt(2)))


def doubling_time(pair: Pair) -> DoublingTime:
    """The volume doubling time with its 95 % interval, by Fieller's limits of the ratio of diameters."""
    _check_clear_of_zero(pair)
    per_year = 3.0 / math.log(2) * DAYS_PER_YEAR / (pair.months * DAYS_PER_MONTH)
    at, low, high = (per_year * math.log(ratio) for ratio in (pair.second_mm / pair.first_mm, *_fieller(pair, Z95)))
    return DoublingTime(
        days=_turned_over(at),
        low_days=_turned_over(high),
        high_days=_turned_over(low),
        doublings_per_year=round(at, DECIMALS),
        low_doublings=round(low, DECIMALS),
        high_doublings=round(high, DECIMALS),
    )


def probability_of_doubling_within(pair: Pair, days: float) -> float:
    """Probability that the volume doubles in `days` or less at an even rate: the diameters' ratio passes 2^(Δt / (3 days))."""
    _check_clear_of_zero(pair)
    if not 0 < days < math.inf:
        raise InputError(f"growth: expected a doubling time above 0 days, got {days}")
    doublings = pair.months * DAYS_PER_MONTH / days
    if doublings > 300:  # a thousandfold longer diameter and more; the power below would overflow
        return 0.0
    return round(_passes(pair, 0.0, 2.0 ** (doublings / 3.0)), DECIMALS)


def _turned_over(doublings_per_year: float) -> float | None:
    return round(DAYS_PER_YEAR / doublings_per_year, 3) if doublings_per_year > 1e-9 else None


def _fieller(pair: Pair, z: float) -> tuple[float, float]:
    """The ratios r with (second − r·first)² = z²·(sd2² + r²·sd1²): exact limits, because both diameters are clear of zero."""
    a = pair.first_mm**2 - (z * pair.first_sd_mm) ** 2
    b = pair.first_mm * pair.second_mm
    c = pair.second_mm**2 - (z * pair.second_sd_mm) ** 2
    root = math.sqrt(max(b * b - a * c, 0.0))
    return (b - root) / a, (b + root) / a


def pair_of_findings(before: Finding, now: Finding, months: float) -> Pair:
    """Two findings on the same diameter as a pair; an error that was not stated (0) becomes the published repeatability.

    InputError where they measure different things, in another unit than mm, or say no value.
    """
    if before.concept != now.concept:
        raise InputError(f"growth: expected the same measurement twice, got {before.concept} and {now.concept}")
    (d1, sd1), (d2, sd2) = (_value_mm(finding, when) for finding, when in ((before, "earlier"), (now, "later")))
    return Pair(d1, sd1, d2, sd2, months)


def _value_mm(finding: Finding, when: str) -> tuple[float, float]:
    what = f"the {when} {finding.concept}"
    if finding.unit != "mm":
        raise InputError(f"growth: expected {what} in mm, got {finding.unit or 'states'}")
    if finding.value is None:
        raise InputError(f"growth: expected a value of {what}, got unknown: {finding.unknown_because}")
    return finding.value, finding.sd or SD_OF_ONE_MM


def growth_finding(
    pair: Pair, criterion: str, concept: Concept, observer: Observer, names: Mapping[str, str] | None = None
) -> Finding:
    """A finding on a pack's status concept: probabilities of growth over its states; the called state is what was measured.

    `names` gives a state for the outcomes (default: the states of these names); several may share a state, and slow growth
    that has none counts as stable. States that have no part in growth get 0. Growth shares the error of the later diameter; the
    engine takes both as independent. InputError where a name is missing; UnknownName where it is no state of the concept.
    """
    states = concept.states or ()
    called = dict(names) if names is not None else {o: o for o in OUTCOMES if o != "slowly growing" or o in states}
    if not {"decreased", "stable", "growing"} <= set(called) <= set(OUTCOMES):
        raise InputError(f"growth: expected a state for each of decreased, stable, growing, got {', '.join(called) or 'none'}")
    called.setdefault("slowly growing", called["stable"])
    for state in called.values():
        if state not in states:
            raise UnknownName("state", state, states, f"concept {concept.name}")
    found = growth(pair, criterion)
    shares = {"decreased": found.decreased, "stable": found.stable, "slowly growing": found.slowly, "growing": found.growing}
    summed = [round(sum(shares[o] for o in OUTCOMES if called[o] == state), DECIMALS) for state in states]
    return Finding(
        concept=concept.name,
        observer=observer,
        states=states,
        probabilities=tuple(min(max(p, 0.0), 1.0) for p in summed),
        state=called[found.measured],
    )
