"""Class activation maps: what a layer's channels say, weighted by what the score makes of them.

Pure functions of activations and gradients (B, C, *grid) come first; the methods bring these to them.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.explain.ask import Answer, Ask, activations_of, chunks, grid_of, scores_of

TINY = 1e-7


def places(grid: Tensor) -> tuple[int, ...]:
    """The axes of the places."""
    return tuple(range(2, grid.ndim))


def weighted(weights: Tensor, activations: Tensor) -> Tensor:
    """Sum over channels: weights (B, C) and activations (B, C, *grid) -> (B, *grid)."""
    return torch.einsum("bc,bc...->b...", weights, activations)


def grad_cam_grid(activations: Tensor, gradients: Tensor) -> Tensor:
    """Selvaraju et al. 2017 (arXiv 1610.02391), eq. 1 and 2: channels weighted by their mean gradient; what speaks for."""
    return weighted(gradients.mean(dim=places(gradients)), activations).relu()


def grad_cam_plus_plus_grid(activations: Tensor, gradients: Tensor) -> Tensor:
    """Chattopadhay et al. 2018 (arXiv 1710.11063), eq. 19, for an exponential score: its derivatives are powers of the first."""
    square, cube = gradients**2, gradients**3
    total = activations.sum(dim=places(activations), keepdim=True)
    alpha = square / (2 * square + total * cube + TINY)
    alpha = torch.where(gradients != 0, alpha, 0)
    return weighted((alpha * gradients.relu()).sum(dim=places(gradients)), activations).relu()


def hires_cam_grid(activations: Tensor, gradients: Tensor) -> Tensor:
    """Draelos and Carin 2020 (arXiv 2011.08891): each place by its own gradient; adds up to the score after one linear layer."""
    return (activations * gradients).sum(dim=1)


def eigen_component(activations: Tensor) -> Tensor:
    """The first principal component of the places' channels (B, *grid).

    A component has no sign of its own: the side on which the activations are larger counts as above zero.
    """
    flat = activations.flatten(2)
    rows = flat.transpose(1, 2)
    rows = rows - rows.mean(dim=1, keepdim=True)
    _, _, axes = torch.linalg.svd(rows, full_matrices=False)
    component = (rows @ axes[:, :1].transpose(1, 2)).squeeze(2)
    size = flat.norm(dim=1)
    turn = (component * (size - size.mean(dim=1, keepdim=True))).sum(dim=1, keepdim=True).sign()
    turn = torch.where(turn == 0, 1.0, turn)
    return (component * turn).unflatten(1, activations.shape[2:])


def eigen_cam_grid(activations: Tensor) -> Tensor:
    """Muhammad and Yeasin 2020 (arXiv 2008.00299): the side of the first principal component where the layer says most."""
    return eigen_component(activations).relu()


def empty(values: Tensor) -> tuple[str, ...]:
    """The note that some maps are empty: an honest result, never stretched until it looks like one."""
    count = int((values.flatten(1).amax(dim=1) <= 0).sum())
    return (f"{count} of {len(values)} maps are empty: nothing in this layer speaks for the target",) if count else ()


def grad_cam(ask: Ask) -> Answer:
    """Grad-CAM."""
    values = grad_cam_grid(*activations_of(ask))
    return Answer(values, notes=empty(values))


def grad_cam_plus_plus(ask: Ask) -> Answer:
    """Grad-CAM++."""
    values = grad_cam_plus_plus_grid(*activations_of(ask))
    return Answer(values, notes=empty(values))


def hires_cam(ask: Ask) -> Answer:
    """HiRes-CAM."""
    return Answer(hires_cam_grid(*activations_of(ask)))


def eigen_cam(ask: Ask) -> Answer:
    """Eigen-CAM; it does not look at the target."""
    values = eigen_cam_grid(grid_of(ask))
    return Answer(
        values, notes=("the same for every target: it shows the layer's main pattern, not what speaks for one", *empty(values))
    )


def enlarged(grid: Tensor, space: tuple[int, ...]) -> Tensor:
    """(B, C, *grid) -> (B, C, *space), linear between the centres of the cells."""
    if tuple(grid.shape[2:]) == space:
        return grid
    return F.interpolate(grid, size=space, mode="bilinear" if len(space) == 2 else "trilinear", align_corners=False)


def score_cam(ask: Ask) -> Answer:
    """Score-CAM, Wang et al. 2020 (arXiv 1910.01279): channels weighted by the score of the image seen through each of them."""
    grids = grid_of(ask)
    most = ask.options["channels"]
    maps: list[Tensor] = []
    for image, grid in zip(ask.images, grids, strict=True):
        channels = grid if most is None else grid[grid.flatten(1).var(dim=1).argsort(descending=True)[:most].sort().values]
        scores: list[Tensor] = []
        for part in chunks(len(channels), ask.subject.at_once(False)):
            masks = enlarged(channels[part].unsqueeze(1), ask.space)
            flat = masks.flatten(1)
            low, high = flat.amin(dim=1), flat.amax(dim=1)
            shape = (-1, *(1,) * (masks.ndim - 1))
            masks = (masks - low.view(shape)) / (high - low).clamp(min=TINY).view(shape)
            scores.append(scores_of(ask, image.unsqueeze(0) * masks))
        weights = torch.cat(scores).softmax(dim=0)
        maps.append(weighted(weights.unsqueeze(0), channels.unsqueeze(0))[0].relu())
    values = torch.stack(maps)
    return Answer(values, samples=len(channels), notes=empty(values))
