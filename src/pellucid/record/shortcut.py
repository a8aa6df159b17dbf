"""What a prediction rests on beside the lesion: marks, borders, surroundings, sites; each measured beside as much elsewhere."""

from typing import Annotated, Literal

from pydantic import Field

from pellucid.record.findings import Parameters, Probability, Record, Text
from pellucid.record.trial import Measured

Look = Literal["mark", "letter-like mark", "ruler-like row of ticks", "brightness of the border", "area"]
Severity = Literal["shortcut", "suspicion", "none", "too few cases"]
"""`shortcut`: the prediction depends on something that cannot be disease; `suspicion`: it depends on a place outside the
lesion (or at the border, where no lesion is recorded) in which nothing artificial was recognised; `none`: tested, no dependence
of a size that matters."""


class PlaceEffect(Record):
    """One manipulation of a place: how far it moves the prediction, beside the same done elsewhere in the same images."""

    here: Measured
    elsewhere: Measured
    difference: Measured
    """Here minus elsewhere, paired by case; its interval is corrected for the number of comparisons."""


class ShortcutFinding(Record):
    """One place, what it looks like, and how far the prediction depends on it."""

    where: Text
    """For example: the upper-left corner."""
    look: Look
    polarity: Literal["bright", "dark"] | None = None
    box: tuple[Probability, Probability, Probability, Probability]
    """Left, top, width, height as shares of the image."""
    found_by: Literal["recurs in the images", "moves the prediction", "border"]
    carried_by: Probability | None = None
    """Share of the cases that carry the recurring mark."""
    removed: PlaceEffect
    """Mean change of the probabilities (total variation) when the place is painted over from its surroundings."""
    transplanted: PlaceEffect
    """Mean rise of the other image's class when the place is taken from an image with another prediction."""
    severity: Severity
    sentence: Text


class SurroundEffect(Record):
    """Does the prediction follow the lesion or what surrounds it? Only where lesions are recorded."""

    lesion_removed: PlaceEffect
    follows_lesion: Measured
    """Mean rise of the other image's class when its lesion's box is put into this image."""
    follows_surroundings: Measured
    """The same when this image's lesion is left and everything else is the other image's."""
    sentence: Text


class GroupGap(Record):
    """One site or scanner: how many cases, how many of them have the finding, and what the model says on average."""

    group: Text
    n: Annotated[int, Field(ge=1)]
    base_rate: Probability
    predicted: Probability


class GroupEffect(Record):
    """Does the prediction differ between sites or scanners among cases with the same label?"""

    column: Text
    output: Text
    groups: tuple[GroupGap, ...]
    gap_given_label: Measured
    """Largest difference of mean prediction between two groups among cases of one label, labels averaged."""
    p_value: Probability | None
    """Of that gap, groups permuted among patients within labels."""
    follows_base_rate: Measured
    """Spearman correlation over groups of base rate and mean prediction beyond what the labels explain."""
    severity: Severity
    sentence: Text


class ShortcutAudit(Record):
    """Everything that was looked for beside the lesion, on named numbers of cases."""

    searched: int
    """Cases on which places were searched for."""
    tested: int
    """Other cases, of other patients, on which they were tested."""
    patients: int
    findings: tuple[ShortcutFinding, ...]
    surroundings: SurroundEffect | None = None
    groups: tuple[GroupEffect, ...] = ()
    severity: Severity
    sentence: Text
    settings: Parameters
