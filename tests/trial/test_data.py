"""A manifest becomes cases in the model's grid, or a line that says what is wrong with it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")

from pellucid.errors import ImageError, RecipeError
from pellucid.images import prepare
from pellucid.models.card import Card, load_toml, parse
from pellucid.trial.data import NO_GROUP, Collected, collect, draw, foreign_source, reader_source, warp_mask
from pellucid.trial.foreign import load_foreign

Make = Callable[..., Path]


def collected(card: Path, manifest: Path, most: int = 200) -> Collected:
    found = load_foreign(card).card
    return collect(foreign_source(found), manifest, found.plan(), most=most)


def test_images_masks_labels_patients_and_scanners_arrive_together(side_card: Path, make_set: Make) -> None:
    found = collected(side_card, make_set(12))
    assert found.images.shape == (12, 3, 64, 64)
    assert found.masks is not None
    assert [int(m[:, 32:].any()) for m in found.masks] == found.labels.tolist() == [0, 1] * 6
    inside = found.images[:, 0][found.masks].mean()
    assert inside > found.images[:, 0][~found.masks].mean() + 1
    assert found.groups["scanner"].tolist() == ["A", "B"] * 6
    assert len(set(found.patients)) == 12


def test_another_image_is_another_hash(side_card: Path, make_set: Make) -> None:
    manifest = make_set(4)
    before = collected(side_card, manifest).sha256
    assert collected(side_card, manifest).sha256 == before
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(manifest.parent / "images" / "000.png")
    assert collected(side_card, manifest).sha256 != before


def test_a_part_keeps_the_share_of_every_class() -> None:
    labels = np.array([0] * 90 + [1] * 9 + [-1])
    for most in (10, 20, 50):
        kept = draw(labels, most, np.random.default_rng(0))
        assert len(kept) == most
        assert abs((labels[kept] == 1).mean() - 0.09) <= 1 / most
    assert draw(labels, 500, np.random.default_rng(0)).tolist() == list(range(100))


def spoil(column: str, value: str) -> Callable[[list[dict[str, str]]], None]:
    def change(rows: list[dict[str, str]]) -> None:
        rows[1][column] = value

    return change


def drop(column: str) -> Callable[[list[dict[str, str]]], None]:
    def change(rows: list[dict[str, str]]) -> None:
        for row in rows:
            del row[column]

    return change


SPOILT: list[tuple[Any, type[Exception], str]] = [
    (spoil("image", "gone.png"), RecipeError, r"1 of 6 images are missing"),
    (spoil("mask", "gone.png"), RecipeError, "expected a file at"),
    (spoil("mask", "../../small.png"), RecipeError, "expected 64x64 pixels as its image, got 10x12"),
    (spoil("mask", "../manifest.csv"), RecipeError, "cannot be read"),
    (spoil("image", "../manifest.csv"), ImageError, "expected DICOM, PNG"),
    (drop("image"), RecipeError, "expected a column 'image'"),
    (drop("patient"), RecipeError, "expected a column 'patient'"),
    (drop("scanner"), RecipeError, "expected a column 'scanner'"),
    (drop("side"), RecipeError, "expected a column 'side'"),
    (drop("mask"), RecipeError, "expected a column 'mask'"),
]


@pytest.mark.parametrize(("change", "error", "said"), SPOILT, ids=[said for _, _, said in SPOILT])
def test_what_is_wrong_with_a_manifest_is_said_in_one_line(
    change: Any, error: type[Exception], said: str, side_card: Path, make_set: Make, tmp_path: Path
) -> None:
    Image.fromarray(np.zeros((12, 10), np.uint8)).save(tmp_path / "small.png")
    with pytest.raises(error, match=said) as found:
        collected(side_card, make_set(6, change))
    assert "\n" not in str(found.value)


def test_ten_images_of_one_class_without_masks_are_tried_and_said_to_be_thin(side_card: Path, make_set: Make) -> None:
    def one_class(rows: list[dict[str, str]]) -> None:
        for row in rows:
            row["side"] = "l"

    said = " ".join(collected(side_card, make_set(10, one_class)).faults())
    assert "Only 10 images of 10 patients" in said
    assert "Every labelled image is 'left'" in said


def test_a_mask_goes_where_the_preparation_takes_its_image() -> None:
    generator = np.random.default_rng(0)
    mask = np.zeros((50, 120), dtype=bool)
    mask[10:30, 40:90] = True
    plan = [{"name": "crop", "box": (20, 5, 90, 40)}, {"name": "letterbox", "size": 96}]
    pixels = (mask * 200 + generator.integers(0, 20, mask.shape)).astype(np.uint8)
    prepared = prepare(pixels, plan)
    warped = warp_mask(mask, prepared)
    bright = prepared.array[0] > 0.45
    assert (warped == bright).mean() > 0.99


def test_a_lesion_of_one_pixel_is_not_lost_when_the_image_shrinks() -> None:
    mask = np.zeros((1000, 1000), dtype=bool)
    mask[503, 501] = True
    prepared = prepare(mask.astype(np.uint8), [{"name": "letterbox", "size": 64}])
    warped = warp_mask(mask, prepared)
    assert warped.sum() == 1
    assert warped[32, 32]


def of_breast_reader(shipped_reader: Callable[[str], Path], manifest: Path) -> Collected:
    folder = shipped_reader("breast-ultrasound")
    card = parse(Card, load_toml(folder / "card.toml"), "card.toml")
    plan = [{"name": "luminance"}, {"name": "letterbox", "size": 64}]
    return collect(reader_source(card, card.shadow_outcomes), manifest, plan, most=200)


def as_breast(scanner: str, values: str) -> Callable[[list[dict[str, str]]], None]:
    """A manifest of the breast reader with a column of scanners, '-' where none is recorded."""

    def change(rows: list[dict[str, str]]) -> None:
        for row, value in zip(rows, values, strict=True):
            classes = {"l": "benign", "r": "malignant"}
            new = {"case_id": row["patient"], "image": row["image"], "tumor_mask": row["mask"]}
            new |= {"classification": classes[row["side"]], scanner: value.strip("-")}
            row.clear()
            row.update(new)

    return change


@pytest.mark.parametrize("column", ["scanner", "Scanner", "SITE"])
def test_a_shipped_reader_is_tried_by_the_sites_and_scanners_that_a_manifest_names(
    column: str, shipped_reader: Callable[[str], Path], make_set: Make
) -> None:
    found = of_breast_reader(shipped_reader, make_set(6, as_breast(column, "AABB--")))
    assert found.groups[column].tolist() == ["A", "A", "B", "B", NO_GROUP, NO_GROUP]
    assert found.group_counts() == {column: "2 different, 2 images without"}
    assert not any("No column of a site or scanner is named" in said for said in found.faults())


@pytest.mark.parametrize(("column", "values"), [("scanner", "------"), ("scanner model", "AABBCC")])
def test_an_empty_column_or_one_of_another_name_is_no_scanner(
    column: str, values: str, shipped_reader: Callable[[str], Path], make_set: Make
) -> None:
    found = of_breast_reader(shipped_reader, make_set(6, as_breast(column, values)))
    assert found.groups == {}
    assert any("No column of a site or scanner is named" in said for said in found.faults())


def test_another_mask_is_another_hash(side_card: Path, make_set: Make) -> None:
    manifest = make_set(4)
    before = collected(side_card, manifest).sha256
    Image.fromarray(np.full((64, 64), 255, np.uint8)).save(manifest.parent / "images" / "001_mask.png")
    assert collected(side_card, manifest).sha256 != before


@pytest.mark.parametrize("cell", ["gone.png", "../../small.png", "../manifest.csv"])
def test_a_mask_that_cannot_be_used_names_manifest_row_and_column(
    cell: str, side_card: Path, make_set: Make, tmp_path: Path
) -> None:
    Image.fromarray(np.zeros((12, 10), np.uint8)).save(tmp_path / "small.png")
    with pytest.raises(RecipeError, match=r"manifest\.csv: 001\.png: column 'mask'"):
        collected(side_card, make_set(6, spoil("mask", cell)))


def test_a_folder_in_place_of_the_manifest_is_pointed_out(side_card: Path, make_set: Make) -> None:
    folder = make_set(4).parent
    with pytest.raises(RecipeError, match=r"expected a manifest\.csv, got a folder; give its manifest"):
        collected(side_card, folder)


def test_a_label_that_the_card_does_not_know_is_a_fault_and_an_empty_one_is_not(side_card: Path, make_set: Make) -> None:
    assert "does not know" not in " ".join(collected(side_card, make_set(6, spoil("side", ""))).faults())
    said = " ".join(collected(side_card, make_set(6, spoil("side", "weird"))).faults())
    assert "1 of 6 images have a label that the card does not know ('weird')" in said


def test_patients_that_are_not_recorded_are_a_fault(side_card: Path, make_set: Make) -> None:
    assert "patient in column" not in " ".join(collected(side_card, make_set(6)).faults())
    blank = collected(side_card, make_set(6, spoil("patient", "")))
    assert "1 of 6 images have no patient in column 'patient'" in " ".join(blank.faults())
    assert len(set(blank.patients)) == 6
    without = side_card.with_name("without.toml")
    without.write_text(side_card.read_text(encoding="utf-8").replace('patient = "patient"\n', ""), encoding="utf-8")
    said = " ".join(collected(without, make_set(6)).faults())
    assert "No patient is recorded: every image counts as a patient, and intervals are over images." in said


def test_sites_that_no_column_names_are_a_fault_whatever_the_patients(side_card: Path, make_set: Make) -> None:
    def together(rows: list[dict[str, str]]) -> None:
        for row in rows:
            row["patient"] = "one"

    without = side_card.with_name("without.toml")
    without.write_text(side_card.read_text(encoding="utf-8").replace('groups = ["scanner"]\n', ""), encoding="utf-8")
    assert "No column of a site or scanner is named" in " ".join(collected(without, make_set(6, together)).faults())
    assert "site or scanner" not in " ".join(collected(side_card, make_set(6)).faults())
