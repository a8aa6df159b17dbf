"""Fits a scorecard on human descriptors and outcomes, and a grade table on human labels; prints the YAML that the packs show
whole.

    python -m pellucid.train.scorecard breast-us FOLDER         points, risk per total, base rates, comparisons
    python -m pellucid.train.scorecard breast-us-choice FOLDER  what choosing among all candidate cards is worth, nested
    python -m pellucid.train.scorecard fundus FOLDER            counts of grade per state of the lesions
    python -m pellucid.train.scorecard mammography FOLDER       two cards for mammography (see mammography.py)

Everything is deterministic: folds come from the manifest, bootstrap samples from a seeded generator. Points are the
coefficients of a penalised logistic regression, never below zero, scaled so that the largest is three, and rounded; risk per
total is a logistic curve.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from pellucid.errors import RecipeError
from pellucid.knowledge import Guideline, evaluate, load_guideline
from pellucid.record import Finding, Observer
from pellucid.train.labels import read_manifest

PARTS = ("indistinct", "angular", "microlobulated", "spiculated")
UPRIGHT = 45.0
"""Degrees from which a mass is not parallel, as in the pack."""
MOST_POINTS = 3
PENALTY = 0.3
"""Inverse strength of the L2 penalty; weak data, so a strong one."""
SAMPLES = 2000
SEED = 20130101

Facts = Mapping[str, str | None]
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One lesion: its human descriptors as states of the pack, outcome, fold, and the radiologists' category."""

    facts: Facts
    malignant: bool
    fold: int
    category: str
    angle: float = float("nan")
    """Of the long axis against the skin, degrees, in the human mask; not a number where there is no mask."""


@dataclass(frozen=True)
class Card:
    """Integer points and the risk of each total from 0 up."""

    names: tuple[str, ...]
    points: tuple[int, ...]
    risks: tuple[float, ...]


Term = Callable[[Case], bool]
Terms = Mapping[str, Term]


def among(concept: str, *states: str) -> Term:
    """Whether the concept has one of the states."""
    return lambda case: case.facts[concept] in states


def parts(*names: str, at_least: int = 1) -> Term:
    """Whether the margin is not circumscribed and has at least so many of the named parts."""
    return lambda case: (
        case.facts["margin"] == "not circumscribed" and sum(case.facts[name] == "present" for name in names) >= at_least
    )


DARK = ("hypoechoic", "heterogeneous", "complex cystic and solid")
SHORT: Terms = {
    "shape irregular": among("shape", "irregular"),
    "margin not circumscribed": among("margin", "not circumscribed"),
    "margin angular, microlobulated or spiculated": parts("angular", "microlobulated", "spiculated"),
    "hypoechoic, heterogeneous or complex": among("echogenicity", *DARK),
    "halo": among("halo", "present"),
    "shadowing": among("posterior_features", "shadowing", "combined"),
}
ORIENTATION: Terms = {"not parallel": among("orientation", "not parallel")}
LONG: Terms = {
    "shape irregular": SHORT["shape irregular"],
    "margin not circumscribed": SHORT["margin not circumscribed"],
    **{f"margin {name}": parts(name) for name in PARTS},
    "hypoechoic, heterogeneous or complex": SHORT["hypoechoic, heterogeneous or complex"],
    "halo": SHORT["halo"],
    "shadowing": SHORT["shadowing"],
    "calcifications": among("calcifications", "present"),
}
CARDS: Mapping[str, Terms] = {
    "short card": SHORT,
    "short card and orientation": {**SHORT, **ORIENTATION},
    "long card": LONG,
    "long card and orientation": {**LONG, **ORIENTATION},
}


def breast_cases(folder: Path) -> list[Case]:
    """The masses of the breast ultrasound set, normal images left out; orientation is measured in the human mask."""
    rows = [row for row in read_manifest(folder / "manifest.csv") if row["classification"] != "normal"]
    angles = [orientation(_mask(folder / "images" / row["tumor_mask"])) for row in rows]
    return [
        Case(_breast_facts(row, angle), row["classification"] == "malignant", int(row["fold"]), row["birads"].upper(), angle)
        for row, angle in zip(rows, angles, strict=True)
    ]


def _breast_facts(row: Mapping[str, str], angle: float) -> Facts:
    def present(found: bool) -> str:
        return "present" if found else "absent"

    circumscribed = row["margin"] == "circumscribed"
    return {
        "shape": row["shape"],
        "margin": "circumscribed" if circumscribed else "not circumscribed",
        **{name: present(name in row["margin"]) for name in PARTS},
        "echogenicity": row["echogenicity"].replace("cystic/solid", "cystic and solid"),
        "posterior_features": "none" if row["posterior_features"] == "no" else row["posterior_features"],
        "halo": present(row["halo"] == "yes"),
        "calcifications": present(row["calcifications"] != "no"),
        "skin_thickening": present(row["skin_thickening"] == "yes"),
        "orientation": "not parallel" if angle >= UPRIGHT else "parallel",
    }


def _mask(path: Path) -> NDArray[np.bool_]:
    with Image.open(path) as image:
        return np.asarray(image.convert("L")) > 127


def orientation(mask: NDArray[np.bool_]) -> float:
    """Angle in degrees between the mask's long axis and the skin (0 parallel, 90 upright), from its second moments."""
    y, x = np.nonzero(mask)
    if x.size == 0:
        raise RecipeError("mask: expected a lesion, got an empty mask")
    x, y = x - x.mean(), y - y.mean()
    return abs(float(np.degrees(0.5 * np.arctan2(2 * (x * y).mean(), (x * x).mean() - (y * y).mean()))))


def design(cases: Sequence[Case], terms: Terms) -> Vector:
    """(cases, terms): 1 where a term holds."""
    return np.array([[float(holds(case)) for holds in terms.values()] for case in cases])


def one_hot(cases: Sequence[Case], orientation_too: bool) -> Vector:
    """(cases, states): every descriptor's states, for the full logistic regression that a card is compared with."""
    concepts = [name for name in cases[0].facts if orientation_too or name != "orientation"]
    columns = [(name, state) for name in concepts for state in sorted({str(case.facts[name]) for case in cases})[1:]]
    return np.array([[float(case.facts[name] == state) for name, state in columns] for case in cases])


def logistic(x: Vector, y: NDArray[np.bool_], c: float) -> LogisticRegression:
    """A logistic regression of outcomes on columns, with inverse penalty `c`."""
    return LogisticRegression(C=c, max_iter=5000).fit(x, y)


def fit_card(x: Vector, y: NDArray[np.bool_], names: Sequence[str], most: int = MOST_POINTS, penalty: float = PENALTY) -> Card:
    """Points and risks from terms (cases, terms) and outcomes; terms whose points round to zero are dropped."""
    weights = np.clip(logistic(x, y, penalty).coef_[0], 0, None)
    points = np.rint(weights / weights.max() * most).astype(int)
    curve = logistic((x @ points)[:, None], y, 10.0)
    risks = curve.predict_proba(np.arange(points.sum() + 1.0)[:, None])[:, 1]
    kept = [i for i, value in enumerate(points) if value]
    return Card(tuple(names[i] for i in kept), tuple(int(points[i]) for i in kept), tuple(round(float(r), 4) for r in risks))


Fit = Callable[[Vector, NDArray[np.bool_], Sequence[str]], Card]


def card_risk(card: Card, x: Vector, names: Sequence[str]) -> Vector:
    """The card's risk for terms (cases, terms) in the order of `names`."""
    columns = [list(names).index(name) for name in card.names]
    return np.array(card.risks)[(x[:, columns] @ np.array(card.points)).astype(int)]


def out_of_fold(x: Vector, cases: Sequence[Case], names: Sequence[str] | None, fit: Fit = fit_card) -> Vector:
    """Risk of each case by a model that did not see its fold: a card where `names` are given, else the logistic regression."""
    y, fold = outcomes(cases), np.array([case.fold for case in cases])
    risk = np.zeros(len(cases))
    for k in np.unique(fold):
        train, test = fold != k, fold == k
        if names is None:
            risk[test] = logistic(x[train], y[train], PENALTY).predict_proba(x[test])[:, 1]
        else:
            risk[test] = card_risk(fit(x[train], y[train], names), x[test], names)
    return risk


def outcomes(cases: Sequence[Case]) -> NDArray[np.bool_]:
    """(cases,): malignant or not."""
    return np.array([case.malignant for case in cases])


def interval(measure: Callable[[NDArray[np.intp]], float], n: int) -> tuple[float, float, float]:
    """A measure on all n cases and its 95 % bootstrap interval over cases (percentiles, 2,000 samples, fixed seed)."""
    rng = np.random.default_rng(SEED)
    values = [measure(rng.integers(0, n, n)) for _ in range(SAMPLES)]
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return measure(np.arange(n)), float(low), float(high)


def auroc(y: NDArray[np.bool_], risk: Vector) -> tuple[float, float, float]:
    """Area under the ROC curve with its interval."""
    return interval(lambda i: float(roc_auc_score(y[i], risk[i])) if 0 < y[i].sum() < len(i) else float("nan"), len(y))


def operating_threshold(y: NDArray[np.bool_], risk: Vector, card: Card, sensitivity: float) -> tuple[float, float, float]:
    """Midway below the highest risk of the card that keeps out-of-fold sensitivity: (threshold, sensitivity, specificity)."""
    best = (0.0, 1.0, 0.0)
    for low, high in zip(card.risks, card.risks[1:], strict=False):
        cut = round((low + high) / 2, 2)
        found = float((risk[y] >= cut).mean())
        if found >= sensitivity:
            best = (cut, found, float((risk[~y] < cut).mean()))
    return best


def base_rates(cases: Sequence[Case]) -> dict[str, dict[str, int]]:
    """Counts of each descriptor's states; parts of the margin among masses whose margin is not circumscribed."""
    found: dict[str, dict[str, int]] = {}
    for name in cases[0].facts:
        among = [c for c in cases if name not in PARTS or c.facts["margin"] == "not circumscribed"]
        states = sorted({str(case.facts[name]) for case in cases})
        found[name] = {state: sum(case.facts[name] == state for case in among) for state in states}
    return found


def kappa(ours: Sequence[int], theirs: Sequence[int], categories: int) -> tuple[float, float, float]:
    """Quadratic-weighted kappa of two ordered readings, with its interval."""
    a, b = np.array(ours), np.array(theirs)
    step = np.arange(categories)
    cost = (step[:, None] - step[None, :]) ** 2

    def measure(i: NDArray[np.intp]) -> float:
        seen = np.bincount(a[i] * categories + b[i], minlength=categories**2).reshape(categories, categories)
        chance = np.outer(seen.sum(axis=1), seen.sum(axis=0)) / len(i)
        return float(1 - (cost * seen).sum() / (cost * chance).sum())

    return interval(measure, len(a))


def breast_fragment(folder: Path) -> str:
    """The fitted card, its figures, its rivals on the same folds, and base rates, as YAML with comments."""
    cases = breast_cases(folder)
    y, lines = outcomes(cases), list[str]()
    for name, with_orientation in (("full logistic regression", False), ("full logistic regression and orientation", True)):
        lines.append(f"# {name}: AUROC {said(auroc(y, out_of_fold(one_hot(cases, with_orientation), cases, None)))}")
    for name, terms in CARDS.items():
        risk = out_of_fold(design(cases, terms), cases, list(terms))
        lines.append(f"# {name}: AUROC {said(auroc(y, risk))}, log loss {log_loss(y, risk):.3f}")
    x, names = design(cases, SHORT), list(SHORT)
    card, risk = fit_card(x, y, names), out_of_fold(x, cases, names)
    threshold = operating_threshold(y, risk, card, 0.90)
    lines += [f"# term: {name}: {points}" for name, points in zip(card.names, card.points, strict=True)]
    lines += [
        f"risks: [{', '.join(f'{r:.4f}' for r in card.risks)}]",
        f"# auroc: {said(auroc(y, risk))}  n: {len(y)}  malignant: {y.sum()}",
    ]
    lines += [f"threshold: {threshold[0]:.2f}  # out-of-fold sensitivity {threshold[1]:.3f}, specificity {threshold[2]:.3f}"]
    totals = (x[:, [names.index(n) for n in card.names]] @ np.array(card.points)).astype(int)
    lines += [f"# total {t}: n {int((totals == t).sum())}, malignant {int(y[totals == t].sum())}" for t in range(len(card.risks))]
    lines += [f"# base rate {name}: {counts}" for name, counts in base_rates(cases).items()]
    return "\n".join([*lines, *agreement(cases)]) + "\n"


def agreement(cases: Sequence[Case]) -> list[str]:
    """How the shipped pack's category, on the human descriptors, agrees with the radiologists' own, and the malignant share of
    each.
    """
    pack, who = load_guideline("breast-ultrasound"), Observer(name="BrEaST-Lesions-USG", kind="person")
    names = list(pack.questions["birads"].categories)
    ours = [evaluate(pack, "birads", _findings(case, pack, who)).crisp or names[0] for case in cases]
    value = kappa([names.index(a) for a in ours], [names.index(c.category) for c in cases], len(names))
    same = np.mean([a == case.category for a, case in zip(ours, cases, strict=True)])
    lines = [f"# pack against radiologists: quadratic kappa {said(value)}, same category {same:.3f}"]
    for name in names:
        pack_says = [case.malignant for case, mine in zip(cases, ours, strict=True) if mine == name]
        they_say = [case.malignant for case in cases if case.category == name]
        lines.append(
            f"# {name}: pack {sum(pack_says)} malignant of {len(pack_says)}, radiologists {sum(they_say)} of {len(they_say)}"
        )
    return lines


def _findings(case: Case, pack: Guideline, who: Observer) -> list[Finding]:
    found: list[Finding] = []
    for name, state in case.facts.items():
        states = pack.concepts[name].states
        if states is None:
            found.append(Finding(concept=name, observer=who, unit=pack.concepts[name].unit, value=case.angle, sd=0.0))
        else:
            found.append(
                Finding(
                    concept=name, observer=who, states=states, state=state, probabilities=tuple(float(s == state) for s in states)
                )
            )
    return found


def said(value: tuple[float, float, float]) -> str:
    """A figure with its interval."""
    return f"{value[0]:.3f} ({value[1]:.3f} to {value[2]:.3f})"


def log_loss(y: NDArray[np.bool_], risk: Vector) -> float:
    """Mean negative log likelihood, in nats."""
    return float(-np.mean(np.log(np.where(y, risk, 1 - risk))))


def main(arguments: Sequence[str]) -> int:
    """Write the fragment of one data set to standard output; 2 where the arguments are wrong."""
    from pellucid.train.card_choice import choice_fragment
    from pellucid.train.grade_table import fundus_fragment
    from pellucid.train.mammography import fragment as mammography_fragment

    fragments: Mapping[str, Callable[[Path], str]] = {
        "breast-us": breast_fragment,
        "breast-us-choice": choice_fragment,
        "fundus": fundus_fragment,
        "mammography": mammography_fragment,
    }
    if len(arguments) != 2 or arguments[0] not in fragments:
        sys.stderr.write(f"usage: python -m pellucid.train.scorecard {{{','.join(fragments)}}} FOLDER\n")
        return 2
    sys.stdout.write(fragments[arguments[0]](Path(arguments[1])))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
