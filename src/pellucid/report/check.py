"""A report's text held against its reading, sentence by sentence: what is supported, contradicted, or not in the reading.

Pure text work, no model. What is not understood is not in the reading: only words that are known to say nothing clinical are let
through. What the text leaves out is listed too.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pellucid.knowledge.language import Lexicon
from pellucid.knowledge.language.tokens import content, tokens
from pellucid.record import Reading
from pellucid.report import words
from pellucid.report.claims import TITLES, Claim, Narrative, Sentence
from pellucid.report.hearing import Heard, hear
from pellucid.report.judging import Bench, Ruling, judge
from pellucid.report.narrative import narrative
from pellucid.report.quoting import Quote, advised, quoted, quotes, weight
from pellucid.report.reading_back import heading, split
from pellucid.report.vocabulary import vocabulary

Standing = Literal["supported", "contradicted", "not in the reading", "filler"]
_SECTIONS = {
    "findings": "findings finding description",
    "limits": "limits technique comparison limitations limitation comparison_and_limits",
    "impression": "impression conclusion assessment summary opinion",
    "recommendation": "recommendation recommendations advice plan management next_step next_steps",
}
SECTIONS = {name.replace("_", " "): section for section, names in _SECTIONS.items() for name in names.split()}
"""Headings that a text may have."""
_HEADING = re.compile(rf"^\W*({'|'.join(sorted(SECTIONS, key=len, reverse=True))})\W*(?::|$|\n)\W*", re.IGNORECASE)
IN_IMAGE = frozenset(("image", "frame", "picture"))
"""Words with which a place is one in the image, not one of the body."""
LONGEST = 1500
"""A sentence of more characters is not taken apart."""


@dataclass(frozen=True)
class Judged:
    """A sentence, where it stands, and what it is worth."""

    section: str
    text: str
    standing: Standing
    why: str = ""
    covers: frozenset[Claim] = frozenset()


@dataclass(frozen=True)
class Checked:
    """Every sentence of a text, and the grammar's sentences of which some claim is missing from what is supported."""

    sentences: tuple[Judged, ...]
    missing: tuple[Sentence, ...]

    @property
    def removed(self) -> tuple[Judged, ...]:
        """What must not be said."""
        return tuple(s for s in self.sentences if s.standing in ("contradicted", "not in the reading"))


@dataclass(frozen=True)
class Checker:
    """Everything that one reading's texts are held against."""

    reading: Reading
    written: Narrative
    lexicon: Lexicon
    bench: Bench
    quotes: tuple[Quote, ...]
    verbatim: dict[tuple[str, ...], frozenset[Claim]]


def checker(reading: Reading, lesion: str | None = None) -> Checker:
    """The checker of one reading."""
    pack, lexicon = vocabulary(reading)
    written = narrative(reading, lesion)
    verbatim: dict[tuple[str, ...], frozenset[Claim]] = {}
    for sentence in written.sentences:
        named, bare = heading(sentence.text, lexicon)
        parts = [bare] if sentence.section == "limits" else split(bare)
        if len(parts) == 1:
            verbatim[(*named, *content(tokens(bare)))] = frozenset(sentence.claims)
    return Checker(
        reading, written, lexicon, Bench(reading, pack, written.claims), tuple(quotes(written, reading, lexicon)), verbatim
    )


def check(text: str, reading: Reading, lesion: str | None = None) -> Checked:
    """Every sentence of `text` held against the reading; `lesion` as in `narrative`."""
    one = checker(reading, lesion)
    judged = tuple(judge_sentence(section, part, named, one) for section, part, named in sentences_of(text, one.lexicon))
    kept = {claim for s in judged if s.standing == "supported" for claim in s.covers}
    missing = tuple(s for s in one.written.sentences if not set(s.claims) <= kept)
    return Checked(judged, missing)


def sentences_of(text: str, lexicon: Lexicon) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """The sentences of a text, the section that each stands in, and the questions that its line's heading names."""
    section = "findings"
    for line in words.plain(text).splitlines():
        rest = line.strip().strip("*#_ ").strip()
        if cut := _HEADING.match(rest):
            section, rest = SECTIONS[cut[1].lower()], rest[cut.end() :].strip("* ")
        if rest in TITLES.values() or not rest:
            continue
        named, bare = heading(rest, lexicon)
        parts = [bare] if section == "limits" else split(bare)
        yield from ((section, part, tuple(named)) for part in parts)


def judge_sentence(section: str, text: str, named: Sequence[str], one: Checker) -> Judged:
    """One sentence held against the reading; `named` are the questions that its line's heading names."""
    if len(text) > LONGEST:
        return Judged(section, text, "not in the reading", f"a sentence of {len(text)} characters is not taken apart")
    rulings = _rulings(section, text, named, one)
    bad = [r for r in rulings if r.verdict != "supported"]
    if bad:
        worst = next((r for r in bad if r.verdict == "contradicted"), bad[0])
        return Judged(section, text, worst.verdict, worst.why)
    if not rulings and section == "recommendation":
        return Judged(section, text, "not in the reading", "no next step of the reading is recognised in it")
    covers = frozenset(claim for r in rulings for claim in r.covers)
    return Judged(section, text, "supported" if rulings else "filler", covers=covers)


def _rulings(section: str, text: str, named: Sequence[str], one: Checker) -> list[Ruling]:
    """Every ruling on a sentence; none where it says nothing."""
    same = one.verbatim.get((*named, *content(tokens(text))))
    if same is not None:
        return [Ruling("supported", covers=same)]
    bare = _uncited(text, one.reading)
    repeated = quoted(bare, one.quotes, one.lexicon, named)
    if repeated is not None and (repeated.whole or not _clashes(bare, named, one)):
        return [repeated.ruling]
    if section == "limits" and len(parts := split(bare)) > 1:
        return [ruling for part in parts for ruling in _rulings(section, part, named, one)]
    step = advised(bare, one.reading, one.written, one.lexicon, named)
    answers = section == "impression" and named and _answers(bare, named, one)
    if step is not None and not answers and (step.verdict == "supported" or section == "recommendation"):
        return [step]
    rulings = _heard(bare, named, one)
    if any(r.verdict != "supported" for r in rulings) and step is not None:
        return _halves(section, bare, one) or [*rulings, step]
    return rulings


def _answers(text: str, named: Sequence[str], one: Checker) -> bool:
    """Whether a line under a question's heading names an answer to it."""
    heard = hear(text, one.lexicon, "|".join(named))
    return any(claim.kind in ("category", "set") for options in heard.claims for claim in options)


def _clashes(text: str, named: Sequence[str], one: Checker) -> bool:
    """Whether a sentence, taken by itself and wholly understood, contradicts the reading."""
    heard = hear(text, one.lexicon, "|".join(named))
    return not heard.strange and any(judge(x, one.bench, favoured=heard.favoured).verdict != "supported" for x in heard.claims)


def _uncited(text: str, reading: Reading) -> str:
    """The sentence without a citation in brackets that is the reading's own."""
    for citation in {a.next_step_citation for a in reading.assessments if a.next_step_citation}:
        text = text.replace(f" [{citation}]", "").replace(f" ({citation})", "")
    return text


def _halves(section: str, text: str, one: Checker) -> list[Ruling] | None:
    """The rulings on two parts of a sentence (a conclusion, and what follows from it), where both are supported."""
    for cut in re.finditer(r";|,(?: and| so)?|\band\b|\bwith\b|\bfor which\b|\btherefore\b", text):
        left, right = text[: cut.start()], text[cut.end() :]
        step = advised(right, one.reading, one.written, one.lexicon) or advised(left, one.reading, one.written, one.lexicon)
        other = left if step and advised(right, one.reading, one.written, one.lexicon) else right
        if step and step.verdict == "supported":
            rest = _heard(other, [], one)
            if all(r.verdict == "supported" for r in rest):
                return [*rest, step]
    return None


def _heard(text: str, named: Sequence[str], one: Checker) -> list[Ruling]:
    main, reason = _reason(text, one.lexicon)
    heard = hear(main, one.lexicon, "|".join(named))
    if reason and not any(c.kind in ("unjudged", "abstained") for options in heard.claims for c in options):
        heard, reason = hear(text, one.lexicon, "|".join(named)), ""
    rulings = list(_judgements(heard, one.bench))
    covered = {claim for ruling in rulings for claim in ruling.covers}
    allowed = dict(_allowed(covered, text, one, claimed=bool(heard.claims)))
    strange = [word for word in heard.strange if not _same_side(word, text, allowed, one.lexicon)]
    strange += [
        w for w in content(tokens(reason)) if w not in one.lexicon.neutral and not _same_side(w, reason, allowed, one.lexicon)
    ]
    rulings += _reversed(covered, text, one)
    rulings += _placed(text, one, claimed=bool(heard.claims))
    if strange:
        rulings.append(
            Ruling("not in the reading", f"not understood as anything that the reading says: {' '.join(strange)[:120]}")
        )
    return rulings


def _reversed(covered: set[Claim], text: str, one: Checker) -> Iterator[Ruling]:
    """A contradiction where a sentence affirms what the statement of its category denies: `retinopathy (grade 0)`."""
    here = weight(text, one.lexicon)
    for claim in covered:
        if claim.kind == "category":
            a = next(a for a in one.reading.assessments if a.question == claim.about)
            there = weight(a.statement, one.lexicon)
            told = {"seen", *content(tokens(one.bench.pack.questions[claim.about].noun))}
            turned = [
                w
                for w, d in here
                if not d
                and w not in told
                and w.isalpha()
                and (w, True) in there
                and (w, False) not in there
                and (w, True) not in here
            ]
            if turned:
                yield Ruling("contradicted", f"the {one.bench.pack.questions[claim.about].noun} is: {a.statement}")


def _placed(text: str, one: Checker, *, claimed: bool) -> list[Ruling]:
    """Support for the places that a sentence names whole."""
    said = set(content(tokens(text)))
    places = {c for c in one.written.claims if c.kind == "place"}
    inside = bool(said & IN_IMAGE)
    told = frozenset(
        c
        for c in places
        if (c.about == "image") == inside and {w for w in content(tokens(c.said)) if w not in one.lexicon.neutral} <= said
    )
    denied = not claimed and any(d for word, d in weight(text, one.lexicon) if any(word in content(tokens(c.said)) for c in told))
    if denied:
        return [Ruling("contradicted", f"the place is: {words.listing([c.said for c in told])}")]
    return [Ruling("supported", covers=told)] if told else []


def _judgements(heard: Heard, bench: Bench) -> Iterator[Ruling]:
    """A ruling on each claim; two sizes of a lesion (`18 x 11 mm`) must be two measurements."""
    spent: set[str] = set()
    for options in heard.claims:
        several = len(options) > 1 and options[0].kind == "measure"
        left = tuple(x for x in options if x.about not in spent) if several else options
        ruling = judge(left or options[:0], bench, favoured=heard.favoured)
        spent |= {c.about for c in ruling.covers} if several else set()
        yield ruling


_BECAUSE = re.compile(
    r"\s*\((?P<a>.+)\)\s*\.?\s*$|[,;:]?\s*\b(?:because(?: of)?|since|due to|owing to|as|for lack of|given)\b (?P<b>.+)$",
    re.IGNORECASE,
)
_BECAUSE_FIRST = re.compile(r"^(?:because(?: of)?|since|due to|owing to|as|given) (?P<a>[^,]+), (?P<b>.+)$", re.IGNORECASE)


def _reason(text: str, lexicon: Lexicon) -> tuple[str, str]:
    """A sentence that says why something could not be judged, as what it says and why."""
    if not re.search(r"\b(?:not|no|cannot|n't|unable|impossible|indeterminate|unknown)\b|assess|withheld", text, re.IGNORECASE):
        return text, ""
    if first := _BECAUSE_FIRST.match(text):
        return first["b"], first["a"]
    if cut := _BECAUSE.search(text):
        return text[: cut.start()] + ".", cut["a"] or cut["b"] or ""
    return text, ""


def _same_side(word: str, text: str, allowed: dict[str, set[bool]], lexicon: Lexicon) -> bool:
    """Whether a word may stand in the sentence: it is the reading's own, and denied there where it is denied here."""
    if word not in allowed:
        return False
    here = {denied for said, denied in weight(text, lexicon) if said == word}
    return not here or bool(here & allowed[word])


def _allowed(covered: set[Claim], text: str, one: Checker, *, claimed: bool) -> Iterator[tuple[str, set[bool]]]:
    """Words of the texts that the supported claims quote, and of the lesion's place, with whether they are denied there."""
    told: list[str] = []
    for claim in covered:
        if claim.kind in ("unjudged", "abstained"):
            told.append(claim.said)
        if claim.about in one.lexicon.wordings:
            wording, entry = one.lexicon.wordings[claim.about], one.bench.pack.entries[claim.about]
            told.append(f"{wording.say} {entry.say} {wording.noun}".replace("{state}", " "))
        if claim.kind in ("category", "abstained"):
            a = next(a for a in one.reading.assessments if a.question == claim.about)
            question = one.bench.pack.questions[claim.about]
            told += [a.statement, f"{question.label} {a.guideline.name} {a.guideline.edition}"]
    inside = IN_IMAGE & set(content(tokens(text)))
    places = [c.said for c in one.written.claims if c.kind == "place" and (c.about == "image") == bool(inside)]
    found: dict[str, set[bool]] = {
        word: {False, True} if claimed else {False} for place in places for word in content(tokens(place))
    }
    for quote in told:
        for word in content(tokens(quote)):
            found.setdefault(word, set())
        for word, denied in weight(quote, one.lexicon):
            found.setdefault(word, set()).add(denied)
    yield from ((word, sides or {False, True}) for word, sides in found.items())
