"""Part of lidc_readers.py: four small pictures, written as SVG by hand. No plotting package is needed."""

from collections.abc import Callable, Mapping, Sequence
from html import escape

import numpy as np

INK, FAINT, GRID = "#222222", "#666666", "#dddddd"
AGREE, OPEN, DIFFER = "#3b7a57", "#c9c9c9", "#c0504d"
LINES = ("#7f7f7f", "#e08214", "#2166ac")
Height = Callable[[float], float]
Row = tuple[str, tuple[float, float, float], tuple[float, float]]
"""A name, three shares (agree, open, differ), and the interval of the last."""


class Picture:
    """An SVG under construction."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self.width, self.height, self.title = width, height, title
        self.parts = [f'<rect width="{width}" height="{height}" fill="white"/>']

    def text(self, x: float, y: float, words: str, **how: str | float) -> None:
        """Words at a place; `anchor`, `size`, `colour`, `bold`, `turn` say how."""
        weight = ' font-weight="bold"' if how.get("bold") else ""
        turn = f' transform="rotate({how["turn"]} {x:.1f} {y:.1f})"' if "turn" in how else ""
        style = f'text-anchor="{how.get("anchor", "start")}" font-size="{how.get("size", 12)}" fill="{how.get("colour", INK)}"'
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" {style}{weight}{turn}>{escape(words)}</text>')

    def bar(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """A filled rectangle."""
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}" fill="{colour}"/>')

    def line(self, a: tuple[float, float], b: tuple[float, float], colour: str = GRID, width: float = 1.0) -> None:
        """A straight line."""
        ends = f'x1="{a[0]:.1f}" y1="{a[1]:.1f}" x2="{b[0]:.1f}" y2="{b[1]:.1f}"'
        self.parts.append(f'<line {ends} stroke="{colour}" stroke-width="{width:g}"/>')

    def dot(self, x: float, y: float, radius: float, colour: str) -> None:
        """A filled circle."""
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{colour}"/>')

    def done(self) -> str:
        """The whole file."""
        size = f'width="{self.width}" height="{self.height}" viewBox="0 0 {self.width} {self.height}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="Helvetica, Arial, sans-serif" role="img">'
        return "\n".join([head, f"<title>{escape(self.title)}</title>", *self.parts, "</svg>"]) + "\n"


def disagreement(panels: Mapping[str, Sequence[Row]]) -> str:
    """Stacked bars: readers agree for certain, cannot be told, differ for certain; whiskers are the interval of the last."""
    left, wide, step = 190, 430, 26
    height = 62 + sum(34 + step * len(rows) for rows in panels.values())
    picture = Picture(left + wide + 80, height, "How often radiologists' descriptors of one nodule lead to different answers")
    for i, (words, colour) in enumerate(
        (("all readers: one answer", AGREE), ("cannot be told", OPEN), ("two or more answers", DIFFER))
    ):
        picture.bar(left + 175 * i, 12, 12, 12, colour)
        picture.text(left + 175 * i + 17, 22, words)
    y = 42.0
    for title, rows in panels.items():
        picture.text(12, y + 14, title, bold="yes", size=13)
        y += 26
        for name, shares, interval in rows:
            _stack(picture, (left, y, wide), shares, interval)
            picture.text(left - 8, y + 14, name, anchor="end")
            picture.text(left + wide + 8, y + 14, f"{100 * shares[2]:.0f} %", colour=DIFFER, bold="yes")
            y += step
        y += 8
    for tick in range(0, 101, 25):
        picture.text(left + wide * tick / 100, height - 8, f"{tick} %", anchor="middle", size=11, colour=FAINT)
    return picture.done()


def _stack(picture: Picture, place: tuple[float, float, float], shares: Sequence[float], interval: tuple[float, float]) -> None:
    x, y, wide = place
    at = x
    for share, colour in zip(shares, (AGREE, OPEN, DIFFER), strict=True):
        picture.bar(at, y, share * wide, 18, colour)
        at += share * wide
    low, high = (x + (1 - bound) * wide for bound in interval)
    picture.line((low, y + 9), (high, y + 9), INK, 1.5)
    for end in (low, high):
        picture.line((end, y + 5), (end, y + 13), INK, 1.5)


def scores(panels: Mapping[str, Sequence[tuple[str, tuple[float, float, float]]]]) -> str:
    """Dots with intervals: the log score of each method; lower is better."""
    left, wide, step = 390, 330, 24
    bounds = [bound for rows in panels.values() for _, row in rows for bound in row]
    low, high = np.floor(min(bounds) * 10) / 10, np.ceil(max(bounds) * 10) / 10
    height = 50 + sum(34 + step * len(rows) for rows in panels.values())
    picture = Picture(left + wide + 80, height, "Log score of forecasts of another radiologist's answer; lower is better")

    def place(value: float) -> float:
        return left + wide * (value - low) / (high - low)

    for tick in np.arange(low, high + 0.01, 0.2):
        picture.line((place(tick), 12), (place(tick), height - 42))
        picture.text(place(tick), height - 26, f"{tick:.1f}", anchor="middle", size=11, colour=FAINT)
    picture.text(left + wide / 2, height - 8, "log score in nats, lower is better", anchor="middle", size=11, colour=FAINT)
    y = 12.0
    for title, rows in panels.items():
        picture.text(12, y + 12, title, bold="yes", size=13)
        y += 24
        for name, (value, down, up) in rows:
            colour = LINES[2] if name.startswith("exact") else LINES[1] if name.startswith("category") else LINES[0]
            picture.text(left - 10, y + 13, name, anchor="end")
            picture.line((place(down), y + 9), (place(up), y + 9), colour, 2)
            picture.dot(place(value), y + 9, 4, colour)
            picture.text(left + wide + 8, y + 13, f"{value:.3f}", size=12)
            y += step
        y += 10
    return picture.done()


Bins = Sequence[tuple[float, float, float, float, float]]


def calibration(panels: Mapping[str, Mapping[str, Bins]]) -> str:
    """Forecast against what came true, one square per guideline, with intervals over patients."""
    side, gap = 300, 70
    picture = Picture(20 + len(panels) * (side + gap), side + 130, "Calibration of forecasts of another radiologist's answer")
    for i, (title, methods) in enumerate(panels.items()):
        x, y = 60 + i * (side + gap), 34

        def at(p: float, q: float, x: float = x, y: float = y) -> tuple[float, float]:
            return x + side * p, y + side * (1 - q)

        picture.text(x, 20, title, bold="yes", size=13)
        for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
            picture.line(at(0, tick), at(1, tick))
            picture.line(at(tick, 0), at(tick, 1))
            picture.text(x - 6, at(0, tick)[1] + 4, f"{tick:g}", anchor="end", size=11, colour=FAINT)
            picture.text(at(tick, 0)[0], y + side + 16, f"{tick:g}", anchor="middle", size=11, colour=FAINT)
        picture.line(at(0, 0), at(1, 1), FAINT)
        for colour, (_, bins) in zip(LINES, methods.items(), strict=True):
            for mean, true, low, high, _ in bins:
                picture.line(at(mean, low), at(mean, high), colour, 1.5)
                picture.dot(*at(mean, true), 4, colour)
        picture.text(x + side / 2, y + side + 34, "probability given to an answer", anchor="middle", size=11, colour=FAINT)
    picture.text(16, 34 + side / 2, "how often it was the answer", anchor="middle", size=11, colour=FAINT, turn=-90)
    for k, (colour, name) in enumerate(zip(LINES, next(iter(panels.values())), strict=True)):
        picture.dot(66, side + 84 + 17 * k, 4, colour)
        picture.text(78, side + 88 + 17 * k, name)
    return picture.done()


def ranges(nodules: Sequence[tuple[float, float, float]], threshold: float) -> str:
    """Per nodule a line from the lowest to the highest risk (lowest, mean, highest), in the order of the mean, on a log scale."""
    left, wide, tall = 60, 640, 300
    picture = Picture(left + wide + 30, tall + 70, "Risk by the Brock model from each of four radiologists' descriptors")
    bottom, top = np.log10(0.0003), 0.0

    def height(p: float) -> float:
        return 20 + tall * (1 - (np.log10(max(p, 0.0003)) - bottom) / (top - bottom))

    for tick in (0.001, 0.01, 0.1, 1.0):
        picture.line((left, height(tick)), (left + wide, height(tick)))
        picture.text(left - 6, height(tick) + 4, f"{100 * tick:g} %", anchor="end", size=11, colour=FAINT)
    picture.parts.append(f'<path stroke="{LINES[2]}" stroke-width="0.8" d="{_strokes(nodules, left, wide, height, False)}"/>')
    picture.parts.append(f'<path stroke="{DIFFER}" stroke-width="0.8" d="{_strokes(nodules, left, wide, height, threshold)}"/>')
    picture.line((left, height(threshold)), (left + wide, height(threshold)), INK, 1.2)
    picture.text(
        left + wide / 2,
        tall + 40,
        f"{len(nodules)} nodules read by four, in the order of their mean risk",
        anchor="middle",
        size=11,
        colour=FAINT,
    )
    picture.text(
        left, tall + 60, f"each line: lowest to highest of the four readers; red: on both sides of {100 * threshold:g} %", size=11
    )
    return picture.done()


def _strokes(nodules: Sequence[tuple[float, float, float]], left: float, wide: float, height: Height, threshold: float) -> str:
    """The lines of those nodules that cross the threshold; of all where it is zero."""
    ordered = sorted(nodules, key=lambda n: n[1])
    drawn = []
    for i, (low, _, high) in enumerate(ordered):
        if not threshold or low < threshold <= high:
            x = left + wide * (i + 0.5) / len(ordered)
            drawn.append(f"M{x:.1f} {height(low) + 0.5:.1f}V{height(high) - 0.5:.1f}")
    return "".join(drawn)
