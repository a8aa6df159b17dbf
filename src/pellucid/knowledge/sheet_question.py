"""One question of a pack laid out for people: its answers, the table that decides, what bounds it, and what it leaves out."""

from pellucid.knowledge.guideline import Bands, Decide, Monotone, Outcome, Question, Scorecard, Table
from pellucid.knowledge.sheet import Cell, Condition, Grid, Line, Section, cited, condition, grid, plain_list, row_line, stepped
from pellucid.knowledge.space import table_shares


def question_section(question: Question) -> Section:
    """A question with everything that hangs on it."""
    tables = [
        *_proposal(question),
        *_rules(question),
        *_categories(question),
        *_next_steps(question),
        *_beside(question),
        *plain_list("Published risk models that are asked beside it, without entering the answer", question.second_opinions),
        *_declared(question),
        *plain_list("Out of sight", question.limits),
        *grid("Clauses that are not encoded", ("clause", "why"), [Line((Cell(s.clause), Cell(s.why))) for s in question.silent]),
    ]
    needs = (
        f"No answer is given without {', '.join(question.needs)}, unless the rules decide all the same." if question.needs else ""
    )
    return Section(f"question-{question.name}", f"Question {question.name}: {question.label}", tuple(tables), needs)


def _proposal(question: Question) -> list[Grid]:
    proposal = question.proposal
    if isinstance(proposal, Decide):
        lines = [row_line(row, ()) for row in (*proposal.rows, *([proposal.otherwise] if proposal.otherwise else []))]
        lead = ["Read from the top; the first row that is met decides."]
        return grid("Decision table", ("row", "when", "then", "source"), lines, "decision rows", lead)
    if isinstance(proposal, Table):
        return _counts(question, proposal)
    return [*_card(proposal.scorecard), *(_bands(proposal) if isinstance(proposal, Bands) else _outcome(proposal))]


def _card(card: Scorecard) -> list[Grid]:
    terms = [Line((Cell(when=condition(t.when)), Cell(f"{t.points:+d}"), cited(card.citation))) for t in card.terms]
    figures = tuple(f"{name}: {value}" for name, value in card.figures.items())
    found = grid(f"Points ({card.name}), fitted on named data", ("where", "points", "source"), terms, "points", figures)
    risks = [
        Line((Cell(f"{card.lowest + i}"), Cell(f"{100 * risk:.1f} %"), cited(card.citation))) for i, risk in enumerate(card.risks)
    ]
    return found + grid(f"Risk of {card.outcome} by total", ("total", "risk", "source"), risks, "risks")


def _bands(proposal: Bands) -> list[Grid]:
    lines = [
        Line((Cell(f"{'up to' if b.inclusive else 'below'} {100 * b.limit:g} %"), Cell(b.category), cited(proposal.citation)))
        for b in proposal.bands
    ]
    return grid("Bands of risk", ("risk", "then", "source"), lines, "risk bands")


def _outcome(proposal: Outcome) -> list[Grid]:
    return plain_list("Threshold", [f"{proposal.positive} from a risk of {100 * proposal.threshold:g} %: {proposal.why}"])


def _counts(question: Question, table: Table) -> list[Grid]:
    lines: list[Line] = []
    for row, shares in zip(table.rows, table_shares(table), strict=True):
        where = condition(row.when) if row.when else Condition("none of these holds")
        counts = [Cell(f"{n:g} ({share:.2f})") for n, share in zip(row.counts, shares, strict=True)]
        lines.append(Line((Cell(when=where), *counts, cited(table.citation))))
    how = f"How often each {question.noun} was seen, and the share after smoothing by {table.smoothing:g}."
    lead = [f"{how} The first line that is met counts."]
    lead += [f"{name}: {value}" for name, value in table.figures.items()]
    return grid("Counted in named data", ("where", *question.categories, "source"), lines, "counted rows", lead)


def _rules(question: Question) -> list[Grid]:
    lines: list[Line] = []
    for rule in question.rules:
        if rule.low == rule.high:
            then = f"exactly {rule.low}"
        else:
            bounds = [f"at least {rule.low}"] * bool(rule.low) + [f"at most {rule.high}"] * bool(rule.high)
            then = " and ".join(bounds)
        cells = (Cell(rule.id), Cell(when=condition(rule.when)), Cell(then), cited(rule.citation))
        lines.append(Line(cells, rule.claim, (rule.note,) if rule.note else ()))
    return grid("Floors and ceilings", ("rule", "when", "then", "source"), lines, "rules")


def _categories(question: Question) -> list[Grid]:
    lines: list[Line] = []
    for c in question.categories.values():
        likelihood = Cell(c.likelihood or "", citation=c.likelihood_citation)
        off = ("off the scale: left out of the order",) if c.name in question.outside else ()
        off += (f"code {c.code.scheme} {c.code.value}, {c.code.meaning}",) if c.code else ()
        lines.append(Line((Cell(c.name), Cell(c.statement), likelihood, stepped(c.next_step)), notes=off))
    columns = (question.noun, "statement", "published likelihood", "next step")
    keep = [k for k in range(4) if any(line.cells[k].text for line in lines)]
    slim = [Line(tuple(line.cells[k] for k in keep), notes=line.notes) for line in lines]
    return grid("Answers, least suspicious first", [columns[k] for k in keep], slim, "answers")


def _next_steps(question: Question) -> list[Grid]:
    lines = [Line((Cell(r.category), Cell(when=condition(r.when)), stepped(r.step))) for r in question.next_steps]
    lead = ["The first that is met goes before the next step of the answer itself."]
    return (
        grid("Next steps that depend on more", (question.noun, "when", "next step"), lines, "next steps", lead) if lines else []
    )


def _beside(question: Question) -> list[Grid]:
    anchors = [Line((Cell(a.name), Cell(when=condition(a.when)), cited(a.citation))) for a in question.anchors]
    found = grid("To consider", ("diagnosis", "when", "source"), anchors, "diagnoses")
    examination = question.examination
    if examination:
        extras = [f"order, least pressing first: {', '.join(examination.order)}"] if examination.order else []
        limits = (("followed", examination.followed), ("sampled", examination.sampled))
        extras += [f"of those with {' or '.join(n.of)}, at most {n.most} are {word}" for word, n in limits if n is not None]
        extras += [f"of one {question.noun}, the larger {examination.size} goes first"] if examination.size else []
        line = Line((Cell(examination.claim), cited(examination.citation)), notes=tuple(extras))
        found += grid("Several lesions", ("rule", "source"), [line], "rules for several lesions")
    return found


def _declared(question: Question) -> list[Grid]:
    cannot = [Line((Cell(" and ".join(item.between)), Cell(item.text))) for item in question.cannot_tell]
    found = grid("What these findings cannot tell apart", (f"{question.noun}s", "why"), cannot)
    asked = "named in the reading where nobody stated it and it would change the answer"
    found += grid("Inputs to ask for", ("input", "when"), [Line((Cell(name), Cell(asked))) for name in question.ask_for])
    worse = [
        Line((Cell(m.concept), Cell(_worse(m)), Cell(when=condition(m.within) if m.within else Condition("always"))))
        for m in question.monotone
    ]
    lead = [f"Proved by the checker over every combination: a worse finding never lowers the {question.noun}."]
    return found + (
        grid("A worse finding never lowers the answer", ("finding", "worse is", "where"), worse, lead=lead) if worse else []
    )


def _worse(declared: Monotone) -> str:
    if declared.worse:
        return " < ".join(declared.worse)
    return "lower" if declared.lower_is_worse else "higher"
