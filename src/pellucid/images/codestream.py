"""The size that a compressed frame inside a DICOM file claims, read before a decoder believes it.

A hostile file can say 512x512 in its header and 60,000x60,000 inside the compressed frame; decoders allocate by the latter.
"""

import struct

JPEG2000 = b"\xff\x4f\xff\x51"
"""Start of codestream, followed by the marker of image and tile size (ISO/IEC 15444-1 A.4, A.5)."""

JPEG, JPEG_LS_FRAME = b"\xff\xd8", 0xF7
FRAME_MARKERS = {*range(0xC0, 0xD0), JPEG_LS_FRAME} - {0xC4, 0xC8, 0xCC}
"""Start-of-frame markers (ISO/IEC 10918-1 B.1.1.3, 14495-1); C4, C8 and CC are something else."""

WITHOUT_LENGTH = {0x01, 0xFF, *range(0xD0, 0xD9)}


def coded_size(frame: bytes) -> tuple[int, int] | None:
    """Width and height that a JPEG, JPEG-LS or JPEG 2000 frame claims; None where it is another coding or has no frame header."""
    start = frame.find(JPEG2000, 0, 4096)
    if start >= 0 and len(frame) >= start + 24:
        right, bottom, left, top = struct.unpack(">4I", frame[start + 8 : start + 24])
        return right - left, bottom - top
    return _jpeg_size(frame) if frame.startswith(JPEG) else None


def _jpeg_size(frame: bytes) -> tuple[int, int] | None:
    at = len(JPEG)
    while at + 9 <= len(frame) and frame[at] == 0xFF:
        marker = frame[at + 1]
        if marker in FRAME_MARKERS:
            height, width = struct.unpack(">2H", frame[at + 5 : at + 9])
            return width, height
        at += (1 if marker == 0xFF else 2) if marker in WITHOUT_LENGTH else 2 + struct.unpack(">H", frame[at + 2 : at + 4])[0]
    return None
