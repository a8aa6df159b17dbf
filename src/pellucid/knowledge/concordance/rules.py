"""Reads the judging part of a table: phenotypes, what explains them, and the rules in order."""

from collections.abc import Mapping

from pellucid.knowledge.concordance.table import (
    BENIGN,
    HISTORIES,
    LEVELS,
    OUTCOMES,
    TISSUES,
    Expectation,
    Outcome,
    Phenotype,
    Rule,
    Term,
    Tissue,
)
from pellucid.knowledge.concordance.words import Entry, Source, read_citation, read_predicate, with_claim
from pellucid.knowledge.fields import Fields, Place


def texts(fields: Fields, key: str) -> tuple[str, ...]:
    """The texts under `key`, or none."""
    found = fields.maybe(key)
    return found.texts() if found else ()


def read_phenotypes(place: Place, entries: Mapping[str, Entry], sources: dict[str, Source]) -> dict[str, Phenotype]:
    """Phenotypes by name; one may refer only to those above it."""
    found: dict[str, Phenotype] = {}
    for name, body in place.pairs():
        fields = body.fields()
        claim, looks = fields.take("claim").text(), fields.maybe("looks_benign")
        if looks is not None and not isinstance(looks.node.value, bool):
            looks.refuse("true or false", repr(looks.node.value))
        above = {known: phenotype.when for known, phenotype in found.items()}
        when = with_claim(read_predicate(fields.take("when"), entries, above), claim)
        cite = read_citation(fields.take("cite"), sources)
        fields.done()
        found[name] = Phenotype(name, claim, when, bool(looks and looks.node.value), cite)
    return found


def read_expectations(
    place: Place, phenotypes: Mapping[str, Phenotype], terms: Mapping[str, Term], sources: dict[str, Source]
) -> tuple[Expectation, ...]:
    """What explains each phenotype; GuidelineError for unknown names, and for a diagnosis that is not benign."""
    found: list[Expectation] = []
    for item in place.items():
        fields = item.fields()
        phenotype, otherwise, note = fields.take("phenotype"), fields.maybe("otherwise"), fields.maybe("note")
        if phenotype.text() not in phenotypes:
            phenotype.unknown("phenotype", phenotype.text(), list(phenotypes))
        if otherwise and otherwise.text() not in ("not accepted", "not in the table"):
            otherwise.unknown("word", otherwise.text(), ["not accepted", "not in the table"])
        found.append(
            Expectation(
                phenotype.text(),
                _diagnoses(fields.maybe("explained"), terms),
                _up_to(fields.maybe("up_to"), terms),
                _with_history(fields.maybe("with_history"), terms),
                _diagnoses(fields.maybe("not_accepted"), terms),
                otherwise.text() if otherwise else "not in the table",
                read_citation(fields.take("cite"), sources),
                note.text() if note else None,
            )
        )
        fields.done()
    names = [expectation.phenotype for expectation in found]
    if len(set(names)) != len(names):
        place.refuse("one expectation per phenotype", names)
    return tuple(found)


def _diagnoses(place: Place | None, terms: Mapping[str, Term]) -> tuple[str, ...]:
    names = place.texts() if place else ()
    for name in names:
        if place is not None:
            _must_be_benign(place, name, terms)
    return names


def _must_be_benign(place: Place, name: str, terms: Mapping[str, Term]) -> None:
    if name not in terms:
        place.unknown("diagnosis", name, list(terms))
    if terms[name].tissue not in BENIGN:
        place.refuse("benign diagnoses only (others never explain by themselves)", f"{name}, which is {terms[name].tissue}")


def _up_to(place: Place | None, terms: Mapping[str, Term]) -> dict[str, str]:
    found: dict[str, str] = {}
    for level, names in place.pairs() if place else ():
        if level not in LEVELS:
            names.unknown("level of suspicion", level, list(LEVELS))
        found |= dict.fromkeys(_diagnoses(names, terms), level)
    return found


def _with_history(place: Place | None, terms: Mapping[str, Term]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, kinds in place.pairs() if place else ():
        _must_be_benign(kinds, name, terms)
        for kind in kinds.texts():
            if kind not in HISTORIES:
                kinds.unknown("kind of history", kind, list(HISTORIES))
        found[name] = kinds.texts()
    return found


def read_rules(
    place: Place, entries: Mapping[str, Entry], phenotypes: Mapping[str, Phenotype], sources: dict[str, Source]
) -> tuple[Rule, ...]:
    """The rules in order."""
    found: list[Rule] = []
    definitions = {name: phenotype.when for name, phenotype in phenotypes.items()}
    for item in place.items():
        fields = item.fields()
        outcome, conflict, note = fields.take("outcome"), fields.maybe("conflict"), fields.maybe("note")
        found.append(
            Rule(
                fields.take("id").text(),
                fields.take("claim").text(),
                read_predicate(fields.take("when"), entries, definitions),
                _outcome(outcome),
                fields.take("action").text(),
                fields.take("deadline").text(),
                fields.take("sign").texts(),
                fields.take("resolves").texts(),
                read_citation(fields.take("cite"), sources),
                conflict.text() if conflict else None,
                note.text() if note else None,
            )
        )
        fields.done()
        if outcome.text().startswith("discordant") and conflict is None:
            item.refuse("the conflict of a discordant outcome", "none")
    names = [rule.id for rule in found]
    if len(set(names)) != len(names):
        place.refuse("rules of different ids", names)
    return tuple(found)


def _outcome(place: Place) -> Outcome:
    if place.text() not in OUTCOMES:
        place.unknown("outcome", place.text(), list(OUTCOMES))
    return OUTCOMES[OUTCOMES.index(place.text())]


def read_tissue(place: Place) -> Tissue:
    """A class of tissue; GuidelineError for any other word."""
    if place.text() not in TISSUES:
        place.unknown("class of tissue", place.text(), list(TISSUES))
    return TISSUES[TISSUES.index(place.text())]
