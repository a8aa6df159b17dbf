"""Do printed reasons hold, and the four words: relevance, completeness, correctness, clinical utility, on a reader's answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pellucid.audit.concept_baselines import commonest_given
from pellucid.audit.concept_reasons import check_reasons
from pellucid.audit.four_words import MOVED, completeness, margin, pooled_share, shift
from pellucid.record import Assessment, Line, Measured, Reading
from pellucid.train.labels import NOT_RECORDED
from pellucid.trial.concept_cases import Floats, Gathered, Ints, Progress, constant, mean
from pellucid.trial.concept_chain import answer, removed, used_by
from pellucid.trial.concept_lines import line

COUNTS = (
    "held", "tried", "dropped_held", "dropped", "cited", "moving", "stirring", "uncited", "uncited_moving", "right", "labelled",
    "common", "uncited_right", "uncited_labelled",
)  # fmt: skip
NOTHING_CITED = "nothing was cited"


@dataclass(frozen=True)
class Tally:
    """What was counted on one question: per case (N,) counts by name; margins (N, 4) with all findings, the cited ones, as many
    at random, and none; struck reasons."""

    counts: dict[str, Ints]
    margins: Floats
    struck: list[str] = field(default_factory=list[str])


def tally(gathered: Gathered, question: str, progress: Progress | None) -> Tally:
    """Counts over all cases, each cited finding removed in its turn."""
    size = len(gathered.readings)
    found = Tally({name: np.zeros(size, dtype=np.int64) for name in COUNTS}, np.full((size, 4), np.nan))
    common = _commonest_states(gathered)
    for i, reading in enumerate(gathered.readings):
        given = next(a for a in reading.assessments if a.question == question)
        cited = _reasons(gathered, given, i, found)
        judged = [f.concept for f in reading.findings if f.unknown_because is None and f.concept in used_by(gathered, question)]
        for name in judged:
            _removal(gathered, given, i, name, name in cited, found)
            _label(gathered, i, name, name in cited, common, found)
        _margins(gathered, given, i, (judged, cited), found)
        if progress is not None:
            progress(f"removing findings, {question}", i + 1, size)
    return found


def _commonest_states(gathered: Gathered) -> dict[str, int]:
    recorded = {c.name: gathered.labels[:, k][gathered.labels[:, k] >= 0] for k, c in enumerate(gathered.card.concepts)}
    return {name: int(commonest_given(np.zeros(len(y)), y)[0]) for name, y in recorded.items() if len(y)}


def _reasons(gathered: Gathered, given: Assessment, i: int, into: Tally) -> list[str]:
    """Tries the printed reasons out, and each of them with a finding dropped; gives the concepts that the good ones cite."""
    guideline, findings = gathered.reader.guideline(given.question), gathered.readings[i].findings
    checked = check_reasons(guideline, given, findings)
    into.counts["tried"][i], into.counts["held"][i] = checked.tried, checked.tried - len(checked.struck)
    into.struck.extend(f"{gathered.cases.names[int(gathered.index[i])]}: {told}" for told in checked.struck)
    shorter = tuple(reason[1:] for reason in given.sufficient_reason if reason)
    again = check_reasons(guideline, given.model_copy(update={"sufficient_reason": shorter, "contrasts": ()}), findings)
    into.counts["dropped"][i], into.counts["dropped_held"][i] = len(shorter), len(again.sufficient)
    return list(dict.fromkeys(c.concept for reason in checked.sufficient for c in reason))


def _removal(gathered: Gathered, given: Assessment, i: int, name: str, cited: bool, into: Tally) -> None:
    """Sets one finding to unknown and counts whether the output changes."""
    reading = gathered.readings[i]
    after = answer(gathered, reading, given.question, removed(reading.findings, [name]))
    changed = after is None or (after.category, after.confidence_set, after.next_step) != (
        given.category, given.confidence_set, given.next_step,
    )  # fmt: skip
    stirred = after is None or shift(given.probabilities, after.probabilities) >= MOVED
    if cited:
        into.counts["cited"][i] += 1
        into.counts["moving"][i] += changed
        into.counts["stirring"][i] += changed or stirred
    else:
        into.counts["uncited"][i] += 1
        into.counts["uncited_moving"][i] += changed


def _label(gathered: Gathered, i: int, name: str, cited: bool, common: dict[str, int], into: Tally) -> None:
    """Counts whether a stated finding is what the human label says; findings without a label or a state are left out."""
    k = next((k for k, spec in enumerate(gathered.card.concepts) if spec.name == name), None)
    finding = gathered.readings[i].finding(name)
    if k is None or finding is None or finding.state is None or gathered.labels[i, k] == NOT_RECORDED:
        return
    label = int(gathered.labels[i, k])
    right = gathered.card.concepts[k].states.index(finding.state) == label
    if cited:
        into.counts["labelled"][i] += 1
        into.counts["right"][i] += right
        into.counts["common"][i] += common[name] == label
    else:
        into.counts["uncited_labelled"][i] += 1
        into.counts["uncited_right"][i] += right


def _margins(gathered: Gathered, given: Assessment, i: int, names: tuple[Sequence[str], Sequence[str]], into: Tally) -> None:
    """Margins of the given category with all findings, the cited ones, as many drawn at random, and none."""
    if given.category is None:
        return
    judged, cited = names
    drawn = gathered.generator(31, i).permutation(len(judged))[: len(cited)]
    keep = ([judged[d] for d in drawn.tolist()] if len(judged) else [], [])
    into.margins[i, 0] = margin(given.probabilities, given.category)
    reading: Reading = gathered.readings[i]
    for column, kept in ((1, list(cited)), (2, keep[0]), (3, keep[1])):
        gone = [f.concept for f in reading.findings if f.concept not in kept]
        after = answer(gathered, reading, given.question, removed(reading.findings, gone))
        into.margins[i, column] = np.nan if after is None else margin(after.probabilities, given.category)


def reason_lines(gathered: Gathered, question: str, found: Tally) -> list[Line]:
    """How many printed reasons hold, and in how many cases there is one."""
    c, everyone = found.counts, np.ones(len(gathered.readings), dtype=np.bool_)
    held = gathered.measured(pooled_share, (c["held"], c["tried"]), everyone, "no reason was printed")
    dropped = gathered.measured(pooled_share, (c["dropped_held"], c["dropped"]), everyone, "no reason was printed")
    with_reason = gathered.measured(mean, (c["cited"] > 0,), everyone, "no case")
    return [
        line(
            "reasons that hold",
            question,
            held,
            ("the same with a finding dropped", dropped),
            ("tried", constant(int(c["tried"].sum()))),
        ),
        line("cases with a reason", question, with_reason),
    ]


def word_lines(gathered: Gathered, question: str, found: Tally) -> list[Line]:
    """Relevance, completeness and correctness of one question's explanations."""
    c, everyone = found.counts, np.ones(len(gathered.readings), dtype=np.bool_)

    def share(passed: str, of: str) -> Measured:
        return gathered.measured(pooled_share, (c[passed], c[of]), everyone, NOTHING_CITED)

    whole: NDArray[np.bool_] = np.isfinite(found.margins).all(axis=1).reshape(-1)
    all_, cited, random, none = found.margins.T
    full = gathered.measured(completeness, (all_, cited, none), whole, "no answer stands apart from the others")
    chance = gathered.measured(completeness, (all_, random, none), whole, "no answer stands apart from the others")
    only: NDArray[np.bool_] = whole & (c["cited"] > 0)
    reason = gathered.measured(completeness, (all_, cited, none), only, NOTHING_CITED)
    return [
        line(
            "relevance", question, share("moving", "cited"), ("findings not cited", share("uncited_moving", "uncited")),
            ("any movement", share("stirring", "cited")),
        ),
        line("completeness", question, full, ("as many at random", chance), ("where a reason is printed", reason)),
        line(
            "correctness", question, share("right", "labelled"), ("the commonest state", share("common", "labelled")),
            ("findings not cited", share("uncited_right", "uncited_labelled")),
        ),
    ]  # fmt: skip
