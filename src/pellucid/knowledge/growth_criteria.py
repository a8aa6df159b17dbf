"""What the guidelines call growth, each with its source, and which finding of a pack says so: one table.

**The error of a measurement that states none** is one figure everywhere: the published repeatability of a manual diameter of a
lung nodule is about ± 1.5 mm, read as twice the standard deviation of *one* measurement, so 0.75 mm (background knowledge). The
packs that state a repeatability of a diameter state this figure, with its citation; a test holds them to it. Where ± 1.5 mm is
read as the 95 % limits of the *difference* of two measurements instead, one measurement would have 1.5 / (1.96 · √2) = 0.54 mm;
the wider reading is taken, by which the difference of two has 1.06 mm, and 95 % limits of ± 2.1 mm, near the 2 mm that Fleischner
2017 asks for. For liver observations it is taken over from lung nodules, as their pack says.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

REPEATABILITY_MM = 1.5
"""The published repeatability of a manual diameter of a lung nodule; background."""
SD_OF_ONE_MM = REPEATABILITY_MM / 2
"""The standard deviation of one diameter that states none."""
Outcome = Literal["decreased", "stable", "slowly growing", "growing"]


@dataclass(frozen=True, slots=True)
class Sign:
    """A finding of a pack that growth decides."""

    concept: str
    measures: tuple[str, ...]
    """The measurements whose growth counts; the first is that of the whole lesion."""
    states: Mapping[Outcome, str]
    """The state for each outcome; one that is left out counts as stable."""
    first_seen: tuple[str, ...] = ()
    """States that leave no earlier measurement."""
    passed: str | None = None
    """The state where a size limit was passed without growth."""
    passed_citation: str | None = None
    limits: Mapping[str, Mapping[str, tuple[float, ...]]] = field(default_factory=dict[str, Mapping[str, tuple[float, ...]]])
    """Size limits of a measurement by the state of `kind`."""
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Criterion:
    """What a guideline calls growth, with its source."""

    name: str
    kind: Literal["millimetres", "ratio"]
    threshold: float
    """Increase in mm, or the ratio of the later diameter to the earlier one."""
    inclusive: bool
    """Whether a measured increase just on the threshold counts."""
    within_months: float | None
    """The span the threshold belongs to; None: any."""
    longer: Literal["pro rata", "never", "same"]
    """A longer interval: the threshold grows in proportion (growth taken as even), or it can not be met, or nothing changes."""
    claim: str
    citation: str
    verified: Literal["source", "recomputed", "background"]
    signs: tuple[Sign, ...]
    interval: str | None = None
    """The concept of the pack that holds the months since the earlier examination."""


SOLID, PART_SOLID, NON_SOLID = "solid", "part-solid", "non-solid"
CRITERIA: Mapping[str, Criterion] = MappingProxyType(
    {
        "lung-cancer-screening-2022": Criterion(
            name="lung-cancer-screening-2022",
            kind="millimetres",
            threshold=1.5,
            inclusive=False,
            within_months=12.0,
            longer="pro rata",
            claim="the mean diameter increased by more than 1.5 mm within 12 months",
            citation="Lung-RADS v2022, growth",
            verified="source",
            signs=(
                Sign(
                    concept="status",
                    measures=("mean_diameter",),
                    states={
                        "decreased": "decreased",
                        "stable": "stable",
                        "slowly growing": "slowly growing",
                        "growing": "growing",
                    },
                    first_seen=("baseline", "new"),
                    passed="past a threshold",
                    passed_citation="Lung-RADS v2022, size limits",
                    limits={
                        "mean_diameter": {SOLID: (6.0, 8.0, 15.0), PART_SOLID: (6.0,), NON_SOLID: (30.0,)},
                        "solid_diameter": {PART_SOLID: (6.0, 8.0)},
                    },
                    kind="nodule_type",
                ),
                Sign(
                    concept="solid_part_change",
                    measures=("solid_diameter",),
                    states={"decreased": "absent", "stable": "absent", "slowly growing": "absent", "growing": "present"},
                ),
            ),
            interval="months_since_previous",
        ),
        "incidental-lung-nodule-2017": Criterion(
            name="incidental-lung-nodule-2017",
            kind="millimetres",
            threshold=2.0,
            inclusive=True,
            within_months=None,
            longer="same",
            claim="the diameter increased by 2 mm or more",
            citation="Fleischner 2017, growth",
            verified="background",
            signs=(
                Sign(
                    concept="course",
                    measures=("mean_diameter", "solid_diameter"),
                    states={"decreased": "persistent", "stable": "persistent", "growing": "growing"},
                    first_seen=("first seen",),
                ),
            ),
        ),
        "liver-lesion-ct-mr-2018": Criterion(
            name="liver-lesion-ct-mr-2018",
            kind="ratio",
            threshold=1.5,
            inclusive=True,
            within_months=6.0,
            longer="never",
            claim="the size increased by 50 % or more within 6 months",
            citation="LI-RADS v2018, threshold growth",
            verified="source",
            signs=(
                Sign(
                    concept="threshold_growth",
                    measures=("diameter",),
                    states={"decreased": "absent", "stable": "absent", "growing": "present"},
                ),
            ),
        ),
    }
)
