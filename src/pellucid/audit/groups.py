"""Sites and scanners: among cases with the same label, does the prediction differ between them?"""

import numpy as np
from numpy.typing import NDArray

from pellucid.audit.effects import mean_of
from pellucid.audit.shortcut_words import group_sentence
from pellucid.errors import InputError
from pellucid.record.shortcut import GroupEffect, GroupGap, Severity
from pellucid.record.trial import Measured

Values = NDArray[np.float64]
PERMUTATIONS = 1000
LEAST_IN_GROUP = 5
LEAST_GAP = 0.05
LEVEL = 0.05


def group_effect(
    predicted: Values,
    labels: NDArray[np.bool_],
    groups: NDArray[np.str_],
    patients: NDArray[np.str_],
    generator: np.random.Generator,
    *,
    names: tuple[str, str] = ("the sites", "the finding"),
) -> GroupEffect:
    """Differences between groups (sites, scanners) of a probability (n,) among cases with the same label (n,).

    `names` are of the groups' column and of the output. Groups are permuted among patients with the same labels (a patient's
    images stay together), so the p-value allows for several images of one patient. Groups below `LEAST_IN_GROUP` cases of a
    label are left out of that label. Raises InputError where lengths differ.
    """
    if not len(predicted) == len(labels) == len(groups) == len(patients):
        raise InputError(
            f"groups: expected one prediction, label, group and patient per case, got {len(predicted)}, {len(labels)}, "
            f"{len(groups)} and {len(patients)}"
        )
    gaps = tuple(
        GroupGap(
            group=str(g),
            n=int((groups == g).sum()),
            base_rate=float(labels[groups == g].mean()),
            predicted=float(np.clip(predicted[groups == g].mean(), 0.0, 1.0)),
        )
        for g in np.unique(groups)
    )
    gap = _gap(predicted, labels, groups)
    made = GroupEffect(
        column=names[0],
        output=names[1],
        groups=gaps,
        gap_given_label=_measured(predicted, labels, groups, patients, generator),
        p_value=None if gap is None else _p_value(gap, predicted, labels, groups, (patients, generator)),
        follows_base_rate=_follows(predicted, labels, groups, patients),
        severity="none",
        sentence="-",
    )
    made = made.model_copy(update={"severity": _severity(made)})
    return made.model_copy(update={"sentence": group_sentence(made)})


def _severity(made: GroupEffect) -> Severity:
    """A shortcut where the gap is beyond chance and its lower bound large enough."""
    if made.p_value is None or made.gap_given_label.value is None:
        return "too few cases"
    certain = made.p_value < LEVEL and made.gap_given_label.value > LEAST_GAP
    return "suspicion" if certain else "none"


def _means(predicted: Values, labels: NDArray[np.bool_], groups: NDArray[np.str_]) -> list[list[float]]:
    """Per label the mean predictions of the groups that have enough cases of it."""
    found: list[list[float]] = []
    for label in (False, True):
        inside = labels == label
        means = [
            float(predicted[inside & (groups == g)].mean())
            for g in np.unique(groups)
            if (inside & (groups == g)).sum() >= LEAST_IN_GROUP
        ]
        if len(means) >= 2:
            found.append(means)
    return found


def _gap(predicted: Values, labels: NDArray[np.bool_], groups: NDArray[np.str_]) -> float | None:
    means = _means(predicted, labels, groups)
    return float(np.mean([max(m) - min(m) for m in means])) if means else None


def _measured(
    predicted: Values,
    labels: NDArray[np.bool_],
    groups: NDArray[np.str_],
    patients: NDArray[np.str_],
    generator: np.random.Generator,
) -> Measured:
    """The gap; its interval by resampling patients within their groups, of the two groups that lie farthest apart."""
    gap = _gap(predicted, labels, groups)
    if gap is None:
        return Measured(value=None, reason=f"fewer than two groups with {LEAST_IN_GROUP} cases of one label")
    centred = predicted - np.array([predicted[labels == label].mean() for label in labels])
    by_group = {g: float(centred[groups == g].mean()) for g in np.unique(groups) if (groups == g).sum() >= LEAST_IN_GROUP}
    low, high = min(by_group, key=by_group.__getitem__), max(by_group, key=by_group.__getitem__)
    ends = [mean_of(centred[groups == g], patients[groups == g], 0.95, generator) for g in (low, high)]
    if any(e.low is None for e in ends) or low == high:
        return Measured(value=gap, n=len(predicted), patients=len(np.unique(patients)), reason="no interval: too few patients")
    width = sum((((e.high or 0.0) - (e.low or 0.0)) / 2) ** 2 for e in ends) ** 0.5
    return Measured(value=gap, low=max(0.0, gap - width), high=gap + width, n=len(predicted), patients=len(np.unique(patients)))


def _p_value(
    gap: float,
    predicted: Values,
    labels: NDArray[np.bool_],
    groups: NDArray[np.str_],
    cluster: tuple[NDArray[np.str_], np.random.Generator],
) -> float:
    """Share of permutations with a gap at least as large (one added above and below: Phipson and Smyth 2010)."""
    patients, generator = cluster
    names, first, which = np.unique(patients, return_index=True, return_inverse=True)
    own, label = groups[first], np.array([labels[which == i].mean() for i in range(len(names))])
    worse = 0
    for _ in range(PERMUTATIONS):
        shuffled = own.copy()
        for value in np.unique(label):
            inside = np.flatnonzero(label == value)
            shuffled[inside] = own[generator.permutation(inside)]
        other = _gap(predicted, labels, shuffled[which])
        worse += other is not None and other >= gap
    return (worse + 1) / (PERMUTATIONS + 1)


def _follows(predicted: Values, labels: NDArray[np.bool_], groups: NDArray[np.str_], patients: NDArray[np.str_]) -> Measured:
    """Whether groups with more of the finding get higher predictions than their labels explain."""
    rates: list[float] = []
    extra: list[float] = []
    for g in np.unique(groups):
        inside = groups == g
        if inside.sum() >= LEAST_IN_GROUP:
            rates.append(float(labels[inside].mean()))
            expected = np.array([predicted[labels == label].mean() for label in labels[inside]])
            extra.append(float((predicted[inside] - expected).mean()))
    if len(rates) < 3 or np.ptp(rates) == 0 or np.ptp(extra) == 0:
        return Measured(value=None, reason="fewer than three groups with different base rates")
    ranks = [np.argsort(np.argsort(np.array(v))).astype(float) for v in (rates, extra)]
    value = float(np.corrcoef(ranks[0], ranks[1])[0, 1])
    return Measured(value=value, n=len(predicted), patients=len(np.unique(patients)), reason="over few groups: no interval")
