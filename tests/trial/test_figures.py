"""Figures of answers agree with other implementations and with what is known by hand."""

import numpy as np
import pytest

pytest.importorskip("torch")

from pellucid.trial.figures import (
    class_figures,
    reliability_plot,
    selective_plot,
    selective_risk,
    uncertainty_figures,
    utility_figures,
    wilson,
)

RNG = np.random.default_rng(3)
TRUE_P = RNG.uniform(0, 1, 4000)
LABELS = (RNG.uniform(0, 1, 4000) < TRUE_P).astype(np.int64)
P = np.stack([1 - TRUE_P, TRUE_P], axis=1)
WHO = np.arange(4000).astype(str)


def test_a_calibrated_model_lies_on_the_line_within_its_bounds() -> None:
    own = reliability_plot(LABELS, P, ("no", "yes"), "t").curves[0]
    inside = [low <= x <= high for x, low, high in zip(own.x, own.low, own.high, strict=True)]
    assert sum(inside) >= len(inside) - 1


def test_the_reliability_of_more_classes_is_that_of_the_likeliest() -> None:
    p = np.array([[0.6, 0.3, 0.1]] * 20)
    own = reliability_plot(np.array([0] * 12 + [2] * 8), p, ("a", "b", "c"), "t").curves[0]
    assert own.x == pytest.approx([0.6] * len(own.x))
    assert np.mean(own.y) == pytest.approx(0.6)


def test_wilsons_interval_is_that_of_statistics_books() -> None:
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)  # Newcombe 1998, method 3 for 8 of 10
    assert wilson(0, 5)[0] == 0.0


def test_leaving_out_the_unsure_helps_a_model_that_knows_when_it_is_unsure() -> None:
    whole = selective_risk(LABELS, P, 1.0)
    assert whole == pytest.approx(float((P.argmax(axis=1) != LABELS).mean()))
    assert selective_risk(LABELS, P, 0.5) < 0.6 * whole
    plot = selective_plot(LABELS[:300], P[:300], WHO[:300], "t")
    assert plot.curves[0].y[-1] == pytest.approx(selective_risk(LABELS[:300], P[:300], 1.0))


def test_one_class_leaves_the_auroc_unmeasured_and_says_why() -> None:
    found = {f.name: f.measured for f in class_figures(np.zeros(30, dtype=np.int64), P[:30], WHO[:30])}
    assert found["AUROC"].value is None
    assert "one class" in (found["AUROC"].reason or "")
    assert found["Accuracy"].value is not None


def test_figures_agree_with_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    found = {f.name: f for f in (*class_figures(LABELS, P, WHO), *uncertainty_figures(LABELS, P, WHO))}
    assert found["AUROC"].measured.value == pytest.approx(metrics.roc_auc_score(LABELS, TRUE_P))
    assert found["Brier score"].measured.value == pytest.approx(metrics.brier_score_loss(LABELS, TRUE_P))
    said = P.argmax(axis=1)
    assert found["Balanced accuracy"].measured.value == pytest.approx(metrics.balanced_accuracy_score(LABELS, said))
    brier = found["Brier score"]
    assert brier.baseline is not None
    assert brier.measured.value is not None
    assert brier.measured.value < brier.baseline


def test_use_is_net_benefit_and_the_error_of_the_surest_beside_what_needs_no_model() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
    sure = np.array([0.95, 0.95, 0.95, 0.45, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8])
    p = np.where(labels[:, None] == [0, 1], sure[:, None], 1 - sure[:, None])
    gain, risk = utility_figures(labels, p, np.arange(10).astype(str))
    assert gain.measured.value == pytest.approx(3 / 10 * (0.1 / 0.9))  # three of four without it are spared
    assert risk.measured.value == 0.0
    assert risk.baseline == pytest.approx(0.1)
    never = utility_figures(labels, np.tile([1.0, 0.0], (10, 1)), np.arange(10).astype(str))[0]
    assert never.measured.value is not None
    assert never.measured.value < 0
