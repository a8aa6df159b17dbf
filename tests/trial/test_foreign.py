"""Foreign models are loaded as their card says, and what cannot be used is said in one line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402

from pellucid.errors import CardError, InputError, RecipeError, TamperedError, UnknownName  # noqa: E402
from pellucid.trial.foreign import load_foreign, pick_output  # noqa: E402

Make = Callable[..., Path]
IMAGES = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def saved(module: Any, path: Path) -> Any:
    save_file(module.state_dict(), path)
    return module.eval()


def test_a_torchvision_model_gives_what_the_module_gives(tmp_path: Path, make_card: Make) -> None:
    torchvision = pytest.importorskip("torchvision")
    net = saved(torchvision.models.resnet18(num_classes=2), tmp_path / "w.safetensors")
    made = load_foreign(make_card("torchvision", "w.safetensors", "resnet18", "options = { num_classes = 2 }"))
    with torch.no_grad():
        assert torch.equal(made.module(IMAGES), net(IMAGES))


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "swin_tiny_patch4_window7_224"])
def test_a_timm_transformer_gives_what_the_module_gives(name: str, tmp_path: Path, make_card: Make) -> None:
    timm = pytest.importorskip("timm")
    net = saved(timm.create_model(name, num_classes=2, img_size=64), tmp_path / "w.safetensors")
    made = load_foreign(make_card("timm", "w.safetensors", name, "options = { num_classes = 2, img_size = 64 }"))
    with torch.no_grad():
        assert torch.equal(made.module(IMAGES), net(IMAGES))


def test_a_torchscript_file_needs_no_code(side_card: Path, side_net: Callable[[], Any]) -> None:
    with torch.no_grad():
        assert torch.allclose(load_foreign(side_card).module(IMAGES), side_net()(IMAGES))


def onnx_file(path: Path, inputs: int = 1, batch: str | int = "n") -> None:
    onnx = pytest.importorskip("onnx")
    h = onnx.helper
    shape = [batch, 3, 64, 64]
    weight = onnx.numpy_helper.from_array(np.arange(6, dtype=np.float32).reshape(3, 2), "w")
    names = [f"image{i}" for i in range(inputs)]
    nodes = [
        h.make_node("GlobalAveragePool", [names[0]], ["pooled"]),
        h.make_node("Flatten", ["pooled"], ["flat"]),
        h.make_node("MatMul", ["flat", "w"], ["logits"]),
    ]
    given = [h.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name in names]
    out = [h.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, [batch, 2])]
    model = h.make_model(h.make_graph(nodes, "g", given, out, [weight]), opset_imports=[h.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, str(path))


@pytest.mark.parametrize("batch", ["n", 1])
def test_an_onnx_file_runs_forward_only_also_with_a_fixed_batch_of_one(batch: str | int, tmp_path: Path, make_card: Make) -> None:
    pytest.importorskip("onnxruntime")
    onnx_file(tmp_path / "m.onnx", batch=batch)
    made = load_foreign(make_card("onnx", "m.onnx"))
    expected = IMAGES.mean(dim=(2, 3)) @ torch.arange(6.0).reshape(3, 2)
    assert not made.gradients
    assert torch.allclose(made.module(IMAGES), expected, atol=1e-5)


def test_an_onnx_file_is_tried_by_what_needs_no_gradients_and_its_weights_stay_out_of_reach(
    tmp_path: Path, make_card: Make
) -> None:
    pytest.importorskip("onnxruntime")
    from pellucid.images import study_from_array
    from pellucid.trial.picture import explain_image
    from pellucid.trial.subject import foreign_on_trial, randomised

    onnx_file(tmp_path / "m.onnx")
    trial = foreign_on_trial(make_card("onnx", "m.onnx"))
    assert randomised(trial, 1.0, 0) is None
    image = study_from_array(np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)).images[0]
    tests = {t.name: t.passed for t in explain_image(trial, image, "occlusion", "right").words.tests}
    assert tests["random weights"] is None
    with pytest.raises(InputError, match="needs gradients"):
        explain_image(trial, image, "saliency", "right")


def test_an_onnx_file_with_two_inputs_is_refused(tmp_path: Path, make_card: Make) -> None:
    pytest.importorskip("onnxruntime")
    onnx_file(tmp_path / "m.onnx", inputs=2)
    with pytest.raises(CardError, match="one input"):
        load_foreign(make_card("onnx", "m.onnx"))


def test_code_of_the_user_runs_only_by_leave(open_card: Path) -> None:
    with pytest.raises(InputError, match="--allow-code"):
        load_foreign(open_card)
    assert load_foreign(open_card, allow_code=True).gradients


def test_a_state_dict_of_torch_is_read_without_running_code(tmp_path: Path, make_card: Make) -> None:
    torchvision = pytest.importorskip("torchvision")
    net = torchvision.models.resnet18(num_classes=2).eval()
    torch.save({"state_dict": net.state_dict()}, tmp_path / "w.pt")
    made = load_foreign(make_card("torchvision", "w.pt", "resnet18", "options = { num_classes = 2 }"))
    with torch.no_grad():
        assert torch.equal(made.module(IMAGES), net(IMAGES))


def test_a_pickled_model_is_refused_before_it_runs_anything(tmp_path: Path, make_card: Make) -> None:
    torchvision = pytest.importorskip("torchvision")
    torch.save(torchvision.models.resnet18(num_classes=2), tmp_path / "w.pt")
    with pytest.raises(CardError, match=r"save model\.state_dict"):
        load_foreign(make_card("torchvision", "w.pt", "resnet18", "options = { num_classes = 2 }"))


SPOILT = [
    ({"kind": "torchscript", "weights": "no.pt"}, CardError, "nothing at"),
    ({"kind": "torchscript", "weights": "/etc/passwd"}, CardError, "beside the card"),
    ({"kind": "torchscript", "weights": "C:/weights.pt"}, CardError, "beside the card"),
    ({"kind": "torchscript", "weights": "sub/../../junk.bin"}, CardError, "beside the card"),
    ({"kind": "torchscript", "weights": "junk.bin"}, CardError, "cannot be opened"),
    ({"kind": "onnx", "weights": "junk.bin"}, CardError, "cannot be opened"),
    ({"kind": "timm", "weights": "junk.bin", "architecture": "resnet81"}, UnknownName, "timm architecture"),
    ({"kind": "timm", "weights": "junk.bin"}, CardError, "needs `architecture`"),
    ({"kind": "timm", "weights": "junk.bin", "architecture": "resnet18"}, CardError, "junk.bin"),
    ({"kind": "keras", "weights": "junk.bin"}, CardError, "model.kind"),
    ({"kind": "torchscript", "weights": "junk.bin", "extra": "colour = 3"}, CardError, "model.colour"),
    ({"kind": "torchscript", "weights": "junk.bin", "extra": f'weights_sha256 = "{"0" * 64}"'}, TamperedError, "SHA-256"),
]


@pytest.mark.parametrize(("card", "error", "said"), SPOILT, ids=[said for _, _, said in SPOILT])
def test_what_cannot_be_loaded_is_said_in_one_line(
    card: dict[str, str], error: type[Exception], said: str, tmp_path: Path, make_card: Make
) -> None:
    (tmp_path / "junk.bin").write_bytes(b"junk")
    if card["kind"] == "onnx":
        pytest.importorskip("onnxruntime")
    with pytest.raises(error, match=said) as found:
        load_foreign(make_card(**card))
    assert "\n" not in str(found.value)


def test_weights_of_another_model_are_refused(tmp_path: Path, make_card: Make) -> None:
    torchvision = pytest.importorskip("torchvision")
    saved(torchvision.models.resnet18(num_classes=3), tmp_path / "w.safetensors")
    with pytest.raises(CardError, match="got others"):
        load_foreign(make_card("torchvision", "w.safetensors", "resnet18", "options = { num_classes = 2 }"))


def test_scores_are_picked_from_a_dictionary_a_tuple_and_a_single_logit(make_card: Make, side_card: Path) -> None:
    spec = load_foreign(side_card).card.model
    scores = torch.tensor([[1.0, -1.0]])
    assert torch.equal(pick_output(spec.model_copy(update={"output": "logits"}))({"logits": scores, "aux": None}), scores)
    assert torch.equal(pick_output(spec.model_copy(update={"output": 1}))((None, scores)), scores)
    one = pick_output(spec)(torch.tensor([[1.2]]))
    assert torch.allclose(one.softmax(dim=1)[:, 1], torch.sigmoid(torch.tensor([1.2])))
    for given in ({"logits": scores}, (scores,), torch.zeros(1, 5), torch.zeros(1, 2, 4, 4)):
        with pytest.raises(InputError, match="expected scores"):
            pick_output(spec)(given)


def test_whole_numbers_in_a_list_of_options_stay_whole(tmp_path: Path, make_card: Callable[..., Path]) -> None:
    timm = pytest.importorskip("timm")
    from safetensors.torch import save_file

    small = {"img_size": 64, "window_size": 4, "embed_dim": 16, "depths": [1, 1], "num_heads": [1, 2], "num_classes": 2}
    net = timm.create_model("swin_tiny_patch4_window7_224", **small)
    save_file(net.state_dict(), tmp_path / "swin.safetensors")
    told = ", ".join(f"{k} = {v}" for k, v in small.items())
    card = make_card("timm", "swin.safetensors", "swin_tiny_patch4_window7_224", f"options = {{ {told} }}")
    assert load_foreign(card).card.model.options["depths"] == (1, 1)


def test_a_file_that_is_no_weights_file_says_so_and_one_with_code_says_that(tmp_path: Path, make_card: Make) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "touched",)

    pytest.importorskip("torchvision")
    torch.save({"a": Evil()}, tmp_path / "evil.pt")
    torch.save({"a": torch.zeros(1000)}, tmp_path / "whole.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "whole.pt").read_bytes()[:900])
    (tmp_path / "users.pt").write_text("root:x:0:0:root:/root:/bin/bash\n" * 5, encoding="utf-8")
    (tmp_path / "none.pt").write_bytes(b"")
    for name, code in (("evil.pt", True), ("cut.pt", False), ("users.pt", False), ("none.pt", False)):
        with pytest.raises(CardError) as found:
            load_foreign(make_card("torchvision", name, "resnet18", "options = { num_classes = 2 }"))
        assert ("run code" in str(found.value)) == code, str(found.value)
        assert str(found.value).endswith("safetensors")
    assert not (tmp_path / "touched").exists()


def test_a_label_of_a_class_that_the_card_does_not_name_is_refused_with_file_key_and_classes(side_card: Path) -> None:
    side_card.write_text(side_card.read_text(encoding="utf-8").replace('r = "right"', 'r = "up"'), encoding="utf-8")
    with pytest.raises(RecipeError, match=r"toy\.toml: data\.label\.values: expected for 'r' one of left, right, got 'up'"):
        load_foreign(side_card)
    text = side_card.read_text(encoding="utf-8").replace('values = { l = "left", r = "up" }', "counts = [1, 2]")
    side_card.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError, match="at most 2 states"):
        load_foreign(side_card)
