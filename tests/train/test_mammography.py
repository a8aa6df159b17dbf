"""The two cards of the mammography pack: reproducible, and the pack holds what the fit gives."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.metrics import roc_auc_score

from pellucid.knowledge import load_guideline
from pellucid.knowledge.guideline import Bands
from pellucid.train import mammography
from pellucid.train.scorecard import design, outcomes

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "tables"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the shared data are not here")


def test_risk_of_a_card_is_the_share_seen_and_never_falls() -> None:
    rng = np.random.default_rng(3)
    x = rng.integers(0, 2, (800, 2)).astype(float)
    y = rng.random(800) < 0.1 + 0.5 * x[:, 0] + 0.3 * x[:, 1]
    card = mammography.shares_card(x, y, ["strong", "weak"])
    assert list(card.risks) == sorted(card.risks)
    assert card.risks[0] == pytest.approx(y[(x == 0).all(axis=1)].mean(), abs=0.01)
    assert card.risks[-1] == pytest.approx(y[(x == 1).all(axis=1)].mean(), abs=0.01)


def test_area_with_ties_and_weights_agrees_with_sklearn() -> None:
    rng = np.random.default_rng(5)
    y, risk = rng.random(60) < 0.4, rng.integers(0, 6, 60) / 5
    weights = np.stack([np.ones(60), rng.integers(0, 4, 60).astype(float)])
    expected = [roc_auc_score(y, risk, sample_weight=row) for row in weights]
    assert mammography.areas(y, risk, weights) == pytest.approx(expected)


def test_patients_are_drawn_whole() -> None:
    weights = mammography.draws(["a", "b", "a", "c"])
    assert (weights[0] == 1).all()
    assert (weights[:, 0] == weights[:, 2]).all()
    assert set((weights[:, 0] + weights[:, 1] + weights[:, 3])[1:]) == {3.0}


@needs_data
@pytest.mark.parametrize(
    ("kind", "question", "terms"),
    [("mass", "mass", mammography.MASS_TERMS), ("calc", "calcifications", mammography.CALCIFICATION_TERMS)],
)
def test_mammography_pack_holds_the_fitted_card(kind: str, question: str, terms: mammography.Terms) -> None:
    found = mammography.lesions(DATA, kind)
    card = mammography.shares_card(design(found.cases, terms), outcomes(found.cases), list(terms))
    proposal = load_guideline("mammography").questions[question].proposal
    assert isinstance(proposal, Bands)
    assert tuple(term.points for term in proposal.scorecard.terms) == card.points
    assert proposal.scorecard.risks == pytest.approx(card.risks, abs=2e-4)
    assert proposal.scorecard.figures["n"] == len(found.cases)
    assert proposal.scorecard.figures["malignant"] == outcomes(found.cases).sum()


@needs_data
@pytest.mark.parametrize("kind", ["mass", "calc"])
def test_mammography_pack_counts_states_as_the_data_do(kind: str) -> None:
    entries = load_guideline("mammography").entries
    cases = mammography.lesions(DATA, kind).cases
    for name in cases[0].facts:
        rate, counted = entries[name].base_rate, Counter(case.facts[name] for case in cases)
        assert rate is not None
        assert rate.counts == tuple(counted[state] for state in entries[name].concept.states or ())


@needs_data
def test_mammography_pack_quotes_the_figures_of_the_fit() -> None:
    notes = " ".join(load_guideline("mammography").notes)
    said = mammography.fragment(DATA)
    assert "# card, five folds by patient: AUROC 0.843 (0.812 to 0.873), right 0.767 (0.737 to 0.797)" in said
    assert "# the card on UCI: 892 masses, 424 malignant, AUROC 0.826 (0.798 to 0.851)" in said
    for figure in ("0.843 (0.812 to 0.873)", "0.826 (0.798 to 0.851)", "0.784 (0.748 to 0.819)", "0.741 (0.670 to 0.803)"):
        assert figure in said
        assert figure in notes
