"""The narrative says what the reading says, in prose, and can be read back without loss."""

import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.knowledge import list_guidelines
from pellucid.record import Reading
from pellucid.report import narrative
from pellucid.report.check import check
from pellucid.report.narrative import sector_of
from pellucid.report.reading_back import read_back
from pellucid.report.vocabulary import vocabulary

PACKS = list(list_guidelines())


def load(name: str) -> ModuleType:
    """A file of benchmarks/ as a module."""
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, Path(__file__).resolve().parents[2] / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


RANDOM = load("random_readings")


@pytest.mark.parametrize("pack", PACKS)
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_text_to_claims_to_reading_loses_nothing(pack: str, seed: int) -> None:
    reading: Reading = RANDOM.random_reading(pack, np.random.default_rng(seed))
    written = narrative(reading)
    assert read_back(written.as_text(), vocabulary(reading)[1]) == written.claims


@pytest.mark.parametrize("pack", PACKS)
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_checker_supports_every_sentence_of_the_grammar_and_misses_none(pack: str, seed: int) -> None:
    reading: Reading = RANDOM.random_reading(pack, np.random.default_rng(seed))
    checked = check(narrative(reading).as_text().partition("\n\n")[2], reading)
    assert [s for s in checked.sentences if s.standing not in ("supported", "filler")] == []
    assert checked.missing == ()


@pytest.mark.parametrize("pack", PACKS)
def test_every_finding_of_a_reading_is_claimed(pack: str) -> None:
    reading: Reading = RANDOM.random_reading(pack, np.random.default_rng(5))
    about = {c.about for c in narrative(reading).claims if c.kind in ("finding", "measure", "unjudged", "unsettled")}
    assert about == {f.concept for f in reading.findings}
    asked = {c.about for c in narrative(reading).claims if c.kind in ("category", "abstained")}
    assert asked == {a.question for a in reading.assessments}


def test_it_reads_as_a_radiologist_would_write_it(readings: Mapping[str, Reading]) -> None:
    told = narrative(readings["breast"]).as_text()
    assert "FINDINGS\n" in told
    assert "The long axis measures 29.9 ± 1.1 mm" in told.replace("\u00a0", " ")
    assert "IMPRESSION\n1. Category of the mass: " in told
    assert "no earlier examination" in told
    assert "{state}" not in told
    assert " is is " not in told


def test_a_hedged_finding_has_its_word_and_its_probability(build: Callable[..., Reading]) -> None:
    reading = build()
    hedged = [f for f in reading.findings if f.state and f.probabilities and 0.65 <= max(f.probabilities) < 0.9]
    assert hedged
    told = narrative(reading).as_text().replace("\u00a0", " ")
    for finding in hedged:
        assert f"({int(100 * max(finding.probabilities or ()) + 0.5)} %)" in told
    assert told.count("probably") >= len(hedged) / 6


def test_the_side_and_the_lesion_are_named_where_they_are_known(build: Callable[..., Reading]) -> None:
    study = build().study.model_copy(update={"ids": {"laterality": "L"}})
    assert "Side: left." in narrative(build(study=study)).as_text()
    assert "Lesion: right upper lobe." in narrative(build(), "right upper lobe").as_text()


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        (0.1, 0.1, "in the upper left part"),
        (0.5, 0.5, "in the centre"),
        (0.9, 0.5, "in the right part"),
        (0.5, 1.0, "in the lower part"),
        (-1, 2, "in the lower left part"),
    ],
)
def test_the_place_in_the_image_is_told_in_thirds(x: float, y: float, said: str) -> None:
    assert sector_of(x, y) == said


@pytest.mark.parametrize("kind", ["breast", "fundus", "abstained", "no spacing", "revised", "nothing"])
def test_every_kind_of_reading_has_a_narrative_that_can_be_read_back(kind: str, readings: Mapping[str, Reading]) -> None:
    reading = readings[kind]
    written = narrative(reading)
    assert read_back(written.as_text(), vocabulary(reading)[1]) == written.claims


def test_a_reading_of_an_unknown_guideline_is_told_in_its_own_names(build: Callable[..., Reading]) -> None:
    first = build()
    renamed: tuple[Any, ...] = tuple(
        a.model_copy(update={"guideline": a.guideline.model_copy(update={"name": "of-another-house"})}) for a in first.assessments
    )
    reading = build(assessments=renamed)
    written = narrative(reading)
    assert "circumscribed" in written.as_text()
    assert [s for s in check(written.as_text(), reading).sentences if s.standing == "contradicted"] == []
