"""A reading or an examination as text, in prose or as one page, a guideline as a page: nothing new is computed here."""

from pellucid.report.check import Checked, Judged, check
from pellucid.report.html import examination_html, html
from pellucid.report.narrative import narrative
from pellucid.report.pack import guideline_html
from pellucid.report.rephrase import Rephrased, Writer, rephrase
from pellucid.report.text import examination_text, text

__all__ = [
    "Checked",
    "Judged",
    "Rephrased",
    "Writer",
    "check",
    "examination_html",
    "examination_text",
    "guideline_html",
    "html",
    "narrative",
    "rephrase",
    "text",
]
