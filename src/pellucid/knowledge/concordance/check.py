"""What every table must hold, proved at loading: no cancer ends benign, and no benign tissue ends malignant."""

from collections.abc import Sequence
from dataclasses import dataclass

from pellucid.errors import GuidelineError
from pellucid.knowledge.concordance.table import BENIGN, TISSUES, Rule, Table
from pellucid.knowledge.concordance.truth import Facts, truth_of
from pellucid.record import Truth


@dataclass(frozen=True)
class Walk:
    """The rules that may decide: those left unknown, up to and including the first that is met."""

    open: tuple[Rule, ...]
    met: Rule | None
    """The first rule that is met; None where the walk ran past the last rule."""


def walk(rules: Sequence[Rule], facts: Facts) -> Walk:
    """The rules in order, until one is met. With fewer facts the open rules only become more."""
    found: list[Rule] = []
    for rule in rules:
        truth = truth_of(rule.when, facts)
        if truth is Truth.NOT_MET:
            continue
        found.append(rule)
        if truth is Truth.MET:
            return Walk(tuple(found), rule)
    return Walk(tuple(found), None)


def check_rules(table: Table) -> None:
    """Refuse a table in which tissue of a class could end in an outcome that must not be, whatever else is known."""
    for tissue in TISSUES:
        found = walk(table.rules, Facts({"tissue": frozenset({tissue})}, held_open=True))
        for rule in found.open:
            malignant = rule.outcome.endswith("malignant")
            if malignant != (tissue == "malignant") or (rule.outcome == "concordant benign" and tissue not in BENIGN):
                raise GuidelineError(
                    f"{table.file}: rule {rule.id}: expected that {tissue} tissue never ends as {rule.outcome}, "
                    "got a way there; name the tissue in the rule, or put a rule for that tissue above it"
                )
        if tissue not in BENIGN and found.met is None:
            raise GuidelineError(f"{table.file}: expected a last rule that {tissue} tissue always meets, got none")
