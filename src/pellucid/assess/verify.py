"""Is a reading, or an examination of several lesions, what it says it is? Everything it concludes is derived again from its
findings and its guidelines, without the model.

What this shows: the content is the one that was hashed; the assessments and cautions are those the rules give for these
findings; the measurements are those that the drawn outlines give; guideline and reader files are the named ones; and, where that
reader is installed, nothing that it always says was left out. What it cannot show is in `check.BEYOND`: first of all that the
findings are what the model saw (for that the image is read again).
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeGuard, cast

from pydantic import ValidationError

from pellucid.assess.check import BEYOND_LESIONS, Check, Verification, concluded, unchecked, verdict
from pellucid.assess.conclude import asked_again, conclude_all
from pellucid.assess.installed import READERS, check_installed
from pellucid.assess.lesions import combine_all
from pellucid.assess.outlined import STRIDES, check_outlines
from pellucid.assess.revise import guideline_of
from pellucid.assess.unlike import TOLERANCE, check_fields, check_same, differs, plain, same, short
from pellucid.assess.weighing import weigh_all
from pellucid.assess.worked_out import work_out
from pellucid.errors import InputError, PellucidError
from pellucid.knowledge import Guideline
from pellucid.knowledge.likeness import retold
from pellucid.record import Assessment, Caution, Combined, Examination, Finding, GuidelineRef, Reading, Weighing

MOST_BYTES = 64 << 20
NOT_DERIVED = ("scope", "input", "second-opinion")
"""Kinds of caution that a reader may add from what it alone knows; none that ships does."""
GRIDS = {"mobilenetv2_100": 8, "tf_efficientnet_lite0": 8, "tf_efficientnet_lite2": 8}
"""Pixels of the prepared image that a cell of the finest grid spans, by encoder: those of `models.encoders.PACKAGED`."""
__all__ = ["Check", "Verification", "verdict", "verify"]


def verify(text: str | bytes, *, guidelines: Iterable[Guideline] = (), readers: Path | None = None) -> Verification:
    """The verification of a reading in JSON, or of an examination; never raises for what the text holds.

    `guidelines` are packs that do not ship with Pellucid; `readers` is the folder of the installed readers.
    """
    packs, folder = list(guidelines), readers or READERS
    try:
        content = _parsed(text)
        if "lesions" in content:
            return concluded(_check_examination(content, packs, folder), BEYOND_LESIONS)
        return concluded(_check_reading(content, packs, folder))
    except (InputError, ValidationError, RecursionError, ValueError) as error:
        return concluded([Check("format", False, _one_line(error))])


def _check_reading(content: dict[str, Any], packs: Sequence[Guideline], readers: Path) -> list[Check]:
    """Every check of one reading; ValidationError or ValueError where the content is none."""
    claimed = content.pop("id", None)
    reading = Reading.model_validate_json(json.dumps(content))
    said = Check("format", True, "a reading in the form of this version")
    return [said, _check_content("reading", claimed, reading.id), *_check_inside(reading, packs, readers)]


def _check_inside(reading: Reading, packs: Sequence[Guideline], readers: Path) -> list[Check]:
    here = check_installed(reading, readers)
    checks = _check_conclusions(reading, packs, here.card is not None)
    checks += _check_people(reading)
    stride = GRIDS.get(here.card.encoder.name) if here.card else None
    checks += check_outlines(reading, (stride,) if stride else STRIDES, here.fitted.sd if here.fitted else {})
    for name, (ok, checked, found) in here.outcomes.items():
        checks.append(Check(name, ok, found) if checked else unchecked(name, found))
    return checks


def _check_examination(content: dict[str, Any], packs: Sequence[Guideline], readers: Path) -> list[Check]:
    """Every lesion's reading as if it stood alone, then what is made of all of them."""
    claimed = content.pop("id", None)
    ids = [one["reading"].pop("id", None) for one in content["lesions"]] if _holds_readings(content["lesions"]) else []
    examination = Examination.model_validate_json(json.dumps(content))
    checks = [Check("format", True, f"an examination of {len(ids)} lesions in the form of this version")]
    checks.append(_check_content("examination", claimed, examination.id))
    for lesion, own in zip(examination.lesions, ids, strict=True):
        inside = [_check_content("reading", own, lesion.reading.id), *_check_inside(lesion.reading, packs, readers)]
        checks += [replace(check, name=f"{lesion.name}: {check.name}") for check in inside]
    if not all(check.ok for check in checks[2:]):
        left = "what the lesions make together cannot be derived again while the reading of one does not hold"
        return [*checks, Check("together", False, left, checked=False)]
    return [*checks, *_check_together(examination, packs)]


def _holds_readings(lesions: object) -> TypeGuard[list[dict[str, dict[str, Any]]]]:
    return isinstance(lesions, list) and all(
        isinstance(one, dict) and isinstance(cast("dict[str, Any]", one).get("reading"), dict)
        for one in cast("list[object]", lesions)
    )


def _check_together(examination: Examination, packs: Sequence[Guideline]) -> list[Check]:
    """The same questions were put to every lesion, and their answers combine as the guideline says."""
    asked = {one.name: _asked(one.reading) for one in examination.lesions}
    first, *others = asked
    if other := next((name for name in others if asked[name] != asked[first]), None):
        told = f"{other} was asked other questions, or by another guideline, than {first}: expected the same for every lesion"
        return [Check("together", False, told)]
    derived = combine_all(examination.lesions, packs)
    given, gives = ([one.assessment.question for one in some] for some in (examination.combined, derived))
    if given != gives:
        return [Check("together", False, differs("examination", "questions combined", given, gives, "the guideline combines"))]
    return [_check_combined(one, again) for one, again in zip(examination.combined, derived, strict=True)]


def _asked(reading: Reading) -> list[tuple[str, GuidelineRef]]:
    asked = [(a.question, a.guideline) for a in reading.assessments]
    return asked + [(one.differential, one.guideline) for one in reading.weighed]


def _check_combined(recorded: Combined, derived: Combined) -> Check:
    lists = [(field, getattr(recorded, field), getattr(derived, field)) for field in ("drives", "followed", "sampled")]
    one, other = recorded.assessment, derived.assessment
    fields = [(field, getattr(one, field), getattr(other, field)) for field in Assessment.model_fields]
    return check_fields(f"together {recorded.assessment.question}", [*fields, *lists])


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
        raise InputError(f"expected every key once, got {short(twice)} twice: a file that says two things is not a reading")
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


def _check_content(kind: str, claimed: object, computed: str) -> Check:
    if not isinstance(claimed, str) or not claimed:
        return Check("content", False, f"the {kind} has no id; its content hashes to {computed[:12]}…")
    if claimed != computed:
        found = f"its id is {claimed[:12]}… but its content hashes to {computed[:12]}…"
        return Check("content", False, f"changed after it was written: {found}")
    return Check("content", True, f"hashes to its id {computed[:12]}…")


def _check_conclusions(reading: Reading, packs: Sequence[Guideline], known: bool) -> list[Check]:
    """Guidelines, findings, what follows from others, assessments, signs weighed, cautions."""
    refs = dict.fromkeys([*(a.guideline for a in reading.assessments), *(one.guideline for one in reading.weighed)])
    found, checks = _find_guidelines(refs, packs)
    checks.append(_check_findings(reading.findings, list(found.values())))
    checks += _check_worked_out(reading.findings, list(found.values()))
    if len(found) < len(refs):
        left = "the assessments cannot be derived again without the guidelines they name"
        return [*checks, Check("assessments", False, left, checked=False)]
    if not refs:
        checks.append(unchecked("conclusions", "the reading concludes nothing from its findings"))
    asks = [asked_again(found[a.guideline], a) for a in reading.assessments]
    beside = list({found[one.guideline].sha256: found[one.guideline] for one in reading.weighed}.values())
    try:
        derived, told = conclude_all(reading.study, reading.findings, asks, reading.provenance.signals, beside)
        weighed = [one for pack in beside for one in weigh_all(pack, reading.findings)]
    except (PellucidError, ValidationError) as error:
        return [*checks, Check("assessments", False, f"the rules cannot be applied to these findings: {_one_line(error)}")]
    checks += [check_same(f"assessment {a.question}", a, again) for a, again in zip(reading.assessments, derived, strict=True)]
    checks += _check_weighed(reading.weighed, weighed)
    checks.append(_check_signals(reading))
    return [*checks, *_check_cautions(reading.cautions, told, known)]


def _find_guidelines(
    refs: Iterable[GuidelineRef], packs: Sequence[Guideline]
) -> tuple[dict[GuidelineRef, Guideline], list[Check]]:
    """The packs that could be found, by what names them, and a check for each."""
    found: dict[GuidelineRef, Guideline] = {}
    checks: dict[str, Check] = {}
    for ref in refs:
        try:
            pack = found[ref] = guideline_of(ref, packs)
        except PellucidError as error:
            checks[f"{ref.name} {ref.sha256}"] = Check(f"guideline {ref.name}", False, _one_line(error))
            continue
        same = f"edition {pack.edition} is the file of hash {pack.sha256[:12]}…"
        checks.setdefault(pack.sha256, Check(f"guideline {pack.name}", True, same))
    return found, list(checks.values())


def _check_weighed(recorded: Sequence[Weighing], derived: Sequence[Weighing]) -> list[Check]:
    """The signs of every differential of a guideline weigh what the reading says, and none of its differentials is left out."""
    given, gives = ([one.differential for one in some] for some in (recorded, derived))
    if given != gives:
        return [Check("signs", False, differs("weighed", "differentials", given, gives, "the guideline has"))]
    return [
        check_fields(f"signs {one.differential}", _weighed_fields(one, again))
        for one, again in zip(recorded, derived, strict=True)
    ]


def _weighed_fields(one: Weighing, other: Weighing) -> list[tuple[str, object, object]]:
    """Pairs of fields, those of every diagnosis among them."""
    fields: list[tuple[str, object, object]] = [
        (name, getattr(one, name), getattr(other, name)) for name in ("label", "guideline", "limits")
    ]
    fields.append(("diagnoses", [d.name for d in one.diagnoses], [d.name for d in other.diagnoses]))
    for first, second in zip(one.diagnoses, other.diagnoses, strict=False):
        names = type(first).model_fields
        fields += [(f"{second.name}: {name}", getattr(first, name), getattr(second, name)) for name in names]
    return fields


def _check_findings(findings: Sequence[Finding], packs: Sequence[Guideline]) -> Check:
    """States and units are the guideline's."""
    for finding, concept in ((f, pack.concepts[f.concept]) for f in findings for pack in packs if f.concept in pack.concepts):
        if sorted(finding.states or ()) != sorted(concept.states or ()):
            found = differs(finding.concept, "states", finding.states, concept.states, "the guideline has")
            return Check("findings", False, found)
        if finding.unit != concept.unit:
            return Check("findings", False, differs(finding.concept, "unit", finding.unit, concept.unit, "the guideline has"))
    return Check("findings", True, f"{len(findings)} findings, each with the states or the unit that the guideline gives them")


def _check_worked_out(findings: Sequence[Finding], packs: Sequence[Guideline]) -> list[Check]:
    """What follows from other findings follows from those that stand here; nothing to check where nothing follows."""
    name = "worked-out findings"
    try:
        again = {f.concept: f for f in work_out(findings, packs)}
    except PellucidError as error:
        return [Check(name, False, _one_line(error))]
    here = {f.concept: f for f in findings}
    for concept in dict.fromkeys([*here, *again]):
        one, other = (plain(found[concept]) if concept in found else None for found in (here, again))
        if not same(one, other):
            return [Check(name, False, differs(concept, "finding", _said(one), _said(other), "the others give"))]
    count = sum(f.because is not None for f in findings)
    return [Check(name, True, f"{count} follow from the findings that were stated")] if count else []


def _said(finding: Mapping[str, Any] | None) -> object:
    return finding["probabilities"] or finding["value"] or finding["unknown_because"] if finding else "nothing"


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
            return Check("signals", False, differs(where, "concept_probability", says, gives, "the rules give"))
    return Check("signals", True, "the shadow was compared with the probabilities that the rules give")


def _check_people(reading: Reading) -> list[Check]:
    """A person's findings stand in a model's reading only by a revision; cases that are alike are not looked up."""
    people = {f.observer.name for f in reading.findings if f.observer.kind == "person"}
    checks: list[Check] = []
    checks += _check_similar(reading)
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


def _check_similar(reading: Reading) -> list[Check]:
    """What is said of cases that are alike follows from what is recorded of them; which cases there are is not looked up."""
    if not reading.similar:
        return []
    name, told = "similar cases", "that these are the nearest, what they turned out to be, and the distance in image space"
    for case in reading.similar:
        again = retold(case, reading)
        for field in ("concept_distance", "alike", "different", "stands"):
            if not same(getattr(case, field), getattr(again, field)):
                where = f"case {case.reading[:12]}…"
                found = differs(where, field, getattr(case, field), getattr(again, field), "the findings give")
                return [Check(name, False, found)]
    counted = sum(bool(case.seen) for case in reading.similar)
    made = [Check(name, True, f"how {counted} cases are alike and differ follows from what they record")] if counted else []
    return [*made, unchecked("similar cases' origin" if made else name, f"{told}, are taken from the library as they stand")]


def _check_cautions(recorded: Sequence[Caution], derived: Sequence[Caution], known: bool) -> list[Check]:
    """Every caution that the reading must carry is there, and none of a kind that only the rules may add; where the reader is
    `known`, none at all that the rules do not give, for no installed reader adds its own."""
    gone = [c for c in derived if c not in recorded]
    if gone:
        return [Check("cautions", False, f"missing is the caution ({gone[0].kind}) {short(gone[0].text)}")]
    added = [c for c in recorded if c not in derived]
    strange = [c for c in added if known or c.kind not in NOT_DERIVED]
    if strange:
        return [Check("cautions", False, f"nothing gives rise to the caution ({strange[0].kind}) {short(strange[0].text)}")]
    if [c for c in recorded if c not in added] != list(derived):
        return [Check("cautions", False, "they do not stand in their order, the most serious first, each once")]
    kept = [Check("cautions", True, f"{len(recorded) - len(added)} cautions, none that belongs there is missing")]
    told = f"the rules do not give the caution ({added[0].kind}) {short(added[0].text)}" if added else ""
    return [*kept, unchecked("added cautions", told)] if added else kept
