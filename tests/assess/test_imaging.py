"""The imaging statement of a reading: category on the organ's scale, risk, and what is not known."""

from pathlib import Path
from types import ModuleType

import pytest
from pydantic import ValidationError

from pellucid.assess.imaging import Imaging, Risk, imaging_of, organ_of
from pellucid.errors import InputError
from pellucid.knowledge.concordance import load_table
from pellucid.record import Reading, reading_from_json


@pytest.fixture(scope="module")
def case(root: Path) -> Reading:
    """The breast case that ships as an example."""
    return reading_from_json((root / "src" / "pellucid" / "app" / "examples" / "breast-case.json").read_bytes())


def test_a_reading_tells_its_organ(case: Reading) -> None:
    assert organ_of(case) == "breast"


def test_a_reading_gives_category_risk_and_findings(case: Reading) -> None:
    found = imaging_of(case, load_table("breast"))
    birads = next(a for a in case.assessments if a.question == "birads")
    assert (found.category, found.statement, found.reading) == (birads.category, birads.statement, case.id)
    assert found.risk is not None
    assert found.risk.value == next(a for a in case.assessments if a.question == "malignancy").probabilities["malignant"]
    assert found.findings == case.findings
    assert found.step


def test_a_risk_that_is_given_takes_the_place_of_the_readings_own(case: Reading) -> None:
    found = imaging_of(case, load_table("breast"), Risk(value=0.5, of="typed"))
    assert found.risk == Risk(value=0.5, of="typed")


def test_a_reading_of_another_organ_is_refused(case: Reading) -> None:
    with pytest.raises(InputError, match="expected a reading of the lung with a Lung-RADS category"):
        imaging_of(case, load_table("lung"))


def test_a_reading_without_a_known_guideline_tells_no_organ(case: Reading) -> None:
    bare = Reading(study=case.study, reader=case.reader, findings=case.findings, assessments=())
    with pytest.raises(InputError, match="say which organ it is"):
        organ_of(bare)


def test_an_abstained_category_stays_unknown_with_its_reason(case: Reading) -> None:
    assessments = tuple(
        a.model_copy(update={"category": None, "abstained_because": "the image is unlike the others"}) for a in case.assessments
    )
    reading = Reading(study=case.study, reader=case.reader, findings=case.findings, assessments=assessments)
    found = imaging_of(reading, load_table("breast"))
    assert found.category is None
    assert found.category_unknown_because == "the image is unlike the others"
    assert found.risk is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"value": 1.2},
        {"value": -0.1},
        {"value": 0.5, "low": 0.6, "high": 0.7},
        {"value": 0.5, "low": 0.4},
        {"value": float("nan")},
    ],
)
def test_a_risk_out_of_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Risk.model_validate({"of": "typed", **wrong})


def test_a_statement_needs_a_category_or_a_reason_and_each_concept_once(pairs: ModuleType) -> None:
    with pytest.raises(ValidationError, match="exactly one of the two"):
        Imaging(organ="breast", by=pairs.READER, statement="x")
    with pytest.raises(ValidationError, match="each concept once"):
        pairs.image("5", (pairs.seen("shape", "oval"), pairs.seen("shape", "round")))


def test_the_statement_survives_json(pairs: ModuleType) -> None:
    statement = pairs.image("4C", pairs.SPICULATED_MASS, p=0.8)
    assert Imaging.model_validate_json(statement.model_dump_json()) == statement
