"""What an audit of a reader's concepts found: every number beside what it has to be read against, and on which images."""

from typing import Literal

from pellucid.record.findings import Probability, Record, Sha256, Text
from pellucid.record.trial import Measured

Basis = Literal["held-out", "other images", "training images", "partly training images", "not known"]
"""Which images the figures are on: read by a net of a fold that did not see them; none of the training set's; all of it; some of
it; or the reader does not say what it learned from."""


class Beside(Record):
    """A number to read another against: a baseline, a ceiling, a human, a control."""

    name: Text
    measured: Measured


class Line(Record):
    """One measure of one concept, question or set."""

    measure: Text
    """A name in `audit.concept_measures.CONCEPT_MEASURES`, which says what it is, which way is better and where it is from."""
    of: Text
    better: Literal["higher", "lower", "nominal"]
    measured: Measured
    beside: tuple[Beside, ...] = ()


class Curve(Record):
    """A measure along an axis, with its 95 % interval: corrections made, thresholds of acting, coverage."""

    name: Text
    of: Text
    x_name: Text
    y_name: Text
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    n: int = 0


class DependentPair(Record):
    """Two concepts that are not independent given the image: the largest correlation of their residuals."""

    first: Text
    second: Text
    n: int
    correlation: float
    p: Probability
    p_corrected: Probability


class ConceptAudit(Record):
    """The concept audit of a reader on one manifest."""

    reader: Text
    weights_sha256: Sha256 | None = None
    """None where the nets of several folds read."""
    manifest_sha256: Sha256
    images: int
    patients: int
    basis: Basis
    basis_said: Text
    """The sentence that stands over every figure: on which images, and what that means."""
    accuracy: tuple[Line, ...] = ()
    """Of each concept, beside majority, class alone, second annotator and controls."""
    ceilings: tuple[Line, ...] = ()
    """Of each question: what hard concepts could give at most, and what the reader's rules give on the human labels."""
    leakage: tuple[Line, ...] = ()
    locality: tuple[Line, ...] = ()
    independence: tuple[Line, ...] = ()
    dependent_pairs: tuple[DependentPair, ...] = ()
    interventions: tuple[Curve, ...] = ()
    intervention_gains: tuple[Line, ...] = ()
    calibration: tuple[Line, ...] = ()
    reasons: tuple[Line, ...] = ()
    struck: tuple[Text, ...] = ()
    """Printed reasons that do not hold, each with why; the first few."""
    words: tuple[Line, ...] = ()
    """Relevance, completeness, correctness, clinical utility."""
    decision_curves: tuple[Curve, ...] = ()
    notes: tuple[Text, ...] = ()
    """What could not be measured, and why."""

    def line(self, measure: str, of: str) -> Line | None:
        """One line by its measure and what it is of; None where there is none."""
        sections = (
            self.accuracy, self.ceilings, self.leakage, self.locality, self.independence, self.intervention_gains,
            self.calibration, self.reasons, self.words,
        )  # fmt: skip
        return next((x for section in sections for x in section if x.measure == measure and x.of == of), None)
