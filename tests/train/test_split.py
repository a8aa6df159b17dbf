"""A set with a split instead of folds: one net, whose encoder learns; fitted, calibrated and measured on different images."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pellucid.errors import RecipeError  # noqa: E402
from pellucid.models.card import DataSpec  # noqa: E402
from pellucid.models.encoders import load_encoder  # noqa: E402
from pellucid.reader import assemble, load_reader  # noqa: E402
from pellucid.train.data import CALIBRATION_FOLDS, FITTED, TESTED, folds_of  # noqa: E402
from pellucid.train.run import train  # noqa: E402

SPLIT = DataSpec(title="t", citation="t", licence="t", split_column="split")


def rows_of(count: int, tested: int) -> list[dict[str, str]]:
    return [{"split": "val" if i < tested else "train"} for i in range(count)]


@pytest.fixture(scope="module")
def split_recipe(toy_recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy recipe with an encoder that learns, on copies of the toy cases under other names, a fifth of them to test on."""
    folder = tmp_path_factory.mktemp("split")
    (folder / "data" / "images").mkdir(parents=True)
    with (toy_recipe.parent / "data" / "manifest.csv").open() as file:
        cases = list(csv.DictReader(file))
    rows = []
    for i in range(180):
        case = cases[i % 36]
        name = f"copy{i:03d}.png"
        (folder / "data" / "images" / name).write_bytes((toy_recipe.parent / "data" / "images" / case["image"]).read_bytes())
        rows.append({**case, "case_id": name, "image": name, "fold": "", "split": "val" if i < 36 else "train"})
    with (folder / "data" / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    text = toy_recipe.read_text()
    start, end = text.index("[[places]]"), text.index("[[concepts]]")
    text = text[:start] + text[end:]
    for old, new in (
        ('place = "lesion"\nunless_found = "lesion"\n', ""),
        ("frozen = true", "frozen = false"),
        ("views = 3", "views = 1\nconcept_weight = 1.0\nshadow_weight = 0.1\nfit_heads = false"),
        ("crop_to_place = 0.3", "rotate = 180.0"),
        ('patient_column = "case_id"', 'patient_column = "case_id"\nsplit_column = "split"'),
    ):
        assert old in text
        text = text.replace(old, new)
    path = folder / "split.toml"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def trained(split_recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("reader")
    return out, train(split_recipe, out, assemble)


def test_a_split_keeps_its_test_rows_and_sets_a_share_aside_to_calibrate_on() -> None:
    names = [f"cell{i}" for i in range(2000)]
    folds = folds_of(SPLIT, rows_of(2000, 500), names)
    assert (folds[:500] == TESTED).all()
    rest = folds[500:]
    assert set(np.unique(rest)) == {FITTED, *range(1, CALIBRATION_FOLDS + 1)}
    assert 0.12 < (rest > FITTED).mean() < 0.18


def test_what_a_row_is_used_for_depends_on_its_patient_only() -> None:
    names = [f"cell{i}" for i in range(400)]
    folds = dict(zip(names, folds_of(SPLIT, rows_of(400, 0), names).tolist(), strict=True))
    turned = dict(zip(names[::-1], folds_of(SPLIT, rows_of(400, 0), names[::-1]).tolist(), strict=True))
    assert folds == turned
    assert len(set(folds_of(SPLIT, rows_of(9, 0), ["one"] * 9).tolist())) == 1


def test_a_set_with_a_split_gives_a_reader_and_figures_of_its_test_part(trained: tuple[Path, dict[str, Any]]) -> None:
    out, measured = trained
    assert list(measured) == ["held_out_split"]
    assert measured["held_out_split"]["n_images"] == 36
    assert measured["held_out_split"]["concepts"]["margin"]["auroc"]["value"] is not None
    assert load_reader(out).fitted.calibrations["margin"].n < 144 / 2


def test_an_encoder_that_learns_is_kept_in_the_weights(trained: tuple[Path, dict[str, Any]]) -> None:
    learned = load_reader(trained[0]).net.encoder.state_dict()
    start = load_encoder("tf_efficientnet_lite0", pretrained=True).state_dict()
    change = max(float((learned[name] - start[name]).abs().max()) for name in start)
    assert change > 1e-3


def test_queries_without_a_place_start_and_stay_different(trained: tuple[Path, dict[str, Any]]) -> None:
    query = load_reader(trained[0]).net.bottleneck.query
    assert torch.pdist(query[0]).min() > 0.1


def test_a_split_without_rows_to_test_on_is_an_error_that_names_the_column(split_recipe: Path, tmp_path: Path) -> None:
    path = split_recipe.parent / "lost.toml"
    path.write_text(split_recipe.read_text().replace('split_column = "split"', 'split_column = "split"\ntest_split = "test"'))
    with pytest.raises(RecipeError, match=r"column 'split': expected rows to test on \('test'\)"):
        train(path, tmp_path / "out", assemble)
