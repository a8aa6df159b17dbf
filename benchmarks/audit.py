"""Maps, measures and controls as the audit makes them, beside captum, shap and Quantus one image at a time, in one run.

    pip install captum shap quantus torchvision
    python benchmarks/audit.py [--images N] [--side PX]

The same net (ResNet-18, random weights), the same images, the same number of samples and steps. Both sides make the maps of four
methods and take five measures of each, deletion and infidelity also of three maps that cannot explain. Times are processor time
of one thread, so that other work on the machine weighs less. The aim is a ratio of 3 or more.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pellucid.audit.cases import Bench, Cases
from pellucid.audit.map_controls import CONTROLS
from pellucid.audit.map_trial import try_methods
from pellucid.explain import class_target, explain, recognise

Maps = NDArray[np.float32]
SAMPLES: dict[str, dict[str, Any]] = {
    "grad-cam": {},
    "integrated-gradients": {"steps": 32},
    "gradient-shap": {"samples": 32},
    "kernel-shap": {"samples": 256, "segments": "grid"},
}
MEASURES = ("deletion", "infidelity", "max-sensitivity", "sparseness", "entropy")
AIM = 3.0


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--side", type=int, default=112)
    args = parser.parse_args()
    torch.set_num_threads(1)
    net = _net()
    images = np.random.default_rng(0).standard_normal((args.images, 3, args.side, args.side)).astype(np.float32)
    ours, theirs = own_way(net, images), peers_way(net, images)
    width = max(map(len, ours))
    print(f"{args.images} images of {args.side} px, ResNet-18, one thread; seconds of processor time")
    print(f"{'':<{width}}  {'pellucid':>9}  {'captum + shap + Quantus':>24}  ratio")
    for name in [*ours, "all"]:
        a, b = (sum(d.values()) if name == "all" else d[name] for d in (ours, theirs))
        print(f"{name:<{width}}  {a:9.2f}  {b:24.2f}  {b / a:5.1f}")
    whole = sum(theirs.values()) / sum(ours.values())
    print(f"ratio {whole:.1f}; the aim of {AIM:g} is {'reached' if whole >= AIM else 'not reached'}")


def _net() -> nn.Module:
    from torchvision.models import resnet18

    torch.manual_seed(0)
    return resnet18(num_classes=4).eval()


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What some work gives, and the processor time it took."""
    begun = time.process_time()
    return work(), time.process_time() - begun


def own_way(net: nn.Module, images: Maps) -> dict[str, float]:
    """Seconds of each part: maps by method, then all measures and controls of all methods together."""
    subject = recognise(net, images.shape[1:], name="resnet18")
    targets = np.zeros(len(images), dtype=np.int64)
    cases = Cases(images, targets, np.arange(len(images)).astype(str))

    def predict(some: NDArray[np.float32]) -> NDArray[np.float64]:
        with torch.inference_mode():
            return net(torch.from_numpy(some)).softmax(dim=1).double().numpy()

    def method(name: str) -> Callable[[NDArray[np.float32], NDArray[np.int64]], Maps]:
        target = class_target(subject, 0)
        return lambda some, _: explain(subject, torch.from_numpy(some), target, name, **SAMPLES[name]).values

    seconds: dict[str, float] = {}
    benches: dict[str, Bench] = {}
    for name in SAMPLES:
        maps, seconds[f"maps: {name}"] = timed(lambda name=name: method(name)(images, targets))
        benches[name] = Bench(cases, predict, method(name), maps)
    _, seconds["measures and controls"] = timed(lambda: try_methods(benches, MEASURES))
    return seconds


def peers_way(net: nn.Module, images: Maps) -> dict[str, float]:
    """The same with captum, shap and Quantus, one image at a time."""
    warnings.simplefilter("ignore")
    explainers = peers(net)
    seconds: dict[str, float] = {}
    made: dict[str, Maps] = {}
    for name, one in explainers.items():
        maps, seconds[f"maps: {name}"] = timed(
            lambda one=one: np.concatenate([one(images[i : i + 1]) for i in range(len(images))])
        )
        made[name] = maps
    _, seconds["measures and controls"] = timed(lambda: _quantus(net, images, made, explainers))
    return seconds


def peers(net: nn.Module) -> dict[str, Callable[[Maps], Maps]]:
    """Each method as its usual library gives it: images (1, C, H, W) -> maps (1, H, W)."""
    import shap
    from captum.attr import IntegratedGradients, KernelShap, LayerAttribution, LayerGradCam

    cam, gradients, kernel = LayerGradCam(net, net.get_submodule("layer4")), IntegratedGradients(net), KernelShap(net)

    def grad_cam(x: Maps) -> Maps:
        small: Any = cam.attribute(torch.from_numpy(x), target=0, relu_attributions=True)
        large = LayerAttribution.interpolate(small, (x.shape[2], x.shape[3]), "bilinear")
        return torch.as_tensor(large).detach().numpy()[:, 0]

    def integrated(x: Maps) -> Maps:
        found = gradients.attribute(torch.from_numpy(x), target=0, n_steps=SAMPLES["integrated-gradients"]["steps"])
        return found.detach().numpy().sum(axis=1)

    def gradient_shap(x: Maps) -> Maps:
        reference: Any = torch.zeros(1, *x.shape[1:])
        explainer = shap.GradientExplainer(net, reference)
        found = np.asarray(explainer.shap_values(torch.from_numpy(x), nsamples=SAMPLES["gradient-shap"]["samples"]))
        return found.reshape(1, *x.shape[1:], -1)[..., 0].sum(axis=1)

    def kernel_shap(x: Maps) -> Maps:
        grid = np.arange(x.shape[2]) * 7 // x.shape[2]
        mask = torch.from_numpy(grid[:, None] * 7 + grid[None])[None, None]
        count = SAMPLES["kernel-shap"]["samples"]
        return kernel.attribute(torch.from_numpy(x), target=0, feature_mask=mask, n_samples=count).detach().numpy()[:, 0]

    return {"grad-cam": grad_cam, "integrated-gradients": integrated, "gradient-shap": gradient_shap, "kernel-shap": kernel_shap}


def _quantus(net: nn.Module, images: Maps, made: dict[str, Maps], explainers: dict[str, Callable[[Maps], Maps]]) -> None:
    """The five measures of every method, and deletion and infidelity of three controls, one image at a time."""
    import quantus

    quiet: dict[str, Any] = {"disable_warnings": True, "display_progressbar": False}
    step = images.shape[2] * images.shape[3] // 8  # Quantus asks for a divisor of the number of pixels
    deletion = quantus.PixelFlipping(features_in_step=step, perturb_baseline="mean", **quiet)
    infidelity = quantus.Infidelity(perturb_patch_sizes=[images.shape[2] // 4], n_perturb_samples=32, **quiet)
    sensitivity = quantus.MaxSensitivity(nr_samples=5, lower_bound=0.02, **quiet)
    plain = (quantus.Sparseness(**quiet), quantus.Complexity(**quiet))
    cases = Cases(images, np.zeros(len(images), dtype=np.int64), np.arange(len(images)).astype(str))
    controls = {name: control(cases, np.random.default_rng(0)) for name, control in CONTROLS.items()}
    for name, maps in {**made, **controls}.items():
        for i in range(len(images)):
            given: dict[str, Any] = {
                "model": net,
                "x_batch": images[i : i + 1],
                "y_batch": np.zeros(1, int),
                "a_batch": maps[i : i + 1, None],
            }
            curve = np.asarray(deletion(**given, device="cpu"), np.float64)
            np.trapezoid(curve, axis=-1)  # with return_auc_per_sample Quantus 0.6 asks numpy 2 for what it no longer has
            infidelity(**given, device="cpu")
            if name in made:
                again = _explain_func(explainers[name])
                sensitivity(**given, device="cpu", explain_func=again)
                for metric in plain:
                    metric(**given, device="cpu")


def _explain_func(one: Callable[[Maps], Maps]) -> Callable[..., Maps]:
    def explain_func(model: Any, inputs: Any, targets: Any, **_: Any) -> Maps:
        return np.concatenate([one(np.asarray(inputs[i : i + 1], np.float32)) for i in range(len(inputs))])[:, None]

    return explain_func


if __name__ == "__main__":
    main()
