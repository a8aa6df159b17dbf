"""A map over its image as a picture that carries its own test result: scale with sign, verdict, a stamp where it failed."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pellucid.errors import InputError

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]
Colour = tuple[int, int, int]

SIDE = 420
"""Pixels of each panel's longer side."""
GAP, MARGIN, BAR = 18, 20, 14
HEAD, FOOT = 62, 52
INK, MUTE, PAPER, LINE = (23, 35, 45), (82, 97, 109), (255, 255, 255), (221, 228, 233)
TONES: dict[str, tuple[Colour, Colour]] = {
    "good": ((224, 240, 241), (6, 75, 85)),
    "caution": ((253, 245, 232), (128, 70, 0)),
    "bad": ((253, 239, 238), (140, 29, 24)),
    "open": ((238, 242, 244), (68, 84, 95)),
}
"""Ground and ink of a verdict, by how good it is."""

ONE_SIDED: tuple[Colour, ...] = ((0, 32, 81), (60, 77, 110), (127, 124, 117), (187, 175, 113), (253, 234, 69))
"""Anchors of cividis (Nunez 2018, doi 10.1371/journal.pone.0199239): even in lightness for every kind of colour vision."""
TWO_SIDED: tuple[Colour, ...] = ((33, 102, 172), (146, 197, 222), (247, 247, 247), (244, 165, 130), (178, 60, 20))
"""Blue against, white nothing, orange for: told apart by people with red-green blindness."""
OPACITY = 0.62


@dataclass(frozen=True)
class MapWords:
    """What stands around a map: name, what it explains, verdict, its own tests, and the stamp across it (empty for none)."""

    title: str
    subtitle: str
    tone: str
    verdict: str
    tests: Sequence[tuple[str, str]]
    """(tone, sentence) of each test on this image."""
    stamp: str = ""
    notes: Sequence[str] = ()


def coloured(values: Floats, signed: bool) -> tuple[Pixels, Floats, float]:
    """A map (H, W) as colours (H, W, 3), the opacity of each pixel (H, W), and the value at the end of the scale.

    One-sided maps run from their least to their 99.5th percentile; signed ones are symmetric about zero.
    """
    flat = np.asarray(values, dtype=np.float64)
    if flat.ndim != 2 or not np.isfinite(flat).all():
        raise InputError(f"map: expected finite values (H, W), got shape {flat.shape}")
    low = 0.0 if signed else float(flat.min())
    top = float(np.quantile(np.abs(flat) if signed else flat, 0.995))
    top = top if top > low else float(np.abs(flat).max()) or 1.0
    if signed:
        share, anchors = np.clip(flat / top, -1, 1) / 2 + 0.5, TWO_SIDED
        strength = np.abs(share - 0.5) * 2
    else:
        share, anchors = np.clip((flat - low) / ((top - low) or 1.0), 0, 1), ONE_SIDED
        strength = share
    return _palette(share, anchors), OPACITY * np.sqrt(strength), top


def _palette(share: Floats, anchors: Sequence[Colour]) -> Pixels:
    stops = np.linspace(0, 1, len(anchors))
    channels = [np.interp(share, stops, [a[c] for a in anchors]) for c in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def overlaid(pixels: Pixels, values: Floats, signed: bool) -> Pixels:
    """The map laid over display pixels of the same size, (H, W) or (H, W, 3): (H, W, 3)."""
    base = np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels
    if base.shape[:2] != values.shape:
        raise InputError(f"map: expected the size {base.shape[:2]} of its image, got {values.shape}")
    colour, opacity, _ = coloured(values, signed)
    return (base * (1 - opacity[..., None]) + colour * opacity[..., None]).round().astype(np.uint8)


@dataclass(frozen=True)
class _Block:
    """Wrapped lines beneath the panels, in a box of a tone or plain."""

    tone: str | None
    lines: tuple[str, ...]
    size: int

    def height(self) -> int:
        return len(self.lines) * (self.size + 5) + (14 if self.tone else 4)


def map_picture(pixels: Pixels, values: Floats, signed: bool, words: MapWords) -> bytes:
    """PNG of the image, the map over it, a scale that says what its colours mean, the verdict and the tests on this image."""
    left = _panel(pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2))
    right = _panel(overlaid(pixels, values, signed))
    right = _stamped(right, words.stamp) if words.stamp else right
    width = max(2 * MARGIN + 2 * left.width + GAP, 640)
    blocks = _blocks(words, width - 2 * MARGIN)
    below = HEAD + left.height + FOOT
    sheet = Image.new("RGB", (width, below + sum(b.height() + 6 for b in blocks) + MARGIN), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, 14), words.title, INK, _font(19))
    draw.text((MARGIN, 38), _cut(words.subtitle, 13, width - 2 * MARGIN), MUTE, _font(13))
    second = MARGIN + left.width + GAP
    sheet.paste(left, (MARGIN, HEAD))
    sheet.paste(right, (second, HEAD))
    draw.text((MARGIN, HEAD + left.height + 8), "the image as the model takes it", MUTE, _font(12))
    _scale(draw, sheet, (second, HEAD + left.height + 10), left.width, signed)
    for block in blocks:
        _draw_block(draw, block, below, width)
        below += block.height() + 6
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def _blocks(words: MapWords, width: int) -> list[_Block]:
    blocks = [_Block(words.tone, _wrapped(words.verdict, 15, width - 24), 15)]
    if words.tests:
        blocks.append(_Block(None, ("Tests of this very map:",), 13))
    blocks += [_Block(tone, _wrapped(text, 13, width - 24), 13) for tone, text in words.tests]
    return blocks + [_Block(None, _wrapped(note, 12, width), 12) for note in words.notes]


def _draw_block(draw: ImageDraw.ImageDraw, block: _Block, y: int, width: int) -> None:
    ground, ink = TONES[block.tone] if block.tone else (PAPER, MUTE)
    if block.tone:
        draw.rectangle((MARGIN, y, width - MARGIN, y + block.height() - 1), fill=ground)
        draw.rectangle((MARGIN, y, MARGIN + 4, y + block.height() - 1), fill=ink)
    x, line = (MARGIN + 14, y + 6) if block.tone else (MARGIN, y)
    for text in block.lines:
        draw.text((x, line), text, ink, _font(block.size))
        line += block.size + 5


def _wrapped(text: str, size: int, width: int) -> tuple[str, ...]:
    lines: list[str] = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and _font(size).getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return tuple(lines)


def tile(pixels: Pixels, values: Floats, signed: bool, stamp: str = "", side: int = 220) -> bytes:
    """PNG of a small overlay for the grid of maps, stamped where it failed."""
    image = Image.fromarray(overlaid(pixels, values, signed))
    share = side / max(image.size)
    image = image.resize((round(image.width * share), round(image.height * share)), Image.Resampling.BICUBIC)
    image = _stamped(image, stamp) if stamp else image
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _panel(pixels: Pixels) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(pixels))
    share = SIDE / max(image.size)
    return image.resize((max(1, round(image.width * share)), max(1, round(image.height * share))), Image.Resampling.BICUBIC)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _stamped(image: Image.Image, text: str) -> Image.Image:
    """The words across the picture, so that it cannot be cut off and shown without them."""
    size = 60
    while size > 9 and _font(size).getlength(text) > image.width * 0.92:
        size -= 2
    font = _font(size)
    box = font.getbbox(text)
    w, h = int(box[2] - box[0]), int(box[3] - box[1])
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    x, y = (image.width - w) // 2, (image.height - h) // 2
    draw.rectangle((0, y - h * 0.5, image.width, y + h * 1.5), (140, 29, 24, 215))
    draw.text((x - box[0], y - box[1]), text, (255, 255, 255, 255), font)
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


def _scale(draw: ImageDraw.ImageDraw, sheet: Image.Image, at: tuple[int, int], width: int, signed: bool) -> None:
    x, y = at
    ramp = _palette(np.linspace(0, 1, width)[None].repeat(BAR, 0), TWO_SIDED if signed else ONE_SIDED)
    sheet.paste(Image.fromarray(ramp), (x, y))
    draw.rectangle((x, y, x + width - 1, y + BAR - 1), outline=LINE)
    font = _font(12)
    ends = ("speaks against", "0", "speaks for") if signed else ("least", "", "most: speaks for")
    for text, share in zip(ends, (0.0, 0.5, 1.0), strict=True):
        draw.text((x + share * width - share * font.getlength(text), y + BAR + 4), text, MUTE, font)


def _cut(text: str, size: int, width: int) -> str:
    while len(text) > 1 and _font(size).getlength(text) > width:
        text = text[:-2].rstrip() + "…"
    return text
