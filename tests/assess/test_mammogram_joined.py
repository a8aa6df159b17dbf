"""A mammogram with lesions of different kinds: one category of the examination, by the most suspicious finding of any kind."""

from pathlib import Path

import pytest

from pellucid.assess.lesions import assess_stated
from pellucid.assess.typed import read_typed
from pellucid.assess.verify import verify
from pellucid.errors import InputError
from pellucid.knowledge import load_guideline
from pellucid.record import Examination

PACK = load_guideline("mammography-2013")
WORKED_UP = "{examination: complete work-up, new_or_enlarging: absent, palpable_or_high_risk: absent}"
MASS = (
    "finding_kind: mass, shape: oval, margin: circumscribed, density: equal, fatty_hilum: absent, "
    "calcifications_in_mass: absent, architectural_distortion: absent"
)
CALCIFICATIONS = "finding_kind: calcifications, calcification_type: fine pleomorphic, calcification_distribution: segmental"


def mammogram(tmp_path: Path, lesions: str) -> Examination:
    file = tmp_path / "mammogram.yaml"
    file.write_text(f"by: Dr A\nfindings: {WORKED_UP}\nlesions:\n{lesions}", encoding="utf-8")
    return assess_stated(read_typed(file, PACK), PACK)


def test_the_most_suspicious_lesion_of_any_kind_drives_the_examination(tmp_path: Path) -> None:
    made = mammogram(tmp_path, f"  m: {{{MASS}}}\n  c: {{{CALCIFICATIONS}}}\n")
    each = {one.name: {a.question: a.category for a in one.reading.assessments} for one in made.lesions}
    assert each["m"] == {"mass": "3", "calcifications": "not applicable", "asymmetry": "not applicable", "finding": "3"}
    assert each["c"] == {"mass": "not applicable", "calcifications": "4C", "asymmetry": "not applicable", "finding": "4C"}
    combined = {one.assessment.question: one for one in made.combined}
    assert {name: one.assessment.category for name, one in combined.items()} == {
        "mass": "3",
        "calcifications": "4C",
        "asymmetry": "not applicable",
        "finding": "4C",
    }
    joined = combined["finding"]
    assert joined.drives == ("c",)
    assert joined.assessment.derivation.claim == "the category of the examination is 4C, by c"
    assert joined.assessment.next_step == "Tissue diagnosis."
    assert all(verify(one.reading.as_json()).ok for one in made.lesions)


def test_calcifications_alone_complete_a_mammogram(tmp_path: Path) -> None:
    (lesion,) = mammogram(tmp_path, f"  c: {{{CALCIFICATIONS}}}\n").lesions
    joined = lesion.reading.assessments[-1]
    assert (joined.question, joined.category, joined.abstained_because) == ("finding", "4C", None)


def test_a_mammogram_without_a_finding_is_negative(tmp_path: Path) -> None:
    (lesion,) = mammogram(tmp_path, "  all: {finding_kind: none}\n").lesions
    assert {a.question: a.category for a in lesion.reading.assessments} == {
        "mass": "not applicable",
        "calcifications": "not applicable",
        "asymmetry": "1",
        "finding": "1",
    }


def test_without_its_kind_a_finding_stays_open_and_the_report_asks_for_it(tmp_path: Path) -> None:
    (lesion,) = mammogram(tmp_path, f"  m: {{{MASS.removeprefix('finding_kind: mass, ')}}}\n").lesions
    answers = {a.question: a for a in lesion.reading.assessments}
    assert answers["mass"].category == "3"
    assert answers["finding"].category is None
    assert "kind of finding" in str(answers["finding"].abstained_because)


@pytest.mark.parametrize(
    "said",
    [
        "finding_kind: calcifications, shape: oval",
        "finding_kind: asymmetry or distortion, margin: spiculated",
        "finding_kind: mass, calcification_type: amorphous",
        "finding_kind: mass, asymmetry: developing",
        "finding_kind: calcifications, architectural_distortion: present",
        "finding_kind: none, asymmetry: focal",
        "finding_kind: none, architectural_distortion: present",
    ],
)
def test_a_sign_of_another_kind_is_refused_and_never_dropped(tmp_path: Path, said: str) -> None:
    with pytest.raises(InputError, match="cannot both be so"):
        mammogram(tmp_path, f"  one: {{{said}}}\n")
