"""Is the answer of use: when it may decline, when a decision hangs on it, and when a next step follows from it.

Common shapes: `wrong` (n,) booleans or losses; `confidence` (n,), higher is surer; `labels` (n,) 0 or 1; `probabilities` (n,) of
label 1. A threshold is the probability from which a person would act.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.errors import InputError

Floats = NDArray[np.float64]


def risk_coverage(wrong: ArrayLike, confidence: ArrayLike) -> tuple[Floats, Floats]:
    """(Coverage, risk), each (n,): the mean loss of the surest 1, 2, … n cases; cases equally sure share their mean loss.

    Source: El-Yaniv and Wiener 2010, JMLR 11:1605.
    """
    loss, sure = np.asarray(wrong, dtype=np.float64), np.asarray(confidence, dtype=np.float64)
    if loss.shape != sure.shape or loss.ndim != 1 or len(loss) == 0 or not np.isfinite(sure).all():
        raise InputError(f"risk: expected losses (n,) and finite confidences (n,), got shapes {loss.shape} and {sure.shape}")
    _, which = np.unique(-sure, return_inverse=True)
    which = which.reshape(-1)
    mean = np.bincount(which, loss) / np.bincount(which)
    ranked = mean[np.sort(which)]
    count = np.arange(1, len(loss) + 1)
    return count / len(loss), np.cumsum(ranked) / count


def aurc(wrong: ArrayLike, confidence: ArrayLike) -> float:
    """Area under the risk-coverage curve: mean risk over all coverages; lower is better.

    Source: Geifman et al. 2019, arXiv 1805.08206. A confidence that knows nothing gives the plain error rate.
    """
    return float(risk_coverage(wrong, confidence)[1].mean())


def excess_aurc(wrong: ArrayLike, confidence: ArrayLike) -> float:
    """AURC minus that of the best ordering of the same losses; 0 is perfect."""
    loss = np.asarray(wrong, dtype=np.float64)
    return aurc(loss, confidence) - aurc(loss, -loss)


def risk_at(wrong: ArrayLike, confidence: ArrayLike, coverage: float) -> float:
    """The mean loss of the surest share `coverage` of the cases (the next whole case up)."""
    if not 0 < coverage <= 1:
        raise InputError(f"risk: expected a coverage above 0 and at most 1, got {coverage}")
    _, risk = risk_coverage(wrong, confidence)
    return float(risk[int(np.ceil(coverage * len(risk) - 1e-9)) - 1])


def net_benefit(labels: ArrayLike, probabilities: ArrayLike, threshold: float) -> float:
    """True positives minus false positives, these at the odds of the threshold, per case.

    Source: Vickers and Elkin 2006, doi 10.1177/0272989X06295361.
    """
    y, p = np.asarray(labels).astype(np.int64), np.asarray(probabilities, dtype=np.float64)
    if not 0 < threshold < 1 or y.shape != p.shape or len(y) == 0:
        raise InputError(f"net benefit: expected labels and probabilities (n,) and 0 < threshold < 1, got {y.shape}, {threshold}")
    act = p >= threshold
    return float((act & (y == 1)).mean() - (act & (y == 0)).mean() * threshold / (1 - threshold))


def net_benefit_all(labels: ArrayLike, threshold: float) -> float:
    """The net benefit of acting in every case."""
    return net_benefit(labels, np.ones(len(np.asarray(labels))), threshold)


def net_benefit_none(labels: ArrayLike, threshold: float) -> float:
    """The net benefit of never acting: 0."""
    return net_benefit(labels, np.zeros(len(np.asarray(labels))), threshold)


def net_benefit_gain(labels: ArrayLike, probabilities: ArrayLike, threshold: float) -> float:
    """Net benefit over the better of acting always and acting never: what the answer is worth."""
    own = net_benefit(labels, probabilities, threshold)
    return own - max(net_benefit_all(labels, threshold), net_benefit_none(labels, threshold))


def decision_curve(labels: ArrayLike, probabilities: ArrayLike, thresholds: Sequence[float]) -> tuple[tuple[float, ...], ...]:
    """For each threshold (threshold, net benefit, of acting always, of acting never)."""
    return tuple(
        (t, net_benefit(labels, probabilities, t), net_benefit_all(labels, t), net_benefit_none(labels, t)) for t in thresholds
    )


def step_agreement(steps: Sequence[str | None], reference: Sequence[str | None]) -> Floats:
    """1.0 where the next step is the one that follows from the reference findings, else 0.0 (n,); NaN where the reference has
    none."""
    if len(steps) != len(reference):
        raise InputError(f"next steps: expected two lists of one length, got {len(steps)} and {len(reference)}")
    return np.array([np.nan if due is None else float(own == due) for own, due in zip(steps, reference, strict=True)])
