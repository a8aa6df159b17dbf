"""Sentences that repeat a text of the reading: cautions, reasons, risk models, next steps. All its words must be there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pellucid.knowledge.language import Lexicon
from pellucid.knowledge.language.tokens import content, tokens
from pellucid.record import Reading
from pellucid.report import words
from pellucid.report.claims import Claim, Narrative, Sentence
from pellucid.report.conclusions import NOT_SHARED, SHARED
from pellucid.report.judging import Ruling
from pellucid.report.reading_back import heading
from pellucid.report.scope import clauses
from pellucid.report.sheet import ONE_IMAGE, RESEARCH
from pellucid.report.spotting import Unit, spot

DENIES = ("no", "not", "without", "non")
"""Words with which a phrase that is understood as a whole (`no modifier`) denies the rest of itself."""
MOST = 0.6
"""A sentence that repeats a text must keep this share of its words, so that no part is taken out of what surrounds it."""
NO_EARLIER = (
    "No earlier image, earlier examination, other view, clinical history or examination of the patient was available for "
    "comparison; none was compared, considered or provided. Comparison: none. Only one single image alone was read."
)
EMPTY = ("negate", "verb", "with", "affirm", "assess", "advise", "deny", "break", "favour", "unjudged")


AGAIN = frozenset(("repeat", "followup"))
"""Words for an examination after some time that change nothing: `a follow-up CT in 3 months`."""
IMAGING = frozenset(("ct", "ldct", "mr", "ultrasound", "screening", "image", "mammography"))


Weighed = tuple[str, bool]
"""A word, and whether it is denied."""


@dataclass(frozen=True)
class Quote:
    """A text of the reading that a sentence may repeat, and the claims that it makes."""

    text: str
    claims: frozenset[Claim]
    least: float = MOST


def quotes(narrative: Narrative, reading: Reading, lexicon: Lexicon) -> list[Quote]:
    """The texts of a reading."""
    found = [Quote(RESEARCH, frozenset(), 0.3), Quote(narrative.legend, frozenset(), 0.9)]
    found += [
        quote for sentence in narrative.sentences for claim in sentence.claims for quote in _quotes(sentence, claim, lexicon)
    ]
    for a in reading.assessments:
        if a.abstained_because:
            held = frozenset(c for c in narrative.claims if c.kind == "abstained" and c.about == a.question)
            found.append(Quote(a.statement, held))
    return found


def _quotes(sentence: Sentence, claim: Claim, lexicon: Lexicon) -> list[Quote]:
    """The texts that a sentence may repeat for one claim."""
    one, every = frozenset((claim,)), frozenset(sentence.claims)
    if claim.kind in ("caution", "opinion", "similar"):
        return [Quote(sentence.text.removeprefix("- "), one)]
    if claim.kind == "abstained":
        return [Quote(heading(sentence.text, lexicon)[1], every), Quote(claim.said, frozenset())]
    if claim.kind == "step":
        return [Quote(claim.said, one, 0.9)]
    if claim.kind == "comparison":
        return [Quote(ONE_IMAGE, one), Quote(NO_EARLIER, one, 0.0)]
    if claim.kind == "shared":
        return [Quote(SHARED if claim.said == "yes" else NOT_SHARED, one, 0.4)]
    return [Quote(sentence.text, every)] if claim.kind in ("observer", "note", "corrected") else []


TELLING = 3
"""Fewer words of weight than this are too few to know a text by: `a mass with calcifications` is not `mass or calcifications`."""


@dataclass(frozen=True)
class Repeated:
    """Support from a text of the reading; `whole` where nothing of that text's weight is left out."""

    ruling: Ruling
    whole: bool


def quoted(text: str, found: Sequence[Quote], lexicon: Lexicon, named: Sequence[str] = ()) -> Repeated | None:
    """Support for a sentence whose every word of weight stands in one text of the reading (of the questions that are named); None
    where there is none.
    """
    said = weight(text, lexicon)
    if not said:
        return None
    claims: set[Claim] = set()
    fitting = [q for q in found if _meant(q, named) and _fits(text, said, q, lexicon)]
    for quote in fitting:
        claims |= quote.claims
    whole = len(said) >= TELLING and any(weight(q.text, lexicon) == said for q in fitting)
    return Repeated(Ruling("supported", covers=frozenset(claims)), whole) if fitting else None


def _meant(quote: Quote, named: Sequence[str]) -> bool:
    about = {c.about for c in quote.claims if c.kind in ("step", "shared", "abstained")}
    return not named or not about or bool(about & {*named})


def _fits(text: str, said: frozenset[Weighed], quote: Quote, lexicon: Lexicon) -> bool:
    there = weight(quote.text, lexicon)
    return said <= there and len(said) >= quote.least * len(there) and _denials(text, lexicon) <= _denials(quote.text, lexicon)


@lru_cache(maxsize=4096)
def _denials(text: str, lexicon: Lexicon) -> int:
    return sum(u.has("negate", "deny", "unjudged") or u.words[0] in DENIES for u in spot(text, lexicon))


@lru_cache(maxsize=4096)
def weight(text: str, lexicon: Lexicon) -> frozenset[Weighed]:
    """The words of a text that carry its meaning, each with whether it is denied."""

    def heavy(unit: Unit) -> bool:
        return (
            not unit.mark
            and not (unit.senses and all(s.kind in EMPTY for s in unit.senses))
            and not {*unit.words} <= lexicon.neutral
        )

    return frozenset(
        (word, part.denied[k] != (unit.words[0] in DENIES))
        for part in clauses(spot(text, lexicon), heavy)
        for k, unit in enumerate(part.units)
        if heavy(unit)
        for word in content(tokens(" ".join(unit.words)))
        if word not in lexicon.neutral and word not in DENIES
    )


@dataclass(frozen=True)
class Step:
    """A next step: what is done, what is denied, when."""

    words: frozenset[Weighed]
    done: frozenset[tuple[str, bool]]
    times: tuple[tuple[str, str, str], ...]


def step_of(text: str, lexicon: Lexicon) -> Step:
    """The parts of a next step in a sentence."""
    parts = clauses(spot(text, lexicon))
    units = [unit for part in parts for unit in part.units]
    done = frozenset((unit.text, part.denied[k]) for part in parts for k, unit in enumerate(part.units) if unit.has("action"))
    times = tuple((u.number, u.high, u.unit) for u in units if u.number)
    left = set(_spoken(units, lexicon))
    return Step(frozenset(one for one in weight(text, lexicon) if one[0] in left), done, times)


def _spoken(units: Sequence[Unit], lexicon: Lexicon) -> Iterator[str]:
    for unit in units:
        if (
            unit.mark
            or unit.number
            or (unit.senses and all(s.kind in (*EMPTY, "scheme", "subject", "level") for s in unit.senses))
        ):
            continue
        yield from (word for word in unit.words if word not in lexicon.neutral)


def advised(text: str, reading: Reading, narrative: Narrative, lexicon: Lexicon, named: Sequence[str] = ()) -> Ruling | None:
    """What a sentence that recommends something is worth; None where it recommends nothing."""
    said = step_of(text, lexicon)
    if not said.done:
        return None
    covers: set[Claim] = set()
    supported = False
    for a in reading.assessments:
        if not a.next_step or (named and a.question not in named):
            continue
        there = step_of(a.next_step, lexicon)
        beside = f"{a.next_step_citation or ''} {a.statement} {words.inner_label(a.question)}"
        allowed = there.words | step_of(beside, lexicon).words
        doing = {name for name, _ in there.done}
        asked = _without(said, AGAIN) if there.times and IMAGING & doing else said
        asked = _without(asked, frozenset(("refer", "patient"))) if "ophthalmologist" in doing else asked
        if not (asked.words <= allowed and asked.done <= there.done and _within(said.times, there.times)):
            continue
        if ("consider", False) in there.done and ("consider", False) not in said.done:
            continue
        supported = True
        if there.done <= said.done and len(said.times) == len(there.times):
            covers |= {c for c in narrative.claims if c.kind == "step" and c.about == a.question}
    if supported:
        return Ruling("supported", covers=frozenset(covers))
    steps = words.listing(list(dict.fromkeys(a.next_step for a in reading.assessments if a.next_step)), "or")
    return Ruling("contradicted", f"the next step is: {steps}" if steps else "no next step is given")


def _without(step: Step, names: frozenset[str]) -> Step:
    return Step(
        frozenset(one for one in step.words if one[0] not in names),
        frozenset(one for one in step.done if one[0] not in names),
        step.times,
    )


def _within(said: Sequence[tuple[str, str, str]], there: Sequence[tuple[str, str, str]]) -> bool:
    """Whether the times of a sentence stand in the step, in the same order."""
    left = iter(there)
    return all(any(one == other for other in left) for one in said)
