"""Report text is compared without spelling, plurals, hyphens and ways to write numbers."""

import pytest

from pellucid.knowledge.language.tokens import tokens, words_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("haemorrhages", "hemorrhage"),
        ("The oedema's centre", "the edema center"),
        ("ill-defined margins", "ill defined margin"),
        ("thirty mm", "30 mm"),
        ("29.9mm", "29.9 millimetres"),
        ("6–12 months", "6 to 12 months"),
        ("PET/CT", "pet ct"),
        ("84 per cent", "84 %"),
        ("fine-needle aspiration", "FNA"),
        ("tissue diagnosis", "biopsy"),
        ("non-proliferative", "nonproliferative"),
        ("could not", "cannot"),
        ("mm²", "mm2"),
        ("8°", "8 degrees"),
        ("Naïve", "naive"),
    ],
)
def test_ways_to_write_the_same_are_the_same(one: str, other: str) -> None:
    assert words_of(one) == words_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("4A", "4B"), ("2.9 mm", "29 mm"), ("-12 HU", "12 HU"), ("circumscribed", "not circumscribed"), ("<1 %", "1 %")],
)
def test_what_differs_stays_different(one: str, other: str) -> None:
    assert words_of(one) != words_of(other)


@pytest.mark.parametrize("text", ["", "   ", "\u202e", "…", "-", "<", "0", "a" * 5000, "(((", "¹²³ ½", "%±°"])
def test_any_text_gives_tokens(text: str) -> None:
    assert all(token.word for token in tokens(text))
