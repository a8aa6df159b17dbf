"""DICOM files, single- and multi-frame, through pydicom and its decoders, which are imported when the first file is opened.

Privacy: only the attributes in HEADER are read. Of these a study keeps the modality and UIDs; names, numbers, dates and free
text of a patient are never looked at. What is burned into the pixels stays in the pixels.
"""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.errors import ImageError, MissingExtra
from pellucid.images.codestream import coded_size
from pellucid.images.display import AS_STORED, WHITE, Pixels, Values, scaled, windowed, without_colour
from pellucid.images.frames import Study, StudyImage, check_size, faults_as_image_errors, study_of
from pellucid.images.spacing import dicom_spacing, frame_item
from pellucid.record import FrozenDict

IDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
HEADER = (
    *IDS,
    *("Modality", "InstanceNumber", "NumberOfFrames", "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation"),
    *("BitsAllocated", "BitsStored", "PixelRepresentation", "PixelPaddingValue", "PixelPaddingRangeLimit"),
    *("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "SequenceOfUltrasoundRegions"),
    *("RescaleSlope", "RescaleIntercept", "ModalityLUTSequence"),
    *("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence"),
    *(f"{colour}PaletteColorLookupTable{part}" for colour in ("Red", "Green", "Blue") for part in ("Descriptor", "Data")),
    *(f"Segmented{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")),
    *("PaletteColorLookupTableUID", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
)
"""Every attribute that is read, by its DICOM keyword."""

PIXEL_TAGS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
RLE = "1.2.840.10008.1.2.5"
DEFLATED = "1.2.840.10008.1.2.1.99"
IMPLICIT, EXPLICIT, BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
GREY = ("MONOCHROME1", "MONOCHROME2")
COLOUR = ("RGB", "PALETTE COLOR", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
EIGHT_BITS = 8

CT_WINDOW = (40.0, 400.0)
"""Centre and width in HU for a CT without a window: the usual soft-tissue window."""


GPL_ONLY = {"1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"}
"""Extended 12-bit and lossless JPEG: the one decoder that survives damaged files is under GPL-3, so it is an extra of its own."""


def is_dicom(head: bytes) -> bool:
    """Whether a file that starts with these bytes is DICOM: by its preamble, or by a first element of group 0002 or 0008."""
    start = head[:4]
    bare = start[:2] in (b"\x02\x00", b"\x08\x00") and start[3:] == b"\x00"
    return len(head) > 128 and (head[128:132] == b"DICM" or bare)


def open_dicom(path: Path) -> Study:
    """The frames of a DICOM file with spacing and UIDs; pixels are decoded later.

    Raises MissingExtra without pydicom, ImageError without pixel data, beyond the size limits or on a damaged header.
    """
    header = read_header(path)
    # Values are checked and converted when they are first asked for, so what follows is quiet too.
    with quiet():
        return _study(header, path)


def _study(header: Any, path: Path) -> Study:
    rows, columns = (_whole(header.get(name, 0), path.name) for name in ("Rows", "Columns"))
    frames = _whole(header.get("NumberOfFrames") or 1, path.name)
    check_size(columns, rows, frames, path.name)
    photometric = str(header.get("PhotometricInterpretation", ""))
    if photometric not in (*GREY, *COLOUR):
        known = ", ".join((*GREY, *COLOUR))
        raise ImageError(f"{path.name}: expected one of {known}, got {photometric or 'none'} as photometric interpretation")
    with faults_as_image_errors(path.name, "DICOM header"):
        return study_of(tuple(_image(header, path, frame) for frame in range(frames)), path.name)


@contextmanager
def quiet() -> Iterator[None]:
    """Without pydicom's warnings, which quote odd values of a header: a name may be among them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning)
        yield


def read_header(path: Path) -> Any:
    """The attributes of HEADER as a pydicom dataset; raises ImageError on files without pixel data."""
    pydicom = _pydicom()
    with faults_as_image_errors(path.name, "DICOM file"), path.open("rb") as file, quiet():
        if _syntax_of(file, pydicom) == DEFLATED:
            raise ImageError(f"{path.name}: expected a DICOM image that is not deflated as a whole; convert it to explicit VR")
        wanted = [pydicom.tag.Tag(keyword) for keyword in HEADER]
        header = pydicom.filereader.read_partial(file, _at_pixels, force=True, specific_tags=wanted)
        header.walk(lambda *_: None)  # parses every element now, so that damage is met here
        has_pixels = bool(file.read(1))
        kind = str(pydicom.uid.UID(str(header.get("SOPClassUID", ""))).name) or "an unnamed object"
    if not has_pixels:
        raise ImageError(f"{path.name}: expected a DICOM image, got {kind!r} without pixel data; give the image it belongs to")
    return header


def _at_pixels(tag: int, _vr: str | None, _length: int) -> bool:
    return tag in PIXEL_TAGS


def _syntax_of(file: Any, pydicom: Any) -> str:
    """The transfer syntax in the file meta information, read before anything is inflated; leaves the file at its start."""
    head = file.read(132)
    file.seek(0)
    if head[128:] != b"DICM":
        return ""
    meta = pydicom.filereader.read_file_meta_info(file.name)
    return str(meta.get("TransferSyntaxUID", ""))


def _pydicom() -> Any:
    """The package pydicom, imported when the first DICOM file is met."""
    try:
        for part in ("encaps", "filereader", "pixels", "tag", "uid"):
            import_module(f"pydicom.{part}")
        return import_module("pydicom")
    except ImportError:
        raise MissingExtra("pydicom", "dicom", "reading a DICOM file") from None


def _whole(value: Any, where: str) -> int:
    """A count of the header."""
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ImageError(f"{where}: expected whole numbers for rows, columns and frames, got {value!r}") from None


def _image(header: Any, path: Path, frame: int) -> StudyImage:
    spacing, source = dicom_spacing(header, frame)
    modality = str(header.get("Modality", ""))
    uids = {name: str(header.get(name, "")) for name in IDS}
    return StudyImage(
        width=int(header.Columns),
        height=int(header.Rows),
        decode=partial(_decode, header, path, frame),
        frame=frame,
        modality=modality if re.fullmatch(r"[A-Z0-9_]{1,16}", modality) else None,
        # Only what has the form of a UID: a broken exporter may have put a name there.
        ids=FrozenDict({name: uid for name, uid in uids.items() if re.fullmatch(r"[0-9.]{1,64}", uid)}),
        source=path.name,
        spacing_mm=spacing,
        spacing_source=source,
    )


def _decode(header: Any, path: Path, frame: int) -> tuple[Pixels, str]:
    with quiet():
        return _displayed(header, path, frame)


def _displayed(header: Any, path: Path, frame: int) -> tuple[Pixels, str]:
    stored = _stored(header, path, frame)
    photometric = str(header.PhotometricInterpretation)
    if photometric == "PALETTE COLOR":
        return _palette(stored, header)
    if photometric in COLOUR:
        top = 2 ** int(header.BitsStored) - 1
        deep = stored.dtype != np.uint8
        notes = [f"{photometric} to RGB"] * (photometric != "RGB") + [f"value / {top}"] * deep
        return without_colour(scaled(stored, 0, top) if deep else stored), ", ".join(notes) or AS_STORED
    pixels, rule = _grey(stored, header, frame)
    if photometric == "MONOCHROME1":
        return WHITE - pixels, f"{rule}, inverted (MONOCHROME1)"
    return pixels, rule


def _stored(header: Any, path: Path, frame: int) -> Values:
    """Stored values of one frame, (H, W) or (H, W, 3), YBR turned to RGB; decodes this frame only.

    pylibjpeg goes first where it is installed, so that a lossy image has the same pixels on every machine with the extra; but
    RLE, which is lossless, is left to pydicom's own decoder.
    """
    pydicom = _pydicom()
    syntax = _transfer_syntax(header)
    try:
        decoder = pydicom.pixels.get_decoder(syntax)
    except NotImplementedError:
        raise ImageError(f"{path.name}: expected an image, not a video, got the transfer syntax {syntax.name!r}") from None
    if not decoder.is_available:
        extra = "dicom-gpl" if syntax in GPL_ONLY else "dicom"
        raise MissingExtra("a decoder", extra, f"decoding {path.name} ({syntax.name})")
    if syntax.is_encapsulated:
        _check_coded_size(header, path, frame)
    preferred = "pydicom" if syntax == RLE else "pylibjpeg"
    plugin = preferred if preferred in decoder.available_plugins else ""
    return pydicom.pixels.pixel_array(path, index=frame, decoding_plugin=plugin, transfer_syntax_uid=syntax)


def _check_coded_size(header: Any, path: Path, frame: int) -> None:
    """Refuses a compressed frame that claims to be larger than the header says; looks at this frame's bytes only."""
    pydicom = _pydicom()
    with path.open("rb") as file:
        pydicom.filereader.read_partial(file, _at_pixels, force=True, specific_tags=[])
        file.read(12)  # tag, value representation and length of the pixel data: compressed files are always explicit
        coded = coded_size(pydicom.encaps.get_frame(file, frame, number_of_frames=int(header.get("NumberOfFrames") or 1)))
    width, height = int(header.Columns), int(header.Rows)
    if coded is not None and coded[0] * coded[1] > width * height:
        got = f"{coded[0]}x{coded[1]}"
        raise ImageError(
            f"{path.name}: expected {width}x{height} pixels as its header says, got {got} inside the frame; export it again"
        )


def _transfer_syntax(header: Any) -> Any:
    """The transfer syntax; where the file meta information is missing, the uncompressed one in which the header was read."""
    uid = _pydicom().uid.UID
    stated = header.file_meta.get("TransferSyntaxUID")
    if stated:
        return uid(stated)
    implicit, little = header.original_encoding
    return uid(IMPLICIT if implicit else EXPLICIT if little else BIG_ENDIAN)


def _palette(stored: Values, header: Any) -> tuple[Pixels, str]:
    colours = _pydicom().pixels.apply_color_lut(stored, header)
    pixels = colours if colours.dtype == np.uint8 else (colours >> EIGHT_BITS).astype(np.uint8)
    return without_colour(pixels[:, :, :3]), "palette to RGB"


def _grey(stored: Values, header: Any, frame: int) -> tuple[Pixels, str]:
    """Display pixels of greyscale values: modality transform, then the first VOI LUT or window, else the stated default."""
    if not np.isfinite(stored.min() + 0.0) or not np.isfinite(stored.max() + 0.0):
        raise ImageError("expected finite pixel values, got NaN or infinity; replace them first")
    values, rescaled = _modality_values(stored, header, frame)
    voi = frame_item(header, frame, "FrameVOILUTSequence") or header
    if voi.get("VOILUTSequence"):
        return _voi_lut(values, voi), f"{rescaled}first VOI LUT"
    window = _window(voi)
    if window is not None:
        centre, width, function = window
        return windowed(values, centre, width, function), f"{rescaled}window {centre:g}/{width:g} {function}"
    if header.get("Modality") == "CT":
        return windowed(values, *CT_WINDOW), f"{rescaled}default CT window {CT_WINDOW[0]:g}/{CT_WINDOW[1]:g}"
    bits, signed = int(header.get("BitsStored", 16)), bool(header.get("PixelRepresentation", 0))
    if bits <= EIGHT_BITS and not signed:
        return scaled(stored, 0, 2**bits - 1), AS_STORED
    used = values[~_padding(stored, header)]
    low, high = (float(used.min()), float(used.max())) if used.size else (0.0, 0.0)
    return scaled(values, low, high), f"{rescaled}no window: lowest {low:g} to highest {high:g}"


def _modality_values(stored: Values, header: Any, frame: int) -> tuple[Values, str]:
    """Values in their medical unit (CT: HU) and what was done."""
    if header.get("ModalityLUTSequence"):
        return _pydicom().pixels.apply_modality_lut(stored, header), "modality LUT, "
    place = frame_item(header, frame, "PixelValueTransformationSequence") or header
    slope, intercept = (_number(place.get(name)) for name in ("RescaleSlope", "RescaleIntercept"))
    if slope in (None, 0.0) or intercept is None or (slope == 1 and intercept == 0):
        return stored, ""
    return stored * slope + intercept, f"rescale x {slope:g} + {intercept:g}, "


def _voi_lut(values: Values, place: Any) -> Pixels:
    bits = int(place.VOILUTSequence[0].LUTDescriptor[2])
    return scaled(_pydicom().pixels.apply_voi(np.rint(values).astype(np.int64), place, index=0), 0, 2**bits - 1)


def _window(place: Any) -> tuple[float, float, str] | None:
    """Centre, width and function of the first window; None where there is none that means something."""
    centre, width = (_number(place.get(name)) for name in ("WindowCenter", "WindowWidth"))
    if centre is None or width is None or width <= 0:
        return None
    function = str(place.get("VOILUTFunction") or "LINEAR")
    return centre, width, function if function in ("LINEAR_EXACT", "SIGMOID") else "LINEAR"


def _number(value: Any) -> float | None:
    """The (first) number of an attribute; None where it is absent, empty or not finite."""
    try:
        first = value if isinstance(value, int | float | str) else value[0]
        return float(first) if np.isfinite(float(first)) else None
    except (TypeError, ValueError, IndexError):
        return None


def _padding(stored: Values, header: Any) -> Values:
    """Pixels that only fill the frame."""
    low = header.get("PixelPaddingValue")
    if low is None:
        return np.zeros(stored.shape, bool)
    high = header.get("PixelPaddingRangeLimit", low)
    return (stored >= min(low, high)) & (stored <= max(low, high))
