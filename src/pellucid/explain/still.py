"""A model held still while it is explained, and given back as it was: evaluation mode, frozen weights, no hooks left."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def still(module: nn.Module) -> Iterator[None]:
    """Evaluation mode and frozen weights inside the block; every flag as it was after it, also after an error.

    Gradients of activations do not need those of weights: frozen, the graph begins where it is asked for and costs less.
    """
    parts = [(part, part.training) for part in module.modules()]
    weights = [(weight, weight.requires_grad) for weight in module.parameters()]
    fast = torch.backends.mha.get_fastpath_enabled()
    try:
        for part, _ in parts:
            part.training = False
        for weight, _ in weights:
            weight.requires_grad_(False)
        torch.backends.mha.set_fastpath_enabled(False)  # it would go round hooks and attention
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for part, mode in parts:
            part.training = mode
        for weight, needed in weights:
            weight.requires_grad_(needed)
