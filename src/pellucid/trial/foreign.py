"""A model that is not ours, put on trial: described by a small TOML card, loaded without running anything that was not asked for.

Kinds (`KINDS`): a timm or torchvision architecture with a file of weights; a factory of the user's own code (only where the user
allows code to run); a TorchScript file; an ONNX file, which is a black box without gradients.
"""

import importlib
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import AfterValidator
from safetensors.torch import load_file
from torch import Tensor, nn

from pellucid.errors import CardError, InputError, MissingExtra, TamperedError, UnknownName
from pellucid.models.card import Labels, PreparationSpec, load_toml, parse, sha256_of
from pellucid.record import FrozenDict, PreparationStep, Record, Sha256, Text
from pellucid.train.labels import check_states

Kind = Literal["timm", "torchvision", "module", "torchscript", "onnx"]


Options = Annotated[
    Mapping[str, str | bool | int | float | tuple[int, ...] | tuple[float, ...] | tuple[str, ...]], AfterValidator(FrozenDict)
]
"""What a library's constructor takes; whole numbers in a list stay whole (a Swin counts its layers by them)."""


class ModelSpec(Record):
    """Which model: how it is built, its weights, what it gives and what its makers say of it."""

    name: Text
    version: Text = "1"
    kind: Kind
    architecture: Text | None = None
    """timm or torchvision name; for `module`, `package.module:factory`."""
    options: Options = FrozenDict()
    """Keyword arguments of the architecture, such as num_classes."""
    weights: Text
    """File beside the card: safetensors, or a state dict that torch wrote; for torchscript and onnx the model itself."""
    weights_sha256: Sha256 | None = None
    output: str | int | None = None
    """Key or position of the scores, where the model gives a dictionary or a tuple."""
    channels: Literal[1, 3] = 3
    """Channels that the model takes; preparation gives three, of which one is handed on where this is 1."""
    scores: Literal["softmax", "sigmoid", "as given"] = "softmax"
    """How the scores become probabilities."""
    classes: tuple[Text, ...]
    title: Text | None = None
    licence: Text | None = None
    training_data: Text | None = None
    developer: Text | None = None
    intended_use: Text | None = None
    declared_by: Text | None = None
    declared_on: Text | None = None


class DataColumns(Record):
    """How a manifest's columns are read."""

    image: Text = "image"
    folder: str = "images"
    label: Labels | None = None
    masks: tuple[Text, ...] = ()
    patient: str | None = None
    groups: tuple[Text, ...] = ()
    """Columns that name a site, a scanner or another source."""
    fold: str | None = None
    unseen: bool | None = None
    """Whether the model did not learn from these images, where someone declares it."""
    title: Text | None = None
    citation: Text | None = None
    licence: Text | None = None


class ForeignCard(Record):
    """The whole card; an unknown key is an error."""

    model: ModelSpec
    preparation: tuple[PreparationSpec, ...]
    data: DataColumns = DataColumns()

    def plan(self) -> tuple[PreparationStep, ...]:
        """The preparation as steps."""
        return tuple(
            PreparationStep(
                name=step.name,
                parameters={k: tuple(v) if isinstance(v, list) else v for k, v in (step.model_extra or {}).items()},
            )
            for step in self.preparation
        )


@dataclass(frozen=True)
class Foreign:
    """A loaded model: the module, whether gradients pass through it, and the hash of its weights."""

    card: ForeignCard
    module: nn.Module
    gradients: bool
    weights_sha256: str


def load_foreign(path: Path, *, allow_code: bool = False) -> Foreign:
    """The model that a card describes.

    Raises:
        CardError: the card or the weights cannot be used.
        RecipeError: labels of the card lead to a class that it does not name.
        TamperedError: the weights do not have the hash that the card states.
        InputError: the card names code (`kind = "module"`) and `allow_code` was not given.
    """
    card = parse(ForeignCard, load_toml(path), str(path))
    spec = card.model
    if len(spec.classes) < 2 or len(set(spec.classes)) != len(spec.classes):
        raise CardError(f"{path}: model.classes: expected two or more different names, got {spec.classes}")
    if not any(step.name == "letterbox" for step in card.preparation):
        raise CardError(f"{path}: preparation: expected a step 'letterbox' with the model's input size, got none")
    check_states(card.data.label, spec.classes, f"{path}: data.label")
    if any(kind(spec.weights).anchor or ".." in kind(spec.weights).parts for kind in (PurePosixPath, PureWindowsPath)):
        raise CardError(
            f"{path}: model.weights: expected a file beside the card or in a folder below it, got {spec.weights!r}; copy it there"
        )
    weights = path.parent / spec.weights
    if not weights.is_file():
        raise CardError(f"{path}: model.weights: expected a file beside the card, got nothing at {weights}")
    found = sha256_of(weights)
    if spec.weights_sha256 is not None and found != spec.weights_sha256:
        raise TamperedError(f"{weights}: expected SHA-256 {spec.weights_sha256[:12]}… as in the card, got {found[:12]}…")
    if spec.kind == "module" and not allow_code:
        raise InputError(
            f"{path}: the card names code to run ({spec.architecture}); read that code, then give --allow-code "
            "(Python: allow_code=True)"
        )
    module = KINDS[spec.kind](spec, weights)
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    return Foreign(card, module.eval(), spec.kind != "onnx", found)


def _architecture(spec: ModelSpec) -> str:
    if spec.architecture is None:
        raise CardError(f"model {spec.name}: kind {spec.kind!r} needs `architecture`, got none")
    return spec.architecture


def _options(spec: ModelSpec) -> dict[str, Any]:
    return dict(spec.options)


def _timm(spec: ModelSpec, weights: Path) -> nn.Module:
    import timm

    name = _architecture(spec)
    if not timm.is_model(name):
        raise UnknownName("timm architecture", name, timm.list_models())
    return _with_weights(_built(lambda: timm.create_model(name, False, **_options(spec)), spec), weights, spec)


def _torchvision(spec: ModelSpec, weights: Path) -> nn.Module:
    try:
        from torchvision import models
    except ImportError:
        raise MissingExtra("torchvision", "dev", "a torchvision model") from None
    name = _architecture(spec)
    if name not in models.list_models():
        raise UnknownName("torchvision architecture", name, models.list_models())
    return _with_weights(_built(lambda: models.get_model(name, weights=None, **_options(spec)), spec), weights, spec)


def _module(spec: ModelSpec, weights: Path) -> nn.Module:
    """A factory of the user's own code; `load_foreign` asked for permission before."""
    where, sign, factory = _architecture(spec).partition(":")
    if not sign or not factory:
        raise CardError(f"model {spec.name}: architecture: expected 'package.module:factory', got {spec.architecture!r}")
    try:
        make = getattr(importlib.import_module(where), factory)
    except (ImportError, AttributeError) as error:
        raise CardError(f"model {spec.name}: cannot import {spec.architecture!r}: {error}") from None
    return _with_weights(_built(lambda: make(**_options(spec)), spec), weights, spec)


def _built(make: Callable[[], Any], spec: ModelSpec) -> nn.Module:
    try:
        made = make()
    except (TypeError, ValueError, RuntimeError) as error:
        told = str(error).splitlines()[0]
        raise CardError(f"model {spec.name}: {spec.architecture} with {dict(spec.options)} cannot be built: {told}") from None
    if not isinstance(made, nn.Module):
        raise CardError(f"model {spec.name}: expected {spec.architecture} to give an nn.Module, got {type(made).__name__}")
    return made


CODE = re.compile(r"GLOBAL ([\w.]+)")
"""How torch names what a pickle would import."""


def _read_weights(weights: Path) -> Any:
    """What a file of weights holds, read so that nothing is run."""
    wanted = f"{weights}: expected safetensors or a state dict that torch wrote"
    try:
        return load_file(weights) if weights.suffix == ".safetensors" else torch.load(weights, "cpu", weights_only=True)
    except (
        Exception
    ) as error:  # torch raises whatever the bytes lead to, and its unpickling error is of a module not imported here
        code = CODE.search(str(error))
        if code is not None:
            raise CardError(
                f"{wanted}, got a file that would run code when read ({code[1]}), which was not run; "
                "save model.state_dict() as safetensors"
            ) from None
        raise CardError(
            f"{wanted}, got a file that is neither or is cut short; copy it again, or save it as safetensors"
        ) from None


def _with_weights(module: nn.Module, weights: Path, spec: ModelSpec) -> nn.Module:
    """A module with the weights of a file: safetensors, or a state dict read with `weights_only`, so that nothing is run."""
    state: Any = _read_weights(weights)
    nested = state.get("state_dict") if isinstance(state, Mapping) else None
    state = nested if isinstance(nested, Mapping) else state
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise CardError(f"{weights}: expected a state dict of tensors, got {type(state).__name__}; save model.state_dict()")
    try:
        module.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})
    except RuntimeError:
        raise CardError(
            f"{weights}: expected the weights of {spec.architecture}, got others: {_differing(module, state)}"
        ) from None
    return module


def _differing(module: nn.Module, state: Mapping[str, Tensor]) -> str:
    """How weights differ from what a module takes, in a short sentence."""
    own = module.state_dict()
    missing, extra = [k for k in own if k not in state], [k for k in state if k not in own]
    shaped = [k for k in own if k in state and own[k].shape != state[k].shape]
    said = [f"{len(names)} {what} (such as {names[0]})" for names, what in ((missing, "missing"), (extra, "unknown")) if names]
    if shaped:
        one, other = tuple(own[shaped[0]].shape), tuple(state[shaped[0]].shape)
        said.append(f"{len(shaped)} of another shape (such as {shaped[0]}: {one} expected, {other} in the file)")
    return "; ".join(said) or "they could not be copied"


def _torchscript(spec: ModelSpec, weights: Path) -> nn.Module:
    """A TorchScript file: its code is TorchScript's own and reaches neither files nor network."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", FutureWarning
            )  # torch calls TorchScript deprecated; files of it are about all the same
            return torch.jit.load(str(weights), map_location="cpu")
    except (RuntimeError, ValueError):
        raise CardError(
            f"{weights}: expected a TorchScript file, got one that cannot be opened (another kind, or cut short); export it"
        ) from None


class OnnxModule(nn.Module):
    """An ONNX file as a module: forward only, and its outputs carry no gradient."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        try:
            import onnxruntime
        except ImportError:
            raise MissingExtra("onnxruntime", "onnx", "an ONNX model") from None
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        try:
            self.session = onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
        except Exception:  # onnxruntime's errors share no class but Exception
            raise CardError(
                f"{weights}: expected an ONNX file, got one that cannot be opened (another kind, or cut short); export it"
            ) from None
        inputs = self.session.get_inputs()
        if len(inputs) != 1:
            names = ", ".join(i.name for i in inputs)
            raise CardError(
                f"{weights}: expected a model with one input, got {len(inputs)} ({names}); wrap it in one that takes the image"
            )
        self.input = inputs[0].name
        first = inputs[0].shape[0] if inputs[0].shape else None
        self.batch = first if isinstance(first, int) else None

    def forward(self, x: Tensor) -> Any:
        array = x.detach().cpu().numpy().astype(np.float32)
        if self.batch is None or len(array) == self.batch:
            return _outputs(self.session.run(None, {self.input: array}))
        if self.batch != 1:
            raise InputError(
                f"ONNX model: expected batches of {self.batch}, which its file fixes, got {len(array)}; "
                "export it with a free batch axis"
            )
        parts = [self.session.run(None, {self.input: array[i : i + 1]}) for i in range(len(array))]
        return _outputs([np.concatenate(column) for column in zip(*parts, strict=True)])


def _outputs(arrays: Sequence[Any]) -> Tensor | tuple[Tensor, ...]:
    tensors = tuple(torch.from_numpy(np.array(a, dtype=np.float32)) for a in arrays)
    return tensors[0] if len(tensors) == 1 else tensors


def _onnx(spec: ModelSpec, weights: Path) -> nn.Module:
    return OnnxModule(weights)


KINDS: dict[str, Callable[[ModelSpec, Path], nn.Module]] = {
    "timm": _timm,
    "torchvision": _torchvision,
    "module": _module,
    "torchscript": _torchscript,
    "onnx": _onnx,
}
"""Every kind of foreign model and how it is loaded."""


def pick_output(spec: ModelSpec) -> Callable[[Any], Tensor]:
    """A function from what the model gives to its scores (B, K), as the card says; InputError where they are not there."""
    wanted = len(spec.classes)

    def pick(given: Any) -> Tensor:
        found = _chosen(given, spec.output)
        if not isinstance(found, Tensor):
            kinds = (
                f"keys {', '.join(map(str, given))}"
                if isinstance(given, Mapping)
                else f"a {type(given).__name__} of {len(given)}"
                if isinstance(given, tuple | list)
                else type(given).__name__
            )
            raise InputError(
                f"model {spec.name}: expected scores as a tensor, got {kinds}; name them by model.output in the card"
            )
        if found.ndim != 2 or found.shape[1] not in ({1, 2} if wanted == 2 else {wanted}):
            raise InputError(
                f"model {spec.name}: expected scores (B, {wanted}) for the card's classes, got {tuple(found.shape)}; "
                "mend model.classes or model.output"
            )
        return torch.cat([-found, found], dim=1) / 2 if found.shape[1] == 1 else found

    return pick


def _chosen(given: Any, key: str | int | None) -> Any:
    """The part of an output by key, position or attribute; the whole where no key is given."""
    if key is None:
        return given
    if isinstance(given, Mapping):
        return given.get(key)
    if isinstance(given, tuple | list) and isinstance(key, int):
        return given[key] if -len(given) <= key < len(given) else None
    return getattr(given, key, None) if isinstance(key, str) else None
