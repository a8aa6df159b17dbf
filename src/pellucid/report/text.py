"""A reading as plain text, 100 columns wide, for a terminal or a letter."""

import textwrap
from collections.abc import Iterable

from pellucid.record import Examination, Reading, Step, Truth, Weighing
from pellucid.report import words
from pellucid.report.examination import BELOW, INDEPENDENT, Together, examination_sheet
from pellucid.report.places import box_words
from pellucid.report.sheet import CONTRADICTED, RESEARCH, WEIGHED, Row, Sheet, Verdict, sheet

COLUMNS = 100
BAR = 30
DEEPEST = 40
"""Indentation stops growing here, so that a very deep derivation stays readable."""


def text(reading: Reading, earlier: Reading | None = None) -> str:
    """The reading as text; with the `earlier` reading that it revises, before and after stand side by side."""
    s = sheet(reading, earlier)
    blocks = [
        _header(s),
        _section(words.CAUTIONS["contradiction"], _contradictions(s)),
        *(_verdict(v) for v in s.verdicts),
        *(_weighed(one) for one in s.weighed),
        _section("What the revision changed", _moves(s)),
        _section("What was seen", _rows(s)),
        *(_section(f"Why: {v.question}", [f"By {v.guideline}.", *_tree(v.derivation)]) for v in s.verdicts),
        *(_section(f"What would change it: {v.question}", _change(v)) for v in s.verdicts),
        _section("What this reading cannot see", _blind(s)),
        _section("Cautions", [line for kind, told in s.cautions for line in _wrap(f"{kind}: {told}", 0, "! ")]),
        *(_section(f"To consider: {v.question}", _differential(v)) for v in s.verdicts),
        *(_section(f"A second opinion: {v.question}", _second(v)) for v in s.verdicts),
        _section("Alike, and confirmed by people", _similar(reading)),
        _section("Provenance", _provenance(s)),
    ]
    body = "\n\n".join(block for block in blocks if block)
    return words.plain(body.replace(words.NBSP, " ")) + "\n"


def examination_text(examination: Examination) -> str:
    """An examination of several lesions as text: what they make together and which of them drives, then each lesion's reading."""
    made = examination_sheet(examination)
    names = words.listing([name for name, _ in made.lesions])
    head = [*_wrap(f"{made.title}: examination {words.short_hash(made.id)}"), *_wrap(f"{len(made.lesions)} lesions: {names}.")]
    blocks = ["\n".join([*head, *_wrap(RESEARCH)]), *(_together(one) for one in made.together)]
    body = words.plain("\n\n".join(blocks).replace(words.NBSP, " "))
    parts = [f"{'=' * 8} {words.plain(one.name)} {'=' * 8}\n\n{text(one.reading)}" for one in examination.lesions]
    return "\n\n".join([body, *parts])


def _together(one: Together) -> str:
    told = [line for name in one.lists for line in _wrap(name, 2)]
    why = _section(f"Why the examination: {one.verdict.question}", [f"By {one.verdict.guideline}.", *_tree(one.why)])
    notes = [*_wrap(BELOW), *_wrap(INDEPENDENT)]
    return "\n".join(["THE EXAMINATION", _verdict(one.verdict), *told, "", why, *notes])


def _wrap(line: str, indent: int = 0, mark: str = "") -> list[str]:
    """A line wrapped to the page, its continuation under its own text."""
    room = " " * min(indent, DEEPEST)
    smooth = " ".join(line.replace(words.NBSP, "\u2007").split(" "))
    first, later = room + mark, room + " " * len(mark)
    wrapped = textwrap.wrap(smooth, COLUMNS, initial_indent=first, subsequent_indent=later, break_on_hyphens=False)
    return [part.replace("\u2007", " ") for part in wrapped] or [first.rstrip()]


def _section(title: str, lines: Iterable[str]) -> str:
    body = list(lines)
    if not body:
        return ""
    heading = _wrap(title)
    return "\n".join([*heading, "-" * max(len(line) for line in heading), *body])


def _header(s: Sheet) -> str:
    lines = [
        *_wrap(f"{s.title}: reading {words.short_hash(s.reading.id)}"),
        *_wrap(f"Reader {s.reader}. {RESEARCH}"),
        *_wrap(s.study),
    ]
    if s.reading.revises:
        by = f" by {s.reading.provenance.by}" if s.reading.provenance.by else ""
        lines += _wrap(f"Revises reading {words.short_hash(s.reading.revises)}{by}.")
    return "\n".join(lines) + ("" if s.verdicts or s.weighed else "\n\nNo question was asked of these findings.")


def _contradictions(s: Sheet) -> list[str]:
    lines = [part for told in s.contradictions for part in _wrap(told, 0, "!! ")]
    return [*lines, *_wrap(CONTRADICTED)] if lines else []


def _verdict(v: Verdict) -> str:
    lines = _wrap(v.question.upper())
    lines += _wrap(v.statement, 2)
    if v.abstained:
        lines += _wrap(f"No category is given, because: {v.abstained}", 2)
    lines += _wrap(f"{v.category}. {v.set_words}." if v.category else f"{v.set_words}.", 2)
    lines += _wrap(v.set_note, 2) if v.set_note else []
    if v.next_step:
        cited = f" [{v.next_citation}]" if v.next_citation else ""
        lines += _wrap(f"Next step: {v.next_step}{cited}", 2)
        lines += _wrap(v.next_note, 13) if v.next_note else []
    lines += [part for advice in v.to_do for part in _wrap(f"What to do: {advice}", 2)]
    if v.abstained and v.bars:
        lines += _wrap("Computed before abstaining, not a result:", 2)
    return "\n".join([*lines, *_bars(v)])


def _bars(v: Verdict) -> list[str]:
    width = min(28, max((len(bar.label) for bar in v.bars), default=0))
    lines: list[str] = []
    for bar in v.bars:
        mark = "*" if bar.inside else " "
        before = f"  (before {words.percent(bar.before)})" if bar.before is not None else ""
        name = textwrap.shorten(bar.label, width, placeholder="…").ljust(width)
        lines.append(f"  {mark} {name}  {bar.percent:>6}  {'#' * round(BAR * bar.p):<{BAR}}{before}".rstrip())
    return [*lines, "  * in the set"] if any(bar.inside for bar in v.bars) else lines


def _moves(s: Sheet) -> list[str]:
    lines: list[str] = []
    for move in s.moves:
        by = f" ({move.by})" if move.by else ""
        told = f"unchanged: {move.after}" if move.same else f"{move.before} -> {move.after}"
        lines += _wrap(f"{move.what}: {told}{by}", 0, "- ")
    if s.reading.revises and not s.moves:
        lines = _wrap("The earlier reading was not handed to this report, so before and after are not set side by side.")
    return lines


def _rows(s: Sheet) -> list[str]:
    if not s.rows:
        return ["No finding was recorded."]
    lines: list[str] = []
    for row in s.rows:
        lines += _row(row, s)
    if s.reading.study.pixels_sha256 is None:
        return lines
    lines += _wrap("Reliability was measured on cases that the reader did not learn from; in brackets the 95 % interval.")
    return lines + [part for measure in s.measures for part in _wrap(measure)]


def _row(row: Row, s: Sheet) -> list[str]:
    mark = f"{row.number:>2}  "
    said = f"{row.label}: {row.said}" + (f", {row.percent}" if row.percent else "") + (f": {row.because}" if row.because else "")
    lines = _wrap(said + (f"  [{row.corrected}]" if row.corrected else ""), 0, mark)
    if len(row.slices) > 1:
        lines += _wrap("; ".join(f"{part.state} {part.percent}" for part in row.slices), 6)
    extent = f" ({box_words(row.place, s.reading.study)})" if row.place else ""
    alike = f", shared by findings {words.numbers(row.place.numbers)}" if row.place and len(row.place.numbers) > 1 else ""
    lines += _wrap(f"place: {row.place_words}{extent}{alike}", 6)
    weak = "; no better than its baseline" if row.no_better else ""
    return lines + _wrap(f"reliability: {row.reliability_words}{weak}", 6)


def _tree(step: Step, depth: int = 0) -> list[str]:
    """The derivation, two columns deeper a level: truth, claim, then what it rests on."""
    rests = [words.GROUNDS[step.ground]]
    rests += [step.citation] if step.citation else []
    rests += [words.VERIFIED[step.verified]] if step.verified else []
    mark = f"{step.truth.value:<8}"
    told = f"[{'; '.join(rests)}]"
    lines = _wrap(f"{step.claim}  {told}" if len(rests) == 1 else step.claim, 2 * depth, mark)
    lines += _wrap(told, 2 * depth + len(mark)) if len(rests) > 1 else []
    return lines + [line for child in step.because for line in _tree(child, depth + 1)]


def _change(v: Verdict) -> list[str]:
    lines = [part for line in v.enough for part in _wrap(line, 0, "- ")]
    for category, changes in v.contrasts:
        lines += _wrap(f"{category}, if: {changes}.", 0, "- ")
    lines += [part for told in v.struck for part in _wrap(told, 0, "! ")]
    for look in v.look_again:
        lines += _wrap(
            f"Worth looking at again: confirming {look.words} would settle {look.percent} of the uncertainty.", 0, "- "
        )
    return lines + [part for edge in v.edges for part in _wrap(f"On an edge: {edge}", 0, "- ")]


def _blind(s: Sheet) -> list[str]:
    lines = [part for name, why in s.cannot_judge for part in _wrap(f"{name}: {why}", 0, "- ")]
    return lines + [part for line in s.scope for part in _wrap(line, 0, "- ")]


def _differential(v: Verdict) -> list[str]:
    lines: list[str] = []
    for item in v.differential:
        because = f": supported by {words.listing([words.condition(c) for c in item.because])}" if item.because else ""
        cited = f"  [{item.citation}]" if item.citation else ""
        lines += _wrap(f"{item.name}{because}{cited}", 0, "- ")
    return lines


def _weighed(one: Weighing) -> str:
    lines = _wrap(f"TO CONSIDER: {one.label.upper()}")
    lines += _wrap(WEIGHED, 2)
    for diagnosis in one.diagnoses:
        lines += _wrap(f"{words.weighed(diagnosis)}", 2, f"{diagnosis.rank}. ")
        met = [sign for sign in diagnosis.signs if sign.step.truth is Truth.MET]
        for sign in sorted(met, key=lambda sign: -sign.weight):
            lines += _wrap(f"{sign.step.claim}" + (f"  [{sign.step.citation}]" if sign.step.citation else ""), 7)
        lines += _wrap(f"Looks alike: {words.listing(diagnosis.mimics)}", 5) if diagnosis.mimics else []
        if diagnosis.rank == 1 and diagnosis.next_step:
            lines += _wrap(f"Next step, if so: {diagnosis.next_step} [{diagnosis.next_step_citation}]", 5)
    return "\n".join([*lines, *(part for limit in one.limits for part in _wrap(limit, 2, "- "))])


def _second(v: Verdict) -> list[str]:
    return [line for told in v.second for line in _wrap(told, 0, "- ")]


def _similar(reading: Reading) -> list[str]:
    lines: list[str] = []
    for case in reading.similar:
        lines += _wrap(words.similar(case), 0, "! " if case.stands == "contradicts" else "- ")
    return [*lines, *_wrap(words.SIMILAR_NOTE)] if lines else []


def _provenance(s: Sheet) -> list[str]:
    lines = [part for fact in s.facts for part in _wrap(f"{fact.name}: {fact.digest or fact.text}")]
    return [*lines, "Re-check without the model: pellucid verify READING.json"]
