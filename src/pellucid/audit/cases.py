"""What measures of explanations take: cases as the model takes them, the model and the method as functions of arrays.

The judge does not import the judged: a model and a method come in as plain functions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

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
    reseeded: Callable[[int], Explain] | None = None
    """The same method with another seed; None where the method draws nothing."""
    reference: Maps | None = None
    """What a segmentation net or a person marks on the same cases: the figure to stand beside localisation."""
    known: dict[tuple[str, bytes], NDArray[np.float64]] | None = None
    """Scores of alterations that do not depend on the map, by alteration and case: filled while measuring, so that methods and
    controls tried on the same cases share them. None keeps nothing. Of one model only."""

    def __post_init__(self) -> None:
        shape = (len(self.cases.images), *self.cases.images.shape[2:])
        for name, maps in {"the method": self.maps, "the reference": self.reference, **self.others}.items():
            if maps is not None and maps.shape != shape:
                raise InputError(
                    f"bench: expected maps of {name} of shape {shape}, got {maps.shape}: bring them to the images' grid"
                )
            if maps is not None and not np.isfinite(maps).all():
                raise InputError(f"bench: expected finite maps of {name}, got NaN or infinity")

    def with_explain(self, explain: Explain) -> "Bench":
        """The same bench with another method; the maps stay those of the first."""
        return replace(self, explain=explain)

    def of(self, index: NDArray[np.int64]) -> "Bench":
        """The same bench with the cases of `index` only."""
        c = self.cases
        cases = Cases(c.images[index], c.targets[index], c.patients[index], None if c.masks is None else c.masks[index])
        return replace(
            self,
            cases=cases,
            maps=self.maps[index],
            others={name: maps[index] for name, maps in self.others.items()},
            reference=None if self.reference is None else self.reference[index],
        )
