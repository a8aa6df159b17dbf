"""KernelSHAP and LIME over superpixels: a linear account of the score when pieces of the image are there or not.

Both give each piece one number and say its standard error, from the spread of what the linear account misses.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.errors import ExplainError, MissingExtra
from pellucid.explain.absence import absent
from pellucid.explain.ask import Answer, Ask, at_least, chunks, scores_of
from pellucid.explain.perturb import through

Floats = NDArray[np.float64]
PER_PIECE = 4
"""Coalitions for each piece below which the account is not fitted (ours: half of them are mirror images of the others)."""
KERNEL_WIDTH = 0.25
RIDGE = 1.0
"""LIME's own for images (Ribeiro et al. 2016; the published code)."""


def pieces_of(ask: Ask, image: Tensor) -> Tensor:
    """Labels (*space) from 0 of the image's pieces: `slic`, `grid`, or given as labels. Raises ExplainError, MissingExtra."""
    kind, count = ask.options["segments"], at_least(ask, "pieces", 2)
    if not isinstance(kind, str):
        labels = torch.as_tensor(kind)
        if tuple(labels.shape) != ask.space:
            raise ExplainError(f"segments: expected labels of shape {ask.space}, got {tuple(labels.shape)}")
        return torch.unique(labels, return_inverse=True)[1]
    if kind == "grid":
        return blocks(ask.space, count)
    if kind != "slic":
        raise ExplainError(f"segments: expected 'slic', 'grid' or labels of shape {ask.space}, got {kind!r}")
    return slic_pieces(image, count)


def blocks(space: tuple[int, ...], count: int) -> Tensor:
    """About `count` equal blocks: the nearest whole number along each axis."""
    sides = [min(s, max(1, round(count ** (1 / len(space))))) for s in space]
    labels = torch.zeros(space, dtype=torch.long)
    for axis, (s, parts) in enumerate(zip(space, sides, strict=True)):
        along = torch.arange(s) * parts // s
        labels = labels * parts + along.view(*(-1 if a == axis else 1 for a in range(len(space))))
    return labels


def slic_pieces(image: Tensor, count: int) -> Tensor:
    """SLIC superpixels (Achanta et al. 2012, doi 10.1109/TPAMI.2012.120) of an image (C, *space), stretched to its own range.

    Compactness adapts to each piece (SLICO): with a fixed one a speckled image falls apart and comes back as a single piece.
    """
    try:
        from skimage.segmentation import slic
    except ModuleNotFoundError:
        raise MissingExtra("scikit-image", "explain", "cutting an image into superpixels") from None
    pixels = image.detach().float().cpu().movedim(0, -1).numpy()
    span = float(np.ptp(pixels))
    pixels = (pixels - pixels.min()) / (span if span > 0 else 1.0)
    colour = pixels.shape[-1] == 3 and pixels.ndim == 3  # then compactness is against Lab distances, else against 0 to 1
    labels = slic(pixels, count, compactness=10 if colour else 0.1, sigma=1, slic_zero=True, start_label=0, channel_axis=-1)
    return torch.unique(torch.from_numpy(labels.astype(np.int64)), return_inverse=True)[1]


@dataclass(frozen=True)
class Coalitions:
    """Which pieces are there: rows (n, M) of zero and one, their weights (n,), and which rows were drawn together (n,)."""

    present: Floats
    weights: Floats
    drawn: NDArray[np.int64]
    exact: bool = False


@dataclass(frozen=True)
class Account:
    """A linear account: a number for each piece and its standard error, (M,) each."""

    values: Floats
    errors: Floats


def shapley_coalitions(pieces: int, samples: int, generator: torch.Generator) -> Coalitions:
    """All coalitions where they are few enough, else pairs with their mirror image (Covert and Lee 2021, arXiv 2012.01536)."""
    if 2**pieces - 2 <= samples:
        rows = [
            [float(i in chosen) for i in range(pieces)]
            for size in range(1, pieces)
            for chosen in combinations(range(pieces), size)
        ]
        present = np.array(rows).reshape(-1, pieces)
        sizes = present.sum(axis=1).astype(int)
        weights = np.array([(pieces - 1) / (comb(pieces, s) * s * (pieces - s)) for s in sizes])
        return Coalitions(present, weights, np.arange(len(present)), exact=True)
    sizes = np.arange(1, pieces)
    chance = torch.from_numpy(1 / (sizes * (pieces - sizes)))
    drawn = torch.multinomial(chance, samples // 2, replacement=True, generator=generator) + 1
    ranks = torch.rand((samples // 2, pieces), generator=generator).argsort(dim=1).argsort(dim=1)
    half = (ranks < drawn.unsqueeze(1)).double().numpy()
    return Coalitions(np.concatenate([half, 1 - half]), np.ones(2 * len(half)), np.tile(np.arange(len(half)), 2))


def shapley_account(coalitions: Coalitions, scores: Floats, nothing: float, everything: float) -> Account:
    """Least squares whose numbers add up to the score's whole change (Lundberg and Lee 2017, arXiv 1705.07874, theorem 2).

    The error is the sandwich over pairs: the spread of what is missed, through the same linear map.
    """
    z, w = coalitions.present, coalitions.weights / coalitions.weights.sum()
    y, change = scores - nothing, everything - nothing
    inverse = np.linalg.inv((z * w[:, None]).T @ z)
    ones = inverse.sum(axis=1)
    free = inverse - np.outer(ones, ones) / ones.sum()  # moves that leave the sum as it is
    values = free @ (z.T @ (w * y)) + ones * change / ones.sum()
    if coalitions.exact:
        return Account(values, np.zeros_like(values))
    missed = z * (w * (y - z @ values))[:, None]
    return Account(values, sandwich(free, missed, coalitions.drawn))


def sandwich(bread: Floats, parts: Floats, drawn: NDArray[np.int64]) -> Floats:
    """Standard errors: the parts (n, M) of rows drawn together are one, independent of the others."""
    together = np.zeros((drawn.max() + 1, parts.shape[1]))
    np.add.at(together, drawn, parts)
    return np.sqrt(np.clip(np.diag(bread @ (together.T @ together) @ bread.T), 0, None))


def even_coalitions(pieces: int, samples: int, generator: torch.Generator) -> Coalitions:
    """Each piece there with chance one half, weighted by nearness to the whole image (Ribeiro et al. 2016, arXiv 1602.04938)."""
    present = torch.randint(2, (samples, pieces), generator=generator).double().numpy()
    present[0] = 1.0
    distance = 1 - np.sqrt(present.mean(axis=1))  # the cosine distance to the whole
    return Coalitions(present, np.sqrt(np.exp(-(distance**2) / KERNEL_WIDTH**2)), np.arange(samples))


def ridge_account(coalitions: Coalitions, scores: Floats, nothing: float, everything: float) -> Account:
    """Weighted ridge regression with an intercept, as LIME's published code fits it."""
    z, w = coalitions.present, coalitions.weights
    z = z - np.average(z, axis=0, weights=w)
    y = scores - np.average(scores, weights=w)
    inverse = np.asarray(np.linalg.inv((z * w[:, None]).T @ z + RIDGE * np.eye(z.shape[1])), dtype=np.float64)
    values = inverse @ (z.T @ (w * y))
    return Account(values, sandwich(inverse, z * (w * (y - z @ values))[:, None], coalitions.drawn))


Draw = Callable[[int, int, torch.Generator], Coalitions]
Fit = Callable[[Coalitions, Floats, float, float], Account]


def kernel_shap(ask: Ask) -> Answer:
    """KernelSHAP: Shapley values of pieces, exact where `samples` allow all coalitions."""
    return accounted(ask, shapley_coalitions, shapley_account)


def lime(ask: Ask) -> Answer:
    """LIME for images."""
    return accounted(ask, even_coalitions, ridge_account)


def accounted(ask: Ask, draw: Draw, fit: Fit) -> Answer:
    """A linear account for each image, spread over its pieces; images with as many pieces share their coalitions."""
    samples, shared = at_least(ask, "samples", 2), dict[int, Coalitions]()
    values, errors = torch.zeros_like(ask.images[:, 0]), torch.zeros_like(ask.images[:, 0])
    gone = absent(ask.images, ask.options["baseline"])
    whole, empty = scores_of(ask, ask.images), scores_of(ask, gone)
    worst, used = 0.0, 0
    for row, image in enumerate(ask.images):
        labels = pieces_of(ask, image).to(image.device)
        pieces = int(labels.max()) + 1
        if pieces < 2 or (samples < PER_PIECE * pieces and samples < 2**pieces - 2):
            raise ExplainError(f"samples: expected {PER_PIECE * pieces} or more for {pieces} pieces (two or more), got {samples}")
        if pieces not in shared:
            shared[pieces] = draw(pieces, samples, ask.generator())
        coalitions = shared[pieces]
        account = fit(
            coalitions, coalition_scores(ask, (image, gone[row]), labels, coalitions), float(empty[row]), float(whole[row])
        )
        values[row] = torch.from_numpy(account.values).to(image)[labels]
        errors[row] = torch.from_numpy(account.errors).to(image)[labels]
        worst = max(worst, float(account.errors.max() / max(np.abs(account.values).max(), 1e-12)))
        used = max(used, len(coalitions.present))
    note = f"standard error at most {worst:.0%} of the largest piece" if worst else "exact: every coalition was tried"
    return Answer(values, samples=used, standard_error=errors, notes=(note,))


def coalition_scores(ask: Ask, image: tuple[Tensor, Tensor], labels: Tensor, coalitions: Coalitions) -> Floats:
    """Scores (n,) of an image (with what it looks like when gone) for each coalition of its pieces."""
    present = torch.from_numpy(coalitions.present).to(image[0])
    parts = [
        scores_of(ask, through(*image, present[part][:, labels])) for part in chunks(len(present), ask.subject.at_once(False))
    ]
    return torch.cat(parts).double().cpu().numpy()
