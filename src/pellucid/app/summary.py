"""A reading in a few lines for the terminal; the whole is in its file and its report."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pellucid.record import Assessment, Reading, Weighing


def summary(reading: "Reading") -> str:
    """One block of lines: each question with its category, its confidence set, its next step or why it abstains."""
    width = max((len(a.question) for a in reading.assessments), default=0)
    lines = [line for a in reading.assessments for line in _lines(a, width)]
    return "\n".join([*lines, *(f"  caution: {c.text}" for c in reading.cautions)])


def _lines(a: "Assessment", width: int) -> list[str]:
    if a.category is None:
        return [f"  {a.question:<{width}}  abstains: {a.abstained_because}"]
    held = f"  {a.coverage:.0%} set: {', '.join(a.confidence_set)}" if a.coverage is not None else ""
    lines = [f"  {a.question:<{width}}  {a.category}  (p {a.probabilities[a.category]:.2f}){held}"]
    if a.next_step:
        lines.append(f"  {'':<{width}}  next: {a.next_step}")
    return lines


def abstains(reading: "Reading") -> bool:
    """Whether the reading answers none of its questions."""
    return bool(reading.assessments) and all(a.category is None for a in reading.assessments)


def moves(before: "Reading", after: "Reading") -> str:
    """Each question's category before and after a revision, with the next step where it changes, and what now contradicts."""
    old = {a.question: a for a in before.assessments}
    width = max((len(a.question) for a in after.assessments), default=0)
    lines: list[str] = []
    for a in after.assessments:
        was, now = (_named(x) for x in (old.get(a.question), a))
        lines.append(f"  {a.question:<{width}}  {f'{was} -> {now}' if was != now else f'{now} (unchanged)'}")
        step = old[a.question].next_step if a.question in old else None
        if step != a.next_step:
            lines.append(f"  {'':<{width}}  next: {step or 'none'} -> {a.next_step or 'none'}")
    weighed = {one.differential: one for one in before.weighed}
    lines += [f"  {one.label}: {_first(weighed.get(one.differential))} -> {_first(one)}" for one in after.weighed]
    lines += [f"  contradiction: {c.text}" for c in after.cautions if c.kind == "contradiction"]
    return "\n".join(lines)


def _first(weighing: "Weighing | None") -> str:
    """The diagnoses that lead a differential."""
    led = [f"{one.name} ({one.score:g})" for one in weighing.diagnoses if one.rank == 1] if weighing else []
    return ", ".join(led) or "not weighed"


def _named(a: "Assessment | None") -> str:
    if a is None:
        return "not asked"
    return a.category if a.category is not None else f"abstains ({a.abstained_because})"
