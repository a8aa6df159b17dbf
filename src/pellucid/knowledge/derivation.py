"""The crisp view as a tree of steps: what was seen, what was learned from named data, what a published clause says, what
follows.

Kleene's three values: an unknown stays unknown unless it cannot matter.
"""

from collections.abc import Sequence

from pellucid.knowledge.guideline import Bands, Decide, Outcome, Rule, Scorecard, Table
from pellucid.knowledge.space import GAP, MET, Compiled
from pellucid.knowledge.steps import Situation, decided_rows, listed, predicate_step, sure
from pellucid.knowledge.terms import Compound
from pellucid.record import Step, Truth


def derive(compiled: Compiled, situation: Situation, opened: Sequence[str]) -> Step:
    """The whole derivation; its root is met where exactly one category stays open."""
    question = compiled.question
    steps = [proposal_step(compiled, situation), *(rule_step(rule, situation) for rule in question.rules)]
    decided = len(opened) == 1
    if decided and any(step.truth is Truth.UNKNOWN for step in steps):
        claim = f"whatever the unknown findings are, the {question.noun} stays the same"
        steps.append(Step(claim=claim, truth=Truth.MET))
    steps.append(graded_step(situation))
    if decided:
        claim = f"the {question.noun} is {opened[0]}"
    else:
        claim = f"the {question.noun} is {open_words(compiled, opened)}: the findings do not decide which"
    return Step(claim=claim, truth=Truth.MET if decided else Truth.UNKNOWN, because=tuple(steps))


def open_words(compiled: Compiled, opened: Sequence[str]) -> str:
    """Open categories in words: 'at least 2 (2, 3 or 4)' where they reach to the top, 'at most …' where they reach to the
    bottom.
    """
    outside, told = compiled.question.outside, listed(opened)
    names = tuple(name for name in compiled.categories if name not in outside)
    if len(names) == 2 or len(opened) in (1, len(names)) or set(opened) & set(outside):
        return told
    if tuple(opened) == names[-len(opened) :]:
        return f"at least {opened[0]} ({told})"
    return f"at most {opened[-1]} ({told})" if tuple(opened) == names[: len(opened)] else told


def rule_step(rule: Rule, situation: Situation) -> Step:
    """A published clause: met where it binds."""
    because = predicate_step(rule.when, situation)
    return Step(
        claim=f"{rule.id}: {rule.claim}",
        truth=because.truth,
        citation=rule.citation.text,
        because=(because,),
        ground="published",
        verified=rule.citation.verified,
    )


def proposal_step(compiled: Compiled, situation: Situation) -> Step:
    """What the decision rows, the scorecard or the learned table say."""
    proposal = compiled.question.proposal
    if isinstance(proposal, Decide):
        return _decide_step(proposal, compiled, situation)
    if isinstance(proposal, Table):
        return _table_step(proposal, compiled, situation)
    lowest, highest = points_range(compiled, situation)
    card = proposal.scorecard
    step = _card_step(card, lowest, highest, situation)
    low, high = proposed_range(compiled, situation)
    risk = _risk_words(card, lowest, highest)
    claim = f"a risk of {card.outcome} of {risk} proposes {low if low == high else f'{low} to {high}'}"
    if isinstance(proposal, Outcome):
        claim += f" (the operating threshold is {100 * proposal.threshold:g} %)"
        return Step(
            claim=claim,
            truth=sure(low == high),
            because=(step,),
            citation=card.citation.text,
            ground="learned",
            verified=card.citation.verified,
        )
    return Step(
        claim=claim,
        truth=sure(low == high),
        because=(step,),
        citation=proposal.citation.text,
        ground="published",
        verified=proposal.citation.verified,
    )


def _decide_step(proposal: Decide, compiled: Compiled, situation: Situation) -> Step:
    noun = compiled.question.noun
    shown = decided_rows(proposal, situation)
    found: set[int] = situation.values(compiled.build.proposed(compiled.question))
    names = [compiled.categories[k] for k in sorted(found) if k != GAP]
    claim = f"by the first row of the table that is met, the {noun} is {listed(names)}"
    return Step(claim=claim, truth=sure(len(names) == 1), because=shown)


def points_range(compiled: Compiled, situation: Situation) -> tuple[int, int]:
    """Lowest and highest total the crisp facts leave possible."""
    points = compiled.points
    if points is None:
        raise TypeError("expected a question with a scorecard")
    part: set[int] = situation.values(points)
    return min(part), max(part)


def proposed_range(compiled: Compiled, situation: Situation) -> tuple[str, str]:
    """Lowest and highest category the scorecard may propose on the crisp facts."""
    if compiled.proposed is None:
        raise TypeError("expected a question with a scorecard")
    part: set[int] = situation.values(compiled.proposed)
    names = compiled.categories
    return names[min(part)], names[max(part)]


def percent(share: float) -> str:
    """A probability in words of percent, with one decimal below ten."""
    return f"{100 * share:.1f} %" if share < 0.0995 or share > 0.9005 else f"{100 * share:.0f} %"


def _risk_words(card: Scorecard, lowest: int, highest: int) -> str:
    low, high = percent(card.risks[lowest - card.lowest]), percent(card.risks[highest - card.lowest])
    return low if low == high else f"{low} to {high}"


def _card_step(card: Scorecard, lowest: int, highest: int, situation: Situation) -> Step:
    terms: list[Step] = []
    for term in card.terms:
        part = predicate_step(term.when, situation)
        worth = f"{term.points:+d} point{'s' if abs(term.points) != 1 else ''}"
        because = part.because if isinstance(term.when, Compound) else ()
        ground = "logic" if isinstance(term.when, Compound) else "observed"
        terms.append(Step(claim=f"{worth} where {part.claim}", truth=part.truth, because=because, ground=ground))
    total = f"{lowest}" if lowest == highest else f"between {lowest} and {highest}"
    top = card.lowest + len(card.risks) - 1
    risk = _risk_words(card, lowest, highest)
    claim = f"the points of the findings add up to {total} (of {top}): a risk of {card.outcome} of {risk}"
    return Step(
        claim=claim,
        truth=sure(lowest == highest),
        citation=card.citation.text,
        because=tuple(terms),
        ground="learned",
        verified=card.citation.verified,
    )


def _table_step(table: Table, compiled: Compiled, situation: Situation) -> Step:
    noun, names = compiled.question.noun, compiled.categories
    shown: list[Step] = []
    for row in table.rows:
        step = predicate_step(row.when, situation) if row.when else Step(claim="none of the other rows holds", truth=Truth.MET)
        if step.truth is Truth.NOT_MET:
            continue
        counted = ", ".join(f"{name}: {n:g}" for name, n in zip(names, row.counts, strict=True))
        above = "no row above holds and " if shown and row.when else ""
        applies = Truth.UNKNOWN if shown else step.truth
        claim = f"where {above}{step.claim}, the data have {noun} {counted}"
        shown.append(Step(claim=claim, truth=applies, because=step.because, ground="learned", verified=table.citation.verified))
        if step.truth is Truth.MET:
            break
    claim = f"the probability of each {noun} is counted in named data, inside the published limits below"
    return Step(
        claim=claim,
        truth=sure(len(shown) == 1),
        because=tuple(shown),
        citation=table.citation.text,
        ground="learned",
        verified=table.citation.verified,
    )


def graded_step(situation: Situation) -> Step:
    """How the probabilities come about, and which findings entered by their base rate only."""
    parts: list[Step] = []
    for axis, fact in zip(situation.build.axes, situation.facts, strict=True):
        label = axis.entry.concept.label
        if fact.judged or axis.entry.when_unknown in ("not stated", "counts as"):
            continue
        if axis.entry.when_unknown == "averaged":
            claim, cite = f"{label}: not judged; the counted data average over it", None
        elif axis.entry.base_rate is None:
            claim, cite = f"{label}: not judged; every state is given the same weight, for want of a base rate", None
        else:
            shares = ", ".join(f"{name} {weight:.2f}" for name, weight in zip(axis.labels, fact.weights, strict=True))
            claim, cite = f"{label}: not judged; weighted by its base rate ({shares})", axis.entry.base_rate.citation
        parts.append(
            Step(
                claim=claim,
                truth=Truth.UNKNOWN,
                ground="learned" if cite else "logic",
                citation=cite.text if cite else None,
                verified=cite.verified if cite else None,
            )
        )
    claim = "the probabilities are an exact sum over all joint states, taking the findings as independent given the image"
    return Step(claim=claim, truth=Truth.MET, because=tuple(parts))


def binding(compiled: Compiled, steps: Sequence[Step]) -> tuple[list[Rule], list[Rule]]:
    """The met rules that set the highest floor and the lowest ceiling; `steps` are those of the question's rules, in order."""
    names = compiled.categories
    met = [rule for rule, step in zip(compiled.question.rules, steps, strict=True) if step.truth is Truth.MET]
    floors = [rule for rule in met if rule.low]
    ceilings = [rule for rule in met if rule.high]
    top = max((names.index(rule.low) for rule in floors if rule.low), default=-1)
    bottom = min((names.index(rule.high) for rule in ceilings if rule.high), default=len(names))
    return (
        [rule for rule in floors if rule.low and names.index(rule.low) == top],
        [rule for rule in ceilings if rule.high and names.index(rule.high) == bottom],
    )


def conflict(compiled: Compiled, situation: Situation, steps: Sequence[Step]) -> str | None:
    """A published floor or ceiling against the scorecard's proposal, or against another rule; None where all agree.

    A rule that the scorecard cannot meet whatever is found (a ceiling of 3 on a card whose lowest risk is 11 %) disagrees with it
    as such, and not on this case: there it is a conflict only where the card proposes more than the least it has for that rule.
    """
    names = compiled.categories
    floors, ceilings = binding(compiled, steps)
    floor = names.index(floors[0].low or names[0]) if floors else 0
    ceiling = names.index(ceilings[0].high or names[-1]) if ceilings else len(names) - 1
    if floor > ceiling:
        return (
            f"rule {floors[0].id} asks for at least {names[floor]}, rule {ceilings[0].id} for at most {names[ceiling]}: "
            f"the more suspicious one stands"
        )
    proposal = compiled.question.proposal
    if not isinstance(proposal, Bands):
        return None
    low, high = (names.index(name) for name in proposed_range(compiled, situation))
    risk = _risk_words(proposal.scorecard, *points_range(compiled, situation))
    said = f"the scorecard proposes {names[low] if low == high else f'{names[low]} to {names[high]}'} (risk {risk})"
    if high < floor and high < proposed_under(compiled, floors[0])[1]:
        return f"rule {floors[0].id} asks for at least {names[floor]}, {said}: the rule stands"
    if low > ceiling and low > proposed_under(compiled, ceilings[0])[0]:
        return f"rule {ceilings[0].id} asks for at most {names[ceiling]}, {said}: the rule stands"
    return None


def proposed_under(compiled: Compiled, rule: Rule) -> tuple[int, int]:
    """The lowest and the highest category, as indices, that the scorecard proposes over everything that meets a rule."""
    build = compiled.build

    def only(met: int, bad: int, proposed: int) -> int | None:
        return proposed if met == MET and not bad else None

    under = build.store.combine(only, build.truth(rule.when), build.impossible(), build.proposed(compiled.question))
    found: set[int | None] = build.store.values(under, [range(axis.size) for axis in compiled.axes])
    proposed = [k for k in found if k is not None]
    return min(proposed), max(proposed)
