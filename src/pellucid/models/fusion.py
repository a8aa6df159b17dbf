"""Two CNN encoders and a transformer: grids laid on one another, every place attends to every other, then a convolution.

After Hussain et al. 2025 (EFFResNet-ViT, doi 10.1109/ACCESS.2025.3554184): fused grids, a 1x1 projection to 128, four blocks of
four heads with an MLP of 64, a convolution behind the transformer, pooling, a head. What differs here, so that it runs on small
sets and any image size: the grid is that of stride 16 (a 96 px image has nine cells at stride 32, which is nothing to attend
over), positions are sines and cosines and not learned, and group normalisation stands where the paper has batch normalisation.
The last grid keeps places, so Grad-CAM and Grad-CAM++ find it by themselves (`docs/studies/fusion.md` says what fusion adds).
"""

from typing import Any, Self

import torch
from timm.models.vision_transformer import Block
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.errors import InputError
from pellucid.models.bottleneck import Pointwise
from pellucid.models.card import FusionSpec
from pellucid.models.encoders import PACKAGED, Encoder, load_encoder

NORM_GROUPS = 8
MEAN = SPREAD = 0.5
"""What the recipe's `normalise` step takes off and divides by; `Renormalise` gives each encoder the one it learned with."""
WAVELENGTHS = 100.0
"""The longest wavelength of a position, in cells over 2 pi."""


class Renormalise(nn.Module):
    """Images normalised by 0.5 and 0.5 -> as the weights of one encoder learned to see them."""

    def __init__(self, mean: tuple[float, ...], spread: tuple[float, ...]) -> None:
        super().__init__()
        self.factor: Tensor
        self.shift: Tensor
        wanted_mean, wanted_spread = torch.tensor(mean), torch.tensor(spread)
        self.register_buffer("factor", (SPREAD / wanted_spread).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("shift", ((MEAN - wanted_mean) / wanted_spread).view(1, 3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor + self.shift


def positions(width: int, height: int, across: int) -> Tensor:
    """Where each cell of a grid lies: (1, height * across, width), sines and cosines of row and column (Vaswani et al. 2017)."""
    quarter = width // 4
    rates = WAVELENGTHS ** -(torch.arange(quarter) / quarter)
    y = (torch.arange(height).unsqueeze(1) * rates).unsqueeze(1).expand(height, across, quarter)
    x = (torch.arange(across).unsqueeze(1) * rates).unsqueeze(0).expand(height, across, quarter)
    return torch.cat([y.sin(), y.cos(), x.sin(), x.cos()], dim=-1).reshape(1, height * across, width)


class Fuse(nn.Module):
    """A joined grid (B, C, h, w) -> (B, post, h, w): projection, transformer blocks over the h w places, convolution."""

    def __init__(self, channels: int, spec: FusionSpec) -> None:
        super().__init__()
        self.hidden = spec.hidden
        self.project = Pointwise(channels, spec.hidden)
        self.norm = nn.GroupNorm(NORM_GROUPS, spec.hidden)
        share = spec.mlp / spec.hidden
        self.blocks = nn.Sequential(
            *(Block(spec.hidden, spec.heads, mlp_ratio=share, proj_drop=spec.dropout) for _ in range(spec.blocks))
        )
        self.post = nn.Sequential(
            nn.Conv2d(spec.hidden, spec.post, 3, padding=1), nn.GroupNorm(NORM_GROUPS, spec.post), nn.ReLU()
        )

    def forward(self, joined: Tensor) -> Tensor:
        grid = self.norm(self.project(joined))
        height, width = grid.shape[-2:]
        tokens = grid.flatten(2).transpose(1, 2) + positions(self.hidden, height, width).to(grid)
        return self.post(self.blocks(tokens).transpose(1, 2).unflatten(2, (height, width)))


class Still(nn.ModuleList):
    """Encoders that do not learn, nor move their running statistics where batch normalisation could not be folded away."""

    def __init__(self, encoders: list[Encoder]) -> None:
        super().__init__(encoders)
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        return super().train(False)


class Joined(nn.Module):
    """CNN encoders side by side: (B, 3, H, W) normalised by 0.5 and 0.5 -> their grids from `spec.stride` on as one grid.

    Gives the next finer grid of the CNNs too, None where there is none. Where `spec.frozen`, nothing in it learns.
    """

    def __init__(self, spec: FusionSpec, *, pretrained: bool = False) -> None:
        super().__init__()
        self.see = nn.ModuleList(
            Renormalise(PACKAGED[name].mean, PACKAGED[name].spread) if name in PACKAGED else nn.Identity()
            for name in spec.encoders
        )
        made = [load_encoder(name, pretrained=pretrained) for name in spec.encoders]
        self.encoders = (Still if spec.frozen else nn.ModuleList)(made)
        strides = [encoder.strides for encoder in made]
        if any(spec.stride not in s for s in strides):
            raise InputError(f"fusion: expected a stride that every encoder has, got {spec.stride}; they have {strides}")
        self.first = [s.index(spec.stride) for s in strides]
        pairs = list(zip(made, self.first, strict=True))
        self.each = tuple(sum(encoder.channels[first:]) for encoder, first in pairs)
        """Channels of the joined grid that come from each encoder, in their order."""
        self.finer = sum(encoder.channels[first - 1] for encoder, first in pairs if first > 0)
        """Channels of the finer grid, 0 where there is none."""

    def forward(self, x: Tensor) -> tuple[Tensor | None, Tensor]:
        finer: list[Tensor] = []
        joined: list[Tensor] = []
        for see, encoder, first in zip(self.see, self.encoders, self.first, strict=True):
            own: list[Tensor] = encoder(see(x))
            finer += own[first - 1 : first] if first > 0 else []
            joined += own[first:]
        return _on_one_grid(finer) if finer else None, _on_one_grid(joined)


class Fusion(nn.Module):
    """CNN encoders fused on one grid; an encoder as `encoders.Encoder` is: images -> grids, finest first."""

    def __init__(self, spec: FusionSpec, *, pretrained: bool = False) -> None:
        super().__init__()
        self.spec = spec
        self.joined = Joined(spec, pretrained=pretrained)
        self.fuse = Fuse(sum(self.joined.each), spec)
        self.channels: tuple[int, ...] = (self.joined.finer, spec.post) if self.joined.finer else (spec.post,)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, H, W) normalised by 0.5 and 0.5 -> the CNNs' finer grid (B, C, 2h, 2w), and the fused one (B, post, h, w)."""
        finer, joined = self.joined(x)
        fused = self.fuse(joined)
        return [fused] if finer is None else [finer, fused]


def _on_one_grid(grids: list[Tensor]) -> Tensor:
    """Grids side by side in channels, coarser ones drawn out to the size of the first."""
    size = grids[0].shape[-2:]
    return torch.cat(
        [g if g.shape[-2:] == size else F.interpolate(g, size=size, mode="bilinear", align_corners=False) for g in grids], dim=1
    )


class Head(nn.Module):
    """A joined grid (B, channels, h, w) -> logits (B, K): fused, averaged over places, a linear head; learns on frozen CNNs."""

    def __init__(self, channels: int, spec: FusionSpec, classes: int) -> None:
        super().__init__()
        self.fuse = Fuse(channels, spec)
        self.drop = nn.Dropout(spec.dropout)
        self.head = nn.Linear(spec.post, classes)

    def forward(self, joined: Tensor) -> Tensor:
        return self.head(self.drop(self.fuse(joined).mean(dim=(2, 3))))


class FusionClassifier(nn.Module):
    """(B, 3, H, W) images normalised by 0.5 and 0.5 -> logits (B, K)."""

    def __init__(self, spec: FusionSpec, classes: int, *, pretrained: bool = False) -> None:
        super().__init__()
        self.joined = Joined(spec, pretrained=pretrained)
        self.behind = Head(sum(self.joined.each), spec, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.behind(self.joined(x)[1])


def parameters_of(net: nn.Module) -> tuple[int, int]:
    """How many numbers a net holds, and how many of them learn."""
    every: list[Any] = list(net.parameters())
    return sum(p.numel() for p in every), sum(p.numel() for p in every if p.requires_grad)
