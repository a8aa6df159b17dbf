"""The concept audit: is what a reader says of concepts true, local, its own, and what the answer hangs on?"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pellucid.errors import RecipeError
from pellucid.models.card import sha256_of
from pellucid.reader import Reader
from pellucid.record import ConceptAudit, Curve, Line
from pellucid.train.labels import NOT_RECORDED, label_array, read_manifest
from pellucid.trial.concept_cases import Gathered, Ints, Plan, Progress, basis_of, gather
from pellucid.trial.concept_chain import categories_on_labels
from pellucid.trial.concept_corrections import correction_curves
from pellucid.trial.concept_leaks import chain_lines, leakage_lines
from pellucid.trial.concept_lines import accuracy_lines, calibration_lines, ceiling_lines, dependence_lines
from pellucid.trial.concept_places import locality_lines
from pellucid.trial.concept_use import utility_lines
from pellucid.trial.concept_words import reason_lines, tally, word_lines

MOST_STRUCK = 20
WHOLE = Plan()
"""All images, with the usual numbers."""


def audit_concepts(
    reader: Reader,
    manifest: str | Path,
    *,
    by_fold: Mapping[int, Reader] | None = None,
    second: str | Path | None = None,
    plan: Plan = WHOLE,
    progress: Progress | None = None,
) -> ConceptAudit:
    """The whole concept audit of a reader on a manifest with the columns of its card.

    Args:
        by_fold: the reader of each fold (`trial.held_out.fold_readers`): every image is then read by a net that did not see it.
        second: a manifest by a second annotator, with the same image and concept columns.
        plan: how many images, and the seed.
        progress: told (what, done, of how many).

    Raises RecipeError where a manifest lacks a column, InputError where there are too few patients, ImageError where an image
    cannot be read. Figures on images that the reader learned from say so (`basis`, `basis_said`).
    """
    path = Path(manifest)
    g = gather(reader, path, by_fold=by_fold, plan=plan, progress=progress)
    basis, said = basis_of(g, by_fold is not None)
    audit = ConceptAudit(
        reader=f"{reader.ref.name} {reader.ref.version}",
        weights_sha256=None if by_fold is not None else reader.ref.weights_sha256,
        manifest_sha256=sha256_of(path),
        images=len(g.index),
        patients=len(np.unique(g.patients)),
        basis=basis,
        basis_said=said,
    )
    return _measured(g, audit, None if second is None else _second(g, Path(second)), progress)


def _measured(g: Gathered, audit: ConceptAudit, second: Ints | None, progress: Progress | None) -> ConceptAudit:
    """The audit with every section filled."""
    on_labels = {q.name: categories_on_labels(g, q.name) for q in g.card.questions}
    leaks, notes = leakage_lines(g)
    dependence, pairs = dependence_lines(g)
    curves, gains = correction_curves(g, progress)
    reasons, struck, words, decisions = _reasons_and_words(g, on_labels, progress)
    sections = {
        "accuracy": accuracy_lines(g, second),
        "ceilings": ceiling_lines(g, {name: found for name, (found, _) in on_labels.items()}),
        "leakage": [*chain_lines(g), *leaks],
        "locality": locality_lines(g, progress, g.plan.place_images) if g.plan.place_images else [],
        "independence": dependence,
        "dependent_pairs": pairs,
        "interventions": curves,
        "intervention_gains": gains,
        "calibration": calibration_lines(g),
        "reasons": reasons,
        "struck": struck[:MOST_STRUCK],
        "words": words,
        "decision_curves": decisions,
        "notes": notes,
    }
    return audit.model_copy(update={name: tuple(found) for name, found in sections.items()})


def _reasons_and_words(
    g: Gathered, on_labels: Mapping[str, tuple[Ints, list]], progress: Progress | None
) -> tuple[list[Line], list[str], list[Line], list[Curve]]:
    reasons: list[Line] = []
    struck: list[str] = []
    words: list[Line] = []
    decisions: list[Curve] = []
    for question in g.card.questions:
        found = tally(g, question.name, progress)
        reasons += reason_lines(g, question.name, found)
        struck += found.struck
        lines, curves = utility_lines(g, question.name, on_labels[question.name][1])
        words += [*word_lines(g, question.name, found), *lines]
        decisions += curves
    return reasons, struck, words, decisions


def _second(g: Gathered, path: Path) -> Ints:
    """The labels of a second annotator (N, K), -1 where the image or the cell is not there."""
    rows, column = read_manifest(path), g.card.data.image_column
    if column not in rows[0]:
        raise RecipeError(f"{path}: expected a column {column!r} with the image names, got {', '.join(rows[0])}")
    labels = np.stack([label_array(c.labels, c.states, rows) for c in g.card.concepts], axis=1)
    at = {row[column]: i for i, row in enumerate(rows)}
    names = [g.cases.names[i] for i in g.index.tolist()]
    missing = np.full(labels.shape[1], NOT_RECORDED)
    return np.stack([labels[at[name]] if name in at else missing for name in names])
