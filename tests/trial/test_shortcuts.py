"""Sites and scanners of a model on trial are compared however short the time for the search is."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")

from pellucid.record.shortcut import ShortcutAudit
from pellucid.trial.data import Collected, collect
from pellucid.trial.shortcuts import NO_TIME, shortcuts_of
from pellucid.trial.subject import foreign_on_trial

Make = Callable[..., Path]


def scanners(values: str) -> Callable[[list[dict[str, str]]], None]:
    def change(rows: list[dict[str, str]]) -> None:
        for i, row in enumerate(rows):
            row["scanner"] = values[i // 2 % len(values)].strip("-")

    return change


def searched(card: Path, manifest: Path, by: Callable[[Collected], NDArray[np.float64]], seconds: float) -> ShortcutAudit | str:
    """What is found of answers that `by` gives to the cases."""
    trial = foreign_on_trial(card)
    cases = collect(trial.source, manifest, trial.plan, most=200)
    right = by(cases)
    return shortcuts_of(
        trial, cases, np.stack([1 - right, right], axis=1), lambda x: np.full((len(x), 2), 0.5), seconds=seconds, seed=0
    )


def by_scanner(cases: Collected) -> NDArray[np.float64]:
    return np.where(cases.groups["scanner"] == "A", 0.8, 0.2) + np.linspace(0, 0.02, len(cases))


def by_label(cases: Collected) -> NDArray[np.float64]:
    return np.where(cases.labels == 1, 0.8, 0.2) + np.linspace(0, 0.02, len(cases))


def test_without_time_for_the_search_scanners_are_still_compared(side_card: Path, make_set: Make) -> None:
    found = searched(side_card, make_set(40, scanners("AB")), by_scanner, 0.0)
    assert isinstance(found, ShortcutAudit)
    assert (found.searched, found.tested, found.findings) == (0, 0, ())
    assert found.severity == "suspicion"
    assert NO_TIME in found.sentence
    assert "The prediction differs between scanner" in found.sentence
    assert "no dependence" not in found.sentence


def test_where_scanners_do_not_differ_nothing_is_said_of_places_not_looked_at(side_card: Path, make_set: Make) -> None:
    found = searched(side_card, make_set(40, scanners("AB")), by_label, 0.0)
    assert isinstance(found, ShortcutAudit)
    assert [g.severity for g in found.groups] == ["none"]
    assert found.severity == "too few cases"
    assert NO_TIME in found.sentence


def test_without_time_and_without_scanners_the_reason_is_given(side_card: Path, make_set: Make) -> None:
    assert str(searched(side_card, make_set(40, scanners("A")), by_label, 0.0)).startswith(NO_TIME)


def test_images_without_a_scanner_are_no_scanner_of_their_own(side_card: Path, make_set: Make) -> None:
    found = searched(side_card, make_set(60, scanners("AB-")), by_label, 0.0)
    assert isinstance(found, ShortcutAudit)
    assert [g.group for g in found.groups[0].groups] == ["A", "B"]
