"""Plots draw what they are given: points where they belong, bands around curves, one mark per curve in the legend."""

import re
import xml.etree.ElementTree as ET

import pytest

from pellucid.record import Measured, MeasureResult
from pellucid.record.accountability import Plot, Series
from pellucid.record.trial import Control
from pellucid.report.plots import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, forest, line_plot, ticks

OWN = Series(name="a <b>", role="subject", x=(0.0, 0.5, 1.0), y=(1.0, 0.5, 0.0), low=(0.9, 0.4, 0.0), high=(1.0, 0.6, 0.1))
OTHERS = tuple(Series(name=f"control {i}", role="control", x=(0.0, 1.0), y=(0.5, 0.5)) for i in range(3))


def plot(kind: str = "deletion") -> Plot:
    return Plot.model_validate({"kind": kind, "title": "t", "x": "share", "y": "score", "curves": (OWN, *OTHERS)})


def test_the_corners_of_the_data_are_the_corners_of_the_frame() -> None:
    drawn = str(line_plot(plot()))
    path = re.findall(r'class="curve subject" d="(M[^"]+)"', drawn)[0]
    points = [tuple(map(float, p.split())) for p in path[1:].split("L")]
    assert points == [
        (LEFT, TOP),
        ((LEFT + WIDTH - RIGHT) / 2, pytest.approx((TOP + HEIGHT - BOTTOM) / 2)),
        (WIDTH - RIGHT, HEIGHT - BOTTOM),
    ]


def test_a_plot_is_well_formed_names_its_curves_and_escapes_them() -> None:
    drawn = str(line_plot(plot()))
    root = ET.fromstring(f"<div>{drawn}</div>")
    assert [item.itertext().__next__() if item.text else "".join(item.itertext()) for item in root.iter("li")] == [
        "a <b>", "control 0", "control 1", "control 2",
    ]  # fmt: skip
    assert "a &lt;b&gt;" in drawn
    kinds = {re.split(r"\s", c)[1] for c in re.findall(r'class="(curve [^"]+)"', drawn)}
    assert kinds == {"subject", "control0", "control1", "control2"}


def test_a_reliability_plot_has_dots_with_their_bounds() -> None:
    drawn = str(line_plot(plot("reliability")))
    assert drawn.count("<circle") == 3
    assert drawn.count('class="whisk"') == 3


def test_the_forest_marks_method_and_controls_on_one_scale() -> None:
    controls = tuple(
        Control(name=n, measured=Measured(value=v), difference=Measured(value=0.0))
        for n, v in (("random map", 0.0), ("blob", 1.0))
    )
    result = MeasureResult(
        measure="m", family="f", better="higher", measured=Measured(value=0.5, low=0.25, high=0.75), controls=controls
    )
    drawn = str(forest(result))
    xs = [float(x) for x in re.findall(r'class="mark\d" d="M([\d.]+)', drawn)]
    centre = float(re.findall(r'cx="([\d.]+)"', drawn)[0])
    assert centre == pytest.approx(sum(xs) / 2)
    assert str(forest(result.model_copy(update={"measured": Measured(value=None, reason="none")}))) == ""


def test_a_series_of_unequal_lengths_is_refused() -> None:
    with pytest.raises(ValueError, match="one length"):
        Series(name="a", role="control", x=(0.0,), y=(0.0, 1.0))


def test_ticks_are_round_and_whole_where_things_are_counted() -> None:
    assert ticks((0.0, 8.4)) == [0, 2, 4, 6, 8]
    assert ticks((0.0, 1.0)) == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert ticks((-0.5, 0.1)) == [-0.4, -0.2, 0]
