"""What is known of a pair of statements, and what the rules of the table make of it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

from pellucid.assess.fits import possible_fits
from pellucid.assess.imaging import Imaging
from pellucid.assess.pathology import Pathology, held_diagnoses, possible_classes, unknown_words
from pellucid.knowledge.concordance import Table
from pellucid.knowledge.concordance.check import Walk, walk
from pellucid.knowledge.concordance.facts import TARGET
from pellucid.knowledge.concordance.table import BENIGN, FITS, LEVELS, OUTCOMES, Outcome, Phenotype, Rule
from pellucid.knowledge.concordance.truth import NOT_EXAMINED, Facts, atoms_of, truth_of
from pellucid.record import Finding, Truth


@dataclass(frozen=True)
class Judged:
    """The facts of a pair, the phenotypes, and the walk through the rules."""

    facts: Facts
    phenotypes: dict[str, Truth]
    walk: Walk

    @property
    def open_outcomes(self) -> tuple[Outcome, ...]:
        """The outcomes that may follow, most reassuring first."""
        return tuple(sorted({rule.outcome for rule in self.walk.open}, key=OUTCOMES.index))

    @property
    def outcome(self) -> Outcome | None:
        """The outcome, where all rules that may decide give the same one and one of them does decide."""
        found = self.open_outcomes
        return found[0] if len(found) == 1 and self.walk.met is not None else None

    @property
    def rule(self) -> Rule | None:
        """The rule that decided; while several outcomes are open, the first with the least reassuring of them."""
        if not self.walk.open:
            return None
        if self.outcome is not None and self.outcome != "concordant benign" and self.walk.met is not None:
            return self.walk.met
        worst = self.open_outcomes[-1]
        return next(rule for rule in self.walk.open if rule.outcome == worst)


def judge(imaging: Imaging, pathology: Pathology, table: Table) -> Judged:
    """The rules of the table on this pair; what is not known stays unknown in every step."""
    states, values, seen = _signs(imaging, table)
    levels = possible_levels(imaging, table)
    states["suspicion"] = levels
    seen["suspicion"] = f"category {imaging.category}" if imaging.category else f"no category: {imaging.category_unknown_because}"
    if imaging.category is not None:
        states["category"] = frozenset({imaging.category})
        seen["category"] = f"category {imaging.category}"
    _tissue(pathology, states, seen)
    _sampling(pathology, states, seen)
    held = held_diagnoses(pathology.specimens)
    seen["diagnosis"] = ", ".join(sorted(held)) or "no diagnosis that the table knows holds"
    is_open = any(unknown_words(s) for s in pathology.specimens)
    facts = Facts(states, values, held, is_open, seen)
    phenotypes = {name: truth_of(p.when, facts) for name, p in table.phenotypes.items()}
    walks = list(_walks(facts, imaging, pathology, table))
    fits = {fit for fit, _ in walks}
    if table.expectations:
        states["fit"] = frozenset(fits)
        seen["fit"] = " or ".join(fit for fit in FITS if fit in fits)
    return Judged(facts, phenotypes, _joined([found for _, found in walks], table))


def _walks(facts: Facts, imaging: Imaging, pathology: Pathology, table: Table) -> Iterator[tuple[str, Walk]]:
    """A walk for every category, class of tissue and fit that is possible; each is told with its fit."""
    for category, level in _alternatives(imaging, facts, table):
        states = {**facts.states, "suspicion": frozenset({level})}
        if category is not None:
            states["category"] = frozenset({category})
        here = replace(facts, states=states)
        fits = possible_fits(pathology, here, table) if table.expectations else frozenset({FITS[0]})
        for fit, tissue in product(sorted(fits), sorted(facts.states["tissue"])):
            whole = {**states, "fit": frozenset({fit}), "tissue": frozenset({tissue})}
            yield fit, walk(table.rules, replace(here, states=whole))


def _alternatives(imaging: Imaging, facts: Facts, table: Table) -> list[tuple[str | None, str]]:
    """The categories that are possible, each with its level."""
    if imaging.category is not None:
        return [(imaging.category, level) for level in facts.states["suspicion"]]
    grades = {category: grade for scale in table.scales.values() for category, grade in scale.grades.items()}
    return [(category, _raised(grade.level, imaging, table)) for category, grade in grades.items()]


def _joined(walks: list[Walk], table: Table) -> Walk:
    """All rules that may decide in some walk; met where every walk meets one, and then the first of them."""
    ids = {rule.id for found in walks for rule in found.open}
    met = {found.met.id if found.met else None for found in walks}
    first = None if None in met else next((rule for rule in table.rules if rule.id in met), None)
    return Walk(tuple(rule for rule in table.rules if rule.id in ids), first)


def possible_levels(imaging: Imaging, table: Table) -> frozenset[str]:
    """The levels of suspicion that category and risk leave open; a risk only ever raises the level of a category."""
    grade = table.grade(imaging.category)
    return frozenset(_raised(level, imaging, table) for level in ([grade.level] if grade else LEVELS))


def _raised(level: str, imaging: Imaging, table: Table) -> str:
    risk = imaging.risk.value if imaging.risk else 0.0
    floors = [LEVELS.index(r.level) for r in table.risk_levels if risk >= r.at_least]
    return LEVELS[max([LEVELS.index(level), *floors])]


def _signs(imaging: Imaging, table: Table) -> tuple[dict[str, frozenset[str]], dict[str, float], dict[str, str]]:
    states: dict[str, frozenset[str]] = {}
    values: dict[str, float] = {}
    seen: dict[str, str] = {}
    for finding in imaging.findings:
        name = table.known_as.get(finding.concept, finding.concept)
        entry = table.signs.get(name)
        if entry is None or name in seen:
            continue
        seen[name] = _seen(finding)
        if finding.value is not None and finding.unit == entry.concept.unit:
            values[name] = finding.value
        elif finding.state is not None and finding.state in (entry.concept.states or ()):
            states[name] = frozenset({finding.state})
    for name in _not_examined(set(seen), imaging, table):
        states[name] = frozenset({NOT_EXAMINED})
        seen[name] = NOT_EXAMINED
    return states, values, seen


def _seen(finding: Finding) -> str:
    if finding.unknown_because:
        return f"unknown: {finding.unknown_because}"
    if finding.value is not None:
        return f"measured: {finding.value:.3g} {finding.unit}"
    return f"seen: {finding.state}" if finding.state else "not sure"


def _not_examined(examined: set[str], imaging: Imaging, table: Table) -> set[str]:
    """Signs that the examination does not ask for: those of other packs, and those that share no phenotype with one that was
    examined."""
    related = {
        name for phenotype in table.phenotypes.values() if (names := set(atoms_of(phenotype.when))) & examined for name in names
    }
    pack = imaging.guideline.name if imaging.guideline else None
    foreign = {name for name, packs in table.asked_by.items() if pack is not None and pack not in packs}
    return (set(table.signs) - related | foreign) - examined


def _tissue(pathology: Pathology, states: dict[str, frozenset[str]], seen: dict[str, str]) -> None:
    possible = possible_classes(pathology.specimens)
    states["tissue"] = frozenset[str](possible)
    words = [w for s in pathology.specimens for w in unknown_words(s)]
    seen["tissue"] = f"words that the table does not know: {', '.join(words)}" if words else "by the diagnoses stated"
    if not words and len(possible) > 1:
        seen["tissue"] = "a specimen without a diagnosis"


def _sampling(pathology: Pathology, states: dict[str, frozenset[str]], seen: dict[str, str]) -> None:
    sampling = pathology.sampling
    for name, value in (("target", sampling.target), ("specimen_calcifications", sampling.specimen_calcifications)):
        if value is not None:
            states[name] = frozenset({value})
            seen[name] = f"stated: {value}"
    states["removed"] = frozenset({sampling.removed or "part"})
    seen["removed"] = f"stated: {sampling.removed}" if sampling.removed else "not stated; counts as a part"
    if pathology.later_imaging != "unknown":
        states["later_imaging"] = frozenset({pathology.later_imaging})
        seen["later_imaging"] = f"stated: {pathology.later_imaging}"
    if sampling.removed == "whole" and sampling.target is None:
        states["target"] = frozenset({TARGET[0]})
        seen["target"] = "the whole lesion was removed"


def phenotypes_of(judged: Judged, table: Table) -> list[Phenotype]:
    """The phenotypes that are met, or those that may be where none is."""
    met = [p for name, p in table.phenotypes.items() if judged.phenotypes[name] is Truth.MET]
    return met or [p for name, p in table.phenotypes.items() if judged.phenotypes[name] is Truth.UNKNOWN]


def is_benign(judged: Judged) -> bool:
    """Whether the tissue can only be benign."""
    return judged.facts.states["tissue"] <= set(BENIGN)


def is_examined(phenotype: Phenotype, judged: Judged, table: Table) -> bool:
    """Whether the examination asks for any sign of the phenotype; one without signs of its own is always examined."""
    signs = [name for name in atoms_of(phenotype.when) if name in table.signs]
    return not signs or any(judged.facts.seen.get(name) != NOT_EXAMINED for name in signs)
