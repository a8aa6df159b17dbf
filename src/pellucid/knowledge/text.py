"""A guideline pack and a reading's derivations as plain text, for reading in a terminal."""

from collections.abc import Mapping

from pellucid.knowledge.guideline import Bands, Decide, Guideline, Outcome, Question, Scorecard, Table, Weights
from pellucid.knowledge.space import table_shares
from pellucid.knowledge.terms import Atom, Citation, Compound, Count, Predicate
from pellucid.record import Reading


def show(guideline: Guideline) -> str:
    """The whole pack: concepts, questions, scorecards and tables with their figures, rules with citations and marks, what stays
    silent.
    """
    lines = [f"{guideline.title}  ({guideline.name}, edition {guideline.edition}, {guideline.sha256[:12]}…)", "", "Concepts"]
    for entry in guideline.entries.values():
        concept = entry.concept
        code = f"  [{concept.code.scheme} {concept.code.value}]" if concept.code else ""
        lines += [f"  {concept.name}: {' | '.join(concept.states or ()) or concept.unit}{code}", f"      {concept.definition}"]
        if entry.base_rate:
            lines.append(
                f"      base rate {', '.join(f'{n:g}' for n in entry.base_rate.counts)}  {_cited(entry.base_rate.citation)}"
            )
    for question in guideline.questions.values():
        lines += ["", *_question(question)]
    for differential in guideline.differentials.values():
        lines += ["", *_differential(differential)]
    lines += ["", "Sources", *(f"  {source.short}: {source.reference}" for source in guideline.sources.values())]
    if guideline.notes:
        lines += ["", "Notes", *(f"  {note}" for note in guideline.notes)]
    return "\n".join(lines)


def _cited(citation: Citation) -> str:
    return f"[{citation.text}; {citation.verified}]"


def _question(question: Question) -> list[str]:
    lines = [f"Question {question.name}: {question.label}"]
    for category in question.categories.values():
        likelihood = f" Published likelihood of malignancy: {category.likelihood}." if category.likelihood else ""
        lines.append(f"  {category.name}: {category.statement}{likelihood}")
        if category.next_step:
            lines.append(f"      next: {category.next_step.text}  {_cited(category.next_step.citation)}")
    lines += _proposal(question)
    for rule in question.rules:
        lines.append(f"  rule {rule.id}: {rule.claim}  {_cited(rule.citation)}")
        lines.append(f"      when {words(rule.when)}")
        if rule.note:
            lines.append(f"      {rule.note}")
    lines += [
        f"  to consider: {anchor.name}, when {words(anchor.when)}  {_cited(anchor.citation)}" for anchor in question.anchors
    ]
    lines += [f"  cannot tell {' from '.join(item.between)}: {item.text}" for item in question.cannot_tell]
    lines += [f"  out of sight: {limit}" for limit in question.limits]
    return lines + [f"  not encoded: {silent.clause}: {silent.why}" for silent in question.silent]


def _differential(weights: Weights) -> list[str]:
    lines = [f"Differential {weights.name}: {weights.label}", "  ranked by the sum of the weights of the signs that are met"]
    for diagnosis in weights.diagnoses:
        lines.append(f"  {diagnosis.name}")
        lines += [f"      {sign.weight:+g} where {words(sign.when)}  {_cited(sign.citation)}" for sign in diagnosis.signs]
        lines += [f"      may be instead: {', '.join(diagnosis.mimics)}"] if diagnosis.mimics else []
        if diagnosis.next_step:
            lines.append(f"      next: {diagnosis.next_step.text}  {_cited(diagnosis.next_step.citation)}")
    return lines + [f"  out of sight: {limit}" for limit in weights.limits]


def _proposal(question: Question) -> list[str]:
    proposal = question.proposal
    if isinstance(proposal, Decide):
        return _rows(proposal)
    if isinstance(proposal, Table):
        return _table(question, proposal)
    lines = _card(proposal.scorecard)
    if isinstance(proposal, Bands):
        limits = ", ".join(f"{b.category} {'up to' if b.inclusive else 'below'} {100 * b.limit:g} %" for b in proposal.bands)
        lines.append(f"  bands of risk: {limits}  {_cited(proposal.citation)}")
    if isinstance(proposal, Outcome):
        lines.append(f"  {proposal.positive} from a risk of {100 * proposal.threshold:g} % ({proposal.why})")
    return lines


def _rows(decide: Decide) -> list[str]:
    lines = ["  the first of these rows that is met decides"]
    for row in decide.rows:
        cited = f"  {_cited(row.citation)}" if row.citation else ""
        lines += [f"  {row.id:<18} {row.category}: {row.claim}{cited}"]
        lines += [f"      when {words(row.when)}"] if row.when else []
        lines += [f"      {row.note}"] if row.note else []
    if decide.otherwise:
        lines.append(f"  otherwise          {decide.otherwise.category}: {decide.otherwise.claim}")
    return lines


def _card(card: Scorecard) -> list[str]:
    lines = [f"  scorecard {card.name}  {_cited(card.citation)}"]
    lines += [f"      {term.points:+d} where {words(term.when)}" for term in card.terms]
    lines.append(
        "      risk per total: " + ", ".join(f"{card.lowest + i}: {100 * risk:.1f} %" for i, risk in enumerate(card.risks))
    )
    return lines + _figures(card.figures)


def _figures(figures: Mapping[str, str | int | float]) -> list[str]:
    return [f"      {name}: {value}" for name, value in figures.items()]


def _table(question: Question, table: Table) -> list[str]:
    lines = [f"  counted in data, smoothing {table.smoothing:g}  {_cited(table.citation)}"]
    for row, shares in zip(table.rows, table_shares(table), strict=True):
        counted = ", ".join(
            f"{name}: {n:g} ({share:.2f})" for name, n, share in zip(question.categories, row.counts, shares, strict=True)
        )
        lines.append(f"      where {words(row.when) if row.when else 'none of these holds'}: {counted}")
    return lines + _figures(table.figures)


def words(predicate: Predicate) -> str:
    """A predicate in one line."""
    if isinstance(predicate, Count):
        return f"{predicate.claim}: {', '.join(words(part) for part in predicate.parts)}"
    if not isinstance(predicate, Compound):
        return predicate.claim
    if predicate.claim:
        return predicate.claim
    if predicate.operator == "not":
        return f"not ({words(predicate.parts[0])})"
    joint = " and " if predicate.operator == "all" else " or "
    return joint.join(words(part) if isinstance(part, Atom) or part.claim else f"({words(part)})" for part in predicate.parts)


def trace(reading: Reading) -> str:
    """Every assessment's derivation as an indented tree."""
    parts: list[str] = []
    for assessment in reading.assessments:
        said = assessment.category or f"abstains: {assessment.abstained_because}"
        edition = f"{assessment.guideline.name} {assessment.guideline.edition}, {assessment.guideline.sha256[:12]}…"
        parts.append(f"{assessment.question}: {said}   ({edition})\n{assessment.derivation.as_text(1)}")
    return "\n\n".join(parts)
