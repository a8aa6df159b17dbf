"""What a brain-mri figure owes to the set and not to disease: the class from another source, and near twins over the split.

    python benchmarks/fusion_shortcuts.py -o DIR

Writes DIR/shortcuts.json, which benchmarks/fusion_page.py puts beside the figures of `benchmarks/fusion.py`.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pellucid.audit.agreement import accuracy, auroc
from pellucid.audit.interval import bootstrap
from pellucid.train.classifier_data import load_classifier_recipe, load_labelled
from pellucid.train.files import write_whole

RECIPES = Path(__file__).resolve().parent.parent / "recipes" / "classifiers"
FRAME, BLACK = 6, -0.95
"""Pixels of the outer frame of a 96 px image; the grey value (from -1 to 1) up to which a pixel is background."""


def frames(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """The outer pixels alone (n, cells), every third of them: no brain is in them."""
    inside = np.zeros(images.shape[-2:], dtype=bool)
    inside[FRAME:-FRAME, FRAME:-FRAME] = True
    return images[:, 0][:, ~inside][:, ::3]


def sizes(folder: Path, names: tuple[str, ...], images: NDArray[np.float32]) -> NDArray[np.float64]:
    """Per file: width and height in pixels, their ratio, and the share of black: nothing of what the brain looks like."""
    rows: list[tuple[float, float, float, float]] = []
    for name, image in zip(names, images, strict=True):
        with Image.open(folder / name) as opened:
            width, height = opened.size
        rows.append((width, height, width / height, float((image[0] < BLACK).mean())))
    return np.array(rows)


def flat(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Grey values of every image, centred and of length one (n, pixels): products are correlations."""
    rows = images[:, 0].reshape(len(images), -1)
    rows = rows - rows.mean(axis=1, keepdims=True)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def measured(x: NDArray[Any], labels: NDArray[np.int64], held: NDArray[np.bool_], none: int) -> dict[str, Any]:
    """What a logistic regression on `x` (n, d) tells on the held-out fold: `no` against tumours, and all four classes."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500)).fit(x[~held], labels[~held])
    p, y, rng = model.predict_proba(x[held]), labels[held], np.random.default_rng(0)
    return {
        "none_auroc": bootstrap(lambda a, b: auroc((a == none).astype(int), b), (y, p[:, none]), rng).as_dict(),
        "accuracy": bootstrap(lambda a, b: accuracy(a, b.argmax(axis=1)), (y, p), rng).as_dict(),
    }


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args()
    recipe = load_classifier_recipe(RECIPES / "brain-mri.toml")
    manifest = (RECIPES / recipe.data.manifest).resolve()
    cases = load_labelled(recipe, manifest)
    held = np.isin(cases.folds, recipe.data.held_out)
    labels, none = cases.labels, recipe.data.classes.index("no")
    rows = flat(cases.images)
    alike = rows[held] @ rows[~held].T
    twin, twin_label = alike.max(axis=1), labels[~held][alike.argmax(axis=1)]
    nearest = bootstrap(accuracy, (labels[held], twin_label), np.random.default_rng(0)).as_dict()
    result = {
        "frame": measured(frames(cases.images), labels, held, none),
        "file": measured(sizes(manifest.parent / recipe.data.image_folder, cases.names, cases.images), labels, held, none),
        "nearest": {"accuracy": nearest},
        "twins": twin.tolist(),
    }
    write_whole(args.out / "shortcuts.json", json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
