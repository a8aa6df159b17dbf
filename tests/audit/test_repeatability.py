"""Does the map come back when the model is trained again, and do other methods say the same."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.audit.paper import bench, edges, knows_nothing, predict, true_evidence

from pellucid.audit import repeatability
from pellucid.audit.similarity import overlap, spearman, ssim


def test_repeatability_is_the_mean_over_the_models_trained_again() -> None:
    b = replace(bench(n=4), retrained=((predict, true_evidence), (predict, edges)))
    other = edges(b.cases.images, b.cases.targets)
    np.testing.assert_allclose(repeatability.repeat_spearman(b), (1 + spearman(b.maps, other)) / 2)
    np.testing.assert_allclose(repeatability.repeat_ssim(b), (1 + ssim(b.maps, other)) / 2)


def test_agreement_is_the_mean_over_the_other_methods() -> None:
    b = bench(n=4)
    others = {name: e(b.cases.images, b.cases.targets) for name, e in {"edges": edges, "noise": knows_nothing}.items()}
    b = replace(b, others=others)
    np.testing.assert_allclose(repeatability.method_spearman(b), np.mean([spearman(b.maps, o) for o in others.values()], axis=0))
    np.testing.assert_allclose(repeatability.method_overlap(b), np.mean([overlap(b.maps, o) for o in others.values()], axis=0))


@pytest.mark.parametrize(
    "measure",
    [repeatability.repeat_spearman, repeatability.repeat_ssim, repeatability.method_spearman, repeatability.method_overlap],
)
def test_without_other_models_and_methods_nothing_is_known(measure: Any) -> None:
    assert np.isnan(measure(bench(n=3))).all()
