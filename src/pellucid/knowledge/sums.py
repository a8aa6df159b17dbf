"""Reading a pack's scores, contradictions and joint tables."""

from dataclasses import replace

from pellucid.knowledge.fields import Fields, Place
from pellucid.knowledge.grammar import read_larger, with_claim
from pellucid.knowledge.guideline import Contradiction, Joint
from pellucid.knowledge.proposals import Pack, read_citation
from pellucid.knowledge.terms import Larger, Predicate, Score, ScoreTerm


def read_scores(place: Place | None, pack: Pack) -> None:
    """The pack's scores by name, into its vocabulary; their terms may use concepts and definitions."""
    for name, body in place.pairs() if place else ():
        fields = body.fields()
        label = fields.maybe("label")
        terms = tuple(_term(item, pack) for item in fields.take("terms").items())
        cite = read_citation(fields.take("cite"), pack.sources)
        fields.done()
        pack.words.scores[name] = Score(name, label.text() if label else name.replace("_", " "), terms, cite)


def _term(place: Place, pack: Pack) -> ScoreTerm:
    fields = place.fields()
    when, by, points = fields.maybe("when"), fields.maybe("by"), fields.take("points")
    fields.done()
    if (when is None) == (by is None):
        place.refuse("one of when and by", "both" if when else "neither")
    if when is not None:
        return ScoreTerm(pack.predicate(when), points.number())
    if by is None or by.text() not in pack.entries:
        (by or place).unknown("concept", by.text() if by else "", list(pack.entries))
    states = pack.entries[by.text()].concept.states or ()
    given = {state: value.number() for state, value in points.pairs()}
    if set(given) != set(states):
        points.refuse(
            f"points for each state of {by.text()} ({', '.join(states) or 'none: it is a measurement'})", ", ".join(given)
        )
    return ScoreTerm(None, 0.0, by.text(), {state: given[state] for state in states})


def read_contradictions(place: Place | None, pack: Pack) -> tuple[Contradiction, ...]:
    """What the pack says cannot be so."""
    found = tuple(_contradiction(item, pack) for item in (place.items() if place else ()))
    ids = [one.id for one in found]
    if place and len(set(ids)) != len(ids):
        place.refuse("every contradiction with its own id", ", ".join(ids))
    return found


def _contradiction(place: Place, pack: Pack) -> Contradiction:
    fields = place.fields()
    when, larger, hard, cite = (fields.maybe(key) for key in ("when", "larger", "hard", "cite"))
    beyond = fields.maybe("beyond_error")
    claim = fields.take("claim").text()
    if (when is None) == (larger is None):
        place.refuse("one of when and larger", "both" if when else "neither")
    if hard and not isinstance(hard.node.value, bool):
        hard.refuse("true or false", repr(hard.node.value))
    if beyond and (beyond.node.value is not True or larger is None or hard):
        beyond.refuse("true, beside `larger` and without `hard`", repr(beyond.node.value))
    what = _what(when, larger, claim, pack)
    found = Contradiction(
        fields.take("id").text(),
        claim,
        replace(what, beyond_error=True) if beyond and isinstance(what, Larger) else what,
        bool(hard and hard.node.value),
        read_citation(cite, pack.sources) if cite else None,
    )
    fields.done()
    return found


def _what(when: Place | None, larger: Place | None, claim: str, pack: Pack) -> Predicate | Larger:
    if when is not None:
        return with_claim(pack.predicate(when), claim)
    if larger is None:
        raise TypeError("expected when or larger")
    return read_larger(larger, pack.words, claim)


def read_joint(place: Place | None, pack: Pack) -> tuple[Joint, ...]:
    """Counted tables of concepts that go together; no concept may stand in two of them."""
    found = tuple(_joint(item.fields(), pack) for item in (place.items() if place else ()))
    names = [name for joint in found for name in joint.concepts]
    if place and len(set(names)) != len(names):
        place.refuse("each concept in one joint table at most", ", ".join(n for n in dict.fromkeys(names) if names.count(n) > 1))
    return found


def _joint(fields: Fields, pack: Pack) -> Joint:
    concepts, counts = fields.take("concepts"), fields.take("counts")
    for name in concepts.texts():
        if name not in pack.entries or pack.entries[name].concept.states is None:
            concepts.unknown("concept with states", name, [n for n, e in pack.entries.items() if e.concept.states])
    sizes = [len(pack.entries[name].concept.states or ()) for name in concepts.texts()]
    if len(sizes) < 2:
        concepts.refuse("two concepts or more", f"{len(sizes)}")
    found = Joint(concepts.texts(), tuple(_flat(counts, sizes)), read_citation(fields.take("cite"), pack.sources))
    if min(found.counts) < 0 or sum(found.counts) <= 0:
        counts.refuse("counts that are not negative and not all zero", found.counts)
    fields.done()
    return found


def _flat(place: Place, sizes: list[int]) -> list[float]:
    if not sizes:
        return [place.number()]
    items = place.items()
    if len(items) != sizes[0]:
        place.refuse(f"{sizes[0]} entries, one for each state", f"{len(items)}")
    return [value for item in items for value in _flat(item, sizes[1:])]
