"""The bottleneck: a head sees what its concept attends to and nothing else."""

import pytest

torch = pytest.importorskip("torch")
from torch import Tensor  # noqa: E402

from pellucid.errors import InputError  # noqa: E402
from pellucid.models.appearance import APPEARANCE, SHAPE, outline_shape  # noqa: E402
from pellucid.models.bottleneck import NEVER, NOWHERE, Bottleneck, ConceptNet, Design, Pointwise, attended, place_clues  # noqa: E402

DESIGN = Design(states=(2, 4, 3), places=2, outcomes=2, width=16)


@pytest.fixture
def net() -> Bottleneck:
    torch.manual_seed(0)
    net = Bottleneck((8, 12, 20), DESIGN).eval()
    net.look_first(((0, 0, True), (1, 1, False)))
    torch.nn.init.normal_(net.head)
    torch.nn.init.normal_(net.query)
    return net


@pytest.fixture
def grids() -> list[Tensor]:
    g = torch.Generator().manual_seed(1)
    return [torch.randn(2, c, s, s, generator=g) for c, s in ((8, 12), (12, 6), (20, 3))]


def test_shapes_are_as_declared(net: Bottleneck, grids: list[Tensor]):
    seen = net(grids)
    assert seen.logits.shape == (2, 3, 4)
    assert seen.attention.shape == (2, 3, 3, 12, 12)
    assert seen.evidence.shape == (2, 3, 3 * (2 * 40 + 1))
    assert seen.places.shape == (2, 2, 12, 12)
    assert seen.shadow.shape == (2, 2)
    assert seen.vector.shape == (2, 8 + 12 + 20)


def test_attention_of_every_concept_sums_to_one(net: Bottleneck, grids: list[Tensor]):
    assert torch.allclose(net(grids).attention.sum(dim=(3, 4)), torch.ones(2, 3, 3), atol=1e-5)


def test_a_state_that_a_concept_does_not_have_has_no_probability(net: Bottleneck, grids: list[Tensor]):
    p = net(grids).logits.softmax(-1)
    assert p[:, 0, 2:].max().item() == 0.0
    assert p[:, 2, 3:].max().item() == 0.0
    assert net(grids).logits[:, 0, 2].max().item() < NEVER / 2


def test_a_head_does_not_see_what_its_concept_does_not_attend_to():
    weights = torch.zeros(1, 2, 4, 4)
    weights[0, 0, 1, 1] = weights[0, 1, 2, 2] = 1.0
    grid = torch.randn(1, 5, 4, 4, generator=torch.Generator().manual_seed(2))
    changed = grid.clone()
    changed[:, :, 2, 2] += 100.0
    before, after = attended(weights, [grid]), attended(weights, [changed])
    assert torch.equal(before[:, 0], after[:, 0])
    assert not torch.allclose(before[:, 1], after[:, 1])
    assert torch.allclose(before[0, 0, :5], grid[0, :, 1, 1])


def test_a_head_sees_the_evidence_of_its_own_concept_only(net: Bottleneck, grids: list[Tensor]):
    evidence = net(grids).evidence
    changed = evidence.clone()
    changed[:, 1] += 10.0
    before, after = net.judge(evidence), net.judge(changed)
    assert torch.equal(before[:, [0, 2]], after[:, [0, 2]])
    assert not torch.allclose(before[:, 1], after[:, 1])


def test_before_anything_is_learned_a_concept_looks_inside_around_and_below_its_place():
    net = Bottleneck((8,), Design(states=(2, 2), places=1, outcomes=2, width=16))
    net.look_first(((0, 0, True),))
    probability = torch.zeros(1, 1, 16, 16)
    probability[0, 0, 4:9, 4:9] = 1.0
    attention, _, _ = net._evidence(torch.zeros(1, 16, 16, 16), probability, [torch.zeros(1, 8, 16, 16)])
    attention = attention[0, 0]
    assert attention[0, 4:9, 4:9].sum() > 0.9
    assert attention[1, 2:11, 2:11].sum() - attention[1, 6, 6] > 0.9
    assert attention[2, 9:, 4:9].sum() > 0.9


def test_the_shadow_does_not_reach_the_concepts(net: Bottleneck, grids: list[Tensor]):
    before = net(grids)
    for parameter in net.shadow.parameters():
        torch.nn.init.normal_(parameter, std=5.0)
    after = net(grids)
    assert torch.equal(before.logits, after.logits)
    assert not torch.equal(before.shadow, after.shadow)


def test_clues_know_inside_edge_surround_and_below():
    probability = torch.zeros(1, 1, 16, 16)
    probability[0, 0, 4:9, 4:9] = 1.0
    inside, edge, surround, below = place_clues(probability)[0]
    assert inside[6, 6] == 1
    assert edge[6, 6] == 0
    assert edge[4, 6] == 1
    assert surround[6, 10] == 1
    assert surround[6, 6] == 0
    assert below[12, 6] == 1
    assert below[2, 6] == 0
    assert below[12, 12] == 0


def test_a_design_without_concepts_is_refused():
    with pytest.raises(InputError, match="two or more"):
        Design(states=(), places=1, outcomes=2)


def test_equal_queries_look_once_and_see_the_same(grids: list[Tensor]):
    net = Bottleneck((8, 12, 20), DESIGN).eval()
    net.look_first(((0, 0, True), (1, 0, True), (2, 0, True)))
    torch.nn.init.normal_(net.head)
    with_gradient = net(grids)
    with torch.no_grad():
        without = net(grids)
    assert torch.allclose(with_gradient.logits, without.logits, atol=1e-4)
    assert torch.allclose(with_gradient.attention, without.attention, atol=1e-6)


def test_support_lies_where_the_features_speak_for_the_likeliest_state():
    net = Bottleneck((4,), Design(states=(2,), places=0, outcomes=2, width=16)).eval()
    with torch.no_grad():
        net.head[0, 0, 1] = 50.0
    grid = torch.zeros(1, 4, 8, 8)
    grid[0, 0, 2, 5] = 1.0
    seen = net([grid])
    assert seen.logits[0, 0].argmax() == 1
    support = net.support(seen, [grid])
    assert support.sum().item() == pytest.approx(1.0, abs=1e-4)
    assert support[0, 0, 0:5, 3:8].sum() > 0.99


@pytest.fixture
def measured() -> tuple[Bottleneck, list[Tensor]]:
    """A net whose first concept has place 1, whose second has none, and grids with appearance on the finest."""
    design = Design(states=(2, 2), places=2, outcomes=2, width=16, measured=True, where=(1, NOWHERE))
    torch.manual_seed(3)
    net = Bottleneck((8, 12), design).eval()
    net.look_first(((0, 1, True),))
    torch.nn.init.normal_(net.head)
    return net, [torch.randn(1, c, s, s) for c, s in ((8 + len(APPEARANCE), 12), (12, 6))]


def test_a_concept_sees_the_shape_of_its_own_place_and_of_no_other(measured: tuple[Bottleneck, list[Tensor]]):
    net, grids = measured
    with torch.no_grad():
        seen = net(grids)
        expected = outline_shape(torch.sigmoid(seen.places))
    assert torch.allclose(seen.evidence[0, 0, -len(SHAPE) :], expected[0, 1], atol=1e-4)
    assert not seen.evidence[0, 1, -len(SHAPE) :].any()


def test_appearance_columns_are_the_ones_that_appearance_and_amount_fill(measured: tuple[Bottleneck, list[Tensor]]):
    net, grids = measured
    changed = [grids[0].clone(), grids[1]]
    changed[0][:, -len(APPEARANCE) :] += torch.randn(1, len(APPEARANCE), 12, 12)
    weights = torch.softmax(torch.randn(1, 3, 144), dim=-1).unflatten(-1, (12, 12))
    one, other = (torch.nn.functional.pad(attended(weights, g), (0, 1)).flatten() for g in (grids, changed))
    columns = net.appearance_columns()
    assert torch.equal(
        (one != other).nonzero().flatten(), columns[: len(one)].nonzero().flatten()[_without_amount(columns, len(one))]
    )
    assert not columns[len(one) :].any()
    assert len(columns) == len(one) + len(SHAPE)


def _without_amount(columns: Tensor, length: int) -> Tensor:
    """Which of the marked columns are not the last of a query: how much there is of what it looks for."""
    return (columns[:length].nonzero().flatten() + 1) % (length // 3) != 0


def test_places_pointed_out_alone_are_the_same_places(net: Bottleneck, grids: list[Tensor]):
    with torch.no_grad():
        assert torch.equal(net.point_out(grids), net(grids).places)


def test_support_leaves_the_shape_out_and_still_sums_to_one(measured: tuple[Bottleneck, list[Tensor]]):
    net, grids = measured
    with torch.no_grad():
        before = net(grids)
        net.head[:, -len(SHAPE) :] = 0
        assert torch.allclose(net.support(before, grids).sum(dim=(2, 3)), torch.ones(1, 2), atol=1e-4)


def test_a_measured_net_takes_an_image_and_a_plain_one_has_nothing_measured(net: Bottleneck):
    class Halves(torch.nn.Module):
        def forward(self, x: Tensor) -> list[Tensor]:
            return [x[:, :, ::8, ::8], x[:, :, ::16, ::16]]

    design = Design(states=(2,), places=1, outcomes=2, width=16, measured=True, where=(0,))
    whole = ConceptNet(Halves(), Bottleneck((3, 3), design)).eval()
    assert whole(torch.randn(1, 3, 32, 32)).places.shape == (1, 1, 4, 4)
    assert not net.appearance_columns().any()


def test_a_pointwise_convolution_is_a_1x1_convolution():
    torch.manual_seed(5)
    layer, x = Pointwise(6, 4), torch.randn(2, 6, 5, 7)
    assert torch.allclose(layer(x), torch.nn.functional.conv2d(x, layer.weight, layer.bias), atol=1e-6)
