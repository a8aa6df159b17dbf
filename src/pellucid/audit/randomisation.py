"""Does the map change when the model no longer knows anything? Functions of a bench -> (n,).

`bench.randomised` holds the model with weights made random from the output down; the last stage is random throughout.
"""

import numpy as np
from numpy.typing import NDArray

from pellucid.audit.cases import Bench, Explain, Maps
from pellucid.audit.perturb import explained, noisy
from pellucid.audit.similarity import constant, spearman, ssim

BINS = 100
SMOOTH_DRAWS = 4
SMOOTH_NOISE = 0.1


def _unknown(bench: Bench) -> NDArray[np.float64]:
    return np.full(len(bench.maps), np.nan)


def mprt(bench: Bench) -> NDArray[np.float64]:
    """Rank correlation of the map with that of the fully randomised model; near 0 is good (Adebayo 2018, arXiv:1810.03292)."""
    if not bench.randomised:
        return _unknown(bench)
    _, _, explain = bench.randomised[-1]
    return spearman(bench.maps, explained(bench.with_explain(explain), bench.cases.images))


def histogram_entropy(maps: Maps, bins: int = BINS) -> NDArray[np.float64]:
    """(n,): entropy in nats of the values of each map in `bins` equal bins between its lowest and highest; 0 if constant."""
    found = np.empty(len(maps))
    for i, values in enumerate(maps):
        counts = np.histogram(values, bins=bins)[0] / values.size
        found[i] = -(counts[counts > 0] * np.log(counts[counts > 0])).sum()
    return found


def efficient_mprt(bench: Bench) -> NDArray[np.float64]:
    """Relative rise of the histogram entropy of the map when the model is made random; above 0 is good.

    A map of a model that knows nothing should be more complex. Source: Hedström 2024, arXiv:2405.02383.
    """
    if not bench.randomised:
        return _unknown(bench)
    _, _, explain = bench.randomised[-1]
    before = histogram_entropy(bench.maps)
    after = histogram_entropy(explained(bench.with_explain(explain), bench.cases.images))
    return np.where(before > 0, (after - before) / np.where(before > 0, before, 1.0), np.nan)


def smoothed(bench: Bench, explain: Explain) -> Maps:
    """Mean of the maps of four noisy copies of each image."""
    drawn = [
        explained(bench.with_explain(explain), noisy(bench.cases.images, SMOOTH_NOISE, bench.seed, d))
        for d in range(SMOOTH_DRAWS)
    ]
    return np.asarray(np.mean(np.stack(drawn), axis=0), np.float32)


def smooth_mprt(bench: Bench) -> NDArray[np.float64]:
    """Structural similarity of the denoised map with that of each randomised stage, mean over stages; low is good.

    Source: smooth MPRT of Hedström 2024, arXiv:2405.02383; structural similarity as in Arun 2021, doi 10.1148/ryai.2021200267.
    """
    if not bench.randomised:
        return _unknown(bench)
    own = smoothed(bench, bench.explain)
    stages = [ssim(own, smoothed(bench, explain)) for _, _, explain in bench.randomised]
    return np.where(constant(own), np.nan, _mean_defined(np.stack(stages)))


def label_randomisation(bench: Bench) -> NDArray[np.float64]:
    """Rank correlation of the map with that of the same net trained on permuted labels; near 0 is good (Adebayo 2018)."""
    if bench.label_randomised is None:
        return _unknown(bench)
    return spearman(bench.maps, explained(bench.with_explain(bench.label_randomised[1]), bench.cases.images))


def _mean_defined(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the first axis of what is defined; NaN where nothing is."""
    known = np.isfinite(rows)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, rows, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)
