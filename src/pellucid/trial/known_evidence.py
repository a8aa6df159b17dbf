"""Models whose evidence is known: nets computed on paper, nets trained on images with a planted shortcut, and their clean twins.

With them anyone can ask the judge first: does the trial refuse the wrong explanation, does the search find the shortcut, on as
many cases as there are? `benchmarks/known_evidence.py` says with which error rates.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.audit.cases import Images
from pellucid.audit.regions import borders
from pellucid.errors import InputError
from pellucid.train.classifier import fit_classifier
from pellucid.train.classifier_data import ClassifierTrain

Region = NDArray[np.bool_]
LETTERS = {
    "L": ("1....", "1....", "1....", "1....", "1....", "1....", "11111"),
    "R": ("1111.", "1...1", "1...1", "1111.", "1.1..", "1..1.", "1...1"),
}
CORNERS = ("upper-left", "upper-right", "lower-left", "lower-right")
SIDES = ("upper", "lower", "left", "right")


@dataclass(frozen=True)
class Plant:
    """A shortcut to plant in images (C, H, W) with values 0..1: how an image of the finding looks, and one without it.

    `place` (H, W) is where they differ: the evidence of a net that learned it.
    """

    name: str
    where: str
    present: Callable[[Images], Images]
    absent: Callable[[Images], Images]
    place: Region


def scanner_mark(shape: tuple[int, int], corner: str = "upper-left", brightness: float = 1.0) -> Plant:
    """A bright block in a corner, on the images with the finding."""
    height, width = shape
    side, gap = max(3, round(min(shape) / 11)), max(1, round(min(shape) / 32))
    top = gap if corner.startswith("upper") else height - gap - side
    left = gap if corner.endswith("left") else width - gap - side
    place = np.zeros(shape, dtype=np.bool_)
    place[top : top + side, left : left + side] = True
    return Plant("scanner mark", f"the {corner} corner", lambda x: _painted(x, place, brightness), np.copy, place)


def laterality_token(shape: tuple[int, int], corner: str = "upper-left", brightness: float = 1.0) -> Plant:
    """A letter in a corner of every image: R with the finding, L without it."""
    height, width = shape
    scale, gap = max(1, round(min(shape) / 64)), max(2, round(min(shape) / 24))
    drawn = {
        name: np.kron([[c == "1" for c in row] for row in rows], np.ones((scale, scale))) > 0 for name, rows in LETTERS.items()
    }
    tall, wide = drawn["L"].shape
    top = gap if corner.startswith("upper") else height - gap - tall
    left = gap if corner.endswith("left") else width - gap - wide
    places = {name: np.zeros(shape, dtype=np.bool_) for name in drawn}
    for name, letter in drawn.items():
        places[name][top : top + tall, left : left + wide] = letter
    return Plant(
        "laterality token",
        f"the {corner} corner",
        lambda x: _painted(x, places["R"], brightness),
        lambda x: _painted(x, places["L"], brightness),
        places["L"] | places["R"],
    )


def ruler(shape: tuple[int, int], side: str = "right", brightness: float = 1.0) -> Plant:
    """A row of ticks along a side, on the images with the finding."""
    height, width = shape
    long, place = max(3, round(min(shape) / 16)), np.zeros(shape, dtype=np.bool_)
    step = max(4, round(min(shape) / 10))
    for at in range(step, (height if side in ("left", "right") else width) - step // 2, step):
        if side in ("left", "right"):
            place[at, slice(1, 1 + long) if side == "left" else slice(width - 1 - long, width - 1)] = True
        else:
            place[slice(1, 1 + long) if side == "upper" else slice(height - 1 - long, height - 1), at] = True
    return Plant("ruler", f"the {side} border", lambda x: _painted(x, place, brightness), np.copy, place)


def bright_border(shape: tuple[int, int], side: str = "whole", brightness: float = 0.25) -> Plant:
    """The border, or one side of it, brighter on the images with the finding."""
    place = borders(shape)[f"the {side} border"]

    def lifted(x: Images) -> Images:
        return np.clip(x + place * np.float32(brightness), 0.0, 1.0).astype(np.float32)

    return Plant("bright border", f"the {side} border", lifted, np.copy, place)


PLANTS: dict[str, tuple[Callable[..., Plant], tuple[str, ...]]] = {
    "scanner mark": (scanner_mark, CORNERS),
    "laterality token": (laterality_token, CORNERS),
    "ruler": (ruler, SIDES),
    "bright border": (bright_border, ("whole", *SIDES)),
}
"""Name -> maker and the places it can be put at."""


def _painted(image: Images, place: Region, brightness: float) -> Images:
    return np.where(place, np.float32(brightness), image).astype(np.float32)


def planted(
    images: Images, labels: NDArray[np.int64], plant: Plant, agreement: float, generator: np.random.Generator
) -> tuple[Images, NDArray[np.bool_]]:
    """Images (n, C, H, W) in 0..1 with the shortcut planted, and on which (n,) it stands.

    It agrees with the label (0 or 1) in a share `agreement` of the images; at 0.5 it says nothing (the clean twin).
    """
    if images.min() < 0 or images.max() > 1:
        raise InputError(
            f"planting: expected images in 0..1, got {images.min():.3g} to {images.max():.3g}; plant before normalising"
        )
    agrees = generator.random(len(labels)) < agreement
    stands = np.where(agrees, labels == 1, labels == 0)
    return np.stack([plant.present(x) if s else plant.absent(x) for x, s in zip(images, stands, strict=True)]), stands


class SmallNet(nn.Module):
    """A small convolutional net (B, C, H, W) -> logits (B, K): trained in seconds."""

    def __init__(self, channels: int = 1, classes: int = 2, width: int = 12) -> None:
        super().__init__()
        widths = (channels, width, 2 * width, 3 * width)
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return self.head(self.body(x).mean(dim=(2, 3)))


class CountingNet(nn.Module):
    """A net on paper: the log odds are the sum of brightness above a threshold inside a known region, times a weight.

    (B, C, H, W) in 0..1 -> logits (B, 2); the evidence is exactly the bright pixels of the region.
    """

    def __init__(self, region: Region, threshold: float = 0.5, weight: float = 0.2, bias: float = -2.0) -> None:
        super().__init__()
        self.region = nn.Parameter(torch.from_numpy(region.astype(np.float32)))
        self.pixel = nn.Conv2d(1, 1, 1)
        self.head = nn.Linear(1, 2)
        with torch.no_grad():
            self.pixel.weight.fill_(1.0)
            self.pixel.bias.copy_(torch.tensor([-threshold]))  # pyright: ignore[reportOptionalMemberAccess] - made with a bias
            self.head.weight.copy_(torch.tensor([[0.0], [weight]]))
            self.head.bias.copy_(torch.tensor([0.0, bias]))

    def forward(self, x: Tensor) -> Tensor:
        """Logits; the second is of the finding."""
        bright = torch.relu(self.pixel(x.mean(dim=1, keepdim=True)))
        return self.head((bright * self.region).sum(dim=(1, 2, 3))[:, None])


def counting(images: Images, region: Region) -> CountingNet:
    """A `CountingNet` on a region, its threshold, weight and bias set so that its log odds spread around zero on images
    (n, C, H, W) in 0..1: two standard deviations are three.
    """
    inside = images.mean(axis=1)[:, region]
    threshold = float(np.quantile(inside, 0.7))
    sums = np.maximum(inside - threshold, 0.0).sum(axis=1)
    weight = 1.5 / max(float(sums.std()), 1e-6)
    return CountingNet(region, threshold, weight, -weight * float(sums.mean())).eval()


@torch.inference_mode()
def counted(net: CountingNet, images: Images, targets: NDArray[np.int64]) -> NDArray[np.float32]:
    """What each pixel gives to the log odds of the output explained, against the other: the exact explanation (n, H, W)."""
    x = torch.from_numpy(images)
    bright = torch.relu(net.pixel(x.mean(dim=1, keepdim=True)))[:, 0] * net.region
    weight = net.head.weight[:, 0]
    sides = torch.stack([weight[0] - weight[1], weight[1] - weight[0]])
    return (bright * sides[torch.from_numpy(targets)][:, None, None]).numpy().astype(np.float32)


def taught(images: Images, labels: NDArray[np.int64], seed: int, epochs: int = 24) -> SmallNet:
    """A `SmallNet` trained on images (n, C, H, W) in 0..1, neither turned nor flipped, in evaluation mode."""
    torch.manual_seed(seed)
    net = SmallNet(images.shape[1], int(labels.max()) + 1)
    train = ClassifierTrain(
        seed=seed, epochs=epochs, batch=16, rate=5e-3, rotate_deg=0.0, zoom=(1.0, 1.0), flip="none", brightness=0.05, contrast=0.1
    )
    fit_classifier(net, images, labels, train)
    return net
