"""Families are recognised without the user's code, layers without places are refused, and the model is given back as it was."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
timm = pytest.importorskip("timm")

from tests.explain.nets import ClassLast, Fused, SmallCNN, Wrapped, images, seeded  # noqa: E402
from torch import nn  # noqa: E402

from pellucid.errors import ExplainError  # noqa: E402
from pellucid.explain import class_target, explain, recognise, similarity_target  # noqa: E402


def torchvision_model(name: str, **options: Any) -> nn.Module:
    models = pytest.importorskip("torchvision.models")
    place = models
    *path, last = name.split(".")
    for step in path:
        place = getattr(place, step)
    model = seeded(getattr(place, last), **options)
    for head in ("heads", "head", "fc"):  # torchvision begins some heads at zero, where nothing can be explained
        part = getattr(model, head, None)
        if part is not None:
            seeded(lambda part=part: [nn.init.normal_(w, std=0.1) for w in part.parameters()])
    return model


def tower(name: str, **more: Any) -> nn.Module:
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 32, "patch_size": 8}
    return seeded(getattr(transformers, f"{name}Model"), getattr(transformers, f"{name}Config")(**sizes, **more))


def open_clip_tower() -> nn.Module:
    tower = pytest.importorskip("open_clip.transformer").VisionTransformer
    return seeded(tower, 32, 8, 32, 2, 4, 4.0, output_dim=16)


def timm_model(name: str, **options: Any) -> Callable[[], Any]:
    return lambda: seeded(timm.create_model, name, **options)


VIT = {"image_size": 32, "patch_size": 8, "num_layers": 2, "num_heads": 4, "hidden_dim": 32, "mlp_dim": 64, "num_classes": 5}
SWIN = {"patch_size": [4, 4], "embed_dim": 24, "depths": [2, 2], "num_heads": [2, 4], "window_size": [4, 4], "num_classes": 5}
MODELS: dict[str, tuple[Callable[[], Any], tuple[int, ...], str, str, int]] = {
    "torchvision ResNet": (lambda: torchvision_model("resnet18"), (3, 64, 64), "cnn", "layer4", 0),
    "timm EfficientNet": (timm_model("efficientnet_lite0"), (3, 64, 64), "cnn", "bn2", 0),
    "timm ConvNeXt": (timm_model("test_convnext"), (3, 96, 96), "cnn", "stages", 0),
    "timm ViT": (timm_model("vit_tiny_patch16_224", img_size=64), (3, 64, 64), "vit", "blocks.11.norm1", 1),
    "timm ViT, registers": (
        timm_model("vit_betwixt_patch16_reg4_gap_256", img_size=64, depth=2), (3, 64, 64), "vit", "blocks", 4,
    ),
    "timm DINOv2, class and registers": (
        timm_model("vit_small_patch14_reg4_dinov2", img_size=56, depth=2, num_classes=3), (3, 56, 56), "vit", "blocks.1.norm1", 5,
    ),
    "torchvision ViT": (
        lambda: torchvision_model("VisionTransformer", **VIT), (3, 32, 32), "vit", "encoder.layers.encoder_layer_1.ln_1", 1,
    ),
    "timm Swin": (
        timm_model("swin_tiny_patch4_window7_224", img_size=64, window_size=4, depths=(1, 1, 1, 1)), (3, 64, 64), "swin", "norm",
        0,
    ),
    "torchvision Swin": (lambda: torchvision_model("SwinTransformer", **SWIN), (3, 64, 64), "swin", "permute", 0),
    "timm hybrid ViT": (timm_model("vit_tiny_r_s16_p8_224", img_size=64, depth=2), (3, 64, 64), "hybrid", "blocks.1.norm1", 1),
    "timm CoAtNet": (timm_model("test_coatnet"), (3, 160, 160), "hybrid", "norm", 0),
    "fused CNN and patches": (lambda: seeded(Fused), (3, 64, 64), "hybrid", "blocks.1.norm1", 1),
    "transformers CLIP": (
        lambda: tower("CLIPVision", intermediate_size=64), (3, 32, 32), "clip", "encoder.layers.1.layer_norm1", 1,
    ),
    "transformers SigLIP": (lambda: tower("SiglipVision", intermediate_size=64), (3, 32, 32), "clip", "post_layernorm", 0),
    "open_clip": (open_clip_tower, (3, 32, 32), "clip", "transformer.resblocks.1.ln_1", 1),
    "3-D CNN": (lambda: seeded(SmallCNN, 1, volume=True), (1, 16, 24, 24), "cnn", "features", 0),
    "torchvision R3D": (lambda: torchvision_model("video.r3d_18"), (3, 8, 32, 32), "cnn", "layer4", 0),
}  # fmt: skip


@pytest.fixture(scope="module", params=MODELS)
def case(request: pytest.FixtureRequest) -> tuple[Any, tuple[int, ...], str, str, int]:
    make, shape, family, layer, prefix = MODELS[request.param]
    return make(), shape, family, layer, prefix


def test_every_family_is_recognised_and_gets_a_map_in_its_images_grid(case: tuple[Any, tuple[int, ...], str, str, int]) -> None:
    module, shape, family, layer, prefix = case
    subject = recognise(module, shape)
    deepest = subject.layers[-1]
    assert (subject.family, deepest.name, deepest.prefix) == (family, layer, prefix)
    maps = explain(subject, images(2, *shape), class_target(subject, 1), "hires-cam")
    assert maps.values.shape == (2, *shape[1:])
    assert np.ptp(maps.values) > 0
    assert (maps.layer, maps.signed, maps.seed) == (layer, True, 0)


def test_a_map_follows_what_is_moved_in_the_image(case: tuple[Any, tuple[int, ...], str, str, int]) -> None:
    """Orientation: a changed quarter of the image is seen in that quarter of the first layer, through whatever layout."""
    module, shape, _, _, _ = case
    subject = recognise(module, shape)
    first = next(la for la in subject.layers if min(la.grid[-2:]) >= 2)
    plain, marked = torch.zeros(1, *shape), torch.zeros(1, *shape)
    half = [s // 2 for s in shape[1:]]
    marked[(slice(None), slice(None), *(slice(0, h) for h in half[:-1]), slice(half[-1], None))] = 3.0
    seen: list[Any] = []
    hook = module.get_submodule(first.name).register_forward_hook(
        lambda _m, _i, out: seen.append(out if isinstance(out, torch.Tensor) else out[0])
    )
    module.eval()
    with torch.no_grad():
        module(plain)
        module(marked)
    hook.remove()
    change = (first.to_grid(seen[1]) - first.to_grid(seen[0])).abs().sum(dim=1)[0]
    h, w = change.shape[-2] // 2, change.shape[-1] // 2
    upper_right = change[..., :h, w:].mean()
    assert upper_right == max(
        q.mean() for q in (change[..., :h, :w], change[..., :h, w:], change[..., -h:, :w], change[..., -h:, w:])
    )


def test_the_users_module_is_given_back_as_it_was() -> None:
    module = seeded(SmallCNN)
    module.train()
    module.features[1].eval()
    module.head.weight.requires_grad_(False)
    before = {k: v.clone() for k, v in module.state_dict().items()}
    modes = [p.training for p in module.modules()]
    x = images(2, 3, 32, 32)
    kept = x.clone()
    subject = recognise(module, (3, 32, 32))
    maps = explain(subject, x, class_target(subject, 0), "grad-cam")
    again = explain(subject, x, class_target(subject, 0), "grad-cam")
    assert [p.training for p in module.modules()] == modes
    assert [p.requires_grad for p in module.parameters()].count(False) == 1
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())
    assert all(p.grad is None for p in module.parameters())
    assert not any(p._forward_hooks or p._forward_pre_hooks for p in module.modules())
    assert torch.equal(x, kept)
    assert np.array_equal(maps.values, again.values)  # dropout was off


def test_attention_is_fused_again_after_the_call() -> None:
    module = seeded(timm.create_model, "test_vit")
    fused = torch.nn.functional.scaled_dot_product_attention
    flags = [part.fused_attn for part in module.modules() if hasattr(part, "fused_attn")]
    subject = recognise(module, (3, 160, 160))
    explain(subject, images(1, 3, 160, 160), class_target(subject, 0), "chefer")
    assert torch.nn.functional.scaled_dot_product_attention is fused
    assert [part.fused_attn for part in module.modules() if hasattr(part, "fused_attn")] == flags


@pytest.mark.parametrize("form", ["dict", "tuple", "dataclass", "one"])
def test_scores_are_found_in_any_plain_form_of_output(form: str) -> None:
    module = seeded(Wrapped, form)
    subject = recognise(module, (3, 32, 32))
    assert subject.outputs == (1 if form == "one" else 4)
    assert explain(subject, images(1, 3, 32, 32), class_target(subject, 0), "saliency").values.any()


@pytest.mark.parametrize("form", ["two", "map"])
def test_an_output_that_leaves_a_choice_is_refused_and_output_settles_it(form: str) -> None:
    module = seeded(Wrapped, form)
    with pytest.raises(ExplainError, match="pass output="):
        recognise(module, (3, 32, 32))
    assert recognise(module, (3, 32, 32), output=lambda out: out[0] if form == "two" else out.mean(dim=(2, 3))).outputs > 1


def test_a_class_token_behind_the_places_is_found_and_shuffled_tokens_are_refused() -> None:
    last = recognise(seeded(ClassLast), (3, 32, 32)).layer("first")
    assert (last.prefix, last.suffix, last.grid) == (0, 1, (4, 4))
    shuffled = recognise(seeded(ClassLast, shuffled=True), (3, 32, 32))
    with pytest.raises(ExplainError, match="not in reading order"):
        shuffled.layer("first")
    hiera = recognise(seeded(timm.create_model, "hiera_tiny_224"), (3, 224, 224))
    assert {layer.kind for layer in hiera.layers} == {"channels first"}  # its tokens are in the order of its units


@pytest.mark.parametrize(
    ("layer", "why"),
    [("blocks.5", "after the last use of the patch tokens"), ("fc_norm", "passes on"), ("head", "after the pooling"),
     ("blocks.5.attn.qkv", "inside an attention block"), ("nowhere", "no layer of this name")],
)  # fmt: skip
def test_a_layer_without_places_is_refused_with_the_reason_and_the_way_out(layer: str, why: str) -> None:
    subject = recognise(seeded(timm.create_model, "test_vit"), (3, 160, 160))
    with pytest.raises(ExplainError, match=why) as error:
        explain(subject, images(1, 3, 160, 160), class_target(subject, 0), "grad-cam", layer=layer)
    assert "'blocks.5.norm1'" in str(error.value)
    assert "\n" not in str(error.value)


def test_an_image_text_similarity_is_explained_on_a_clip_tower() -> None:
    module = tower("CLIPVision", intermediate_size=64)
    subject = recognise(module, (3, 32, 32))
    text = images(32, seed=3)
    maps = explain(subject, images(2, 3, 32, 32), similarity_target(text, "a photo of a mass"), "integrated-gradients")
    with torch.no_grad():
        first, absent = (module(x).pooler_output for x in (images(2, 3, 32, 32), torch.zeros(1, 3, 32, 32)))
        change = torch.cosine_similarity(first, text[None]) - torch.cosine_similarity(absent, text[None])
    np.testing.assert_allclose(maps.values.sum(axis=(1, 2)), change.numpy(), atol=5e-3)
    with pytest.raises(ExplainError, match="both towers of one model"):
        explain(subject, images(1, 3, 32, 32), similarity_target(images(7), "short"), "saliency")
