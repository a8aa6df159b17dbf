"""`pellucid train`: a recipe becomes a reader, with cross-validated figures; goes on where an earlier run was stopped."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
import torch
from numpy.typing import NDArray
from safetensors.torch import save

from pellucid.assess.findings import Sight
from pellucid.assess.fitted import Fitted
from pellucid.assess.installed import TRAINING_IMAGES
from pellucid.errors import RecipeError
from pellucid.knowledge import load_guideline
from pellucid.models.bottleneck import ConceptNet
from pellucid.models.build import new_encoder
from pellucid.models.card import Card, Files, Head, sha256_of
from pellucid.train.data import FITTED, TESTED, Cases, load_cases, open_case, recorded_places
from pellucid.train.evaluate import Measured, Outcome, Reads, figures, read_case, see_case
from pellucid.train.files import write_whole
from pellucid.train.fit import Job, logits_of, train_net
from pellucid.train.fitting import HeldOut, fit, measurement_errors, reliabilities, set_rules, shadow_limit, with_rules
from pellucid.train.recipe import Recipe, load_recipe
from pellucid.train.views import Views, make_views

log = logging.getLogger(__name__)
Assemble = Callable[[Card, ConceptNet, Fitted], Reads]
"""Puts a card, a net and what was fitted together: `pellucid.reader.assemble`, handed in because training lies beside it."""
Trained = tuple[ConceptNet, Fitted, Measured]
"""The net that ships, what was fitted on cases that it did not see, and the figures."""
NO_FILES = Files(weights_sha256="0" * 64, calibration_sha256="0" * 64, weights_bytes=0, guidelines={})


@dataclass(frozen=True)
class Bench:
    """What one training run works on."""

    recipe: Recipe
    cases: Cases
    views: Views
    folder: Path
    assemble: Assemble

    def job(self, training: NDArray[np.int64], name: str) -> Job:
        """One net to train on some of the cases."""
        return Job(training, self.recipe.train.seed, self.folder, name)

    def kinds_of_view(self) -> tuple[int, ...]:
        """The views that a reader may be given: 0, the whole image; 1, a region of interest, where the recipe crops to places."""
        return (0, 1) if self.recipe.train.augment.crop_to_place else (0,)

    def card(self, files: Files = NO_FILES) -> Card:
        """The card that the recipe becomes."""
        return Card(
            **{name: getattr(self.recipe, name) for name in type(self.recipe).model_fields if name != "train"}, files=files
        )


def train(recipe_path: Path, out: Path, assemble: Assemble) -> Measured:
    """Cross-validates a recipe, trains the final net on all cases, writes the reader to `out`, and gives the figures.

    Where the set has a split instead of folds (`[data] split_column`), there is one net, and the figures are those of its
    test part.

    `out` gets card.toml, weights.safetensors (fp16), calibration.json, figures.json, training-images.json; `out`/work keeps
    checkpoints.
    Raises RecipeError where the recipe or its manifest does not fit.
    """
    recipe = load_recipe(recipe_path)
    manifest = (recipe_path.parent / recipe.train.manifest).resolve()
    categories = {q.name: tuple(load_guideline(q.guideline).questions[q.name].categories) for q in recipe.questions}
    cases = load_cases(recipe, manifest, categories)
    _check_folds(recipe, cases, manifest)
    for place in recipe.places:
        if not recorded_places(place, manifest.parent):
            raise RecipeError(
                f"place {place.name}: expected a table of boxes, got nothing at {manifest.parent / str(place.boxes)}"
            )
    encoder = new_encoder(recipe.encoder, pretrained=True).eval()
    bench = Bench(recipe, cases, make_views(cases, recipe, encoder, out / "work" / "views"), out / "work", assemble)
    how = split_trained if recipe.data.split_column else cross_validated
    net, fitted, measured = how(bench, categories)
    write_reader(bench, net, fitted, measured, out)
    return measured


def _check_folds(recipe: Recipe, cases: Cases, manifest: Path) -> None:
    """RecipeError where there are too few folds, or a split without rows to test on, to fit on or to calibrate on."""
    folds = np.unique(cases.folds)
    if recipe.data.split_column is None:
        if len(folds) < 3:
            raise RecipeError(f"{manifest}: expected three folds or more in the column 'fold', got {len(folds)}")
        return
    if not {TESTED, FITTED} <= set(folds.tolist()) or len(folds) < 4:
        told = f"column {recipe.data.split_column!r}: expected rows to test on ({recipe.data.test_split!r}) and enough others"
        raise RecipeError(f"{manifest}: {told} to fit and to calibrate on, got {int((cases.folds == TESTED).sum())} to test on")


def cross_validated(bench: Bench, categories: Mapping[str, Sequence[str]]) -> Trained:
    """The figures of nets that did not see their cases, and the final net, trained on all."""
    recipe, cases = bench.recipe, bench.cases
    nets, held = cross_validate(bench)
    outcomes, rules = held_out_outcomes(bench, nets, held, roi=False)
    measured = {"cross_validated": figures(bench.card(), None, categories, cases, outcomes)}
    if recipe.train.augment.crop_to_place:
        within, _ = held_out_outcomes(bench, nets, held, roi=True)
        measured["cross_validated_within_region_of_interest"] = figures(bench.card(), None, categories, cases, within)
    final = train_net(bench.job(np.arange(len(cases)), "all"), cases, bench.views, recipe)
    readings = [o.reading for o in outcomes]
    everyone = np.ones(len(cases), dtype=np.bool_)
    fitted = with_rules(fit(recipe, held, cases, everyone), rules, shadow_limit(readings, everyone))
    fitted = replace(
        fitted,
        sd=measurement_errors(recipe, readings, cases),
        reliability=reliabilities(recipe, measured["cross_validated"]["concepts"]),
    )
    return final, fitted, measured


def split_trained(bench: Bench, categories: Mapping[str, Sequence[str]]) -> Trained:
    """One net, fitted on one part of a set, calibrated on another, measured on the third; that net is the one that ships."""
    recipe, cases = bench.recipe, bench.cases
    net = train_net(bench.job(np.flatnonzero(cases.folds == FITTED), "fitted"), cases, bench.views, recipe)
    aside, tested = np.flatnonzero(cases.folds > FITTED), np.flatnonzero(cases.folds == TESTED)
    told = {name: values.astype(np.float64) for name, values in logits_of(net, aside, 0, bench.views).items()}
    calibrating, everyone = cases.part(aside), np.ones(len(aside), dtype=np.bool_)
    fitted = fit(recipe, HeldOut(told["concepts"], told["shadow"], told["vector"][:, None]), calibrating, everyone)
    bare = _read_part(bench, net, fitted, calibrating)
    readings = [o.reading for o in bare]
    rules = set_rules(recipe, categories, readings, calibrating, everyone)
    fitted = with_rules(fitted, rules, shadow_limit(readings, everyone))
    fitted = replace(fitted, sd=measurement_errors(recipe, readings, calibrating))
    testing = cases.part(tested)
    measured = {"held_out_split": figures(bench.card(), None, categories, testing, _read_part(bench, net, fitted, testing))}
    return net, replace(fitted, reliability=reliabilities(recipe, measured["held_out_split"]["concepts"])), measured


def _read_part(bench: Bench, net: ConceptNet, fitted: Fitted, cases: Cases) -> list[Outcome]:
    reader = bench.assemble(bench.card(), net, fitted)
    return [read_case(reader, cases, i, see_case(reader, cases, i, roi=False)) for i in range(len(cases))]


def cross_validate(bench: Bench) -> tuple[dict[int, ConceptNet], HeldOut]:
    """The nets of every fold, and what they say of the cases they did not see."""
    nets: dict[int, ConceptNet] = {}
    cases, parts = bench.cases, dict[str, NDArray[Any]]()
    for fold in np.unique(cases.folds).tolist():
        training, rest = np.flatnonzero(cases.folds != fold), np.flatnonzero(cases.folds == fold)
        nets[fold] = train_net(bench.job(training, f"fold{fold}"), cases, bench.views, bench.recipe)
        told = [logits_of(nets[fold], rest, view, bench.views) for view in bench.kinds_of_view()]
        told[0]["vector"] = np.stack([t["vector"] for t in told], axis=1)
        for name, values in told[0].items():
            parts.setdefault(name, np.zeros((len(cases), *values.shape[1:])))[rest] = values
    return nets, HeldOut(parts["concepts"], parts["shadow"], parts["vector"])


def held_out_outcomes(
    bench: Bench, nets: dict[int, ConceptNet], held: HeldOut, *, roi: bool
) -> tuple[list[Outcome], dict[str, Any]]:
    """Every case read by the net of its fold, calibrated on the other folds; then again with set rules from the other folds."""
    readers, sights, rules = held_out_readers(bench, nets, held, roi=roi)
    return _read_all(bench, readers, sights), rules


def held_out_readers(
    bench: Bench, nets: dict[int, ConceptNet], held: HeldOut, *, roi: bool
) -> tuple[dict[int, Reads], list[Sight], dict[str, Any]]:
    """The reader of every fold, fitted on the others, set rules and all; what they see of their own fold; the rules of all."""
    cases = bench.cases
    fitted = {f: fit(bench.recipe, held, cases, cases.folds != f) for f in nets}
    readers = _readers(bench, nets, fitted)
    sights = [see_case(readers[f], cases, i, roi=roi) for i, f in enumerate(cases.folds.tolist())]
    bare = _read_all(bench, readers, sights)
    readings = [o.reading for o in bare]
    names = {q.name: tuple(readings[0].assessments[i].probabilities) for i, q in enumerate(bench.recipe.questions)}
    for fold in nets:
        others = cases.folds != fold
        rules = set_rules(bench.recipe, names, readings, cases, others)
        fitted[fold] = with_rules(fitted[fold], rules, shadow_limit(readings, others))
    everyone = np.ones(len(cases), dtype=np.bool_)
    return _readers(bench, nets, fitted), sights, set_rules(bench.recipe, names, readings, cases, everyone)


def _readers(bench: Bench, nets: dict[int, ConceptNet], fitted: dict[int, Fitted]) -> dict[int, Reads]:
    return {fold: bench.assemble(bench.card(), nets[fold], fitted[fold]) for fold in nets}


def _read_all(bench: Bench, readers: dict[int, Reads], sights: Sequence[Sight]) -> list[Outcome]:
    folds = bench.cases.folds.tolist()
    return [read_case(readers[folds[i]], bench.cases, i, sight) for i, sight in enumerate(sights)]


def training_images(cases: Cases, head: Head) -> str:
    """The SHA-256 of the display pixels of every image that was learned from, sorted, as JSON."""
    learned = np.flatnonzero(cases.folds != TESTED).tolist()
    hashes = sorted({open_case(cases, head.data, i).pixels_sha256 for i in learned})
    return json.dumps({"pixels_sha256": hashes}, indent=1) + "\n"


def write_reader(bench: Bench, net: ConceptNet, fitted: Fitted, measured: Measured, out: Path) -> None:
    """The five files of a reader; the card comes last, so that a folder with a card is whole."""
    weights, calibration = out / "weights.safetensors", out / "calibration.json"
    state = {k: v.to(torch.float16).contiguous() if v.is_floating_point() else v for k, v in net.state_dict().items()}
    write_whole(weights, save(state))
    write_whole(calibration, fitted.as_json())
    write_whole(out / "figures.json", json.dumps(measured, indent=1) + "\n")
    write_whole(out / TRAINING_IMAGES, training_images(bench.cases, bench.recipe))
    guidelines = {q.guideline: load_guideline(q.guideline).sha256 for q in bench.recipe.questions}
    files = Files(
        weights_sha256=sha256_of(weights),
        calibration_sha256=sha256_of(calibration),
        weights_bytes=weights.stat().st_size,
        guidelines=guidelines,
    )
    content = bench.card(files).model_dump(mode="json", exclude_none=True)
    write_whole(out / "card.toml", tomli_w.dumps(content))
    log.info("reader written to %s", out)
