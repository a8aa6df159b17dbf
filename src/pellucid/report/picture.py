"""The image itself, made ready to stand inside a page: checked against the reading, reduced where it is large, as a data URI."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pellucid.errors import ImageError
from pellucid.record import StudyRef

LONGEST_SIDE = 1400
"""Pixels; enough for a sharp A4 column, small enough to send."""
JPEG_QUALITY = 90
COLOUR_AXES = 3


@dataclass(frozen=True)
class Picture:
    """An image as a data URI, and whether it was reduced for display."""

    uri: str
    reduced: bool


def picture(pixels: NDArray[np.uint8], study: StudyRef) -> Picture:
    """Display-ready pixels (H, W) or (H, W, 3) uint8 as a picture; ImageError where they are not those of this study."""
    _check(pixels, study)
    image = Image.fromarray(np.ascontiguousarray(pixels))
    longest = max(image.size)
    if longest > LONGEST_SIDE:
        size = (max(1, image.width * LONGEST_SIDE // longest), max(1, image.height * LONGEST_SIDE // longest))
        image = image.resize(size, Image.Resampling.LANCZOS)
    lossless, lossy = io.BytesIO(), io.BytesIO()
    image.save(lossless, "PNG")
    image.save(lossy, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    kind, data = min((("png", lossless.getvalue()), ("jpeg", lossy.getvalue())), key=lambda pair: len(pair[1]))
    return Picture(f"data:image/{kind};base64,{base64.b64encode(data).decode()}", longest > LONGEST_SIDE)


def _check(pixels: NDArray[np.uint8], study: StudyRef) -> None:
    expected = f"expected uint8 pixels of height {study.height} and width {study.width}, grey or RGB"
    colour = pixels.ndim == COLOUR_AXES and pixels.shape[2] == COLOUR_AXES
    if pixels.dtype != np.uint8 or not (pixels.ndim == COLOUR_AXES - 1 or colour):
        raise ImageError(
            f"{expected}, got {pixels.dtype} of shape {pixels.shape}: pass the display-ready pixels of the image that was read"
        )
    if pixels.shape[:2] != (study.height, study.width):
        raise ImageError(f"{expected} as in the reading, got shape {pixels.shape}: pass the pixels of the image that was read")
