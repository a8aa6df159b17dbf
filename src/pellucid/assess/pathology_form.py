"""The pathology form: YAML that a person fills in, read strictly; and its template."""

from typing import NoReturn, get_args

from pydantic import ValidationError

from pellucid.assess.pathology import BENIGN, History, Mention, Pathology, Sampling, Specimen, Status, weight_of, worst
from pellucid.errors import InputError
from pellucid.knowledge.concordance import Table
from pellucid.knowledge.concordance.rules import read_tissue
from pellucid.knowledge.concordance.table import TISSUES
from pellucid.knowledge.fields import Fields, Place
from pellucid.knowledge.strict_yaml import parse
from pellucid.record import Observer

TEMPLATE = """# Pathology of one lesion of the {organ}; leave out what is not known: it stays unknown.
organ: {organ}
by: name of the pathologist
specimens:
  - label: A                       # only where there are several
    diagnoses:                     # every diagnosis; words of the table, or of your own with a class
      - {example}
#     - {{diagnosis: {second}, status: uncertain}}      # present (default), uncertain, negated, historical
#     - {{diagnosis: words the table does not know, class: nonspecific benign}}
#   class: {classes}
sampling:
  guidance: ultrasound             # ultrasound, stereotactic, MRI, CT, none …
  gauge: 14
  cores: 4
  target: hit                      # hit or missed: was the needle seen in the lesion, or the clip at its place
# specimen_calcifications: present # present or absent: only where calcifications were the target
# removed: part                    # part or whole; where nothing is said, a part
history: []                        # documented: {histories}
later_imaging: none                # none, stable, smaller, larger, unknown
"""


def template(table: Table) -> str:
    """A form for one organ, to be filled in."""
    benign = [t.name for t in table.terms.values() if t.tissue in BENIGN and not t.negative]
    others = [t.name for t in table.terms.values() if t.tissue == "malignant"]
    return TEMPLATE.format(
        organ=table.organ,
        example=_quoted(benign[0]),
        second=_quoted(others[0]),
        classes=" | ".join(TISSUES),
        histories=", ".join(get_args(History)),
    )


def _quoted(name: str) -> str:
    return f'"{name}"' if "," in name else name


def read_form(data: bytes, file: str, table: Table) -> Pathology:
    """The statement in a form; InputError (with file and line) for unknown words, contradictions and values out of range."""
    fields = Place(parse(data, file), file).fields()
    organ = fields.take("organ")
    if organ.text() != table.organ:
        organ.refuse(f"the organ {table.organ}, as the imaging has it", organ.text())
    by, history, later = fields.maybe("by"), fields.maybe("history"), fields.maybe("later_imaging")
    sampling = fields.maybe("sampling")
    place = fields.take("specimens")
    specimens = tuple(_specimen(item, table) for item in place.items())
    if not specimens:
        place.refuse("one or more specimens", "an empty list")
    statement = {
        "organ": table.organ,
        "by": Observer(name=by.text() if by else "unnamed", kind="person"),
        "source": file,
        "specimens": specimens,
        "sampling": _sampling(sampling) if sampling else Sampling(),
        "history": history.texts() if history else (),
        "later_imaging": later.text() if later else "none",
    }
    fields.done()
    try:
        return Pathology.model_validate(statement)
    except ValidationError as error:
        _refuse(error, file)


def _refuse(error: ValidationError, file: str) -> NoReturn:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    raise InputError(f"{file}: {where or 'the form'}: {first['msg']}, got {str(first['input'])[:60]!r}") from None


def _sampling(place: Place) -> Sampling:
    fields = place.fields()
    said: dict[str, object] = {}
    for key in ("guidance", "target", "specimen_calcifications", "removed"):
        value = fields.maybe(key)
        if value:
            said[key] = value.text()
    for key in ("gauge", "cores"):
        value = fields.maybe(key)
        if value:
            said[key] = value.whole()
    fields.done()
    try:
        return Sampling.model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(("sampling", *(str(part) for part in first["loc"])))
        place.refuse(f"{where} that can be ({first['msg']})", repr(first["input"])[:80])


def _specimen(place: Place, table: Table) -> Specimen:
    fields = place.fields()
    label, stated, diagnoses = fields.maybe("label"), fields.maybe("class"), fields.maybe("diagnoses")
    mentions = tuple(_mention(item, table) for item in diagnoses.items()) if diagnoses else ()
    fields.done()
    if not mentions and stated is None:
        place.refuse("a diagnosis or a class", "neither")
    specimen = Specimen(
        label=str(label.node.value) if label else None, mentions=mentions, stated_class=read_tissue(stated) if stated else None
    )
    if stated is not None:
        _agree(stated, specimen)
    return specimen


def _agree(place: Place, specimen: Specimen) -> None:
    """Refuse a stated class that a diagnosis beside it denies: one more reassuring than any of them, or a worse one than all
    (the diagnosis that bears it out is missing). Denied and past diagnoses say nothing, and benign classes agree with each other.
    """
    stated = specimen.stated_class
    held = [m for m in specimen.mentions if weight_of(m)]
    if stated is None or not held:
        return
    for m in held:
        weight = weight_of(m)
        if weight and TISSUES.index(weight) < TISSUES.index(stated) and not {weight, stated} <= set(BENIGN):
            place.refuse(f"a class no more reassuring than {m.words!r}, which is {weight}", stated)
    worst_named = worst(m.tissue for m in held if m.tissue)
    if worst_named and TISSUES.index(stated) < TISSUES.index(worst_named) and not {worst_named, stated} <= set(BENIGN):
        named = ", ".join(repr(m.words) for m in held)
        place.refuse(f"a class no worse than its diagnoses ({named}: {worst_named}), or the diagnosis that is {stated}", stated)


def _mention(place: Place, table: Table) -> Mention:
    if isinstance(place.node.value, str):
        return _known(place, place.text(), "present", None, table)
    fields: Fields = place.fields()
    words, status, stated = fields.take("diagnosis"), fields.maybe("status"), fields.maybe("class")
    found = next((known for known in get_args(Status) if status is None or known == status.text()), None)
    if found is None and status is not None:
        status.unknown("status", status.text(), list(get_args(Status)))
    fields.done()
    return _known(words, words.text(), "present" if status is None else status.text(), stated, table)


def _known(place: Place, words: str, status: str, stated: Place | None, table: Table) -> Mention:
    term = next(
        (t for t in table.terms.values() if words.casefold() in (t.name.casefold(), *(a.casefold() for a in t.also))), None
    )
    if term is None and stated is None:
        known = [name for t in table.terms.values() for name in (t.name, *t.also)]
        place.unknown("diagnosis (give it a class, or a word of the table)", words, known)
    tissue = read_tissue(stated) if stated else (term.tissue if term else None)
    if term is not None and stated is not None and tissue != term.tissue:
        stated.refuse(f"the class of {term.name}, {term.tissue}", tissue)
    return Mention.model_validate(
        {
            "term": term.name if term else words,
            "words": words,
            "quote": words if status == "present" else f"{words} ({status})",
            "status": status,
            "tissue": tissue,
            "code": term.code if term else None,
        }
    )
