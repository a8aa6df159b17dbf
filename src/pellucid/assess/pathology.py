"""The pathology statement: what was found in each specimen, how it was sampled, and what is documented of the history.

Whoever says it (a person's form, a report's text, a reader of slides), it comes to this. What is not stated stays unknown.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pellucid.knowledge.concordance.table import BENIGN, TISSUES, Tissue
from pellucid.record import Code, Observer, Record, Text

Status = Literal["present", "uncertain", "negated", "historical"]
History = Literal["surgery", "trauma", "infection", "lactation", "diabetes", "radiotherapy", "cancer"]


ONLY_POSSIBLE: Mapping[Tissue, Tissue] = {"malignant": "suspicious", "specific benign": "nonspecific benign"}
"""What a diagnosis that is only possible counts as: suspicion, or no named lesion."""


class Mention(Record):
    """One diagnosis as the statement words it; `term` is None where the table does not know it."""

    term: Text | None
    words: Text
    """The words that were understood."""
    quote: Text
    """The sentence, or the entry of the form, as it was written."""
    status: Status
    tissue: Tissue | None = None
    code: Code | None = None

    @model_validator(mode="after")
    def _known_terms_have_a_class(self) -> Self:
        if (self.term is None) != (self.tissue is None):
            raise ValueError(f"diagnosis {self.words!r}: expected a class of tissue exactly where the term is known")
        return self


class Specimen(Record):
    """What one specimen shows; its class may be stated beside its diagnoses."""

    label: Text | None = None
    mentions: tuple[Mention, ...] = ()
    stated_class: Tissue | None = None


class Sampling(Record):
    """How the tissue was taken; None where it is not stated."""

    guidance: Text | None = None
    gauge: Annotated[int, Field(ge=5, le=30)] | None = None
    cores: Annotated[int, Field(ge=1, le=60)] | None = None
    target: Literal["hit", "missed"] | None = None
    specimen_calcifications: Literal["present", "absent"] | None = None
    removed: Literal["part", "whole"] | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.removed == "whole" and self.target == "missed":
            raise ValueError("sampling: a lesion cannot be missed and removed whole")
        return self


class Pathology(Record):
    """The whole pathology statement on one lesion."""

    organ: Text
    by: Observer
    source: str | None = None
    specimens: Annotated[tuple[Specimen, ...], Field(min_length=1)]
    sampling: Sampling = Sampling()
    history: tuple[History, ...] = ()
    """Kinds of history that are documented; what is not here is not documented."""
    later_imaging: Literal["none", "stable", "smaller", "larger", "unknown"] = "none"
    """What imaging after the biopsy showed; none where there was none yet."""
    notes: tuple[Text, ...] = ()
    """What the reader of the statement must weigh, e.g. words that were not understood."""

    @model_validator(mode="after")
    def _different_labels(self) -> Self:
        labels = [s.label for s in self.specimens if s.label]
        if len(set(labels)) != len(labels):
            raise ValueError(f"pathology: expected specimens with different labels, got {labels}")
        return self


def weight_of(mention: Mention) -> Tissue | None:
    """The class that a mention adds: that of its term; where it is only possible, suspicion for what would be malignant, and no
    named lesion for what would be benign; none where it is denied, past or unknown."""
    if mention.tissue is None or mention.status in ("negated", "historical"):
        return None
    return mention.tissue if mention.status == "present" else ONLY_POSSIBLE.get(mention.tissue, mention.tissue)


def worst(classes: Iterable[Tissue]) -> Tissue | None:
    """The class that drives, by the order of `TISSUES`."""
    return min(classes, key=TISSUES.index, default=None)


def driving_class(specimen: Specimen) -> Tissue | None:
    """The class of one specimen: the worst of its diagnoses; of benign ones only, the most specific, which names the lesion."""
    classes = [weight_of(m) for m in specimen.mentions] + [specimen.stated_class]
    found = [TISSUES.index(tissue) for tissue in classes if tissue is not None]
    if not found:
        return None
    only_benign = min(found) >= min(TISSUES.index(tissue) for tissue in BENIGN)
    return TISSUES[max(found) if only_benign else min(found)]


def unknown_words(specimen: Specimen) -> tuple[str, ...]:
    """Words of the specimen that look like a diagnosis and are not in the table, unless they are denied or past."""
    return tuple(m.words for m in specimen.mentions if m.term is None and m.status in ("present", "uncertain"))


def possible_classes(specimens: Sequence[Specimen]) -> frozenset[Tissue]:
    """The classes that the statement leaves open: the worst of all specimens, or anything worse where words are unknown."""
    known = worst(c for s in specimens if (c := driving_class(s)))
    if known is not None and not any(unknown_words(s) for s in specimens) and all(driving_class(s) for s in specimens):
        return frozenset({known})
    return frozenset(TISSUES if known is None else TISSUES[: TISSUES.index(known) + 1])


def benign_diagnoses(specimen: Specimen) -> tuple[str, ...]:
    """The benign diagnoses that hold in a specimen, which may account for an image; merely possible ones do not."""
    return tuple(m.term for m in specimen.mentions if m.term and m.status == "present" and m.tissue in BENIGN)


def held_diagnoses(specimens: Sequence[Specimen]) -> frozenset[str]:
    """Every diagnosis that holds in some specimen."""
    return frozenset(m.term for s in specimens for m in s.mentions if m.term and m.status == "present")


def quote_of(specimens: Sequence[Specimen], tissue: Tissue | None) -> str:
    """The words of the statement that carry its class, as they were written, with the label of their specimen."""
    found: dict[str, None] = {}
    for specimen in specimens:
        label = f"specimen {specimen.label}: " if specimen.label else ""
        carrying = [m for m in specimen.mentions if weight_of(m) and (weight_of(m) == tissue or tissue is None)]
        carrying = carrying or [m for m in specimen.mentions if m.term is None]
        for m in carrying:
            found[f"{label}{m.quote}"] = None
        if not carrying and specimen.stated_class == tissue and tissue is not None:
            found[f"{label}class {tissue}"] = None
    if not found:
        found = {m.quote: None for s in specimens for m in s.mentions[:1]}
    return " | ".join(found) or "no diagnosis is stated"
