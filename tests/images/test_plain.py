import contextlib
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pellucid.errors import ImageError
from pellucid.images import StudyImage, open_study
from pellucid.images.plain import PngImageFile


def rule(image: StudyImage) -> str:
    """How stored values became display values."""
    return str(image.display.parameters["rule"])


def only(path):
    (image,) = open_study(path).images
    return image


def test_grey_png_gives_its_own_pixels(tmp_path, grey):
    Image.fromarray(grey).save(tmp_path / "a.png")
    image = only(tmp_path / "a.png")
    assert np.array_equal(image.pixels(), grey)
    assert (image.width, image.height, image.frame, image.source) == (64, 48, 0, "a.png")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_grey_stored_in_more_channels_is_the_same_image(tmp_path, grey, mode):
    Image.fromarray(grey).save(tmp_path / "a.png")
    Image.fromarray(grey).convert(mode).save(tmp_path / "b.png")
    assert only(tmp_path / "a.png").pixels_sha256 == only(tmp_path / "b.png").pixels_sha256


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_colour_keeps_its_pixels(tmp_path, colour, name):
    Image.fromarray(colour).save(tmp_path / name)
    assert np.array_equal(only(tmp_path / name).pixels(), colour)


def test_the_first_bytes_tell_the_format_and_not_the_name(tmp_path, colour):
    Image.fromarray(colour).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.dcm")
    assert np.array_equal(only(tmp_path / "a.dcm").pixels(), colour)


def test_jpeg_decodes_as_pillow_does(tmp_path, colour):
    Image.fromarray(colour).save(tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as theirs:
        assert np.array_equal(only(tmp_path / "a.jpg").pixels(), np.asarray(theirs))


def test_palette_png_shows_its_colours(tmp_path, colour):
    few = (colour // 64 * 64).astype(np.uint8)
    picture = Image.fromarray(few).quantize(64, dither=Image.Dither.NONE)
    picture.save(tmp_path / "a.png")
    assert np.array_equal(only(tmp_path / "a.png").pixels(), np.asarray(picture.convert("RGB")))


def test_transparent_palette_shows_black(tmp_path):
    picture = Image.new("P", (2, 1))
    picture.putpalette([255, 0, 0, 0, 255, 0])
    picture.putpixel((1, 0), 1)
    picture.save(tmp_path / "a.png", transparency=0)
    assert only(tmp_path / "a.png").pixels().tolist() == [[[0, 0, 0], [0, 255, 0]]]


def test_one_bit_is_black_and_white(tmp_path, grey):
    Image.fromarray(grey > 99).save(tmp_path / "a.png")
    assert np.array_equal(only(tmp_path / "a.png").pixels(), np.where(grey > 99, 255, 0))


def test_cmyk_jpeg_becomes_rgb(tmp_path, colour):
    Image.fromarray(colour).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    image = only(tmp_path / "a.jpg")
    assert image.pixels().shape == (40, 56, 3)
    with Image.open(tmp_path / "a.jpg") as theirs:
        assert np.array_equal(image.pixels(), np.asarray(theirs.convert("RGB")))
    assert "CMYK to RGB" in rule(image)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bits_are_scaled_by_a_recorded_rule(tmp_path, name):
    values = np.array([[0, 1000, 4095], [2048, 17, 4000]], np.uint16)
    Image.fromarray(values).save(tmp_path / name)
    image = only(tmp_path / name)
    assert np.array_equal(image.pixels(), (values / 4095 * 255 + 0.5).astype(np.uint8))
    assert "value / 4095" in rule(image)


def test_white_is_zero_in_sixteen_bits_is_inverted(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "a.tif", np.array([[0, 65535]], np.uint16), photometric="miniswhite")
    image = only(tmp_path / "a.tif")
    assert image.pixels().tolist() == [[255, 0]]
    assert "inverted" in rule(image)


def test_float_tiff_must_lie_between_zero_and_one(tmp_path):
    Image.fromarray(np.array([[0.0, 0.5, 1.0]], np.float32)).save(tmp_path / "a.tif")
    assert only(tmp_path / "a.tif").pixels().tolist() == [[0, 128, 255]]
    for bad in (np.nan, 300.0):
        Image.fromarray(np.array([[0.0, bad]], np.float32)).save(tmp_path / "b.tif")
        with pytest.raises(ImageError, match=r"b\.tif"):
            only(tmp_path / "b.tif").pixels()


def test_every_page_of_a_tiff_is_an_image(tmp_path, grey):
    pages = [Image.fromarray(grey), Image.fromarray(grey[:20]), Image.fromarray(255 - grey)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    images = open_study(tmp_path / "a.tif").images
    assert [i.frame for i in images] == [0, 1, 2]
    assert all(np.array_equal(i.pixels(), np.asarray(p)) for i, p in zip(images, pages, strict=True))


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(tmp_path, grey, name, orientation):
    picture = Image.fromarray(grey)
    exif = picture.getexif()
    exif[0x0112] = orientation
    picture.save(tmp_path / name, exif=exif, quality=100)
    image = only(tmp_path / name)
    expected = {
        1: grey,
        2: grey[:, ::-1],
        3: grey[::-1, ::-1],
        4: grey[::-1],
        5: grey.T,
        6: np.rot90(grey, -1),
        7: grey[::-1, ::-1].T,
        8: np.rot90(grey),
    }[orientation]
    assert image.pixels().shape == expected.shape == (image.height, image.width)
    assert np.abs(image.pixels().astype(int) - expected).max() <= (6 if name == "a.jpg" else 0)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_print_resolution_is_not_a_physical_spacing(tmp_path, grey, name):
    Image.fromarray(grey).save(tmp_path / name, dpi=(300, 300))
    image = only(tmp_path / name)
    assert image.spacing_mm is None
    assert image.spacing_source is None


def test_one_pixel_is_an_image(tmp_path):
    Image.new("L", (1, 1), 9).save(tmp_path / "a.png")
    assert only(tmp_path / "a.png").pixels().tolist() == [[9]]


def huge_png(width: int, height: int) -> bytes:
    """A small valid PNG file of black pixels, as large as wanted."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(width // 8 + 1)) for _ in range(min(height, 64))) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_20000_by_20000_pixels_are_refused_before_decoding(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(huge_png(20_000, 20_000))
    monkeypatch.setattr(PngImageFile, "load", lambda _: pytest.fail("decoded"))
    limit = Image.MAX_IMAGE_PIXELS
    with pytest.raises(ImageError, match="400 megapixels"):
        open_study(tmp_path / "a.png")
    assert limit == Image.MAX_IMAGE_PIXELS


def test_large_images_within_the_limit_open_without_a_warning(tmp_path):
    (tmp_path / "a.png").write_bytes(huge_png(10_000, 9_999))
    assert only(tmp_path / "a.png").width == 10_000


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_truncated_files_are_one_clear_line(tmp_path, colour, name):
    Image.fromarray(colour).save(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    for share in (0.02, 0.3, 0.6, 0.9):
        (tmp_path / name).write_bytes(whole[: max(12, int(len(whole) * share))])
        with pytest.raises(ImageError, match=name) as caught:
            only(tmp_path / name).pixels()
        assert "\n" not in str(caught.value)


def test_damaged_bytes_never_raise_anything_else(tmp_path, colour):
    rng = np.random.default_rng(1)
    for name in ("a.png", "a.jpg", "a.tif"):
        Image.fromarray(colour).save(tmp_path / name)
        whole = np.frombuffer((tmp_path / name).read_bytes(), np.uint8)
        for _ in range(60):
            broken = whole.copy()
            broken[rng.integers(4, len(whole), 8)] = rng.integers(0, 256, 8)
            (tmp_path / name).write_bytes(broken.tobytes())
            with contextlib.suppress(ImageError):
                assert only(tmp_path / name).pixels().dtype == np.uint8
