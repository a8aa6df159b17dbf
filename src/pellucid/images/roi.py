"""A reader's region of interest: widened for context, then the first step of the preparation."""

import math
from collections.abc import Sequence

from pellucid.errors import InputError
from pellucid.record import PreparationStep

Box = tuple[float, float, float, float]
"""(x, y, width, height) in pixels of the original image."""


def widened(box: Sequence[float], margin: float, shape: tuple[int, int]) -> Box:
    """A box (x, y, w, h) widened by `margin` of its longer side on every side, cut to the image (H, W), in whole pixels.

    Raises InputError where the box is not four finite numbers or does not meet the image.
    """
    if len(box) != 4 or not all(math.isfinite(v) for v in box):
        raise InputError(f"region of interest: expected x,y,w,h in pixels, got {tuple(box)}")
    x, y, w, h = box
    if w <= 0 or h <= 0 or x + w <= 0 or y + h <= 0 or x >= shape[1] or y >= shape[0]:
        raise InputError(
            f"region of interest: expected a box that meets the image of {shape[1]}x{shape[0]} pixels, got {tuple(box)}"
        )
    extra = margin * max(w, h)
    left, top = max(0, math.floor(x - extra)), max(0, math.floor(y - extra))
    right, bottom = min(shape[1], math.ceil(x + w + extra)), min(shape[0], math.ceil(y + h + extra))
    return float(left), float(top), float(max(1, right - left)), float(max(1, bottom - top))


def plan_within(plan: Sequence[PreparationStep], box: Box) -> tuple[PreparationStep, ...]:
    """A preparation plan that first crops to a box; the box takes the place of a search for the field of view."""
    return (PreparationStep(name="crop", parameters={"box": box}), *(step for step in plan if step.name != "field-of-view"))
