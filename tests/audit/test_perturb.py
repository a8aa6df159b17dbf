"""Altered copies of images."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from tests.audit.paper import bench, counted, predict

from pellucid.audit.perturb import (
    blurred,
    descending,
    jpeg,
    mean_image,
    noisy,
    original_scores,
    scores,
    shaken,
    shifted,
    squares,
    top,
)
from pellucid.errors import InputError

IMAGES = np.random.default_rng(0).normal(3.0, 2.0, (5, 3, 16, 20)).astype(np.float32)


def test_noise_has_the_stated_share_of_the_dynamic_range_and_a_mean_of_zero() -> None:
    noise = noisy(IMAGES, 0.1, seed=1) - IMAGES
    spread = np.ptp(IMAGES.reshape(5, -1), axis=1)
    np.testing.assert_allclose(noise.reshape(5, -1).std(axis=1) / spread, 0.1, rtol=0.1)
    assert abs(noise.mean()) < 0.05


def test_case_gets_the_same_noise_whichever_cases_stand_beside_it() -> None:
    np.testing.assert_array_equal(noisy(IMAGES, 0.1, seed=1)[2:3], noisy(IMAGES[2:3], 0.1, seed=1))
    assert not np.array_equal(noisy(IMAGES, 0.1, seed=1, draw=0), noisy(IMAGES, 0.1, seed=1, draw=1))
    assert not np.array_equal(noisy(IMAGES, 0.1, seed=1), noisy(IMAGES, 0.1, seed=2))


def test_shaking_never_goes_beyond_its_radius() -> None:
    change = np.abs(shaken(IMAGES, 0.02, seed=0) - IMAGES).reshape(5, -1).max(axis=1)
    assert (change <= 0.02 * np.ptp(IMAGES.reshape(5, -1), axis=1) + 1e-5).all()


def test_shift_and_back_gives_the_inner_part_again() -> None:
    back = shifted(shifted(IMAGES, (2, 3)), (-2, -3))
    np.testing.assert_array_equal(back[..., 2:-2, 3:-3], IMAGES[..., 2:-2, 3:-3])
    np.testing.assert_array_equal(shifted(IMAGES, (2, 3))[..., 2:, 3:], IMAGES[..., :-2, :-3])


def test_jpeg_is_what_pillow_writes() -> None:
    low, high = IMAGES[0].min(), IMAGES[0].max()
    eight = np.rint((IMAGES[0] - low) / (high - low) * 255).astype(np.uint8).transpose(1, 2, 0)
    buffer = io.BytesIO()
    Image.fromarray(eight).save(buffer, "JPEG", quality=75)
    expected = np.asarray(Image.open(buffer)).transpose(2, 0, 1) / 255.0 * (high - low) + low
    np.testing.assert_allclose(jpeg(IMAGES)[0], expected, atol=1e-4)


@pytest.mark.parametrize("shape", [(2, 1, 16, 16), (2, 2, 16, 16), (2, 1, 4, 16, 16)])
def test_jpeg_takes_any_number_of_channels_and_volumes_and_a_flat_image(shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).random(shape).astype(np.float32)
    assert jpeg(images).shape == shape
    assert np.abs(jpeg(images) - images).mean() < 0.2
    np.testing.assert_allclose(jpeg(np.full(shape, 2.0, np.float32)), 2.0)


def test_equal_pixels_are_not_ordered_from_the_corner() -> None:
    place = descending(np.zeros((1, 20, 20), np.float32), seed=0).reshape(20, 20)
    assert place[:10].mean() == pytest.approx(place[10:].mean(), abs=30)


def test_top_pixels_are_the_highest_and_as_many_as_asked() -> None:
    maps = np.random.default_rng(0).random((3, 10, 10)).astype(np.float32)
    marked = top(maps, 0.1, seed=0)
    assert (marked.sum(axis=(1, 2)) == 10).all()
    assert all(m[t].min() > m[~t].max() for m, t in zip(maps, marked, strict=True))


def test_blur_keeps_the_mean_and_takes_the_detail() -> None:
    assert blurred(IMAGES).mean() == pytest.approx(float(IMAGES.mean()), abs=0.2)
    assert blurred(IMAGES).std() < 0.3 * IMAGES.std()


def test_mean_image_is_flat_in_every_channel() -> None:
    flat = mean_image(IMAGES)
    np.testing.assert_allclose(flat[1, 2], IMAGES[1, 2].mean(), rtol=1e-5)


def test_squares_have_their_size_and_lie_inside() -> None:
    masks = squares((20, 40), 16, 0.25, seed=0)
    assert (masks.sum(axis=(1, 2)) == 5 * 10).all()


def test_scores_are_of_the_explained_output_in_the_order_of_cases_and_variants() -> None:
    b = bench(n=70)
    images = b.cases.images
    np.testing.assert_allclose(original_scores(b), b.predict(images)[:, 1])
    both = scores(b, lambda index: np.stack([images[index], 0 * images[index]], axis=1), 2)
    np.testing.assert_allclose(both, np.stack([b.predict(images)[:, 1], b.predict(0 * images)[:, 1]], axis=1))


def test_shared_scores_are_asked_once_for_each_image_target_and_alteration() -> None:
    model, calls = counted(predict)
    b = replace(bench(n=6, predict=model), known={})
    expected = original_scores(replace(b, predict=predict, known=None))
    part = b.of(np.array([1, 4]))
    np.testing.assert_allclose(original_scores(part), expected[[1, 4]])
    np.testing.assert_allclose(original_scores(b), expected)
    np.testing.assert_allclose(original_scores(b), expected)
    assert calls == [2, 4]
    other = replace(b, cases=replace(b.cases, targets=1 - b.cases.targets))
    np.testing.assert_allclose(original_scores(other), 1 - expected)
    scores(b, lambda index: b.cases.images[index, None], 1)
    assert calls == [2, 4, 6, 6]


def test_model_that_gives_nan_or_no_table_of_scores_is_named() -> None:
    with pytest.raises(InputError, match="NaN"):
        original_scores(bench(predict=lambda images: np.full((len(images), 2), np.nan)))
    with pytest.raises(InputError, match="expected finite scores"):
        original_scores(bench(predict=lambda images: np.ones(len(images))))
