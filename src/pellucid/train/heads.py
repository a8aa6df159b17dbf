"""Heads: L2-penalised logistic regression from each concept's evidence to its states, by scikit-learn, over all views."""

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from pellucid.models.bottleneck import ConceptNet, Seen
from pellucid.train.data import Cases
from pellucid.train.labels import NOT_RECORDED, shares
from pellucid.train.recipe import Recipe
from pellucid.train.views import Views

ABSENT = -8.0
"""Logit of a state that no training case has: very unlikely, but not impossible."""
APPEARANCE_WEIGHT = 4.0
"""What the heads see of the image's appearance counts this many times its spread: an L2 penalty one sixteenth of that on the
features, of which there are sixty times as many (docs/readers/breast-ultrasound.md says what other weights gave)."""
SOFT_STEPS = 150
Rows = NDArray[np.float32]


def inputs_of(views: Views, index: NDArray[np.int64], view: NDArray[np.int64] | int) -> list[Tensor]:
    """Views of some cases as the net takes them: grids, or one batch of images."""
    return [torch.from_numpy(v[index, view].astype(np.float32)) for v in views.inputs]


def look(net: ConceptNet, inputs: list[Tensor]) -> Seen:
    """What a net sees of grids that its frozen encoder gave, or of images."""
    return net.bottleneck(inputs) if len(inputs) > 1 else net(inputs[0])


@torch.inference_mode()
def evidence_of(
    net: ConceptNet, index: NDArray[np.int64], views: Views, count: int | None = None
) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    """The evidence of the first `count` views (all where not given) of some cases: concepts (n, V, K, E), shadow (n, V, E')."""
    concepts, shadows = [], []
    which = np.arange(views.places.shape[1])[:count]
    for i in index:
        seen = look(net, inputs_of(views, np.full(len(which), i), which))
        concepts.append(seen.evidence.numpy().astype(np.float16))
        shadows.append(seen.shadow_evidence.numpy().astype(np.float16))
    return np.stack(concepts), np.stack(shadows)


def fit_heads(net: ConceptNet, index: NDArray[np.int64], cases: Cases, views: Views, recipe: Recipe) -> None:
    """Sets the heads of a net, in place, to the best linear ones on the evidence of its training cases."""
    evidence, shadow_evidence = evidence_of(net, index, views, recipe.train.head_views)
    bottleneck = net.bottleneck
    scale = np.where(bottleneck.appearance_columns().numpy(), APPEARANCE_WEIGHT, 1.0).astype(np.float32)
    with torch.no_grad():
        for k, states in enumerate(bottleneck.design.states):
            said = cases.ratings.get(recipe.concepts[k].name)
            if said is None:
                weight, bias = linear(evidence[:, :, k], cases.labels[index, k], states, recipe.train.head_strength, scale)
            else:
                weight, bias = soft_linear(evidence[:, :, k], shares(said[index], states), recipe.train.head_strength, scale)
            bottleneck.head[k, :, :states] = weight
            bottleneck.head_bias[k, :states] = bias
        outcome = cases.outcomes[recipe.shadow_question][index]
        weight, bias = linear(shadow_evidence, outcome, bottleneck.design.outcomes, recipe.train.head_strength)
        bottleneck.shadow.weight.copy_(weight.T)
        bottleneck.shadow.bias.copy_(bias)


def linear(
    evidence: NDArray[np.float16], labels: NDArray[np.int64], states: int, strength: float, scale: Rows | float = 1.0
) -> tuple[Tensor, Tensor]:
    """Weights (E, S) and biases (S,) of a logistic regression on evidence (n, V, E); cases without a label are left out.

    The evidence is standardised for the fit and multiplied by `scale` (E,), which lowers the penalty on what is scaled up; both
    are folded into what is given back.
    """
    weight, bias = np.zeros((evidence.shape[-1], states)), np.full(states, ABSENT)
    known = labels != NOT_RECORDED
    if len(np.unique(labels[known])) < 2:
        bias[labels[known][:1]] = 0.0
        return torch.from_numpy(weight).float(), torch.from_numpy(bias).float()
    views = evidence.shape[1]
    x, y = evidence[known].astype(np.float32).reshape(-1, evidence.shape[-1]), np.repeat(labels[known], views)
    mean, spread = x.mean(axis=0), (x.std(axis=0) + 1e-4) / scale
    model = LogisticRegression(C=strength / views, max_iter=200, tol=1e-3).fit((x - mean) / spread, y)
    found = model.coef_ if len(model.classes_) > 2 else np.vstack([-model.coef_ / 2, model.coef_ / 2])
    start = model.intercept_ if len(model.classes_) > 2 else np.array([-model.intercept_[0] / 2, model.intercept_[0] / 2])
    for row, state in enumerate(model.classes_):
        weight[:, state] = found[row] / spread
        bias[state] = start[row] - float(found[row] @ (mean / spread))
    return torch.from_numpy(weight).float(), torch.from_numpy(bias).float()


def soft_linear(
    evidence: NDArray[np.float16], target: NDArray[np.float64], strength: float, scale: Rows | float = 1.0
) -> tuple[Tensor, Tensor]:
    """Weights (E, S) and biases (S,) whose softmax comes closest, by cross-entropy, to the shares (n, S) of readers' answers.

    The same penalised regression as `linear`, which it is where every case has one answer; cases that nobody rated are left out.
    Soft targets from several readers: Peterson et al. 2019, doi 10.1109/ICCV.2019.00971.
    """
    known = target.sum(axis=1) > 0
    views, states = evidence.shape[1], target.shape[1]
    x = evidence[known].astype(np.float32).reshape(-1, evidence.shape[-1])
    mean, spread = x.mean(axis=0), (x.std(axis=0) + 1e-4) / scale
    z, y = torch.from_numpy((x - mean) / spread), torch.from_numpy(np.repeat(target[known], views, axis=0)).float()
    weight = torch.zeros(z.shape[1], states, requires_grad=True)
    bias = (y.mean(dim=0) + 1e-4).log().requires_grad_(True)
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=SOFT_STEPS, tolerance_change=1e-7, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        with torch.enable_grad():
            missed = -(y * torch.log_softmax(z @ weight + bias, dim=1)).sum()
            loss = missed / len(z) + (weight * weight).sum() / (2 * strength * known.sum())
        loss.backward()
        return loss.detach()

    optimiser.step(closure)
    found = weight.detach() / torch.from_numpy(np.broadcast_to(spread, mean.shape).astype(np.float32)).unsqueeze(1)
    return found, bias.detach() - torch.from_numpy(mean) @ found
