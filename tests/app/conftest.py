"""A hand-made reading, and a reader without a model, so that the command line is tested without torch."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pellucid.app.cli import main
from pellucid.errors import ImageError, UnknownName
from pellucid.record import (
    Assessment,
    Caution,
    Finding,
    GuidelineRef,
    Observer,
    ReaderRef,
    Reading,
    Step,
    StudyRef,
    Truth,
)

MODEL = Observer(name="fake", kind="model")


def made_reading(study: StudyRef | None = None, abstained: str | None = None, category: str = "malignant") -> Reading:
    """A small valid reading that rests on no shipped guideline."""
    finding = Finding(
        concept="margin",
        observer=MODEL,
        states=("circumscribed", "not circumscribed"),
        probabilities=(0.2, 0.8),
        state="not circumscribed",
    )
    assessment = Assessment(
        question="malignancy",
        guideline=GuidelineRef(name="toy", edition="1", sha256="0" * 64),
        category=None if abstained else category,
        statement="Suspicious for malignancy.",
        probabilities={"benign": 0.3, "malignant": 0.7},
        confidence_set=("malignant",),
        coverage=0.9,
        derivation=Step(claim="the margin is not circumscribed", truth=Truth.MET, citation="Toy 1", ground="observed"),
        next_step="tissue sampling",
        abstained_because=abstained,
    )
    return Reading(
        study=study or StudyRef(pixels_sha256="1" * 64, width=64, height=48),
        reader=ReaderRef(name="fake", version="1"),
        findings=(finding,),
        assessments=(assessment,),
        cautions=(Caution(kind="scope", text="a toy"),),
    )


class FakeReader:
    """Reads by looking at brightness only: an all-black image abstains."""

    def read(self, image: Any, roi: tuple[int, int, int, int] | None = None) -> Reading:
        pixels = image.pixels()
        if roi is not None and (roi[0] + roi[2] > image.width or roi[1] + roi[3] > image.height):
            raise ImageError(f"region of interest {roi}: expected it inside {image.width} x {image.height}")
        return made_reading(image.ref(), abstained=None if pixels.any() else "the image is all black")


@pytest.fixture
def fake_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts a reader named `fake` in the place of those that ship."""
    module = ModuleType("pellucid.reader")

    def load_reader(name: str) -> FakeReader:
        if name != "fake":
            raise UnknownName("reader", name, ["fake"])
        return FakeReader()

    module.load_reader = load_reader  # pyright: ignore[reportAttributeAccessIssue]  # a stand-in for the real module
    monkeypatch.setitem(sys.modules, "pellucid.reader", module)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def image(work: Path) -> Callable[..., Path]:
    """Saves an image file with pixels of one value in the current folder."""

    def save(name: str, value: int = 90) -> Path:
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((48, 64), value, dtype=np.uint8)).save(path)
        return path

    return save


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command; gives its exit code, stdout and stderr."""

    def command(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return command
