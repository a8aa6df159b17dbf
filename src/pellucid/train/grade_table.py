"""Counts retinopathy grades per state of the lesions in human labels, for the table that the fundus pack shows whole.

Boxes of the set are incomplete. Where a count of 0 contradicts the expert's grade (no red lesion boxed, grade 1 or more), the
count is taken as not recorded, and the image is shared between few and many as recorded images of the same grade and exudates
are (one exact EM step, since the table is saturated). Exudates follow the expert's oedema risk where it is 1 or 2, else the
boxes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pellucid.train.labels import read_manifest
from pellucid.train.scorecard import auroc, kappa, said

GRADES = 5
RED = ("none", "few", "many")
EXUDATES = ("absent", "elsewhere", "near macula")
ROWS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("near macula", ("many",)),
    ("near macula", ("none", "few")),
    ("elsewhere", ("many",)),
    ("elsewhere", ("none", "few")),
    ("absent", ("many",)),
    ("absent", ("few",)),
    ("absent", ("none",)),
)
SMOOTHING = 2.0
"""Pseudo-count per row, spread by the overall share of grades; also the weight of the grade's share when boxes are not
recorded.
"""


@dataclass(frozen=True)
class Photograph:
    """One image: grade, exudates, and the weight of each count of red lesions (one-hot where recorded)."""

    grade: int
    exudates: str
    boxed: str
    recorded: bool
    fold: int


def photographs(folder: Path) -> list[Photograph]:
    """The labelled photographs of the fundus set."""
    return [_photograph(row) for row in read_manifest(folder / "manifest.csv")]


def _photograph(row: Mapping[str, str]) -> Photograph:
    grade, risk, boxed = (int(float(row[key])) for key in ("dr_grade", "dme_risk", "n_hard_exudates"))
    red = int(float(row["n_haem_microaneurysm"]))
    exudates = "near macula" if risk == 2 else "elsewhere" if risk == 1 or boxed else "absent"
    state = "none" if red == 0 else "few" if red < 5 else "many"
    return Photograph(grade, exudates, state, red > 0 or grade == 0, int(row["fold"]))


def red_weights(images: Sequence[Photograph]) -> NDArray[np.float64]:
    """(images, 3): weight of none, few, many; shared between few and many where the count is not recorded."""
    recorded = [image for image in images if image.recorded and image.boxed != "none"]
    found = np.zeros((len(images), 3))
    for i, image in enumerate(images):
        if image.recorded:
            found[i, RED.index(image.boxed)] = 1.0
            continue
        same = [other for other in recorded if other.grade == image.grade]
        alike = [other for other in same if other.exudates == image.exudates]
        of_grade = sum(other.boxed == "many" for other in same) / max(len(same), 1)
        many = (sum(other.boxed == "many" for other in alike) + SMOOTHING * of_grade) / (len(alike) + SMOOTHING)
        found[i, 1:] = 1 - many, many
    return found


def counts(images: Sequence[Photograph]) -> NDArray[np.float64]:
    """(rows, grades): expected counts, to one decimal."""
    weights = red_weights(images)
    found = np.zeros((len(ROWS), GRADES))
    for image, weight in zip(images, weights, strict=True):
        for r, (exudates, red) in enumerate(ROWS):
            if exudates == image.exudates:
                found[r, image.grade] += sum(weight[RED.index(name)] for name in red)
    return np.round(found, 1)


def shares(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """(rows, grades): smoothed, and inside the published limits: moderate or worse with exudates, mild or worse with red
    lesions.
    """
    overall = table.sum(axis=0) / table.sum()
    found = table + SMOOTHING * overall
    for r, (exudates, red) in enumerate(ROWS):
        found[r, : 2 if exudates != "absent" else 0 if "none" in red else 1] = 0
    return found / found.sum(axis=1, keepdims=True)


def out_of_fold(images: Sequence[Photograph]) -> NDArray[np.float64]:
    """(images, grades): from the boxes as they stand, by a table that did not see the image's fold."""
    found = np.zeros((len(images), GRADES))
    for fold in {image.fold for image in images}:
        table = shares(counts([image for image in images if image.fold != fold]))
        for i, image in enumerate(images):
            if image.fold == fold:
                row = next(r for r, (exudates, red) in enumerate(ROWS) if exudates == image.exudates and image.boxed in red)
                found[i] = table[row]
    return found


def fundus_fragment(folder: Path) -> str:
    """The counted table and its cross-validated figures, as YAML with comments."""
    images = photographs(folder)
    lines = [
        f"# {exudates}, {' or '.join(red)}: counts: {row.tolist()}"
        for (exudates, red), row in zip(ROWS, counts(images), strict=True)
    ]
    grades, predicted = np.array([image.grade for image in images]), out_of_fold(images)
    for name, kept in (
        ("all, red lesions as boxed", np.ones(len(images), bool)),
        ("recorded only", np.array([i.recorded for i in images])),
    ):
        area = auroc(grades[kept] >= 2, predicted[kept, 2:].sum(axis=1))
        agreement = kappa(predicted[kept].argmax(axis=1).tolist(), grades[kept].tolist(), GRADES)
        lines.append(f"# {name}: n {kept.sum()}, referable AUROC {said(area)}, grade kappa {said(agreement)}")
    red = red_weights(images).sum(axis=0)
    exudates = [sum(image.exudates == state for image in images) for state in EXUDATES]
    lines.append(f"# base rate red_lesions {np.round(red, 1).tolist()}, exudates {exudates}")
    return "\n".join(lines) + "\n"
