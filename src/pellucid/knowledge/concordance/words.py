"""The only place where concordance tables touch the grammar of guideline packs: predicates, entries, citations."""

from collections.abc import Mapping

from pellucid.knowledge.fields import Place
from pellucid.knowledge.grammar import Vocabulary, with_claim
from pellucid.knowledge.grammar import read_predicate as _read
from pellucid.knowledge.proposals import read_citation
from pellucid.knowledge.terms import Atom, Citation, Compound, Entry, Predicate, Source
from pellucid.record import Concept

__all__ = [
    "Atom",
    "Citation",
    "Compound",
    "Entry",
    "Predicate",
    "Source",
    "measured",
    "nominal",
    "read_citation",
    "read_predicate",
    "read_sources",
    "with_claim",
]


def read_predicate(place: Place, entries: Mapping[str, Entry], definitions: Mapping[str, Predicate]) -> Predicate:
    """The predicate at `place`, made of is, at_least, at_most, above, below, all, any, not and rule."""
    predicate = _read(place, Vocabulary(entries, dict(definitions)))
    if not _simple(predicate):
        place.refuse("a predicate made of is, limits, all, any, not and rule", "a count, score or answer")
    return predicate


def _simple(predicate: Predicate) -> bool:
    if isinstance(predicate, Atom):
        return True
    return isinstance(predicate, Compound) and all(_simple(part) for part in predicate.parts)


def nominal(name: str, states: tuple[str, ...], say: str, ordinal: bool = False) -> Entry:
    """An entry for a concept with states."""
    label = name.replace("_", " ")
    return Entry(Concept(name=name, label=label, definition=f"{label} of the pair", states=states, ordinal=ordinal), say)


def measured(name: str, unit: str) -> Entry:
    """An entry for a measurement."""
    label = name.replace("_", " ")
    return Entry(Concept(name=name, label=label, definition=label, unit=unit), f"the {label} is {{state}}")


def read_sources(place: Place) -> dict[str, Source]:
    """The sources that citations point to."""
    found: dict[str, Source] = {}
    for name, body in place.pairs():
        fields = body.fields()
        kind, note = fields.take("kind"), fields.maybe("note")
        if kind.text() not in ("publication", "data"):
            kind.unknown("kind of source", kind.text(), ["publication", "data"])
        short, reference = fields.take("short").text(), fields.take("reference").text()
        found[name] = Source(
            name, "data" if kind.text() == "data" else "publication", short, reference, note.text() if note else None
        )
        fields.done()
    return found
