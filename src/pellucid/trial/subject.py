"""What is put on trial: a shipped reader or a foreign model, its outputs that can be explained, and its functions of arrays."""

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.audit.cases import Explain, Images, Maps, Predict
from pellucid.errors import CardError, InputError, UnknownName
from pellucid.explain import Subject, Target, class_target, concept_target, explain, recognise
from pellucid.images.prepare import prepare
from pellucid.models.bottleneck import Seen
from pellucid.models.card import sha256_of
from pellucid.reader import Reader, load_reader, reader_folder
from pellucid.record import FrozenDict, PreparationStep
from pellucid.record.accountability import OnTrialRef
from pellucid.trial.data import Source, foreign_source, reader_source
from pellucid.trial.foreign import ForeignCard, load_foreign, pick_output

BATCH = 16
FIGURES = "figures.json"
"""What training leaves beside a reader: its figures on held-out folds."""
SHADOW, CLASS = "shadow", "class"


@dataclass(frozen=True)
class Output:
    """One number of the model that can be explained: its name, the group it competes in, its column in the scores."""

    name: str
    group: str
    index: int
    place: tuple[int, int] | None = None
    """Of a concept's state: (concept, state) in the concept net's output."""


@dataclass(frozen=True)
class OnTrial:
    """A model on trial. `outputs` lie in the order of the columns (K) of its scores; `groups` are the columns that compete."""

    ref: OnTrialRef
    subject: Subject
    outputs: tuple[Output, ...]
    scores: str
    plan: tuple[PreparationStep, ...]
    source: Source
    channels: int = 3
    gradients: bool = True
    reader: Reader | None = None
    card: ForeignCard | None = None
    notes: tuple[str, ...] = field(default=())
    layers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Layer of each class activation map, by method; where it names none, the deepest that keeps places."""
    again: tuple["OnTrial", ...] = ()
    """The same model trained again with another seed; see `with_partners`."""
    shuffled: "OnTrial | None" = None
    """The same model trained on shuffled labels."""

    def groups(self) -> dict[str, NDArray[np.int64]]:
        """Columns of each group of outputs."""
        names = dict.fromkeys(o.group for o in self.outputs)
        return {g: np.array([o.index for o in self.outputs if o.group == g]) for g in names}


def reader_on_trial(name: str | Path) -> OnTrial:
    """A reader by name or folder: every state of every concept, and every outcome of its shadow, can be explained."""
    return trial_of(load_reader(name), _held_out(reader_folder(name)))


def trial_of(reader: Reader, held_out: FrozenDict | None = None) -> OnTrial:
    """A reader that is at hand, put on trial; `held_out` is what its developer measured, in words."""
    card = reader.card
    named = [(f"{c.name} = {state}", c.name, (k, s)) for k, c in enumerate(card.concepts) for s, state in enumerate(c.states)]
    named += [(f"{SHADOW}: {outcome}", SHADOW, None) for outcome in card.shadow_outcomes]
    states = [len(c.states) for c in card.concepts]

    def flat(seen: Seen) -> Tensor:
        return torch.cat([*(seen.logits[:, k, :n] for k, n in enumerate(states)), seen.shadow], dim=1)

    subject = recognise(reader.net, _input_shape(card.plan(), 3), output=flat, name=card.reader.name)
    hashes = {"Calibration": reader.ref.calibration_sha256, "Card": reader.ref.card_sha256}
    hashes |= {f"Guideline {g.name} {g.edition}": g.sha256 for g in reader.guidelines.values()}
    ref = OnTrialRef(
        name=card.reader.name,
        version=card.reader.version,
        kind="reader of this project",
        family=subject.family,
        title=card.reader.title,
        weights_sha256=reader.ref.weights_sha256 or card.files.weights_sha256,
        licence=card.reader.licence,
        hashes=FrozenDict({k: v for k, v in hashes.items() if v}),
        held_out=held_out or FrozenDict(),
    )
    return OnTrial(
        ref=ref,
        subject=subject,
        outputs=tuple(Output(name, group, i, place) for i, (name, group, place) in enumerate(named)),
        scores="softmax",
        plan=card.plan(),
        source=reader_source(card, card.shadow_outcomes),
        reader=reader,
    )


def _held_out(folder: Path) -> FrozenDict:
    """AUROC of each question as training measured it on held-out folds, in words; empty where training left none."""
    file = folder / FIGURES
    if not file.is_file():
        return FrozenDict()
    try:
        found = json.loads(file.read_text(encoding="utf-8"))["cross_validated"]["assessments"]
        said = {
            question: "AUROC {value:.2f} ({low:.2f} to {high:.2f}), ".format(**of["auroc"]) + f"{of['n']} cases"
            for question, of in found.items()
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        told = f"{file}: expected the figures that training writes, got something else ({error}); copy the reader's folder again"
        raise CardError(told) from None
    return FrozenDict(said)


def foreign_on_trial(path: Path, *, allow_code: bool = False) -> OnTrial:
    """A foreign model by its TOML card; every class can be explained. Raises what `load_foreign` raises, and ExplainError."""
    made = load_foreign(path, allow_code=allow_code)
    spec = made.card.model
    shape = _input_shape(made.card.plan(), spec.channels)
    subject = recognise(made.module, shape, output=pick_output(spec), name=spec.name)
    ref = OnTrialRef(
        name=spec.name,
        version=spec.version,
        kind=f"{spec.kind} model{f' {spec.architecture}' if spec.architecture else ''}",
        family=subject.family,
        title=spec.title or spec.name,
        weights_sha256=made.weights_sha256,
        licence=spec.licence,
        hashes=FrozenDict({"Card": sha256_of(path)}),
    )
    return OnTrial(
        ref=ref,
        subject=subject,
        outputs=tuple(Output(name, CLASS, i) for i, name in enumerate(spec.classes)),
        scores=spec.scores,
        plan=made.card.plan(),
        source=foreign_source(made.card),
        channels=spec.channels,
        gradients=made.gradients,
        card=made.card,
    )


def _input_shape(plan: Sequence[PreparationStep], channels: int) -> tuple[int, ...]:
    """(C, H, W) that the preparation gives, seen on a black image."""
    array = prepare(np.zeros((64, 64), np.uint8), plan).array
    return (channels, *array.shape[1:])


def with_partners(trial: OnTrial, again: Sequence[OnTrial], shuffled: OnTrial | None) -> OnTrial:
    """The model with others of its kind: maps should repeat for those trained again, and not for one trained on shuffled labels.

    Raises InputError where a partner does not give the same outputs from images prepared alike.
    """
    for other in (*again, *([shuffled] if shuffled else [])):
        if [o.name for o in other.outputs] != [o.name for o in trial.outputs] or other.plan != trial.plan:
            raise InputError(
                f"{other.ref.name}: expected the outputs and preparation of {trial.ref.name}, got others; "
                "give a model trained by the same recipe"
            )
    return replace(trial, again=tuple(again), shuffled=shuffled)


def lesion_maps(trial: OnTrial, images: Images) -> Maps | None:
    """Where a reader's own net outlines its first kind of place, (n, H, W) in 0 … 1; None of a model that outlines nothing.

    It is the figure to stand beside localisation: a map that points worse than the outline is no help in pointing.
    """
    if trial.reader is None or not trial.reader.card.places:
        return None
    parts: list[Maps] = []
    for start in range(0, len(images), BATCH):
        with torch.inference_mode():
            places = torch.sigmoid(trial.reader.net(torch.from_numpy(images[start : start + BATCH])).places[:, :1])
            large = nn.functional.interpolate(places, size=images.shape[2:], mode="bilinear", align_corners=False)
        parts.append(large[:, 0].numpy())
    return np.concatenate(parts)


def find_output(trial: OnTrial, text: str) -> Output | str:
    """The output that a person names: `malignant`, `margin=circumscribed`; or the name of a group, for its likeliest.

    Raises InputError for a category, which rules compute and no map can explain; UnknownName otherwise.
    """
    wanted = " ".join(text.replace("=", " = ").split())
    for output in trial.outputs:
        if wanted in (output.name, output.name.partition(": ")[2]):
            return output
    if wanted in trial.groups():
        return wanted
    reader = trial.reader
    if reader is not None and wanted.split(" = ")[0] in {q.name for q in reader.card.questions}:
        raise InputError(
            f"target {text!r}: the category is computed by cited rules from the findings, so no map explains it; "
            f"`pellucid report` shows its reasons; give a finding such as {trial.outputs[0].name!r}, or '{SHADOW}'"
        )
    raise UnknownName("target", text, [*trial.groups(), *(o.name for o in trial.outputs)], trial.ref.name)


def predictor(trial: OnTrial, module: nn.Module | None = None) -> Predict:
    """Images (n, C, H, W) -> probabilities (n, K), group by group as the card says; of another module where one is given."""
    net, groups = module or trial.subject.module, trial.groups()

    def predict(images: Images) -> NDArray[np.float64]:
        parts: list[NDArray[np.float64]] = []
        for start in range(0, len(images), BATCH):
            with torch.inference_mode():
                batch = torch.tensor(images[start : start + BATCH], dtype=torch.float32)  # a copy: models may write in place
                parts.append(trial.subject.output(net(batch)).double().numpy())
        return probabilities(np.concatenate(parts), groups, trial.scores)

    return predict


def probabilities(scores: NDArray[np.float64], groups: Mapping[str, NDArray[np.int64]], kind: str) -> NDArray[np.float64]:
    """Scores (n, K) as probabilities: softmax within each group, sigmoid of each, or as they are."""
    if kind == "as given":
        return scores
    if kind == "sigmoid":
        return 1 / (1 + np.exp(-scores))
    out = np.empty_like(scores)
    for columns in groups.values():
        shifted = np.exp(scores[:, columns] - scores[:, columns].max(axis=1, keepdims=True))
        out[:, columns] = shifted / shifted.sum(axis=1, keepdims=True)
    return out


def explainer(
    trial: OnTrial, method: str, *, subject: Subject | None = None, seed: int = 0, settings: Mapping[str, Any] | None = None
) -> Explain:
    """A method as a function of images (n, C, H, W) and output indices (n,) -> maps (n, H, W); batched per output."""
    own = subject or trial.subject
    settings = {**({"layer": trial.layers[method]} if method in trial.layers else {}), **(settings or {})}

    def explain_all(images: Images, targets: NDArray[np.int64]) -> Maps:
        out = np.empty((len(images), *images.shape[2:]), np.float32)
        for index in np.unique(targets):
            rows, target = np.flatnonzero(targets == index), target_of(trial, int(index))
            for start in range(0, len(rows), BATCH):
                some = rows[start : start + BATCH]
                tensor = torch.from_numpy(np.ascontiguousarray(images[some], dtype=np.float32))
                out[some] = explain(own, tensor, target, method, seed=seed, **settings).values
        return out

    return explain_all


def target_of(trial: OnTrial, index: int) -> Target:
    """The output of a column as a target: a state of a concept, or a score in the model's raw output."""
    output = trial.outputs[index]
    if output.place is not None:
        return concept_target(*output.place, output.name)
    return class_target(trial.subject, index, output.name)


def randomised(trial: OnTrial, share: float, seed: int) -> Subject | None:
    """The subject on trial with the weights of the last `share` of its layers made random; see `random_weights`."""
    return random_weights(trial.subject, share, seed)


def random_weights(subject: Subject, share: float, seed: int) -> Subject | None:
    """A subject with the weights of the last `share` of its layers made random; None for a model without weights of its own.

    Layers are those with parameters, from the output down (cascading randomisation: Adebayo 2018, arXiv 1810.03292).
    """
    if not any(True for _ in subject.module.parameters()):
        return None
    module = copy.deepcopy(subject.module)
    layers = [m for m in module.modules() if any(True for _ in m.parameters(recurse=False))]
    chosen = layers[len(layers) - max(1, round(share * len(layers))) :]
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for layer in chosen:
            reset = getattr(layer, "reset_parameters", None)
            if callable(reset):
                reset()
                continue
            for parameter in layer.parameters(recurse=False):  # no known start: the same values, shuffled
                parameter.copy_(parameter.flatten()[torch.randperm(parameter.numel())].view_as(parameter))
    return replace(subject, module=module.eval())
