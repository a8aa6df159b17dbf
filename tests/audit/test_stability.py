"""Does the map stay the same when nothing that matters changes."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.audit.paper import bench, edges, knows_nothing, stats, true_evidence

from pellucid.audit import stability
from pellucid.audit.map_controls import CONTROLS, control_bench
from pellucid.audit.perturb import dynamic_range, jpeg, noisy, shaken, squares

ALL = {
    "noise": stability.noise_spearman,
    "max-sensitivity": stability.max_sensitivity,
    "shift": stability.shift,
    "JPEG": stability.jpeg_spearman,
    "prediction-saliency": stability.prediction_saliency,
}


def test_noise_stability_is_scipys_rank_correlation_with_the_map_of_the_noisy_image() -> None:
    b = bench(n=4)
    expected = np.zeros(4)
    for draw in range(stability.NOISE_DRAWS):
        other = true_evidence(noisy(b.cases.images, 0.1, b.seed, draw), b.cases.targets)
        expected += [
            stats.spearmanr(x.ravel(), y.ravel()).statistic / stability.NOISE_DRAWS for x, y in zip(b.maps, other, strict=True)
        ]
    np.testing.assert_allclose(stability.noise_spearman(b), expected, atol=1e-9)


def test_max_sensitivity_agrees_with_captum() -> None:
    torch = pytest.importorskip("torch")
    metrics = pytest.importorskip("captum.metrics")
    b = bench(n=4)
    images = b.cases.images
    draws = [torch.tensor(shaken(images, stability.RADIUS, b.seed, d)) for d in range(stability.RADIUS_DRAWS)]

    def perturb(inputs: Any, radius: float) -> Any:
        return torch.stack(draws, dim=1).reshape(-1, *images.shape[1:])

    def explain(inputs: Any) -> Any:
        if isinstance(inputs, tuple):
            return (explain(inputs[0]),)
        return torch.tensor(true_evidence(inputs.numpy(), b.cases.targets)[:, None])

    theirs = metrics.sensitivity_max(explain, torch.tensor(images), perturb, n_perturb_samples=stability.RADIUS_DRAWS)
    np.testing.assert_allclose(stability.max_sensitivity(b), theirs.numpy(), rtol=1e-5)


def test_blob_in_the_centre_is_perfectly_stable_and_a_random_map_is_not() -> None:
    blob, noise = (control_bench(bench(n=6), CONTROLS[c], seed=1) for c in ("centre blob", "random map"))
    np.testing.assert_allclose(stability.noise_spearman(blob), 1.0)
    np.testing.assert_allclose(stability.max_sensitivity(blob), 0.0)
    np.testing.assert_allclose(stability.jpeg_spearman(blob), 1.0)
    assert abs(stability.noise_spearman(noise).mean()) < 0.1
    assert stability.max_sensitivity(noise).mean() > 0.5


def test_map_that_moves_with_the_image_is_stable_under_shift() -> None:
    assert stability.shift(bench(n=6)).mean() > 0.95
    assert abs(stability.shift(bench(knows_nothing, n=6)).mean()) < 0.1


def test_jpeg_stability_is_the_rank_correlation_with_the_map_of_the_compressed_image() -> None:
    b = bench(n=3)
    other = true_evidence(jpeg(b.cases.images), b.cases.targets)
    expected = [stats.spearmanr(x.ravel(), y.ravel()).statistic for x, y in zip(b.maps, other, strict=True)]
    np.testing.assert_allclose(stability.jpeg_spearman(b), expected, atol=1e-9)


def test_seed_stability_compares_two_seeds_and_is_unknown_without_any() -> None:
    b = bench(n=4)
    assert np.isnan(stability.seed_spearman(b)).all()
    np.testing.assert_allclose(stability.seed_spearman(replace(b, reseeded=lambda seed: true_evidence)), 1.0)
    assert abs(stability.seed_spearman(replace(b, reseeded=lambda seed: knows_nothing)).mean()) < 0.1


def test_map_of_zeros_is_not_measured() -> None:
    b = bench(n=3, maps=np.zeros_like(bench(n=3).maps))
    for name in ("noise", "max-sensitivity", "shift", "JPEG", "prediction-saliency"):
        assert np.isnan(ALL[name](b)).all()


def test_map_that_follows_the_prediction_correlates_with_it_and_a_fixed_one_is_not_defined() -> None:
    assert np.nanmean(stability.prediction_saliency(bench(n=10))) > 0.5
    assert np.isnan(stability.prediction_saliency(control_bench(bench(n=3), CONTROLS["centre blob"], seed=0))).all()


def test_prediction_saliency_correlation_is_numpys_over_eight_patches() -> None:
    metrics = pytest.importorskip("skimage.metrics")
    b = bench(edges, n=2)
    masks = squares(b.maps.shape[1:], stability.PATCHES, stability.PATCH_SIDE, b.seed)
    for i, image in enumerate(b.cases.images):
        moved, changed = [], []
        for mask in masks:
            other = np.where(mask[None], image.mean(), image)[None].astype(np.float32)
            pair = [(m - m.min()) / np.ptp(m) for m in (b.maps[i], edges(other, b.cases.targets[:1])[0])]
            moved.append(1 - metrics.structural_similarity(*pair, data_range=1.0))
            changed.append(abs(b.predict(other)[0, 1] - b.predict(image[None])[0, 1]))
        assert stability.prediction_saliency(b)[i] == pytest.approx(np.corrcoef(changed, moved)[0, 1], abs=1e-3)


def test_ten_percent_of_noise_is_a_tenth_of_the_dynamic_range() -> None:
    images = bench(n=4).cases.images
    sd = (noisy(images, stability.NOISE, 0) - images).reshape(4, -1).std(axis=1)
    np.testing.assert_allclose(sd, 0.1 * dynamic_range(images).ravel(), rtol=0.1)
