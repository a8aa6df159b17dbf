"""Calibration of one concept: logits in, probabilities that match frequencies out.

Common shapes: `logits` (…, S) with S >= 2 states; `labels` (n,) whole numbers from 0, negative where not recorded; `folds` (n,).
The method is chosen by cross-validated log loss over the folds, ties to the simplest, and refitted on all.
No probability is ever 0 or 1: each is at least `floor`, 1 / (2n + 2), what n cases can at most deny.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TIE_NATS = 1e-3
"""A more complex method must lower the cross-validated log loss by more than this."""
SHARPEST, DULLEST = 20.0, 0.05
"""Bounds of the inverse temperature."""
BIAS_SD = 1.0
"""The biases are drawn towards 0 as by a normal prior of this standard deviation, so that a state with a handful of cases stays
sane."""
NEWTON_STEPS = 60
NEWTON_STOP = 1e-9
DECIMALS = 6
"""Probabilities in a record are kept to this many decimals."""


@dataclass(frozen=True)
class Calibration:
    """How the logits of one concept become probabilities; JSON-able by `as_dict`, read back by `calibration_from_dict`."""

    method: str
    states: int
    n: int
    floor: float
    inverse_temperature: float = 1.0
    bias: tuple[float, ...] = ()
    knots: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...] = ()
    """For isotonic: (log odds, frequency) of each state, or of state 1 alone where there are two."""
    log_loss: Mapping[str, float] = field(default_factory=dict[str, float])
    """Cross-validated log loss of every method that was tried, in nats."""

    def as_dict(self) -> dict[str, Any]:
        """Plain lists, numbers and text."""
        return asdict(self)


def calibration_from_dict(content: Mapping[str, Any]) -> Calibration:
    """A calibration from what `as_dict` gave, as JSON hands it back; raises InputError where it does not fit."""
    try:
        knots = tuple((_floats(x), _floats(y)) for x, y in content.get("knots", ()))
        fields: dict[str, Any] = {**content, "bias": _floats(content.get("bias", ())), "knots": knots}
        made = Calibration(**fields)
    except (TypeError, ValueError) as error:
        raise InputError(f"calibration: expected the fields of Calibration, got {sorted(content)}: {error}") from error
    expected_knots = {"isotonic": 1 if made.states == 2 else made.states}.get(made.method, 0)
    expected_bias = made.states if made.method == "temperature-bias" else 0
    if made.method not in METHODS or len(made.knots) != expected_knots or len(made.bias) != expected_bias:
        sizes = f"{made.states} states, {len(made.bias)} biases, {len(made.knots)} knot lists"
        raise InputError(f"calibration: expected one of {tuple(METHODS)} with what it needs, got {made.method!r} with {sizes}")
    return made


def _floats(values: Iterable[Any]) -> tuple[float, ...]:
    return tuple(float(v) for v in values)


def _log_softmax(z: Floats) -> Floats:
    shifted = z - z.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _floor(n: int, states: int) -> float:
    return min(1.0 / (2 * n + 2), 0.5 / states)


def _fit_scaling(logits: Floats, labels: Ints, biased: bool) -> tuple[float, Floats]:
    """Inverse temperature and biases of least penalised log loss, by damped Newton steps (the problem is convex)."""
    n, states = logits.shape
    hot = np.eye(states)[labels]
    ridge = np.concatenate(([0.0], np.full(states, BIAS_SD**-2)))

    def loss(theta: Floats) -> float:
        return float(-(hot * _log_softmax(theta[0] * logits + theta[1:])).sum() + 0.5 * (ridge * theta**2).sum())

    theta = np.concatenate(([1.0], np.zeros(states)))
    free = np.array([True] + [biased] * states)
    for _ in range(NEWTON_STEPS):
        p = np.exp(_log_softmax(theta[0] * logits + theta[1:]))
        gradient = np.concatenate(([((p - hot) * logits).sum()], (p - hot).sum(axis=0))) + ridge * theta
        design = np.concatenate([logits[:, :, None], np.broadcast_to(np.eye(states), (n, states, states))], axis=2)
        centred = design - np.einsum("ns,nsd->nd", p, design)[:, None, :]
        curvature = np.einsum("ns,nsd,nse->de", p, centred, centred) + np.diag(ridge) + 1e-9 * np.eye(states + 1)
        step = np.zeros(states + 1)
        step[free] = np.linalg.solve(curvature[np.ix_(free, free)], gradient[free])
        before, size = loss(theta), 1.0
        while True:
            trial = theta - size * step
            trial[0] = np.clip(trial[0], DULLEST, SHARPEST)
            if loss(trial) <= before or size < NEWTON_STOP:
                break
            size /= 2
        moved, theta = float(np.abs(trial - theta).max()), trial
        if moved < NEWTON_STOP:
            break
    return float(theta[0]), theta[1:]


def _fit_none(logits: Floats, labels: Ints) -> Calibration:
    n, states = logits.shape
    return Calibration("none", states, n, _floor(n, states))


def _fit_temperature(logits: Floats, labels: Ints) -> Calibration:
    return replace(
        _fit_none(logits, labels), method="temperature", inverse_temperature=_fit_scaling(logits, labels, biased=False)[0]
    )


def _fit_temperature_bias(logits: Floats, labels: Ints) -> Calibration:
    beta, bias = _fit_scaling(logits, labels, biased=True)
    return replace(_fit_none(logits, labels), method="temperature-bias", inverse_temperature=beta, bias=tuple(bias.tolist()))


def pool_adjacent_violators(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Knots (x, y) of the non-decreasing least-squares fit of y on x; to be joined by straight lines and held constant outside.

    Equal x are averaged first. Source: Ayer 1955, doi 10.1214/aoms/1177728423; as a calibrator Zadrozny and Elkan 2002, doi
    10.1145/775047.775151.
    """
    places, which = np.unique(x, return_inverse=True)
    weights = np.bincount(which).astype(np.float64)
    means = np.bincount(which, weights=y) / weights
    blocks: list[tuple[float, float, int]] = []  # (mean, weight, number of places)
    for mean, weight in zip(means.tolist(), weights.tolist(), strict=True):
        value, mass, length = mean, weight, 1
        while blocks and blocks[-1][0] >= value:
            left, left_mass, left_length = blocks.pop()
            value = (left * left_mass + value * mass) / (left_mass + mass)
            mass, length = mass + left_mass, length + left_length
        blocks.append((value, mass, length))
    ends = np.cumsum([length for *_, length in blocks])
    starts = np.concatenate(([0], ends[:-1]))
    corners = np.unique(np.stack([starts, ends - 1]))
    fitted = np.repeat([value for value, *_ in blocks], [length for *_, length in blocks])
    return places[corners], fitted[corners]


def _log_odds(logits: Floats) -> Floats:
    """Log odds of each state against all others; of state 1 alone, shape (…, 1), where there are two states."""
    if logits.shape[-1] == 2:
        return logits[..., 1:] - logits[..., :1]
    logp = _log_softmax(logits)
    return logp - np.log(-np.expm1(np.minimum(logp, -1e-12)))


def _fit_isotonic(logits: Floats, labels: Ints) -> Calibration:
    odds = _log_odds(logits)
    columns = [1] if odds.shape[1] == 1 else list(range(odds.shape[1]))
    knots: list[tuple[tuple[float, ...], tuple[float, ...]]] = []
    for column, state in enumerate(columns):
        x, y = pool_adjacent_violators(odds[:, column], (labels == state).astype(np.float64))
        knots.append((tuple(x.tolist()), tuple(y.tolist())))
    return replace(_fit_none(logits, labels), method="isotonic", knots=tuple(knots))


METHODS: dict[str, Callable[[Floats, Ints], Calibration]] = {
    "none": _fit_none,
    "temperature": _fit_temperature,
    "temperature-bias": _fit_temperature_bias,
    "isotonic": _fit_isotonic,
}
"""From the simplest to the least simple. Temperature: Guo 2017, arXiv 1706.04599; the biases are its vector scaling with one
shared temperature."""


def apply(calibration: Calibration, logits: ArrayLike) -> Floats:
    """Probabilities (…, S) of logits (…, S): sum 1, each at least the calibration's floor, order of states kept."""
    z = np.asarray(logits, dtype=np.float64)
    if z.shape[-1:] != (calibration.states,) or not np.isfinite(z).all():
        raise InputError(
            f"calibration: expected finite logits (…, {calibration.states}), got shape {z.shape}, or NaN or infinity among them"
        )
    if calibration.method == "isotonic":
        odds = _log_odds(z)
        columns = [np.interp(odds[..., c], x, y) for c, (x, y) in enumerate(calibration.knots)]
        p = np.stack([1.0 - columns[0], columns[0]] if len(columns) == 1 else columns, axis=-1) + 1e-12
    else:
        z = calibration.inverse_temperature * z
        z = z + np.asarray(calibration.bias) if calibration.bias else z
        p = np.exp(z - z.max(axis=-1, keepdims=True))
    p = p / p.sum(axis=-1, keepdims=True)
    return calibration.floor + (1.0 - calibration.states * calibration.floor) * p


def _usable(logits: ArrayLike, labels: ArrayLike, folds: ArrayLike) -> tuple[Floats, Ints, NDArray[Any]]:
    """The recorded cases, checked."""
    z, y, f = np.asarray(logits, dtype=np.float64), np.asarray(labels), np.asarray(folds)
    if z.ndim != 2 or z.shape[1] < 2 or len(y) != len(z) or len(f) != len(z):
        raise InputError(
            f"calibration: expected logits (n, S), labels (n,), folds (n,), got shapes {z.shape}, {y.shape}, {f.shape}"
        )
    recorded = y >= 0
    z, y, f = z[recorded], y[recorded].astype(np.int64), f[recorded]
    if len(np.unique(f)) < 2:
        raise InputError(
            f"calibration: expected recorded labels in two folds or more, got {len(y)} labels in {len(np.unique(f))}"
        )
    if not np.isfinite(z).all() or y.max() >= z.shape[1]:
        raise InputError(
            f"calibration: expected finite logits and labels below {z.shape[1]}, got labels up to {y.max()}, or NaN logits"
        )
    return z, y, f


def _loss(calibration: Calibration, logits: Floats, labels: Ints) -> float:
    return float(-np.log(apply(calibration, logits)[np.arange(len(labels)), labels]).sum())


def fit_calibration(logits: ArrayLike, labels: ArrayLike, folds: ArrayLike) -> Calibration:
    """The calibration with the least cross-validated log loss, refitted on all cases.

    logits (n, S) must themselves be out of fold. Raises InputError for misfitting shapes, NaN, or labels in fewer than two folds.
    """
    z, y, f = _usable(logits, labels, folds)
    losses = {
        name: sum(_loss(fit(z[f != k], y[f != k]), z[f == k], y[f == k]) for k in np.unique(f)) / len(y)
        for name, fit in METHODS.items()
    }
    best = min(losses.values())
    chosen = next(name for name in METHODS if losses[name] <= best + TIE_NATS)
    return replace(METHODS[chosen](z, y), log_loss={name: round(loss, DECIMALS) for name, loss in losses.items()})


def round_probabilities(probabilities: ArrayLike, decimals: int = DECIMALS) -> tuple[float, ...]:
    """A distribution (S,) rounded to `decimals` places so that it still sums to 1, by largest remainder (ties to the earlier)."""
    p = np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 1 or not np.isfinite(p).all() or (p < 0).any() or p.sum() <= 0:
        raise InputError(f"rounding: expected non-negative probabilities (S,), got {p.tolist()}")
    unit = 10**decimals
    share = p / p.sum() * unit
    whole = np.floor(share).astype(np.int64)
    missing = unit - int(whole.sum())
    whole[np.argsort(-(share - whole), kind="stable")[:missing]] += 1
    return tuple(int(w) / unit for w in whole)
