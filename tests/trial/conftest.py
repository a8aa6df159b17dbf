"""A small set of images with a lesion on the left or right, and foreign models of every kind that look at it."""

import csv
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

SIDE = 64
CARD = """
[model]
name = "{name}"
kind = "{kind}"
{architecture}
weights = "{weights}"
classes = ["left", "right"]
{extra}

[[preparation]]
name = "luminance"
[[preparation]]
name = "letterbox"
size = 64
[[preparation]]
name = "normalise"
mean = 0.5
std = 0.25

[data]
masks = ["mask"]
patient = "patient"
groups = ["scanner"]
[data.label]
column = "side"
values = {{ l = "left", r = "right" }}
"""


def draw_image(index: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Noise with a bright disc on the left (even index) or right; and the disc as a mask."""
    y, x = np.mgrid[:SIDE, :SIDE]
    centre = (generator.integers(24, 40), 16 if index % 2 == 0 else 48)
    disc = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < 49
    pixels = generator.normal(70, 12, (SIDE, SIDE)) + 120 * disc
    return pixels.clip(0, 255).astype(np.uint8), (disc * 255).astype(np.uint8)


@pytest.fixture
def make_set(tmp_path: Path) -> Callable[..., Path]:
    """Writes a manifest with images and masks; gives its path. `change(rows)` may spoil it."""

    def make(count: int = 30, change: Callable[[list[dict[str, str]]], None] = lambda rows: None) -> Path:
        folder = tmp_path / "set"
        (folder / "images").mkdir(parents=True, exist_ok=True)
        generator = np.random.default_rng(1)
        rows = []
        for i in range(count):
            pixels, mask = draw_image(i, generator)
            Image.fromarray(pixels).save(folder / "images" / f"{i:03}.png")
            Image.fromarray(mask).save(folder / "images" / f"{i:03}_mask.png")
            row = {"image": f"{i:03}.png", "mask": f"{i:03}_mask.png", "side": "lr"[i % 2], "patient": f"p{i}"}
            rows.append({**row, "scanner": "AB"[i % 2]})
        change(rows)
        with (folder / "manifest.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return folder / "manifest.csv"

    return make


@pytest.fixture
def make_card(tmp_path: Path) -> Callable[..., Path]:
    """Writes the card of a model; gives its path."""

    def make(kind: str, weights: str, architecture: str = "", extra: str = "", name: str = "toy") -> Path:
        line = f'architecture = "{architecture}"' if architecture else ""
        path = tmp_path / f"{name}.toml"
        path.write_text(CARD.format(kind=kind, weights=weights, architecture=line, extra=extra, name=name), encoding="utf-8")
        return path

    return make


@pytest.fixture
def side_net(tmp_path: Path) -> Callable[[], Any]:
    """A net whose evidence is known on paper: 'right' is how bright the right half is, 'left' the left half."""
    torch = pytest.importorskip("torch")

    class SideNet(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.smooth = torch.nn.Conv2d(3, 4, 5, stride=4, padding=2, bias=False)
            self.head = torch.nn.Linear(4 * 16 * 16, 2, bias=False)
            with torch.no_grad():
                self.smooth.weight.fill_(1 / 75)
                half = torch.zeros(2, 4, 16, 16)
                half[0, :, :, :8] = half[1, :, :, 8:] = 0.02
                self.head.weight.copy_(half.flatten(1))

        def forward(self, x: Any) -> Any:
            return self.head(torch.relu(self.smooth(x)).flatten(1))

    return SideNet


@pytest.fixture
def side_card(tmp_path: Path, side_net: Callable[[], Any], make_card: Callable[..., Path]) -> Path:
    """The card of that net as a TorchScript file."""
    import torch

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # as in trial.foreign
        traced: Any = torch.jit.trace(side_net().eval(), torch.zeros(1, 3, SIDE, SIDE))
        traced.save(str(tmp_path / "side.pt"))
    return make_card("torchscript", "side.pt")


@pytest.fixture
def open_card(
    tmp_path: Path, side_net: Callable[[], Any], make_card: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The card of that net as a module of the user's own code, so that its layers can be seen."""
    import sys
    from types import ModuleType

    from safetensors.torch import save_file

    module = ModuleType("users_code")
    module.make = side_net  # pyright: ignore[reportAttributeAccessIssue]  # a stand-in for the user's module
    monkeypatch.setitem(sys.modules, "users_code", module)
    save_file(side_net().state_dict(), tmp_path / "side.safetensors")
    return make_card("module", "side.safetensors", "users_code:make")
