"""Views: the first is what a reader will see; all move pixels and places alike; made again they are the same."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from pellucid.images.prepare import prepare  # noqa: E402
from pellucid.models.encoders import load_encoder  # noqa: E402
from pellucid.train.data import load_cases, open_case, place_masks  # noqa: E402
from pellucid.train.recipe import Augment, load_recipe  # noqa: E402
from pellucid.train.views import bounding_box, lit, make_views, varied, views_of  # noqa: E402

CATEGORIES = {"malignancy": ("benign", "malignant")}


def test_the_first_view_is_what_a_reader_will_see(toy_recipe: Path):
    recipe = load_recipe(toy_recipe)
    cases = load_cases(recipe, toy_recipe.parent / "data" / "manifest.csv", CATEGORIES)
    images, places = views_of(cases, recipe, 3)
    assert np.array_equal(images[0], prepare(open_case(cases, recipe.data, 3).pixels(), recipe.plan()).array)
    assert images.shape == (3, 3, 64, 64)
    assert places.shape == (3, 1, 16, 16)


def test_views_are_the_same_when_made_again(toy_recipe: Path):
    recipe = load_recipe(toy_recipe)
    cases = load_cases(recipe, toy_recipe.parent / "data" / "manifest.csv", CATEGORIES)
    for a, b in zip(views_of(cases, recipe, 5), views_of(cases, recipe, 5), strict=True):
        assert np.array_equal(a, b)


def test_pixels_and_places_move_alike():
    mask = np.zeros((1, 90, 120), dtype=np.uint8)
    mask[0, 30:60, 40:80] = 1
    pixels = mask[0] * 200
    still = Augment(brightness=0, contrast=0, gamma=0, noise=0, blur=0, flip_vertical=True, rotate=25.0)
    for seed in range(10):
        view, moved = varied(pixels, mask, (0, 0, 120, 90), 64, np.random.default_rng(seed), still)
        assert np.mean((view > 100) == (moved[0] > 0)) > 0.97


def test_views_go_on_where_they_were_stopped(toy_recipe: Path, tmp_path: Path):
    recipe = load_recipe(toy_recipe)
    cases = load_cases(recipe, toy_recipe.parent / "data" / "manifest.csv", CATEGORIES)
    encoder = load_encoder(recipe.encoder.name, pretrained=True).eval()
    first = make_views(cases, recipe, encoder, tmp_path)
    grids = [np.array(grid) for grid in first.inputs]
    done = tmp_path / "done.json"
    done.write_text(done.read_text().replace('"done": 36', '"done": 20'))
    again = make_views(cases, recipe, encoder, tmp_path).inputs
    assert all(np.array_equal(a, b) for a, b in zip(grids, again, strict=True))


def test_a_case_without_a_recorded_lesion_has_empty_places(toy_recipe: Path):
    recipe = load_recipe(toy_recipe)
    cases = load_cases(recipe, toy_recipe.parent / "data" / "manifest.csv", CATEGORIES)
    cases.rows[0]["tumor_mask"] = ""
    assert not place_masks(cases, recipe, 0, (100, 120)).any()
    assert bounding_box(place_masks(cases, recipe, 0, (100, 120))[0]) is None


def test_a_grey_picture_stays_grey_under_noise_and_a_coloured_one_does_not():
    noisy = Augment(noise=0.2)
    grey = Image.fromarray(np.full((32, 32, 3), 120, dtype=np.uint8))
    coloured = Image.fromarray(np.full((32, 32, 3), (120, 60, 30), dtype=np.uint8))
    for seed in range(6):
        view = lit(grey, np.random.default_rng(seed), noisy)
        assert not np.ptp(view, axis=2).any()
    spreads = [(lit(coloured, np.random.default_rng(seed), noisy).astype(float)[..., 0]).std() for seed in range(6)]
    assert max(spreads) > 5
