"""One claim held against the reading: supported, contradicted, or not in the reading, with the reason in a sentence."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from pellucid.knowledge import Guideline
from pellucid.knowledge.language import level_of
from pellucid.record import Assessment, Finding, Reading
from pellucid.report import words
from pellucid.report.claims import Claim
from pellucid.report.narrative import unit_of

Verdict = Literal["supported", "contradicted", "not in the reading"]
ROUNDED = 0.05
"""A measurement may be rounded by this share of itself, not more."""
HEDGED_NOUNS = ("outcome",)
"""Answers that are no plain fact below the plain level of certainty: `malignant` needs `the findings speak for`."""


@dataclass(frozen=True)
class Ruling:
    """What was found, why, and which of the grammar's claims are covered by it."""

    verdict: Verdict
    why: str = ""
    covers: frozenset[Claim] = frozenset()


@dataclass(frozen=True)
class Bench:
    """A reading with everything that a claim is held against."""

    reading: Reading
    pack: Guideline
    facts: frozenset[Claim]

    def covered(self, kind: str, about: str, said: str | None = None) -> frozenset[Claim]:
        """The grammar's claims of this kind about this concept or question."""
        return frozenset(c for c in self.facts if c.kind == kind and c.about == about and (said is None or c.said == said))


def judge(options: Sequence[Claim], bench: Bench, *, favoured: bool = False) -> Ruling:
    """The best ruling over what a claim may mean."""
    rulings = [_RULES[claim.kind](claim, bench, favoured) for claim in options if claim.kind in _RULES]
    order: tuple[Verdict, ...] = ("supported", "contradicted", "not in the reading")
    return min(rulings, key=lambda r: order.index(r.verdict), default=Ruling("not in the reading", "nothing like it is there"))


def _contradicted(why: str) -> Ruling:
    return Ruling("contradicted", why)


def _name(bench: Bench, concept: str) -> str:
    return bench.pack.entries[concept].concept.label if concept in bench.pack.entries else words.inner_label(concept)


def _finding_of(claim: Claim, bench: Bench) -> Finding | Ruling:
    finding = bench.reading.finding(claim.about)
    name = _name(bench, claim.about)
    if finding is None:
        return Ruling("not in the reading", f"the reading says nothing of {name}")
    if finding.unknown_because is not None and claim.kind not in ("unjudged",):
        return _contradicted(f"{name} could not be judged: {finding.unknown_because}")
    return finding


def _state(claim: Claim, bench: Bench, favoured: bool) -> Ruling:
    finding = _finding_of(claim, bench)
    if isinstance(finding, Ruling):
        return finding
    chances = dict(zip(finding.states or (), finding.probabilities or (), strict=True))
    p = chances.get(claim.said)
    if p is None:
        return Ruling("not in the reading", f"{_name(bench, claim.about)} has no state {claim.said}")
    share = 1 - p if claim.denied else p
    if finding.state is None:
        return _open(claim, bench, share)
    if (finding.state == claim.said) == claim.denied:
        return _contradicted(f"{_name(bench, claim.about)} is {words.inner_label(finding.state)}")
    if why := _unsure(claim, share):
        return _contradicted(why)
    whole = not claim.denied or len(chances) == 2
    return Ruling("supported", covers=bench.covered("finding", claim.about) if whole else frozenset())


def _open(claim: Claim, bench: Bench, share: float) -> Ruling:
    """A state of a concept that is not settled may be named with its probability, not more surely."""
    if claim.number and _percent_is(claim.number, share) and claim.certainty != "plain":
        return Ruling("supported", covers=bench.covered("chance", claim.about, claim.said))
    return _contradicted(f"{_name(bench, claim.about)} is not settled")


def _unsure(claim: Claim, share: float) -> str:
    """What is wrong with a claim's percentage or certainty word; empty where both are right or absent."""
    if claim.number and not _percent_is(claim.number, share):
        return f"its probability is {words.percent(share)}"
    level = level_of(share).name
    if claim.certainty and claim.certainty != level:
        return f"its certainty is {level} ({words.percent(share)}), not {claim.certainty}"
    return ""


def _percent_is(number: str, share: float) -> bool:
    said = words.percent(share).split(words.NBSP)[0]
    if number == said:
        return True
    bare = number.lstrip("<>")
    return bare == number and abs(float(bare) - 100 * share) <= 0.5 + 1e-9


def _measure(claim: Claim, bench: Bench, favoured: bool) -> Ruling:
    finding = _finding_of(claim, bench)
    if isinstance(finding, Ruling):
        return finding
    if finding.value is None or unit_of(finding) != claim.unit:
        return Ruling("not in the reading", f"{_name(bench, claim.about)} is not a measurement in {claim.unit}")
    said = words.quantity(finding.value, finding.sd, finding.unit)
    if (
        claim.denied
        or not _rounds(claim.number, finding.value)
        or (claim.spread and not _rounds(claim.spread, finding.sd or 0.0, 0.5))
    ):
        return _contradicted(f"{_name(bench, claim.about)} is {said}")
    return Ruling("supported", covers=bench.covered("measure", claim.about))


def _rounds(number: str, value: float, share: float = ROUNDED) -> bool:
    """Whether a printed number is the value, rounded to its own decimals and by no more than `share` of the value."""
    if number[0] in "<>":
        return False
    said = Decimal(number)
    half = 0.5 * 10.0 ** float(int(said.as_tuple().exponent))
    off = abs(float(said) - value)
    return off <= half * (1 + 1e-6) + 1e-9 and (
        off <= share * abs(value) + 1e-9 or f"{value:.{max(0, -int(said.as_tuple().exponent))}f}" == number
    )


def _unjudged(claim: Claim, bench: Bench, favoured: bool) -> Ruling:
    finding = bench.reading.finding(claim.about)
    if finding is None:
        return Ruling("not in the reading", f"the reading says nothing of {_name(bench, claim.about)}")
    if finding.unknown_because is None:
        return _contradicted(f"{_name(bench, claim.about)} was judged")
    return Ruling("supported", covers=bench.covered("unjudged", claim.about))


def _unsettled(claim: Claim, bench: Bench, favoured: bool) -> Ruling:
    finding = _finding_of(claim, bench)
    if isinstance(finding, Ruling):
        return finding
    if finding.probabilities is None or finding.state is not None:
        return _contradicted(f"{_name(bench, claim.about)} is settled")
    return Ruling("supported", covers=bench.covered("unsettled", claim.about))


def _chance(claim: Claim, bench: Bench, favoured: bool) -> Ruling:
    finding = _finding_of(claim, bench)
    if isinstance(finding, Ruling):
        return finding
    share = dict(zip(finding.states or (), finding.probabilities or (), strict=True)).get(claim.said)
    if share is None or not _percent_is(claim.number, share):
        return _contradicted(f"the probability of {claim.said} is {words.percent(share or 0.0)}")
    return Ruling("supported", covers=bench.covered("chance", claim.about, claim.said))


def _judged(claim: Claim, bench: Bench, favoured: bool) -> Ruling:
    finding = _finding_of(claim, bench)
    return finding if isinstance(finding, Ruling) else Ruling("supported")


def _answered(claim: Claim, bench: Bench, favoured: bool) -> Ruling:
    a = _asked(claim, bench)
    if isinstance(a, Ruling):
        return a
    return Ruling("supported") if a.category is not None else _contradicted(f"none is given: {a.abstained_because}")


def _asked(claim: Claim, bench: Bench) -> Assessment | Ruling:
    found = next((a for a in bench.reading.assessments if a.question == claim.about), None)
    return found or Ruling("not in the reading", f"the reading was not asked for {words.inner_label(claim.about)}")


def _category(claim: Claim, bench: Bench, favoured: bool) -> Ruling:
    a = _asked(claim, bench)
    if isinstance(a, Ruling):
        return a
    noun = bench.pack.questions[claim.about].noun
    if a.category is None:
        return _contradicted(f"no {noun} is given: {a.abstained_because}")
    if claim.denied or claim.said != a.category:
        return _contradicted(f"the {noun} is {a.category}")
    share = a.probabilities[a.category]
    doubtful = "not excluded" in a.statement  # the answer itself is a doubt
    loose = doubtful or (favoured and claim.certainty != "plain")
    why = _unsure(replace(claim, certainty="") if loose else claim, share)
    hedged = (noun in HEDGED_NOUNS or a.statement.startswith("Most probably")) and level_of(share).name != "plain"
    if not why and hedged and not (claim.certainty or claim.number or favoured):
        why = f"it is only the most probable {noun} ({words.percent(share)})"
    return _contradicted(why) if why else Ruling("supported", covers=bench.covered("category", claim.about))


def _set(claim: Claim, bench: Bench, favoured: bool) -> Ruling:
    a = _asked(claim, bench)
    if isinstance(a, Ruling):
        return a
    if a.coverage is None or not a.confidence_set:
        return Ruling("not in the reading", "no confidence set was made")
    if claim.number and not _percent_is(claim.number, a.coverage):
        return _contradicted(f"the coverage is {words.percent(a.coverage)}")
    if claim.denied or set(claim.said.split("|")) != set(a.confidence_set):
        return _contradicted(f"the set is {words.listing(a.confidence_set, 'or')}")
    return Ruling("supported", covers=bench.covered("set", claim.about))


def _abstained(claim: Claim, bench: Bench, favoured: bool) -> Ruling:
    a = _asked(claim, bench)
    if isinstance(a, Ruling):
        return a
    if a.category is not None:
        return _contradicted(f"the {bench.pack.questions[claim.about].noun} is {a.category}")
    return Ruling("supported", covers=bench.covered("abstained", claim.about))


def _differential(claim: Claim, bench: Bench, favoured: bool) -> Ruling:
    names = {
        one.name for a in bench.reading.assessments for one in a.differential if not claim.about or a.question == claim.about
    }
    if claim.said not in names:
        return Ruling("not in the reading", f"{claim.said} is not in the differential")
    if claim.denied or not favoured:
        return _contradicted(f"{claim.said} is to be considered, no more and no less")
    return Ruling("supported", covers=bench.covered("differential", claim.about, claim.said))


_RULES: Mapping[str, Callable[[Claim, Bench, bool], Ruling]] = {
    "finding": _state,
    "measure": _measure,
    "unjudged": _unjudged,
    "unsettled": _unsettled,
    "chance": _chance,
    "judged": _judged,
    "answered": _answered,
    "category": _category,
    "set": _set,
    "abstained": _abstained,
    "differential": _differential,
}
"""How each kind of claim is held against the reading."""
