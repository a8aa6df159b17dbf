"""Losses: what was not recorded never enters."""

import pytest

torch = pytest.importorskip("torch")
from torch import Tensor  # noqa: E402

from pellucid.models.bottleneck import NEVER  # noqa: E402
from pellucid.train.losses import attention_loss, concept_loss, place_loss, shadow_loss  # noqa: E402


def _logits() -> Tensor:
    logits = torch.randn(4, 2, 3, generator=torch.Generator().manual_seed(0))
    logits[:, 0, 2] = NEVER
    return logits.requires_grad_()


def test_concept_loss_is_cross_entropy_over_recorded_labels():
    logits, labels = _logits(), torch.tensor([[0, 2], [1, -1], [-1, 0], [1, 1]])
    expected = torch.cat(
        [
            torch.nn.functional.cross_entropy(logits[[0, 1, 3], 0, :2], torch.tensor([0, 1, 1]), reduction="none"),
            torch.nn.functional.cross_entropy(logits[[0, 2, 3], 1], torch.tensor([2, 0, 1]), reduction="none"),
        ]
    ).mean()
    assert torch.allclose(concept_loss(logits, labels), expected)


def test_a_missing_label_gives_no_gradient():
    logits, labels = _logits(), torch.tensor([[0, 2], [1, -1], [-1, 0], [-1, -1]])
    concept_loss(logits, labels).backward()
    assert logits.grad is not None
    assert torch.count_nonzero(logits.grad[1, 1]) == 0
    assert torch.count_nonzero(logits.grad[3]) == 0
    assert torch.count_nonzero(logits.grad[0]) > 0


def test_a_batch_without_any_label_costs_nothing():
    assert concept_loss(_logits(), torch.full((4, 2), -1)).item() == 0
    assert shadow_loss(torch.randn(4, 2), torch.full((4,), -1)).item() == 0


def test_places_that_are_not_known_cost_nothing_and_right_ones_cost_little():
    places = torch.zeros(2, 1, 16, 16)
    places[:, :, 4:10, 4:10] = 1
    right, wrong = (places * 2 - 1) * 12, (1 - places * 2) * 12
    known = torch.tensor([[1.0], [0.0]])
    mixed = torch.cat([right[:1], wrong[1:]])
    assert place_loss(mixed, places, known).item() < 0.01
    assert place_loss(wrong, places, torch.ones(2, 1)).item() > 1


def test_attention_is_asked_to_lie_near_its_place_or_below_it():
    places = torch.zeros(1, 1, 24, 24)
    places[0, 0, 4:8, 10:14] = 1
    here, below, away = (torch.zeros(1, 1, 24, 24) for _ in range(3))
    here[0, 0, 5, 11] = below[0, 0, 20, 11] = away[0, 0, 20, 2] = 1
    assert attention_loss(here, places, ((0, 0, False),)).item() == 0
    assert attention_loss(below, places, ((0, 0, True),)).item() == 0
    assert attention_loss(below, places, ((0, 0, False),)).item() > 5
    assert attention_loss(away, places, ((0, 0, True),)).item() > 5
    assert attention_loss(away, torch.zeros_like(places), ((0, 0, False),)).item() == 0
