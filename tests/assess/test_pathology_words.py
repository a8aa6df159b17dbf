"""Words in one sentence: which terms, in which standing, and what looks like a diagnosis and is not known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.assess.pathology_words import find_words, plain
from pellucid.knowledge.concordance import list_tables, load_table


@pytest.mark.parametrize("organ", list_tables())
def test_every_word_of_every_table_is_found_as_its_own_term(organ: str) -> None:
    table = load_table(organ)
    for term in table.terms.values():
        for word in () if term.negative else (term.name, *term.also):
            found = [f.term.name for f in find_words(f"{word}.", table) if f.term]
            assert term.name in found, word


def test_the_longest_term_wins() -> None:
    found = find_words("Malignant phyllodes tumour.", load_table("breast"))
    assert [f.term.name for f in found if f.term] == ["malignant phyllodes tumor"]


def test_a_plural_is_the_same_term() -> None:
    assert [f.term.name for f in find_words("Fibroadenomas and papillomas.", load_table("breast")) if f.term] == [
        "fibroadenoma",
        "intraductal papilloma",
    ]


@pytest.mark.parametrize(
    "sentence", ["The diagnosis is deferred.", "Tumor cells show necrosis.", "Dense stroma.", "The tumor is 2 cm."]
)
def test_ordinary_words_are_no_diagnosis(sentence: str) -> None:
    assert [f.words for f in find_words(sentence, load_table("breast")) if f.term is None] == []


def test_spelling_is_folded_and_case_kept() -> None:
    assert plain("Tumour–like Naevus, IDC in-situ") == "tumor-like nevus, IDC in situ".replace(
        "tumor-like nevus", plain("Tumour–like Naevus")
    )
    assert "IDC" in plain("IDC")


@given(st.text(max_size=300))
def test_any_text_is_read_without_an_error(text: str) -> None:
    for found in find_words(text, load_table("breast")):
        assert found.words
