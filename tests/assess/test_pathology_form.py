"""The pathology form: its template reads, and what is wrong is one line with file and line."""

import pytest

from pellucid.assess.pathology import driving_class
from pellucid.assess.pathology_form import read_form, template
from pellucid.errors import InputError
from pellucid.knowledge.concordance import list_tables, load_table

FORM = """organ: breast
by: Dr P
specimens:
  - label: A
    diagnoses:
      - fibroadenoma
      - {diagnosis: UDH, status: uncertain}
      - {diagnosis: invasive carcinoma, status: negated}
sampling: {guidance: ultrasound, gauge: 14, cores: 4, target: hit}
history: [surgery]
later_imaging: stable
"""


@pytest.mark.parametrize("organ", list_tables())
def test_every_template_is_a_form_that_reads(organ: str) -> None:
    table = load_table(organ)
    statement = read_form(template(table).encode(), "form.yaml", table)
    assert statement.organ == organ
    assert statement.sampling.target == "hit"
    assert driving_class(statement.specimens[0]) == "specific benign"


def test_everything_in_a_form_arrives() -> None:
    statement = read_form(FORM.encode(), "form.yaml", load_table("breast"))
    (specimen,) = statement.specimens
    assert [(m.term, m.status) for m in specimen.mentions] == [
        ("fibroadenoma", "present"),
        ("usual ductal hyperplasia", "uncertain"),
        ("carcinoma", "negated"),
    ]
    assert specimen.mentions[0].code is not None
    assert (statement.sampling.gauge, statement.sampling.cores, statement.history) == (14, 4, ("surgery",))
    assert (statement.later_imaging, statement.by.name) == ("stable", "Dr P")


def test_own_words_with_a_class_are_taken() -> None:
    form = "organ: breast\nspecimens: [{diagnoses: [{diagnosis: hibernoma, class: specific benign}]}]\n"
    statement = read_form(form.encode(), "form.yaml", load_table("breast"))
    assert statement.specimens[0].mentions[0].term == "hibernoma"
    assert driving_class(statement.specimens[0]) == "specific benign"


FAULTS = [
    ("organ: breast", "organ: lung", "form.yaml:1: expected the organ breast"),
    ("- fibroadenoma", "- fibroadenomma", "did you mean 'fibroadenoma'"),
    ("status: uncertain", "status: unsure", "unknown status 'unsure'"),
    ("label: A", "label: A\n    class: benign", "unknown class of tissue 'benign'"),
    ("- fibroadenoma", "- {diagnosis: fibroadenoma, class: malignant}", "expected the class of fibroadenoma"),
    ("gauge: 14", "gauge: 140", "sampling.gauge"),
    ("gauge: 14", "gauge: wide", "expected whole number"),
    ("target: hit", "target: maybe", "sampling.target"),
    ("target: hit", "target: missed, removed: whole", "missed and removed whole"),
    ("history: [surgery]", "history: [accident]", "history.0"),
    ("later_imaging: stable", "later_imaging: soon", "later_imaging"),
    ("by: Dr P", "pathologist: Dr P", "unknown key 'pathologist'"),
    ("by: Dr P", "by: yes\nby: no", "each key once"),
]


@pytest.mark.parametrize(("old", "new", "message"), FAULTS, ids=[message for *_, message in FAULTS])
def test_a_fault_is_one_line_that_says_where(old: str, new: str, message: str) -> None:
    assert old in FORM
    with pytest.raises(InputError) as caught:
        read_form(FORM.replace(old, new, 1).encode(), "form.yaml", load_table("breast"))
    assert message in str(caught.value)
    assert "form.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_class_more_reassuring_than_a_diagnosis_is_a_contradiction() -> None:
    form = "organ: breast\nspecimens:\n  - diagnoses: [DCIS]\n    class: specific benign\n"
    with pytest.raises(InputError, match=r"form.yaml:4: expected a class no more reassuring than 'DCIS', which is malignant"):
        read_form(form.encode(), "form.yaml", load_table("breast"))


@pytest.mark.parametrize("stated", ["malignant", "suspicious", "high-risk", "atypical"])
def test_a_class_worse_than_every_diagnosis_is_a_contradiction(stated: str) -> None:
    form = f"organ: breast\nspecimens:\n  - diagnoses: [fibroadenoma]\n    class: {stated}\n"
    with pytest.raises(InputError, match=r"form.yaml:4: expected a class no worse than its diagnoses \('fibroadenoma'") as caught:
        read_form(form.encode(), "form.yaml", load_table("breast"))
    assert stated in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("diagnoses", "stated"),
    [
        ("[fibroadenoma, DCIS]", "malignant"),
        ("[fibroadenoma, {diagnosis: DCIS, status: uncertain}]", "malignant"),
        ("[fibroadenoma, {diagnosis: DCIS, status: uncertain}]", "suspicious"),
        ("[{diagnosis: fibroadenoma, status: historical}]", "malignant"),
        ("[{diagnosis: fibroadenoma, status: negated}]", "high-risk"),
        ("[fibroadenoma]", "nonspecific benign"),
    ],
)
def test_a_class_that_a_diagnosis_bears_out_or_none_denies_is_taken(diagnoses: str, stated: str) -> None:
    form = f"organ: breast\nspecimens:\n  - diagnoses: {diagnoses}\n    class: {stated}\n"
    statement = read_form(form.encode(), "form.yaml", load_table("breast"))
    assert statement.specimens[0].stated_class == stated


@pytest.mark.parametrize(
    "data", [b"", b"organ: breast", b"organ: breast\nspecimens: []\n", b"organ: breast\nspecimens: [{}]\n", b"\xff"]
)
def test_an_empty_or_cut_form_is_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        read_form(data, "form.yaml", load_table("breast"))
