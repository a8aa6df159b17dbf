"""The later sections of a narrative: comparison and limits, impression, recommendation."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from pellucid.knowledge import Guideline
from pellucid.knowledge.language import Lexicon
from pellucid.record import Assessment, Reading
from pellucid.report import words
from pellucid.report.claims import Claim, Sentence
from pellucid.report.sheet import CONTRADICTION, ONE_IMAGE

NOT_SHARED = "This step is not the same for every category that remains possible; settle the category before acting on it."
SHARED = "This step is the same for every category that remains possible."
NO_QUESTION = "No question was asked of these findings."
ONLY_WEIGHED = "Signs were weighed for and against diagnoses by the guideline's list; no category is given."


def limits(reading: Reading, lexicon: Lexicon) -> Iterator[Sentence]:
    """What was compared, who says it, and what has to be weighed; contradictions come first."""

    def line(text: str, *claims: Claim) -> Sentence:
        return Sentence("limits", f"- {text}", claims)

    told = [c.text for c in reading.cautions if c.kind == CONTRADICTION]
    told += [c.text for c in reading.cautions if c.kind != CONTRADICTION]
    told += [text for a in reading.assessments for text in (*a.boundary, *((a.conflict,) if a.conflict else ()))]
    cautions = [line(text, Claim("caution", said=text)) for text in dict.fromkeys(told)]
    cut = sum(c.kind == CONTRADICTION for c in reading.cautions)
    yield from cautions[:cut]
    if reading.study.pixels_sha256 is not None:
        yield line(ONE_IMAGE, Claim("comparison", said="none"))
    else:
        name = reading.provenance.by or reading.reader.name
        yield line(f"No image was read; the findings were stated by “{name}”.", Claim("observer", said=name))
    mine = [f for f in reading.findings if f.observer.kind == "person" and f.observer.name != reading.reader.name]
    for name, run in groupby(mine if reading.study.pixels_sha256 else [], key=lambda f: f.observer.name):
        members = list(run)
        nouns = words.listing([lexicon.wordings[f.concept].noun for f in members])
        yield line(f"Set by “{name}”: {nouns}.", *(Claim("corrected", f.concept, name) for f in members))
    yield from cautions[cut:]
    yield from _opinions(reading, applicable=False)
    yield from (line(f"A confirmed case: {words.similar(c)}.", Claim("similar", said=c.reading)) for c in reading.similar)


def _labels(pack: Guideline, assessments: Sequence[Assessment]) -> str:
    said = words.listing([pack.questions[a.question].label for a in assessments])
    return said[:1].upper() + said[1:]


def impression(reading: Reading, pack: Guideline) -> Iterator[Sentence]:
    """The answer to each question, what else remains possible, what to consider, and what published risk models say."""
    if not reading.assessments:
        text, said = (ONLY_WEIGHED, "weighed") if reading.weighed else (NO_QUESTION, "no question")
        yield Sentence("impression", text, (Claim("note", said=said),))
    number = 0
    for why, run in groupby(reading.assessments, key=lambda a: a.abstained_because):
        members = list(run)
        if why is not None:
            number += 1
            yield _abstained(number, members, pack)
            continue
        for assessment in members:
            number += 1
            yield _answered(number, assessment, pack)
    yield from _beside(reading, pack)


def _abstained(number: int, members: Sequence[Assessment], pack: Guideline) -> Sentence:
    why = members[0].abstained_because or ""
    nouns = words.listing(list(dict.fromkeys(pack.questions[a.question].noun for a in members)), "or")
    text = f"{number}. {_labels(pack, members)}: no {nouns} is given ({why})."
    return Sentence("impression", text, tuple(Claim("abstained", a.question, why) for a in members))


def _answered(number: int, a: Assessment, pack: Guideline) -> Sentence:
    told = a.statement.rstrip(". ")
    claims: list[Claim] = []
    chance = words.percent(a.probabilities[a.category or ""])
    percent = "" if chance.startswith("100") else chance.split(words.NBSP)[0]
    claims.append(Claim("category", a.question, a.category or "", number=percent, unit="%" if percent else ""))
    told = ", ".join(_lower(part) for part in told.split(": ", 1)) if told.startswith("Most probably: ") else _lower(told)
    text = f"{number}. {_labels(pack, [a])}: {told}" + (f", {chance}." if percent else ".")
    if a.confidence_set and a.coverage is not None:
        coverage = words.percent(a.coverage)
        names = [words.inner_label(name) if name.isalpha() and name.islower() else name for name in a.confidence_set]
        noun = pack.questions[a.question].noun
        text += f" At {coverage} confidence the {noun} is {words.listing(names, 'or')}."
        claims.append(Claim("set", a.question, "|".join(a.confidence_set), number=coverage.split(words.NBSP)[0], unit="%"))
    return Sentence("impression", text, tuple(claims))


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _beside(reading: Reading, pack: Guideline) -> Iterator[Sentence]:
    for a in reading.assessments:
        if a.differential:
            names = words.listing([one.name for one in a.differential])
            claims = tuple(Claim("differential", a.question, one.name) for one in a.differential)
            yield Sentence("impression", f"To consider, {pack.questions[a.question].label}: {names}.", claims)
    yield from _opinions(reading, applicable=True)


def _opinions(reading: Reading, *, applicable: bool) -> Iterator[Sentence]:
    """What published risk models say beside the answer; those that do not apply belong to the limits."""
    every = (one for a in reading.assessments for one in a.second_opinions if (one.probability is not None) == applicable)
    for text in dict.fromkeys(words.second_opinion(one).rstrip(".") for one in every):
        section, mark = ("impression", "") if applicable else ("limits", "- ")
        yield Sentence(section, f"{mark}Second opinion: {text}.", (Claim("opinion", said=text),))


def recommendation(reading: Reading, pack: Guideline) -> Iterator[Sentence]:
    """The next step of each question with its citation; questions with the same step stand together."""
    asked = [a for a in reading.assessments if a.next_step]
    groups: dict[tuple[str | None, str | None, bool | None], list[Assessment]] = {}
    for a in asked:
        groups.setdefault((a.next_step, a.next_step_citation, a.next_step_shared), []).append(a)
    for number, ((step, citation, shared), members) in enumerate(groups.items(), start=1):
        cited = f" [{citation}]" if citation else ""
        text = f"{number}. {_labels(pack, members)}: {(step or '').rstrip('. ')}{cited}."
        claims = [Claim("step", a.question, (step or "").rstrip(". ")) for a in members]
        several = [a for a in members if len(a.confidence_set) > 1]
        if shared is not None and several:
            text += f" {SHARED if shared else NOT_SHARED}"
            claims += [Claim("shared", a.question, "yes" if shared else "no") for a in several]
        yield Sentence("recommendation", text, tuple(claims))
