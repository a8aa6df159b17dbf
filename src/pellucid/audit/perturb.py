"""Altered copies of images for the measures of maps: removed, blurred, painted in, noisy, shifted, compressed; and their scores.

Images are (n, C, H, W) or (n, C, D, H, W). Every draw comes from the seed and the image itself, so that a case is altered in the
same way whichever cases stand beside it.
"""

import io
import zlib
from collections.abc import Callable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from pellucid.audit.cases import Bench, Images, Maps
from pellucid.audit.lazy import scipy_module
from pellucid.errors import InputError

AT_ONCE = 64
"""Images given to the model in one call."""

Alter = Callable[[NDArray[np.int64]], Images]
"""Indices (b,) of cases -> altered copies (b, v, C, H, W)."""


def drawn_for(image: NDArray[np.float32], seed: int, draw: int = 0) -> np.random.Generator:
    """A generator that depends on the seed, the number of the draw, and the image."""
    return np.random.default_rng([seed, draw, zlib.crc32(np.ascontiguousarray(image).tobytes())])


def scores(bench: Bench, alter: Alter, variants: int, shared: str | None = None) -> NDArray[np.float64]:
    """(n, variants): score of the explained output on altered copies of every image, made a few cases at a time.

    `shared` names an alteration that does not depend on the map: its scores are kept in `bench.known` and not computed again.
    Raises InputError where the model gives something else than finite scores (n, K).
    """
    n = len(bench.cases.images)
    found = np.empty((n, variants))
    keys = _keys(bench, shared) if shared is not None and bench.known is not None else []
    known = bench.known if keys and bench.known is not None else {}
    new = np.array([i for i in range(n) if not keys or keys[i] not in known], dtype=np.int64)
    step = max(1, AT_ONCE // variants)
    for start in range(0, len(new), step):
        index = new[start : start + step]
        found[index] = _asked(bench, index, alter(index))
        if keys:
            known.update({keys[i]: found[i].copy() for i in index.tolist()})
    for i in sorted(set(range(n)) - set(new.tolist())):
        found[i] = known[keys[i]]
    return found


def _keys(bench: Bench, shared: str) -> list[tuple[str, bytes]]:
    """What the shared scores of every case are kept under: the alteration, the seed, the image and the output explained."""
    name = f"{shared}/{bench.seed}"
    pairs = zip(bench.cases.images, bench.cases.targets, strict=True)
    return [(f"{name}/{target}", blake2b(np.ascontiguousarray(image).tobytes()).digest()) for image, target in pairs]


def _asked(bench: Bench, index: NDArray[np.int64], altered: Images) -> NDArray[np.float64]:
    """(b, v): scores of the explained output of altered copies (b, v, C, H, W), at most 64 images in one call."""
    flat = altered.reshape(-1, *altered.shape[2:]).astype(np.float32, copy=False)
    given = np.concatenate([bench.predict(flat[i : i + AT_ONCE]) for i in range(0, len(flat), AT_ONCE)])
    if given.ndim != 2 or len(given) != len(flat) or not np.isfinite(given).all():
        raise InputError(
            f"model: expected finite scores ({len(flat)}, K), got shape {given.shape}"
            f"{'' if np.isfinite(given).all() else ' with NaN or infinity'}"
        )
    wanted = np.repeat(bench.cases.targets[index], altered.shape[1])
    return given[np.arange(len(flat)), wanted].reshape(len(index), -1)


def original_scores(bench: Bench) -> NDArray[np.float64]:
    """(n,): score of the explained output on the images as they are."""
    return scores(bench, lambda index: bench.cases.images[index, None], 1, "original")[:, 0]


def explained(bench: Bench, images: Images) -> Maps:
    """Maps of altered copies of the bench's cases, a few at a time."""
    given = [bench.explain(images[i : i + AT_ONCE], bench.cases.targets[i : i + AT_ONCE]) for i in range(0, len(images), AT_ONCE)]
    maps = np.concatenate(given)
    if maps.shape != (len(images), *images.shape[2:]):
        raise InputError(f"method: expected maps {(len(images), *images.shape[2:])}, got {maps.shape}")
    return maps


def descending(maps: Maps, seed: int) -> NDArray[np.int64]:
    """(n, pixels): place of every pixel in the order from highest to lowest; pixels of one value in random order.

    Without the random order a map that is zero in most places would be read from the upper left corner on.
    """
    flat = maps.reshape(len(maps), -1)
    shuffled = np.random.default_rng(seed).permutation(flat.shape[1])
    order = shuffled[np.argsort(-flat[:, shuffled], axis=1, kind="stable")]
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.arange(flat.shape[1])[None], axis=1)
    return place


def top(maps: Maps, fraction: float, seed: int) -> NDArray[np.bool_]:
    """(n, H, W): the highest `fraction` of the pixels of every map, at least one."""
    place = descending(maps, seed)
    return (place < max(1, round(fraction * place.shape[1]))).reshape(maps.shape)


def mean_image(images: Images) -> Images:
    """Every pixel replaced by its image's and channel's mean, whatever the images were normalised with."""
    axes = tuple(range(2, images.ndim))
    return np.broadcast_to(images.mean(axis=axes, keepdims=True), images.shape)


def blurred(images: Images, share: float = 0.1) -> Images:
    """Blur near a Gaussian whose standard deviation is `share` of each side: a box filter three times over."""
    uniform_filter = scipy_module("ndimage").uniform_filter
    for _ in range(3):
        images = np.asarray(uniform_filter(images, [1, 1, *(max(1, round(2 * share * s)) for s in images.shape[2:])]), np.float32)
    return images


def squares(shape: tuple[int, ...], count: int, side: float, seed: int) -> NDArray[np.bool_]:
    """(count, H, W): squares at random places, `side` of each side wide; the same for every image and map."""
    generator = np.random.default_rng([seed, count])
    masks = np.zeros((count, *shape), dtype=bool)
    sides = [max(1, round(side * s)) for s in shape]
    for mask in masks:
        corner = [int(generator.integers(0, s - wide + 1)) for s, wide in zip(shape, sides, strict=True)]
        mask[tuple(slice(c, c + wide) for c, wide in zip(corner, sides, strict=True))] = True
    return masks


def dynamic_range(images: Images) -> NDArray[np.float32]:
    """(n, 1, 1, 1): largest minus smallest value of every image, over all channels."""
    axes = tuple(range(1, images.ndim))
    return np.ptp(images, axis=axes, keepdims=True)


def noisy(images: Images, share: float, seed: int, draw: int = 0) -> Images:
    """Gaussian noise with a standard deviation of `share` of the image's dynamic range."""
    noise: list[NDArray[np.float64]] = [drawn_for(image, seed, draw).standard_normal(image.shape) for image in images]
    return np.asarray(images + share * dynamic_range(images) * np.stack(noise), np.float32)


def shaken(images: Images, share: float, seed: int, draw: int = 0) -> Images:
    """Uniform noise of at most `share` of the image's dynamic range in every pixel."""
    noise: list[NDArray[np.float64]] = [drawn_for(image, seed, draw).uniform(-1.0, 1.0, image.shape) for image in images]
    return np.asarray(images + share * dynamic_range(images) * np.stack(noise), np.float32)


def shifted(arrays: NDArray[np.float32], by: tuple[int, ...]) -> NDArray[np.float32]:
    """Content of (…, H, W) moved by whole pixels along the last axes; what comes in from outside repeats the border."""
    axes = len(by)
    padding = [(0, 0)] * (arrays.ndim - axes) + [(abs(b), abs(b)) for b in by]
    padded = np.pad(arrays, padding, mode="edge")
    window = [slice(None)] * (arrays.ndim - axes)
    window += [slice(abs(b) - b, abs(b) - b + s) for b, s in zip(by, arrays.shape[-axes:], strict=True)]
    return padded[tuple(window)]


def jpeg(images: Images, quality: int = 75) -> Images:
    """Every image through 8 bits and JPEG at `quality` and back to its own range: three channels as colour, others one by one."""
    low = images.min(axis=tuple(range(1, images.ndim)), keepdims=True)
    span = np.maximum(dynamic_range(images), np.float32(1e-12))
    eight = np.rint((images - low) / span * 255).astype(np.uint8)
    colour = images.ndim == 4 and images.shape[1] == 3
    planes = np.moveaxis(eight, 1, -1) if colour else eight.reshape(-1, *images.shape[-2:])
    back = np.stack([_compressed(p, quality) for p in planes])
    back = np.moveaxis(back, -1, 1) if colour else back.reshape(images.shape)
    return (back.astype(np.float32) / 255 * span + low).astype(np.float32)


def _compressed(plane: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(plane).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))
