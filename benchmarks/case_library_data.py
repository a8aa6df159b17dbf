"""Held-out readings and feature vectors of a training run, kept as one file for benchmarks/case_library.py.

    python benchmarks/case_library_data.py recipes/breast-ultrasound.toml build/breast-ultrasound held-out.npz

Every image is read by the net of a fold that did not see it; its vector comes from the frozen encoder, the same for every fold.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.train.data import load_cases, open_case
from pellucid.train.evaluate import categories_of, see_case
from pellucid.train.recipe import load_recipe
from pellucid.trial.held_out import fold_readers


def main(recipe_path: str, out: str, target: str) -> None:
    """Reads every case with the reader of its fold, and writes readings, vectors, folds and outcomes."""
    recipe = load_recipe(Path(recipe_path))
    readers = fold_readers(recipe_path, out)
    manifest = (Path(recipe_path).parent / recipe.train.manifest).resolve()
    cases = load_cases(recipe, manifest, categories_of(next(iter(readers.values()))))
    readings, vectors = [], []
    for i, fold in enumerate(cases.folds.tolist()):
        sight = see_case(readers[fold], cases, i, roi=False)
        readings.append(readers[fold].conclude(open_case(cases, recipe.data, i), sight).model_dump_json())
        vectors.append(sight.vector)
    outcomes: dict[str, Any] = {f"outcome_{name}": values for name, values in cases.outcomes.items()}
    kept: dict[str, Any] = {"readings": np.array(readings), "vectors": np.stack(vectors), "folds": cases.folds}
    np.savez_compressed(target, **kept, patients=cases.patients, **outcomes)


if __name__ == "__main__":
    main(*sys.argv[1:])
