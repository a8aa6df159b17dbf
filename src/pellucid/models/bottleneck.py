"""The concept attention bottleneck: every concept owns queries, and its head sees only what they attend to.

From the encoder's grids one common grid is made; place heads say where things are (a lesion, an exudate); concept queries
attend over the grid with the place maps as extra clues (inside, edge, surround, below); each head turns what was attended to
into logits over its states. The shadow head sees pooled features instead and never feeds an assessment.
Attention as evidence: after Ilse et al. 2018 (attention-based multiple-instance learning, arXiv 1802.04712) and
Locatello et al. 2020 (queries over grids); the bottleneck: Koh et al. 2020 (arXiv 2007.04612).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.errors import InputError

NEVER = -1e4
"""Logit of a state that a concept does not have (concepts are padded to the longest list of states)."""
CLUES_PER_PLACE = 4


@dataclass(frozen=True)
class Design:
    """The sizes of a bottleneck; everything that is needed to build it again before its weights are loaded."""

    states: tuple[int, ...]
    """Number of states of each concept."""
    places: int
    outcomes: int
    """Number of outcomes of the shadow head."""
    width: int = 96
    heads: int = 2
    hidden: int = 48

    def __post_init__(self) -> None:
        if not self.states or min(self.states) < 2 or self.places < 0 or self.outcomes < 2:
            raise InputError(f"bottleneck: expected concepts of two or more states and two or more outcomes, got {self}")


@dataclass(frozen=True)
class Seen:
    """What the net gives for a batch.

    Shapes: logits (B, K, S) padded with `NEVER`; attention (B, K, h, w), summing to one over the grid;
    attention_logits (B, K, H, h, w); places (B, P, h, w) logits; shadow (B, C) logits; vector (B, 2 C_0) mean and spread of the finest encoder grid.
    """

    logits: Tensor
    attention: Tensor
    attention_logits: Tensor
    places: Tensor
    shadow: Tensor
    vector: Tensor


class Neck(nn.Module):
    """Grids of several strides -> one grid (B, width, h, w) at the finest of them."""

    def __init__(self, channels: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.project = nn.ModuleList(nn.Conv2d(c, width, 1) for c in channels)
        self.norm = nn.GroupNorm(8, width)
        self.mix = nn.Sequential(
            nn.Conv2d(width, width, 5, padding=2, groups=width), nn.Conv2d(width, width, 1), nn.GroupNorm(8, width), nn.GELU()
        )

    def forward(self, grids: list[Tensor]) -> Tensor:
        total = self.project[-1](grids[-1])
        for project, grid in zip(reversed(self.project[:-1]), reversed(grids[:-1]), strict=True):
            finer = project(grid)
            total = finer + F.interpolate(total, size=finer.shape[-2:], mode="bilinear", align_corners=False)
        total = F.gelu(self.norm(total))
        return total + self.mix(total)


def place_clues(probability: Tensor) -> Tensor:
    """(B, P, h, w) place probabilities -> (B, 4 P, h, w): inside, edge, surround, and below in the direction of the beam."""
    grown = F.max_pool2d(probability, 5, stride=1, padding=2)
    shrunk = 1 - F.max_pool2d(1 - probability, 3, stride=1, padding=1)
    edge = F.max_pool2d(probability, 3, stride=1, padding=1) - shrunk
    below = torch.cummax(probability, dim=2).values - probability
    return torch.cat([probability, edge, grown - probability, below], dim=1)


class Bottleneck(nn.Module):
    """Grids -> concepts with their evidence, places, shadow. See the module's docstring for the idea."""

    def __init__(self, channels: tuple[int, ...], design: Design) -> None:
        super().__init__()
        self.design = design
        width, concepts, most = design.width, len(design.states), max(design.states)
        clues = CLUES_PER_PLACE * design.places + 2
        self.neck = Neck(channels, width)
        self.place = nn.Sequential(
            nn.Conv2d(width, width, 5, padding=2, groups=width), nn.Conv2d(width, width // 2, 1), nn.GELU(),
            nn.Conv2d(width // 2, max(design.places, 1), 1),
        )  # fmt: skip
        self.key = nn.Conv2d(width + clues, width, 1)
        self.value = nn.Conv2d(width + clues, width, 1)
        self.query = nn.Parameter(torch.randn(concepts, design.heads, width) / math.sqrt(width))
        self.clue_query = nn.Parameter(torch.zeros(concepts, design.heads, clues))
        evidence = design.heads * (width + 1)
        self.hidden_weight = nn.Parameter(torch.randn(concepts, evidence, design.hidden) / math.sqrt(evidence))
        self.hidden_bias = nn.Parameter(torch.zeros(concepts, design.hidden))
        self.state_weight = nn.Parameter(torch.randn(concepts, design.hidden, most) / math.sqrt(design.hidden))
        self.state_bias = nn.Parameter(torch.zeros(concepts, most))
        self.dropout = nn.Dropout(0.2)
        self.shadow = nn.Sequential(nn.Linear(2 * width, design.hidden), nn.GELU(), nn.Dropout(0.2), nn.Linear(design.hidden, design.outcomes))
        never = torch.zeros(concepts, most)
        for row, count in enumerate(design.states):
            never[row, count:] = NEVER
        self.register_buffer("never", never, persistent=False)

    def forward(self, grids: list[Tensor]) -> Seen:
        """Grids of the encoder, finest first -> everything seen (see `Seen` for shapes)."""
        grid = self.neck(grids)
        places = self.place(grid)[:, : self.design.places]
        clued, clues = self._with_clues(grid, torch.sigmoid(places.detach()))
        attention_logits = self._attend(clued, clues)
        logits, attention = self._judge(attention_logits, self.value(clued))
        shadow = self.shadow(self._pooled(grid, places))
        vector = torch.cat([grids[0].mean(dim=(2, 3)), grids[0].std(dim=(2, 3))], dim=1)
        return Seen(logits, attention, attention_logits, places, shadow, vector)

    def _with_clues(self, grid: Tensor, probability: Tensor) -> tuple[Tensor, Tensor]:
        batch, _, height, width = grid.shape
        y = torch.linspace(-1, 1, height, device=grid.device, dtype=grid.dtype).view(1, 1, height, 1).expand(batch, 1, height, width)
        x = torch.linspace(-1, 1, width, device=grid.device, dtype=grid.dtype).view(1, 1, 1, width).expand(batch, 1, height, width)
        clues = torch.cat([place_clues(probability), y, x.abs()], dim=1) if self.design.places else torch.cat([y, x.abs()], dim=1)
        return torch.cat([grid, clues], dim=1), clues

    def _attend(self, clued: Tensor, clues: Tensor) -> Tensor:
        key = self.key(clued).flatten(2)
        scale = 1 / math.sqrt(self.design.width)
        logits = torch.einsum("khd,bdn->bkhn", self.query, key) * scale + torch.einsum("khc,bcn->bkhn", self.clue_query, clues.flatten(2))
        return logits.unflatten(-1, clued.shape[-2:])

    def _judge(self, attention_logits: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        flat = attention_logits.flatten(-2)
        weight = torch.softmax(flat, dim=-1)
        attended = torch.einsum("bkhn,bdn->bkhd", weight, value.flatten(2))
        amount = (torch.logsumexp(flat, dim=-1) - math.log(flat.shape[-1])).unsqueeze(-1)
        evidence = self.dropout(torch.cat([attended, amount], dim=-1).flatten(2))
        hidden = F.gelu(torch.einsum("bke,keh->bkh", evidence, self.hidden_weight) + self.hidden_bias)
        logits = torch.einsum("bkh,khs->bks", hidden, self.state_weight) + self.state_bias + self.never
        return logits, weight.mean(dim=2).unflatten(-1, attention_logits.shape[-2:])

    def _pooled(self, grid: Tensor, places: Tensor) -> Tensor:
        everywhere = grid.mean(dim=(2, 3))
        if not self.design.places:
            return torch.cat([everywhere, everywhere], dim=1)
        weight = torch.sigmoid(places.detach()).amax(dim=1, keepdim=True) + 1e-4
        return torch.cat([everywhere, (grid * weight).sum(dim=(2, 3)) / weight.sum(dim=(2, 3))], dim=1)


class ConceptNet(nn.Module):
    """An encoder and a bottleneck, end to end: (B, 3, H, W) normalised image -> `Seen`."""

    def __init__(self, encoder: nn.Module, bottleneck: Bottleneck) -> None:
        super().__init__()
        self.encoder = encoder
        self.bottleneck = bottleneck

    def forward(self, x: Tensor) -> Seen:
        return self.bottleneck(self.encoder(x))
