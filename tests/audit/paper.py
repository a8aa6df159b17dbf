"""Nets whose evidence is known on paper, and benches with them."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.audit.cases import Bench, Cases, Explain
from pellucid.audit.map_controls import CONTROLS, as_method

SIDE, LESION = 24, 7
ndimage: Any = import_module("scipy.ndimage")  # scipy has no types
stats: Any = import_module("scipy.stats")


def cases(n: int = 30, side: int = SIDE, seed: int = 0) -> Cases:
    """Grey noise with one bright square at a random place: the lesion. Every case is another patient's."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((n, side, side), dtype=bool)
    for mask in masks:
        y, x = rng.integers(1, side - LESION - 1, 2)
        mask[y : y + LESION, x : x + LESION] = True
    images = rng.normal(0.2, 0.05, (n, 1, side, side))
    images[:, 0][masks] += 0.8
    return Cases(images.astype(np.float32), np.ones(n, dtype=np.int64), np.arange(n).astype(str), masks)


def predict(images: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n, 2): the probability of a lesion is high where some 5 x 5 neighbourhood is bright, and depends on nothing else."""
    brightest = ndimage.uniform_filter(images[:, 0], (0, 5, 5)).max(axis=(1, 2))
    p = 1 / (1 + np.exp(-12 * (brightest.astype(np.float64) - 0.6)))
    return np.stack([1 - p, p], axis=1)


def true_evidence(images: NDArray[np.float32], targets: NDArray[np.int64]) -> NDArray[np.float32]:
    """What `predict` looks at: the local mean."""
    return ndimage.uniform_filter(images[:, 0], (0, 5, 5))


def knows_nothing(images: NDArray[np.float32], targets: NDArray[np.int64]) -> NDArray[np.float32]:
    """Maps of a model with random weights: noise that depends on the image."""
    seeds = [int(abs(float(i.sum())) * 1e4) for i in images]
    return np.stack([np.random.default_rng(s).normal(size=images.shape[2:]).astype(np.float32) for s in seeds])


def edges(images: NDArray[np.float32], targets: NDArray[np.int64]) -> NDArray[np.float32]:
    """An edge detector in the shape of a method."""
    return as_method(CONTROLS["edge detector"], 0)(images, targets)


def bench(explain: Explain = true_evidence, n: int = 30, *, of: Cases | None = None, whole: bool = False, **more: Any) -> Bench:
    """A method on the net above; `whole` brings everything that any measure needs."""
    c = cases(n) if of is None else of
    made = Bench(c, predict, explain, explain(c.images, c.targets))
    if whole:
        made = replace(
            made,
            randomised=(("head", predict, explain), ("all", predict, knows_nothing)),
            retrained=((predict, explain), (predict, edges)),
            label_randomised=(predict, knows_nothing),
            others={"edges": edges(c.images, c.targets)},
            reseeded=lambda seed: explain,
        )
    return replace(made, **more)


def counted(function: Callable[..., Any]) -> tuple[Callable[..., Any], list[int]]:
    """The function, and how many images it was given in every call."""
    calls: list[int] = []

    def call(images: NDArray[np.float32], *rest: Any) -> Any:
        calls.append(len(images))
        return function(images, *rest)

    return call, calls
