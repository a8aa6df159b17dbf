"""Does each printed reason hold? What fails is not a reason and is not shown as one.

A sufficient reason says: these findings force the category, whatever the others are, and none of them can be spared. A contrast
says: with these changes, and no fewer, it would be another category. Both are tried out on the guideline itself: the cited
findings fixed, all others set free (every state they can take, 'not stated' where that is an input's state), and the categories
that can then be reached are counted. That is another way than the one by which reasons are found (prime implicants,
`knowledge/reasons.py`), so that a mistake or a tampering in one does not pass the other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pellucid.errors import PellucidError
from pellucid.knowledge import Guideline
from pellucid.knowledge.axes import Axis
from pellucid.knowledge.evaluate import situated
from pellucid.knowledge.facts import Fact
from pellucid.knowledge.reasons import open_categories
from pellucid.knowledge.space import Compiled
from pellucid.record import Assessment, Condition, Contrast, Finding

Reason = tuple[Condition, ...]


@dataclass(frozen=True)
class Checked:
    """The reasons of one assessment that hold, and what was struck: one sentence each, why."""

    sufficient: tuple[Reason, ...]
    contrasts: tuple[Contrast, ...]
    struck: tuple[str, ...]

    @property
    def tried(self) -> int:
        """How many reasons and contrasts were tried."""
        return len(self.sufficient) + len(self.contrasts) + len(self.struck)


def check_reasons(guideline: Guideline, assessment: Assessment, findings: Sequence[Finding]) -> Checked:
    """Every sufficient reason and contrast of an assessment, tried out on its guideline with these findings."""
    try:
        compiled, facts, _ = situated(guideline, assessment.question, findings)
    except PellucidError as error:
        why = f"the guideline cannot be applied to these findings: {error}"
        count = len(assessment.sufficient_reason) + len(assessment.contrasts)
        return Checked((), (), (why,) * count)
    table = _Table(compiled, facts)
    reasons = [(r, table.against_reason(r, assessment.category)) for r in assessment.sufficient_reason]
    changes = [(c, table.against_contrast(c)) for c in assessment.contrasts]
    struck = [f"{_said(r)} was given as enough for {assessment.category}, but {why}" for r, why in reasons if why]
    struck += [f"{_changed(c)} was given as what would make it {c.category}, but {why}" for c, why in changes if why]
    return Checked(tuple(r for r, why in reasons if why is None), tuple(c for c, why in changes if why is None), tuple(struck))


@dataclass(frozen=True)
class _Table:
    """One question with its facts, ready to be tried out."""

    compiled: Compiled
    facts: Sequence[Fact]

    def against_reason(self, reason: Reason, category: str | None) -> str | None:
        """Why a sufficient reason does not hold; None where it does."""
        fixed: dict[int, int] = {}
        for item in reason:
            k = self.compiled.axis(item.concept)
            cell = None if k is None else self.facts[k].cell
            if k is None or cell is None or self.compiled.axes[k].labels[cell] != item.state:
                return f"{_name(item)} is not what was found"
            fixed[k] = int(self.compiled.axes[k].classes[cell])
        left = self._reached(fixed)
        if left != (category,):
            return f"other findings could still make it {_or(name for name in left if name != category)}"
        for k in fixed:
            if self._reached({other: at for other, at in fixed.items() if other != k}) == left:
                return f"{self.compiled.axes[k].name.replace('_', ' ')} can be spared"
        return None

    def against_contrast(self, contrast: Contrast) -> str | None:
        """Why a contrast does not hold; None where it does."""
        changed: dict[int, Fact] = {}
        for change in contrast.changes:
            k = self.compiled.axis(change.concept)
            if k is None or change.instead not in self.compiled.axes[k].labels:
                return f"{change.concept.replace('_', ' ')} {change.instead} means nothing to the guideline"
            if change.seen != _seen(self.compiled.axes[k], self.facts[k]):
                return f"{change.concept.replace('_', ' ')} was not found to be {change.seen or 'unknown'}"
            changed[k] = replace(self.facts[k], cell=self.compiled.axes[k].labels.index(change.instead))
        if not changed:
            return "it changes nothing"
        if (got := self._with(changed)) != (contrast.category,):
            return f"with that it would be {_or(got)}"
        for k in changed:
            if self._with({other: fact for other, fact in changed.items() if other != k}) == (contrast.category,):
                return f"{self.compiled.axes[k].name.replace('_', ' ')} need not change"
        return None

    def _with(self, changed: Mapping[int, Fact]) -> tuple[str, ...]:
        """The categories left open where some facts are others."""
        return open_categories(self.compiled, [changed.get(k, fact) for k, fact in enumerate(self.facts)])

    def _reached(self, fixed: Mapping[int, int]) -> tuple[str, ...]:
        """The categories that can be reached with some axes fixed in a class and all others set free."""
        pairs = zip(self.compiled.axes, self.facts, strict=True)
        allowed = [[fixed[k]] if k in fixed else _free(axis, fact) for k, (axis, fact) in enumerate(pairs)]
        bits = 0
        for mask in self.compiled.masks.values(self.compiled.masked, allowed):
            bits |= mask
        return tuple(name for k, name in enumerate(self.compiled.categories) if bits >> k & 1)


def _free(axis: Axis, fact: Fact) -> list[int]:
    """The classes of a finding that is set free: its real states, and 'not stated' where it was stated as an input."""
    if fact.cell is None or axis.entry.when_unknown == "averaged":
        return list(range(axis.real))
    return list(range(axis.size))


def _seen(axis: Axis, fact: Fact) -> str | None:
    return None if fact.cell is None or not fact.judged else axis.labels[fact.cell]


def _name(item: Condition) -> str:
    return f"{item.concept.replace('_', ' ')} {item.state}"


def _said(reason: Reason) -> str:
    return " and ".join(_name(item) for item in reason) or "nothing at all"


def _changed(contrast: Contrast) -> str:
    return " and ".join(f"{c.concept.replace('_', ' ')} {c.instead}" for c in contrast.changes) or "no change"


def _or(names: Iterable[str]) -> str:
    return " or ".join(names) or "nothing"
