"""Is a reading what it says it is? Everything it concludes is derived again from its findings and its guidelines, without the
model.

What this shows: the content is the one that was hashed; the assessments and cautions are those the rules give for these
findings; the measurements are those that the drawn outlines give; guideline and reader files are the named ones; and, where that
reader is installed, nothing that it always says was left out. What it cannot show is in `check.BEYOND`: first of all that the
findings are what the model saw (for that the image is read again).
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from pellucid.assess.check import Check, Verification, concluded, unchecked, verdict
from pellucid.assess.conclude import asked_again, conclude_all
from pellucid.assess.installed import READERS, check_installed
from pellucid.assess.outlined import STRIDES, check_outlines
from pellucid.assess.revise import guideline_of
from pellucid.errors import InputError, PellucidError
from pellucid.knowledge import Guideline
from pellucid.record import Assessment, Caution, Finding, Reading, Step

MOST_BYTES = 64 << 20
TOLERANCE = 2e-6
"""Numbers that differ by no more are the same: probabilities are kept to six decimals, and machines round the seventh
differently."""
SHOWN = 80
MOST_SHOWN = 4
NOT_DERIVED = ("scope", "input", "second-opinion")
"""Kinds of caution that a reader may add from what it alone knows; none that ships does."""
GRIDS = {"tf_efficientnet_lite0": 8, "tf_efficientnet_lite2": 8}
"""Pixels of the prepared image that a cell of the finest grid spans, by encoder: those of `models.encoders.PACKAGED`."""
__all__ = ["Check", "Verification", "verdict", "verify"]


def verify(text: str | bytes, *, guidelines: Iterable[Guideline] = (), readers: Path | None = None) -> Verification:
    """The verification of a reading in JSON; never raises for what the text holds.

    `guidelines` are packs that do not ship with Pellucid; `readers` is the folder of the installed readers.
    """
    try:
        content = _parsed(text)
    except (InputError, RecursionError, ValueError) as error:
        return concluded([Check("format", False, _one_line(error))])
    claimed = content.pop("id", None)
    try:
        reading = Reading.model_validate_json(json.dumps(content))
    except (ValidationError, RecursionError, ValueError) as error:
        return concluded([Check("format", False, _one_line(error))])
    checks = [Check("format", True, "a reading in the form of this version"), _check_content(claimed, reading)]
    packs = list(guidelines)
    here = check_installed(reading, readers or READERS)
    checks += _check_conclusions(reading, packs, here.card is not None)
    checks += _check_people(reading)
    stride = GRIDS.get(here.card.encoder.name) if here.card else None
    checks += check_outlines(reading, (stride,) if stride else STRIDES, here.fitted.sd if here.fitted else {})
    for name, (ok, checked, found) in here.outcomes.items():
        checks.append(Check(name, ok, found) if checked else unchecked(name, found))
    return concluded(checks)


def _parsed(text: str | bytes) -> dict[str, Any]:
    """The JSON object; InputError or ValueError, in one line, where it is none, says something twice, or holds a number that is
    none."""
    if len(text) > MOST_BYTES:
        raise InputError(f"expected a reading of at most {MOST_BYTES >> 20} MB, got {len(text) >> 20} MB")
    if not text.strip():
        raise InputError("expected a reading in JSON, got nothing: the file is empty")
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        content = json.loads(decoded, object_pairs_hook=_once, parse_constant=_no_number, parse_float=_finite)
    except UnicodeDecodeError as error:
        raise InputError(f"expected a reading in JSON, got bytes that are no UTF-8 text (at byte {error.start})") from None
    except json.JSONDecodeError as error:
        raise InputError(f"expected a reading in JSON, got text that is none: {error.msg} (line {error.lineno})") from None
    except RecursionError:
        raise InputError("expected a reading in JSON, got lists nested too deeply") from None
    if not isinstance(content, dict):
        raise InputError(f"expected a reading (a JSON object), got a JSON {type(content).__name__}")
    return cast("dict[str, Any]", content)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"expected every key once, got {_short(twice)} twice: a file that says two things is not a reading")
    return found


def _no_number(word: str) -> float:
    raise InputError(f"expected numbers, got {word}")


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _no_number(digits[:20])


def _one_line(error: Exception) -> str:
    """The first thing wrong, in one line."""
    if isinstance(error, ValidationError):
        found = error.errors(include_url=False, include_context=False)
        place = ".".join(str(part) for part in found[0]["loc"]) or "the whole"
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        message = found[0]["msg"].removeprefix("Value error, ")
        return f"{place}: {message}{more}: this is not a reading that Pellucid writes"[:300].replace("\n", " ")
    if isinstance(error, RecursionError):
        return "expected a reading in JSON, got lists nested too deeply"
    return str(error)[:300].replace("\n", " ")


def _short(value: object) -> str:
    told = value if isinstance(value, str) else str(value)
    return repr(told if len(told) <= SHOWN else f"{told[: SHOWN - 1]}…")


def _check_content(claimed: object, reading: Reading) -> Check:
    if not isinstance(claimed, str) or not claimed:
        return Check("content", False, f"the reading has no id; its content hashes to {reading.id[:12]}…")
    if claimed != reading.id:
        found = f"its id is {claimed[:12]}… but its content hashes to {reading.id[:12]}…"
        return Check("content", False, f"changed after it was written: {found}")
    return Check("content", True, f"hashes to its id {reading.id[:12]}…")


def _check_conclusions(reading: Reading, packs: Sequence[Guideline], known: bool) -> list[Check]:
    """Guidelines, findings, assessments, cautions."""
    checks: list[Check] = []
    found: list[Guideline] = []
    for a in reading.assessments:
        try:
            pack = guideline_of(a, packs)
        except PellucidError as error:
            checks.append(Check(f"guideline {a.guideline.name}", False, _one_line(error)))
            continue
        if pack not in found:
            same = f"edition {pack.edition} is the file of hash {pack.sha256[:12]}…"
            checks.append(Check(f"guideline {pack.name}", True, same))
        found.append(pack)
    checks.append(_check_findings(reading.findings, found))
    if len(found) < len(reading.assessments):
        left = "the assessments cannot be derived again without the guidelines they name"
        return [*checks, Check("assessments", False, left, checked=False)]
    asks = [asked_again(pack, a) for pack, a in zip(found, reading.assessments, strict=True)]
    try:
        derived, told = conclude_all(reading.study, reading.findings, asks, reading.provenance.signals)
    except (PellucidError, ValidationError) as error:
        return [*checks, Check("assessments", False, f"the rules cannot be applied to these findings: {_one_line(error)}")]
    checks += [_check_assessment(a, again) for a, again in zip(reading.assessments, derived, strict=True)]
    checks.append(_check_signals(reading))
    return [*checks, *_check_cautions(reading.cautions, told, known)]


def _check_findings(findings: Sequence[Finding], packs: Sequence[Guideline]) -> Check:
    """States and units are the guideline's."""
    for finding, concept in ((f, pack.concepts[f.concept]) for f in findings for pack in packs if f.concept in pack.concepts):
        if sorted(finding.states or ()) != sorted(concept.states or ()):
            found = _differs(finding.concept, "states", finding.states, concept.states, "the guideline has")
            return Check("findings", False, found)
        if finding.unit != concept.unit:
            return Check("findings", False, _differs(finding.concept, "unit", finding.unit, concept.unit, "the guideline has"))
    return Check("findings", True, f"{len(findings)} findings, each with the states or the unit that the guideline gives them")


def _differs(where: str, field: str, says: object, gives: object, giver: str) -> str:
    return f"{where}: {field}: the reading says {_short(says)}, {giver} {_short(gives)}"


def _check_assessment(recorded: Assessment, derived: Assessment) -> Check:
    """Field by field against what the rules give."""
    name = f"assessment {recorded.question}"
    said = [_difference(field, getattr(recorded, field), getattr(derived, field)) for field in Assessment.model_fields]
    wrong = [text for text in said if text]
    if not wrong:
        return Check(name, True, f"{len(said)} fields are what the rules give for these findings")
    more = f"; and {len(wrong) - MOST_SHOWN} more fields" if len(wrong) > MOST_SHOWN else ""
    return Check(name, False, "; ".join(wrong[:MOST_SHOWN]) + more)


def _difference(field: str, recorded: object, derived: object) -> str | None:
    if isinstance(recorded, Step) and isinstance(derived, Step):
        found = next(_unlike_steps(recorded, derived), None)
        return f"derivation: the reading says {_short(found[0])}, the rules give {_short(found[1])}" if found else None
    if _same(_plain(recorded), _plain(derived)):
        return None
    return f"{field}: the reading says {_short(_told(recorded))}, the rules give {_short(_told(derived))}"


def _unlike_steps(one: Step, other: Step) -> Iterator[tuple[str, str]]:
    """Pairs of lines of two derivations that differ, from the top."""
    if one.model_copy(update={"because": ()}) != other.model_copy(update={"because": ()}):
        yield f"{one.truth.value}: {one.claim} [{one.citation}]", f"{other.truth.value}: {other.claim} [{other.citation}]"
    if len(one.because) != len(other.because):
        yield f"{len(one.because)} steps under: {one.claim}", f"{len(other.because)} steps"
    for first, second in zip(one.because, other.because, strict=False):
        yield from _unlike_steps(first, second)


def _plain(value: Any) -> Any:
    """Records as plain dicts and tuples as lists, so that numbers in them can be compared within the tolerance."""
    if isinstance(value, tuple):
        return [_plain(item) for item in cast("tuple[Any, ...]", value)]
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= TOLERANCE
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        left, right = cast("Mapping[str, Any]", one), cast("Mapping[str, Any]", other)
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(one, list) and isinstance(other, list):
        here, there = cast("list[Any]", one), cast("list[Any]", other)
        return len(here) == len(there) and all(_same(a, b) for a, b in zip(here, there, strict=True))
    return bool(one == other)


def _told(value: Any) -> object:
    plain = _plain(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _check_signals(reading: Reading) -> Check:
    """The shadow was compared with what the concepts gave; known as long as no person has changed a finding."""
    if reading.study.pixels_sha256 is None:
        return unchecked("signals", "no image was read, so nothing was compared with a second look")
    if any(f.observer.kind == "person" for f in reading.findings):
        return unchecked("signals", "a person changed findings after the shadow was compared: verify the reading that it revises")
    given = {a.question: a.probabilities for a in reading.assessments}
    for shadow in reading.provenance.signals.shadow:
        gives = given.get(shadow.question, {}).get(shadow.category)
        if gives is not None and abs(gives - shadow.concept_probability) > TOLERANCE:
            where, says = f"shadow of {shadow.question}", shadow.concept_probability
            return Check("signals", False, _differs(where, "concept_probability", says, gives, "the rules give"))
    return Check("signals", True, "the shadow was compared with the probabilities that the rules give")


def _check_people(reading: Reading) -> list[Check]:
    """A person's findings stand in a model's reading only by a revision; cases that are alike are not looked up."""
    people = {f.observer.name for f in reading.findings if f.observer.kind == "person"}
    checks: list[Check] = []
    if reading.similar:
        checks.append(unchecked("similar cases", "what is said of other readings is taken from them"))
    if reading.revises is not None:
        ok = reading.provenance.by in people
        found = f"it revises {reading.revises[:12]}…: that reading is needed to see that nothing else was changed"
        fault = f"it revises {reading.revises[:12]}…, but no finding in it was set by {reading.provenance.by}"
        checks.append(unchecked("revision", found) if ok else Check("revision", False, fault))
    elif people and reading.reader.weights_sha256 is not None:
        fault = f"findings by {', '.join(sorted(people))} stand in a model's reading that revises no other"
        checks.append(Check("revision", False, fault))
    elif reading.provenance.by not in (None, *people) and reading.study.pixels_sha256 is not None:
        checks.append(Check("revision", False, f"made by {reading.provenance.by}, but no finding in it was set by that person"))
    return checks


def _check_cautions(recorded: Sequence[Caution], derived: Sequence[Caution], known: bool) -> list[Check]:
    """Every caution that the reading must carry is there, and none of a kind that only the rules may add; where the reader is
    `known`, none at all that the rules do not give, for no installed reader adds its own."""
    gone = [c for c in derived if c not in recorded]
    if gone:
        return [Check("cautions", False, f"missing is the caution ({gone[0].kind}) {_short(gone[0].text)}")]
    added = [c for c in recorded if c not in derived]
    strange = [c for c in added if known or c.kind not in NOT_DERIVED]
    if strange:
        return [Check("cautions", False, f"nothing gives rise to the caution ({strange[0].kind}) {_short(strange[0].text)}")]
    if [c for c in recorded if c not in added] != list(derived):
        return [Check("cautions", False, "they do not stand in their order, the most serious first, each once")]
    kept = [Check("cautions", True, f"{len(recorded) - len(added)} cautions, none that belongs there is missing")]
    told = f"the rules do not give the caution ({added[0].kind}) {_short(added[0].text)}" if added else ""
    return [*kept, unchecked("added cautions", told)] if added else kept
