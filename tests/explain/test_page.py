"""The reference of the methods is made from the table and cannot drift from it."""

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("torch")


def test_the_page_of_methods_is_up_to_date(root: Path) -> None:
    path = root / "docs" / "reference" / "make_methods.py"
    spec = importlib.util.spec_from_file_location("make_methods", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text(encoding="utf-8") == module.page(), "run `make docs`"
