"""Clinical utility of a reader's answers as far as it can be measured without people: declining, acting, next steps."""

from collections import Counter

import numpy as np

from pellucid.audit.utility import aurc, decision_curve, net_benefit_gain, risk_at, step_agreement
from pellucid.record import Assessment, Curve, Line
from pellucid.train.labels import NOT_RECORDED
from pellucid.trial.concept_cases import Gathered, constant, mean, missing
from pellucid.trial.concept_lines import line, said_category

THRESHOLDS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
"""0.02: above it BI-RADS advises tissue diagnosis (category 4 begins); the rest cover what persons may act on."""
SHOWN = (0.05, 0.1, 0.2)


def utility_lines(gathered: Gathered, question: str, reference: list[Assessment | None]) -> tuple[list[Line], list[Curve]]:
    """Selective risk, next steps against those from the human labels, and for questions of two answers net benefit."""
    outcome = gathered.outcomes.get(question, np.full(len(gathered.index), NOT_RECORDED))
    use = outcome != NOT_RECORDED
    lines = [_steps(gathered, question, reference)]
    if len(np.unique(outcome[use])) < 2:
        return [*lines, line("AURC", question, missing("fewer than two outcomes are recorded"))], []
    _, p, _ = said_category(gathered, question)
    wrong, sure = (p.argmax(axis=1) != outcome).astype(np.float64), p.max(axis=1)
    error = gathered.measured(mean, (wrong,), use, "no case")
    best = gathered.measured(lambda w: aurc(w, -w), (wrong,), use, "no case")
    area = gathered.measured(aurc, (wrong, sure), use, "no case")
    lines.append(line("AURC", question, area, ("error of all", error), ("best order", best)))
    for share in (0.8, 0.9):
        at = gathered.measured(lambda w, s, share=share: risk_at(w, s, share), (wrong, sure), use, "no case")
        lines.append(line(f"risk at {100 * share:.0f} % coverage", question, at, ("error of all", error)))
    if p.shape[1] != 2:
        return lines, []
    for t in SHOWN:
        gained = gathered.measured(lambda y, q, t=t: net_benefit_gain(y, q, t), (outcome, p[:, 1]), use, "no case")
        lines.append(
            line("net benefit gained", f"{question}, acting from {100 * t:.0f} %", gained, ("all or none", constant(0.0)))
        )
    return lines, _curves(question, decision_curve(outcome[use], p[use, 1], THRESHOLDS), int(use.sum()))


def _curves(question: str, rows: tuple[tuple[float, ...], ...], n: int) -> list[Curve]:
    named = ((1, "the reader"), (2, "acting always"), (3, "acting never"))
    return [
        Curve(
            name=name,
            of=question,
            x_name="probability from which one acts",
            y_name="net benefit",
            x=tuple(r[0] for r in rows),
            y=tuple(r[at] for r in rows),
            n=n,
        )
        for at, name in named
    ]


def _steps(gathered: Gathered, question: str, reference: list[Assessment | None]) -> Line:
    """The next step beside the one that follows from the human labels, where those give a category."""
    own = [next(a for a in r.assessments if a.question == question).next_step for r in gathered.readings]
    due = [None if a is None or a.category is None else a.next_step for a in reference]
    agreed = step_agreement(own, due)
    use = np.isfinite(agreed)
    counted = Counter(step for step in due if step is not None)
    most = counted.most_common(1)[0][0] if counted else None
    always = step_agreement([most] * len(due), due)
    found = gathered.measured(mean, (agreed,), use, "the human labels give no next step")
    return line(
        "next step agreement", question, found,
        ("the commonest next step", gathered.measured(mean, (always,), use, "the human labels give no next step")),
        ("different next steps", constant(len(counted))),
    )  # fmt: skip
