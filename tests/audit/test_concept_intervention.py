"""Intervention curves, by hand."""

import numpy as np
import pytest

from pellucid.audit.concept_intervention import area, curve, filled, gain, informed_order
from pellucid.errors import InputError


def test_runs_of_different_lengths_keep_their_last_value() -> None:
    runs = filled([[0.0, 1.0], [0.0, 0.0, 1.0], [1.0]])
    assert runs.tolist() == [[0, 1, 1], [0, 0, 1], [1, 1, 1]]
    assert curve(runs) == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert gain(runs).tolist() == [1, 1, 0]
    assert area(runs).tolist() == [1.0, 0.5, 0.0]
    assert area(np.array([[0.5]])).tolist() == [0.0]


def test_the_informed_order_takes_what_settles_most_and_keeps_the_rest_in_order() -> None:
    assert informed_order({"margin": 0.4, "halo": 0.01}, ["shape", "halo", "margin", "skin"]) == (
        "margin",
        "halo",
        "shape",
        "skin",
    )


def test_no_runs_are_refused() -> None:
    with pytest.raises(InputError, match="one run or more"):
        filled([])
