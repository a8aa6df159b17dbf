"""Does a map or a mask lie on the lesion? Functions of arrays (H, W) in one and the same pixel grid.

Each gives a float, NaN where there is no reference to hit. The trivial figure to stand beside the pointing game is
`random_pointing` (a pixel drawn blindly) and `centre_pointing` (the middle of the image).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.errors import InputError


def _masks(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    one, other = np.asarray(first).astype(bool), np.asarray(second).astype(bool)
    if one.shape != other.shape or one.ndim == 0:
        raise InputError(
            f"localisation: expected two arrays of one shape, got {one.shape} and {other.shape}: bring them to one pixel grid"
        )
    return one, other


def pointing_game(evidence: ArrayLike, mask: ArrayLike, tolerance_px: int = 0) -> float:
    """1 where the strongest pixel of `evidence` lies in `mask`, else 0; the share of them where several are equally strong.

    `tolerance_px` lets a hit lie that far outside the mask, in rows and columns. Source: Zhang 2018, doi
    10.1007/s11263-017-1059-x (15 px on VOC).
    """
    values = np.asarray(evidence, dtype=np.float64)
    _, target = _masks(values != 0, mask)
    if not np.isfinite(values).all():
        raise InputError("pointing game: expected a finite map, got NaN or infinity")
    if not target.any():
        return float("nan")
    strongest = np.argwhere(values == values.max())
    if tolerance_px == 0:
        return float(target[tuple(strongest.T)].mean())
    places = np.argwhere(target)
    hits = [bool((np.abs(places - point).max(axis=1) <= tolerance_px).any()) for point in strongest]
    return float(np.mean(hits))


def random_pointing(mask: ArrayLike) -> float:
    """What pointing blindly gives: the share of the image that the mask covers."""
    target = np.asarray(mask).astype(bool)
    return float(target.mean()) if target.any() else float("nan")


def centre_pointing(mask: ArrayLike) -> float:
    """What always pointing at the middle of the image gives: 1 where the mask covers it, else 0."""
    target = np.asarray(mask).astype(bool)
    return float(target[tuple(size // 2 for size in target.shape)]) if target.any() else float("nan")


def iou(predicted: ArrayLike, mask: ArrayLike) -> float:
    """Intersection over union of two masks (Jaccard 1901); NaN where both are empty."""
    one, other = _masks(predicted, mask)
    union = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / union if union else float("nan")


def dice(predicted: ArrayLike, mask: ArrayLike) -> float:
    """Twice the intersection over the sum of the areas (Dice 1945, doi 10.2307/1932409); NaN where both are empty."""
    one, other = _masks(predicted, mask)
    total = np.count_nonzero(one) + np.count_nonzero(other)
    return 2.0 * np.count_nonzero(one & other) / total if total else float("nan")
