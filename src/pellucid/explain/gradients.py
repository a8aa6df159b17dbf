"""Maps from gradients by the pixels: saliency, SmoothGrad, integrated gradients, gradient-SHAP."""

import numpy as np
import torch
from torch import Tensor

from pellucid.errors import ExplainError
from pellucid.explain.absence import absent
from pellucid.explain.ask import Answer, Ask, at_least, gradients_at, gradients_of, scores_of

COMPLETE = 0.05
"""Part of the score's change by which integrated gradients may miss it before the map carries a note (ours)."""


def strongest(gradients: Tensor) -> tuple[Tensor, Tensor]:
    """The largest size over channels (B, C, …) -> (B, …), and in which channel it is."""
    found = gradients.abs().max(dim=1)
    return found.values, found.indices


def moving(ask: Ask, values: Tensor) -> Tensor:
    """The maps, some of which are not zero. Raises ExplainError where no score moves with any pixel."""
    if not values.any():
        raise ExplainError(
            f"{ask.subject.name}: {ask.target.name} has gradient zero at every pixel (saturated, or a head of zeros); "
            "explain a logit in place of a probability, or use occlusion"
        )
    return values


def saliency(ask: Ask) -> Answer:
    """Simonyan et al. 2014 (arXiv 1312.6034): size of the gradient, largest over channels."""
    _, gradients = gradients_of(ask, ask.images)
    return Answer(moving(ask, strongest(gradients)[0]))


def smoothgrad(ask: Ask) -> Answer:
    """Smilkov et al. 2017 (arXiv 1706.03825): the gradient's mean over noisy copies, then its size, largest over channels.

    All images get the same noise, scaled to their own range, so that a map does not depend on its batch.
    """
    samples, generator = at_least(ask, "samples", 2), ask.generator()
    span = ask.images.flatten(1).amax(dim=1) - ask.images.flatten(1).amin(dim=1)
    scale = ask.options["noise"] * span.view(-1, *(1,) * (ask.images.ndim - 1))
    total, square = torch.zeros_like(ask.images), torch.zeros_like(ask.images)
    noises = (torch.randn(ask.images.shape[1:], generator=generator).to(ask.images) for _ in range(samples))
    for gradients in gradients_at(ask, (ask.images + scale * noise for noise in noises)):
        total += gradients
        square += gradients**2
    mean = total / samples
    variance = (square / samples - mean**2).clamp(min=0) * samples / (samples - 1)
    values, channel = strongest(mean)
    error = (variance / samples).sqrt().gather(1, channel.unsqueeze(1)).squeeze(1)
    return Answer(moving(ask, values), samples=samples, standard_error=error)


def integrated_gradients(ask: Ask) -> Answer:
    """Sundararajan et al. 2017 (arXiv 1703.01365): gradients along the line from what is absent, times the difference.

    Gauss-Legendre points; the sum over an image is its score minus that of the absent image, and how far it is off is said.
    """
    steps = at_least(ask, "steps", 1)
    baseline = absent(ask.images, ask.options["baseline"])
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    total = torch.zeros_like(ask.images)
    points = (baseline + float(node + 1) / 2 * (ask.images - baseline) for node in nodes)
    for weight, gradients in zip(weights / 2, gradients_at(ask, points), strict=True):
        total += float(weight) * gradients
    values = (total * (ask.images - baseline)).sum(dim=1)
    change = scores_of(ask, ask.images) - scores_of(ask, baseline)
    missed = ((values.flatten(1).sum(dim=1) - change).abs() / change.abs().clamp(min=1e-6)).max().item()
    note = f"adds up to the change of the score within {missed:.1%} at worst"
    if missed > COMPLETE:
        note += f"; more than {COMPLETE:.0%}: take more steps than {steps}, or part of the model passes no gradient on"
    return Answer(moving(ask, values), samples=steps, notes=(note,))


def gradient_shap(ask: Ask) -> Answer:
    """Erion et al. 2021 (arXiv 1906.10670), expected gradients, as in Lundberg's GradientExplainer: integrated gradients with
    drawn points on lines from drawn references.

    `background` (n, C, …) holds reference images of the kind the model was trained on; without it the references are what is
    absent, and the noise alone makes them differ.
    """
    samples, generator = at_least(ask, "samples", 2), ask.generator()
    references = references_of(ask)
    total, square = (torch.zeros_like(ask.images[:, 0]) for _ in range(2))
    picks = torch.randint(len(references), (samples,), generator=generator).tolist()
    along = torch.rand(samples, generator=generator).tolist()
    noises = [torch.randint(2**62, (), generator=generator).item() for _ in range(samples)]

    def line(i: int) -> tuple[Tensor, Tensor]:
        """Start of the line and the way along it, made twice rather than kept for all samples."""
        chance = torch.Generator().manual_seed(int(noises[i]))
        noise = torch.randn(ask.images.shape[1:], generator=chance).to(ask.images) * ask.options["noise"]
        return references[picks[i]], ask.images + noise - references[picks[i]]

    points = (start + along[i] * way for i in range(samples) for start, way in (line(i),))
    for i, gradients in enumerate(gradients_at(ask, points)):
        one = (gradients * line(i)[1]).sum(dim=1)
        total += one
        square += one**2
    mean = total / samples
    error = ((square / samples - mean**2).clamp(min=0) / (samples - 1)).sqrt()
    return Answer(moving(ask, mean), samples=samples, standard_error=error)


def references_of(ask: Ask) -> Tensor:
    """References (n, B or 1, C, …) for gradient-SHAP. Raises ExplainError where they do not fit the images."""
    background = ask.options["background"]
    if background is None:
        return absent(ask.images, ask.options["baseline"]).unsqueeze(0)
    given = torch.as_tensor(background).to(ask.images)
    if given.ndim != ask.images.ndim or given.shape[1:] != ask.images.shape[1:] or not len(given):
        raise ExplainError(
            f"background: expected images (n, {', '.join(map(str, ask.images.shape[1:]))}), got {tuple(given.shape)}"
        )
    return given.unsqueeze(1)
