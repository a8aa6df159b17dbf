"""A library of confirmed cases: what was seen, what it turned out to be, how that was verified, where it lies in feature space.

No pixels are kept, and no name: the patient is a pseudonym.
"""

import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.exc import IntegrityError

from pellucid.cases.store import CASES, HASHED, LAYOUTS, content_of, faults, keep_layout, open_store
from pellucid.errors import LibraryError
from pellucid.knowledge.likeness import seen_of
from pellucid.record import Reading, Seen

VERIFIED = ("histology", "cytology", "surgery", "follow-up", "laboratory", "consensus", "annotation")
"""How an outcome can have been confirmed."""
LONGEST = 200
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Confirmed:
    """What is known of a case beside its reading."""

    outcome: str
    verified: str
    patient: str
    question: str | None = None
    by: str | None = None
    on: str | None = None
    """The day it was confirmed, YYYY-MM-DD."""


@dataclass(frozen=True)
class Embedding:
    """Where an image lies in a reader's feature space, and the hash of the weights and calibration that put it there."""

    space: str
    vector: Vector


@dataclass(frozen=True)
class Case:
    """One row of the library."""

    id: int
    reading: str
    image: str | None
    reader: str
    confirmed: Confirmed
    seen: tuple[Seen, ...]
    answers: dict[str, str | None]
    space: str | None


class Library:
    """An open library; made by `open_library`."""

    def __init__(self, engine: sa.Engine, name: str) -> None:
        self.engine, self.name = engine, name

    def add(self, reading: Reading, confirmed: Confirmed, embedding: Embedding | None = None, *, replace: bool = False) -> bool:
        """Keeps a confirmed case, whole or not at all; False where this reading is there already (and not to `replace`).

        Raises LibraryError where outcome, patient or kind of verification cannot be used.
        """
        row = _row(reading, _checked(confirmed, reading), embedding)
        with faults(self.name):
            try:
                with self.engine.begin() as connection:
                    axes = [[s.concept, list(s.states) if s.states else s.unit] for s in seen_of(reading.findings)]
                    row["layout"] = keep_layout(connection, axes)
                    row["content"] = content_of(row)
                    if replace:
                        connection.execute(CASES.delete().where(CASES.c.reading == reading.id))
                    connection.execute(CASES.insert().values(**row, added=datetime.now(UTC).isoformat(timespec="seconds")))
            except IntegrityError:
                return False
        return True

    def images(self, space: str | None) -> set[str]:
        """The pixel hashes of the images that are there, by the reader of this space."""
        with faults(self.name), self.engine.connect() as connection:
            found = connection.execute(sa.select(CASES.c.image).where(CASES.c.space == space))
            return {image for (image,) in found if image}

    def rows(self) -> list[Any]:
        """All rows as they are kept, in the order they came."""
        with faults(self.name), self.engine.connect() as connection:
            return list(connection.execute(sa.select(CASES).order_by(CASES.c.id)))

    def layouts(self) -> dict[str, list[tuple[str, Any]]]:
        """Concept and its states or unit, by the hash of the layout."""
        with faults(self.name), self.engine.connect() as connection:
            found = connection.execute(sa.select(LAYOUTS))
            return {sha256: [(name, what) for name, what in json.loads(axes)] for sha256, axes in found}

    def cases(self) -> Iterator[Case]:
        """Every case."""
        layouts = self.layouts()
        return (case_of(row, layouts) for row in self.rows())

    def remove(self, case: int) -> bool:
        """Takes a case out; False where there is none of this number."""
        with faults(self.name), self.engine.begin() as connection:
            return connection.execute(CASES.delete().where(CASES.c.id == case)).rowcount > 0

    def check(self) -> list[str]:
        """What is wrong with the library, a line each; empty where it is whole."""
        wrong: list[str] = []
        with faults(self.name), self.engine.connect() as connection:
            if self.engine.dialect.name == "sqlite":
                said = [str(line) for (line,) in connection.execute(sa.text("PRAGMA integrity_check"))]
                wrong += [f"the file: {' '.join(line.split())}" for line in said if line != "ok"]
        layouts = self.layouts()
        for row in self.rows():
            if content_of(row._mapping) != row.content:
                wrong.append(f"case {row.id}: its content does not fit its hash: it was changed outside Pellucid")
            elif row.layout not in layouts or len(row.concepts) != 8 * sum(map(_width, layouts[row.layout])):
                wrong.append(f"case {row.id}: its findings do not fit their layout")
        return wrong

    def close(self) -> None:
        """Lets go of the file or server."""
        self.engine.dispose()


def open_library(where: str | Path, *, create: bool = False) -> Library:
    """The library at a path (SQLite) or address (postgresql://…); LibraryError where there is none that can be used."""
    engine = open_store(where, create=create)
    return Library(engine, engine.url.render_as_string(hide_password=True) if "://" in str(where) else str(where))


def _checked(confirmed: Confirmed, reading: Reading) -> Confirmed:
    for name, text in (("outcome", confirmed.outcome), ("patient", confirmed.patient), ("by", confirmed.by or "-")):
        odd = any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in text)
        if not text.strip() or len(text) > LONGEST or odd:
            raise LibraryError(f"{name}: expected 1 to {LONGEST} printable characters on one line, got {text[:40]!r}")
    if confirmed.verified not in VERIFIED:
        raise LibraryError(f"verified by: expected one of {', '.join(VERIFIED)}, got {confirmed.verified[:40]!r}")
    if confirmed.on is not None:
        try:
            date.fromisoformat(confirmed.on)
        except ValueError:
            raise LibraryError(f"on: expected a day like 2026-03-31, got {confirmed.on[:40]!r}") from None
    fits = {a.question: a.probabilities for a in reading.assessments}
    question = confirmed.question or next((q for q, p in fits.items() if confirmed.outcome in p), None)
    if confirmed.question is not None and confirmed.outcome not in fits.get(confirmed.question, {confirmed.outcome: 1.0}):
        known = ", ".join(fits[confirmed.question])
        raise LibraryError(f"outcome: expected an answer to {confirmed.question} ({known}), got {confirmed.outcome!r}")
    return Confirmed(
        confirmed.outcome.strip(), confirmed.verified, confirmed.patient.strip(), question, confirmed.by, confirmed.on
    )


def _row(reading: Reading, confirmed: Confirmed, embedding: Embedding | None) -> dict[str, Any]:
    if embedding is not None and not np.isfinite(embedding.vector).all():
        raise LibraryError("embedding: expected finite numbers, got NaN or infinity")
    return {
        "reading": reading.id,
        "image": reading.study.pixels_sha256,
        "patient": confirmed.patient,
        "reader": reading.reader.name,
        "reader_version": reading.reader.version,
        "weights": reading.reader.weights_sha256,
        "question": confirmed.question,
        "outcome": confirmed.outcome,
        "verified": confirmed.verified,
        "confirmed_by": confirmed.by,
        "confirmed_on": confirmed.on,
        "answers": json.dumps({a.question: a.category for a in reading.assessments}),
        "layout": "",
        "concepts": np.concatenate([np.zeros(0), *map(_numbers, seen_of(reading.findings))]).astype("<f8").tobytes(),
        "space": embedding.space if embedding else None,
        "vector": embedding.vector.astype("<f4").tobytes() if embedding else None,
    }


def _numbers(seen: Seen) -> Vector:
    return np.array(seen.probabilities if seen.probabilities is not None else (seen.value, seen.sd), dtype=np.float64)


def _width(axis: tuple[str, Any]) -> int:
    return len(axis[1]) if isinstance(axis[1], list) else 2


def case_of(row: Any, layouts: dict[str, list[tuple[str, Any]]]) -> Case:
    """A row as a case."""
    numbers, seen, at = np.frombuffer(row.concepts, dtype="<f8").tolist(), [], 0
    for name, what in layouts[row.layout]:
        part = numbers[at : at + _width((name, what))]
        at += len(part)
        if isinstance(what, list):
            seen.append(Seen(concept=name, states=tuple(what), probabilities=tuple(part)))
        else:
            seen.append(Seen(concept=name, unit=what, value=part[0], sd=part[1]))
    confirmed = Confirmed(row.outcome, row.verified, row.patient, row.question, row.confirmed_by, row.confirmed_on)
    reader = f"{row.reader} {row.reader_version}"
    return Case(row.id, row.reading, row.image, reader, confirmed, tuple(seen), json.loads(row.answers), row.space)


__all__ = ["HASHED", "VERIFIED", "Case", "Confirmed", "Embedding", "Library", "case_of", "open_library"]
