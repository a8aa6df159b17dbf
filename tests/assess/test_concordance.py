"""The record of a pair: frozen, strict, told by its hash."""

import json
from types import ModuleType
from typing import Any

import pytest
from pydantic import ValidationError

from pellucid.assess.combine import combine
from pellucid.assess.concordance import Concordance, concordance_from_json


@pytest.fixture(scope="module")
def record(pairs: ModuleType) -> Concordance:
    """A discordant pair."""
    return combine(pairs.image("4C", pairs.SPICULATED_MASS, p=0.9), pairs.tissue("fibroadenoma"))


def test_the_round_trip_through_json_is_exact(record: Concordance) -> None:
    again = concordance_from_json(record.as_json())
    assert again == record
    assert again.as_json() == record.as_json()
    assert len(record.id) == 64


def test_the_name_of_the_file_is_outside_the_hash(pairs: ModuleType) -> None:
    image, tissue = pairs.image("4A", pairs.BENIGN_MASS), pairs.tissue("fibroadenoma")
    named = tissue.model_copy(update={"source": "elsewhere.txt"})
    assert combine(image, tissue).id == combine(image, named).id


@pytest.mark.parametrize(
    "change",
    [{"outcome": "concordant benign"}, {"action": "Do nothing."}, {"deadline": "never"}, {"id": "0" * 64}, {"extra": 1}],
)
def test_a_record_that_was_changed_is_refused(record: Concordance, change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        concordance_from_json(json.dumps({**json.loads(record.as_json()), **change}))


def test_a_record_is_frozen(record: Concordance) -> None:
    with pytest.raises(ValidationError):
        record.action = "Do nothing."


def test_an_outcome_excludes_a_reason_for_having_none(record: Concordance) -> None:
    content = {**json.loads(record.as_json()), "id": "", "undecided_because": "x"}
    with pytest.raises(ValidationError, match="exactly one of the two"):
        concordance_from_json(json.dumps(content))


def test_open_outcomes_stand_in_order(record: Concordance) -> None:
    content = {
        **json.loads(record.as_json()),
        "id": "", "outcome": None, "undecided_because": "x", "open_outcomes": ["discordant benign", "concordant benign"],
    }  # fmt: skip
    with pytest.raises(ValidationError, match="most reassuring first"):
        concordance_from_json(json.dumps(content))
