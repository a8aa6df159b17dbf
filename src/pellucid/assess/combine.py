"""Imaging and pathology of one lesion put together: concordant or not, which statements conflict, what risk is left, what to do.

The two statements are never averaged: the rules of the organ's table read both, and where they disagree both are quoted.
"""

from pellucid.assess.concordance import Concordance, Conflict, Quote, Unstated
from pellucid.assess.fits import fit_of
from pellucid.assess.imaging import Imaging
from pellucid.assess.pair import Judged, is_benign, is_examined, judge, phenotypes_of
from pellucid.assess.pathology import (
    Pathology,
    Specimen,
    benign_diagnoses,
    driving_class,
    quote_of,
    unknown_words,
    weight_of,
    worst,
)
from pellucid.assess.residual import Residual, residual
from pellucid.errors import InputError
from pellucid.knowledge.concordance import Table, load_table
from pellucid.knowledge.concordance.table import LEVELS, Rule, Tissue
from pellucid.knowledge.concordance.truth import atoms_of, step_of, truth_of, undecided_concepts
from pellucid.record import Step, Truth

FACTS = {
    "target": "whether the target was hit",
    "specimen_calcifications": "whether calcification is in the specimen",
    "later_imaging": "what imaging after the biopsy showed",
    "removed": "whether the whole lesion was removed",
    "suspicion": "the category of the image",
    "category": "the category of the image",
    "tissue": "the class of the tissue",
    "diagnosis": "the diagnosis",
    "fit": "whether the diagnosis accounts for the image",
}
"""Facts of a pair, as a sentence names them."""
NO_RULE = "No rule of the table fits this pair; both sides must look at it together."


def combine(imaging: Imaging, pathology: Pathology, table: Table | None = None) -> Concordance:
    """The judgement on a pair of statements, by the shipped table of the organ where none is given.

    Raises InputError where the two statements, or the table, are of different organs.
    """
    table = table or load_table(imaging.organ)
    if not imaging.organ == pathology.organ == table.organ:
        raise InputError(
            f"expected imaging and pathology of the {table.organ}, got imaging of the {imaging.organ} and pathology of the "
            f"{pathology.organ}"
        )
    if imaging.category is not None and table.grade(imaging.category) is None:
        scales = " or ".join(f"a {scale.label} of {', '.join(scale.grades)}" for scale in table.scales.values())
        raise InputError(f"expected {scales}, got {imaging.category!r}")
    judged = judge(imaging, pathology, table)
    rule, outcome = judged.rule, judged.outcome
    left = _residual(judged, imaging, pathology, table)
    because = None if outcome else _undecided(judged, imaging, table)
    stated = _statement(judged, because)
    return Concordance(
        organ=table.organ,
        table=table.ref(),
        outcome=outcome,
        open_outcomes=judged.open_outcomes,
        statement=stated,
        action=_action(judged),
        deadline=rule.deadline if rule else "without delay",
        sign=rule.sign if rule else ("radiologist", "pathologist"),
        resolves=(*_would_settle(judged), *(rule.resolves if rule else ())),
        rule=rule.id if rule else None,
        citation=rule.citation.text if rule else None,
        verified=rule.citation.verified if rule else None,
        conflict=_conflict(judged, imaging, pathology, table) if outcome else None,
        residual=left,
        flags=_flags(judged, imaging, pathology, table, left),
        unstated=_unstated(judged, pathology),
        undecided_because=because,
        derivation=_derivation(stated, judged, imaging, pathology, table),
        imaging=imaging,
        pathology=pathology,
    )


def _statement(judged: Judged, because: str | None) -> str:
    if because is None and judged.rule is not None:
        return f"{(judged.outcome or '').capitalize()}: {judged.rule.claim}."
    if not judged.walk.open:
        return NO_RULE
    branches = "; ".join(f"{rule.outcome} if {rule.claim}" for rule in _branches(judged))
    return f"Not decided: {branches}."


def _action(judged: Judged) -> str:
    """What to do; while more than one outcome is open, what must be stated first and what holds failing that."""
    rule = judged.rule
    if rule is None:
        return NO_RULE
    if judged.outcome is not None:
        return rule.action
    first = " and ".join(dict.fromkeys(FACTS.get(c, f"the {c}").replace("_", " ") for c in _deciding(judged)))
    asked = f"Have it stated first: {first}; until then the pair does not count as concordant. " if first else ""
    return f"{asked}Failing that: {rule.action}"


def _branches(judged: Judged) -> list[Rule]:
    """One rule per open outcome, the least reassuring first."""
    first = {rule.outcome: rule for rule in reversed(judged.walk.open)}
    return [first[outcome] for outcome in reversed(judged.open_outcomes)]


def _undecided(judged: Judged, imaging: Imaging, table: Table) -> str:
    if not judged.walk.open:
        return "the table has no rule for this pair"
    reasons: dict[str, None] = {}
    for concept in _deciding(judged):
        seen = judged.facts.seen.get(concept, "not stated")
        if concept == "fit":
            seen = f"it may be {seen}"
            unknown = _unknown_signs(judged, table)
            seen += f", since {', '.join(unknown)} is not known" if unknown else ""
        reasons[f"{FACTS.get(concept, f'the {concept}').replace('_', ' ')} ({seen})"] = None
    return f"the outcome rests on {'; and on '.join(reasons)}"


def _deciding(judged: Judged) -> list[str]:
    """The concepts that keep some open rule unknown."""
    return list(dict.fromkeys(c for rule in judged.walk.open for c in undecided_concepts(rule.when, judged.facts)))


def _unknown_signs(judged: Judged, table: Table) -> list[str]:
    """Signs without a state that a phenotype which may be met rests on."""
    names = dict.fromkeys(
        name
        for phenotype in phenotypes_of(judged, table)
        for name in atoms_of(phenotype.when)
        if name in table.signs and name not in judged.facts.states and name not in judged.facts.values
    )
    return [name.replace("_", " ") for name in names]


def _would_settle(judged: Judged) -> tuple[str, ...]:
    """What would have to be stated, first of all."""
    if judged.outcome is not None:
        return ()
    return tuple(dict.fromkeys(f"a statement of {FACTS.get(c, f'the {c}')}".replace("_", " ") for c in _deciding(judged)))


def _unstated(judged: Judged, pathology: Pathology) -> tuple[Unstated, ...]:
    deciding = _deciding(judged) if judged.outcome is None else []
    sampling = pathology.sampling
    facts: list[tuple[str, object, str]] = [
        ("target", judged.facts.states.get("target"), "target hit not stated"),
        ("removed", sampling.removed, "part or whole removed not stated; counts as a part"),
        ("specimen_calcifications", sampling.specimen_calcifications, "calcification in the specimen not stated"),
        ("guidance", sampling.guidance, "guidance of the needle not stated"),
        ("gauge", sampling.gauge, "gauge of the needle not stated"),
        ("cores", sampling.cores, "number of cores not stated"),
        ("history", pathology.history or None, "no history documented"),
        ("later_imaging", None if pathology.later_imaging == "unknown" else True, "later imaging not stated"),
    ]
    return tuple(Unstated(fact=name, what=what, decides=name in deciding) for name, value, what in facts if value is None)


def _conflict(judged: Judged, imaging: Imaging, pathology: Pathology, table: Table) -> Conflict | None:
    """The two statements that cannot both be the whole truth, where the rule that decided says so."""
    rule = judged.rule
    if rule is None or rule.conflict is None:
        return None
    tissue = worst(c for s in pathology.specimens if (c := driving_class(s)))
    source = f", {pathology.source}" if pathology.source else ""
    return Conflict(
        why=rule.conflict,
        imaging=Quote(text=_imaging_words(judged, imaging, table), by=imaging.by.name, step=imaging.step),
        pathology=Quote(text=quote_of(pathology.specimens, tissue), by=f"{pathology.by.name}{source}"),
    )


def _imaging_words(judged: Judged, imaging: Imaging, table: Table) -> str:
    """Category, statement, phenotype, the signs it rests on, and the risk."""
    signs = dict.fromkeys(
        name
        for p in phenotypes_of(judged, table)
        for name in atoms_of(p.when)
        if name in table.signs and name in judged.facts.seen
    )
    seen = [f"{name.replace('_', ' ')} {_bare(judged.facts.seen[name])}" for name in signs]
    told = [f"category {imaging.category}" if imaging.category else "no category", imaging.statement]
    told += [p.claim for p in phenotypes_of(judged, table) if judged.phenotypes[p.name] is Truth.MET]
    told += [", ".join(seen)] if seen else []
    told += [f"probability of malignancy {imaging.risk.value:.2f} ({imaging.risk.of})"] if imaging.risk else []
    return "; ".join(part.strip().rstrip(".") for part in told)


def _bare(seen: str) -> str:
    return seen.removeprefix("seen: ").removeprefix("measured: ")


def _residual(judged: Judged, imaging: Imaging, pathology: Pathology, table: Table) -> Residual | None:
    possible = judged.facts.states["tissue"]
    if len(possible) != 1 or pathology.sampling.target == "missed" or pathology.sampling.removed == "whole":
        return None
    tissue: Tissue | None = worst(c for s in pathology.specimens if (c := driving_class(s)))
    grade = table.grade(imaging.category)
    return residual(tissue, imaging.risk, grade.likelihood if grade else None, table) if tissue else None


def _flags(judged: Judged, imaging: Imaging, pathology: Pathology, table: Table, left: Residual | None) -> tuple[str, ...]:
    found: list[str] = []
    if left is not None and left.ceiling is not None and left.above_ceiling != "no" and is_benign(judged):
        says = "lies above" if left.above_ceiling == "yes" else "may lie above"
        rules = "; the rules alone call the pair concordant" if judged.outcome == "concordant benign" else ""
        found.append(f"the risk left after the biopsy {says} {left.ceiling:.0%}{rules}")
    found += _other_risk(judged, imaging, pathology, table)
    if judged.rule is not None and judged.rule.note:
        found.append(judged.rule.note)
    if pathology.sampling.target == "missed":
        found.append("the target was missed, as stated: the tissue says nothing of the lesion")
    found += _other_specimens(pathology)
    if judged.outcome == "discordant malignant":
        names = [t.name for t in table.terms.values() if t.may_look_benign and t.name in judged.facts.held]
        found += [f"{name} is known to look benign on the image" for name in names]
    found += _other_categories(judged, imaging, pathology, table)
    found += [f"within the imaging: {note}" for note in imaging.notes]
    found += pathology.notes
    return tuple(dict.fromkeys(found))


def _other_risk(judged: Judged, imaging: Imaging, pathology: Pathology, table: Table) -> list[str]:
    """The risk left by the published range of the category, where the probability given lies outside it."""
    grade, risk = table.grade(imaging.category), imaging.risk
    if grade is None or grade.likelihood is None or risk is None or grade.likelihood[0] <= risk.value <= grade.likelihood[1]:
        return []
    low, high = grade.likelihood
    told = (
        f"the probability {risk.value:.2g} lies outside the published range of category {imaging.category} ({low:g} to {high:g})"
    )
    other = _residual(judged, imaging.model_copy(update={"risk": None}), pathology, table)
    if other is None or other.method != "bayes":
        return [told]
    return [f"{told}, by which the risk left would be {100 * other.low:.1f} to {100 * other.high:.1f} %"]


def _other_specimens(pathology: Pathology) -> list[str]:
    """Which specimen drives, where there are several with different classes."""
    classes: dict[str, Tissue] = {s.label or "unlabelled": c for s in pathology.specimens if (c := driving_class(s)) is not None}
    driving = worst(classes.values())
    if len(set(classes.values())) < 2:
        return []
    drives = ", ".join(label for label, c in classes.items() if c == driving)
    others = ", ".join(f"{label} ({c})" for label, c in classes.items() if c != driving)
    return [f"specimen {drives} ({driving}) drives; beside it: {others}. Is each from this lesion?"]


def _other_categories(judged: Judged, imaging: Imaging, pathology: Pathology, table: Table) -> list[str]:
    """Outcomes that another category of the imaging's own confidence set would give."""
    found: list[str] = []
    for category in imaging.confidence_set:
        if imaging.category is None or category == imaging.category:
            continue
        other = judge(imaging.model_copy(update={"category": category}), pathology, table)
        if other.open_outcomes != judged.open_outcomes:
            found.append(
                f"category {category} is within the confidence set of the image too; it would make the pair "
                f"{' or '.join(other.open_outcomes) or 'undecided'}"
            )
    return found


def _derivation(stated: str, judged: Judged, imaging: Imaging, pathology: Pathology, table: Table) -> Step:
    steps = [_imaging_step(judged, imaging, table), _pathology_step(judged, pathology)]
    if is_benign(judged) and table.expectations:
        steps.append(_fit_step(judged, pathology, table))
    for rule in table.rules:
        truth = truth_of(rule.when, judged.facts)
        steps.append(
            Step(
                claim=f"{rule.id}: {rule.claim}: {rule.outcome}",
                truth=truth,
                citation=rule.citation.text,
                verified=rule.citation.verified,
                ground="published",
                because=(step_of(rule.when, judged.facts),) if truth is not Truth.NOT_MET else (),
            )
        )
        if truth is Truth.MET:
            break
    decided = judged.outcome is not None
    return Step(claim=stated, truth=Truth.MET if decided else Truth.UNKNOWN, because=tuple(steps), ground="logic")


def _imaging_step(judged: Judged, imaging: Imaging, table: Table) -> Step:
    looks = tuple(
        Step(
            claim=p.claim,
            truth=judged.phenotypes[p.name],
            citation=p.citation.text,
            verified=p.citation.verified,
            ground="published",
            because=step_of(p.when, judged.facts).because if judged.phenotypes[p.name] is not Truth.NOT_MET else (),
        )
        for p in table.phenotypes.values()
        if is_examined(p, judged, table)
    )
    level = " or ".join(sorted(judged.facts.states["suspicion"], key=LEVELS.index))
    claim = f"imaging, by {imaging.by.name}: {imaging.statement} Level of suspicion: {level if imaging.category else 'unknown'}"
    return Step(claim=claim, truth=Truth.MET if imaging.category else Truth.UNKNOWN, because=looks, ground="observed")


def _pathology_step(judged: Judged, pathology: Pathology) -> Step:
    told = tuple(step for s in pathology.specimens for step in _mention_steps(s))
    possible = judged.facts.states["tissue"]
    tissue = next(iter(possible)) if len(possible) == 1 else f"open ({judged.facts.seen['tissue']})"
    claim = f"pathology, by {pathology.by.name}: tissue {tissue}"
    return Step(claim=claim, truth=Truth.MET if len(possible) == 1 else Truth.UNKNOWN, because=told, ground="observed")


def _mention_steps(specimen: Specimen) -> list[Step]:
    label = f"specimen {specimen.label}: " if specimen.label else ""
    found: list[Step] = []
    for m in specimen.mentions:
        called = f"{m.term} ({m.tissue}, {m.status})" if m.term else f"{m.words!r}: not in the table"
        truth = Truth.UNKNOWN if m.term is None or m.status == "uncertain" else Truth.MET if weight_of(m) else Truth.NOT_MET
        found.append(Step(claim=f"{label}{called}: “{m.quote}”", truth=truth, ground="observed"))
    if specimen.stated_class:
        found.append(Step(claim=f"{label}class stated: {specimen.stated_class}", truth=Truth.MET, ground="observed"))
    return found


def _fit_step(judged: Judged, pathology: Pathology, table: Table) -> Step:
    """What the table expects of each phenotype that is met or may be."""
    levels = sorted(judged.facts.states["suspicion"], key=LEVELS.index)
    history = frozenset[str](pathology.history)
    parts: list[Step] = []
    for e in table.expectations:
        if judged.phenotypes[e.phenotype] is Truth.NOT_MET:
            continue
        told = [
            f"{d}: {' or '.join(dict.fromkeys(fit_of(e, d, level, history) for level in levels))}"
            for s in pathology.specimens
            for d in benign_diagnoses(s)
        ] or ["no benign diagnosis is named"]
        parts.append(
            Step(
                claim=f"{e.phenotype}: {'; '.join(told)}{f' ({e.note})' if e.note else ''}",
                truth=judged.phenotypes[e.phenotype],
                citation=e.citation.text,
                verified=e.citation.verified,
                ground="published",
            )
        )
    unknown = [w for s in pathology.specimens for w in unknown_words(s)]
    settled = len(judged.facts.states["fit"]) == 1 and not unknown
    claim = f"does the diagnosis account for the image: {judged.facts.seen['fit']}"
    return Step(claim=claim, truth=Truth.MET if settled else Truth.UNKNOWN, because=tuple(parts), ground="logic")
