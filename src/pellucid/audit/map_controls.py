"""Maps that cannot explain: what every measure is also taken of. A method that does no better explains no better.

None of them knows the model. What follows is meant: an edge detector is perfectly stable and does not change when the weights are
random, so it passes tests of stability and fails tests of randomisation; a random map is the reverse.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pellucid.audit.cases import Bench, Cases, Explain, Images, Maps
from pellucid.audit.lazy import scipy_module

Control = Callable[[Cases, Generator], Maps]
"""Cases -> maps (n, H, W) made without the model; the targets are not looked at."""


def random_map(cases: Cases, generator: Generator) -> Maps:
    """Every pixel drawn anew at each call."""
    return np.asarray(generator.random((len(cases.images), *cases.images.shape[2:])), np.float32)


def centre_blob(cases: Cases, generator: Generator) -> Maps:
    """A Gaussian in the middle of the image, its standard deviation a quarter of each side."""
    axes = [np.exp(-0.5 * (np.linspace(-2.0, 2.0, s + 2, dtype=np.float64)[1:-1]) ** 2) for s in cases.images.shape[2:]]
    blob: NDArray[np.float64] = axes[0]
    for axis in axes[1:]:
        blob = blob[..., None] * axis
    return np.broadcast_to(blob.astype(np.float32), (len(cases.images), *blob.shape)).copy()


def edge_detector(cases: Cases, generator: Generator) -> Maps:
    """Size of the Sobel gradient of the mean over channels (Adebayo 2018 compares maps with edges, arXiv:1810.03292)."""
    correlate1d = scipy_module("ndimage").correlate1d
    grey = cases.images.mean(axis=1, dtype=np.float64)
    squared = np.zeros(grey.shape)
    for along in range(1, grey.ndim):
        part: NDArray[np.float64] = grey
        for axis in range(1, grey.ndim):  # axis 0 holds the cases: scipy's own sobel would smooth from one image into the next
            part = correlate1d(part, [-1.0, 0.0, 1.0] if axis == along else [1.0, 2.0, 1.0], axis=axis)
        squared += part**2
    return np.sqrt(squared).astype(np.float32)


IN_WORDS = {"random map": "a random map", "centre blob": "a blob in the centre", "edge detector": "an edge detector"}
"""How a sentence names a control."""

CONTROLS: dict[str, Control] = {
    "random map": random_map,
    "centre blob": centre_blob,
    "edge detector": edge_detector,
}


def as_method(control: Control, seed: int) -> Explain:
    """A control in the shape of a method, so that it can be tried in the same way; its draws go on from call to call."""
    generator = np.random.default_rng(seed)

    def explain(images: Images, targets: NDArray[np.int64]) -> Maps:
        return control(Cases(images, targets, np.arange(len(images)).astype(str)), generator)

    return explain


def control_bench(bench: Bench, control: Control, seed: int) -> Bench:
    """The bench with a control in the method's place everywhere: also under random weights, on retrained models, and reseeded."""
    explain = as_method(control, seed)

    def again(other: int) -> Explain:
        return as_method(control, other)

    return replace(
        bench,
        explain=explain,
        maps=explain(bench.cases.images, bench.cases.targets),
        randomised=tuple((stage, predict, explain) for stage, predict, _ in bench.randomised),
        retrained=tuple((predict, explain) for predict, _ in bench.retrained),
        label_randomised=None if bench.label_randomised is None else (bench.label_randomised[0], explain),
        reseeded=None if bench.reseeded is None else again,
    )
