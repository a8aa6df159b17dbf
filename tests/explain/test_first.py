"""The families that others build on: a CNN, a ViT, the shipped reader's concept net."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
timm = pytest.importorskip("timm")

from pellucid.errors import ExplainError  # noqa: E402
from pellucid.explain import class_target, concept_target, explain, recognise  # noqa: E402
from pellucid.reader import load_reader  # noqa: E402


@pytest.mark.parametrize(("name", "family", "layer"), [("test_resnet", "cnn", "layer4"), ("test_vit", "vit", "blocks.5.norm1")])
@pytest.mark.parametrize("method", ["grad-cam", "integrated-gradients"])
def test_timm_models_are_recognised_and_explained(name: str, family: str, layer: str, method: str) -> None:
    torch.manual_seed(0)
    subject = recognise(timm.create_model(name), (3, 160, 160), name=name)
    images = torch.randn(2, 3, 160, 160, generator=torch.Generator().manual_seed(1))
    maps = explain(subject, images, class_target(subject, 3), method)
    assert (subject.family, subject.layers[-1].name) == (family, layer)
    assert maps.values.shape == (2, 160, 160)
    assert np.ptp(maps.values) > 0


def test_the_shipped_reader_is_recognised_and_says_its_own_evidence(shipped_reader: Callable[[str], Path]) -> None:
    shipped_reader("breast-ultrasound")
    net = load_reader("breast-ultrasound").net
    subject = recognise(net, (3, 256, 256))
    images = torch.randn(2, 3, 256, 256, generator=torch.Generator().manual_seed(1))
    maps = explain(subject, images, concept_target(0, 1, "shape irregular"), "concept-evidence")
    with torch.no_grad():
        grids = net.grids(images)
        seen = net.bottleneck(grids)
        own = net.bottleneck.support(seen, grids)[:, 0]
    rows = (seen.logits[:, 0].argmax(dim=-1) == 1).numpy()
    assert subject.family == "concept"
    assert maps.values.shape == (2, 256, 256)
    for row in np.flatnonzero(rows):
        assert np.corrcoef(maps.values[row, 4::8, 4::8].ravel(), own[row].numpy().ravel())[0, 1] > 0.99
    with pytest.raises(ExplainError, match="none at"):
        explain(subject, images, concept_target(0, 99), "concept-evidence")
