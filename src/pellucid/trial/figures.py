"""How right a model is, and how sure: figures and plots of its probabilities on labelled cases, each with its interval."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.audit import agreement, utility
from pellucid.audit.interval import bootstrap
from pellucid.record import Measured
from pellucid.record.accountability import Figure, Plot, Series

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
SEED = 20261125
BINS = 8
LEAST_IN_BIN = 5
ANSWERED = 0.8
"""Share of cases answered at which the selective risk is given."""
COVERAGES = tuple(round(0.1 * k, 1) for k in range(2, 11))


def measured(
    measure: Callable[..., float],
    arrays: Sequence[NDArray[Any]],
    patients: NDArray[Any],
    reason: str = "not defined for these cases",
) -> Measured:
    """A measure of arrays (n, …) with its 95 % interval over patients (n,)."""
    if len(arrays[0]) == 0:
        return Measured(value=None, reason="no case has a label that the card knows")
    found = bootstrap(measure, arrays, np.random.default_rng(SEED), groups=patients, reason=reason, resamples=500)
    return Measured(
        value=found.value,
        low=found.low,
        high=found.high,
        n=len(arrays[0]),
        patients=len(np.unique(patients)),
        reason=found.reason,
    )


ACT_FROM, SUREST = 0.1, 0.8
"""The probability from which one would act, and the share of the surest cases: ours."""


def utility_figures(labels: Ints, p: Floats, patients: NDArray[Any]) -> tuple[Figure, ...]:
    """What can be measured of use without people: net benefit of acting on the last class, and the error of the surest cases.

    Shapes as in `class_figures`. Source of net benefit: Vickers and Elkin 2006, doi 10.1177/0272989X06295361.
    """
    last, wrong, sure = (
        (labels == p.shape[1] - 1).astype(np.int64),
        (p.argmax(axis=1) != labels).astype(np.float64),
        p.max(axis=1),
    )

    def gain(y: Ints, score: Floats) -> float:
        return utility.net_benefit_gain(y, score, ACT_FROM)

    def risk(w: Floats, s: Floats) -> float:
        return utility.risk_at(w, s, SUREST)

    return (
        Figure(
            name=f"Net benefit gained, acting from {ACT_FROM:.0%}",
            said="True positives less false ones at that exchange, per case, over the better of acting always and never.",
            measured=measured(gain, (last, p[:, -1]), patients, "only one class is among the labels"),
            baseline=0.0,
            baseline_name="acting always or never",
        ),
        Figure(
            name=f"Error among the surest {SUREST:.0%}",
            said="Share answered wrongly where it is surest: what leaving out the others would buy.",
            measured=measured(risk, (wrong, sure), patients),
            baseline=float(wrong.mean()) if len(wrong) else None,
            baseline_name="error on all",
        ),
    )


def class_figures(labels: Ints, p: Floats, patients: NDArray[Any]) -> tuple[Figure, ...]:
    """How right: AUROC and balanced accuracy beside what always giving the commonest answer reaches.

    Shapes: labels (n,) from 0, all recorded; p (n, C); patients (n,).
    """
    one = "only one class is among the labels"
    said = p.argmax(axis=1) if len(p) else labels
    majority = float(np.bincount(labels).max() / len(labels)) if len(labels) else None
    return (
        Figure(
            name="AUROC",
            said="Chance that a case of the class is ranked above one that is not; 0.5 is guessing.",
            measured=measured(agreement.auroc, (labels, p), patients, one),
            baseline=0.5,
            baseline_name="guessing",
        ),
        Figure(
            name="Balanced accuracy",
            said="Share of each class that is recognised, averaged over the classes.",
            measured=measured(agreement.balanced_accuracy, (labels, said), patients, one),
            baseline=1.0 / max(1, len(np.unique(labels))),
            baseline_name="always the commonest",
        ),
        Figure(
            name="Accuracy",
            said="Share of cases answered right.",
            measured=measured(agreement.accuracy, (labels, said), patients),
            baseline=majority,
            baseline_name="always the commonest",
        ),
    )


def uncertainty_figures(labels: Ints, p: Floats, patients: NDArray[Any]) -> tuple[Figure, ...]:
    """How sure, and whether it is right to be: calibration error, Brier score, error on the cases it is surest of."""
    if len(labels) == 0:
        return ()
    frequencies = np.bincount(labels, minlength=p.shape[1]) / len(labels)
    prior = np.tile(frequencies, (len(labels), 1))
    return (
        Figure(
            name="Expected calibration error",
            said="How far stated probabilities are from frequencies, on average; biased upward in small samples.",
            measured=measured(agreement.ece, (labels, p), patients),
        ),
        Figure(
            name="Brier score",
            said="Squared error of the probabilities; lower is better.",
            measured=measured(agreement.brier, (labels, p), patients),
            baseline=agreement.brier(labels, prior),
            baseline_name="always the class frequencies",
        ),
        Figure(
            name=f"Error on the surest {100 * ANSWERED:.0f} %",
            said="Share of wrong answers when the model may leave out the cases it is least sure of.",
            measured=measured(_selective(ANSWERED), (labels, p), patients),
            baseline=float((p.argmax(axis=1) != labels).mean()),
            baseline_name="error on all",
        ),
    )


def _selective(coverage: float) -> Callable[[Ints, Floats], float]:
    return lambda labels, p: selective_risk(labels, p, coverage)


def selective_risk(labels: Ints, p: Floats, coverage: float) -> float:
    """Share of wrong answers among the surest `coverage` of the cases. Source: El-Yaniv and Wiener 2010, JMLR 11:1605."""
    kept = max(1, round(coverage * len(labels)))
    surest = np.argsort(-p.max(axis=1), kind="stable")[:kept]
    return float((p[surest].argmax(axis=1) != labels[surest]).mean())


def selective_plot(labels: Ints, p: Floats, patients: NDArray[Any], title: str) -> Plot:
    """Error among the cases answered, against the share answered."""
    found = [measured(_selective(c), (labels, p), patients) for c in COVERAGES]
    whole = float((p.argmax(axis=1) != labels).mean())
    own = Series(
        name="leaving out the least sure",
        role="subject",
        x=COVERAGES,
        y=tuple(m.value or 0.0 for m in found),
        low=tuple(_bound(m.low, m) for m in found),
        high=tuple(_bound(m.high, m) for m in found),
    )
    flat = Series(name="leaving out at random", role="reference", x=(COVERAGES[0], 1.0), y=(whole, whole))
    return Plot(
        kind="selective risk", title=title, x="share of cases answered", y="share answered wrongly", curves=(own, flat),
        note="Falling to the left is better: the model knows which cases it cannot answer.",
    )  # fmt: skip


def _bound(value: float | None, found: Measured) -> float:
    return value if value is not None else found.value or 0.0


def reliability_plot(labels: Ints, p: Floats, classes: Sequence[str], title: str) -> Plot:
    """Stated probability of the last class (two classes) or of the likeliest, against how often it is true; bins of equal mass.

    Bounds are Wilson's 95 % interval of each bin's frequency.
    """
    two = p.shape[1] == 2
    stated, hit = (p[:, 1], labels == 1) if two else (p.max(axis=1), p.argmax(axis=1) == labels)
    bins = max(1, min(BINS, len(labels) // LEAST_IN_BIN))
    parts = [part for part in np.array_split(np.argsort(stated, kind="stable"), bins) if len(part)]
    bounds = [wilson(int(hit[part].sum()), len(part)) for part in parts]
    own = Series(
        name=f"stated {classes[-1]}" if two else "stated of the likeliest",
        role="subject",
        x=tuple(float(stated[part].mean()) for part in parts),
        y=tuple(float(hit[part].mean()) for part in parts),
        low=tuple(low for low, _ in bounds),
        high=tuple(high for _, high in bounds),
    )
    right = Series(name="stated = true", role="reference", x=(0.0, 1.0), y=(0.0, 1.0))
    note = f"{len(labels)} cases in {len(parts)} groups of equal size; lines, 95 % interval."
    return Plot(kind="reliability", title=title, x="stated probability", y="how often it is so", curves=(own, right), note=note)


def wilson(hits: int, n: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Wilson's 95 % interval of a share. Source: Wilson 1927, doi 10.1080/01621459.1927.10502953."""
    share, scale = hits / n, 1 + z * z / n
    middle = (share + z * z / (2 * n)) / scale
    half = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / scale
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))
