"""A reading as a text or as one self-contained page: pure functions, nothing is computed here that is not in the reading."""

from pellucid.report.html import html
from pellucid.report.text import text

__all__ = ["html", "text"]
