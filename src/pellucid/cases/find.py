"""The confirmed cases nearest to a reading: in what was seen, in the image's features, or in both, each told in words."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pellucid.cases.library import Embedding, Library, case_of
from pellucid.errors import LibraryError
from pellucid.knowledge.likeness import ANGLES, answer_of, retold, seen_of
from pellucid.record import Reading, Seen, SimilarCase

Space = Literal["concepts", "image", "both"]
SPACES: tuple[Space, ...] = ("concepts", "image", "both")
FUSION = 60
"""Constant of reciprocal rank fusion. Source: Cormack 2009, doi 10.1145/1571941.1572114."""
LEAST_SHARED = 0.5
"""A case that shares fewer of the concepts than this is not compared by them."""
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Query:
    """A reading to find cases for; `patient` is whose it is (None: not known), `embedding` where its image lies."""

    reading: Reading
    embedding: Embedding | None = None
    patient: str | None = None


def find(library: Library, query: Query, *, space: Space = "both", k: int = 3) -> tuple[SimilarCase, ...]:
    """The `k` nearest cases of other patients, then, where they are not among these, the nearest case that confirms the
    reading's answer and the nearest that contradicts it. One case of a patient's image stands for all readings of it.

    In image space only cases of the very weights and calibration are compared; where `both` is asked and none is, concepts alone
    decide. Raises LibraryError where nothing can be compared.
    """
    if space not in SPACES or k < 1:
        raise LibraryError(f"find: expected a space of {', '.join(SPACES)} and k from 1, got {space!r} and {k}")
    rows, layouts = [row for row in library.rows() if not _same(row, query)], library.layouts()
    if not rows:
        return ()
    concepts = concept_distances(query.reading, rows, layouts)
    image = image_distances(query.embedding, rows)
    order = _order(concepts, image, space, [row.id for row in rows])
    if not order:
        why = "the image's features by this very reader" if space == "image" else "half of the concepts"
        raise LibraryError(f"{library.name}: expected cases that share {why}, got {len(rows)} cases and none that does")
    once = _once(order, rows, query.reading)
    cases = [(i, case_of(rows[i], layouts)) for i in _chosen(once, rows, query.reading, k)]
    return tuple(
        retold(
            SimilarCase(
                reading=case.reading,
                outcome=case.confirmed.outcome,
                question=case.confirmed.question,
                verified=case.confirmed.verified,
                image_distance=None if np.isnan(image[i]) else round(float(image[i]), 4),
                seen=case.seen,
            ),
            query.reading,
        )
        for i, case in cases
    )


def _same(row: Any, query: Query) -> bool:
    study = query.reading.study
    return (
        row.reading in (query.reading.id, query.reading.revises)
        or (study.pixels_sha256 is not None and row.image == study.pixels_sha256)
        or row.patient == query.patient
    )


def concept_distances(reading: Reading, rows: Sequence[Any], layouts: dict[str, list[tuple[str, Any]]]) -> Vector:
    """Distance (n,) to every row over the concepts seen in both, as `knowledge.likeness` defines it; NaN where too few are."""
    here = {s.concept: s for s in seen_of(reading.findings)}
    groups: dict[str, list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        groups[row.layout].append(i)
    result = np.full(len(rows), np.nan)
    for layout, members in groups.items():
        table = np.stack([np.frombuffer(rows[i].concepts, dtype="<f8") for i in members])
        total, shared, at = np.zeros(len(members)), 0, 0
        for name, what in layouts[layout]:
            part = table[:, at : at + (len(what) if isinstance(what, list) else 2)]
            at += part.shape[1]
            apart = _apart(here.get(name), what, part)
            if apart is not None:
                total, shared = total + apart**2, shared + 1
        if shared and shared >= LEAST_SHARED * len(here):
            result[members] = np.sqrt(total / shared)
    return result


def _apart(seen: Seen | None, what: Any, part: Vector) -> Vector | None:
    if seen is None:
        return None
    if seen.probabilities is not None:
        if not isinstance(what, list) or list(seen.states or ()) != what:
            return None
        return np.sqrt(np.maximum(0.0, 1.0 - np.sqrt(part) @ np.sqrt(np.array(seen.probabilities))))
    if seen.unit != what or seen.value is None:
        return None
    gap = np.abs(part[:, 0] - seen.value)
    if what in ANGLES:
        return np.minimum(gap % 180, 180 - gap % 180) / 90
    larger = np.maximum(np.abs(part[:, 0]), abs(seen.value))
    return np.minimum(1.0, np.divide(gap, larger, out=np.zeros_like(gap), where=larger > 0))


def image_distances(embedding: Embedding | None, rows: Sequence[Any]) -> Vector:
    """Half of one minus the cosine (n,), between 0 and 1; NaN for cases of another reader or without features."""
    result = np.full(len(rows), np.nan)
    if embedding is None:
        return result
    members = [i for i, row in enumerate(rows) if row.space == embedding.space and len(row.vector) == 4 * len(embedding.vector)]
    if members:
        table = np.stack([np.frombuffer(rows[i].vector, dtype="<f4") for i in members]).astype(np.float64)
        norms = np.linalg.norm(table, axis=1) * np.linalg.norm(embedding.vector)
        cosine = np.divide(table @ embedding.vector, norms, out=np.zeros(len(members)), where=norms > 0)
        result[members] = np.clip((1.0 - cosine) / 2.0, 0.0, 1.0)
    return result


def _order(concepts: Vector, image: Vector, space: Space, ids: Sequence[int]) -> list[int]:
    """Positions of the comparable rows, the nearest first; ties by number."""
    if space == "both" and np.isnan(image).all():
        space = "concepts"
    scores = fused(concepts, image) if space == "both" else concepts if space == "concepts" else image
    return [int(i) for i in np.lexsort((np.array(ids), np.round(scores, 9))) if not np.isnan(scores[i])]


def fused(concepts: Vector, image: Vector) -> Vector:
    """Reciprocal rank fusion of two distances, negated so that small is near; NaN where neither is known."""
    score = np.zeros(len(concepts))
    for part in (concepts, image):
        ranks = np.argsort(np.argsort(np.where(np.isnan(part), np.inf, part), kind="stable"), kind="stable")
        score += np.where(np.isnan(part), 0.0, 1.0 / (FUSION + 1 + ranks))
    return np.where(score > 0, -score, np.nan)


def _once(order: Sequence[int], rows: Sequence[Any], reading: Reading) -> list[int]:
    """Every image once: as this reader's weights read it where they did, else as the nearest reading of it."""
    best: dict[Any, int] = {}
    for i in order:
        key = rows[i].image or rows[i].reading
        held = best.setdefault(key, i)
        if rows[held].weights != reading.reader.weights_sha256 == rows[i].weights:
            best[key] = i
    kept = set(best.values())
    return [i for i in order if i in kept]


def _chosen(order: Sequence[int], rows: Sequence[Any], reading: Reading, k: int) -> list[int]:
    """The k nearest, and the nearest on either side of the reading's answer; without an answer, of the nearest's outcome."""
    chosen = list(order[:k])
    question, first = rows[order[0]].question, rows[order[0]].outcome
    answer = answer_of(reading, question) or first
    asked = [i for i in order if rows[i].question == question]
    for same in (True, False):
        nearest = next((i for i in asked if (rows[i].outcome == answer) is same), None)
        if nearest is not None and nearest not in chosen:
            chosen.append(nearest)
    return chosen
