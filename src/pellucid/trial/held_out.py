"""The readers of the folds that a training run kept: each reads images that it has not seen."""

from pathlib import Path

from pellucid.errors import RecipeError
from pellucid.knowledge import load_guideline
from pellucid.models.build import new_encoder
from pellucid.reader import Reader, assemble
from pellucid.train.data import load_cases
from pellucid.train.recipe import load_recipe
from pellucid.train.run import Bench, cross_validate, held_out_readers
from pellucid.train.views import make_views


def fold_readers(recipe_path: str | Path, out: str | Path) -> dict[int, Reader]:
    """For every fold of a recipe's manifest the reader that was trained and fitted on the others, from the folder `out` of
    `pellucid train RECIPE -o OUT`.

    What that run finished is taken over; what it did not is trained now. RecipeError where `out` holds no training run.
    """
    recipe_path, work = Path(recipe_path), Path(out) / "work"
    if not work.is_dir():
        raise RecipeError(
            f"{out}: expected the folder of a training run with its 'work' in it; run pellucid train -o {out} first"
        )
    recipe = load_recipe(recipe_path)
    manifest = (recipe_path.parent / recipe.train.manifest).resolve()
    categories = {q.name: tuple(load_guideline(q.guideline).questions[q.name].categories) for q in recipe.questions}
    cases = load_cases(recipe, manifest, categories)
    encoder = new_encoder(recipe.encoder, pretrained=True).eval()
    bench = Bench(recipe, cases, make_views(cases, recipe, encoder, work / "views"), work, assemble)
    nets, held = cross_validate(bench)
    readers, _, _ = held_out_readers(bench, nets, held, roi=False)
    return {fold: reader for fold, reader in readers.items() if isinstance(reader, Reader)}
