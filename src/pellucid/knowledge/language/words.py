"""The data files of this folder, read once: what words mean the same, what they do in a sentence, how sure they are."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pellucid.knowledge.fields import Place
from pellucid.knowledge.strict_yaml import parse

FOLDER = Path(__file__).resolve().parent


@cache
def data(name: str) -> Place:
    """One of the YAML files beside this module; GuidelineError names file and line of what cannot be read."""
    file = FOLDER / name
    return Place(parse(file.read_bytes(), str(file)), str(file))


def lists(place: Place) -> dict[str, tuple[str, ...]]:
    """A mapping of names to lists of phrases."""
    return {name: body.texts() for name, body in place.pairs()}


@cache
def parts() -> Mapping[str, Place]:
    """The parts of `words.yaml`."""
    return dict(data("words.yaml").pairs())


@cache
def spellings() -> Sequence[tuple[str, str]]:
    """Patterns of British spelling and their American form."""
    return [(name, body.text()) for name, body in parts()["spelling"].pairs()]


@cache
def synonyms() -> Mapping[str, tuple[str, ...]]:
    """Phrases that mean the same as one word."""
    return lists(parts()["same"])


@cache
def roles() -> Mapping[str, tuple[str, ...]]:
    """What words do in a sentence: deny, affirm, hedge, join."""
    return lists(parts()["roles"])


@cache
def units() -> Mapping[str, tuple[str, int]]:
    """Units by the word for them: the unit they count in, and the power of ten between the two."""
    found: dict[str, tuple[str, int]] = {}
    for name, body in parts()["units"].pairs():
        fields: dict[str, Any] = dict(body.pairs())
        found[name] = (fields["unit"].text(), int(fields["power"].number()))
    return found


@cache
def sizes() -> tuple[str, ...]:
    """Words that name the size of a lesion without saying which measurement."""
    return parts()["size"].texts()
