"""What was found, put together into the accountability card."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.record import Basis, FrozenDict, Measured, MethodTrial, Reading
from pellucid.record.accountability import (
    AccountabilityCard,
    Data,
    Entailment,
    Explainability,
    Figure,
    Interpretability,
    Plot,
    Replay,
    Transparency,
)
from pellucid.record.shortcut import ShortcutAudit
from pellucid.trial import readings as reads
from pellucid.trial.artefacts import Fact, fill
from pellucid.trial.concept_part import decision_plots, words
from pellucid.trial.data import Collected
from pellucid.trial.facts import declared_facts, explained_facts, measured_facts
from pellucid.trial.figures import (
    class_figures,
    measured,
    reliability_plot,
    selective_plot,
    uncertainty_figures,
    utility_figures,
)
from pellucid.trial.foreign import DataColumns
from pellucid.trial.request import Request
from pellucid.trial.subject import OnTrial, predictor
from pellucid.trial.summary import summarise
from pellucid.trial.trials import Room

LEAST_IN_GROUP = 10
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
class Found:
    """What an audit found. `answers` (n, C) are probabilities of the classes that the labels name; `shortcuts` may be a reason
    why they were not looked for."""

    answers: NDArray[np.float64]
    readings: tuple[Reading, ...]
    trials: tuple[MethodTrial, ...]
    shortcuts: ShortcutAudit | str
    concepts: Interpretability
    deletion: tuple[Plot, ...]
    asks: tuple[str, ...]


@dataclass(frozen=True)
class _Answers:
    """How right, how sure, by site, and the plots."""

    right: tuple[Figure, ...] = ()
    sure: tuple[Figure, ...] = ()
    useful: tuple[Figure, ...] = ()
    groups: tuple[Figure, ...] = ()
    plots: tuple[Plot, ...] = ()


def assemble(room: Room, request: Request, found: Found, run: str, declared: Mapping[str, Fact]) -> AccountabilityCard:
    """The card of an audit; `run` is the hash of model, data and settings, `declared` what a person adds."""
    trial, collected = room.trial, room.collected
    answered, data = _answers(collected, found.answers), _data(trial, collected, found)
    entailed, replay = _replayed(room, found)
    figures = {"right": answered.right, "groups": answered.groups}
    facts = declared_facts(trial) | measured_facts(trial, trial.ref, data, replay, figures)
    first = summarise(data, entailed, found.trials, answered.right, (replay, (), found.shortcuts))
    facts |= explained_facts(found.trials, entailed, (*first.rely_not, *data.faults)) | dict(declared)
    forms = fill(facts, run)
    return AccountabilityCard(
        subject=trial.ref,
        settings=_told_settings(request, found, run),
        summary=summarise(data, entailed, found.trials, answered.right, (replay, forms, found.shortcuts)),
        transparency=Transparency(data=data, replay=replay, artefacts=forms),
        interpretability=found.concepts,
        explainability=_explainability(found, entailed, answered),
        not_shown=(*NOT_SHOWN, *_untried(found.trials)),
    )


def _explainability(found: Found, entailed: Entailment, answered: _Answers) -> Explainability:
    looked = isinstance(found.shortcuts, ShortcutAudit)
    return Explainability(
        entailment=entailed,
        trials=found.trials,
        shortcuts=found.shortcuts if isinstance(found.shortcuts, ShortcutAudit) else None,
        shortcuts_because=None if looked else f"Shortcuts were not looked for: {found.shortcuts}.",
        groups=answered.groups,
        words=words(found.concepts.concepts, found.trials, answered.useful),
        right=answered.right,
        uncertainty=answered.sure,
        plots=(*answered.plots, *decision_plots(found.concepts.concepts), *found.deletion),
    )


def _told_settings(request: Request, found: Found, run: str) -> FrozenDict:
    return FrozenDict(
        {
            "run": run,
            "methods": tuple(dict.fromkeys(t.method for t in found.trials)),
            "targets": found.asks,
            "cases at most": request.cases,
            "minutes planned": request.minutes,
            "seed": request.seed,
        }
    )


def _answers(collected: Collected, answers: NDArray[np.float64]) -> _Answers:
    use = collected.labels >= 0
    if not use.any():
        return _Answers()
    labels, p, who = collected.labels[use], answers[use], collected.patients[use]
    plots = (
        reliability_plot(labels, p, collected.classes, "Stated probability against how often it is so"),
        selective_plot(labels, p, who, "Error when the least sure are left out"),
    )
    groups = _by_group(collected, answers)
    figures = (class_figures(labels, p, who), uncertainty_figures(labels, p, who), utility_figures(labels, p, who))
    return _Answers(*figures, groups, plots)


def _by_group(collected: Collected, answers: NDArray[np.float64]) -> tuple[Figure, ...]:
    """Accuracy at every site or scanner that has enough labelled cases."""
    figures: list[Figure] = []
    for column, values in collected.groups.items():
        for name in np.unique(values):
            use = (values == name) & (collected.labels >= 0)
            if use.sum() >= LEAST_IN_GROUP:
                right = (answers[use].argmax(axis=1) == collected.labels[use]).astype(np.float64)
                share = measured(_mean, (right,), collected.patients[use])
                figures.append(Figure(name=f"Accuracy, {column} {name}", said="Share answered right there.", measured=share))
    return tuple(figures)


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean())


def _replayed(room: Room, found: Found) -> tuple[Entailment, Replay]:
    reader = room.trial.reader
    if reader is not None:
        replay = reads.replay_reader(reads.readers_of(reader, room.collected, room.by_fold), room.collected, found.readings)
        return reads.entailment(found.readings, room.collected.patients), replay
    nothing = Entailment(share=Measured(value=None, reason=reads.NO_FINDINGS), readings=0, because=reads.NO_FINDINGS)
    return nothing, reads.replay_scores(predictor(room.trial), room.collected)


def _data(trial: OnTrial, collected: Collected, found: Found) -> Data:
    columns = trial.card.data if trial.card is not None else None
    title = (columns.title if columns else None) or collected.manifest.resolve().parent.name
    counts = {name: str(int((collected.labels == i).sum())) for i, name in enumerate(collected.classes)}
    counts |= {"no class that the card knows": str(n)} if (n := int((collected.labels < 0).sum())) else {}
    basis, said = _basis(found, columns)
    return Data(
        title=f"{title} ({collected.manifest.name})",
        sha256=collected.sha256,
        images=len(collected),
        patients=len(np.unique(collected.patients)),
        rows_in_manifest=collected.rows_in_manifest,
        masks=0 if collected.masks is None else int(collected.masks.any(axis=(1, 2)).sum()),
        labels=FrozenDict(counts),
        groups=FrozenDict(collected.group_counts()),
        basis=basis,
        seen_in_training=said,
        faults=collected.faults(),
    )


def _basis(found: Found, columns: DataColumns | None) -> tuple[Basis, str]:
    """Whether the model learned from these images: by the hashes of their pixels, or as its card declares, and how we know."""
    audit = found.concepts.concepts
    if audit is not None:
        return audit.basis, audit.basis_said
    if columns is None or columns.unseen is None:
        return "not known", "Not known: nobody declared whether the model learned from these images."
    if columns.unseen:
        return "other images", "None of these images, as the card of the model declares; that was not checked."
    return "training images", "The card of the model declares that it learned from these images."


def _untried(trials: Sequence[MethodTrial]) -> tuple[str, ...]:
    """What could not be tried, and what there was no time for."""
    untried = [f"{t.method} ({t.verdict.sentence.removeprefix('Not tested: ')})" for t in trials if not t.results]
    slow = sorted({r.measure for t in trials for r in t.results if "no time" in (r.measured.reason or "")})
    said = [f"Maps that could not be tried: {'; '.join(untried)}."] if untried else []
    return (*said, *([f"For some methods there was no time for: {', '.join(slow)}."] if slow else []))
