"""A tiny set of synthetic lesions: dark ovals and stars on speckle, with masks, labels and folds."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

RECIPE = """
shadow_question = "malignancy"
shadow_outcomes = ["benign", "malignant"]
[reader]
name = "toy"
version = "0.1"
title = "Toy lesions"
modality = "US"
licence = "Apache-2.0"
[data]
title = "Synthetic"
citation = "none"
licence = "Apache-2.0"
patient_column = "case_id"
spacing_column = "pixel_size_cm"
spacing_factor = 10.0
[encoder]
frozen = true
width = 16
[[preparation]]
name = "luminance"
[[preparation]]
name = "letterbox"
size = 64
[[preparation]]
name = "normalise"
mean = [0.5, 0.5, 0.5]
std = [0.5, 0.5, 0.5]
[[places]]
name = "lesion"
mask_column = "tumor_mask"
[[measurements]]
name = "long_axis"
unit = "mm"
place = "lesion"
[[concepts]]
name = "shape"
states = ["oval", "round", "irregular"]
place = "lesion"
unless_found = "lesion"
[concepts.labels]
column = "shape"
values = { oval = "oval", round = "round", irregular = "irregular" }
[[concepts]]
name = "margin"
states = ["circumscribed", "not circumscribed"]
place = "lesion"
unless_found = "lesion"
[concepts.labels]
column = "margin"
values = { circumscribed = "circumscribed", "not circumscribed" = "not circumscribed" }
[[questions]]
name = "malignancy"
guideline = "breast-ultrasound-2013"
[questions.labels]
column = "classification"
values = { benign = "benign", malignant = "malignant" }
[train]
manifest = "data/manifest.csv"
views = 3
epochs = 3
batch = 8
[train.augment]
crop_to_place = 0.3
"""


def _case(folder: Path, index: int, rng: np.random.Generator) -> dict[str, str]:
    irregular = index % 2 == 1
    canvas = Image.new("L", (120, 100))
    draw = ImageDraw.Draw(canvas)
    x, y, a, b = rng.uniform(45, 75), rng.uniform(40, 60), rng.uniform(18, 26), rng.uniform(10, 15)
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    wobble = 1 + (0.35 * np.sin(7 * angles) if irregular else 0)
    draw.polygon(
        [(x + a * w * np.cos(t), y + b * w * np.sin(t)) for t, w in zip(angles, np.broadcast_to(wobble, 40), strict=True)], fill=1
    )
    mask = np.asarray(canvas)
    pixels = np.clip(rng.normal(130, 25, mask.shape) - 80 * mask, 0, 255).astype(np.uint8)
    name = f"case{index:03d}.png"
    Image.fromarray(pixels).save(folder / "images" / name)
    Image.fromarray(mask * 255).save(folder / "images" / name.replace(".png", "_tumor.png"))
    return {
        "case_id": str(index), "image": name, "tumor_mask": name.replace(".png", "_tumor.png"), "pixel_size_cm": "0.02",
        "shape": ("irregular" if irregular else ("round" if index % 6 == 0 else "oval")) if index != 4 else "not applicable",
        "margin": "not circumscribed" if irregular else "circumscribed",
        "classification": "malignant" if irregular else "benign", "fold": str((index // 2) % 3),
    }  # fmt: skip


@pytest.fixture(scope="session")
def toy_recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe beside its synthetic data set of 36 cases."""
    folder = tmp_path_factory.mktemp("toy")
    (folder / "data" / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows = [_case(folder / "data", i, rng) for i in range(36)]
    with (folder / "data" / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    path = folder / "toy.toml"
    path.write_text(RECIPE)
    return path
