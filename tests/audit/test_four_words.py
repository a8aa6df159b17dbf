"""The four words, by hand."""

import numpy as np
import pytest

from pellucid.audit.four_words import completeness, correctness, margin, pooled_share, relevance, shift
from pellucid.errors import InputError


def test_relevance_and_correctness_pool_over_cases() -> None:
    assert relevance(np.array([2, 0, 1]), np.array([2, 2, 0 + 1])) == pytest.approx(3 / 5)
    assert correctness(np.array([1, 1]), np.array([4, 1])) == pytest.approx(2 / 5)
    assert np.isnan(pooled_share(np.zeros(2), np.zeros(2)))
    with pytest.raises(InputError, match="passed <= cited"):
        pooled_share(np.array([2]), np.array([1]))


def test_completeness_is_the_share_of_the_summed_margin() -> None:
    assert completeness([0.9, 0.5], [0.9, 0.1], [0.1, 0.1]) == pytest.approx(0.8 / 1.2)
    assert completeness([0.9], [0.9], [0.9]) != completeness([0.9], [0.9], [0.9])  # not defined: nothing to explain


def test_margin_and_shift() -> None:
    p = {"benign": 0.7, "malignant": 0.2, "other": 0.1}
    assert margin(p, "benign") == pytest.approx(0.5)
    assert shift(p, {"benign": 0.6, "malignant": 0.4, "other": 0.0}) == pytest.approx(0.2)
