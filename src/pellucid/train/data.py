"""Cases for training: pixels, places, labels, patient and fold of every row of a manifest."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pellucid.errors import RecipeError
from pellucid.images import open_study
from pellucid.images.study import StudyImage
from pellucid.models.card import DataSpec, Head, PlaceSpec
from pellucid.train.labels import NOT_RECORDED, check_columns, label_array, medians, rating_array, read_manifest

Box = tuple[float, float, float, float]
TESTED, FITTED = -1, 0
"""Folds of a set that has a split: rows that figures are taken from, and rows that the net is fitted on."""
CALIBRATED_SHARE, CALIBRATION_FOLDS = 0.15, 5
"""How many of a split's training patients are kept aside to calibrate on, and in how many folds they lie."""


@dataclass(frozen=True)
class Cases:
    """A manifest made ready: one entry per row in every field.

    Shapes: labels (N, K) and outcomes {question: (N,)} hold state indices, -1 where not recorded; known (N, P) tells whether the
    places of a kind may be taught on that image; folds (N,); patients (N,).
    """

    folder: Path
    rows: list[dict[str, str]]
    names: tuple[str, ...]
    labels: NDArray[np.int64]
    outcomes: dict[str, NDArray[np.int64]]
    known: NDArray[np.bool_]
    folds: NDArray[np.int64]
    patients: NDArray[np.str_]
    ratings: dict[str, NDArray[np.int64]] = field(default_factory=dict[str, NDArray[np.int64]])
    """What each reader said, (N, R) state indices, of the concepts that several readers rated."""

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, index: NDArray[np.int64]) -> "Cases":
        """Some of the cases, in the order of an index."""
        return replace(
            self,
            rows=[self.rows[i] for i in index.tolist()],
            names=tuple(self.names[i] for i in index.tolist()),
            labels=self.labels[index],
            outcomes={name: outcome[index] for name, outcome in self.outcomes.items()},
            known=self.known[index],
            folds=self.folds[index],
            patients=self.patients[index],
            ratings={name: said[index] for name, said in self.ratings.items()},
        )


def load_cases(head: Head, manifest: Path, categories: Mapping[str, Sequence[str]]) -> Cases:
    """The cases of a manifest in the columns that the card maps; `categories` gives each question's categories in order."""
    rows = read_manifest(manifest)
    for concept in head.concepts:
        if concept.labels is None or concept.labels.ratings is None:
            check_columns(concept.labels, rows, f"{manifest}: concept {concept.name}")
    for question in head.questions:
        check_columns(question.labels, rows, f"{manifest}: question {question.name}")
    if head.data.image_column not in rows[0]:
        raise RecipeError(f"{manifest}: expected a column {head.data.image_column!r}, got {', '.join(rows[0])}")
    ratings = _ratings(head, manifest.parent, [row[head.data.image_column] for row in rows])
    labels = np.stack(
        [medians(ratings[c.name]) if c.name in ratings else label_array(c.labels, c.states, rows) for c in head.concepts], axis=1
    )
    outcomes = {q.name: label_array(q.labels, categories[q.name], rows) for q in head.questions}
    outcomes.setdefault(head.shadow_question, np.full(len(rows), NOT_RECORDED))
    names = tuple(row[head.data.image_column] for row in rows)
    patients = np.array([row.get(head.data.patient_column or "", "") or name for row, name in zip(rows, names, strict=True)])
    return Cases(
        folder=manifest.parent,
        rows=rows,
        names=names,
        labels=labels,
        outcomes=outcomes,
        known=_known(head, labels, manifest.parent),
        folds=folds_of(head.data, rows, patients),
        patients=patients,
        ratings=ratings,
    )


def _ratings(head: Head, folder: Path, names: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    """What every reader said of the concepts that several readers rated, by concept, (N, R)."""
    found: dict[str, NDArray[np.int64]] = {}
    for concept in head.concepts:
        if concept.labels is not None and concept.labels.ratings is not None:
            table = folder / concept.labels.ratings
            rows = _table(table)
            check_columns(concept.labels, rows, f"{table}: concept {concept.name}")
            found[concept.name] = rating_array(concept.labels, concept.states, names, rows, head.data.image_column)
    return found


def folds_of(data: DataSpec, rows: Sequence[Mapping[str, str]], patients: Sequence[str] | NDArray[np.str_]) -> NDArray[np.int64]:
    """The fold of every row (N,): the column `fold`, or, where the set has a split, what each row is used for.

    With a split, rows to test on are `TESTED`; of the others `CALIBRATED_SHARE` of the patients, chosen by the hash of their
    name, are kept aside for calibration, in folds from 1; the rest, on which the net is fitted, is fold `FITTED`.
    """
    if data.split_column is None:
        return np.array([int(float(row.get("fold") or 0)) for row in rows])
    folds = np.full(len(rows), TESTED)
    for i, (row, patient) in enumerate(zip(rows, patients, strict=True)):
        if row.get(data.split_column, "") != data.test_split:
            drawn = int(hashlib.sha256(str(patient).encode()).hexdigest()[:8], 16) / 16**8
            folds[i] = FITTED if drawn >= CALIBRATED_SHARE else 1 + int(drawn / CALIBRATED_SHARE * CALIBRATION_FOLDS)
    return folds


def _known(head: Head, labels: NDArray[np.int64], folder: Path) -> NDArray[np.bool_]:
    position = {concept.name: i for i, concept in enumerate(head.concepts)}
    everyone = np.ones(len(labels), dtype=np.bool_)
    columns = [
        everyone & recorded_places(p, folder) & (labels[:, position[p.known_if]] != NOT_RECORDED if p.known_if else everyone)
        for p in head.places
    ]
    return np.stack(columns, axis=1) if columns else np.ones((len(labels), 0), dtype=np.bool_)


def recorded_places(place: PlaceSpec, folder: Path) -> bool:
    """Whether a set in a folder can record a kind of place at all: its table of boxes is there, or it has masks."""
    return place.boxes is None or (folder / place.boxes).is_file()


def open_case(cases: Cases, data: DataSpec, index: int) -> StudyImage:
    """The image of one row, with the spacing that the manifest gives."""
    cell = cases.rows[index].get(data.spacing_column or "", "")
    spacing = float(cell) * data.spacing_factor if cell else None
    return open_study(cases.folder / data.image_folder / cases.names[index], spacing_mm=spacing).images[0]


def place_masks(cases: Cases, head: Head, index: int, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """The recorded places of one image, (P, H, W) with 0 or 1."""
    masks = np.zeros((len(head.places), *shape), dtype=np.uint8)
    for channel, place in enumerate(head.places):
        if place.mask_column:
            masks[channel] = _read_masks(cases, head.data, index, place.mask_column, shape)
        elif place.mask_columns:
            drawn = [_read_masks(cases, head.data, index, column, shape) for column in place.mask_columns]
            votes = [mask for mask in drawn if mask.any()]  # an empty mask is that of a reader who was not there
            masks[channel] = 2 * np.sum(votes, axis=0) >= max(len(votes), 1)
        elif place.boxes and recorded_places(place, cases.folder):
            masks[channel] = _draw_boxes(boxes_of(cases.folder / place.boxes, cases.names[index], place), shape)
    return masks


def _read_masks(cases: Cases, data: DataSpec, index: int, column: str, shape: tuple[int, int]) -> NDArray[np.uint8]:
    total = np.zeros(shape, dtype=np.uint8)
    for name in filter(None, cases.rows[index].get(column, "").split("&")):
        mask = Image.open(cases.folder / data.image_folder / name).convert("L")
        if mask.size != (shape[1], shape[0]):
            mask = mask.resize((shape[1], shape[0]), Image.Resampling.NEAREST)
        total |= (np.asarray(mask) > 0).astype(np.uint8)
    return total


def boxes_of(table: Path, image: str, place: PlaceSpec) -> list[Box]:
    """Boxes (x centre, y centre, width, height) as fractions of the image, of one kind of place in one image."""
    return [
        (float(r["x_center"]), float(r["y_center"]), float(r["width"]), float(r["height"]))
        for r in _table(table)
        if r["image"] == image and r["lesion"] == place.label
    ]


@lru_cache(maxsize=4)
def _table(table: Path) -> list[dict[str, str]]:
    return read_manifest(table)


def _draw_boxes(boxes: list[Box], shape: tuple[int, int]) -> NDArray[np.uint8]:
    height, width = shape
    canvas = Image.new("L", (width, height))
    draw = ImageDraw.Draw(canvas)
    for x, y, w, h in boxes:
        draw.ellipse([(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height], fill=1)
    return np.asarray(canvas)
