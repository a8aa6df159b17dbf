"""An empty file of findings for a guideline, to be filled in by a person and given to `pellucid assess`."""

import re
import textwrap
from collections.abc import Iterator, Sequence

from pellucid.knowledge.axes import axes_of, axes_over
from pellucid.knowledge.course import criterion_of, measures_of
from pellucid.knowledge.guideline import Guideline
from pellucid.knowledge.terms import Entry

COLUMNS = 100
UNKNOWN, NOT_JUDGED = "unknown", "not judged"
PLAIN = re.compile(r"[A-Za-z][\w /-]*")
LIKE_SOMETHING_ELSE = frozenset({"yes", "no", "on", "off", "true", "false", "null", "y", "n"})
OUTSIDE = "from outside the image"


def template(guideline: Guideline) -> str:
    """Every finding that some question uses, grouped by the first that does, all of them unknown: valid as it is printed."""
    lines = [f"# Findings for {guideline.name} {guideline.edition}: {guideline.title}"]
    lines += [
        "# Replace `unknown` by a state, by states with probabilities ({absent: 0.7, present: 0.3}), by a measurement",
        "# (7.9, 7.9 mm or 7.9 ± 0.5 mm), or by 'unknown: why' in quotes. A line that is left out is unknown too.",
        f"# Then: pellucid assess FINDINGS.yaml --guideline {guideline.name}-{guideline.edition}",
        "by: your name            # another system: {name: VendorX 2.1, kind: model}",
        f'guideline: "{guideline.name}-{guideline.edition}"',
        "",
        "findings:",
    ]
    for title, entries in _groups(guideline):
        lines += ["", f"  # --- {title} ---"]
        for entry in entries:
            lines += _entry(entry)
    return "\n".join([*lines, *_earlier(guideline), "", *_lesions(guideline)]) + "\n"


def _groups(guideline: Guideline) -> Iterator[tuple[str, list[Entry]]]:
    used: dict[str, list[str]] = {}
    for question in guideline.questions.values():
        used[f"question {question.name}: {question.label}"] = [axis.name for axis in axes_of(guideline, question)]
    for weights in guideline.differentials.values():
        signs = [sign.when for diagnosis in weights.diagnoses for sign in diagnosis.signs]
        used[f"differential {weights.name}: {weights.label}"] = [axis.name for axis in axes_over(guideline, signs)]
    asked = {name for names in used.values() for name in names}
    outside = [e for name, e in guideline.entries.items() if name in asked and e.when_unknown == "not stated"]
    if outside:
        yield f"{OUTSIDE}: rules that rest on it do not bind until it is stated", outside
    seen = {entry.concept.name for entry in outside}
    for title, names in used.items():
        fresh = [entry for name, entry in guideline.entries.items() if name in names and name not in seen]
        seen |= set(names)
        if fresh:
            yield title, fresh


def _entry(entry: Entry) -> list[str]:
    concept = entry.concept
    if concept.states is not None:
        said = (" < " if concept.ordinal else " | ").join(concept.states)
    else:
        said = "a number" if concept.unit == "1" else f"in {concept.unit}"
        said += f", {entry.plausible[0]:g} to {entry.plausible[1]:g}" if entry.plausible else ""
    lines = [*_comment(concept.definition), *_comment(said, "  # = ")]
    lines += _comment(f"where unknown, it counts as {entry.counts_as.state}") if entry.counts_as else []
    lines += _comment(f"where unknown, it is the answer of {entry.answered_by}") if entry.answered_by else []
    but = f", but for those of {' and '.join(row for _, row in entry.not_counted)}" if entry.not_counted else ""
    lines += _comment(f"where unknown, the lesions that are listed below are counted{but}") if entry.counted else []
    return [*lines, f"  {_quoted(concept.name)}: {_blank(entry)}"]


def _blank(entry: Entry) -> str:
    """The word for unknown that is no state of the concept."""
    return NOT_JUDGED if UNKNOWN in (entry.concept.states or ()) else UNKNOWN


def _comment(text: str, head: str = "  # ") -> list[str]:
    return textwrap.wrap(text, COLUMNS, initial_indent=head, subsequent_indent="  #   ", break_on_hyphens=False)


def _quoted(text: str) -> str:
    plain = PLAIN.fullmatch(text) and text.lower() not in LIKE_SOMETHING_ELSE
    return text if plain else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _earlier(guideline: Guideline) -> list[str]:
    """The block on an earlier measurement, commented out, where the guideline has a criterion of growth."""
    rule = criterion_of(guideline)
    if rule is None:
        return []
    measured = [f"#   {name}: 6.1 ± 0.75 mm" for name in measures_of(guideline)]
    decides = ", ".join(sign.concept for sign in rule.signs)
    return [
        "",
        f"# Measured before: the probability of growth ({rule.citation}) then gives {decides} where nobody states it.",
        "# With several lesions the block stands inside each lesion.",
        "# earlier:",
        "#   interval_months: 12",
        *measured,
    ]


def _lesions(guideline: Guideline) -> list[str]:
    found: Sequence[Entry] = [entry for entry in guideline.entries.values() if entry.when_unknown != "not stated"]
    chosen = [*[e for e in found if e.concept.states][:1], *[e for e in found if e.concept.unit and e.concept.unit != "1"][:1]]
    body = ", ".join(f"{_quoted(e.concept.name)}: {_example(e)}" for e in chosen)
    return [
        "# Several lesions: move what differs between them here and keep above what holds for the whole examination.",
        "# lesions:",
        f"#   first lesion: {{{body}}}",
        f"#   second lesion: {{{body}}}",
    ]


def _example(entry: Entry) -> str:
    """A state that is there to be seen, or a measurement in the middle of what is plausible."""
    concept = entry.concept
    if concept.states:
        present = [state for state in concept.states if not state.startswith(("no ", "none", "absent", "not "))]
        return _quoted((present or concept.states)[0])
    low, high = entry.plausible or (0.0, 24.0)
    value = 12.0 if low <= 12.0 <= high else (low + high) / 2
    return f"{value:g} {concept.unit}"
