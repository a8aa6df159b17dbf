"""What a plain classifier is trained on: a recipe in TOML, and the images, labels, folds and masks of a manifest."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import AfterValidator, Field

from pellucid.errors import CardError, RecipeError
from pellucid.images import open_study, prepare
from pellucid.models.card import Labels, PreparationSpec, load_toml, parse
from pellucid.record import FrozenDict, Record, Text
from pellucid.train.labels import NOT_RECORDED, check_columns, label_array, read_manifest

MASK_RESAMPLING = "box"
Options = Annotated[Mapping[str, Any], AfterValidator(FrozenDict)]
GEOMETRY = ("crop", "field-of-view", "letterbox")


class ClassifierData(Record):
    """The manifest, which column is the class, and which folds are held out."""

    title: Text
    manifest: Text
    labels: Labels
    classes: Annotated[tuple[Text, ...], Field(min_length=2)]
    image_column: Text = "image"
    image_folder: str = "images"
    patient_column: str | None = None
    mask_column: str | None = None
    held_out: Annotated[tuple[int, ...], Field(min_length=1)] = (0,)
    """Folds of the manifest that are not trained on: what is reported, and what maps are tried on."""
    per_class: Annotated[int, Field(ge=1)] | None = None
    """At most so many cases of a class, drawn by `subsample_seed`; all where not given."""
    subsample_seed: int = 0
    note: str | None = None


class ClassifierNet(Record):
    """Any timm model by name, with options of `timm.create_model`; or `fusion`, with those of `models.card.FusionSpec`."""

    architecture: Text
    pretrained: bool = False
    """From ImageNet weights that install as a package (`pellucid.models.encoders.PACKAGED`); else from random weights."""
    options: Options = Field(default_factory=dict)


class ClassifierTrain(Record):
    """The numbers of the loop."""

    seed: int = 0
    permute_labels: bool = False
    """Trains on labels shuffled among the training cases: what a map then shows cannot be what was learned of the disease."""
    epochs: Annotated[int, Field(ge=1)] = 20
    batch: Annotated[int, Field(ge=2)] = 16
    rate: Annotated[float, Field(gt=0)] = 3e-4
    weight_decay: Annotated[float, Field(ge=0)] = 0.02
    rotate_deg: float = 10.0
    zoom: tuple[float, float] = (0.85, 1.15)
    flip: Literal["none", "horizontal", "both"] = "horizontal"
    brightness: float = 0.2
    contrast: float = 0.2


class ClassifierRecipe(Record):
    """Everything that is needed to train a classifier again."""

    name: Text
    data: ClassifierData
    preparation: tuple[PreparationSpec, ...]
    net: ClassifierNet
    train: ClassifierTrain = ClassifierTrain()

    def changed(self, **numbers: Any) -> "ClassifierRecipe":
        """The same recipe with other numbers of the loop: another seed, permuted labels."""
        return self.model_copy(update={"train": ClassifierTrain(**{**self.train.model_dump(), **numbers})})

    def plan(self) -> list[dict[str, Any]]:
        """The preparation as `images.prepare` takes it."""
        return [{"name": step.name, **(step.model_extra or {})} for step in self.preparation]


@dataclass(frozen=True)
class Labelled:
    """A manifest made ready: images (n, 3, S, S) normalised, labels (n,), patients (n,), folds (n,), file names.

    `masks` (n, S, S) say where the lesion is; None where the manifest records none.
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    patients: NDArray[np.str_]
    folds: NDArray[np.int64]
    names: tuple[str, ...]
    masks: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, which: NDArray[Any]) -> "Labelled":
        """Some of the cases, by index or by truth."""
        index = np.arange(len(self))[which]
        return Labelled(
            self.images[index],
            self.labels[index],
            self.patients[index],
            self.folds[index],
            tuple(self.names[i] for i in index),
            None if self.masks is None else self.masks[index],
        )


def load_classifier_recipe(path: Path) -> ClassifierRecipe:
    """A classifier's recipe from its TOML file; RecipeError with the key that does not fit."""
    try:
        return parse(ClassifierRecipe, load_toml(path), str(path))
    except CardError as error:
        raise RecipeError(str(error)) from None


def load_labelled(recipe: ClassifierRecipe, manifest: Path) -> Labelled:
    """The labelled cases of a manifest, prepared as the recipe says; rows without a class of the recipe are left out.

    Raises RecipeError where a column is missing, a class has no case, or nothing is left to train on or to hold out.
    """
    data, rows = recipe.data, read_manifest(manifest)
    check_columns(data.labels, rows, f"{manifest}: class")
    for column in (data.image_column, "fold", *filter(None, (data.patient_column, data.mask_column))):
        if column not in rows[0]:
            raise RecipeError(f"{manifest}: expected a column {column!r}, got {', '.join(rows[0])}")
    labels = label_array(data.labels, data.classes, rows)
    kept = _subsample(labels, data)
    folds = np.array([int(float(row["fold"] or 0)) for row in rows])
    _check(labels[kept], np.isin(folds[kept], data.held_out), data, manifest)
    folder = manifest.parent / data.image_folder
    prepared = [_read(folder, rows[i], recipe) for i in kept]
    names = [rows[i][data.image_column] for i in kept]
    patients = [rows[i].get(data.patient_column or "") or name for i, name in zip(kept, names, strict=True)]
    masks = [mask for _, mask in prepared if mask is not None]
    return Labelled(
        np.stack([image for image, _ in prepared]),
        labels[kept],
        np.array(patients),
        folds[kept],
        tuple(names),
        np.stack(masks) if masks else None,
    )


def _subsample(labels: NDArray[np.int64], data: ClassifierData) -> NDArray[np.int64]:
    """Indices of the rows that are used, in the manifest's order."""
    rng = np.random.default_rng(data.subsample_seed)
    parts = [rng.permutation(np.flatnonzero(labels == k))[: data.per_class] for k in range(len(data.classes))]
    return np.sort(np.concatenate(parts))


def _check(labels: NDArray[np.int64], held: NDArray[np.bool_], data: ClassifierData, manifest: Path) -> None:
    for k, name in enumerate(data.classes):
        if not (labels[~held] == k).any():
            raise RecipeError(
                f"{manifest}: expected cases of class {name!r} outside the held-out folds {data.held_out}, got none; "
                f"{(labels == NOT_RECORDED).sum()} rows have no class of the recipe"
            )
    if not held.any():
        raise RecipeError(f"{manifest}: expected cases in the held-out folds {data.held_out}, got none")


def _read(folder: Path, row: Mapping[str, str], recipe: ClassifierRecipe) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
    """One image as the net takes it, and its lesion in the same grid."""
    data = recipe.data
    pixels = open_study(folder / row[data.image_column]).images[0].pixels()
    prepared = prepare(pixels, recipe.plan())
    if data.mask_column is None:
        return prepared.array, None
    total = np.zeros(pixels.shape[:2], dtype=np.uint8)
    for name in filter(None, row.get(data.mask_column, "").split("&")):
        mask = Image.open(folder / name).convert("L")
        if mask.size != (pixels.shape[1], pixels.shape[0]):
            mask = mask.resize((pixels.shape[1], pixels.shape[0]), Image.Resampling.NEAREST)
        total |= (np.asarray(mask) > 0).astype(np.uint8) * np.uint8(255)
    geometry = [step for step in prepared.steps if step.name in GEOMETRY]
    return prepared.array, prepare(total, geometry).array[0] > 0.5
