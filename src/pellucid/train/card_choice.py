"""What the choice of a card costs: every candidate that was tried, chosen again inside the folds.

The shipped card was picked after looking at all candidates on the same folds, so its own cross-validated figure is flattered.
Here the choice is part of the fit: within each training part the candidate of lowest inner log loss is taken (nested
cross-validation, Varma and Simon 2006, doi 10.1186/1471-2105-7-91). The figure beside the card is this one.
"""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pellucid.train.scorecard import (
    DARK,
    LONG,
    ORIENTATION,
    PARTS,
    SHORT,
    Case,
    Terms,
    Vector,
    among,
    auroc,
    breast_cases,
    card_risk,
    design,
    fit_card,
    log_loss,
    outcomes,
    parts,
    said,
)

EDGE, SUSPICIOUS = "margin not circumscribed", "margin angular, microlobulated or spiculated"
IRREGULAR, FILLED = "shape irregular", "hypoechoic, heterogeneous or complex"
CORE: Terms = {name: SHORT[name] for name in (IRREGULAR, EDGE, FILLED, "halo")}
ANGULAR_SPICULATED: Terms = {f"margin {name}": parts(name) for name in ("angular", "spiculated")}
SHADOW: Terms = {"shadowing": SHORT["shadowing"]}
NO_ENHANCEMENT: Terms = {"no enhancement": among("posterior_features", "none", "shadowing", "combined")}
CANDIDATES: Mapping[str, Terms] = {
    "core": CORE,
    "core and two parts": {**CORE, **ANGULAR_SPICULATED},
    "core, two parts, shadow": {**CORE, **ANGULAR_SPICULATED, **SHADOW},
    "short": SHORT,
    "several parts": {**CORE, **SHADOW, "two parts": parts(*PARTS, at_least=2), "margin spiculated": parts("spiculated")},
    "merged parts": {**SHORT, "margin indistinct": parts("indistinct"), "calcifications": LONG["calcifications"]},
    "long": LONG,
    "long without calcifications": {name: term for name, term in LONG.items() if name != "calcifications"},
    "long, upright from 45": {**LONG, **ORIENTATION},
    "long, upright from 30": {**LONG, "upright": lambda case: case.angle >= 30},
    "long, no enhancement": {**LONG, **NO_ENHANCEMENT},
    "long, hypoechoic apart": {**LONG, **NO_ENHANCEMENT, "hypoechoic or complex": among("echogenicity", DARK[0], DARK[2])},
}
SETTINGS = tuple(itertools.product(CANDIDATES, (3, 4, 5), (0.3, 1.0)))
"""(terms, most points, inverse penalty): all that was tried."""
Setting = tuple[str, int, float]


def nested(cases: Sequence[Case]) -> tuple[Vector, Counter[str]]:
    """Out-of-fold risk with the choice inside the folds, and how often each set of terms was chosen."""
    y, fold = outcomes(cases), np.array([case.fold for case in cases])
    designs = {name: design(cases, terms) for name, terms in CANDIDATES.items()}
    risk, chosen = np.zeros(len(cases)), Counter[str]()

    def predict(setting: Setting, train: NDArray[np.bool_], test: NDArray[np.bool_]) -> Vector:
        name, most, penalty = setting
        x, names = designs[name], list(CANDIDATES[name])
        return np.clip(card_risk(fit_card(x[train], y[train], names, most, penalty), x[test], names), 1e-4, 1 - 1e-4)

    def inner_loss(setting: Setting, train: NDArray[np.bool_]) -> float:
        inner = np.zeros(len(cases))
        for k in np.unique(fold[train]):
            inner[fold == k] = predict(setting, train & (fold != k), fold == k)
        return log_loss(y[train], inner[train])

    for k in np.unique(fold):
        train = fold != k
        best = min(SETTINGS, key=lambda setting, train=train: inner_loss(setting, train))
        chosen[best[0]] += 1
        risk[~train] = predict(best, train, ~train)
    return risk, chosen


def choice_fragment(folder: Path) -> str:
    """The nested figure as a comment for the pack."""
    cases = breast_cases(folder)
    risk, chosen = nested(cases)
    return f"# {len(SETTINGS)} candidates, choice inside the folds: AUROC {said(auroc(outcomes(cases), risk))}; {dict(chosen)}\n"
