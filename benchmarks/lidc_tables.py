"""Part of lidc_readers.py: how often readers disagree, what drives it, and what other choices would change."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from lidc_data import STRATA, Boot, Pairs, Readings, pairs_of
from lidc_rules import TYPES, Floats, Ints, Mask, Rules, measured, state

from pellucid.knowledge import load_risk_model, risk
from pellucid.train.lidc import SPICULATED_FROM

Estimate = tuple[float, float, float]
BROCK = "brock-2013-spiculation"
PATIENT = {
    "sex": "male",
    "ever_smoker": "present",
    "family_history_lung_cancer": "absent",
    "emphysema": "absent",
    "upper_lobe": "absent",
    "setting": "screening",
}
"""A device: LIDC-IDRI records none of it. Radiologists were told to rate malignancy for a man of 60 who smokes."""
BROCK_LIMIT = 0.1
POSITIVE = ("3", "4A", "4B", "4X")


def opened(rules: Rules, r: Readings, **instead: Ints | Floats | Mask) -> Ints:
    """The categories that stay open for each reading, as bits; `instead` puts other descriptors in place of the reader's own."""
    own = {"kind": r.kind, "benign": r.benign, "spiculation": r.spiculation >= SPICULATED_FROM, "diameter": r.diameter}
    used = {**own, **instead}
    kind, benign, spiculation = (used[name].astype(np.int64) for name in ("kind", "benign", "spiculation"))
    return rules.open[kind, benign, spiculation, rules.cell(used["diameter"].astype(np.float64))]


def differ(a: Ints, b: Ints) -> Floats:
    """One where no category is open to both."""
    return ((a & b) == 0).astype(float)


def same(a: Ints, b: Ints) -> Floats:
    """One where both have the same single category."""
    return ((a == b) & ((a & (a - 1)) == 0)).astype(float)


@dataclass(frozen=True)
class Disagreement:
    """Of some nodules: how many, and shares with their intervals, of pairs and of whole panels of readers."""

    nodules: int
    patients: int
    pair_same: Estimate
    pair_differ: Estimate
    all_same: Estimate
    any_differ: Estimate
    any_open: Estimate


def disagreement(boot: Boot, r: Readings, bits: Ints, chosen: Mask) -> Disagreement:
    """Disagreement within the nodules of the chosen readings, each nodule counting the same."""
    pairs = pairs_of(r, chosen)
    a, b = bits[pairs.one], bits[pairs.other]
    nodule = r.nodule[pairs.one]
    size = int(r.nodule.max()) + 1
    some, every = np.zeros(size), np.ones(size)
    np.maximum.at(some, nodule, differ(a, b))
    np.minimum.at(every, nodule, same(a, b))
    present = np.unique(nodule)
    patient = np.zeros(size, np.int64)
    patient[nodule] = pairs.patient
    one = np.ones(len(present))

    def share(value: Floats) -> Estimate:
        return boot.ratio(patient[present], one, value[present])

    return Disagreement(
        nodules=len(present),
        patients=len(np.unique(pairs.patient)),
        pair_same=boot.ratio(pairs.patient, pairs.weight, same(a, b)),
        pair_differ=boot.ratio(pairs.patient, pairs.weight, differ(a, b)),
        all_same=share(every),
        any_differ=share(some),
        any_open=share(1 - some - every),
    )


def groups_of(r: Readings) -> dict[str, Mask]:
    """Nodules by how many read them and by their mean diameter, as masks over readings."""
    mean = r.consensus()[0]
    found = {f"read by {k}": r.readers == k for k in (2, 3, 4)} | {"read by two or more": r.readers > 1}
    return found | {name: (r.readers > 1) & (mean >= low) & (mean < high) for name, low, high in STRATA}


def screen_positive(boot: Boot, r: Readings, rules: Rules, chosen: Mask) -> tuple[Estimate, Estimate]:
    """Pairs, and whole panels, on both sides of the line between a negative and a positive screening examination."""
    names = list(rules.pack.questions[rules.variant.question].categories)
    bits = sum(1 << names.index(name) for name in POSITIVE)
    found = disagreement(boot, r, np.where(opened(rules, r) & bits, 2, 1), chosen)
    return found.pair_differ, found.any_differ


def kappa(boot: Boot, pairs: Pairs, answer: Ints, k: int) -> Estimate:
    """Cohen's kappa of two readers over ordered pairs; an open answer is an answer of its own.

    Source: Cohen 1960, doi 10.1177/001316446002000104.
    """
    sums = np.zeros((boot.size, k * k))
    np.add.at(sums, (pairs.patient, answer[pairs.one] * k + answer[pairs.other]), pairs.weight)

    def measure(flat: Floats) -> float:
        table = flat.reshape(k, k) / flat.sum()
        chance = float(table.sum(axis=0) @ table.sum(axis=1))
        return (float(np.trace(table)) - chance) / (1 - chance)

    return boot.many(sums, measure)


DESCRIPTORS = {
    "diameter": "diameter",
    "kind": "nodule type",
    "benign": "benign calcification or fat",
    "spiculation": "spiculation",
}


def drivers(boot: Boot, rules: Rules, r: Readings, pairs: Pairs) -> dict[str, tuple[Estimate, Estimate, Estimate]]:
    """Per descriptor: pairs that differ where it alone is the readers' own; where it alone is the consensus; and the share of the
    differing pairs that no longer differ for certain when it is the consensus."""
    mean, kind, benign = r.consensus()
    size = np.bincount(r.nodule)
    spiculated = (np.bincount(r.nodule, r.spiculation >= SPICULATED_FROM) / size > 0.5).astype(np.int64)[r.nodule]
    agreed = {"diameter": mean, "kind": kind, "benign": benign, "spiculation": spiculated}
    before = _pair_differ(opened(rules, r), pairs)
    found = {}
    for name in agreed if rules.variant.risk_by_margin else list(agreed)[:3]:
        after = _pair_differ(opened(rules, r, **{name: agreed[name]}), pairs)
        alone = _pair_differ(opened(rules, r, **{k: v for k, v in agreed.items() if k != name}), pairs)
        gone = boot.ratio(pairs.patient, pairs.weight * before, 1 - after)
        found[DESCRIPTORS[name]] = (
            boot.ratio(pairs.patient, pairs.weight, alone),
            boot.ratio(pairs.patient, pairs.weight, after),
            gone,
        )
    return found


def _pair_differ(bits: Ints, pairs: Pairs) -> Floats:
    return differ(bits[pairs.one], bits[pairs.other])


def spread(boot: Boot, r: Readings) -> dict[str, tuple[int, Estimate, Estimate, Estimate]]:
    """By size: nodules, error of one reader's mean diameter, its share of the diameter, and pairs more than 1.5 mm apart."""
    mean = r.consensus()[0]
    found = {}
    for name, low, high in (("all", 0.0, 999.0), *STRATA):
        pairs = pairs_of(r, (r.readers > 1) & (mean >= low) & (mean < high))
        gap = r.diameter[pairs.one] - r.diameter[pairs.other]
        sums = np.stack(
            [
                np.bincount(pairs.patient, pairs.weight * x, minlength=boot.size)
                for x in (gap**2 / 2, (gap / mean[pairs.one]) ** 2 / 2, np.ones(len(gap)))
            ],
            axis=1,
        ).astype(np.float64)
        error = boot.many(sums, lambda s: float(np.sqrt(s[0] / s[2])))
        relative = boot.many(sums, lambda s: float(np.sqrt(s[1] / s[2])))
        apart = boot.ratio(pairs.patient, pairs.weight, (np.abs(gap) > 1.5).astype(float))
        found[name] = (len(np.unique(r.nodule[pairs.one])), error, relative, apart)
    return found


def sensitivity(boot: Boot, rules: Mapping[str, Rules], r: Readings) -> dict[str, Disagreement]:
    """Disagreement of readers of two or more under other choices."""
    two = r.readers > 1
    all_solid = (np.bincount(r.nodule, r.kind != 0)[r.nodule] == 0) & two
    main = rules["screening"]
    drawn = replace(r, diameter=r.diameter + r.spacing)
    found = {
        "screening: as reported": disagreement(boot, r, opened(main, r), two),
        "outline as drawn, one pixel wider": disagreement(boot, r, opened(main, drawn), two),
        "diameters rounded to 0.1 mm": disagreement(boot, r, opened(main, replace(r, diameter=np.round(r.diameter, 1))), two),
        "without the first 399 cases": disagreement(boot, r, opened(main, r), two & (r.early == 0)),
        "slices of 1.5 mm or thinner": disagreement(boot, r, opened(main, r), two & (r.thickness <= 1.5)),
        "only nodules that all call solid": disagreement(boot, r, opened(main, r), all_solid),
        "texture 4 counts as solid": disagreement(boot, r, opened(main, r, kind=np.where(r.texture == 4, 0, r.kind)), two),
    }
    for limit in (2, 3, 4):
        bits = opened(rules["screening, spiculation confirmed"], r, spiculation=r.spiculation >= limit)
        found[f"spiculation from {limit} confirmed as suspicious"] = disagreement(boot, r, bits, two)
    confirmed = opened(rules["screening, spiculation confirmed"], r)
    found["the same from 3, without the first 399 cases"] = disagreement(boot, r, confirmed, two & (r.early == 0))
    chance = opened(rules["incidental"], r, kind=np.where(r.texture == 4, 0, r.kind))
    found["incidental: texture 4 counts as solid"] = disagreement(boot, r, chance, two)
    for name in ("incidental", "incidental, low risk", "incidental, one of several", "incidental, risk by the margin alone"):
        found["incidental: as reported" if name == "incidental" else name] = disagreement(boot, r, opened(rules[name], r), two)
    return found


def scales(boot: Boot, r: Readings) -> dict[str, tuple[Estimate, Estimate]]:
    """Pairs whose ratings lie three or more apart, in the first 399 cases and in the others, for four descriptors."""
    found = {}
    for name in ("spiculation", "lobulation", "texture"):
        rated = getattr(r, name)
        both = []
        for early in (1, 0):
            pairs = pairs_of(r, (r.readers > 1) & (r.early == early))
            far = np.abs(rated[pairs.one] - rated[pairs.other]) >= 3
            both.append(boot.ratio(pairs.patient, pairs.weight, far.astype(float)))
        found[name] = (both[0], both[1])
    return found


def brock(r: Readings, sd: float, spiculated_from: int = SPICULATED_FROM) -> Floats:
    """(n, 3): the model's probability at the stated values, and its 95 % interval for the error of the diameter."""
    model = load_risk_model(BROCK)
    known = {name: given.concept for name, given in model.inputs.items()}
    common = [state(known[n], v) for n, v in PATIENT.items()]
    common += [measured(known["age"], 60.0), measured(known["nodule_count"], 1.0)]
    found = np.zeros((len(r), 3))
    for i in range(len(r)):
        said = [
            state(known["nodule_type"], TYPES[r.kind[i]]),
            state(known["spiculation"], "present" if r.spiculation[i] >= spiculated_from else "absent"),
            measured(known["long_axis"], r.long_axis[i], sd),
        ]
        answer = risk(model, [*common, *said])
        if answer.at_stated is None or answer.low is None or answer.high is None:
            raise ValueError(f"annotation {r.number[i]}: expected a risk, got: {answer.not_applicable_because}")
        found[i] = answer.at_stated, answer.low, answer.high
    return found


def brock_spread(boot: Boot, r: Readings, p: Floats) -> dict[str, tuple[int, Estimate, Estimate, Estimate, Estimate]]:
    """By size: nodules; mean range over the readers; mean of highest over lowest; readers on both sides of 10 %; and how often
    one reader's interval holds another's risk."""
    size = int(r.nodule.max()) + 1
    top, bottom = np.zeros(size), np.ones(size)
    np.maximum.at(top, r.nodule, p[:, 0])
    np.minimum.at(bottom, r.nodule, p[:, 0])
    patient = np.zeros(size, np.int64)
    patient[r.nodule] = r.patient
    found = {}
    late = {"two or more, without the first 399 cases": (r.readers > 1) & (r.early == 0)}
    for name, chosen in {**groups_of(r), **late}.items():
        n = np.unique(r.nodule[chosen])
        pairs, one = pairs_of(r, chosen), np.ones(len(n))
        held = (p[pairs.one, 1] <= p[pairs.other, 0]) & (p[pairs.other, 0] <= p[pairs.one, 2])
        split = (bottom[n] < BROCK_LIMIT) & (top[n] >= BROCK_LIMIT)
        found[name] = (
            len(n),
            boot.ratio(patient[n], one, top[n] - bottom[n]),
            _exp(boot.ratio(patient[n], one, np.log(top[n] / bottom[n]))),
            boot.ratio(patient[n], one, split.astype(float)),
            boot.ratio(pairs.patient, pairs.weight, held.astype(float)),
        )
    return found


def _exp(estimate: Estimate) -> Estimate:
    return float(np.exp(estimate[0])), float(np.exp(estimate[1])), float(np.exp(estimate[2]))
