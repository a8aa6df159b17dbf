"""Independence given the image: held where it holds, refused where it does not."""

import numpy as np
import pytest

from pellucid.audit.concept_dependence import dependent_share, pairwise, residuals
from pellucid.errors import InputError


def labels(dependent: bool, seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Three concepts on 300 images whose probabilities are right; the first two go together where `dependent`."""
    generator = np.random.default_rng(seed)
    p = generator.uniform(0.2, 0.8, (3, 300))
    u = generator.uniform(size=(3, 300))
    if dependent:
        u[1] = u[0]
    y = [(u[k] < p[k]).astype(np.int64) for k in range(3)]
    return y, [np.stack([1 - p[k], p[k]], axis=1) for k in range(3)]


def test_concepts_that_go_together_are_found_and_named() -> None:
    y, p = labels(True, 0)
    pairs = pairwise([residuals(a, b) for a, b in zip(y, p, strict=True)], np.random.default_rng(0))
    assert (pairs[0].first, pairs[0].second) == (0, 1)
    assert pairs[0].correlation > 0.5
    assert pairs[0].p_corrected < 0.01
    assert dependent_share(pairs) == pytest.approx(1 / 3)


def test_independent_concepts_are_rarely_called_dependent() -> None:
    alarms = [
        dependent_share(pairwise([residuals(a, b) for a, b in zip(*labels(False, s), strict=True)], np.random.default_rng(s)))
        for s in range(20)
    ]
    assert np.mean([alarm > 0 for alarm in alarms]) <= 0.2


def test_one_pair_among_many_concepts_is_still_found() -> None:
    y, p = labels(True, 0)
    for seed in range(1, 4):
        more = labels(False, seed)
        y, p = [*y, *more[0]], [*p, *more[1]]
    pairs = pairwise([residuals(a, b) for a, b in zip(y, p, strict=True)], np.random.default_rng(0))
    assert len(pairs) == 66
    assert (pairs[0].first, pairs[0].second) == (0, 1)
    assert pairs[0].p_corrected < 0.05


def test_cases_without_a_label_are_left_out_and_few_cases_are_not_tested() -> None:
    y, p = labels(True, 1)
    y[0][20:] = -1
    assert pairwise([residuals(a, b) for a, b in zip(y[:2], p[:2], strict=True)], np.random.default_rng(0)) == ()
    assert np.isnan(dependent_share(()))
    assert np.isnan(residuals(y[0], p[0])[25]).all()
    with pytest.raises(InputError, match="below S"):
        residuals(np.array([2]), np.array([[0.5, 0.5]]))
