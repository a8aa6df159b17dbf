"""Leakage, and whether the answer hangs on the concepts and on their names at all."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pellucid.audit import agreement
from pellucid.audit.concept_baselines import commonest_given
from pellucid.audit.concept_leakage import (
    concepts_task_leakage,
    conditional_leakage,
    interconcept_leakage,
    log_odds,
    one_hot,
    shuffled_within_states,
)
from pellucid.audit.logistic import held_out_probabilities
from pellucid.record import Line, Measured
from pellucid.train.labels import NOT_RECORDED
from pellucid.trial.concept_cases import Floats, Gathered, Ints, constant, judged, mean, missing
from pellucid.trial.concept_chain import (
    exchanged,
    hardened,
    no_probability,
    probabilities,
    removed,
    renamed,
    with_labels,
)
from pellucid.trial.concept_lines import FEW, line

Bools = NDArray[np.bool_]

HALVES = 60
"""Half samples of the patients from which the interval of a nearest-neighbour score comes."""
LEAST_SHARE = 0.5
"""A concept that is recorded and judged in less than this share of the cases is left out of the leakage scores."""
LEAST_CASES = 40


def chain_lines(gathered: Gathered) -> list[Line]:
    """For every question: soft against hard findings, all findings deleted, names exchanged; all by AUROC of the answer."""
    found: list[Line] = []
    for question in gathered.card.questions:
        outcome = gathered.outcomes.get(question.name, np.full(len(gathered.index), NOT_RECORDED))
        soft = probabilities(gathered, question.name, lambda i: gathered.readings[i].findings)
        hard = probabilities(gathered, question.name, lambda i: hardened(gathered, i))
        human = probabilities(gathered, question.name, lambda i: with_labels(gathered, i))
        none = probabilities(gathered, question.name, lambda i: removed(gathered.readings[i].findings))
        names = exchanged(gathered, question.name)
        other = probabilities(gathered, question.name, lambda i, n=names: renamed(gathered, i, n))
        use = outcome != NOT_RECORDED
        for rows in (soft, hard, human, none, other):
            use = use & ~no_probability(rows)

        def area(rows: Floats, y: Ints = outcome, u: Bools = use) -> Measured:
            return gathered.measured(agreement.auroc, (y, rows), u, FEW)

        def lost(rows: Floats, y: Ints = outcome, u: Bools = use, own: Floats = soft) -> Measured:
            return gathered.measured(_difference, (y, own, rows), u, FEW)

        beside = [("AUROC, soft", area(soft)), ("AUROC, hard", area(hard)), ("AUROC, human labels", area(human))]
        found.append(line("soft minus hard", question.name, lost(hard), *beside))
        found.append(
            line("cost of deleting all concepts", question.name, lost(none), ("an answer past the concepts", constant(0.0)))
        )
        cost = lost(other) if names else missing("no two concepts that bear on the question have the same states")
        found.append(line("cost of permuting names", question.name, cost, ("names that mean nothing", constant(0.0))))
    return found


def _difference(labels: Ints, own: Floats, other: Floats) -> float:
    return agreement.auroc(labels, own) - agreement.auroc(labels, other)


def leakage_lines(gathered: Gathered) -> tuple[list[Line], list[str]]:
    """CTL, ICL, conditional leakage and the random-concept control, on the question that the shadow answers too; and notes."""
    question = gathered.card.shadow_question
    kept, use = usable(gathered)
    outcome = gathered.outcomes[question]
    if len(kept) == 0 or use.sum() < LEAST_CASES or len(np.unique(outcome[use])) < 2:
        none = missing(f"fewer than {LEAST_CASES} cases have every concept and the outcome recorded, or one outcome only")
        names = ("CTL", "ICL", "conditional leakage", "outcome from random concepts")
        return [line(name, question, none) for name in names], []
    gone = [spec.name for k, spec in enumerate(gathered.card.concepts) if k not in kept]
    soft, true, y = [gathered.soft[k][use] for k in kept], gathered.labels[use][:, kept], outcome[use]
    shuffled = shuffled_within_states(soft, true, gathered.generator(3))

    def task(part: Bools, which: list[Floats]) -> float:
        return concepts_task_leakage([s[part] for s in which], true[part], y[part], gathered.generator(4)).value

    def between(part: Bools, which: list[Floats]) -> float:
        return interconcept_leakage([s[part] for s in which], true[part], gathered.generator(4)).value

    found = [
        line(
            name,
            question,
            _halved(gathered, score, soft, use),
            ("shuffled within states", _halved(gathered, score, shuffled, use)),
        )
        for name, score in (("CTL", task), ("ICL", between))
    ]
    patients, folds = gathered.patients[use], gathered.folds[use]
    own, control = (_mean_of(gathered, conditional_leakage(s, true, y, folds), use) for s in (soft, shuffled))
    found.append(line("conditional leakage", question, own, ("shuffled within states", control)))
    found.append(_random(gathered, kept, use, y))
    notes = [f"Leakage scores leave out {', '.join(gone)}: recorded and judged in too few cases."] if gone else []
    return found, [
        *notes,
        f"Leakage scores: {int(use.sum())} cases of {len(np.unique(patients))} patients with every concept recorded.",
    ]


def usable(gathered: Gathered) -> tuple[list[int], Bools]:
    """The concepts recorded and judged in most cases, and the cases where all of them and the outcome are (N,)."""
    fine = np.stack([judged(gathered, k) for k in range(len(gathered.card.concepts))], axis=1)
    kept = [
        k for k in range(fine.shape[1]) if fine[:, k].mean() >= LEAST_SHARE and len(np.unique(gathered.labels[fine[:, k], k])) > 1
    ]
    return kept, fine[:, kept].all(axis=1) & (gathered.outcomes[gathered.card.shadow_question] != NOT_RECORDED)


def _halved(gathered: Gathered, score: Callable[[Bools, list[Floats]], float], soft: list[Floats], use: Bools) -> Measured:
    """A score with an interval from half samples of the patients: nearest neighbours do not bear cases drawn twice.

    With halves the delete-d jackknife's factor is 1: the spread over half samples is the standard error of the whole. Source:
    Shao and Wu 1989, doi 10.1214/aos/1176347263. The score is cut at 0, so the interval is.
    """
    patients = gathered.patients[use]
    names, which = np.unique(patients, return_inverse=True)
    value = score(np.ones(len(patients), dtype=np.bool_), soft)
    if not np.isfinite(value):
        return missing("the outcome or the concepts do not vary")
    generator, values = gathered.generator(5), []
    for _ in range(HALVES):
        kept = generator.permutation(len(names)) < len(names) // 2
        values.append(score(kept[which], soft))
    half = 1.96 * float(np.nanstd(values))
    return Measured(value=value, low=max(0.0, value - half), high=value + half, n=len(patients), patients=len(names))


def _mean_of(gathered: Gathered, values: Floats, use: Bools) -> Measured:
    whole = np.zeros(len(use))
    whole[use] = values
    return gathered.measured(mean, (whole,), use, FEW)


def _random(gathered: Gathered, kept: list[int], use: Bools, outcome: Ints) -> Line:
    """Held-out accuracy of the outcome by a logistic regression, from random concepts and from what it must be held against."""
    sizes = [len(gathered.card.concepts[k].states) for k in kept]
    folds, labels = gathered.folds[use], gathered.labels[use][:, kept]
    soft = [gathered.soft[k][use] for k in kept]
    features = {
        "untrained heads": log_odds([gathered.random[k][use] for k in kept]),
        "trained outputs": log_odds(soft),
        "hard states": one_hot(np.stack([s.argmax(axis=1) for s in soft], axis=1), sizes),
        "human labels": one_hot(labels, sizes),
    }
    right = {
        name: (held_out_probabilities(x, outcome, folds).argmax(axis=1) == outcome).astype(np.float64)
        for name, x in features.items()
    }
    right["majority"] = (commonest_given(np.zeros(len(outcome)), outcome) == outcome).astype(np.float64)
    found = {name: _mean_of(gathered, values, use) for name, values in right.items()}
    first = found.pop("untrained heads")
    return line("outcome from random concepts", gathered.card.shadow_question, first, *found.items())
