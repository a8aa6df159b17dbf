"""How sure a report's words are: each certainty word stands for a range of calibrated probability, and the ranges are data."""

from dataclasses import dataclass
from functools import cache

from pellucid.knowledge.language.words import data


@dataclass(frozen=True)
class Level:
    """One degree of certainty."""

    name: str
    lowest: float
    """Probabilities from here up to the next level's `lowest` have this certainty."""
    adverb: str
    """What the grammar writes; empty where the sentence states it plainly."""
    phrases: tuple[str, ...]
    """What else says so."""


@cache
def levels() -> tuple[Level, ...]:
    """The levels of `certainty.yaml`, the surest first."""
    found: list[Level] = []
    for name, place in data("certainty.yaml").pairs():
        fields = place.fields()
        level = Level(name, fields.take("lowest").number(), "", fields.take("phrases").texts())
        adverb = fields.maybe("adverb")
        found.append(Level(level.name, level.lowest, adverb.text() if adverb else "", level.phrases))
        fields.done()
    return tuple(found)


def level_of(probability: float) -> Level:
    """The certainty of a state with this calibrated probability (0 to 1)."""
    return next(level for level in levels() if probability >= level.lowest - 1e-9)
