"""What a reading by a model must hold because its reader's card asks for it: a caution is not silenced by leaving things out."""

from collections.abc import Iterator, Mapping, Sequence

from pellucid.assess.findings import EVIDENCE, EVIDENCE_SHARE, LOOKED, NOTHING_THERE, OUTLINE
from pellucid.images.measure import NO_LESION, NO_SPACING
from pellucid.models.card import Card, ConceptSpec
from pellucid.record import Finding, PreparationStep, Reading

FIRST = "display"
"""The first recorded step tells how stored values became display pixels; the reader's own steps follow."""

DEFAULTS = {"letterbox": {"resampling": "bilinear"}}
"""What `images.prepare` takes where a card does not say."""


def unmet(reading: Reading, card: Card) -> str | None:
    """The first thing that the card asks for and the reading lacks or has otherwise, named; None where there is none."""
    return next((told[:300] for part in PARTS for told in part(reading, card)), None)


def _questions(reading: Reading, card: Card) -> Iterator[str]:
    asked, answered = [q.name for q in card.questions], [a.question for a in reading.assessments]
    if asked != answered:
        yield f"this reader answers {', '.join(asked)}, each once; the reading answers {', '.join(answered) or 'nothing'}"
    for q, a in zip(card.questions, reading.assessments, strict=False):
        if q.guideline not in (a.guideline.name, f"{a.guideline.name}-{a.guideline.edition}"):
            yield f"assessment {q.name}: this reader answers by {q.guideline}, the reading by {a.guideline.name}"


def _findings(reading: Reading, card: Card) -> Iterator[str]:
    asked = [c.name for c in card.concepts] + [m.name for m in card.measurements] + [u.name for u in card.unjudged]
    said = {f.concept: f for f in reading.findings}
    if left_out := [name for name in asked if name not in said]:
        yield f"this reader always judges {', '.join(left_out)}; the reading leaves it out"
    for f in (f for f in reading.findings if f.observer.kind == "model"):
        if f.concept not in asked:
            yield f"{f.concept}: this reader judges no such concept"
    for u in card.unjudged:
        f = said.get(u.name)
        if f is not None and f.observer.kind == "model" and f.unknown_because != u.because:
            yield f"{u.name}: this reader can never judge it; the reading says otherwise"


def _unknowns(reading: Reading, card: Card) -> Iterator[str]:
    """A concept of the model's is unknown where its place was not found, and then all that need the place are."""
    said = {f.concept: f for f in reading.findings if f.observer.kind == "model"}
    gone = {place.name: f"no {place.name.replace('_', ' ')} was found" for place in card.places}
    seen: dict[str, Finding] = {}
    for spec, f in _pairs(card.concepts, said):
        because = gone.get(spec.unless_found or "")
        if f.unknown_because not in (None, because):
            yield f"{f.concept}: this reader judges it{f' unless {because}' if because else ''}; the reading says otherwise"
        other = seen.setdefault(spec.unless_found or "", f)
        if because and f.unknown_because != other.unknown_because:
            yield f"{f.concept} and {other.concept} need the same {spec.unless_found}; one is judged, the other is not"
    for m in card.measurements:
        f, other = said.get(m.name), seen.get(m.place)
        if f is None:
            continue
        none = f.unknown_because == NO_LESION
        if f.unknown_because not in (None, NO_LESION, NO_SPACING) or (none and f.region is not None):
            yield f"{m.name}: this reader measures every {m.place} that it finds; the reading says otherwise"
        if not none and f.region is None:
            yield f"{m.name}: this reader measures it from an outline; the reading has none"
        if f.unknown_because == NO_SPACING and reading.study.spacing_mm is not None:
            yield f"{m.name}: said to be unknown for want of a pixel spacing; the reading has one"
        if other is not None and none != (other.unknown_because is not None):
            yield f"{m.name} and {other.concept} need the same {m.place}; one has it, the other has not"


def _places(reading: Reading, card: Card) -> Iterator[str]:
    """What was judged from evidence has its place, in the words and with the share that a reader gives."""
    said = {f.concept: f for f in reading.findings if f.observer.kind == "model"}
    for spec, f in _pairs(card.concepts, said):
        place = (spec.unless_found or "").replace("_", " ")
        nothing = _likeliest(f) in NOTHING_THERE
        meanings = (f"{LOOKED} {place}",) if nothing else (EVIDENCE, f"where {(spec.place or '').replace('_', ' ')} was found")
        if f.region is None:
            if f.probabilities is not None and spec.show == "evidence" and (place or not nothing):
                yield f"{f.concept}: this reader shows where it was seen; the reading has no place"
            continue
        if f.region.meaning not in meanings or f.unknown_because is not None:
            yield f"{f.concept}: its place is said to be {f.region.meaning!r}; this reader says {' or '.join(meanings)!r}"
        if f.region.meaning == EVIDENCE and (f.region.share or 0.0) < EVIDENCE_SHARE:
            yield f"{f.concept}: expected a place with half of the evidence, got a share of {f.region.share}"
    for m in card.measurements:
        f = said.get(m.name)
        expected = f"{OUTLINE} {m.place.replace('_', ' ')}"
        if f is not None and f.region is not None and (f.region.meaning, f.region.share) != (expected, None):
            yield f"{m.name}: its place is said to be {f.region.meaning!r}; this reader says {expected!r}"
    for u in card.unjudged:
        if u.name in said and said[u.name].region is not None:
            yield f"{u.name}: this reader can never judge it; the reading has a place for it"


def _likeliest(f: Finding) -> str | None:
    if f.states is None or f.probabilities is None:
        return None
    return f.states[f.probabilities.index(max(f.probabilities))]


def _pairs(specs: Sequence[ConceptSpec], said: Mapping[str, Finding]) -> Iterator[tuple[ConceptSpec, Finding]]:
    return ((spec, said[spec.name]) for spec in specs if spec.name in said)


def _signals(reading: Reading, card: Card) -> Iterator[str]:
    """The novelty, and the second look where the probability that it is compared with exists."""
    signals, question, category = reading.provenance.signals, card.shadow_question, card.shadow_outcomes[-1]
    if signals.novelty is None:
        yield "this reader always measures how unlike its training images an image is (novelty); the reading leaves it out"
    given = any(category in a.probabilities for a in reading.assessments if a.question == question)
    asked = [(question, category)] if given else []
    found = [(s.question, s.category) for s in signals.shadow]
    if asked and not found:
        yield f"this reader always takes a second look at {question} (shadow); the reading leaves it out"
    elif found != asked:
        yield f"shadow: expected one second look, at {question}: {category}; the reading has {found}"


def _preparation(reading: Reading, card: Card) -> Iterator[str]:
    recorded, plan = list(reading.provenance.preparation), list(card.plan())
    if not recorded or recorded[0].name != FIRST:
        yield f"preparation: expected {FIRST!r} as its first recorded step"
        return
    own = recorded[1:]
    if own and own[0].name == "crop" and (not plan or plan[0].name != "crop"):
        own, plan = own[1:], [step for step in plan if step.name != "field-of-view"]
    if [s.name for s in own] != [s.name for s in plan]:
        said, asked = (", ".join(s.name for s in steps) for steps in (own, plan))
        yield f"preparation: the reading says {said}, the card {asked}"
    for done, asked in zip(own, plan, strict=False):
        yield from _other_parameters(done, asked)


def _other_parameters(done: PreparationStep, asked: PreparationStep) -> Iterator[str]:
    for name, value in (DEFAULTS.get(asked.name, {}) | dict(asked.parameters)).items():
        if _plain(done.parameters.get(name), name) != _plain(value, name):
            yield f"preparation: {done.name}: {name}: the reading says {done.parameters.get(name)}, the card {value}"


def _plain(value: object, name: str) -> object:
    """One number for all channels stands for three."""
    return (value,) * 3 if name in ("mean", "std") and isinstance(value, int | float) else value


PARTS = (_questions, _findings, _unknowns, _places, _signals, _preparation)
"""Everything that a card asks for, in the order in which it is looked at."""
