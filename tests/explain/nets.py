"""Small nets whose answers are known, and small ones of every family."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


def images(*shape: int, seed: int = 1) -> Tensor:
    """Standard normal noise, the same on every call."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def seeded(make: Any, *args: Any, seed: int = 0, **options: Any) -> Any:
    """A module whose weights are the same on every call; torch's own generator is left as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make(*args, **options)


class Linear(nn.Module):
    """Score k = sum of weight_k times pixels: every exact method must give weight times pixel."""

    def __init__(self, channels: int = 2, side: int = 8) -> None:
        super().__init__()
        self.head = nn.Linear(channels * side * side, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x.flatten(1))


class Means(nn.Module):
    """Channels as they are, their means, two classes: class 0 is channel 0 less channel 1."""

    def __init__(self) -> None:
        super().__init__()
        self.see = nn.Conv2d(2, 2, 1, bias=False)
        self.head = nn.Linear(2, 2)
        with torch.no_grad():
            self.see.weight.copy_(torch.eye(2).view(2, 2, 1, 1))
            self.head.weight.copy_(torch.tensor([[1.0, -1.0], [0.0, 2.0]]))
            self.head.bias.copy_(torch.tensor([0.5, 0.0]))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.see(x).mean(dim=(2, 3)))


class SmallCNN(nn.Module):
    """Three convolutions, in place after each, dropout, pooling, head."""

    def __init__(self, channels: int = 3, classes: int = 4, volume: bool = False) -> None:
        super().__init__()
        conv, norm, pool = (
            (nn.Conv3d, nn.BatchNorm3d, nn.AdaptiveAvgPool3d) if volume else (nn.Conv2d, nn.BatchNorm2d, nn.AdaptiveAvgPool2d)
        )
        self.features = nn.Sequential(
            conv(channels, 8, 3, padding=1), norm(8), nn.ReLU(inplace=True),
            conv(8, 12, 3, stride=2, padding=1), norm(12), nn.ReLU(inplace=True),
            conv(12, 16, 3, stride=2, padding=1), nn.ReLU(inplace=True),
        )  # fmt: skip
        self.pool = pool(1)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(16, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.drop(self.pool(self.features(x)).flatten(1)))


class Fused(nn.Module):
    """A convolutional encoder and patches joined on one grid, then transformer blocks behind a class token."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(16, width // 2, 3, stride=2, padding=1), nn.ReLU(),
        )  # fmt: skip
        self.patches = nn.Conv2d(3, width // 2, 8, stride=8)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.blocks = nn.ModuleList(nn.TransformerEncoderLayer(width, 4, 64, batch_first=True, norm_first=True) for _ in range(2))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        tokens = torch.cat([self.cnn(x), self.patches(x)], dim=1).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(x), -1, -1), tokens], dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        return self.head(self.norm(tokens)[:, 0])


class ClassLast(nn.Module):
    """A patch transformer that puts its class token behind the places, and may shuffle these."""

    def __init__(self, shuffled: bool = False) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 8, stride=8)
        self.token = nn.Parameter(torch.randn(1, 1, 16))
        self.first = nn.LayerNorm(16)
        self.block = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, norm_first=True)
        self.head = nn.Linear(16, 3)
        self.shuffled = shuffled

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        if self.shuffled:
            tokens = tokens[:, torch.randperm(tokens.shape[1], generator=torch.Generator().manual_seed(5))]
        tokens = self.first(torch.cat([tokens, self.token.expand(len(x), -1, -1)], dim=1))
        return self.head(self.block(tokens)[:, -1])


@dataclass
class Output:
    """What some libraries give."""

    logits: Tensor
    features: Tensor


class Wrapped(nn.Module):
    """A CNN whose output comes in another form."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.net, self.form = SmallCNN(), form

    def forward(self, x: Tensor) -> Any:
        y = self.net(x)
        forms = {
            "dict": {"logits": y, "features": y}, "tuple": (y, [x]), "dataclass": Output(y, y), "two": (y, y), "map": x,
            "one": y[:, 0],
        }  # fmt: skip
        return forms[self.form]
