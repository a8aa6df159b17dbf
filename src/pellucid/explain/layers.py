"""Which layer a class activation map is drawn from: scored on validation data, and the choice reported."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

from torch import Tensor

from pellucid.errors import ExplainError
from pellucid.explain.explaining import explain
from pellucid.explain.layout import Layer
from pellucid.explain.maps import Maps, Target
from pellucid.explain.subject import Subject

MOST_CANDIDATES = 8


@dataclass(frozen=True)
class Choice:
    """A layer chosen by its score, with the scores of all that were tried, deepest last; None where a layer was refused."""

    layer: str
    scores: tuple[tuple[str, float | None], ...]
    method: str
    target: str
    images: int

    def sentence(self) -> str:
        """The choice as a person reads it."""
        tried = sum(score is not None for _, score in self.scores)
        best = dict(self.scores)[self.layer]
        return f"layer {self.layer!r} scored best ({best:.3g}) of {tried} for {self.method} on {self.images} validation images"


def candidates(subject: Subject, most: int = MOST_CANDIDATES) -> tuple[Layer, ...]:
    """Layers worth trying: the last at each depth of a grid and the last of each block, thinned to `most`, deepest last."""
    last_of: dict[tuple[Any, ...], Layer] = {}
    for layer in subject.layers:
        block = tuple(part for part in layer.name.split(".")[:3] if part.isdigit())[:1]
        key = (layer.grid, layer.kind, layer.name.split(".")[0], block)
        last_of.pop(key, None)
        last_of[key] = layer
    order = {layer.name: i for i, layer in enumerate(subject.layers)}
    found = sorted(last_of.values(), key=lambda layer: order[layer.name])
    if len(found) <= most:
        return tuple(found)
    step = (len(found) - 1) / (most - 1)
    return tuple(found[round(i * step)] for i in range(most))


def choose_layer(
    subject: Subject,
    images: Tensor,
    target: Target,
    score: Callable[[Maps], float],
    *,
    method: str = "grad-cam",
    among: Sequence[str] | None = None,
) -> Choice:
    """The layer whose maps score best on validation images, higher being better (a deletion gap, for example).

    Args:
        images: (B, C, …) of the validation set, never those on which the maps are then judged.
        among: names of the layers to try; by default `candidates`.

    Raises ExplainError where no layer gives a map, or `score` gives NaN.
    """
    names = among if among is not None else [layer.name for layer in candidates(subject)]

    def score_of(name: str) -> float:
        return score(explain(subject, images, target, method, layer=name))

    return best_layer(names, score_of, method, target.name, len(images))


def best_layer(names: Sequence[str], score_of: Callable[[str], float], method: str, target: str, images: int) -> Choice:
    """The layer that `score_of` scores highest, of equals the last; a layer for which it raises ExplainError is passed over.

    `method`, `target` and the number of validation `images` are what the choice says of itself. Raises as `choose_layer`.
    """
    scores: list[tuple[str, float | None]] = []
    for name in names:
        try:
            value = float(score_of(name))
        except ExplainError:
            scores.append((name, None))
            continue
        if isnan(value):
            raise ExplainError(f"choose_layer: the score of layer {name!r} is NaN; give a score that is a number for every map")
        scores.append((name, value))
    tried = [(value, name) for name, value in scores if value is not None]
    if not tried:
        raise ExplainError(f"{method}: none of the layers {', '.join(names) or '(none)'} gives a map for {target}")
    best = max(value for value, _ in tried)
    chosen = [name for value, name in tried if value == best][-1]  # of equals the deepest
    return Choice(chosen, tuple(scores), method, target, images)
