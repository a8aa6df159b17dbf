"""Appearance and shape: what is measured agrees with NumPy and with figures whose numbers are known on paper."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import Tensor, nn  # noqa: E402

from pellucid.models.appearance import APPEARANCE, SHAPE, appearance, grids_of, outline_shape  # noqa: E402


def _number(p: Tensor, name: str) -> float:
    return outline_shape(p)[0, 0, SHAPE.index(name)].item()


def _ellipse(half_x: float, half_y: float, size: int = 64) -> Tensor:
    y, x = torch.meshgrid(torch.arange(size) - size / 2 + 0.5, torch.arange(size) - size / 2 + 0.5, indexing="ij")
    return ((x / half_x) ** 2 + (y / half_y) ** 2 <= 1).float()[None, None]


def test_appearance_is_what_numpy_gives_of_each_cell():
    x = torch.randn(2, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    found = appearance(x, (2, 3)).numpy()
    grey = x.mean(dim=1).numpy()
    cells = grey.reshape(2, 2, 8, 3, 8).transpose(0, 1, 3, 2, 4).reshape(2, 2, 3, 64)
    across = np.pad(np.abs(np.diff(grey, axis=2)), ((0, 0), (0, 0), (0, 1)))
    down = np.pad(np.abs(np.diff(grey, axis=1)), ((0, 0), (0, 1), (0, 0)))
    expected = {"mean": cells.mean(-1), "spread": cells.std(-1), "highest": cells.max(-1), "lowest": -cells.min(-1)}
    for name, plane in (("gradient across", across), ("gradient down", down), ("gradient", np.hypot(across, down))):
        expected[name] = plane.reshape(2, 2, 8, 3, 8).mean(axis=(2, 4))
    assert set(expected) == set(APPEARANCE)
    for name, values in expected.items():
        assert np.allclose(found[:, APPEARANCE.index(name)], values, atol=1e-5), name


def test_the_finest_grid_carries_appearance_only_where_asked():
    class Halves(nn.Module):
        def forward(self, x: Tensor) -> list[Tensor]:
            return [x[:, :2, ::8, ::8], x[:, :1, ::16, ::16]]

    encoder = Halves()
    x = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    bare, measured = grids_of(encoder, x, False), grids_of(encoder, x, True)
    assert [g.shape[1] for g in bare] == [2, 1]
    assert [g.shape[1] for g in measured] == [2 + len(APPEARANCE), 1]
    assert torch.equal(measured[0][:, 2:], appearance(x, (4, 4)))


def test_an_ellipse_has_the_axes_area_and_overlap_it_was_drawn_with():
    p = _ellipse(24, 8)
    assert _number(p, "log area") == pytest.approx(np.log(np.pi * 24 * 8), abs=0.02)
    assert _number(p, "log axis ratio") == pytest.approx(np.log(3), abs=0.05)
    assert _number(p, "log depth to width") == pytest.approx(-2 * np.log(3), abs=0.1)
    assert _number(p, "uprightness") == pytest.approx((24**2 - 8**2) / (24**2 + 8**2), abs=0.02)
    assert _number(p, "slant") == pytest.approx(0, abs=1e-4)
    assert _number(p, "overlap with its ellipse") > 0.8
    assert _number(p, "share cut off by the image") == 0


def test_a_star_is_rougher_and_less_like_an_ellipse_than_a_disc():
    y, x = torch.meshgrid(torch.arange(64) - 31.5, torch.arange(64) - 31.5, indexing="ij")
    angle, radius = torch.atan2(y, x), torch.hypot(x, y)
    star = (radius < 16 * (1 + 0.5 * torch.sin(7 * angle))).float()[None, None]
    disc = _ellipse(16, 16)
    assert _number(star, "log roughness") > _number(disc, "log roughness") + 0.3
    assert _number(star, "overlap with its ellipse") < _number(disc, "overlap with its ellipse") - 0.1


def test_a_slanting_bar_says_which_way_and_a_cut_off_one_says_so():
    p = torch.zeros(1, 1, 32, 32)
    for i in range(8, 24):
        p[0, 0, i, i] = p[0, 0, i, i + 1] = 1
    assert _number(p, "slant") > 0.3
    assert _number(p.flip(-1), "slant") < -0.3
    assert _number(torch.roll(p, -8, dims=2), "share cut off by the image") > 0


def test_nothing_found_gives_finite_numbers():
    assert torch.isfinite(outline_shape(torch.zeros(1, 2, 12, 12))).all()
