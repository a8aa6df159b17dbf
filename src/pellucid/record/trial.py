"""What a test of an explanation method found, and the verdict on it: what stands beside every map that is shown."""

from typing import Literal, Self

from pydantic import model_validator

from pellucid.record.findings import Parameters, Record, Sha256, Text

Grade = Literal["usable", "usable with caution", "not usable", "too few cases", "not tested"]
"""Best first. `too few cases` and `not tested` say nothing for or against a method."""


class Measured(Record):
    """A measured number with its 95 % interval over patients; or no number and the reason why there is none."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    """Cases measured."""
    patients: int = 0
    reason: Text | None = None

    @model_validator(mode="after")
    def _number_or_reason(self) -> Self:
        if self.value is None and self.reason is None:
            raise ValueError("expected a value, or the reason why there is none")
        if (self.low is None) != (self.high is None):
            raise ValueError("expected both bounds or neither")
        return self


class Control(Record):
    """The same measure on something that cannot explain: a random map, a blob in the centre, an edge detector."""

    name: Text
    measured: Measured
    difference: Measured
    """Method minus control, paired by case, turned so that above zero is better; its interval is corrected for the
    number of comparisons."""


class MeasureResult(Record):
    """One measure of one method, with its controls beside it."""

    measure: Text
    family: Text
    better: Literal["higher", "lower"]
    measured: Measured
    controls: tuple[Control, ...] = ()


class Reason(Record):
    """One rule of the verdict: what was asked, what was found, whose threshold it is."""

    rule: Text
    said: Text
    """The sentence a person reads."""
    met: bool | None
    """None where it could not be asked (no masks, no gradients, too few cases)."""
    source: Text
    verified: Literal["source", "recomputed", "background", "ours"]


class Verdict(Record):
    """What a map may be used for, in words, and why."""

    grade: Grade
    sentence: Text
    """For example: 'not usable because it looks the same when the weights are random'."""
    reasons: tuple[Reason, ...] = ()
    rules_sha256: Sha256


class MethodTrial(Record):
    """Everything measured of one explanation method on one model and one set of cases."""

    method: Text
    target: Text
    settings: Parameters
    results: tuple[MeasureResult, ...]
    verdict: Verdict
