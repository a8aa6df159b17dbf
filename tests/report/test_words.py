"""Numbers and names in a report say neither too much nor too little."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.record import Change, Condition, Reliability
from pellucid.report import words


@pytest.mark.parametrize(
    ("p", "said"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.0004, "<1 %"),
        (0.9999, ">99 %"),
        (0.01, "1 %"),
        (0.99, "99 %"),
        (0.125, "13 %"),
        (0.5, "50 %"),
    ],
)
def test_probabilities_are_rounded_without_false_certainty(p: float, said: str) -> None:
    assert words.percent(p).replace(words.NBSP, " ") == said


@given(st.floats(0, 1))
def test_nothing_but_certainty_reads_as_certain(p: float) -> None:
    said = words.percent(p).replace(words.NBSP, " ")
    assert (said == "100 %") == (p == 1.0)
    assert (said == "0 %") == (p == 0.0)
    assert abs(float(said.strip("<>% ")) / 100 - p) <= 0.0101


@pytest.mark.parametrize(
    ("value", "sd", "unit", "said"),
    [
        (29.94, 1.13, "mm", "29.9 ± 1.1 mm"),
        (21.2, 0.9, "mm", "21.2 ± 0.9 mm"),
        (412.3, 36.0, "mm2", "412 ± 36 mm²"),
        (12.4, 4.0, "degrees", "12° ± 4°"),
        (0.71, 0.04, "1", "0.71 ± 0.04"),
        (12.5, 0.0, "mm", "12.5 mm"),
        (-3.2, 1.0, "mm", "−3.2 ± 1.0 mm"),
        (-0.001, 0.5, "mm", "0.0 ± 0.5 mm"),
    ],
)
def test_a_measurement_has_the_decimals_that_its_spread_deserves(value: float, sd: float, unit: str, said: str) -> None:
    assert words.quantity(value, sd, unit).replace(words.NBSP, " ") == said


@pytest.mark.parametrize(
    ("name", "said"),
    [("posterior_features", "Posterior features"), ("long_axis", "Long axis"), ("irma", "IRMA"), ("new-vessels", "New vessels")],
)
def test_names_become_words(name: str, said: str) -> None:
    assert words.label(name) == said


def test_names_inside_a_sentence_keep_their_capitals_only_where_they_are_initials() -> None:
    assert (words.inner_label("posterior_features"), words.inner_label("irma")) == ("posterior features", "IRMA")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("4B", "4C"), "90 % set: 4B or 4C"),
        (("4B",), "90 % set: 4B only"),
        ((), "90 % set: empty, no category fits well enough"),
        (("3", "4A", "4B"), "90 % set: 3, 4A or 4B"),
        (("2", "3", "4A", "4B", "4C", "5"), "90 % set: every category (2, 3, 4A, 4B, 4C or 5), so nothing is ruled out"),
    ],
)
def test_a_confidence_set_is_said_in_words(assess, names: tuple[str, ...], said: str) -> None:
    assert words.set_words(assess(confidence_set=names)).replace(words.NBSP, " ") == said


def test_reasons_and_changes_are_sentences() -> None:
    margin, shape = Condition(concept="margin", state="spiculated"), Condition(concept="shape", state="irregular")
    assert words.enough((margin,)) == "Enough by itself: margin spiculated."
    assert words.enough((margin, shape)) == "Enough together: margin spiculated and shape irregular."
    assert "whatever the findings" in words.enough(())
    assert words.change(Change(concept="shape", seen="oval", instead="round")) == "shape round instead of oval"
    assert words.change(Change(concept="halo", seen=None, instead="present")) == "halo present (now unknown)"


def test_reliability_stands_beside_its_baseline_and_the_human_figure() -> None:
    item = Reliability(measure="AUROC", value=0.88, low=0.83, high=0.92, baseline=0.5, baseline_name="chance", human=0.91, n=252)
    assert words.reliability(item).replace(words.NBSP, " ") == "AUROC 0.88 (0.83–0.92), chance 0.50, human 0.91, 252 cases"
    assert not words.no_better(item)
    assert words.no_better(item.model_copy(update={"low": 0.49}))
    assert not words.no_better(item.model_copy(update={"measure": "error (mm)", "low": 0.1}))


def test_control_and_direction_characters_become_visible() -> None:
    assert words.plain("a\x1b[31mb\u202ec\x00\nd") == "a\ufffd[31mb\ufffdc\ufffd\nd"
