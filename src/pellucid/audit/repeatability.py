"""Does the map come back when the model is trained again, and do other methods say the same? Functions of a bench -> (n,)."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pellucid.audit.cases import Bench, Maps
from pellucid.audit.perturb import explained
from pellucid.audit.similarity import overlap, spearman, ssim

Alike = Callable[[Maps, Maps], NDArray[np.float64]]


def _mean_alike(alike: Alike, maps: Maps, others: Sequence[Maps]) -> NDArray[np.float64]:
    """(n,): mean over `others` of how alike `maps` are to them; NaN where one is constant or there is none."""
    return np.mean([alike(maps, other) for other in others], axis=0) if others else np.full(len(maps), np.nan)


def _retrained(bench: Bench) -> list[Maps]:
    return [explained(bench.with_explain(explain), bench.cases.images) for _, explain in bench.retrained]


def repeat_spearman(bench: Bench) -> NDArray[np.float64]:
    """Rank correlation of the map with those of the same net trained again, mean over the trainings."""
    return _mean_alike(spearman, bench.maps, _retrained(bench))


def repeat_ssim(bench: Bench) -> NDArray[np.float64]:
    """Structural similarity of the map with those of the same net trained again: repeatability of Arun 2021."""
    return _mean_alike(ssim, bench.maps, _retrained(bench))


def method_spearman(bench: Bench) -> NDArray[np.float64]:
    """Rank correlation of the map with those of other methods, mean over them (disagreement problem, arXiv:2202.01602)."""
    return _mean_alike(spearman, bench.maps, list(bench.others.values()))


def method_overlap(bench: Bench) -> NDArray[np.float64]:
    """Share of the highest tenth of pixels in common with other methods, mean over them; by chance 0.1 (arXiv:2202.01602)."""
    return _mean_alike(overlap, bench.maps, list(bench.others.values()))
