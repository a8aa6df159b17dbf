"""What can be explained: a class, a state of a concept, the similarity to a text."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.errors import ExplainError
from pellucid.explain.maps import Target
from pellucid.explain.outputs import pick_scores
from pellucid.explain.subject import Subject


@dataclass(frozen=True)
class ConceptTarget(Target):
    """A state of a concept of a concept net, by their places in its output."""

    concept: int
    state: int


def class_target(subject: Subject, index: int, name: str | None = None) -> Target:
    """One of the model's outputs (B, K): the score of a class."""
    if not 0 <= index < subject.outputs:
        raise ExplainError(f"{subject.name}: expected an output from 0 to {subject.outputs - 1}, got {index}")
    pick = subject.output
    return Target(name=name or f"output {index}", score=lambda output: pick(output)[:, index])


def concept_target(concept: int, state: int, name: str | None = None) -> ConceptTarget:
    """The logit of a state of a concept: `logits[:, concept, state]` of a concept net's output.

    Raises ExplainError when it is scored on an output that has no such concept or state.
    """

    def score(seen: Any) -> Tensor:
        logits = getattr(seen, "logits", None)
        if not isinstance(logits, Tensor) or logits.ndim != 3:
            raise ExplainError(
                "concept target: expected the output of a concept net (logits (B, K, S)); use class_target for other models"
            )
        concepts, states = logits.shape[1:]
        if not (0 <= concept < concepts and 0 <= state < states) or bool((logits[:, concept, state] < -1e3).any()):
            raise ExplainError(
                f"concept target: the net has {concepts} concepts of up to {states} states, none at ({concept}, {state})"
            )
        return logits[:, concept, state]

    return ConceptTarget(name=name or f"concept {concept}, state {state}", score=score, concept=concept, state=state)


def similarity_target(text: Tensor, name: str, *, output: Callable[[Any], Tensor] = pick_scores) -> Target:
    """Cosine similarity of an image tower's embedding (B, D) to a text's (D,)."""
    if text.ndim != 1 or not torch.isfinite(text).all() or not text.any():
        raise ExplainError(f"{name}: expected one finite text vector (D,) that is not zero, got shape {tuple(text.shape)}")

    def score(raw: Any) -> Tensor:
        embedding = output(raw)
        if embedding.shape[1] != len(text):
            raise ExplainError(
                f"{name}: the image embedding has {embedding.shape[1]} numbers, the text's {len(text)}; "
                "take both towers of one model"
            )
        return F.cosine_similarity(embedding, text.to(embedding).unsqueeze(0), dim=1)

    return Target(name=name, score=score)
