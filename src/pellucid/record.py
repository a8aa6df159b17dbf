"""The record: what was seen, what was concluded, why, and by which weights and which guideline edition.

Everything here is frozen, strict and JSON-able, and cannot be built in an invalid state. Model, rules, report and audit meet only
in these types. Coordinates are (x, y) with the origin at the outer corner of the top-left pixel.
"""

import hashlib
import json
from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveFloat, model_validator

PROBABILITY_TOLERANCE = 1e-4  # how far a distribution may be from summing to one; probabilities are kept to six decimals

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Text = Annotated[str, Field(min_length=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Point = tuple[float, float]


class FrozenDict(dict[str, Any]):
    """A dict that refuses every change after it was built."""

    def _refuse(self, *_: object, **__: object) -> Any:
        raise TypeError("a record is frozen: make a new one instead of changing this one")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = _refuse
    setdefault = update = _refuse  # pyright: ignore[reportAssignmentType] - refusing has no overloads

    def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
        return FrozenDict, (dict(self),)


Distribution = Annotated[Mapping[str, Probability], AfterValidator(FrozenDict)]
Names = Annotated[Mapping[str, str], AfterValidator(FrozenDict)]
Parameters = Annotated[Mapping[str, str | bool | int | float | tuple[float, ...] | tuple[str, ...]], AfterValidator(FrozenDict)]


class Record(BaseModel):
    """A frozen, strict value: unknown keys, wrong types, NaN and infinity are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    def __hash__(self) -> int:
        return hash(json.dumps(self.model_dump(mode="json"), sort_keys=True))


class Truth(Enum):
    """Kleene's three truth values, in words that YAML does not turn into booleans."""

    MET = "met"
    NOT_MET = "not met"
    UNKNOWN = "unknown"


class Code(Record):
    """A term of a coded vocabulary, as DICOM writes it."""

    scheme: Text
    value: Text
    meaning: Text


class Concept(Record):
    """A named thing a clinician would say, with its states or, for a measurement, its unit."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    label: Text
    definition: Text
    states: tuple[Text, ...] | None = None
    ordinal: bool = False
    unit: Text | None = None
    code: Code | None = None

    @model_validator(mode="after")
    def _states_or_unit(self) -> Self:
        if (self.states is None) == (self.unit is None):
            raise ValueError(f"concept {self.name}: expected either states or a unit, got {'both' if self.states else 'neither'}")
        if self.states is not None and (len(self.states) < 2 or len(set(self.states)) != len(self.states)):
            raise ValueError(f"concept {self.name}: expected two or more different states, got {self.states}")
        return self


class Region(Record):
    """A place in the image: closed outlines in mm where spacing is known, else in pixels of the original image."""

    outlines: Annotated[tuple[Annotated[tuple[Point, ...], Field(min_length=3)], ...], Field(min_length=1)]
    unit: Literal["mm", "px"]
    meaning: Text
    share: Probability | None = None  # for evidence: the share of the concept's attention inside the outlines


class Reliability(Record):
    """How well this reader judges this concept on cases it did not train on, beside its trivial baseline."""

    measure: Text
    value: float
    low: float
    high: float
    baseline: float | None = None
    baseline_name: str | None = None
    human: float | None = None
    n: Annotated[int, Field(ge=1)]


class Observer(Record):
    """Who says it: a model by name and version, or a person."""

    name: Text
    kind: Literal["model", "person"]


class Finding(Record):
    """What one observer says of one concept: a distribution (in the order of `states`), a measured value, or why unknown."""

    concept: Text
    observer: Observer
    states: tuple[Text, ...] | None = None
    probabilities: tuple[Probability, ...] | None = None
    state: Text | None = None  # the state whose probability passes its operating point; None where none does
    unit: Text | None = None
    value: float | None = None
    sd: Annotated[float, Field(ge=0.0)] | None = None
    unknown_because: Text | None = None
    region: Region | None = None
    reliability: Reliability | None = None

    @model_validator(mode="after")
    def _one_thing_said(self) -> Self:
        said = sum(x is not None for x in (self.probabilities, self.value, self.unknown_because))
        if said != 1:
            raise ValueError(f"finding {self.concept}: expected exactly one of probabilities, value, unknown_because, got {said}")
        if (self.states is None) == (self.unit is None):
            raise ValueError(f"finding {self.concept}: expected either states or a unit")
        if self.probabilities is not None:
            self._check_distribution()
        if self.value is not None and (self.unit is None or self.sd is None):
            raise ValueError(f"finding {self.concept}: a value needs its unit and its standard deviation (sd)")
        if self.value is None and self.sd is not None:
            raise ValueError(f"finding {self.concept}: a standard deviation without a value")
        if self.state is not None and self.probabilities is None:
            raise ValueError(f"finding {self.concept}: a state without probabilities")
        return self

    def _check_distribution(self) -> None:
        probabilities = self.probabilities or ()
        if self.states is None or len(self.states) != len(probabilities):
            raise ValueError(
                f"finding {self.concept}: expected one probability per state {self.states}, got {len(probabilities)}"
            )
        if abs(sum(probabilities) - 1.0) > PROBABILITY_TOLERANCE:
            raise ValueError(f"finding {self.concept}: probabilities must sum to 1, got {sum(probabilities):.6f}")
        if self.state is not None and self.state not in self.states:
            raise ValueError(f"finding {self.concept}: state {self.state!r} is not one of {self.states}")


Ground = Literal["published", "learned", "observed", "logic"]


class Step(Record):
    """One node of a derivation: a claim, its truth, its citation, and the steps it rests on."""

    claim: Text
    truth: Truth
    citation: str | None = None
    because: tuple["Step", ...] = ()
    ground: Ground = "logic"
    """What the step rests on: a published clause, named data, what was seen, or plain logic over its sub-steps."""
    verified: Literal["source", "recomputed", "background"] | None = None
    """For a published clause: was its source read, was it recomputed, or is it background knowledge still to be checked."""

    def as_text(self, indent: int = 0) -> str:
        """The derivation as an indented tree, one line a step."""
        cited = f"  [{self.citation}]" if self.citation else ""
        line = f"{'  ' * indent}{self.truth.value:<8}{self.claim}{cited}"
        return "\n".join([line, *(step.as_text(indent + 1) for step in self.because)])


class GuidelineRef(Record):
    """Which guideline, which edition, which bytes."""

    name: Text
    edition: Text
    sha256: Sha256


class Condition(Record):
    """A concept in a state, as a reader of the report would say it."""

    concept: Text
    state: Text


class Change(Record):
    """One finding that would have to be different."""

    concept: Text
    seen: Text | None
    instead: Text


class Contrast(Record):
    """The smallest change of findings that would give another category."""

    category: Text
    changes: tuple[Change, ...]


class LookAgain(Record):
    """How much of the uncertainty over the category, in bits and as a share, confirming one finding would settle on average."""

    concept: Text
    bits: Annotated[float, Field(ge=0.0)]
    share: Probability


class Differential(Record):
    """A diagnosis to consider, with what speaks for it."""

    name: Text
    because: tuple[Condition, ...] = ()
    citation: str | None = None


class SetRule(Record):
    """How the confidence set was cut: categories stay in while their conformal score is at most the threshold."""

    method: Literal["lac", "aps", "ordinal-aps"]
    threshold: float
    coverage: Probability
    n: Annotated[int, Field(ge=1)]


class Assessment(Record):
    """The conclusion to one question, computed from the findings and one guideline and from nothing else."""

    question: Text
    guideline: GuidelineRef
    category: str | None
    statement: Text  # the conclusion as a clinician would say it
    probabilities: Distribution
    confidence_set: tuple[str, ...]
    coverage: Probability | None = None
    set_rule: SetRule | None = None
    derivation: Step
    sufficient_reason: tuple[tuple[Condition, ...], ...] = ()
    """All minimal sets of findings that force the category whatever the others are; smallest first."""
    contrasts: tuple[Contrast, ...] = ()
    look_again: tuple[LookAgain, ...] = ()
    differential: tuple[Differential, ...] = ()
    next_step: str | None = None
    next_step_citation: str | None = None
    next_step_shared: bool | None = None  # whether every category of the confidence set has this same next step
    boundary: tuple[Text, ...] = ()
    """Cases on an edge: crisp and most probable category differ, or a threshold lies inside a measurement's interval."""
    conflict: str | None = None
    """A published floor or ceiling against what the scorecard proposes."""
    abstained_because: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.probabilities and abs(sum(self.probabilities.values()) - 1.0) > PROBABILITY_TOLERANCE:
            raise ValueError(
                f"assessment {self.question}: probabilities must sum to 1, got {sum(self.probabilities.values()):.6f}"
            )
        strangers = [
            c for c in (*self.confidence_set, *([self.category] if self.category else [])) if c not in self.probabilities
        ]
        if strangers:
            raise ValueError(
                f"assessment {self.question}: {strangers[0]!r} is not one of the categories {tuple(self.probabilities)}"
            )
        if (self.category is None) != (self.abstained_because is not None):
            raise ValueError(f"assessment {self.question}: expected a category or a reason to abstain, exactly one of the two")
        return self


class Caution(Record):
    """Something the reader of the report must weigh."""

    kind: Literal["contradiction", "shadow", "novelty", "boundary", "conflict", "input", "scope", "second-opinion"]
    text: Text


class SimilarCase(Record):
    """A human-confirmed case that is alike, with how it is alike and how it differs."""

    reading: Sha256
    outcome: Text
    alike: tuple[Text, ...] = ()
    different: tuple[Text, ...] = ()


class StudyRef(Record):
    """Which image was read. `source` (a file name) is kept outside the reading's hash."""

    pixels_sha256: Sha256
    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]
    frame: Annotated[int, Field(ge=0)] = 0
    modality: str | None = None
    spacing_mm: tuple[PositiveFloat, PositiveFloat] | None = None  # (between rows, between columns), as DICOM's Pixel Spacing
    spacing_source: str | None = None
    ids: Names = FrozenDict()
    source: str | None = None


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


def content_hash(reading: Reading) -> str:
    """SHA-256 of a reading's content as canonical JSON, without its id, file name, time and software version."""
    content = reading.model_dump(mode="json", exclude={"id": True, "study": {"source"}, "provenance": {"created", "software"}})
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def reading_from_json(text: str | bytes) -> Reading:
    """A reading from its JSON text; raises pydantic's ValidationError where content and id disagree or a value is invalid."""
    return Reading.model_validate_json(text)
