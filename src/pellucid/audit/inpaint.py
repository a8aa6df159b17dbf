"""Removed pixels painted in from their neighbours: noisy linear imputation (Rong 2022), without noise the discrete harmonic fill.

A removed pixel is the weighted mean of its neighbours, known or removed: one sparse linear system for each image, solved exactly.
In two dimensions a direct neighbour weighs 1/6 and a diagonal one 1/12, as in the paper; in three a neighbour that differs in k
axes weighs in proportion to 1/k (ours: the paper has no volumes). Source: arXiv:2202.00449.
"""

from itertools import product

import numpy as np
from numpy.typing import NDArray

from pellucid.audit.lazy import scipy_module
from pellucid.audit.perturb import drawn_for, dynamic_range

NOISE = 0.01
"""Standard deviation of the noise, as a share of the image's dynamic range."""


def neighbours(axes: int) -> list[tuple[tuple[int, ...], float]]:
    """Offsets of the neighbours of a pixel and their weights, which sum to one."""
    offsets = [o for o in product((-1, 0, 1), repeat=axes) if any(o)]
    raw = [1.0 / sum(map(abs, o)) for o in offsets]
    return [(o, w / sum(raw)) for o, w in zip(offsets, raw, strict=True)]


def painted_in(image: NDArray[np.float32], removed: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Image (C, H, W) with the pixels of `removed` (H, W) filled; an image removed whole becomes its mean."""
    filled = image.astype(np.float32, copy=True)
    count = int(removed.sum())
    if count == 0:
        return filled
    if count == removed.size:
        filled[:] = image.reshape(len(image), -1).mean(axis=1).reshape(-1, *([1] * removed.ndim))
        return filled
    rows, columns, weights, right = _system(image, removed)
    matrix = scipy_module("sparse").csc_matrix((weights, (rows, columns)), shape=(count, count))
    solver = scipy_module("sparse.linalg").splu(
        matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
    )
    filled[:, removed] = np.asarray(solver.solve(right.T), np.float64).T
    return filled


def imputed(image: NDArray[np.float32], removed: NDArray[np.bool_], seed: int, noise: float = NOISE) -> NDArray[np.float32]:
    """Noisy linear imputation: `painted_in` and noise on what was filled, so that the model cannot see how smooth it is."""
    filled = painted_in(image, removed)
    drawn = drawn_for(image, seed).standard_normal((len(image), int(removed.sum())), dtype=np.float32)
    filled[:, removed] += noise * float(dynamic_range(image[None]).item()) * drawn
    return filled


def _system(
    image: NDArray[np.float32], removed: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Rows, columns and values of the matrix, and the right-hand side (C, removed pixels)."""
    number = np.full(removed.shape, -1, dtype=np.int64)
    number[removed] = np.arange(int(removed.sum()))
    sums = np.zeros(removed.shape)
    right = np.zeros(image.shape)
    rows: list[NDArray[np.int64]] = []
    columns: list[NDArray[np.int64]] = []
    values: list[NDArray[np.float64]] = []
    known = np.where(removed, 0.0, image)
    for offset, weight in neighbours(removed.ndim):
        here = tuple(slice(max(0, -o), s - max(0, o)) for o, s in zip(offset, removed.shape, strict=True))
        there = tuple(slice(max(0, o), s - max(0, -o)) for o, s in zip(offset, removed.shape, strict=True))
        sums[here] += weight
        right[(slice(None), *here)] += weight * known[(slice(None), *there)]
        both = removed[here] & removed[there]
        rows.append(number[here][both])
        columns.append(number[there][both])
        values.append(np.full(int(both.sum()), -weight))
    every = np.arange(int(removed.sum()))
    return (
        np.concatenate([*rows, every]),
        np.concatenate([*columns, every]),
        np.concatenate([*values, sums[removed]]),
        right[:, removed],
    )
