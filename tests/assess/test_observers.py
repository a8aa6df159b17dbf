"""Several observers as one: means of probabilities, and a spread that grows with their disagreement."""

import math

import pytest

from pellucid.assess.observers import pool
from pellucid.errors import InputError
from pellucid.record import Finding, Observer

ADA, BEN = Observer(name="Ada", kind="person"), Observer(name="Ben", kind="person")
NET = Observer(name="net", kind="model")
STATES = ("absent", "present")


def stated(who: Observer, present: float) -> Finding:
    state = "present" if present > 0.5 else "absent"
    return Finding(concept="fat", observer=who, states=STATES, probabilities=(1 - present, present), state=state)


def measured(who: Observer, value: float, sd: float = 0.5) -> Finding:
    return Finding(concept="diameter", observer=who, unit="mm", value=value, sd=sd)


def unknown(who: Observer, why: str) -> Finding:
    return Finding(concept="fat", observer=who, states=STATES, unknown_because=why)


def test_probabilities_are_averaged_and_every_observer_is_named() -> None:
    found = pool([stated(ADA, 1.0), stated(BEN, 1.0), stated(NET, 0.1)])
    assert found.probabilities == pytest.approx((0.3, 0.7))
    assert (found.state, found.observer.name, found.observer.kind) == ("present", "Ada and Ben and net", "model")


def test_observers_who_split_evenly_call_no_state() -> None:
    found = pool([stated(ADA, 1.0), stated(BEN, 0.0)])
    assert found.state is None
    assert found.observer.kind == "person"


def test_disagreement_on_a_measurement_widens_its_error() -> None:
    alike, apart = pool([measured(ADA, 6.0), measured(BEN, 6.0)]), pool([measured(ADA, 5.0), measured(BEN, 7.0)])
    assert (alike.value, alike.sd) == (6.0, 0.5)
    assert apart.value == 6.0
    assert apart.sd == pytest.approx(math.sqrt(0.25 + 1.0))


def test_who_could_not_judge_is_left_out_and_nobody_judging_leaves_it_unknown() -> None:
    assert pool([unknown(ADA, "not seen"), stated(BEN, 1.0)]) == stated(BEN, 1.0)
    found = pool([unknown(ADA, "not seen"), unknown(BEN, "not seen"), unknown(NET, "too dark")])
    assert found.unknown_because == "not seen; too dark"


def test_one_observer_pooled_is_that_observer() -> None:
    assert pool([measured(ADA, 6.0)]) == measured(ADA, 6.0)


@pytest.mark.parametrize("findings", [[], [stated(ADA, 1.0), measured(BEN, 6.0)]])
def test_findings_that_do_not_belong_together_are_refused(findings: list[Finding]) -> None:
    with pytest.raises(InputError, match="expected"):
        pool(findings)
