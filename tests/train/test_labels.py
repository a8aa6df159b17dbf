"""Labels: what was recorded becomes a state; what was not stays not recorded."""

from pathlib import Path

import numpy as np
import pytest

from pellucid.errors import RecipeError
from pellucid.models.card import Contradiction, Labels, Threshold
from pellucid.train.labels import (
    NOT_RECORDED,
    check_columns,
    label_array,
    medians,
    rating_array,
    read_manifest,
    shares,
    state_index,
)

SHAPE = Labels(column="shape", values={"oval": "oval", "no": "none"})


def test_a_cell_that_fits_nothing_is_not_recorded():
    rows = [{"shape": "oval"}, {"shape": ""}, {"shape": "not applicable"}, {}, {"shape": "no"}]
    assert label_array(SHAPE, ("none", "oval"), rows).tolist() == [1, NOT_RECORDED, NOT_RECORDED, NOT_RECORDED, 0]


def test_a_part_of_a_margin_is_found_in_the_text_and_blank_cells_are_not_recorded():
    labels = Labels(column="margin", contains="spiculated", blank=("", "not applicable"))
    states = ("absent", "present")
    assert state_index(labels, states, {"margin": "not circumscribed - spiculated&indistinct"}) == 1
    assert state_index(labels, states, {"margin": "circumscribed"}) == 0
    assert state_index(labels, states, {"margin": "not applicable"}) == NOT_RECORDED


def test_counts_choose_the_state_and_text_is_not_recorded():
    labels = Labels(column="n", counts=(1, 5))
    assert [state_index(labels, ("none", "few", "many"), {"n": c}) for c in ("0", "1", "4", "5", "x", "")] == [0, 1, 1, 2, -1, -1]


def test_a_zero_count_that_the_grade_contradicts_is_not_recorded():
    rule = Contradiction(state="none", column="grade", at_least=1)
    labels = Labels(column="n", counts=(1, 5), unless=(rule,))
    states = ("none", "few", "many")
    assert state_index(labels, states, {"n": "0", "grade": "2"}) == NOT_RECORDED
    assert state_index(labels, states, {"n": "0", "grade": "0"}) == 0
    assert state_index(labels, states, {"n": "3", "grade": "2"}) == 1


def test_any_of_is_unknown_where_a_column_is_missing_and_none_is_reached():
    labels = Labels(any_of=(Threshold(column="dr", at_least=2), Threshold(column="dme", at_least=1)))
    states = ("not referable", "referable")
    assert state_index(labels, states, {"dr": "3", "dme": ""}) == 1
    assert state_index(labels, states, {"dr": "1", "dme": "0"}) == 0
    assert state_index(labels, states, {"dr": "1", "dme": ""}) == NOT_RECORDED


def test_a_missing_column_is_named():
    with pytest.raises(RecipeError, match="expected a column 'shape', got case"):
        check_columns(SHAPE, [{"case": "1"}], "manifest.csv: concept shape")


@pytest.mark.parametrize("content", [b"", b"a,b\n", b"\xff\xfe\x00\x01"])
def test_an_empty_or_unreadable_manifest_is_one_clear_error(tmp_path: Path, content: bytes):
    path = tmp_path / "manifest.csv"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match="manifest"):
        read_manifest(path)


def test_labels_without_a_rule_are_not_recorded():
    assert np.all(label_array(None, ("a", "b"), [{"x": "1"}] * 3) == NOT_RECORDED)


RATED = Labels(ratings="readings.csv", column="margin", values={"1": "poor", "2": "fair", "3": "sharp"})
STATES = ("poor", "fair", "sharp")


def test_ratings_are_gathered_by_image_in_the_order_of_the_manifest():
    rows = [{"image": i, "margin": m} for i, m in (("b", "1"), ("a", "3"), ("b", "2"), ("x", "1"), ("b", ""))]
    found = rating_array(RATED, STATES, ["a", "b", "c"], rows, "image")
    assert found.tolist() == [[2, -1], [0, 1], [-1, -1]]


def test_the_median_of_readers_goes_to_the_later_state_at_a_half():
    assert medians(np.array([[0, 1, -1], [2, 2, 0], [-1, -1, -1], [0, 2, -1]])).tolist() == [1, 2, -1, 1]


def test_shares_are_the_readers_answers_and_zero_where_nobody_answered():
    found = shares(np.array([[0, 1, 1, 2], [2, -1, -1, -1], [-1, -1, -1, -1]]), 3)
    assert found.tolist() == [[0.25, 0.5, 0.25], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
