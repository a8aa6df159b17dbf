"""A training recipe: the head of the card plus how to train, read from TOML; an unknown key is an error."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from pellucid.errors import CardError, RecipeError
from pellucid.models.card import Head, load_toml, parse
from pellucid.record import Record, Text


class Augment(Record):
    """How views are varied. Angles in degrees; the rest as shares."""

    rotate: float = 10.0
    zoom: tuple[float, float] = (0.8, 1.15)
    crop_to_place: float = 0.0
    """Share of the views that are cropped around a place, as a reader's region of interest would."""
    flip_horizontal: bool = True
    flip_vertical: bool = False
    brightness: float = 0.2
    contrast: float = 0.25
    gamma: float = 0.25
    noise: float = 0.03
    blur: float = 0.3
    colour: float = 0.0
    """How far each colour may shift by itself, in shares of the range; only where batches are varied (see `Train.views`)."""


class Train(Record):
    """The numbers of the loop."""

    manifest: Text
    seed: int = 0
    views: Annotated[int, Field(ge=1)] = 16
    """How often each image is seen; 1: it is kept as a reader sees it, and varied anew in every batch."""
    epochs: Annotated[int, Field(ge=1)] = 60
    batch: Annotated[int, Field(ge=2)] = 16
    rate: float = 1e-3
    encoder_rate: float = 1e-4
    """Of an encoder that is not frozen."""
    weight_decay: float = 0.02
    average: float = 0.99
    """Decay of the running average of the weights; the average is what is kept."""
    concept_weight: float = 0.0
    """Of the concepts' loss while places are learned: where the encoder is not frozen, or queries shall learn where to look."""
    attention_weight: float = 0.0
    shadow_weight: float = 0.0
    head_strength: float = 0.008
    """Inverse L2 penalty of the heads per training case (scikit-learn's C, times the number of views)."""
    head_views: Annotated[int, Field(ge=2)] | None = None
    """How many of the views the heads are fitted on; all where not given."""
    fit_heads: bool = True
    """Whether heads are fitted anew when the net is trained; not where they were learned with the encoder."""
    inner_validation: Annotated[float, Field(ge=0.0, lt=0.5)] = 0.0
    """Share of the training cases kept aside for early stopping; the held-out fold is never looked at."""
    patience: Annotated[int, Field(ge=1)] = 10
    augment: Augment = Augment()


class Recipe(Head):
    """Everything that is needed to train a reader again."""

    train: Train


def load_recipe(path: Path) -> Recipe:
    """A recipe from its TOML file; RecipeError with the key that does not fit."""
    try:
        return parse(Recipe, load_toml(path), str(path))
    except CardError as error:
        raise RecipeError(str(error)) from None
