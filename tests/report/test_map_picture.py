"""A map's picture: colours that mean what the scale says, the stamp across it, the words beneath."""

import io

import numpy as np
import pytest
from PIL import Image

from pellucid.errors import InputError
from pellucid.report.map_picture import ONE_SIDED, TWO_SIDED, MapWords, coloured, map_picture, overlaid, tile

GREY = np.full((40, 60), 90, np.uint8)
RAMP = np.linspace(-1, 1, 60)[None].repeat(40, 0)


def words(stamp: str = "", verdict: str = "Usable.") -> MapWords:
    return MapWords("grad-cam for right", "a model", "good", verdict, (("bad", "It failed."),), stamp, ("A note.",))


def test_zero_of_a_signed_map_is_transparent_and_both_sides_have_their_colour() -> None:
    colour, opacity, top = coloured(RAMP, signed=True)
    middle = np.abs(RAMP[0]).argmin()
    assert opacity[0, middle] < 0.12
    assert tuple(colour[0, 0]) == TWO_SIDED[0]
    assert tuple(colour[0, -1]) == TWO_SIDED[-1]
    assert top == pytest.approx(1.0, abs=0.05)


def test_a_one_sided_map_runs_from_its_least_to_its_most() -> None:
    colour, opacity, _ = coloured(RAMP - 5, signed=False)
    assert tuple(colour[0, 0]) == ONE_SIDED[0]
    assert tuple(colour[0, -1]) == ONE_SIDED[-1]
    assert opacity[0, 0] == 0.0


@pytest.mark.parametrize("colours", [ONE_SIDED], ids=["one-sided"])
def test_lightness_rises_evenly_so_that_colour_vision_does_not_matter(colours: tuple[tuple[int, int, int], ...]) -> None:
    lightness = [0.299 * r + 0.587 * g + 0.114 * b for r, g, b in colours]
    steps = np.diff(lightness)
    assert (steps > 0).all()
    assert steps.max() < 2 * steps.min()


def test_a_constant_map_is_drawn_without_dividing_by_nothing() -> None:
    for signed in (True, False):
        assert overlaid(GREY, np.zeros((40, 60)), signed).shape == (40, 60, 3)


def test_the_stamp_changes_the_picture_and_the_verdict_lengthens_it() -> None:
    plain, stamped = (np.asarray(_open(map_picture(GREY, RAMP, True, words(s)))) for s in ("", "NOT USABLE"))
    assert plain.shape == stamped.shape
    assert (plain != stamped).any(axis=2).sum() > 2000
    longer = _open(map_picture(GREY, RAMP, True, words(verdict="Because " + "of many reasons " * 40)))
    assert longer.size[1] > plain.shape[0] + 40
    assert longer.size[0] == plain.shape[1]


def _open(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


def test_a_tile_carries_the_stamp_too() -> None:
    plain, stamped = (np.asarray(_open(tile(GREY, RAMP, True, s))) for s in ("", "NOT USABLE"))
    assert (plain != stamped).any(axis=2).mean() > 0.1


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="size"):
        overlaid(GREY, np.zeros((4, 4)), signed=False)
    with pytest.raises(InputError, match="finite"):
        coloured(np.full((4, 4), np.nan), signed=False)
