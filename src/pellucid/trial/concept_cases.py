"""A reader's findings on a manifest as arrays: what every part of the concept audit works on."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pellucid.assess.calibrate import apply
from pellucid.assess.findings import Sight
from pellucid.audit.interval import bootstrap
from pellucid.audit.logistic import patient_folds
from pellucid.errors import InputError
from pellucid.images.frames import StudyImage
from pellucid.models.bottleneck import Bottleneck, ConceptNet, Seen
from pellucid.models.card import Card
from pellucid.reader import Reader
from pellucid.record import Basis, Measured, Reading
from pellucid.train.data import Cases, load_cases, open_case
from pellucid.train.evaluate import categories_of
from pellucid.train.labels import NOT_RECORDED

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Progress = Callable[[str, int, int], None]
"""(What is being done, how many are done, of how many.)"""


@dataclass(frozen=True)
class Plan:
    """How much is looked at: all images or some, drawn at random, and the seed of every draw."""

    limit: int | None = None
    """At most so many images of the manifest."""
    place_images: int = 60
    """On how many images each place is taken away; 0 leaves locality out."""
    correction_cases: int = 100
    """In how many cases concepts are corrected one after another; 0 leaves corrections out."""
    seed: int = 0


CONTROL_FOLDS = 5
RESAMPLES = 400
LEAST_PATIENTS = 10
"""Below this many patients nothing is audited."""


@dataclass(frozen=True, eq=False)
class Gathered:
    """What a reader said of some cases. N cases, K concepts.

    labels (N, K) and outcomes {question: (N,)} are state indices, -1 where not recorded; soft: per concept (N, S_k)
    probabilities, rows of NaN where it could not be judged; random: the same of heads that were never trained.
    """

    reader: Reader
    """The one whose card, guidelines and rules hold for all cases."""
    readers: tuple[Reader, ...]
    """Who read each case: the same, or the reader of its fold."""
    cases: Cases
    index: Ints
    """Rows of the manifest that were read."""
    readings: tuple[Reading, ...]
    labels: Ints
    outcomes: Mapping[str, Ints]
    soft: tuple[Floats, ...]
    random: tuple[Floats, ...]
    patients: NDArray[np.str_]
    folds: Ints
    plan: Plan

    @property
    def card(self) -> Card:
        """The reader's card."""
        return self.reader.card

    def generator(self, *purpose: int) -> np.random.Generator:
        """A generator of its own for each purpose, so that one part of the audit does not move another."""
        return np.random.default_rng([self.plan.seed, *purpose])

    def measured(self, measure: Callable[..., float], arrays: Sequence[Any], use: NDArray[np.bool_], reason: str) -> Measured:
        """A measure on the cases in use, with its 95 % interval over patients."""
        return measured(measure, [np.asarray(a)[use] for a in arrays], self.patients[use], self.generator(0), reason)


def measured(
    measure: Callable[..., float], arrays: Sequence[Any], patients: NDArray[Any], generator: np.random.Generator, reason: str
) -> Measured:
    """A measure of some arrays with its 95 % interval over patients, as a record; null with `reason` where it is not defined."""
    if len(patients) == 0:
        return Measured(value=None, reason="no case has what this measure needs")
    found = bootstrap(measure, arrays, generator, groups=patients, resamples=RESAMPLES, reason=reason)
    return Measured(
        value=found.value, low=found.low, high=found.high, n=len(patients), patients=len(np.unique(patients)), reason=found.reason
    )


def constant(value: float, n: int = 0) -> Measured:
    """A number that is known and not estimated: chance, a promise."""
    return Measured(value=value, n=n)


def missing(reason: str) -> Measured:
    """No number, and why."""
    return Measured(value=None, reason=reason)


def mean(values: NDArray[Any]) -> float:
    """The mean of an array, as a float."""
    return float(np.mean(values))


def gather(
    reader: Reader,
    manifest: Path,
    *,
    by_fold: Mapping[int, Reader] | None = None,
    plan: Plan,
    progress: Progress | None = None,
) -> Gathered:
    """Reads the cases of a manifest with a reader, or each with that of its fold.

    Raises RecipeError where the manifest lacks a column of the card, InputError where there are too few patients or a fold has no
    reader, ImageError where an image cannot be read.
    """
    cases = load_cases(reader.card, Path(manifest), categories_of(reader))
    index, limit, seed = np.arange(len(cases)), plan.limit, plan.seed
    if limit is not None and limit < len(cases):
        index = np.sort(np.random.default_rng([seed, 1]).permutation(len(cases))[:limit])
    patients = cases.patients[index]
    if len(np.unique(patients)) < LEAST_PATIENTS:
        raise InputError(
            f"{manifest}: expected at least {LEAST_PATIENTS} patients for an audit, got {len(np.unique(patients))}; add cases"
        )
    readers = _who(reader, by_fold, cases.folds[index])
    readings, soft, random = _read(readers, cases, index, seed, progress)
    return Gathered(
        reader=reader,
        readers=readers,
        cases=cases,
        index=index,
        readings=readings,
        labels=cases.labels[index],
        outcomes={name: labels[index] for name, labels in cases.outcomes.items()},
        soft=soft,
        random=random,
        patients=patients,
        folds=patient_folds(patients, CONTROL_FOLDS, np.random.default_rng([seed, 2])),
        plan=plan,
    )


def _who(reader: Reader, by_fold: Mapping[int, Reader] | None, folds: Ints) -> tuple[Reader, ...]:
    if by_fold is None:
        return (reader,) * len(folds)
    gone = sorted(set(folds.tolist()) - set(by_fold))
    if gone:
        raise InputError(f"held out: expected a reader for every fold, got none for fold {gone[0]}; train again to the end")
    return tuple(by_fold[fold] for fold in folds.tolist())


def _read(
    readers: Sequence[Reader], cases: Cases, index: Ints, seed: int, progress: Progress | None
) -> tuple[tuple[Reading, ...], tuple[Floats, ...], tuple[Floats, ...]]:
    """Readings, probabilities of the concepts, and those of heads that were never trained."""
    card = readers[0].card
    heads = {id(r): untrained_heads(r.net, seed) for r in {id(r): r for r in readers}.values()}
    readings: list[Reading] = []
    soft = tuple(np.full((len(index), len(c.states)), np.nan) for c in card.concepts)
    random = tuple(np.full((len(index), len(c.states)), np.nan) for c in card.concepts)
    for i, (reader, row) in enumerate(zip(readers, index.tolist(), strict=True)):
        image = open_case(cases, card.data, row)
        sight, seen = seen_by(reader, image)
        readings.append(reader.conclude(image, sight))
        with torch.inference_mode():
            logits = heads[id(reader)].judge(seen.evidence)[0].double().numpy()
        blind = probabilities_of(reader, replace(sight, logits=logits))
        for k, spec in enumerate(card.concepts):
            found = readings[-1].finding(spec.name)
            if found is not None and found.probabilities is not None:
                soft[k][i] = found.probabilities
            random[k][i] = blind[k]
        if progress is not None:
            progress("reading", i + 1, len(index))
    return tuple(readings), soft, random


def seen_by(reader: Reader, image: StudyImage) -> tuple[Sight, Seen]:
    """What a reader sees of an image, and everything that its bottleneck gave for it."""
    kept: list[Seen] = []

    def keep(_module: object, _inputs: object, seen: Any) -> None:
        kept.append(seen)

    handle = reader.net.bottleneck.register_forward_hook(keep)
    try:
        return reader.see(image), kept[0]
    finally:
        handle.remove()


def probabilities_of(reader: Reader, sight: Sight) -> list[Floats]:
    """The calibrated probabilities of every concept, also where a report would say that it cannot be judged."""
    return [
        apply(reader.fitted.calibrations[spec.name], sight.logits[k][: len(spec.states)])
        for k, spec in enumerate(reader.card.concepts)
    ]


def untrained_heads(net: ConceptNet, seed: int) -> Bottleneck:
    """The same bottleneck with heads drawn at random, as large as the trained ones: concepts that nobody taught it."""
    made = copy.deepcopy(net.bottleneck)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weights in (made.head, made.head_bias):
            weights.copy_(torch.randn(weights.shape, generator=generator) * weights.std())
    return made


def basis_of(gathered: Gathered, held_out: bool) -> tuple[Basis, str]:
    """Whether the images are those that the reader learned from, by the hashes of their pixels, and the sentence that says it."""
    if held_out:
        return "held-out", (
            "Every image was read by a net that did not see it: the nets of the folds, not the one that ships, which is trained "
            "by the same recipe on all of them."
        )
    seen = gathered.reader.training_images
    if seen is None:
        return "not known", (
            "This reader does not say which images it learned from: take every figure as if it were on training images."
        )
    shared = sum(r.study.pixels_sha256 in seen for r in gathered.readings)
    if shared == 0:
        return "other images", f"None of these images is among the {len(seen)} that the reader learned from."
    if shared == len(gathered.readings):
        return "training images", (
            "ON TRAINING IMAGES: the net has seen every one of these images with its labels. Accuracies, calibration and gains "
            "are better here than on new images, leakage and dependence are not to be trusted; use another set, or the nets of "
            "the folds that training keeps."
        )
    return "partly training images", (
        f"PARTLY ON TRAINING IMAGES: {shared} of {len(gathered.readings)} images are among those that the net learned from; the "
        "figures are better than on new images."
    )


def judged(gathered: Gathered, k: int) -> NDArray[np.bool_]:
    """Cases whose concept k is both recorded and judged (N,)."""
    return np.isfinite(gathered.soft[k]).all(axis=1) & (gathered.labels[:, k] != NOT_RECORDED)
