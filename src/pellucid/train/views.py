"""Views: one image seen in several ways, made once, passed through a frozen encoder once, and kept on disk.

View 0 is the image as a reader will see it; view 1, where crops are asked for, is the image within a region of interest as a
reader of the report would draw it; the rest vary place, size, angle, light and noise.
"""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from torch import nn
from tqdm import tqdm

from pellucid.images.prepare import prepare
from pellucid.images.roi import Box, plan_within, widened
from pellucid.models.appearance import grids_of
from pellucid.record import PreparationStep
from pellucid.train.data import Cases, open_case, place_masks
from pellucid.train.recipe import Augment, Recipe

PLACE_STRIDE = 4


@dataclass(frozen=True)
class Views:
    """All views on disk: what goes into the net, places (N, V, P, H/4, W/4) uint8 0..255.

    `inputs` are the grids of a frozen encoder, each (N, V, C_i, h_i, w_i) float16, or the images themselves, (N, V, 3, H, W).
    """

    inputs: tuple[NDArray[np.float16], ...]
    places: NDArray[np.uint8]


def bounding_box(mask: NDArray[np.uint8]) -> Box | None:
    """The smallest box (x, y, w, h) around a mask (H, W), None where it is empty."""
    ys, xs = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    if not len(ys):
        return None
    return float(xs[0]), float(ys[0]), float(xs[-1] - xs[0] + 1), float(ys[-1] - ys[0] + 1)


def varied(
    pixels: NDArray[np.uint8], masks: NDArray[np.uint8], box: Box, size: int, rng: np.random.Generator, how: Augment
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """One random view of a box: pixels (size, size[, 3]) and masks (P, size, size), moved alike."""
    x, y, w, h = box
    scale = size / max(w, h) * rng.uniform(*how.zoom)
    sx, sy = scale * rng.uniform(0.93, 1.07), scale
    image = Image.fromarray(pixels)
    resized = image.resize(
        (max(1, round(image.width * sx)), max(1, round(image.height * sy))), Image.Resampling.BILINEAR, reducing_gap=3.0
    )
    angle = np.deg2rad(rng.uniform(-how.rotate, how.rotate))
    flip_x = -1.0 if how.flip_horizontal and rng.random() < 0.5 else 1.0
    flip_y = -1.0 if how.flip_vertical and rng.random() < 0.5 else 1.0
    centre = np.array([(x + w / 2) * sx, (y + h / 2) * sy]) + rng.uniform(-0.05, 0.05, 2) * size
    turn = np.array([[np.cos(angle) * flip_x, -np.sin(angle) * flip_y], [np.sin(angle) * flip_x, np.cos(angle) * flip_y]])
    offset = centre - turn @ np.array([size / 2, size / 2])
    matrix = (turn[0, 0], turn[0, 1], offset[0], turn[1, 0], turn[1, 1], offset[1])
    moved = resized.transform((size, size), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    moved_masks = [
        np.asarray(
            Image.fromarray(m)
            .resize(resized.size, Image.Resampling.NEAREST)
            .transform((size, size), Image.Transform.AFFINE, matrix)
        )
        for m in masks
    ]
    return lit(moved, rng, how), np.stack(moved_masks) if moved_masks else masks[:, :size, :size]


def lit(image: Image.Image, rng: np.random.Generator, how: Augment) -> NDArray[np.uint8]:
    """The same picture in another light: gamma, contrast, brightness, blur, noise (speckle in proportion to the signal)."""
    if rng.random() < how.blur:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.2)))
    values = np.asarray(image).astype(np.float32) / 255.0
    values = values ** np.exp(rng.uniform(-how.gamma, how.gamma))
    mean = values.mean()
    values = (values - mean) * (1 + rng.uniform(-how.contrast, how.contrast)) + mean * (
        1 + rng.uniform(-how.brightness, how.brightness)
    )
    if rng.random() < 0.5:
        noise = rng.standard_normal(values.shape, dtype=np.float32)
        if values.ndim == 3 and not np.ptp(values, axis=2).any():
            noise = noise[:, :, :1]  # a grey picture stays grey
        values = values + noise * how.noise * (0.3 + values)
    return (np.clip(values, 0, 1) * 255).astype(np.uint8)


def views_of(cases: Cases, recipe: Recipe, index: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """All views of one case: images (V, 3, S, S) normalised, places (V, P, S/4, S/4) as 0..255; seeded by recipe and index."""
    rng = np.random.default_rng([recipe.train.seed, index])
    pixels = open_case(cases, recipe.data, index).pixels()
    masks = place_masks(cases, recipe, index, pixels.shape[:2])
    plan = recipe.plan()
    straight = prepare(pixels, plan)
    size, how = straight.array.shape[-1], recipe.train.augment
    lesion = bounding_box(masks.max(axis=0)) if len(masks) and how.crop_to_place else None
    whole = _content(straight.steps, pixels.shape[:2])
    images, places = [straight.array], [_moved(masks, straight.affine, size)]
    base = prepare(pixels, [s for s in plan if s.name in {"luminance", "colour"}]).array
    base_pixels = (base.transpose(1, 2, 0) * 255 + 0.5).astype(np.uint8)
    tail = [s for s in plan if s.name == "normalise"]
    while len(images) < recipe.train.views:
        box = whole
        if lesion is not None and len(images) == 1:
            prepared = prepare(pixels, plan_within(plan, widened(lesion, recipe.roi_margin, pixels.shape[:2])))
            images.append(prepared.array)
            places.append(_moved(masks, prepared.affine, size))
            continue
        if lesion is not None and rng.random() < how.crop_to_place:
            box = widened(lesion, rng.uniform(0.25, 1.5), pixels.shape[:2])
        view, moved = varied(base_pixels, masks, box, size, rng, how)
        images.append(prepare(view, tail).array)
        places.append(_shrunk(moved))
    return np.stack(images), np.stack(places)


def _content(steps: tuple[PreparationStep, ...], shape: tuple[int, int]) -> Box:
    for step in steps:
        if step.name == "field-of-view":
            x, y, w, h = step.parameters["box"]  # pyright: ignore[reportGeneralTypeIssues] - four numbers
            return float(x), float(y), float(w), float(h)
    return 0.0, 0.0, float(shape[1]), float(shape[0])


def _moved(masks: NDArray[np.uint8], affine: NDArray[np.float64], size: int) -> NDArray[np.uint8]:
    matrix = (affine[0, 0], affine[0, 1], affine[0, 2], affine[1, 0], affine[1, 1], affine[1, 2])
    moved = [np.asarray(Image.fromarray(m).transform((size, size), Image.Transform.AFFINE, matrix)) for m in masks]
    return _shrunk(np.stack(moved) if moved else np.zeros((0, size, size), dtype=np.uint8))


def _shrunk(masks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    count, height, width = masks.shape
    blocks = masks[:, : height // PLACE_STRIDE * PLACE_STRIDE, : width // PLACE_STRIDE * PLACE_STRIDE]
    blocks = blocks.reshape(count, height // PLACE_STRIDE, PLACE_STRIDE, width // PLACE_STRIDE, PLACE_STRIDE)
    return (blocks.mean(axis=(2, 4)) * 255).astype(np.uint8)


def make_views(cases: Cases, recipe: Recipe, encoder: nn.Module, folder: Path) -> Views:
    """The views of all cases, through a frozen encoder, kept in `folder`; goes on where an earlier run stopped."""
    folder.mkdir(parents=True, exist_ok=True)
    encode = partial(_encode, measured=recipe.encoder.measured) if recipe.encoder.frozen else _as_is
    done_file = folder / "done.json"
    images, places = views_of(cases, recipe, 0)
    samples = encode(encoder, images[:1])
    key = view_key(recipe, len(cases))
    state = json.loads(done_file.read_text()) if done_file.exists() else {}
    start = int(state["done"]) if state.get("key") == key else 0
    mode = "r+" if start else "w+"
    lead = (len(cases), recipe.train.views)
    inputs = tuple(
        np.lib.format.open_memmap(folder / f"grid{i}.npy", mode=mode, dtype=np.float16, shape=(*lead, *sample.shape[1:]))
        for i, sample in enumerate(samples)
    )
    kept = np.lib.format.open_memmap(folder / "places.npy", mode=mode, dtype=np.uint8, shape=(*lead, *places.shape[1:]))
    for index in tqdm(range(start, len(cases)), desc="views", disable=None, initial=start, total=len(cases)):
        images, places = views_of(cases, recipe, index)
        for into, values in zip(inputs, encode(encoder, images), strict=True):
            into[index] = values
        kept[index] = places
        if index % 20 == 19 or index == len(cases) - 1:
            for array in (*inputs, kept):
                array.flush()
            done_file.write_text(json.dumps({"key": key, "done": index + 1}))
    return Views(inputs, kept)


def view_key(recipe: Recipe, count: int) -> dict[str, Any]:
    """What the views depend on; others are made where it changes."""
    wanted: dict[str, Any] = {
        "train": {"seed", "views", "augment"},
        "preparation": True,
        "encoder": {"name", "frozen", "measured"},
    }
    return {"recipe": recipe.model_dump(mode="json", include=wanted), "n": count}


@torch.inference_mode()
def _encode(encoder: nn.Module, images: NDArray[np.float32], *, measured: bool) -> list[NDArray[np.float16]]:
    batch = torch.from_numpy(images).contiguous(memory_format=torch.channels_last)
    parts = [grids_of(encoder, part, measured) for part in batch.split(8)]
    return [torch.cat(list(grids)).to(torch.float16).numpy() for grids in zip(*parts, strict=True)]


def _as_is(_encoder: nn.Module, images: NDArray[np.float32]) -> list[NDArray[np.float16]]:
    return [images.astype(np.float16)]
