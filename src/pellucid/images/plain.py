"""PNG, JPEG and TIFF files.

Resolution tags (PNG pHYs, JFIF density, TIFF XResolution) are never taken as physical spacing: they say how large to print the
picture, are mostly a program's default (72 or 96 dpi), and would turn into a lesion size in mm that nobody measured.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from pellucid.errors import ImageError
from pellucid.images.display import AS_STORED, WHITE, Pixels, shown
from pellucid.images.frames import MAX_FRAMES, Study, StudyImage, check_size, faults_as_image_errors, study_of

FORMATS: dict[bytes, tuple[str, type[ImageFile]]] = {
    b"\x89PNG\r\n\x1a\n": ("PNG", PngImageFile),
    b"\xff\xd8\xff": ("JPEG", JpegImageFile),
    b"II*\x00": ("TIFF", TiffImageFile),
    b"MM\x00*": ("TIFF", TiffImageFile),
    b"II+\x00": ("TIFF", TiffImageFile),
    b"MM\x00+": ("TIFF", TiffImageFile),
}
"""First bytes of a file -> its format. The classes are called directly: `Image.open` would warn or raise by a global limit of
Pillow before ours (MAX_PIXELS) is asked, and would try forty formats that no clinic sends."""

ORIENTATION, PHOTOMETRIC, WHITE_IS_ZERO = 0x0112, 262, 0
TURNED = (5, 6, 7, 8)
"""Values of the EXIF orientation that swap width and height."""

DEEP = ("I", "I;16", "I;16L", "I;16B", "F")
"""Pillow's modes of more than eight bits."""


def is_plain(head: bytes) -> bool:
    """Whether a file that starts with these bytes is PNG, JPEG or TIFF."""
    return any(head.startswith(magic) for magic in FORMATS)


def open_plain(path: Path) -> Study:
    """The pages of a PNG, JPEG or TIFF file, turned as their EXIF orientation says; pixels are decoded later.

    Raises ImageError where the header is damaged or an image is too large. Spacing is always unknown here.
    """
    with faults_as_image_errors(path.name, "image"), _opened(path) as image:
        pages = getattr(image, "n_frames", 1) if isinstance(image, TiffImageFile) else 1
        check_size(1, 1, pages, path.name)
        return study_of(tuple(_page(image, page, path) for page in range(min(pages, MAX_FRAMES))), path.name)


@contextmanager
def _opened(path: Path) -> Iterator[ImageFile]:
    """The file, its header read. Pillow gets an open file and no path: with a path it maps uncompressed TIFF into memory by the
    turned width and height, which garbles images of EXIF orientation 5 to 8 (seen in Pillow 13.0)."""
    with path.open("rb") as file:
        head = file.read(8)
        file.seek(0)
        kind, plugin = next(v for magic, v in FORMATS.items() if head.startswith(magic))
        try:
            image = plugin(file)
        except SyntaxError as fault:  # what Pillow raises for a broken header
            raise ImageError(f"{path.name}: expected a {kind} image, got a damaged header ({fault}); export it again") from fault
        yield image


def _page(image: ImageFile, page: int, path: Path) -> StudyImage:
    if page:
        image.seek(page)
    width, height = image.size
    check_size(width, height, 1, path.name)
    if _orientation(image) in TURNED and not isinstance(image, TiffImageFile):  # Pillow gives the size of a TIFF already turned
        width, height = height, width
    return StudyImage(width, height, partial(_decode, path, page), page, source=path.name)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation; an image whose EXIF block is damaged counts as upright."""
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # the block is free-form bytes of other people's cameras
        return 1


def _decode(path: Path, page: int) -> tuple[Pixels, str]:
    with _opened(path) as image:
        if page:
            image.seek(page)
        check_size(image.size[0], image.size[1], 1, path.name)
        turned = _orientation(image) != 1
        deep = image.mode in DEEP
        inverted = deep and isinstance(image, TiffImageFile) and image.tag_v2.get(PHOTOMETRIC) == WHITE_IS_ZERO
        kind = image.mode
        plain = _simple(ImageOps.exif_transpose(image) if turned else image)
        pixels, rule = shown(np.asarray(plain), path.name)
    notes = [] if plain.mode == kind else [f"{kind} to {plain.mode}"]
    notes += [rule] if rule != AS_STORED or not notes else []
    notes += ["inverted (white is zero)"] if inverted else []
    notes += ["turned by its EXIF orientation"] if turned else []
    return (WHITE - pixels if inverted else pixels), ", ".join(notes)


def _simple(image: Image.Image) -> Image.Image:
    """The image in one of the modes L, RGB, RGBA or a deep one; Pillow keeps the high byte of 16-bit colour."""
    if image.mode in DEEP:
        return image
    if image.has_transparency_data:
        return image if image.mode == "RGBA" else image.convert("RGBA")
    if image.mode in ("1", "L"):
        return image.convert("L")
    return image if image.mode == "RGB" else image.convert("RGB")
