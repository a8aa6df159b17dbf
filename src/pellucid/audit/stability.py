"""Does the map stay the same when nothing that matters changes? Functions of a bench -> (n,), NaN where a map is constant."""

import numpy as np
from numpy.typing import NDArray

from pellucid.audit.cases import Bench, Images
from pellucid.audit.perturb import explained, jpeg, mean_image, noisy, original_scores, scores, shaken, shifted, squares
from pellucid.audit.similarity import pearson, spearman, ssim

NOISE = 0.1
"""10 % noise: Gaussian, standard deviation a tenth of the image's dynamic range (largest minus smallest value)."""
NOISE_DRAWS = 2
RADIUS = 0.02
"""Largest change of a pixel for max-sensitivity, as a share of the dynamic range (Yeh 2019 bounds it, captum takes 0.02)."""
RADIUS_DRAWS = 5
SHIFT_SHARE = 4 / 224
"""Shift in every axis, as a share of its side: 4 pixels in 224."""
PATCHES = 8
PATCH_SIDE = 0.25


def noise_spearman(bench: Bench) -> NDArray[np.float64]:
    """Rank correlation of the map with the map of the image with 10 % noise, mean over two draws.

    The statistic that Singh 2025 (doi 10.3390/bioengineering12080879) pools; what 10 % is of is ours (not in its abstract).
    """
    images = bench.cases.images
    drawn = [spearman(bench.maps, explained(bench, noisy(images, NOISE, bench.seed, d))) for d in range(NOISE_DRAWS)]
    return np.mean(drawn, axis=0)


def max_sensitivity(bench: Bench) -> NDArray[np.float64]:
    """Largest relative change of the map over small changes of the image (Yeh 2019, arXiv:1901.09392)."""
    size = np.sqrt((bench.maps.astype(np.float64) ** 2).reshape(len(bench.maps), -1).sum(axis=1))
    worst = np.zeros(len(bench.maps))
    for draw in range(RADIUS_DRAWS):
        other = explained(bench, shaken(bench.cases.images, RADIUS, bench.seed, draw))
        change = (other.astype(np.float64) - bench.maps).reshape(len(size), -1)
        worst = np.maximum(worst, np.sqrt((change**2).sum(axis=1)))
    return np.where(size > 0, worst / np.where(size > 0, size, 1.0), np.nan)


def shift(bench: Bench) -> NDArray[np.float64]:
    """Rank correlation of the map with the map of the shifted image, shifted back; borders left out; both diagonals."""
    space = bench.cases.images.shape[2:]
    by = tuple(max(1, round(SHIFT_SHARE * s)) for s in space)
    inner = (slice(None), *(slice(b, s - b) for b, s in zip(by, space, strict=True)))
    found: list[NDArray[np.float64]] = []
    for sign in (1, -1):
        step = tuple(sign * b for b in by)
        other = explained(bench, shifted(bench.cases.images, step))
        back = shifted(other, tuple(-b for b in step))
        found.append(spearman(bench.maps[inner], back[inner]))
    return np.mean(found, axis=0)


def jpeg_spearman(bench: Bench) -> NDArray[np.float64]:
    """Rank correlation of the map with the map of the image after JPEG compression at quality 75."""
    return spearman(bench.maps, explained(bench, jpeg(bench.cases.images)))


def seed_spearman(bench: Bench) -> NDArray[np.float64]:
    """Rank correlation of the map with the map of the same method drawn with another seed."""
    if bench.reseeded is None:
        return np.full(len(bench.maps), np.nan)
    other = bench.reseeded(bench.seed + 1)
    return spearman(bench.maps, explained(bench.with_explain(other), bench.cases.images))


def prediction_saliency(bench: Bench) -> NDArray[np.float64]:
    """Correlation, over eight patches removed, of the change of the prediction with the change of the map (1 - SSIM).

    After the prediction-saliency correlation of Zhang 2023 (doi 10.1148/ryai.220221), which is taken over adversarial changes of
    many images; here over patches of one size: it needs no gradients, and the strength of the change is not what correlates.
    """
    images = bench.cases.images
    base = mean_image(images)
    masks = squares(images.shape[2:], PATCHES, PATCH_SIDE, bench.seed)

    def alter(index: NDArray[np.int64]) -> Images:
        return np.where(masks[None, :, None], base[index, None], images[index, None])

    change = np.abs(scores(bench, alter, PATCHES, "patches") - original_scores(bench)[:, None])
    moved = [1.0 - ssim(bench.maps, explained(bench, np.where(mask[None, None], base, images))) for mask in masks]
    return pearson(change, np.stack(moved, axis=1))
