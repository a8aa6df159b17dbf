"""Certainty words stand for ranges of probability that leave no gap."""

import pytest

from pellucid.knowledge.language import level_of, levels


def test_the_levels_go_down_to_zero_and_only_the_surest_needs_no_word() -> None:
    lowest = [level.lowest for level in levels()]
    assert lowest == sorted(lowest, reverse=True)
    assert lowest[-1] == 0.0
    assert [bool(level.adverb) for level in levels()] == [False, True, True]


@pytest.mark.parametrize(
    ("p", "name"), [(1.0, "plain"), (0.9, "plain"), (0.899, "probable"), (0.65, "probable"), (0.64, "possible"), (0, "possible")]
)
def test_a_limit_belongs_to_the_level_above_it(p: float, name: str) -> None:
    assert level_of(p).name == name
