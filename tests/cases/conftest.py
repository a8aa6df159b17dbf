"""Made-up readings, so that the library is tested without a model."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy")

from pellucid.cases import Library, open_library
from pellucid.record import (
    Assessment,
    Finding,
    GuidelineRef,
    Observer,
    ReaderRef,
    Reading,
    Step,
    StudyRef,
    Truth,
)

MODEL = Observer(name="toy 1", kind="model")
MARGIN = ("circumscribed", "not circumscribed")


def made(name: str, margin: float = 0.9, size: float = 10.0, category: str = "malignant", weights: str = "a") -> Reading:
    """A reading of the image `name`: the margin's probability of not circumscribed, a long axis in mm, an answer."""
    findings = (
        Finding(concept="margin", observer=MODEL, states=MARGIN, probabilities=(round(1 - margin, 6), margin)),
        Finding(concept="shape", observer=MODEL, states=("oval", "irregular"), probabilities=(0.3, 0.7)),
        Finding(concept="long_axis", observer=MODEL, unit="mm", value=size, sd=1.0),
        Finding(concept="halo", observer=MODEL, states=("absent", "present"), unknown_because="too dark"),
    )
    answer = Assessment(
        question="malignancy",
        guideline=GuidelineRef(name="toy", edition="1", sha256="0" * 64),
        category=category,
        statement="Said.",
        probabilities={"benign": 0.3, "malignant": 0.7},
        confidence_set=(category,),
        coverage=0.9,
        derivation=Step(claim="said", truth=Truth.MET),
    )
    return Reading(
        study=StudyRef(pixels_sha256=hashlib.sha256(name.encode()).hexdigest(), width=8, height=8),
        reader=ReaderRef(name="toy", version="1", weights_sha256=weights * 64),
        findings=findings,
        assessments=(answer,),
    )


@pytest.fixture
def reading() -> Callable[..., Reading]:
    """Makes a reading."""
    return made


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """An empty library."""
    return open_library(tmp_path / "cases.db", create=True)
