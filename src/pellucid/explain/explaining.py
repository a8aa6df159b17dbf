"""The call that runs a method of the table on a model and images, and what is refused before it runs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.errors import ExplainError, UnknownName
from pellucid.explain.ask import Answer, Ask
from pellucid.explain.cams import enlarged
from pellucid.explain.maps import Maps, Target
from pellucid.explain.methods import METHODS, Method
from pellucid.explain.still import still
from pellucid.explain.subject import Subject
from pellucid.explain.targets import class_target


def explain(
    subject: Subject, images: Tensor, target: Target, method: str, *, layer: str | None = None, seed: int = 0, **options: Any
) -> Maps:
    """Maps of one method for a batch, in the images' own grid; see `METHODS` for what each gives and its options.

    The map of an image does not depend on the others in the batch, and the same seed gives the same map.

    Args:
        images: (B, C, H, W) or (B, C, D, H, W), prepared as the model takes them.
        target: from `class_target`, `concept_target` or `similarity_target`.
        layer: of methods on a grid; by default the deepest layer that keeps places.

    Raises UnknownName for a method or option that does not exist, ExplainError where the map would mean nothing.
    """
    return explain_all(subject, images, target, {method: options}, layer=layer, seed=seed)[method]


def explain_all(
    subject: Subject,
    images: Tensor,
    target: Target,
    methods: Mapping[str, Mapping[str, Any]] | Sequence[str],
    *,
    layer: str | None = None,
    seed: int = 0,
) -> dict[str, Maps]:
    """Maps of several methods (with their options), which share the passes that they have in common."""
    asked = methods if isinstance(methods, Mapping) else {name: {} for name in methods}
    images = checked_images(subject, images)
    kept: dict[Any, Any] = {}
    maps: dict[str, Maps] = {}
    with still(subject.module):
        for name, options in asked.items():
            line = known(name)
            refuse_without(subject, name, line)
            place = subject.layer(layer) if line.needs == "grid" else None
            if layer is not None and place is None and len(asked) == 1:
                raise ExplainError(f"{name}: expected no layer, got {layer!r}: it does not look at one")
            ask = Ask(subject, images, target, place, seed, with_defaults(name, line, options), kept)
            maps[name] = as_maps(ask, name, line, line.function(ask))
    return maps


def explain_outputs(
    subject: Subject,
    images: Tensor,
    indices: NDArray[np.int64],
    method: str,
    *,
    layer: str | None = None,
    seed: int = 0,
    **options: Any,
) -> Maps:
    """As `explain`, with the output (B,) to be explained given for each image; images of one output go together."""
    wanted = np.asarray(indices)
    if wanted.shape != (len(images),):
        raise ExplainError(f"{method}: expected one output for each of {len(images)} images, got {wanted.shape}")
    values: NDArray[np.float32] | None = None
    error: NDArray[np.float32] | None = None
    notes: list[str] = []
    found: Maps | None = None
    for index in np.unique(wanted):
        rows = np.flatnonzero(wanted == index)
        found = explain(subject, images[rows], class_target(subject, int(index)), method, layer=layer, seed=seed, **options)
        values = np.zeros((len(images), *found.values.shape[1:]), np.float32) if values is None else values
        values[rows] = found.values
        if found.standard_error is not None:
            error = np.zeros_like(values) if error is None else error
            error[rows] = found.standard_error
        notes += [f"{found.target}: {note}" for note in found.notes]
    if found is None or values is None:
        raise ExplainError(f"{method}: expected one image or more, got none")
    return Maps(
        values, method, "output given for each image", found.signed, found.layer, found.seed, found.samples, error, tuple(notes)
    )


def known(name: str) -> Method:
    """A method by name. Raises UnknownName with the nearest."""
    if name not in METHODS:
        raise UnknownName("explanation method", name, METHODS)
    return METHODS[name]


def with_defaults(name: str, line: Method, options: Mapping[str, Any]) -> dict[str, Any]:
    """A method's options, each given or by default. Raises UnknownName."""
    for option in options:
        if option not in line.options:
            raise UnknownName("option", option, line.options, where=name)
    return {**line.options, **options}


def checked_images(subject: Subject, images: Tensor) -> Tensor:
    """The images on the model's device, in its type. Raises ExplainError for a wrong shape, none, or NaN."""
    given = torch.as_tensor(images)
    if given.ndim != len(subject.input_shape) + 1 or tuple(given.shape[1:]) != subject.input_shape or not len(given):
        raise ExplainError(
            f"{subject.name}: expected images (B, {', '.join(map(str, subject.input_shape))}), got {tuple(given.shape)}"
        )
    device, dtype = subject.place()
    given = given.detach().to(device, dtype)
    if not given.isfinite().all():
        raise ExplainError(f"{subject.name}: expected finite images, got NaN or infinity; check their preparation")
    return given


def refuse_without(subject: Subject, name: str, line: Method) -> None:
    """Raises ExplainError where the subject lacks what the method needs, with the reason and what to do."""
    if line.needs == "concept evidence" and subject.family != "concept":
        raise ExplainError(
            f"{name}: expected a concept net, got {subject.name} ({subject.family}): it says nothing of its evidence; "
            "use another method"
        )
    if line.needs == "attention" and not subject.attentions:
        why = (
            "its attention stays within windows"
            if subject.family == "swin"
            else "no block attends from every token to every token"
        )
        raise ExplainError(
            f"{name}: expected a transformer, got {subject.name} ({subject.family}): {why}; use grad-cam or a forward-only method"
        )
    by_gradient = line.needs == "gradients" or (line.needs in ("grid", "attention") and line.gradients)
    if by_gradient and subject.no_gradients:
        raise ExplainError(
            f"{name}: needs gradients, which {subject.name} does not give: {subject.no_gradients}; "
            "use occlusion, rise, kernel-shap or lime"
        )


def as_maps(ask: Ask, name: str, line: Method, answer: Answer) -> Maps:
    """An answer in the images' grid, with what is needed to make it again. Raises ExplainError where it is not finite."""
    if not answer.values.isfinite().all():
        raise ExplainError(f"{name}: the map has NaN or infinity; check the model's weights and precision")
    return Maps(
        values=in_images_grid(answer.values, ask.space),
        method=name,
        target=ask.target.name,
        signed=line.signed,
        layer=ask.layer.name if ask.layer else None,
        seed=ask.seed,
        samples=answer.samples,
        standard_error=None if answer.standard_error is None else in_images_grid(answer.standard_error, ask.space),
        notes=answer.notes,
    )


def in_images_grid(values: Tensor, space: tuple[int, ...]) -> NDArray[np.float32]:
    """(B, *grid) -> (B, *space) as float32, linear between the centres of the cells."""
    return enlarged(values.detach().float().unsqueeze(1), space).squeeze(1).cpu().numpy()
