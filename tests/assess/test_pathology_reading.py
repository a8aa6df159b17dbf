"""A reader of slides as the pathology side: its category names a class or a diagnosis."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pellucid.assess.pathology import driving_class, possible_classes
from pellucid.assess.pathology_reading import pathology_of
from pellucid.errors import InputError
from pellucid.knowledge.concordance import load_table
from pellucid.record import Assessment, GuidelineRef, ReaderRef, Reading, Step, StudyRef, Truth, reading_from_json

TABLE = load_table("breast")
Slides = Callable[..., Reading]


@pytest.fixture
def slides() -> Slides:
    """Makes a reading of slides from its questions and their categories."""

    def make(category: str | None, *others: str, question: str = "diagnosis") -> Reading:
        names: list[str] = [*([category] if category else []), *others]
        assessment = Assessment(
            question=question,
            guideline=GuidelineRef(name="breast-histology", edition="1", sha256="a" * 64),
            category=category,
            statement=f"The slides show {category}." if category else "No diagnosis is given.",
            probabilities={name: 1.0 / len(names) for name in names},
            confidence_set=(),
            derivation=Step(claim="x", truth=Truth.MET),
            abstained_because=None if category else "the tissue is unlike the others",
        )
        study = StudyRef(pixels_sha256="b" * 64, width=10, height=10)
        return Reading(study=study, reader=ReaderRef(name="slides", version="1"), findings=(), assessments=(assessment,))

    return make


@pytest.mark.parametrize(
    ("category", "tissue"),
    [
        ("malignant", "malignant"), ("benign", "nonspecific benign"), ("non-diagnostic", "non-diagnostic"),
        ("Ductal carcinoma in situ", "malignant"), ("UDH", "nonspecific benign"), ("ADH", "high-risk"),
    ],
)  # fmt: skip
def test_a_category_that_names_a_class_or_a_diagnosis_is_understood(slides: Slides, category: str, tissue: str) -> None:
    statement = pathology_of(slides(category, "other"), TABLE)
    assert driving_class(statement.specimens[0]) == tissue
    assert statement.by.name == "slides 1"


def test_a_reader_that_abstains_leaves_the_class_open(slides: Slides) -> None:
    statement = pathology_of(slides(None, "malignant", "benign"), TABLE)
    assert len(possible_classes(statement.specimens)) == 7


def test_a_category_of_no_class_is_refused(slides: Slides) -> None:
    with pytest.raises(InputError, match="got diagnosis: grade 2"):
        pathology_of(slides("grade 2", "grade 3"), TABLE)


def test_a_reading_of_the_image_is_no_pathology(root: Path) -> None:
    case = reading_from_json((root / "src" / "pellucid" / "app" / "examples" / "breast-case.json").read_bytes())
    with pytest.raises(InputError, match="which is imaging of the breast"):
        pathology_of(case, TABLE)


def test_a_grade_group_names_its_diagnosis(slides: Slides) -> None:
    statement = pathology_of(slides("2", "1", question="grade-group"), load_table("prostate"))
    assert statement.specimens[0].mentions[0].term == "adenocarcinoma, grade group 2 or above"
