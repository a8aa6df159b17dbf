"""Findings that follow from others: the risk group of a chance nodule, the count of listed lesions; what was stated stands."""

from pathlib import Path

import pytest

from pellucid.assess.lesions import assess_stated
from pellucid.assess.revise import revise
from pellucid.assess.typed import read_typed
from pellucid.assess.verify import verify
from pellucid.errors import GuidelineError
from pellucid.knowledge import load_guideline
from pellucid.record import Finding, Reading

CHANCE = load_guideline("incidental-lung-nodule")
FACTORS = "older_age heavy_smoking carcinogens family_history_lung_cancer spiculation upper_lobe emphysema fibrosis"
NONE = ", ".join(f"{name}: absent" for name in FACTORS.split())
NODULE = "nodule_type: solid, mean_diameter: 7 ± 0 mm, course: first seen"


def readings(tmp_path: Path, body: str) -> list[Reading]:
    (tmp_path / "f.yaml").write_text(f"by: Dr A\n{body}", encoding="utf-8")
    return [lesion.reading for lesion in assess_stated(read_typed(tmp_path / "f.yaml", CHANCE), CHANCE).lesions]


def the(reading: Reading, concept: str) -> Finding:
    found = reading.finding(concept)
    assert found is not None
    return found


def test_the_risk_group_answers_for_a_risk_that_nobody_stated(tmp_path: Path) -> None:
    doubt = NONE.replace("emphysema: absent", "emphysema: {absent: 0.7, present: 0.3}")
    (reading,) = readings(tmp_path, f"findings: {{{NODULE}, nodule_count: 1, {doubt}}}\n")
    risk = the(reading, "risk")
    assert (risk.probabilities, risk.state) == ((0.7, 0.3), "low")
    answer = next(a for a in reading.assessments if a.question == "follow-up")
    assert answer.probabilities["CT at 6 to 12 months, 18 to 24 considered"] == pytest.approx(0.7, abs=1e-6)
    assert answer.probabilities["CT at 6 to 12 and 18 to 24 months"] == pytest.approx(0.3, abs=1e-6)
    told = answer.derivation.as_text()
    assert "(worked out: low 0.70, high 0.30)" in told
    assert "worked out by the question risk-group" in told
    assert verify(reading.as_json()).ok


def test_one_factor_is_enough_and_no_factor_stated_leaves_the_risk_open(tmp_path: Path) -> None:
    (reading,) = readings(tmp_path, f"findings: {{{NODULE}, nodule_count: 1, upper_lobe: present}}\n")
    assert the(reading, "risk").state == "high"
    for silent in ("", ", upper_lobe: absent", ", risk: unknown"):
        (reading,) = readings(tmp_path, f"findings: {{{NODULE}, nodule_count: 1{silent}}}\n")
        assert all(f.because is None for f in reading.findings)
        answer = next(a for a in reading.assessments if a.question == "follow-up")
        assert answer.category is None
        assert "nobody has stated: risk of cancer" in str(answer.abstained_because)


def test_a_stated_risk_stands_and_is_held_against_the_factors(tmp_path: Path) -> None:
    (reading,) = readings(tmp_path, f"findings: {{{NODULE}, nodule_count: 1, risk: low, spiculation: present}}\n")
    assert (the(reading, "risk").state, the(reading, "risk").because) == ("low", None)
    (told,) = [c for c in reading.cautions if c.kind == "conflict"]
    assert told.text == (
        "Risk of cancer was stated as low (Dr A); by the stated factors it is high (1.00): spiculation present [risk-group]. "
        "What was stated stands."
    )
    assert verify(reading.as_json()).ok
    for calm in ("risk: high, spiculation: present", f"risk: low, {NONE}", "risk: low"):
        (reading,) = readings(tmp_path, f"findings: {{{NODULE}, nodule_count: 1, {calm}}}\n")
        assert not [c for c in reading.cautions if c.kind == "conflict"]


def test_listed_lesions_are_counted(tmp_path: Path) -> None:
    body = "findings: {risk: low%s}\nlesions: {a: {%s}, b: {%s}}\n"
    for reading in readings(tmp_path, body % ("", NODULE, NODULE)):
        count = the(reading, "nodule_count")
        assert count.value == 2
        answer = next(a for a in reading.assessments if a.question == "follow-up")
        assert answer.category == "CT at 3 to 6 months, 18 to 24 considered"
        assert "number of nodules: 2, for so many lesions are listed" in answer.derivation.as_text()
        assert verify(reading.as_json()).ok
    assert all(the(one, "nodule_count").value == 5 for one in readings(tmp_path, body % (", nodule_count: 5", NODULE, NODULE)))
    (single,) = readings(tmp_path, f"findings: {{risk: low}}\nlesions: {{a: {{{NODULE}}}}}\n")
    assert (
        next(a for a in single.assessments if a.question == "follow-up").category == "CT at 6 to 12 months, 18 to 24 considered"
    )
    with pytest.raises(GuidelineError, match=r"f.yaml:2: expected nodule_count of 2 or more, .*listed, got 1"):
        readings(tmp_path, body % (", nodule_count: 1", NODULE, NODULE))


@pytest.mark.parametrize("benign", ["benign_content: present", "perifissural: present"])
def test_a_nodule_that_is_benign_by_its_nature_is_not_counted(tmp_path: Path, benign: str) -> None:
    suspicious = "nodule_type: solid, mean_diameter: 9 ± 0 mm"
    for course in ("course: first seen", "nodule_count: unknown, course: persistent"):
        other = f"nodule_type: solid, mean_diameter: 5, {benign}"
        body = f"findings: {{risk: high, {course}}}\nlesions: {{a: {{{suspicious}}}, b: {{{other}}}}}\n"
        first, second = readings(tmp_path, body)
        assert the(first, "nodule_count").value == 1
        answer, benign_answer = (next(a for a in one.assessments if a.question == "follow-up") for one in (first, second))
        assert (answer.category, benign_answer.category) == ("CT at 3 months, PET/CT or tissue sampling", "no routine follow-up")
        told = answer.derivation.as_text()
        assert "number of nodules: 1, for 2 lesions are listed and b is not counted" in told
        assert "b is not counted: a " in told
        assert "[Fleischner 2017, " + ("benign calcification" if "content" in benign else "perifissural nodules") in told
        assert verify(first.as_json()).ok
        assert verify(second.as_json()).ok
    stated = body.replace("nodule_count: unknown", "nodule_count: 1")
    assert [the(one, "nodule_count").because for one in readings(tmp_path, stated)] == [None, None]


def test_where_it_is_open_whether_a_nodule_counts_so_is_the_count(tmp_path: Path) -> None:
    sure, open_course = (
        "nodule_type: solid, mean_diameter: 9 ± 0 mm, course: first seen",
        "nodule_type: solid, perifissural: present",
    )
    body = f"findings: {{risk: high}}\nlesions: {{a: {{{sure}}}, b: {{{open_course}, mean_diameter: 5 ± 0 mm}}}}\n"
    first, _ = readings(tmp_path, body)
    assert the(first, "nodule_count").unknown_because == "whether b counts is open"
    answer = next(a for a in first.assessments if a.question == "follow-up")
    assert answer.category is None
    shares = [answer.probabilities[c] for c in ("CT at 3 months, PET/CT or tissue sampling", "CT at 3 to 6 and 18 to 24 months")]
    assert shares == pytest.approx([0.5, 0.5])
    assert verify(first.as_json()).ok
    grown = body.replace(
        "mean_diameter: 5 ± 0 mm}", "mean_diameter: 5 ± 0 mm, earlier: {interval_months: 12, mean_diameter: 2 ± 0 mm}}"
    )
    assert the(readings(tmp_path, grown)[0], "nodule_count").value == 2
    held = grown.replace("mean_diameter: 2 ±", "mean_diameter: 5 ±")
    assert the(readings(tmp_path, held)[0], "nodule_count").value == 1


def test_nodules_that_are_all_benign_are_counted_as_listed(tmp_path: Path) -> None:
    body = f"findings: {{risk: low, benign_content: present}}\nlesions: {{a: {{{NODULE}}}, b: {{{NODULE}}}}}\n"
    for reading in readings(tmp_path, body):
        assert the(reading, "nodule_count").value == 2
        assert next(a for a in reading.assessments if a.question == "follow-up").category == "no routine follow-up"


def test_without_a_list_the_count_stays_open(tmp_path: Path) -> None:
    (reading,) = readings(tmp_path, f"findings: {{{NODULE}, risk: low}}\n")
    assert reading.finding("nodule_count") is None


def test_a_revised_factor_moves_the_risk_that_follows_from_it(tmp_path: Path) -> None:
    (reading,) = readings(tmp_path, f"findings: {{risk: unknown, {NONE}}}\nlesions: {{a: {{{NODULE}}}}}\n")
    assert the(reading, "risk").state == "low"
    second = revise(reading, {"emphysema": "present"}, by="Dr B")
    assert the(second, "risk").state == "high"
    assert the(second, "nodule_count").value == 1
    assert verify(second.as_json()).ok
