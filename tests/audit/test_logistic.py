"""The small logistic regression, against scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from pellucid.audit.logistic import fit_logistic, held_out_probabilities, patient_folds
from pellucid.errors import InputError


def test_weights_give_the_probabilities_that_scikit_learn_gives() -> None:
    generator = np.random.default_rng(1)
    x, y = generator.normal(size=(150, 4)), generator.integers(0, 3, 150)
    y[x[:, 0] > 0.5] = 2
    weights = fit_logistic(x, y, 3)
    z = np.concatenate([x, np.ones((150, 1))], axis=1) @ weights
    ours = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    theirs = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(x, y).predict_proba(x)
    assert ours == pytest.approx(theirs, abs=1e-4)


def test_with_no_features_the_other_folds_frequencies_come_out() -> None:
    y, folds = np.array([0, 0, 1, 0, 1, 1, 1, 1]), np.array([0, 0, 0, 0, 1, 1, 1, 1])
    assert held_out_probabilities(np.zeros((8, 0)), y, folds)[0] == pytest.approx([0.0, 1.0], abs=0.01)
    assert held_out_probabilities(np.zeros((8, 0)), y, folds)[7] == pytest.approx([0.75, 0.25], abs=0.01)


def test_a_patient_is_in_one_fold_and_too_few_patients_are_refused() -> None:
    patients = np.repeat(["a", "b", "c", "d"], 5)
    folds = patient_folds(patients, 2, np.random.default_rng(0))
    assert all(len(set(folds[patients == name])) == 1 for name in "abcd")
    with pytest.raises(InputError, match="at least 5 patients"):
        patient_folds(patients, 5, np.random.default_rng(0))
    with pytest.raises(InputError, match="folds"):
        held_out_probabilities(np.zeros((4, 1)), np.array([0, 1, 0, 1]), np.zeros(4))
