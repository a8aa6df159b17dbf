"""The concept attention bottleneck: every concept owns queries, and its head sees only what they attend to.

Places (a lesion, an exudate) are found on a grid made of the encoder's grids. Every concept has three queries that attend over
the grid: one starts inside its place, one around it, one below it (or anywhere). What they attend to (mean and spread of the
encoder's features, and how much there is) is the concept's evidence, and where asked also what is measured and not learned: the
grey levels there and the shape of its place (`models/appearance.py`). A linear head turns it into logits over the concept's
states. The shadow head sees features from everywhere and never feeds an assessment.
Attention as evidence: after Ilse et al. 2018 (attention-based multiple-instance learning, arXiv 1802.04712); the bottleneck:
Koh et al. 2020 (arXiv 2007.04612); linear heads on frozen features: Yuksekgonul et al. 2023 (arXiv 2205.15480).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.errors import InputError
from pellucid.models.appearance import APPEARANCE, SHAPE, grids_of, outline_shape

NEVER = -1e4
"""Logit of a state that a concept does not have (concepts are padded to the longest list of states)."""
CLUES_PER_PLACE = 4
INSIDE, EDGE, SURROUND, BELOW = range(CLUES_PER_PLACE)
FIRST_LOOK = 6.0
"""By how much, in attention logits, a clue is preferred before anything is learned."""
QUERIES = 3
SMOOTH = 5
"""Cells over which what speaks for a state is averaged before it is drawn."""
LOOKS = 2
"""Residual looks around on each coarser grid."""
NOWHERE = -1
"""The place of a concept that has none."""


@dataclass(frozen=True)
class Design:
    """The sizes of a bottleneck; everything that is needed to build it again before its weights are loaded."""

    states: tuple[int, ...]
    """Number of states of each concept."""
    places: int
    outcomes: int
    """Number of outcomes of the shadow head."""
    width: int = 96
    measured: bool = False
    """Whether the finest grid also carries the image's appearance, and concepts the shape of their place."""
    where: tuple[int, ...] = ()
    """The place of each concept, `NOWHERE` where it has none; all of them nowhere where not given."""

    def place_of(self) -> tuple[int, ...]:
        """The place of each concept."""
        return self.where or (NOWHERE,) * len(self.states)

    def __post_init__(self) -> None:
        if not self.states or min(self.states) < 2 or self.places < 0 or self.outcomes < 2:
            raise InputError(f"bottleneck: expected concepts of two or more states and two or more outcomes, got {self}")


@dataclass(frozen=True)
class Seen:
    """What the net gives for a batch.

    Shapes: logits (B, K, S) padded with `NEVER`; attention (B, K, Q, h, w), summing to one; evidence (B, K, E), what each head
    sees; places (B, P, h, w) logits; shadow (B, C) logits; shadow_evidence (B, E'); vector (B, sum C_i) mean of all grids.
    """

    logits: Tensor
    attention: Tensor
    evidence: Tensor
    places: Tensor
    shadow: Tensor
    shadow_evidence: Tensor
    vector: Tensor


class Pointwise(nn.Conv2d):
    """A 1x1 convolution as the matrix product that it is: on one CPU thread faster than as a convolution."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, 1)

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input.permute(0, 2, 3, 1), self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


class Mix(nn.Module):
    """A residual look around: depthwise 5x5, then across channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 5, padding=2, groups=width), Pointwise(width, width), nn.GroupNorm(8, width), nn.GELU()
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class Neck(nn.Module):
    """Grids of several strides -> one grid (B, width, h, w) at the finest of them; the coarser ones look further around."""

    def __init__(self, channels: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.project = nn.ModuleList(Pointwise(c, width) for c in channels)
        self.norm = nn.ModuleList(nn.GroupNorm(8, width) for _ in channels)
        self.mix = nn.ModuleList(
            nn.Sequential(*(Mix(width) for _ in range(1 if i == 0 else LOOKS))) for i in range(len(channels))
        )

    def forward(self, grids: list[Tensor]) -> Tensor:
        total: Tensor | None = None
        for level in reversed(range(len(grids))):
            own = self.project[level](grids[level])
            if total is not None:
                own = own + F.interpolate(total, size=own.shape[-2:], mode="bilinear", align_corners=False)
            total = self.mix[level](F.gelu(self.norm[level](own)))
        if total is None:
            raise InputError("neck: expected one grid or more, got none")
        return total


def place_clues(probability: Tensor) -> Tensor:
    """(B, P, h, w) place probabilities -> (B, 4 P, h, w): inside, edge, surround, and below in the direction of the beam."""
    grown = F.max_pool2d(probability, 5, stride=1, padding=2)
    shrunk = 1 - F.max_pool2d(1 - probability, 3, stride=1, padding=1)
    edge = F.max_pool2d(probability, 3, stride=1, padding=1) - shrunk
    below = torch.cummax(probability, dim=2).values - probability
    return torch.cat([probability, edge, grown - probability, below], dim=1)


def pooled(weights: Tensor, grid: Tensor) -> Tensor:
    """Weights (B, Q, h, w) as means over the cells of a grid that is as fine or coarser."""
    size = (grid.shape[-2], grid.shape[-1])
    return weights if weights.shape[-2:] == size else F.adaptive_avg_pool2d(weights, size)


def attended(weights: Tensor, grids: list[Tensor]) -> Tensor:
    """What attention sees: weights (B, Q, h, w) summing to one, grids (B, C_i, h_i, w_i) -> (B, Q, 2 sum C_i), mean, spread."""
    parts: list[Tensor] = []
    for grid in grids:
        w = pooled(weights, grid).flatten(2)
        w = w / w.sum(dim=-1, keepdim=True)
        flat = grid.flatten(2).transpose(1, 2)
        mean = w @ flat
        parts += [mean, (w @ (flat * flat) - mean * mean).clamp(min=1e-6).sqrt()]
    return torch.cat(parts, dim=-1)


class Bottleneck(nn.Module):
    """Grids -> concepts with their evidence, places, shadow. See the module's docstring for the idea.

    `channels` are those of the encoder's grids; where the design says `measured`, the finest carries `APPEARANCE` behind them.
    """

    def __init__(self, channels: tuple[int, ...], design: Design) -> None:
        super().__init__()
        self.design = design
        width, concepts, most = design.width, len(design.states), max(design.states)
        if design.measured:
            channels = (channels[0] + len(APPEARANCE), *channels[1:])
        self.channels = channels
        features = 2 * sum(channels)
        self.neck = Neck(channels, width)
        self.place = nn.Sequential(
            nn.Conv2d(width, width, 5, padding=2, groups=width), Pointwise(width, width // 2), nn.GELU(),
            Pointwise(width // 2, max(design.places, 1)),
        )  # fmt: skip
        self.query = nn.Parameter(torch.zeros(concepts, QUERIES, width))
        self.clue_query = nn.Parameter(torch.zeros(concepts, QUERIES, CLUES_PER_PLACE * design.places))
        shape = len(SHAPE) if design.measured and design.places else 0
        self.head = nn.Parameter(torch.zeros(concepts, QUERIES * (features + 1) + shape, most))
        self.head_bias = nn.Parameter(torch.zeros(concepts, most))
        self.shadow = nn.Linear(2 * features, design.outcomes)
        self.never: Tensor
        never = torch.zeros(concepts, most)
        for row, count in enumerate(design.states):
            never[row, count:] = NEVER
        self.register_buffer("never", never, persistent=False)

    @torch.no_grad()
    def look_first(self, expected: Sequence[tuple[int, int, bool]]) -> None:
        """Starts the attention of each (concept, place, reaches below) where a clinician looks: inside, around, below."""
        count = self.design.places
        for concept, place, reaches_below in expected:
            self.clue_query[concept, 0, INSIDE * count + place] = FIRST_LOOK
            for kind in (EDGE, SURROUND):
                self.clue_query[concept, 1, kind * count + place] = FIRST_LOOK
            if reaches_below:
                self.clue_query[concept, 2, BELOW * count + place] = FIRST_LOOK

    @torch.no_grad()
    def look_about(self, concepts: Sequence[int]) -> None:
        """Starts the queries of some concepts at random, each elsewhere, so that they can learn to look at different things."""
        for concept in concepts:
            nn.init.normal_(self.query[concept])

    def forward(self, grids: list[Tensor]) -> Seen:
        """Grids of the encoder, finest first -> everything seen (see `Seen` for shapes)."""
        grid = self.neck(grids)
        found = self.place(grid)
        places, probability = found[:, : self.design.places], torch.sigmoid(found.detach())
        weights, evidence, shadow_evidence = self._evidence(grid, probability, grids)
        evidence = self._with_shape(evidence, probability)
        logits = self.judge(evidence)
        vector = torch.cat([g.mean(dim=(2, 3)) for g in grids], dim=1)
        return Seen(logits, weights, evidence, places, self.shadow(shadow_evidence), shadow_evidence, vector)

    def point_out(self, grids: list[Tensor]) -> Tensor:
        """Place logits (B, P, h, w) alone, all that the neck learns from."""
        return self.place(self.neck(grids))[:, : self.design.places]

    def appearance_columns(self) -> Tensor:
        """Which numbers of a concept's evidence (E,) say how the image looks where it looks, and how much of that there is."""
        features = 2 * sum(self.channels)
        columns = torch.zeros(self.head.shape[1], dtype=torch.bool)
        if self.design.measured:
            per_query = columns[: QUERIES * (features + 1)].view(QUERIES, features + 1)
            finest, own = self.channels[0], len(APPEARANCE)
            for end in (finest, 2 * finest):
                per_query[:, end - own : end] = True
            per_query[:, -1] = True
        return columns

    def _with_shape(self, evidence: Tensor, probability: Tensor) -> Tensor:
        """Evidence (B, K, E) with the shape of each concept's own place behind it; zeros for a concept that has none."""
        if not (self.design.measured and self.design.places):
            return evidence
        shapes = F.pad(outline_shape(probability[:, : self.design.places]), (0, 0, 0, 1))  # the last row is NOWHERE
        return torch.cat([evidence, shapes[:, list(self.design.place_of())]], dim=-1)

    def _evidence(self, grid: Tensor, probability: Tensor, grids: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Attention (B, K, Q, h, w), evidence (B, K, E), the shadow's, which never shapes what concepts see.

        Equal queries look once where nothing is learned.
        """
        rows = torch.cat([self.query, self.clue_query], dim=-1).flatten(0, 1)
        back = torch.arange(len(rows), device=rows.device)
        if not torch.is_grad_enabled():
            rows, back = torch.unique(rows, dim=0, return_inverse=True)
        logits = self._attend(rows, grid, probability).flatten(2)
        weights = torch.softmax(logits, dim=-1)
        amount = torch.logsumexp(logits, dim=-1, keepdim=True) - math.log(logits.shape[-1])
        everywhere = self._everywhere(probability).flatten(2)
        features = attended(torch.cat([weights, everywhere], dim=1).unflatten(-1, grid.shape[-2:]), grids)
        seen = torch.cat([features[:, :-2], amount], dim=-1)
        shape = (len(self.design.states), QUERIES)
        weights = weights[:, back].unflatten(1, shape).unflatten(-1, grid.shape[-2:])
        return weights, seen[:, back].unflatten(1, shape).flatten(2), features[:, -2:].flatten(1).detach()

    @torch.no_grad()
    def support(self, seen: Seen, grids: list[Tensor]) -> Tensor:
        """Where what speaks for each concept's likeliest state lies: (B, K, h, w), summing to one over the grid.

        A linear head on attended means gives every cell its share of the logit: attention times weights times features. Only what
        speaks for the state, against the mean of all, is kept; after Zhou et al. 2016 (class activation maps, arXiv 1512.04150).
        """
        batch, concepts = seen.logits.shape[:2]
        best = seen.logits.argmax(dim=-1)
        count = torch.tensor(self.design.states, dtype=self.head.dtype)
        share = F.one_hot(best, self.head.shape[-1]) - (
            (self.never >= 0) / count.unsqueeze(1)
        )  # the state against the mean of all
        located = self.head[:, : QUERIES * (2 * sum(self.channels) + 1)]
        chosen = torch.einsum("kes,bks->bke", located, share)
        chosen = chosen.unflatten(-1, (QUERIES, -1)).to(grids[0].dtype)
        size, start = grids[0].shape[-2:], 0
        total = torch.zeros_like(seen.attention[:, :, 0])
        for grid in grids:
            part = chosen[..., start : start + grid.shape[1]].flatten(1, 2)
            cells = (part @ grid.flatten(2)).unflatten(-1, grid.shape[-2:])
            own = (cells * pooled(seen.attention.flatten(1, 2), grid)).unflatten(1, (concepts, QUERIES)).sum(dim=2)
            total += own if own.shape[-2:] == size else F.interpolate(own, size=size, mode="bilinear", align_corners=False)
            start += 2 * grid.shape[1]
        speaks = total.clamp(min=0) + seen.attention.mean(dim=2) * 1e-6
        for window, padding in (((SMOOTH, 1), (SMOOTH // 2, 0)), ((1, SMOOTH), (0, SMOOTH // 2))):
            speaks = F.avg_pool2d(speaks, window, stride=1, padding=padding)  # a place, not a speckle of cells
        return speaks / speaks.sum(dim=(2, 3), keepdim=True).reshape(batch, concepts, 1, 1)

    def judge(self, evidence: Tensor) -> Tensor:
        """Evidence (B, K, E) -> logits (B, K, S); each concept's head sees its own row only."""
        return torch.einsum("bke,kes->bks", evidence, self.head) + self.head_bias + self.never

    def _attend(self, rows: Tensor, grid: Tensor, probability: Tensor) -> Tensor:
        query, clue_query = rows.split([self.design.width, rows.shape[-1] - self.design.width], dim=-1)
        logits = torch.einsum("rd,bdyx->bryx", query / math.sqrt(self.design.width), grid)
        if self.design.places:
            clues = place_clues(probability[:, : self.design.places])
            logits = logits + torch.einsum("rc,bcyx->bryx", clue_query, clues)
        return logits

    @staticmethod
    def _everywhere(probability: Tensor) -> Tensor:
        """(B, 2, h, w): the shadow's look at the whole image, and at all places together."""
        even = torch.full_like(probability[:, :1], 1.0 / probability[0, 0].numel())
        weight = probability.amax(dim=1, keepdim=True) + 1e-4
        return torch.cat([even, weight / weight.sum(dim=(2, 3), keepdim=True)], dim=1)


class ConceptNet(nn.Module):
    """An encoder and a bottleneck, end to end: (B, 3, H, W) normalised image -> `Seen`."""

    def __init__(self, encoder: nn.Module, bottleneck: Bottleneck) -> None:
        super().__init__()
        self.encoder = encoder
        self.bottleneck = bottleneck

    def grids(self, x: Tensor) -> list[Tensor]:
        """What the bottleneck works on: the encoder's grids, the finest with the image's appearance where the design says so."""
        return grids_of(self.encoder, x, self.bottleneck.design.measured)

    def forward(self, x: Tensor) -> Seen:
        return self.bottleneck(self.grids(x))
