"""A manifest made ready for a trial: images as the model takes them, masks in the same grid, labels, patients, sites."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from pellucid.audit.cases import Cases
from pellucid.errors import ImageError, RecipeError
from pellucid.images import open_study, prepare
from pellucid.images.prepare import Prepared
from pellucid.models.card import Card, Labels
from pellucid.record import PreparationStep
from pellucid.train.data import Cases as Labelled
from pellucid.train.data import place_masks, recorded_places
from pellucid.train.labels import NOT_RECORDED, check_columns, label_array, read_manifest, unknown_cells
from pellucid.trial.foreign import ForeignCard

Rows = list[dict[str, str]]
MOST_NAMED = 3
GROUP_COLUMNS = ("site", "scanner")
"""Columns that name a group wherever a manifest has them, in any case."""
NO_GROUP = "not recorded"
"""The group of a case whose cell is empty: no site or scanner of its own."""


@dataclass(frozen=True)
class Source:
    """How a manifest is read: columns, classes and masks; made from a reader's card or a foreign model's."""

    classes: tuple[str, ...]
    image: str
    folder: str
    patient: str | None
    groups: tuple[str, ...] | None
    """Columns of a site or scanner; None: those of `GROUP_COLUMNS` that the manifest has and that are not empty."""
    fold: str | None
    labels: Callable[[Rows, Path], NDArray[np.int64]]
    mask: Callable[[Rows, int, Path, tuple[int, int]], NDArray[np.bool_] | None]
    """(rows, index, manifest, (H, W) of the image) -> mask, or None where this source records none at all."""
    mask_files: Callable[[Mapping[str, str], Path], list[Path]] = lambda row, manifest: []
    """(row, manifest) -> the files from which `mask` takes the mask of that row: mask images, tables of boxes."""
    label: Labels | None = None
    """How cells become labels, where they do; it tells cells that the card does not know."""


@dataclass(frozen=True)
class Collected:
    """Cases of a manifest. Shapes: images (n, C, H, W); masks (n, H, W) or None; the rest (n,).

    `labels` are class indices, -1 where not recorded; `groups` names the site or scanner of each case (or `NO_GROUP`), by column.
    """

    manifest: Path
    images: NDArray[np.float32]
    masks: NDArray[np.bool_] | None
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    patients: NDArray[np.str_]
    groups: Mapping[str, NDArray[np.str_]]
    folds: NDArray[np.int64]
    names: tuple[str, ...]
    files: tuple[Path, ...]
    rows: tuple[Mapping[str, str], ...]
    rows_in_manifest: int
    sha256: str
    """Of the manifest, of every image used and of every file that their masks are from, in order."""
    patient_column: str | None = None
    without_patient: int = 0
    """Cases whose patient is not recorded, though there is a column: each counts as a patient of its own."""
    unknown_labels: tuple[str, ...] = ()
    """Cells of cases whose label the card does not know, one each."""

    def __len__(self) -> int:
        return len(self.images)

    def cases(self, targets: NDArray[np.int64], which: NDArray[np.int64] | None = None) -> Cases:
        """Cases for the bench: `targets` (m,) is the output explained in each of the cases `which` (m,), all by default."""
        rows = np.arange(len(self)) if which is None else which
        masks = None if self.masks is None else self.masks[rows]
        return Cases(self.images[rows], targets, self.patients[rows], masks)

    def group_counts(self) -> dict[str, str]:
        """How many sites or scanners there are, by column: '2 different' or '2 different, 3 images without'."""
        said: dict[str, str] = {}
        for column, values in self.groups.items():
            without = int((values == NO_GROUP).sum())
            said[column] = f"{len(np.unique(values[values != NO_GROUP]))} different"
            said[column] += f", {without} images without" if without else ""
        return said

    def faults(self) -> tuple[str, ...]:
        """What is thin about these cases, in sentences for the card."""
        said: list[str] = []
        n, patients = len(self), len(np.unique(self.patients))
        present = np.unique(self.labels[self.labels != NOT_RECORDED])
        if n < 30:
            said.append(
                f"Only {n} images of {patients} patients were tried: intervals are wide and most verdicts must stay open."
            )
        if len(present) == 1:
            said.append(
                f"Every labelled image is {self.classes[int(present[0])]!r}: how well classes are told apart was not measured."
            )
        if len(present) == 0:
            said.append("No image has a label that the card knows: accuracy and calibration were not measured.")
        if self.masks is None:
            said.append("No masks were given: whether maps point at the lesion was not measured.")
        if len(self.groups) == 0:
            said.append("No column of a site or scanner is named, so differences between them were not measured.")
        return (*said, *self._not_recorded())

    def _not_recorded(self) -> tuple[str, ...]:
        """Which patients and labels are not recorded, in sentences."""
        said: list[str] = []
        n = len(self)
        if self.patient_column is None:
            said.append("No patient is recorded: every image counts as a patient, and intervals are over images.")
        elif self.without_patient:
            said.append(
                f"{self.without_patient} of {n} images have no patient in column {self.patient_column!r}: each counts as a "
                "patient of its own, and intervals are too narrow where they share one."
            )
        if self.unknown_labels:
            shown = ", ".join(repr(cell) for cell in sorted(set(self.unknown_labels))[:MOST_NAMED])
            said.append(
                f"{len(self.unknown_labels)} of {n} images have a label that the card does not know ({shown}): they count as not "
                "labelled."
            )
        return tuple(said)


def reader_source(card: Card, shadow_outcomes: Sequence[str]) -> Source:
    """How a manifest is read for a reader: the columns of its card; the classes are the outcomes of its shadow question."""
    question = next((q for q in card.questions if q.name == card.shadow_question), None)

    def labels(rows: Rows, manifest: Path) -> NDArray[np.int64]:
        check_columns(question.labels if question else None, rows, f"{manifest}: question {card.shadow_question}")
        return label_array(question.labels if question else None, shadow_outcomes, rows)

    columns = [p.mask_column for p in card.places if p.mask_column]
    boxed = [p for p in card.places if p.boxes]

    def mask(rows: Rows, index: int, manifest: Path, shape: tuple[int, int]) -> NDArray[np.bool_] | None:
        where = f"{manifest}: {rows[index][card.data.image_column]}"
        parts = [read_mask(rows[index], column, manifest.parent / card.data.image_folder, shape, where) for column in columns]
        if any(recorded_places(p, manifest.parent) for p in boxed):
            names = tuple(row[card.data.image_column] for row in rows)
            empty = np.zeros(0, dtype=np.int64)
            cases = Labelled(manifest.parent, rows, names, empty, {}, empty.astype(np.bool_), empty, np.array(names))
            parts.append(np.asarray(place_masks(cases, card, index, shape).any(axis=0), np.bool_))
        return np.logical_or.reduce(parts) if parts else None

    def mask_files(row: Mapping[str, str], manifest: Path) -> list[Path]:
        tables = [manifest.parent / p.boxes for p in boxed if p.boxes and recorded_places(p, manifest.parent)]
        return named_files(row, columns, manifest.parent / card.data.image_folder) + tables

    return Source(
        tuple(shadow_outcomes),
        card.data.image_column,
        card.data.image_folder,
        card.data.patient_column,
        None,
        "fold",
        labels,
        mask,
        mask_files,
        question.labels if question else None,
    )


def foreign_source(card: ForeignCard) -> Source:
    """How a manifest is read for a foreign model: the columns of its card."""
    data = card.data

    def labels(rows: Rows, manifest: Path) -> NDArray[np.int64]:
        check_columns(data.label, rows, f"{manifest}: label")
        return label_array(data.label, card.model.classes, rows)

    def mask(rows: Rows, index: int, manifest: Path, shape: tuple[int, int]) -> NDArray[np.bool_] | None:
        where = f"{manifest}: {rows[index][data.image]}"
        parts = [read_mask(rows[index], column, manifest.parent / data.folder, shape, where) for column in data.masks]
        return np.logical_or.reduce(parts) if parts else None

    def mask_files(row: Mapping[str, str], manifest: Path) -> list[Path]:
        return named_files(row, data.masks, manifest.parent / data.folder)

    return Source(
        card.model.classes, data.image, data.folder, data.patient, data.groups, data.fold, labels, mask, mask_files, data.label
    )


def named_files(row: Mapping[str, str], columns: Sequence[str], folder: Path) -> list[Path]:
    """The mask images that the cells of a row name (joined by `&`)."""
    return [folder / name for column in columns for name in row.get(column, "").split("&") if name]


def read_mask(row: Mapping[str, str], column: str, folder: Path, shape: tuple[int, int], where: str) -> NDArray[np.bool_]:
    """The masks that a cell names (joined by `&`), as one (H, W); empty where the cell is.

    `where` names manifest and row. Raises RecipeError where the column or a file is missing or has another size.
    """
    if column not in row:
        raise RecipeError(f"{where}: masks: expected a column {column!r} in the manifest, got {', '.join(row)}")
    total = np.zeros(shape, dtype=np.bool_)
    where = f"{where}: column {column!r}"
    for name in filter(None, row[column].split("&")):
        try:
            mask = np.asarray(Image.open(folder / name).convert("L"))
        except FileNotFoundError:
            raise RecipeError(
                f"{where}: expected a file at {folder / name}, got nothing; mend the cell or copy the mask"
            ) from None
        except (UnidentifiedImageError, OSError) as error:
            raise RecipeError(f"{where}: {folder / name}: expected an image, got one that cannot be read: {error}") from None
        if mask.shape != shape:
            raise RecipeError(
                f"{where}: {name}: expected {shape[1]}x{shape[0]} pixels as its image, got {mask.shape[1]}x{mask.shape[0]}; "
                "export the mask in the grid of the image"
            )
        total |= mask > 0
    return total


def collect(
    source: Source, manifest: Path, plan: Sequence[PreparationStep], *, most: int, seed: int = 0, channels: int = 3
) -> Collected:
    """At most `most` cases of a manifest, drawn by `seed` so that every class keeps its share.

    Raises RecipeError where a column or file is missing or a mask has another size; ImageError where an image cannot be read.
    """
    rows = read_manifest(manifest)
    grouped = source.groups if source.groups is not None else _group_columns(rows)
    for column in filter(None, (source.image, source.patient, *grouped)):
        if column not in rows[0]:
            raise RecipeError(f"{manifest}: expected a column {column!r}, got {', '.join(rows[0])}")
    files = [manifest.parent / source.folder / row[source.image] for row in rows]
    missing = [file for file in files if not file.is_file()]
    if missing:
        shown = ", ".join(str(file) for file in missing[:MOST_NAMED])
        raise RecipeError(
            f"{manifest}: {len(missing)} of {len(rows)} images are missing ({shown}{' …' if len(missing) > MOST_NAMED else ''}); "
            "mend the column or copy the files"
        )
    labels = source.labels(rows, manifest)
    kept = draw(labels, most, np.random.default_rng(seed))
    used = [files[i] for i in kept] + [file for i in kept for file in source.mask_files(rows[i], manifest)]
    images, masks = _pixels(source, rows, kept, files, manifest, plan)
    patient = source.patient or ""
    return Collected(
        manifest=manifest,
        images=images[:, :channels],
        masks=masks,
        labels=labels[kept],
        classes=source.classes,
        patients=np.array([rows[i].get(patient) or rows[i][source.image] for i in kept]),
        groups={c: np.array([rows[i][c] or NO_GROUP for i in kept]) for c in grouped},
        folds=np.array([int(float(rows[i].get(source.fold or "") or 0)) for i in kept]),
        names=tuple(rows[i][source.image] for i in kept),
        files=tuple(files[i] for i in kept),
        rows=tuple(rows[i] for i in kept),
        rows_in_manifest=len(rows),
        sha256=_digest([manifest, *used]),
        patient_column=source.patient,
        without_patient=sum(not rows[i].get(patient) for i in kept) if source.patient else 0,
        unknown_labels=unknown_cells(source.label, [rows[i] for i in kept]),
    )


def _group_columns(rows: Rows) -> tuple[str, ...]:
    """The columns of `GROUP_COLUMNS` that are there and name something."""
    named = [column for column in rows[0] if column.lower() in GROUP_COLUMNS]
    return tuple(c for c in named if any(row[c] not in ("", NO_GROUP) for row in rows))


def draw(labels: NDArray[np.int64], most: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Indices (m,) of at most `most` cases, ascending; every class keeps its share of them."""
    if len(labels) <= most:
        return np.arange(len(labels))
    order = generator.permutation(len(labels))
    rank = np.empty(len(labels))
    for label in np.unique(labels):  # the k-th of a class of size m stands at (k + 1/2) / m: shares are kept at every length
        own = order[labels[order] == label]
        rank[own] = (np.arange(len(own)) + 0.5) / len(own)
    return np.sort(np.argsort(rank, kind="stable")[:most])


def _pixels(
    source: Source, rows: Rows, kept: NDArray[np.int64], files: Sequence[Path], manifest: Path, plan: Sequence[PreparationStep]
) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
    images: list[NDArray[np.float32]] = []
    masks: list[NDArray[np.bool_]] = []
    for i in tqdm(kept, desc="images", disable=None):
        study = open_study(files[i])
        if len(study.images) != 1:
            raise ImageError(f"{files[i]}: expected one image, got {len(study.images)}; give one frame per row")
        pixels = study.images[0].pixels()
        prepared = prepare(pixels, plan)
        images.append(prepared.array)
        mask = source.mask(rows, int(i), manifest, (pixels.shape[0], pixels.shape[1]))
        if mask is not None:
            masks.append(warp_mask(mask, prepared))
    shapes = {image.shape for image in images}
    if len(shapes) != 1:
        raise RecipeError(f"{manifest}: expected one input size after preparation, got {sorted(shapes)}; add a 'letterbox' step")
    return np.stack(images), np.stack(masks) if masks else None


def warp_mask(mask: NDArray[np.bool_], prepared: Prepared) -> NDArray[np.bool_]:
    """A mask of the original image in the grid of the prepared one: nearest sample; a lesion between samples keeps one pixel."""
    height, width = prepared.array.shape[-2:]
    centres = np.arange(max(height, width)) + 0.5
    x = np.floor(prepared.affine[0, 0] * centres[:width] + prepared.affine[0, 2]).astype(int)
    y = np.floor(prepared.affine[1, 1] * centres[:height] + prepared.affine[1, 2]).astype(int)
    inside_x, inside_y = (x >= 0) & (x < mask.shape[1]), (y >= 0) & (y < mask.shape[0])
    out = mask[np.clip(y, 0, mask.shape[0] - 1)][:, np.clip(x, 0, mask.shape[1] - 1)] & inside_y[:, None] & inside_x
    if mask.any() and not out.any():
        rows, columns = np.nonzero(mask)
        px, py = prepared.to_prepared(np.array([[columns.mean() + 0.5, rows.mean() + 0.5]]))[0]
        if 0 <= px < width and 0 <= py < height:
            out[int(py), int(px)] = True
    return out


def _digest(files: Sequence[Path]) -> str:
    """SHA-256 over the SHA-256 of each file, in order; a file that is named again (a table of boxes) counts once."""
    whole = hashlib.sha256()
    for file in dict.fromkeys(files):
        whole.update(hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()
