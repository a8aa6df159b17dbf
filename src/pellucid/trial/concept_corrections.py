"""Intervention curves: concepts corrected by their human labels one after another, on the reader's own guideline chain."""

from collections.abc import Callable, Sequence

import numpy as np

from pellucid.audit.concept_intervention import area, curve, filled, gain, informed_order
from pellucid.audit.interval import resample
from pellucid.record import Assessment, Curve, Line
from pellucid.train.labels import NOT_RECORDED
from pellucid.trial.concept_cases import RESAMPLES, Floats, Gathered, Progress, missing
from pellucid.trial.concept_chain import answer, correctable, settles, with_labels
from pellucid.trial.concept_lines import FEW, line

ORDERS = 2
"""Random orders a case, averaged."""
Choose = Callable[[Assessment | None, Sequence[str]], str]


def correction_curves(gathered: Gathered, progress: Progress | None) -> tuple[list[Curve], list[Line]]:
    """For every question with an outcome: accuracy after 0, 1, … corrections in random and in informed order; what was gained."""
    curves: list[Curve] = []
    lines: list[Line] = []
    for question in gathered.card.questions:
        outcome = gathered.outcomes.get(question.name, np.full(len(gathered.index), NOT_RECORDED))
        use = outcome != NOT_RECORDED
        if len(np.unique(outcome[use])) < 2 or gathered.plan.correction_cases < 1:
            asked = gathered.plan.correction_cases > 0
            why = missing("fewer than two outcomes are recorded" if asked else "left out by the plan")
            lines += [line(name, question.name, why) for name in ("gain of correcting", "informed minus random")]
            continue
        drawn = gathered.generator(10).permutation(np.flatnonzero(use))[: gathered.plan.correction_cases]
        use = np.isin(np.arange(len(use)), drawn)
        informed, random = _runs(gathered, question.name, np.flatnonzero(use).tolist(), progress)
        patients = gathered.patients[use]
        curves += [_curve(gathered, n, question.name, runs, patients) for n, runs in (("informed", informed), ("random", random))]
        whole = np.zeros((len(use), informed.shape[1], 2))
        whole[use, :, 0], whole[use, :, 1] = informed, random
        before, after = (gathered.measured(lambda x: float(x.mean()), (whole[:, at, 0],), use, FEW) for at in (0, -1))
        gained = gathered.measured(lambda x: float(gain(x).mean()), (whole[:, :, 0],), use, FEW)
        lines.append(line("gain of correcting", question.name, gained, ("before", before), ("after", after)))
        sooner = gathered.measured(lambda x: float((area(x[..., 0]) - area(x[..., 1])).mean()), (whole,), use, FEW)
        lines.append(line("informed minus random", question.name, sooner))
    return curves, lines


def _runs(gathered: Gathered, question: str, cases: Sequence[int], progress: Progress | None) -> tuple[Floats, Floats]:
    """Right or wrong after each correction, informed and random (mean of several orders), each (n, J + 1)."""
    informed: list[list[float]] = []
    random: list[list[float]] = []
    generator = gathered.generator(11)
    for done, i in enumerate(cases):
        case = _Case(gathered, question, i)
        informed.append(_run(case, lambda a, names: informed_order(settles(a), names)[0]))
        orders = [_run(case, lambda _, names: names[int(generator.integers(len(names)))]) for _ in range(ORDERS)]
        random.append(np.mean(orders, axis=0).tolist())
        if progress is not None:
            progress(f"correcting, {question}", done + 1, len(cases))
    return filled(informed), filled(random)


class _Case:
    """One case that is corrected again and again; an answer to the same corrections is given once."""

    def __init__(self, gathered: Gathered, question: str, i: int) -> None:
        self.gathered, self.question, self.i = gathered, question, i
        names = list(gathered.reader.guideline(question).questions[question].categories)
        self.truth = names[int(gathered.outcomes[question][i])]
        self.known: dict[frozenset[str], Assessment | None] = {}

    def answer(self, fixed: Sequence[str]) -> Assessment | None:
        """The answer with some concepts corrected; None where these contradict what persons have said before."""
        key = frozenset(fixed)
        if key not in self.known:
            found = with_labels(self.gathered, self.i, fixed)
            self.known[key] = answer(self.gathered, self.gathered.readings[self.i], self.question, found)
        return self.known[key]


def _run(case: _Case, choose: Choose) -> list[float]:
    """1 where the category is the outcome, else 0, before and after each correction; no answer counts as wrong.

    A correction that contradicts what persons have said before leaves the answer as it was.
    """
    left, fixed = correctable(case.gathered, case.i, case.question), list[str]()
    given = case.answer(())
    run = [float(given is not None and given.category == case.truth)]
    while left:
        chosen = choose(given, left)
        left.remove(chosen)
        fixed.append(chosen)
        given = case.answer(fixed) or given
        run.append(float(given is not None and given.category == case.truth))
    return run


def _curve(gathered: Gathered, name: str, question: str, runs: Floats, patients: np.ndarray) -> Curve:
    drawn = np.array([curve(runs[index]) for index in resample(patients, gathered.generator(12), RESAMPLES)])
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return Curve(
        name=f"{name} order",
        of=question,
        x_name="concepts corrected",
        y_name="accuracy (no answer counts as wrong)",
        x=tuple(float(k) for k in range(runs.shape[1])),
        y=tuple(curve(runs).tolist()),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        n=len(runs),
    )
