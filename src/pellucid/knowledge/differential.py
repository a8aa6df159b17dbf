"""Signs that weigh for and against diagnoses, where no published rule turns them into a category.

`weigh` ranks the diagnoses of one differential by the sum of the weights of the signs that are met. A sum is no probability, and
the first of the list is no answer: each diagnosis keeps its mimics, and the range that signs not judged leave open.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from pellucid.errors import UnknownName
from pellucid.knowledge.beside import compile_beside, possible_facts, situation_of
from pellucid.knowledge.fields import Place
from pellucid.knowledge.guideline import Diagnosis, Guideline, NextStep, Sign, Weights
from pellucid.knowledge.proposals import Pack, read_citation
from pellucid.knowledge.reasons import allowed
from pellucid.knowledge.space import Compiled
from pellucid.knowledge.steps import Situation, predicate_step
from pellucid.knowledge.terms import Score, ScoreTerm
from pellucid.record import Finding, Step, Truth

DIGITS = 6
IMPOSSIBLE = (1.0, 0.0)


@dataclass(frozen=True)
class WeighedSign:
    """One sign on these findings: its weight, and the step that says whether it is met and by what, with its citation."""

    weight: float
    step: Step


@dataclass(frozen=True)
class Weighed:
    """One diagnosis on these findings."""

    name: str
    rank: int
    """1 for the highest sum; equal sums share a rank and stand in the pack's order."""
    score: float
    """Sum of the weights of the signs that are met."""
    lowest: float
    """The lowest sum that what is not judged leaves possible, contradictions left out."""
    highest: float
    signs: tuple[WeighedSign, ...]
    """Every sign, in the pack's order."""
    mimics: tuple[str, ...]
    next_step: NextStep | None

    @property
    def speaks_for(self) -> tuple[WeighedSign, ...]:
        """Signs that are met and support the diagnosis, heaviest first."""
        met = [sign for sign in self.signs if sign.step.truth is Truth.MET and sign.weight > 0]
        return tuple(sorted(met, key=lambda sign: -sign.weight))

    @property
    def speaks_against(self) -> tuple[WeighedSign, ...]:
        """Signs that are met and contradict the diagnosis, heaviest first."""
        met = [sign for sign in self.signs if sign.step.truth is Truth.MET and sign.weight < 0]
        return tuple(sorted(met, key=lambda sign: sign.weight))

    @property
    def not_judged(self) -> tuple[WeighedSign, ...]:
        """Signs that what is not judged leaves unknown."""
        return tuple(sign for sign in self.signs if sign.step.truth is Truth.UNKNOWN)


def weigh(guideline: Guideline, name: str, findings: Sequence[Finding]) -> tuple[Weighed, ...]:
    """The diagnoses of a differential, highest sum first.

    Raises UnknownName for a differential the guideline does not have, InputError where a finding does not fit its concept or where
    what persons say for certain cannot all be so.
    """
    if name not in guideline.differentials:
        raise UnknownName("differential", name, guideline.differentials, f"{guideline.name}-{guideline.edition}")
    compiled = _compiled(guideline, name)
    facts, _ = possible_facts(compiled, findings)
    situation = situation_of(compiled, facts)
    unranked = [_weighed(diagnosis, situation) for diagnosis in guideline.differentials[name].diagnoses]
    order = sorted(range(len(unranked)), key=lambda i: (-unranked[i][1], i))
    scores = [score for _, score, *_ in unranked]
    return tuple(
        _ranked(guideline.differentials[name].diagnoses[i], 1 + sum(other > scores[i] for other in scores), unranked[i])
        for i in order
    )


@lru_cache(maxsize=64)
def _compiled(guideline: Guideline, name: str) -> Compiled:
    signs = [sign.when for diagnosis in guideline.differentials[name].diagnoses for sign in diagnosis.signs]
    return compile_beside(guideline, name, signs)


Sums = tuple[tuple[WeighedSign, ...], float, float, float]


def _weighed(diagnosis: Diagnosis, situation: Situation) -> Sums:
    """The signs in the pack's order, the sum of those met, and the lowest and highest sum that is possible."""
    signs = tuple(WeighedSign(sign.weight, _sign_step(sign, situation)) for sign in diagnosis.signs)
    score = round(sum(sign.weight for sign in signs if sign.step.truth is Truth.MET), DIGITS)
    compiled = situation.compiled
    total = compiled.build.score(diagnosis.total)
    store = compiled.store
    possible = store.combine(lambda bad, span: IMPOSSIBLE if bad else span, compiled.build.impossible(), total)
    spans = store.values(possible, allowed(compiled, situation.facts)) - {IMPOSSIBLE}
    return signs, score, min(low for low, _ in spans), max(high for _, high in spans)


def _sign_step(sign: Sign, situation: Situation) -> Step:
    part = predicate_step(sign.when, situation)
    return Step(
        claim=f"{sign.weight:+g} where {part.claim}",
        truth=part.truth,
        citation=sign.citation.text,
        because=part.because,
        ground="published",
        verified=sign.citation.verified,
    )


def _ranked(diagnosis: Diagnosis, rank: int, sums: Sums) -> Weighed:
    signs, score, lowest, highest = sums
    return Weighed(diagnosis.name, rank, score, lowest, highest, signs, diagnosis.mimics, diagnosis.next_step)


def read_differentials(place: Place | None, pack: Pack) -> dict[str, Weights]:
    """The pack's differentials by name; GuidelineError for fewer than two diagnoses, a name twice, or a weight of 0."""
    return {name: _differential(name, body, pack) for name, body in (place.pairs() if place else ())}


def _differential(name: str, place: Place, pack: Pack) -> Weights:
    fields = place.fields()
    listed, limits = fields.take("diagnoses"), fields.maybe("limits")
    diagnoses = tuple(_diagnosis(item, name, pack) for item in listed.items())
    if len({diagnosis.name for diagnosis in diagnoses}) < max(2, len(diagnoses)):
        listed.refuse("two or more diagnoses of different names", ", ".join(diagnosis.name for diagnosis in diagnoses) or "none")
    found = Weights(name, fields.take("label").text(), diagnoses, limits.texts() if limits else ())
    fields.done()
    return found


def _diagnosis(place: Place, differential: str, pack: Pack) -> Diagnosis:
    fields = place.fields()
    name, listed = fields.take("name").text(), fields.take("signs")
    mimics, step = fields.maybe("mimics"), fields.maybe("next_step")
    signs = tuple(_sign(item, pack) for item in listed.items())
    if not signs:
        listed.refuse("one or more signs", "none")
    terms = tuple(ScoreTerm(sign.when, sign.weight) for sign in signs)
    found = Diagnosis(
        name,
        signs,
        mimics.texts() if mimics else (),
        _next_step(step, pack) if step else None,
        Score(f"{differential}: {name}", f"signs of {name}", terms, signs[0].citation),
    )
    fields.done()
    return found


def _sign(place: Place, pack: Pack) -> Sign:
    fields = place.fields()
    weight = fields.take("weight")
    found = Sign(pack.predicate(fields.take("when")), weight.number(), read_citation(fields.take("cite"), pack.sources))
    if found.weight == 0:
        weight.refuse("a weight above or below 0", "0")
    fields.done()
    return found


def _next_step(place: Place, pack: Pack) -> NextStep:
    fields = place.fields()
    found = NextStep(fields.take("text").text(), read_citation(fields.take("cite"), pack.sources))
    fields.done()
    return found
