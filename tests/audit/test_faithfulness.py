"""Does the model depend on what the map marks."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.paper import bench, cases, edges

from pellucid.audit import faithfulness
from pellucid.audit.cases import Bench, Cases
from pellucid.audit.map_controls import CONTROLS, control_bench
from pellucid.audit.perturb import blurred, mean_image, squares

ALL = {
    "deletion": (faithfulness.deletion, -1),
    "insertion": (faithfulness.insertion, 1),
    "ROAD": (faithfulness.road, -1),
    "infidelity": (faithfulness.infidelity, -1),
    "faithfulness correlation": (faithfulness.faithfulness_correlation, 1),
    "sufficiency": (faithfulness.sufficiency, -1),
    "necessity": (faithfulness.necessity, 1),
}
SIDE = 12


def linear_net(side: int = SIDE) -> Any:
    """A torch net (n, 1, side, side) -> (n, 2) whose evidence is weight times pixel."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(side * side, 2), torch.nn.Softmax(dim=1)).eval()


def linear_bench(net: Any, n: int = 6) -> Bench:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    images = rng.normal(size=(n, 1, SIDE, SIDE)).astype(np.float32)
    c = Cases(images, rng.integers(0, 2, n), np.arange(n).astype(str))

    def predict(x: Any) -> Any:
        with torch.no_grad():
            return net(torch.as_tensor(x)).numpy().astype(np.float64)

    weights = net[1].weight.detach().numpy()

    def explain(x: Any, targets: Any) -> Any:
        margin = (weights[targets] - weights[1 - targets]).reshape(len(x), SIDE, SIDE)
        return (margin * x[:, 0]).astype(np.float32)

    return Bench(c, predict, explain, explain(images, c.targets))


@pytest.mark.parametrize("name", ALL)
def test_true_evidence_beats_every_control_on_the_paper_net(name: str) -> None:
    measure, sign = ALL[name]
    b = bench(n=20)
    own = measure(b).mean()
    for control in CONTROLS.values():
        assert sign * (own - measure(control_bench(b, control, seed=1)).mean()) > 0


@pytest.mark.parametrize("name", ALL)
def test_measures_stay_in_bounds_where_the_model_gives_probabilities(name: str) -> None:
    values = ALL[name][0](control_bench(bench(n=10), CONTROLS["random map"], seed=1))
    low = -1 if name in ("faithfulness correlation", "sufficiency", "necessity") else 0
    assert ((values >= low) & (values <= 1)).all()


@pytest.mark.parametrize("name", ["deletion", "insertion", "ROAD", "sufficiency", "necessity"])
@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000))
def test_measures_of_order_do_not_change_with_a_monotone_change_of_the_map(name: str, seed: int) -> None:
    b = bench(n=3, of=cases(3, seed=seed))
    changed = bench(n=3, of=b.cases, maps=(np.exp(3 * b.maps) - 7).astype(np.float32))
    np.testing.assert_allclose(ALL[name][0](b), ALL[name][0](changed), atol=1e-9)


@pytest.mark.parametrize("name", ["infidelity", "faithfulness correlation"])
def test_measures_of_sums_do_not_change_with_the_scale_of_the_map(name: str) -> None:
    b = bench(n=4)
    np.testing.assert_allclose(ALL[name][0](b), ALL[name][0](bench(n=4, maps=100 * b.maps)), rtol=1e-4)


def test_curves_run_from_the_image_to_the_baseline_and_back() -> None:
    b = bench(n=4)
    down, up = faithfulness.deletion_curve(b), faithfulness.insertion_curve(b)
    own = b.predict(b.cases.images)[:, 1]
    np.testing.assert_allclose(down[:, 0], own)
    np.testing.assert_allclose(down[:, -1], b.predict(mean_image(b.cases.images))[:, 1])
    np.testing.assert_allclose(up[:, 0], b.predict(blurred(b.cases.images))[:, 1])
    np.testing.assert_allclose(up[:, -1], own)


def test_area_is_that_of_the_trapezoids() -> None:
    np.testing.assert_allclose(faithfulness.area(np.array([[1.0, 0.5, 0.0], [1.0, 1.0, 1.0]])), [0.5, 1.0])


def test_ten_steps_are_near_a_hundred() -> None:
    b = bench(n=10)
    fine = faithfulness.area(faithfulness.deletion_curve(b, steps=100))
    assert np.abs(fine - faithfulness.deletion(b)).max() < 0.05


@pytest.mark.filterwarnings("ignore")  # quantus warns by itself
def test_deletion_curve_agrees_with_pixel_flipping_of_quantus() -> None:
    quantus = pytest.importorskip("quantus")
    net = linear_net()
    b = linear_bench(net)
    step = SIDE * SIDE // 12
    for i in range(3):
        one = b.of(np.array([i]))
        base = float(one.cases.images.mean())
        flipping = quantus.PixelFlipping(
            features_in_step=step, perturb_baseline=base, normalise=False, abs=False, disable_warnings=True
        )
        theirs = flipping(
            model=net, x_batch=one.cases.images, y_batch=one.cases.targets, a_batch=one.maps[:, None], softmax=True, device="cpu"
        )
        np.testing.assert_allclose(faithfulness.deletion_curve(one, steps=12)[0, 1:], np.ravel(theirs), atol=1e-5)


def test_infidelity_agrees_with_captum() -> None:
    torch = pytest.importorskip("torch")
    metrics = pytest.importorskip("captum.metrics")
    net = linear_net()
    b = linear_bench(net)
    masks = torch.tensor(squares((SIDE, SIDE), faithfulness.SQUARES, faithfulness.SQUARE_SIDE, b.seed)[:, None])
    base = torch.tensor(mean_image(b.cases.images).copy())

    def remove(inputs: Any, baselines: Any = None) -> Any:
        n = len(b.cases.images)
        chosen = masks.repeat(n, 1, 1, 1)  # captum repeats each image for all samples in turn
        still = base.repeat_interleave(faithfulness.SQUARES, dim=0)
        return chosen.float(), torch.where(chosen, still, inputs)

    theirs = metrics.infidelity(
        net,
        remove,
        torch.tensor(b.cases.images),
        torch.tensor(b.maps[:, None]),
        target=torch.tensor(b.cases.targets),
        n_perturb_samples=faithfulness.SQUARES,
        normalize=True,
    )
    np.testing.assert_allclose(faithfulness.infidelity(b), theirs.numpy(), atol=1e-5)


def test_faithfulness_correlation_is_that_of_numpy_over_squares() -> None:
    b = bench(n=3)
    masks = squares(b.maps.shape[1:], faithfulness.SQUARES, faithfulness.SQUARE_SIDE, b.seed)
    for i, image in enumerate(b.cases.images):
        ascribed = [float(b.maps[i][m].sum()) for m in masks]
        removed = np.stack([np.where(m[None], image.mean(), image) for m in masks])
        effect = b.predict(image[None])[0, 1] - b.predict(removed.astype(np.float32))[:, 1]
        expected = np.corrcoef(ascribed, effect)[0, 1]
        assert faithfulness.faithfulness_correlation(b)[i] == pytest.approx(expected, abs=1e-4)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # grad-cam hands a tensor to numpy
def test_road_agrees_with_grad_cam_within_its_noise() -> None:
    torch = pytest.importorskip("torch")
    road = pytest.importorskip("pytorch_grad_cam.metrics.road")
    targets = pytest.importorskip("pytorch_grad_cam.utils.model_targets")
    torch.manual_seed(0)
    net = linear_net()
    b = linear_bench(net)
    percentiles = [100 - round(100 * f) for f in faithfulness.ROAD_FRACTIONS]
    change = road.ROADMostRelevantFirstAverage(percentiles)(
        torch.tensor(b.cases.images), b.maps, [targets.ClassifierOutputTarget(int(t)) for t in b.cases.targets], net
    )
    own = b.predict(b.cases.images)[np.arange(6), b.cases.targets]
    np.testing.assert_allclose(faithfulness.road(b), own + change, atol=0.02)


def test_necessity_and_sufficiency_of_the_whole_evidence_are_complete() -> None:
    """The square covers 49 of 576 pixels: with the top tenth painted over nothing is left, with it alone nothing is missed."""
    b = bench(n=6, maps=np.array(cases(6).masks, dtype=np.float32))
    assert faithfulness.necessity(b).mean() > 0.6
    assert abs(faithfulness.sufficiency(b).mean()) < 0.3
    assert faithfulness.necessity(bench(edges, n=6)).mean() < 0.3


def test_volumes_are_measured_too() -> None:
    images = np.random.default_rng(0).random((3, 1, 6, 8, 8)).astype(np.float32)
    c = Cases(images, np.zeros(3, dtype=np.int64), np.arange(3).astype(str))
    maps = images[:, 0]

    def predict(x: Any) -> Any:
        return x.reshape(len(x), -1).mean(axis=1, keepdims=True).astype(np.float64)

    b = Bench(c, predict, lambda x, t: x[:, 0], maps)
    for measure, _ in ALL.values():
        assert np.isfinite(measure(b)).all()
