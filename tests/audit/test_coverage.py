"""Coverage and size of confidence sets."""

import numpy as np
import pytest

from pellucid.audit.coverage import coverage, coverage_by_size, mean_set_size, size_stratified_coverage
from pellucid.errors import InputError

LABELS = np.array([0, 1, 2, 2, 0])
SETS = np.array([[1, 0, 0], [1, 1, 0], [1, 1, 0], [0, 0, 0], [0, 0, 1]], dtype=bool)


def test_coverage_and_size_are_counted() -> None:
    assert coverage(LABELS, SETS) == pytest.approx(2 / 5)
    assert mean_set_size(LABELS, SETS) == pytest.approx(6 / 5)


def test_each_size_has_its_own_coverage_and_an_empty_set_never_covers() -> None:
    assert coverage_by_size(LABELS, SETS) == ((0, 1, 0.0), (1, 2, 0.5), (2, 2, 0.5))


def test_worst_stratum_ignores_sizes_with_few_cases() -> None:
    assert size_stratified_coverage(LABELS, SETS, least=2) == pytest.approx(0.5)
    assert np.isnan(size_stratified_coverage(LABELS, SETS))


def test_labels_outside_the_categories_are_refused() -> None:
    with pytest.raises(InputError):
        coverage([0, 3], np.ones((2, 3)))
    with pytest.raises(InputError):
        coverage([0], np.ones((2, 3)))
