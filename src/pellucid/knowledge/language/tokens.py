"""A sentence as tokens that can be compared: one spelling, no hyphens, no plurals, numbers as digits, phrases as one word."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from pellucid.knowledge.language.words import spellings, synonyms

_SPLIT_UNIT = re.compile(r"(?<=\d)(?=(?:mm|cm|hu|ml|cc)[23]?\b)")
_RANGE = re.compile(r"(?<=\d)\s*[-\u2010-\u2015]\s*(?=\d)")
_HYPHEN = re.compile(r"(?<=[^\W_])[-\u2010-\u2015/](?=[^\W_])")
_DASH = re.compile(r"\s[-\u2010-\u2015]+\s|\u2014")
_TOKEN = re.compile(
    r"[<>]?\s?(?<![\w.])-?\d+(?:\.\d+)?(?![\w])(?!\.\d)|[^\W_]+(?:'[^\W_]+)?|[%\u00b1\u00b0\u00d7+=<>.,;:!?()\[\]\"\u201c\u201d]"
)
_NUMBER = re.compile(r"[<>]?-?\d+(?:\.\d+)?")
NUMBERS = {
    "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15",
    "sixteen": "16", "eighteen": "18", "twenty": "20", "thirty": "30",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Token:
    """One word, number or mark as it is compared, and where it stands in the flattened text."""

    word: str
    start: int
    end: int

    @property
    def number(self) -> bool:
        """Whether it is a number, with or without `<` or `>`."""
        return _NUMBER.fullmatch(self.word) is not None

    @property
    def mark(self) -> bool:
        """Whether it is neither word nor number."""
        return not self.word[-1].isalnum()


def flat(text: str) -> str:
    """The text on one line, in one form of every character, with a space before units and none of the hyphens inside words."""
    told = unicodedata.normalize("NFKC", text).replace("\u2019", "'").replace("\u2212", "-").replace("\u2264", "<")
    told = "".join(c for c in unicodedata.normalize("NFD", told) if not unicodedata.combining(c))
    told = _DASH.sub(", ", _RANGE.sub(" to ", " ".join(told.split())))
    return _HYPHEN.sub(" ", _SPLIT_UNIT.sub(" ", told))


def tokens(text: str) -> tuple[Token, ...]:
    """The tokens of a text, phrases that mean the same replaced by one word."""
    told = flat(text).lower()
    plain = [Token(_word(m[0]), m.start(), m.end()) for m in _TOKEN.finditer(told)]
    return _merged(plain, phrases())


def words_of(text: str) -> tuple[str, ...]:
    """The words alone."""
    return tuple(token.word for token in tokens(text))


def _word(raw: str) -> str:
    raw = raw.replace(" ", "")
    if raw[0].isdigit() or raw[0] in "<>-" or not raw[0].isalpha():
        return raw
    for british, american in spellings():
        raw = re.sub(british, american, raw)
    return NUMBERS.get(raw, singular(raw))


@cache
def singular(word: str) -> str:
    """`masses` as `mass`, `bodies` as `body`, `shows` as `show`; crude, and the same on both sides of a comparison."""
    word = word.removesuffix("'s")
    if len(word) <= 3 or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") else word


@cache
def phrases() -> Mapping[tuple[str, ...], str]:
    """Phrases that mean the same as one word, by their tokens."""
    found: dict[tuple[str, ...], str] = {}
    for name, said in synonyms().items():
        for phrase in said:
            found[tuple(_word(m[0]) for m in _TOKEN.finditer(flat(phrase).lower()))] = name
    return found


def _merged(plain: list[Token], table: Mapping[tuple[str, ...], str]) -> tuple[Token, ...]:
    longest = max((len(key) for key in table), default=1)
    found: list[Token] = []
    at = 0
    while at < len(plain):
        for size in range(min(longest, len(plain) - at), 0, -1):
            name = table.get(tuple(t.word for t in plain[at : at + size]))
            if name is not None:
                found.append(Token(name, plain[at].start, plain[at + size - 1].end))
                at += size
                break
        else:
            found.append(plain[at])
            at += 1
    return tuple(found)


def content(found: Iterable[Token]) -> tuple[str, ...]:
    """Words and numbers without marks."""
    return tuple(token.word for token in found if not token.mark or token.word == "%")
