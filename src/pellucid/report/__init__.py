"""A reading as a text, in prose, or as a page, a guideline as a page: pure functions, nothing new is computed here."""

from pellucid.report.check import Checked, Judged, check
from pellucid.report.html import html
from pellucid.report.narrative import narrative
from pellucid.report.pack import guideline_html
from pellucid.report.rephrase import Rephrased, Writer, rephrase
from pellucid.report.text import text

__all__ = ["Checked", "Judged", "Rephrased", "Writer", "check", "guideline_html", "html", "narrative", "rephrase", "text"]
