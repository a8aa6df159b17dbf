"""From stored values to display values: each rule is a function that gives uint8 pixels and says what it did."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ImageError

Pixels = NDArray[np.uint8]
Values = NDArray[Any]

WHITE = 255
BIT_DEPTHS = (8, 10, 12, 14, 16)
"""The depths in which greyscale cameras and scanners store."""

TABLE_SIZE = 2**16
AS_STORED = "as stored"
BLANK_RANGE = 2
"""Grey levels between darkest and brightest pixel up to which an image shows nothing (compression alone moves a level or two)."""


def shown(array: Values, where: str) -> tuple[Pixels, str]:
    """Display pixels for an array whose values have no medical unit, and the rule.

    (H, W), (H, W, 1), (H, W, 3) or (H, W, 4). uint8 stays; bool is black and white; floats must lie in 0..1; other integers in
    0..65535, where the scale is the smallest depth of 8, 10, 12, 14, 16 bits that holds the brightest value, so that a 12-bit
    image is not nearly black and an 8-bit image stored in 16 bits is unchanged. Transparent parts show black. A colour image
    whose channels are all equal becomes grey (H, W). Raises ImageError on anything else.
    """
    channels = array.shape[2:] if array.ndim > 1 else None
    if array.size == 0 or channels not in ((), (1,), (3,), (4,)):
        raise ImageError(f"{where}: expected (H, W), (H, W, 3) or (H, W, 4), got {array.shape}; give one image, channels last")
    pixels, rule = _eight_bits(array, where)
    if channels == (4,):
        pixels, rule = over_black(pixels), f"{rule}, transparent parts black"
    return without_colour(pixels[:, :, 0] if channels == (1,) else pixels), rule


def _eight_bits(array: Values, where: str) -> tuple[Pixels, str]:
    if array.dtype == np.uint8:
        return array.copy(), AS_STORED
    if array.dtype == bool:
        return array.astype(np.uint8) * WHITE, "black and white"
    if np.iscomplexobj(array):
        raise ImageError(f"{where}: expected real numbers, got complex ones; give the magnitude")
    low, high = float(array.min()), float(array.max())
    if np.issubdtype(array.dtype, np.floating):
        return _from_floats(array, low, high, where)
    if not np.issubdtype(array.dtype, np.integer) or low < 0 or high > 2 ** BIT_DEPTHS[-1] - 1:
        raise ImageError(
            f"{where}: expected whole numbers from 0 to 65535 or floats from 0 to 1, got {array.dtype} from {low:g} to {high:g};"
            " scale them first, or use DICOM or NIfTI where values have a meaning"
        )
    bits = next(b for b in BIT_DEPTHS if high <= 2**b - 1)
    return scaled(array, 0, 2**bits - 1), f"value / {2**bits - 1} ({bits} bits hold the brightest)"


def _from_floats(array: Values, low: float, high: float, where: str) -> tuple[Pixels, str]:
    if not np.isfinite(low + high):
        raise ImageError(f"{where}: expected finite values, got NaN or infinity; replace them first")
    if low < 0 or high > 1:
        raise ImageError(f"{where}: expected floats from 0 to 1, got {low:g} to {high:g}; scale them first, or give uint8")
    return scaled(array, 0.0, 1.0), "float 0..1"


def scaled(values: Values, low: float, high: float) -> Pixels:
    """uint8 with `low` and below at 0, `high` and above at 255, linear between; all 0 where low equals high. Rounds half up."""
    if high <= low:
        return np.zeros(values.shape, np.uint8)
    if values.dtype.kind in "iu" and values.dtype.itemsize <= 2 and values.size > TABLE_SIZE:
        return _scaled_by_table(values, low, high)
    # Halved before the subtractions: a range may be wider than the largest float.
    share = (values / 2 - low / 2) / (high / 2 - low / 2)
    return np.clip(share * WHITE + 0.5, 0, WHITE).astype(np.uint8)


def _scaled_by_table(values: Values, low: float, high: float) -> Pixels:
    """The same for large images of up to 16 bits, without a copy of them in floats."""
    limits = np.iinfo(values.dtype)
    table = scaled(np.concatenate([np.arange(0, limits.max + 1), np.arange(limits.min, 0)]), low, high)
    return table[values]  # a negative value counts from the end of the table, where its own entry stands


def windowed(values: Values, centre: float, width: float, function: str = "LINEAR") -> Pixels:
    """uint8 through a window of interest: LINEAR, LINEAR_EXACT or SIGMOID as DICOM PS3.3 C.11.2.1.2 defines them."""
    if function == "SIGMOID":
        exponent = np.clip(-4.0 * (values.astype(np.float64) - centre) / width, -700, 700)
        return (WHITE / (1.0 + np.exp(exponent)) + 0.5).astype(np.uint8)
    if function == "LINEAR_EXACT":
        return scaled(values, centre - width / 2, centre + width / 2)
    if width <= 1:  # LINEAR spans width - 1 values: at a width of 1 it is a step
        return np.where(values > centre - 0.5, WHITE, 0).astype(np.uint8)
    return scaled(values, centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2)


def over_black(pixels: Pixels) -> Pixels:
    """RGB (H, W, 3) of RGBA (H, W, 4) pixels laid over black."""
    alpha = pixels[:, :, 3:]
    if alpha.min() == WHITE:
        return pixels[:, :, :3]
    return ((pixels[:, :, :3].astype(np.uint16) * alpha + WHITE // 2) // WHITE).astype(np.uint8)


def without_colour(pixels: Pixels) -> Pixels:
    """Grey (H, W) where the three channels are equal in every pixel, else the pixels as they are.

    So an ultrasound image is the same image whether it was exported as grey or as colour.
    """
    if pixels.ndim == 2:
        return np.ascontiguousarray(pixels)
    for part in (pixels[::16, ::16], pixels):  # a coloured image is nearly always found out by the thin one
        red = part[:, :, 0]
        if not (np.array_equal(red, part[:, :, 1]) and np.array_equal(red, part[:, :, 2])):
            return np.ascontiguousarray(pixels)
    return np.ascontiguousarray(pixels[:, :, 0])


def is_blank(pixels: Pixels) -> bool:
    """Whether display pixels show nothing, all black for example: each channel within two grey levels from end to end."""
    flat = pixels.reshape(-1, 1 if pixels.ndim == 2 else pixels.shape[2])
    return bool(np.all(flat.max(axis=0).astype(int) - flat.min(axis=0) <= BLANK_RANGE))
