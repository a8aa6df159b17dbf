"""Signs that weigh for and against diagnoses, where no published rule turns them into a category.

`weigh` ranks the diagnoses of one differential by the sum of the weights of the signs that are met. A sum is no probability, and
the first of the list is no answer: each diagnosis keeps its mimics, and the range that signs not judged leave open.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from pellucid.errors import UnknownName
from pellucid.knowledge.beside import build_beside, situation_of
from pellucid.knowledge.fields import Place
from pellucid.knowledge.guideline import Diagnosis, Guideline, NextStep, Sign, Weights
from pellucid.knowledge.proposals import Pack, read_citation
from pellucid.knowledge.space import Builder
from pellucid.knowledge.steps import KLEENE, Situation, predicate_step
from pellucid.knowledge.terms import Score, ScoreTerm
from pellucid.record import Finding, Step, Truth

DIGITS = 6
IMPOSSIBLE = "impossible"


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
    """Sum of the weights of the signs that are met, as what is judged and what cannot be so together make sure."""
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

    Raises UnknownName for a differential the guideline does not have, InputError where a finding does not fit its concept or
    where what persons say for certain cannot all be so.
    """
    if name not in guideline.differentials:
        raise UnknownName("differential", name, guideline.differentials, f"{guideline.name}-{guideline.edition}")
    tables, diagnoses = _tables(guideline, name), guideline.differentials[name].diagnoses
    situation = situation_of(tables.build, findings)
    found = [_weighed(k, diagnosis, tables, situation) for k, diagnosis in enumerate(diagnoses)]
    ranked = [replace(one, rank=1 + sum(other.score > one.score for other in found)) for one in found]
    return tuple(sorted(ranked, key=lambda one: one.rank))


@dataclass(frozen=True, eq=False)
class _Tables:
    """A differential's diagrams, without what cannot be: the truth of each sign of each diagnosis, and each diagnosis' sum."""

    build: Builder
    signs: tuple[tuple[int, ...], ...]
    sums: tuple[int, ...]


@lru_cache(maxsize=64)
def _tables(guideline: Guideline, name: str) -> _Tables:
    diagnoses = guideline.differentials[name].diagnoses
    build = build_beside(guideline, [sign.when for diagnosis in diagnoses for sign in diagnosis.signs])
    never = build.impossible()

    def possible(root: int) -> int:
        return build.store.combine(lambda bad, value: IMPOSSIBLE if bad else value, never, root)

    signs = tuple(tuple(possible(build.truth(sign.when)) for sign in diagnosis.signs) for diagnosis in diagnoses)
    return _Tables(build, signs, tuple(possible(build.score(diagnosis.total)) for diagnosis in diagnoses))


def _weighed(k: int, diagnosis: Diagnosis, tables: _Tables, situation: Situation) -> Weighed:
    """Diagnosis `k` with its sums, not ranked yet."""
    signs = tuple(
        WeighedSign(sign.weight, _sign_step(sign, root, situation))
        for sign, root in zip(diagnosis.signs, tables.signs[k], strict=True)
    )
    score = round(sum(sign.weight for sign in signs if sign.step.truth is Truth.MET), DIGITS)
    spans: set[tuple[float, float]] = situation.values(tables.sums[k]) - {IMPOSSIBLE}
    lowest, highest = min(low for low, _ in spans), max(high for _, high in spans)
    return Weighed(diagnosis.name, 0, score, lowest, highest, signs, diagnosis.mimics, diagnosis.next_step)


def _sign_step(sign: Sign, root: int, situation: Situation) -> Step:
    part = predicate_step(sign.when, situation)
    truths: set[int] = situation.values(root) - {IMPOSSIBLE}
    return Step(
        claim=f"{sign.weight:+g} where {part.claim}",
        truth=KLEENE[truths.pop()] if len(truths) == 1 else Truth.UNKNOWN,
        citation=sign.citation.text,
        because=part.because,
        ground="published",
        verified=sign.citation.verified,
    )


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
