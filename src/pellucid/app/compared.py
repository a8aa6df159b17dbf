"""A concordance record as text for a clinician, 100 columns wide."""

import textwrap
from typing import TYPE_CHECKING

from pellucid.record import Step, Truth

if TYPE_CHECKING:
    from pellucid.assess.concordance import Concordance
    from pellucid.assess.pathology import Mention
    from pellucid.assess.residual import Residual

COLUMNS = 100
MARKS = {Truth.MET: "+", Truth.NOT_MET: "-", Truth.UNKNOWN: "?"}
VERIFIED = {
    "source": "source read",
    "recomputed": "recomputed",
    "background": "background knowledge, to be checked",
}


def compared(record: "Concordance") -> str:
    """The record in sections: outcome, what to do, conflict, risk left, what was said, what is not stated, why."""
    blocks = [
        _head(record),
        _section("The two statements that conflict", _conflict(record)),
        _section("Risk of cancer that is left after this biopsy", _residual(record.residual)),
        _section("What was said", _said(record)),
        _section("Not stated", _unstated(record)),
        _section("To weigh", [line for flag in record.flags for line in _wrap(_sentence(flag), "  ! ")]),
        _section("What would settle it", [line for what in record.resolves for line in _wrap(what, "  * ")]),
        _section("Why (+ holds, - does not, ? unknown)", _tree(record.derivation, 0)),
        _section("Made from", _made_from(record)),
    ]
    return "\n\n".join(block for block in blocks if block)


def _wrap(text: str, mark: str) -> list[str]:
    room = " " * len(mark)
    return textwrap.wrap(
        " ".join(text.split()), COLUMNS, initial_indent=mark, subsequent_indent=room, break_on_hyphens=False
    ) or [mark.rstrip()]


def _section(title: str, lines: list[str]) -> str:
    return "\n".join([title, "-" * len(title), *lines]) if lines else ""


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!", "]")) else ".")


def _head(r: "Concordance") -> str:
    lines = [
        f"Imaging and pathology of the {r.organ}: record {r.id[:12]}",
        "Research use; not a medical device.",
        "",
        (r.outcome or "not decided").upper(),
    ]
    cited = f" [{r.citation}; {VERIFIED[r.verified or 'background']}]" if r.citation else ""
    lines += _wrap(f"{r.statement}{f' Rule {r.rule}.' if r.rule and r.outcome else ''}{cited if r.outcome else ''}", "  ")
    if r.undecided_because:
        lines += _wrap(f"Not decided, because {r.undecided_because}.", "  ")
    until = "Until then" if r.outcome is None else "What to do"
    for label, text in ((until, f"{r.action}{cited if r.outcome is None else ''}"), ("By when", r.deadline)):
        lines += _wrap(text, f"  {label + ':':<13}")
    lines += _wrap(", ".join(r.sign), f"  {'To sign:':<13}")
    return "\n".join(lines)


def _conflict(r: "Concordance") -> list[str]:
    if r.conflict is None:
        return []
    lines = _wrap(f"“{r.conflict.imaging.text}” ({r.conflict.imaging.by})", "  Imaging:    ")
    if r.conflict.imaging.step:
        lines += _wrap(f"by the step: {r.conflict.imaging.step}", "              ")
    lines += _wrap(f"“{r.conflict.pathology.text}” ({r.conflict.pathology.by})", "  Pathology:  ")
    return lines + _wrap(_sentence(r.conflict.why), "  Conflict:   ")


def _residual(left: "Residual | None") -> list[str]:
    if left is None:
        return []
    value = f"R = {_percent(left.value)} ({_percent(left.low)} to {_percent(left.high)})"
    if left.value is None:
        value = f"R between {_percent(left.low)} and {_percent(left.high)}"
    if left.ceiling is not None and left.above_ceiling:
        where = {"yes": "above", "possibly": "possibly above", "no": "at or below"}[left.above_ceiling]
        value += f", {where} the ceiling of {_percent(left.ceiling)} for following"
    lines = _wrap(f"{value}.", "  ")
    told = f"{left.formula}; {left.before}"
    if left.sensitivity is not None:
        low, used, high = left.sensitivity
        told += f"; se {used:g} ({low:g} to {high:g}), sp {left.specificity:g}"
    lines += _wrap(f"{told} [{left.citation}].", "  ")
    return lines + (_wrap(_sentence(left.note), "  ") if left.note else [])


def _percent(p: float | None) -> str:
    if p is None:
        return "unknown"
    return f"{100 * p:.2f} %" if p < 0.1 else f"{100 * p:.0f} %"


def _said(r: "Concordance") -> list[str]:
    image = r.imaging
    category = f"category {image.category}" if image.category else f"no category: {image.category_unknown_because}"
    lines = _wrap(f"{category}. {image.statement} ({image.by.name})", "  Imaging:    ")
    for specimen in r.pathology.specimens:
        label = f"{specimen.label}: " if specimen.label else ""
        told = [_mention(m) for m in specimen.mentions]
        if specimen.stated_class:
            told.append(f"class {specimen.stated_class}")
        lines += _wrap(f"{label}{'; '.join(told) or 'nothing'} ({r.pathology.by.name})", "  Pathology:  ")
    return lines


def _mention(m: "Mention") -> str:
    if m.term is None:
        return f"“{m.words}”, which is not in the table"
    status = {"present": "", "uncertain": ", only possible", "negated": ", denied", "historical": ", in the past"}[m.status]
    return f"{m.term}{status}" if m.status == "negated" else f"{m.term} ({m.tissue}{status})"


def _unstated(r: "Concordance") -> list[str]:
    lines: list[str] = []
    for fact in r.unstated:
        lines += _wrap(f"{fact.what}{': the outcome rests on it' if fact.decides else ''}", "  ? " if fact.decides else "    ")
    return lines


def _tree(step: Step, depth: int) -> list[str]:
    """The derivation; the rules that do not hold are only named, their text is in the record."""
    cited = f" [{step.citation}]" if step.citation else ""
    lines = _wrap(f"{step.claim}{cited}", f"{'  ' * (depth + 1)}{MARKS[step.truth]} ")
    for part in step.because:
        if part.truth is not Truth.NOT_MET:
            lines += _tree(part, depth + 1)
    failed = [part.claim.partition(":")[0] for part in step.because if part.truth is Truth.NOT_MET]
    if depth == 0 and failed:
        lines += _wrap(f"rules that do not hold: {', '.join(failed)}", "    - ")
    return lines


def _made_from(r: "Concordance") -> list[str]:
    table = f"table {r.table.name} {r.table.edition} (sha256 {r.table.sha256[:12]}…)"
    image = f"imaging reading {r.imaging.reading[:12]}…" if r.imaging.reading else "an imaging statement without a reading"
    pack = f", {r.imaging.guideline.name} {r.imaging.guideline.edition}" if r.imaging.guideline else ""
    return _wrap(f"{table}; {image}{pack}; pathology {r.pathology.source or 'statement'}.", "  ")
