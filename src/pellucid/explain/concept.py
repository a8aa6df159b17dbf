"""The concept net's own evidence: what it itself says of where a concept was seen. No approximation from outside."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from pellucid.errors import ExplainError
from pellucid.explain.ask import Answer, Ask, checked, chunks
from pellucid.explain.targets import ConceptTarget


def concept_of(ask: Ask) -> ConceptTarget:
    """The target as a concept's state. Raises ExplainError for another target."""
    if not isinstance(ask.target, ConceptTarget):
        raise ExplainError(f"{ask.target.name}: expected a concept's state (concept_target), which the net has evidence for")
    return ask.target


@torch.no_grad()
def concept_evidence(ask: Ask) -> Answer:
    """Where what speaks for the state lies: attention times weights times features, the head being linear on them.

    The net's `support` is of each concept's likeliest state; another state is made the likeliest first, which changes nothing
    else that `support` reads.
    """
    target, module = concept_of(ask), ask.subject.module
    parts: list[Tensor] = []
    for part in chunks(len(ask.images), ask.subject.at_once(False)):
        grids = module.grids(ask.images[part].clone())  # type: ignore[operator]
        seen = module.bottleneck(grids)  # type: ignore[operator]
        checked(target.score(seen), ask, len(ask.images[part]))
        parts.append(module.bottleneck.support(likeliest(seen, target), grids)[:, target.concept])  # type: ignore[operator, union-attr]
    return Answer(torch.cat(parts))


def likeliest(seen: Any, target: ConceptTarget) -> Any:
    """What was seen, with the target's state as its concept's likeliest."""
    logits = seen.logits.clone()
    logits[:, target.concept, target.state] = logits[:, target.concept].amax(dim=-1) + 1
    return replace(seen, logits=logits)


@torch.no_grad()
def concept_attention(ask: Ask) -> Answer:
    """Where the concept's queries look, (B, K, Q, h, w) averaged over queries; the same for every state."""
    target = concept_of(ask)
    parts: list[Tensor] = []
    for part in chunks(len(ask.images), ask.subject.at_once(False)):
        seen: Any = ask.subject.module(ask.images[part].clone())
        checked(target.score(seen), ask, len(ask.images[part]))
        parts.append(seen.attention[:, target.concept].mean(dim=1))
    return Answer(torch.cat(parts), notes=("where the concept looks, whatever it finds there: the same for every state",))
