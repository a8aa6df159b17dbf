"""A reading as a text or as one self-contained page, a guideline as a page: pure functions, nothing new is computed here."""

from pellucid.report.html import html
from pellucid.report.pack import guideline_html
from pellucid.report.text import text

__all__ = ["guideline_html", "html", "text"]
