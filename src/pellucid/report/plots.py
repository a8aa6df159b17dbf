"""Plots of the accountability card as inline SVG: lines with bands, nothing fetched, colours told apart by dash as well."""

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

from pellucid.record import MeasureResult
from pellucid.record.accountability import Plot, Series

WIDTH, HEIGHT = 380, 270
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 40
TICKS = 5
Limits = tuple[float, float]


def line_plot(plot: Plot) -> Markup:
    """A plot with axes, bands, curves and a legend, as one `<svg>` with a text for screen readers."""
    x_limits, y_limits = _limits([v for c in plot.curves for v in c.x]), _limits(_heights(plot.curves))
    if plot.kind == "reliability":
        x_limits = y_limits = (0.0, 1.0)
    if plot.kind == "decision":  # acting always falls without bound: what matters lies around nothing and the model
        y_limits = _limits([0.0, *_heights([c for c in plot.curves if c.role == "subject"])])
    parts = [_axes(plot, x_limits, y_limits)]
    order = sorted(plot.curves, key=lambda c: c.role == "subject")
    controls = [c.name for c in plot.curves if c.role == "control"]
    for curve in order:
        kind = f"control{controls.index(curve.name) % 3}" if curve.role == "control" else curve.role
        parts.append(_curve(curve, kind, x_limits, y_limits, dots=plot.kind == "reliability" and curve.role == "subject"))
    label = f"{plot.title}. {plot.x} against {plot.y}: {', '.join(c.name for c in plot.curves)}."
    body = Markup("").join(parts)
    return Markup('<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>{}').format(
        WIDTH, HEIGHT, label, body, _legend(plot.curves, controls)
    )


def _heights(curves: Sequence[Series]) -> list[float]:
    return [v for c in curves for v in (*c.y, *c.low, *c.high)]


def _limits(values: Sequence[float]) -> Limits:
    """Round limits around the values; 0 and 1 where they are shares."""
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    if low >= -0.02 and high <= 1.02 and high > 0.25:
        return 0.0, 1.0
    if low >= 0 and low <= high / 3:
        return 0.0, max(1.05 * high, 0.1)
    margin = 0.05 * (high - low or 1.0)
    return low - margin, high + margin


def _at(x: float, y: float, x_limits: Limits, y_limits: Limits) -> tuple[float, float]:
    across = (x - x_limits[0]) / (x_limits[1] - x_limits[0] or 1.0)
    up = min(1.0, max(0.0, (y - y_limits[0]) / (y_limits[1] - y_limits[0] or 1.0)))
    return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)


def _axes(plot: Plot, x_limits: Limits, y_limits: Limits) -> Markup:
    parts: list[Markup] = []
    for y in ticks(y_limits):
        _, py = _at(x_limits[0], y, x_limits, y_limits)
        parts.append(Markup('<path class="rule" d="M{:.1f} {:.1f}H{}"/>').format(LEFT, py, WIDTH - RIGHT))
        parts.append(Markup('<text x="{}" y="{:.1f}" class="tick end">{}</text>').format(LEFT - 6, py + 4, _number(y)))
    for x in ticks(x_limits):
        px, _ = _at(x, y_limits[0], x_limits, y_limits)
        parts.append(Markup('<text x="{:.1f}" y="{}" class="tick middle">{}</text>').format(px, HEIGHT - BOTTOM + 16, _number(x)))
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(Markup('<text x="{:.1f}" y="{}" class="axis middle">{}</text>').format(middle, HEIGHT - 6, plot.x))
    up = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(Markup('<text class="axis middle" transform="translate(11 {:.1f}) rotate(-90)">{}</text>').format(up, plot.y))
    return Markup("").join(parts)


def ticks(limits: Limits) -> list[float]:
    """Round values within the limits, six at most: multiples of 1, 2, 2.5 or 5 times a power of ten."""
    low, high = limits
    power = 10.0 ** math.floor(math.log10((high - low) / TICKS))
    step = next(power * m for m in (1, 2, 2.5, 5, 10, 20) if (high - low) / (power * m) <= TICKS)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(k * step, 10) + 0.0 for k in range(first, last + 1)]


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") if abs(value) < 10 else f"{value:.0f}"


def _curve(curve: Series, kind: str, x_limits: Limits, y_limits: Limits, dots: bool) -> Markup:
    points = [_at(x, y, x_limits, y_limits) for x, y in zip(curve.x, curve.y, strict=True)]
    parts: list[Markup] = []
    if curve.low and not dots:
        lower = [_at(x, y, x_limits, y_limits) for x, y in zip(curve.x, curve.low, strict=True)]
        upper = [_at(x, y, x_limits, y_limits) for x, y in zip(curve.x, curve.high, strict=True)]
        parts.append(Markup('<path class="band {}" d="{}Z"/>').format(kind, _path([*upper, *reversed(lower)])))
    parts.append(Markup('<path class="curve {}" d="{}"/>').format(kind, _path(points)))
    if dots:
        for (px, py), low, high in zip(points, curve.low or curve.y, curve.high or curve.y, strict=True):
            top, bottom = (_at(0, v, x_limits, y_limits)[1] for v in (high, low))
            parts.append(Markup('<path class="whisk" d="M{:.1f} {:.1f}V{:.1f}"/>').format(px, top, bottom))
            parts.append(Markup('<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="4"/>').format(px, py))
    return Markup("").join(parts)


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _legend(curves: Sequence[Series], controls: Sequence[str]) -> Markup:
    items: list[Markup] = []
    for curve in curves:
        kind = f"control{controls.index(curve.name) % 3}" if curve.role == "control" else curve.role
        mark = Markup(
            '<svg class="mark" viewBox="0 0 26 8" aria-hidden="true"><path class="curve {}" d="M1 4H25"/></svg>'
        ).format(kind)
        items.append(Markup("<li>{}{}</li>").format(mark, escape(curve.name)))
    return Markup('<ul class="legend">{}</ul>').format(Markup("").join(items))


FOREST_WIDTH, FOREST_HEIGHT, EDGE = 220, 26, 8


def forest(result: MeasureResult) -> Markup:
    """One measure as a small picture: dot and line for the method with its interval, hollow marks for the controls."""
    own = result.measured
    if own.value is None:
        return Markup("")
    values = [own.value, own.low, own.high, *(c.measured.value for c in result.controls)]
    present = [v for v in values if v is not None]
    low, high = (0.0, 1.0) if min(present) >= 0 and max(present) <= 1 else (min(present), max(present))

    def at(value: float) -> float:
        return EDGE + (value - low) / ((high - low) or 1.0) * (FOREST_WIDTH - 2 * EDGE)

    parts = [Markup('<path class="rule" d="M{} 13H{}"/>').format(EDGE, FOREST_WIDTH - EDGE)]
    for index, control in enumerate(result.controls):
        if control.measured.value is not None:
            mark = '<path class="mark{}" d="M{:.1f} 5V21"><title>{}</title></path>'
            parts.append(Markup(mark).format(index % 3, at(control.measured.value), control.name))
    if own.low is not None and own.high is not None:
        parts.append(Markup('<path class="whisk" d="M{:.1f} 13H{:.1f}"/>').format(at(own.low), at(own.high)))
    parts.append(Markup('<circle class="dot" cx="{:.1f}" cy="13" r="4.5"/>').format(at(own.value)))
    return Markup('<svg class="forest" viewBox="0 0 {} {}" aria-hidden="true">{}</svg>').format(
        FOREST_WIDTH, FOREST_HEIGHT, Markup("").join(parts)
    )
