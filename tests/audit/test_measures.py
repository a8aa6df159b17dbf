"""Every measure of the table runs and stays in its bounds."""

import numpy as np
import pytest

from pellucid.audit.measures import MEASURES, Measure


@pytest.mark.parametrize("measure", MEASURES, ids=lambda m: m.name)
def test_every_measure_runs_and_stays_in_its_bounds(measure: Measure) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=60)
    p = rng.dirichlet(np.ones(3), size=60)
    taken = {
        "probabilities": (labels, p),
        "predicted": (labels, p.argmax(axis=1)),
        "sets": (labels, p > 0.2),
        "mask": (p, p > 0.5),
    }
    value = measure.function(*taken[measure.takes])
    assert measure.bounds[0] <= value <= measure.bounds[1]


def test_names_are_unique_and_every_measure_has_a_source() -> None:
    assert len({m.name for m in MEASURES}) == len(MEASURES)
    assert all(m.reference for m in MEASURES)
