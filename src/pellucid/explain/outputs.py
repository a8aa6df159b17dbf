"""What a model gives, brought to one tensor of scores (B, K): tensors, dictionaries, tuples and dataclasses."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from torch import Tensor

from pellucid.errors import ExplainError

KNOWN = ("logits", "scores", "image_embeds", "pooler_output", "out", "output")
"""Names under which libraries give scores, most telling first (transformers, torchvision, open_clip)."""


def parts_of(output: Any) -> dict[str, Tensor]:
    """Every tensor of an output by name."""
    if isinstance(output, Tensor):
        return {"": output}
    if isinstance(output, Mapping):
        items = list(output.items())
    elif is_dataclass(output):
        items = [(f.name, getattr(output, f.name)) for f in fields(output)]
    elif hasattr(output, "_asdict"):
        items = list(output._asdict().items())
    elif isinstance(output, tuple | list):
        items = [(f"[{i}]", part) for i, part in enumerate(output)]
    else:
        items = []
    return {str(name): part for name, part in items if isinstance(part, Tensor)}


def pick_scores(output: Any) -> Tensor:
    """The scores (B, K) of an output: the tensor itself, the known name, or the only one with two axes.

    Raises ExplainError where there is none or more than one to choose from.
    """
    parts = parts_of(output)
    flat = {name: two_axes(part) for name, part in parts.items()}
    found = {name: part for name, part in flat.items() if part is not None}
    for name in ("", *KNOWN):
        if name in found:
            return found[name]
    if len(found) == 1:
        return next(iter(found.values()))
    shapes = ", ".join(f"{name or 'tensor'} {tuple(part.shape)}" for name, part in parts.items()) or type(output).__name__
    problem = "more than one tensor of scores" if found else "no tensor of scores"
    raise ExplainError(
        f"model output: expected scores (B, K), got {problem} ({shapes}); pass output=, a function from the output to (B, K)"
    )


def two_axes(part: Tensor) -> Tensor | None:
    """(B, K), (B,) or (B, K, 1, …) as (B, K); None for anything else."""
    if part.ndim == 1:
        return part.unsqueeze(1)
    if part.ndim == 2 or (part.ndim > 2 and part[0, 0].numel() == 1):
        return part.flatten(1)
    return None
