"""What is fitted on held-out predictions: calibrations, operating points, set rules, novelty, measurement errors, reliability."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.assess.calibrate import apply, fit_calibration
from pellucid.assess.conform import choose_set_rule
from pellucid.assess.fitted import Fitted
from pellucid.assess.novelty import COMPONENTS, Novelty, fit_novelty
from pellucid.audit.agreement import macro_f1, quadratic_kappa
from pellucid.errors import RecipeError
from pellucid.images.measure import measure
from pellucid.models.card import ConceptSpec, Head
from pellucid.record import Reading, Reliability, SetRule
from pellucid.train.data import Cases, open_case, place_masks
from pellucid.train.labels import NOT_RECORDED

THRESHOLDS = np.arange(0.15, 0.65, 0.05)
SEVERAL_STATES = 0.4
"""Operating point of a concept with more than two states where nothing is corrected for how common they are."""
PRIOR_POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""How far the operating points of several states follow how common the states are: 0 the same for all, 1 in proportion."""
SHADOW_QUANTILE = 0.9
"""A caution is due where shadow and concepts differ more than in nine of ten held-out cases."""


@dataclass(frozen=True)
class HeldOut:
    """Predictions on cases that their net did not see: logits (N, K, S), shadow (N, C), vectors (N, M, D) of M kinds of view."""

    logits: NDArray[np.float64]
    shadow: NDArray[np.float64]
    vectors: NDArray[np.float64]


def fit(head: Head, held: HeldOut, cases: Cases, use: NDArray[np.bool_]) -> Fitted:
    """Everything but set rules, reliability and measurement errors, from the held-out predictions of the cases in `use`."""
    calibrations, points = {}, {}
    for k, spec in enumerate(head.concepts):
        known = use & (cases.labels[:, k] != NOT_RECORDED)
        logits, labels = held.logits[known, k, : len(spec.states)], cases.labels[known, k]
        if len(np.unique(labels)) < 2:
            raise RecipeError(f"concept {spec.name}: expected two states or more among the cases, got {len(np.unique(labels))}")
        said = cases.ratings.get(spec.name)
        one, answer = (np.arange(len(labels)), labels) if said is None else _each_answer(said[known])
        calibrations[spec.name] = fit_calibration(logits[one], answer, cases.folds[known][one])
        probabilities = apply(calibrations[spec.name], logits)
        rated = said is not None and spec.ordinal
        points[spec.name] = rated_points(probabilities, labels) if rated else operating_points(spec, probabilities, labels)
    outcome = cases.outcomes[head.shadow_question]
    known = use & (outcome != NOT_RECORDED)
    return Fitted(
        calibrations=calibrations,
        operating_points=points,
        shadow=fit_calibration(held.shadow[known], outcome[known], cases.folds[known]),
        shadow_limit=1.0,
        novelty=_novelty(held.vectors[use], cases.folds[use]),
    )


def _each_answer(said: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ratings (n, R) as one row per reader: which case, and what was said of it."""
    case, reader = np.nonzero(said != NOT_RECORDED)
    return case, said[case, reader]


def _novelty(vectors: NDArray[np.float64], folds: NDArray[np.int64]) -> Novelty:
    """The distance fitted on every kind of view that a reader may be given: whole images, and regions of interest."""
    cases, kinds, size = vectors.shape
    return fit_novelty(vectors.reshape(-1, size), np.repeat(folds, kinds), components=min(COMPONENTS, cases // 6))


def operating_points(spec: ConceptSpec, probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[float, ...]:
    """From which probability each state is stated: where macro F1 is best on held-out cases."""
    if spec.operating_point is not None:
        second = spec.operating_point
    elif len(spec.states) > 2:
        return _several(probabilities, labels)
    else:
        second = float(max(THRESHOLDS, key=lambda t: (macro_f1(labels, (probabilities[:, 1] >= t).astype(int)), -abs(t - 0.5))))
    return tuple(round(v, 2) for v in ((1 - second, second) if len(spec.states) == 2 else (second,) * len(spec.states)))


def _several(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[float, ...]:
    """Operating points of three states or more: 0.4 for all of them, or lower for the rarer where that raises macro F1.

    A point is proportional to a power of the state's share of the cases; the power with the best macro F1 is taken, ties to the
    smallest, a case of which nothing is stated counting as wrong. The points are scaled so that as many cases are stated as with
    0.4. Lowering the threshold of a rare class in proportion to its share: Menon et al. 2021, arXiv 2007.07314.
    """
    share = np.maximum(np.bincount(labels, minlength=probabilities.shape[1]), 1) / len(labels)
    said = float((probabilities.max(axis=1) >= SEVERAL_STATES).mean())
    best, kept = -1.0, (SEVERAL_STATES,) * len(share)
    for power in PRIOR_POWERS:
        factors = probabilities / share**power
        scale = float(np.quantile(factors.max(axis=1), 1 - said)) if power else SEVERAL_STATES
        points = np.clip(np.round(scale * share**power, 4), 1e-3, 1.0)
        ratio = probabilities / points
        told = np.where(ratio.max(axis=1) >= 1, ratio.argmax(axis=1), len(share))
        value = _macro_f1_of_told(labels, told, len(share))
        if value > best + 1e-9:
            best, kept = value, tuple(points.tolist())
    return kept


def rated_points(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[float, ...]:
    """Operating points of a graded concept that several readers rated: one state is always stated, the readers' spread beside it.

    A point is proportional to a power of the state's share, as in `_several`; the power is that of the best quadratic-weighted
    kappa with the readers' median.
    """
    share = np.maximum(np.bincount(labels, minlength=probabilities.shape[1]), 1) / len(labels)
    best, kept = -np.inf, (1.0,) * len(share)
    for power in PRIOR_POWERS:
        factors = probabilities / share**power
        value = quadratic_kappa(labels, factors.argmax(axis=1))
        if value > best + 1e-9:
            scale = min(1.0, float(factors.max(axis=1).min())) * 0.5
            best, kept = value, tuple((scale * share**power).tolist())
    return kept


def _macro_f1_of_told(labels: NDArray[np.int64], told: NDArray[np.int64], states: int) -> float:
    """Mean over the states that occur of the F1 of what was told; a case of which nothing was told is missed."""
    hits = [
        2 * ((labels == s) & (told == s)).sum() / ((labels == s).sum() + (told == s).sum())
        for s in range(states)
        if (labels == s).any()
    ]
    return float(np.mean(hits))


def set_rules(
    head: Head, categories: Mapping[str, Sequence[str]], readings: Sequence[Reading], cases: Cases, use: NDArray[np.bool_]
) -> dict[str, SetRule]:
    """The conformal rule of every question from held-out readings."""
    rules: dict[str, SetRule] = {}
    for question in head.questions:
        names = categories[question.name]
        labels = cases.outcomes[question.name]
        known = np.flatnonzero(use & (labels != NOT_RECORDED))
        if not len(known):  # nothing to hold its answers against: they get no set
            continue
        p = np.array([[assessed(readings[i], question.name).probabilities[c] for c in names] for i in known.tolist()])
        rules[question.name], _ = choose_set_rule(p, labels[known], cases.folds[known], len(names) > 2, question.coverage)
    return rules


def assessed(reading: Reading, question: str) -> Any:
    """The assessment of one question of a reading."""
    return next(a for a in reading.assessments if a.question == question)


def shadow_limit(readings: Sequence[Reading], use: NDArray[np.bool_]) -> float:
    """The difference between shadow and concept route that nine of ten held-out cases stay below."""
    differences = [
        abs(s.probability - s.concept_probability)
        for reading, u in zip(readings, use, strict=True)
        if u
        for s in reading.provenance.signals.shadow
    ]
    return round(float(np.quantile(differences, SHADOW_QUANTILE)), 4) if differences else 1.0


def measurement_errors(head: Head, readings: Sequence[Reading], cases: Cases) -> dict[str, float]:
    """Per measurement: what its standard deviation is multiplied by to hold 68 % of the errors against drawn outlines."""
    scales: dict[str, float] = {}
    for place_index, place in enumerate(head.places):
        names = [m.name for m in head.measurements if m.place == place.name]
        ratios: dict[str, list[float]] = {name: [] for name in names}
        for i, reading in enumerate(readings):
            if not names:
                break
            image = open_case(cases, head.data, i)
            drawn = measure(
                place_masks(cases, head, i, (image.height, image.width))[place_index].astype(bool), None, image.spacing_mm
            )
            for name in names:
                finding, true = reading.finding(name), drawn.named()[name].value
                if finding is not None and finding.value is not None and finding.sd and true is not None:
                    ratios[name].append(_difference(name, finding.value, true) / finding.sd)
        scales |= {name: round(float(np.quantile(r, 0.68)), 3) for name, r in ratios.items() if r}
    return scales


def _difference(name: str, a: float, b: float) -> float:
    return min(abs(a - b), 180 - abs(a - b)) if name == "orientation" else abs(a - b)


def reliabilities(head: Head, concepts: Mapping[str, Mapping[str, Any]]) -> dict[str, Reliability]:
    """What the report shows beside each concept: its cross-validated AUROC with interval, beside chance."""
    shown: dict[str, Reliability] = {}
    for spec in head.concepts:
        measured = concepts[spec.name]["auroc"]
        if measured["value"] is None or measured["low"] is None:
            continue
        low, value, high = (round(measured[k], 4) for k in ("low", "value", "high"))
        shown[spec.name] = Reliability(
            measure="AUROC", value=value, low=low, high=high, baseline=0.5, baseline_name="chance",
            human=spec.human, n=concepts[spec.name]["n"],
        )  # fmt: skip
    return shown


def with_rules(fitted: Fitted, sets: Mapping[str, SetRule], limit: float) -> Fitted:
    """The same with set rules and the shadow's limit."""
    return replace(fitted, sets=dict(sets), shadow_limit=limit)
