"""The words for one reading: those of the pack it was concluded by, or, where that is not here, the reading's own names."""

from functools import lru_cache
from typing import Any, cast

from pellucid.errors import PellucidError
from pellucid.knowledge import Guideline, list_guidelines, load_guideline
from pellucid.knowledge.guideline import Anchor, Category, Question
from pellucid.knowledge.language import Lexicon, lexicon
from pellucid.knowledge.terms import Citation, Entry, Source
from pellucid.record import Assessment, Concept, Finding, Reading
from pellucid.report import words

Vocabulary = tuple[Guideline, Lexicon]
"""A pack, and every phrase that may stand for something in it."""


def vocabulary(reading: Reading) -> Vocabulary:
    """The pack of the reading's own edition (or of another edition, or one that has all its concepts) and its lexicon.

    What the pack does not have (a concept, a question) is added under the reading's own name for it.
    """
    pack = _pack(reading)
    known = pack.entries if pack else dict[str, Entry]()
    strange = [f for f in reading.findings if f.concept not in known or known[f.concept].concept.states != f.states]
    unasked = [a for a in reading.assessments if pack is None or not _holds(pack, a)]
    if pack is not None and not strange and not unasked:
        return pack, lexicon(pack)
    made = _made(pack, tuple(strange), tuple(unasked))
    return made, lexicon(made)


def _holds(pack: Guideline, assessment: Assessment) -> bool:
    asked = pack.questions.get(assessment.question)
    if asked is None or not set(assessment.probabilities) <= set(asked.categories):
        return False
    told = assessment.statement.removeprefix("Most probably: ")
    known = {one.name for one in asked.anchors}
    same = assessment.category is None or told == asked.categories[assessment.category].statement
    return same and {one.name for one in assessment.differential} <= known


def _pack(reading: Reading) -> Guideline | None:
    shipped = set(list_guidelines())
    for assessment in reading.assessments:
        named = assessment.guideline
        for name in (f"{named.name}-{named.edition}", named.name):
            try:
                return load_guideline(name)
            except PellucidError:
                continue
    asked = {f.concept: f.states for f in reading.findings}
    if reading.assessments or not asked:
        return None
    return next((pack for name in sorted(shipped) if _has(pack := load_guideline(name), asked)), None)


def _has(pack: Guideline, asked: dict[str, tuple[str, ...] | None]) -> bool:
    return all(name in pack.entries and pack.entries[name].concept.states == states for name, states in asked.items())


@lru_cache(maxsize=64)
def _made(pack: Guideline | None, findings: tuple[Finding, ...], assessments: tuple[Assessment, ...]) -> Guideline:
    entries = {f.concept: _entry(f) for f in findings}
    asked = {a.question: _question(a, pack) for a in assessments}
    return Guideline(
        name=pack.name if pack else "",
        edition=pack.edition if pack else "",
        title=pack.title if pack else "Findings",
        sha256=pack.sha256 if pack else "",
        file=pack.file if pack else "",
        sources=pack.sources if pack else {},
        entries={**(pack.entries if pack else {}), **entries},
        questions={**(pack.questions if pack else {}), **asked},
    )


def _entry(finding: Finding) -> Entry:
    said = words.inner_label(finding.concept)
    concept = Concept.model_construct(
        name=finding.concept, label=said, definition=said, states=finding.states, unit=finding.unit, ordinal=False, code=None
    )
    return Entry(concept, f"the {said} is {{state}}")


def _question(assessment: Assessment, pack: Guideline | None) -> Question:
    """The question in the pack's words where it has it, with the reading's own statement and differential."""
    source = Source("reading", "data", "the reading", "the reading")
    cite = Citation(source, "as it stands", "background")
    base = pack.questions.get(assessment.question) if pack else None
    told = {
        name: base.categories[name].statement if base and name in base.categories else name for name in assessment.probabilities
    }
    if assessment.category is not None:
        told[assessment.category] = assessment.statement.removeprefix("Most probably: ")
    return Question(
        name=assessment.question,
        label=base.label if base else words.inner_label(assessment.question),
        noun=base.noun if base else "category",
        categories={name: Category(name, statement, None, None) for name, statement in told.items()},
        needs=(),
        proposal=cast(Any, None),  # nothing is concluded from it
        anchors=tuple(Anchor(one.name, cast(Any, None), cite) for one in assessment.differential),
    )
