"""Bad models, bad images and maps that would mean nothing: one clear line that says why and what to do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
timm = pytest.importorskip("timm")

from tests.explain.nets import Means, SmallCNN, images, seeded  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from pellucid.errors import ExplainError, UnknownName  # noqa: E402
from pellucid.explain import METHODS, Target, class_target, concept_target, explain, explain_all, recognise  # noqa: E402
from pellucid.explain.attended import attention_open  # noqa: E402
from pellucid.explain.layers import candidates, choose_layer  # noqa: E402
from pellucid.reader import load_reader  # noqa: E402

SHAPE = (3, 32, 32)
SWIN = "swin_tiny_patch4_window7_224"


class Odd(SmallCNN):
    """A CNN with something wrong."""

    def __init__(self, fault: str) -> None:
        super().__init__()
        self.fault, self.calls = fault, 0

    def forward(self, x: Tensor) -> Any:
        self.calls += 1
        y = super().forward(x)
        if self.fault == "nan":
            return y * float("nan")
        if self.fault == "chance":
            return y + self.calls
        if self.fault == "batch":
            return y - y.mean(dim=0) * 5 + x.mean()
        if self.fault == "no batch":
            return y.t()
        if self.fault == "raises":
            raise KeyError("pixel_values\nsecond line")
        return y


class NoGradient(SmallCNN):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return super().forward(x)


class TwoInputs(SmallCNN):
    def forward(self, x: Tensor, age: Tensor) -> Tensor:
        return super().forward(x) + age


class InPlace(nn.Module):
    """Works in place on its input and on what its layer gives; may overwrite what the backward pass needs."""

    def __init__(self, overwrites: bool = False) -> None:
        super().__init__()
        self.overwrites = overwrites
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x.sub_(0.5).div_(0.25)
        y = self.conv(x)
        y += 1.0
        y.relu_()
        if self.overwrites:
            y.mul_(2.0)
        return self.head(y.mean(dim=(2, 3)))


@pytest.mark.parametrize(
    ("fault", "why"),
    [("nan", "NaN or infinite"), ("chance", "other scores on a second run"), ("batch", "depend on the others in its batch"),
     ("no batch", "the batch must come first"), ("raises", "failed with KeyError: 'pixel_values")],
)  # fmt: skip
def test_a_model_that_cannot_be_explained_is_refused_in_one_line(fault: str, why: str) -> None:
    with pytest.raises(ExplainError, match=why) as error:
        recognise(seeded(Odd, fault), SHAPE, name="my net")
    assert str(error.value).startswith("my net: ")
    assert "\n" not in str(error.value)


def test_a_second_input_is_named_and_the_way_out_is_told() -> None:
    with pytest.raises(ExplainError, match=r"forward\(x, age\); wrap it"):
        recognise(seeded(TwoInputs), SHAPE)


@pytest.mark.parametrize("method", [name for name, line in METHODS.items() if line.needs == "gradients"] + ["grad-cam"])
def test_methods_on_gradients_are_refused_where_the_forward_leaves_the_graph(method: str) -> None:
    subject = recognise(seeded(NoGradient), SHAPE)
    with pytest.raises(ExplainError, match=r"needs gradients.*torch\.no_grad.*use occlusion"):
        explain(subject, images(1, *SHAPE), class_target(subject, 0), method)
    assert explain(subject, images(1, *SHAPE), class_target(subject, 0), "occlusion").values.any()
    assert explain(subject, images(1, *SHAPE), class_target(subject, 0), "score-cam").values.any()


def test_a_model_that_works_in_place_gets_the_same_maps_as_its_plain_twin() -> None:
    module = seeded(InPlace)

    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = module.conv, module.head

        def forward(self, x: Tensor) -> Tensor:
            return self.head(torch.relu(self.conv((x - 0.5) / 0.25) + 1.0).mean(dim=(2, 3)))

    x = images(2, *SHAPE)
    kept = x.clone()
    one, two = recognise(module, SHAPE), recognise(Plain(), SHAPE)
    for method in ("grad-cam", "hires-cam", "integrated-gradients", "occlusion", "rise"):
        options: dict[str, Any] = {"samples": 16} if method == "rise" else {}
        first = explain(one, x, class_target(one, 0), method, **options).values
        second = explain(two, x, class_target(two, 0), method, **options).values
        np.testing.assert_allclose(first, second, atol=1e-5)
    assert torch.equal(x, kept)


def test_a_model_that_overwrites_what_the_backward_pass_needs_keeps_its_forward_methods() -> None:
    subject = recognise(seeded(InPlace, overwrites=True), SHAPE)
    target = class_target(subject, 0)
    with pytest.raises(ExplainError, match=r"the backward pass failed: a layer overwrites in place.*use occlusion"):
        explain(subject, images(1, *SHAPE), target, "grad-cam")
    assert explain(subject, images(1, *SHAPE), target, "occlusion").values.any()


class Viewed(SmallCNN):
    """Flattens by `view`, which only the plain layout in memory allows."""

    def forward(self, x: Tensor) -> Tensor:
        grid = self.features(x)
        return self.head(grid.view(len(x), -1).view(len(x), 16, -1).mean(dim=2))


def test_channels_go_last_in_memory_only_where_the_model_takes_it_and_the_map_is_the_same() -> None:
    plain, viewed = recognise(seeded(SmallCNN), SHAPE), recognise(seeded(Viewed), SHAPE)
    assert (plain.channels_last, viewed.channels_last) == (True, False)
    for method in ("hires-cam", "integrated-gradients", "occlusion"):
        x = images(2, *SHAPE)
        first = explain(plain, x, class_target(plain, 0), method).values
        np.testing.assert_allclose(first, explain(viewed, x, class_target(viewed, 0), method).values, atol=1e-5)


def test_attention_methods_are_refused_on_a_cnn_and_on_windows() -> None:
    for module, why in (
        (seeded(SmallCNN), "no block attends"),
        (
            seeded(timm.create_model, "swin_tiny_patch4_window7_224", img_size=64, window_size=4, depths=(1, 1, 1, 1)),
            "within windows",
        ),
    ):
        shape = (3, 64, 64)
        subject = recognise(module, shape)
        for method in ("attention-rollout", "chefer"):
            with pytest.raises(ExplainError, match=why):
                explain(subject, images(1, *shape), class_target(subject, 0), method)


def test_rollout_and_chefer_agree_with_a_second_writing_of_their_papers() -> None:
    """The weights are recomputed from the query and key of each block, the papers' sums written out with loops."""
    module = seeded(timm.create_model, "test_vit").eval()
    x = images(2, 3, 160, 160)
    subject = recognise(module, (3, 160, 160))
    for part in module.modules():
        if hasattr(part, "fused_attn"):
            part.fused_attn = False
    weights: list[Tensor] = []
    for block in module.blocks:
        block.attn.attn_drop.register_forward_hook(lambda _m, _i, out: weights.append(out))
    gradients = torch.autograd.grad(module(x)[:, 3].sum(), weights)
    rolled, relevant = [], []
    for row in range(2):
        flow, relevance = torch.eye(101), torch.eye(101)
        for attention, gradient in zip(weights, gradients, strict=True):
            mean = attention[row].mean(dim=0)
            flow = (0.5 * mean + 0.5 * torch.eye(101)) @ flow
            relevance = relevance + (attention[row] * gradient[row]).clamp(min=0).mean(dim=0) @ relevance
        rolled.append(flow[0, 1:].view(10, 10))
        relevant.append(relevance[0, 1:].view(10, 10))
    ours = explain_all(subject, x, class_target(subject, 3), ["attention-rollout", "chefer"])
    for name, theirs in (("attention-rollout", rolled), ("chefer", relevant)):
        large = nn.functional.interpolate(torch.stack(theirs).detach()[:, None], size=(160, 160), mode="bilinear")[:, 0]
        np.testing.assert_allclose(ours[name].values, large.numpy(), rtol=1e-3, atol=1e-7)


def test_chefer_reads_the_pooling_of_siglip_and_the_fused_net() -> None:
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 32, "patch_size": 8}
    config = transformers.SiglipVisionConfig(**sizes, intermediate_size=64, attn_implementation="eager")
    module = seeded(transformers.SiglipVisionModel, config)
    subject = recognise(module, SHAPE)
    for method in ("attention-rollout", "chefer"):
        maps = explain(subject, images(2, *SHAPE), class_target(subject, 0), method)
        assert np.ptp(maps.values) > 0
    assert module.config._attn_implementation == "eager"


@pytest.mark.parametrize("method", ["attention-rollout", "chefer"])
def test_a_map_of_attention_changes_with_the_query_of_the_pooling_head(method: str) -> None:
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 32, "patch_size": 8}
    module = seeded(transformers.SiglipVisionModel, transformers.SiglipVisionConfig(**sizes, intermediate_size=64)).eval()
    head = getattr(module, "vision_model", module).head
    x = images(2, *SHAPE)
    answers, maps = [], []
    for factor in (1.0, -50.0):
        with torch.no_grad():
            head.probe.mul_(factor)
        subject = recognise(module, SHAPE)
        answers.append(module(x).pooler_output.detach())
        maps.append(explain(subject, x, class_target(subject, 0), method).values)
    assert not torch.allclose(*answers)
    assert np.abs(maps[0] - maps[1]).max() > 1e-3 * np.abs(maps[0]).max()


def test_attention_of_torch_gives_its_caller_the_same_weights_while_it_is_recorded() -> None:
    attention = seeded(nn.MultiheadAttention, 16, 4, batch_first=True).eval()
    tokens = torch.randn(2, 5, 16)
    for average in (True, False):
        for given in (tokens, tokens[0]):
            alone = attention(given[..., :1, :], given, given, average_attn_weights=average)
            with attention_open(attention) as recorded:
                watched = attention(given[..., :1, :], given, given, average_attn_weights=average)
            assert recorded.weights[0].shape[1:] == (4, 1, 5)
            for one, other in zip(alone, watched, strict=True):
                torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    ("given", "why"),
    [(images(2, 1, 32, 32), r"expected images \(B, 3, 32, 32\)"), (images(3, 32, 32), "expected images"),
     (images(0, 3, 32, 32), "expected images"),
     (torch.full((1, 3, 32, 32), float("nan")), "expected finite images")],
)  # fmt: skip
def test_images_that_do_not_fit_are_refused(given: Tensor, why: str) -> None:
    subject = recognise(seeded(SmallCNN), SHAPE)
    with pytest.raises(ExplainError, match=why):
        explain(subject, given, class_target(subject, 0), "grad-cam")


def test_wrong_names_offer_the_nearest_and_wrong_options_say_what_is_expected() -> None:
    subject = recognise(seeded(SmallCNN), SHAPE)
    x, target = images(1, *SHAPE), class_target(subject, 0)
    with pytest.raises(UnknownName, match="did you mean 'grad-cam'"):
        explain(subject, x, target, "gradcam")
    with pytest.raises(UnknownName, match="did you mean 'samples'"):
        explain(subject, x, target, "rise", sample=3)
    with pytest.raises(ExplainError, match="expected an output from 0 to 3"):
        class_target(subject, 4)
    with pytest.raises(ExplainError, match="it does not look at one"):
        explain(subject, x, target, "saliency", layer="features")
    with pytest.raises(ExplainError, match="or more for 49 pieces"):
        explain(subject, x, target, "kernel-shap", samples=50, segments="grid")
    with pytest.raises(ExplainError, match="within the window"):
        explain(subject, x, target, "occlusion", window=2, stride=3)
    with pytest.raises(ExplainError, match="'blur' or a tensor"):
        explain(subject, x, target, "integrated-gradients", baseline="black")
    with pytest.raises(ExplainError, match="expected a concept net"):
        explain(subject, x, concept_target(0, 0), "concept-evidence")
    with pytest.raises(ExplainError, match="expected the output of a concept net"):
        explain(subject, x, concept_target(0, 0), "saliency")


def test_a_score_that_no_longer_moves_is_refused() -> None:
    subject = recognise(seeded(SmallCNN), SHAPE)
    flat = Target("nothing", lambda out: out[:, 0] * 0.0)
    for method in ("saliency", "grad-cam", "integrated-gradients"):
        with pytest.raises(ExplainError, match="gradient zero"):
            explain(subject, images(1, *SHAPE), flat, method)
    with pytest.raises(ExplainError, match="one score per image"):
        explain(subject, images(1, *SHAPE), Target("all", lambda out: out), "saliency")


def test_a_map_with_nothing_in_it_says_so_and_is_not_stretched() -> None:
    subject = recognise(Means(), (2, 4, 4))
    against = torch.stack([torch.zeros(1, 4, 4), torch.ones(1, 4, 4)], dim=1)[0].view(1, 2, 4, 4)
    maps = explain(subject, against, class_target(subject, 0), "grad-cam")
    assert not maps.values.any()
    assert maps.notes == ("1 of 1 maps are empty: nothing in this layer speaks for the target",)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning")
def test_a_compiled_module_is_a_black_box_that_still_has_gradients() -> None:
    script = torch.jit.trace(seeded(SmallCNN).eval(), images(2, *SHAPE))
    subject = recognise(script, SHAPE)
    assert subject.family == "black box"
    target = class_target(subject, 0)
    assert explain(subject, images(1, *SHAPE), target, "integrated-gradients", steps=4).values.any()
    with pytest.raises(ExplainError, match="expected a layer that keeps places, found none"):
        explain(subject, images(1, *SHAPE), target, "grad-cam")


def test_the_layer_is_chosen_by_its_score_and_the_choice_is_reported() -> None:
    subject = recognise(seeded(SmallCNN), SHAPE)
    names = [layer.name for layer in candidates(subject)]
    assert names[-1] == subject.layers[-1].name
    x, target = images(2, *SHAPE), class_target(subject, 0)
    choice = choose_layer(subject, x, target, lambda maps: float(maps.layer == names[0]))
    assert choice.layer == names[0]
    assert [name for name, _ in choice.scores] == names
    assert "on 2 validation images" in choice.sentence()
    with pytest.raises(ExplainError, match="is NaN"):
        choose_layer(subject, x, target, lambda _: float("nan"))
    with pytest.raises(ExplainError, match="none of the layers"):
        choose_layer(subject, x, target, lambda _: 0.0, among=["head"])


def test_the_shipped_reader_says_its_own_evidence(shipped_reader: Callable[[str], Path]) -> None:
    shipped_reader("breast-ultrasound")
    net = load_reader("breast-ultrasound").net
    subject = recognise(net, (3, 256, 256))
    x = images(2, 3, 256, 256)
    with torch.no_grad():
        grids = net.grids(x)
        seen = net.bottleneck(grids)
        own = net.bottleneck.support(seen, grids)[:, 0]
    assert subject.family == "concept"
    assert subject.layers[-1].name.startswith("encoder.")
    for row, state in enumerate(seen.logits[:, 0].argmax(dim=-1).tolist()):
        maps = explain(subject, x, concept_target(0, state), "concept-evidence").values[row]
        cells = maps.reshape(32, 8, 32, 8).mean(axis=(1, 3))
        assert np.corrcoef(cells.ravel(), own[row].numpy().ravel())[0, 1] > 0.95
    attention = explain(subject, x, concept_target(0, 1), "concept-attention")
    assert attention.notes
    gradient = explain(subject, x, concept_target(0, 1), "grad-cam")
    assert gradient.values.shape == (2, 256, 256)
    with pytest.raises(ExplainError, match="none at"):
        explain(subject, x, concept_target(0, 99), "concept-evidence")
    with pytest.raises(ExplainError, match="expected a concept's state"):
        explain(subject, x, class_target(subject, 0), "concept-evidence")
