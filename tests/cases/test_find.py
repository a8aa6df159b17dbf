"""The nearest cases are of other patients, both sides are shown, and the words follow from what was seen."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.cases import Confirmed, Embedding, Library, Query, find
from pellucid.cases.find import concept_distances, fused
from pellucid.errors import LibraryError
from pellucid.knowledge.likeness import difference, likeness, retold, seen_of
from pellucid.record import Reading, Seen

Made = Callable[..., Reading]
SPACE = "5" * 64


def fill(library: Library, reading: Made, outcomes: str = "mmmmb") -> None:
    """Cases ever less like a reading with margin 0.9; the last letters are the farthest."""
    for i, letter in enumerate(outcomes):
        outcome = {"m": "malignant", "b": "benign"}[letter]
        vector = np.array([math.cos(i / 3), math.sin(i / 3)])
        kept = library.add(
            reading(f"case {i}", margin=0.9 - 0.15 * i), Confirmed(outcome, "histology", f"P{i}"), Embedding(SPACE, vector)
        )
        assert kept


def test_the_nearest_case_with_another_outcome_is_always_given(library: Library, reading: Made) -> None:
    fill(library, reading)
    similar = find(library, Query(reading("new")), space="concepts", k=2)
    assert [case.outcome for case in similar] == ["malignant", "malignant", "benign"]
    assert [case.stands for case in similar] == ["confirms", "confirms", "contradicts"]


def test_the_nearest_confirming_case_is_given_where_all_near_ones_contradict(library: Library, reading: Made) -> None:
    fill(library, reading, "bbbbm")
    similar = find(library, Query(reading("new")), space="concepts", k=2)
    assert [case.stands for case in similar] == ["contradicts", "contradicts", "confirms"]


def test_cases_of_the_same_patient_image_or_reading_are_left_out(library: Library, reading: Made) -> None:
    fill(library, reading)
    query = reading("case 1", margin=0.75)
    found = find(library, Query(query, patient="P0"), space="concepts", k=9)
    hidden = {reading("case 0").id, query.id}
    assert len(found) == 3
    assert not hidden & {case.reading for case in found}


def test_another_readers_features_are_never_compared(library: Library, reading: Made) -> None:
    fill(library, reading)
    other = Query(reading("new"), Embedding("6" * 64, np.ones(2)))
    with pytest.raises(LibraryError, match="this very reader"):
        find(library, other, space="image")
    assert all(case.image_distance is None for case in find(library, other, space="both"))


def test_image_space_orders_by_the_cosine(library: Library, reading: Made) -> None:
    fill(library, reading)
    found = find(library, Query(reading("new"), Embedding(SPACE, np.array([0.0, 1.0]))), space="image", k=5)
    assert found[0].image_distance == pytest.approx((1 - math.sin(4 / 3)) / 2, abs=1e-4)
    assert [c.image_distance for c in found] == sorted(c.image_distance or 0 for c in found)


def test_concepts_with_other_states_are_not_compared(library: Library, reading: Made) -> None:
    fill(library, reading, "m")
    query = reading("new")
    odd = tuple(f.model_copy(update={"states": ("a", "b")}) if f.states else f for f in query.findings)
    changed = Reading.model_validate({**dict(query), "id": "", "findings": odd})
    with pytest.raises(LibraryError, match="half of the concepts"):
        find(library, Query(changed), space="concepts")


def test_an_image_read_by_two_readers_is_given_once_as_this_reader_read_it(library: Library, reading: Made) -> None:
    for weights in "ab":
        library.add(reading("case", weights=weights, margin=0.8), Confirmed("benign", "histology", "P"))
    found = find(library, Query(reading("new", weights="b")), space="concepts")
    assert [case.reading for case in found] == [reading("case", weights="b", margin=0.8).id]


def test_words_say_what_both_show_and_what_differs(reading: Made) -> None:
    told = likeness(seen_of(reading("a").findings), seen_of(reading("b", margin=0.1, size=30.0).findings))
    assert told.alike == ("shape: irregular",)
    assert "margin: not circumscribed (0.90) here, circumscribed (0.90) there" in told.different
    assert "long axis: 10 mm here, 30 mm there" in told.different


def test_the_fast_distance_is_the_one_that_words_are_told_by(library: Library, reading: Made) -> None:
    fill(library, reading)
    query = reading("new", size=14.0)
    fast = concept_distances(query, library.rows(), library.layouts())
    slow = [likeness(seen_of(query.findings), case.seen).distance or 0.0 for case in library.cases()]
    np.testing.assert_allclose(fast, slow, atol=1e-4)


def test_a_case_compared_with_a_revised_reading_is_told_anew(library: Library, reading: Made) -> None:
    fill(library, reading, "m")
    (case,) = find(library, Query(reading("new")), space="concepts")
    again = retold(case, reading("new", margin=0.05, category="benign"))
    assert again.stands == "contradicts"
    assert (again.concept_distance or 0) > (case.concept_distance or 0)
    assert retold(again, reading("new")) == case


def test_fusion_prefers_what_is_near_in_both() -> None:
    order = np.argsort(fused(np.array([0.1, 0.2, 0.9]), np.array([0.9, 0.2, 0.1])))
    assert fused(np.array([0.1, np.nan]), np.array([0.1, np.nan]))[1:] != fused(np.array([0.1]), np.array([0.1]))
    assert len(order) == 3


@given(st.floats(0, 1), st.floats(0, 1), st.floats(-10, 200), st.floats(-10, 200))
def test_differences_are_symmetric_within_bounds_and_zero_for_the_same(p: float, q: float, x: float, y: float) -> None:
    pairs = [
        tuple(Seen(concept="c", states=("a", "b"), probabilities=(1 - v, v)) for v in (p, q)),
        tuple(Seen(concept="c", unit="deg", value=v, sd=1.0) for v in (x, y)),
        tuple(Seen(concept="c", unit="mm", value=abs(v), sd=1.0) for v in (x, y)),
    ]
    for one, other in pairs:
        apart = difference(one, other)
        assert apart is not None
        assert 0 <= apart <= 1
        assert apart == difference(other, one)
        assert difference(one, one) == pytest.approx(0, abs=1e-7)
