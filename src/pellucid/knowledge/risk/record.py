"""What a risk model answered, as frozen, JSON-able records."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pellucid.record import Distribution, Probability, Record, Sha256, Step, Text, Truth

Mark = Literal["source", "recomputed", "background"]


class InputUsed(Record):
    """One input as the findings have it, in words; `stated` is false where nobody judged it."""

    concept: Text
    said: Text
    stated: bool


class Contribution(Record):
    """What one term adds to the log odds at the values as stated; `of` names its input, another model, or the intercept."""

    of: Text
    log_odds: float
    citation: Text
    verified: Mark
    parts: tuple["Contribution", ...] = ()
    """For a term that is another model's probability: that model's own summands."""


class BandCall(Record):
    """What one guideline does at this risk."""

    scheme: Text
    band: Text
    action: Text
    shares: Distribution
    """Probability that the risk lies in each band, over what the findings allow."""
    applies: Truth
    """Whether the guideline means this nodule; unknown where what it asks for is not stated."""
    note: str | None = None
    """Why it does not apply, or what is not stated."""
    citation: Text
    verified: Mark


class Risk(Record):
    """A model's probability with what it rests on, or why the model does not apply; never both."""

    model: Text
    label: Text
    outcome: Text
    sha256: Sha256
    probability: Probability | None = None
    """The mean of the risk over what the findings allow; the formula's own value where they are certain."""
    sd: Annotated[float, Field(ge=0.0)] | None = None
    low: Probability | None = None
    high: Probability | None = None
    """95 % of the risk over what the findings allow; the error of the coefficients is not in it."""
    at_stated: Probability | None = None
    """The formula at the most probable states and the measured values."""
    method: str | None = None
    inputs: tuple[InputUsed, ...] = ()
    contributions: tuple[Contribution, ...] = ()
    bands: tuple[BandCall, ...] = ()
    caveats: tuple[Text, ...] = ()
    not_applicable_because: Text | None = None
    derivation: Step

    @model_validator(mode="after")
    def _answer_or_reason(self) -> Self:
        given = (self.probability, self.sd, self.low, self.high, self.at_stated, self.method)
        answered = all(x is not None for x in given)
        if any(x is not None for x in given) is not answered or answered is (self.not_applicable_because is not None):
            raise ValueError(f"risk {self.model}: expected a probability with its spread, or a reason why not, never both")
        return self
