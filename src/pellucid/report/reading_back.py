"""A narrative's text read back into its claims, line by line, with the pack's words alone: the grammar turned round."""

import re
from collections.abc import Iterator

from pellucid.knowledge.language import Lexicon
from pellucid.knowledge.language.tokens import words_of
from pellucid.report.claims import TITLES, Claim
from pellucid.report.conclusions import NO_QUESTION, NOT_SHARED, ONLY_WEIGHED, SHARED
from pellucid.report.hearing import hear
from pellucid.report.sheet import ONE_IMAGE

_OPEN = {"(": ")", "[": "]", "\u201c": "\u201d"}
_NUMBERED = re.compile(r"^\s*(?:\d{1,2}[.)]|[-*\u2022])\s+")
_REASON = re.compile(r"^(.*?\bcould not be judged) \((.*)\)\.$", re.DOTALL)
_WITHHELD = re.compile(r"no [a-z -]+? is given \((.*)\)\.$", re.DOTALL)
_STEP = re.compile(r"^(.*?)(?: \[([^\[\]]*)\])?\.?$", re.DOTALL)
_BY = re.compile(r"^Set by \u201c(.*)\u201d: (.*)\.$")
_STATED = re.compile(r"^No image was read; the findings were stated by \u201c(.*)\u201d\.$")


def read_back(text: str, lexicon: Lexicon) -> frozenset[Claim]:
    """Every claim of a narrative's text; a claim that is not clear is left out."""
    section = ""
    found: set[Claim] = set()
    headings = {heading: name for name, heading in TITLES.items()}
    for line in text.splitlines():
        if line.strip() in headings:
            section = headings[line.strip()]
        elif line.strip() and section:
            if line.startswith("Certainty: "):
                section = ""
            else:
                found.update(_line(line.strip(), section, lexicon))
    return frozenset(found)


def split(text: str) -> list[str]:
    """The sentences of a text; marks inside brackets and quotation marks end none."""
    parts, depth, start = list[str](), list[str](), 0
    for at, mark in enumerate(text):
        if depth and mark == depth[-1]:
            depth.pop()
        elif mark in _OPEN and _OPEN[mark] in text[at:]:
            depth.append(_OPEN[mark])
        elif mark in ".!?" and not depth and re.match(r"\s+[^a-z\s]|\s*$", text[at + 1 :]):
            parts.append(text[start : at + 1].strip())
            start = at + 1
    return [part for part in (*parts, text[start:].strip()) if part]


def heading(text: str, lexicon: Lexicon) -> tuple[list[str], str]:
    """The questions that a line's heading names, and what stands behind it; none where it has no such heading."""
    bare = _NUMBERED.sub("", text)
    for cut in (m.start() for m in re.finditer(r": ", bare)):
        named = _labels(bare[:cut], lexicon)
        if named:
            return named, bare[cut + 2 :]
    return [], bare


def _labels(text: str, lexicon: Lexicon) -> list[str]:
    left = words_of(text)
    found: list[str] = []
    while left:
        best = max((key for key in lexicon.labels if left[: len(key)] == key), key=len, default=None)
        if best is None:
            return []
        found.append(lexicon.labels[best])
        left = left[len(best) :]
        while left and left[0] in (",", "and"):
            left = left[1:]
    return found


def _line(line: str, section: str, lexicon: Lexicon) -> Iterator[Claim]:
    if section == "findings":
        for sentence in split(line):
            yield from _finding(sentence, lexicon)
    elif section == "limits":
        yield from _limit(_NUMBERED.sub("", line), lexicon)
    elif section == "impression":
        yield from _impression(line, lexicon)
    else:
        yield from _recommendation(line, lexicon)


def _finding(sentence: str, lexicon: Lexicon) -> Iterator[Claim]:
    for name, about in (("Lesion: ", "lesion"), ("Side: ", "side"), ("The outlined lesion lies ", "image")):
        if sentence.startswith(name):
            yield Claim("place", about, sentence.removeprefix(name).removesuffix(".").removesuffix(" of the image"))
            return
    reason = ""
    if cut := _REASON.match(sentence):
        sentence, reason = f"{cut[1]}.", cut[2].removeprefix("\u201c").removesuffix("\u201d")
    for options in hear(sentence, lexicon).claims:
        if len(options) == 1:
            only = options[0]
            yield Claim("unjudged", only.about, reason) if only.kind == "unjudged" else only


def _limit(text: str, lexicon: Lexicon) -> Iterator[Claim]:
    if text == ONE_IMAGE:
        yield Claim("comparison", said="none")
    elif stated := _STATED.match(text):
        yield Claim("observer", said=stated[1])
    elif by := _BY.match(text):
        for options in hear(f"{by[2]} could not be judged.", lexicon).claims:
            yield from (Claim("corrected", one.about, by[1]) for one in options if len(options) == 1)
    elif text.startswith("Second opinion: "):
        yield Claim("opinion", said=text.removeprefix("Second opinion: ").removesuffix("."))
    else:
        yield Claim("caution", said=text)


def _impression(line: str, lexicon: Lexicon) -> Iterator[Claim]:
    if line == NO_QUESTION:
        yield Claim("note", said="no question")
    elif line == ONLY_WEIGHED:
        yield Claim("note", said="weighed")
    elif line.startswith("Second opinion: "):
        yield Claim("opinion", said=line.removeprefix("Second opinion: ").removesuffix("."))
    elif line.startswith("To consider, "):
        named, rest = heading(line.removeprefix("To consider, "), lexicon)
        for options in hear(rest, lexicon).claims:
            yield from (Claim("differential", x.about, x.said) for x in options if x.about in named)
    else:
        named, rest = heading(line, lexicon)
        if withheld := _WITHHELD.search(rest):
            yield from (Claim("abstained", q, withheld[1]) for q in named)
            return
        for sentence in split(rest):
            for options in hear(sentence, lexicon, "|".join(named)).claims:
                yield from (x for x in options if x.kind in ("category", "set") and len(options) == 1)


def _recommendation(line: str, lexicon: Lexicon) -> Iterator[Claim]:
    named, rest = heading(line, lexicon)
    for note, said in ((NOT_SHARED, "no"), (SHARED, "yes")):
        if rest.endswith(note):
            rest = rest.removesuffix(note).strip()
            yield from (Claim("shared", q, said) for q in named)
    cut = _STEP.match(rest)
    yield from (Claim("step", q, cut[1] if cut else rest) for q in named)
