"""From a recipe to a reader and its figures, end to end on synthetic lesions."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pellucid.errors import RecipeError, TamperedError  # noqa: E402
from pellucid.images import open_study, study_from_array  # noqa: E402
from pellucid.models.encoders import load_encoder  # noqa: E402
from pellucid.reader import Reader, assemble, load_reader  # noqa: E402
from pellucid.record import reading_from_json  # noqa: E402
from pellucid.train.data import load_cases  # noqa: E402
from pellucid.train.evaluate import evaluate  # noqa: E402
from pellucid.train.fit import Job, train_net  # noqa: E402
from pellucid.train.heads import evidence_of  # noqa: E402
from pellucid.train.recipe import load_recipe  # noqa: E402
from pellucid.train.run import train  # noqa: E402
from pellucid.train.views import make_views  # noqa: E402
from pellucid.trial.held_out import fold_readers  # noqa: E402
from pellucid.trial.request import Request  # noqa: E402
from pellucid.trial.run import audit  # noqa: E402
from pellucid.trial.subject import reader_on_trial  # noqa: E402


@pytest.fixture(scope="module")
def trained(toy_recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("reader")
    return out, train(toy_recipe, out, assemble)


@pytest.fixture
def reader(trained: tuple[Path, dict[str, Any]]) -> Reader:
    return load_reader(trained[0])


def test_training_writes_a_whole_reader_in_half_precision(trained: tuple[Path, dict[str, Any]]):
    out, _ = trained
    names = {p.name for p in out.iterdir() if p.is_file()}
    assert names == {"card.toml", "weights.safetensors", "calibration.json", "figures.json", "training-images.json"}
    assert (out / "weights.safetensors").stat().st_size < 10_000_000


def test_cross_validated_figures_have_intervals_and_baselines(trained: tuple[Path, dict[str, Any]]):
    figures = trained[1]["cross_validated"]
    assert figures["n_images"] == 36
    assert figures["concepts"]["shape"]["n"] == 35
    margin = figures["concepts"]["margin"]
    assert margin["auroc"]["low"] <= margin["auroc"]["value"] <= margin["auroc"]["high"]
    assert margin["majority_baseline"]["value"] == 0.5
    assert 0 <= figures["assessments"]["malignancy"]["coverage"]["value"] <= 1
    assert figures["localisation"]["pointing_game"]["value"] is not None
    assert json.loads(json.dumps(figures)) == figures


def test_a_reading_is_whole_and_its_own_assessments_are_rederived(reader: Reader, toy_recipe: Path):
    image = open_study(toy_recipe.parent / "data" / "images" / "case003.png", spacing_mm=0.2).images[0]
    reading = reader.read(image)
    assert reading_from_json(reading.as_json()) == reading
    assert reader.read(image).id == reading.id
    assert {f.concept for f in reading.findings} == {"shape", "margin", "long_axis"}
    revised = reader.revise(reading, {"margin": "circumscribed"}, by="the test")
    assert revised.revises == reading.id
    margin = revised.finding("margin")
    assert margin is not None
    assert margin.observer.kind == "person"


def test_without_spacing_lengths_are_unknown_and_say_why(reader: Reader, toy_recipe: Path):
    reading = reader.read(open_study(toy_recipe.parent / "data" / "images" / "case003.png"))
    finding = reading.finding("long_axis")
    assert finding is not None
    assert finding.value is None
    assert finding.unknown_because in {"no pixel spacing", "no lesion in the mask"}


def test_a_region_of_interest_is_recorded_in_the_preparation(reader: Reader, toy_recipe: Path):
    image = open_study(toy_recipe.parent / "data" / "images" / "case003.png").images[0]
    reading = reader.read(image, roi=(40, 30, 40, 40))
    assert [s.name for s in reading.provenance.preparation][:2] == ["display", "crop"]


def test_a_picture_of_another_kind_abstains_and_says_so(reader: Reader):
    colours = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    reading = reader.read(study_from_array(colours))
    assert reading.assessments[0].category is None
    assert "unlike" in (reading.assessments[0].abstained_because or "")


def test_evaluate_on_a_manifest_gives_the_contract(reader: Reader, toy_recipe: Path):
    figures = evaluate(reader, toy_recipe.parent / "data" / "manifest.csv")
    assert set(figures) == {
        "reader",
        "weights_sha256",
        "n_images",
        "n_patients",
        "concepts",
        "assessments",
        "localisation",
        "shadow",
    }
    assert figures["weights_sha256"] == reader.ref.weights_sha256
    assert set(figures["shadow"]) >= {"auroc", "disagreement"}


def test_changed_weights_are_refused(trained: tuple[Path, dict[str, Any]], tmp_path: Path):
    for name in ("card.toml", "calibration.json"):
        (tmp_path / name).write_bytes((trained[0] / name).read_bytes())
    (tmp_path / "weights.safetensors").write_bytes((trained[0] / "weights.safetensors").read_bytes()[:-1] + b"\x01")
    with pytest.raises(TamperedError, match=r"weights\.safetensors"):
        load_reader(tmp_path)


def test_training_goes_on_from_its_checkpoints_and_gives_the_same_weights(trained: tuple[Path, dict[str, Any]], toy_recipe: Path):
    out, figures = trained
    before = (out / "weights.safetensors").read_bytes()
    assert train(toy_recipe, out, assemble) == figures
    assert (out / "weights.safetensors").read_bytes() == before


def test_an_unknown_key_in_a_recipe_is_named(toy_recipe: Path, tmp_path: Path):
    path = tmp_path / "typo.toml"
    path.write_text(toy_recipe.read_text().replace("epochs = 3", "epoch = 3"))
    with pytest.raises(RecipeError, match=r"train\.epoch"):
        train(path, tmp_path / "out", assemble)


def test_a_missing_manifest_is_named_and_nothing_is_written(toy_recipe: Path, tmp_path: Path):
    path = tmp_path / "lost.toml"
    path.write_text(toy_recipe.read_text())
    with pytest.raises(RecipeError, match="expected a manifest"):
        train(path, tmp_path / "out", assemble)
    assert not (tmp_path / "out").exists()


def test_a_finished_net_is_taken_over_by_the_same_recipe_only(trained: tuple[Path, dict[str, Any]], toy_recipe: Path):
    out, _ = trained
    recipe = load_recipe(toy_recipe)
    cases = load_cases(recipe, toy_recipe.parent / "data" / "manifest.csv", {"malignancy": ("benign", "malignant")})
    encoder = load_encoder(recipe.encoder.name, pretrained=True).eval()
    views = make_views(cases, recipe, encoder, out / "work" / "views")
    job = Job(np.arange(len(cases)), recipe.train.seed, out / "work", "all")
    saved = torch.load(out / "work" / "all-whole.pt", weights_only=True)["net"]
    again = train_net(job, cases, views, recipe).state_dict()
    assert all(torch.equal(again[name], saved[name]) for name in saved)
    other = recipe.model_copy(update={"train": recipe.train.model_copy(update={"head_strength": 0.0001})})
    changed = train_net(job, cases, views, other).state_dict()
    assert not torch.equal(changed["bottleneck.head"], saved["bottleneck.head"])
    assert torch.equal(changed["bottleneck.place.0.weight"], saved["bottleneck.place.0.weight"])


def test_heads_see_as_many_views_as_the_recipe_says(trained: tuple[Path, dict[str, Any]], toy_recipe: Path):
    out, _ = trained
    recipe = load_recipe(toy_recipe)
    cases = load_cases(recipe, toy_recipe.parent / "data" / "manifest.csv", {"malignancy": ("benign", "malignant")})
    views = make_views(cases, recipe, load_encoder(recipe.encoder.name, pretrained=True).eval(), out / "work" / "views")
    net = load_reader(out).net
    all_views, _ = evidence_of(net, np.arange(3), views)
    some, _ = evidence_of(net, np.arange(3), views, 2)
    assert all_views.shape[1] == recipe.train.views
    assert np.array_equal(some, all_views[:, :2])


def test_readers_of_the_folds_are_judged_by_the_audit_on_what_they_did_not_learn_from(
    trained: tuple[Path, dict[str, Any]], toy_recipe: Path, tmp_path: Path
):
    out, _ = trained
    data = toy_recipe.parent / "data" / "manifest.csv"
    by_fold = fold_readers(toy_recipe, out, of="toy", data=data)
    assert len({r.ref.weights_sha256 for r in by_fold.values()} | {load_reader(out).ref.weights_sha256}) == len(by_fold) + 1
    request = Request(data, tmp_path, methods=("grad-cam",), measures=("deletion",), minutes=1.0, examples=False)
    card = audit(reader_on_trial(out), request, by_fold=by_fold).card
    assert card.transparency.data.basis == "held-out"
    assert card.explainability.entailment.share.value == 1.0
    assert card.transparency.replay.same
    assert any("nets of its recipe on images they did not learn from" in said for said in card.summary.rely) or any(
        "not shown to be better than guessing" in said for said in card.summary.rely_not
    )


def test_readers_of_the_folds_of_another_recipe_or_manifest_are_refused(
    trained: tuple[Path, dict[str, Any]], toy_recipe: Path, tmp_path: Path
):
    with pytest.raises(RecipeError, match="expected the recipe of fundus, got that of toy"):
        fold_readers(toy_recipe, trained[0], of="fundus")
    other = tmp_path / "manifest.csv"
    other.write_text("image\n")
    with pytest.raises(RecipeError, match="expected the manifest of the recipe"):
        fold_readers(toy_recipe, trained[0], of="toy", data=other)
    with pytest.raises(RecipeError, match="expected the folder of a training run"):
        fold_readers(toy_recipe, tmp_path)
