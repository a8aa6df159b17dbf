"""The public surface is `__all__`, all of it is there, and nothing else."""

import importlib
import tomllib
from pathlib import Path

import pytest

import pellucid

NAMES = {
    "Assessment", "Concept", "Finding", "Guideline", "PellucidError", "Reader", "Reading", "Region", "Step", "Study",
    "StudyImage", "Truth", "Verification", "list_guidelines", "list_readers", "load_guideline", "load_reader", "open_study",
    "reading_from_json", "report", "revise", "verify",
}  # fmt: skip
NEED_TORCH = {"Reader", "load_reader", "list_readers"}


def test_the_public_names_are_these() -> None:
    """A new public name is written here too: the surface does not grow by accident."""
    assert set(pellucid.__all__) == NAMES
    assert pellucid.__all__ == sorted(pellucid.__all__)


def test_every_public_name_has_one_home() -> None:
    homes = [name for names in pellucid._HOMES.values() for name in names]
    assert sorted(homes) == sorted(NAMES)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_public_name_loads_and_says_what_it_is(name: str) -> None:
    if name in NEED_TORCH:
        pytest.importorskip("torch")
    assert (getattr(pellucid, name).__doc__ or "").strip()


def test_a_wrong_name_lists_the_public_ones() -> None:
    with pytest.raises(AttributeError, match="open_study"):
        _ = pellucid.open_studdy


def test_dir_shows_the_public_names() -> None:
    assert set(dir(pellucid)) >= NAMES


def test_the_version_is_the_projects(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert pellucid.__version__ == project["version"]


def test_the_package_says_that_it_is_typed(root: Path) -> None:
    assert (root / "src" / "pellucid" / "py.typed").is_file()


def test_own_errors_are_also_built_in_ones() -> None:
    errors = importlib.import_module("pellucid.errors")
    own = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.PellucidError)]
    for error in own:
        if error is not errors.PellucidError:
            assert issubclass(error, (ValueError, LookupError, ImportError, RuntimeError, OSError)), error.__name__
