"""Packs of dermoscopy and pathology against the same rules written a second time, in plain Python, over thousands of cases."""

import itertools
import math
import random

import pytest

from pellucid.errors import InputError
from pellucid.knowledge import Guideline, load_guideline
from pellucid.knowledge.evaluate import situated
from pellucid.knowledge.reasons import open_categories
from pellucid.record import Finding, Observer

WRITER = Observer(name="test", kind="person")
SEVEN: tuple[str, ...] = (
    "atypical_network",
    "blue_white_veil",
    "atypical_vessels",
    "irregular_streaks",
    "irregular_dots_globules",
    "irregular_blotches",
    "regression",
)
COLOURS = ("white", "red", "light_brown", "dark_brown", "blue_grey", "black")
STRUCTURES = ("network", "structureless", "branched_streaks", "dots", "globules")
AXES = ("none", "one axis", "two axes")
NUCLEI = ("small and regular", "moderate", "marked")
# Diameter of the field in hundredths of a millimetre: most mitoses of score 1, fewest of score 3.
MITOSES = {
    40: (4, 10), 41: (4, 10), 42: (5, 11), 43: (5, 11), 44: (5, 12), 45: (5, 12), 46: (6, 13), 47: (6, 13), 48: (6, 14),
    49: (6, 14), 50: (7, 15), 51: (7, 15), 52: (7, 16), 53: (8, 17), 54: (8, 17), 55: (8, 18), 56: (8, 18), 57: (9, 19),
    58: (9, 20), 59: (9, 20), 60: (10, 21), 61: (10, 22), 62: (11, 23), 63: (11, 23), 64: (11, 24), 65: (12, 25), 66: (12, 25),
    67: (12, 26), 68: (13, 27), 69: (13, 28),
}  # fmt: skip

Given = dict[str, str | float | None]


def answers(pack: Guideline, question: str, given: Given) -> set[str]:
    """The categories that stay open on what is given."""
    findings = [_finding(pack, name, value) for name, value in given.items() if value is not None]
    compiled, facts, _ = situated(pack, question, findings)
    return set(open_categories(compiled, facts))


def _finding(pack: Guideline, name: str, value: str | float) -> Finding:
    concept = pack.concepts[name]
    if concept.states is None:
        return Finding(concept=name, observer=WRITER, unit=concept.unit, value=float(value), sd=0.0)
    chances = tuple(float(state == value) for state in concept.states)
    return Finding(concept=name, observer=WRITER, states=concept.states, state=str(value), probabilities=chances)


def seen(flags: dict[str, bool | None]) -> Given:
    return {name: None if flag is None else "present" if flag else "absent" for name, flag in flags.items()}


def seven_point(flags: dict[str, bool], weights: tuple[int, ...], threshold: int) -> str:
    total = 0
    for name, weight in zip(SEVEN, weights, strict=True):
        if flags[name]:
            total += weight
    return "suspicious" if total >= threshold else "not suspicious"


def completions(flags: dict[str, bool | None]) -> list[dict[str, bool]]:
    free = [name for name, flag in flags.items() if flag is None]
    known = {name: flag for name, flag in flags.items() if flag is not None}
    return [{**known, **dict(zip(free, way, strict=True))} for way in itertools.product((False, True), repeat=len(free))]


@pytest.mark.parametrize(("edition", "weights", "threshold"), [("1998", (2, 2, 2, 1, 1, 1, 1), 3), ("2011", (1,) * 7, 1)])
def test_seven_points_agree_with_plain_arithmetic_on_every_mix_of_present_absent_and_not_judged(
    edition: str, weights: tuple[int, ...], threshold: int
) -> None:
    pack = load_guideline(f"dermoscopy-7-point-{edition}")
    for way in itertools.product((False, True, None), repeat=7):
        flags = dict(zip(SEVEN, way, strict=True))
        wanted = {seven_point(full, weights, threshold) for full in completions(flags)}
        assert answers(pack, "suspicion", {"lesion": "melanocytic", **seen(flags)}) == wanted, flags


@pytest.mark.parametrize("name", ["dermoscopy-7-point-1998", "dermoscopy-7-point-2011", "dermoscopy-abcd", "dermoscopy-3-point"])
def test_dermoscopy_does_not_apply_to_other_lesions_and_special_sites_whatever_is_seen(name: str) -> None:
    pack = load_guideline(name)
    flags = [concept for concept, entry in pack.entries.items() if entry.concept.states == ("absent", "present")]
    for present in ("absent", "present"):
        lesion: Given = {concept: present for concept in flags if concept not in ("light_brown", "network")}
        for site in ("face", "nail", "mucosa"):
            assert answers(pack, "suspicion", {**lesion, "lesion": "melanocytic", "site": site}) == {"not applicable"}
        assert answers(pack, "suspicion", {**lesion, "lesion": "not melanocytic"}) == {"not applicable"}


def test_the_total_dermoscopy_score_agrees_with_whole_tenths_on_every_number_of_axes_eighths_colours_and_structures() -> None:
    pack = load_guideline("dermoscopy-abcd-1994")
    draw = random.Random(1994)
    for a, b, c, d in itertools.product(range(3), range(9), range(1, 7), range(1, 6)):
        tenths = 13 * a + b + 5 * c + 5 * d
        wanted = "benign" if tenths < 47.5 else "suspicious" if tenths <= 54.5 else "highly suggestive"
        chosen = {*draw.sample(COLOURS, c), *draw.sample(STRUCTURES, d)}
        given = {"lesion": "melanocytic", "asymmetry": AXES[a], "border": str(b)}
        assert answers(pack, "suspicion", {**given, **seen({n: n in chosen for n in (*COLOURS, *STRUCTURES)})}) == {wanted}


def test_criteria_of_the_total_score_that_are_not_judged_leave_open_what_some_completion_gives() -> None:
    pack = load_guideline("dermoscopy-abcd-1994")
    draw = random.Random(8)
    for _ in range(300):
        a, b = draw.choice([*range(3), None]), draw.choice([*range(9), None])
        flags: dict[str, bool | None] = {name: draw.choice((True, False, None)) for name in (*COLOURS, *STRUCTURES)}
        ranges: list[range] = []
        for names in (COLOURS, STRUCTURES):
            sure = sum(flags[name] is True for name in names)
            ranges.append(range(max(1, sure), sure + sum(flags[name] is None for name in names) + 1))
        totals = {
            13 * i + j + 5 * c + 5 * d
            for i in (range(3) if a is None else [a])
            for j in (range(9) if b is None else [b])
            for c in ranges[0]
            for d in ranges[1]
        }
        given = {"lesion": "melanocytic", "asymmetry": None if a is None else AXES[a], "border": None if b is None else str(b)}
        if not totals:
            with pytest.raises(InputError, match="one of the"):
                answers(pack, "suspicion", {**given, **seen(flags)})
            continue
        wanted = {"benign" if t < 47.5 else "suspicious" if t <= 54.5 else "highly suggestive" for t in totals}
        assert answers(pack, "suspicion", {**given, **seen(flags)}) == wanted, (given, flags)


def test_a_lesion_without_any_colour_is_refused() -> None:
    pack = load_guideline("dermoscopy-abcd-1994")
    with pytest.raises(InputError, match="a lesion shows one of the six colours at least"):
        answers(pack, "suspicion", {"lesion": "melanocytic", **seen(dict.fromkeys(COLOURS, False))})


def test_three_points_agree_with_two_of_three_on_every_mix() -> None:
    pack = load_guideline("dermoscopy-3-point-2004")
    names: tuple[str, ...] = ("asymmetry", "atypical_network", "blue_white")
    for way in itertools.product((False, True, None), repeat=3):
        flags: dict[str, bool | None] = dict(zip(names, way, strict=True))
        wanted = {"suspicious" if sum(full.values()) >= 2 else "not suspicious" for full in completions(flags)}
        assert answers(pack, "suspicion", {"lesion": "melanocytic", **seen(flags)}) == wanted


def mitotic(row: int | None, count: int) -> str:
    if row not in MITOSES:
        return "guideline silent"
    few, many = MITOSES[row]
    return "1" if count <= few else "3" if count >= many else "2"


def grade(tubules: float, nuclei: int, row: int | None, count: int) -> str:
    score = mitotic(row, count)
    if score == "guideline silent":
        return score
    total = (1 if tubules > 75 else 3 if tubules < 10 else 2) + nuclei + int(score)
    return "1" if total <= 5 else "2" if total <= 7 else "3"


def test_the_table_of_mitoses_has_no_hole_and_its_limits_rise_with_the_field() -> None:
    assert list(MITOSES) == list(range(40, 70))
    limits = list(MITOSES.values())
    assert all(a[0] <= b[0] and a[1] <= b[1] for a, b in itertools.pairwise(limits))
    for hundredths, (few, many) in MITOSES.items():
        area = 10 * math.pi * (hundredths / 200) ** 2
        assert 3.0 < few / area < 3.7
        assert 7.3 < many / area < 8.0


def test_every_row_of_the_table_gives_the_score_of_every_count() -> None:
    pack = load_guideline("breast-cancer-grade-nottingham")
    for hundredths in range(38, 72):
        for count in range(31):
            given: Given = {"field_diameter": hundredths / 100, "mitoses": count, "method": "ten fields"}
            assert answers(pack, "mitotic-score", given) == {mitotic(hundredths, count)}, given


def test_a_diameter_between_two_rows_takes_the_nearer_row() -> None:
    pack = load_guideline("breast-cancer-grade-nottingham")
    for thousandths in range(390, 701):
        row = (thousandths + 5) // 10
        for count in (4, 9, 10, 14, 19, 25):
            given: Given = {"field_diameter": thousandths / 1000, "mitoses": count}
            assert answers(pack, "mitotic-score", given) == {mitotic(row, count)}, given


def test_a_counted_area_takes_the_row_whose_ten_fields_have_that_area() -> None:
    pack = load_guideline("breast-cancer-grade-nottingham")
    for hundredths_mm2 in range(110, 400):
        area = hundredths_mm2 / 100
        row = math.floor(200 * math.sqrt(area / (10 * math.pi)) + 0.5)
        for count in (5, 9, 13, 15, 20):
            given: Given = {"method": "counted area", "counted_area": area, "mitoses": count}
            assert answers(pack, "mitotic-score", given) == {mitotic(row, count)}, given


def test_the_grade_agrees_with_plain_arithmetic_on_every_row_score_and_sum() -> None:
    pack = load_guideline("breast-cancer-grade-nottingham")
    for hundredths, (few, many) in MITOSES.items():
        for count, tubules, nuclei in itertools.product((few, few + 1, many - 1, many), (76, 75, 10, 9), range(3)):
            given: Given = {
                "field_diameter": hundredths / 100,
                "mitoses": count,
                "tubules": tubules,
                "pleomorphism": NUCLEI[nuclei],
            }
            assert answers(pack, "grade", given) == {grade(tubules, nuclei + 1, hundredths, count)}, given


def test_parts_of_the_grade_that_are_not_judged_leave_open_what_some_completion_gives() -> None:
    pack = load_guideline("breast-cancer-grade-nottingham")
    draw = random.Random(1991)
    shares, rows, counts = (80, 40, 5), [*range(39, 71)], [*range(31)]
    for _ in range(150):
        tubules, nuclei = draw.choice((*shares, None)), draw.choice((1, 2, 3, None))
        row, count = draw.choice((draw.choice(rows), None)), draw.choice((draw.choice(counts), None))
        wanted = {
            grade(t, n, r, c)
            for t in ([tubules] if tubules is not None else shares)
            for n in ([nuclei] if nuclei is not None else (1, 2, 3))
            for r in ([row] if row is not None else rows)
            for c in ([count] if count is not None else counts)
        }
        given: Given = {
            "tubules": tubules,
            "pleomorphism": None if nuclei is None else NUCLEI[nuclei - 1],
            "field_diameter": None if row is None else row / 100,
            "mitoses": count,
        }
        assert answers(pack, "grade", given) == wanted, given


def gleason(specimen: str, primary: int, secondary: int, third: int | None, share: float) -> str:
    """Grade group by arithmetic; 2 stands for a pattern below 3."""
    if specimen == "biopsy" and 2 in (primary, secondary):
        return "not assigned"
    second = secondary
    if third is not None and (specimen == "biopsy" or share >= 5):
        second = max(second, third)
    if 5 in (primary, second) and 2 in (primary, second):
        return "guideline silent"
    total = primary + second
    if total <= 6:
        return "1"
    if total == 7:
        return "2" if primary == 3 else "3"
    return "4" if total == 8 else "5"


def pattern(number: int) -> str:
    return "below 3" if number == 2 else str(number)


def test_grade_groups_agree_with_plain_arithmetic_on_every_set_of_patterns_in_both_specimens() -> None:
    pack = load_guideline("prostate-cancer-grade-group-2014")
    patterns = itertools.product((2, 3, 4, 5), (2, 3, 4, 5), (None, 3, 4, 5))
    for (a, b, c), specimen, share in itertools.product(patterns, ("biopsy", "prostatectomy"), (0, 4.9, 5, 20)):
        given: Given = {
            "specimen": specimen,
            "primary": pattern(a),
            "secondary": pattern(b),
            "tertiary": "none" if c is None else str(c),
            "tertiary_share": share,
        }
        if c in (a, b):
            with pytest.raises(InputError, match="the third pattern cannot be the"):
                answers(pack, "grade-group", given)
            continue
        assert answers(pack, "grade-group", given) == {gleason(specimen, a, b, c, share)}, given


def test_patterns_that_are_not_judged_leave_open_what_some_completion_gives() -> None:
    pack = load_guideline("prostate-cancer-grade-group-2014")
    for specimen, a, b, c in itertools.product(
        ("biopsy", "prostatectomy", None), (2, 3, 4, 5, 0), (2, 3, 4, 5, 0), (None, 3, 4, 5, 0)
    ):
        ways = itertools.product(
            (specimen,) if specimen else ("biopsy", "prostatectomy"),
            (a,) if a else (2, 3, 4, 5),
            (b,) if b else (2, 3, 4, 5),
            (c,) if c != 0 else (None, 3, 4, 5),
            (0, 10),
        )
        wanted = {gleason(*way) for way in ways if way[3] not in way[1:3]}
        given: Given = {
            "specimen": specimen,
            "primary": pattern(a) if a else None,
            "secondary": pattern(b) if b else None,
            "tertiary": "none" if c is None else str(c) if c else None,
        }
        if wanted:
            assert answers(pack, "grade-group", given) == wanted, given


def test_clinically_significant_is_grade_volume_or_extension() -> None:
    pack = load_guideline("prostate-cancer-grade-group-2014")
    for (a, b), volume, outside in itertools.product(
        itertools.product((3, 4, 5), repeat=2), (0.1, 0.49, 0.5, 3), ("absent", "present")
    ):
        given: Given = {"primary": str(a), "secondary": str(b), "tertiary": "none", "volume": volume, "extraprostatic": outside}
        wanted = a + b >= 7 or volume >= 0.5 or outside == "present"
        assert answers(pack, "clinically-significant", {**given, "specimen": "biopsy"}) == {
            "significant" if wanted else "not significant"
        }
