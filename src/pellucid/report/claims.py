"""What one sentence of a report claims: the same few kinds for the grammar that writes and for the checker that reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "finding",  # a concept is in a state
    "chance",  # a state of an unsettled concept has a probability
    "unsettled",  # no state of a concept passes its operating point
    "measure",  # a measured value
    "unjudged",  # a concept could not be judged, and why
    "judged",  # a concept could be judged
    "answered",  # a question got an answer
    "category",  # the answer to a question
    "set",  # the confidence set of a question
    "abstained",  # no answer is given, and why
    "step",  # the next step of a question
    "shared",  # whether that step is the same for the whole set
    "differential",  # a diagnosis to consider
    "opinion",  # what a published risk model says, or why it does not apply
    "caution",  # something to weigh
    "place",  # where a lesion lies in the image, or by its name
    "observer",  # who states the findings
    "corrected",  # who set one finding
    "similar",  # a confirmed case that is alike
    "comparison",  # with an earlier examination
    "note",  # a sentence about the report itself
]
TITLES: Mapping[str, str] = {
    "findings": "FINDINGS",
    "limits": "COMPARISON AND LIMITS",
    "impression": "IMPRESSION",
    "recommendation": "RECOMMENDATION",
}
"""The sections of a narrative, in order."""


@dataclass(frozen=True, order=True)
class Claim:
    """One thing that is said; empty where the field does not apply."""

    kind: Kind
    about: str = ""
    """The concept or the question."""
    said: str = ""
    """The state, the category, the reason, the step."""
    certainty: str = ""
    """The level of certainty, by its name."""
    number: str = ""
    """As it is printed, without its unit: `29.9`, `>99`."""
    spread: str = ""
    unit: str = ""
    denied: bool = False
    """The state is said not to be so."""


@dataclass(frozen=True)
class Sentence:
    """A sentence (or a line of a list), the section it stands in, and everything it claims."""

    section: str
    text: str
    claims: tuple[Claim, ...]


@dataclass(frozen=True)
class Narrative:
    """A report in prose, sentence by sentence."""

    title: str
    sentences: tuple[Sentence, ...]
    legend: str

    @property
    def claims(self) -> frozenset[Claim]:
        """Everything that is claimed."""
        return frozenset(claim for sentence in self.sentences for claim in sentence.claims)

    def as_text(self) -> str:
        """The report with its headings; findings run on, the other sections are lists, a line an item."""
        blocks = [self.title]
        for section, heading in TITLES.items():
            told = [s.text for s in self.sentences if s.section == section]
            if told:
                blocks.append("\n".join([heading, " ".join(told) if section == "findings" else "\n".join(told)]))
        return "\n\n".join([*blocks, self.legend]) + "\n"
