"""Maps from the attention of a transformer: rollout, and attention weighted by its gradient."""

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from pellucid.errors import ExplainError
from pellucid.explain.ask import Answer, Ask, chunks, differentiated, one_pass
from pellucid.explain.attended import attention_open
from pellucid.explain.layout import Layer

WHATEVER = "the same for every target: it shows where tokens come from, not what speaks for one"


@dataclass(frozen=True)
class Attended:
    """Attention of a batch: (B, heads, N, N) of each block, that of a pooling query (B, heads, 1, N) or None; gradients alike."""

    blocks: list[Tensor]
    pooling: Tensor | None
    gradients: list[Tensor]


def token_layer(ask: Ask) -> Layer:
    """How the tokens of the attention are a grid. Raises ExplainError."""
    found = [layer for layer in ask.subject.layers if layer.kind != "channels first"]
    if not found:
        raise ExplainError(f"{ask.subject.name}: expected tokens that are a grid of the image, found none; use grad-cam")
    return found[-1]


def attended(ask: Ask, images: Tensor, gradients: bool) -> Attended:
    """Attention of one batch and, where asked, the gradient of each image's score by it."""
    with torch.set_grad_enabled(gradients), attention_open(ask.subject.module) as recorded:
        score = one_pass(ask, images)
    by = differentiated(ask, score, recorded.weights) if gradients else []
    if gradients and not any(g.any() for g in by):
        raise ExplainError(
            f"{ask.subject.name}: {ask.target.name} does not depend on the attention of any of these images (gradient zero); "
            "use a method that needs the forward pass only"
        )
    square = [i for i, w in enumerate(recorded.weights) if w.shape[-2] == w.shape[-1] > 1 and w.shape[0] == len(images)]
    if len(square) != len(ask.subject.attentions):
        raise ExplainError(
            f"{ask.subject.name}: attention differs from that of the dry run; it depends on the image: use grad-cam"
        )
    pools = [w for w in recorded.weights if w.shape[-2] == 1 and w.shape[-1] == recorded.weights[square[-1]].shape[-1]]
    blocks = [recorded.weights[i].detach() for i in square]
    return Attended(blocks, pools[-1].detach() if pools else None, [by[i] for i in square] if gradients else [])


def read_out(ask: Ask, layer: Layer, relevance: Tensor, pooling: Tensor | None) -> Tensor:
    """Relevance (B, N, N), rows of last tokens -> (B, *grid): the row that the scores read, its places only."""
    count = prod(layer.grid)
    if pooling is not None:
        row = (pooling.mean(dim=1) @ relevance).squeeze(1)
    elif ask.subject.readout:
        row = relevance[:, list(ask.subject.readout)].mean(dim=1)
    else:
        row = relevance[:, layer.prefix : layer.prefix + count].mean(dim=1)
    return row[:, layer.prefix : layer.prefix + count].unflatten(1, layer.grid)


def attention_rollout(ask: Ask) -> Answer:
    """Abnar and Zuidema 2020 (arXiv 2005.00928): attention, averaged over heads, with the skip connection, multiplied through."""
    layer, parts = token_layer(ask), []
    for part in chunks(len(ask.images), ask.subject.at_once(False)):
        seen = attended(ask, ask.images[part], gradients=False)
        flow = torch.eye(seen.blocks[0].shape[-1]).to(seen.blocks[0]).expand(len(seen.blocks[0]), -1, -1)
        for block in seen.blocks:
            mixed = block.mean(dim=1) + torch.eye(block.shape[-1]).to(block)
            flow = (mixed / mixed.sum(dim=-1, keepdim=True)) @ flow
        parts.append(read_out(ask, layer, flow, seen.pooling))
    return Answer(torch.cat(parts), notes=(WHATEVER,))


def chefer(ask: Ask) -> Answer:
    """Chefer et al. 2021 (arXiv 2103.15679), rules 5 and 6: attention where its gradient speaks for the score."""
    layer, parts = token_layer(ask), []
    for part in chunks(len(ask.images), ask.subject.at_once(True)):
        seen = attended(ask, ask.images[part], gradients=True)
        relevance = torch.eye(seen.blocks[0].shape[-1]).to(seen.blocks[0]).expand(len(seen.blocks[0]), -1, -1)
        for block, gradient in zip(seen.blocks, seen.gradients, strict=True):
            relevance = relevance + (gradient * block).relu().mean(dim=1) @ relevance
        parts.append(read_out(ask, layer, relevance, seen.pooling) - own_share(ask, layer, relevance, seen.pooling))
    return Answer(torch.cat(parts))


def own_share(ask: Ask, layer: Layer, relevance: Tensor, pooling: Tensor | None) -> Tensor:
    """What the identity, with which relevance begins, puts into the read row: the same in every place, so it is taken off."""
    start = torch.eye(relevance.shape[-1]).to(relevance).expand_as(relevance)
    return read_out(ask, layer, start, pooling)
