"""What measures of explanations take: cases as the model takes them, the model and the method as functions of arrays.

The judge does not import the judged: a model and a method come in as plain functions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError

Images = NDArray[np.float32]
"""(n, C, H, W), or (n, C, D, H, W) for volumes: prepared and normalised, as the model takes them."""
Maps = NDArray[np.float32]
"""(n, H, W) or (n, D, H, W): higher speaks more for the target."""
Predict = Callable[[Images], NDArray[np.float64]]
"""Images -> scores (n, K) of the model's outputs: probabilities where it gives them."""
Explain = Callable[[Images, NDArray[np.int64]], Maps]
"""Images and the index (n,) of the output to be explained -> maps."""


@dataclass(frozen=True)
class Cases:
    """Cases on which a method is tried. `targets` (n,) is the output explained in each; `patients` (n,) names whose it is."""

    images: Images
    targets: NDArray[np.int64]
    patients: NDArray[np.str_]
    masks: NDArray[np.bool_] | None = None
    """(n, H, W): where the lesion is; a case without a recorded lesion has an empty mask."""

    def __post_init__(self) -> None:
        n, space = len(self.images), self.images.shape[2:]
        if n == 0 or self.images.ndim not in (4, 5):
            raise InputError(f"cases: expected images (n, C, H, W) or (n, C, D, H, W), got shape {self.images.shape}")
        if self.targets.shape != (n,) or self.patients.shape != (n,):
            raise InputError(f"cases: expected {n} targets and patients, got {self.targets.shape} and {self.patients.shape}")
        if self.masks is not None and self.masks.shape != (n, *space):
            raise InputError(
                f"cases: expected masks of shape {(n, *space)}, got {self.masks.shape}: bring them to the images' grid"
            )


@dataclass(frozen=True)
class Bench:
    """A method on the bench: cases, model, maps, and what some measures need besides (None where there is none)."""

    cases: Cases
    predict: Predict
    explain: Explain
    maps: Maps
    """What `explain` gave for the cases."""
    seed: int = 0
    randomised: tuple[tuple[str, Predict, Explain], ...] = ()
    """The same model and method with weights made random, layer by layer from the output down: (name of the stage, …)."""
    retrained: tuple[tuple[Predict, Explain], ...] = ()
    """The same architecture trained again with another seed."""
    label_randomised: tuple[Predict, Explain] | None = None
    """The same architecture trained on permuted labels."""
    others: Mapping[str, Maps] = field(default_factory=dict[str, Maps])
    """Maps of other methods for the same cases."""
