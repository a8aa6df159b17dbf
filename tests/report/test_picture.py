"""The picture in the page is the image that was read."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from pellucid.errors import ImageError
from pellucid.record import StudyRef
from pellucid.report.picture import LONGEST_SIDE, picture


def study(width: int, height: int) -> StudyRef:
    return StudyRef(pixels_sha256="ab" * 32, width=width, height=height)


def decoded(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition("base64,")[2])))


def test_a_small_picture_keeps_its_pixels(pixels) -> None:
    made = picture(pixels, study(320, 240))
    assert not made.reduced
    seen = np.asarray(decoded(made.uri).convert("L")).astype(int)
    assert seen.shape == (240, 320)
    assert np.abs(seen - pixels).mean() < 4


def test_a_large_picture_is_reduced_and_says_so() -> None:
    made = picture(np.full((700, 3000, 3), 90, dtype=np.uint8), study(3000, 700))
    assert made.reduced
    assert decoded(made.uri).size == (LONGEST_SIDE, 326)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((240, 320), dtype=np.float32),
        np.zeros((240, 320, 4), dtype=np.uint8),
        np.zeros((320, 240), dtype=np.uint8),
        np.zeros((1, 240, 320, 3), dtype=np.uint8),
    ],
    ids=["floats", "four channels", "turned", "a stack"],
)
def test_pixels_of_another_kind_or_size_are_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ImageError, match=r"expected uint8 pixels of height 240 and width 320.*got"):
        picture(wrong, study(320, 240))
