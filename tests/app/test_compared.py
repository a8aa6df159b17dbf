"""The text of a record: what a clinician reads first, and every part of it."""

from types import ModuleType

from pellucid.app.compared import compared
from pellucid.assess.combine import combine


def test_the_outcome_comes_first_then_what_to_do_by_when_and_who_signs(pairs: ModuleType) -> None:
    text = compared(combine(pairs.image("5", pairs.SPICULATED_MASS, p=0.9), pairs.tissue("fibroadenoma", target=None)))
    order = [
        "DISCORDANT BENIGN", "What to do:", "By when:", "To sign:", "The two statements that conflict",
        "Risk of cancer that is left", "What was said", "Not stated", "To weigh", "What would settle it", "Why (+ holds",
        "Made from",
    ]  # fmt: skip
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert max(map(len, text.splitlines())) <= 100


def test_a_range_is_shown_where_no_probability_was_given(pairs: ModuleType) -> None:
    text = compared(combine(pairs.image("4B", pairs.BENIGN_MASS), pairs.tissue("fibroadenoma")))
    assert "R between 0.01 % and 3.57 %" in text
    assert "no probability was given" in " ".join(text.split())


def test_words_that_nobody_knows_are_shown(pairs: ModuleType) -> None:
    text = compared(combine(pairs.image("4B", pairs.BENIGN_MASS), pairs.tissue("fibroadenoma", unknown=("schwannoma",))))
    assert "“schwannoma”, which is not in the table" in text
    assert "NOT DECIDED" in text
