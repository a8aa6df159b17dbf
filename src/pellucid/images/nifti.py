"""NIfTI volumes (.nii, .nii.gz) as axial slices, through nibabel, which is imported when the first file is opened.

Slices go from the feet to the head and are shown as radiologists look at them: patient's right on the left of the image,
front at the top. Pixels of one slice are read when they are asked for.
"""

import math
import struct
import zlib
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.errors import ImageError, MissingExtra
from pellucid.images.display import Pixels, Values, scaled, shown
from pellucid.images.frames import Spacing, Study, StudyImage, check_size, faults_as_image_errors, spacing_or_none, study_of

GZIP = b"\x1f\x8b"
NIFTI_1, NIFTI_2 = 348, 540
SIZES = {NIFTI_1: (344, b"n+1\x00"), NIFTI_2: (4, b"n+2\x00")}
"""Header size, which is also the first number of a file -> where its magic word stands, and that word."""

MAX_VOLUME_BYTES = 2 * 2**30
"""Largest volume that a header may claim; a packed file of a few kB can claim anything."""

MAX_EXTENSION_BYTES = 16 * 2**20
"""Largest header extension that is skipped on the way to the voxels."""

MM_PER_UNIT = {"mm": 1.0, "meter": 1000.0, "micron": 0.001, "unknown": 1.0}
PERCENTILES = (0.5, 99.5)
"""Display range of a slice where the header states none (cal_min, cal_max): a few outliers shall not make it all grey."""


def is_nifti(head: bytes) -> bool:
    """Whether a file that starts with these bytes is NIfTI, packed or not."""
    plain = _unpacked(head) if head.startswith(GZIP) else head
    if len(plain) < 4:
        return False
    for order in "<>":
        at, word = SIZES.get(struct.unpack(f"{order}i", plain[:4])[0], (0, b""))
        if at and plain[at : at + 4] == word:
            return True
    return False


def _unpacked(head: bytes) -> bytes:
    """The first bytes inside a gzip file, of which `head` is the start."""
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, NIFTI_2)
    except zlib.error:
        return b""


def open_nifti(path: Path) -> Study:
    """The axial slices of a NIfTI volume (2-D, 3-D, or 4-D volume by volume) with their spacing; pixels are read later.

    Raises MissingExtra without nibabel, ImageError on a damaged header or a volume beyond the size limits.
    """
    with faults_as_image_errors(path.name, "NIfTI file"):
        volume = _Volume(path)
        images = tuple(_image(volume, frame) for frame in range(volume.slices * volume.shape[3]))
        return study_of(images, path.name)


def _image(volume: "_Volume", frame: int) -> StudyImage:
    spacing, source = volume.spacing
    return StudyImage(
        width=volume.shape[volume.across],
        height=volume.shape[volume.front],
        decode=partial(_decode, volume, frame),
        frame=frame,
        source=volume.path.name,
        spacing_mm=spacing,
        spacing_source=source,
    )


class _Volume:
    """The header of a volume, and its voxels slice by slice.

    `across`, `front`, `up` are the data axes nearest to the patient's right, front and head; `flips` their directions (1: the
    index grows that way). Voxels of a packed file are unpacked once, at the first slice; others are read slice by slice.
    """

    def __init__(self, path: Path) -> None:
        nibabel = _nibabel()
        _check_header(path)
        self.path = path
        self.file: Any = nibabel.load(path)
        if self.file.ndim not in (2, 3, 4):
            raise ImageError(f"{path.name}: expected a volume of 2 to 4 dimensions, got shape {self.file.shape}; split it first")
        self.shape: tuple[int, ...] = (*self.file.shape, 1, 1)[:4]
        directions = nibabel.io_orientation(self.file.affine)
        self.across, self.front, self.up = (int(np.flatnonzero(directions[:, 0] == axis)[0]) for axis in range(3))
        self.flips: tuple[bool, ...] = tuple(bool(directions[axis, 1] > 0) for axis in (self.across, self.front, self.up))
        self.slices = self.shape[self.up]
        check_size(self.shape[self.across], self.shape[self.front], self.slices * self.shape[3], path.name)

    @cached_property
    def voxels(self) -> Any:
        """Stored values, not yet scaled: an array for a packed file, else nibabel's proxy."""
        return self.file.dataobj.get_unscaled() if self.path.name.endswith(".gz") else None

    @property
    def spacing(self) -> tuple[Spacing | None, str | None]:
        """Spacing (rows, columns) in mm and its source."""
        unit = self.file.header.get_xyzt_units()[0]
        zooms = (*self.file.header.get_zooms(), 0.0)
        mm = MM_PER_UNIT.get(unit)
        spacing = spacing_or_none((zooms[self.front] * mm, zooms[self.across] * mm)) if mm else None
        said = "NIfTI zooms (no unit stated, taken as mm)" if unit == "unknown" else "NIfTI zooms"
        return (spacing, said) if spacing else (None, None)

    def axial(self, frame: int) -> Values:
        """Values (H, W) of one axial slice in the volume's unit, or (H, W, 3) colours."""
        time, level = divmod(frame, self.slices)
        at = level if self.flips[2] else self.slices - 1 - level
        wanted = [slice(None)] * 3 + [time]
        wanted[self.up] = at
        wanted = [w for axis, w in enumerate(wanted) if axis < self.file.ndim]
        if self.voxels is not None:
            values = self._scaled(self.voxels[tuple(wanted)])
        else:
            values = np.asarray(self.file.dataobj[tuple(wanted)])
        values = values if self.front < self.across else values.swapaxes(0, 1)
        return values[:: -1 if self.flips[1] else 1, :: -1 if self.flips[0] else 1]

    def _scaled(self, stored: Values) -> Values:
        slope, inter = self.file.dataobj.slope, self.file.dataobj.inter
        return stored if (slope, inter) == (1.0, 0.0) else stored * slope + inter


def _nibabel() -> Any:
    try:
        return import_module("nibabel")
    except ImportError:
        raise MissingExtra("nibabel", "nifti", "reading a NIfTI file") from None


def _check_header(path: Path) -> None:
    """Refuses, from the header alone, what would take too much memory or time to read."""
    with path.open("rb") as file:
        head = _unpacked(file.read(4096)) if path.name.endswith(".gz") else file.read(NIFTI_2)
    order = next(o for o in "<>" if struct.unpack(f"{o}i", head[:4])[0] in SIZES)
    if struct.unpack(f"{order}i", head[:4])[0] == NIFTI_1:
        dims = struct.unpack(f"{order}8h", head[40:56])
        bits, offset = struct.unpack(f"{order}h", head[72:74])[0], struct.unpack(f"{order}f", head[108:112])[0]
    else:
        dims = struct.unpack(f"{order}8q", head[16:80])
        bits, offset = struct.unpack(f"{order}h", head[14:16])[0], struct.unpack(f"{order}q", head[168:176])[0]
    shape = dims[1 : 1 + max(0, min(7, dims[0]))]
    if not shape or min(shape) < 1:
        raise ImageError(f"{path.name}: expected a volume with voxels, got shape {shape}; export it again")
    if math.prod(shape) * max(1, bits) / 8 > MAX_VOLUME_BYTES:
        raise ImageError(f"{path.name}: expected a volume of at most 2 GiB, got shape {shape} of {bits} bits; crop it first")
    if not 0 <= offset <= MAX_EXTENSION_BYTES:
        raise ImageError(f"{path.name}: expected voxels within 16 MiB of the start, got an offset of {offset:g}; export it again")


def _decode(volume: _Volume, frame: int) -> tuple[Pixels, str]:
    where = volume.path.name
    values = volume.axial(frame)
    if values.dtype.fields:  # RGB24, RGBA32
        return shown(np.stack([values[name] for name in values.dtype.fields], axis=-1), where)
    if np.iscomplexobj(values):
        raise ImageError(f"{where}: expected real values, got complex ones; export the magnitude")
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(low + high):
        raise ImageError(f"{where}: expected finite values, got NaN or infinity in slice {frame}; replace them first")
    stated = [float(volume.file.header[name]) for name in ("cal_min", "cal_max")]
    if np.isfinite(stated).all() and stated[0] < stated[1]:
        return scaled(values, *stated), f"cal_min {stated[0]:g} to cal_max {stated[1]:g}"
    if values.dtype == np.uint8:
        return shown(values, where)
    low, high = (float(v) for v in np.percentile(values, PERCENTILES))
    return scaled(values, low, high), f"{PERCENTILES[0]} to {PERCENTILES[1]} percentile of the slice: {low:g} to {high:g}"
