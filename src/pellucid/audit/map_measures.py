"""The measures of maps by name: what each is, which way is better, where it lies, its source, what it needs and what it costs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pellucid.audit import (
    complexity,
    faithfulness,
    map_localisation,
    randomisation,
    repeatability,
    stability,
)
from pellucid.audit.cases import Bench
from pellucid.audit.map_controls import CONTROLS
from pellucid.errors import UnknownName

Family = Literal[
    "faithfulness", "stability", "randomisation", "localisation", "repeatability", "agreement", "prediction and map", "complexity"
]
Need = Literal["masks", "randomised", "retrained", "label randomised", "others", "seeds"]

NEEDS: dict[Need, tuple[Callable[[Bench], bool], str]] = {
    "masks": (lambda b: b.cases.masks is not None and bool(b.cases.masks.any()), "no masks of lesions were given"),
    "randomised": (lambda b: bool(b.randomised), "no model with random weights was given"),
    "retrained": (lambda b: bool(b.retrained), "no model trained again was given"),
    "label randomised": (lambda b: b.label_randomised is not None, "no model trained on permuted labels was given"),
    "others": (lambda b: bool(b.others), "no other method was tried on the same cases"),
    "seeds": (lambda b: b.reseeded is not None, "the method draws nothing at random"),
}
"""What a measure may need: whether the bench has it, and what is said where it has not."""

INFINITE = float("inf")


@dataclass(frozen=True)
class Cost:
    """Calls of the model and of the method per case. `forwards` are shared by methods and controls tried on the same cases."""

    forwards: int = 0
    forwards_per_map: int = 0
    """Of the method and of each control."""
    explanations: int = 0
    """Besides the maps of the cases, which the bench brings."""
    explanations_per_model: int = 0
    """For each randomised stage, retrained or label-randomised model."""


@dataclass(frozen=True)
class MapMeasure:
    """What a measure of maps is, as data. `function` gives a value per case, NaN where it is not defined."""

    function: Callable[[Bench], NDArray[np.float64]]
    family: Family
    better: Literal["higher", "lower"]
    bounds: tuple[float, float]
    reference: str
    cost: Cost = Cost()
    needs: Need | None = None
    cap: int | None = None
    """Most cases taken unless the caller says otherwise."""
    controls: tuple[str, ...] = tuple(CONTROLS)


UNIT, SIGNED = (0.0, 1.0), (-1.0, 1.0)
_F, _S, _R, _L = "faithfulness", "stability", "randomisation", "localisation"
_CURVE = Cost(forwards=2, forwards_per_map=faithfulness.STEPS - 1)
_TOPS = Cost(forwards=1, forwards_per_map=len(faithfulness.TOP_FRACTIONS))
_SQUARES = Cost(forwards=1 + faithfulness.SQUARES)
_ROAD = Cost(forwards_per_map=len(faithfulness.ROAD_FRACTIONS))
_PSC = Cost(forwards=1 + stability.PATCHES, explanations=stability.PATCHES)
_SMOOTH = Cost(explanations=randomisation.SMOOTH_DRAWS, explanations_per_model=randomisation.SMOOTH_DRAWS)
_AGAIN = Cost(explanations_per_model=1)
_NONE = Cost()
_ARUN, _ZHANG = "doi:10.1148/ryai.2021200267", "doi:10.1007/s11263-017-1059-x"

MAP_MEASURES: dict[str, MapMeasure] = {
    "deletion": MapMeasure(faithfulness.deletion, _F, "lower", UNIT, "arXiv:1806.07421", _CURVE, cap=100),
    "insertion": MapMeasure(faithfulness.insertion, _F, "higher", UNIT, "arXiv:1806.07421", _CURVE, cap=100),
    "ROAD": MapMeasure(faithfulness.road, _F, "lower", UNIT, "arXiv:2202.00449", _ROAD, cap=30),
    "infidelity": MapMeasure(faithfulness.infidelity, _F, "lower", UNIT, "arXiv:1901.09392", _SQUARES, cap=100),
    "faithfulness correlation": MapMeasure(
        faithfulness.faithfulness_correlation, _F, "higher", SIGNED, "arXiv:2005.00631", _SQUARES, cap=100
    ),
    "sufficiency": MapMeasure(faithfulness.sufficiency, _F, "lower", SIGNED, "arXiv:1911.03429", _TOPS, cap=100),
    "necessity": MapMeasure(faithfulness.necessity, _F, "higher", SIGNED, "arXiv:1911.03429", _TOPS, cap=100),
    "max-sensitivity": MapMeasure(
        stability.max_sensitivity,
        _S,
        "lower",
        (0.0, INFINITE),
        "arXiv:1901.09392",
        Cost(explanations=stability.RADIUS_DRAWS),
        cap=40,
    ),
    "noise stability": MapMeasure(
        stability.noise_spearman,
        _S,
        "higher",
        SIGNED,
        "doi:10.3390/bioengineering12080879",
        Cost(explanations=stability.NOISE_DRAWS),
        cap=100,
    ),
    "shift stability": MapMeasure(stability.shift, _S, "higher", SIGNED, "ours", Cost(explanations=2), cap=50),
    "JPEG stability": MapMeasure(stability.jpeg_spearman, _S, "higher", SIGNED, "ours", Cost(explanations=1), cap=50),
    "seed stability": MapMeasure(stability.seed_spearman, _S, "higher", SIGNED, "ours", Cost(explanations=1), "seeds", 50),
    "MPRT": MapMeasure(randomisation.mprt, _R, "lower", SIGNED, "arXiv:1810.03292", _AGAIN, "randomised", 100),
    "efficient MPRT": MapMeasure(
        randomisation.efficient_mprt, _R, "higher", (-1.0, INFINITE), "arXiv:2405.02383", _AGAIN, "randomised", 100
    ),
    "smooth MPRT": MapMeasure(randomisation.smooth_mprt, _R, "lower", SIGNED, "arXiv:2405.02383", _SMOOTH, "randomised", 20),
    "label randomisation": MapMeasure(
        randomisation.label_randomisation, _R, "lower", SIGNED, "arXiv:1810.03292", _AGAIN, "label randomised", 100
    ),
    "pointing game": MapMeasure(map_localisation.pointing_game, _L, "higher", UNIT, _ZHANG, _NONE, "masks"),
    "pointing game, small lesions": MapMeasure(
        map_localisation.pointing_game_small, _L, "higher", UNIT, "doi:10.1038/s42256-022-00536-x", _NONE, "masks"
    ),
    "IoU": MapMeasure(map_localisation.tuned_iou, _L, "higher", UNIT, "doi:10.1038/s42256-022-00536-x", _NONE, "masks"),
    "mass accuracy": MapMeasure(
        map_localisation.mass_accuracy, _L, "higher", UNIT, "doi:10.1016/j.inffus.2021.11.008", _NONE, "masks"
    ),
    "pixel AUPRC": MapMeasure(map_localisation.pixel_auprc, _L, "higher", UNIT, _ARUN, _NONE, "masks"),
    "repeatability": MapMeasure(
        repeatability.repeat_spearman, "repeatability", "higher", SIGNED, _ARUN, _AGAIN, "retrained", 100
    ),
    "repeatability (SSIM)": MapMeasure(
        repeatability.repeat_ssim, "repeatability", "higher", SIGNED, _ARUN, _AGAIN, "retrained", 100
    ),
    "agreement": MapMeasure(repeatability.method_spearman, "agreement", "higher", SIGNED, "arXiv:2202.01602", _NONE, "others"),
    "agreement (top tenth)": MapMeasure(
        repeatability.method_overlap, "agreement", "higher", UNIT, "arXiv:2202.01602", _NONE, "others"
    ),
    "prediction-saliency correlation": MapMeasure(
        stability.prediction_saliency, "prediction and map", "higher", SIGNED, "doi:10.1148/ryai.220221", _PSC, cap=30
    ),
    "sparseness": MapMeasure(complexity.sparseness, "complexity", "higher", UNIT, "arXiv:1810.06583"),
    "entropy": MapMeasure(complexity.entropy, "complexity", "lower", UNIT, "arXiv:2005.00631"),
    "effective complexity": MapMeasure(complexity.effective_complexity, "complexity", "lower", UNIT, "arXiv:2007.07584"),
}


def measure(name: str) -> MapMeasure:
    """The measure of that name; UnknownName offers the nearest."""
    if name not in MAP_MEASURES:
        raise UnknownName("measure of maps", name, MAP_MEASURES)
    return MAP_MEASURES[name]


def missing(name: str, bench: Bench) -> str | None:
    """Why a measure cannot be taken on this bench, or None where it can."""
    need = measure(name).needs
    if need is None:
        return None
    has, said = NEEDS[need]
    return None if has(bench) else said


def cost(name: str, *, models: int = 1, methods: int = 1, controls: int | None = None) -> tuple[int, int]:
    """(calls of the model, calls of the method) per case, for `methods` methods tried together.

    `models` counts what the measure needs besides the model: randomised stages, retrained models. Controls cost no explanations.
    """
    m = measure(name)
    maps = methods + (len(m.controls) if controls is None else controls)
    explanations = m.cost.explanations + m.cost.explanations_per_model * models
    return m.cost.forwards + m.cost.forwards_per_map * maps, explanations * methods
