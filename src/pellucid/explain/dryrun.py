"""What a dry run with hooks shows of a model: layers that keep places, attention, gradients, what a pass costs."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.explain.attended import Recorded, attention_open
from pellucid.explain.layout import Layer, Sizes, layout_of
from pellucid.explain.order import in_order, token_order

PASSED_ON = (nn.Identity, nn.Dropout, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
"""Modules that give on what they get: a layer of that name would stand for another."""
READ = 1e-6
"""Part of the largest gradient below which a token counts as not read."""


@dataclass
class Inside:
    """What was found."""

    layers: tuple[Layer, ...] = ()
    attentions: tuple[str, ...] = ()
    flat: dict[str, str] = field(default_factory=dict[str, str])
    no_gradients: str | None = None
    readout: tuple[int, ...] = ()
    tokens: bool = False
    attended: bool = False
    windows: bool = False
    convolved: bool = False
    """Convolutions at two or more sizes of grid."""
    embeds: bool = False
    bytes_forward: int = 0
    bytes_backward: int = 0


@dataclass
class Trace:
    """Outputs of every module in the order in which they end."""

    called: list[tuple[str, nn.Module, Tensor, int]] = field(default_factory=list[tuple[str, nn.Module, Tensor, int]])
    """Name, module, output, and the bytes of all outputs so far."""
    largest: int = 0
    total: int = 0


def first_tensor(output: Any) -> Tensor | None:
    """The tensor that a layer hands on: its output, or the first of a tuple; a list of grids is no layer."""
    if isinstance(output, tuple) and output:
        output = output[0]
    return output if isinstance(output, Tensor) else None


def leaf(images: Tensor) -> Tensor:
    """A copy that gradients can be asked of."""
    return images.detach().clone().requires_grad_()


def traced(module: nn.Module, trace: Trace) -> list[Any]:
    """Hooks that fill a trace."""

    def keep(name: str) -> Callable[..., None]:
        def hook(part: nn.Module, _: Any, output: Any) -> None:
            found = first_tensor(output)
            if found is not None:
                size = found.numel() * found.element_size()
                if not any(part.children()):
                    trace.largest, trace.total = max(trace.largest, size), trace.total + size
                trace.called.append((name, part, found, trace.total))

        return hook

    return [part.register_forward_hook(keep(name)) for name, part in module.named_modules() if name]


def look_inside(module: nn.Module, images: Tensor, pick: Callable[[Any], Tensor], skip: str | None) -> Inside:
    """Runs the model once with hooks on everything and looks at what came by. `skip`: a child whose layers are not offered."""
    if isinstance(module, torch.jit.ScriptModule):
        return black_box(module, images, pick)
    trace = Trace()
    hooks = traced(module, trace)
    try:
        with torch.enable_grad(), attention_open(module) as recorded:
            start = leaf(images)
            raw = module(start.clone())  # a copy: a first layer in place must not touch the leaf
    finally:
        for hook in hooks:
            hook.remove()
    inside = Inside(bytes_forward=4 * trace.largest // len(images), bytes_backward=trace.total // len(images))
    inside.embeds = any(hasattr(raw, name) for name in ("image_embeds", "pooler_output"))
    layouts = ordered(module, layouts_of(module, trace, inside, images, skip), inside, images)
    scores = pick(raw)
    if not scores.requires_grad:
        inside.no_gradients = "its forward leaves the graph (torch.no_grad, detach, another runtime or a decision inside)"
        inside.layers = tuple(layer for layer, _ in layouts)
        return inside
    try:
        keep_what_is_read(inside, layouts, scores, start)
    except RuntimeError as error:  # autograd finds a tensor that was overwritten
        inside.no_gradients = f"the backward pass failed: {why_failed(error)}"
        inside.layers = tuple(layer for layer, _ in layouts)
    look_at_attention(inside, recorded, layouts, len(images))
    return inside


def why_failed(error: RuntimeError) -> str:
    """Why a backward pass failed, in one whole sentence; torch's own text is long and holds addresses."""
    told = " ".join(str(error).split())
    if "inplace operation" in told or "in-place" in told:
        return "a layer overwrites in place what its gradient needs (write x = x + y, not x += y)"
    first = told.split(". ")[0].split(": ")[0].rstrip(".")
    return first if len(first) <= 160 else type(error).__name__


def black_box(module: nn.Module, images: Tensor, pick: Callable[[Any], Tensor]) -> Inside:
    """A compiled module: no hooks, though gradients may be there."""
    with torch.enable_grad():
        scores = pick(module(leaf(images).clone()))
    size = images[0].numel() * images.element_size()
    inside = Inside(bytes_forward=256 * size, bytes_backward=1024 * size)
    if not scores.requires_grad:
        inside.no_gradients = "its forward leaves the graph"
    return inside


def layouts_of(module: nn.Module, trace: Trace, inside: Inside, images: Tensor, skip: str | None) -> list[tuple[Layer, Tensor]]:
    """The layers whose output has the form of a grid, each with that output; the others go to `inside.flat` with the reason."""
    seen: list[tuple[int, ...]] = []
    convolved: set[tuple[int, ...]] = set()
    found: dict[str, tuple[Layer, Tensor]] = {}
    hint = getattr(module, "num_prefix_tokens", None)
    attention = {name for name, part in module.named_modules() if is_attention(part)}
    space = tuple(images.shape[2:])
    for name, part, output, before in trace.called:
        why = unoffered(name, part, attention, skip)
        known = Sizes(len(images), space, tuple(seen), hint if isinstance(hint, int) else None)
        layout = why or layout_of(name, tuple(output.shape), known)
        if isinstance(layout, str):
            inside.flat[name] = layout
            continue
        found.pop(name, None)  # called again: the last call counts, where it stands in the order
        layout = replace(layout, bytes_after=(trace.total - before) // len(images))
        found[name] = (layout, output)
        inside.tokens |= layout.kind in ("tokens", "sequence first")
        if layout.kind == "channels first" and layout.grid not in seen:
            seen.append(layout.grid)
        if isinstance(part, nn.Conv1d | nn.Conv2d | nn.Conv3d) and prod(part.kernel_size) > 1:
            convolved.add(layout.grid)
    inside.convolved = len(convolved) > 1
    inside.attended = any("attention" in type(part).__name__.lower() for part in module.modules() if is_attention(part))
    return list(found.values())


def is_attention(part: nn.Module) -> bool:
    """Whether a module is an attention by its name; a block that holds one beside its norms is not."""
    name = type(part).__name__.lower()
    return "att" in name and not any(word in name for word in ("block", "layer", "stage", "encoder", "net"))


def ordered(module: nn.Module, layouts: list[tuple[Layer, Tensor]], inside: Inside, images: Tensor) -> list[tuple[Layer, Tensor]]:
    """Layers of tokens with the side of class and registers as corners of the image show it."""
    layers = [layer for layer, _ in layouts]
    mixed = (i for i, layer in enumerate(layers) if is_attention(module.get_submodule(layer.name)))
    order = token_order(module, layers[: next(mixed, len(layers))], images)
    kept = {layer.name: layer for layer in in_order([layer for layer, _ in layouts], order)}
    for layer, _ in layouts:
        if layer.name not in kept:
            inside.flat[layer.name] = "its tokens are not in reading order: a changed corner of the image shows elsewhere"
    return [(kept[layer.name], output) for layer, output in layouts if layer.name in kept]


def unoffered(name: str, part: nn.Module, attention: set[str], skip: str | None) -> str | None:
    """Why a module is not offered as a layer though its output may look like a grid."""
    if isinstance(part, PASSED_ON):
        return "it passes on what it gets; take the layer before it"
    above = name.split(".")
    if any(".".join(above[:depth]) in attention for depth in range(1, len(above))):
        return "it is inside an attention block, whose axes are heads and pairs of tokens; take the block"
    if skip is not None and above[0] == skip:
        return "it is behind the grids from which the concepts take their evidence; only part of the evidence goes through it"
    return None


def keep_what_is_read(inside: Inside, layouts: list[tuple[Layer, Tensor]], scores: Tensor, start: Tensor) -> None:
    """Keeps layers of whose places the scores still depend on: after the last use of a token its gradient is zero."""
    probe = torch.randn(scores.shape, generator=torch.Generator().manual_seed(1)).to(scores)
    asked = [(layer, output) for layer, output in layouts if output.requires_grad]
    total = (scores.clamp(min=-1e3) * probe).sum()
    *gradients, _ = torch.autograd.grad(total, [*(o for _, o in asked), start], allow_unused=True)
    if not any(g is not None and g.any() for g in gradients):
        inside.layers = tuple(layer for layer, _ in asked)  # flat on noise (a head of zeros, saturation): it tells nothing
        return
    kept: list[Layer] = []
    for (layer, _), gradient in zip(asked, gradients, strict=True):
        if gradient is None or not layer.to_grid(gradient).any():
            inside.flat[layer.name] = (
                "the scores no longer depend on its places (gradient zero): "
                "it stands after the last use of the patch tokens, or beside the path"
            )
            continue
        kept.append(layer)
    inside.layers = tuple(kept)
    last = next(
        ((la, g) for (la, _), g in reversed(list(zip(asked, gradients, strict=True))) if la.kind == "tokens" and g is not None),
        None,
    )
    if last is not None:
        inside.readout = read_tokens(*last)


def read_tokens(layer: Layer, gradient: Tensor) -> tuple[int, ...]:
    """Which tokens the scores read in the last layer of tokens: those with a gradient; empty where places are among them."""
    amount = gradient.abs().sum(dim=(0, 2))
    read = (amount > READ * amount.max()).nonzero().flatten().tolist()
    places = range(layer.prefix, layer.prefix + prod(layer.grid))
    return () if any(token in places for token in read) else tuple(read)


def look_at_attention(inside: Inside, recorded: Recorded, layouts: list[tuple[Layer, Tensor]], batch: int) -> None:
    """Which blocks attend from every token to every token, and whether there are windows."""
    inside.attended |= bool(recorded.names)
    inside.windows = any(weights.shape[0] != batch for weights in recorded.weights)
    counts = {layer.prefix + layer.suffix + prod(layer.grid) for layer, _ in layouts if layer.kind != "channels first"}
    square = [(n, w) for n, w in zip(recorded.names, recorded.weights, strict=True) if w.shape[-2] > 1]  # one query pools
    if all(w.shape[0] == batch and w.shape[-1] == w.shape[-2] and w.shape[-1] in counts for _, w in square):
        inside.attentions = tuple(name for name, _ in square)
