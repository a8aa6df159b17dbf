"""Trains the plain classifiers of the study of explanation methods; goes on where an earlier run was stopped.

    python benchmarks/train_classifiers.py -o DIR [NAME …]

Weights go to DIR (not into the repository: brain-mri must not ship). Every run is a recipe of recipes/classifiers with a seed,
or with permuted labels.
"""

import argparse
import logging
import time
from pathlib import Path

import torch

from pellucid.train.classifier import train_classifier
from pellucid.train.classifier_data import load_classifier_recipe, load_labelled

RECIPES = Path(__file__).resolve().parent.parent / "recipes" / "classifiers"
RUNS: dict[str, tuple[str, int, bool]] = {
    "breast-us-0": ("breast-us", 0, False),
    "brain-mri-0": ("brain-mri", 0, False),
    "brain-mri-vit-0": ("brain-mri-vit", 0, False),
    "fundus-0": ("fundus", 0, False),
    "breast-us-1": ("breast-us", 1, False),
    "breast-us-2": ("breast-us", 2, False),
    "breast-us-permuted": ("breast-us", 0, True),
    "breast-us-lite2-0": ("breast-us-lite2", 0, False),
    "brain-mri-1": ("brain-mri", 1, False),
    "brain-mri-permuted": ("brain-mri", 0, True),
    "fundus-1": ("fundus", 1, False),
    "fundus-permuted": ("fundus", 0, True),
    "brain-mri-swin-0": ("brain-mri-swin", 0, False),
    "brain-mri-vit-1": ("brain-mri-vit", 1, False),
    "fundus-lite2-0": ("fundus-lite2", 0, False),
    "brain-mri-2": ("brain-mri", 2, False),
    "fundus-2": ("fundus", 2, False),
}
"""Name of the run -> recipe, seed, whether its labels are permuted; in the order in which they are wanted."""


def main() -> None:
    """Trains every run and prints its figures on the held-out folds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="*", default=list(RUNS))
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(1)
    for name in args.run:
        stem, seed, permuted = RUNS[name]
        start = time.perf_counter()
        recipe = load_classifier_recipe(RECIPES / f"{stem}.toml").changed(seed=seed, permute_labels=permuted)
        cases = load_labelled(recipe, (RECIPES / recipe.data.manifest).resolve())
        done = train_classifier(recipe, cases, args.out / name)
        area = done.figures["auroc"]
        print(
            f"{name:<22} n {done.figures['n']:>4}  AUROC {area['value']:.3f} ({area['low']:.3f}–{area['high']:.3f})  "
            f"{time.perf_counter() - start:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
