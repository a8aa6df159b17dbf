"""What a concordance table says, as frozen data: terms of histology, phenotypes of the image, what explains what, and the rules.

Nothing here computes. `loader.py` builds these from YAML; `pellucid.assess.combine` puts a pair of statements through them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pellucid.knowledge.concordance.words import Citation, Entry, Predicate, Source
from pellucid.record import Code, GuidelineRef

Tissue = Literal["malignant", "suspicious", "high-risk", "atypical", "non-diagnostic", "nonspecific benign", "specific benign"]
TISSUES: tuple[Tissue, ...] = (
    "malignant",
    "suspicious",
    "high-risk",
    "atypical",
    "non-diagnostic",
    "nonspecific benign",
    "specific benign",
)
"""Classes of tissue; of several specimens the first in this order drives."""
BENIGN: tuple[Tissue, ...] = ("specific benign", "nonspecific benign")

LEVELS = ("benign", "probably benign", "low", "moderate", "high", "highest")
"""How suspicious an image is, whatever the organ's own categories are called."""

FITS = ("explained", "explained by history", "not in the table", "not accepted")
"""Does the diagnosis account for the image; of several phenotypes the last in this order drives."""

Outcome = Literal[
    "concordant benign", "non-diagnostic", "discordant benign", "high-risk", "concordant malignant", "discordant malignant"
]
OUTCOMES: tuple[Outcome, ...] = (
    "concordant benign",
    "non-diagnostic",
    "discordant benign",
    "high-risk",
    "concordant malignant",
    "discordant malignant",
)
"""Outcomes, the most reassuring first."""

HISTORIES = ("surgery", "trauma", "infection", "lactation", "diabetes", "radiotherapy", "cancer")
"""Kinds of documented history that may explain an image."""


@dataclass(frozen=True, slots=True)
class Grade:
    """One category of a scale: its level of suspicion, and its published likelihood of malignancy where there is one."""

    level: str
    likelihood: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Scale:
    """The categories that packs of an organ give."""

    label: str
    guidelines: tuple[str, ...]
    questions: tuple[str, ...]
    """The questions of these packs whose category counts."""
    grades: Mapping[str, Grade]
    citation: Citation


@dataclass(frozen=True, slots=True)
class RiskLevel:
    """A probability of malignancy from which on the level of suspicion is at least this one."""

    at_least: float
    level: str
    citation: Citation


@dataclass(frozen=True, slots=True)
class Biopsy:
    """How often a biopsy finds the cancer that is there, and how often it calls no cancer benign."""

    of: str
    low: float
    used: float
    high: float
    specificity: float
    citation: Citation


@dataclass(frozen=True, slots=True)
class Counted:
    """How many lesions turned out malignant after such a result, counted in named series."""

    after: Tissue
    low: float
    value: float
    high: float
    of: str
    citation: Citation


@dataclass(frozen=True, slots=True)
class Term:
    """A diagnosis of histology or cytology with its class, its code and the words that mean it."""

    name: str
    tissue: Tissue
    also: tuple[str, ...] = ()
    code: Code | None = None
    may_look_benign: bool = False
    negative: bool = False
    """The term that stands for a report which denies malignancy and names nothing."""


@dataclass(frozen=True, slots=True)
class Phenotype:
    """A way to look, as a predicate over findings and the level of suspicion."""

    name: str
    claim: str
    when: Predicate
    looks_benign: bool
    citation: Citation


@dataclass(frozen=True, slots=True)
class Expectation:
    """Which benign diagnoses account for one phenotype."""

    phenotype: str
    explained: tuple[str, ...]
    up_to: Mapping[str, str]
    """Diagnosis -> the highest level of suspicion at which it still accounts for the image."""
    with_history: Mapping[str, tuple[str, ...]]
    """Diagnosis -> the kinds of history one of which must be documented."""
    not_accepted: tuple[str, ...]
    otherwise: str
    """What every diagnosis not named here is: 'not in the table' or 'not accepted'."""
    citation: Citation
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; the first that is met decides."""

    id: str
    claim: str
    when: Predicate
    outcome: Outcome
    action: str
    deadline: str
    sign: tuple[str, ...]
    resolves: tuple[str, ...]
    citation: Citation
    conflict: str | None = None
    """Why the two statements conflict, where they do."""
    note: str | None = None


@dataclass(frozen=True, eq=False)
class Table:
    """One organ's table, with the hash of its bytes. Compared by identity; loading is cached."""

    organ: str
    edition: str
    title: str
    sha256: str
    file: str
    sources: Mapping[str, Source]
    guidelines: tuple[str, ...]
    """Names of packs whose readings are of this organ."""
    scales: Mapping[str, Scale]
    risk_levels: tuple[RiskLevel, ...]
    biopsy: Biopsy | None
    counted: tuple[Counted, ...]
    ceiling: tuple[float, Citation] | None
    signs: Mapping[str, Entry]
    known_as: Mapping[str, str]
    """Another name of a sign -> its name here."""
    asked_by: Mapping[str, tuple[str, ...]]
    """Sign -> the packs that ask for it, where only some of the organ's packs do."""
    terms: Mapping[str, Term]
    phenotypes: Mapping[str, Phenotype]
    expectations: tuple[Expectation, ...]
    rules: tuple[Rule, ...]
    notes: tuple[str, ...] = ()

    def ref(self) -> GuidelineRef:
        """Name, edition and hash, as a record keeps them."""
        return GuidelineRef(name=f"concordance-{self.organ}", edition=self.edition, sha256=self.sha256)

    def grade(self, category: str | None) -> Grade | None:
        """The level and likelihood of a category, or None where no scale has it."""
        found = (scale.grades.get(category or "") for scale in self.scales.values())
        return next((grade for grade in found if grade is not None), None)
