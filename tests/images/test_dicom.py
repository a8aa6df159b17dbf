import contextlib
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid.errors import ImageError, MissingExtra
from pellucid.images import StudyImage, open_study

pydicom = pytest.importorskip("pydicom")

BUNDLED = Path(pydicom.__file__).parent / "data" / "test_files"
"""The files inside the installed package: nothing is downloaded."""


def rule(image: StudyImage) -> str:
    """How stored values became display values."""
    return str(image.display.parameters["rule"])


def only(path, **options):
    (image,) = open_study(path, **options).images
    return image


def test_ultrasound_png_and_the_dicom_made_from_it_are_the_same_image(tmp_path, grey, write_dicom):
    Image.fromarray(grey).save(tmp_path / "a.png")
    from_png = only(tmp_path / "a.png")
    as_grey = only(write_dicom(grey, "grey.dcm"))
    as_rgb = only(write_dicom(np.repeat(grey[:, :, None], 3, axis=2), "rgb.dcm"))
    for image in (as_grey, as_rgb):
        assert np.array_equal(image.pixels(), from_png.pixels())
        assert image.pixels_sha256 == from_png.pixels_sha256
        assert image.modality == "US"


def test_colour_stays_colour(colour, write_dicom):
    assert np.array_equal(only(write_dicom(colour)).pixels(), colour)


def test_monochrome1_is_inverted(grey, write_dicom):
    image = only(write_dicom(grey, PhotometricInterpretation="MONOCHROME1"))
    assert np.array_equal(image.pixels(), 255 - grey)
    assert "inverted" in rule(image)


def test_only_uids_and_modality_are_kept(grey, write_dicom):
    study = open_study(write_dicom(grey, AccessionNumber="A1", StudyDate="20200101", ImageComments="Secret Person"))
    image = study.images[0]
    assert set(image.ids) == {"StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"}
    said = f"{image!r} {study!r} {image.ref()!r} {image.decode!r}"
    assert "Secret" not in said
    assert "12345" not in said
    assert "20200101" not in said


def test_a_name_in_the_place_of_a_uid_or_modality_is_dropped(grey, write_dicom):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = write_dicom(grey, StudyInstanceUID="Secret^Person", Modality="us of J. Doe")
    image = only(path)  # and no warning repeats the name
    assert "StudyInstanceUID" not in image.ids
    assert image.modality is None


def test_ct_is_rescaled_and_windowed(write_dicom):
    stored = np.array([[0, 824, 1064, 1264, 3000]], np.int16)
    image = only(
        write_dicom(stored, Modality="CT", RescaleSlope=1, RescaleIntercept=-1024, WindowCenter=[40, 500], WindowWidth=[400, 9])
    )
    hounsfield = stored - 1024
    expected = np.clip((hounsfield - 39.5) / 399 + 0.5, 0, 1) * 255
    np.testing.assert_allclose(image.pixels(), expected, atol=0.51)
    assert "window 40/400" in rule(image)
    assert "-1024" in rule(image)


def test_ct_without_a_window_takes_the_stated_default(write_dicom):
    image = only(write_dicom(np.array([[-500, 40, 500]], np.int16), Modality="CT", RescaleSlope=1, RescaleIntercept=0))
    assert image.pixels().tolist() == [[0, 128, 255]]
    assert rule(image) == "default CT window 40/400"


def test_other_deep_images_without_a_window_span_lowest_to_highest_but_not_padding(write_dicom):
    stored = np.array([[-2000, 100, 300, 500]], np.int16)
    image = only(write_dicom(stored, Modality="MR", PixelPaddingValue=-2000))
    assert image.pixels().tolist() == [[0, 0, 128, 255]]
    assert "lowest 100 to highest 500" in rule(image)


@pytest.mark.parametrize(("centre", "width"), [("", ""), (5, 0), (5, -3)])
def test_a_window_that_means_nothing_counts_as_none(write_dicom, centre, width):
    image = only(write_dicom(np.array([[1, 2]], np.uint16), Modality="MR", WindowCenter=centre, WindowWidth=width))
    assert image.pixels().tolist() == [[0, 255]]


def test_voi_lut_is_applied(write_dicom):
    table = pydicom.Dataset()
    table.LUTDescriptor, table.LUTData = [3, 10, 16], [0, 65535, 32768]
    table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    image = only(write_dicom(np.array([[9, 10, 11, 12, 99]], np.uint16), Modality="DX", VOILUTSequence=[table]))
    assert image.pixels().tolist() == [[0, 0, 255, 128, 128]]


def test_modality_lut_is_applied(write_dicom):
    table = pydicom.Dataset()
    table.LUTDescriptor, table.LUTData, table.ModalityLUTType = [2, 0, 16], [1000, 3000], "US"
    table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    image = only(
        write_dicom(
            np.array([[0, 1]], np.uint16), Modality="CR", ModalityLUTSequence=[table], WindowCenter=3000, WindowWidth=4001
        )
    )
    np.testing.assert_allclose(image.pixels(), [[0, 128]], atol=1)


def test_every_frame_is_an_image_of_its_own(grey, write_dicom):
    frames = np.stack([grey, 255 - grey, grey // 2])
    study = open_study(write_dicom(frames))
    assert [i.frame for i in study.images] == [0, 1, 2]
    for image, frame in zip(study.images, frames, strict=True):
        assert np.array_equal(image.pixels(), frame)


def test_enhanced_frames_have_their_own_window_and_spacing(write_dicom):
    def item(**attributes):
        made = pydicom.Dataset()
        for name, value in attributes.items():
            setattr(made, name, value)
        return made

    shared = item(PixelMeasuresSequence=[item(PixelSpacing=[0.5, 0.25])])
    own = [item(FrameVOILUTSequence=[item(WindowCenter=c, WindowWidth=11)]) for c in (5.5, 105.5)]
    frames = np.stack([np.array([[0, 5, 10, 12]]), np.array([[100, 105, 110, 112]])]).astype(np.uint16)
    path = write_dicom(frames, Modality="MR", SharedFunctionalGroupsSequence=[shared], PerFrameFunctionalGroupsSequence=own)
    first, second = open_study(path).images
    assert first.pixels().tolist() == second.pixels().tolist()
    assert first.spacing_mm == (0.5, 0.25)


def test_transfer_syntaxes_of_one_image_give_the_same_pixels():
    names = ["", "_RLE", "_bigendian", "_expb", "_implicit", "_jp2klossless", "_jpeg_ls_lossless", "_padded"]
    hashes = {only(BUNDLED / f"MR_small{name}.dcm").pixels_sha256 for name in names}
    assert len(hashes) == 1


@pytest.mark.parametrize(
    "name",
    [
        "SC_rgb_dcmtk_+eb+cy+np",
        "SC_rgb_dcmtk_+eb+cy+n1",
        "SC_rgb_dcmtk_+eb+cy+s4",
        "SC_ybr_full_422_uncompressed",
        "SC_rgb_jpeg_dcmtk",
        "SC_rgb_jpeg_lossy_gdcm",
        "SC_rgb_jpeg_gdcm",
        "SC_rgb_gdcm_KY",
    ],
)
def test_ybr_and_jpeg_give_the_colours_of_the_lossless_original(name):
    truth = only(BUNDLED / "SC_rgb_rle.dcm").pixels().astype(int)
    got = only(BUNDLED / f"{name}.dcm").pixels()
    assert got.shape == truth.shape
    assert np.median(np.abs(got - truth)) <= 4  # lossy, and chroma is subsampled at the edges of its coloured bars


def test_jpeg_2000_colour_becomes_rgb():
    image = only(BUNDLED / "examples_jpeg2k.dcm")
    truth = pydicom.dcmread(BUNDLED / "examples_jpeg2k.dcm").pixel_array
    assert np.array_equal(image.pixels(), truth)
    assert rule(image) == "YBR_RCT to RGB"


@pytest.mark.parametrize(
    "name", ["JPEG2000", "JPGExtended", "JPEGLSNearLossless_08", "JPEGLSNearLossless_16", "693_J2KI", "SC_rgb_rle_16bit"]
)
def test_bundled_compressed_files_decode(name):
    image = only(BUNDLED / f"{name}.dcm")
    assert image.pixels().min() == 0
    assert image.pixels().max() == 255


def test_palette_colour_with_its_ultrasound_region():
    image = only(BUNDLED / "examples_palette.dcm")
    header = pydicom.dcmread(BUNDLED / "examples_palette.dcm")
    expected = pydicom.pixels.apply_color_lut(header.pixel_array, header)
    assert np.abs(image.pixels().astype(int) - (expected // 256 if expected.dtype == np.uint16 else expected)).max() == 0
    region = header.SequenceOfUltrasoundRegions[0]
    assert image.spacing_mm == pytest.approx((region.PhysicalDeltaY * 10, region.PhysicalDeltaX * 10))


def test_multi_frame_ultrasound_in_ybr():
    images = open_study(BUNDLED / "examples_ybr_color.dcm").images
    assert len(images) == 30
    assert images[29].pixels().shape == (240, 320, 3)


def test_objects_without_pixel_data_are_named():
    with pytest.raises(ImageError, match=r"Basic Text SR Storage.*without pixel data"):
        open_study(BUNDLED / "reportsi.dcm")


def test_header_that_claims_a_giant_is_refused_before_decoding(grey, write_dicom):
    with pytest.raises(ImageError, match="megapixels"):
        open_study(write_dicom(grey, Rows=65535, Columns=65535, NumberOfFrames=1000))
    with pytest.raises(ImageError, match="frames"):
        open_study(write_dicom(grey, NumberOfFrames=2_000_000))


def test_frame_that_claims_more_than_the_header_is_refused_before_decoding(tmp_path):
    name = "MR_small_jp2klossless.dcm"
    whole = bytearray((BUNDLED / name).read_bytes())
    at = whole.index(b"\xff\x4f\xff\x51") + 8
    whole[at : at + 8] = (60_000).to_bytes(4, "big") * 2
    (tmp_path / name).write_bytes(whole)
    with pytest.raises(ImageError, match="60000x60000 inside the frame"):
        only(tmp_path / name).pixels()


@pytest.mark.parametrize(
    "attributes", [{"Rows": 0}, {"Rows": None}, {"NumberOfFrames": -1}, {"PhotometricInterpretation": "CMYK"}]
)
def test_headers_that_make_no_image_are_one_clear_line(grey, write_dicom, attributes):
    with pytest.raises(ImageError, match=r"image\.dcm") as caught:
        open_study(write_dicom(grey, **attributes))
    assert "\n" not in str(caught.value)


def test_truncated_files_are_one_clear_line(tmp_path, grey, write_dicom):
    whole = write_dicom(grey).read_bytes()
    for share in (0.1, 0.2, 0.5, 0.9):
        (tmp_path / "cut.dcm").write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(ImageError, match=r"cut\.dcm") as caught:
            only(tmp_path / "cut.dcm").pixels()
        assert "\n" not in str(caught.value)


def test_deflated_files_are_refused_before_they_are_inflated():
    with pytest.raises(ImageError, match="deflated"):
        open_study(BUNDLED / "image_dfl.dcm")


def test_a_tiff_in_the_preamble_does_not_hide_the_dicom_file():
    assert (BUNDLED / "CT_small.dcm").read_bytes().startswith(b"II*\0")
    assert open_study(BUNDLED / "CT_small.dcm").modality == "CT"


def test_missing_decoder_names_the_extra(monkeypatch):
    decoder = pydicom.pixels.get_decoder("1.2.840.10008.1.2.4.80")
    monkeypatch.setattr(decoder, "_available", {})
    with pytest.raises(MissingExtra, match=r"JPEG-LS.*pellucid\[dicom\]"):
        only(BUNDLED / "MR_small_jpeg_ls_lossless.dcm").pixels()


def test_missing_pydicom_names_the_extra(monkeypatch):
    for name in [n for n in sys.modules if n.startswith("pydicom")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(MissingExtra, match=r"pellucid\[dicom\]"):
        open_study(BUNDLED / "CT_small.dcm")


def test_damaged_bytes_never_raise_anything_else(tmp_path):
    rng = np.random.default_rng(4)
    for name in ("MR_small_RLE.dcm", "examples_palette.dcm", "MR_small_jp2klossless.dcm", "SC_rgb_jpeg_dcmtk.dcm"):
        whole = np.frombuffer((BUNDLED / name).read_bytes(), np.uint8)
        for _ in range(25):
            broken = whole.copy()
            broken[rng.integers(132, min(len(whole), 3000), 6)] = rng.integers(0, 256, 6)
            (tmp_path / name).write_bytes(broken.tobytes())
            with contextlib.suppress(ImageError):
                assert only(tmp_path / name).pixels().dtype == np.uint8
