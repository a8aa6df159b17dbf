"""The whole evidence trail of one image, or of what was typed: study, reader, findings, assessments, provenance, and its hash."""

import hashlib
import json
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveFloat, model_validator

from pellucid.record.conclusions import Assessment, Caution, Weighing
from pellucid.record.findings import Finding, FrozenDict, Names, Parameters, Probability, Record, Sha256, Text


class Seen(Record):
    """What was seen of one concept in another case: a distribution over its states, or a value with its standard deviation."""

    concept: Text
    states: tuple[Text, ...] | None = None
    probabilities: tuple[Probability, ...] | None = None
    unit: Text | None = None
    value: float | None = None
    sd: Annotated[float, Field(ge=0.0)] | None = None


class SimilarCase(Record):
    """A human-confirmed case of another patient that is alike, with how it is alike and how it differs."""

    reading: Sha256
    outcome: Text
    alike: tuple[Text, ...] = ()
    different: tuple[Text, ...] = ()
    question: Text | None = None
    """The question that the outcome answers."""
    verified: Text | None = None
    """How the outcome was confirmed: histology, follow-up …"""
    stands: Literal["confirms", "contradicts"] | None = None
    """Whether its outcome is the reading's answer (the most probable category where it abstains)."""
    concept_distance: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    image_distance: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    seen: tuple[Seen, ...] = ()
    """What that case's reading saw, from which the distance and the words can be derived again."""


class StudyRef(Record):
    """Which image was read, or that there is none: findings were typed. `source` (a file name) is kept outside the reading's
    hash.
    """

    pixels_sha256: Sha256 | None = None
    width: Annotated[int, Field(ge=0)] = 0
    height: Annotated[int, Field(ge=0)] = 0
    frame: Annotated[int, Field(ge=0)] = 0
    modality: str | None = None
    spacing_mm: tuple[PositiveFloat, PositiveFloat] | None = None  # (between rows, between columns), as DICOM's Pixel Spacing
    spacing_source: str | None = None
    ids: Names = FrozenDict()
    source: str | None = None

    @model_validator(mode="after")
    def _image_or_none(self) -> Self:
        if {self.pixels_sha256 is None, self.width == 0, self.height == 0} not in ({True}, {False}):
            raise ValueError("study: expected an image with its hash, width and height, or none of the three")
        return self


class ReaderRef(Record):
    """Which reader: its name, version and the bytes it is made of; weights are None for a reading typed by a person."""

    name: Text
    version: Text
    weights_sha256: Sha256 | None = None
    calibration_sha256: Sha256 | None = None
    card_sha256: Sha256 | None = None


class PreparationStep(Record):
    """One replayable step from the original pixels to the model's input."""

    name: Text
    parameters: Parameters = FrozenDict()


class Shadow(Record):
    """What the shadow head, which sees features and not concepts, says of one question; used for a caution only."""

    question: Text
    category: Text
    probability: Probability
    concept_probability: Probability
    disagrees: bool


class Signals(Record):
    """What the model measured about its own footing; abstention and cautions are re-derived from it."""

    novelty: float | None = None
    novelty_threshold: float | None = None
    novelty_false_alarm: Probability | None = None
    shadow: tuple[Shadow, ...] = ()


class Provenance(Record):
    """How the reading came about. `created` and `software` are kept outside the reading's hash."""

    preparation: tuple[PreparationStep, ...] = ()
    signals: Signals = Signals()
    by: str | None = None
    created: str | None = None
    software: str | None = None


class Reading(Record):
    """The whole evidence trail of one image; never edited, only revised. Its id is the SHA-256 of its content."""

    id: str = ""
    study: StudyRef
    reader: ReaderRef
    findings: tuple[Finding, ...]
    assessments: tuple[Assessment, ...]
    weighed: tuple[Weighing, ...] = ()
    """Differentials whose signs were weighed, beside the assessments or where the guideline gives none."""
    cautions: tuple[Caution, ...] = ()
    similar: tuple[SimilarCase, ...] = ()
    provenance: Provenance = Provenance()
    revises: Sha256 | None = None

    @model_validator(mode="after")
    def _id_is_content_hash(self) -> Self:
        names = [f.concept for f in self.findings]
        if len(set(names)) != len(names):
            raise ValueError(f"reading: a concept is found twice: {sorted({n for n in names if names.count(n) > 1})}")
        expected = content_hash(self)
        if self.id and self.id != expected:
            raise ValueError(
                f"reading: its id is {self.id[:12]}… but its content hashes to {expected[:12]}…: changed after it was written"
            )
        object.__setattr__(self, "id", expected)
        return self

    def finding(self, concept: str) -> Finding | None:
        """The finding on a concept, or None where the reading has none."""
        return next((f for f in self.findings if f.concept == concept), None)

    def as_json(self) -> str:
        """The reading as indented JSON text."""
        return self.model_dump_json(indent=1)


ADDED_LATER = ("second_opinions", "joint_shift")
"""Fields of an assessment that earlier versions did not have: left out of the hash where they say nothing, so that ids stay; so
is `weighed` of a reading."""
FINDINGS_LATER = ("earlier", "because")
"""Such fields of a finding."""
SIMILAR_LATER = ("question", "verified", "stands", "concept_distance", "image_distance", "seen")
"""Such fields of a similar case."""


def content_hash(reading: Reading) -> str:
    """SHA-256 of a reading's content as canonical JSON, without its id, file name, time and software version."""
    content = reading.model_dump(mode="json", exclude={"id": True, "study": {"source"}, "provenance": {"created", "software"}})
    added = [(one, ADDED_LATER) for one in content["assessments"]] + [(one, FINDINGS_LATER) for one in content["findings"]]
    added += [(one, SIMILAR_LATER) for one in content["similar"]]
    for one, names in added:
        for name in names:
            if not one[name] and one[name] != 0.0:
                del one[name]
    if not content["weighed"]:
        del content["weighed"]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def reading_from_json(text: str | bytes) -> Reading:
    """A reading from its JSON text; raises pydantic's ValidationError where content and id disagree or a value is invalid."""
    return Reading.model_validate_json(text)
