"""Does the model depend on what the map marks? Functions of a bench -> (n,): the score of the explained output is watched while
pixels are taken away or given back. Bounds hold where the model gives probabilities.
"""

import numpy as np
from numpy.typing import NDArray

from pellucid.audit.cases import Bench, Images
from pellucid.audit.inpaint import imputed, painted_in
from pellucid.audit.perturb import blurred, descending, mean_image, original_scores, scores, squares, top
from pellucid.audit.similarity import pearson

STEPS = 10
"""Steps of the deletion and insertion curves: 0, 10, …, 100 % of the pixels."""
ROAD_FRACTIONS = (0.1, 0.3, 0.5, 0.7)
TOP_FRACTIONS = (0.05, 0.1, 0.2)
"""Shares of the image whose removal (necessity) or keeping (sufficiency) is tried; the value is the mean over them."""
SQUARES = 32
SQUARE_SIDE = 0.25
"""Number of squares removed one at a time for infidelity, and their side as a share of the image's."""


def _curve(bench: Bench, start: Images, end: Images, steps: int, ends: tuple[str, str]) -> NDArray[np.float64]:
    """(n, steps + 1): scores while pixels go from `start` to `end`, the map's highest first; `ends` names the two."""
    place = descending(bench.maps, bench.seed).reshape(bench.maps.shape)[:, None]
    pixels = bench.maps[0].size
    limits = [round(k * pixels / steps) for k in range(1, steps)]

    def alter(index: NDArray[np.int64]) -> Images:
        return np.stack([np.where(place[index] < k, end[index], start[index]) for k in limits], axis=1)

    first = scores(bench, lambda index: start[index, None], 1, ends[0])
    last = scores(bench, lambda index: end[index, None], 1, ends[1])
    return np.concatenate([first, scores(bench, alter, len(limits)), last], axis=1)


def area(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,): area under curves (n, k) over 0 … 1, by trapezoids."""
    return np.asarray(np.trapezoid(curve, dx=1 / (curve.shape[1] - 1), axis=1), np.float64)


def deletion_curve(bench: Bench, steps: int = STEPS) -> NDArray[np.float64]:
    """(n, steps + 1): score while the marked pixels are replaced by the image's mean, the highest first."""
    return _curve(bench, bench.cases.images, mean_image(bench.cases.images), steps, ("original", "mean"))


def insertion_curve(bench: Bench, steps: int = STEPS) -> NDArray[np.float64]:
    """(n, steps + 1): score while the marked pixels come back into a blurred image, the highest first."""
    return _curve(bench, blurred(bench.cases.images), bench.cases.images, steps, ("blurred", "original"))


def deletion(bench: Bench) -> NDArray[np.float64]:
    """Area under the deletion curve; low where the marked pixels carry the score (Petsiuk 2018, arXiv:1806.07421)."""
    return area(deletion_curve(bench))


def insertion(bench: Bench) -> NDArray[np.float64]:
    """Area under the insertion curve; high where the marked pixels suffice for the score (Petsiuk 2018, arXiv:1806.07421)."""
    return area(insertion_curve(bench))


def road(bench: Bench) -> NDArray[np.float64]:
    """Mean score after the most relevant 10, 30, 50 and 70 % are removed and imputed; low is good (Rong 2022, arXiv:2202.00449).

    Imputation leaves no visible hole, so that the model cannot react to the shape of the mask instead of what it removed.
    """
    place = descending(bench.maps, bench.seed).reshape(bench.maps.shape)
    pixels = bench.maps[0].size

    def alter(index: NDArray[np.int64]) -> Images:
        return np.stack(
            [
                np.stack([imputed(bench.cases.images[i], place[i] < round(f * pixels), bench.seed) for f in ROAD_FRACTIONS])
                for i in index
            ]
        )

    return scores(bench, alter, len(ROAD_FRACTIONS)).mean(axis=1)


def necessity(bench: Bench) -> NDArray[np.float64]:
    """Score lost when the top 5, 10 and 20 % are painted in from around them; mean over the three.

    Comprehensiveness of DeYoung 2020 (arXiv:1911.03429) with in-painting in place of deletion.
    """
    kept = [~top(bench.maps, f, bench.seed) for f in TOP_FRACTIONS]

    def alter(index: NDArray[np.int64]) -> Images:
        return np.stack([np.stack([painted_in(bench.cases.images[i], ~k[i]) for k in kept]) for i in index])

    return original_scores(bench) - scores(bench, alter, len(TOP_FRACTIONS)).mean(axis=1)


def sufficiency(bench: Bench) -> NDArray[np.float64]:
    """Score lost when only the top 5, 10 and 20 % stay sharp and all else is blurred; mean over the three (DeYoung 2020)."""
    images = bench.cases.images
    base = blurred(images)
    kept = [top(bench.maps, f, bench.seed)[:, None] for f in TOP_FRACTIONS]

    def alter(index: NDArray[np.int64]) -> Images:
        return np.stack([np.where(k[index], images[index], base[index]) for k in kept], axis=1)

    return original_scores(bench) - scores(bench, alter, len(TOP_FRACTIONS)).mean(axis=1)


def square_effects(bench: Bench) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n, 32) twice: what the map ascribes to each square (sum over its pixels), and the score lost when it is removed."""
    images = bench.cases.images
    masks = squares(images.shape[2:], SQUARES, SQUARE_SIDE, bench.seed)
    base = mean_image(images)
    ascribed = bench.maps.reshape(len(images), -1).astype(np.float64) @ masks.reshape(SQUARES, -1).T

    def alter(index: NDArray[np.int64]) -> Images:
        return np.where(masks[None, :, None], base[index, None], images[index, None])

    return ascribed, original_scores(bench)[:, None] - scores(bench, alter, SQUARES, "squares")


def infidelity(bench: Bench) -> NDArray[np.float64]:
    """Mean squared gap between what the map ascribes to a square, best scaled, and what its removal does.

    Square removal with the optimal scaling of Yeh 2019 (arXiv:1901.09392), since maps of most methods have no unit.
    """
    ascribed, effect = square_effects(bench)
    size = (ascribed**2).sum(axis=1)
    scale = np.where(size > 0, (ascribed * effect).sum(axis=1) / np.where(size > 0, size, 1.0), 0.0)
    return ((scale[:, None] * ascribed - effect) ** 2).mean(axis=1)


def faithfulness_correlation(bench: Bench) -> NDArray[np.float64]:
    """Correlation over squares of what the map ascribes to them with what their removal does (Bhatt 2020, arXiv:2005.00631)."""
    return pearson(*square_effects(bench))
