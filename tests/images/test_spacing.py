import pytest

from pellucid.images import open_study

pydicom = pytest.importorskip("pydicom")


def region(x1=63, y1=47, delta=(0.01, 0.02), units=(3, 3)):
    made = pydicom.Dataset()
    made.RegionLocationMinX0, made.RegionLocationMinY0 = 0, 0
    made.RegionLocationMaxX1, made.RegionLocationMaxY1 = x1, y1
    made.PhysicalDeltaX, made.PhysicalDeltaY = delta
    made.PhysicalUnitsXDirection, made.PhysicalUnitsYDirection = units
    return made


def spacing(path):
    image = open_study(path).images[0]
    return image.spacing_mm, image.spacing_source or ""


def test_ultrasound_region_gives_rows_then_columns_in_mm(grey, write_dicom):
    found, source = spacing(write_dicom(grey, SequenceOfUltrasoundRegions=[region()]))
    assert found == pytest.approx((0.2, 0.1))
    assert source == "DICOM ultrasound region"


def test_negative_deltas_count_by_their_size(grey, write_dicom):
    assert spacing(write_dicom(grey, SequenceOfUltrasoundRegions=[region(delta=(0.01, -0.02))]))[0] == pytest.approx((0.2, 0.1))


def test_region_that_covers_most_counts_and_another_spacing_is_said(grey, write_dicom):
    found, source = spacing(write_dicom(grey, SequenceOfUltrasoundRegions=[region(x1=5, delta=(1, 1)), region()]))
    assert found == pytest.approx((0.2, 0.1))
    assert source == "DICOM ultrasound region (largest of 2; another has a different one)"


@pytest.mark.parametrize("bad", [region(units=(4, 3)), region(units=(3, 7)), region(delta=(0, 0.1)), pydicom.Dataset()])
def test_regions_that_are_not_in_centimetres_have_no_say(grey, write_dicom, bad):
    assert spacing(write_dicom(grey, SequenceOfUltrasoundRegions=[bad])) == (None, "")


def test_attributes_in_the_order_of_preference(grey, write_dicom):
    attributes = {}
    for name, value in [
        ("NominalScannedPixelSpacing", [0.3, 0.4]),
        ("ImagerPixelSpacing", [0.1, 0.1]),
        ("PixelSpacing", [0.5, 0.6]),
    ]:
        attributes[name] = value
        found, source = spacing(write_dicom(grey, **attributes))
        assert found == tuple(value)
        assert source.startswith(f"DICOM {name}")
    found, source = spacing(write_dicom(grey, SequenceOfUltrasoundRegions=[region()], **attributes))
    assert source == "DICOM ultrasound region"


def test_spacing_at_the_detector_is_marked(grey, write_dicom):
    assert "at the detector" in spacing(write_dicom(grey, ImagerPixelSpacing=[0.1, 0.1]))[1]


@pytest.mark.parametrize("bad", [[0, 0.5], [-1, 1], [0.5], None])
def test_spacing_that_is_not_two_positive_numbers_is_unknown(grey, write_dicom, bad):
    attributes = {"PixelSpacing": bad} if bad else {}
    assert spacing(write_dicom(grey, **attributes)) == (None, "")


def test_spacing_of_the_user_goes_first_and_a_difference_is_said(grey, write_dicom):
    path = write_dicom(grey, PixelSpacing=[0.5, 0.5])
    image = open_study(path, spacing_mm=0.1).images[0]
    assert image.spacing_mm == (0.1, 0.1)
    assert image.spacing_source == "given by the user against DICOM PixelSpacing 0.5 x 0.5 mm"
    assert open_study(path, spacing_mm=0.5).images[0].spacing_source == "given by the user"
