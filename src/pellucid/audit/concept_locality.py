"""Locality: does a concept's output depend on its own place, and only on it?

Common shapes: `outputs` (n, S) probabilities of one concept on the images as they are, `inside` and `outside` the same with the
pixels inside, or outside, the concept's place taken away. The three measures follow the three kinds of perturbation of Raman et
al. 2025 (TMLR, arXiv 2401.01259): masking, replacement by what stands in another image, and the worst of several perturbations.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.errors import InputError

Floats = NDArray[np.float64]


def moved(outputs: ArrayLike, perturbed: ArrayLike) -> Floats:
    """How far each output moved (n,): total variation between the two distributions, from 0 to 1."""
    before, after = np.asarray(outputs, dtype=np.float64), np.asarray(perturbed, dtype=np.float64)
    if before.shape != after.shape or before.ndim != 2:
        raise InputError(f"locality: expected two arrays (n, S) of one shape, got {before.shape} and {after.shape}")
    return 0.5 * np.abs(before - after).sum(axis=1)


def worst_move(outputs: ArrayLike, perturbed: Sequence[ArrayLike]) -> Floats:
    """The largest move of each output over several perturbations (n,): what no perturbation outside the place should cause."""
    return np.max([moved(outputs, p) for p in perturbed], axis=0)


def place_share(inside: ArrayLike, outside: ArrayLike) -> float:
    """Of all movement, the share that comes from the place itself: 1 where only the place matters, 0 where only the rest does.

    `inside` and `outside` are moves (n,). NaN where nothing moved. A concept that looks at the whole image gives about what the
    blind control gives: the share of the two kinds of pixels.
    """
    within, beyond = float(np.mean(np.asarray(inside))), float(np.mean(np.asarray(outside)))
    return within / (within + beyond) if within + beyond > 0 else float("nan")


def ring_fill(pixels: NDArray[np.uint8], mask: NDArray[np.bool_], generator: np.random.Generator) -> NDArray[np.uint8]:
    """The image (H, W) or (H, W, 3) with the masked pixels replaced by pixels drawn from the unmasked rest.

    Grey levels of the rest stay as frequent as they were, so that the hole is neither black nor a sharp uniform patch; its
    texture is lost. Where everything is masked the image stays as it is.
    """
    if mask.shape != pixels.shape[:2]:
        raise InputError(f"locality: expected a mask of shape {pixels.shape[:2]}, got {mask.shape}")
    rest = pixels[~mask]
    if len(rest) == 0 or not mask.any():
        return pixels.copy()
    filled = pixels.copy()
    filled[mask] = rest[generator.integers(len(rest), size=int(mask.sum()))]
    return filled


def swapped(pixels: NDArray[np.uint8], mask: NDArray[np.bool_], other: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image with the masked pixels taken from another image, stretched to its size by nearest neighbours."""
    if mask.shape != pixels.shape[:2] or other.ndim != pixels.ndim:
        raise InputError(f"locality: expected a mask and another image like {pixels.shape}, got {mask.shape} and {other.shape}")
    rows = [i * other.shape[0] // pixels.shape[0] for i in range(pixels.shape[0])]
    columns = [i * other.shape[1] // pixels.shape[1] for i in range(pixels.shape[1])]
    taken = other[rows][:, columns]
    return np.where(mask if pixels.ndim == 2 else mask[..., None], taken, pixels)
