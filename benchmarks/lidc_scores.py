"""Part of lidc_readers.py: how well one radiologist's reading predicts the answer that another one's reading gets.

Every parameter is fitted on the patients of the other folds: tables of what one reader says where another said this, the error
of a diameter, and the share of the constant that every forecast is mixed with, so that no answer gets probability zero.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from lidc_data import FOLDS, Boot, Pairs, Readings
from lidc_rules import Floats, Ints, Rules, cell_shares, distribution

from pellucid.train.lidc import SPICULATED_FROM

PUBLISHED_SD_MM = 0.75
"""The packs' repeatability of a diameter typed without its error."""
PSEUDO = 0.5
SHARES = np.concatenate([[0.0005, 0.001, 0.002, 0.005], np.arange(0.01, 0.6, 0.01)])
FLOORS_MM = np.arange(0.2, 1.3, 0.1)
SLOPES = np.arange(0.0, 0.31, 0.02)
CONSTANT = "constant: how often each answer is given"
CRISP = "category of one reader, smoothed"
PAIRED = "category of one reader, table of pairs"
DIRECT = "table by texture, calcification and size, no rules"
SIZE = "exact, published error of the diameter only"
EXACT = "exact, published error, descriptors from other patients"
LEARNED = "exact, error and descriptors from other patients"
METHODS = (CONSTANT, CRISP, PAIRED, DIRECT, SIZE, EXACT, LEARNED)
SIZES_MM = (4.0, 5.0, 5.5, 6.0, 7.0, 8.0, 8.5, 10.0, 12.0, 15.0, 20.0, 30.0)
"""Limits of the direct table: those of the guidelines, and some between them."""
LEANING = 2.0
"""Cases added to a row of the direct table, spread as in the table of pairs."""


@dataclass(frozen=True)
class Learned:
    """What the training folds say."""

    constant: Floats
    paired: Floats
    direct: Floats
    """(readings, answers): by texture, calcification and size of one, the answer to the other."""
    kinds: Floats
    """(texture of one, type by the other)."""
    benign: Floats
    spiculated: Floats
    sd: tuple[float, float]
    """Error of the difference between two readers: floor in mm, and its growth per mm of diameter."""


@dataclass(frozen=True)
class Forecasts:
    """For every ordered pair: each method's probabilities (n, outcomes), and the outcome of the other reader."""

    outcome: Ints
    by_method: Mapping[str, Floats]
    shares: Mapping[str, tuple[float, ...]]
    """Share of the constant mixed in, per fold."""
    learned: tuple[Learned, ...]


def answers(rules: Rules, r: Readings, diameter: Floats | None = None) -> Ints:
    """The answer to each reading as the radiologist stated it."""
    spiculated = (r.spiculation >= SPICULATED_FROM).astype(np.int64)
    return rules.answer[r.kind, r.benign, spiculated, rules.cell(r.diameter if diameter is None else diameter)]


def _table(given: Ints, said: Ints, weight: Floats, shape: tuple[int, int]) -> Floats:
    """How often the second is said where the first is given; half a case, spread as all are, is added to each row."""
    counts = np.zeros(shape)
    np.add.at(counts, (given, said), weight)
    overall = counts.sum(axis=0) / counts.sum()
    counts += PSEUDO * overall
    return counts / counts.sum(axis=1, keepdims=True)


def _constant(outcome: Ints, weight: Floats, k: int) -> Floats:
    counts = np.bincount(outcome, weight, minlength=k) + PSEUDO
    return counts / counts.sum()


def learn(rules: Rules, r: Readings, pairs: Pairs, train: Ints) -> Learned:
    """Everything that is fitted, on the training pairs."""
    a, b, w = pairs.one[train], pairs.other[train], pairs.weight[train]
    answer, k = answers(rules, r), len(rules.outcomes)
    spiculated = (r.spiculation >= SPICULATED_FROM).astype(np.int64)
    return Learned(
        constant=_constant(answer[b], w, k),
        paired=(paired := _table(answer[a], answer[b], w, (k, k))),
        direct=_direct(r, (a, b, w), answer, paired),
        kinds=_table(r.texture[a] - 1, r.kind[b], w, (5, 3)),
        benign=_table(r.calcification[a], r.benign[b], w, (3, 2)),
        spiculated=_table(r.spiculation[a] - 1, spiculated[b], w, (5, 2)),
        sd=_error(r.diameter[a], r.diameter[b], w),
    )


def _place(r: Readings) -> Ints:
    """The row of the direct table that a reading belongs to."""
    size = np.searchsorted(np.array(SIZES_MM), r.diameter, side="right")
    return ((r.texture - 1) * 3 + r.calcification) * (len(SIZES_MM) + 1) + size


def _direct(r: Readings, train: tuple[Ints, Ints, Floats], answer: Ints, paired: Floats) -> Floats:
    """(readings, answers): how often each answer is given to another reader, straight from what this one said."""
    a, b, w = train
    counts = np.zeros((5 * 3 * (len(SIZES_MM) + 1), paired.shape[1]))
    np.add.at(counts, (_place(r)[a], answer[b]), w)
    found = counts[_place(r)] + LEANING * paired[answer]
    return found / found.sum(axis=1, keepdims=True)


def _error(one: Floats, other: Floats, weight: Floats) -> tuple[float, float]:
    """Floor and slope of the normal error of the difference with the highest likelihood."""
    best, found = -np.inf, (PUBLISHED_SD_MM, 0.0)
    for floor in FLOORS_MM:
        for slope in SLOPES:
            sd = np.hypot(floor, slope * one)
            likelihood = float(weight @ (-np.log(sd) - 0.5 * ((other - one) / sd) ** 2))
            if likelihood > best:
                best, found = likelihood, (float(floor), float(slope))
    return found


def forecasts(rules: Rules, r: Readings, pairs: Pairs) -> Forecasts:
    """Each method's forecast for every pair, its parameters from the patients of the other folds."""
    outcome, k = answers(rules, r)[pairs.other], len(rules.outcomes)
    by_method = {name: np.zeros((len(outcome), k)) for name in METHODS}
    shares: dict[str, list[float]] = {name: [] for name in METHODS}
    known: list[Learned] = []
    fold = r.fold[pairs.one]
    for held in range(FOLDS):
        train, test = np.flatnonzero(fold != held), np.flatnonzero(fold == held)
        fitted = learn(rules, r, pairs, train)
        known.append(fitted)
        for name in METHODS:
            raw = _raw(name, rules, r, fitted)[pairs.one]
            share = _share(raw[train], outcome[train], pairs.weight[train], fitted)
            by_method[name][test] = (1 - share) * raw[test] + share * fitted.constant
            shares[name].append(share)
    return Forecasts(outcome, by_method, {name: tuple(s) for name, s in shares.items()}, tuple(known))


def _raw(name: str, rules: Rules, r: Readings, fitted: Learned) -> Floats:
    """A method's forecast from every reading, before the constant is mixed in."""
    everyone = np.arange(len(r))
    if name == CONSTANT:
        return np.repeat(fitted.constant[None], len(r), axis=0)
    if name == DIRECT:
        return fitted.direct
    if name in (CRISP, PAIRED):
        answer = answers(rules, r)
        return fitted.paired[answer] if name == PAIRED else np.eye(len(rules.outcomes))[answer]
    return distribution(rules, *described(name, r, fitted, everyone), cells(name, rules, r, fitted, everyone))


def described(name: str, r: Readings, fitted: Learned, at: Ints) -> tuple[Floats, Floats, Floats]:
    """Type, benign content and spiculation as distributions over what another reader would say."""
    if name == SIZE:
        return np.eye(3)[r.kind[at]], np.eye(2)[r.benign[at]], np.eye(2)[(r.spiculation[at] >= SPICULATED_FROM).astype(np.int64)]
    return fitted.kinds[r.texture[at] - 1], fitted.benign[r.calcification[at]], fitted.spiculated[r.spiculation[at] - 1]


def cells(name: str, rules: Rules, r: Readings, fitted: Learned, at: Ints) -> Floats:
    """The diameter as a distribution over the cells of the pack."""
    d = r.diameter[at]
    sd = np.hypot(fitted.sd[0], fitted.sd[1] * d) if name == LEARNED else np.full(len(d), PUBLISHED_SD_MM)
    return cell_shares(d, sd, rules.cuts)


def _share(raw: Floats, outcome: Ints, weight: Floats, fitted: Learned) -> float:
    """The share of the constant with the best log score on the training pairs."""
    given, usual = raw[np.arange(len(outcome)), outcome], fitted.constant[outcome]
    scores = [float(weight @ np.log(np.maximum((1 - s) * given + s * usual, 1e-300))) for s in SHARES]
    return float(SHARES[int(np.argmax(scores))])


def log_score(p: Floats, outcome: Ints) -> Floats:
    """Minus the natural log of the probability of what was answered."""
    return -np.log(p[np.arange(len(outcome)), outcome])


def brier(p: Floats, outcome: Ints) -> Floats:
    """The sum over answers of the squared error (0 to 2)."""
    return ((p - np.eye(p.shape[1])[outcome]) ** 2).sum(axis=1)


SCORES: dict[str, Callable[[Floats, Ints], Floats]] = {"log score": log_score, "Brier": brier}


def calibration(
    boot: Boot, pairs: Pairs, p: Floats, outcome: Ints, edges: Floats
) -> list[tuple[float, float, float, float, float]]:
    """Per bin of probability, over all answers: mean forecast, share that came true with interval, share of the forecasts."""
    k = p.shape[1]
    flat, hit = p.ravel(), np.eye(k)[outcome].ravel()
    weight, patient = np.repeat(pairs.weight, k), np.repeat(pairs.patient, k)
    found = []
    for low, high in pairwise(edges.tolist()):
        inside = (flat >= low) & (flat < high)
        if inside.any():
            w = weight[inside]
            mean = float(w @ flat[inside] / w.sum())
            found.append((mean, *boot.ratio(patient[inside], w, hit[inside]), float(w.sum() / weight.sum())))
    return found


def pooled(rules: Rules, r: Readings, fitted: Learned, others: Ints) -> Floats:
    """(n, outcomes): three readers' findings (n, 3) pooled one by one as `assess.observers.pool` does, with the learned error."""
    flat = others.ravel()
    kinds, benign, spiculated = (x.reshape(*others.shape, -1).mean(axis=1) for x in described(LEARNED, r, fitted, flat))
    d = r.diameter[others]
    mean, within = d.mean(axis=1), (np.hypot(fitted.sd[0], fitted.sd[1] * d) ** 2).mean(axis=1)
    return distribution(rules, kinds, benign, spiculated, cell_shares(mean, np.sqrt(within + d.var(axis=1)), rules.cuts))
