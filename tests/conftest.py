"""What several tests need: the checkout, the shared data where it is there, and readings made by hand."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of the data sets; the test is skipped where it is not beside the checkout."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the data sets are not beside this checkout (../shared/data)")
    return SHARED_DATA


@pytest.fixture(scope="session")
def shipped_reader() -> Callable[[str], Path]:
    """Gives the folder of a shipped reader by name; the test is skipped where it has no weights or torch is missing."""

    def folder(name: str) -> Path:
        pytest.importorskip("torch")
        path = ROOT / "src" / "pellucid" / "readers" / name
        if not (path / "card.toml").is_file():
            pytest.skip(f"the reader {name} is not shipped yet")
        return path

    return folder


@pytest.fixture(scope="session")
def pairs() -> ModuleType:
    """Makers of imaging and pathology statements, and the written report snippets (tests/assess/pairs.py)."""
    spec = importlib.util.spec_from_file_location("pairs", ROOT / "tests" / "assess" / "pairs.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError("tests/assess/pairs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
