"""The reader's own way from findings to an answer, with findings changed: hardened, corrected, deleted, or under other names."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pellucid.assess.conclude import Ask, asked_again, conclude
from pellucid.errors import PellucidError
from pellucid.knowledge.space import compile_question
from pellucid.record import Assessment, Finding, Observer, Reading
from pellucid.train.labels import NOT_RECORDED
from pellucid.trial.concept_cases import Floats, Gathered, Ints

REFERENCE = Observer(name="human label", kind="person")
Findings = tuple[Finding, ...]


def asked(gathered: Gathered, reading: Reading, question: str) -> Ask:
    """The question as the reading put it."""
    given = next(a for a in reading.assessments if a.question == question)
    return asked_again(gathered.reader.guideline(question), given)


def answer(gathered: Gathered, reading: Reading, question: str, findings: Findings) -> Assessment | None:
    """The assessment of a question on other findings; None where they cannot all be so."""
    try:
        return conclude(asked(gathered, reading, question), findings, reading.provenance.signals)
    except PellucidError:
        return None


def corrected(finding: Finding, state: int) -> Finding:
    """The finding as the human label has it: certain, by a person."""
    states = finding.states or ()
    return Finding(
        concept=finding.concept,
        observer=REFERENCE,
        states=states,
        probabilities=tuple(float(k == state) for k in range(len(states))),
        state=states[state],
        region=finding.region,
    )


def with_labels(gathered: Gathered, i: int, names: Sequence[str] | None = None) -> Findings:
    """The findings of case i with the recorded labels of some concepts (all where not given) in the place of the reader's."""
    label = {spec.name: int(gathered.labels[i, k]) for k, spec in enumerate(gathered.card.concepts)}
    return tuple(
        corrected(f, label[f.concept])
        if label.get(f.concept, NOT_RECORDED) != NOT_RECORDED and (names is None or f.concept in names)
        else f
        for f in gathered.readings[i].findings
    )


def hardened(gathered: Gathered, i: int) -> Findings:
    """The findings of case i as their most probable states, for certain: nothing soft is left."""
    return tuple(_hard(f) for f in gathered.readings[i].findings)


def _hard(finding: Finding) -> Finding:
    if finding.probabilities is None or finding.states is None:
        return finding
    best = int(np.argmax(finding.probabilities))
    certain = tuple(float(k == best) for k in range(len(finding.states)))
    return finding.model_copy(update={"probabilities": certain, "state": finding.states[best]})


def removed(findings: Findings, names: Sequence[str] | None = None) -> Findings:
    """Some findings (all where not given) set to unknown."""
    return tuple(_unknown(f) if names is None or f.concept in names else f for f in findings)


def _unknown(finding: Finding) -> Finding:
    if finding.unknown_because is not None:
        return finding
    return Finding(
        concept=finding.concept,
        observer=finding.observer,
        states=finding.states,
        unit=finding.unit,
        unknown_because="removed for the audit",
    )


def exchanged(gathered: Gathered, question: str) -> dict[str, str]:
    """Whose finding each concept gets when names are exchanged: that of the next one with its states, of those that bear on the
    question."""
    used = used_by(gathered, question)
    concepts = [spec for spec in gathered.card.concepts if spec.name in used]
    found: dict[str, str] = {}
    for states in {spec.states for spec in concepts}:
        same = [spec.name for spec in concepts if spec.states == states]
        found |= dict(zip(same, [*same[1:], same[0]], strict=True)) if len(same) > 1 else {}
    return found


def renamed(gathered: Gathered, i: int, other: Mapping[str, str]) -> Findings:
    """The findings of case i under each other's names."""
    found = {f.concept: f for f in gathered.readings[i].findings}
    return tuple(found[other[name]].model_copy(update={"concept": name}) if name in other else f for name, f in found.items())


def probabilities(gathered: Gathered, question: str, change: Callable[[int], Findings]) -> Floats:
    """The probabilities of the categories (N, S) of every case with its findings changed; rows of NaN where they cannot be so."""
    names = list(gathered.reader.guideline(question).questions[question].categories)
    rows = [answer(gathered, r, question, change(i)) for i, r in enumerate(gathered.readings)]
    return np.array([[a.probabilities[n] for n in names] if a else [np.nan] * len(names) for a in rows])


def categories_on_labels(gathered: Gathered, question: str) -> tuple[Ints, list[Assessment | None]]:
    """What the rules give on the human labels: the category of every case (N,), -1 where none, and the assessments."""
    names = list(gathered.reader.guideline(question).questions[question].categories)
    found = [answer(gathered, r, question, with_labels(gathered, i)) for i, r in enumerate(gathered.readings)]
    return np.array([-1 if a is None or a.category is None else names.index(a.category) for a in found]), found


def used_by(gathered: Gathered, question: str) -> frozenset[str]:
    """The concepts that bear on a question."""
    return frozenset(axis.name for axis in compile_question(gathered.reader.guideline(question), question).axes)


def correctable(gathered: Gathered, i: int, question: str) -> list[str]:
    """The concepts of case i that have a label and bear on the question."""
    used = used_by(gathered, question)
    return [
        spec.name for k, spec in enumerate(gathered.card.concepts) if gathered.labels[i, k] != NOT_RECORDED and spec.name in used
    ]


def settles(assessment: Assessment | None) -> Mapping[str, float]:
    """By how many bits confirming each concept would settle the answer."""
    return {item.concept: item.bits for item in assessment.look_again} if assessment else {}


def no_probability(rows: Floats) -> NDArray[np.bool_]:
    """Rows for which there is none."""
    return np.isnan(rows).any(axis=-1).reshape(-1)
