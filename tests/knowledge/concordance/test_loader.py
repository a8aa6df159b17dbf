"""Concordance tables are read strictly: what is wrong is said with file and line."""

from pathlib import Path

import pytest

from pellucid.errors import GuidelineError, UnknownName
from pellucid.knowledge import list_guidelines, load_guideline
from pellucid.knowledge.concordance import list_tables, load_table, load_table_file
from pellucid.knowledge.concordance.loader import SHIPPED
from pellucid.knowledge.concordance.table import TISSUES

ORGANS = ("breast", "liver", "lung", "prostate", "skin", "thyroid")


def test_six_organs_ship() -> None:
    assert list_tables() == ORGANS


@pytest.mark.parametrize("organ", ORGANS)
def test_every_table_loads_and_is_named_after_its_file(organ: str) -> None:
    table = load_table(organ)
    assert table.organ == organ
    assert load_table(organ) is table
    assert len(table.sha256) == 64


@pytest.mark.parametrize("organ", ORGANS)
def test_every_table_knows_malignant_benign_and_non_diagnostic_tissue(organ: str) -> None:
    classes = {term.tissue for term in load_table(organ).terms.values()}
    assert {"malignant", "suspicious", "specific benign", "nonspecific benign", "non-diagnostic"} <= classes <= set(TISSUES)


@pytest.mark.parametrize("organ", ORGANS)
def test_every_code_of_a_term_is_in_the_dictionary_of_dicom(organ: str) -> None:
    concepts = pytest.importorskip("pydicom.sr._concepts_dict").concepts
    known = {
        (scheme, value): {meaning for meaning, _ in [entry]}
        for scheme, names in concepts.items()
        for entries in names.values()
        for value, entry in entries.items()
    }
    codes = [(term.name, term.code) for term in load_table(organ).terms.values() if term.code]
    assert codes
    assert [name for name, code in codes if (code.scheme, code.value) not in known] == []


def test_an_unknown_organ_offers_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'breast'"):
        load_table("brest")


def test_a_missing_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(GuidelineError, match=r"none\.yaml: expected a readable concordance table"):
        load_table_file(tmp_path / "none.yaml")


def changed(tmp_path: Path, old: str, new: str, organ: str = "breast") -> Path:
    text = (SHIPPED / f"{organ}.yaml").read_text(encoding="utf-8")
    assert old in text, old
    file = tmp_path / "table.yaml"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    return file


FAULTS = [
    (
        "class: malignant, also: [micropapillary carcinoma]",
        "class: bad, also: [micropapillary carcinoma]",
        "unknown class of tissue",
    ),
    ("looks_benign: true", "looks_benign: perhaps", "expected true or false"),
    ("outcome: discordant malignant", "outcome: discordant", "unknown outcome 'discordant'"),
    ("is: {shape: [oval, round]}", "is: {shape: [oval, star]}", "unknown state of shape 'star'"),
    ("is: {tissue: malignant}", "is: {tisue: malignant}", "unknown concept 'tisue'"),
    ("used: 0.97", "used: 0.9", "low, used and high in this order"),
    ("value: 0.02, cite", "value: 2, cite", "expected a number between 0 and 1"),
    ('"3": {level: probably benign', '"3": {level: harmless', "unknown level of suspicion"),
    ("trauma, surgery]", "accident]", "unknown kind of history 'accident'"),
    ("explained: [fibroadenoma,", "explained: [fibradenoma,", "did you mean 'fibroadenoma'"),
    ("explained: [granular cell tumor", "explained: [radial scar, granular cell tumor", "expected benign diagnoses only"),
    ("verified: background", "verified: surely", "unknown mark 'surely'"),
    ("source: practice", "source: hearsay", "unknown source 'hearsay'"),
    ("negative: true", "negative: false", "exactly one diagnosis with negative: true"),
    ("also: [micropapillary carcinoma]", "also: [DCIS]", "each word under one diagnosis"),
    ("- id: M2", "- id: M1", "rules of different ids"),
    ("    conflict: the image was called benign, the tissue is cancer\n", "", "the conflict of a discordant outcome"),
    ("notes:", "remarks: []\nnotes:", "unknown key 'remarks'"),
    ("organ: breast", "organ: &a breast", "an anchor or alias"),
    ("organ: breast", "organ: breast\norgan: breast", "each key once"),
    ("- phenotype: complex mass", "- phenotype: circumscribed mass", "one expectation per phenotype"),
    ("likelihood: [0.02, 0.10]", "likelihood: [0.10, 0.02]", "two probabilities, the lower one first"),
]


@pytest.mark.parametrize(("old", "new", "message"), FAULTS, ids=[message for *_, message in FAULTS])
def test_a_fault_is_said_with_file_and_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(GuidelineError, match=r"table\.yaml:\d+: ") as caught:
        load_table_file(changed(tmp_path, old, new))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_words_of_counting_and_scores_are_refused(tmp_path: Path) -> None:
    counted = "when: {count: {of: [{is: {tissue: malignant}}, {is: {tissue: suspicious}}], at_least: 1}}"
    with pytest.raises(GuidelineError, match="a predicate made of is, limits, all, any, not and rule"):
        load_table_file(changed(tmp_path, "when: {is: {tissue: suspicious}}", counted))


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"organ: breast", b"- a\n- b\n"])
def test_hostile_bytes_are_one_clear_error(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "table.yaml"
    file.write_bytes(data)
    with pytest.raises(GuidelineError):
        load_table_file(file)


@pytest.mark.parametrize("organ", ORGANS)
def test_every_scale_is_that_of_packs_that_ship(organ: str) -> None:
    """Every category of the packs' questions is on the scale, or lies outside it by name."""
    table = load_table(organ)
    shipped = {name.rpartition("-")[0] for name in list_guidelines()}
    for scale in table.scales.values():
        assert set(scale.guidelines) <= shipped
        packs = [load_guideline(name) for name in scale.guidelines]
        asked = [q for pack in packs for name, q in pack.questions.items() if name in scale.questions]
        assert {q for pack in packs for q in pack.questions} >= set(scale.questions)
        given = {category for q in asked for category in q.categories if category not in q.outside}
        assert given <= set(scale.grades)
        concepts = {name: c for pack in packs for name, c in pack.concepts.items()}
        for name, entry in table.signs.items():
            known = next(
                (concepts[n] for n in (name, *(k for k, v in table.known_as.items() if v == name)) if n in concepts), None
            )
            if known is not None and known.states is not None:
                assert set(known.states) - {"not mentioned"} <= set(entry.concept.states or ()), name
