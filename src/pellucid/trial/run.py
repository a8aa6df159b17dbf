"""The audit of a model on a manifest: everything measured, in the time given, resumable; at the end the accountability card."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from pellucid.audit.cases import Predict
from pellucid.audit.map_measures import MAP_MEASURES, measure
from pellucid.errors import InputError
from pellucid.reader import Reader, software
from pellucid.record import MethodTrial, Reading
from pellucid.record.accountability import AccountabilityCard
from pellucid.record.shortcut import ShortcutAudit
from pellucid.report.card import MapTile
from pellucid.trial import readings as reads
from pellucid.trial.artefacts import load_declared
from pellucid.trial.assemble import Found, assemble
from pellucid.trial.concept_part import interpretability
from pellucid.trial.data import Collected, collect
from pellucid.trial.examples import tiles
from pellucid.trial.request import FOR_MAPS, FOR_SHORTCUTS, Request, chosen_methods
from pellucid.trial.shortcuts import answering, shortcuts_of
from pellucid.trial.store import Store, held, key_of
from pellucid.trial.subject import CLASS, OnTrial, predictor
from pellucid.trial.trials import Room, asks_of, deletion_plots, open_room, try_all

NO_FOLDS: Mapping[int, Reader] = {}


@dataclass(frozen=True)
class Audited:
    """The card, and maps over images for the page."""

    card: AccountabilityCard
    tiles: tuple[MapTile, ...] = ()


def audit(
    trial: OnTrial,
    request: Request,
    *,
    by_fold: Mapping[int, Reader] = NO_FOLDS,
    say: Callable[[str], None] = lambda _: None,
) -> Audited:
    """The card of a model on a manifest. Goes on where an earlier run of the same model, data and settings was stopped.

    `by_fold` are readers of the folds of the manifest (`trial.held_out.fold_readers`): each reads the images that it did not
    learn from, so that accuracy, calibration and concepts are judged on unseen images; maps are of the model itself.

    Raises RecipeError or ImageError for data that cannot be used, InputError where another audit writes to the same folder or a
    score is not finite, UnknownName for a method, measure or target that does not exist.
    """
    begun = time.perf_counter()
    methods, measures = chosen_methods(trial, request.methods), tuple(request.measures) or tuple(MAP_MEASURES)
    for name in measures:
        measure(name)
    facts = load_declared(request.declared) if request.declared else {}
    with held(request.out):
        collected = collect(
            trial.source, request.data, trial.plan, most=request.cases, seed=request.seed, channels=trial.channels
        )
        named = {"methods": list(methods), "measures": list(measures), **_others(trial, by_fold)}
        run = key_of(_settings(trial, request, collected, named))
        room = open_room(trial, collected, Store(request.out, run), request.seed, by_fold)
        p = _scores(room)
        asks = asks_of(trial, p, request.targets)
        say(f"{len(collected)} images; {len(methods)} methods on {', '.join(a.name for a in asks)}; goes on in {request.out}")
        readings = _readings(room)
        answers = reads.outcome_probabilities(trial.reader, readings) if trial.reader is not None else p[:, trial.groups()[CLASS]]
        seconds = FOR_MAPS * 60 * request.minutes / len(asks)
        trials = [t for ask in asks for t in try_all(room, ask, methods, measures, seconds)]
        found = Found(
            answers=answers,
            readings=readings,
            trials=tuple(trials),
            shortcuts=_shortcuts(room, request, answers),
            concepts=interpretability(trial.reader, request, room.store, _Bar(), by_fold),
            deletion=deletion_plots(room, asks[0], _tried(trials, asks[0].name)),
            asks=tuple(a.name for a in asks),
        )
        card = assemble(room, request, found, run, facts)
        shown = tiles(room, asks[0], trials) if request.examples else ()
    took = round(time.perf_counter() - begun, 1)
    stamped = {"created": datetime.now(UTC).isoformat(timespec="seconds"), "software": software(), "seconds": took}
    return Audited(card.model_copy(update=stamped), shown)


def _others(trial: OnTrial, by_fold: Mapping[int, Reader]) -> dict[str, list[str | None]]:
    """The weights of all models that have a part in the audit beside the one on trial."""
    partners: list[str | None] = [p.ref.weights_sha256 for p in (*trial.again, *([trial.shuffled] if trial.shuffled else []))]
    return {"folds": [by_fold[fold].ref.weights_sha256 for fold in sorted(by_fold)], "partners": partners}


def _settings(trial: OnTrial, request: Request, collected: Collected, named: dict[str, Any]) -> dict[str, Any]:
    """Everything that decides what is measured: its hash is the run's name."""
    chosen = {"targets": list(request.targets), "cases": request.cases, "minutes": request.minutes, "seed": request.seed}
    model = {"weights": trial.ref.weights_sha256, "hashes": dict(trial.ref.hashes), "plan": [s.model_dump() for s in trial.plan]}
    return {**model, "data": collected.sha256, "software": software(), **named, **chosen}


def _readings(room: Room) -> tuple[Reading, ...]:
    reader = room.trial.reader
    if reader is None:
        return ()
    return reads.read_all(reads.readers_of(reader, room.collected, room.by_fold), room.collected, room.store)


def _scores(room: Room) -> NDArray[np.float64]:
    """Probabilities (n, K) of all cases; InputError where one is not finite."""
    kept = room.store.array("scores")
    p = kept if kept is not None else room.store.keep_array("scores", room.predict(room.collected.images))
    bad = np.flatnonzero(~np.isfinite(p).all(axis=1))
    if len(bad):
        name = room.collected.names[int(bad[0])]
        raise InputError(
            f"{room.trial.ref.name}: expected finite scores, got NaN or infinity for {len(bad)} of {len(p)} images ({name}); "
            "check weights and preparation"
        )
    return p


def _shortcuts(room: Room, request: Request, answers: NDArray[np.float64]) -> ShortcutAudit | str:
    kept = room.store.content("shortcuts")
    if kept is not None:
        return kept if isinstance(kept, str) else ShortcutAudit.model_validate_json(_text(kept))
    reader, columns = room.trial.reader, room.trial.groups().get(CLASS)
    own = predictor(room.trial)
    predict: Predict = answering(reader) if reader is not None else lambda images: own(images)[:, columns]
    if room.by_fold:
        answers = predict(room.collected.images)  # of the model itself: those at hand are of the readers of the folds
    seconds = FOR_SHORTCUTS * 60 * request.minutes
    found = shortcuts_of(room.trial, room.collected, answers, predict, seconds, request.seed)
    room.store.keep_content("shortcuts", found if isinstance(found, str) else found.model_dump(mode="json"))
    return found


def _text(content: Any) -> str:
    import json

    return json.dumps(content)


def _tried(trials: list[MethodTrial], ask: str) -> list[str]:
    return [t.method for t in trials if t.target == ask and t.results]


class _Bar:
    """Progress of the concept audit: one bar per thing that is done."""

    def __init__(self) -> None:
        self.bar: Any = None
        self.what = ""

    def __call__(self, what: str, done: int, count: int) -> None:
        if what != self.what:
            self.what, self.bar = what, tqdm(total=count, desc=what, disable=None)
        self.bar.update(done - self.bar.n)
