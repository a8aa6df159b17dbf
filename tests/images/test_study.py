import pickle

import numpy as np
import pytest
from PIL import Image

from pellucid import images
from pellucid.errors import ImageError, InputError
from pellucid.images import open_study, study_from_array


@pytest.fixture
def png(tmp_path, grey):
    Image.fromarray(grey).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_public_names_exist():
    assert all(hasattr(images, name) for name in images.__all__)


@pytest.mark.parametrize(("spacing", "expected"), [(0.1, (0.1, 0.1)), ((0.2, 0.1), (0.2, 0.1)), ([1, 2], (1.0, 2.0))])
def test_spacing_of_the_user_is_recorded_as_given(png, spacing, expected):
    study = open_study(png, spacing_mm=spacing)
    assert study.spacing_mm == study.images[0].spacing_mm == expected
    assert study.images[0].spacing_source == "given by the user"


@pytest.mark.parametrize("spacing", [0, -1.0, float("nan"), float("inf"), (1.0,), (1.0, 2.0, 3.0), (1.0, 0.0), "wide", True])
def test_spacing_that_is_not_positive_is_refused(png, spacing):
    with pytest.raises(InputError, match="spacing"):
        open_study(png, spacing_mm=spacing)


def test_empty_file_folder_text_and_missing_file_are_one_clear_line(tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "notes.txt").write_text("not an image at all")
    (tmp_path / "short").write_bytes(b"\x89")
    (tmp_path / "folder").mkdir()
    for name in ("empty.png", "notes.txt", "short", "folder", "missing.png"):
        with pytest.raises(ImageError, match=name) as caught:
            open_study(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_a_study_image_names_itself_for_the_record(png, grey):
    ref = open_study(png, spacing_mm=0.2).images[0].ref()
    assert (ref.width, ref.height, ref.frame, ref.spacing_mm, ref.source) == (64, 48, 0, (0.2, 0.2), "a.png")
    assert ref.pixels_sha256 == study_from_array(grey).images[0].pixels_sha256


def test_pixels_are_decoded_once_and_cannot_be_changed(png):
    image = open_study(png).images[0]
    assert image.pixels() is image.pixels()
    with pytest.raises(ValueError, match="read-only"):
        image.pixels()[0, 0] = 1


def test_hash_depends_on_shape_and_values(grey):
    hashes = [study_from_array(a).images[0].pixels_sha256 for a in (grey, grey.reshape(64, 48), 255 - grey)]
    assert len(set(hashes)) == 3


def test_study_images_travel_to_other_processes(png, grey):
    for study in (open_study(png), study_from_array(grey)):
        again = pickle.loads(pickle.dumps(study))
        assert again.images[0].pixels_sha256 == study.images[0].pixels_sha256


def test_a_file_that_vanishes_before_its_pixels_are_read_is_one_clear_line(png):
    study = open_study(png)
    png.unlink()
    with pytest.raises(ImageError, match=r"a\.png"):
        study.images[0].pixels()


def test_an_array_is_a_study_and_later_changes_are_not_seen(grey):
    study = study_from_array(grey, spacing_mm=(0.1, 0.2))
    before = grey.copy()
    grey[:] = 0
    assert np.array_equal(study.images[0].pixels(), before)
    assert study.spacing_mm == (0.1, 0.2)
    assert study.modality is None


@pytest.mark.parametrize("shape", [(4, 5, 1), (4, 5, 3), (4, 5, 4), (1, 1)])
def test_arrays_of_every_channel_count_are_accepted(shape):
    array = np.zeros(shape)
    assert study_from_array(array).images[0].pixels().shape == shape[:2]


@pytest.mark.parametrize(
    "array", [np.zeros((2, 2, 2)), np.zeros(5), np.full((2, 2), np.nan), "text", np.array([["a"]]), [[1, 2], [3]], None]
)
def test_arrays_that_are_no_image_are_refused(array):
    with pytest.raises(ImageError, match="array"):
        study_from_array(array)


def test_arrays_beyond_the_limit_are_refused_before_they_are_copied():
    with pytest.raises(ImageError, match="400 megapixels"):
        study_from_array(np.broadcast_to(np.uint8(0), (20_000, 20_000)))
