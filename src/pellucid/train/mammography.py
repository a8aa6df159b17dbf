"""The two points cards of the mammography pack, fitted on the descriptors and outcomes of CBIS-DDSM; prints what the pack shows.

    python -m pellucid.train.scorecard mammography FOLDER      FOLDER holds cbis_ddsm_csv and uci_mammographic_masses

One abnormality is one case: its views are read together, the more suspicious descriptor counts, as does the worse outcome. Folds
are drawn by patient, and every interval resamples patients. The terms were taken from the published lexicon before anything was
fitted, so their choice flatters no figure. Risk per total is the share seen, held monotone: a logistic curve put typically benign
calcifications, 2 malignant of 288, at 6 %. The masses of UCI, another hospital's, never enter a fit.
"""

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from pellucid.errors import RecipeError
from pellucid.train.scorecard import (
    PENALTY,
    SAMPLES,
    SEED,
    Card,
    Case,
    Terms,
    Vector,
    among,
    card_risk,
    design,
    fit_card,
    logistic,
    one_hot,
    out_of_fold,
    outcomes,
    said,
)

FOLDS = 5
SHAPES = {"ROUND": "round", "OVAL": "oval", "LOBULATED": "oval", "IRREGULAR": "irregular"}
"""The 2013 lexicon has no lobulated shape: two or three gentle lobes are oval."""
MARGINS = {
    "CIRCUMSCRIBED": "circumscribed",
    "OBSCURED": "obscured",
    "MICROLOBULATED": "microlobulated",
    "ILL_DEFINED": "indistinct",
    "SPICULATED": "spiculated",
}
TYPES = {
    "SKIN": "skin",
    "VASCULAR": "vascular",
    "COARSE": "coarse",
    "LARGE_RODLIKE": "large rod-like",
    "MILK_OF_CALCIUM": "milk of calcium",
    "DYSTROPHIC": "dystrophic",
    "EGGSHELL": "rim",
    "LUCENT_CENTER": "rim",
    "LUCENT_CENTERED": "rim",
    "ROUND_AND_REGULAR": "round",
    "PUNCTATE": "round",
    "AMORPHOUS": "amorphous",
    "PLEOMORPHIC": "fine pleomorphic",
    "FINE_LINEAR_BRANCHING": "fine linear or branching",
}
"""Punctate counts as round and lucent-centred as rim, as in the 2013 lexicon; the data know no coarse heterogeneous type."""
DISTRIBUTIONS = {
    "DIFFUSELY_SCATTERED": "diffuse",
    "REGIONAL": "regional",
    "CLUSTERED": "grouped",
    "LINEAR": "linear",
    "SEGMENTAL": "segmental",
}
ORDERS = {
    "shape": ("oval", "round", "irregular"),
    "margin": ("circumscribed", "obscured", "microlobulated", "indistinct", "spiculated"),
    "calcification_type": tuple(dict.fromkeys(TYPES.values())),
    "calcification_distribution": tuple(DISTRIBUTIONS.values()),
}
"""States from least to most suspicious; of several the last counts."""
BENIGN_TYPES = ("skin", "vascular", "coarse", "large rod-like", "milk of calcium", "dystrophic", "rim")
MASS_TERMS: Terms = {
    "shape irregular": among("shape", "irregular"),
    "margin obscured": among("margin", "obscured"),
    "margin microlobulated": among("margin", "microlobulated"),
    "margin indistinct": among("margin", "indistinct"),
    "margin spiculated": among("margin", "spiculated"),
    "architectural distortion": among("architectural_distortion", "present"),
}


def _grouped(case: Case) -> bool:
    return case.facts["calcification_type"] == "round" and case.facts["calcification_distribution"] == "grouped"


def _along_a_duct(case: Case) -> bool:
    benign = case.facts["calcification_type"] in BENIGN_TYPES
    return not benign and case.facts["calcification_distribution"] in ("linear", "segmental")


CALCIFICATION_TERMS: Terms = {
    "round, grouped": _grouped,
    "amorphous or coarse heterogeneous": among("calcification_type", "amorphous"),
    "fine pleomorphic": among("calcification_type", "fine pleomorphic"),
    "fine linear or branching": among("calcification_type", "fine linear or branching"),
    "linear or segmental, not typically benign": _along_a_duct,
}


def shares_card(x: Vector, y: NDArray[np.bool_], names: Sequence[str]) -> Card:
    """Points as in `fit_card`; the risk of a total is its share of malignant cases, one of average risk added, held monotone."""
    card = fit_card(x, y, names)
    totals = (x[:, [list(names).index(name) for name in card.names]] @ np.array(card.points)).astype(int)
    cases = np.bincount(totals, minlength=sum(card.points) + 1)
    shares = (np.bincount(totals, weights=y, minlength=len(cases)) + y.mean()) / (cases + 1)
    seen = np.flatnonzero(cases)
    held = IsotonicRegression().fit_transform(seen, shares[seen], sample_weight=cases[seen] + 1)
    risks = held[np.clip(np.searchsorted(seen, np.arange(len(cases)), side="right") - 1, 0, None)]
    return replace(card, risks=tuple(round(float(risk), 4) for risk in risks))


@dataclass(frozen=True)
class Lesions:
    """Cases of one kind with what the split needs: the patient and the official part of each."""

    cases: tuple[Case, ...]
    patients: tuple[str, ...]
    official_test: NDArray[np.bool_]
    found: int
    """Abnormalities in the tables, those without a usable descriptor included."""


def fold_of(patient: str) -> int:
    """A patient's fold, from the hash of the name: the same on every machine."""
    return int(hashlib.sha256(patient.encode()).hexdigest(), 16) % FOLDS


def _words(rows: Sequence[Mapping[str, str]], column: str) -> set[str]:
    return {word for row in rows for word in row[column].split("-")}


def _worst(concept: str, names: Mapping[str, str], words: set[str]) -> str | None:
    order = ORDERS[concept]
    found = [order.index(names[word]) for word in words if word in names]
    return order[max(found)] if found else None


def _mass_facts(rows: Sequence[Mapping[str, str]]) -> dict[str, str | None]:
    shapes = _words(rows, "mass shape")
    node = "LYMPH_NODE" in shapes
    return {
        "shape": None if node else _worst("shape", SHAPES, shapes),
        "margin": _worst("margin", MARGINS, _words(rows, "mass margins")),
        "architectural_distortion": "present" if "ARCHITECTURAL_DISTORTION" in shapes else "absent",
    }


def _calcification_facts(rows: Sequence[Mapping[str, str]]) -> dict[str, str | None]:
    return {
        "calcification_type": _worst("calcification_type", TYPES, _words(rows, "calc type")),
        "calcification_distribution": _worst("calcification_distribution", DISTRIBUTIONS, _words(rows, "calc distribution")),
    }


def lesions(folder: Path, kind: str) -> Lesions:
    """The abnormalities of CBIS-DDSM of one kind ('mass' or 'calc') that have the descriptors a card needs."""
    grouped: dict[tuple[str, str, str], list[Mapping[str, str]]] = {}
    parts: dict[str, str] = {}
    for part in ("train", "test"):
        for row in _rows(folder / "cbis_ddsm_csv" / f"{kind}_case_description_{part}_set.csv"):
            grouped.setdefault((row["patient_id"], row["left or right breast"], row["abnormality id"]), []).append(row)
            if parts.setdefault(row["patient_id"], part) != part:
                raise RecipeError(f"{kind}: expected each patient in one part, got {row['patient_id']} in both")
    facts_of = _mass_facts if kind == "mass" else _calcification_facts
    needed = ("shape", "margin") if kind == "mass" else ("calcification_type",)
    cases: list[Case] = []
    patients: list[str] = []
    for (patient, _, _), rows in grouped.items():
        facts = facts_of(rows)
        if all(facts[name] is not None for name in needed):
            malignant = any(row["pathology"] == "MALIGNANT" for row in rows)
            cases.append(Case(facts, malignant, fold_of(patient), max(row["assessment"] for row in rows)))
            patients.append(patient)
    test = np.array([parts[patient] == "test" for patient in patients])
    return Lesions(tuple(cases), tuple(patients), test, len(grouped))


def _rows(path: Path) -> list[Mapping[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, skipinitialspace=True))


UCI_SHAPES = {"1": "round", "2": "oval", "3": "oval", "4": "irregular"}
UCI_MARGINS = {"1": "circumscribed", "2": "microlobulated", "3": "obscured", "4": "indistinct", "5": "spiculated"}


def other_masses(folder: Path) -> tuple[Case, ...]:
    """The masses of UCI whose shape and margin are recorded; distortion is not, and counts as absent."""
    found: list[Case] = []
    for row in _rows(folder / "uci_mammographic_masses" / "mammographic_masses.data"):
        shape, margin = UCI_SHAPES.get(row["Shape"]), UCI_MARGINS.get(row["Margin"])
        if shape and margin:
            facts = {"shape": shape, "margin": margin, "architectural_distortion": "absent"}
            found.append(Case(facts, row["Severity"] == "1", 0, row["BI-RADS assessment"]))
    return tuple(found)


def draws(patients: Sequence[str]) -> Vector:
    """(1 + samples, cases): how often each case counts; once each in the first row, by patients drawn with replacement below."""
    names, at = np.unique(np.array(patients), return_inverse=True)
    rng = np.random.default_rng(SEED)
    drawn = [np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names))[at] for _ in range(SAMPLES)]
    return np.array([np.ones(len(at)), *drawn], np.float64)


def areas(y: NDArray[np.bool_], risk: Vector, weights: Vector) -> Vector:
    """Area under the ROC curve of every row of weights; ties count one half."""
    level = np.unique(risk, return_inverse=True)[1]
    order = np.argsort(level, kind="stable")
    starts = np.flatnonzero(np.diff(level[order], prepend=-1))
    sick = np.add.reduceat((weights * y)[:, order], starts, axis=1)
    well = np.add.reduceat((weights * ~y)[:, order], starts, axis=1)
    below = np.cumsum(well, axis=1) - well / 2
    return (sick * below).sum(axis=1) / (sick.sum(axis=1) * well.sum(axis=1))


def figures(y: NDArray[np.bool_], risk: Vector, patients: Sequence[str]) -> str:
    """AUROC, share right at a risk of one half, and log loss, each with its 95 % bootstrap interval over patients."""
    weights, held = draws(patients), np.clip(risk, 1e-4, 1 - 1e-4)
    right = ((risk >= 0.5) == y).astype(np.float64)
    loss = -np.log(np.where(y, held, 1 - held))
    found = {
        "AUROC": areas(y, risk, weights),
        "right": weights @ right / weights.sum(axis=1),
        "log loss": weights @ loss / weights.sum(axis=1),
    }
    return ", ".join(f"{name} {said((v[0], *np.percentile(v[1:], [2.5, 97.5]).tolist()))}" for name, v in found.items())


def _rivals(found: Lesions, terms: Terms) -> list[str]:
    """Card, full logistic regression, commonest outcome and the readers' assessment, out of fold and on the official split."""
    y, x, full = outcomes(found.cases), design(found.cases, terms), one_hot(found.cases, True)
    names, test = list(terms), found.official_test
    own = np.array([_assessed(case.category) for case in found.cases])
    rated = ~np.isnan(own)
    risks = {
        "card": (
            out_of_fold(x, found.cases, names, shares_card),
            card_risk(shares_card(x[~test], y[~test], names), x[test], names),
        ),
        "full logistic regression": (
            out_of_fold(full, found.cases, None),
            logistic(full[~test], y[~test], PENALTY).predict_proba(full[test])[:, 1],
        ),
        "commonest outcome": (np.full(len(y), y.mean()), np.full(int(test.sum()), y[~test].mean())),
    }
    lines: list[str] = []
    tested = [patient for patient, kept in zip(found.patients, test, strict=True) if kept]
    for name, (folds, official) in risks.items():
        lines.append(f"# {name}, five folds by patient: {figures(y, folds, found.patients)}")
        lines.append(f"# {name}, official split: {figures(y[test], official, tested)}")
    whose = [patient for patient, kept in zip(found.patients, rated, strict=True) if kept]
    lines.append(f"# readers' assessment 1 to 5 as a score: {figures(y[rated], own[rated], whose).split(',')[0]}")
    return lines


def _assessed(category: str) -> float:
    return int(category) / 5.5 if category in "12345" else float("nan")


def _totals(card: Card, cases: Sequence[Case], terms: Terms) -> NDArray[np.intp]:
    columns = [list(terms).index(name) for name in card.names]
    return (design(cases, terms)[:, columns] @ np.array(card.points)).astype(int)


def fragment(folder: Path) -> str:
    """Both cards, their figures beside their rivals, what was seen per total and per state, as YAML with comments."""
    lines: list[str] = []
    for kind, terms in (("mass", MASS_TERMS), ("calc", CALCIFICATION_TERMS)):
        found = lesions(folder, kind)
        y = outcomes(found.cases)
        card = shares_card(design(found.cases, terms), y, list(terms))
        lines.append(
            f"# {kind}: {len(y)} of {found.found} abnormalities, {len(set(found.patients))} patients, {y.sum()} malignant"
        )
        lines += [f"# term: {name}: {points}" for name, points in zip(card.names, card.points, strict=True)]
        lines.append(f"risks: [{', '.join(f'{risk:.4f}' for risk in card.risks)}]")
        lines += _rivals(found, terms)
        totals = _totals(card, found.cases, terms)
        seen = [f"{t}: {int(y[totals == t].sum())} of {int((totals == t).sum())}" for t in np.unique(totals)]
        lines.append(f"# seen per total: {'; '.join(seen)} malignant")
        lines += _states(found.cases)
        if kind == "mass":
            lines += _outside(card, folder, terms)
    return "\n".join(lines) + "\n"


def _states(cases: Sequence[Case]) -> list[str]:
    """How often each state was recorded, and how many of these were malignant."""
    lines: list[str] = []
    for name in cases[0].facts:
        states = ORDERS.get(name, ("absent", "present"))
        counted = {state: [case.malignant for case in cases if case.facts[name] == state] for state in states}
        lines.append(f"# {name}: " + "; ".join(f"{state} {sum(of)} of {len(of)}" for state, of in counted.items()))
    return lines


def _outside(card: Card, folder: Path, terms: Terms) -> list[str]:
    """The shipped card on the masses of another hospital."""
    cases = other_masses(folder)
    y, risk = outcomes(cases), card_risk(card, design(cases, terms), list(terms))
    alone = [str(k) for k in range(len(cases))]
    totals = _totals(card, cases, terms)
    seen = [f"{t}: {int(y[totals == t].sum())} of {int((totals == t).sum())}" for t in np.unique(totals)]
    return [
        f"# the card on UCI: {len(y)} masses, {y.sum()} malignant, {figures(y, risk, alone)}",
        f"# UCI per total: {'; '.join(seen)} malignant",
    ]
