from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.errors import ImageError, InputError, UnknownName
from pellucid.images import Prepared, prepare, replay
from pellucid.record import PreparationStep

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PLAN = [{"name": "luminance"}, {"name": "letterbox", "size": 96}, {"name": "normalise", "mean": MEAN, "std": STD}]


def boxes(prepared: Prepared, name: str) -> list[Any]:
    """The boxes that the steps recorded under a name."""
    return [step.parameters[name] for step in prepared.steps if name in step.parameters]


def test_prepared_input_is_float32_with_three_channels(grey):
    prepared = prepare(grey, PLAN)
    assert prepared.array.shape == (3, 96, 96)
    assert prepared.array.dtype == np.float32
    assert [s.name for s in prepared.steps] == ["luminance", "letterbox", "normalise"]


def test_normalise_is_the_textbook_formula(colour):
    array = prepare(colour, [{"name": "normalise", "mean": MEAN, "std": STD}]).array
    expected = (colour / 255 - MEAN) / STD
    np.testing.assert_allclose(array, expected.transpose(2, 0, 1), atol=2e-6)


def test_without_normalise_values_lie_between_zero_and_one(colour):
    np.testing.assert_allclose(prepare(colour, []).array, colour.transpose(2, 0, 1) / 255, atol=1e-6)


def test_equal_channels_keep_their_value_in_luminance(grey):
    three = np.repeat(grey[:, :, None], 3, axis=2)
    assert np.array_equal(prepare(three, PLAN).array, prepare(grey, PLAN).array)


def test_luminance_follows_bt_601(colour):
    array = prepare(colour, [{"name": "luminance"}]).array[0] * 255
    np.testing.assert_allclose(array, colour @ np.array([0.299, 0.587, 0.114]), atol=0.51)


def test_colour_step_repeats_a_grey_channel(grey):
    prepared = prepare(grey, [{"name": "colour"}])
    assert all(np.array_equal(prepared.array[c] * 255, prepared.array[0] * 255) for c in range(3))


def test_letterbox_keeps_aspect_and_pads_with_black():
    prepared = prepare(np.full((50, 100), 200, np.uint8), [{"name": "letterbox", "size": 64}])
    assert prepared.steps[0].parameters["placed"] == (0.0, 16.0, 64.0, 32.0)
    assert not prepared.array[:, :16].any()
    assert not prepared.array[:, 48:].any()
    np.testing.assert_allclose(prepared.array[:, 16:48] * 255, 200, atol=1e-4)


def test_letterbox_averages_over_the_area_when_it_shrinks():
    checkers = np.indices((512, 512)).sum(axis=0) % 2 * np.uint8(255)
    small = prepare(checkers.astype(np.uint8), [{"name": "letterbox", "size": 64}]).array
    assert abs(small.mean() - 0.5) < 0.01
    assert small.std() < 0.02


def test_letterbox_takes_a_width_and_a_height(grey):
    assert prepare(grey, [{"name": "letterbox", "size": [96, 64]}]).array.shape == (3, 64, 96)


def test_crop_leads_back_to_the_original(grey):
    prepared = prepare(grey, [{"name": "crop", "box": (10, 5, 20, 30)}])
    np.testing.assert_allclose(prepared.array[0] * 255, grey[5:35, 10:30], atol=1e-4)
    assert prepared.to_original([[0, 0], [20, 30]]).tolist() == [[10, 5], [30, 35]]


def test_field_of_view_finds_the_disc_of_a_fundus_photograph():
    y, x = np.mgrid[:300, :400]
    fundus = np.zeros((300, 400, 3), np.uint8)
    fundus[(x - 210) ** 2 + (y - 150) ** 2 < 120**2] = (180, 80, 40)
    fundus[5, 5] = 255  # a hot pixel in the surround does not count
    prepared = prepare(fundus, [{"name": "field-of-view"}])
    ((left, top, width, height),) = boxes(prepared, "box")
    assert abs(left - 90) <= 4
    assert abs(top - 30) <= 4
    assert abs(width - 240) <= 8
    assert abs(height - 240) <= 8


def test_field_of_view_of_a_black_image_is_the_whole_image():
    steps = prepare(np.zeros((20, 30, 3), np.uint8), [{"name": "field-of-view"}]).steps
    assert steps[0].parameters["box"] == (0.0, 0.0, 30.0, 20.0)


def test_found_parameters_are_recorded_and_not_looked_for_again(colour):
    first = prepare(colour, [{"name": "field-of-view"}])
    other = np.zeros_like(colour)
    assert replay(other, first.steps).steps == first.steps


def test_steps_survive_json(colour):
    prepared = prepare(colour, [{"name": "field-of-view"}, {"name": "colour"}, *PLAN[1:]])
    again = [PreparationStep.model_validate_json(step.model_dump_json()) for step in prepared.steps]
    assert np.array_equal(replay(colour, again).array, prepared.array)


def test_display_step_changes_nothing(grey):
    rule = PreparationStep(name="display", parameters={"rule": "window 40/400 LINEAR"})
    assert np.array_equal(replay(grey, [rule, *prepare(grey, PLAN).steps]).array, prepare(grey, PLAN).array)


def test_replay_on_another_size_is_refused(grey):
    steps = prepare(grey, PLAN).steps
    with pytest.raises(ImageError, match="same image"):
        replay(grey[:-1], steps)


def test_changed_placement_in_recorded_steps_is_refused(grey):
    step = prepare(grey, PLAN).steps[1]
    changed = PreparationStep(name="letterbox", parameters={**step.parameters, "placed": (1.0, 2.0, 3.0, 4.0)})
    with pytest.raises(ImageError, match="place"):
        replay(grey, [changed])


@given(
    width=st.integers(1, 300),
    height=st.integers(1, 300),
    size=st.integers(1, 128),
    fractions=st.tuples(*[st.floats(0, 1)] * 4),
    in_colour=st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_preparation_has_an_inverse_and_replays_identically(width, height, size, fractions, in_colour):
    x, y = int(fractions[0] * (width - 1)), int(fractions[1] * (height - 1))
    box = (x, y, 1 + int(fractions[2] * (width - x - 1)), 1 + int(fractions[3] * (height - y - 1)))
    shape = (height, width, 3) if in_colour else (height, width)
    pixels = np.random.default_rng(width * height).integers(0, 256, shape, dtype=np.uint8)
    prepared = prepare(
        pixels, [{"name": "crop", "box": box}, *PLAN[1:2], {"name": "letterbox", "size": size}, {"name": "colour"}]
    )
    points = np.random.default_rng(0).uniform(-50, 350, (20, 2))
    np.testing.assert_allclose(prepared.to_original(prepared.to_prepared(points)), points, atol=1e-7)
    np.testing.assert_allclose(prepared.to_prepared(prepared.to_original(points)), points, atol=1e-7)
    assert np.array_equal(replay(pixels, prepared.steps).array, prepared.array)
    assert replay(pixels, prepared.steps).steps == prepared.steps
    # The corners of the picture inside the last letterbox are the corners of the box in the original.
    outer, inner = boxes(prepared, "placed")
    scale = inner[2] / 96, inner[3] / 96
    left, top = inner[0] + outer[0] * scale[0], inner[1] + outer[1] * scale[1]
    corners = [[left, top], [left + outer[2] * scale[0], top + outer[3] * scale[1]]]
    expected = [[x, y], [x + box[2], y + box[3]]]
    np.testing.assert_allclose(prepared.to_original(corners), expected, atol=1e-6)


@given(x=st.integers(8, 110), y=st.integers(8, 80), size=st.integers(48, 200))
@settings(max_examples=30, deadline=None)
def test_a_bright_spot_is_found_again_in_the_original(x, y, size):
    pixels = np.zeros((96, 128), np.uint8)
    pixels[y - 4 : y + 4, x - 4 : x + 4] = 255
    prepared = prepare(pixels, [{"name": "letterbox", "size": size}])
    weights = prepared.array[0].astype(float)
    rows, columns = np.indices(weights.shape) + 0.5
    centre = np.array([[(columns * weights).sum(), (rows * weights).sum()]]) / weights.sum()
    np.testing.assert_allclose(prepared.to_original(centre), [[x, y]], atol=0.6)


@pytest.mark.parametrize(
    "box", [(0, 0, 65, 10), (-1, 0, 5, 5), (0, 0, 0, 5), (0.5, 0, 5, 5), (60, 40, 10, 10), (float("nan"), 0, 1, 1)]
)
def test_box_outside_the_image_is_refused(grey, box):
    with pytest.raises(InputError, match="box"):
        prepare(grey, [{"name": "crop", "box": box}])


@pytest.mark.parametrize(
    "step",
    [
        {"name": "crop"},
        {"name": "letterbox"},
        {"name": "letterbox", "size": 0},
        {"name": "letterbox", "size": 3.5},
        {"name": "letterbox", "size": "big"},
        {"name": "letterbox", "size": True},
        {"name": "letterbox", "size": "64"},
        {"name": "letterbox", "size": ["64", "64"]},
        {"name": "letterbox", "size": 1_000_000},
        {"name": "letterbox", "size": [64, 8193]},
        {"name": "letterbox", "size": float("nan")},
        {"name": "normalise", "mean": 0.5},
        {"name": "normalise", "mean": (0.5, 0.5), "std": 1.0},
        {"name": "normalise", "mean": 0.5, "std": 0.0},
        {"name": "normalise", "mean": float("nan"), "std": 1.0},
        {"size": 3},
    ],
)
def test_parameters_that_do_not_fit_are_refused_in_one_line(grey, step):
    with pytest.raises(InputError) as caught:
        prepare(grey, [step])
    assert "\n" not in str(caught.value)


def test_unknown_step_parameter_and_resampling_offer_the_nearest_name(grey):
    with pytest.raises(UnknownName, match="letterbox"):
        prepare(grey, [{"name": "leterbox", "size": 3}])
    with pytest.raises(UnknownName, match="size"):
        prepare(grey, [{"name": "letterbox", "sise": 3}])
    with pytest.raises(UnknownName, match="bilinear"):
        prepare(grey, [{"name": "letterbox", "size": 3, "resampling": "linear"}])


def test_normalise_must_come_last(grey):
    with pytest.raises(InputError, match="last"):
        prepare(grey, [PLAN[2], PLAN[1]])


@pytest.mark.parametrize(
    "pixels", [np.zeros((4, 4)), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4), np.uint8), np.zeros(4, np.uint8), [[1]]]
)
def test_pixels_that_are_not_display_pixels_are_refused(pixels):
    with pytest.raises(ImageError, match="preparation"):
        prepare(pixels, [])
