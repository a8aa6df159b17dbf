"""A plain classifier: any timm model fine-tuned on one column of a manifest, with folds held out.

It is what explanation methods are tried on in `docs/studies/post_hoc.md`; it is no reader, and gives no reasons.
"""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.audit.agreement import auroc, balanced_accuracy
from pellucid.audit.interval import bootstrap
from pellucid.errors import RecipeError, UnknownName
from pellucid.models.card import FUSION, FusionSpec, parse
from pellucid.models.encoders import PACKAGED, packaged_state
from pellucid.models.fusion import FusionClassifier
from pellucid.train.classifier_data import ClassifierNet, ClassifierRecipe, ClassifierTrain, Labelled
from pellucid.train.files import write_whole

log = logging.getLogger(__name__)
WARM_UP = 0.1
HEAD_SPREAD = 0.01
WEIGHTS, RECIPE, FIGURES, CHECKPOINT = "weights.safetensors", "recipe.json", "figures.json", "checkpoint.pt"
Figures = dict[str, Any]


@dataclass(frozen=True)
class Classifier:
    """A trained net in evaluation mode: images (n, 3, S, S) -> logits (n, K); its recipe, and its figures on held-out cases."""

    net: nn.Module
    recipe: ClassifierRecipe
    figures: Figures = field(default_factory=dict[str, Any])


def new_classifier(net: ClassifierNet, classes: int) -> nn.Module:
    """The untrained net: ImageNet weights below a new head where `pretrained`, else random weights.

    Raises UnknownName where timm has no such model or no package carries its weights, RecipeError on options timm refuses.
    """
    if net.architecture == FUSION:
        return FusionClassifier(parse(FusionSpec, net.options, "net.options"), classes, pretrained=net.pretrained)
    if net.architecture not in timm.list_models():
        raise UnknownName("timm model", net.architecture, timm.list_models())
    if net.pretrained and net.architecture not in PACKAGED:
        raise UnknownName("packaged ImageNet weights", net.architecture, PACKAGED)
    try:
        made: nn.Module = timm.create_model(net.architecture, num_classes=classes, **net.options)
    except (TypeError, ValueError, AssertionError) as error:
        raise RecipeError(f"net {net.architecture}: expected options that timm takes, got {dict(net.options)}: {error}") from None
    if net.pretrained:
        state = packaged_state(PACKAGED[net.architecture], timm.create_model(net.architecture).state_dict())
        fitting = {k: v for k, v in state.items() if made.state_dict()[k].shape == v.shape}
        made.load_state_dict(fitting, strict=False)
        named: Any = made.pretrained_cfg
        head: Any = made.get_submodule(str(named["classifier"]))
        nn.init.normal_(head.weight, std=HEAD_SPREAD)  # timm draws it for a thousand classes: of two, the first logits are huge
        nn.init.zeros_(head.bias)
    return made


def train_classifier(recipe: ClassifierRecipe, cases: Labelled, out: Path) -> Classifier:
    """Trains on all but the held-out folds and measures on them; writes weights, recipe and figures to `out`.

    A training that was interrupted goes on from its last checkpoint; one that is whole, by the same recipe, is loaded.
    """
    finished = _finished(recipe, out)
    if finished is not None:
        return finished
    held = np.isin(cases.folds, recipe.data.held_out)
    torch.manual_seed(recipe.train.seed)
    net = new_classifier(recipe.net, len(recipe.data.classes))
    training = cases.part(~held)
    fit_classifier(net, training.images, _taught(training.labels, recipe.train), recipe.train, (out / CHECKPOINT, _key(recipe)))
    figures = measured(recipe, probabilities(net, cases.images[held]), cases.part(held))
    state = {k: v.contiguous() for k, v in net.state_dict().items()}
    write_whole(out / WEIGHTS, save(state))
    write_whole(out / FIGURES, json.dumps(figures, indent=1) + "\n")
    write_whole(out / RECIPE, _key(recipe))
    (out / CHECKPOINT).unlink(missing_ok=True)
    return Classifier(net.eval(), recipe, figures)


def load_classifier(folder: Path) -> Classifier:
    """A trained classifier from its folder; RecipeError where it is not whole."""
    for name in (WEIGHTS, RECIPE, FIGURES):
        if not (folder / name).is_file():
            raise RecipeError(f"expected a trained classifier, got no {name} in {folder}")
    recipe = ClassifierRecipe.model_validate_json((folder / RECIPE).read_text(encoding="utf-8"))
    blank = recipe.net.model_copy(update={"pretrained": False})
    net = new_classifier(blank, len(recipe.data.classes))
    net.load_state_dict(load_file(folder / WEIGHTS))
    return Classifier(net.eval(), recipe, json.loads((folder / FIGURES).read_text(encoding="utf-8")))


def _key(recipe: ClassifierRecipe) -> str:
    return recipe.model_dump_json() + "\n"


def _finished(recipe: ClassifierRecipe, out: Path) -> Classifier | None:
    path = out / RECIPE
    return load_classifier(out) if path.is_file() and path.read_text(encoding="utf-8") == _key(recipe) else None


def _taught(labels: NDArray[np.int64], train: ClassifierTrain) -> NDArray[np.int64]:
    return np.random.default_rng([train.seed, 1]).permutation(labels) if train.permute_labels else labels


def fit_classifier(
    net: nn.Module,
    images: NDArray[np.float32],
    labels: NDArray[np.int64],
    train: ClassifierTrain,
    checkpoint: tuple[Path, str] | None = None,
) -> None:
    """Trains a net in place by cross entropy (AdamW, warm-up and cosine) on images (n, C, H, W) and labels (n,).

    `checkpoint` names a file and what must be the same to go on from it.
    """
    optimiser = torch.optim.AdamW(net.parameters(), lr=train.rate, weight_decay=train.weight_decay)
    steps = train.epochs * max(1, len(labels) // train.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _factor(step / steps))
    parts = {"net": net, "optimiser": optimiser, "schedule": schedule}
    start = _resume(parts, checkpoint)
    for epoch in range(start, train.epochs):
        rng = np.random.default_rng([train.seed, 2, epoch])
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        torch.manual_seed(int(rng.integers(2**31)))  # dropout and stochastic depth, the same after a resumption
        net.train()
        losses = []
        for index in _batches(len(labels), train.batch, rng):
            x = vary(torch.from_numpy(images[index]), train, generator)
            loss = F.cross_entropy(net(x), torch.from_numpy(labels[index]))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        log.info("epoch %d of %d: loss %.3f", epoch + 1, train.epochs, float(np.mean(losses)))
        _save(parts, checkpoint, epoch + 1)
    net.eval()


def _factor(share: float) -> float:
    return max(share, 1e-3) / WARM_UP if share < WARM_UP else 0.5 * (1 + float(np.cos(np.pi * (share - WARM_UP) / (1 - WARM_UP))))


def _batches(n: int, size: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    order = rng.permutation(n)
    for start in range(0, max(1, n - size + 1), size):
        yield order[start : start + size]


def _save(parts: dict[str, Any], checkpoint: tuple[Path, str] | None, epoch: int) -> None:
    if checkpoint is None:
        return
    import io

    path, key = checkpoint
    buffer = io.BytesIO()
    torch.save({"key": key, "epoch": epoch, **{name: part.state_dict() for name, part in parts.items()}}, buffer)
    write_whole(path, buffer.getvalue())


def _resume(parts: dict[str, Any], checkpoint: tuple[Path, str] | None) -> int:
    """Epochs already done by the same recipe."""
    if checkpoint is None or not checkpoint[0].is_file():
        return 0
    state = torch.load(checkpoint[0], weights_only=True)
    if state["key"] != checkpoint[1]:
        return 0
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return int(state["epoch"])


def vary(x: Tensor, train: ClassifierTrain, generator: torch.Generator) -> Tensor:
    """Views of a batch (B, C, H, W): turned, zoomed, flipped, other brightness and contrast."""
    b = len(x)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(b, generator=generator)

    angle, zoom = torch.deg2rad(uniform(-train.rotate_deg, train.rotate_deg)), 1 / uniform(*train.zoom)
    flips = [
        torch.where(uniform(0, 1) < (0.5 if wanted else 0.0), -1.0, 1.0)
        for wanted in (train.flip in ("horizontal", "both"), train.flip == "both")
    ]
    theta = torch.zeros(b, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = torch.cos(angle) * zoom * flips[0], -torch.sin(angle) * zoom
    theta[:, 1, 0], theta[:, 1, 1] = torch.sin(angle) * zoom * flips[0], torch.cos(angle) * zoom * flips[1]
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    moved = F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)
    shape = (b, 1, 1, 1)
    contrast, brightness = 1 + uniform(-1, 1) * train.contrast, uniform(-1, 1) * train.brightness
    return moved * contrast.view(shape) + brightness.view(shape)


@torch.inference_mode()
def probabilities(net: nn.Module, images: NDArray[np.float32], batch: int = 32) -> NDArray[np.float64]:
    """Softmax of the logits (n, K) for images (n, C, H, W), the net in evaluation mode."""
    net.eval()
    parts = [torch.softmax(net(torch.from_numpy(images[i : i + batch])), dim=1) for i in range(0, len(images), batch)]
    return torch.cat(parts).numpy().astype(np.float64)


def measured(recipe: ClassifierRecipe, p: NDArray[np.float64], cases: Labelled) -> Figures:
    """Area under the curve (one against the rest, averaged over classes) and balanced accuracy with intervals over patients."""
    labels, classes = cases.labels, recipe.data.classes
    rng = np.random.default_rng(0)

    def area(y: NDArray[np.int64], q: NDArray[np.float64]) -> float:
        one = [auroc((y == k).astype(int), q[:, k]) for k in range(len(classes))][1 if len(classes) == 2 else 0 :]
        return float(np.mean(one))

    def balanced(y: NDArray[np.int64], q: NDArray[np.float64]) -> float:
        return balanced_accuracy(y, q.argmax(axis=1))

    return {
        "name": recipe.name,
        "n": len(cases),
        "patients": len(np.unique(cases.patients)),
        "classes": {name: int((labels == k).sum()) for k, name in enumerate(classes)},
        "held_out_folds": list(recipe.data.held_out),
        "auroc": bootstrap(area, (labels, p), rng, groups=cases.patients).as_dict(),
        "balanced_accuracy": bootstrap(balanced, (labels, p), rng, groups=cases.patients).as_dict(),
        "note": recipe.data.note,
    }
