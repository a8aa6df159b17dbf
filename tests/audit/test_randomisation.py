"""Does the map change when the model no longer knows anything."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.audit.paper import bench, edges, knows_nothing, predict, true_evidence

from pellucid.audit import randomisation
from pellucid.audit.map_controls import CONTROLS, control_bench
from pellucid.audit.perturb import noisy
from pellucid.audit.similarity import ssim

ALL = [randomisation.mprt, randomisation.efficient_mprt, randomisation.smooth_mprt, randomisation.label_randomisation]


def randomised(explain: Any = knows_nothing) -> Any:
    return replace(bench(n=8), randomised=(("all", predict, explain),), label_randomised=(predict, explain))


def test_map_that_depends_on_the_weights_changes_when_they_are_random() -> None:
    assert abs(randomisation.mprt(randomised()).mean()) < 0.1
    assert randomisation.smooth_mprt(randomised()).mean() < 0.2
    assert abs(randomisation.label_randomisation(randomised()).mean()) < 0.1
    assert randomisation.efficient_mprt(randomised()).mean() > 0.1


def test_edge_detector_and_blob_do_not_notice_that_the_weights_are_random() -> None:
    for name in ("edge detector", "centre blob"):
        b = control_bench(randomised(), CONTROLS[name], seed=0)
        np.testing.assert_allclose(randomisation.mprt(b), 1.0)
        np.testing.assert_allclose(randomisation.smooth_mprt(b), 1.0)
        np.testing.assert_allclose(randomisation.label_randomisation(b), 1.0)
        np.testing.assert_allclose(randomisation.efficient_mprt(b), 0.0)


@pytest.mark.parametrize("measure", ALL)
def test_without_a_randomised_model_nothing_is_known(measure: Any) -> None:
    assert np.isnan(measure(bench(n=3))).all()


def test_histogram_entropy_agrees_with_quantus() -> None:
    functions = pytest.importorskip("quantus.functions.complexity_func")
    maps = np.random.default_rng(0).normal(size=(5, 16, 16)).astype(np.float32)
    theirs = [functions.discrete_entropy(a=m, x=m, n_bins=100) for m in maps]
    np.testing.assert_allclose(randomisation.histogram_entropy(maps), theirs, atol=1e-9)


@pytest.mark.filterwarnings("ignore")  # quantus warns by itself
def test_efficient_mprt_agrees_with_quantus() -> None:
    torch = pytest.importorskip("torch")
    quantus = pytest.importorskip("quantus")
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(4 * 10 * 10, 2)
    ).eval()
    images = np.random.default_rng(0).normal(size=(4, 1, 12, 12)).astype(np.float32)
    targets = np.array([0, 1, 0, 1])

    def gradients(model: Any, inputs: Any, targets: Any, **_: Any) -> Any:
        x = torch.tensor(np.asarray(inputs), requires_grad=True)
        model(x)[torch.arange(len(x)), torch.as_tensor(targets)].sum().backward()
        return np.abs(x.grad.numpy())

    metric = quantus.EfficientMPRT(
        layer_order="bottom_up", seed=42, normalise=False, abs=False, disable_warnings=True, skip_layers=True,
        complexity_func_kwargs={"n_bins": 100}, compute_extra_scores=False,
    )  # fmt: skip
    theirs = metric(
        model=net, x_batch=images, y_batch=targets, a_batch=gradients(net, images, targets), explain_func=gradients, softmax=True,
        device="cpu",
    )  # fmt: skip
    wrapped = quantus.PyTorchModel(net, channel_first=True)
    *_, (_, last) = wrapped.get_random_layer_generator(order="bottom_up", seed=42)
    b = bench(
        of=replace(bench(n=4).cases, images=images, targets=targets, masks=None), explain=lambda x, t: gradients(net, x, t)[:, 0]
    )
    b = replace(b, randomised=(("all", predict, lambda x, t: gradients(last, x, t)[:, 0]),))
    np.testing.assert_allclose(randomisation.efficient_mprt(b), theirs, atol=1e-6)


def test_smooth_mprt_is_the_mean_over_stages_of_the_similarity_of_averaged_maps() -> None:
    b = replace(bench(n=3), randomised=(("head", predict, edges), ("all", predict, knows_nothing)))
    noise = [noisy(b.cases.images, 0.1, b.seed, d) for d in range(randomisation.SMOOTH_DRAWS)]
    own, head, rest = (np.mean([e(x, b.cases.targets) for x in noise], axis=0) for e in (true_evidence, edges, knows_nothing))
    np.testing.assert_allclose(randomisation.smooth_mprt(b), (ssim(own, head) + ssim(own, rest)) / 2, atol=1e-5)


def test_map_with_one_value_has_no_entropy_to_rise() -> None:
    b = replace(randomised(), maps=np.zeros_like(bench(n=8).maps))
    assert np.isnan(randomisation.efficient_mprt(b)).all()
