"""Entropies and mutual information, against scikit-learn and against what is known on paper."""

import numpy as np
import pytest
from sklearn.feature_selection import mutual_info_classif, mutual_info_regression
from sklearn.metrics import mutual_info_score

from pellucid.audit.concept_information import (
    continuous_information,
    discrete_information,
    entropy,
    information,
    mixed_information,
)
from pellucid.errors import InputError


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_plug_in_information_is_scikit_learn_s() -> None:
    a, b = rng().integers(0, 4, 300), rng().integers(0, 3, 300)
    assert discrete_information(a, b) == pytest.approx(mutual_info_score(a, b), abs=1e-12)
    assert discrete_information(a, a) == pytest.approx(entropy(a))
    assert entropy([0, 1, 0, 1]) == pytest.approx(np.log(2))


def test_mixed_information_is_scikit_learn_s_for_one_column() -> None:
    y = rng().integers(0, 3, 400)
    x = y + rng().normal(size=400)
    theirs = mutual_info_classif(x[:, None], y, n_neighbors=3, random_state=0)[0]
    assert mixed_information(x, y, rng()) == pytest.approx(theirs, abs=0.01)


def test_continuous_information_is_scikit_learn_s_and_near_the_gaussian_formula() -> None:
    generator = rng()
    a = generator.normal(size=800)
    b = 0.8 * a + 0.6 * generator.normal(size=800)
    ours = continuous_information(a, b, rng())
    assert ours == pytest.approx(mutual_info_regression(a[:, None], b, n_neighbors=3, random_state=0)[0], abs=0.01)
    assert ours == pytest.approx(-0.5 * np.log(1 - 0.8**2), abs=0.08)


def test_values_that_know_nothing_have_no_information_ties_or_not() -> None:
    generator = rng()
    y = generator.integers(0, 2, 500)
    assert abs(mixed_information(generator.normal(size=500), y, rng())) < 0.06
    assert abs(mixed_information(generator.integers(0, 3, 500).astype(float), y, rng())) < 0.06
    assert abs(continuous_information(generator.normal(size=500), generator.normal(size=500), rng())) < 0.08


def test_labels_that_occur_once_are_left_out_and_one_label_tells_nothing() -> None:
    x = np.arange(6.0)
    assert mixed_information(x, np.zeros(6), rng()) == 0.0
    assert mixed_information(x, np.arange(6), rng()) == 0.0


def test_values_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="finite"):
        mixed_information([np.nan, 1.0], [0, 1], rng())
    with pytest.raises(InputError, match="more than 4 cases"):
        continuous_information([1.0, 2.0], [1.0, 2.0], rng())


def test_outputs_whose_values_keep_coming_back_are_taken_as_labels() -> None:
    a, b = rng().integers(0, 3, 300), rng().integers(0, 2, 300)
    b[a == 2] = 1
    hard = np.eye(3)[a]
    assert information(hard, b, rng()) == pytest.approx(discrete_information(a, b))
    assert information(hard, np.eye(2)[b], rng()) == pytest.approx(discrete_information(a, b))
    soft = rng().normal(size=300)
    assert information(hard, soft, rng()) == pytest.approx(mixed_information(soft, a, rng()))
    assert information(soft, soft, rng()) > 1.5
