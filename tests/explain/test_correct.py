"""Methods agree with paper and pencil, with Captum, grad-cam and shap; where these go wrong, we refuse or handle it."""

from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.explain.nets import Linear, Means, SmallCNN, images, seeded  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from pellucid.errors import ExplainError  # noqa: E402
from pellucid.explain import METHODS, class_target, explain, explain_all, explain_outputs, recognise  # noqa: E402
from pellucid.explain.absence import absent  # noqa: E402
from pellucid.explain.ask import Ask, activations_of  # noqa: E402
from pellucid.explain.cams import eigen_component, grad_cam_grid, grad_cam_plus_plus_grid, hires_cam_grid  # noqa: E402
from pellucid.explain.still import still  # noqa: E402
from pellucid.explain.superpixels import blocks  # noqa: E402

SHAPE = (3, 32, 32)
BLOCKS = blocks((32, 32), 4)


def cnn() -> Any:
    return seeded(SmallCNN).eval()


def at_layer(module: nn.Module, x: Tensor, index: int, layer: str) -> tuple[Tensor, Tensor]:
    subject = recognise(module, tuple(x.shape[1:]))
    with still(module):
        return activations_of(Ask(subject, x, class_target(subject, index), subject.layer(layer), 0, {}))


# Paper and pencil


def test_cams_of_a_net_of_means_are_known_by_hand() -> None:
    """Class 0 is mean(channel 0) - mean(channel 1) + 0.5: weights are ±1/16 on a 4 x 4 image."""
    module, x = Means(), images(2, 2, 4, 4)
    subject = recognise(module, (2, 4, 4))
    by_hand = ((x[:, 0] - x[:, 1]) / 16).numpy()
    target = class_target(subject, 0)
    found = explain_all(subject, x, target, ["grad-cam", "hires-cam"])
    np.testing.assert_allclose(found["grad-cam"].values, by_hand.clip(0), atol=1e-7)
    np.testing.assert_allclose(found["hires-cam"].values, by_hand, atol=1e-7)
    scores = module(x)[:, 0].detach().numpy()
    np.testing.assert_allclose(found["hires-cam"].values.sum(axis=(1, 2)), scores - 0.5, atol=1e-6)


@pytest.mark.parametrize("method", ["integrated-gradients", "gradient-shap"])
def test_on_a_linear_model_each_pixel_gets_its_weight_times_itself(method: str) -> None:
    module, x = seeded(Linear), images(2, 2, 8, 8)
    subject = recognise(module, (2, 8, 8))
    options: dict[str, Any] = {"noise": 0.0} if method == "gradient-shap" else {}
    maps = explain(subject, x, class_target(subject, 1), method, **options)
    by_hand = (module.head.weight[1].view(2, 8, 8) * x).sum(dim=1).detach().numpy()
    np.testing.assert_allclose(maps.values, by_hand, atol=1e-5)


def test_on_a_linear_model_kernel_shap_and_occlusion_give_each_piece_its_sum() -> None:
    module, x = seeded(Linear), images(2, 2, 8, 8)
    subject = recognise(module, (2, 8, 8))
    part = (module.head.weight[1].view(2, 8, 8) * x).sum(dim=1).detach()
    pieces = part.unfold(1, 2, 2).unfold(2, 2, 2).sum(dim=(3, 4)).repeat_interleave(2, 1).repeat_interleave(2, 2).numpy()
    target = class_target(subject, 1)
    shap = explain(subject, x, target, "kernel-shap", segments="grid", pieces=16)
    assert shap.standard_error is not None
    np.testing.assert_allclose(shap.values, pieces, atol=1e-4)
    assert shap.standard_error.max() < 1e-4
    occluded = explain(subject, x, target, "occlusion", window=2, stride=2)
    np.testing.assert_allclose(occluded.values, pieces, atol=1e-5)
    lime = explain(subject, x, target, "lime", segments="grid", pieces=16)
    assert np.corrcoef(lime.values.ravel(), pieces.ravel())[0, 1] > 0.999  # ridge shrinks, so up to a factor
    assert (np.abs(lime.values) <= np.abs(pieces) + 0.05).all()


def test_rise_on_a_linear_model_finds_the_pixel_that_counts_within_its_standard_error() -> None:
    module = seeded(Linear)
    with torch.no_grad():
        module.head.weight.zero_()
        module.head.weight[0].view(2, 8, 8)[0, 2, 6] = 4.0
    x = torch.ones(1, 2, 8, 8)
    subject = recognise(module, (2, 8, 8))
    maps = explain(subject, x, class_target(subject, 0), "rise", samples=3000, cells=4)
    more = explain(
        subject,
        x,
        class_target(subject, 0),
        "rise",
        samples=20000,
        cells=4,
    )
    assert np.unravel_index(maps.values[0].argmax(), (8, 8)) == (2, 6)
    assert maps.standard_error is not None
    off = np.abs(maps.values - more.values) / maps.standard_error
    assert np.quantile(off, 0.9) < 3
    assert maps.standard_error.max() < 0.1


def test_integrated_gradients_add_up_to_the_change_of_the_score_and_say_how_far_off_they_are() -> None:
    module, x = cnn(), images(3, *SHAPE)
    subject = recognise(module, SHAPE)
    maps = explain(subject, x, class_target(subject, 2), "integrated-gradients", steps=200, baseline="blur")
    with torch.no_grad():
        change = (module(x) - module(absent(x, "blur")))[:, 2].numpy()
    np.testing.assert_allclose(maps.values.sum(axis=(1, 2)), change, atol=2e-3)
    rough = explain(subject, x, class_target(subject, 2), "integrated-gradients", steps=1)
    assert "take more steps" in rough.notes[0]


def test_kernel_shap_equals_shapley_values_by_enumeration() -> None:
    module, x = cnn(), images(2, *SHAPE)
    subject = recognise(module, SHAPE)
    maps = explain(subject, x, class_target(subject, 1), "kernel-shap", segments=BLOCKS)
    assert maps.notes == ("exact: every coalition was tried",)
    for row in range(2):
        value = {chosen: score(module, x[row], chosen) for size in range(5) for chosen in combinations(range(4), size)}
        for piece in range(4):
            others = [c for c in value if piece not in c]
            exact = sum((value[tuple(sorted((*c, piece)))] - value[c]) / (4 * comb(3, len(c))) for c in others)
            np.testing.assert_allclose(maps.values[row][piece == BLOCKS], exact, atol=1e-5)


def score(module: nn.Module, image: Tensor, chosen: tuple[int, ...]) -> float:
    seen = torch.isin(BLOCKS, torch.tensor(chosen, dtype=torch.long))
    with torch.no_grad():
        return float(module((image * seen).unsqueeze(0))[0, 1])


def test_sampled_kernel_shap_is_within_its_standard_error_of_the_exact_values() -> None:
    module, x = cnn(), images(1, *SHAPE)
    subject = recognise(module, SHAPE)
    target = class_target(subject, 1)
    exact = explain(subject, x, target, "kernel-shap", segments="grid", pieces=9, samples=600)
    off = []
    for seed in range(12):
        maps = explain(subject, x, target, "kernel-shap", segments="grid", pieces=9, samples=100, seed=seed)
        assert maps.standard_error is not None
        off.append((maps.values - exact.values)[0, ::11, ::11] / maps.standard_error[0, ::11, ::11])
    spread = float(np.std(off))
    assert 0.6 < spread < 1.6  # the stated error is the error


# Independent implementations


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("layer", ["features.2", "features.5", "features.7"])
def test_cams_agree_with_captum_and_grad_cam(layer: str) -> None:
    attr = pytest.importorskip("captum.attr")
    peers = pytest.importorskip("pytorch_grad_cam")
    module, x = cnn(), images(2, *SHAPE)
    activations, gradients = at_layer(module, x, 1, layer)
    part = module.get_submodule(layer)
    ours = grad_cam_grid(activations, gradients)
    theirs = attr.LayerGradCam(module, part).attribute(x, target=1, relu_attributions=True).squeeze(1).detach()
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-4)
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    for name, mine in (
        ("GradCAM", ours),
        ("GradCAMPlusPlus", grad_cam_plus_plus_grid(activations, gradients)),
        ("HiResCAM", hires_cam_grid(activations, gradients).relu()),
        ("EigenCAM", eigen_component(activations)),
    ):
        with getattr(peers, name)(module, [part]) as peer:
            peer.batch_size = 4
            theirs = peer(x, [ClassifierOutputTarget(1)] * 2)
        for row in range(2):
            sides = (mine[row], -mine[row]) if name == "EigenCAM" else (mine[row],)  # it has no sign of its own
            large = [nn.functional.interpolate(side.relu()[None, None], size=(32, 32), mode="bilinear") for side in sides]
            agreement = max(np.corrcoef(theirs[row].ravel(), one.numpy().ravel())[0, 1] for one in large)
            assert agreement > 0.98, (name, layer)  # they scale to 0..1 and enlarge with OpenCV


@pytest.mark.filterwarnings("ignore")
def test_score_cam_agrees_with_grad_cam() -> None:
    peers = pytest.importorskip("pytorch_grad_cam")
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    module, x = cnn(), images(2, *SHAPE)
    subject = recognise(module, SHAPE)
    ours = explain(subject, x, class_target(subject, 1), "score-cam", layer="features.7").values
    with peers.ScoreCAM(module, [module.features[7]]) as peer:
        theirs = peer(x, [ClassifierOutputTarget(1)] * 2)
    for row in range(2):
        assert np.corrcoef(ours[row].ravel(), theirs[row].ravel())[0, 1] > 0.98


@pytest.mark.filterwarnings("ignore")
def test_gradient_methods_agree_with_captum() -> None:
    attr = pytest.importorskip("captum.attr")
    module, x = cnn(), images(2, *SHAPE)
    subject = recognise(module, SHAPE)
    target = class_target(subject, 1)
    saliency = attr.Saliency(module).attribute(x, target=1).amax(dim=1)
    np.testing.assert_allclose(explain(subject, x, target, "saliency").values, saliency.numpy(), atol=1e-6)
    integrated = attr.IntegratedGradients(module).attribute(x, target=1, n_steps=20).sum(dim=1)
    ours = explain(subject, x, target, "integrated-gradients", steps=20).values
    np.testing.assert_allclose(ours, integrated.detach().numpy(), atol=1e-6)
    occluded = attr.Occlusion(module).attribute(x, (3, 8, 8), strides=(3, 5, 5), target=1, baselines=0.0)[:, 0]
    ours = explain(subject, x, target, "occlusion", window=8, stride=5).values
    np.testing.assert_allclose(ours, occluded.detach().numpy(), atol=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_sampled_gradient_methods_agree_with_captum_within_their_standard_error() -> None:
    attr = pytest.importorskip("captum.attr")
    module, x = cnn(), images(1, *SHAPE)
    subject = recognise(module, SHAPE)
    target = class_target(subject, 1)
    span = float(x.max() - x.min())
    ours = explain(subject, x, target, "smoothgrad", samples=400, noise=0.1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tunnel = attr.NoiseTunnel(attr.Saliency(module))
        theirs = (
            tunnel.attribute(x, nt_samples=400, nt_samples_batch_size=50, stdevs=0.1 * span, target=1, abs=False)
            .abs()
            .amax(dim=1)
        )
        background = images(20, *SHAPE, seed=9)
        shap = attr.GradientShap(module).attribute(x, background, n_samples=400, stdevs=0.05, target=1).sum(dim=1)
    assert ours.standard_error is not None
    assert np.corrcoef(ours.values.ravel(), theirs.numpy().ravel())[0, 1] > 0.97
    mine = explain(subject, x, target, "gradient-shap", samples=400, noise=0.05, background=background)
    assert mine.standard_error is not None
    off = (mine.values - shap.detach().numpy()) / (mine.standard_error * np.sqrt(2))
    assert 0.7 < np.std(off) < 1.4  # two draws of the same thing


@pytest.mark.filterwarnings("ignore")
def test_kernel_shap_agrees_with_shap() -> None:
    shap = pytest.importorskip("shap")
    module, x = cnn(), images(1, *SHAPE)
    subject = recognise(module, SHAPE)

    def of_pieces(present: Any) -> Any:
        masks = torch.from_numpy(np.asarray(present, dtype=np.float32))[:, BLOCKS]
        with torch.no_grad():
            return module(x * masks[:, None])[:, 1].numpy()

    theirs = shap.KernelExplainer(of_pieces, np.zeros((1, 4))).shap_values(np.ones((1, 4)), silent=True)[0]
    ours = explain(subject, x, class_target(subject, 1), "kernel-shap", segments=BLOCKS).values[0]
    np.testing.assert_allclose([ours[piece == BLOCKS][0] for piece in range(4)], theirs, atol=1e-5)


# What peers get wrong


@pytest.mark.filterwarnings("ignore")
def test_captum_takes_tokens_for_channels_and_we_do_not() -> None:
    """Captum's Grad-CAM on a ViT block raises nothing and gives one number per channel; ours is a map of places."""
    attr, timm = pytest.importorskip("captum.attr"), pytest.importorskip("timm")
    module = seeded(timm.create_model, "test_vit").eval()
    x = images(1, 3, 160, 160)
    silent = attr.LayerGradCam(module, module.blocks[-1].norm1).attribute(x, target=1)
    assert tuple(silent.shape) == (1, 1, 64)  # the width of the tokens: no place in it
    subject = recognise(module, (3, 160, 160))
    ours = explain(subject, x, class_target(subject, 1), "grad-cam")
    assert ours.values.shape == (1, 160, 160)
    activations, gradients = at_layer(module, x, 1, "blocks.5.norm1")
    assert tuple(activations.shape) == (1, 64, 10, 10)
    module.zero_grad()
    tokens: list[Tensor] = []
    module.blocks[-1].norm1.register_forward_hook(lambda _m, _i, out: tokens.append(out))
    leaf = torch.autograd.grad(module(x)[0, 1], tokens[0])[0][0, 1:]
    by_hand = (tokens[0][0, 1:] @ leaf.mean(dim=0)).relu().view(10, 10)
    torch.testing.assert_close(grad_cam_grid(activations, gradients)[0], by_hand.detach(), atol=1e-7, rtol=1e-3)


# Every line of the table


@pytest.mark.parametrize(
    "method", [name for name, line in METHODS.items() if line.needs not in ("attention", "concept evidence")]
)
def test_a_map_is_the_same_again_and_does_not_depend_on_its_batch(method: str) -> None:
    subject = recognise(cnn(), SHAPE)
    x, target = images(3, *SHAPE), class_target(subject, 1)
    options: dict[str, Any] = {name: few for name, few in {"samples": 24, "pieces": 4}.items() if name in METHODS[method].options}
    together = explain(subject, x, target, method, seed=3, **options)
    again = explain(subject, x, target, method, seed=3, **options)
    alone = explain(subject, x[1:2], target, method, seed=3, **options)
    assert np.array_equal(together.values, again.values)
    np.testing.assert_allclose(together.values[1:2], alone.values, atol=1e-5, rtol=1e-3)
    assert together.signed == METHODS[method].signed
    if not together.signed:
        assert together.values.min() >= 0
    if together.samples and METHODS[method].options.get("samples"):
        other = explain(subject, x, target, method, seed=4, **options)
        assert method in ("kernel-shap",) or not np.array_equal(together.values, other.values)


def test_outputs_given_for_each_image_are_explained_each_with_its_own() -> None:
    subject = recognise(cnn(), SHAPE)
    x, wanted = images(3, *SHAPE), np.array([2, 0, 2])
    maps = explain_outputs(subject, x, wanted, "hires-cam")
    for row, index in enumerate(wanted):
        own = explain(subject, x[row : row + 1], class_target(subject, int(index)), "hires-cam").values[0]
        np.testing.assert_allclose(maps.values[row], own, atol=1e-6)
    with pytest.raises(ExplainError, match="one output for each"):
        explain_outputs(subject, x, np.array([1]), "hires-cam")
