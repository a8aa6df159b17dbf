"""The fit that the breast and fundus packs show: reproducible, and the packs hold what it gives."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")

from pellucid.errors import RecipeError
from pellucid.knowledge import load_guideline
from pellucid.knowledge.guideline import Bands, Table
from pellucid.train import card_choice, grade_table, scorecard

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the shared data are not here")


def ellipse(angle: float) -> np.ndarray:
    y, x = np.mgrid[-60:61, -60:61]
    t = np.radians(angle)
    along, across = x * np.cos(t) + y * np.sin(t), -x * np.sin(t) + y * np.cos(t)
    return (along / 50) ** 2 + (across / 20) ** 2 <= 1


@pytest.mark.parametrize(("turned", "expected"), [(0, 0), (30, 30), (-30, 30), (90, 90), (120, 60)])
def test_orientation_is_the_angle_of_the_long_axis_to_the_skin(turned: float, expected: float) -> None:
    assert scorecard.orientation(ellipse(turned)) == pytest.approx(expected, abs=0.5)


def test_empty_mask_is_refused() -> None:
    with pytest.raises(RecipeError, match="empty mask"):
        scorecard.orientation(np.zeros((4, 4), bool))


def test_card_finds_what_matters_and_drops_what_does_not() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (600, 3)).astype(float)
    y = rng.random(600) < 1 / (1 + np.exp(-(3 * x[:, 0] + 1.5 * x[:, 1] - 2)))
    card = scorecard.fit_card(x, y, ["strong", "weak", "idle"])
    assert card.names == ("strong", "weak")
    assert card.points[0] == 3
    assert 1 <= card.points[1] <= 2
    assert list(card.risks) == sorted(card.risks)
    assert scorecard.card_risk(card, np.array([[1.0, 1.0, 0.0]]), ["strong", "weak", "idle"])[0] == card.risks[-1]


def test_kappa_agrees_with_sklearn_and_its_interval_holds_it() -> None:
    from sklearn.metrics import cohen_kappa_score

    value, low, high = scorecard.kappa([0, 1, 2, 2, 1, 0] * 20, [0, 1, 2, 1, 1, 0] * 20, 3)
    assert low < value < high
    assert value == pytest.approx(cohen_kappa_score([0, 1, 2, 2, 1, 0], [0, 1, 2, 1, 1, 0], weights="quadratic"))


@needs_data
def test_breast_pack_holds_the_fitted_card() -> None:
    cases = scorecard.breast_cases(DATA / "breast-us")
    names = list(scorecard.SHORT)
    card = scorecard.fit_card(scorecard.design(cases, scorecard.SHORT), scorecard.outcomes(cases), names)
    proposal = load_guideline("breast-ultrasound").questions["birads"].proposal
    assert isinstance(proposal, Bands)
    assert tuple(term.points for term in proposal.scorecard.terms) == card.points
    assert proposal.scorecard.risks == pytest.approx(card.risks, abs=2e-4)
    rates = scorecard.base_rates(cases)
    for entry in load_guideline("breast-ultrasound").entries.values():
        if entry.base_rate:
            counted = rates[entry.concept.name]
            assert entry.base_rate.counts == tuple(counted[state] for state in entry.concept.states or ())


@pytest.mark.slow
@needs_data
def test_breast_pack_quotes_the_figure_with_the_choice_inside_the_folds() -> None:
    said = card_choice.choice_fragment(DATA / "breast-us")
    cited = load_guideline("breast-ultrasound").questions["birads"].proposal
    assert isinstance(cited, Bands)
    assert "72 candidates" in said
    assert "AUROC 0.898 (0.849 to 0.941)" in said
    assert "AUROC 0.898 (0.849 to 0.941)" in cited.scorecard.citation.text


@needs_data
def test_breast_pack_agrees_with_radiologists_as_it_says() -> None:
    said = scorecard.agreement(scorecard.breast_cases(DATA / "breast-us"))[0]
    assert said == "# pack against radiologists: quadratic kappa 0.766 (0.702 to 0.816), same category 0.454"


@needs_data
def test_retinopathy_pack_holds_the_counted_table() -> None:
    images = grade_table.photographs(DATA / "fundus")
    counted = grade_table.counts(images)
    questions = load_guideline("diabetic-retinopathy-icdr").questions
    grades, referral = questions["dr-grade"].proposal, questions["referable-dr"].proposal
    assert isinstance(grades, Table)
    assert isinstance(referral, Table)
    assert [list(row.counts) for row in grades.rows] == counted.tolist()
    merged = [counted[:4].sum(axis=0), *counted[4:]]
    assert [list(row.counts) for row in referral.rows] == [
        pytest.approx([row[:2].sum(), row[2:].sum()], abs=0.2) for row in merged
    ]
    assert counted.sum() == pytest.approx(len(images), abs=0.5)
