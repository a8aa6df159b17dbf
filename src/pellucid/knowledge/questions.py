"""Reading a question of a pack: categories, what they mean and what to do next, the proposal, rules, differential, limits."""

from pellucid.knowledge.concepts import read_code
from pellucid.knowledge.fields import Fields, Place
from pellucid.knowledge.guideline import (
    Anchor,
    AtMost,
    CannotTell,
    Category,
    Decide,
    DecisionRow,
    Examination,
    Monotone,
    NextStep,
    NextStepRule,
    Outcome,
    Question,
    Rule,
    Silent,
)
from pellucid.knowledge.proposals import Pack, read_citation, read_proposal
from pellucid.knowledge.terms import Citation

MAX_CATEGORIES = 31
BOUNDS = ("at_least", "at_most", "exactly")


def read_question(name: str, place: Place, pack: Pack) -> Question:
    """One question; its categories are ordered from least to most suspicious or severe."""
    fields = place.fields()
    categories = {key: _category(key, body, pack) for key, body in fields.take("categories").pairs()}
    if not 2 <= len(categories) <= MAX_CATEGORIES:
        place.refuse(f"2 to {MAX_CATEGORIES} categories", f"{len(categories)}")
    names = list(categories)
    needs = fields.maybe("needs")
    for item in needs.items() if needs else ():
        if item.text() not in pack.entries:
            item.unknown("concept", item.text(), list(pack.entries))
    limits, outside, examination = fields.maybe("limits"), fields.maybe("outside"), fields.maybe("examination")
    lower, seconds = fields.maybe("lower_is_worse"), fields.maybe("second_opinions")
    question = Question(
        name=name,
        label=fields.take("label").text(),
        noun=fields.take("noun").text(),
        categories=categories,
        needs=needs.texts() if needs else (),
        proposal=read_proposal(fields.take("proposal"), names, pack),
        rules=tuple(_rule(item, names, pack) for item in _items(fields, "rules")),
        anchors=tuple(_anchor(item, pack) for item in _items(fields, "differential")),
        silent=tuple(_silent(item) for item in _items(fields, "silent")),
        limits=limits.texts() if limits else (),
        cannot_tell=tuple(_cannot_tell(item, names) for item in _items(fields, "cannot_tell")),
        outside=_names(outside, names) if outside else (),
        next_steps=tuple(_next_step(item, names, pack) for item in _items(fields, "next_steps")),
        monotone=tuple(_monotone(item, lower.texts() if lower else (), pack) for item in _items(fields, "monotone")),
        examination=_examination(examination, names, pack) if examination else None,
        second_opinions=seconds.texts() if seconds else (),
        ask_for=tuple(_input(item, pack) for item in _items(fields, "ask_for")),
    )
    pack.words.answers[name] = tuple(names)
    if question.rules and isinstance(question.proposal, Outcome):
        place.refuse("no rules beside an outcome (its risk is not a category)", f"{len(question.rules)} rules")
    ids = [rule.id for rule in (*rows_of(question), *question.rules)]
    if len(set(ids)) != len(ids):
        place.refuse("every rule with its own id", ", ".join(i for i in dict.fromkeys(ids) if ids.count(i) > 1))
    fields.done()
    return question


def rows_of(question: Question) -> tuple[DecisionRow, ...]:
    """The rows of a decision table; none for another proposal."""
    return question.proposal.rows if isinstance(question.proposal, Decide) else ()


def _input(place: Place, pack: Pack) -> str:
    name = place.text()
    if name not in pack.entries:
        place.unknown("concept", name, list(pack.entries))
    if pack.entries[name].when_unknown != "not stated":
        place.refuse("a concept that is an input (`when_unknown: not stated`)", name)
    return name


def _names(place: Place, known: list[str]) -> tuple[str, ...]:
    for name in place.texts():
        if name not in known:
            place.unknown("category", name, known)
    return place.texts()


def _next_step(place: Place, categories: list[str], pack: Pack) -> NextStepRule:
    fields = place.fields()
    category, when = fields.take("category"), pack.predicate(fields.take("when"))
    _names(category, categories)
    step = NextStep(fields.take("text").text(), read_citation(fields.take("cite"), pack.sources))
    fields.done()
    return NextStepRule(category.text(), when, step)


def _monotone(place: Place, lower: tuple[str, ...], pack: Pack) -> Monotone:
    fields = place.fields()
    concept, worse, within = fields.take("concept"), fields.maybe("worse"), fields.maybe("within")
    if concept.text() not in pack.entries:
        concept.unknown("concept", concept.text(), list(pack.entries))
    entry = pack.entries[concept.text()]
    states = entry.concept.states
    for state in worse.texts() if worse else ():
        if worse and state not in (states or ()):
            worse.unknown(f"state of {entry.concept.name}", state, list(states or ()))
    if worse is None and states is not None and not entry.concept.ordinal:
        place.refuse("`worse`: the states from least to most worrying", f"{entry.concept.name}, whose states have no order")
    found = Monotone(
        entry.concept.name,
        worse.texts() if worse else None,
        pack.predicate(within) if within else None,
        entry.concept.name in lower,
    )
    fields.done()
    return found


def _examination(place: Place, categories: list[str], pack: Pack) -> Examination:
    fields = place.fields()
    rule, order = fields.take("rule"), fields.maybe("order")
    if rule.text() != "most suspicious":
        rule.refuse("most suspicious", rule.text())
    followed, sampled, size, score = (fields.maybe(key) for key in ("followed", "sampled", "size", "score"))
    if score and score.text() not in pack.words.scores:
        score.unknown("score", score.text(), list(pack.words.scores))
    if size and (size.text() not in pack.entries or pack.entries[size.text()].concept.unit is None):
        size.unknown("measurement", size.text(), [name for name, entry in pack.entries.items() if entry.concept.unit])
    found = Examination(
        "most suspicious",
        fields.take("claim").text(),
        read_citation(fields.take("cite"), pack.sources),
        _names(order, categories) if order else (),
        _at_most(followed, categories) if followed else None,
        _at_most(sampled, categories) if sampled else None,
        size.text() if size else None,
        score.text() if score else None,
    )
    fields.done()
    return found


def _at_most(place: Place, categories: list[str]) -> AtMost:
    """How many lesions, and by which answers of their own they come into question."""
    fields = place.fields()
    most, of = fields.take("most"), fields.take("of")
    if most.whole() < 1:
        most.refuse("1 lesion or more", most.whole())
    if not of.texts():
        of.refuse("one or more categories of this question", "none")
    found = AtMost(most.whole(), _names(of, categories))
    fields.done()
    return found


def _items(fields: Fields, key: str) -> list[Place]:
    found = fields.maybe(key)
    return found.items() if found else []


def _category(name: str, place: Place, pack: Pack) -> Category:
    fields = place.fields()
    step, likelihood, code = (fields.maybe(key) for key in ("next_step", "likelihood", "code"))
    found = Category(
        name,
        fields.take("statement").text(),
        NextStep(*_cited(step, pack)) if step else None,
        *(_cited(likelihood, pack) if likelihood else (None, None)),
        code=read_code(code) if code else None,
    )
    fields.done()
    return found


def _cited(place: Place, pack: Pack) -> tuple[str, Citation]:
    fields = place.fields()
    found = fields.take("text").text(), read_citation(fields.take("cite"), pack.sources)
    fields.done()
    return found


def _rule(place: Place, categories: list[str], pack: Pack) -> Rule:
    fields = place.fields()
    given = {key: found for key in BOUNDS if (found := fields.maybe(key))}
    for bound in given.values():
        if bound.text() not in categories:
            bound.unknown("category", bound.text(), categories)
    exactly = given.pop("exactly", None)
    if (not given and not exactly) or (given and exactly):
        place.refuse("at_least and/or at_most, or exactly", ", ".join(given) or "none of them")
    low, high = exactly or given.get("at_least"), exactly or given.get("at_most")
    note = fields.maybe("note")
    rule = Rule(
        fields.take("id").text(),
        fields.take("claim").text(),
        pack.predicate(fields.take("when")),
        low.text() if low else None,
        high.text() if high else None,
        read_citation(fields.take("cite"), pack.sources),
        note.text() if note else None,
    )
    if rule.low and rule.high and categories.index(rule.low) > categories.index(rule.high):
        place.refuse("a floor not above its ceiling", f"{rule.low} above {rule.high}")
    fields.done()
    return rule


def _anchor(place: Place, pack: Pack) -> Anchor:
    fields = place.fields()
    found = Anchor(
        fields.take("name").text(), pack.predicate(fields.take("when")), read_citation(fields.take("cite"), pack.sources)
    )
    fields.done()
    return found


def _silent(place: Place) -> Silent:
    fields = place.fields()
    found = Silent(fields.take("clause").text(), fields.take("why").text())
    fields.done()
    return found


def _cannot_tell(place: Place, categories: list[str]) -> CannotTell:
    fields = place.fields()
    between = fields.take("between")
    found = CannotTell(between.texts(), fields.take("text").text())
    for item in between.items():
        if item.text() not in categories:
            item.unknown("category", item.text(), categories)
    if len(found.between) < 2:
        between.refuse("two or more categories", f"{len(found.between)}")
    fields.done()
    return found
