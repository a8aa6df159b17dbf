"""How many of the lesions that are listed count, where a guideline asks for their number: all but those that the guideline itself
puts into rows by their nature benign.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pellucid.errors import InputError
from pellucid.knowledge import Guideline
from pellucid.knowledge.course import courses
from pellucid.knowledge.evaluate import row_on
from pellucid.knowledge.terms import Entry
from pellucid.record import Finding, Observer, Step, Truth


@dataclass(frozen=True)
class Listed:
    """The count with the step it follows by, or why it stays open; so many or more it is in any case."""

    least: int
    step: Step
    open_because: str | None = None

    def finding(self, entry: Entry, observer: Observer) -> Finding:
        """The count as a finding."""
        name = entry.concept.name
        if self.open_because:
            return Finding(concept=name, observer=observer, unit="1", unknown_because=self.open_because)
        return Finding(concept=name, observer=observer, unit="1", value=float(self.least), sd=0.0, because=self.step)


def count_listed(guideline: Guideline, entry: Entry, lesions: Mapping[str, Sequence[Finding]]) -> Listed:
    """The number of lesions that count, by the rows that the concept names in `not_counted`; where none would, all do."""
    found = {name: _left_out(guideline, entry, name, said) for name, said in lesions.items()}
    out = {name: step for name, step in found.items() if step is not None and step.truth is Truth.MET}
    unsure = [name for name, step in found.items() if step is not None and step.truth is not Truth.MET]
    out = {} if len(out) == len(lesions) else out
    most = len(lesions) - len(out)
    least = max(most - len(unsure), 1)
    claim = f"{entry.concept.label}: {most}, for so many lesions are listed"
    if out:
        told = " and ".join(out)
        claim = f"{entry.concept.label}: {most}, for {len(lesions)} lesions are listed and {told} {_verb(out)} not counted"
    step = Step(claim=claim, truth=Truth.MET, ground="observed", because=tuple(out.values()))
    if least == most:
        return Listed(most, step)
    return Listed(least, step, f"whether {' and '.join(unsure)} {_verb(unsure, 'counts', 'count')} is open")


def _verb(names: Sequence[str] | Mapping[str, Step], one: str = "is", several: str = "are") -> str:
    return one if len(names) == 1 else several


def _left_out(guideline: Guideline, entry: Entry, name: str, said: Sequence[Finding]) -> Step | None:
    """Why a lesion is not counted: met where a row holds, unknown where one may; None where none can. Findings that cannot be so
    are refused where the lesion is read.
    """
    may: Step | None = None
    for question, row in entry.not_counted:
        try:
            step = row_on(guideline, question, row, (*said, *courses(guideline, said)))
        except InputError:
            return None
        if step.truth is Truth.MET:
            return step.model_copy(update={"claim": f"{name} is not counted: {step.claim}"})
        may = may or (step if step.truth is Truth.UNKNOWN else None)
    return may
