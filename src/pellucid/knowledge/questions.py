"""Reading a question of a pack: categories, what they mean and what to do next, the proposal, rules, differential, limits."""

from pellucid.knowledge.fields import Fields, Place
from pellucid.knowledge.guideline import Anchor, CannotTell, Category, Citation, NextStep, Outcome, Question, Rule, Silent
from pellucid.knowledge.proposals import Pack, read_citation, read_proposal

MAX_CATEGORIES = 16
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
    limits = fields.maybe("limits")
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
    )
    if question.rules and isinstance(question.proposal, Outcome):
        place.refuse("no rules beside an outcome (its risk is not a category)", f"{len(question.rules)} rules")
    if len({rule.id for rule in question.rules}) != len(question.rules):
        place.refuse("every rule with its own id", [rule.id for rule in question.rules])
    fields.done()
    return question


def _items(fields: Fields, key: str) -> list[Place]:
    found = fields.maybe(key)
    return found.items() if found else []


def _category(name: str, place: Place, pack: Pack) -> Category:
    fields = place.fields()
    step, likelihood = fields.maybe("next_step"), fields.maybe("likelihood")
    found = Category(
        name,
        fields.take("statement").text(),
        NextStep(*_cited(step, pack)) if step else None,
        *(_cited(likelihood, pack) if likelihood else (None, None)),
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
