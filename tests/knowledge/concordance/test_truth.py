"""Three-valued truth over sets of possible states."""

import pytest

from pellucid.knowledge.concordance.truth import Facts, atoms_of, step_of, truth_of, undecided_concepts
from pellucid.knowledge.concordance.words import Atom, Compound, Predicate
from pellucid.record import Truth

OVAL = Atom("shape", "the shape is oval", ("oval",))
LARGE = Atom("size", "the size is above 3", low=(3.0, True))
CYST = Atom("diagnosis", "the diagnosis is cyst", ("cyst",))


@pytest.mark.parametrize(
    ("states", "truth"),
    [({"oval"}, Truth.MET), ({"round"}, Truth.NOT_MET), ({"oval", "round"}, Truth.UNKNOWN), (None, Truth.UNKNOWN)],
)
def test_a_state_is_met_where_every_possible_state_is(states: set[str] | None, truth: Truth) -> None:
    facts = Facts({} if states is None else {"shape": frozenset(states)})
    assert truth_of(OVAL, facts) is truth


@pytest.mark.parametrize(("value", "truth"), [(3.0, Truth.NOT_MET), (3.1, Truth.MET), (None, Truth.UNKNOWN)])
def test_a_limit_is_strict_where_it_says_above(value: float | None, truth: Truth) -> None:
    assert truth_of(LARGE, Facts({}, {} if value is None else {"size": value})) is truth


def test_a_diagnosis_holds_where_it_is_among_those_that_hold() -> None:
    assert truth_of(CYST, Facts({}, held=frozenset({"cyst", "scar"}))) is Truth.MET
    assert truth_of(CYST, Facts({}, held=frozenset({"scar"}))) is Truth.NOT_MET
    assert truth_of(CYST, Facts({}, held=frozenset({"scar"}), held_open=True)) is Truth.UNKNOWN


@pytest.mark.parametrize(
    ("operator", "parts", "truth"),
    [
        ("all", (OVAL, LARGE), Truth.UNKNOWN),
        ("any", (OVAL, LARGE), Truth.MET),
        ("not", (OVAL,), Truth.NOT_MET),
        ("not", (LARGE,), Truth.UNKNOWN),
    ],
)
def test_compounds_follow_kleene(operator: str, parts: tuple[Predicate, ...], truth: Truth) -> None:
    predicate = Compound(operator, parts)  # pyright: ignore[reportArgumentType] - one of all, any, not
    assert truth_of(predicate, Facts({"shape": frozenset({"oval"})})) is truth


def test_a_step_shows_what_was_seen_and_what_is_not_stated() -> None:
    step = step_of(
        Compound("not", (Compound("all", (OVAL, LARGE)),)), Facts({"shape": frozenset({"oval"})}, seen={"shape": "seen: oval"})
    )
    text = step.as_text()
    assert "the shape is oval (seen: oval)" in text
    assert "the size is above 3 (not stated)" in text
    assert "not so: all of these hold" in text


def test_the_concepts_that_leave_a_predicate_open_are_named() -> None:
    both = Compound("all", (OVAL, LARGE, OVAL))
    assert list(atoms_of(both)) == ["shape", "size"]
    assert undecided_concepts(both, Facts({"shape": frozenset({"oval"})})) == ["size"]
    assert undecided_concepts(both, Facts({"shape": frozenset({"round"})})) == []
