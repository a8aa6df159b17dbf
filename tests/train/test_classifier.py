"""A plain classifier: trained on a column, folds held out, the same again from its checkpoint."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pellucid.errors import CardError, RecipeError, UnknownName
from pellucid.train import classifier as module
from pellucid.train.classifier import (
    CHECKPOINT,
    fit_classifier,
    load_classifier,
    new_classifier,
    probabilities,
    train_classifier,
    vary,
)
from pellucid.train.classifier_data import ClassifierNet, ClassifierRecipe, ClassifierTrain, load_classifier_recipe, load_labelled

RECIPE = """
name = "squares"
[data]
title = "Bright and dark squares"
manifest = "manifest.csv"
classes = ["dark", "bright"]
patient_column = "patient"
mask_column = "mask"
held_out = [0]
[data.labels]
column = "class"
values = { d = "dark", b = "bright" }
[[preparation]]
name = "luminance"
[[preparation]]
name = "letterbox"
size = 32
[[preparation]]
name = "normalise"
mean = [0.5, 0.5, 0.5]
std = [0.5, 0.5, 0.5]
[net]
architecture = "resnet10t"
options = { in_chans = 3, stem_width = 8, channels = [8, 8, 16, 16] }
[train]
epochs = 3
batch = 8
rate = 3e-3
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """40 images of squares, one of them without a class; masks of the squares."""
    (tmp_path / "images").mkdir()
    rng = np.random.default_rng(0)
    rows = ["image,mask,patient,class,fold"]
    for i in range(40):
        pixels, mask = rng.integers(0, 60, (40, 48), dtype=np.uint8), np.zeros((40, 48), np.uint8)
        mask[10:25, 15:30] = 255
        pixels[mask > 0] = 220 if i % 2 else 90
        Image.fromarray(pixels).save(tmp_path / "images" / f"{i}.png")
        Image.fromarray(mask).save(tmp_path / "images" / f"{i}_m.png")
        rows.append(f"{i}.png,{i}_m.png,p{i // 2},{'' if i == 39 else 'b' if i % 2 else 'd'},{i // 2 % 4}")
    (tmp_path / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (tmp_path / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    return tmp_path


def recipe_of(folder: Path) -> ClassifierRecipe:
    return load_classifier_recipe(folder / "recipe.toml")


def test_rows_without_a_class_are_left_out_and_masks_lie_on_the_lesion(folder: Path) -> None:
    cases = load_labelled(recipe_of(folder), folder / "manifest.csv")
    assert len(cases) == 39
    assert cases.images.shape == (39, 3, 32, 32)
    assert cases.masks is not None
    assert cases.images[1, 0][cases.masks[1]].mean() > 0.6 > cases.images[1, 0][~cases.masks[1]].mean()


def test_it_learns_and_is_measured_on_the_folds_it_did_not_see(folder: Path, tmp_path: Path) -> None:
    recipe = recipe_of(folder).changed(epochs=12)
    cases = load_labelled(recipe, folder / "manifest.csv")
    made = train_classifier(recipe, cases, tmp_path / "out")
    assert made.figures["n"] == int((cases.folds == 0).sum())
    assert made.figures["auroc"]["value"] == 1.0
    again = load_classifier(tmp_path / "out")
    assert np.array_equal(probabilities(again.net, cases.images), probabilities(made.net, cases.images))
    assert not (tmp_path / "out" / CHECKPOINT).exists()


def test_on_permuted_labels_it_is_taught_the_same_counts_and_learns_nothing_of_the_held_out(folder: Path) -> None:
    train = ClassifierTrain(permute_labels=True)
    labels = np.repeat([0, 1], [30, 10])
    taught = module._taught(labels, train)
    assert np.array_equal(np.bincount(taught), [30, 10])
    assert not np.array_equal(taught, labels)
    assert np.array_equal(module._taught(labels, ClassifierTrain()), labels)


def test_a_training_that_was_stopped_ends_as_if_it_had_not_been(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = recipe_of(folder)
    cases = load_labelled(recipe, folder / "manifest.csv")
    whole = train_classifier(recipe, cases, tmp_path / "whole")
    save = module._save

    def stop(parts: dict[str, object], checkpoint: tuple[Path, str] | None, epoch: int) -> None:
        save(parts, checkpoint, epoch)
        if epoch == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "_save", stop)
    with pytest.raises(KeyboardInterrupt):
        train_classifier(recipe, cases, tmp_path / "stopped")
    monkeypatch.undo()
    with caplog.at_level(logging.INFO, "pellucid"):
        resumed = train_classifier(recipe, cases, tmp_path / "stopped")
    assert [r.args[0] for r in caplog.records if isinstance(r.args, tuple)] == [3]
    for name, value in whole.net.state_dict().items():
        assert torch.equal(resumed.net.state_dict()[name], value), name


def test_a_finished_training_is_taken_over_only_by_the_same_recipe(folder: Path, tmp_path: Path) -> None:
    recipe = recipe_of(folder)
    cases = load_labelled(recipe, folder / "manifest.csv")
    first = train_classifier(recipe, cases, tmp_path / "out")
    assert train_classifier(recipe, cases, tmp_path / "out").figures == json.loads(json.dumps(first.figures))
    other = train_classifier(recipe.changed(seed=1), cases, tmp_path / "out")
    assert other.recipe.train.seed == 1


def test_views_keep_shape_and_stay_themselves_where_nothing_is_varied() -> None:
    still = ClassifierTrain(rotate_deg=0, zoom=(1.0, 1.0), flip="none", brightness=0, contrast=0)
    x = torch.rand(4, 3, 20, 20)
    assert torch.allclose(vary(x, still, torch.Generator().manual_seed(0)), x, atol=1e-5)
    assert vary(x, ClassifierTrain(flip="both"), torch.Generator().manual_seed(0)).shape == x.shape


def test_a_two_class_head_starts_near_even(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "packaged_state", lambda packaged, layout: layout)
    net = new_classifier(ClassifierNet(architecture="tf_efficientnet_lite0", pretrained=True), 2)
    with torch.no_grad():
        assert net.eval()(torch.randn(2, 3, 64, 64)).abs().max() < 1.0


@pytest.mark.parametrize(
    ("net", "error", "said"),
    [
        ({"architecture": "resnet_of_nowhere"}, UnknownName, "unknown timm model"),
        ({"architecture": "resnet18", "pretrained": True}, UnknownName, "packaged ImageNet weights"),
        ({"architecture": "vit_tiny_patch16_224", "options": {"wheels": 4}}, RecipeError, "options that timm takes"),
    ],
)
def test_a_net_that_cannot_be_made_is_refused_in_one_line(net: dict[str, object], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        new_classifier(ClassifierNet.model_validate(net), 2)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('column = "class"', 'column = "kind"', "expected a column 'kind'"),
        ("held_out = [0]", "held_out = [9]", "held-out folds"),
        ('b = "bright"', 'x = "bright"', "class 'bright'"),
        ("[train]", "[training]", "training"),
    ],
)
def test_a_recipe_that_does_not_fit_its_manifest_says_where(folder: Path, old: str, new: str, said: str) -> None:
    (folder / "recipe.toml").write_text(RECIPE.replace(old, new), encoding="utf-8")
    with pytest.raises(RecipeError, match=said):
        load_labelled(recipe_of(folder), folder / "manifest.csv")


def test_a_folder_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no weights"):
        load_classifier(tmp_path)


def test_the_recipes_that_ship_are_read(root: Path) -> None:
    for path in sorted((root / "recipes" / "classifiers").glob("*.toml")):
        recipe = load_classifier_recipe(path)
        assert ClassifierRecipe.model_validate_json(recipe.model_dump_json()) == recipe


def test_every_net_ends_in_evaluation_mode() -> None:
    net = new_classifier(ClassifierNet(architecture="resnet10t", options={"stem_width": 8, "channels": [8, 8, 16, 16]}), 2)
    images = np.random.default_rng(0).random((8, 3, 32, 32), dtype=np.float32)
    fit_classifier(net, images, np.arange(8) % 2, ClassifierTrain(epochs=1, batch=4))
    assert not net.training


def test_a_fusion_by_its_recipe_learns_and_comes_back_from_its_folder_the_same(folder: Path, tmp_path: Path) -> None:
    text = RECIPE.replace('"resnet10t"', '"fusion"').replace(
        "{ in_chans = 3, stem_width = 8, channels = [8, 8, 16, 16] }",
        '{ encoders = ["test_efficientnet", "test_resnet"], frozen = false, hidden = 32, post = 16, blocks = 1 }',
    )
    (folder / "fusion.toml").write_text(text, encoding="utf-8")
    recipe = load_classifier_recipe(folder / "fusion.toml")
    cases = load_labelled(recipe, folder / "manifest.csv")
    made = train_classifier(recipe.changed(epochs=2), cases, tmp_path / "out")
    again = load_classifier(tmp_path / "out")
    assert np.array_equal(probabilities(again.net, cases.images), probabilities(made.net, cases.images))


def test_a_fusion_with_an_unknown_option_is_refused_by_its_name() -> None:
    with pytest.raises(CardError, match=r"net\.options: depth"):
        new_classifier(ClassifierNet(architecture="fusion", options={"encoders": ("test_resnet",), "depth": 3}), 2)
