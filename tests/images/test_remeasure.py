"""What an outline gives for every measure agrees with what its mask gave; anything else is told apart."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from pellucid.errors import ImageError, InputError
from pellucid.images.measure import UNITS, measure
from pellucid.images.outline import components, outlines
from pellucid.images.prepare import prepare, way_back
from pellucid.images.remeasure import remeasure

CELL = 1.2
Outlines = list[list[tuple[float, float]]]


def _square(side: float) -> Outlines:
    return [[(0.0, 0.0), (side, 0.0), (side, side), (0.0, side)]]


def _blob(seed: int) -> NDArray[np.float64]:
    """Probabilities (48, 48) of one uneven blob, as a net gives them: soft, with noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:48, :48] + 0.5
    a, turn = rng.uniform(1.5, 14), rng.uniform(0, math.pi)
    b = a * rng.uniform(0.4, 1)
    u = (x - 24) * math.cos(turn) + (y - 24) * math.sin(turn)
    v = -(x - 24) * math.sin(turn) + (y - 24) * math.cos(turn)
    phi = np.arctan2(v, u)
    waves = sum(rng.normal(0, 0.1) * np.cos(k * phi + rng.uniform(0, 6.3)) for k in range(2, 6))
    away = (np.hypot(u / a, v / b) - 1 - waves) * math.sqrt(a * b)
    p = 1 / (1 + np.exp(-(-away * rng.uniform(0.4, 3) + rng.normal(0, 0.5, away.shape))))
    labels = components(p > 0.5)
    return np.where((labels == 1) | (labels == 0), p, 0.0)


@pytest.mark.parametrize("seed", range(60))
def test_what_a_mask_gave_lies_within_what_its_outline_allows(seed: int) -> None:
    p = _blob(seed)
    mask = p > 0.5
    if not mask.any():
        pytest.skip("an empty blob")
    affine = np.array([[CELL, 0, 3.0], [0, CELL, 1.0]])
    placed = [(o @ affine[:, :2].T + affine[:, 2]).round(2).tolist() for o in outlines(mask)]
    spans = remeasure(placed, (CELL, CELL))
    for name, measured in measure(p, affine, 1.0).named().items():
        assert measured.value is not None
        assert measured.sd is not None
        assert spans[name].holds(round(measured.value, 2)), (name, measured, spans[name])
        assert round(measured.sd, 2) >= spans[name].least_sd - 0.01, (name, measured, spans[name])


@pytest.mark.parametrize("name", ["long_axis", "short_axis", "area"])
def test_a_value_a_third_off_is_told_apart_on_a_lesion_of_many_cells(name: str) -> None:
    ellipse = [[(20 * math.cos(t), 12 * math.sin(t)) for t in np.linspace(0, 2 * math.pi, 60, endpoint=False)]]
    span = remeasure(ellipse, (1.0, 1.0))[name]
    assert span.holds(span.value)
    assert not span.holds(span.value * 4 / 3)
    assert not span.holds(span.value * 2 / 3)


def test_a_known_shape_gives_its_known_measures() -> None:
    spans = remeasure([[(1, 1), (9, 1), (9, 5), (1, 5)]], (1.0, 1.0))
    values = {name: span.value for name, span in spans.items()}
    assert values["area"] == pytest.approx(32)
    assert values["aspect"] == pytest.approx(0.5)
    assert values["orientation"] == pytest.approx(0, abs=1e-9)
    assert values["long_axis"] == pytest.approx(math.hypot(8, 4), rel=1e-3)
    assert tuple(spans) == tuple(UNITS)


def test_a_hole_is_not_counted() -> None:
    hole = [(4.0, 4.0), (4.0, 6.0), (6.0, 6.0), (6.0, 4.0)]
    assert remeasure([*_square(10), hole], (1.0, 1.0))["area"].value == pytest.approx(96)


@pytest.mark.parametrize("points", [[(0, 0), (1, 1), (2, 2)], [(0, 0), (0, 0), (0, 0)], [(0, 0), (5, 0), (3, 0)]])
def test_outlines_that_enclose_nothing_are_refused(points: list[tuple[float, float]]) -> None:
    with pytest.raises(InputError, match="enclose"):
        remeasure([points], (1.0, 1.0))


@pytest.mark.parametrize("plan", [[], [{"name": "crop", "box": (3, 5, 40, 30)}], [{"name": "field-of-view"}]])
def test_the_way_back_from_recorded_steps_is_the_one_of_the_preparation(plan: list[dict[str, object]]) -> None:
    pixels = np.full((61, 83), 200, np.uint8)
    prepared = prepare(pixels, [*plan, {"name": "letterbox", "size": 64}])
    np.testing.assert_allclose(way_back((83, 61), prepared.steps), prepared.affine)
    with pytest.raises((ImageError, InputError)):
        way_back((40, 20), prepared.steps)
