import io

import numpy as np
import pytest
from PIL import Image

from pellucid.images.codestream import coded_size


@pytest.mark.parametrize(
    "options", [{"format": "JPEG"}, {"format": "JPEG", "progressive": True}, {"format": "JPEG2000", "no_jp2": True}]
)
def test_the_size_inside_a_frame_is_read(colour, options):
    buffer = io.BytesIO()
    Image.fromarray(colour).save(buffer, **options)
    assert coded_size(buffer.getvalue()) == (56, 40)


@pytest.mark.parametrize("frame", [b"", b"\xff\xd8", b"\xff\xd8\xff\xe0\x00", b"\xff\x4f\xff\x51\x00", b"RLE", bytes(64)])
def test_frames_without_a_header_have_no_size(frame):
    assert coded_size(frame) is None


def test_any_bytes_are_survived():
    rng = np.random.default_rng(0)
    for start in (b"\xff\xd8\xff", b"\xff\x4f\xff\x51"):
        for _ in range(300):
            coded_size(start + rng.integers(0, 256, rng.integers(0, 60), dtype=np.uint8).tobytes())
    assert coded_size(b"\xff\xd8\xff\xe0\x00\x00" * 5) is None
