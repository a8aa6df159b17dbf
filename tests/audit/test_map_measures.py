"""Every measure of maps runs, stays in its bounds, costs what it says, and knows what it needs."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.audit.paper import bench, counted

from pellucid.audit.map_controls import CONTROLS, control_bench
from pellucid.audit.map_measures import MAP_MEASURES, NEEDS, cost, measure, missing
from pellucid.audit.map_trial import try_methods
from pellucid.errors import UnknownName

WHOLE = bench(n=6, whole=True)
N = 6


@pytest.mark.parametrize("name", MAP_MEASURES)
def test_every_measure_gives_a_value_per_case_in_its_bounds_for_the_method_and_every_control(name: str) -> None:
    m = MAP_MEASURES[name]
    for b in (WHOLE, *(control_bench(WHOLE, c, seed=1) for c in CONTROLS.values())):
        values = m.function(b)
        assert values.shape == (N,)
        known = values[np.isfinite(values)]
        assert ((known >= m.bounds[0] - 1e-9) & (known <= m.bounds[1] + 1e-9)).all()
    assert np.isfinite(m.function(WHOLE)).any()


@pytest.mark.parametrize("name", MAP_MEASURES)
def test_every_measure_gives_the_same_again(name: str) -> None:
    np.testing.assert_array_equal(MAP_MEASURES[name].function(WHOLE), MAP_MEASURES[name].function(WHOLE))


@pytest.mark.parametrize("name", MAP_MEASURES)
@pytest.mark.parametrize("methods", [1, 2])
def test_every_measure_asks_no_more_of_model_and_method_than_it_says(name: str, methods: int) -> None:
    model, forwards = counted(WHOLE.predict)
    method, explanations = counted(WHOLE.explain)
    random, more = counted(WHOLE.randomised[-1][2])
    stages = (("head", model, method), ("all", model, random))
    models = {"randomised": 2 if name == "smooth MPRT" else 1, "retrained": 2}.get(MAP_MEASURES[name].needs or "", 1)
    one = replace(
        WHOLE,
        predict=model,
        explain=method,
        randomised=stages,
        retrained=((model, method), (model, method)),
        label_randomised=(model, method),
        reseeded=lambda seed: method,
    )
    other = replace(one, maps=np.flip(one.maps, axis=1).copy())
    try_methods(dict(zip("ab"[:methods], (one, other), strict=False)), [name])
    said = cost(name, models=models, methods=methods)
    assert sum(forwards) <= said[0] * N
    assert sum(explanations) + sum(more) <= said[1] * N
    if said[0]:
        assert sum(forwards) > 0.5 * said[0] * N


def test_every_need_is_missing_on_a_bare_bench_and_met_on_a_whole_one() -> None:
    bare = bench(n=2, of=replace(bench(n=2).cases, masks=None))
    for name, m in MAP_MEASURES.items():
        assert missing(name, WHOLE) is None
        assert (missing(name, bare) is None) == (m.needs is None)
    assert {m.needs for m in MAP_MEASURES.values()} - {None} == set(NEEDS)


def test_unknown_measure_offers_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'deletion'"):
        measure("deletions")


def test_every_measure_has_a_source() -> None:
    for name, m in MAP_MEASURES.items():
        assert m.reference.startswith(("arXiv:", "doi:")) or m.reference == "ours", name
        assert set(m.controls) == set(CONTROLS)


def test_the_page_has_the_tables_of_the_code(root: Path) -> None:
    spec = importlib.util.spec_from_file_location("make_measures", root / "docs" / "reference" / "make_measures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = module.PAGE.read_text(encoding="utf-8")
    assert module.made(page) == page
    assert all(f"`{name}`" in page for name in MAP_MEASURES)
