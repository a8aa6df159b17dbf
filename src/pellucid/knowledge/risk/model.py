"""What a risk model says, as frozen data: a published logistic regression with every number cited. Nothing here computes.

A model is a logistic regression of a closed set of term kinds over named inputs, each number with its citation:

    linear       coefficient · (x / per)                        per is 1 where it is left out
    centred      coefficient · (x − at)
    power        coefficient · ((x / per)^exponent − minus)
    indicator    coefficient where the input is in one state
    by_state     one coefficient for every state of the input
    model        coefficient · the probability that another model gives (that model's inputs and limits come along)

`where: {input: state}` beside a term lets it count in that state only. `fixed` gives a probability that no term can move,
`domain` the limits inside which the model may be used (hard: outside it is not applicable; otherwise pointed out), `bands` what a
guideline does at which risk, `vectors` answers that the tests hold the file to. `loader.py` reads, `compute.py` computes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pellucid.knowledge.guideline import Citation, Source
from pellucid.record import Concept


@dataclass(frozen=True, slots=True)
class Unstated:
    """What an input counts as where nobody states it, and why that is safe; the answer says so."""

    state: str
    why: str
    citation: Citation


@dataclass(frozen=True, slots=True)
class Input:
    """One thing the model asks for."""

    concept: Concept
    plausible: tuple[float, float] | None = None
    """For a measurement: values outside are refused, mostly a wrong unit."""
    unstated: Unstated | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """One summand of the log odds; which fields matter depends on the kind."""

    kind: Literal["transform", "states", "model"]
    of: str
    """The input, or the name of the other model."""
    citation: Citation
    coefficient: float = 1.0
    per: float = 1.0
    exponent: float = 1.0
    minus: float = 0.0
    """transform: coefficient · ((x / per)^exponent − minus)."""
    by_state: tuple[tuple[str, float], ...] = ()
    where: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """Where the model, or a band's action, may be used: one input inside a stretch or in some states."""

    concept: str
    why: str
    citation: Citation
    states: tuple[str, ...] = ()
    low: tuple[float, bool] | None = None
    """The limit, and whether it is itself outside."""
    high: tuple[float, bool] | None = None
    hard: bool = True


@dataclass(frozen=True, slots=True)
class Fixed:
    """A probability that holds in one state of an input, whatever the terms say."""

    concept: str
    state: str
    probability: float
    claim: str
    citation: Citation


@dataclass(frozen=True, slots=True)
class ActionBand:
    """Risks above the band before it, up to its limit, call for this action."""

    name: str
    limit: float
    inclusive: bool
    action: str


@dataclass(frozen=True, slots=True)
class Scheme:
    """What one guideline does at which risk, and for which nodules."""

    name: str
    bands: tuple[ActionBand, ...]
    applies: tuple[Limit, ...]
    citation: Citation

    def band(self, probability: float) -> ActionBand:
        """The band in which a probability lies."""
        return next(b for b in self.bands if probability < b.limit or (b.inclusive and probability <= b.limit))


@dataclass(frozen=True, slots=True)
class Vector:
    """Inputs with the probability that must come out, to so many decimals."""

    name: str
    given: Mapping[str, str | float]
    probability: float
    decimals: int


@dataclass(frozen=True, eq=False)
class RiskModel:
    """One published model. Compared by identity; loading is cached by content."""

    name: str
    title: str
    label: str
    outcome: str
    """What the risk is the risk of."""
    sha256: str
    file: str
    sources: Mapping[str, Source]
    inputs: Mapping[str, Input]
    """Those of the models it rests on first."""
    intercept: float
    intercept_citation: Citation
    terms: tuple[Term, ...]
    parts: Mapping[str, "RiskModel"]
    """The models whose probability is a term."""
    fixed: tuple[Fixed, ...]
    domain: tuple[Limit, ...]
    schemes: tuple[Scheme, ...]
    limits: tuple[str, ...]
    vectors: tuple[Vector, ...]
    fuller: str | None
    """A model that answers the same with more inputs, if there is one."""
