"""Spacing in mm from a DICOM header, with the attribute it comes from; never a guess."""

from typing import Any

from pellucid.images.frames import Spacing, spacing_or_none

CENTIMETRES = 3
"""Physical Units code of an ultrasound region for cm (DICOM PS3.3 C.8.5.5.1.15)."""

MM_PER_CM = 10.0
SAME_WITHIN = 0.01
"""Relative difference up to which two ultrasound regions count as having one spacing."""

ATTRIBUTES = {
    "PixelSpacing": "DICOM PixelSpacing",
    "ImagerPixelSpacing": "DICOM ImagerPixelSpacing (at the detector: lengths in the patient are shorter)",
    "NominalScannedPixelSpacing": "DICOM NominalScannedPixelSpacing (nominal, of a scanned film)",
}
"""In the order of preference: attribute -> how it is recorded."""


def frame_item(header: Any, frame: int, sequence: str) -> Any:
    """The first item of a functional group's sequence for one frame: its own, else the shared one, else None."""
    own = header.get("PerFrameFunctionalGroupsSequence") or ()
    shared = header.get("SharedFunctionalGroupsSequence") or ()
    for groups in (*own[frame : frame + 1], *shared[:1]):
        items = groups.get(sequence)
        if items:
            return items[0]
    return None


def dicom_spacing(header: Any, frame: int) -> tuple[Spacing | None, str | None]:
    """Spacing (rows, columns) in mm of one frame and its source; (None, None) where the header has none that is usable."""
    region = _ultrasound_region(header)
    if region[0] is not None:
        return region
    measures = frame_item(header, frame, "PixelMeasuresSequence")
    for place in (measures, header):
        for attribute, source in ATTRIBUTES.items():
            spacing = spacing_or_none(place.get(attribute)) if place is not None else None
            if spacing is not None:
                return spacing, source
    return None, None


def _ultrasound_region(header: Any) -> tuple[Spacing | None, str | None]:
    """Spacing of the ultrasound region in cm that covers most of the image; regions of time, speed or Hz have no say."""
    found = sorted(
        ((area, s) for area, s in map(_region, header.get("SequenceOfUltrasoundRegions") or ()) if s is not None),
        key=lambda item: item[0],
        reverse=True,
    )
    if not found:
        return None, None
    largest = found[0][1]
    others = [s for _, s in found[1:] if any(abs(a / b - 1) > SAME_WITHIN for a, b in zip(s, largest, strict=True))]
    marked = f" (largest of {len(found)}; another has a different one)" if others else ""
    return largest, f"DICOM ultrasound region{marked}"


def _region(item: Any) -> tuple[int, Spacing | None]:
    """Area in pixels and spacing (rows, columns) in mm of one ultrasound region; spacing None where it is not in cm."""
    if any(item.get(f"PhysicalUnits{axis}Direction") != CENTIMETRES for axis in "XY"):
        return 0, None
    try:
        corners = [int(item.get(f"RegionLocation{corner}")) for corner in ("MinX0", "MinY0", "MaxX1", "MaxY1")]
        deltas = [abs(float(item.get(f"PhysicalDelta{axis}"))) * MM_PER_CM for axis in "YX"]
    except (TypeError, ValueError):
        return 0, None
    x0, y0, x1, y1 = corners
    return max(0, x1 - x0 + 1) * max(0, y1 - y0 + 1), spacing_or_none(deltas)
