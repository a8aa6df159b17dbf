"""The audit of a model on a manifest: everything measured, in the time given, resumable; at the end the accountability card."""

import base64
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pellucid.audit.cases import Predict
from pellucid.audit.map_measures import MAP_MEASURES, measure
from pellucid.audit.remember import remembered_scores
from pellucid.errors import InputError, UnknownName
from pellucid.explain import METHODS
from pellucid.images import open_study
from pellucid.reader import software
from pellucid.record import FrozenDict, MethodTrial, Reading
from pellucid.record.accountability import (
    AccountabilityCard,
    Data,
    Entailment,
    Explainability,
    Figure,
    Interpretability,
    OnTrialRef,
    Plot,
    Replay,
    Transparency,
)
from pellucid.report.card import MapTile
from pellucid.report.map_picture import tile
from pellucid.trial import readings as reads
from pellucid.trial.artefacts import Fact, fill, load_declared
from pellucid.trial.data import Collected, collect
from pellucid.trial.facts import declared_facts, explained_facts, measured_facts
from pellucid.trial.figures import class_figures, measured, reliability_plot, selective_plot, uncertainty_figures
from pellucid.trial.picture import display_pixels, stamp_of
from pellucid.trial.store import Store, held, key_of
from pellucid.trial.subject import CLASS, OnTrial, predictor
from pellucid.trial.summary import summarise
from pellucid.trial.trials import Ask, Room, asks_of, deletion_plot, kept_maps, open_room, try_all

PANEL = ("grad-cam", "grad-cam++", "gradient-shap", "integrated-gradients", "lime", "kernel-shap", "concept-evidence")
"""Methods tried unless others are named: what the field uses most, and the reader's own evidence."""
BLACK_BOX = ("occlusion", "rise", "lime", "kernel-shap")
"""Methods tried on a model that gives no gradients."""
EXAMPLES = 3
FOR_MAPS = 0.7
"""Share of the time given to maps; the rest goes to readings, concepts and shortcuts."""
NOT_SHOWN = (
    "Whether patients fare better: no figure here is an outcome.",
    "Whether people decide better with it, or trust it too much: no reader study is in this card.",
    "Whether it works at another hospital, on other machines or in other years than those of the images tried.",
    "Whether a map that passes its tests is complete: evidence may lie where no map looks.",
    "Whether the labels are right: they are taken as the manifest gives them.",
    "Security, privacy, usability and the quality system of whoever made it.",
    "Conformity with any law. The forms are filled with facts for those who judge that.",
)


@dataclass(frozen=True)
class Request:
    """What is to be audited, and how much of it. Empty methods, targets or measures stand for the usual ones."""

    data: Path
    out: Path
    methods: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    cases: int = 200
    minutes: float = 15.0
    seed: int = 0
    declared: Path | None = None
    examples: bool = True


@dataclass(frozen=True)
class Audited:
    """The card, and maps over images for the page."""

    card: AccountabilityCard
    tiles: tuple[MapTile, ...] = ()


@dataclass
class Gathered:
    """What has been found so far."""

    p: NDArray[np.float64]
    readings: tuple[Reading, ...] = ()
    trials: list[MethodTrial] = field(default_factory=list[MethodTrial])
    plots: list[Plot] = field(default_factory=list[Plot])


def audit(trial: OnTrial, request: Request, *, say: Callable[[str], None] = lambda _: None) -> Audited:
    """The card of a model on a manifest. Goes on where an earlier run of the same model, data and settings was stopped.

    Raises RecipeError or ImageError for data that cannot be used, InputError where another audit writes to the same folder or a
    method, measure or target is not known.
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
        run = key_of(_settings(trial, request, collected, methods, measures))
        store = Store(request.out, run)
        predict = remembered_scores(predictor(trial))
        found = Gathered(predict(collected.images))
        if not np.isfinite(found.p).all():
            raise InputError(f"{trial.ref.name}: expected finite scores, got NaN or infinity on {collected.names[0]} or others")
        room = open_room(trial, collected, store, predict, request.seed)
        asks = asks_of(trial, found.p, request.targets)
        say(f"{len(collected)} images; {len(methods)} methods on {', '.join(a.name for a in asks)}")
        if trial.reader is not None:
            found.readings = reads.read_all(trial.reader, collected, store)
        for ask in asks:
            found.trials += try_all(room, ask, methods, measures, FOR_MAPS * 60 * request.minutes / len(asks))
        card = _card(room, request, found, (run, facts), asks)
        tiles = _tiles(room, asks[0], found.trials) if request.examples else ()
    seconds = round(time.perf_counter() - begun, 1)
    stamped = {"created": datetime.now(UTC).isoformat(timespec="seconds"), "software": software(), "seconds": seconds}
    return Audited(card.model_copy(update=stamped), tiles)


def chosen_methods(trial: OnTrial, named: Sequence[str]) -> tuple[str, ...]:
    """The methods asked for, `all` for every one; by default those the field uses that apply to this model."""
    if "all" in named:
        return tuple(METHODS)
    for name in named:
        if name not in METHODS:
            raise UnknownName("explanation method", name, METHODS)
    if named:
        return tuple(dict.fromkeys(named))
    usual = PANEL if trial.subject.no_gradients is None else BLACK_BOX
    return tuple(m for m in usual if m in METHODS and (METHODS[m].needs != "concept evidence" or trial.reader is not None))


def _settings(
    trial: OnTrial, request: Request, collected: Collected, methods: Sequence[str], measures: Sequence[str]
) -> dict[str, object]:
    return {
        "weights": trial.ref.weights_sha256,
        "hashes": dict(trial.ref.hashes),
        "data": collected.sha256,
        "methods": list(methods),
        "measures": list(measures),
        "targets": list(request.targets),
        "cases": request.cases,
        "minutes": request.minutes,
        "seed": request.seed,
        "software": software(),
    }


def _card(
    room: Room, request: Request, found: Gathered, known: tuple[str, Mapping[str, Fact]], asks: Sequence[Ask]
) -> AccountabilityCard:
    trial, collected, (run, declared) = room.trial, room.collected, known
    ref = trial.ref
    right, sure, plots = _answers(trial, collected, found)
    entailed, replay = _replayed(room, found)
    data = _data(trial, collected)
    groups = _by_group(trial, collected, found)
    facts = declared_facts(trial) | measured_facts(trial, ref, data, replay, {"right": right, "groups": groups})
    facts |= explained_facts(found.trials, entailed, data.faults) | dict(declared)
    forms = fill(facts, run)
    curves = [deletion_plot(room, asks[0], t.method) for t in found.trials if t.target == asks[0].name and t.results]
    return AccountabilityCard(
        subject=ref,
        settings=FrozenDict(
            {
                "run": run,
                "methods": tuple(dict.fromkeys(t.method for t in found.trials)),
                "targets": tuple(a.name for a in asks),
                "cases at most": request.cases,
                "minutes given": request.minutes,
                "seed": request.seed,
            }
        ),
        summary=summarise(data, replay, entailed, found.trials, right, forms),
        transparency=Transparency(data=data, replay=replay, artefacts=forms),
        interpretability=_interpretability(trial),
        explainability=Explainability(
            entailment=entailed,
            trials=tuple(found.trials),
            shortcuts=tuple(groups),
            uncertainty=(*right, *sure),
            plots=(*plots, *curves),
        ),
        not_shown=(*NOT_SHOWN, *_not_shown(found.trials)),
    )


def _answers(
    trial: OnTrial, collected: Collected, found: Gathered
) -> tuple[tuple[Figure, ...], tuple[Figure, ...], tuple[Plot, ...]]:
    """How right, how sure, and the plots of both, of the cases with a label."""
    p = answers(trial, found)
    use = collected.labels >= 0
    labels, p, who = collected.labels[use], p[use], collected.patients[use]
    if not use.any():
        return (), (), ()
    plots = (
        reliability_plot(labels, p, collected.classes, "Stated probability against how often it is so"),
        selective_plot(labels, p, who, "Error when the least sure are left out"),
    )
    return class_figures(labels, p, who), uncertainty_figures(labels, p, who), plots


def answers(trial: OnTrial, found: Gathered) -> NDArray[np.float64]:
    """(n, C): the probabilities of the classes that the labels name; of a reader, those that its rules give."""
    if trial.reader is not None:
        return reads.outcome_probabilities(trial.reader, found.readings)
    return found.p[:, trial.groups()[CLASS]]


def _replayed(room: Room, found: Gathered) -> tuple[Entailment, Replay]:
    reader = room.trial.reader
    if reader is None:
        because = Entailment(share=measured(np.mean, (np.zeros(0),), np.zeros(0)), readings=0, because=reads.NO_FINDINGS)
        fresh: Predict = predictor(room.trial)
        return because, reads.replay_scores(fresh, room.collected)
    return reads.entailment(found.readings, room.collected.patients), reads.replay_reader(reader, room.collected, found.readings)


def _data(trial: OnTrial, collected: Collected) -> Data:
    columns = trial.card.data if trial.card is not None else None
    title = (columns.title if columns else None) or collected.manifest.parent.name or collected.manifest.name
    counts = {name: str(int((collected.labels == i).sum())) for i, name in enumerate(collected.classes)}
    counts |= {"no class that the card knows": str(n)} if (n := int((collected.labels < 0).sum())) else {}
    return Data(
        title=f"{title} ({collected.manifest.name})",
        sha256=collected.sha256,
        images=len(collected),
        patients=len(np.unique(collected.patients)),
        rows_in_manifest=collected.rows_in_manifest,
        masks=0 if collected.masks is None else int(collected.masks.any(axis=(1, 2)).sum()),
        labels=FrozenDict(counts),
        groups=FrozenDict({c: f"{len(np.unique(v))} different" for c, v in collected.groups.items()}),
        seen_in_training="not known: nobody declared whether the model learned from these images",
        faults=collected.faults(),
    )


def _by_group(trial: OnTrial, collected: Collected, found: Gathered) -> tuple[Figure, ...]:
    """Accuracy at every site or scanner that has ten or more labelled cases."""
    p, figures = answers(trial, found), list[Figure]()
    for column, values in collected.groups.items():
        for name in np.unique(values):
            use = (values == name) & (collected.labels >= 0)
            if use.sum() >= 10:
                right = (p[use].argmax(axis=1) == collected.labels[use]).astype(np.float64)
                share = measured(lambda v: float(v.mean()), (right,), collected.patients[use])
                figures.append(Figure(name=f"Accuracy, {column} {name}", said="Share answered right there.", measured=share))
    return tuple(figures)


def _interpretability(trial: OnTrial) -> Interpretability:
    return Interpretability(
        because=None
        if trial.reader is not None
        else "This model has no concepts: between pixels and answer there is nothing with a clinical name that could be checked or corrected."
    )


def _not_shown(trials: Sequence[MethodTrial]) -> tuple[str, ...]:
    untried = [
        f"{t.method} ({t.verdict.sentence.removeprefix('Not tested: ')})" for t in trials if t.verdict.grade == "not tested"
    ]
    slow = sorted(
        {r.measure for t in trials for r in t.results if r.measured.value is None and "no time" in (r.measured.reason or "")}
    )
    said = [f"Maps that could not be tried: {'; '.join(untried)}."] if untried else []
    return (*said, *([f"For lack of time, for some methods: {', '.join(slow)}."] if slow else []))


def _tiles(room: Room, ask: Ask, trials: Sequence[MethodTrial]) -> tuple[MapTile, ...]:
    """Maps of a few cases, lesions first; each with the verdict of its method, stamped where that is bad."""
    collected = room.collected
    order = np.arange(len(collected))
    if collected.masks is not None:
        order = np.argsort(~collected.masks.any(axis=(1, 2)), kind="stable")
    index, made = order[:EXAMPLES], list[MapTile]()
    tried = [t for t in trials if t.target == ask.name and t.results]
    for t in tried:
        maps = kept_maps(room, ask, t.method, index)
        for k, i in enumerate(index):
            pixels = display_pixels(open_study(collected.files[i]).images[0].pixels(), room.trial)
            signed = METHODS[t.method].signed
            png = tile(pixels, maps[k].astype(np.float64), signed, stamp_of(t.verdict.grade))
            uri = f"data:image/png;base64,{base64.b64encode(png).decode()}"
            what = room.trial.outputs[int(ask.targets[i])].name
            made.append(MapTile(collected.names[i], t.method, uri, t.verdict.grade, what))
    return tuple(made)
