"""The record of a pair: does the tissue account for the image; if not, which two statements conflict, and what to do."""

import hashlib
import json
from typing import Literal, Self

from pydantic import model_validator

from pellucid.assess.imaging import Imaging
from pellucid.assess.pathology import Pathology
from pellucid.assess.residual import Residual
from pellucid.knowledge.concordance.table import OUTCOMES, Outcome
from pellucid.record import GuidelineRef, Record, Step, Text


class Quote(Record):
    """A statement as it was made, and by whom."""

    text: Text
    by: Text
    step: Text | None = None
    """The step of the derivation, or the place in the report, that it comes from."""


class Conflict(Record):
    """Two statements that cannot both be the whole truth."""

    why: Text
    imaging: Quote
    pathology: Quote


class Unstated(Record):
    """A fact that nobody stated, and whether the outcome rests on it."""

    fact: Text
    what: Text
    decides: bool


class Concordance(Record):
    """The judgement on one pair of statements, computed from them and one table and from nothing else.

    Its id is the SHA-256 of its content, file names left out.
    """

    id: str = ""
    organ: Text
    table: GuidelineRef
    outcome: Outcome | None
    """None where the statements leave more than one outcome open."""
    open_outcomes: tuple[Outcome, ...]
    """The outcomes that the statements leave open, most reassuring first; just the outcome where there is one."""
    statement: Text
    action: Text
    """What to do; while several outcomes are open, what the least reassuring of them asks for."""
    deadline: Text
    sign: tuple[Text, ...]
    resolves: tuple[Text, ...]
    rule: Text | None
    """The rule that decided, or whose action stands until one does; None where no rule fits."""
    citation: Text | None
    verified: Literal["source", "recomputed", "background"] | None
    conflict: Conflict | None
    residual: Residual | None
    flags: tuple[Text, ...] = ()
    """What does not fit beside the outcome; never averaged into it."""
    unstated: tuple[Unstated, ...] = ()
    undecided_because: Text | None = None
    derivation: Step
    imaging: Imaging
    pathology: Pathology

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.outcome is None) != (self.undecided_because is not None):
            raise ValueError("concordance: expected an outcome or the reason why there is none, exactly one of the two")
        if self.outcome is not None and self.open_outcomes != (self.outcome,):
            raise ValueError(f"concordance: expected {self.outcome} alone to be open, got {self.open_outcomes}")
        if list(self.open_outcomes) != sorted(self.open_outcomes, key=OUTCOMES.index):
            raise ValueError(f"concordance: expected open outcomes, most reassuring first, got {self.open_outcomes}")
        expected = concordance_hash(self)
        if self.id and self.id != expected:
            raise ValueError(
                f"concordance: its id is {self.id[:12]}… but its content hashes to {expected[:12]}…: changed after it was written"
            )
        object.__setattr__(self, "id", expected)
        return self

    def as_json(self) -> str:
        """The record as indented JSON text."""
        return self.model_dump_json(indent=1)


def concordance_hash(record: Concordance) -> str:
    """SHA-256 of the content as canonical JSON, without its id and the name of the pathology's file."""
    content = record.model_dump(mode="json", exclude={"id": True, "pathology": {"source"}})
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def concordance_from_json(text: str | bytes) -> Concordance:
    """A record from its JSON text; raises pydantic's ValidationError where content and id disagree or a value is invalid."""
    return Concordance.model_validate_json(text)
