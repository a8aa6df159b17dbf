"""A reading as one self-contained page: nothing is fetched, and nothing of the reading is taken as markup."""

import base64
import hashlib
from functools import cache
from pathlib import Path

import jinja2
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from pellucid.record import Examination, Reading
from pellucid.report import words
from pellucid.report.claims import TITLES
from pellucid.report.examination import BELOW, INDEPENDENT, examination_sheet
from pellucid.report.narrative import narrative
from pellucid.report.picture import picture
from pellucid.report.sheet import CONTRADICTED, RESEARCH, WEIGHED, sheet

TEMPLATES = Path(__file__).parent / "templates"


def html(reading: Reading, pixels: NDArray[np.uint8] | None = None, earlier: Reading | None = None) -> str:
    """The reading as one HTML page.

    `pixels` are the display-ready pixels that were read, uint8 (H, W) or (H, W, 3).
    Without them the outlines stand on an empty canvas.
    `earlier` is the reading that this one revises: before and after are then set side by side.
    Raises ImageError where pixels and reading do not fit, InputError where `earlier` is another reading.
    """
    image = picture(pixels, reading.study) if pixels is not None else None
    return _page("report.html.j2", s=sheet(reading, earlier), image=image, lesion=None)


def examination_html(examination: Examination) -> str:
    """An examination of several lesions as one HTML page: what they make together and which drives, then each lesion."""
    made = examination_sheet(examination)
    return _page("examination.html.j2", e=made, examination=examination, image=None, below=BELOW, independent=INDEPENDENT)


def _page(template: str, **told: object) -> str:
    script, style = part("report.js"), part("report.css")
    fixed = {"words": words, "research": RESEARCH, "contradicted": CONTRADICTED, "weighed": WEIGHED, "titles": TITLES}
    made = {"script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(), "narrate": narrative}
    return templates().get_template(template).render(**fixed, **made, **told, style=Markup(style), script=Markup(script))


@cache
def part(name: str) -> str:
    """A file beside the templates, as it is."""
    return (TEMPLATES / name).read_text(encoding="utf-8")


@cache
def templates() -> jinja2.Environment:
    """The templates of every page; all that enters them is escaped."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalise,
    )


def _finalise(value: object) -> object:
    """Every string of the reading loses its control characters before it is escaped."""
    return words.plain(value) if type(value) is str else value
