"""Pathology statements: what weighs, what drives, and what words that nobody knows leave open."""

from types import ModuleType

import pytest
from pydantic import ValidationError

from pellucid.assess.pathology import (
    Mention,
    Pathology,
    Sampling,
    Specimen,
    benign_diagnoses,
    driving_class,
    possible_classes,
    quote_of,
    weight_of,
)


def mention(status: str = "present", tissue: str | None = "malignant", term: str | None = "x") -> Mention:
    return Mention.model_validate({"term": term, "words": "x", "quote": "x.", "status": status, "tissue": tissue})


@pytest.mark.parametrize(
    ("status", "tissue", "weight"),
    [
        ("present", "malignant", "malignant"),
        ("uncertain", "malignant", "suspicious"),
        ("uncertain", "specific benign", "nonspecific benign"),
        ("uncertain", "high-risk", "high-risk"),
        ("negated", "malignant", None),
        ("historical", "malignant", None),
    ],
)
def test_what_is_only_possible_weighs_less_and_what_is_denied_nothing(status: str, tissue: str, weight: str | None) -> None:
    assert weight_of(mention(status, tissue)) == weight


def test_the_worst_diagnosis_of_a_specimen_drives() -> None:
    specimen = Specimen(mentions=(mention(tissue="specific benign"), mention(tissue="high-risk"), mention(tissue="atypical")))
    assert driving_class(specimen) == "high-risk"


def test_of_benign_diagnoses_the_named_lesion_drives() -> None:
    specimen = Specimen(mentions=(mention(tissue="nonspecific benign"), mention(tissue="specific benign")))
    assert driving_class(specimen) == "specific benign"


def test_insufficient_goes_before_benign() -> None:
    specimen = Specimen(mentions=(mention(tissue="specific benign"), mention(tissue="non-diagnostic")))
    assert driving_class(specimen) == "non-diagnostic"


def test_of_several_specimens_the_worst_drives(pairs: ModuleType) -> None:
    a = Specimen(label="A", mentions=(mention(tissue="specific benign"),))
    b = Specimen(label="B", mentions=(mention(tissue="malignant"),))
    assert possible_classes((a, b)) == {"malignant"}
    assert quote_of((a, b), "malignant") == "specimen B: x."


def test_an_unknown_word_leaves_everything_worse_open() -> None:
    unknown = mention(tissue=None, term=None)
    assert possible_classes((Specimen(mentions=(mention(tissue="high-risk"), unknown)),)) == {
        "malignant",
        "suspicious",
        "high-risk",
    }
    assert possible_classes((Specimen(mentions=(mention(tissue="malignant"), unknown)),)) == {"malignant"}
    assert len(possible_classes((Specimen(mentions=(unknown,)),))) == 7


def test_a_specimen_without_a_diagnosis_leaves_everything_worse_open() -> None:
    known = Specimen(label="A", mentions=(mention(tissue="specific benign"),))
    assert "malignant" in possible_classes((known, Specimen(label="B", mentions=(mention("historical"),))))


def test_a_possible_diagnosis_does_not_account_for_an_image() -> None:
    assert benign_diagnoses(Specimen(mentions=(mention("uncertain", "specific benign"),))) == ()


@pytest.mark.parametrize(
    "wrong",
    [{"gauge": 99}, {"cores": 0}, {"target": "maybe"}, {"target": "missed", "removed": "whole"}, {"needle": "fine"}],
)
def test_sampling_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Sampling.model_validate(wrong)


def test_a_term_without_a_class_is_refused() -> None:
    with pytest.raises(ValidationError, match="exactly where the term is known"):
        mention(tissue=None)


def test_two_specimens_of_one_label_are_refused(pairs: ModuleType) -> None:
    one = Specimen(label="A", stated_class="specific benign")
    with pytest.raises(ValidationError, match="different labels"):
        Pathology(organ="breast", by=pairs.PATHOLOGIST, specimens=(one, one))


def test_the_statement_survives_json(pairs: ModuleType) -> None:
    statement = pairs.tissue("fibroadenoma", history=("surgery",))
    assert Pathology.model_validate_json(statement.model_dump_json()) == statement
