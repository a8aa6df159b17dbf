"""Concordance tables: find, read strictly, check, keep.

`load_table("breast")` gives a shipped table, `load_table_file(path)` a user's own. Both are cached by content.
"""

import hashlib
from functools import lru_cache
from pathlib import Path

from pellucid.errors import GuidelineError, UnknownName
from pellucid.knowledge.concordance.check import check_rules
from pellucid.knowledge.concordance.facts import pair_concepts
from pellucid.knowledge.concordance.rules import read_expectations, read_phenotypes, read_rules, read_tissue, texts
from pellucid.knowledge.concordance.table import LEVELS, Biopsy, Counted, Grade, RiskLevel, Scale, Table, Term
from pellucid.knowledge.concordance.words import Citation, Entry, Source, measured, nominal, read_citation, read_sources
from pellucid.knowledge.fields import Fields, Place
from pellucid.knowledge.strict_yaml import parse
from pellucid.record import Code

SHIPPED = Path(__file__).parent

Sources = dict[str, Source]


def list_tables() -> tuple[str, ...]:
    """The organs with a shipped table, in alphabetical order."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.yaml")))


def load_table(organ: str) -> Table:
    """The shipped table of an organ; UnknownName offers the nearest."""
    if organ not in list_tables():
        raise UnknownName("organ", organ, list_tables(), "the concordance tables")
    return load_table_file(SHIPPED / f"{organ}.yaml")


def load_table_file(path: str | Path) -> Table:
    """The table in a YAML file; GuidelineError names file and line."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise GuidelineError(f"{path}: expected a readable concordance table, got: {error.strerror}") from None
    return _read(data, str(path))


@lru_cache(maxsize=32)
def _read(data: bytes, file: str) -> Table:
    fields = Place(parse(data, file), file).fields()
    sources = read_sources(fields.take("sources"))
    scales = {name: _scale(place, sources) for name, place in fields.take("scales").pairs()}
    signs, known_as, asked_by = _signs(fields.take("signs"))
    terms = _terms(fields.take("terms"))
    categories = dict.fromkeys(category for scale in scales.values() for category in scale.grades)
    entries = {**signs, **pair_concepts(categories, terms)}
    phenotypes = read_phenotypes(fields.take("phenotypes"), entries, sources)
    biopsy, counted, ceiling = _residual(fields.maybe("residual"), sources)
    table = Table(
        organ=fields.take("organ").text(),
        edition=fields.take("edition").text(),
        title=fields.take("title").text(),
        sha256=hashlib.sha256(data).hexdigest(),
        file=file,
        sources=sources,
        guidelines=fields.take("organs_of").texts(),
        scales=scales,
        risk_levels=_risk_levels(fields.maybe("risk_levels"), sources),
        biopsy=biopsy,
        counted=counted,
        ceiling=ceiling,
        signs=signs,
        known_as=known_as,
        asked_by=asked_by,
        terms=terms,
        phenotypes=phenotypes,
        expectations=read_expectations(fields.take("expectations"), phenotypes, terms, sources),
        rules=read_rules(fields.take("rules"), entries, phenotypes, sources),
        notes=texts(fields, "notes"),
    )
    fields.done()
    check_rules(table)
    return table


def _level(place: Place) -> str:
    if place.text() not in LEVELS:
        place.unknown("level of suspicion", place.text(), list(LEVELS))
    return place.text()


def _share(place: Place) -> float:
    value = place.number()
    if not 0 <= value <= 1:
        place.refuse("a number between 0 and 1", f"{value:g}")
    return value


def _scale(place: Place, sources: Sources) -> Scale:
    fields = place.fields()
    grades: dict[str, Grade] = {}
    for category, body in fields.take("categories").pairs():
        grade = body.fields()
        likelihood = grade.maybe("likelihood")
        grades[category] = Grade(_level(grade.take("level")), _range(likelihood) if likelihood else None)
        grade.done()
    scale = Scale(
        fields.take("label").text(),
        fields.take("guidelines").texts(),
        fields.take("questions").texts(),
        grades,
        read_citation(fields.take("cite"), sources),
    )
    fields.done()
    return scale


def _range(place: Place) -> tuple[float, float]:
    ends = [_share(item) for item in place.items()]
    if len(ends) != 2 or ends[0] > ends[1]:
        place.refuse("two probabilities, the lower one first", ends)
    return ends[0], ends[1]


def _risk_levels(place: Place | None, sources: Sources) -> tuple[RiskLevel, ...]:
    found: list[RiskLevel] = []
    for item in place.items() if place else ():
        fields = item.fields()
        found.append(
            RiskLevel(_share(fields.take("at_least")), _level(fields.take("level")), read_citation(fields.take("cite"), sources))
        )
        fields.done()
    return tuple(found)


def _signs(place: Place) -> tuple[dict[str, Entry], dict[str, str], dict[str, tuple[str, ...]]]:
    found: dict[str, Entry] = {}
    known_as: dict[str, str] = {}
    asked_by: dict[str, tuple[str, ...]] = {}
    for name, body in place.pairs():
        fields = body.fields()
        states, unit, say = fields.maybe("states"), fields.maybe("unit"), fields.maybe("say")
        if (states is None) == (unit is None):
            body.refuse("either states or a unit", "both" if states else "neither")
        template = say.text() if say else f"the {name.replace('_', ' ')} is {{state}}"
        found[name] = nominal(name, states.texts(), template) if states else measured(name, unit.text() if unit else "")
        known_as |= dict.fromkeys(texts(fields, "known_as"), name)
        packs = texts(fields, "asked_by")
        asked_by |= {name: packs} if packs else {}
        fields.done()
    return found, known_as, asked_by


def _terms(place: Place) -> dict[str, Term]:
    found: dict[str, Term] = {}
    owner: dict[str, str] = {}
    for name, body in place.pairs():
        fields = body.fields()
        tissue, code = fields.take("class"), fields.maybe("code")
        found[name] = Term(
            name,
            read_tissue(tissue),
            texts(fields, "also"),
            _code(code) if code else None,
            _flag(fields, "may_look_benign"),
            _flag(fields, "negative"),
        )
        fields.done()
        for word in (name, *found[name].also):
            if owner.setdefault(word.casefold(), name) != name:
                body.refuse("each word under one diagnosis", f"{word!r} under {owner[word.casefold()]!r} too")
    if sum(term.negative for term in found.values()) != 1:
        place.refuse("exactly one diagnosis with negative: true", sum(term.negative for term in found.values()))
    return found


def _flag(fields: Fields, key: str) -> bool:
    place = fields.maybe(key)
    if place is not None and not isinstance(place.node.value, bool):
        place.refuse("true or false", repr(place.node.value))
    return bool(place and place.node.value)


def _code(place: Place) -> Code:
    fields = place.fields()
    code = Code(scheme=fields.take("scheme").text(), value=fields.take("value").text(), meaning=fields.take("meaning").text())
    fields.done()
    return code


def _residual(place: Place | None, sources: Sources) -> tuple[Biopsy | None, tuple[Counted, ...], tuple[float, Citation] | None]:
    if place is None:
        return None, (), None
    fields = place.fields()
    biopsy, counted, ceiling = (fields.maybe(key) for key in ("biopsy", "counted", "ceiling"))
    fields.done()
    limit = None
    if ceiling is not None:
        parts = ceiling.fields()
        limit = _share(parts.take("value")), read_citation(parts.take("cite"), sources)
        parts.done()
    return (
        _biopsy(biopsy, sources) if biopsy else None,
        tuple(_counted(item, sources) for item in counted.items()) if counted else (),
        limit,
    )


def _biopsy(place: Place, sources: Sources) -> Biopsy:
    fields = place.fields()
    sensitivity = fields.take("sensitivity")
    low, used, high = _three(sensitivity, "used")
    found = Biopsy(
        fields.take("of").text(),
        low,
        used,
        high,
        _share(fields.take("specificity")),
        read_citation(fields.take("cite"), sources),
    )
    fields.done()
    return found


def _three(place: Place, middle: str) -> tuple[float, float, float]:
    fields = place.fields()
    low, used, high = (_share(fields.take(key)) for key in ("low", middle, "high"))
    fields.done()
    if not low <= used <= high:
        place.refuse(f"low, {middle} and high in this order", (low, used, high))
    return low, used, high


def _counted(place: Place, sources: Sources) -> Counted:
    fields = place.fields()
    after = fields.take("after")
    tissue = read_tissue(after)
    low, value, high = _three(fields.take("malignant"), "value")
    found = Counted(tissue, low, value, high, fields.take("of").text(), read_citation(fields.take("cite"), sources))
    fields.done()
    return found
