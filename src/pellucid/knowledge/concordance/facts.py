"""The concepts of a pair that every table's rules may use, beside the organ's own signs."""

from collections.abc import Iterable

from pellucid.knowledge.concordance.table import FITS, LEVELS, TISSUES
from pellucid.knowledge.concordance.words import Entry, nominal

TARGET = ("hit", "missed")
CALCIFICATIONS = ("present", "absent")
LATER = ("none", "stable", "smaller", "larger")
REMOVED = ("part", "whole")


def pair_concepts(categories: Iterable[str], diagnoses: Iterable[str]) -> dict[str, Entry]:
    """Entries of the concepts of a pair: suspicion, category, tissue, diagnosis, fit, and what is stated of the sampling."""
    found = {
        "suspicion": nominal("suspicion", LEVELS, "the suspicion of the image is {state}", ordinal=True),
        "tissue": nominal("tissue", TISSUES, "the tissue is {state}"),
        "fit": nominal("fit", FITS, "the diagnosis as an explanation of the image: {state}"),
        "target": nominal("target", TARGET, "the target was {state}"),
        "specimen_calcifications": nominal("specimen_calcifications", CALCIFICATIONS, "calcification in the specimen is {state}"),
        "later_imaging": nominal("later_imaging", LATER, "the lesion on imaging after the biopsy: {state}"),
        "removed": nominal("removed", REMOVED, "the {state} of the lesion was removed"),
    }
    names = {"category": tuple(categories), "diagnosis": tuple(diagnoses)}
    for name, states in names.items():
        if len(states) > 1:
            found[name] = nominal(name, states, f"the {name} is {{state}}")
    return found
