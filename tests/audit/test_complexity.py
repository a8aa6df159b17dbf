"""Is the map concentrated or spread out."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.audit.paper import bench

from pellucid.audit import complexity
from pellucid.audit.cases import Bench

ALL = [complexity.sparseness, complexity.entropy, complexity.effective_complexity]


def with_maps(maps: np.ndarray) -> Bench:
    return replace(bench(n=len(maps)), maps=maps.astype(np.float32))


def test_flat_map_is_spread_out_and_a_single_pixel_is_not() -> None:
    flat, point = np.ones((1, 24, 24)), np.zeros((1, 24, 24))
    point[0, 3, 4] = -2.0
    assert complexity.sparseness(with_maps(flat))[0] == pytest.approx(0.0)
    assert complexity.sparseness(with_maps(point))[0] == pytest.approx(1 - 1 / 576)
    assert complexity.entropy(with_maps(flat))[0] == pytest.approx(1.0)
    assert complexity.entropy(with_maps(point))[0] == pytest.approx(0.0)
    assert complexity.effective_complexity(with_maps(flat))[0] == 1.0
    assert complexity.effective_complexity(with_maps(point))[0] == pytest.approx(1 / 576)


@pytest.mark.parametrize("measure", ALL)
def test_map_of_zeros_is_not_measured(measure: Any) -> None:
    assert np.isnan(measure(with_maps(np.zeros((2, 24, 24))))).all()


@pytest.mark.parametrize("measure", ALL)
def test_scale_and_sign_do_not_matter(measure: Any) -> None:
    b = bench(n=4)
    np.testing.assert_allclose(measure(b), measure(replace(b, maps=-3 * b.maps)), rtol=1e-5)


@pytest.mark.filterwarnings("ignore")  # quantus warns by itself
def test_complexity_agrees_with_quantus() -> None:
    quantus = pytest.importorskip("quantus")
    b = bench(n=4)
    a = np.abs(b.maps)[:, None]
    given = {"model": None, "x_batch": b.cases.images, "y_batch": b.cases.targets, "a_batch": a.copy(), "device": "cpu"}
    options = {"normalise": False, "abs": False, "disable_warnings": True}
    np.testing.assert_allclose(complexity.sparseness(b), quantus.Sparseness(**options)(**given), atol=1e-4)
    np.testing.assert_allclose(complexity.entropy(b) * np.log(576), quantus.Complexity(**options)(**given), atol=1e-4)
    largest = a.max(axis=(1, 2, 3), keepdims=True)
    counted = quantus.EffectiveComplexity(eps=0.05, **options)(**{**given, "a_batch": a / largest})
    np.testing.assert_allclose(complexity.effective_complexity(b) * 576, counted, atol=1)
