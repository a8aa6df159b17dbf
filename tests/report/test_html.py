"""The page is whole, safe, accessible, and says what the reading says."""

import base64
import hashlib
import re
from collections import Counter
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import pellucid.report
from pellucid.record import Caution, Finding, Observer, Provenance, ReaderRef, Reading, Region, Step, StudyRef, Truth
from pellucid.report import html, text

KINDS = ["breast", "fundus", "abstained", "no spacing", "revised", "nothing"]
HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}</style></svg>&amp;\u202e"
TEMPLATES = Path(pellucid.report.__file__).parent / "templates"


class Page(HTMLParser):
    """Tags with their attributes, and the text of the body."""

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
        return re.sub(r"\s+", " ", "".join(self.words))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def claims(step: Step) -> list[str]:
    return [step.claim, *([step.citation] if step.citation else []), *(c for child in step.because for c in claims(child))]


def everything_said(word: str) -> Reading:
    """A reading in which every free text is `word`."""
    study = StudyRef(
        pixels_sha256="ab" * 32, width=50, height=40, modality=word, ids={word: word}, source=word, spacing_source=word
    )
    region = Region(outlines=(((1, 1), (9, 1), (9, 9)),), unit="px", meaning=word, share=0.5)
    who = Observer(name=word, kind="person")
    findings = (
        Finding(concept=word, observer=who, states=(word, "b"), probabilities=(0.9, 0.1), state=word, region=region),
        Finding(concept="size", observer=who, unit=word, value=1.0, sd=0.1),
        Finding(concept="rest", observer=who, unit=word, unknown_because=word),
    )
    step = Step(claim=word, truth=Truth.MET, citation=word, because=(Step(claim=word, truth=Truth.UNKNOWN),))
    values: dict[str, Any] = {
        "question": word,
        "guideline": {"name": word, "edition": word, "sha256": "ab" * 32},
        "category": word,
        "statement": word,
        "probabilities": {word: 0.7, "b": 0.3},
        "confidence_set": (word, "b"),
        "derivation": step,
        "sufficient_reason": (({"concept": word, "state": word},),),
        "contrasts": ({"category": word, "changes": ({"concept": word, "seen": word, "instead": word},)},),
        "look_again": ({"concept": word, "bits": 1.0, "share": 0.5},),
        "differential": ({"name": word, "because": ({"concept": word, "state": word},), "citation": word},),
        "next_step": word,
        "next_step_citation": word,
        "boundary": (word,),
        "conflict": word,
    }
    return Reading(
        study=study,
        reader=ReaderRef(name=word, version=word),
        findings=findings,
        assessments=(values,),  # type: ignore[arg-type]
        cautions=(Caution(kind="scope", text=word), Caution(kind="shadow", text=word)),
        similar=({"reading": "cd" * 32, "outcome": word, "alike": (word,), "different": (word,)},),  # type: ignore[arg-type]
        provenance=Provenance(by=word, created=word, software=word, preparation=({"name": word, "parameters": {word: word}},)),  # type: ignore[arg-type]
        revises="ef" * 32,
    )


def test_hostile_text_never_becomes_markup() -> None:
    page, calm = Page(html(everything_said(HOSTILE))), Page(html(everything_said("calm")))
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in calm.tags]
    assert len(page.all("script")) == 1
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert "{{ 7*7 }}" in page.text
    assert "\u202e" not in page.text


def test_hostile_text_cannot_add_a_style_or_a_class() -> None:
    page, calm = Page(html(everything_said(HOSTILE))), Page(html(everything_said("calm")))
    for name in ("class", "style", "id", "href"):
        assert [a.get(name) for _, a in page.tags] == [a.get(name) for _, a in calm.tags]


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_fetches_nothing(readings, kind: str, pixels) -> None:
    image = pixels if kind in {"breast", "revised"} else None
    page = Page(html(readings[kind], image))
    links = [a[name] for _, a in page.tags for name in ("href", "src", "xlink:href", "srcset", "action") if name in a]
    assert all(link is not None and link.startswith(("#", "data:image/")) for link in links)
    assert not page.all("link")
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    assert "url(" not in style
    assert "@import" not in style


def test_only_the_page_s_own_script_may_run(readings) -> None:
    page = html(readings["breast"])
    script = re.search(r"<script>(.*?)</script>", page, re.S)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    policy = next(a["content"] for a in Page(page).all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_says_what_the_text_says(readings, kind: str) -> None:
    reading = readings[kind]
    page, plain = Page(html(reading)).text, re.sub(r"\s+", " ", text(reading))
    page = page.replace("\u00a0", " ")
    said = [a.statement for a in reading.assessments] + [c.text for c in reading.cautions]
    said += [f.unknown_because for f in reading.findings if f.unknown_because]
    said += [c for a in reading.assessments for c in claims(a.derivation)]
    said += [f"{f.reliability.value:.2f} ({f.reliability.low:.2f}" for f in reading.findings if f.reliability]
    for sentence in said:
        assert sentence in page
        assert sentence in plain


@pytest.mark.parametrize("kind", KINDS)
def test_ids_are_unique_and_every_reference_has_its_target(readings, kind: str, pixels) -> None:
    page = Page(html(readings[kind], pixels if kind == "breast" else None))
    ids = Counter(a["id"] for _, a in page.tags if "id" in a)
    assert max(ids.values()) == 1
    wanted = {str(a["href"])[1:] for _, a in page.tags if str(a.get("href", "")).startswith("#")}
    wanted |= {str(a["aria-labelledby"]) for _, a in page.tags if "aria-labelledby" in a}
    assert wanted <= set(ids)


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_and_tables_are_named_for_those_who_do_not_see_them(readings, kind: str) -> None:
    page = Page(html(readings[kind]))
    assert all(a.get("aria-label") or a.get("aria-hidden") for a in page.all("svg"))
    assert all(a.get("scope") for a in page.all("th"))
    assert page.all("html")[0]["lang"] == "en-GB"
    assert len(page.all("h1")) == len(page.all("main")) == 1


def test_every_place_has_a_checkbox_that_works_without_script(readings, pixels) -> None:
    source = html(readings["breast"], pixels)
    boxes = [str(a["id"]) for a in Page(source).all("input")]
    assert len(boxes) == 6, "five pieces of evidence and one outline that four measurements share"
    for box in boxes:
        key = box.removeprefix("show-")
        assert f".sheet:has(#{box}:not(:checked)) .picture .{key}{{display:none}}" in source


def test_many_small_lesions_are_one_place_with_many_outlines(readings) -> None:
    source = html(readings["fundus"])
    assert "25 outlines" in source
    paths = [str(a["d"]) for a in Page(source).all("path") if a.get("class") == "line"]
    assert max(path.count("M") for path in paths) == 25


def test_no_finding_stands_without_a_place_or_the_word_that_it_has_none(readings) -> None:
    page = Page(html(readings["fundus"])).text
    assert "Exudate near macula from the whole image" in page
    assert "IRMA no place" in page


def test_without_pixels_the_page_says_so(readings, pixels) -> None:
    assert "Pixels not stored with this reading" in html(readings["breast"])
    assert "Pixels not stored with this reading" not in html(readings["breast"], pixels)


def test_the_image_is_embedded_once_however_often_it_is_shown(readings, pixels) -> None:
    source = html(readings["breast"], pixels)
    assert source.count("data:image/") == 1
    assert source.count('href="#pixels"') == 7


def test_an_abstention_stands_where_a_category_would_stand(readings) -> None:
    page = Page(html(readings["abstained"])).text
    assert page.index("No category is given") < page.index("Where it was seen")
    assert "The image is unlike the images that this reader learned from" in page
    assert "What to do Read the image as you would without this reader" in page


def test_a_revision_shows_who_changed_what_and_how_the_answer_moved(before_and_after) -> None:
    first, second = before_and_after
    page = Page(html(second, earlier=first)).text.replace("\u00a0", " ")
    assert "Set by Dr A. Example" in page
    assert "What the revision changed" in page
    assert "66 % was 11 %" in page
    assert "not handed to this report" in Page(html(second)).text


@pytest.mark.parametrize("kind", KINDS)
def test_no_word_of_the_workshop_reaches_the_ward(readings, kind: str) -> None:
    page = Page(html(readings[kind])).text.lower() + text(readings[kind]).lower()
    assert not re.search(r"\b(logit|softmax|tensor|embedding|epoch|none type|nan)\b", page)


def test_the_same_reading_gives_the_same_page(readings, pixels) -> None:
    assert html(readings["breast"], pixels) == html(readings["breast"], pixels)


def test_very_long_words_cannot_leave_the_page(readings) -> None:
    assert unescape("w" * 3000) in html(everything_said("w" * 3000))
    assert "overflow-wrap:anywhere" in html(readings["breast"])


def luminance(colour: str) -> float:
    whole = colour.lstrip("#")
    whole = "".join(2 * c for c in whole) if len(whole) == 3 else whole
    parts = [int(whole[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio by WCAG 2.2."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_text_keeps_a_contrast_of_at_least_four_and_a_half_to_one() -> None:
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    light, blank = (
        dict(re.findall(r"--([\w-]+):(#\w+)", block)) for block in re.findall(r"(?:^:root|^\.blank)\{(.*?)\}", style, re.S | re.M)
    )
    pairs = [("ink", "paper"), ("mute", "paper"), ("mute", "soft"), ("teal", "paper"), ("plum", "paper"), ("blue", "blue-soft")]
    pairs += [("blue", "paper"), ("amber", "paper"), ("amber", "amber-soft"), ("ink", "amber-soft"), ("paper", "teal")]
    weak = [pair for pair in pairs if contrast(light[pair[0]], light[pair[1]]) < 4.5]
    weak += [
        (f"k{k}", name)
        for k in range(1, 9)
        for name, colours in (("light", light), ("blank", blank))
        if contrast(colours[f"k{k}"], colours["on"]) < 4.5
    ]
    assert weak == []


def test_a_contradiction_stands_above_the_answers_as_an_alert(build) -> None:
    told = "Margin circumscribed (Dr A) and indistinct margin present (breast-ultrasound 1.0) cannot both be so."
    page = html(build(cautions=(Caution(kind="contradiction", text=told),)))
    alert = next(attributes for tag, attributes in Page(page).tags if attributes.get("role") == "alert")
    assert alert["class"] == "contradiction"
    assert page.index('role="alert"') < page.index(told) < page.index('class="verdict')
    assert page.count(told) == 3, "above the answers, in the narrative, and among the cautions"
    assert 'role="alert"' not in html(build())
