"""Guideline packs: find, read strictly, check the grammar, keep.

`load_guideline("breast-ultrasound")` gives a shipped pack, `load_guideline_file(path)` a user's own. Both are cached by
content.
"""

import hashlib
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from pellucid.errors import GuidelineError, UnknownName
from pellucid.knowledge.fields import Fields, Place
from pellucid.knowledge.grammar import read_definitions
from pellucid.knowledge.guideline import BaseRate, Cell, Entry, Guideline, Source, WhenUnknown
from pellucid.knowledge.proposals import Pack, read_citation, read_scorecards
from pellucid.knowledge.questions import read_question
from pellucid.knowledge.strict_yaml import parse
from pellucid.record import Code, Concept

SHIPPED = Path(__file__).parent / "guidelines"
WHEN_UNKNOWN: dict[str, WhenUnknown] = {"base rate": "base rate", "averaged": "averaged", "not stated": "not stated"}
RESERVED = ("not stated", "not judged")


def list_guidelines() -> tuple[str, ...]:
    """The shipped packs as "<name>-<edition>", in alphabetical order."""
    return tuple(sorted(path.parent.name for path in SHIPPED.glob("*/guideline.yaml")))


def load_guideline(name: str) -> Guideline:
    """A shipped pack by "<name>-<edition>", or by "<name>" for its newest edition; UnknownName offers the nearest."""
    shipped = list_guidelines()
    editions = [known for known in shipped if known == name or known.rpartition("-")[0] == name]
    if not editions:
        raise UnknownName("guideline", name, {*shipped, *(known.rpartition("-")[0] for known in shipped)})
    return load_guideline_file(SHIPPED / editions[-1] / "guideline.yaml")


def load_guideline_file(path: str | Path) -> Guideline:
    """The pack in a guideline.yaml file, or in a folder that holds one; GuidelineError names file and line."""
    path = Path(path)
    path = path / "guideline.yaml" if path.is_dir() else path
    try:
        data = path.read_bytes()
    except OSError as error:
        raise GuidelineError(f"{path}: expected a readable guideline file, got: {error.strerror}") from None
    return _read(data, str(path))


@lru_cache(maxsize=64)
def _read(data: bytes, file: str) -> Guideline:
    fields = Place(parse(data, file), file).fields()
    pack = Pack(sources=_sources(fields.take("sources")), file=file)
    pack.entries = {name: _entry(name, place, pack) for name, place in fields.take("concepts").pairs()}
    pack.definitions = read_definitions(fields.maybe("definitions"), pack.entries)
    pack.scorecards = read_scorecards(fields.maybe("scorecards"), pack)
    guideline = Guideline(
        name=fields.take("name").text(),
        edition=fields.take("edition").text(),
        title=fields.take("title").text(),
        sha256=hashlib.sha256(data).hexdigest(),
        file=file,
        sources=pack.sources,
        entries=pack.entries,
        questions={name: read_question(name, place, pack) for name, place in fields.take("questions").pairs()},
        notes=_texts(fields, "notes"),
    )
    fields.done()
    return guideline


def _texts(fields: Fields, key: str) -> tuple[str, ...]:
    found = fields.maybe(key)
    return found.texts() if found else ()


def _sources(place: Place) -> dict[str, Source]:
    found: dict[str, Source] = {}
    for name, body in place.pairs():
        fields = body.fields()
        kind, note = fields.take("kind"), fields.maybe("note")
        if kind.text() not in ("publication", "data"):
            kind.refuse("publication or data", kind.text())
        found[name] = Source(
            name,
            "data" if kind.text() == "data" else "publication",
            fields.take("short").text(),
            fields.take("reference").text(),
            note.text() if note else None,
        )
        fields.done()
    return found


def _entry(name: str, place: Place, pack: Pack) -> Entry:
    fields = place.fields()
    label = fields.maybe("label")
    label_text = label.text() if label else name.replace("_", " ")
    concept = _concept(name, label_text, fields)
    say, when, base = fields.maybe("say"), fields.maybe("when_unknown"), fields.maybe("base_rate")
    template = say.text() if say else f"the {label_text} is {{state}}"
    if say and template.count("{state}") != 1:
        say.refuse("a sentence with one {state} in it", repr(template))
    if when and when.text() not in WHEN_UNKNOWN:
        when.unknown("word", when.text(), list(WHEN_UNKNOWN))
    entry = Entry(
        concept,
        template,
        _cells(fields.maybe("cells"), concept),
        WHEN_UNKNOWN[when.text()] if when else "base rate",
        _base_rate(base, concept, pack) if base else None,
    )
    if base and entry.when_unknown != "base rate":
        base.refuse("no base rate", f"one beside when_unknown: {entry.when_unknown}")
    fields.done()
    return entry


def _concept(name: str, label: str, fields: Fields) -> Concept:
    states, unit, ordinal, code = (fields.maybe(key) for key in ("states", "unit", "ordinal", "code"))
    if ordinal and not isinstance(ordinal.node.value, bool):
        ordinal.refuse("true or false", repr(ordinal.node.value))
    try:
        concept = Concept(
            name=name,
            label=label,
            definition=fields.take("definition").text(),
            states=states.texts() if states else None,
            unit=unit.text() if unit else None,
            ordinal=bool(ordinal and ordinal.node.value),
            code=_code(code) if code else None,
        )
    except ValidationError as error:
        fields.place.refuse("a concept", error.errors()[0]["msg"])
    if states and any(state in RESERVED for state in concept.states or ()):
        states.refuse(f"states other than {' and '.join(RESERVED)}", concept.states)
    return concept


def _code(place: Place) -> Code:
    fields = place.fields()
    code = Code(scheme=fields.take("scheme").text(), value=fields.take("value").text(), meaning=fields.take("meaning").text())
    fields.done()
    return code


def _cells(place: Place | None, concept: Concept) -> tuple[Cell, ...]:
    if place is None:
        return ()
    found: list[Cell] = []
    for item in place.items():
        fields = item.fields()
        below = fields.maybe("below")
        found.append(Cell(fields.take("name").text(), below.number() if below else None))
        fields.done()
    limits = [cell.below for cell in found[:-1] if cell.below is not None]
    ascending = len(limits) == len(found) - 1 and limits == sorted(set(limits)) and found[-1].below is None
    if concept.unit is None or len(found) < 2 or not ascending or len({cell.name for cell in found}) != len(found):
        place.refuse(
            "two or more differently named cells of a measurement, limits ascending, the last one open", f"{len(found)} cells"
        )
    return tuple(found)


def _base_rate(place: Place, concept: Concept, pack: Pack) -> BaseRate:
    fields = place.fields()
    counts = fields.take("counts")
    rate = BaseRate(counts.numbers(), read_citation(fields.take("cite"), pack.sources))
    if concept.states is None or len(rate.counts) != len(concept.states) or min(rate.counts) < 0 or sum(rate.counts) <= 0:
        counts.refuse(f"one count per state of {concept.name} {concept.states}", rate.counts)
    fields.done()
    return rate
