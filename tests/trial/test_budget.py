"""Time is given first to what the verdict asks for, never more than there is."""

import pytest

pytest.importorskip("torch")

from pellucid.audit.map_measures import MAP_MEASURES
from pellucid.trial.budget import FIRST, LEAST, Speed, allot, grouped, ordered, seconds_per_case


def costs(speed: Speed, methods: int = 1) -> dict[str, float]:
    return {m: seconds_per_case(m, speed, methods=methods, stages=3) for m in ordered(tuple(MAP_MEASURES))}


def spent(given: dict[str, int], each: dict[str, float], map_seconds: float) -> float:
    return sum(each[m] * given[m] for m in each) + map_seconds * max(given.values())


def test_every_measure_of_the_table_has_its_rank() -> None:
    assert set(FIRST) == set(MAP_MEASURES)


@pytest.mark.parametrize("seconds", [1.0, 20.0, 100.0, 400.0, 4000.0])
@pytest.mark.parametrize("explanation", [0.01, 0.3, 15.0])
def test_no_more_time_is_given_than_there_is(seconds: float, explanation: float) -> None:
    each = costs(Speed(0.02, explanation))
    given = allot(each, 200, seconds, explanation)
    free = {m for m in each if each[m] == 0}
    assert (
        spent({m: n for m, n in given.items() if m not in free}, {m: e for m, e in each.items() if m not in free}, 0) <= seconds
    )
    assert all(n == 0 or n >= min(LEAST, MAP_MEASURES[m].cap or LEAST) for m, n in given.items())


def test_with_plenty_of_time_every_measure_gets_its_cap() -> None:
    given = allot(costs(Speed(0.001, 0.001)), 150, 1e6, 0.001)
    assert given == {m: min(150, MAP_MEASURES[m].cap or 150) for m in given}


def test_a_slow_method_keeps_the_measures_that_the_verdict_asks_for_first() -> None:
    each = costs(Speed(0.02, 4.0))
    given = allot(each, 200, 500.0, 4.0)
    assert given["ROAD"] >= LEAST
    assert given["MPRT"] >= LEAST
    assert given["max-sensitivity"] == 0


def test_methods_of_like_speed_are_tried_together() -> None:
    speeds = {"a": Speed(0.1, 0.1), "b": Speed(0.1, 0.3), "slow": Speed(0.1, 9.0)}
    assert grouped(speeds) == [["a", "b"], ["slow"]]
