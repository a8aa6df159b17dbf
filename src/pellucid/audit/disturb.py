"""Places disturbed in every case, and how far the prediction moves: painted over, taken from another image, or set to its level.

Each gives two numbers a case: here, and the mean over the same done elsewhere in the same image. NaN where the place lies on
the case's lesion.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.audit.cases import Images, Predict
from pellucid.audit.paint import painted_over
from pellucid.audit.regions import MOST_OVERLAP, Region, elsewhere
from pellucid.errors import InputError

Values = NDArray[np.float64]
BATCH = 64
CONTROLS = 3


@dataclass(frozen=True)
class Stage:
    """Cases to be disturbed: images, the model, what it says of them (n, K), and where nothing is looked for (n, H, W)."""

    images: Images
    predict: Predict
    said: Values
    lesions: NDArray[np.bool_]
    """Recorded lesions, a little grown; empty where none is recorded."""
    donors: NDArray[np.int64]
    """For each case another one with another prediction."""

    def part(self, index: NDArray[np.int64], donors: NDArray[np.int64]) -> "Stage":
        """Some of the cases; `donors` index into them."""
        return Stage(self.images[index], self.predict, self.said[index], self.lesions[index], donors)


def probabilities(predict: Predict, images: Images) -> Values:
    """The model's outputs (n, K) for images, in batches; InputError where they are not probabilities."""
    parts = [predict(images[i : i + BATCH]) for i in range(0, len(images), BATCH)]
    found = np.concatenate(parts).astype(np.float64)
    if found.ndim != 2 or not np.isfinite(found).all() or found.min() < -1e-6 or found.max() > 1 + 1e-6:
        raise InputError(
            f"shortcuts: expected probabilities (n, K) in 0..1, got shape {found.shape}, from {found.min():.3g} to "
            f"{found.max():.3g}; hand in a model with its softmax or sigmoid"
        )
    return found


def moved(before: Values, after: Values) -> Values:
    """Total variation between two predictions (n, K) of one case each: half the sum of changes; the change where K is one."""
    return np.abs(after - before).sum(axis=1) / (2.0 if before.shape[1] > 1 else 1.0)


def towards(before: Values, after: Values, goal: Values) -> Values:
    """How far predictions (n, K) move to what was said of another case: rise of the class that stands out in `goal`."""
    which = (goal - before).argmax(axis=1)
    rows = np.arange(len(before))
    return after[rows, which] - before[rows, which]


def choose_donors(said: Values, generator: np.random.Generator, allowed: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """For each case (n,) another one, of another predicted class where there is one, else among the most different quarter."""
    n = len(said)
    allowed = np.ones(n, dtype=np.bool_) if allowed is None else allowed
    classes = said.argmax(axis=1) if said.shape[1] > 1 else (said[:, 0] > np.median(said[:, 0])).astype(np.int64)
    found = np.zeros(n, dtype=np.int64)
    for i in range(n):
        open_to = np.flatnonzero(allowed & (np.arange(n) != i))
        other = open_to[classes[open_to] != classes[i]]
        if not len(other):
            distance = np.abs(said[open_to] - said[i]).sum(axis=1)
            other = open_to[np.argsort(-distance)[: max(1, len(open_to) // 4)]]
        found[i] = generator.choice(other)
    return found


def usable(stage: Stage, region: Region) -> NDArray[np.bool_]:
    """Cases (n,) whose lesion a region does not meet."""
    return (stage.lesions & region).sum(axis=(1, 2)) <= MOST_OVERLAP * np.count_nonzero(region)


def removed_once(stage: Stage, regions: NDArray[np.bool_]) -> Values:
    """How far each prediction moves when a region, (H, W) or (n, H, W), is painted over."""
    return moved(stage.said, probabilities(stage.predict, painted_over(stage.images, regions)))


def transplanted_once(stage: Stage, regions: NDArray[np.bool_]) -> Values:
    """How far each prediction moves to the donor's class when a region is taken from the donor."""
    masks = np.broadcast_to(regions, stage.lesions.shape)[:, None]
    mixed = np.where(masks, stage.images[stage.donors], stage.images)
    return towards(stage.said, probabilities(stage.predict, mixed), stage.said[stage.donors])


def levelled_once(stage: Stage, regions: NDArray[np.bool_], shift: NDArray[np.float32]) -> Values:
    """The same when a region only takes a shift (n, C) of its brightness; its texture stays."""
    masks = np.broadcast_to(regions, stage.lesions.shape)[:, None]
    changed = stage.images + masks * shift[:, :, None, None]
    return towards(stage.said, probabilities(stage.predict, changed.astype(np.float32)), stage.said[stage.donors])


Once = Callable[[Stage, NDArray[np.bool_]], Values]


def level_shift(stage: Stage, region: Region) -> NDArray[np.float32]:
    """What each image (n, C) lacks in a region to have its donor's mean brightness there."""
    level = stage.images[:, :, region].mean(axis=2)
    return (level[stage.donors] - level).astype(np.float32)


def beside(stage: Stage, region: Region, once: Once, generator: np.random.Generator) -> tuple[Values, Values]:
    """A disturbance here (n,) and its mean over `CONTROLS` places elsewhere (n,) in the same images; NaN where not usable."""
    fits = usable(stage, region)
    here, there = np.full(len(fits), np.nan), np.full(len(fits), np.nan)
    if not fits.any():
        return here, there
    here[:] = once(stage, region)
    controls: list[Values] = []
    for _ in range(CONTROLS):
        moved_away = np.stack([elsewhere(region, lesion, generator) for lesion in stage.lesions])
        controls.append(once(stage, moved_away))
    there[:] = np.mean(controls, axis=0)
    here[~fits] = there[~fits] = np.nan
    return here, there
