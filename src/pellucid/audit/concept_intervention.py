"""What correcting concepts one after another does to the answer.

Common shapes: `values` (n, J + 1): a measure of each case (right or wrong, log loss) after 0, 1, … J corrections; a case with
fewer corrections to make keeps its last value.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.errors import InputError

Floats = NDArray[np.float64]


def informed_order(bits: Mapping[str, float], open_to: Sequence[str]) -> tuple[str, ...]:
    """The concepts that may be corrected, the one whose confirmation would settle most of the answer first.

    `bits` is the expected fall of the answer's entropy (mutual information); concepts without one come last, in their order.
    Source: expected uncertainty reduction, Shin et al. 2023, arXiv 2302.14260.
    """
    return tuple(sorted(open_to, key=lambda name: -bits.get(name, 0.0)))


def filled(runs: Sequence[Sequence[float]]) -> Floats:
    """Runs of different lengths as one array (n, longest), each continued with its last value."""
    if not runs or any(len(run) == 0 for run in runs):
        raise InputError("intervention: expected one run or more, each with the value before any correction")
    longest = max(len(run) for run in runs)
    return np.array([[*run, *[run[-1]] * (longest - len(run))] for run in runs], dtype=np.float64)


def curve(values: ArrayLike) -> Floats:
    """The mean over cases after each number of corrections (J + 1,)."""
    return np.asarray(values, dtype=np.float64).mean(axis=0)


def gain(values: ArrayLike) -> Floats:
    """What all corrections together changed in each case (n,): last minus first."""
    table = np.asarray(values, dtype=np.float64)
    return table[:, -1] - table[:, 0]


def area(values: ArrayLike) -> Floats:
    """Mean over the steps of each case's gain so far (n,): the earlier the gain comes, the larger."""
    table = np.asarray(values, dtype=np.float64)
    return table[:, 1:].mean(axis=1) - table[:, 0] if table.shape[1] > 1 else np.zeros(len(table))
