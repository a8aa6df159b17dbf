"""Readings of the cases on trial: do they follow from what they show, and do the same pixels give the same reading again."""

import hashlib
import json
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from tqdm import tqdm

from pellucid.assess.verify import verify
from pellucid.audit.cases import Predict
from pellucid.errors import InputError
from pellucid.images import open_study
from pellucid.reader import Reader
from pellucid.record import Reading, reading_from_json
from pellucid.record.accountability import Entailment, Replay
from pellucid.trial.data import Collected
from pellucid.trial.figures import measured
from pellucid.trial.store import Store

MOST_FAILURES = 5
REPLAYED = 5
NO_FINDINGS = "this model shows no findings and cites no rule: its answer is a number that nobody can re-derive"


def readers_of(reader: Reader, collected: Collected, by_fold: Mapping[int, Reader]) -> tuple[Reader, ...]:
    """Who reads each case: the reader, or where there are readers of folds the one that did not learn from it."""
    if not by_fold:
        return (reader,) * len(collected)
    gone = sorted(set(collected.folds.tolist()) - set(by_fold))
    if gone:
        raise InputError(f"held out: expected a reader for every fold, got none for fold {gone[0]}; train again to the end")
    return tuple(by_fold[fold] for fold in collected.folds.tolist())


def read_all(readers: Sequence[Reader], collected: Collected, store: Store) -> tuple[Reading, ...]:
    """A reading of every case by its reader, in order; kept as they are made."""
    readings: list[Reading] = []
    for i in tqdm(range(len(collected)), desc="readings", unit="image", disable=None):
        name = f"reading/{collected.names[i]}/{i}"
        kept = store.content(name)
        try:
            reading = reading_from_json(json.dumps(kept)) if kept else _read(readers[i], collected, i)
        except ValidationError:
            reading = _read(readers[i], collected, i)
        if not kept:
            store.keep_content(name, json.loads(reading.as_json()))
        readings.append(reading)
    return tuple(readings)


def _read(reader: Reader, collected: Collected, index: int) -> Reading:
    data = reader.card.data
    cell = collected.rows[index].get(data.spacing_column or "", "")
    spacing = float(cell) * data.spacing_factor if cell else None
    return reader.read(open_study(collected.files[index], spacing_mm=spacing))


def entailment(readings: Sequence[Reading], patients: NDArray[np.str_]) -> Entailment:
    """The share of readings whose assessments are re-derived the same from their findings and rules, without the model."""
    held, failures = np.zeros(len(readings)), list[str]()
    for i, reading in enumerate(readings):
        found = verify(reading.as_json())
        held[i] = found.ok
        failures += [f"{reading.study.source}: {c.name}: {c.detail}" for c in found.checks if not c.ok]
    share = measured(lambda values: float(values.mean()), (held,), patients)
    return Entailment(share=share, readings=len(readings), failures=tuple(failures[:MOST_FAILURES]))


def replay_reader(readers: Sequence[Reader], collected: Collected, readings: Sequence[Reading]) -> Replay:
    """Some images read a second time, from their files on: whether the ids, which are hashes of content, are the same."""
    index = range(min(REPLAYED, len(readings)))
    again = [_read(readers[i], collected, i).id for i in index]
    first = [readings[i].id for i in index]
    digest = hashlib.sha256("".join(first).encode()).hexdigest()
    return Replay(what=f"{len(first)} images read from their files", times=2, same=again == first, digest=digest)


def replay_scores(predict: Predict, collected: Collected) -> Replay:
    """The scores of some images computed twice: whether they are the same to the last bit."""
    images = collected.images[:REPLAYED]
    first, again = predict(images), predict(images)
    digest = hashlib.sha256(np.ascontiguousarray(first).tobytes()).hexdigest()
    same = first.tobytes() == again.tobytes()
    return Replay(what=f"scores of {len(images)} images", times=2, same=same, digest=digest)


def outcome_probabilities(reader: Reader, readings: Sequence[Reading]) -> NDArray[np.float64]:
    """(n, C): what the rules give for each outcome of the reader's shadow question."""
    question, outcomes = reader.card.shadow_question, reader.card.shadow_outcomes
    found = [next(a for a in r.assessments if a.question == question).probabilities for r in readings]
    return np.array([[p.get(o, 0.0) for o in outcomes] for p in found])
