"""Accuracy, ceilings, calibration and dependence of concepts, from what was gathered: no image is looked at again."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pellucid.audit import agreement, coverage
from pellucid.audit.concept_baselines import commonest_given, inconsistent, profile_of, within_class_accuracy
from pellucid.audit.concept_dependence import Pair, dependent_share, pairwise, residuals
from pellucid.audit.concept_measures import CONCEPT_MEASURES
from pellucid.record import Beside, DependentPair, Line, Measured
from pellucid.train.labels import NOT_RECORDED
from pellucid.trial.concept_cases import Gathered, constant, judged, mean, missing

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

FEW = "fewer than two states are recorded"
LEAST_STRATUM = 10


def line(measure: str, of: str, found: Measured, *beside: tuple[str, Measured]) -> Line:
    """One line; which way is better comes from the table of measures."""
    table = CONCEPT_MEASURES[measure]
    return Line(
        measure=measure, of=of, better=table.better, measured=found, beside=tuple(Beside(name=n, measured=m) for n, m in beside)
    )


def said_category(gathered: Gathered, question: str) -> tuple[Ints, NDArray[np.float64], Bools]:
    """The answers of a question: category index (N,), -1 where none is given; probabilities (N, S); sets (N, S)."""
    names = list(gathered.reader.guideline(question).questions[question].categories)
    found = [next(a for a in r.assessments if a.question == question) for r in gathered.readings]
    said = np.array([-1 if a.category is None else names.index(a.category) for a in found])
    p = np.array([[a.probabilities[name] for name in names] for a in found])
    sets = np.array([[name in a.confidence_set for name in names] for a in found])
    return said, p, sets


def accuracy_lines(gathered: Gathered, second: Ints | None) -> list[Line]:
    """For every concept: accuracy with its baselines, AUROC, and accuracy where the class misleads."""
    found: list[Line] = []
    outcome = gathered.outcomes[gathered.card.shadow_question]
    for k, spec in enumerate(gathered.card.concepts):
        use = judged(gathered, k)
        if use.sum() == 0:
            found.append(line("concept accuracy", spec.name, missing("no case has a recorded label and a judgement")))
            continue
        label, own, other = gathered.labels[:, k], _most(gathered.soft[k]), _most(gathered.random[k])
        beside = [
            ("majority", _of(gathered, label, commonest_given(np.zeros(int(use.sum())), label[use]), use)),
            *_class_alone(gathered, label, outcome, use),
            ("second annotator", _human(gathered, k, second)),
            ("names permuted", _permuted(gathered, k)),
            ("untrained heads", gathered.measured(agreement.accuracy, (label, other), use, FEW)),
        ]
        found.append(line("concept accuracy", spec.name, gathered.measured(agreement.accuracy, (label, own), use, FEW), *beside))
        found.append(
            line(
                "concept AUROC",
                spec.name,
                gathered.measured(agreement.auroc, (label, gathered.soft[k]), use, FEW),
                ("untrained heads", gathered.measured(agreement.auroc, (label, gathered.random[k]), use, FEW)),
                ("chance", constant(0.5)),
            )
        )
        found.append(_misled(gathered, spec.name, label, own, use & (outcome != NOT_RECORDED)))
    return found


def _most(probabilities: NDArray[np.float64]) -> Ints:
    """The most probable state (N,); 0 where nothing was judged."""
    return np.where(np.isfinite(probabilities), probabilities, -1.0).argmax(axis=1)


def _of(gathered: Gathered, labels: Ints, predicted: Ints, use: Bools) -> Measured:
    """Accuracy of predictions that were made for the cases in use only."""
    whole = np.zeros(len(labels), dtype=np.int64)
    whole[use] = predicted
    return gathered.measured(agreement.accuracy, (labels, whole), use, FEW)


def _class_alone(gathered: Gathered, label: Ints, outcome: Ints, use: Bools) -> list[tuple[str, Measured]]:
    known = use & (outcome != NOT_RECORDED)
    if not known.any():
        none = missing("the class is not recorded")
        return [("class alone", none), ("class alone, held out", none)]
    inside, out = (commonest_given(outcome[known], label[known], f) for f in (None, gathered.folds[known]))
    return [
        ("class alone", _of(gathered, label, inside, known)),
        ("class alone, held out", _of(gathered, label, out, known)),
    ]


def _human(gathered: Gathered, k: int, second: Ints | None) -> Measured:
    """How often a second annotator gives the first one's label."""
    spec, label = gathered.card.concepts[k], gathered.labels[:, k]
    if second is None:
        told = constant(spec.human) if spec.human is not None else missing("no second annotator is given")
        return told
    return gathered.measured(
        agreement.accuracy, (label, second[:, k]), (label >= 0) & (second[:, k] >= 0), "nobody annotated twice"
    )


def _permuted(gathered: Gathered, k: int) -> Measured:
    """Accuracy when the label is held against the outputs of the next concept with the same states."""
    other = partner(gathered, k)
    if other is None:
        return missing("no other concept has the same states")
    use = judged(gathered, k) & np.isfinite(gathered.soft[other]).all(axis=1)
    return gathered.measured(agreement.accuracy, (gathered.labels[:, k], _most(gathered.soft[other])), use, FEW)


def partner(gathered: Gathered, k: int) -> int | None:
    """The next concept (around the end) with the same states as concept k; None where there is none."""
    concepts = gathered.card.concepts
    same = [j for j, spec in enumerate(concepts) if spec.states == concepts[k].states]
    return same[(same.index(k) + 1) % len(same)] if len(same) > 1 else None


def _misled(gathered: Gathered, name: str, label: Ints, own: Ints, use: Bools) -> Line:
    if not use.any():
        return line("accuracy where the class misleads", name, missing("the class is not recorded"))
    outcome = gathered.outcomes[gathered.card.shadow_question]
    reason = "the class decides the label in every case"
    found = gathered.measured(within_class_accuracy, (label, own, outcome), use, reason)
    return line("accuracy where the class misleads", name, found, ("class alone", constant(0.0)))


def ceiling_lines(gathered: Gathered, from_labels: dict[str, Ints]) -> list[Line]:
    """For every question: what hard concepts could give at most; and the answer's accuracy beside that, the rules on the human
    labels (`from_labels`, -1 where they give none) and the majority."""
    found: list[Line] = []
    for question in gathered.card.questions:
        outcome = gathered.outcomes.get(question.name, np.full(len(gathered.index), NOT_RECORDED))
        use = outcome != NOT_RECORDED
        if len(np.unique(outcome[use])) < 2:
            found.append(line("ceiling", question.name, missing("fewer than two outcomes are recorded")))
            continue
        profiles, table = profile_of(gathered.labels[use]), gathered.labels[use]
        top = _of(gathered, outcome, commonest_given(profiles, outcome[use]), use)
        out = _of(gathered, outcome, commonest_given(profiles, outcome[use], gathered.folds[use]), use)
        most = _of(gathered, outcome, commonest_given(np.zeros(len(profiles)), outcome[use]), use)
        count, mixed, inside = inconsistent(table, outcome[use])
        found.append(
            line(
                "ceiling",
                question.name,
                top,
                ("the same held out", out),
                ("majority", most),
                ("profiles", constant(count)),
                ("profiles with several outcomes", constant(mixed)),
                ("cases in those", constant(inside)),
            )
        )
        said, _, _ = said_category(gathered, question.name)
        own, rules = (gathered.measured(mean, (x == outcome,), use, FEW) for x in (said, from_labels[question.name]))
        found.append(
            line("answer accuracy", question.name, own, ("rules on human labels", rules), ("ceiling", top), ("majority", most))
        )
    return found


def calibration_lines(gathered: Gathered) -> list[Line]:
    """ECE of every concept and answer; coverage of the sets, and of the sets of each size."""
    found: list[Line] = []
    for k, spec in enumerate(gathered.card.concepts):
        ece = gathered.measured(agreement.ece, (gathered.labels[:, k], gathered.soft[k]), judged(gathered, k), FEW)
        found.append(line("concept ECE", spec.name, ece))
    for question in gathered.card.questions:
        outcome = gathered.outcomes.get(question.name, np.full(len(gathered.index), NOT_RECORDED))
        use = outcome != NOT_RECORDED
        _, p, sets = said_category(gathered, question.name)
        promised = ("promised", constant(question.coverage))
        found.append(line("answer ECE", question.name, gathered.measured(agreement.ece, (outcome, p), use, FEW)))
        found.append(line("coverage", question.name, gathered.measured(coverage.coverage, (outcome, sets), use, FEW), promised))
        size = sets.sum(axis=1)
        for held in np.unique(size[use]).tolist():
            inside = use & (size == held)
            few = missing(f"{int(inside.sum())} cases, fewer than {LEAST_STRATUM}")
            share = gathered.measured(coverage.coverage, (outcome, sets), inside, FEW)
            name = f"{question.name}, sets of {held}"
            found.append(line("coverage of a size", name, share if inside.sum() >= LEAST_STRATUM else few, promised))
    return found


def dependence_lines(gathered: Gathered) -> tuple[list[Line], tuple[DependentPair, ...]]:
    """Share of the pairs that are not independent given the image, and those pairs, the strongest first."""
    names = [spec.name for spec in gathered.card.concepts]
    left = []
    for k in range(len(names)):
        own = residuals(gathered.labels[:, k], np.nan_to_num(gathered.soft[k]))
        own[~judged(gathered, k)] = np.nan
        left.append(own)
    pairs = pairwise(left, gathered.generator(7))
    share = dependent_share(pairs)
    found = missing("no pair has enough cases") if np.isnan(share) else constant(share, len(pairs))
    kept = sorted((p for p in pairs if p.p_corrected <= 0.05), key=lambda p: -abs(p.correlation))
    return [line("dependent pairs", "all pairs", found, ("level of the test", constant(0.05)))], _named(kept, names)


def _named(pairs: Sequence[Pair], names: Sequence[str]) -> tuple[DependentPair, ...]:
    return tuple(
        DependentPair(
            first=names[p.first],
            second=names[p.second],
            n=p.n,
            correlation=round(p.correlation, 4),
            p=p.p,
            p_corrected=p.p_corrected,
        )
        for p in pairs
    )
