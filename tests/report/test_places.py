"""Places lead back to the pixels, carry their numbers, and are drawn only where the drawing is true."""

import math

import pytest

from pellucid.record import Finding, Observer, Region, StudyRef
from pellucid.report.places import Frame, frame, long_axis

WHO = Observer(name="someone", kind="person")
SQUARE = ((2.0, 1.0), (6.0, 1.0), (6.0, 4.0), (2.0, 4.0))


def study(spacing: tuple[float, float] | None) -> StudyRef:
    return StudyRef(pixels_sha256="ab" * 32, width=100, height=80, spacing_mm=spacing)


def axis_finding(value: float, unit: str = "mm", concept: str = "long_axis") -> Finding:
    region = Region(outlines=(SQUARE,), unit="mm", meaning="outline")
    return Finding(concept=concept, observer=WHO, unit=unit, value=value, sd=0.1, region=region)


def evidence(name: str, x: float, share: float = 0.5) -> Finding:
    outline = ((x, 10.0), (x + 9, 10.0), (x + 9, 19.0), (x, 19.0))
    region = Region(outlines=(outline,), unit="px", meaning="evidence", share=share)
    return Finding(concept=name, observer=WHO, states=("no", "yes"), probabilities=(0.2, 0.8), region=region)


def test_millimetres_become_pixels_by_the_column_spacing_across() -> None:
    drawn = frame(study((0.5, 0.25)), [axis_finding(5.0)])
    assert drawn.width == 100
    assert drawn.height == 160, "rows are twice as far apart, so the picture is stretched to true proportions"
    assert drawn.places[0].box == pytest.approx((8, 4, 24, 16))


def test_pixels_stay_pixels_across_and_are_stretched_down_with_the_picture() -> None:
    item = evidence("halo", 20)
    assert frame(study((0.5, 0.25)), [item]).places[0].box == pytest.approx((20, 20, 29, 38))
    assert frame(study(None), [item]).places[0].box == pytest.approx((20, 10, 29, 19))


def test_the_long_axis_is_drawn_where_it_is_as_long_as_it_says() -> None:
    line = long_axis(axis_finding(5.0), study((0.25, 0.25)))
    assert line is not None
    assert math.hypot(line[2] - line[0], line[3] - line[1]) * 0.25 == pytest.approx(5.0)


def test_no_long_axis_is_drawn_beside_a_number_that_it_contradicts() -> None:
    assert long_axis(axis_finding(7.0), study((0.25, 0.25))) is None
    assert long_axis(axis_finding(5.0, concept="short_axis"), study((0.25, 0.25))) is None


def test_findings_with_one_outline_share_one_place_and_its_number() -> None:
    drawn = frame(study((0.25, 0.25)), [evidence("shape", 10), axis_finding(5.0), axis_finding(4.0, concept="short_axis")])
    assert [place.numbers for place in drawn.places] == [(1,), (2, 3)]
    assert drawn.of("short_axis") is drawn.of("long_axis")


def test_a_place_in_mm_without_spacing_is_named_and_not_drawn() -> None:
    drawn = frame(study(None), [axis_finding(5.0)])
    assert drawn.places == ()
    assert drawn.undrawable == ("long_axis",)
    assert drawn.scale is None


def test_few_places_are_all_shown_and_of_many_those_that_decide() -> None:
    few = frame(study(None), [evidence(f"c{i}", 5 * i) for i in range(4)], ("c1",))
    assert all(place.shown for place in few.places)
    many = frame(study(None), [evidence(f"c{i}", 5 * i) for i in range(6)], ("c1", "c3"))
    assert [place.concepts[0] for place in many.places if place.shown] == ["c1", "c3"]
    assert all(place.shown for place in frame(study(None), [evidence(f"c{i}", 5 * i) for i in range(6)]).places)


def test_numbers_in_the_picture_do_not_cover_each_other() -> None:
    drawn = frame(study(None), [evidence(f"c{i}", 40, share=0.1 * i) for i in range(8)])
    tags = [place.tag for place in drawn.places]
    apart = [abs(a[0] - b[0]) > 5 or abs(a[1] - b[1]) > 4.9 for i, a in enumerate(tags) for b in tags[:i]]
    assert all(apart)
    assert all(0 < x < 100 and 0 < y < 100 for x, y in tags)


def test_the_scale_bar_is_as_long_as_it_says() -> None:
    scale = frame(study((0.25, 0.25)), []).scale
    assert scale is not None
    assert scale.label.startswith("5")
    assert scale.width * 0.25 == pytest.approx(5)
    assert scale.percent == pytest.approx(20)


def test_the_small_pictures_show_every_place(readings) -> None:
    drawn: Frame = frame(readings["fundus"].study, readings["fundus"].findings)
    for place in drawn.places:
        assert drawn.crop[0] <= place.box[0] < place.box[2] <= drawn.crop[2]
        assert drawn.crop[1] <= place.box[1] < place.box[3] <= drawn.crop[3]


def test_no_place_at_all_leaves_the_whole_picture() -> None:
    drawn = frame(study(None), [])
    assert drawn.places == ()
    assert drawn.crop == (0, 0, 100, 80)
