"""Preparation: from display pixels to a model's input, as replayable steps with their inverse.

A plan is what a reader's card asks for; the steps of a `Prepared` are what was done, with every parameter that was found on
the way. Feeding those steps back through `replay` gives the identical array. Points are (x, y) with the origin at the outer
corner of the top-left pixel, so every step is a scale and a shift per axis and can be inverted exactly.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pellucid.errors import ImageError, InputError, UnknownName
from pellucid.record import PreparationStep

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]
Given = Mapping[str, Any]
Scale = tuple[float, float, float, float]
"""(sx, sy, ox, oy): x before the step = sx * x after it + ox, the same for y."""

RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "box": Image.Resampling.BOX, "bicubic": Image.Resampling.BICUBIC}
"""All three average over the area that a target pixel covers when they shrink, so nothing is aliased."""

REDUCING_GAP = 3.0
"""Large images are first shrunk by a whole factor, down to at least three times the target; Pillow's documentation calls the
result indistinguishable from full resampling at this value."""

FIELD_THRESHOLD = 0.06
"""Share of full brightness above which a pixel belongs to the field of view; the surround of a fundus photograph lies below."""

FIELD_SHARE = 0.02
"""Share of a row (or column) that must be bright for the row to belong to the field: a caption or a hot pixel does not count."""

LARGEST = 8192
"""Side of the largest letterbox, in pixels: no net takes more at once, and a slip of the pen must not fill the memory."""

UNCHANGED: Scale = (1.0, 1.0, 0.0, 0.0)


@dataclass(frozen=True)
class Prepared:
    """A model's input with the way back: array float32 (3, H, W), steps as applied, affine (2, 3) prepared -> original."""

    array: NDArray[np.float32]
    steps: tuple[PreparationStep, ...]
    affine: Floats

    def to_original(self, points: Any) -> Floats:
        """Points (N, 2) of the original image for points (N, 2) of the prepared one; (x, y) in pixels, outer corner 0."""
        return np.asarray(points, dtype=np.float64) @ self.affine[:, :2].T + self.affine[:, 2]

    def to_prepared(self, points: Any) -> Floats:
        """Points (N, 2) of the prepared image for points (N, 2) of the original one: the inverse of `to_original`."""
        return (np.asarray(points, dtype=np.float64) - self.affine[:, 2]) @ np.linalg.inv(self.affine[:, :2]).T


@dataclass(frozen=True)
class _Done:
    """What one step leaves: its pixels, its parameters with the found ones filled in, its way back."""

    pixels: NDArray[Any]
    parameters: Given
    scale: Scale = UNCHANGED


def prepare(pixels: Pixels, plan: Sequence[PreparationStep | Given]) -> Prepared:
    """The model's input for display pixels (H, W) or (H, W, 3) uint8, by the steps of a plan.

    A step is a `PreparationStep` or a mapping `{"name": …, **parameters}` as a card writes it. Without a `normalise` step the
    array is simply scaled to 0..1. Raises ImageError on pixels of another kind or a box outside the image, UnknownName on an
    unknown step, InputError on a parameter that does not fit.
    """
    _check_pixels(pixels)
    current: NDArray[Any] = pixels
    applied: list[PreparationStep] = []
    sx, sy, ox, oy = UNCHANGED
    for name, given in map(_named, plan):
        if current.dtype != np.uint8:
            raise InputError(f"preparation: expected 'normalise' to be the last step, got {name!r} after it; move it to the end")
        done = _apply(name, given, current)
        current = done.pixels
        applied.append(PreparationStep(name=name, parameters=done.parameters))
        tx, ty, px, py = done.scale
        sx, sy, ox, oy = sx * tx, sy * ty, sx * px + ox, sy * py + oy
    array = current if current.dtype == np.float32 else _normalised(current, (0.0,) * 3, (1.0,) * 3)
    return Prepared(array, tuple(applied), np.array([[sx, 0.0, ox], [0.0, sy, oy]]))


def replay(pixels: Pixels, steps: Sequence[PreparationStep]) -> Prepared:
    """The identical input again, from the same display pixels and the steps a reading recorded.

    Nothing is looked for a second time. Raises ImageError where the pixels have another size than the recorded ones.
    """
    return prepare(pixels, steps)


def _named(step: PreparationStep | Given) -> tuple[str, Given]:
    """A step's name and its parameters, lists turned to tuples."""
    if isinstance(step, PreparationStep):
        return step.name, step.parameters
    if not isinstance(step.get("name"), str):
        raise InputError(f"preparation: expected every step to have a name, got {dict(step)}; known: {', '.join(STEPS)}")
    return step["name"], {k: tuple(v) if isinstance(v, list) else v for k, v in step.items() if k != "name"}


def _apply(name: str, given: Given, pixels: Pixels) -> _Done:
    if name not in STEPS:
        raise UnknownName("preparation step", name, STEPS)
    function, known = STEPS[name]
    for parameter in given:
        if parameter not in known:
            raise UnknownName(f"parameter of the step {name!r}:", parameter, known)
    return function(pixels, given)


def _check_pixels(pixels: Pixels) -> None:
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.size == 0:
        got = f"{pixels.dtype} {pixels.shape}" if isinstance(pixels, np.ndarray) else type(pixels).__name__
        raise ImageError(f"preparation: expected display pixels (uint8, not empty), got {got}; use study_from_array first")
    if len(pixels.shape[:2]) < 2 or pixels.shape[2:] not in ((), (3,)):
        raise ImageError(f"preparation: expected pixels of shape (H, W) or (H, W, 3), got {pixels.shape}")


def _luminance(pixels: Pixels, given: Given) -> _Done:
    """One channel by ITU-R BT.601 (0.299 R + 0.587 G + 0.114 B); equal channels keep their value exactly."""
    return _Done(np.asarray(_as_image(pixels).convert("L")) if _has_colour(pixels) else pixels, given)


def _colour(pixels: Pixels, given: Given) -> _Done:
    """Three channels; an image without colour repeats its one channel."""
    return _Done(pixels if _has_colour(pixels) else np.repeat(pixels[:, :, None], 3, axis=2), given)


def _crop(pixels: Pixels, given: Given) -> _Done:
    """The pixels inside box (x, y, w, h)."""
    if "box" not in given:
        raise InputError("preparation: step 'crop' needs box = (x, y, w, h) in pixels, got none")
    x, y, w, h = _box_within(given["box"], (pixels.shape[1], pixels.shape[0]))
    return _Done(pixels[y : y + h, x : x + w], {"box": (float(x), float(y), float(w), float(h))}, (1.0, 1.0, float(x), float(y)))


def _box_within(box: Any, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """A box of whole pixels that lies inside an image of `size` (w, h)."""
    try:
        x, y, w, h = (float(v) for v in box)
        whole = all(v == int(v) for v in (x, y, w, h))
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"preparation: expected a box (x, y, w, h) of four numbers, got {box!r}") from None
    width, height = size
    if not whole or x < 0 or y < 0 or w < 1 or h < 1 or x + w > width or y + h > height:
        inside = f"whole pixels inside the {width}x{height} image"
        raise ImageError(f"preparation: expected a box (x, y, w, h) of {inside}, got {tuple(box)}")
    return int(x), int(y), int(w), int(h)


def _field_of_view(pixels: Pixels, given: Given) -> _Done:
    """The box around the bright field of a fundus photograph; the whole image where there is none."""
    return _crop(pixels, {"box": given.get("box") or _field_box(pixels)})


def _field_box(pixels: Pixels) -> tuple[int, int, int, int]:
    """The box (x, y, w, h) of the rows and columns in which enough pixels are brighter than the surround."""
    height, width = pixels.shape[:2]
    step = max(1, max(height, width) // 512)
    thin = pixels[::step, ::step]
    # The brightest channel: a fundus is red, and its luminance is close to that of the surround at the rim.
    brightest = np.maximum(np.maximum(thin[..., 0], thin[..., 1]), thin[..., 2]) if _has_colour(thin) else thin
    bright = brightest > FIELD_THRESHOLD * 255
    rows = np.flatnonzero(bright.mean(axis=1) > FIELD_SHARE)
    columns = np.flatnonzero(bright.mean(axis=0) > FIELD_SHARE)
    if not len(rows) or not len(columns):
        return 0, 0, width, height
    x, y = int(columns[0]) * step, int(rows[0]) * step
    return x, y, min(width, (int(columns[-1]) + 1) * step) - x, min(height, (int(rows[-1]) + 1) * step) - y


def _letterbox(pixels: Pixels, given: Given) -> _Done:
    """The image shrunk or enlarged to fit `size` (one number, or width and height), aspect kept, centred on black."""
    width, height = _size(given.get("size"))
    h, w = pixels.shape[:2]
    came_from = tuple(float(v) for v in given.get("from_size", (w, h)))
    if came_from != (w, h):
        raise ImageError(f"preparation: expected the {came_from} pixels of the recorded steps, got {w}x{h}; give the same image")
    method = given.get("resampling", "bilinear")
    if method not in RESAMPLING:
        raise UnknownName("resampling", str(method), RESAMPLING)
    left, top, nw, nh = _placed((w, h), (width, height))
    placed = tuple(map(float, (left, top, nw, nh)))
    if tuple(given.get("placed", placed)) != placed:
        raise ImageError(f"preparation: expected 'letterbox' to place its image at {placed}, got {given['placed']} in the step")
    out = np.zeros((height, width, *pixels.shape[2:]), np.uint8)
    fitted = _as_image(pixels).resize((nw, nh), RESAMPLING[method], reducing_gap=REDUCING_GAP) if (nw, nh) != (w, h) else pixels
    out[top : top + nh, left : left + nw] = np.asarray(fitted)
    found = {"size": given["size"], "resampling": method, "from_size": (float(w), float(h)), "placed": placed}
    return _Done(out, found, (w / nw, h / nh, -left * w / nw, -top * h / nh))


def _placed(size: tuple[int, int], into: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, width and height of an image of `size` (w, h), aspect kept, in the middle of a letterbox (w, h)."""
    (w, h), (width, height) = size, into
    fit = min(width / w, height / h)
    nw, nh = max(1, min(width, round(w * fit))), max(1, min(height, round(h * fit)))
    return (width - nw) // 2, (height - nh) // 2, nw, nh


def way_back(size: tuple[int, int], steps: Sequence[PreparationStep]) -> Floats:
    """The affine (2, 3) from prepared to original pixels, from the size (w, h) of an image and its recorded steps alone.

    Raises ImageError or InputError where the steps do not fit each other or an image of that size.
    """
    (w, h), (sx, sy, ox, oy) = size, UNCHANGED
    for step in steps:
        given = step.parameters
        if step.name in ("crop", "field-of-view"):
            px, py, pw, ph = _box_within(given.get("box"), (w, h))
            (w, h), (tx, ty, px, py) = (pw, ph), (1.0, 1.0, float(px), float(py))
        elif step.name == "letterbox":
            w, h, (tx, ty, px, py) = _unboxed((w, h), given)
        else:
            continue
        sx, sy, ox, oy = sx * tx, sy * ty, sx * px + ox, sy * py + oy
    return np.array([[sx, 0.0, ox], [0.0, sy, oy]])


def _unboxed(size: tuple[int, int], given: Given) -> tuple[int, int, Scale]:
    """The size (w, h) after a recorded letterbox and its way back; ImageError where it is not one of an image of `size`."""
    w, h = size
    width, height = _size(given.get("size"))
    left, top, nw, nh = _placed(size, (width, height))
    for name, expected in (("from_size", (w, h)), ("placed", (left, top, nw, nh))):
        if given.get(name) != tuple(map(float, expected)):
            raise ImageError(f"preparation: expected 'letterbox' with {name} {expected}, got {given.get(name)} in the step")
    return width, height, (w / nw, h / nh, -left * w / nw, -top * h / nh)


def _size(size: Any) -> tuple[int, int]:
    """Width and height of a letterbox."""
    pair = size if isinstance(size, tuple | list) else (size, size)
    numbers = [v for v in pair if isinstance(v, int | float) and not isinstance(v, bool) and 1 <= v <= LARGEST and v == int(v)]
    if len(pair) != 2 or len(numbers) != 2:
        whole = f"one whole number of pixels from 1 to {LARGEST}, or (width, height)"
        raise InputError(f"preparation: step 'letterbox' needs size = {whole}, got {size!r}")
    return int(numbers[0]), int(numbers[1])


def _normalise(pixels: Pixels, given: Given) -> _Done:
    """(value / 255 - mean) / std per channel, as float32 (3, H, W)."""
    mean, std = (_three(given.get(k), k) for k in ("mean", "std"))
    if min(std) <= 0:
        raise InputError(f"preparation: step 'normalise' needs a positive std, got {std}")
    return _Done(_normalised(pixels, mean, std), {"mean": mean, "std": std})


def _three(values: Any, name: str) -> tuple[float, float, float]:
    """One number per channel; a single one stands for all three."""
    numbers = values if isinstance(values, tuple | list) else (values,)
    numbers = tuple(numbers) * 3 if len(numbers) == 1 else tuple(numbers)
    try:
        r, g, b = (float(v) for v in numbers)
    except (TypeError, ValueError):
        raise InputError(f"preparation: step 'normalise' needs {name} as one number or three, got {values!r}") from None
    if not all(np.isfinite((r, g, b))):
        raise InputError(f"preparation: step 'normalise' needs finite numbers for {name}, got {values!r}")
    return r, g, b


def _normalised(pixels: Pixels, mean: Sequence[float], std: Sequence[float]) -> NDArray[np.float32]:
    """uint8 (H, W) or (H, W, 3) as float32 (3, H, W), without a float copy on the way."""
    out = np.empty((3, *pixels.shape[:2]), np.float32)
    for channel, (m, s) in enumerate(zip(mean, std, strict=True)):
        source = pixels[:, :, channel] if _has_colour(pixels) else pixels
        np.multiply(source, np.float32(1.0 / (255.0 * s)), out=out[channel])
        out[channel] -= np.float32(m / s)
    return out


def _has_colour(pixels: Pixels) -> bool:
    return pixels.shape[2:] == (3,)


def _as_image(pixels: Pixels) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(pixels))


def _display(pixels: Pixels, given: Given) -> _Done:
    """Nothing: it records by which rule stored values became display pixels (`StudyImage.display`)."""
    return _Done(pixels, given)


STEPS: dict[str, tuple[Callable[[Pixels, Given], _Done], tuple[str, ...]]] = {
    "display": (_display, ("rule",)),
    "luminance": (_luminance, ()),
    "colour": (_colour, ()),
    "crop": (_crop, ("box",)),
    "field-of-view": (_field_of_view, ("box",)),
    "letterbox": (_letterbox, ("size", "resampling", "from_size", "placed")),
    "normalise": (_normalise, ("mean", "std")),
}
"""Every preparation step with the parameters it knows."""
