"""Reading a pack's concepts: states or unit, the pack's words, what an unknown means, what is plausible."""

from pydantic import ValidationError

from pellucid.knowledge.fields import Fields, Place
from pellucid.knowledge.proposals import Pack, read_citation
from pellucid.knowledge.terms import BaseRate, Cell, CountsAs, Entry, Repeatability, WhenUnknown
from pellucid.record import Code, Concept

WHEN_UNKNOWN: dict[str, WhenUnknown] = {"base rate": "base rate", "averaged": "averaged", "not stated": "not stated"}
RESERVED = ("not stated", "not judged")


def read_concepts(place: Place, pack: Pack) -> None:
    """All concepts of a pack, in its order, into `pack.entries`."""
    for name, body in place.pairs():
        pack.entries[name] = _entry(name, body, pack)


def _entry(name: str, place: Place, pack: Pack) -> Entry:
    fields = place.fields()
    label = fields.maybe("label")
    label_text = label.text() if label else name.replace("_", " ")
    concept = _concept(name, label_text, fields)
    say, when, base = fields.maybe("say"), fields.maybe("when_unknown"), fields.maybe("base_rate")
    template = say.text() if say else f"the {label_text} is {{state}}"
    if say and template.count("{state}") != 1:
        say.refuse("a sentence with one {state} in it", repr(template))
    plausible, repeatability = fields.maybe("plausible"), fields.maybe("repeatability")
    answered, counted, step = (fields.maybe(key) for key in ("answered_by", "counted", "rounded_to"))
    cells, left_out = fields.maybe("cells"), fields.maybe("not_counted")
    counts_as = _counts_as(when, concept, pack) if when and isinstance(when.node.value, dict) else None
    if when and counts_as is None and when.text() not in WHEN_UNKNOWN:
        when.unknown("word", when.text(), [*WHEN_UNKNOWN, "counts_as"])
    entry = Entry(
        concept,
        template,
        _cells(cells, concept),
        "counts as" if counts_as else WHEN_UNKNOWN[when.text()] if when else "base rate",
        _base_rate(base, concept, pack) if base else None,
        counts_as,
        _plausible(plausible, concept) if plausible else None,
        _repeatability(repeatability, concept, pack) if repeatability else None,
        _rounded_to(step, concept, cells is not None) if step else None,
        answered.text() if answered else None,
        _counted(counted, concept) if counted else False,
        _not_counted(left_out, counted) if left_out else (),
    )
    if left_out:
        pack.not_counted[name] = left_out
    if answered:
        pack.answered[name] = answered
    if base and entry.when_unknown != "base rate":
        base.refuse("no base rate", f"one beside when_unknown: {entry.when_unknown}")
    fields.done()
    return entry


def _counted(place: Place, concept: Concept) -> bool:
    if place.text() != "lesions" or concept.unit != "1":
        place.refuse("'lesions', on a concept of unit '1'", f"{place.text()!r} on {concept.unit or 'states'}")
    return True


def _not_counted(place: Place, counted: Place | None) -> tuple[tuple[str, str], ...]:
    if counted is None:
        place.refuse("`counted: lesions` beside `not_counted`", "none")
    return tuple((question, row) for question, rows in place.pairs() for row in rows.texts())


def _rounded_to(place: Place, concept: Concept, cells: bool) -> float:
    if cells:
        place.refuse("no rounding beside cells", "both")
    if concept.unit is None or place.number() <= 0:
        place.refuse("a step above 0, of a measurement", f"{place.number():g} on {concept.unit or 'states'}")
    return place.number()


def _counts_as(place: Place, concept: Concept, pack: Pack) -> CountsAs:
    fields = place.fields()
    state = fields.take("counts_as")
    if state.text() not in (concept.states or ()):
        state.unknown(f"state of {concept.name}", state.text(), list(concept.states or ()))
    found = CountsAs(state.text(), read_citation(fields.take("cite"), pack.sources))
    fields.done()
    return found


def _plausible(place: Place, concept: Concept) -> tuple[float, float]:
    numbers = place.numbers()
    if concept.unit is None or len(numbers) != 2 or numbers[0] >= numbers[1]:
        place.refuse("[lowest, highest] of a measurement", numbers)
    return numbers[0], numbers[1]


def _repeatability(place: Place, concept: Concept, pack: Pack) -> Repeatability:
    fields = place.fields()
    sd = fields.take("sd")
    if concept.unit is None or sd.number() <= 0:
        sd.refuse("a standard deviation above 0 of a measurement", sd.number())
    found = Repeatability(sd.number(), read_citation(fields.take("cite"), pack.sources))
    fields.done()
    return found


def _concept(name: str, label: str, fields: Fields) -> Concept:
    states, unit, ordinal, code = (fields.maybe(key) for key in ("states", "unit", "ordinal", "code"))
    if ordinal and not isinstance(ordinal.node.value, bool):
        ordinal.refuse("true or false", repr(ordinal.node.value))
    try:
        concept = Concept(
            name=name,
            label=label,
            definition=fields.take("definition").text(),
            states=states.texts() if states else None,
            unit=unit.text() if unit else None,
            ordinal=bool(ordinal and ordinal.node.value),
            code=read_code(code) if code else None,
        )
    except ValidationError as error:
        fields.place.refuse("a concept", error.errors()[0]["msg"])
    if states and any(state in RESERVED for state in concept.states or ()):
        states.refuse(f"states other than {' and '.join(RESERVED)}", concept.states)
    return concept


def read_code(place: Place) -> Code:
    """A code of a public scheme, with its meaning there."""
    fields = place.fields()
    code = Code(scheme=fields.take("scheme").text(), value=fields.take("value").text(), meaning=fields.take("meaning").text())
    fields.done()
    return code


def _cells(place: Place | None, concept: Concept) -> tuple[Cell, ...]:
    if place is None:
        return ()
    found: list[Cell] = []
    for item in place.items():
        fields = item.fields()
        below = fields.maybe("below")
        found.append(Cell(fields.take("name").text(), below.number() if below else None))
        fields.done()
    limits = [cell.below for cell in found[:-1] if cell.below is not None]
    ascending = len(limits) == len(found) - 1 and limits == sorted(set(limits)) and found[-1].below is None
    if concept.unit is None or len(found) < 2 or not ascending or len({cell.name for cell in found}) != len(found):
        place.refuse(
            "two or more differently named cells of a measurement, limits ascending, the last one open", f"{len(found)} cells"
        )
    return tuple(found)


def _base_rate(place: Place, concept: Concept, pack: Pack) -> BaseRate:
    fields = place.fields()
    counts = fields.take("counts")
    rate = BaseRate(counts.numbers(), read_citation(fields.take("cite"), pack.sources))
    if concept.states is None or len(rate.counts) != len(concept.states) or min(rate.counts) < 0 or sum(rate.counts) <= 0:
        counts.refuse(f"one count per state of {concept.name} {concept.states}", rate.counts)
    fields.done()
    return rate
