"""A reader's card: what the reader sees, from which columns it was taught, and which bytes it is made of.

A recipe has the same sections, so the file that trains a reader is also the head of its card. An unknown key is an error.
"""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import ConfigDict, Field, SerializerFunctionWrapHandler, ValidationError, model_serializer, model_validator

from pellucid.errors import CardError
from pellucid.record import Names, PreparationStep, Record, Sha256, Text

FUSION = "fusion"


class Contradiction(Record):
    """A state that another column contradicts: where that column is at least `at_least`, the state counts as not recorded."""

    state: Text
    column: Text
    at_least: float


class Threshold(Record):
    """A numeric column that makes the second of two states true from a value on."""

    column: Text
    at_least: float


class Labels(Record):
    """How a manifest's cells become states; a cell that fits nothing is not recorded, which is not the same as absent.

    Exactly one of: `values` (cell -> state), `contains` (the second of two states where the text holds it; `blank` cells are not
    recorded), `counts` (ascending limits: how many are reached chooses the state), `any_of` (second state where one is reached).

    With `ratings` the cells are those of a table beside the manifest, one row per reader and image: heads are taught, and
    calibrated on, how the readers' answers are distributed; figures are taken from their median, a half to the later state.
    """

    ratings: str | None = None
    column: str | None = None
    values: Names | None = None
    contains: str | None = None
    blank: tuple[str, ...] = ("",)
    counts: tuple[float, ...] | None = None
    any_of: tuple[Threshold, ...] | None = None
    unless: tuple[Contradiction, ...] = ()


class PlaceSpec(Record):
    """A kind of place the net points out, from mask images or from boxes of a table.

    Where `known_if` names a concept, the place is taught only on images whose label for that concept is recorded.
    """

    name: Text
    mask_column: str | None = None
    mask_columns: tuple[str, ...] = ()
    """Masks of several readers; the place is where half of those who drew one, or more, agree."""
    boxes: str | None = None
    label: str | None = None
    known_if: str | None = None
    threshold: float = 0.5


class ConceptSpec(Record):
    """A concept the reader judges: its states in order, its labels, where its evidence is expected, its operating point."""

    name: Text
    states: tuple[Text, ...]
    labels: Labels | None = None
    place: str | None = None
    reach: Literal["around", "below"] = "around"
    """Where, seen from its place, the evidence may lie: around it, or also in the beam below it."""
    show: Literal["evidence", "place"] = "evidence"
    """What is drawn for it: where its evidence lies, or the parts of its place that were found."""
    unless_found: str | None = None
    """Name of a place without which the concept cannot be judged (no lesion, no margin)."""
    operating_point: float | None = None
    """The probability from which a state is stated; chosen on held-out predictions where not given."""
    ordinal: bool = False
    human: float | None = None


class UnjudgedSpec(Record):
    """A concept that the guideline asks for and this reader can never judge, with the reason it gives."""

    name: Text
    states: tuple[Text, ...]
    because: Text


class MeasureSpec(Record):
    """A measurement taken from a place's outline: long_axis, short_axis, area, orientation or aspect."""

    name: Text
    unit: Text
    place: Text


class QuestionSpec(Record):
    """A question the reader answers through a guideline, and the labels it is measured against."""

    name: Text
    guideline: Text
    labels: Labels | None = None
    coverage: float = 0.9
    set_method: str | None = None


class FusionSpec(Record):
    """CNN encoders (two as published; any timm names) fused on one grid under a transformer; `models.fusion` builds it."""

    encoders: Annotated[tuple[Text, ...], Field(min_length=1)]
    frozen: bool = True
    """Whether the CNNs stay as ImageNet left them; the transformer behind them always learns."""
    stride: int = 16
    """Of the grid on which they are fused, in pixels of the prepared image."""
    hidden: Annotated[int, Field(ge=8, multiple_of=8)] = 128
    heads: Annotated[int, Field(ge=1)] = 4
    blocks: Annotated[int, Field(ge=0)] = 4
    mlp: Annotated[int, Field(ge=1)] = 64
    post: Annotated[int, Field(ge=8, multiple_of=8)] = 64
    """Channels of the convolution behind the transformer."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        if self.hidden % self.heads:
            raise ValueError(f"expected hidden ({self.hidden}) to be a multiple of heads ({self.heads})")
        return self


class EncoderSpec(Record):
    """Which backbone, whether it stays as ImageNet left it, and the width of the grid on which places are found.

    `name = "fusion"` takes the section `fusion`; its transformer starts from random weights, so `frozen` must be false (the CNNs
    in it may be: `fusion.frozen`).
    """

    name: Text = "tf_efficientnet_lite0"
    frozen: bool = True
    width: int = 96
    measured: bool = False
    """Whether heads also see what is measured and not learned: grey levels where they look, and the shape of their place."""
    fusion: FusionSpec | None = None

    @model_validator(mode="after")
    def _fusion_by_name(self) -> Self:
        if (self.name == FUSION) != (self.fusion is not None):
            raise ValueError(f"expected the section 'fusion' with name = {FUSION!r} and with no other, got name = {self.name!r}")
        if self.fusion is not None and self.frozen:
            raise ValueError(
                "expected frozen = false for a fusion, whose transformer must learn; freeze its CNNs by fusion.frozen"
            )
        return self

    @property
    def title(self) -> str:
        """The encoder in words."""
        if self.fusion is not None:
            kept = ", kept frozen" if self.fusion.frozen else ""
            return f"{' and '.join(self.fusion.encoders)}, ImageNet weights{kept}, fused under a transformer"
        return f"{self.name}, ImageNet weights{', kept frozen' if self.frozen else ''}"

    @model_serializer(mode="wrap")
    def _without_fusion(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What was trained before fusion came is still the same recipe."""
        return {k: v for k, v in handler(self).items() if k != FUSION or v is not None}


class DataSpec(Record):
    """The set a reader learned from: how its manifest is read, and what must be said of it."""

    title: Text
    citation: Text
    licence: Text
    image_column: Text = "image"
    image_folder: str = "images"
    patient_column: str | None = None
    spacing_column: str | None = None
    spacing_factor: float = 1.0
    """Multiplies the column to give mm per pixel."""
    split_column: str | None = None
    """A column that says which rows figures are taken from (`test_split`), where the set has such a split and no folds."""
    test_split: Text = "val"
    note: str | None = None


class ReaderSpec(Record):
    """Who the reader is."""

    name: Text
    version: Text
    title: Text
    modality: Text
    licence: Text
    dicom_modalities: tuple[str, ...] = ()


class PreparationSpec(Record):
    """One step of the preparation: its name and its parameters, which `images.prepare` checks."""

    model_config = ConfigDict(extra="allow")

    name: Text


class Head(Record):
    """The sections that recipe and card share."""

    reader: ReaderSpec
    data: DataSpec
    encoder: EncoderSpec
    preparation: tuple[PreparationSpec, ...]
    concepts: tuple[ConceptSpec, ...]
    places: tuple[PlaceSpec, ...] = ()
    measurements: tuple[MeasureSpec, ...] = ()
    unjudged: tuple[UnjudgedSpec, ...] = ()
    questions: tuple[QuestionSpec, ...] = ()
    shadow_question: Text
    shadow_outcomes: tuple[Text, ...]
    roi_margin: float = 0.5
    """A region of interest is widened by this share of its size on every side, for context."""

    def plan(self) -> tuple[PreparationStep, ...]:
        """The preparation as steps."""
        return tuple(
            PreparationStep(name=step.name, parameters={k: _value(v) for k, v in (step.model_extra or {}).items()})
            for step in self.preparation
        )


def _value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class Files(Record):
    """The bytes a reader is made of."""

    weights_sha256: Sha256
    calibration_sha256: Sha256
    weights_bytes: int
    guidelines: Names
    """Guideline name -> SHA-256 at the time of training."""


class Card(Head):
    """The whole card."""

    files: Files


T = TypeVar("T", bound=Record)


def parse(kind: type[T], table: Mapping[str, Any], where: str) -> T:
    """A record from a TOML table; an unknown key or wrong type is a CardError that names the place."""
    try:
        return kind.model_validate_json(json.dumps(table))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise CardError(f"{where}: {place}: {first['msg']} (got {str(first.get('input'))[:60]!r})") from None


def load_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file; CardError where it is missing or not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CardError(f"expected a TOML file, got nothing at {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CardError(f"{path}: not valid TOML: {error}") from None


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
