"""Study and StudyImage: the frames of a file with their spacing and identifiers, decoded when their pixels are asked for."""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ImageError, InputError, PellucidError
from pellucid.record import FrozenDict, PreparationStep, StudyRef

Pixels = NDArray[np.uint8]
Spacing = tuple[float, float]

MAX_PIXELS = 100_000_000
"""Largest image that is decoded (100 megapixels: 300 MB in colour); whole slides need tiles."""

MAX_FRAMES = 10_000
"""Largest number of frames of one file."""

GIVEN = "given by the user"
"""Spacing source of a spacing that was typed and not found in the file."""


@dataclass(frozen=True, eq=False)
class StudyImage:
    """One frame, display-ready when asked: uint8 (H, W) for grey, (H, W, 3) for colour, as `pixels()`.

    `spacing_mm` is (between rows, between columns); None where the file does not say, never a guess. `ids` holds DICOM UIDs and
    nothing else: no name, number, date or free text of a patient is ever read. `source` is a file name without its folder.
    """

    width: int
    height: int
    decode: Callable[[], tuple[Pixels, str]] = field(repr=False)
    """Gives the display pixels and the rule by which stored values became display values."""
    frame: int = 0
    modality: str | None = None
    ids: Mapping[str, str] = field(default_factory=FrozenDict)
    source: str | None = None
    spacing_mm: Spacing | None = None
    spacing_source: str | None = None

    @cached_property
    def _decoded(self) -> tuple[Pixels, str]:
        with faults_as_image_errors(self.source or "array", "image"):
            pixels, rule = self.decode()
        if pixels.shape[:2] != (self.height, self.width):
            got = f"{pixels.shape[1]}x{pixels.shape[0]}"
            said = f"{self.width}x{self.height}"
            raise ImageError(f"{self.source}: expected {said} pixels as its header says, got {got}; export it again")
        pixels.setflags(write=False)
        return pixels, rule

    def pixels(self) -> Pixels:
        """Display pixels, uint8 (H, W) or (H, W, 3), read-only, decoded once; raises ImageError where they cannot be decoded."""
        return self._decoded[0]

    @property
    def display(self) -> PreparationStep:
        """How stored values became display values: a step that changes nothing when replayed on display pixels."""
        return PreparationStep(name="display", parameters={"rule": self._decoded[1]})

    @cached_property
    def pixels_sha256(self) -> str:
        """SHA-256 of the display pixels: their shape as text, then their bytes row by row."""
        pixels = self.pixels()
        digest = hashlib.sha256("x".join(map(str, pixels.shape)).encode())
        digest.update(np.ascontiguousarray(pixels).data)
        return digest.hexdigest()

    def ref(self) -> StudyRef:
        """Which image this is, for a reading."""
        return StudyRef(
            pixels_sha256=self.pixels_sha256,
            width=self.width,
            height=self.height,
            frame=self.frame,
            modality=self.modality,
            spacing_mm=self.spacing_mm,
            spacing_source=self.spacing_source,
            ids=dict(self.ids),
            source=self.source,
        )


@dataclass(frozen=True, eq=False)
class Study:
    """The images of one file or one series; `modality` and `ids` are those that all of them share."""

    images: tuple[StudyImage, ...]
    modality: str | None
    ids: Mapping[str, str]
    source: str

    @property
    def spacing_mm(self) -> Spacing | None:
        """The spacing that all images share, else None."""
        found = {image.spacing_mm for image in self.images}
        return found.pop() if len(found) == 1 else None


def study_of(images: tuple[StudyImage, ...], source: str) -> Study:
    """A study from its images; keeps the modality and the identifiers on which they agree."""
    modalities = {image.modality for image in images}
    shared = set.intersection(*(set(image.ids.items()) for image in images))
    modality = modalities.pop() if len(modalities) == 1 else None
    return Study(images, modality, FrozenDict(sorted(shared)), source)


def with_spacing(study: Study, spacing_mm: object) -> Study:
    """The study with a spacing given by the user, which goes before that of the file; None leaves it as it is."""
    spacing = checked_spacing(spacing_mm)
    if spacing is None:
        return study
    return replace(study, images=tuple(_given(image, spacing) for image in study.images))


def _given(image: StudyImage, spacing: Spacing) -> StudyImage:
    said = image.spacing_mm
    differs = said is not None and not all(math.isclose(a, b, rel_tol=0.01) for a, b in zip(said, spacing, strict=True))
    against = f" against {image.spacing_source} {said[0]:.4g} x {said[1]:.4g} mm" if differs and said else ""
    return replace(image, spacing_mm=spacing, spacing_source=GIVEN + against)


def checked_spacing(spacing_mm: object) -> Spacing | None:
    """A spacing (rows, columns) in mm from one number or two; raises InputError where they are not finite and positive."""
    if spacing_mm is None:
        return None
    pair = (spacing_mm, spacing_mm) if isinstance(spacing_mm, int | float) else spacing_mm
    spacing = spacing_or_none(pair)
    if spacing is None or isinstance(spacing_mm, bool):
        raise InputError(f"spacing: expected one positive number of mm per pixel, or two (rows, columns), got {spacing_mm!r}")
    return spacing


def spacing_or_none(pair: Any) -> Spacing | None:
    """Two finite positive numbers as a spacing, None for anything else (as damaged headers hold)."""
    try:
        row, column = (float(v) for v in pair)
    except (TypeError, ValueError):
        return None
    return (row, column) if math.isfinite(row) and math.isfinite(column) and min(row, column) > 0 else None


def check_size(width: int, height: int, frames: int, source: str) -> None:
    """Raises ImageError, before anything is decoded, for an image without pixels or beyond MAX_PIXELS or MAX_FRAMES."""
    if width < 1 or height < 1 or frames < 1:
        raise ImageError(f"{source}: expected pixels, got {width}x{height} pixels in {frames} frames; export it again")
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"{source}: expected at most {MAX_PIXELS // 1_000_000} megapixels, got {width}x{height}"
            f" ({width * height / 1e6:.0f} megapixels); crop or shrink it first"
        )
    if frames > MAX_FRAMES:
        raise ImageError(f"{source}: expected at most {MAX_FRAMES} frames, got {frames}; split the file first")


@contextmanager
def faults_as_image_errors(source: str, kind: str) -> Iterator[None]:
    """Turns whatever a decoder raises on a damaged or hostile file into one line of ImageError."""
    try:
        yield
    except PellucidError:
        raise
    except FileNotFoundError:
        raise ImageError(f"{source}: expected a file, found none; check the path") from None
    except PermissionError:
        raise ImageError(f"{source}: expected a file that may be read; check its access rights") from None
    except Exception as fault:  # decoders raise nearly everything, from struct.error to MemoryError
        said = " ".join(str(fault).split())[:160] or type(fault).__name__
        raise ImageError(f"{source}: cannot read this {kind} ({said}); it may be damaged, export it again") from fault
