"""A guideline's page: self-contained, every entry with citation and mark, nothing taken as markup, whole in print."""

import re
from dataclasses import replace

import pytest

from pellucid.knowledge import list_guidelines, load_guideline
from pellucid.knowledge.sheet import sheet
from pellucid.report import guideline_html
from pellucid.report.html import part


@pytest.mark.parametrize("name", list_guidelines())
def test_every_cited_entry_has_a_badge_and_nothing_is_fetched(name: str) -> None:
    pack = load_guideline(name)
    page, found = guideline_html(pack), sheet(pack)
    body = page.partition("<body>")[2]
    everywhere = [cell for s in found.sections for g in s.grids for line in g.lines for cell in line.cells if cell.citation]
    assert body.count('<span class="cited">') == len(everywhere)
    assert sum(found.marks().values()) <= len(everywhere)
    assert pack.sha256 in page
    assert "default-src 'none'" in page
    assert re.findall(r"(?:src|href)=\"(?!#)[^\"]*\"", body) == []
    assert "<script" not in page


def test_links_of_the_contents_lead_to_sections() -> None:
    page = guideline_html(load_guideline("lung-cancer-screening"))
    links = re.findall(r'href="#([^"]+)"', page)
    assert links
    assert [link for link in links if f'id="{link}"' not in page] == []


def test_what_a_pack_says_is_never_markup() -> None:
    pack = replace(load_guideline("thyroid-nodule"), title="<script>alert(1)</script>")
    page = guideline_html(pack)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_nothing_of_a_page_is_hidden_in_print() -> None:
    """The style sheet of the reports hides some of its classes in print; a page may use none of them but for the contents."""
    rules = re.findall(r"([^{}]+)\{display:none", part("report.css"))
    hidden = {selector.split()[-1].partition(":")[0].lstrip(".") for rule in rules for selector in rule.split(",")}
    body = guideline_html(load_guideline("liver-lesion-ct-mr")).partition("<body>")[2]
    used = {name for names in re.findall(r'class="([^"]+)"', body) for name in names.split()}
    assert "all" in hidden
    assert used & hidden == set()
