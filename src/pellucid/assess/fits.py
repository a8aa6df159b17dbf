"""Does a benign diagnosis account for the image: what the table expects of each phenotype, whatever the unknown signs may be.

Exact: the unknown signs are completed in every way that the phenotypes can tell apart, and each completion has one answer.
"""

from collections.abc import Iterable, Iterator
from itertools import product

from pellucid.assess.pathology import Pathology, Specimen, benign_diagnoses, unknown_words
from pellucid.knowledge.concordance import Table
from pellucid.knowledge.concordance.table import FITS, LEVELS, Expectation
from pellucid.knowledge.concordance.truth import Facts, truth_of
from pellucid.knowledge.concordance.words import Atom, Predicate
from pellucid.record import Truth

MOST_COMPLETIONS = 20_000
"""Beyond this many ways to complete the unknown signs, every answer counts as possible."""


def possible_fits(pathology: Pathology, facts: Facts, table: Table) -> frozenset[str]:
    """What the diagnoses may do for the image: the worst over specimens and phenotypes, for each completion of the facts."""
    specimens = pathology.specimens
    if any(unknown_words(s) or not benign_diagnoses(s) for s in specimens):
        return frozenset(FITS)
    history = frozenset[str](pathology.history)
    found: set[str] = set()
    for count, (level, met) in enumerate(_completions(facts, table)):
        if count >= MOST_COMPLETIONS:
            return frozenset(FITS)
        found.add(max((_fit(s, met, level, history) for s in specimens), key=FITS.index))
    return frozenset(found)


def _completions(facts: Facts, table: Table) -> Iterator[tuple[str, list[Expectation]]]:
    """Each way to complete the unknown signs: the level of suspicion, and the expectations whose phenotype is met."""
    atoms = [atom for p in table.phenotypes.values() for atom in _atoms(p.when)]
    unknown = [name for name in table.signs if name not in facts.states and name not in facts.values]
    choices = [_choices(name, atoms, table) for name in unknown]
    for level, picked in product(sorted(facts.states["suspicion"]), product(*choices)):
        states: dict[str, frozenset[str]] = {**facts.states, "suspicion": frozenset({level})}
        values = dict(facts.values)
        for name, choice in zip(unknown, picked, strict=True):
            if isinstance(choice, str):
                states[name] = frozenset({choice})
            else:
                values[name] = choice
        whole = Facts(states, values)
        yield level, [e for e in table.expectations if truth_of(table.phenotypes[e.phenotype].when, whole) is Truth.MET]


def _atoms(predicate: Predicate) -> Iterator[Atom]:
    if isinstance(predicate, Atom):
        yield predicate
        return
    for part in getattr(predicate, "parts", ()):
        yield from _atoms(part)


def _choices(name: str, atoms: Iterable[Atom], table: Table) -> list[str] | list[float]:
    """States or values of a sign, one for each kind that the phenotypes tell apart."""
    asked = [atom for atom in atoms if atom.concept == name]
    states = table.signs[name].concept.states
    if states is not None:
        kinds = {tuple(state in atom.states for atom in asked): state for state in states}
        return list(kinds.values())
    limits = sorted({end[0] for atom in asked for end in (atom.low, atom.high) if end is not None})
    return [value for limit in limits for value in (limit - 1e-6, limit, limit + 1e-6)] or [0.0]


def _fit(specimen: Specimen, met: Iterable[Expectation], level: str, history: frozenset[str]) -> str:
    """The worst over the phenotypes that are met of the best over the diagnoses."""
    diagnoses = benign_diagnoses(specimen)
    fits = [min((fit_of(e, d, level, history) for d in diagnoses), key=FITS.index) for e in met]
    return max(fits, key=FITS.index, default="not in the table")


def fit_of(expectation: Expectation, diagnosis: str, level: str, history: frozenset[str]) -> str:
    """What one diagnosis does for one phenotype; a history that is not documented does not count."""
    needed = expectation.with_history.get(diagnosis, ())
    if history & set(needed):
        return "explained by history"
    if diagnosis in expectation.explained:
        return "explained"
    limit = expectation.up_to.get(diagnosis)
    if limit is not None:
        return "explained" if LEVELS.index(level) <= LEVELS.index(limit) else "not accepted"
    return "not accepted" if needed or diagnosis in expectation.not_accepted else expectation.otherwise
