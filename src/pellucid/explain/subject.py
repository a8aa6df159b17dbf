"""A torch model with what is known of its inside, found by a dry run: no code of the user's is needed."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.errors import ExplainError
from pellucid.explain.dryrun import Inside, look_inside
from pellucid.explain.layout import Layer
from pellucid.explain.outputs import pick_scores
from pellucid.explain.still import still

MEMORY_MB = 1024
"""What the activations of one pass may take; batches are cut to it."""
MOST_AT_ONCE = 32
MOST_BACKWARD = 8
"""Images in one pass, and in one with a backward on a CPU: more is no faster there, and slower where it leaves the cache."""
SAME = 1e-3
"""By how much scores may differ, against their size, between two runs or alone and in a batch (float32 sums)."""
FAMILIES = {
    "cnn": "grids of convolutions",
    "vit": "tokens of one grid, behind class and register tokens",
    "swin": "attention within windows, channels last",
    "hybrid": "convolutions at several sizes, then tokens; also two encoders joined",
    "clip": "an image tower that gives an embedding",
    "concept": "Pellucid's concept net: it says itself what speaks for a concept",
    "black box": "nothing inside can be hooked: only methods that need no layer",
}
"""What `recognise` tells apart."""


@dataclass(frozen=True)
class Subject:
    """A model that was looked at by a dry run. `layers` keep places, in the order of the call, deepest last."""

    name: str
    module: nn.Module
    family: str
    input_shape: tuple[int, ...]
    """(C, H, W) or (C, D, H, W)."""
    outputs: int
    layers: tuple[Layer, ...]
    attentions: tuple[str, ...]
    """Blocks that attend from every token to every token, in the order of the call."""
    output: Callable[[Any], Tensor]
    """The model's raw output -> scores (B, K)."""
    flat: Mapping[str, str] = field(default_factory=dict[str, str])
    """Why each other layer has no places that a map could be drawn on."""
    no_gradients: str | None = None
    """Why gradients of the scores cannot be had; None where they can."""
    readout: tuple[int, ...] = ()
    """The tokens whose last state goes into the scores; empty where every place does."""
    channels_last: bool = False
    """Whether images go in with channels last in memory: a fifth to two fifths faster for convolutions on a CPU."""
    bytes_forward: int = 0
    bytes_backward: int = 0
    memory_mb: int = MEMORY_MB

    def layer(self, name: str | None = None) -> Layer:
        """A layer with places by name, by default the deepest. Raises ExplainError with the reason why it has none."""
        if not self.layers:
            raise ExplainError(
                f"{self.name}: expected a layer that keeps places, found none ({FAMILIES[self.family]}); "
                "use a method that needs the forward pass only"
            )
        if name is None:
            return self.layers[-1]
        found = next((layer for layer in self.layers if layer.name == name), None)
        if found is None:
            why = self.flat.get(name, "the model has no layer of this name")
            raise ExplainError(
                f"{self.name}: layer {name!r} has no places to draw on: {why}; the deepest that has: {self.layers[-1].name!r}"
            )
        return found

    def at_once(self, gradients: bool) -> int:
        """How many images go through the model in one pass."""
        fitting = self.fitting(self.bytes_backward if gradients else self.bytes_forward)
        return min(fitting, MOST_BACKWARD) if gradients and self.place()[0].type == "cpu" else fitting

    def fitting(self, each: int) -> int:
        """How many images of so many bytes each go through in one pass."""
        return max(1, min(MOST_AT_ONCE, self.memory_mb * 2**20 // max(1, each)))

    def place(self) -> tuple[torch.device, torch.dtype]:
        """Device and type of the images that the model takes: those of its weights."""
        weight = next((p for p in self.module.parameters() if p.is_floating_point()), torch.zeros(()))
        return weight.device, weight.dtype


def recognise(
    module: nn.Module,
    input_shape: tuple[int, ...],
    *,
    output: Callable[[Any], Tensor] | None = None,
    name: str = "model",
    memory_mb: int = MEMORY_MB,
) -> Subject:
    """Looks at a model by a dry run on noise: its family, the layers that keep places, its attention, its output.

    The module is never changed: training mode, dropout and frozen weights are put aside for the run and given back.

    Args:
        module: takes one batch (B, *input_shape) of floats.
        input_shape: (C, H, W) or (C, D, H, W) of one prepared image.
        output: picks scores (B, K) from the raw output where that is not plain (see `outputs.KNOWN`).
        memory_mb: what the activations of one pass may take.

    Raises ExplainError in one line: more than one input, NaN, scores that depend on the batch or change from run to run,
    output without scores.
    """
    if len(input_shape) not in (3, 4) or min(input_shape) < 1:
        raise ExplainError(f"{name}: expected input_shape (C, H, W) or (C, D, H, W), got {input_shape}")
    one_input(module, name)
    concept = is_concept_net(module)
    pick = output or (concept_scores if concept else pick_scores)
    with still(module):
        images = noise(module, input_shape)
        scores = checked_scores(module, images, pick, name)
        inside = look_inside(module, images, pick, skip="bottleneck" if concept else None)
        channels_last = inside.convolved and same_in_channels_last(module, images, pick, scores)
    return Subject(
        name=name,
        module=module,
        family="concept" if concept else family_of(module, inside),
        input_shape=input_shape,
        outputs=scores.shape[1],
        layers=inside.layers,
        attentions=inside.attentions,
        output=pick,
        flat=inside.flat,
        no_gradients=inside.no_gradients,
        readout=inside.readout,
        channels_last=channels_last,
        bytes_forward=inside.bytes_forward,
        bytes_backward=inside.bytes_backward,
        memory_mb=memory_mb,
    )


def one_input(module: nn.Module, name: str) -> None:
    """Raises ExplainError where the forward needs more than the images."""
    if isinstance(module, torch.jit.ScriptModule):
        return
    needed = [
        p.name
        for p in inspect.signature(module.forward).parameters.values()
        if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    if len(needed) > 1:
        raise ExplainError(
            f"{name}: expected a forward of one batch of images, got forward({', '.join(needed)}); "
            "wrap it in a module whose forward takes the images and fills in the rest"
        )


def noise(module: nn.Module, input_shape: tuple[int, ...]) -> Tensor:
    """Two images of standard normal noise (2, *input_shape) for the dry run, the same on every call."""
    weight = next((p for p in module.parameters() if p.is_floating_point()), torch.zeros(()))
    return torch.randn(2, *input_shape, generator=torch.Generator().manual_seed(0)).to(weight.device, weight.dtype)


def called(module: nn.Module, images: Tensor, name: str) -> Any:
    """The model's raw output; whatever it raises becomes one line that names the model and the shape.

    It gets a copy: a first layer that works in place must not change the caller's images, nor a leaf of the graph.
    """
    try:
        return module(images.clone())
    except ExplainError:
        raise
    except Exception as error:  # a foreign model may raise anything
        said = " ".join(str(error).split())[:200]
        raise ExplainError(
            f"{name}: the forward of images {tuple(images.shape)} failed with {type(error).__name__}: {said}; "
            "check input_shape, or wrap the part of the model that takes images"
        ) from error


@torch.no_grad()
def checked_scores(module: nn.Module, images: Tensor, pick: Callable[[Any], Tensor], name: str) -> Tensor:
    """Scores (2, K) of the dry run: finite, one row per image, the same again and alone."""
    first = pick(called(module, images, name))
    if first.ndim != 2 or len(first) != len(images):
        raise ExplainError(
            f"{name}: expected scores (B, K) = ({len(images)}, K), got {tuple(first.shape)}; the batch must come first"
        )
    if not first.isfinite().all():
        raise ExplainError(f"{name}: the scores of standard normal noise are NaN or infinite; check weights and precision")
    again, alone = pick(called(module, images, name)), pick(called(module, images[:1], name))
    spread = max(1.0, first.abs().max().item()) * SAME
    if (again - first).abs().max() > spread:
        raise ExplainError(
            f"{name}: the same images give other scores on a second run, also in evaluation mode; fix the source of chance first"
        )
    if (alone - first[:1]).abs().max() > spread:
        raise ExplainError(
            f"{name}: an image's scores depend on the others in its batch; a map would explain them too: normalise per image"
        )
    return first


@torch.no_grad()
def same_in_channels_last(module: nn.Module, images: Tensor, pick: Callable[[Any], Tensor], scores: Tensor) -> bool:
    """Whether the model takes images with channels last in memory: a `view` in its forward may not."""
    try:
        again = pick(module(in_channels_last(images)))
    except Exception:  # a foreign forward may raise anything; then the plain layout is kept
        return False
    return bool((again - scores).abs().max() <= max(1.0, scores.abs().max().item()) * SAME)


def in_channels_last(images: Tensor) -> Tensor:
    """The same images with channels last in memory."""
    return images.contiguous(memory_format=torch.channels_last if images.ndim == 4 else torch.channels_last_3d)


def is_concept_net(module: nn.Module) -> bool:
    """Whether the module says itself what speaks for a concept: `.grids(x)` and `.bottleneck.support(seen, grids)`."""
    return callable(getattr(module, "grids", None)) and callable(getattr(getattr(module, "bottleneck", None), "support", None))


def concept_scores(seen: Any) -> Tensor:
    """Logits (B, K, S) of concepts and their states as (B, K S)."""
    return seen.logits.flatten(1)


def family_of(module: nn.Module, inside: Inside) -> str:
    """One of `FAMILIES`, from what the dry run saw."""
    if not inside.layers:
        return "black box"
    named = " ".join(type(part).__name__.lower() for part in module.modules())
    if (
        inside.embeds
        or any(word in named for word in ("clipvision", "siglipvision"))
        or type(module).__module__.startswith("open_clip")
    ):
        return "clip"
    if "swin" in named or (inside.windows and not inside.convolved):
        return "swin"
    if not inside.tokens and not inside.attended:
        return "cnn"
    return "hybrid" if inside.convolved else "vit"
