"""The readers of the folds that a training run kept: each reads images that it has not seen."""

import hashlib
from dataclasses import replace
from pathlib import Path

from pellucid.errors import RecipeError
from pellucid.knowledge import load_guideline
from pellucid.models.card import sha256_of
from pellucid.models.encoders import load_encoder
from pellucid.reader import Reader, assemble
from pellucid.train.data import load_cases
from pellucid.train.recipe import load_recipe
from pellucid.train.run import Bench, cross_validate, held_out_readers
from pellucid.train.views import make_views


def fold_readers(
    recipe_path: str | Path, out: str | Path, *, of: str | None = None, data: Path | None = None
) -> dict[int, Reader]:
    """For every fold of a recipe's manifest the reader that was trained and fitted on the others, from the folder `out` of
    `pellucid train RECIPE -o OUT`.

    What that run finished is taken over; what it did not is trained now. RecipeError where `out` holds no training run, or the
    recipe is not of the reader `of`, or is trained on another manifest than `data`.
    """
    recipe_path, work = Path(recipe_path), Path(out) / "work"
    if not work.is_dir():
        raise RecipeError(
            f"{out}: expected the folder of a training run with its 'work' in it; run pellucid train -o {out} first"
        )
    recipe = load_recipe(recipe_path)
    manifest = (recipe_path.parent / recipe.train.manifest).resolve()
    if of is not None and recipe.reader.name != of:
        raise RecipeError(f"{recipe_path}: expected the recipe of {of}, got that of {recipe.reader.name}; give its own")
    if data is not None and sha256_of(data) != sha256_of(manifest):
        raise RecipeError(f"{data}: expected the manifest of the recipe ({manifest.name} of {manifest.parent.name}), got another")
    categories = {q.name: tuple(load_guideline(q.guideline).questions[q.name].categories) for q in recipe.questions}
    cases = load_cases(recipe, manifest, categories)
    encoder = load_encoder(recipe.encoder.name, pretrained=True).eval()
    bench = Bench(recipe, cases, make_views(cases, recipe, encoder, work / "views"), work, assemble)
    nets, held = cross_validate(bench)
    readers, _, _ = held_out_readers(bench, nets, held, roi=False)
    return {fold: _named(reader, fold) for fold, reader in readers.items() if isinstance(reader, Reader)}


def _named(reader: Reader, fold: int) -> Reader:
    """The reader under a name of its own, with hashes of its own: what it reads is not by the reader that ships."""
    calibration = hashlib.sha256(reader.fitted.as_json().encode()).hexdigest()
    card = hashlib.sha256(reader.card.model_dump_json().encode()).hexdigest()
    ref = reader.ref.model_copy(
        update={
            "name": f"{reader.ref.name}-without-fold-{fold}",
            "weights_sha256": weights_of(reader),
            "calibration_sha256": calibration,
            "card_sha256": card,
        }
    )
    return replace(reader, ref=ref)


def weights_of(reader: Reader) -> str:
    """SHA-256 of the weights that a reader holds, also of one that was never written to a file."""
    digest = hashlib.sha256()
    for name, tensor in sorted(reader.net.state_dict().items()):
        digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
