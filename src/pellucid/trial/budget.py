"""How many cases each measure of each method gets, so that an audit ends in the time given; decided from measured speed.

The verdict asks some measures more than others: in the order of `FIRST` each gets the least number of cases with which a verdict
is given, while the time lasts; what is left is spread over all up to their caps. What finds no time is not measured, and says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pellucid.audit.map_measures import MAP_MEASURES, cost

LEAST = 24
"""Cases a measure gets at least; the verdict asks for 20 patients, and some maps are constant."""
FIRST = (
    "ROAD",
    "MPRT",
    "noise stability",
    "insertion",
    "deletion",
    "pointing game",
    "pixel AUPRC",
    "pointing game, small lesions",
    "IoU",
    "mass accuracy",
    "necessity",
    "efficient MPRT",
    "seed stability",
    "agreement",
    "sparseness",
    "entropy",
    "effective complexity",
    "label randomisation",
    "repeatability",
    "shift stability",
    "JPEG stability",
    "faithfulness correlation",
    "sufficiency",
    "infidelity",
    "smooth MPRT",
    "max-sensitivity",
    "prediction-saliency correlation",
    "agreement (top tenth)",
    "repeatability (SSIM)",
)
"""Order of importance for the verdict; measures that are not named come last."""
ALIKE = 4.0
"""Methods whose maps take at most so many times as long as the fastest of a group belong to it."""
OVERHEAD = {"ROAD": 2.5, "necessity": 2.0, "insertion": 1.4, "deletion": 1.4}
"""Time of a call of the model with the work beside it, in calls of the model: pixels are ranked, blurred, painted in."""


@dataclass(frozen=True)
class Speed:
    """Measured seconds: of one image through the model, and of one map of the method."""

    forward: float
    explanation: float


ONE_STAGE = ("MPRT", "efficient MPRT", "label randomisation")
"""Measures that look at one other model only."""


def seconds_per_case(name: str, speed: Speed, *, methods: int, stages: int) -> float:
    """Seconds that a measure takes per case for `methods` methods tried together; `stages` counts randomised models."""
    forwards, explanations = cost(name, models=1 if name in ONE_STAGE else stages, methods=methods)
    return forwards * speed.forward * OVERHEAD.get(name, 1.2) + explanations * speed.explanation


def grouped(speeds: Mapping[str, Speed]) -> list[list[str]]:
    """Methods of like speed together, the fastest first: they share cases and controls."""
    groups: list[list[str]] = []
    for name in sorted(speeds, key=lambda n: (speeds[n].explanation, n)):
        if groups and speeds[name].explanation <= ALIKE * speeds[groups[-1][0]].explanation:
            groups[-1].append(name)
        else:
            groups.append([name])
    return groups


def ordered(measures: Sequence[str]) -> list[str]:
    """The measures in order of importance."""
    rank = {name: place for place, name in enumerate(FIRST)}
    return sorted(measures, key=lambda name: rank.get(name, len(rank)))


def allot(measures: Mapping[str, float], cases: int, seconds: float, map_seconds: float) -> dict[str, int]:
    """Cases for each measure, 0 where there is no time for it.

    `measures` gives seconds per case by measure, in order of importance; a case's map is made once, in `map_seconds`.
    """
    caps = {name: min(cases, MAP_MEASURES[name].cap or cases) for name in measures}
    least = {name: min(cap, LEAST) for name, cap in caps.items()}
    given = dict.fromkeys(measures, 0)
    left = seconds - map_seconds * min(cases, LEAST)
    for name, each in measures.items():
        if each * least[name] <= max(left, 0.0) or each == 0:
            given[name] = least[name]
            left -= each * least[name]
    wanted = {name: caps[name] - given[name] for name in measures if given[name]}
    total = sum(wanted[name] * measures[name] for name in wanted) + map_seconds * max([0, *(caps[n] for n in wanted)])
    share = min(1.0, max(0.0, left) / total) if total > 0 else 1.0
    return {name: given[name] + int(share * wanted.get(name, 0)) for name in measures}
