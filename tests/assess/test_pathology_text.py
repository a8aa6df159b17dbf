"""The extractor on the written snippets, and on what reports do to those who read them by machine."""

from collections.abc import Mapping
from itertools import product
from types import ModuleType
from typing import Any

import pytest

from pellucid.assess.pathology import Pathology, possible_classes
from pellucid.assess.pathology_spelling import misspelt
from pellucid.assess.pathology_text import read_report
from pellucid.errors import InputError
from pellucid.knowledge.concordance import load_table
from pellucid.knowledge.concordance.table import TISSUES

HELD_OUT_CLASSES, HELD_OUT_WHOLE = 30, 30
"""What was measured on the held-out half of 30 (docs/concepts/concordance.md); a change may not lower it."""


def read(text: str, organ: str = "breast") -> Pathology:
    return read_report(text, load_table(organ))


def terms(statement: Pathology, status: str) -> set[str]:
    return {m.term for s in statement.specimens for m in s.mentions if m.status == status and m.term}


def unknown(statement: Pathology) -> list[str]:
    return [m.words for s in statement.specimens for m in s.mentions if m.term is None and m.status in ("present", "uncertain")]


def tissue(statement: Pathology) -> str:
    found = possible_classes(statement.specimens)
    return next(iter(found)) if len(found) == 1 else "open"


def faults(snippet: Mapping[str, Any]) -> list[str]:
    """What the extractor gets wrong in a snippet."""
    got = read(snippet["text"], snippet["organ"])
    found = [f"class {tissue(got)}"] if tissue(got) != snippet["tissue"] else []
    for status in ("present", "uncertain", "historical"):
        if terms(got, status) != set(snippet.get(status, [])):
            found.append(f"{status} {sorted(terms(got, status))}")
    if not set(snippet.get("negated", [])) <= terms(got, "negated"):
        found.append(f"negated {sorted(terms(got, 'negated'))}")
    words, expected = unknown(got), snippet.get("unknown", [])
    if len(words) != len(expected) or not all(any(e in w for w in words) for e in expected):
        found.append(f"unknown {words}")
    if got.sampling.specimen_calcifications != snippet.get("calcifications"):
        found.append(f"calcifications {got.sampling.specimen_calcifications}")
    if len(got.specimens) != snippet.get("specimens", len(got.specimens)):
        found.append(f"specimens {len(got.specimens)}")
    return found


def test_every_snippet_it_was_tuned_on_is_read_whole(pairs: ModuleType) -> None:
    assert {s["name"]: f for s in pairs.snippets("tune") if (f := faults(s))} == {}


def test_the_held_out_half_is_read_as_well_as_was_measured(pairs: ModuleType) -> None:
    held_out = pairs.snippets("held out")
    wrong = {s["name"]: f for s in held_out if (f := faults(s))}
    assert len(held_out) - len(wrong) >= HELD_OUT_WHOLE, wrong
    assert (
        sum(not any(f.startswith("class") for f in found) for found in wrong.values()) + len(held_out) - len(wrong)
        >= HELD_OUT_CLASSES
    )


def test_no_snippet_with_cancer_is_read_as_benign(pairs: ModuleType) -> None:
    for snippet in (*pairs.snippets("tune"), *pairs.snippets("held out")):
        if snippet["tissue"] in ("malignant", "suspicious"):
            assert "benign" not in tissue(read(snippet["text"], snippet["organ"])), snippet["name"]


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Invasive ductal carcinoma.", "present"),
        ("No evidence of invasive ductal carcinoma.", "negated"),
        ("Negative for invasive ductal carcinoma.", "negated"),
        ("Fibroadenoma without invasive ductal carcinoma.", "negated"),
        ("Invasive ductal carcinoma is not identified.", "negated"),
        ("Invasive ductal carcinoma is not excluded.", "uncertain"),
        ("Invasive ductal carcinoma cannot be excluded.", "uncertain"),
        ("Cannot exclude invasive ductal carcinoma.", "uncertain"),
        ("Suspicious for invasive ductal carcinoma.", "uncertain"),
        ("Not suspicious for invasive ductal carcinoma.", "negated"),
        ("No features suggestive of invasive ductal carcinoma.", "negated"),
        ("Favour invasive ductal carcinoma.", "uncertain"),
        ("Features favoring invasive ductal carcinoma.", "uncertain"),
        ("Consistent with invasive ductal carcinoma.", "present"),
        ("History of invasive ductal carcinoma.", "historical"),
        ("Prior invasive ductal carcinoma, now fibroadenoma.", "historical"),
        ("No atypia is seen; invasive ductal carcinoma.", "present"),
        ("There is no DCIS but invasive ductal carcinoma is present.", "present"),
        ("Invasive ductal carcinoma, ER negative, no necrosis.", "present"),
        ("Negative for atypia, DCIS and invasive ductal carcinoma.", "negated"),
        ("No atypia, DCIS or invasive ductal carcinoma is seen.", "negated"),
        ("Atypia, DCIS or invasive ductal carcinoma not identified.", "negated"),
        ("No atypia, invasive ductal carcinoma.", "uncertain"),
        ("No atypia - invasive ductal carcinoma.", "uncertain"),
        ("No atypia and invasive ductal carcinoma is present.", "uncertain"),
        ("No atypia or hyperplasia, invasive ductal carcinoma.", "uncertain"),
        ("Without atypia with invasive ductal carcinoma.", "uncertain"),
        ("(No atypia) Invasive ductal carcinoma.", "present"),
        ("no atypia. idc is present.", "present"),
        ("Not only fibroadenoma, invasive ductal carcinoma.", "present"),
        ("Carcinoma, not otherwise specified, invasive ductal carcinoma.", "present"),
        ("Invasive ductal carcinoma with lymphovascular invasion not identified.", "present"),
        ("Invasive ductal carcinoma with calcifications not identified.", "present"),
        ("Invasive ductal carcinoma and fibroadenoma not identified.", "uncertain"),
        ("Levels were cut to exclude invasive ductal carcinoma.", "uncertain"),
        ("Stains performed in order to rule out invasive ductal carcinoma.", "uncertain"),
        ("The immunoprofile excludes invasive ductal carcinoma.", "negated"),
        ("No necrosis invasive ductal carcinoma present.", "uncertain"),
        ("Without mitoses invasive ductal carcinoma.", "uncertain"),
        ("No fibrosis or invasive ductal carcinoma.", "negated"),
        ("No invasion by invasive ductal carcinoma.", "uncertain"),
        ("Sister lesion invasive ductal carcinoma.", "present"),
        ("Sister Mary Joseph nodule, invasive ductal carcinoma.", "present"),
        ("Mother invasive ductal carcinoma.", "uncertain"),
        ("Her mother had invasive ductal carcinoma.", "historical"),
        ("Two sisters with invasive ductal carcinoma.", "uncertain"),
        ("Invasive ductal carcinoma is not identified at the margins.", "uncertain"),
        ("Invasive ductal carcinoma has not been ruled out.", "uncertain"),
        ("Features consistent with known invasive ductal carcinoma.", "uncertain"),
        ("Too little to be sure; one cannot safely exclude invasive ductal carcinoma.", "uncertain"),
        ("Invasive ductal carcinoma: no special type.", "present"),
        ("Invasive ductal carcinoma: negative margins.", "present"),
        ("Invasive ductal carcinoma: absent lymphovascular invasion.", "uncertain"),
        ("DCIS [ ] invasive ductal carcinoma [x]", "uncertain"),
        ("[ ] No invasive ductal carcinoma", "uncertain"),
        ("Without doubt invasive ductal carcinoma.", "uncertain"),
        ("Not free of invasive ductal carcinoma.", "uncertain"),
        ("Absence of myoepithelial cells indicates invasive ductal carcinoma.", "uncertain"),
        ("No change from invasive ductal carcinoma.", "uncertain"),
        ("No atypia or LCIS, invasive ductal carcinoma or both.", "uncertain"),
        ("Type: [ ] invasive ductal carcinoma [x] fibroadenoma", "negated"),
    ],
)
def test_what_surrounds_a_diagnosis_says_how_it_stands(text: str, status: str) -> None:
    assert "invasive carcinoma of no special type" in terms(read(text), status)


@pytest.mark.parametrize(
    "text",
    [
        "Fibroadenoma. No necrosis, invasive carcinma present.",
        "Fibroadenoma. No evidence of invasive carcnoma.",
        "Fibroadenoma, no atypia carcimona.",
        "Negative for malignancy. Adenocarcinom, grade 2.",
        "Fibroadenoma; malignat cells seen.",
        "Fibroadenoma. No atypia, metastsis present.",
        "Fibroadenoma. No atypia schwannoma present.",
    ],
)
def test_a_misspelt_or_unusual_cancer_is_never_denied_and_leaves_the_tissue_open(text: str) -> None:
    got = read(text)
    assert unknown(got)
    assert tissue(got) in ("open", "suspicious", "malignant")


def test_words_that_only_look_like_a_serious_one_are_left_alone() -> None:
    text = (
        "Benign breast tissue; sarcoid-like granulomas, carcinoid excluded, lymphoid follicles, apocrine metaplasia, no cancer."
    )
    assert list(misspelt(text.lower())) == []
    assert [word for _, word in misspelt("carcinoma carcinma adenocarcinmoa malignent lymhpoma cancr")] == [
        "carcinma", "adenocarcinmoa", "malignent", "lymhpoma", "cancr",
    ]  # fmt: skip


def test_a_history_section_tells_history_and_no_diagnosis() -> None:
    got = read("CLINICAL HISTORY: Suspected carcinoma, fever and redness, lumpectomy 2019.\nDIAGNOSIS: Mastitis.")
    assert tissue(got) == "specific benign"
    assert set(got.history) == {"surgery", "infection"}


def test_a_denied_history_is_none() -> None:
    assert read("History: no trauma, denies fever.\nDiagnosis: Fat necrosis.").history == ()


def test_what_is_worse_outside_the_diagnosis_is_said() -> None:
    got = read("MICROSCOPIC: Nests of invasive ductal carcinoma.\nDIAGNOSIS: Fibroadenoma.")
    assert tissue(got) == "specific benign"
    assert any("invasive ductal carcinoma" in note for note in got.notes)


def test_a_report_that_names_nothing_is_open_and_quoted() -> None:
    got = read("See separate report.")
    assert tissue(got) == "open"
    assert unknown(got) == ["See separate report."]


@pytest.mark.parametrize("words", ["schwannoma", "leiomyomatosis", "angiofibroma", "glomus tumor", "proliferative vasculopathy"])
def test_diagnosis_like_words_that_are_not_in_the_table_are_listed(words: str) -> None:
    got = read(f"Fibroadenoma and {words}.")
    assert any(words.rsplit(maxsplit=1)[-1] in w for w in unknown(got))
    assert tissue(got) == "open"


def test_a_denied_unknown_word_is_not_counted() -> None:
    assert tissue(read("Fibroadenoma. No evidence of schwannoma.")) == "specific benign"


def test_british_and_american_spelling_are_one() -> None:
    assert terms(read("Phyllodes tumour; haematoma."), "present") == terms(read("Phyllodes tumor; hematoma."), "present")


def test_hyphens_and_brackets_inside_a_term_do_not_hide_it() -> None:
    assert "ductal carcinoma in situ" in terms(read("Ductal carcinoma in-situ."), "present")
    assert "mucinous carcinoma" in terms(read("Mucinous (colloid) carcinoma."), "present")


def test_short_capitals_are_not_found_inside_other_words() -> None:
    assert terms(read("Fibroadenoma with idc-like words and feasible features."), "present") == {"fibroadenoma"}


def test_specimens_are_kept_apart() -> None:
    got = read("DIAGNOSIS:\nA. Left breast: Fibroadenoma.\nB. Right breast: Invasive lobular carcinoma.")
    assert [(s.label, [m.term for m in s.mentions]) for s in got.specimens] == [
        ("A", ["fibroadenoma"]),
        ("B", ["invasive lobular carcinoma"]),
    ]


@pytest.mark.parametrize("text", ["", "  \n\t ", "\x00\x01binary", "x" * 100_001])
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected"):
        read(text)


def test_hostile_text_ends_quickly() -> None:
    got = read(("no " * 5000 + "(" * 5000 + "carcinoma " * 2000)[:99_000])
    assert terms(got, "present") | terms(got, "negated") | terms(got, "uncertain") == {"carcinoma"}


def test_the_hard_snippets_are_read_as_well_as_was_measured_and_never_too_mildly(pairs: ModuleType) -> None:
    """Written after the tuning to break it: 17 of 20 classes right; what is wrong is open or more serious, never milder."""
    got = {s["name"]: (possible_classes(read(s["text"], s["organ"]).specimens), s["tissue"]) for s in pairs.snippets("hard")}
    right = [name for name, (found, tissue) in got.items() if found == {tissue} or (tissue == "open" and len(found) > 1)]
    assert len(right) >= 17
    for name, (found, tissue) in got.items():
        if tissue != "open":
            assert min(map(TISSUES.index, found)) <= TISSUES.index(tissue), name


def test_the_reports_a_critic_found_to_be_misread_are_read(pairs: ModuleType) -> None:
    """Post hoc: mended on these, so it says nothing of new ones."""
    wrong = {s["name"]: found for s in pairs.snippets("critic") if (found := tissue(read(s["text"], s["organ"]))) != s["tissue"]}
    assert (len(pairs.snippets("critic")), wrong) == (26, {})


def test_an_ambiguous_list_is_kept_as_uncertain_and_quoted() -> None:
    got = read("No atypia, DCIS, 3 mm, high grade.")
    kept = [m for s in got.specimens for m in s.mentions if m.status == "uncertain"]
    assert [(m.words, m.quote) for m in kept] == [("DCIS", "No atypia, DCIS, 3 mm, high grade.")]


@pytest.mark.parametrize("denial", ["No", "Negative for", "Without", "Free of", "There is no evidence of", "Lacks", "History of"])
@pytest.mark.parametrize(
    "join", [", ", " - ", ", with ", " with ", " and ", ". ", "; ", ", also ", ", positive for ", ", there is "]
)
def test_a_diagnosis_affirmed_behind_a_denial_is_never_benign(denial: str, join: str) -> None:
    cancers = ("invasive carcinoma", "DCIS", "dcis", "lobular carcinoma in situ", "atypical ductal hyperplasia")
    affirmed = ("present", "is seen in block 2", "is present", "is identified", "was found", "is noted focally")
    for cancer, there in product(cancers, affirmed):
        for text in (
            f"Fibroadenoma. {denial} atypia{join}{cancer} {there}.",
            f"fibroadenoma, {denial.lower()} mitoses{join}{cancer} {there}",
        ):
            found = possible_classes(read(text).specimens)
            assert not found <= {"specific benign", "nonspecific benign", "atypical"}, text
