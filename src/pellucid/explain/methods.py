"""Every explanation method in one table, on one signature: function(Ask) -> Answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pellucid.explain import attention, cams, concept, gradients, perturb, superpixels
from pellucid.explain.ask import Answer, Ask

Needs = Literal["gradients", "grid", "attention", "forward only", "concept evidence"]
"""`grid`: a layer that keeps places, and gradients from it on unless the method's `gradients` is False."""


@dataclass(frozen=True)
class Method:
    """A method as a line of the table; `docs/reference/explanation-methods.md` is made from it."""

    function: Callable[[Ask], Answer]
    gives: str
    signed: bool
    needs: Needs
    cost: str
    """Forward and backward passes per image."""
    reference: str
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Options with their defaults."""
    refused: str = ""
    """When, beside what `needs` says."""
    gradients: bool = True
    """Of those that need a grid or attention: whether they also need gradients."""
    experimental: bool = False


METHODS: dict[str, Method] = {
    "grad-cam": Method(
        cams.grad_cam, "channels of a layer weighted by their mean gradient; only what speaks for", signed=False, needs="grid",
        cost="1 forward, 1 backward down to the layer", reference="Selvaraju et al. 2017, arXiv 1610.02391",
    ),
    "grad-cam++": Method(
        cams.grad_cam_plus_plus, "as Grad-CAM, places of a channel weighted for many small finds", signed=False, needs="grid",
        cost="1 forward, 1 backward down to the layer", reference="Chattopadhay et al. 2018, arXiv 1710.11063",
    ),
    "hires-cam": Method(
        cams.hires_cam, "each place of a layer by its own gradient", signed=True, needs="grid",
        cost="1 forward, 1 backward down to the layer", reference="Draelos and Carin 2020, arXiv 2011.08891",
    ),
    "score-cam": Method(
        cams.score_cam, "channels weighted by the score of the image seen through each", signed=False, needs="grid",
        cost="1 forward per channel", reference="Wang et al. 2020, arXiv 1910.01279", options={"channels": None}, gradients=False,
    ),
    "eigen-cam": Method(
        cams.eigen_cam, "the main pattern of a layer, whatever the target", signed=False, needs="grid",
        cost="1 forward", reference="Muhammad and Yeasin 2020, arXiv 2008.00299", gradients=False,
    ),
    "saliency": Method(
        gradients.saliency, "how much the score would move with each pixel, either way", signed=False, needs="gradients",
        cost="1 forward, 1 backward", reference="Simonyan et al. 2014, arXiv 1312.6034",
    ),
    "smoothgrad": Method(
        gradients.smoothgrad, "saliency averaged over noisy copies, with a standard error", signed=False, needs="gradients",
        cost="`samples` forwards and backwards", reference="Smilkov et al. 2017, arXiv 1706.03825",
        options={"samples": 25, "noise": 0.15},
    ),
    "integrated-gradients": Method(
        gradients.integrated_gradients, "each pixel's part in the score's change from the absent image; parts add up",
        signed=True, needs="gradients", cost="`steps` forwards and backwards",
        reference="Sundararajan et al. 2017, arXiv 1703.01365",
        options={"steps": 32, "baseline": 0.0},
    ),
    "gradient-shap": Method(
        gradients.gradient_shap, "integrated gradients over drawn references, with a standard error", signed=True,
        needs="gradients", cost="`samples` forwards and backwards", reference="Erion et al. 2021, arXiv 1906.10670",
        options={"samples": 32, "noise": 0.09, "background": None, "baseline": 0.0},
    ),
    "kernel-shap": Method(
        superpixels.kernel_shap, "Shapley values of superpixels, with a standard error; they add up to the score's change",
        signed=True, needs="forward only", cost="`samples` forwards, or one per coalition where these are fewer",
        reference="Lundberg and Lee 2017, arXiv 1705.07874; pairs: Covert and Lee 2021, arXiv 2012.01536",
        options={"samples": 512, "segments": "slic", "pieces": 49, "baseline": 0.0},
        refused="fewer than 4 samples for each piece",
    ),
    "lime": Method(
        superpixels.lime, "a ridge regression on superpixels near the whole image, with a standard error", signed=True,
        needs="forward only", cost="`samples` forwards", reference="Ribeiro et al. 2016, arXiv 1602.04938",
        options={"samples": 512, "segments": "slic", "pieces": 49, "baseline": 0.0},
        refused="fewer than 4 samples for each piece",
    ),
    "occlusion": Method(
        perturb.occlusion, "how much the score falls when a window is taken away", signed=True, needs="forward only",
        cost="1 forward per window (225 by default)", reference="Zeiler and Fergus 2014, arXiv 1311.2901",
        options={"window": None, "stride": None, "baseline": 0.0}, refused="the stride is wider than the window",
    ),
    "rise": Method(
        perturb.rise, "the mean score where a pixel is seen less the mean score, with a standard error", signed=True,
        needs="forward only", cost="`samples` forwards", reference="Petsiuk et al. 2018, arXiv 1806.07421",
        options={"samples": 1000, "cells": 8, "visible": 0.5, "baseline": 0.0},
    ),
    "attention-rollout": Method(
        attention.attention_rollout, "where the tokens that the scores read come from, whatever the target", signed=False,
        needs="attention", cost="1 forward", reference="Abnar and Zuidema 2020, arXiv 2005.00928", gradients=False,
    ),
    "chefer": Method(
        attention.chefer, "attention where its gradient speaks for the score", signed=False, needs="attention",
        cost="1 forward, 1 backward", reference="Chefer et al. 2021, arXiv 2103.15679",
    ),
    "concept-evidence": Method(
        concept.concept_evidence, "where what speaks for a concept's state lies, by the net's own linear head; sums to one",
        signed=False, needs="concept evidence", cost="1 forward",
        reference="Zhou et al. 2016, arXiv 1512.04150; Pellucid's reader",
        refused="the target is not a concept's state",
    ),
    "concept-attention": Method(
        concept.concept_attention, "where a concept's queries look; the same for all its states; sums to one",
        signed=False, needs="concept evidence", cost="1 forward",
        reference="Ilse et al. 2018, arXiv 1802.04712; Pellucid's reader",
        refused="the target is not a concept's state",
    ),
}  # fmt: skip
"""Every method: one function and one line."""
