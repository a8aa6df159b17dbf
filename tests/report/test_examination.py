"""An examination of several lesions is one report: the answer for all of them, which drives and why, then every lesion."""

import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pellucid.assess.lesions import assess_stated
from pellucid.assess.typed import read_typed
from pellucid.knowledge import load_guideline
from pellucid.record import Examination
from pellucid.report import examination_html, examination_text, html, text
from pellucid.report.text import COLUMNS

LUNG = load_guideline("lung-cancer-screening")
HOSTILE = "<script>alert(1)</script>{{ 7*7 }}"


class Page(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words)).replace("\u00a0", " ")


def made(folder: Path, *names: str) -> Examination:
    calm = {"nodule_type": "solid", "benign_content": "absent", "juxtapleural": "absent", "status": "baseline"}
    lesions = {name: {**calm, "mean_diameter": f"{7 + 9 * k} ± 0.1 mm"} for k, name in enumerate(names)}
    file = {"by": "Dr A", "findings": {"setting": "screening", "age": 64}, "lesions": lesions}
    (folder / "findings.yaml").write_text(json.dumps(file), encoding="utf-8")
    return assess_stated(read_typed(folder / "findings.yaml", LUNG), LUNG, ("nodule", "examination"))


@pytest.fixture
def two(tmp_path: Path) -> Examination:
    return made(tmp_path, "upper", "lower")


def test_text_and_page_give_the_examinations_answer_before_any_lesion(two: Examination) -> None:
    for told in (re.sub(r"\s+", " ", examination_text(two)), Page(examination_html(two)).text):
        order = ["Driven by lower.", "the category of the examination is 4B", "upper: 3", "Probably benign (category 3)."]
        places = [told.index(words) for words in order]
        assert places == sorted(places)
        assert "Each lesion's own derivation stands in its part below." in told
        for lesion in two.lesions:
            assert all(a.statement in told and a.derivation.claim in told for a in lesion.reading.assessments)
    assert max(len(line) for line in examination_text(two).splitlines()) <= COLUMNS


def test_a_lesions_derivation_stands_once_in_the_page(two: Examination) -> None:
    claim = two.lesions[1].reading.assessments[0].derivation.because[0].claim
    alone = Page(html(two.lesions[1].reading)).text.count(claim)
    other = Page(html(two.lesions[0].reading)).text.count(claim)
    assert Page(examination_html(two)).text.count(claim) == alone + other


def test_ids_are_unique_and_every_reference_has_its_target_over_all_lesions(two: Examination) -> None:
    page = Page(examination_html(two))
    ids = Counter(str(a["id"]) for _, a in page.tags if "id" in a)
    assert max(ids.values()) == 1
    wanted = {str(a["href"])[1:] for _, a in page.tags if str(a.get("href", "")).startswith("#")}
    wanted |= {str(a["aria-labelledby"]) for _, a in page.tags if "aria-labelledby" in a}
    assert wanted <= set(ids)
    assert {"l1-lesion", "l2-lesion", "l1-why", "l2-why"} <= wanted
    assert len([tag for tag, _ in page.tags if tag == "h1"]) == 1
    assert all(a.get("scope") for tag, a in page.tags if tag == "th")


def test_a_lesions_name_never_becomes_markup(tmp_path: Path) -> None:
    hostile, calm = (Page(examination_html(made(tmp_path, name, "lower"))) for name in (HOSTILE, "upper"))
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in calm.tags]
    assert "{{ 7*7 }}" in hostile.text


def test_weighed_signs_stand_in_text_and_page_with_what_speaks_for_and_against(tmp_path: Path) -> None:
    brain = load_guideline("brain-tumour-mri-signs")
    findings = "{location: sellar, waist: present, flow_void: present}"
    (tmp_path / "b.yaml").write_text(f"by: Dr A\nfindings: {findings}\n", encoding="utf-8")
    reading = assess_stated(read_typed(tmp_path / "b.yaml", brain), brain).lesions[0].reading
    page = html(reading)
    for told in (re.sub(r"\s+", " ", text(reading)), Page(page).text):
        assert "pituitary adenoma, sum 2 (\u22123 to 8 with what is not judged)" in told
        assert "Looks alike: craniopharyngioma" in told
        assert "+3 where the mass is: sellar" in told
        assert "-3 where a flow void is present" in told
        assert "No question was asked" not in told
        assert "No probability, and no category" in told
    assert "signs not met or not judged" in Page(page).text
    ids = Counter(str(a["id"]) for _, a in Page(page).tags if "id" in a)
    assert max(ids.values()) == 1


def test_lesions_that_no_rule_combines_stand_by_themselves(two: Examination) -> None:
    apart = Examination(lesions=two.lesions, combined=())
    page = Page(examination_html(apart)).text
    assert "no rule for several lesions together" in page
    assert "Probably benign (category 3)." in page
    assert "THE EXAMINATION" not in examination_text(apart)
