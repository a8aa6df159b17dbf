"""Shortcuts: what beside the lesion a prediction depends on, found without being told and tested on other cases.

Places are searched for on one half of the patients: windows whose removal or exchange moves the prediction, patterns that
recur in the images, the borders. On the other half each is painted over and exchanged between images with different
predictions, beside the same done elsewhere in the same images, paired by case. Answers: did it see the lesion, or the scanner?
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pellucid.audit.cases import Cases, Predict
from pellucid.audit.disturb import (
    Stage,
    Values,
    beside,
    choose_donors,
    level_shift,
    levelled_once,
    probabilities,
    removed_once,
    transplanted_once,
    usable,
)
from pellucid.audit.effects import effect, too_few
from pellucid.audit.marks import Grey, grey, look_of, recurring
from pellucid.audit.regions import (
    Region,
    at_border,
    borders,
    box_of,
    called,
    grown,
    joined,
    of_box,
    overlap,
    windows,
)
from pellucid.audit.shortcut_words import finding_sentence, whole_sentence
from pellucid.audit.surroundings import surroundings
from pellucid.errors import InputError
from pellucid.record.shortcut import GroupEffect, Look, PlaceEffect, Severity, ShortcutAudit, ShortcutFinding

FoundBy = Literal["recurs in the images", "moves the prediction", "border"]
Seen = tuple[Look, Literal["bright", "dark"] | None]
Progress = Callable[[int, int], None]
LEAST_CASES = 16
SAME_PLACE = 0.4


@dataclass(frozen=True)
class Limits:
    """How much is looked at, and from which change on a dependence matters (ours; error rates: benchmarks/known_evidence.py)."""

    searched: int = 24
    tested: int = 60
    least_change: float = 0.05
    peaks: int = 3
    peak_share: float = 0.6
    marks: int = 4


@dataclass(frozen=True)
class Candidate:
    """A place to be tested; `carriers` (n,) of all cases where a pattern recurs."""

    region: Region
    found_by: FoundBy
    carriers: NDArray[np.bool_] | None = None
    name: str | None = None

    def place(self) -> str:
        """What a person calls it."""
        return self.name or called(self.region)


def find_shortcuts(
    cases: Cases,
    predict: Predict,
    generator: np.random.Generator,
    *,
    groups: Sequence[GroupEffect] = (),
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> ShortcutAudit:
    """What a model's probabilities depend on beside the lesion.

    Args:
        cases: images (n, C, H, W) and, where recorded, lesions; `targets` are not used.
        predict: images -> probabilities (n, K).
        groups: what `audit.groups.group_effect` found for sites or scanners; it goes into the record and its verdict.
    Raises:
        InputError: volumes, or outputs that are not probabilities.
    """
    limits = limits or Limits()
    if cases.images.ndim != 4:
        raise InputError(f"shortcuts: expected images (n, C, H, W), got shape {cases.images.shape}; hand in slices")
    searched, tested = _halves(cases.patients, limits, generator)
    if len(tested) < LEAST_CASES or len(searched) < LEAST_CASES // 2:
        return _nothing(len(searched), len(tested), cases, groups, limits)
    stage = _stage(cases, predict, generator)
    pictures = grey(cases.images)
    candidates = _candidates(_within(stage, searched, generator), pictures, limits, progress)
    findings: list[ShortcutFinding] = []
    for number, candidate in enumerate(candidates):
        findings.append(_test(candidate, stage, tested, pictures, (len(candidates), limits, generator, cases)))
        if progress:
            progress(number + 1, len(candidates))
    kept = _explained(sorted((f for f in findings if _worth_telling(f)), key=lambda f: (_ORDER[f.severity], -_size(f))))
    part, who = _within(stage, tested, generator), cases.patients[tested]
    around = surroundings(part, cases.masks, tested, who, generator, limits.least_change)
    severities: list[Severity] = ["none", *(f.severity for f in kept), *(g.severity for g in groups)]
    return ShortcutAudit(
        searched=len(searched),
        tested=len(tested),
        patients=len(np.unique(cases.patients[np.concatenate((searched, tested))])),
        findings=tuple(kept),
        surroundings=around,
        groups=tuple(groups),
        severity=min(severities, key=lambda s: _ORDER[s]),
        sentence=whole_sentence(kept, groups, around, len(tested)),
        settings=asdict(limits),
    )


_ORDER: dict[Severity, int] = {"shortcut": 0, "suspicion": 1, "none": 2, "too few cases": 3}


def _size(finding: ShortcutFinding) -> float:
    return max(finding.removed.difference.value or 0.0, finding.transplanted.difference.value or 0.0)


def _worth_telling(finding: ShortcutFinding) -> bool:
    """Dependences; and recurring marks on which nothing depends, which is good to know."""
    return finding.severity in ("shortcut", "suspicion") or finding.found_by == "recurs in the images"


def _explained(findings: Sequence[ShortcutFinding]) -> list[ShortcutFinding]:
    """Findings, strongest first, without those that lie on a stronger one, which explains them."""
    kept: list[ShortcutFinding] = []
    for finding in findings:
        if not any(_meet(finding.box, other.box) for other in kept):
            kept.append(finding)
    return kept


def _meet(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    """Whether two boxes (left, top, width, height) share a fifth of the smaller one."""
    wide = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    tall = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(wide, 0.0) * max(tall, 0.0) > 0.2 * min(one[2] * one[3], other[2] * other[3])


def _nothing(searched: int, tested: int, cases: Cases, groups: Sequence[GroupEffect], limits: Limits) -> ShortcutAudit:
    return ShortcutAudit(
        searched=searched,
        tested=tested,
        patients=len(np.unique(cases.patients)),
        findings=(),
        groups=tuple(groups),
        severity="too few cases",
        sentence=f"Too few cases to look for shortcuts: {tested} to test on, at least {LEAST_CASES} are needed.",
        settings=asdict(limits),
    )


def _halves(
    patients: NDArray[np.str_], limits: Limits, generator: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the cases to search on and to test on; no patient on both sides."""
    names = generator.permutation(np.unique(patients))
    first = np.isin(patients, names[: max(1, min(len(names) // 3, limits.searched))])
    one, other = generator.permutation(np.flatnonzero(first)), generator.permutation(np.flatnonzero(~first))
    return np.sort(one[: limits.searched]), np.sort(other[: limits.tested])


def _stage(cases: Cases, predict: Predict, generator: np.random.Generator) -> Stage:
    shape = (len(cases.images), *cases.images.shape[2:])
    lesions = np.zeros(shape, dtype=np.bool_) if cases.masks is None else grown(cases.masks)
    said = probabilities(predict, cases.images)
    return Stage(cases.images, predict, said, lesions, choose_donors(said, generator))


def _within(stage: Stage, index: NDArray[np.int64], generator: np.random.Generator) -> Stage:
    """Some cases, with donors among them."""
    return stage.part(index, choose_donors(stage.said[index], generator))


def _candidates(stage: Stage, pictures: Grey, limits: Limits, progress: Progress | None) -> list[Candidate]:
    """Places to test: recurring patterns first, then windows that move the prediction, then the borders."""
    shape = (pictures.shape[1], pictures.shape[2])
    found = [Candidate(m.region, "recurs in the images", m.carriers) for m in recurring(pictures)[: limits.marks]]
    for scores in sensitivity(stage, progress):
        found += [Candidate(r, "moves the prediction") for r in _peaks(scores, shape, limits)]
    kept: list[Candidate] = []
    for one in found:
        if all(overlap(one.region, other.region) < SAME_PLACE for other in kept):
            kept.append(one)
    return [*kept, *(Candidate(r, "border", name=name) for name, r in borders(shape).items())]


def sensitivity(stage: Stage, progress: Progress | None = None) -> tuple[Values, Values]:
    """Mean move of the prediction per window (81,), painted over and exchanged; NaN where most cases have their lesion there."""
    boxes = windows((stage.images.shape[2], stage.images.shape[3]))
    scores = np.full((2, len(boxes)), np.nan)
    for i, box in enumerate(boxes):
        region = of_box(box, (stage.images.shape[2], stage.images.shape[3]))
        fits = usable(stage, region)
        if fits.mean() >= 1 / 3:
            scores[0, i] = removed_once(stage, region)[fits].mean()
            scores[1, i] = transplanted_once(stage, region)[fits].mean()
        if progress:
            progress(i + 1, len(boxes))
    return scores[0], scores[1]


def _peaks(scores: Values, shape: tuple[int, int], limits: Limits) -> list[Region]:
    """The strongest windows above the usual, neighbours joined."""
    if np.isnan(scores).all():
        return []
    above = np.nan_to_num(scores - np.nanmedian(scores), nan=0.0)
    strong = [int(i) for i in np.argsort(-above) if above[i] > limits.least_change / 2]
    regions: list[Region] = []
    while strong and len(regions) < limits.peaks:
        near = [i for i in strong if above[i] >= limits.peak_share * above[strong[0]]]
        region = joined(near, shape)[0]
        regions.append(region)
        boxes = windows(shape)
        strong = [i for i in strong if not (of_box(boxes[i], shape) & region).any()]
    return regions


def _test(
    candidate: Candidate,
    stage: Stage,
    tested: NDArray[np.int64],
    pictures: Grey,
    run: tuple[int, Limits, np.random.Generator, Cases],
) -> ShortcutFinding:
    """One place on the cases kept for testing."""
    count, limits, generator, cases = run
    region, patients, level = candidate.region, cases.patients[tested], 1 - 0.05 / (2 * count)
    part, carry, lack = _parts(candidate, stage, tested, generator)
    removed = effect(*_of(beside(part, region, removed_once, generator), carry), patients[carry], level, generator)
    transplanted = effect(*_of(beside(part, region, transplanted_once, generator), lack), patients[lack], level, generator)
    depends = matters(removed, limits) or matters(transplanted, limits)
    look, polarity = _look(candidate, stage, pictures)
    severity: Severity = "none"
    if too_few(removed) and too_few(transplanted):
        severity = "too few cases"
    elif depends and candidate.found_by == "border":
        shift = level_shift(part, region)
        by_level = effect(*beside(part, region, partial(levelled_once, shift=shift), generator), patients, level, generator)
        if matters(by_level, limits):
            look, polarity = "brightness of the border", None
    if depends:
        severity = "shortcut" if look != "area" else "suspicion"
        severity = "none" if look == "area" and cases.masks is None and not at_border(region) else severity
    return _finding(candidate, (removed, transplanted), (look, polarity), severity)


def _parts(
    candidate: Candidate, stage: Stage, tested: NDArray[np.int64], generator: np.random.Generator
) -> tuple[Stage, NDArray[np.bool_], NDArray[np.bool_]]:
    """The cases to test on; those from which a place is removed (they carry the mark) and those that are given it (they do not).

    All for both where no mark recurs, or where too few carry it or lack it; then donors are not chosen among carriers either.
    """
    part, everyone = _within(stage, tested, generator), np.ones(len(tested), dtype=np.bool_)
    if candidate.carriers is None:
        return part, everyone, everyone
    carried, least = candidate.carriers[tested], LEAST_CASES // 2
    carry = carried if carried.sum() >= least else everyone
    if not least <= carried.sum() <= len(carried) - least:
        return part, carry, everyone
    return replace(part, donors=choose_donors(part.said, generator, carried)), carry, ~carried


def _of(pair: tuple[Values, Values], which: NDArray[np.bool_]) -> tuple[Values, Values]:
    return pair[0][which], pair[1][which]


def matters(found: PlaceEffect, limits: Limits) -> bool:
    """Whether a change beyond that elsewhere is certainly larger than the least that matters."""
    return found.difference.low is not None and found.difference.low > limits.least_change


def _look(candidate: Candidate, stage: Stage, pictures: Grey) -> Seen:
    """How the place looks where a pattern recurs in it; an area where none does."""
    if candidate.carriers is None:
        return "area", None
    return look_of(pictures[candidate.carriers], candidate.region)


def _finding(
    candidate: Candidate,
    effects: tuple[PlaceEffect, PlaceEffect],
    look: Seen,
    severity: Severity,
) -> ShortcutFinding:
    top, left, bottom, right = box_of(candidate.region)
    height, width = candidate.region.shape
    made = ShortcutFinding(
        where=candidate.place(),
        look=look[0],
        polarity=look[1],
        box=(left / width, top / height, (right - left) / width, (bottom - top) / height),
        found_by=candidate.found_by,
        carried_by=None if candidate.carriers is None else float(candidate.carriers.mean()),
        removed=effects[0],
        transplanted=effects[1],
        severity=severity,
        sentence="-",
    )
    return made.model_copy(update={"sentence": finding_sentence(made)})
