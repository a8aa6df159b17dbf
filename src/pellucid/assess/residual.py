"""What risk of cancer is left after a benign biopsy: by Bayes from the biopsy's sensitivity, or as counted in named series."""

from typing import Literal, Self

from pydantic import model_validator

from pellucid.assess.imaging import Risk
from pellucid.errors import InputError
from pellucid.knowledge.concordance import Table
from pellucid.knowledge.concordance.table import BENIGN, Biopsy, Counted, Tissue
from pellucid.record import Probability, Record, Text

FORMULA = "R = p (1 - se) / (p (1 - se) + (1 - p) sp)"


class Residual(Record):
    """The risk left, its interval, how it was computed, and where it lies against the ceiling for following."""

    value: Probability | None
    """None where only a range of risks before the biopsy is known."""
    low: Probability
    high: Probability
    method: Literal["bayes", "counted"]
    formula: Text
    before: Text
    """The risk before the biopsy and where it comes from; for a counted one, what was counted."""
    sensitivity: tuple[Probability, Probability, Probability] | None = None
    """Lowest, used, highest."""
    specificity: Probability | None = None
    ceiling: Probability | None = None
    above_ceiling: Literal["yes", "possibly", "no"] | None = None
    """Whether the risk is above the ceiling; possibly where only a part of the interval is."""
    citation: Text
    note: Text | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        inside = self.value is None or self.low <= self.value <= self.high
        if not (self.low <= self.high and inside):
            raise ValueError(f"residual risk: expected low <= value <= high, got {self.low}, {self.value}, {self.high}")
        return self


def residual_risk(p: float, sensitivity: float, specificity: float = 1.0) -> float:
    """The probability of cancer after a benign biopsy; InputError outside 0 to 1.

    R = p (1 - se) / (p (1 - se) + (1 - p) sp). Where a benign result was impossible (0 / 0), nothing was learned: R = p.
    """
    for name, value in (("p", p), ("sensitivity", sensitivity), ("specificity", specificity)):
        if not 0.0 <= value <= 1.0:
            raise InputError(f"residual risk: expected a {name} between 0 and 1, got {value:g}")
    missed, cleared = p * (1.0 - sensitivity), (1.0 - p) * specificity
    return p if missed + cleared == 0.0 else missed / (missed + cleared)


def residual(tissue: Tissue, risk: Risk | None, likelihood: tuple[float, float] | None, table: Table) -> Residual | None:
    """The risk left after a result of this class, or None where the table has no figure for it.

    The risk before the biopsy is `risk`, or else the published range of the category.
    """
    counted = next((c for c in table.counted if c.after == tissue), None)
    if counted is not None:
        return _counted(counted, table)
    if tissue not in BENIGN or table.biopsy is None or (risk is None and likelihood is None):
        return None
    return _bayes(table.biopsy, risk, likelihood or (0.0, 0.0), table)


def _bayes(biopsy: Biopsy, risk: Risk | None, likelihood: tuple[float, float], table: Table) -> Residual:
    if risk is None:
        low, high, value = (*likelihood, None)
        before = f"p {low:.2g} to {high:.2g}: published range of the category; no probability was given for this lesion"
    else:
        low = risk.value if risk.low is None else risk.low
        high = risk.value if risk.high is None else risk.high
        value = residual_risk(risk.value, biopsy.used, biopsy.specificity)
        spread = "without an interval" if risk.low is None else f"({low:.3g} to {high:.3g})"
        before = f"p {risk.value:.3g} {spread}: {risk.of}"
    ends = residual_risk(low, biopsy.high, biopsy.specificity), residual_risk(high, biopsy.low, biopsy.specificity)
    return Residual(
        value=value,
        low=ends[0],
        high=ends[1],
        method="bayes",
        formula=FORMULA,
        before=before,
        sensitivity=(biopsy.low, biopsy.used, biopsy.high),
        specificity=biopsy.specificity,
        ceiling=table.ceiling[0] if table.ceiling else None,
        above_ceiling=_against(value, ends[0], ends[1], table),
        citation=biopsy.citation.text,
        note=f"the sensitivity is that of {biopsy.of}; another needle or guidance has another",
    )


def _counted(counted: Counted, table: Table) -> Residual:
    return Residual(
        value=counted.value,
        low=counted.low,
        high=counted.high,
        method="counted",
        formula="share of such results that turned out malignant",
        before=counted.of,
        ceiling=table.ceiling[0] if table.ceiling else None,
        above_ceiling=_against(counted.value, counted.low, counted.high, table),
        citation=counted.citation.text,
        note="counted over a series, whatever this lesion looked like",
    )


def _against(value: float | None, low: float, high: float, table: Table) -> Literal["yes", "possibly", "no"] | None:
    if table.ceiling is None:
        return None
    limit = table.ceiling[0]
    if high <= limit:
        return "no"
    return "yes" if (low if value is None else value) > limit else "possibly"
