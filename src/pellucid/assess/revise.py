"""A person corrects findings: the rules run again, the pixels do not. The old reading stays as it is."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from pellucid.assess.conclude import asked_again, conclude_all
from pellucid.assess.typed_values import too_wide
from pellucid.assess.weighing import weigh_all
from pellucid.assess.worked_out import work_out
from pellucid.errors import InputError, TamperedError, UnknownName
from pellucid.knowledge import Guideline, load_guideline
from pellucid.knowledge.likeness import retold
from pellucid.knowledge.terms import Entry
from pellucid.record import Caution, Finding, GuidelineRef, Observer, Reading

UNKNOWN = "unknown"
"""Setting a concept to this withdraws the finding."""
MISSING = "no such pack ships with this version; give the folder of the one of hash {}…{} (--guideline FOLDER)"
GIVE_THAT = "give the folder as it was then (--guideline FOLDER)"
INSTALL_THAT = "install that version, give the folder of that file (--guideline FOLDER), or read the image again"
NEVER_NEGATIVE = ("mm", "mm2", "mm3", "1")
NUMBER = re.compile(r"([+-]?[\d.]+(?:[eE][+-]?\d+)?)\s*(?:(?:±|\+/-)\s*([\d.]+))?\s*(\D.*|)")


def revise(reading: Reading, changes: Mapping[str, str | float], *, by: str, guidelines: Iterable[Guideline] = ()) -> Reading:
    """A new reading in which `by` has set some concepts: a state, a number (`long_axis=12.5`, `12.5±0.5`), or `unknown`.

    What is set is certain (probability 1; standard deviation 0 where none is stated). Every other finding stays as it is, also
    one that sits oddly beside the new one, but those that follow from others are worked out again. All assessments and cautions
    are concluded again; novelty and shadow stay as the model measured them. The same reading, changes and name give the same id.
    `guidelines` are packs that do not ship. Raises UnknownName for a concept or state that does not exist, InputError for a
    number that is none, TamperedError where a guideline is not the one of the reading.
    """
    who = by.strip()
    if not who or not changes:
        raise InputError("revise: expected at least one concept to set, and who says so (by=…)")
    packs = [guideline_of(a.guideline, guidelines) for a in reading.assessments]
    weighed_by = [guideline_of(ref, guidelines) for ref in dict.fromkeys(one.guideline for one in reading.weighed)]
    every = [*packs, *weighed_by]
    findings = work_out(_with_changes(reading, changes, every, Observer(name=who, kind="person")), every)
    asks = [asked_again(pack, a) for pack, a in zip(packs, reading.assessments, strict=True)]
    signals = reading.provenance.signals
    assessments, told = conclude_all(reading.study, findings, asks, signals, weighed_by)
    _, before = conclude_all(reading.study, reading.findings, asks, signals, weighed_by)
    revised = Reading(
        study=reading.study,
        reader=reading.reader,
        findings=findings,
        assessments=assessments,
        weighed=tuple(one for pack in weighed_by for one in weigh_all(pack, findings)),
        cautions=_with_others(told, before, reading.cautions),
        provenance=reading.provenance.model_copy(update={"by": who, "created": datetime.now(UTC).isoformat(timespec="seconds")}),
        revises=reading.id,
    )
    similar = tuple(retold(case, revised) for case in reading.similar)
    return Reading.model_validate({**dict(revised), "id": "", "similar": similar})


def guideline_of(ref: GuidelineRef, guidelines: Iterable[Guideline] = ()) -> Guideline:
    """The pack that a reading names: one of `guidelines` by its hash, or the shipped one of that name and edition.

    UnknownName where there is none; TamperedError where its bytes are not those that the reading names.
    """
    packs, name = tuple(guidelines), f"{ref.name}-{ref.edition}"
    if given := next((g for g in packs if g.sha256 == ref.sha256), None):
        return given
    own = next((g for g in packs if f"{g.name}-{g.edition}" == name), None)
    try:
        pack = own or load_guideline(name)
    except UnknownName:
        there = f", not {' or '.join(f'{g.name}-{g.edition}' for g in packs)}" if packs else ""
        raise UnknownName("guideline", name, (), to_do=MISSING.format(ref.sha256[:12], there)) from None
    if pack.sha256 != ref.sha256:
        where, to_do = ("the one given", GIVE_THAT) if own else ("the one installed", INSTALL_THAT)
        raise TamperedError(
            f"guideline {ref.name} {ref.edition}: the reading was concluded with the file of hash {ref.sha256[:12]}…, "
            f"{where} ({pack.file}) has {pack.sha256[:12]}…: {to_do}"
        )
    return pack


def _with_others(told: Sequence[Caution], before: Sequence[Caution], recorded: Sequence[Caution]) -> tuple[Caution, ...]:
    """The cautions just concluded, then those of the old reading that no conclusion gave (the reader's own)."""
    return tuple(dict.fromkeys([*told, *(c for c in recorded if c not in before)]))


def _with_changes(
    reading: Reading, changes: Mapping[str, str | float], packs: Sequence[Guideline], person: Observer
) -> tuple[Finding, ...]:
    entries = {name: entry for pack in packs for name, entry in pack.entries.items()}
    old = {f.concept: f for f in reading.findings}
    known = {*entries, *old}
    made: dict[str, Finding] = {}
    for name, setting in changes.items():
        if name not in known:
            raise UnknownName("concept", name, known, f"reading {reading.id[:12]}")
        made[name] = _finding(name, setting, person, old.get(name), entries.get(name))
    kept = [made.get(f.concept, f) for f in reading.findings]
    return (*kept, *(f for name, f in made.items() if name not in old))


def _finding(name: str, setting: str | float, person: Observer, old: Finding | None, entry: Entry | None) -> Finding:
    """The person's finding; its place stays where the old one was, its states are the guideline's."""
    concept = entry.concept if entry else None
    states = concept.states if concept else (old.states if old else None)
    unit = concept.unit if concept else (old.unit if old else None)
    region = old.region.model_copy(update={"share": None}) if old and old.region else None
    base = Finding(
        concept=name, observer=person, states=states, unit=unit, region=region, unknown_because=f"set to unknown by {person.name}"
    )
    if setting == UNKNOWN and UNKNOWN not in (states or ()):
        return base
    if states is None:
        value, sd = _number(name, setting, unit or "")
        if entry and (most := too_wide(entry, value, sd)):
            raise InputError(
                f"concept {name}: expected an error of at most {most:g} (one standard deviation), got {value:g}±{sd:g}"
            )
        said: dict[str, object] = {"value": value, "sd": sd, "earlier": old.earlier if old else None}
    else:
        if setting not in states:
            raise UnknownName("state", str(setting), states, f"concept {name}")
        said = {"state": setting, "probabilities": tuple(float(state == setting) for state in states)}
    return Finding.model_validate({**dict(base), "unknown_because": None, **said})


def _number(name: str, setting: str | float, unit: str) -> tuple[float, float]:
    """Value and standard deviation of a measurement, from a number or from text like '12.5', '12.5 mm', '12.5±0.5'."""
    match = NUMBER.fullmatch(str(setting).strip())
    try:
        value, sd = (float(match[1]), float(match[2] or 0.0)) if match else (math.nan, math.nan)
    except ValueError:
        value, sd = math.nan, math.nan
    fits = math.isfinite(value) and math.isfinite(sd) and not (unit in NEVER_NEGATIVE and value < 0)
    if match is None or not fits or match[3].strip() not in ("", unit):
        raise InputError(f"concept {name}: expected a number in {unit} such as 12.5 or 12.5±0.5, got {str(setting)[:60]!r}")
    return value, sd
