"""What fusing two CNNs under a transformer adds, measured against the simple things on the same splits; goes on where it stopped.

    python benchmarks/fusion.py -o DIR [--models DIR] [--only SET …] [--lines LINE …]

Every run leaves DIR/SET/LINE-SEED.json with its probabilities on the held-out fold; `benchmarks/fusion_page.py DIR` makes
docs/studies/fusion.md of them. Fine-tuned nets are looked up in and kept in `--models` (brain-mri must not ship).
"""

import argparse
import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from pellucid.models.card import FusionSpec
from pellucid.models.fusion import Head, Joined, parameters_of
from pellucid.train.classifier import fit_classifier, probabilities, train_classifier, vary
from pellucid.train.classifier_data import ClassifierRecipe, ClassifierTrain, Labelled, load_classifier_recipe, load_labelled
from pellucid.train.files import write_whole

RECIPES = Path(__file__).resolve().parent.parent / "recipes" / "classifiers"
LITE0, MOBILE = "tf_efficientnet_lite0", "mobilenetv2_100"
BOTH, ONE = (LITE0, MOBILE), (LITE0,)
SEEDS = (0, 1, 2)
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)
"""Inverse L2 penalties of the probe; one is chosen on a fifth of the training images."""
SETS: dict[str, tuple[int, int]] = {"brain-mri": (5, 3), "fundus": (8, 2), "fundus-grade": (8, 2)}
"""Set (its recipe's name) -> views of each training image that are kept, and epochs over them."""


@dataclass(frozen=True)
class Line:
    """One line of the table: how it learns, from which encoders, with how many blocks, from which recipe."""

    kind: str
    """`probe`: logistic regression on means; `head`: learned on frozen grids; `whole`: every weight learned, from a recipe."""
    encoders: tuple[str, ...] = BOTH
    blocks: int = 4
    recipe: str = ""
    """What is put behind the set's name to find the recipe of a whole net; also the name of its folder."""


LINES: dict[str, Line] = {
    "probe-lite0": Line("probe", ONE),
    "probe-both": Line("probe"),
    "fusion-frozen": Line("head"),
    "cnn": Line("whole", ONE, 0, ""),
    "fusion-no-blocks": Line("head", BOTH, 0),
    "transformer-lite0": Line("head", ONE),
    "conv-lite0": Line("head", ONE, 0),
    "vit": Line("whole", (), 6, "-vit"),
    "fusion-whole": Line("whole", BOTH, 4, "-fusion"),
}


@dataclass(frozen=True)
class Grids:
    """Grids of both frozen encoders: training views (n, V, C, h, w), held-out images (m, C, h, w), and the cases of both."""

    training: NDArray[np.float16]
    held: NDArray[np.float16]
    cases: Labelled
    is_held: NDArray[np.bool_]
    channels: dict[tuple[str, ...], int]


def spec_of(line: Line) -> FusionSpec:
    """The fusion of a line."""
    return FusionSpec(encoders=line.encoders, blocks=line.blocks)


def load(name: str) -> tuple[ClassifierRecipe, Labelled]:
    """The recipe of a set, and its labelled cases."""
    recipe = load_classifier_recipe(RECIPES / f"{name}.toml")
    return recipe, load_labelled(recipe, (RECIPES / recipe.data.manifest).resolve())


def make_grids(name: str, recipe: ClassifierRecipe, cases: Labelled, out: Path) -> Grids:
    """The grids of a set, made once and kept; the first view of a case is the image as it is."""
    held = np.isin(cases.folds, recipe.data.held_out)
    encoder = Joined(FusionSpec(encoders=BOTH), pretrained=True).eval()
    channels = {BOTH: sum(encoder.each), ONE: encoder.each[0]}
    file = out / ("grids-" + name.split("-grade", maxsplit=1)[0] + ".npz")
    if not file.is_file():
        generator = torch.Generator().manual_seed(0)
        training = torch.from_numpy(cases.images[~held])
        views = [_encode(encoder, training)]
        for number in range(1, SETS[name][0]):
            logging.info("%s: view %d", name, number)
            views.append(_encode(encoder, torch.cat([vary(part, recipe.train, generator) for part in training.split(64)])))
        out.mkdir(parents=True, exist_ok=True)
        held_grids = _encode(encoder, torch.from_numpy(cases.images[held]))
        partial = out / "partial.npz"
        np.savez(partial, training=np.stack(views, axis=1), held=held_grids)
        partial.rename(file)
    with np.load(file) as kept:
        return Grids(kept["training"], kept["held"], cases, held, channels)


@torch.inference_mode()
def _encode(encoder: Joined, images: torch.Tensor) -> NDArray[np.float16]:
    return torch.cat([encoder(part)[1].half() for part in images.split(32)]).numpy()


def run_probe(line: Line, grids: Grids, seed: int) -> dict[str, Any]:
    """Logistic regression on the means of the grids, over all views; its penalty chosen on a fifth of the training images."""
    count = grids.channels[line.encoders]
    x = grids.training[:, :, :count].astype(np.float32).mean(axis=(3, 4))
    y = grids.cases.labels[~grids.is_held]
    held = grids.held[:, :count].astype(np.float32).mean(axis=(2, 3))
    inner = np.random.default_rng([seed, 3]).permutation(len(y)) < len(y) // 5

    def fitted(which: NDArray[np.bool_], strength: float) -> Any:
        rows = x[which].reshape(-1, count)
        scaler = StandardScaler().fit(rows)
        model = LogisticRegression(C=strength, max_iter=300, tol=1e-3)
        model.fit(scaler.transform(rows), np.repeat(y[which], x.shape[1]))
        return lambda rows: model.predict_proba(scaler.transform(rows))

    losses = [-np.log(fitted(~inner, c)(x[inner, 0])[np.arange(inner.sum()), y[inner]]).mean() for c in STRENGTHS]
    best = STRENGTHS[int(np.argmin(losses))]
    classes = int(y.max()) + 1
    return {"p": fitted(np.ones(len(y), bool), best)(held).tolist(), "learned": (count + 1) * classes, "chosen": best}


def run_head(line: Line, grids: Grids, seed: int, epochs: int) -> dict[str, Any]:
    """Projection, transformer (where the line has blocks) and convolution trained on frozen grids."""
    count, spec = grids.channels[line.encoders], spec_of(line)
    labels = grids.cases.labels[~grids.is_held]
    views = grids.training.shape[1]
    torch.manual_seed(seed)
    net = Head(count, spec, int(labels.max()) + 1)
    how = ClassifierTrain(
        seed=seed, epochs=epochs, batch=32, rate=1e-3, weight_decay=0.05, rotate_deg=0.0, zoom=(1.0, 1.0), flip="none",
        brightness=0.0, contrast=0.0,
    )  # fmt: skip
    rows = grids.training[:, :, :count].reshape(-1, count, *grids.training.shape[3:]).astype(np.float32)
    fit_classifier(net, rows, np.repeat(labels, views), how)
    held = grids.held[:, :count].astype(np.float32)
    return {"p": probabilities(net, held).tolist(), "learned": parameters_of(net)[0]}


def run_whole(name: str, line: Line, cases: Labelled, seed: int, models: Path) -> dict[str, Any]:
    """A whole net by its recipe, taken from `models` where it is there."""
    own = load_classifier_recipe(RECIPES / f"{name}{line.recipe}.toml").changed(seed=seed)
    made = train_classifier(own, cases, models / f"{name}{line.recipe}-{seed}")
    held = np.isin(cases.folds, own.data.held_out)
    return {"p": probabilities(made.net, cases.images[held]).tolist(), "learned": parameters_of(made.net)[1]}


def main() -> None:
    """Every line on every set with every seed, those that are not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--models", type=Path, help="where fine-tuned nets are looked up and kept; DIR/models where not given")
    parser.add_argument("--only", nargs="*", default=list(SETS), choices=list(SETS))
    parser.add_argument("--lines", nargs="*", default=list(LINES), choices=list(LINES))
    parser.add_argument("--seeds", nargs="*", type=int, default=list(SEEDS))
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(1)
    for name in args.only:
        recipe, cases = load(name)
        grids = make_grids(name, recipe, cases, args.out)
        held = cases.part(grids.is_held)
        about = {"labels": held.labels.tolist(), "names": list(held.names), "classes": list(recipe.data.classes)}
        write_whole(args.out / name / "cases.json", json.dumps(about) + "\n")
        for line_name in args.lines:
            line = LINES[line_name]
            if line.kind == "whole" and not (RECIPES / f"{name}{line.recipe}.toml").is_file():
                continue
            for seed in args.seeds:
                file = args.out / name / f"{line_name}-{seed}.json"
                if file.is_file():
                    continue
                start = time.perf_counter()
                if line.kind == "probe":
                    result = run_probe(line, grids, seed)
                elif line.kind == "head":
                    result = run_head(line, grids, seed, SETS[name][1])
                else:
                    result = run_whole(name, line, cases, seed, args.models or args.out / "models")
                accuracy = float((np.array(result["p"]).argmax(axis=1) == held.labels).mean())
                logging.info("%s %s %d: accuracy %.3f", name, line_name, seed, accuracy)
                write_whole(file, json.dumps({**result, "seconds": round(time.perf_counter() - start)}) + "\n")


if __name__ == "__main__":
    main()
