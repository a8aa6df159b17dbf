"""A reader measured on a manifest: the contract of `pellucid evaluate`, every number with its 95 % interval over patients."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from pellucid.assess.findings import Sight
from pellucid.audit import agreement, coverage, localisation
from pellucid.audit.interval import bootstrap, not_applicable
from pellucid.images.frames import StudyImage
from pellucid.images.outline import fill
from pellucid.knowledge import Guideline
from pellucid.models.card import Card, ConceptSpec
from pellucid.record import Finding, ReaderRef, Reading
from pellucid.train.data import Cases, load_cases, open_case, place_masks
from pellucid.train.labels import NOT_RECORDED
from pellucid.train.rated import rated_figures
from pellucid.train.views import bounding_box

SEED = 20261123
TOO_FEW = "fewer than two states are recorded"
Measured = dict[str, Any]


class Reads(Protocol):
    """What `evaluate` needs of a reader."""

    @property
    def card(self) -> Card: ...
    @property
    def ref(self) -> ReaderRef: ...
    def guideline(self, question: str) -> Guideline: ...
    def see(self, image: StudyImage, roi: Sequence[float] | None = None) -> Sight: ...
    def conclude(self, image: StudyImage, sight: Sight) -> Reading: ...


@dataclass(frozen=True)
class Outcome:
    """One case as read: the reading, where the place maps peak (pointing) and how the outlines overlap (IoU), per place."""

    reading: Reading
    pointing: tuple[float, ...]
    overlap: tuple[float, ...]


def categories_of(reader: Reads) -> dict[str, tuple[str, ...]]:
    """Categories of every question, in the guideline's order."""
    return {q.name: tuple(reader.guideline(q.name).questions[q.name].categories) for q in reader.card.questions}


def evaluate(reader: Reads, manifest: Path, *, roi: bool = False) -> Measured:
    """The figures of a reader on any manifest with the columns of its card; with `roi`, within the recorded lesion's box.

    Raises RecipeError where a column is missing, ImageError where an image cannot be read.
    """
    cases = load_cases(reader.card, Path(manifest), categories_of(reader))
    outcomes = [
        read_case(reader, cases, i, see_case(reader, cases, i, roi=roi))
        for i in tqdm(range(len(cases)), desc="reading", disable=None)
    ]
    return figures(reader.card, reader.ref.weights_sha256, categories_of(reader), cases, outcomes)


def see_case(reader: Reads, cases: Cases, index: int, *, roi: bool) -> Sight:
    """What the net of a reader sees of one case, within the recorded lesion's box where `roi`."""
    image = open_case(cases, reader.card.data, index)
    if not (roi and reader.card.places):
        return reader.see(image)
    return reader.see(image, bounding_box(place_masks(cases, reader.card, index, (image.height, image.width)).max(axis=0)))


def read_case(reader: Reads, cases: Cases, index: int, sight: Sight) -> Outcome:
    """One case read from what was seen of it, and compared with its recorded places."""
    image = open_case(cases, reader.card.data, index)
    masks = place_masks(cases, reader.card, index, (image.height, image.width))
    reading = reader.conclude(image, sight)
    pairs = [_placed(sight, i, masks[i].astype(bool)) for i in range(len(masks))]
    known = cases.known[index]
    overlap = [_overlap(reader.card, reading, i, masks[i].astype(bool)) for i in range(len(masks))]
    return Outcome(
        reading,
        tuple(p if k else np.nan for p, k in zip(pairs, known, strict=True)),
        tuple(o if k else np.nan for o, k in zip(overlap, known, strict=True)),
    )


def _placed(sight: Sight, place: int, mask: NDArray[np.bool_]) -> float:
    """1 where the peak of a place map lies inside the recorded place, 0 where not, NaN where none is recorded."""
    if not mask.any():
        return float("nan")
    grid = sight.places[place]
    row, column = np.unravel_index(int(grid.argmax()), grid.shape)
    cell = sight.prepared.array.shape[-1] / grid.shape[-1]
    x, y = sight.prepared.to_original(np.array([[(column + 0.5) * cell, (row + 0.5) * cell]]))[0]
    inside = 0 <= x < mask.shape[1] and 0 <= y < mask.shape[0] and bool(mask[int(y), int(x)])
    return float(inside)


def _overlap(card: Card, reading: Reading, place: int, mask: NDArray[np.bool_]) -> float:
    """IoU of the reported outline with the recorded one; 0 where none is reported; NaN where none is recorded or measured."""
    measured = [m.name for m in card.measurements if m.place == card.places[place].name]
    if not measured or not mask.any():
        return float("nan")
    finding = reading.finding(measured[0])
    if finding is None or finding.region is None:
        return 0.0
    scale = np.array([reading.study.spacing_mm[1], reading.study.spacing_mm[0]]) if reading.study.spacing_mm else np.ones(2)
    polygons = [np.array(outline) / (scale if finding.region.unit == "mm" else 1.0) for outline in finding.region.outlines]
    return localisation.iou(fill(polygons, (mask.shape[0], mask.shape[1])), mask)


def figures(
    card: Card, weights_sha256: str | None, categories: Mapping[str, Sequence[str]], cases: Cases, outcomes: Sequence[Outcome]
) -> Measured:
    """All figures of some outcomes, in the shape of the contract."""
    readings = [o.reading for o in outcomes]
    return {
        "reader": card.reader.name,
        "weights_sha256": weights_sha256,
        "n_images": len(cases),
        "n_patients": len(np.unique(cases.patients)),
        "concepts": {c.name: _concept(c, k, cases, readings) for k, c in enumerate(card.concepts)},
        "assessments": {
            q.name: _assessment(q.name, categories[q.name], cases.outcomes[q.name], readings, cases.patients)
            for q in card.questions
        },
        "localisation": _localisation(card, outcomes, cases.patients),
        "shadow": _shadow(card, cases.outcomes[card.shadow_question], readings, cases.patients),
    }


def _interval(measure: Callable[..., float], arrays: Sequence[ArrayLike], patients: ArrayLike, reason: str = TOO_FEW) -> Measured:
    if len(np.asarray(arrays[0])) == 0:
        return not_applicable("no case has a recorded label and a judgement").as_dict()
    return bootstrap(measure, arrays, np.random.default_rng(SEED), groups=patients, reason=reason).as_dict()


def _concept(spec: ConceptSpec, column: int, cases: Cases, readings: Sequence[Reading]) -> Measured:
    labels, patients = cases.labels[:, column], cases.patients
    found = [reading.finding(spec.name) for reading in readings]
    judged = np.array([f is not None and f.probabilities is not None for f in found])
    recorded = labels != NOT_RECORDED
    use = judged & recorded
    p = np.array([_probabilities(f) for f, u in zip(found, use, strict=True) if u]).reshape(-1, len(spec.states))
    said = np.array([_state_index(f) for f in found])
    y, who = labels[use], patients[use]
    stated = said[use] >= 0
    ys, ss, ws = y[stated], said[use][stated], who[stated]
    beside: Measured = {}
    if spec.ordinal and spec.name in cases.ratings and stated.any():
        rated = cases.ratings[spec.name][use][stated]
        beside = rated_figures(rated, p[stated], (ys, ss), ws, _interval)
    return beside | {
        "n": int(recorded.sum()),
        "auroc": _interval(agreement.auroc, (y, p), who),
        "auroc_any": _any(spec, y, p, who),
        "balanced_accuracy": _interval(agreement.balanced_accuracy, (ys, ss), ws),
        "accuracy": _interval(agreement.accuracy, (ys, ss), ws),
        "macro_f1": _interval(agreement.macro_f1, (ys, ss), ws),
        "kappa": _interval(agreement.quadratic_kappa if spec.ordinal else agreement.kappa, (ys, ss), ws),
        "majority_baseline": _interval(_commonest, (y,), who),
        "balanced_baseline": 1.0 / max(1, len(np.unique(y))),
        "ece": _interval(agreement.ece, (y, p), who),
        "unknown_rate": _interval(_mean, (~(said[recorded] >= 0),), patients[recorded]),
    }


def _any(spec: ConceptSpec, labels: NDArray[np.int64], p: NDArray[np.float64], patients: NDArray[Any]) -> Measured:
    """AUROC of anything beyond the first state (none) against it, for an ordinal concept."""
    if not spec.ordinal:
        return not_applicable("the concept has no order").as_dict()
    return _interval(agreement.auroc, ((labels > 0).astype(np.int64), 1.0 - p[:, 0]), patients)


def _mean(values: NDArray[Any]) -> float:
    return float(np.mean(values))


def _commonest(labels: NDArray[np.int64]) -> float:
    return float(np.bincount(labels).max() / len(labels))


def _probabilities(finding: Finding | None) -> tuple[float, ...]:
    return finding.probabilities if finding is not None and finding.probabilities is not None else ()


def _state_index(finding: Finding | None) -> int:
    if finding is None or finding.state is None or finding.states is None:
        return -1
    return finding.states.index(finding.state)


def _assessment(
    question: str, categories: Sequence[str], labels: NDArray[np.int64], readings: Sequence[Reading], patients: NDArray[Any]
) -> Measured:
    found = [next(a for a in reading.assessments if a.question == question) for reading in readings]
    use = labels != NOT_RECORDED
    p = np.array([[a.probabilities[c] for c in categories] for a, u in zip(found, use, strict=True) if u]).reshape(
        -1, len(categories)
    )
    sets = np.array([[c in a.confidence_set for c in categories] for a, u in zip(found, use, strict=True) if u]).reshape(p.shape)
    said = np.array([-1 if a.category is None else categories.index(a.category) for a in found])[use]
    y, who, answered = labels[use], patients[use], said >= 0
    ordinal = len(categories) > 2
    return {
        "n": int(use.sum()),
        "auroc": _interval(agreement.auroc, (y, p), who),
        "balanced_accuracy": _interval(agreement.balanced_accuracy, (y[answered], said[answered]), who[answered]),
        "kappa": _interval(
            agreement.quadratic_kappa if ordinal else agreement.kappa, (y[answered], said[answered]), who[answered]
        ),
        "majority_baseline": _interval(_commonest, (y,), who),
        "ece": _interval(agreement.ece, (y, p), who),
        "coverage": _interval(coverage.coverage, (y, sets), who),
        "mean_set_size": _interval(coverage.mean_set_size, (y, sets), who),
        "abstained": _interval(_mean, (~answered,), who),
    }


def _localisation(card: Card, outcomes: Sequence[Outcome], patients: NDArray[Any]) -> Measured:
    if not card.places:
        none = not_applicable("this reader points out no places").as_dict()
        return {"pointing_game": none, "iou": none, "per_place": {}}
    pointing = np.array([o.pointing for o in outcomes], dtype=float)
    overlap = np.array([o.overlap for o in outcomes], dtype=float)
    per_place = {
        place.name: {"n": int(np.isfinite(pointing[:, i]).sum()), "pointing_game": _nan_mean(pointing[:, i : i + 1], patients)}
        for i, place in enumerate(card.places)
    }
    outlined = np.isfinite(overlap).any()
    boxes = not_applicable("the recorded places are boxes, not outlines").as_dict()
    return {
        "pointing_game": _nan_mean(pointing, patients),
        "iou": _nan_mean(overlap, patients) if outlined else boxes,
        "per_place": per_place,
    }


def _nan_mean(values: NDArray[np.float64], patients: NDArray[Any]) -> Measured:
    rows, columns = np.nonzero(np.isfinite(values))
    return _interval(_mean, (values[rows, columns],), patients[rows], "no place is recorded")


def _shadow(card: Card, labels: NDArray[np.int64], readings: Sequence[Reading], patients: NDArray[Any]) -> Measured:
    shadows = [next((s for s in r.provenance.signals.shadow if s.question == card.shadow_question), None) for r in readings]
    use = (labels != NOT_RECORDED) & np.array([s is not None for s in shadows])
    kept = [s for s, u in zip(shadows, use, strict=True) if u and s is not None]
    own, concept = np.array([s.probability for s in kept]), np.array([s.concept_probability for s in kept])
    last = len(card.shadow_outcomes) - 1  # the category that the shadow speaks of
    y, who = (labels[use] == last).astype(np.int64), patients[use]
    return {
        "auroc": _interval(agreement.auroc, (y, own), who),
        "disagreement": _interval(_mean, (np.array([s.disagrees for s in kept], dtype=float),), who),
        "tax": _interval(_tax, (y, own, concept), who),
    }


def _tax(labels: NDArray[np.int64], shadow: NDArray[np.float64], concept: NDArray[np.float64]) -> float:
    """Interpretability tax: AUROC of the shadow minus AUROC of the concept route."""
    return agreement.auroc(labels, shadow) - agreement.auroc(labels, concept)
