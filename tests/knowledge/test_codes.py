"""Codes: public ones exist, private ones are unique and never change, and the list is that of the packs."""

import csv
import importlib.util
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from pellucid.knowledge import list_guidelines, load_guideline
from pellucid.knowledge.codes import PRIVATE, codes_of, private_code
from pellucid.knowledge.prove import dicom_codes

ROOT = Path(__file__).resolve().parents[2]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_codes", ROOT / "docs" / "reference" / "make_codes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_code_list_and_its_page_are_up_to_date() -> None:
    module = generator()
    rows = module.rows()
    assert module.LIST.read_text(encoding="utf-8") == module.code_list(rows), "run `make docs`"
    assert module.PAGE.read_text(encoding="utf-8") == module.page(rows), "run `make docs`"


def test_every_concept_and_category_of_every_pack_has_a_code() -> None:
    with generator().LIST.open(encoding="utf-8", newline="") as file:
        listed = {(row["pack"], row["kind"], row["of"], row["name"]) for row in csv.DictReader(file)}
    for name in list_guidelines():
        pack = load_guideline(name)
        assert {(name, "concept", "", concept) for concept in pack.concepts} <= listed
        assert {(name, "category", q.name, c) for q in pack.questions.values() for c in q.categories} <= listed


def test_public_codes_are_in_the_dictionaries_of_pydicom() -> None:
    known = dicom_codes()
    if known is None:
        pytest.skip("pydicom is not installed")
    for name in list_guidelines():
        wrong = [
            row for row in codes_of(load_guideline(name)) if row.scheme != PRIVATE and row.value not in known.get(row.scheme, ())
        ]
        assert wrong == []


def test_a_category_carries_a_public_code_only_where_there_is_one_for_exactly_it() -> None:
    every = [row for name in ("mammography", "prostate-mri") for row in codes_of(load_guideline(name))]
    rows = {(row.of, row.name): row for row in every if row.kind == "category"}
    assert (rows["mass", "3"].scheme, rows["mass", "3"].value) == ("SCT", "397143007")
    assert (rows["overall", "4"].scheme, rows["overall", "4"].value) == ("RADLEX", "RID50299")
    assert {rows["mass", name].scheme for name in ("4A", "4B", "4C")} == {PRIVATE}
    assert rows["overall", "staging only"].scheme == PRIVATE


def test_private_codes_are_unique_and_fit_dicom() -> None:
    values = [row.value for name in list_guidelines() for row in codes_of(load_guideline(name)) if row.scheme == PRIVATE]
    assert [value for value, n in Counter(values).items() if n > 1] == []
    assert all(len(value) <= 16 and value.isalnum() for value in values)


def test_a_private_code_is_the_same_wherever_it_is_made() -> None:
    assert private_code("thyroid-nodule-2017", "concept", "", "margin", "margin").value == "P" + known_digest()
    assert private_code("a-1", "state", "margin", "smooth", "x") != private_code("a-2", "state", "margin", "smooth", "x")


def known_digest() -> str:
    """From `printf 'thyroid-nodule-2017/concept//margin' | sha256sum`."""
    return "FB2481CF8F"
