"""The checker takes out what the reading does not say, and lets through what it says in other words."""

from pathlib import Path
from types import ModuleType

import pytest
import yaml
from tests.report.test_narrative import load

from pellucid.record import Reading
from pellucid.report import check
from pellucid.report.check import LONGEST, Judged

CASES = yaml.safe_load((Path(__file__).parent / "paraphrase_readings.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    """benchmarks/report_text.py as a module."""
    return load("report_text")


@pytest.fixture(scope="module")
def cases(bench: ModuleType) -> dict[str, Reading]:
    """The readings of the paraphrase files."""
    return {name: bench.stated_reading(case) for name, case in CASES.items()}


def one(text: str, reading: Reading, lesion: str | None = None) -> Judged:
    """The one sentence of a text, judged."""
    (judged,) = check(text, reading, lesion).sentences
    return judged


LIES = [
    ("breast-a", "There is no posterior shadowing.", "contradicted"),
    ("breast-a", "An echogenic halo is present.", "contradicted"),
    ("breast-a", "The margin is circumscribed.", "contradicted"),
    ("breast-a", "The shape is irregular.", "contradicted"),
    ("breast-a", "The shape is possibly irregular.", "contradicted"),
    ("breast-a", "The mass measures 18.4 cm.", "contradicted"),
    ("breast-a", "The long axis measures 11.2 mm.", "contradicted"),
    ("breast-a", "The mass measures 18 x 18 mm.", "contradicted"),
    ("breast-a", "The area measures 160 mm2.", "contradicted"),
    ("breast-a", "There is a hypoechoic mass in the right breast.", "not in the reading"),
    ("breast-a", "There is a hypoechoic mass with increased vascularity.", "not in the reading"),
    ("breast-a", "A second mass is seen.", "not in the reading"),
    ("breast-a", "No mass is seen.", "not in the reading"),
    ("breast-a", "Compared with 2021 the mass has grown.", "not in the reading"),
    ("breast-a", "The mass is unchanged.", "not in the reading"),
    ("breast-a", "BI-RADS category 4B.", "contradicted"),
    ("breast-a", "Low suspicion of malignancy.", "contradicted"),
    ("breast-a", "The mass is malignant.", "contradicted"),
    ("breast-a", "At 90 % confidence the category is 4B or 4C.", "contradicted"),
    ("breast-a", "At 95 % confidence the category is 4A, 4B or 4C.", "contradicted"),
    ("breast-a", "The category is not 4C.", "contradicted"),
    ("breast-a", "The margin is not free of microlobulation.", "not in the reading"),
    ("fundus-a", "There are no new vessels.", "contradicted"),
    ("fundus-a", "New vessels could be assessed.", "contradicted"),
    ("fundus-a", "Few microaneurysms are seen.", "not in the reading"),
    ("fundus-a", "The retinopathy is grade 2.", "contradicted"),
    ("fundus-a", "The international grade is given.", "contradicted"),
    ("lung-a", "The solid nodule lies in the left upper lobe.", "not in the reading"),
    ("lung-a", "The nodule has grown since the previous CT.", "contradicted"),
    ("thyroid-a", "The nodule is taller than wide.", "contradicted"),
    ("thyroid-a", "TI-RADS TR5.", "contradicted"),
]


@pytest.mark.parametrize(("name", "text", "standing"), LIES)
def test_a_sentence_that_the_reading_does_not_say_is_taken_out(
    name: str, text: str, standing: str, cases: dict[str, Reading]
) -> None:
    judged = one(text, cases[name], CASES[name].get("lesion"))
    assert judged.standing == standing, judged
    assert judged.why


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("breast-a", "Follow-up in 6 months is recommended."),
        ("breast-a", "No biopsy is needed."),
        ("breast-a", "Consider biopsy."),
        ("breast-a", "MRI and biopsy are recommended."),
        ("fundus-a", "Ophthalmologist within 6 months."),
        ("lung-a", "Low-dose CT in 6 months is recommended."),
        ("lung-a", "Go on as before."),
        ("thyroid-a", "No fine-needle aspiration is recommended."),
    ],
)
def test_another_next_step_is_taken_out(name: str, text: str, cases: dict[str, Reading]) -> None:
    judged = one(f"RECOMMENDATION\n{text}", cases[name], CASES[name].get("lesion"))
    assert judged.standing in ("contradicted", "not in the reading"), judged


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "Report.",
        "FINDINGS\n",
        "\x00\u202e",
        "4",
        "%",
        "((((((",
        "no no no",
        "not not",
        "." * 400,
        "“",
        "mm mm 3 mm 4",
        "⚕️",
        "und hier auf Deutsch",
    ],
)
def test_any_text_is_judged_without_an_error(text: str, cases: dict[str, Reading]) -> None:
    checked = check(text, cases["breast-a"])
    assert all(not s.covers for s in checked.sentences)
    assert checked.missing


def test_a_sentence_without_end_is_not_taken_apart(cases: dict[str, Reading]) -> None:
    assert one("The mass is hypoechoic " * (LONGEST // 20), cases["breast-a"]).standing == "not in the reading"


def test_what_a_text_leaves_out_is_listed(cases: dict[str, Reading]) -> None:
    checked = check("The mass is hypoechoic.", cases["breast-a"])
    assert [s.standing for s in checked.sentences] == ["supported"]
    told = " ".join(s.text for s in checked.missing)
    assert "hypoechoic" in told  # it stands in a sentence with another finding
    assert "Tissue diagnosis" in told


@pytest.mark.parametrize(("file", "most"), [("paraphrases_dev.yaml", 0.0), ("paraphrases_dev_2.yaml", 0.07)])
def test_paraphrases_that_the_checker_was_tuned_on_stay_in(file: str, most: float, bench: ModuleType) -> None:
    wrong, total = bench.alarms(file, show=True)
    assert wrong / total <= most


@pytest.mark.parametrize(
    "text",
    [
        "The kind of finding is that of a mass with calcifications.",
        "The kind of finding is a mass.",
        "The kind of finding is mass.",
        "No mass is seen.",
        "There are no calcifications.",
    ],
)
def test_a_kind_of_finding_that_nobody_stated_is_not_told(text: str, bench: ModuleType) -> None:
    case = {
        "guideline": "mammography",
        "findings": {"finding_kind": "asymmetry or distortion", "asymmetry": "focal", "architectural_distortion": "absent"},
    }
    assert one(text, bench.stated_reading(case)).standing in ("contradicted", "not in the reading")


def test_corrupted_reports_are_caught_for_every_pack(bench: ModuleType) -> None:
    found = bench.corrupted(2, list(bench.list_guidelines()), show=True)
    assert set(found) == set(bench.CORRUPTIONS)
    assert {name: caught for name, (caught, n) in found.items() if caught < n} == {}
