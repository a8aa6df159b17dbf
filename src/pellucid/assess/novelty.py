"""How unlike the training images an image is: a distance in feature space, with a threshold at a stated false-alarm rate.

The distance has two parts: along the first principal axes of the training features, each in units of its own spread
(Mahalanobis), and off their plane (what the axes leave unexplained). Each is divided by its median over held-out training
images; the score is their root mean square, so that 1 is a typical training image. Source: Lee 2018, arXiv 1807.03888
(Mahalanobis); Wang 2022, arXiv 2203.10807 (residual).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.errors import InputError

Floats = NDArray[np.float64]

COMPONENTS = 32
FALSE_ALARM = 0.02
SIGNIFICANT_DIGITS = 5
SMALLEST_SHARE = 1e-3
"""An axis counts with at least this share of the mean spread of the axes, so that a nearly flat one does not blow up the
distance."""

FLAT = 1e-6
"""Where the training vectors lie in the plane, leaving it counts in units of this share of their whole spread."""


@dataclass(frozen=True)
class Novelty:
    """The fitted distance. `axes` (k, D) are already divided by their spreads; the plane is spanned by `axes` times `spreads`."""

    mean: Floats
    axes: Floats
    spreads: Floats
    along: float
    """Median held-out distance along the axes."""
    off: float
    """Median held-out distance off their plane."""
    threshold: float
    false_alarm: float
    """Share of images like the training images that the threshold still calls unlike them."""
    n: int

    def as_dict(self) -> dict[str, Any]:
        """Plain lists and numbers; five significant digits, the same as are used."""
        lists = {name: getattr(self, name).tolist() for name in ("mean", "axes", "spreads")}
        return lists | {name: getattr(self, name) for name in ("along", "off", "threshold", "false_alarm", "n")}


def novelty_from_dict(content: Mapping[str, Any]) -> Novelty:
    """A novelty from what `as_dict` gave, as JSON hands it back; raises InputError where it does not fit."""
    try:
        mean, axes, spreads = (np.array(content[name], dtype=np.float64) for name in ("mean", "axes", "spreads"))
        along, off, threshold, false_alarm = (float(content[name]) for name in ("along", "off", "threshold", "false_alarm"))
        made = Novelty(mean, axes, spreads, along, off, threshold, false_alarm, int(content["n"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"novelty: expected the fields of Novelty, got {sorted(content)}: {error!r}") from error
    if made.axes.shape != (len(made.spreads), len(made.mean)):
        raise InputError(f"novelty: expected axes ({len(made.spreads)}, {len(made.mean)}), got {made.axes.shape}")
    return made


def _shorten(values: Floats) -> Floats:
    """The same numbers with five significant digits, so that what is saved is what is used."""
    return np.array([float(f"{v:.{SIGNIFICANT_DIGITS}g}") for v in values.ravel()]).reshape(values.shape)


def _plane(vectors: Floats, components: int) -> tuple[Floats, Floats, Floats]:
    """Mean (D,), whitened axes (k, D) and spreads (k,) of the first principal axes."""
    mean = vectors.mean(axis=0)
    _, singular, rows = np.linalg.svd(vectors - mean, full_matrices=False)
    variance = singular[:components] ** 2 / (len(vectors) - 1)
    spreads = np.sqrt(np.maximum(variance, SMALLEST_SHARE * variance.mean()))
    return mean, rows[:components] / spreads[:, None], spreads


def _parts(plane: tuple[Floats, Floats, Floats], vectors: Floats) -> tuple[Floats, Floats]:
    """Distances along the axes and off their plane, (n,) each, for vectors (n, D)."""
    mean, axes, spreads = plane
    centred = vectors - mean
    z = centred @ axes.T
    squared = np.einsum("nd,nd->n", centred, centred) - ((z * spreads) ** 2).sum(axis=1)
    return np.sqrt((z**2).mean(axis=1)), np.sqrt(np.maximum(squared, 0.0))


def _checked(vectors: ArrayLike, folds: ArrayLike, components: int) -> tuple[Floats, NDArray[Any]]:
    x, f = np.asarray(vectors, dtype=np.float64), np.asarray(folds)
    if x.ndim != 2 or f.shape != (len(x),) or len(np.unique(f)) < 2:
        raise InputError(
            f"novelty: expected vectors (n, D) and folds (n,) with two folds or more, got shapes {x.shape} and {f.shape}"
        )
    if not np.isfinite(x).all():
        raise InputError("novelty: expected finite feature vectors, got NaN or infinity")
    smallest = min(int((f != fold).sum()) for fold in np.unique(f))
    if components < 1 or components >= min(smallest, x.shape[1]):
        most = min(smallest, x.shape[1]) - 1
        raise InputError(
            f"novelty: expected 1 to {most} components ({smallest} vectors of {x.shape[1]} numbers outside), got {components}"
        )
    if any(np.ptp(x[f != fold], axis=0).max() == 0 for fold in np.unique(f)):
        raise InputError("novelty: expected feature vectors that differ, got one and the same vector throughout")
    return x, f


def fit_novelty(vectors: ArrayLike, folds: ArrayLike, components: int = COMPONENTS, false_alarm: float = FALSE_ALARM) -> Novelty:
    """The distance fitted on all vectors (n, D), its threshold from vectors held out fold by fold at the rate `false_alarm`.

    With too few vectors for that rate the largest held-out distance is the threshold, and the rate that this can promise, 1 /
    (n + 1), is recorded. The vectors must come from an encoder that treats training images no differently from new ones, else
    the threshold is too tight.
    """
    x, f = _checked(vectors, folds, components)
    if not 0 < false_alarm < 1:
        raise InputError(f"novelty: expected a false-alarm rate between 0 and 1, got {false_alarm}")
    along, off = np.empty(len(x)), np.empty(len(x))
    for fold in np.unique(f):
        here = f == fold
        along[here], off[here] = _parts(_plane(x[~here], components), x[here])
    smallest = FLAT * float(np.linalg.norm(x.std(axis=0)))
    scale_along, scale_off = float(np.median(along)) or 1.0, max(float(np.median(off)), smallest)
    held_out = np.sort(np.sqrt(((along / scale_along) ** 2 + (off / scale_off) ** 2) / 2.0))
    rank = int(np.ceil((len(x) + 1) * (1.0 - false_alarm) - 1e-9))
    rate = false_alarm if rank <= len(x) else 1.0 / (len(x) + 1)
    mean, axes, spreads = (_shorten(part) for part in _plane(x, components))
    numbers = _shorten(np.array([scale_along, scale_off, held_out[min(rank, len(x)) - 1]])).tolist()
    return Novelty(mean, axes, spreads, *numbers, false_alarm=rate, n=len(x))


def novelty_score(novelty: Novelty, vector: ArrayLike) -> float:
    """How unlike the training images a feature vector (D,) is; 1 is typical, above `novelty.threshold` is unlike them."""
    v = np.asarray(vector, dtype=np.float64)
    if v.shape != novelty.mean.shape or not np.isfinite(v).all():
        raise InputError(
            f"novelty: expected a finite feature vector ({len(novelty.mean)},), got shape {v.shape}, or NaN or infinity in it"
        )
    along, off = _parts((novelty.mean, novelty.axes, novelty.spreads), v[None, :])
    return float(np.sqrt(((along[0] / novelty.along) ** 2 + (off[0] / novelty.off) ** 2) / 2.0))
