"""What a report says, in order and in words: one sheet for text and page, so that neither says more than the other."""

from collections.abc import Sequence
from dataclasses import dataclass

from pellucid.errors import InputError
from pellucid.record import Assessment, Caution, Differential, Finding, Reading, Reliability, Step, Weighing
from pellucid.report import words
from pellucid.report.checked import NO_REASONS, Reasons, reasons_of
from pellucid.report.facts import Fact, provenance_facts, study_line
from pellucid.report.places import Frame, Place, frame

RESEARCH = "Research use only. Not a medical device."
ONE_IMAGE = (
    "This reading rests on one image alone: no other view, no earlier examination, no history, no examination of the patient."
)
INDEPENDENT = "The probabilities of the categories treat the findings as independent of each other, given the image."
READ_IT_YOURSELF = "Read the image as you would without this reader; nothing below stands in for a conclusion."
CONTRADICTION = "contradiction"
WEIGHED = "Signs weighed by the guideline's list: the sums only order it. No probability, and no category."
CONTRADICTED = "These findings cannot both be so, and everything below rests on both: settle which is right before using it."
ENTER_IT = "Where you can judge an open finding yourself ({}), enter it with pellucid revise and the rules run again."


@dataclass(frozen=True)
class Slice:
    """One state of a finding with its probability."""

    state: str
    p: float
    percent: str
    chosen: bool


@dataclass(frozen=True)
class Row:
    """One finding as a row of the table."""

    number: int
    concept: str
    label: str
    said: str
    because: str | None
    """Why it cannot be judged, where it cannot."""
    settled: bool
    percent: str | None
    slices: tuple[Slice, ...]
    reliability: Reliability | None
    reliability_words: str
    no_better: bool
    corrected: str | None
    place: Place | None
    place_words: str


@dataclass(frozen=True)
class Bar:
    """One category's probability; `before` is the earlier reading's."""

    label: str
    p: float
    percent: str
    inside: bool
    top: bool
    before: float | None


@dataclass(frozen=True)
class Look:
    """A finding worth confirming, with the share of the uncertainty that this would settle."""

    words: str
    share: float
    percent: str


@dataclass(frozen=True)
class Verdict:
    """The answer to one question."""

    question: str
    statement: str
    category: str | None
    abstained: str | None
    to_do: tuple[str, ...]
    set_words: str
    set_note: str | None
    bars: tuple[Bar, ...]
    next_step: str | None
    next_note: str | None
    next_citation: str | None
    guideline: str
    derivation: Step
    enough: tuple[str, ...]
    contrasts: tuple[tuple[str, str], ...]
    struck: tuple[str, ...]
    """Of reasons that do not hold when tried out on the guideline, why; or that they could not be tried out."""
    look_again: tuple[Look, ...]
    edges: tuple[str, ...]
    differential: tuple[Differential, ...]
    second: tuple[str, ...]
    """Published risk models beside the answer, one sentence each."""


@dataclass(frozen=True)
class Move:
    """One line of before and after."""

    what: str
    before: str
    after: str
    by: str | None
    same: bool


@dataclass(frozen=True)
class Sheet:
    """Everything a report says, top to bottom."""

    at: str
    """What the ids of its parts begin with in a page of several readings."""
    title: str
    reader: str
    study: str
    reading: Reading
    verdicts: tuple[Verdict, ...]
    frame: Frame
    rows: tuple[Row, ...]
    measures: tuple[str, ...]
    weighed: tuple[Weighing, ...]
    """Differentials in which signs were weighed."""
    moves: tuple[Move, ...]
    cannot_judge: tuple[tuple[str, str], ...]
    scope: tuple[str, ...]
    contradictions: tuple[str, ...]
    """Shown before everything else, and among the cautions again."""
    cautions: tuple[tuple[str, str], ...]
    facts: tuple[Fact, ...]


def sheet(reading: Reading, earlier: Reading | None = None, at: str = "") -> Sheet:
    """The sheet of a reading; InputError where `earlier` is not the reading that this one revises. `at` begins the names of its
    places in a page that holds several readings.
    """
    if earlier is not None and reading.revises != earlier.id:
        revised = words.short_hash(reading.revises) if reading.revises else "none"
        got = words.short_hash(earlier.id)
        raise InputError(f"expected the earlier reading that this one revises ({revised}), got {got}: pass that one or none")
    held = tuple(reasons_of(a, reading) for a in reading.assessments)
    wanted = next((tuple(c.concept for c in r.sufficient[0]) for r in held if r.sufficient), ())
    places = frame(reading.study, reading.findings, wanted, at)
    return Sheet(
        at=at,
        title=_title(reading),
        reader=f"{reading.reader.name} {reading.reader.version}" + ("" if reading.reader.weights_sha256 else ", without a model"),
        study=study_line(reading.study),
        reading=reading,
        verdicts=tuple(
            verdict(a, r, _to_do(a, reading), _same_question(a, earlier)) for a, r in zip(reading.assessments, held, strict=True)
        ),
        frame=places,
        rows=tuple(_row(number, f, places) for number, f in enumerate(reading.findings, start=1)),
        weighed=reading.weighed,
        measures=_measures(reading.findings),
        moves=_moves(earlier, reading) if earlier else (),
        cannot_judge=tuple((words.label(f.concept), f.unknown_because) for f in reading.findings if f.unknown_because),
        scope=_scope(reading),
        contradictions=tuple(dict.fromkeys(c.text for c in reading.cautions if c.kind == CONTRADICTION)),
        cautions=_cautions(reading),
        facts=provenance_facts(reading),
    )


def _title(reading: Reading) -> str:
    """The reader, or, where findings were only stated, what they were held against."""
    held_against = [item.guideline.name for item in (*reading.assessments, *reading.weighed)]
    if reading.study.pixels_sha256 is None and held_against:
        return words.label(held_against[0])
    return words.label(reading.reader.name)


def _same_question(assessment: Assessment, earlier: Reading | None) -> Assessment | None:
    return next((a for a in earlier.assessments if a.question == assessment.question), None) if earlier else None


def _row(number: int, finding: Finding, places: Frame) -> Row:
    chosen = finding.state or (words.most_probable(finding) or (None,))[0]
    probability = words.shown_probability(finding)
    pairs = zip(finding.states or (), finding.probabilities or (), strict=False)
    return Row(
        number=number,
        concept=finding.concept,
        label=words.label(finding.concept),
        said=words.finding(finding),
        because=finding.unknown_because,
        settled=finding.state is not None or finding.value is not None,
        percent=words.percent(probability) if probability is not None else None,
        slices=tuple(Slice(state, p, words.percent(p), state == chosen) for state, p in pairs),
        reliability=finding.reliability,
        reliability_words=words.reliability(finding.reliability) if finding.reliability else "not measured",
        no_better=finding.reliability is not None and words.no_better(finding.reliability),
        corrected=words.source(finding),
        place=places.of(finding.concept),
        place_words=_place_words(finding, places),
    )


def _place_words(finding: Finding, places: Frame) -> str:
    """Where the finding is, or plainly that it has no place."""
    if finding.concept in places.undrawable:
        return "a place in mm, but the spacing is unknown: not drawn"
    if finding.region is not None:
        share = finding.region.share
        parts = len(finding.region.outlines)
        count = f" ({parts} outlines)" if parts > 1 else ""
        inside = f"; {words.percent(share)} of the evidence inside" if share is not None else ""
        return f"{finding.region.meaning}{count}{inside}"
    if finding.unknown_because is not None:
        return "no place"
    if finding.observer.kind == "person":
        return "no place drawn"
    return "no place recorded" if finding.value is not None else "from the whole image"


def verdict(
    assessment: Assessment, reasons: Reasons = NO_REASONS, to_do: tuple[str, ...] = (), before: Assessment | None = None
) -> Verdict:
    """The answer to one question in words: with the reasons that hold, what helps where it abstains, and the earlier reading's
    answer."""
    a = assessment
    return Verdict(
        question=words.question(a.question),
        statement=a.statement,
        category=words.category(a.question, a.category) if a.category else None,
        abstained=a.abstained_because,
        to_do=to_do if a.abstained_because else (),
        set_words=words.set_words(a),
        set_note=words.set_note(a),
        bars=_bars(a, before),
        next_step=a.next_step,
        next_note=_next_note(a),
        next_citation=a.next_step_citation,
        guideline=f"{words.label(a.guideline.name)}, edition {a.guideline.edition}",
        derivation=a.derivation,
        enough=tuple(words.enough(reason) for reason in reasons.sufficient),
        contrasts=tuple(
            (words.category(a.question, c.category), words.listing([words.change(x) for x in c.changes]))
            for c in reasons.contrasts
        ),
        struck=reasons.notes,
        look_again=tuple(Look(words.inner_label(x.concept), x.share, words.percent(x.share)) for x in a.look_again),
        edges=(*a.boundary, *((a.conflict,) if a.conflict else ())),
        differential=a.differential,
        second=tuple(words.second_opinion(opinion) for opinion in a.second_opinions),
    )


def _bars(assessment: Assessment, before: Assessment | None) -> tuple[Bar, ...]:
    """A bar for each category; the earlier probability only where it reads differently."""
    top = max(assessment.probabilities.values(), default=0.0)
    bars: list[Bar] = []
    for name, p in assessment.probabilities.items():
        earlier = before.probabilities.get(name) if before else None
        moved = earlier if earlier is not None and words.percent(earlier) != words.percent(p) else None
        bars.append(Bar(name, p, words.percent(p), name in assessment.confidence_set, p == top, moved))
    return tuple(bars)


def _next_note(assessment: Assessment) -> str | None:
    if assessment.next_step is None:
        return None
    if assessment.next_step_shared is False:
        return "Not the same for every category in the set: settle the category before acting on it."
    if len(assessment.confidence_set) <= 1:
        return None
    if assessment.next_step_shared is None:
        return "Whether it is the same for the whole set was not stated."
    return "The same for every category in the set, so the doubt that remains does not change it."


def _to_do(assessment: Assessment, reading: Reading) -> tuple[str, ...]:
    """What to do when no category is given: the guideline's own step where there is one, and how a person can go on."""
    signals = reading.provenance.signals
    strange = (
        signals.novelty is not None and signals.novelty_threshold is not None and signals.novelty > signals.novelty_threshold
    )
    unsettled = [words.inner_label(f.concept) for f in reading.findings if f.state is None and f.value is None and f.states]
    advice = [] if assessment.next_step else [READ_IT_YOURSELF]
    if unsettled and not strange:
        advice.append(ENTER_IT.format(words.listing(unsettled, "or")))
    return tuple(advice)


def _measures(findings: Sequence[Finding]) -> tuple[str, ...]:
    used = {f.reliability.measure.lower() for f in findings if f.reliability}
    return tuple(text for name, text in words.MEASURES.items() if name in used)


def _scope(reading: Reading) -> tuple[str, ...]:
    lines = [c.text for c in reading.cautions if c.kind == "scope"]
    if reading.study.pixels_sha256 is not None:
        lines.append(ONE_IMAGE)
    if reading.study.pixels_sha256 is not None and reading.study.spacing_mm is None:
        lines.append("The spacing of the pixels is unknown, so nothing could be measured in millimetres.")
    lines += _signal_lines(reading)
    if reading.assessments:
        lines.append(INDEPENDENT)
    return tuple(lines)


def _signal_lines(reading: Reading) -> list[str]:
    signals = reading.provenance.signals
    lines: list[str] = []
    if signals.novelty is not None and signals.novelty_threshold is not None:
        alarm = signals.novelty_false_alarm
        rate = f", a line that {words.percent(alarm)} of ordinary images cross" if alarm is not None else ""
        side = "above" if signals.novelty > signals.novelty_threshold else "below"
        distance, line = words.fixed(signals.novelty, 2), words.fixed(signals.novelty_threshold, 2)
        lines.append(f"Distance from the training images {distance}: {side} the alarm line of {line}{rate}.")
    for s in signals.shadow:
        verdict = "the two disagree" if s.disagrees else "the two agree"
        lines.append(
            f"{words.question(s.question)}: a second look that skips the named findings gives {s.category} "
            f"{words.percent(s.probability)}, the findings give {words.percent(s.concept_probability)}; {verdict}."
        )
    return lines


def _cautions(reading: Reading) -> tuple[tuple[str, str], ...]:
    """Contradictions, the other cautions, then edges and conflicts of the assessments that no caution repeats; scope stands
    elsewhere."""
    told: list[Caution] = [c for c in reading.cautions if c.kind == CONTRADICTION]
    told += [c for c in reading.cautions if c.kind not in (CONTRADICTION, "scope")]
    seen = " ".join(c.text for c in told)
    lines = [(words.CAUTIONS[c.kind], c.text) for c in told]
    for a in reading.assessments:
        lines += [(words.CAUTIONS["boundary"], text) for text in a.boundary if text not in seen]
        lines += [(words.CAUTIONS["conflict"], a.conflict)] if a.conflict and a.conflict not in seen else []
    return tuple(dict.fromkeys(lines))


def _moves(earlier: Reading, reading: Reading) -> tuple[Move, ...]:
    moves: list[Move] = []
    for f in reading.findings:
        old = earlier.finding(f.concept)
        before, after = _said(old), _said(f)
        if old is None or before != after or old.observer != f.observer:
            moves.append(Move(words.label(f.concept), before, after, words.source(f), before == after))
    for a in reading.assessments:
        old_a = _same_question(a, earlier)
        before, after = _concluded(old_a), _concluded(a)
        moves.append(Move(words.question(a.question), before, after, None, before == after))
        next_before, next_after = (old_a.next_step if old_a else None) or "none stated", a.next_step or "none stated"
        moves.append(Move(f"{words.question(a.question)}: next step", next_before, next_after, None, next_before == next_after))
    earlier_weighed = {one.differential: one for one in earlier.weighed}
    for one in reading.weighed:
        before, after = _leading(earlier_weighed.get(one.differential)), _leading(one)
        moves.append(Move(one.label[:1].upper() + one.label[1:], before, after, None, before == after))
    return tuple(moves)


def _leading(weighing: Weighing | None) -> str:
    """The diagnoses that lead a differential, with their sum."""
    if weighing is None:
        return "not weighed"
    return words.listing([words.weighed(one) for one in weighing.diagnoses if one.rank == 1])


def _said(finding: Finding | None) -> str:
    if finding is None:
        return "not judged"
    probability = words.shown_probability(finding)
    tail = f", {words.percent(probability)}" if probability is not None else ""
    return words.finding(finding) + (f": {finding.unknown_because}" if finding.unknown_because else tail)


def _concluded(assessment: Assessment | None) -> str:
    if assessment is None:
        return "not asked"
    head = (
        words.category(assessment.question, assessment.category)
        if assessment.category
        else f"No category: {assessment.abstained_because}"
    )
    return f"{head} ({words.set_words(assessment)})"
