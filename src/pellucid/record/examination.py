"""One examination with several lesions: a reading of each, and what the guideline makes of them together."""

import hashlib
import json
from typing import Annotated, Self

from pydantic import Field, model_validator

from pellucid.record.conclusions import Assessment
from pellucid.record.findings import Record, Text
from pellucid.record.reading import Reading


class Lesion(Record):
    """One lesion by its name in the examination, with its own reading."""

    name: Text
    reading: Reading


class Combined(Record):
    """What one question says of the whole examination, and which lesions it rests on."""

    assessment: Assessment
    drives: tuple[Text, ...]
    """The lesions whose category is the examination's; none where it abstains."""
    followed: tuple[Text, ...] = ()
    """Lesions to follow where the guideline limits their number, most suspicious first; only those whose own answer says so."""
    sampled: tuple[Text, ...] = ()
    """Lesions to sample where the guideline limits their number, most suspicious first; only those whose own answer says so."""


class Examination(Record):
    """The whole examination; its id is the SHA-256 of its content."""

    id: str = ""
    lesions: Annotated[tuple[Lesion, ...], Field(min_length=1)]
    combined: tuple[Combined, ...]

    @model_validator(mode="after")
    def _id_is_content_hash(self) -> Self:
        names = [lesion.name for lesion in self.lesions]
        if len(set(names)) != len(names):
            raise ValueError(f"examination: a lesion is named twice: {sorted({n for n in names if names.count(n) > 1})}")
        strangers = {name for c in self.combined for name in (*c.drives, *c.followed, *c.sampled)} - set(names)
        if strangers:
            raise ValueError(f"examination: {sorted(strangers)[0]!r} is not one of its lesions")
        content = {
            "lesions": [[lesion.name, lesion.reading.id] for lesion in self.lesions],
            "combined": [one.model_dump(mode="json") for one in self.combined],
        }
        expected = hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
        if self.id and self.id != expected:
            raise ValueError(f"examination: its id is {self.id[:12]}… but its content hashes to {expected[:12]}…: it was changed")
        object.__setattr__(self, "id", expected)
        return self

    def as_json(self) -> str:
        """The examination as indented JSON text."""
        return self.model_dump_json(indent=1)


def is_examination(text: str | bytes) -> bool:
    """Whether JSON text is meant as an examination, not as a reading; false also where it is no JSON."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and "lesions" in content


def examination_from_json(text: str | bytes) -> Examination:
    """An examination from its JSON text; pydantic's ValidationError where content and id disagree or a value is invalid."""
    return Examination.model_validate_json(text)
