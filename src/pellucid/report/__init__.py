"""A reading or an examination as text or one page, a guideline as a page: pure functions, nothing new is computed here."""

from pellucid.report.html import examination_html, html
from pellucid.report.pack import guideline_html
from pellucid.report.text import examination_text, text

__all__ = ["examination_html", "examination_text", "guideline_html", "html", "text"]
