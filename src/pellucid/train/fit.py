"""The training loop of one net: views in, an averaged net out; checkpointed every few epochs, stopped early where asked."""

import copy
import io
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from pellucid.models.bottleneck import ConceptNet
from pellucid.models.build import expected_places, new_net
from pellucid.train.augment import varied_batch
from pellucid.train.data import Cases
from pellucid.train.files import write_whole
from pellucid.train.heads import fit_heads, inputs_of, look
from pellucid.train.losses import Targets, Weights, place_loss, total_loss
from pellucid.train.recipe import Recipe
from pellucid.train.views import Views

log = logging.getLogger(__name__)
WARM_UP = 0.1
CHECKPOINT_EPOCHS = 5
Schedule = torch.optim.lr_scheduler.LambdaLR


@dataclass(frozen=True)
class Job:
    """One net to train: on which cases, with which seed, and where its checkpoints go."""

    training: NDArray[np.int64]
    seed: int
    folder: Path
    name: str


def train_net(job: Job, cases: Cases, views: Views, recipe: Recipe) -> ConceptNet:
    """A net trained on the cases of a job; its running average, in evaluation mode. Goes on from its last checkpoint."""
    torch.manual_seed(job.seed)
    net = new_net(recipe, pretrained=True).to(memory_format=torch.channels_last)
    finished = _finished(net, job, recipe)
    if finished is not None:
        return finished
    average = copy.deepcopy(net).eval()
    rng = np.random.default_rng([recipe.train.seed, job.seed])
    training, inner = _inner_split(job, cases, recipe, rng)
    optimiser, schedule = _optimiser(net, recipe, len(training))
    loop = Loop(net, average, optimiser, schedule, job.folder / f"{job.name}.pt")
    start = loop.resume()
    bar = tqdm(range(start, recipe.train.epochs), desc=job.name, disable=None, initial=start, total=recipe.train.epochs)
    best, waited = loop.best, loop.waited
    for epoch in bar:
        loss = _epoch(loop, training, cases, views, recipe, np.random.default_rng([recipe.train.seed, job.seed, epoch]))
        text = f"loss {loss:.3f}"
        if len(inner):
            held = _held_loss(average, inner, cases, views, recipe)
            best, waited = (held, 0) if held < best else (best, waited + 1)
            if waited == 0:
                loop.keep_best()
            text += f", inner {held:.3f}"
        bar.set_postfix_str(text)
        log.info("%s epoch %d: %s", job.name, epoch + 1, text)
        loop.best, loop.waited = best, waited
        every = CHECKPOINT_EPOCHS if recipe.encoder.frozen else 1  # an epoch of a learning encoder takes minutes
        if epoch % every == every - 1 or epoch == recipe.train.epochs - 1:
            loop.save(epoch + 1)
        if waited >= recipe.train.patience:
            break
    result = loop.result().eval()
    if recipe.train.fit_heads:
        fit_heads(result, job.training, cases, views, recipe)
    _write(job.folder / f"{job.name}-whole.pt", {"key": _key(job, recipe), "net": result.state_dict()})
    return result


def _key(job: Job, recipe: Recipe) -> str:
    """What a finished net depends on, as text; another recipe, or other cases, do not take it over."""
    return f"{recipe.model_dump_json(exclude_defaults=True)} {job.seed} {job.training.tolist()}"


def _finished(net: ConceptNet, job: Job, recipe: Recipe) -> ConceptNet | None:
    """The net of a job that an earlier run finished with the same recipe, or None."""
    path = job.folder / f"{job.name}-whole.pt"
    if not path.exists():
        return None
    state = torch.load(path, weights_only=True)
    if state["key"] != _key(job, recipe):
        return None
    net.load_state_dict(state["net"])
    return net.eval()


def _write(path: Path, state: dict[str, Any]) -> None:
    """Saves a state; a kill leaves the previous file whole."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_whole(path, buffer.getvalue())


class Loop:
    """What moves during training, saved and restored as one."""

    def __init__(
        self, net: ConceptNet, average: ConceptNet, optimiser: torch.optim.Optimizer, schedule: Schedule, path: Path
    ) -> None:
        self.net, self.average, self.optimiser, self.schedule, self.path = net, average, optimiser, schedule, path
        self.best, self.waited = float("inf"), 0
        self.best_state: dict[str, Tensor] | None = None

    def keep_best(self) -> None:
        """Remembers the average as the best so far."""
        self.best_state = {k: v.clone() for k, v in self.average.state_dict().items()}

    def result(self) -> ConceptNet:
        """The best average where early stopping chose one, else the last."""
        if self.best_state is not None:
            self.average.load_state_dict(self.best_state)
        return self.average

    def save(self, epoch: int) -> None:
        """Writes a checkpoint; a kill leaves the previous one whole."""
        state = {
            "epoch": epoch,
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "best": self.best,
            "waited": self.waited,
            "best_state": self.best_state,
            "random": torch.get_rng_state(),
        }
        _write(self.path, state)

    def resume(self) -> int:
        """Restores the last checkpoint, if there is one; gives the number of epochs already done."""
        if not self.path.exists():
            return 0
        state = torch.load(self.path, weights_only=True)
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.best, self.waited, self.best_state = state["best"], state["waited"], state["best_state"]
        torch.set_rng_state(state["random"])
        return int(state["epoch"])


def _inner_split(job: Job, cases: Cases, recipe: Recipe, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if not recipe.train.inner_validation:
        return job.training, np.zeros(0, dtype=np.int64)
    patients = rng.permutation(np.unique(cases.patients[job.training]))
    kept = patients[: max(1, round(recipe.train.inner_validation * len(patients)))]
    aside = np.isin(cases.patients[job.training], kept)
    return job.training[~aside], job.training[aside]


def _optimiser(net: ConceptNet, recipe: Recipe, n: int) -> tuple[torch.optim.Optimizer, Schedule]:
    encoder = [p for p in net.encoder.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(
        [
            {"params": encoder, "lr": recipe.train.encoder_rate},
            {"params": list(net.bottleneck.parameters()), "lr": recipe.train.rate},
        ],
        weight_decay=recipe.train.weight_decay,
    )
    steps = max(1, recipe.train.epochs * max(1, n // recipe.train.batch))

    def factor(step: int) -> float:
        share = step / steps
        return (
            share / WARM_UP if share < WARM_UP else 0.5 * (1 + float(np.cos(np.pi * min(1.0, (share - WARM_UP) / (1 - WARM_UP)))))
        )

    return optimiser, Schedule(optimiser, factor)


def _batch(
    index: NDArray[np.int64], view: NDArray[np.int64], cases: Cases, views: Views, recipe: Recipe
) -> tuple[list[Tensor], Targets]:
    inputs = inputs_of(views, index, view)
    targets = Targets(
        labels=torch.from_numpy(cases.labels[index]),
        outcome=torch.from_numpy(cases.outcomes[recipe.shadow_question][index]),
        places=torch.from_numpy(views.places[index, view].astype(np.float32) / 255),
        known=torch.from_numpy(cases.known[index].astype(np.float32)),
    )
    return inputs, targets


def _loss(net: ConceptNet, inputs: list[Tensor], targets: Targets, recipe: Recipe) -> Tensor:
    """The weighted loss of a batch; where places alone count, nothing else is computed."""
    t = recipe.train
    if len(inputs) > 1 and not (t.concept_weight or t.attention_weight or t.shadow_weight):
        return place_loss(net.bottleneck.point_out(inputs), targets.places, targets.known)
    weights = Weights(t.concept_weight, t.attention_weight, t.shadow_weight)
    return total_loss(look(net, inputs), targets, weights, expected_places(recipe))


def _epoch(
    loop: Loop, training: NDArray[np.int64], cases: Cases, views: Views, recipe: Recipe, rng: np.random.Generator
) -> float:
    loop.net.train()
    order, losses = rng.permutation(training), []
    generator = torch.Generator().manual_seed(int(rng.integers(2**31))) if recipe.train.views == 1 else None
    for start in range(0, max(1, len(order) - recipe.train.batch + 1), recipe.train.batch):
        index = np.sort(order[start : start + recipe.train.batch])
        inputs, targets = _batch(index, rng.integers(0, recipe.train.views, len(index)), cases, views, recipe)
        if generator is not None and len(inputs) == 1:
            x, places = varied_batch(inputs[0], targets.places, recipe.train.augment, generator)
            inputs, targets = [x], replace(targets, places=places)
        loss = _loss(loop.net, inputs, targets, recipe)
        loop.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(loop.net.parameters(), 1.0)
        loop.optimiser.step()
        loop.schedule.step()
        steps = loop.schedule.last_epoch
        _average(loop.average, loop.net, min(recipe.train.average, (1 + steps) / (10 + steps)))
        losses.append(loss.item())
    return float(np.mean(losses))


@torch.no_grad()
def _average(average: nn.Module, net: nn.Module, decay: float) -> None:
    """Moves the running average on; early on the decay is small, so that nothing of the random start stays in it."""
    for kept, new in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


@torch.inference_mode()
def _held_loss(net: ConceptNet, inner: NDArray[np.int64], cases: Cases, views: Views, recipe: Recipe) -> float:
    inputs, targets = _batch(inner, np.zeros(len(inner), dtype=np.int64), cases, views, recipe)
    return float(_loss(net, inputs, targets, recipe))


@torch.inference_mode()
def logits_of(net: ConceptNet, index: NDArray[np.int64], view: int, views: Views) -> dict[str, NDArray[np.float32]]:
    """What a net says of one view of some cases: concepts (n, K, S), shadow (n, C), places (n, P, h, w), vector (n, D)."""
    parts: dict[str, list[Tensor]] = {"concepts": [], "shadow": [], "places": [], "vector": []}
    for chunk in np.array_split(index, max(1, len(index) // 8)):
        seen = look(net, inputs_of(views, chunk, view))
        for name, tensor in (
            ("concepts", seen.logits),
            ("shadow", seen.shadow),
            ("places", seen.places),
            ("vector", seen.vector),
        ):
            parts[name].append(tensor)
    return {name: torch.cat(tensors).numpy() for name, tensors in parts.items()}
