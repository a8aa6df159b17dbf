import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.errors import ImageError
from pellucid.images import is_blank
from pellucid.images.display import over_black, scaled, shown, windowed, without_colour


def test_eight_bits_stay_as_stored(grey):
    pixels, rule = shown(grey, "array")
    assert np.array_equal(pixels, grey)
    assert rule == "as stored"


def test_eight_bits_stored_in_sixteen_look_the_same(grey):
    assert np.array_equal(shown(grey.astype(np.uint16) * 257, "array")[0], grey)
    assert np.array_equal(shown(grey.astype(np.uint16), "array")[0], grey)


def test_twelve_bits_are_not_shown_nearly_black():
    pixels, rule = shown(np.array([[0, 2048, 4095]], np.uint16), "array")
    assert pixels.tolist() == [[0, 128, 255]]
    assert "12 bits" in rule


def test_floats_from_zero_to_one_span_the_grey_levels():
    assert shown(np.array([[0.0, 0.5, 1.0]]), "array")[0].tolist() == [[0, 128, 255]]


def test_black_and_white_is_shown_in_full_contrast():
    assert shown(np.array([[False, True]]), "array")[0].tolist() == [[0, 255]]


@pytest.mark.parametrize(
    "array",
    [
        np.array([[np.nan, 0.5]]),
        np.array([[np.inf, 0.5]]),
        np.array([[0.0, 255.0]]),
        np.array([[-1, 5]]),
        np.array([[70_000, 5]]),
        np.array([[1j]]),
        np.zeros((0, 3), np.uint8),
        np.zeros((2, 2, 5), np.uint8),
        np.zeros(3, np.uint8),
    ],
)
def test_values_without_a_rule_are_refused_in_one_line(array):
    with pytest.raises(ImageError, match="expected") as caught:
        shown(array, "array")
    assert "\n" not in str(caught.value)


def test_transparent_parts_show_black():
    rgba = np.array([[[200, 100, 50, 255], [200, 100, 50, 0], [200, 100, 50, 128]]], np.uint8)
    assert over_black(rgba).tolist() == [[[200, 100, 50], [0, 0, 0], [100, 50, 25]]]


def test_an_image_without_colour_becomes_grey_and_one_coloured_pixel_keeps_it(grey):
    three = np.repeat(grey[:, :, None], 3, axis=2)
    assert np.array_equal(without_colour(three), grey)
    three[1, 1, 0] ^= 1
    assert without_colour(three).shape == (48, 64, 3)


@given(st.integers(-2000, 2000), st.integers(2, 4000))
def test_linear_window_agrees_with_pydicom(centre, width):
    pixels = pytest.importorskip("pydicom.pixels")
    from pydicom import Dataset

    header = Dataset()
    header.PhotometricInterpretation, header.BitsStored, header.PixelRepresentation = "MONOCHROME2", 16, 1
    header.WindowCenter, header.WindowWidth = centre, width
    values = np.linspace(-3000, 3000, 97).round().astype(np.int16)
    theirs = (pixels.apply_windowing(values, header) + 2**15) / (2**16 - 1) * 255
    np.testing.assert_allclose(windowed(values, centre, width), theirs, atol=0.51)


@pytest.mark.parametrize(
    ("function", "expected"), [("LINEAR", [0, 0, 128, 255]), ("LINEAR_EXACT", [0, 0, 128, 255]), ("SIGMOID", [1, 30, 128, 225])]
)
def test_windows_by_the_formulas_of_the_standard(function, expected):
    got = windowed(np.array([40 - 300, 40 - 200, 40, 40 + 200]), 40, 400 if function != "LINEAR" else 401, function)
    by_hand = [255 / (1 + np.exp(-4 * x / 400)) for x in (-300, -200, 0, 200)] if function == "SIGMOID" else expected
    np.testing.assert_allclose(got, by_hand, atol=1)


def test_a_window_one_wide_is_a_step():
    assert windowed(np.array([9, 10, 11]), 10, 1).tolist() == [0, 255, 255]


def test_equal_limits_show_black_and_huge_ones_do_not_overflow():
    assert scaled(np.array([[5.0, 5.0]]), 5, 5).tolist() == [[0, 0]]
    assert scaled(np.array([-1.7e308, 0, 1.7e308]), -1.7e308, 1.7e308).tolist() == [0, 128, 255]


@pytest.mark.parametrize("kind", [np.int16, np.uint16, np.int8])
def test_large_images_are_scaled_like_small_ones(kind):
    limits = np.iinfo(kind)
    values = np.random.default_rng(2).integers(limits.min, limits.max, (300, 300), dtype=kind)
    low, high = limits.min / 3 - 5, limits.max / 2
    row_by_row = np.stack([scaled(row, low, high) for row in values])
    assert np.array_equal(scaled(values, low, high), row_by_row)


def test_blank_images_are_told(grey, colour):
    assert is_blank(np.zeros((5, 5), np.uint8))
    assert is_blank(np.full((5, 5, 3), (10, 200, 30), np.uint8))
    assert not is_blank(grey)
    assert not is_blank(colour)
