"""Maps that cannot explain."""

import numpy as np
import pytest
from tests.audit.paper import bench, cases

from pellucid.audit.cases import Cases
from pellucid.audit.map_controls import CONTROLS, IN_WORDS, as_method, control_bench


def test_every_control_has_a_name_for_sentences() -> None:
    assert set(IN_WORDS) == set(CONTROLS)


@pytest.mark.parametrize("name", CONTROLS)
@pytest.mark.parametrize("shape", [(3, 2, 16, 20), (2, 1, 6, 8, 10)])
def test_every_control_gives_finite_maps_of_images_and_volumes(name: str, shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).random(shape).astype(np.float32)
    c = Cases(images, np.zeros(len(images), np.int64), np.arange(len(images)).astype(str))
    maps = CONTROLS[name](c, np.random.default_rng(0))
    assert maps.shape == (shape[0], *shape[2:])
    assert np.isfinite(maps).all()
    assert maps.dtype == np.float32


def test_edges_are_sobels_of_each_image_alone() -> None:
    filters = pytest.importorskip("skimage.filters")
    c = cases(3)
    maps = CONTROLS["edge detector"](c, np.random.default_rng(0))
    for image, found in zip(c.images, maps, strict=True):
        expected = filters.sobel(image[0].astype(np.float64), mode="reflect")
        np.testing.assert_allclose(found / found.max(), expected / expected.max(), atol=1e-5)


def test_random_map_is_drawn_anew_at_each_call_and_the_same_seed_draws_the_same() -> None:
    c = cases(2)
    one, other = as_method(CONTROLS["random map"], 0), as_method(CONTROLS["random map"], 0)
    first = one(c.images, c.targets)
    np.testing.assert_array_equal(first, other(c.images, c.targets))
    assert not np.array_equal(first, one(c.images, c.targets))


def test_control_takes_the_methods_place_everywhere() -> None:
    b = control_bench(bench(n=3, whole=True), CONTROLS["centre blob"], seed=0)
    blob = b.maps
    for explain in [b.explain, *(e for _, _, e in b.randomised), *(e for _, e in b.retrained)]:
        np.testing.assert_array_equal(explain(b.cases.images, b.cases.targets), blob)
    assert b.label_randomised is not None
    assert b.reseeded is not None
    np.testing.assert_array_equal(b.label_randomised[1](b.cases.images, b.cases.targets), blob)
    np.testing.assert_array_equal(b.reseeded(5)(b.cases.images, b.cases.targets), blob)


def test_blob_is_highest_in_the_middle() -> None:
    blob = control_bench(bench(n=1), CONTROLS["centre blob"], seed=0).maps[0]
    assert np.unravel_index(blob.argmax(), blob.shape) in {(11, 11), (11, 12), (12, 11), (12, 12)}
    assert blob[0, 0] < 0.1 * blob.max()
