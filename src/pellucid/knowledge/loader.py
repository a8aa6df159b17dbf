"""Guideline packs: find, read strictly, check the grammar, keep.

`load_guideline("breast-ultrasound")` gives a shipped pack, `load_guideline_file(path)` a user's own. Both are cached by
content.
"""

import hashlib
from functools import lru_cache
from pathlib import Path

from pellucid.errors import GuidelineError, UnknownName
from pellucid.knowledge.axes import axes_of, axes_over
from pellucid.knowledge.concepts import read_concepts
from pellucid.knowledge.differential import read_differentials
from pellucid.knowledge.fields import Fields, Place
from pellucid.knowledge.grammar import read_definitions
from pellucid.knowledge.guideline import Guideline
from pellucid.knowledge.proposals import Pack, read_scorecards
from pellucid.knowledge.questions import read_question, rows_of
from pellucid.knowledge.strict_yaml import parse
from pellucid.knowledge.sums import read_contradictions, read_joint, read_scores
from pellucid.knowledge.terms import Source

SHIPPED = Path(__file__).parent / "guidelines"


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
    pack = Pack(sources=read_sources(fields.take("sources")), file=file)
    read_concepts(fields.take("concepts"), pack)
    read_definitions(fields.maybe("definitions"), pack.words)
    read_scores(fields.maybe("scores"), pack)
    pack.scorecards = read_scorecards(fields.maybe("scorecards"), pack)
    asked = fields.maybe("questions")
    guideline = Guideline(
        name=fields.take("name").text(),
        edition=fields.take("edition").text(),
        title=fields.take("title").text(),
        sha256=hashlib.sha256(data).hexdigest(),
        file=file,
        sources=pack.sources,
        entries=pack.entries,
        questions={name: read_question(name, place, pack) for name, place in (asked.pairs() if asked else ())},
        notes=_texts(fields, "notes"),
        contradictions=read_contradictions(fields.maybe("contradictions"), pack),
        joint=read_joint(fields.maybe("joint"), pack),
        scores=pack.words.scores,
        differentials=read_differentials(fields.maybe("differentials"), pack),
        definitions=tuple(pack.words.written.values()),
    )
    if not guideline.questions and not guideline.differentials:
        fields.place.refuse("one or more questions or differentials", "neither")
    fields.done()
    for name, place in pack.answered.items():
        _check_answered(guideline, name, place)
    for name, place in pack.not_counted.items():
        _check_not_counted(guideline, name, place)
    return guideline


def _check_answered(guideline: Guideline, name: str, place: Place) -> None:
    """A question that stands in for a concept gives its states and does not ask for it."""
    question, states = guideline.questions.get(place.text()), guideline.concepts[name].states or ()
    if question is None:
        place.unknown("question", place.text(), list(guideline.questions))
    if set(question.categories) != set(states):
        place.refuse(f"a question that answers {', '.join(states) or 'states'}", ", ".join(question.categories))
    if any(axis.name == name for axis in axes_of(guideline, question)):
        place.refuse(f"a question that does not rest on {name}", f"{question.name}, which does")


def _check_not_counted(guideline: Guideline, name: str, place: Place) -> None:
    """The rows by which a lesion is not counted are there, and do not rest on the count."""
    for asked, rows in place.pairs():
        if asked not in guideline.questions:
            place.unknown("question", asked, list(guideline.questions))
        known = {row.id: row.when for row in rows_of(guideline.questions[asked])}
        for row in rows.texts():
            when = known.get(row)
            if when is None:
                rows.unknown(f"row of {asked}", row, [key for key, found in known.items() if found is not None])
            if any(axis.name == name for axis in axes_over(guideline, [when])):
                rows.refuse(f"rows that do not rest on {name}", f"{row}, which does")


def _texts(fields: Fields, key: str) -> tuple[str, ...]:
    found = fields.maybe(key)
    return found.texts() if found else ()


def read_sources(place: Place) -> dict[str, Source]:
    """The sources that citations point to, by name: publications and named data."""
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
