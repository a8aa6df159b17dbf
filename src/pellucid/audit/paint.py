"""Taking something out of an image: a region painted over smoothly from what surrounds it.

Nothing that was inside the region is left, and no edge is added. What is lost besides is texture; so every measure that uses
this sets the same beside it, done elsewhere.
"""

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError

Images = NDArray[np.float32]
Region = NDArray[np.bool_]
WHOLE = (slice(None), slice(None))


def painted_over(images: Images, region: Region) -> Images:
    """Images (n, C, H, W) with a region, (H, W) for all or (n, H, W) for each, filled from its surroundings.

    Pull-push interpolation (Gortler 1996, doi 10.1145/237170.237200): weighted means down a pyramid, then up into the gap. A
    region that leaves nothing is filled with zero. Raises InputError where shapes do not fit.
    """
    if region.ndim == 2 and region.shape == images.shape[2:] and region.any() and (window := _around(region)) != WHOLE:
        out = images.copy()
        out[:, :, *window] = painted_over(images[:, :, *window], region[window])
        return out
    n, _, height, width = images.shape
    if region.shape not in ((height, width), (n, height, width)):
        raise InputError(f"painting over: expected a region (H, W) or (n, H, W) of {(n, height, width)}, got {region.shape}")
    masks = np.broadcast_to(region, (n, height, width))
    weight = (~masks)[:, None].astype(np.float32)
    filled = _pull_push(images * weight, weight)
    return np.where(masks[:, None], filled, images).astype(np.float32)


def _around(region: Region) -> tuple[slice, slice]:
    """Rows and columns of a small region with its own size around it; what is farther has no say. `WHOLE` where that is most."""
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    spans = ((int(rows[0]), int(rows[-1]) + 1), (int(columns[0]), int(columns[-1]) + 1))
    margin = max(high - low for low, high in spans)
    window = [
        slice(max(0, low - margin), min(size, high + margin)) for (low, high), size in zip(spans, region.shape, strict=True)
    ]
    area = (window[0].stop - window[0].start) * (window[1].stop - window[1].start)
    return (window[0], window[1]) if 2 * area < region.size else WHOLE


def _pull_push(weighted: Images, weight: Images) -> Images:
    """Values (n, C, H, W) everywhere, from values times weights and the weights (n, 1, H, W) in 0..1."""
    height, width = weighted.shape[2:]
    if height == width == 1:
        return np.divide(weighted, weight, out=np.zeros_like(weighted), where=weight > 0)
    small_weighted, small_weight = _pooled(weighted), _pooled(weight)
    full: Images = np.maximum(small_weight, np.float32(1))  # more than one whole pixel below says no more than one
    coarse = _pull_push(np.divide(small_weighted, full), np.divide(small_weight, full))
    rest: Images = np.subtract(np.float32(1), weight)
    return (weighted + rest * _enlarged(coarse)[:, :, :height, :width]).astype(np.float32, copy=False)


def _pooled(values: Images) -> Images:
    """Sums over blocks of two by two; an odd last row or column stands alone."""
    pad = [(0, 0), (0, 0), (0, values.shape[2] % 2), (0, values.shape[3] % 2)]
    v = np.pad(values, pad)
    return v[:, :, ::2, ::2] + v[:, :, 1::2, ::2] + v[:, :, ::2, 1::2] + v[:, :, 1::2, 1::2]


def _enlarged(values: Images) -> Images:
    """Twice the size, linear in between."""
    for axis in (2, 3):
        before = np.concatenate((values.take([0], axis), values.take(range(values.shape[axis] - 1), axis)), axis)
        after = np.concatenate((values.take(range(1, values.shape[axis]), axis), values.take([-1], axis)), axis)
        pair = np.stack((0.75 * values + 0.25 * before, 0.75 * values + 0.25 * after), axis + 1)
        shape = list(values.shape)
        shape[axis] *= 2
        values = pair.reshape(shape).astype(np.float32)
    return values
