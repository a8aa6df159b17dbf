"""What several observers say of one and the same thing, as one finding: the linear opinion pool.

States get the mean of the observers' probabilities; a measurement gets the mean and the standard deviation of the mixture of the
observers' normal distributions, so that what they disagree on widens it. Source: Stone 1961, doi 10.1214/aoms/1177704873.
"""

import math
from collections.abc import Sequence

from pellucid.errors import InputError
from pellucid.record import Finding, Observer

CALLED_ABOVE = 0.5
"""A state is called where more than half of the pooled probability speaks for it."""


def pool(findings: Sequence[Finding]) -> Finding:
    """One finding from those of several observers on one concept, each counting the same.

    Who could not judge is left out; where nobody could, the pool is unknown and tells each reason once. Raises InputError for no
    finding at all, or findings on different concepts, states or units.
    """
    if not findings:
        raise InputError("pool: expected one finding or more, got none")
    first = findings[0]
    for other in findings[1:]:
        for what in ("concept", "states", "unit"):
            if getattr(other, what) != getattr(first, what):
                got = f"{getattr(first, what)} and {getattr(other, what)}"
                raise InputError(f"pool: expected findings of one {what}, got {got}; pool each apart")
    judged = [finding for finding in findings if finding.unknown_because is None]
    observer = _together(judged or findings)
    if not judged:
        why = "; ".join(dict.fromkeys(finding.unknown_because or "" for finding in findings))
        return Finding(concept=first.concept, observer=observer, states=first.states, unit=first.unit, unknown_because=why)
    if first.states is None:
        value, sd = _mixture([(finding.value or 0.0, finding.sd or 0.0) for finding in judged])
        return Finding(concept=first.concept, observer=observer, unit=first.unit, value=value, sd=sd)
    given = [finding.probabilities or () for finding in judged]
    shares = tuple(sum(column) / len(judged) for column in zip(*given, strict=True))
    called = [state for state, share in zip(first.states, shares, strict=True) if share > CALLED_ABOVE]
    return Finding(
        concept=first.concept,
        observer=observer,
        states=first.states,
        probabilities=shares,
        state=called[0] if called else None,
    )


def _together(findings: Sequence[Finding]) -> Observer:
    """All observers as one; persons only where every one of them is."""
    names = list(dict.fromkeys(finding.observer.name for finding in findings))
    persons = all(finding.observer.kind == "person" for finding in findings)
    return Observer(name=" and ".join(names), kind="person" if persons else "model")


def _mixture(measured: Sequence[tuple[float, float]]) -> tuple[float, float]:
    mean = sum(value for value, _ in measured) / len(measured)
    within = sum(sd**2 for _, sd in measured) / len(measured)
    between = sum((value - mean) ** 2 for value, _ in measured) / len(measured)
    return mean, math.sqrt(within + between)
