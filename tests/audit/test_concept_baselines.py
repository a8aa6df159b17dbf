"""Baselines and ceilings, by hand and on the labels of the blood cells."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.audit.agreement import accuracy, kappa
from pellucid.audit.concept_baselines import (
    ceiling,
    class_only,
    commonest_given,
    inconsistent,
    majority,
    profile_of,
    within_class_accuracy,
)
from pellucid.errors import InputError

CONCEPTS = np.array([[0, 0], [0, 0], [0, 0], [1, 0], [1, 0], [1, 1]])
OUTCOMES = np.array([0, 0, 1, 1, 1, 0])


def test_the_ceiling_is_the_share_of_cases_that_agree_with_their_profile_s_commonest_outcome() -> None:
    assert ceiling(CONCEPTS, OUTCOMES) == pytest.approx(5 / 6)
    assert inconsistent(CONCEPTS, OUTCOMES) == (3, 1, 3)
    assert majority(OUTCOMES) == pytest.approx(0.5)


def test_held_out_ceiling_answers_an_unseen_profile_with_the_commonest_outcome_of_the_other_folds() -> None:
    folds = np.array([0, 1, 1, 0, 1, 0])
    said = commonest_given(profile_of(CONCEPTS), OUTCOMES, folds)
    # fold 0 holds cases 0, 3, 5; the others say profile 00 -> 0 (tie, lowest), 10 -> 1, and 11 is unseen -> the commonest: 1.
    assert said[[0, 3, 5]].tolist() == [0, 1, 1]


def test_the_class_alone_recites_the_commonest_value_of_the_class() -> None:
    labels, classes = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 0, 0, 1, 1, 1])
    assert class_only(labels, classes) == pytest.approx(5 / 6)
    assert within_class_accuracy(labels, np.array([0, 0, 1, 0, 0, 0]), classes) == 1.0
    assert np.isnan(within_class_accuracy(classes, classes, classes))


def test_labels_that_are_not_recorded_are_refused_and_the_error_says_what_to_do() -> None:
    with pytest.raises(InputError, match="leave out the cases without a label"):
        commonest_given(np.zeros(2), np.array([0, -1]))
    with pytest.raises(InputError, match="expected concepts"):
        profile_of(np.zeros(3))


tables = st.integers(1, 40).flatmap(
    lambda n: st.tuples(
        st.lists(st.tuples(st.integers(-1, 2), st.integers(0, 2)), min_size=n, max_size=n),
        st.lists(st.integers(0, 3), min_size=n, max_size=n),
        st.lists(st.integers(0, 3), min_size=9, max_size=9),
    )
)


@given(tables)
def test_no_function_of_the_hard_concepts_is_above_the_ceiling(table: tuple[list[tuple[int, int]], list[int], list[int]]) -> None:
    concepts, outcomes, answers = np.array(table[0]), np.array(table[1]), np.array(table[2])
    any_function_of_them = answers[(concepts[:, 0] + 1) * 3 % 9 // 3 * 3 + concepts[:, 1]]
    top = ceiling(concepts, outcomes)
    assert top >= accuracy(outcomes, any_function_of_them) - 1e-12
    assert top >= majority(outcomes) - 1e-12
    folds = np.arange(len(outcomes)) % 3
    assert top >= ceiling(concepts, outcomes, folds) - 1e-12


def test_the_published_baselines_of_the_blood_cell_attributes_are_found_again(shared_data: Path) -> None:
    """papers.md 2.8: ceiling 99.2 %, class only 89.2 %, commonest value 65.9 %, human agreement 96.1 %."""
    from pellucid.train.labels import read_manifest

    rows = read_manifest(shared_data / "blood-cell" / "manifest.csv")
    again = {row["img_name"]: row for row in read_manifest(shared_data / "blood-cell" / "reannotations.csv")}
    names = [name for name in rows[0] if name not in ("image", "label", "split")]

    def numbers(column: str) -> np.ndarray:
        return np.unique([row[column] for row in rows], return_inverse=True)[1]

    classes, table = numbers("label"), np.stack([numbers(name) for name in names], axis=1)
    assert len(names) == 11
    assert ceiling(table, classes) == pytest.approx(0.992, abs=0.004)
    assert np.mean([class_only(table[:, k], classes) for k in range(11)]) == pytest.approx(0.892, abs=0.01)
    assert np.mean([majority(table[:, k]) for k in range(11)]) == pytest.approx(0.659, abs=0.01)
    both = [row for row in rows if row["image"] in again]
    agreed = [accuracy(*_coded([r[n] for r in both], [again[r["image"]][n] for r in both])) for n in names]
    assert len(both) > 500
    assert np.mean(agreed) == pytest.approx(0.961, abs=0.01)
    sizes = _coded([r["cell_size"] for r in both], [again[r["image"]]["cell_size"] for r in both])
    assert kappa(*sizes) == pytest.approx(0.79, abs=0.05)


def _coded(first: list[str], second: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Two lists of words as numbers of one code; a word that only the second annotator uses has a number too."""
    both = np.unique([w.lower() for w in [*first, *second]], return_inverse=True)[1]
    return both[: len(first)], both[len(first) :]
