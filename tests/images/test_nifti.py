import gzip
import pickle
import struct

import numpy as np
import pytest

from pellucid.errors import ImageError, MissingExtra
from pellucid.images import StudyImage, open_study

nibabel = pytest.importorskip("nibabel")

RAS = np.diag([0.5, 0.7, 2.0, 1.0])


def rule(image: StudyImage) -> str:
    """How stored values became display values."""
    return str(image.display.parameters["rule"])


@pytest.fixture
def volume():
    """Values (right, front, up) = (5, 6, 4): 100 to the right, 10 to the front, 1 upwards."""
    right, front, up = np.indices((5, 6, 4))
    return (100 * right + 10 * front + up).astype(np.int16)


def save(path, data, affine=RAS, **header):
    image = nibabel.Nifti1Image(data, affine)
    image.header.set_xyzt_units("mm")
    for name, value in header.items():
        image.header[name] = value
    nibabel.save(image, path)
    return path


def grey_of(values, low, high):
    return np.clip((values - low) / (high - low) * 255 + 0.5, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_slices_go_from_feet_to_head_with_the_front_at_the_top_and_right_on_the_left(tmp_path, volume, name):
    images = open_study(save(tmp_path / name, volume, cal_min=0, cal_max=500)).images
    assert len(images) == 4
    for up, image in enumerate(images):
        expected = volume[::-1, ::-1, up].T  # rows from the front, columns from the patient's right
        assert image.pixels().shape == (6, 5) == (image.height, image.width)
        assert np.array_equal(image.pixels(), grey_of(expected, 0, 500))
        assert image.spacing_mm == pytest.approx((0.7, 0.5))
        assert image.spacing_source == "NIfTI zooms"


def test_any_orientation_on_disc_shows_the_same_slices(tmp_path, volume):
    reference = open_study(save(tmp_path / "a.nii", volume, cal_min=0, cal_max=500)).images
    image = nibabel.Nifti1Image(volume, RAS)
    for axes in ("LPS", "SAR", "PIL", "ARS"):
        turned = image.as_reoriented(
            nibabel.orientations.ornt_transform(nibabel.io_orientation(RAS), nibabel.orientations.axcodes2ornt(axes))
        )
        path = save(tmp_path / f"{axes}.nii.gz", np.asarray(turned.dataobj), turned.affine, cal_min=0, cal_max=500)
        for ours, theirs in zip(reference, open_study(path).images, strict=True):
            assert np.array_equal(ours.pixels(), theirs.pixels())
            assert ours.spacing_mm == pytest.approx(theirs.spacing_mm)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_stored_values_are_scaled_by_slope_and_intercept(tmp_path, name):
    path = tmp_path / name
    image = nibabel.Nifti1Image(np.array([[[0], [1]], [[2], [3]]], np.int16), np.eye(4))
    image.header.set_slope_inter(10, -5)
    image.header["cal_min"], image.header["cal_max"] = -5, 25
    nibabel.save(image, path)
    assert open_study(path).images[0].pixels().max() == 255
    assert open_study(path).images[0].pixels().min() == 0


def test_without_a_stated_range_a_slice_spans_its_percentiles(tmp_path, volume):
    image = open_study(save(tmp_path / "a.nii", volume)).images[0]
    assert (image.pixels().min(), image.pixels().max()) == (0, 255)
    assert "percentile" in rule(image)


def test_eight_bits_are_shown_as_stored(tmp_path):
    data = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
    assert np.array_equal(open_study(save(tmp_path / "a.nii", data)).images[0].pixels(), data[::-1, ::-1, 0].T)


def test_two_and_four_dimensions_are_slices_too(tmp_path, volume):
    assert len(open_study(save(tmp_path / "a.nii", volume[:, :, 0])).images) == 1
    four = np.stack([volume, volume + 1], axis=3)
    images = open_study(save(tmp_path / "b.nii.gz", four, cal_min=0, cal_max=500)).images
    assert [i.frame for i in images] == list(range(8))
    assert np.array_equal(images[5].pixels(), grey_of(four[::-1, ::-1, 1, 1].T, 0, 500))


def test_colour_volumes_keep_their_colours(tmp_path):
    data = np.zeros((2, 3, 1), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    data["R"][0, 0, 0] = 200
    pixels = open_study(save(tmp_path / "a.nii", data)).images[0].pixels()
    assert pixels.shape == (3, 2, 3)
    assert pixels[2, 1].tolist() == [200, 0, 0]


def test_unit_of_the_zooms_is_honoured(tmp_path, volume):
    for unit, expected in [("micron", 0.0007), ("meter", 700.0)]:
        image = nibabel.Nifti1Image(volume, RAS)
        image.header.set_xyzt_units(unit)
        nibabel.save(image, tmp_path / "a.nii")
        assert open_study(tmp_path / "a.nii").images[0].spacing_mm == pytest.approx((expected, expected / 1.4))
    image.header.set_xyzt_units("unknown")
    nibabel.save(image, tmp_path / "a.nii")
    assert open_study(tmp_path / "a.nii").images[0].spacing_source == "NIfTI zooms (no unit stated, taken as mm)"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_are_refused(tmp_path, bad):
    data = np.zeros((3, 3, 2), np.float32)
    data[1, 1, 1] = bad
    images = open_study(save(tmp_path / "a.nii", data)).images
    assert images[0].pixels().max() == 0
    with pytest.raises(ImageError, match="NaN or infinity in slice 1"):
        images[1].pixels()


def test_complex_values_are_refused(tmp_path):
    path = save(tmp_path / "a.nii", np.ones((2, 2, 1), np.complex64))
    with pytest.raises(ImageError, match="complex"):
        open_study(path).images[0].pixels()


def header(shape, offset=352.0, bits=16):
    raw = bytearray(352)
    struct.pack_into("<i", raw, 0, 348)
    struct.pack_into("<8h", raw, 40, len(shape), *shape, *[1] * (7 - len(shape)))
    struct.pack_into("<2h", raw, 70, 4, bits)
    struct.pack_into("<4f", raw, 76, 1, 1, 1, 1)
    struct.pack_into("<f", raw, 108, offset)
    raw[344:348] = b"n+1\0"
    return bytes(raw)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (header((20_000, 20_000, 2)), "megapixels"),
        (header((30_000, 30_000, 30_000)), "2 GiB"),
        (header((0, 5, 5)), "with voxels"),
        (header((-3, 5, 5)), "with voxels"),
        (header((5, 5, 5), offset=1e12), "offset"),
        (header((5, 5, 5), offset=float("nan")), "offset"),
        (header((2, 2, 2, 2, 2)), "dimensions"),
        (header((5, 5, 20_000)), "frames"),
    ],
)
def test_headers_that_claim_too_much_are_refused_before_anything_is_unpacked(tmp_path, name, raw, said):
    (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)
    with pytest.raises(ImageError, match=said) as caught:
        open_study(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_truncated_volumes_are_one_clear_line(tmp_path, volume, name):
    path = save(tmp_path / name, np.random.default_rng(0).integers(0, 999, (20, 20, 20), dtype=np.int16))
    path.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(ImageError, match=name) as caught:
        [image.pixels() for image in open_study(path).images]
    assert "\n" not in str(caught.value)


def test_a_packed_file_that_is_no_volume_is_told(tmp_path):
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(b"hello" * 100))
    with pytest.raises(ImageError, match="expected DICOM"):
        open_study(tmp_path / "a.nii.gz")


def test_slices_travel_to_other_processes(tmp_path, volume):
    study = open_study(save(tmp_path / "a.nii.gz", volume))
    assert pickle.loads(pickle.dumps(study)).images[1].pixels_sha256 == study.images[1].pixels_sha256


def test_missing_nibabel_names_the_extra(tmp_path, volume, monkeypatch):
    path = save(tmp_path / "a.nii", volume)
    monkeypatch.setitem(__import__("sys").modules, "nibabel", None)
    with pytest.raises(MissingExtra, match=r"pellucid\[nifti\]"):
        open_study(path)
