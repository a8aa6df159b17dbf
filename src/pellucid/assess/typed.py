"""Findings that a person typed, or that another system exported: one strict YAML file, checked against a guideline.

    by: Dr Ada                         # who says so; `by: {name: VendorX 2.1, kind: model}` for another system
    findings: {age: 62 y, setting: screening}          # of the whole examination
    lesions:                                           # each beside the findings of the examination
      right upper lobe: {nodule_type: solid, mean_diameter: 7.9 ± 0.5 mm, spiculation: {absent: 0.7, present: 0.3}}
      left lower lobe: {nodule_type: solid, mean_diameter: 9 mm, earlier: {interval_months: 12, mean_diameter: 6 mm}}

A value is a state, states with probabilities, a measurement (a plain number is in the concept's unit), `unknown`, or
`'unknown: why'` in quotes. `earlier` is the same lesion measured before.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pellucid.assess.listed import count_listed
from pellucid.assess.typed_earlier import interval_only, with_earlier
from pellucid.assess.typed_values import Stated, stated
from pellucid.errors import InputError
from pellucid.knowledge import Guideline
from pellucid.knowledge.fields import Place
from pellucid.knowledge.risk import load_risk_model
from pellucid.knowledge.strict_yaml import parse
from pellucid.knowledge.terms import Entry
from pellucid.record import Finding, Observer

WHOLE = "the examination"
EARLIER = "earlier"


@dataclass(frozen=True)
class Typed:
    """The findings of one examination: per lesion, those of the examination included; one unnamed lesion where none is named."""

    observer: Observer
    lesions: Mapping[str, tuple[Finding, ...]]
    places: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    """Where in the file (`file:line`) each concept of a lesion stands; under "" the lesion itself."""

    def place(self, lesion: str, concepts: Iterable[str] = ()) -> str:
        """Where the last of some concepts of a lesion stands, else the lesion itself; empty where nothing is known."""
        known = self.places.get(lesion, {})
        found = [known[name] for name in concepts if name in known] or [known.get("", "")]
        return max(found, key=lambda place: int(place.rpartition(":")[2] or 0))


def read_typed(path: str | Path, guideline: Guideline) -> Typed:
    """The findings in a YAML file.

    Raises InputError (GuidelineError with file and line) where the file is not such YAML, or a finding does not fit its concept.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(
            f"{file}: expected findings in YAML, got no such file; `pellucid guidelines show NAME --template` prints one"
        )
    fields = Place(parse(file.read_bytes(), str(file)), str(file)).fields()
    observer = _observer(fields.take("by"))
    fields.maybe("guideline")
    shared, earlier, lesions = fields.maybe("findings"), fields.maybe("earlier"), fields.maybe("lesions")
    fields.done()
    form = _Form(guideline, askable(guideline), observer)
    common = form.findings(dict(shared.pairs())) if shared else {}
    if lesions is not None:
        found, heads = _read_lesions(form, common, lesions, earlier), dict(lesions.pairs())
    elif common:
        found, heads = {WHOLE: with_earlier(guideline, common, earlier)}, {WHOLE: fields.place}
    else:
        fields.place.refuse("findings, lesions, or both", "neither")
    told = {name: tuple(one.finding for one in said.values()) for name, said in found.items()}
    places = {
        name: {"": _where(heads[name])} | {concept: _where(one.place) for concept, one in said.items()}
        for name, said in found.items()
    }
    return Typed(observer, told, places)


def _read_lesions(
    form: "_Form", common: Mapping[str, Stated], lesions: Place, earlier: Place | None
) -> dict[str, dict[str, Stated]]:
    bodies = {name: dict(body.pairs()) for name, body in lesions.pairs()}
    if not bodies:
        lesions.refuse("one lesion or more", "none")
    if len(bodies) > 1:
        interval_only(earlier)
    made: dict[str, dict[str, Stated]] = {}
    for name, body in bodies.items():
        block = body.pop(EARLIER, None) or (earlier if len(bodies) == 1 else None)
        made[name] = with_earlier(form.guideline, {**common, **form.findings(body)}, block, earlier)
    return form.with_counts(made, lesions)


@dataclass(frozen=True)
class _Form:
    """What the findings are read against."""

    guideline: Guideline
    known: Mapping[str, Entry]
    observer: Observer

    def findings(self, pairs: Mapping[str, Place]) -> dict[str, Stated]:
        found: dict[str, Stated] = {}
        for name, value in pairs.items():
            if name not in self.known:
                value.unknown("concept", name, list(self.known))
            found[name] = stated(self.known[name], value, self.observer)
        return found

    def with_counts(self, made: dict[str, dict[str, Stated]], lesions: Place) -> dict[str, dict[str, Stated]]:
        """The lesions that are listed, where the guideline asks how many there are; more may be stated, fewer may not."""
        for name, entry in self.guideline.entries.items():
            if not entry.counted:
                continue
            listed = count_listed(
                self.guideline, entry, {lesion: tuple(one.finding for one in said.values()) for lesion, said in made.items()}
            )
            for said in made.values():
                given = said.get(name)
                if given is None or given.finding.value is None:
                    said[name] = Stated(listed.finding(entry, self.observer), lesions)
                elif given.finding.value < listed.least:
                    expected = f"{name} of {listed.least} or more, for so many lesions are listed"
                    given.place.refuse(expected, f"{given.finding.value:g}")
        return made


def _where(place: Place) -> str:
    return f"{place.file}:{place.node.line}"


def guideline_named(path: str | Path) -> str | None:
    """The guideline that a file of findings names, where it names one."""
    file = Path(path)
    if not file.is_file():
        return None
    named = dict(Place(parse(file.read_bytes(), str(file)), str(file)).pairs()).get("guideline")
    return named.text() if named else None


def _observer(place: Place) -> Observer:
    if isinstance(place.node.value, str):
        return Observer(name=place.text(), kind="person")
    fields = place.fields()
    name, kind = fields.take("name").text(), fields.take("kind")
    fields.done()
    if kind.text() not in ("person", "model"):
        kind.refuse("person or model", kind.text())
    return Observer(name=name, kind="model" if kind.text() == "model" else "person")


def askable(guideline: Guideline) -> dict[str, Entry]:
    """Every concept that may be stated: the guideline's own, and what its second opinions ask for beside them."""
    models = dict.fromkeys(name for question in guideline.questions.values() for name in question.second_opinions)
    found = dict(guideline.entries)
    for model in models:
        for name, asked in load_risk_model(model).inputs.items():
            found.setdefault(name, Entry(asked.concept, "{state}", plausible=asked.plausible))
    return found
