"""A reading in prose, written by grammar: every sentence comes with all that it claims, so that it can be checked and read back.

Certainty words stand for ranges of calibrated probability (knowledge/language/certainty.yaml); wherever a finding is not stated
plainly its probability stands beside it. No model is used.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from pellucid.knowledge import Guideline
from pellucid.knowledge.language import Lexicon, level_of, levels
from pellucid.knowledge.language.lexicon import Wording
from pellucid.record import Examination, Finding, Reading
from pellucid.report import words
from pellucid.report.claims import Claim, Narrative, Sentence
from pellucid.report.conclusions import impression, limits, recommendation
from pellucid.report.places import frame
from pellucid.report.sheet import RESEARCH
from pellucid.report.vocabulary import vocabulary

LISTED = 6
"""Findings in one sentence at most."""


def narrative(reading: Reading, lesion: str | None = None) -> Narrative:
    """The reading as findings, comparison and limits, impression and recommendation; `lesion` is its name in an examination."""
    pack, lexicon = vocabulary(reading)
    sentences = (
        *_places(reading, lesion),
        *_findings(reading.findings, lexicon),
        *limits(reading, lexicon),
        *impression(reading, pack),
        *recommendation(reading, pack),
    )
    title = f"{pack.title}. {RESEARCH}"
    return Narrative(words.plain(title), tuple(_plain(s) for s in sentences), legend())


def together(examination: Examination) -> str:
    """What the lesions of an examination make together, a line for each question: which of them drive, and the next step."""
    lines = [words.plain(f"{vocabulary(examination.lesions[0].reading)[0].title}. {RESEARCH}"), "", "THE EXAMINATION"]
    for one in examination.combined:
        a = one.assessment
        told = [f"{words.question(a.question)}: {a.statement.rstrip('. ')}."]
        told += [f"No category is given ({a.abstained_because})."] if a.abstained_because else []
        driven = f"Driven by {words.listing(one.drives)}."
        told += [driven] if one.drives and driven not in a.statement else []
        told += [f"To follow: {words.listing(one.followed)}."] if one.followed else []
        told += [f"To sample: {words.listing(one.sampled)}."] if one.sampled else []
        told += [f"Next step: {a.next_step}"] if a.next_step else []
        lines.append(words.plain(" ".join(told)))
    if not examination.combined:
        lines.append("The guideline has no rule for several lesions together: each stands by itself below.")
    return "\n".join(lines)


def legend() -> str:
    """What the certainty words stand for."""
    plain, *hedged = levels()
    told, above = (
        [f"a finding stated plainly has a calibrated probability of {words.percent(plain.lowest)} or more"],
        plain.lowest,
    )
    for level in hedged:
        ends = f"{words.percent(level.lowest)} to {words.percent(above)}" if level.lowest else f"below {words.percent(above)}"
        told.append(f"“{level.adverb}” stands for {ends}")
        above = level.lowest
    return f"Certainty: {'; '.join(told)}."


def _plain(sentence: Sentence) -> Sentence:
    return Sentence(sentence.section, words.plain(" ".join(sentence.text.split("\n"))), sentence.claims)


def _places(reading: Reading, lesion: str | None) -> Iterator[Sentence]:
    if lesion:
        yield Sentence("findings", f"Lesion: {lesion}.", (Claim("place", "lesion", lesion),))
    side = {"L": "left", "R": "right", "B": "bilateral"}.get(reading.study.ids.get("laterality", "")[:1].upper())
    if side:
        yield Sentence("findings", f"Side: {side}.", (Claim("place", "side", side),))
    if reading.study.pixels_sha256 is None:
        return
    drawn = frame(reading.study, reading.findings)
    measured = {f.concept for f in reading.findings if f.unit is not None}
    for place in drawn.places:
        if place.kind == "outline" and measured & set(place.concepts):
            x0, y0, x1, y1 = place.box
            sector = sector_of((x0 + x1) / 2 / drawn.width, (y0 + y1) / 2 / drawn.height)
            yield Sentence("findings", f"The outlined lesion lies {sector} of the image.", (Claim("place", "image", sector),))
            return


def sector_of(x: float, y: float) -> str:
    """Where a point lies, by its share of the image's width and height from the upper left corner: `in the upper left part`."""
    across = ("left", "", "right")[min(2, max(0, int(3 * x)))]
    down = ("upper", "", "lower")[min(2, max(0, int(3 * y)))]
    return f"in the {' '.join(filter(None, (down, across)))} part" if across or down else "in the centre"


def _findings(findings: Sequence[Finding], lexicon: Lexicon) -> Iterator[Sentence]:
    said = [f for f in findings if f.value is not None or f.state is not None]
    for shape, run in groupby(said, key=lambda f: _shape(f, lexicon)):
        members = list(run)
        for at in range(0, len(members), LISTED if shape in ("present", "absent") else 2):
            part = members[at : at + (LISTED if shape in ("present", "absent") else 2)]
            yield from _listed(part, shape, lexicon) if shape in ("present", "absent") else (_stated(part, lexicon),)
    yield from (_unsettled(f, lexicon) for f in findings if f.probabilities is not None and f.state is None)
    unjudged = sorted((f for f in findings if f.unknown_because), key=lambda f: (f.unknown_because, f.observer.kind))
    for _, run in groupby(unjudged, key=lambda f: (f.unknown_because, f.observer.kind)):
        yield _unjudged(list(run), lexicon)


def _shape(finding: Finding, lexicon: Lexicon) -> str:
    """Whether it is written as something that is there or not, or as a state or value of something."""
    if finding.state is None:
        return "value"
    low, high = lexicon.poles(finding.concept)
    if finding.state in lexicon.wordings[finding.concept].states:
        return "state"
    if finding.state == low and low in ("absent", "none"):
        return "absent"
    return "present" if finding.state == high == "present" else "state"


def certainty(finding: Finding) -> tuple[str, str, str]:
    """The level of a called state, its adverb, and its percentage where it is not stated plainly."""
    probability = words.shown_probability(finding) or 0.0
    level = level_of(probability)
    return level.name, level.adverb, words.percent(probability).split(words.NBSP)[0] if level.adverb else ""


def _claim(finding: Finding) -> Claim:
    level, _, percent = certainty(finding)
    return Claim("finding", finding.concept, finding.state or "", level, percent, unit="%" if percent else "")


def _listed(findings: Sequence[Finding], shape: str, lexicon: Lexicon) -> Iterator[Sentence]:
    """What is there, or is not there, in one sentence for each degree of certainty."""
    order = [level.name for level in levels()]
    for level, run in groupby(sorted(findings, key=lambda f: order.index(certainty(f)[0])), key=lambda f: certainty(f)[0]):
        members = list(run)
        nouns = [lexicon.wordings[f.concept].noun for f in members]
        if level == "plain" and shape == "absent":
            verb = "are" if lexicon.wordings[members[0].concept].plural else "is"
            apart = any(" or " in noun for noun in nouns)  # `no calcification or fat, and no contact`
            told = words.listing([f"no {noun}" for noun in nouns]) if apart else f"no {words.listing(nouns, 'or')}"
            text = f"There {verb} {told}."
        else:
            told = [
                f"{noun} ({p}{words.NBSP}%)" if (p := certainty(f)[2]) else noun for noun, f in zip(nouns, members, strict=True)
            ]
            verb = "are" if len(members) > 1 or lexicon.wordings[members[0].concept].plural else "is"
            text = f"{_capital(words.listing(told))} {' '.join(filter(None, (verb, certainty(members[0])[1], shape)))}."
        yield Sentence("findings", text, tuple(_claim(f) for f in members))


def _stated(findings: Sequence[Finding], lexicon: Lexicon) -> Sentence:
    told = [_clause(f, lexicon.wordings[f.concept]) for f in findings]
    claims = tuple(_claim(f) if f.state is not None else measured(f) for f in findings)
    return Sentence("findings", f"{_capital(words.listing(told))}.", claims)


def _clause(finding: Finding, wording: Wording) -> str:
    if finding.value is not None:
        return wording.say.replace("{state}", words.quantity(finding.value, finding.sd, finding.unit))
    _, adverb, percent = certainty(finding)
    state = wording.states.get(finding.state or "", finding.state or "")
    before, _, after = wording.say.partition("{state}")
    if adverb and before.rstrip().rpartition(" ")[2] in ("is", "are", "was", "were", "has"):
        before = f"{before.rstrip()} {adverb} "
    elif adverb:
        head, verb, rest = next(
            (
                before.partition(f" {verb} ")
                for verb in ("is", "are", "was", "were", "lies", "shows", "holds", "has")
                if f" {verb} " in before
            ),
            ("", "", before),
        )
        before = f"{head}{verb}{adverb} {rest}" if verb else f"{adverb} {before}"
    return f"{before}{state}{after}" + (f" ({percent}{words.NBSP}%)" if percent else "")


def measured(finding: Finding) -> Claim:
    """The claim of a measurement, as it is printed."""
    said = words.quantity(finding.value or 0.0, finding.sd, finding.unit).replace("°", "").replace(words.MINUS, "-")
    number, _, spread = said.partition(" ± ")
    return Claim(
        "measure", finding.concept, number=number.split(words.NBSP)[0], spread=spread.split(words.NBSP)[0], unit=unit_of(finding)
    )


def unit_of(finding: Finding) -> str:
    """A measurement's unit by one name, however it is written."""
    return {"°": "deg", "degree": "deg", "degrees": "deg", "mm²": "mm2", "percent": "%"}.get(
        finding.unit or "", finding.unit or ""
    )


def _unsettled(finding: Finding, lexicon: Lexicon) -> Sentence:
    pairs = sorted(zip(finding.states or (), finding.probabilities or (), strict=True), key=lambda pair: -pair[1])
    shown = [(state, words.percent(p)) for state, p in pairs if p >= 0.01]
    wording = lexicon.wordings[finding.concept]
    told = wording.states if wording.spelled else dict[str, str]()
    text = f"{_capital(wording.noun)} {'are' if wording.plural else 'is'} not settled: "
    text += words.listing([f"{told.get(state, state)} {p}" for state, p in shown]) + "."
    chances = (Claim("chance", finding.concept, s, number=p.split(words.NBSP)[0], unit="%") for s, p in shown)
    return Sentence("findings", text, (Claim("unsettled", finding.concept), *chances))


def _unjudged(findings: Sequence[Finding], lexicon: Lexicon) -> Sentence:
    why = findings[0].unknown_because or ""
    told = f"“{why}”" if findings[0].observer.kind == "person" else why
    nouns = [lexicon.wordings[f.concept].noun for f in findings]
    text = f"{_capital(words.listing(nouns))} could not be judged ({told})."
    return Sentence("findings", text, tuple(Claim("unjudged", f.concept, why) for f in findings))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def title_of(pack: Guideline) -> str:
    """The heading of a narrative by this pack."""
    return f"{pack.title}. {RESEARCH}"
