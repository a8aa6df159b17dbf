"""The accountability card of a model: three pillars, each line measured, declared by someone, or not available for a reason."""

import hashlib
import json
from typing import Literal, Self

from pydantic import model_validator

from pellucid.record.concept_audit import Basis, ConceptAudit
from pellucid.record.findings import FrozenDict, Names, Parameters, Record, Sha256, Text
from pellucid.record.shortcut import ShortcutAudit
from pellucid.record.trial import Measured, MethodTrial

Status = Literal["measured", "declared", "not available"]


class FormField(Record):
    """One line of an artefact such as a model card: what it says, and on what footing."""

    field: Text
    """The name that the artefact gives it."""
    status: Status
    text: str = ""
    run: Sha256 | None = None
    """Of a measured line: the run that measured it."""
    by: str | None = None
    """Of a declared line: who said it."""
    on: str | None = None
    """Of a declared line: when."""
    reason: str | None = None
    """Of a line that is not available: why."""

    @model_validator(mode="after")
    def _on_some_footing(self) -> Self:
        needs = {"measured": self.text and self.run, "declared": self.text and self.by, "not available": self.reason}
        if not needs[self.status]:
            raise ValueError(
                f"{self.field}: expected a text with its run (measured) or its author (declared), or a reason (not available)"
            )
        return self


class Artefact(Record):
    """A published form filled in: its lines in the form's order."""

    name: Text
    title: Text
    source: Text
    lines: tuple[FormField, ...]


class Figure(Record):
    """A measured number with the words it stands under, and what triviality reaches."""

    name: Text
    said: Text
    """What the number means, for a reader who knows no statistics."""
    measured: Measured
    baseline: float | None = None
    baseline_name: str | None = None


class Word(Record):
    """A word that explanations are praised with (relevance, completeness, correctness, clinical utility), measured."""

    word: Text
    question: Text
    figures: tuple[Figure, ...]


class Series(Record):
    """A line of a plot, with its 95 % band where there is one."""

    name: Text
    role: Literal["subject", "control", "reference"]
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _of_one_length(self) -> Self:
        if len(self.x) != len(self.y) or len(self.low) not in (0, len(self.x)) or len(self.high) != len(self.low):
            raise ValueError(f"series {self.name}: expected x, y and both bounds of one length")
        return self


class Plot(Record):
    """A plot of the card: which figure it shows, its axes, its curves."""

    kind: Literal["reliability", "deletion", "intervention", "selective risk", "decision"]
    title: Text
    x: Text
    y: Text
    curves: tuple[Series, ...]
    note: str = ""


class OnTrialRef(Record):
    """Who is on trial: names, versions and the bytes it is made of."""

    name: Text
    version: Text
    kind: Text
    family: Text
    title: Text
    weights_sha256: Sha256
    licence: str | None = None
    hashes: Names = FrozenDict()
    """Further files: calibration, card, guidelines."""
    held_out: Names = FrozenDict()
    """What its developer measured on held-out folds when it was trained: question -> AUROC in words."""


class Data(Record):
    """On what it was tried."""

    title: Text
    sha256: Sha256
    """Of the manifest and every image used."""
    images: int
    patients: int
    rows_in_manifest: int
    masks: int
    """Images with a non-empty mask."""
    labels: Names = FrozenDict()
    """Class -> count, as text."""
    groups: Names = FrozenDict()
    """Site or scanner column -> what it names."""
    basis: Basis
    seen_in_training: Text
    """Whether the model learned from these images, in a sentence."""
    faults: tuple[Text, ...] = ()


class Replay(Record):
    """The same input given twice: whether the same bytes came out."""

    what: Text
    times: int
    same: bool
    digest: Sha256


class Transparency(Record):
    """Pillar 1: what it is made of, on what it was tried, whether it can be replayed, and the forms."""

    data: Data
    replay: Replay
    artefacts: tuple[Artefact, ...]


class Summary(Record):
    """What a board decides from: one sentence, what may be relied on, what may not, what must be done before use."""

    headline: Text
    rely: tuple[Text, ...]
    rely_not: tuple[Text, ...]
    before_use: tuple[Text, ...]


class Entailment(Record):
    """Whether each category follows from what is shown: re-derived from the findings and the rules, without the model."""

    share: Measured
    """Of readings whose assessments were all re-derived the same; anything below 1 is a fault."""
    readings: int
    failures: tuple[Text, ...] = ()
    because: str | None = None
    """Why there is nothing to re-derive, for a model that shows no findings and cites no rule."""


class Explainability(Record):
    """Pillar 3: do the reasons entail the answer, what may maps be used for, what else moves the model, how sure is it."""

    entailment: Entailment
    trials: tuple[MethodTrial, ...]
    shortcuts: ShortcutAudit | None = None
    shortcuts_because: str | None = None
    """Why shortcuts were not looked for."""
    groups: tuple[Figure, ...] = ()
    """Accuracy at each site or scanner."""
    words: tuple[Word, ...] = ()
    right: tuple[Figure, ...] = ()
    """How often it is right."""
    uncertainty: tuple[Figure, ...] = ()
    plots: tuple[Plot, ...] = ()


class Interpretability(Record):
    """Pillar 2: is what it calls a concept that concept; None and a reason for a model without concepts, or too few cases."""

    concepts: ConceptAudit | None = None
    plots: tuple[Plot, ...] = ()
    because: str | None = None


class AccountabilityCard(Record):
    """The whole card. Its id is the SHA-256 of its content without when and how fast it was made."""

    id: str = ""
    subject: OnTrialRef
    settings: Parameters
    summary: Summary
    transparency: Transparency
    interpretability: Interpretability
    explainability: Explainability
    not_shown: tuple[Text, ...]
    created: str | None = None
    software: str | None = None
    seconds: float | None = None

    @model_validator(mode="after")
    def _id_is_content_hash(self) -> Self:
        expected = card_hash(self)
        if self.id and self.id != expected:
            raise ValueError(
                f"card: its id is {self.id[:12]}… but its content hashes to {expected[:12]}…: changed after it was written"
            )
        object.__setattr__(self, "id", expected)
        return self

    def trial(self, method: str, target: str) -> MethodTrial | None:
        """The trial of a method on a target, or None."""
        return next((t for t in self.explainability.trials if t.method == method and t.target == target), None)


def card_hash(card: AccountabilityCard) -> str:
    """SHA-256 of a card's content as canonical JSON, without its id, time, software version and duration."""
    content = card.model_dump(mode="json", exclude={"id": True, "created": True, "software": True, "seconds": True})
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
