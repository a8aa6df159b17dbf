"""The nets of the study of explanation methods, each with its cases and its functions of arrays (see post_hoc.py)."""

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.audit.agreement import auroc
from pellucid.audit.cases import Cases, Images, Maps, Predict
from pellucid.explain import Subject, concept_target, explain, recognise
from pellucid.explain.explaining import explain_outputs
from pellucid.images import prepare
from pellucid.knowledge import load_guideline
from pellucid.models.bottleneck import ConceptNet, Seen
from pellucid.models.card import Head
from pellucid.models.encoders import load_encoder
from pellucid.reader import load_reader
from pellucid.record import PreparationStep
from pellucid.train.classifier import load_classifier
from pellucid.train.classifier_data import load_labelled
from pellucid.train.data import Cases as Labelled
from pellucid.train.data import load_cases, open_case, place_masks
from pellucid.train.fit import Job, train_net
from pellucid.train.recipe import Recipe, load_recipe
from pellucid.train.views import make_views
from pellucid.trial.subject import random_weights

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
BATCH = 16
CONCEPTS = {"breast-ultrasound": "margin", "fundus": "hard_exudates"}
HELD_OUT = (2, 3)
CONCEPT_SIDE, CONCEPT_VIEWS, MOST = 192, 8, 60


@dataclass(frozen=True)
class Shown:
    """A model on trial: subject, cases with the class explained in each, what a net that segments marks, its own figures."""

    subject: Subject
    cases: Cases
    target: str
    groups: tuple[NDArray[np.int64], ...]
    """Columns of the scores that compete."""
    places: tuple[tuple[int, int], ...] | None = None
    """Of a concept net: (concept, state) of each column."""
    reference: Maps | None = None
    figures: dict[str, Any] = field(default_factory=dict[str, Any])
    notes: tuple[str, ...] = ()

    @property
    def predict(self) -> Predict:
        """The model as a function of arrays."""
        return self.predicting(self.subject)

    def predicting(self, subject: Subject) -> Predict:
        """Another model with the same outputs: images -> probabilities, group by group."""

        @torch.inference_mode()
        def predict(images: Images) -> NDArray[np.float64]:
            parts: list[Tensor] = []
            for i in range(0, len(images), BATCH):
                scores = subject.output(subject.module(torch.from_numpy(np.ascontiguousarray(images[i : i + BATCH]))))
                out = torch.empty_like(scores)
                for columns in self.groups:
                    out[:, columns] = torch.softmax(scores[:, columns], dim=1)
                parts.append(out)
            return torch.cat(parts).double().numpy()

        return predict

    def random(self, share: float) -> Subject | None:
        """The model with random weights in the last share of its layers."""
        return random_weights(self.subject, share, 0)

    def maps(self, subject: Subject, images: Images, targets: NDArray[np.int64], method: str, options: dict[str, Any]) -> Maps:
        """Maps (n, H, W) of a method on a subject."""
        out = np.empty((len(images), *images.shape[2:]), np.float32)
        for start in range(0, len(images), BATCH):
            some, rows = slice(start, start + BATCH), targets[start : start + BATCH]
            tensor = torch.from_numpy(np.ascontiguousarray(images[some]))
            if self.places is None:
                out[some] = explain_outputs(subject, tensor, rows, method, **options).values
                continue
            for index in np.unique(rows):
                which = np.flatnonzero(rows == index)
                target = concept_target(*self.places[int(index)], f"output {index}")
                out[start + which] = explain(subject, tensor[which], target, method, **options).values
        return out


def classifier(models: Path, name: str) -> Shown:
    """A plain classifier and the cases of its held-out folds; explained is the class it gives each."""
    made = load_classifier(models / name)
    recipe = made.recipe
    stem = "-".join(part for part in name.split("-") if not part.isdigit() and part != "permuted")
    cases = load_labelled(recipe, (ROOT / "recipes" / "classifiers" / recipe.data.manifest).resolve())
    held = cases.part(np.isin(cases.folds, recipe.data.held_out))
    classes = len(recipe.data.classes)
    subject = recognise(made.net, held.images.shape[1:], name=stem)
    shown = Shown(
        subject,
        Cases(held.images, np.zeros(len(held), np.int64), held.patients, held.masks),
        "the class it gives",
        (np.arange(classes),),
        figures=made.figures,
        notes=tuple(filter(None, (recipe.data.note, f"held-out folds {recipe.data.held_out}, {len(held)} cases"))),
    )
    reference = models / "concept-nets" / "places.npz"
    if held.masks is not None and reference.is_file():
        with np.load(reference) as kept:
            found = {str(n): p for n, p in zip(kept["names"], kept["places"], strict=True)}
        side = held.images.shape[-1]
        shown = replaced(shown, reference=np.stack([resized(found[n], side) for n in held.names]))
    return replaced(shown, targets=shown.predict(held.images).argmax(axis=1))


def replaced(shown: Shown, targets: NDArray[np.int64] | None = None, reference: Maps | None = None) -> Shown:
    """The same with the class explained in each case, or with a reference."""
    from dataclasses import replace

    if reference is not None:
        shown = replace(shown, reference=reference)
    return shown if targets is None else replace(shown, cases=replace(shown.cases, targets=targets))


def resized(places: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """A map (h, w) at another size, linear."""
    tensor = torch.from_numpy(places)[None, None]
    return torch.nn.functional.interpolate(tensor, size=(side, side), mode="bilinear", align_corners=False)[0, 0].numpy()


def concept_nets(folder: Path) -> tuple[Shown, Shown, Shown]:
    """Pellucid's concept net on breast-us at 192 px, folds 2 and 3 held out: seed 0, seed 1, and seed 0 on permuted labels.

    Also writes what seed 0 marks as the lesion on every case: the reference of localisation, on cases that it never saw.
    """
    recipe = load_recipe(ROOT / "recipes" / "breast-ultrasound.toml")
    steps = tuple(s.model_copy(update={"size": CONCEPT_SIDE}) if s.name == "letterbox" else s for s in recipe.preparation)
    train = recipe.train.model_copy(update={"views": CONCEPT_VIEWS})
    recipe = recipe.model_copy(update={"preparation": steps, "train": train})
    categories = {q.name: tuple(load_guideline(q.guideline).questions[q.name].categories) for q in recipe.questions}
    cases = load_cases(recipe, DATA / "breast-us" / "manifest.csv", categories)
    views = make_views(cases, recipe, load_encoder(recipe.encoder.name, pretrained=True).eval(), folder / "views")
    training = np.flatnonzero(~np.isin(cases.folds, HELD_OUT))
    held = np.flatnonzero(np.isin(cases.folds, HELD_OUT))
    shuffled = permuted(cases, training)
    nets = [
        train_net(Job(training, 0, folder, "seed0"), cases, views, recipe),
        train_net(Job(training, 1, folder, "seed1"), cases, views, recipe),
        train_net(Job(training, 0, folder, "permuted"), shuffled, views, recipe),
    ]
    shown = [concept_shown(net, recipe, cases, held, "breast-ultrasound") for net in nets]
    everyone = np.stack([prepare(open_case(cases, recipe.data, int(i)).pixels(), recipe.plan()).array for i in held])
    np.savez(folder / "places.npz", names=np.array([cases.names[i] for i in held]), places=lesion_maps(nets[0], everyone))
    return shown[0], shown[1], shown[2]


def permuted(cases: Labelled, training: NDArray[np.int64]) -> Labelled:
    """The same cases with concepts and outcomes shuffled among the training cases; places stay."""
    from dataclasses import replace

    order = np.random.default_rng(0).permutation(training)
    labels, outcomes = cases.labels.copy(), {k: v.copy() for k, v in cases.outcomes.items()}
    labels[training] = cases.labels[order]
    for name, values in outcomes.items():
        values[training] = cases.outcomes[name][order]
    return replace(cases, labels=labels, outcomes=outcomes)


@torch.inference_mode()
def lesion_maps(net: ConceptNet, images: Images) -> NDArray[np.float32]:
    """Where the net sees its first kind of place (n, H, W), as probabilities in the grid of the images."""
    parts = [torch.sigmoid(net(torch.from_numpy(images[i : i + BATCH])).places[:, :1]) for i in range(0, len(images), BATCH)]
    found = torch.nn.functional.interpolate(torch.cat(parts), size=images.shape[2:], mode="bilinear", align_corners=False)
    return found[:, 0].numpy()


def concept_shown(net: ConceptNet, head: Head, cases: Labelled, index: NDArray[np.int64], name: str) -> Shown:
    """A concept net and some cases; explained is the likeliest state of one concept."""
    named = [(k, s) for k, c in enumerate(head.concepts) for s in range(len(c.states))]
    states = [len(c.states) for c in head.concepts]

    def flat(seen: Seen) -> Tensor:
        return torch.cat([seen.logits[:, k, :n] for k, n in enumerate(states)], dim=1)

    images, masks = prepared_cases(cases, head, index)
    subject = recognise(net.eval(), images.shape[1:], output=flat, name=name)
    ends = np.cumsum([0, *states])
    groups = tuple(np.arange(a, b) for a, b in itertools.pairwise(ends))
    concept = [c.name for c in head.concepts].index(CONCEPTS[name])
    shown = Shown(
        subject,
        Cases(images, np.zeros(len(images), np.int64), cases.patients[index], masks),
        f"the likeliest state of {CONCEPTS[name]}",
        groups,
        tuple(named),
        lesion_maps(net, images) if name == "breast-ultrasound" else None,
    )
    p = shown.predict(images)[:, groups[concept]]
    known = cases.labels[index, concept] >= 0
    figures = {"concept": CONCEPTS[name], "n": int(known.sum())}
    if len(groups[concept]) == 2:
        figures["auroc"] = {"value": float(auroc(cases.labels[index, concept][known], p[known, 1]))}
    return replaced(with_figures(shown, figures), targets=groups[concept][p.argmax(axis=1)])


def with_figures(shown: Shown, figures: dict[str, Any]) -> Shown:
    """The same with its figures."""
    from dataclasses import replace

    return replace(shown, figures=figures)


def prepared_cases(cases: Labelled, head: Head, index: NDArray[np.int64]) -> tuple[Images, NDArray[np.bool_] | None]:
    """Images as a card prepares them, and the lesion in the same grid where the card has masks of it."""
    images, masks = [], []
    for i in index:
        pixels = open_case(cases, head.data, int(i)).pixels()
        done = prepare(pixels, head.plan())
        images.append(done.array)
        if head.places and head.places[0].mask_column:
            lesion = place_masks(cases, head, int(i), pixels.shape[:2])[0] * np.uint8(255)
            masks.append(prepare(lesion, geometry(done.steps)).array[0] > 0.5)
    return np.stack(images), np.stack(masks) if masks else None


def geometry(steps: tuple[PreparationStep, ...]) -> list[PreparationStep]:
    """The steps that move pixels."""
    return [step for step in steps if step.name in ("crop", "field-of-view", "letterbox")]


def shipped(name: str) -> Shown:
    """A shipped reader and some images of its set, on which it was trained."""
    reader = load_reader(name)
    recipe: Recipe = load_recipe(ROOT / "recipes" / f"{name}.toml")
    categories = {q.name: tuple(load_guideline(q.guideline).questions[q.name].categories) for q in recipe.questions}
    folder = {"breast-ultrasound": "breast-us"}.get(name, name)
    cases = load_cases(recipe, DATA / folder / "manifest.csv", categories)
    index = np.sort(np.random.default_rng(0).permutation(len(cases))[:MOST])
    shown = concept_shown(reader.net, reader.card, cases, index, name)
    return with_notes(shown, "the reader was trained on these images")


def with_notes(shown: Shown, *notes: str) -> Shown:
    """The same with notes."""
    from dataclasses import replace

    return replace(shown, notes=(*shown.notes, *notes))
