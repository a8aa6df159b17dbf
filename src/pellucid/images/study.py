"""Studies from files, folders and arrays; the kind of a file is told by its first bytes, never by its name."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.errors import ImageError
from pellucid.images.dicom import is_dicom, open_dicom
from pellucid.images.display import Pixels, shown
from pellucid.images.frames import (
    Spacing,
    Study,
    StudyImage,
    check_size,
    checked_spacing,
    faults_as_image_errors,
    study_of,
    with_spacing,
)
from pellucid.images.nifti import is_nifti, open_nifti
from pellucid.images.plain import is_plain, open_plain
from pellucid.images.series import open_series

HEAD_BYTES = 1024

KINDS: dict[str, tuple[Callable[[bytes], bool], Callable[[Path], Study]]] = {
    "DICOM": (is_dicom, open_dicom),  # first, for its preamble may hold the first bytes of a TIFF
    "PNG, JPEG, TIFF": (is_plain, open_plain),
    "NIfTI": (is_nifti, open_nifti),
}
"""Every kind of file that can be opened: how its first bytes are told, and how it is opened."""


def open_study(path: str | Path, *, spacing_mm: float | Spacing | None = None) -> Study:
    """The images of a file (PNG, JPEG, TIFF, DICOM, NIfTI) or of a folder that holds one DICOM series; pixels are decoded later.

    `spacing_mm`, one number or (between rows, between columns), goes before what the file says. Raises ImageError on anything
    that is not a readable image, InputError on a spacing that is not positive, MissingExtra where a package is needed.
    """
    place = Path(path)
    checked_spacing(spacing_mm)
    if place.is_dir():
        return with_spacing(open_series(place), spacing_mm)
    with faults_as_image_errors(place.name, "file"), place.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        raise ImageError(f"{place.name}: expected an image, got an empty file; export or copy it again")
    for tells, opens in KINDS.values():
        if tells(head):
            return with_spacing(opens(place), spacing_mm)
    raise ImageError(f"{place.name}: expected {', '.join(KINDS)}, got a file that starts with {head[:8]!r}; convert it to PNG")


def study_from_array(array: Any, spacing_mm: float | Spacing | None = None) -> Study:
    """A study of one image from an array (H, W), (H, W, 3) or (H, W, 4): uint8, bool, floats in 0..1, or integers in 0..65535.

    The rules are those of `display.shown`. Raises ImageError on other shapes and values, NaN and infinity among them.
    """
    try:
        values = np.asarray(array)
    except ValueError:
        raise ImageError("array: expected rows of equal length, got a ragged list; give a NumPy array") from None
    if values.ndim not in (2, 3) or not (np.issubdtype(values.dtype, np.number) or values.dtype == bool):
        raise ImageError(f"array: expected numbers of shape (H, W), (H, W, 3) or (H, W, 4), got {values.dtype} {values.shape}")
    check_size(values.shape[1], values.shape[0], 1, "array")
    decoded: tuple[Pixels, str] = shown(values, "array")  # now, so that a later change of the caller's array is not seen
    image = StudyImage(values.shape[1], values.shape[0], partial(_same, decoded))
    return with_spacing(study_of((image,), "array"), spacing_mm)


def _same(decoded: tuple[Pixels, str]) -> tuple[Pixels, str]:
    return decoded
