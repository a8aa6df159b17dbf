"""The text report says everything the page says, in 100 columns."""

import re

import pytest

from pellucid.errors import InputError
from pellucid.record import Caution, Step, Truth
from pellucid.report import text
from pellucid.report.text import COLUMNS

KINDS = ["breast", "fundus", "abstained", "no spacing", "revised", "nothing"]


def flat(report: str) -> str:
    return re.sub(r"\s+", " ", report)


@pytest.mark.parametrize("kind", KINDS)
def test_no_line_is_wider_than_the_page(readings, kind: str) -> None:
    assert max(len(line) for line in text(readings[kind]).splitlines()) <= COLUMNS


@pytest.mark.parametrize("kind", KINDS)
def test_every_finding_has_its_place_and_every_unknown_its_reason(readings, kind: str) -> None:
    said = flat(text(readings[kind]))
    assert said.count("place: ") == len(readings[kind].findings)
    assert all(f.unknown_because in said for f in readings[kind].findings if f.unknown_because)


def test_the_answer_comes_before_everything_else(readings) -> None:
    said = flat(text(readings["breast"]))
    order = [
        "Research use only",
        "90 % set: 4B or 4C",
        "Next step:",
        "What was seen",
        "Why:",
        "What would change it",
        "cannot see",
        "Cautions",
    ]
    places = [said.index(word) for word in [*order, "To consider", "Provenance", "pellucid verify"]]
    assert places == sorted(places)


def test_the_derivation_keeps_truth_depth_citation_and_ground(readings) -> None:
    lines = text(readings["breast"]).splitlines()
    assert "  met     At least category 4: a suspicious descriptor is present" in lines
    assert "      unknown suspicious calcifications: cannot be judged  [Observed]" in lines
    assert "not yet checked against the primary publication" in flat("\n".join(lines))


def test_an_abstention_says_why_and_what_to_do(readings) -> None:
    said = flat(text(readings["abstained"]))
    assert "No category is given, because: the image is unlike" in said
    assert "What to do: Read the image as you would without this reader" in said
    assert "not a result" in said


def test_before_and_after_stand_side_by_side(before_and_after) -> None:
    first, second = before_and_after
    said = flat(text(second, earlier=first))
    assert "Margin: not circumscribed, 96 % -> circumscribed, 100 % (Set by Dr A. Example)" in said
    assert "Category 4B (90 % set: 4B or 4C) -> Category 4A (90 % set: 4A or 4B)" in said
    assert "not handed to this report" in flat(text(second))


def test_an_earlier_reading_of_another_line_is_refused(readings, before_and_after) -> None:
    with pytest.raises(InputError, match="expected the earlier reading that this one revises"):
        text(before_and_after[1], earlier=readings["fundus"])


def test_a_reading_cannot_send_control_characters_or_false_lines_to_the_terminal(build, assess) -> None:
    claim = "\x1b[2Jfine\nmet     Category 2\u202e"
    said = text(build(assessments=(assess(derivation=Step(claim=claim, truth=Truth.MET)),)))
    assert not set(said) & {"\x1b", "\u202e"}
    assert "\nmet     Category 2" not in said


def test_a_very_deep_derivation_and_very_long_words_stay_on_the_page(build, assess) -> None:
    step = Step(claim="x" * 500, truth=Truth.UNKNOWN)
    for depth in range(60):
        step = Step(claim=f"level {depth} " + "word " * 40, truth=Truth.MET, because=(step,))
    said = text(build(assessments=(assess(derivation=step, statement="y" * 900),)))
    assert max(len(line) for line in said.splitlines()) <= COLUMNS


def test_a_contradiction_stands_before_every_answer_and_first_among_the_cautions(build) -> None:
    told = "Margin circumscribed (Dr A) and indistinct margin present (breast-ultrasound 1.0) cannot both be so."
    own = Caution(kind="input", text="Burnt-in measuring marks touch the lesion.")
    said = flat(text(build(cautions=(own, Caution(kind="contradiction", text=told)))))
    assert "Findings that contradict each other" in said
    assert said.index(f"!! {told}") < said.index("settle which is right before using it") < said.index("BI-RADS CATEGORY")
    listed = said[said.index("Cautions -") :]
    assert listed.index(f"! Findings that contradict each other: {told}") < listed.index(own.text)
    assert "contradict" not in text(build())
