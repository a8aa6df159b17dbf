"""Leakage: what a concept's output says of the outcome, or of other concepts, that the concept itself does not say.

Common shapes: `soft` is one array (n, S_k) of probabilities per concept; `concepts` (n, K) the true states, all recorded;
`outcomes` (n,) recorded; `folds` (n,).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.audit.concept_information import discrete_information, entropy, information
from pellucid.audit.logistic import held_out_probabilities
from pellucid.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Soft = Sequence[Floats]

LEAST_PROBABILITY = 1e-6


@dataclass(frozen=True)
class Score:
    """A leakage score with its parts: one value per concept (K,), or per pair of concepts (K, K)."""

    value: float
    parts: Floats


def _checked(soft: Soft, concepts: ArrayLike) -> Ints:
    table = np.asarray(concepts, dtype=np.int64)
    if table.ndim != 2 or table.shape[1] != len(soft) or any(len(s) != len(table) for s in soft) or len(table) == 0:
        raise InputError(
            f"leakage: expected concepts (n, {len(soft)}) beside {len(soft)} arrays of probabilities (n, S), got {table.shape}"
        )
    if table.min() < 0:
        raise InputError("leakage: expected every concept recorded, got -1; leave out the cases or concepts that are not")
    return table


def concepts_task_leakage(soft: Soft, concepts: ArrayLike, outcomes: ArrayLike, generator: np.random.Generator) -> Score:
    """CTL: mean over concepts of max(0, [I(ĉ; y) − I(c; y)] / H(y)), ĉ the output and c the true state.

    I(ĉ; y) by nearest neighbours (plug-in where the outputs are hard), I(c; y) plug-in. Source: Parisini et al. 2025, arXiv
    2504.14094.
    """
    table, y = _checked(soft, concepts), np.asarray(outcomes, dtype=np.int64)
    scale = entropy(y)
    if scale == 0:
        return Score(float("nan"), np.full(len(soft), np.nan))
    parts = [
        max(0.0, (information(s[:, 1:], y, generator) - discrete_information(table[:, k], y)) / scale) for k, s in enumerate(soft)
    ]
    return Score(float(np.mean(parts)), np.array(parts))


def interconcept_leakage(soft: Soft, concepts: ArrayLike, generator: np.random.Generator) -> Score:
    """ICL: mean over pairs of max(0, [I(ĉ_i; ĉ_j) − I(c_i; c_j)] / √(H(c_i) H(c_j))).

    Source: Parisini et al. 2025, arXiv 2504.14094, with one difference: there the first term is divided by an estimate of the
    outputs' own entropies, which for a continuous output depends on the number of cases; here both are divided by those of
    the true states, so that the two terms are in one unit. A pair with a concept that never varies is left out.
    """
    table, count = _checked(soft, concepts), len(soft)
    parts = np.full((count, count), np.nan)
    scale = [entropy(table[:, k]) for k in range(count)]
    for i in range(count):
        for j in range(i):
            if scale[i] * scale[j] > 0:
                own = information(soft[i][:, 1:], soft[j][:, 1:], generator)
                true = discrete_information(table[:, i], table[:, j])
                parts[i, j] = parts[j, i] = max(0.0, (own - true) / np.sqrt(scale[i] * scale[j]))
    return Score(float(np.nanmean(parts)) if np.isfinite(parts).any() else float("nan"), parts)


def shuffled_within_states(soft: Soft, concepts: ArrayLike, generator: np.random.Generator) -> list[Floats]:
    """The control of every leakage score: each concept's outputs are dealt out anew among the cases with its same true state.

    They tell as much of their own concept as before and, by construction, nothing else: what a score says of them is its own
    bias at this number of cases.
    """
    table, dealt = _checked(soft, concepts), [np.array(s) for s in soft]
    for k, own in enumerate(dealt):
        for state in np.unique(table[:, k]):
            inside = np.flatnonzero(table[:, k] == state)
            own[inside] = own[generator.permutation(inside)]
    return dealt


def one_hot(concepts: ArrayLike, sizes: Sequence[int]) -> Floats:
    """Concept states (n, K) as columns of 0 and 1, the first state of each left out; -1 (not recorded) is a column of its own
    where it occurs."""
    table = np.asarray(concepts, dtype=np.int64)
    columns: list[Floats] = []
    for k, size in enumerate(sizes):
        columns += [(table[:, k] == state).astype(np.float64) for state in range(1, size)]
        columns += [(table[:, k] < 0).astype(np.float64)] if (table[:, k] < 0).any() else []
    return np.stack(columns, axis=1) if columns else np.zeros((len(table), 0))


def log_odds(soft: Soft) -> Floats:
    """Probabilities as log odds against the first state (n, sum of S_k − 1)."""
    logs = [np.log(np.maximum(s, LEAST_PROBABILITY)) for s in soft]
    return np.concatenate([z[:, 1:] - z[:, :1] for z in logs], axis=1)


def conditional_leakage(soft: Soft, concepts: ArrayLike, outcomes: ArrayLike, folds: ArrayLike) -> Floats:
    """For every case (n,), by how many nats the outputs lower the held-out log loss of the outcome beside the true concepts.

    Its mean estimates I(ĉ; y | c) from below, within linear predictors: above 0, the outputs tell something of the outcome that
    the true concepts do not. About 0, or below by what the needless inputs cost, where nothing leaks. Source: predictive
    V-information, Xu et al. 2020, arXiv 2002.10689; for concept models Makonnen et al. 2025, arXiv
    2504.09459.
    """
    table, y = _checked(soft, concepts), np.asarray(outcomes, dtype=np.int64)
    true = one_hot(table, [s.shape[1] for s in soft])
    alone = _loss(held_out_probabilities(true, y, folds), y)
    beside = _loss(held_out_probabilities(np.concatenate([true, log_odds(soft)], axis=1), y, folds), y)
    return alone - beside


def _loss(probabilities: Floats, labels: Ints) -> Floats:
    return -np.log(np.maximum(probabilities[np.arange(len(labels)), labels], LEAST_PROBABILITY))


def random_bottleneck(concepts: ArrayLike, generator: np.random.Generator) -> Ints:
    """Concepts that mean nothing, with the same frequencies: every column of states (n, K) dealt out anew over the cases."""
    table = np.array(concepts, dtype=np.int64)
    for k in range(table.shape[1]):
        table[:, k] = generator.permutation(table[:, k])
    return table
