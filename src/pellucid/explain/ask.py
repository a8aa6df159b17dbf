"""One question to a method, its answer, and the passes through the model from which every method is built."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from pellucid.errors import ExplainError
from pellucid.explain.layout import Layer
from pellucid.explain.maps import Target
from pellucid.explain.subject import Subject, called, in_channels_last


@dataclass(frozen=True)
class Ask:
    """What a method is asked. `options` hold every option of the method, given or by default."""

    subject: Subject
    images: Tensor
    """(B, C, H, W) or (B, C, D, H, W), on the model's device, prepared as the model takes them."""
    target: Target
    layer: Layer | None
    seed: int
    options: Mapping[str, Any]
    kept: dict[Any, Any] = field(default_factory=dict[Any, Any])
    """Passes already made, shared by methods that are asked together (see `methods.explain_all`)."""

    @property
    def space(self) -> tuple[int, ...]:
        """(H, W) or (D, H, W)."""
        return tuple(self.images.shape[2:])

    def generator(self) -> torch.Generator:
        """The method's only source of chance, on the CPU so that every device draws the same."""
        return torch.Generator().manual_seed(self.seed)


@dataclass(frozen=True)
class Answer:
    """What a method gives: (B, *grid), in the images' grid or a coarser one that `explain` enlarges."""

    values: Tensor
    samples: int | None = None
    standard_error: Tensor | None = None
    notes: tuple[str, ...] = ()


def at_least(ask: Ask, option: str, least: int) -> int:
    """A whole number option. Raises ExplainError below `least`."""
    given = ask.options[option]
    if not isinstance(given, int) or given < least:
        raise ExplainError(f"{option}: expected a whole number of at least {least}, got {given!r}")
    return given


def chunks(count: int, size: int) -> Iterator[slice]:
    """Slices of at most `size` that cover `count`."""
    for start in range(0, count, size):
        yield slice(start, min(count, start + size))


def checked(scores: Tensor, ask: Ask, count: int) -> Tensor:
    """The target's scores (B,), finite. Raises ExplainError."""
    if scores.shape != (count,):
        raise ExplainError(f"{ask.target.name}: expected a target of one score per image ({count},), got {tuple(scores.shape)}")
    if not scores.isfinite().all():
        raise ExplainError(
            f"{ask.target.name}: {ask.subject.name} gives NaN or infinity here; check preparation, weights and precision"
        )
    return scores


def scores_of(ask: Ask, images: Tensor) -> Tensor:
    """Scores (n,) of images by the forward pass alone, in chunks.

    Under `no_grad`, not `inference_mode`: a model may keep a tensor for its next call (position tables do), and one made in
    inference mode would break the user's next backward pass.
    """
    with torch.no_grad():
        parts = [one_pass(ask, images[part]) for part in chunks(len(images), ask.subject.at_once(False))]
    return torch.cat(parts)


def one_pass(ask: Ask, images: Tensor) -> Tensor:
    """Scores (n,) of one pass."""
    laid_out = in_channels_last(images) if ask.subject.channels_last else images
    return checked(ask.target.score(called(ask.subject.module, laid_out, ask.subject.name)), ask, len(images))


def gradients_of(ask: Ask, images: Tensor) -> tuple[Tensor, Tensor]:
    """Scores (n,) and their gradients by the pixels (n, C, …), in chunks."""
    scores: list[Tensor] = []
    gradients: list[Tensor] = []
    for part in chunks(len(images), ask.subject.at_once(True)):
        with torch.enable_grad():
            leaf = images[part].detach().clone().requires_grad_()
            score = one_pass(ask, leaf)
            gradients.append(differentiated(ask, score, [leaf])[0])
        scores.append(score.detach())
    return torch.cat(scores), torch.cat(gradients)


def gradients_at(ask: Ask, points: Iterable[Tensor]) -> Iterator[Tensor]:
    """Gradients (B, C, …) at each of many variants (B, C, …) of the images, as many variants in one pass as fit."""
    most = max(1, ask.subject.at_once(True) // len(ask.images))
    for together in batched(iter(points), most):
        _, gradients = gradients_of(ask, torch.cat(together))
        yield from gradients.split(len(ask.images))


def batched(items: Iterator[Tensor], size: int) -> Iterator[list[Tensor]]:
    """Lists of at most `size` items, read as they are needed."""
    while group := list(islice(items, size)):
        yield group


def differentiated(ask: Ask, score: Tensor, by: list[Tensor]) -> list[Tensor]:
    """Gradients of each image's own score. Raises ExplainError where there are none."""
    if not score.requires_grad:
        raise ExplainError(
            f"{ask.subject.name}: {ask.target.name} has no gradient: "
            f"{ask.subject.no_gradients or 'the target leaves the graph'}; "
            "use a method that needs the forward pass only (occlusion, rise, kernel-shap, lime)"
        )
    try:
        found = torch.autograd.grad(score.sum(), by, allow_unused=True)
    except RuntimeError as error:
        said = " ".join(str(error).split())[:160]
        raise ExplainError(
            f"{ask.subject.name}: the backward pass failed: {said}; use a method that needs the forward pass only"
        ) from error
    gradients = [torch.zeros_like(x) if g is None else g for x, g in zip(by, found, strict=True)]
    if not all(g.isfinite().all() for g in gradients):
        raise ExplainError(
            f"{ask.subject.name}: {ask.target.name} has a gradient that is NaN or infinite; check weights and precision"
        )
    return gradients


def module_of(ask: Ask) -> tuple[torch.nn.Module, Layer]:
    """The module of the layer that is asked of."""
    layer = ask.layer or ask.subject.layer()
    return ask.subject.module.get_submodule(layer.name), layer


def activations_of(ask: Ask) -> tuple[Tensor, Tensor]:
    """What the layer gives and the gradient of the score by it, as grids (B, C, *grid).

    One forward, and a backward down to the layer. Kept, so that several CAMs that are asked together share it.
    """
    module, layer = module_of(ask)
    key = ("activations", layer.name)
    if key not in ask.kept:
        size = ask.subject.fitting(max(ask.subject.bytes_forward, layer.bytes_after))
        parts = [_at_layer(ask, module, layer, ask.images[part]) for part in chunks(len(ask.images), size)]
        ask.kept[key] = (torch.cat([a for a, _ in parts]), torch.cat([g for _, g in parts]))
    activations, gradients = ask.kept[key]
    if not gradients.any():
        raise ExplainError(
            f"{ask.subject.name}: {ask.target.name} does not depend on layer {layer.name!r} for any of these images "
            "(gradient zero); take an earlier layer or a method that needs no layer"
        )
    return activations, gradients


def _at_layer(ask: Ask, module: torch.nn.Module, layer: Layer, images: Tensor) -> tuple[Tensor, Tensor]:
    leaves: list[Tensor] = []

    def begin_here(_module: Any, _inputs: Any, output: Any) -> Any:
        whole = isinstance(output, torch.Tensor)
        leaves[:] = [(output if whole else output[0]).detach().requires_grad_()]
        handed_on = leaves[0].clone()  # what follows may work in place
        return handed_on if whole else type(output)((handed_on, *output[1:]))

    hook = module.register_forward_hook(begin_here)
    try:
        with torch.enable_grad():
            score = one_pass(ask, images)
            if not leaves:
                raise ExplainError(f"{ask.subject.name}: layer {layer.name!r} was not called for these images")
            gradient = differentiated(ask, score, leaves)[0]
    finally:
        hook.remove()
    return layer.to_grid(leaves[0].detach()), layer.to_grid(gradient)


def grid_of(ask: Ask) -> Tensor:
    """What the layer gives as a grid (B, C, *grid), by the forward pass alone."""
    module, layer = module_of(ask)
    if ("activations", layer.name) in ask.kept:
        return ask.kept["activations", layer.name][0]
    last: list[Tensor] = []
    parts: list[Tensor] = []

    def keep(_module: Any, _inputs: Any, output: Any) -> None:
        last[:] = [(output if isinstance(output, torch.Tensor) else output[0]).detach().clone()]

    hook = module.register_forward_hook(keep)
    try:
        for part in chunks(len(ask.images), ask.subject.at_once(False)):
            scores_of(ask, ask.images[part])
            parts.append(layer.to_grid(last[0]))
    finally:
        hook.remove()
    return torch.cat(parts)
