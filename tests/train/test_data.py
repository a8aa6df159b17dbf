"""Cases for training: places that several readers drew, and what several readers said."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")

from pellucid.errors import RecipeError
from pellucid.train.data import load_cases, place_masks
from pellucid.train.recipe import Recipe, load_recipe

CATEGORIES = {"malignancy": ("benign", "malignant")}


@pytest.fixture
def several(toy_recipe: Path, tmp_path: Path) -> tuple[Recipe, Path]:
    """A recipe whose margin three readers rated and whose lesion three readers drew, on two images."""
    text = toy_recipe.read_text()
    text = text.replace('mask_column = "tumor_mask"', 'mask_columns = ["m0", "m1", "m2"]')
    text = text.replace('column = "margin"\n', 'column = "margin"\nratings = "readings.csv"\n')
    (tmp_path / "several.toml").write_text(text)
    (tmp_path / "images").mkdir()
    for reader in range(3):
        mask = np.zeros((10, 10), dtype=np.uint8)
        mask[: 2 + 2 * reader] = 255  # each reader draws a larger one: 2, 4, 6 rows
        Image.fromarray(mask).save(tmp_path / "images" / f"m{reader}.png")
    Image.fromarray(np.zeros((10, 10), dtype=np.uint8)).save(tmp_path / "images" / "empty.png")
    rows = [
        {"case_id": "1", "image": "a.png", "m0": "m0.png", "m1": "m1.png", "m2": "m2.png"},
        {"case_id": "2", "image": "b.png", "m0": "m0.png", "m1": "m1.png", "m2": "empty.png"},
        {"case_id": "3", "image": "c.png", "m0": "", "m1": "", "m2": ""},
    ]
    more = {"shape": "oval", "classification": "benign", "pixel_size_cm": "0.1", "fold": "0"}
    write(tmp_path / "manifest.csv", [{**row, **more} for row in rows])
    sharp, soft = "circumscribed", "not circumscribed"
    write(
        tmp_path / "readings.csv", [{"image": i, "margin": m} for i, m in (("b.png", soft), ("a.png", sharp), ("b.png", sharp))]
    )
    return load_recipe(tmp_path / "several.toml"), tmp_path / "manifest.csv"


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_a_place_is_where_half_of_its_readers_or_more_agree(several: tuple[Recipe, Path]) -> None:
    recipe, manifest = several
    cases = load_cases(recipe, manifest, CATEGORIES)
    rows = [place_masks(cases, recipe, i, (10, 10))[0, :, 0].sum() for i in range(3)]
    assert rows == [4, 4, 0]


def test_what_readers_said_is_kept_and_their_median_is_the_label(several: tuple[Recipe, Path]) -> None:
    recipe, manifest = several
    cases = load_cases(recipe, manifest, CATEGORIES)
    assert cases.ratings["margin"].tolist() == [[0, -1], [1, 0], [-1, -1]]
    assert cases.labels[:, 1].tolist() == [0, 1, -1]
    part = cases.part(np.array([1]))
    assert part.ratings["margin"].tolist() == [[1, 0]]
    assert part.names == ("b.png",)


def test_a_lost_table_of_ratings_is_named(several: tuple[Recipe, Path]) -> None:
    recipe, manifest = several
    (manifest.parent / "readings.csv").unlink()
    with pytest.raises(RecipeError, match=r"readings\.csv"):
        load_cases(recipe, manifest, CATEGORIES)
