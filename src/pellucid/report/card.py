"""An accountability card as one self-contained page: summary first, three pillars, and what the card does not show."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from pellucid.audit.concept_measures import CONCEPT_MEASURES
from pellucid.record import Grade, Measured, MeasureResult, MethodTrial
from pellucid.record.accountability import AccountabilityCard, Artefact
from pellucid.report import words
from pellucid.report.html import part, templates
from pellucid.report.plots import forest, line_plot

CARD_NOTE = (
    "Research use only. Not a medical device, not a conformity assessment. Every line was measured, is declared, or says why it "
    "is not available."
)
TONES: dict[Grade, str] = {
    "usable": "good",
    "usable with caution": "caution",
    "not usable": "bad",
    "too few cases": "open",
    "not tested": "open",
}
"""How a grade is coloured; the words stand beside it always."""
STATUSES = ("measured", "declared", "not available")


@dataclass(frozen=True)
class MapTile:
    """One map over one image for the grid, as a data URI, with the verdict of its method beneath."""

    case: str
    method: str
    uri: str
    grade: Grade
    caption: str


@dataclass(frozen=True)
class _Form:
    """A form with the share of its lines on each footing."""

    form: Artefact
    counts: tuple[tuple[str, int], ...]


def card_html(card: AccountabilityCard, tiles: Sequence[MapTile] = ()) -> str:
    """The card as one HTML page; `tiles` are maps over images, left out where the page is to leave the house."""
    cases = list(dict.fromkeys(tile.case for tile in tiles))
    methods = list(dict.fromkeys(tile.method for tile in tiles))
    forms = tuple(
        _Form(a, tuple((status, sum(line.status == status for line in a.lines)) for status in STATUSES))
        for a in card.transparency.artefacts
    )
    return (
        templates()
        .get_template("card.html.j2")
        .render(
            c=card,
            forms=forms,
            tiles={(t.case, t.method): t for t in tiles},
            cases=cases,
            methods=methods,
            trials=sorted(card.explainability.trials, key=_rank),
            tones=TONES,
            told=told,
            sentences=sentences,
            measures=measures,
            forest=forest,
            plot=line_plot,
            percent=_percent,
            words=words,
            asks={name: m.asks for name, m in CONCEPT_MEASURES.items()},
            note=CARD_NOTE,
            style=Markup(part("report.css") + part("card.css")),
        )
    )


def _rank(trial: MethodTrial) -> tuple[int, str, str]:
    return list(TONES).index(trial.verdict.grade), trial.target, trial.method


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def told(measured: Measured) -> str:
    """A measured number in words: with its interval and what it rests on, or why there is none."""
    if measured.value is None:
        return f"not measured: {measured.reason}"
    bounds = (
        f" ({number(measured.low)} to {number(measured.high)})" if measured.low is not None and measured.high is not None else ""
    )
    rests = f", {measured.n} cases" if measured.n else ""
    reason = f"; {measured.reason}" if measured.reason else ""
    return f"{number(measured.value)}{bounds}{rests}{reason}"


def sentences(text: str) -> list[str]:
    """A verdict's sentences, one for each use of the map."""
    parts = text.removesuffix(".").split(". ")
    return [f"{part}." for part in parts]


def number(value: float) -> str:
    """A number with two decimals, with three where it is small; what is smaller still is said to be below 0.001."""
    if value == 0 or 0.01 <= abs(value) < 1000:
        return f"{value:.2f}"
    if abs(value) >= 1000:
        return f"{value:.4g}"
    return f"{value:.3f}" if abs(value) >= 0.001 else "below 0.001"


def measures(trial: MethodTrial) -> list[tuple[str, list[MeasureResult]]]:
    """The results of a trial by family, in order."""
    families = dict.fromkeys(r.family for r in trial.results)
    return [(family, [r for r in trial.results if r.family == family]) for family in families]
