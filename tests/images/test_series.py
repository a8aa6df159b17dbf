import numpy as np
import pytest

from pellucid.errors import ImageError
from pellucid.images import open_study

pytest.importorskip("pydicom")


@pytest.fixture
def folder(tmp_path, grey, write_dicom):
    for name, number in [("c.dcm", 1), ("a.dcm", 3), ("b.dcm", 2)]:
        write_dicom(
            np.full_like(grey, number), f"series/{name}", InstanceNumber=number, SeriesInstanceUID="1.2.3", StudyInstanceUID="1.2"
        )
    return tmp_path / "series"


def test_images_of_a_series_come_in_the_order_of_their_numbers(folder):
    study = open_study(folder)
    assert [i.source for i in study.images] == ["c.dcm", "b.dcm", "a.dcm"]
    assert [int(i.pixels()[0, 0]) for i in study.images] == [1, 2, 3]
    assert dict(study.ids) == {
        "SeriesInstanceUID": "1.2.3",
        "StudyInstanceUID": "1.2",
        "SOPClassUID": study.images[0].ids["SOPClassUID"],
    }
    assert (study.source, study.modality) == ("series", "US")


def test_spacing_of_the_user_holds_for_the_whole_series(folder):
    assert open_study(folder, spacing_mm=0.3).spacing_mm == (0.3, 0.3)


def test_hidden_files_and_the_index_are_passed_over(folder):
    (folder / ".DS_Store").write_text("x")
    (folder / "DICOMDIR").write_text("x")
    assert len(open_study(folder).images) == 3


def test_any_other_file_or_folder_is_named(folder):
    (folder / "readme.txt").write_text("x" * 200)
    with pytest.raises(ImageError, match=r"readme\.txt"):
        open_study(folder)
    (folder / "readme.txt").unlink()
    (folder / "more").mkdir()
    with pytest.raises(ImageError, match="more"):
        open_study(folder)


def test_two_series_in_one_folder_are_refused(folder, grey, write_dicom):
    write_dicom(grey, "series/d.dcm", SeriesInstanceUID="1.2.4")
    with pytest.raises(ImageError, match="one DICOM series, got 2"):
        open_study(folder)


def test_images_without_a_number_come_last(folder, grey, write_dicom):
    write_dicom(grey, "series/0.dcm", SeriesInstanceUID="1.2.3")
    assert open_study(folder).images[-1].source == "0.dcm"
