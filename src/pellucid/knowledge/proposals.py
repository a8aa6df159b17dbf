"""Reading what proposes a category: decision rows, scorecards with their bands or outcome, learned tables, each cited."""

from dataclasses import dataclass, field

from pellucid.knowledge.fields import Place
from pellucid.knowledge.grammar import Vocabulary, read_predicate
from pellucid.knowledge.guideline import Band, Bands, Decide, DecisionRow, Outcome, Proposal, Row, Scorecard, Table, Term
from pellucid.knowledge.terms import Citation, Entry, Predicate, Source, Verified

VERIFIED: dict[str, Verified] = {"source": "source", "recomputed": "recomputed", "background": "background"}
KINDS = ("decide", "bands", "outcome", "table")


@dataclass
class Pack:
    """What has been read of a pack so far; later parts refer to it."""

    sources: dict[str, Source]
    file: str
    entries: dict[str, Entry] = field(default_factory=dict[str, Entry])
    scorecards: dict[str, Scorecard] = field(default_factory=dict[str, Scorecard])
    answered: dict[str, Place] = field(default_factory=dict[str, Place])
    """Concepts that a question answers, and where the pack says so."""
    not_counted: dict[str, Place] = field(default_factory=dict[str, Place])
    """Concepts that count lesions but for those of some rows, and where the pack says so."""

    def __post_init__(self) -> None:
        self.words = Vocabulary(self.entries)

    def predicate(self, place: Place) -> Predicate:
        """The predicate at `place`, over this pack's concepts, definitions, scores and the questions read so far."""
        return read_predicate(place, self.words)


def read_citation(place: Place, sources: dict[str, Source]) -> Citation:
    """A citation: source, clause, verified; all three must be there."""
    fields = place.fields()
    source, verified = fields.take("source"), fields.take("verified")
    if source.text() not in sources:
        source.unknown("source", source.text(), list(sources))
    if verified.text() not in VERIFIED:
        verified.unknown("mark", verified.text(), list(VERIFIED))
    citation = Citation(sources[source.text()], fields.take("clause").text(), VERIFIED[verified.text()])
    fields.done()
    return citation


def read_scorecards(place: Place | None, pack: Pack) -> dict[str, Scorecard]:
    """The pack's scorecards by name; every reachable total must have its risk, and risk may not fall as points rise."""
    return {name: _scorecard(name, body, pack) for name, body in (place.pairs() if place else ())}


def _scorecard(name: str, place: Place, pack: Pack) -> Scorecard:
    fields = place.fields()
    terms = tuple(_term(item, pack) for item in fields.take("terms").items())
    risk_place = fields.take("risks")
    risks = risk_place.numbers()
    lowest = sum(min(term.points, 0) for term in terms)
    highest = sum(max(term.points, 0) for term in terms)
    if len(risks) != highest - lowest + 1:
        risk_place.refuse(f"one risk for each total from {lowest} to {highest} ({highest - lowest + 1})", len(risks))
    if list(risks) != sorted(risks) or not 0 <= risks[0] <= risks[-1] <= 1:
        risk_place.refuse("risks between 0 and 1 that do not fall as points rise", risks)
    card = Scorecard(
        name,
        fields.take("outcome").text(),
        terms,
        risks,
        lowest,
        read_citation(fields.take("cite"), pack.sources),
        _figures(fields.take("figures")),
    )
    fields.done()
    return card


def _term(place: Place, pack: Pack) -> Term:
    fields = place.fields()
    term = Term(pack.predicate(fields.take("when")), fields.take("points").whole())
    fields.done()
    if term.points == 0:
        place.refuse("points other than 0", 0)
    return term


def _figures(place: Place) -> dict[str, str | int | float]:
    found: dict[str, str | int | float] = {}
    for key, value in place.pairs():
        if not isinstance(value.node.value, (str, int, float)):
            value.refuse("a text or a number", "something else")
        found[key] = value.node.value
    return found


def read_proposal(place: Place, categories: list[str], pack: Pack) -> Proposal:
    """What proposes the category: exactly one of decide, bands, outcome, table."""
    pairs = list(place.pairs())
    if len(pairs) != 1 or pairs[0][0] not in KINDS:
        place.refuse(f"exactly one of {', '.join(KINDS)}", ", ".join(key for key, _ in pairs) or "nothing")
    ((kind, body),) = pairs
    return {"decide": _decide, "bands": _bands, "outcome": _outcome, "table": _table}[kind](body, categories, pack)


def _decide(place: Place, categories: list[str], pack: Pack) -> Decide:
    fields = place.fields()
    rows_place, other = fields.take("rows"), fields.maybe("otherwise")
    rows = tuple(_decision_row(item, categories, pack) for item in rows_place.items())
    ids = [row.id for row in rows]
    if not rows or len(set(ids)) != len(ids):
        rows_place.refuse("one row or more, each with its own id", ", ".join(i for i in ids if ids.count(i) > 1) or "none")
    for item, row, i in zip(rows_place.items(), rows, range(len(rows)), strict=True):
        for name in () if row.over == "all" else row.over:
            if name not in ids[i + 1 :]:
                item.unknown("row further down", name, ids[i + 1 :])
    found = Decide(rows, _otherwise(other, categories, pack) if other else None)
    fields.done()
    return found


def _decision_row(place: Place, categories: list[str], pack: Pack) -> DecisionRow:
    fields = place.fields()
    note, over = fields.maybe("note"), fields.maybe("over")
    row = DecisionRow(
        fields.take("id").text(),
        fields.take("claim").text(),
        pack.predicate(fields.take("when")),
        _category(fields.take("category"), categories),
        read_citation(fields.take("cite"), pack.sources),
        note.text() if note else None,
        ("all" if over.node.value == "all" else over.texts()) if over else (),
    )
    fields.done()
    return row


def _otherwise(place: Place, categories: list[str], pack: Pack) -> DecisionRow:
    fields = place.fields()
    cite = fields.maybe("cite")
    category = _category(fields.take("category"), categories)
    row = DecisionRow(
        "otherwise", fields.take("claim").text(), None, category, read_citation(cite, pack.sources) if cite else None
    )
    fields.done()
    return row


def _card(place: Place, pack: Pack) -> Scorecard:
    if place.text() not in pack.scorecards:
        place.unknown("scorecard", place.text(), list(pack.scorecards))
    return pack.scorecards[place.text()]


def _category(place: Place, categories: list[str]) -> str:
    if place.text() not in categories:
        place.unknown("category", place.text(), categories)
    return place.text()


def _bands(place: Place, categories: list[str], pack: Pack) -> Bands:
    fields = place.fields()
    bands: list[Band] = []
    band_place = fields.take("limits")
    for item in band_place.items():
        band = item.fields()
        up_to, below = band.maybe("up_to"), band.maybe("below")
        if (up_to is None) == (below is None):
            item.refuse("one of up_to and below", "both" if up_to else "neither")
        limit = up_to or below or item
        bands.append(Band(_category(band.take("category"), categories), limit.number(), up_to is not None))
        band.done()
    order = [categories.index(band.category) for band in bands]
    limits = [band.limit for band in bands]
    last = bands[-1] if bands else None
    if order != sorted(set(order)) or limits != sorted(set(limits)) or last is None or last.limit != 1 or not last.inclusive:
        band_place.refuse("bands of rising category and rising limit, the last one up_to 1.0", limits)
    found = Bands(_card(fields.take("scorecard"), pack), tuple(bands), read_citation(fields.take("cite"), pack.sources))
    fields.done()
    return found


def _outcome(place: Place, categories: list[str], pack: Pack) -> Outcome:
    fields = place.fields()
    if len(categories) != 2:
        place.refuse("two categories beside an outcome", f"{len(categories)}")
    threshold = fields.take("threshold")
    found = Outcome(
        _card(fields.take("scorecard"), pack),
        _category(fields.take("positive"), categories),
        threshold.number(),
        fields.take("why").text(),
    )
    if not 0 < found.threshold < 1:
        threshold.refuse("a threshold between 0 and 1", found.threshold)
    if found.positive != categories[1]:
        place.refuse(f"the positive category last ({found.positive})", categories)
    fields.done()
    return found


def _table(place: Place, categories: list[str], pack: Pack) -> Table:
    fields = place.fields()
    rows_place = fields.take("rows")
    rows = tuple(_row(item, len(categories), pack) for item in rows_place.items())
    if not rows or any(row.when is None for row in rows[:-1]) or rows[-1].when is not None:
        rows_place.refuse("rows with a predicate each, and one last row without (everything else)", f"{len(rows)} rows")
    smoothing = fields.take("smoothing")
    table = Table(
        rows,
        smoothing.number(),
        read_citation(fields.take("cite"), pack.sources),
        _figures(fields.take("figures")),
    )
    overall = [sum(row.counts[k] for row in rows) for k in range(len(categories))]
    if table.smoothing <= 0 or min(overall) <= 0:
        smoothing.refuse("a smoothing above 0 and every category counted somewhere", overall)
    fields.done()
    return table


def _row(place: Place, n: int, pack: Pack) -> Row:
    fields = place.fields()
    when, counts = fields.maybe("when"), fields.take("counts")
    row = Row(pack.predicate(when) if when else None, counts.numbers())
    if len(row.counts) != n or min(row.counts) < 0:
        counts.refuse(f"{n} counts, one for each category", row.counts)
    fields.done()
    return row
