"""Attention made visible: fused attention is computed openly during a call, recorded, and put back afterwards."""

import inspect
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.backends import mha
from torch.nn import functional as F

LOCK = threading.RLock()
"""The patch is of the whole process: one recording at a time."""


FUSED, SETTING = "fused_attn", "_attn_implementation"
"""How timm and transformers say which attention is computed."""


HEADS = inspect.signature(F.multi_head_attention_forward)
"""The arguments of torch's own attention."""


class Recorded:
    """Attention (B, heads, L, S) of every block in the order of the call, with the name of the module that asked for it."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.weights: list[Tensor] = []
        self.inside: list[str] = []


def open_attention(recorded: Recorded, query: Tensor, key: Tensor, value: Tensor, options: dict[str, Any]) -> Tensor:
    """Scaled dot-product attention with its weights kept (Vaswani et al. 2017, arXiv 1706.03762)."""
    if options.get("enable_gqa"):
        groups = query.shape[-3] // key.shape[-3]
        key, value = key.repeat_interleave(groups, -3), value.repeat_interleave(groups, -3)
    scale = options.get("scale")
    logits = query @ key.transpose(-2, -1) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    mask = options.get("attn_mask")
    if options.get("is_causal"):
        mask = torch.ones(logits.shape[-2:], dtype=torch.bool, device=logits.device).tril()
    if mask is not None:
        logits = logits.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else logits + mask
    weights = logits.softmax(dim=-1)
    if torch.is_grad_enabled() and not weights.requires_grad:
        weights = weights.detach().requires_grad_()  # the graph need not begin before the first attention
    recorded.names.append(recorded.inside[-1] if recorded.inside else "")
    recorded.weights.append(weights)
    return weights @ value


@contextmanager
def functions_open(recorded: Recorded) -> Iterator[None]:
    """Torch's two functions of attention in the open while the block runs: the fused one, and that of its own attention module.

    Where the caller of the second asks for weights it would not reach the first; it is sent there, and gets the recorded weights.
    """
    fused, multihead, fast = F.scaled_dot_product_attention, F.multi_head_attention_forward, mha.get_fastpath_enabled()

    def seen(query: Tensor, key: Tensor, value: Tensor, *rest: Any, **options: Any) -> Tensor:
        named = dict(zip(("attn_mask", "dropout_p", "is_causal", "scale", "enable_gqa"), rest, strict=False))
        return open_attention(recorded, query, key, value, named | options)

    def with_weights(*given: Any, **options: Any) -> tuple[Tensor, Tensor | None]:
        bound = HEADS.bind(*given, **options)
        bound.apply_defaults()
        wanted = bound.arguments["need_weights"]
        bound.arguments["need_weights"] = False
        output, _ = multihead(*bound.args, **bound.kwargs)
        if not wanted:
            return output, None
        weights = recorded.weights[-1].mean(dim=1) if bound.arguments["average_attn_weights"] else recorded.weights[-1]
        return output, weights if bound.arguments["query"].ndim == 3 else weights.squeeze(0)

    try:
        F.scaled_dot_product_attention, F.multi_head_attention_forward = seen, with_weights
        mha.set_fastpath_enabled(False)
        yield
    finally:
        F.scaled_dot_product_attention, F.multi_head_attention_forward = fused, multihead
        mha.set_fastpath_enabled(fast)


@contextmanager
def attention_open(module: nn.Module) -> Iterator[Recorded]:
    """Every attention of a call inside the block is recorded; flags, functions and settings are put back after it.

    Reaches torch's fused function, which timm, torchvision, open_clip and transformers call, and torch's own attention module
    (SigLIP's pooling head); timm's `fused_attn` flags and transformers' eager setting are turned to it for the time.
    """
    recorded = Recorded()
    flags = [(part, part.fused_attn) for part in module.modules() if isinstance(getattr(part, FUSED, None), bool)]
    configs = {id(c): c for part in module.modules() if hasattr(c := getattr(part, "config", None), SETTING)}
    settings = [(config, getattr(config, SETTING)) for config in configs.values()]
    names = {id(part): name for name, part in module.named_modules()}

    def begin(part: nn.Module, _: Any) -> None:
        recorded.inside.append(names[id(part)])

    def end(*_: Any) -> None:
        recorded.inside.pop()

    with LOCK:
        hooks = [p.register_forward_pre_hook(begin) for p in module.modules()]
        hooks += [p.register_forward_hook(end, always_call=True) for p in module.modules()]
        try:
            for part, _ in flags:
                setattr(part, FUSED, True)
            for config, _ in settings:
                setattr(config, SETTING, "sdpa")
            with functions_open(recorded):
                yield recorded
        finally:
            for part, flag in flags:
                setattr(part, FUSED, flag)
            for config, setting in settings:
                setattr(config, SETTING, setting)
            for hook in hooks:
                hook.remove()
