"""Losses of a concept reader; what was not recorded never enters."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.models.bottleneck import Seen
from pellucid.train.labels import NOT_RECORDED

GROWTH_CELLS = 7
"""Evidence may lie this far around its place: a window of cells of the grid, three to each side."""


@dataclass(frozen=True)
class Targets:
    """What a batch was recorded as: labels (B, K), outcome (B,), places (B, P, H, W) 0..1, known (B, P)."""

    labels: Tensor
    outcome: Tensor
    places: Tensor
    known: Tensor


def concept_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy over the recorded concepts."""
    recorded = labels != NOT_RECORDED
    picked = F.log_softmax(logits, dim=-1).gather(-1, labels.clamp(min=0).unsqueeze(-1)).squeeze(-1)
    return -(picked * recorded).sum() / recorded.sum().clamp(min=1)


def place_loss(logits: Tensor, places: Tensor, known: Tensor) -> Tensor:
    """Cross-entropy plus soft Dice of the place maps, over the kinds of place that are known for each image."""
    if not logits.shape[1]:
        return logits.sum()
    logits = F.interpolate(logits, size=places.shape[-2:], mode="bilinear", align_corners=False)
    p = torch.sigmoid(logits)
    cross = F.binary_cross_entropy_with_logits(logits, places, reduction="none").mean(dim=(2, 3))
    overlap = (p * places).sum(dim=(2, 3))
    dice = 1 - (2 * overlap + 10) / ((p * p).sum(dim=(2, 3)) + (places * places).sum(dim=(2, 3)) + 10)
    return ((2 * cross + dice) * known).sum() / known.sum().clamp(min=1)


def attention_loss(attention: Tensor, places: Tensor, expected: tuple[tuple[int, int, bool], ...]) -> Tensor:
    """Minus the log share of each concept's attention near its recorded place.

    `expected` lists (concept, place, reaches below); images without that place say nothing.
    """
    if not expected:
        return attention.sum() * 0
    cells = F.adaptive_max_pool2d(places, attention.shape[-2:])
    near = F.max_pool2d(cells, GROWTH_CELLS, stride=1, padding=GROWTH_CELLS // 2)
    below = torch.cummax(near, dim=2).values
    total, count = attention.new_zeros(()), attention.new_zeros(())
    for concept, place, reaches_below in expected:
        where = (below if reaches_below else near)[:, place] > 0.5
        present = where.flatten(1).any(dim=1)
        share = (attention[:, concept] * where).sum(dim=(1, 2)).clamp(min=1e-6)
        total = total - (share.log() * present).sum()
        count = count + present.sum()
    return total / count.clamp(min=1)


def shadow_loss(logits: Tensor, outcome: Tensor) -> Tensor:
    """Mean cross-entropy of the shadow head over the cases whose outcome is recorded."""
    recorded = outcome != NOT_RECORDED
    if not bool(recorded.any()):
        return logits.sum() * 0
    return F.cross_entropy(logits[recorded], outcome[recorded])


@dataclass(frozen=True)
class Weights:
    """How much each part of the loss counts beside the places."""

    concept: float
    attention: float
    shadow: float


def total_loss(seen: Seen, targets: Targets, weights: Weights, expected: tuple[tuple[int, int, bool], ...]) -> Tensor:
    """The weighted sum of all parts."""
    return (
        place_loss(seen.places, targets.places, targets.known)
        + weights.concept * concept_loss(seen.logits, targets.labels)
        + weights.attention * attention_loss(seen.attention.mean(dim=2), targets.places, expected)
        + weights.shadow * shadow_loss(seen.shadow, targets.outcome)
    )
