"""Hostile and careless YAML is refused with file and line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.errors import GuidelineError
from pellucid.knowledge.strict_yaml import MAX_BYTES, Node, parse

BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


def plain(node: Node) -> object:
    if isinstance(node.value, dict):
        return {key: plain(value) for key, value in node.value.items()}
    return [plain(item) for item in node.value] if isinstance(node.value, list) else node.value


def test_words_numbers_and_quotes_mean_what_they_look_like() -> None:
    text = b"a: yes\nb: no\nc: \"2\"\nd: 2\ne: -0.5\nf: true\ng: null\nh: 1e3\ni: 0x10\nj: 2003-01-01\nk: 'x'"
    expected = {
        "a": "yes",
        "b": "no",
        "c": "2",
        "d": 2,
        "e": -0.5,
        "f": True,
        "g": None,
        "h": "1e3",
        "i": "0x10",
        "j": "2003-01-01",
        "k": "x",
    }
    assert plain(parse(text, "f")) == expected


def test_every_value_knows_its_line() -> None:
    node = parse(b"a:\n  b: 1\n  c: [2,\n      3]\n", "f")
    inner = node.value["a"].value
    assert (inner["b"].line, inner["c"].value[0].line, inner["c"].value[1].line) == (2, 3, 4)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "f:1: expected plain values, got an anchor or alias"),
        ("a: 1\nb: !!python/object/apply:os.system [ls]\n", "f:2: expected plain values, got the tag"),
        ("a: !x 1", "f:1: .*tag"),
        ("%YAML 1.1\n---\na: 1", "directive"),
        ("a: 1\na: 2", "f:2: expected each key once"),
        ("a: {<<: {b: 1}}", "merge"),
        ("a: 1\n---\nb: 2", "one document"),
        ("[a, b]: 1", "a plain word as key"),
        ("a: [1, 2", "f:[12]: not readable as YAML"),
        ("a: b: c", "not readable as YAML"),
        ("", "empty file"),
        ("a: " + "[" * 40 + "]" * 40, "nested at most 32 deep"),
        ("[" + "1," * 30_000 + "]", "at most 20000 values"),
        ("a: \x01", "not readable as YAML"),
    ],
)
def test_hostile_or_careless_text_is_refused(text: str, said: str) -> None:
    with pytest.raises(GuidelineError, match=said):
        parse(text.encode(), "f")


def test_huge_file_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(GuidelineError, match="expected at most 524288 bytes"):
        parse(b"a" * (MAX_BYTES + 1), "f")


def test_other_encodings_are_refused() -> None:
    with pytest.raises(GuidelineError, match="expected UTF-8 text, got byte 0xff"):
        parse(b"a: \xff", "f")


@given(st.binary(max_size=200) | st.text(alphabet="ab:-[]{}&*!|>'\"#%@` \n", max_size=60).map(str.encode))
def test_any_bytes_give_a_node_or_a_guideline_error(data: bytes) -> None:
    try:
        node = parse(data, "f")
    except GuidelineError as error:
        said = str(error)
    else:
        said = type(node).__name__
    assert "\n" not in said
