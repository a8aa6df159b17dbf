"""Growth of one lesion between two measurements, each with its error: a probability of growth, not a yes or no.

**Which error.** The published repeatability of manual diameters of lung nodules is about ± 1.5 mm (background knowledge). That is a
95 % limit of the *difference* of two measurements by one reader: 1.96 · sd(difference) = 1.5 mm, so sd(difference) = 0.77 mm. Two
independent errors of equal size make it sd(difference) = √2 · sd(one), so **one measurement has 0.54 mm**; that is the default
here. The packs give a typed diameter that states no error 0.75 mm, which is the sd of the difference (1.5 mm / 2) and, for one
measurement, the wider choice: their thresholds are crossed by other readers' measurements too. A finding that states its error
keeps it, so with the packs' 0.75 mm twice the difference has 1.06 mm and its 95 % limits are ± 2.1 mm, near the 2 mm that
Fleischner 2017 asks for. Of liver lesions the facts at hand give no repeatability, so their findings must state an error.

**What is computed.** Measured values with independent normal errors and no prior knowledge of growth: the true diameters are normal
around the measured ones, so the probability that the true increase passes a threshold t is Φ((d2 − d1 − t) / √(sd1² + sd2²)), and
that the true ratio passes r is Φ((d2 − r·d1) / √(sd2² + r²·sd1²)). Both are exact (negative diameters have no weight worth naming
where d1 > 4·sd1). A measured increase just on the threshold has probability one half. Guidelines set their threshold on the
*measured* increase so that error alone seldom passes it; that any growth took place is therefore given beside it, and is larger.

**Doubling time.** VDT = ln 2 · Δt / (3 · ln(d2 / d1)). Its error is far from normal, and it is infinite where nothing grew. So the
interval is taken of the doublings a year, by Fieller's exact limits of a ratio of normals, and turned over: an interval of doublings
that reaches zero means a doubling time without an upper limit.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from pellucid.errors import InputError, UnknownName
from pellucid.record import Concept, Finding, Observer

DAYS_PER_MONTH = 30.4375
DAYS_PER_YEAR = 365.25
Z95 = 1.959963984540054
LIMIT_OF_DIFFERENCE_MM = 1.5
"""95 % limit of the difference of two manual diameters of a lung nodule; background."""
SD_OF_DIFFERENCE_MM = LIMIT_OF_DIFFERENCE_MM / Z95
SD_OF_ONE_MM = SD_OF_DIFFERENCE_MM / math.sqrt(2)
CLEAR_OF_ZERO = 4.0
"""A diameter must be so many standard deviations above zero for a ratio to mean anything."""
LARGEST_MM = 500.0
OUTCOMES = ("decreased", "stable", "growing")
DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Criterion:
    """What a guideline calls growth, with its source."""

    name: str
    kind: Literal["millimetres", "ratio"]
    threshold: float
    """Increase in mm, or the ratio of the later diameter to the earlier one."""
    within_months: float | None
    """The span the threshold belongs to; None: any."""
    longer: Literal["pro rata", "never", "same"]
    """A longer interval: the threshold grows in proportion (growth taken as even), or it can not be met, or nothing changes."""
    sd_of_one_mm: float | None
    """The error of a measurement that states none; None: it must be stated."""
    claim: str
    citation: str
    verified: Literal["source", "recomputed", "background"]


CRITERIA: Mapping[str, Criterion] = MappingProxyType(
    {
        "lung-screening-2022": Criterion(
            "lung-screening-2022",
            "millimetres",
            1.5,
            12.0,
            "pro rata",
            SD_OF_ONE_MM,
            "the mean diameter increased by more than 1.5 mm within 12 months",
            "Lung-RADS v2022, growth",
            "source",
        ),
        "pulmonary-nodule-2017": Criterion(
            "pulmonary-nodule-2017",
            "millimetres",
            2.0,
            None,
            "same",
            SD_OF_ONE_MM,
            "the diameter increased by 2 mm or more",
            "Fleischner 2017, growth",
            "background",
        ),
        "liver-2018": Criterion(
            "liver-2018",
            "ratio",
            1.5,
            6.0,
            "never",
            None,
            "the size increased by 50 % or more within 6 months",
            "LI-RADS v2018, threshold growth",
            "source",
        ),
    }
)


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
        for name, value, sd in (("first", self.first_mm, self.first_sd_mm), ("second", self.second_mm, self.second_sd_mm)):
            if value < CLEAR_OF_ZERO * sd:
                raise InputError(
                    f"growth: expected the {name} diameter clear of zero, got {value:g} ± {sd:g} mm; state a smaller error"
                )


@dataclass(frozen=True, slots=True)
class Growth:
    """Probabilities over decreased, stable and growing by one criterion; the three sum to one."""

    growing: float
    decreased: float
    stable: float
    any_increase: float
    """That the true diameter increased at all, by however little."""
    measured: Literal["decreased", "stable", "growing"]
    """What the measured values say when they are taken as exact."""
    threshold: float
    """The increase in mm, or the ratio, that counted as growth over this interval."""
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
    any_increase = _passes(pair, 0.0, 1.0)
    if threshold is None:
        growing, measured_growing, threshold = 0.0, False, rule.threshold
    else:
        growing, measured_growing = _grew(pair, rule, threshold)
    decreased, measured_decreased = _shrank(pair, rule, threshold)
    growing, decreased = round(growing, DECIMALS), round(decreased, DECIMALS)
    return Growth(
        growing=growing,
        decreased=decreased,
        stable=round(1.0 - growing - decreased, DECIMALS),
        any_increase=round(any_increase, DECIMALS),
        measured="growing" if measured_growing else "decreased" if measured_decreased else "stable",
        threshold=threshold,
        assumption=assumption,
    )


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
    if rule.kind == "ratio":
        return _passes(pair, 0.0, threshold), pair.second_mm >= threshold * pair.first_mm
    rise = _rounded(pair.second_mm - pair.first_mm)
    met = rise >= threshold if "or more" in rule.claim else rise > threshold
    return _passes(pair, threshold, 1.0, met), met


def _shrank(pair: Pair, rule: Criterion, threshold: float) -> tuple[float, bool]:
    mirror = Pair(pair.second_mm, pair.second_sd_mm, pair.first_mm, pair.first_sd_mm, pair.months)
    return _grew(mirror, rule, threshold)


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
    """Probability that the volume doubles in `days` or less, at an even rate: that the ratio of diameters passes 2^(Δt / 3·days)."""
    if not 0 < days < math.inf:
        raise InputError(f"growth: expected a doubling time above 0 days, got {days}")
    doublings = pair.months * DAYS_PER_MONTH / days
    if doublings > 3 * math.log2(LARGEST_MM / pair.first_mm) + 10:
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


def pair_of_findings(before: Finding, now: Finding, months: float, criterion: str) -> Pair:
    """Two findings on the same diameter as a pair; an error that was not stated (0) becomes the criterion's repeatability.

    InputError where they measure different things, in another unit than mm, or say no value.
    """
    if before.concept != now.concept:
        raise InputError(f"growth: expected the same measurement twice, got {before.concept} and {now.concept}")
    default = _criterion(criterion).sd_of_one_mm
    values: list[float] = []
    for finding, when in ((before, "earlier"), (now, "later")):
        if finding.unit != "mm":
            raise InputError(f"growth: expected the {when} {finding.concept} in mm, got {finding.unit or 'states'}")
        if finding.value is None:
            raise InputError(f"growth: the {when} {finding.concept} is unknown: {finding.unknown_because}")
        sd = finding.sd or default
        if sd is None:
            raise InputError(
                f"growth: expected a standard deviation of the {when} {finding.concept}, got none; no default is published"
            )
        values += [finding.value, sd]
    return Pair(*values, months)


def growth_finding(
    pair: Pair, criterion: str, concept: Concept, observer: Observer, names: Mapping[str, str] | None = None
) -> Finding:
    """A finding on a pack's status concept: the probabilities of growth over its states, and the measured state as the called one.

    `names` gives a state for each of decreased, stable, growing (default: the states of these names); several may share a state.
    States that have no part in growth get 0. InputError where a name is missing or is no state of the concept.
    """
    found = growth(pair, criterion)
    called = dict(names) if names is not None else {outcome: outcome for outcome in OUTCOMES}
    states = concept.states or ()
    if set(called) != set(OUTCOMES):
        raise InputError(f"growth: expected a state for each of {', '.join(OUTCOMES)}, got {', '.join(called) or 'none'}")
    for state in called.values():
        if state not in states:
            raise UnknownName("state", state, states, f"concept {concept.name}")
    shares = {"decreased": found.decreased, "stable": found.stable, "growing": found.growing}
    summed = [round(sum(shares[o] for o in OUTCOMES if called[o] == state), DECIMALS) for state in states]
    return Finding(
        concept=concept.name,
        observer=observer,
        states=states,
        probabilities=tuple(min(max(p, 0.0), 1.0) for p in summed),
        state=called[found.measured],
    )
