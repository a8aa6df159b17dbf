"""What was seen: concepts, regions, observers, findings, steps of a derivation; and the frozen, strict base of every record."""

import json
from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

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


class Earlier(Record):
    """The same measurement of the same lesion at an earlier examination, in the unit of the finding that holds it."""

    value: float
    sd: Annotated[float, Field(ge=0.0)]
    months: Annotated[float, Field(gt=0.0, le=1200.0)]
    """How long before this examination it was measured."""
    reading: Sha256 | None = None
    """The reading it was taken from; None where it was typed."""


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
    earlier: Earlier | None = None
    because: Step | None = None
    """How it follows from other findings, where nobody stated it."""

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
        if self.earlier is not None and self.value is None:
            raise ValueError(f"finding {self.concept}: an earlier measurement without one now")
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
