"""A guideline pack as one self-contained, printable page, so that it can be checked cell by cell against what was published."""

from markupsafe import Markup

from pellucid.knowledge.guideline import Guideline
from pellucid.knowledge.sheet import Section, again, sheet
from pellucid.report.html import part, templates

MARKS = {
    "source": "the published source was read for this entry",
    "recomputed": "the number was recomputed from the named data",
    "background": "background knowledge, still to be checked against the publication",
}
"""What each mark says of an entry."""


def guideline_html(guideline: Guideline) -> str:
    """The whole pack as one HTML page: every row, points, category, rule and risk band with its citation and its mark."""
    made = sheet(guideline)
    marks, units = made.marks(), made.units()
    return (
        templates()
        .get_template("guideline.html.j2")
        .render(
            g=guideline,
            sections=made.sections,
            groups=_groups(made.sections),
            marks=[(name, marks[name], text) for name, text in MARKS.items()],
            total=sum(marks.values()),
            units=units,
            again=again,
            style=Markup(part("report.css") + part("guideline.css")),
        )
    )


def _groups(sections: tuple[Section, ...]) -> list[tuple[str, str]]:
    """Where the page's contents lead."""
    return [(section.name, section.title) for section in sections]
