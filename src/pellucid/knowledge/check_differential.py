"""Cases of a pack's differentials: what must come first, which sums must come out, and that every sign is met by some case."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pellucid.errors import InputError
from pellucid.knowledge.differential import Weighed, weigh
from pellucid.knowledge.fields import Place
from pellucid.knowledge.guideline import Guideline
from pellucid.record import Finding, Truth


@dataclass(frozen=True)
class WeighedCase:
    """Findings as a person would state them, and what must come out of a differential."""

    name: str
    differential: str
    findings: tuple[Finding, ...]
    line: int
    first: tuple[str, ...] | None
    """The diagnoses that share the highest sum."""
    scores: Mapping[str, float]


def read_weighed_case(place: Place, guideline: Guideline, findings: tuple[Finding, ...]) -> WeighedCase:
    """The case at `place`, whose findings are read already; GuidelineError for names that do not exist."""
    fields = dict(place.pairs())
    known = [diagnosis.name for diagnosis in guideline.differentials[fields["differential"].text()].diagnoses]
    expect = fields["expect"].fields()
    first, scores = expect.maybe("first"), expect.maybe("scores")
    if first is None and scores is None:
        expect.place.refuse("first or scores", "neither")
    expect.done()
    for item in first.texts() if first else ():
        if first and item not in known:
            first.unknown("diagnosis", item, known)
    sums: dict[str, float] = {}
    for name, value in scores.pairs() if scores else ():
        if name not in known:
            value.unknown("diagnosis", name, known)
        sums[name] = value.number()
    name, differential = fields["name"].text(), fields["differential"].text()
    return WeighedCase(name, differential, findings, place.node.line, first.texts() if first else None, sums)


def differential_faults(guideline: Guideline, cases: tuple[WeighedCase, ...], file: Path) -> tuple[list[str], list[str]]:
    """What the cases find wrong or leave out, and the table of how many meet each sign."""
    faults: list[str] = []
    rows: list[str] = []
    for name, asked in guideline.differentials.items():
        met = {(diagnosis.name, i): 0 for diagnosis in asked.diagnoses for i in range(len(diagnosis.signs))}
        mine = [case for case in cases if case.differential == name]
        if not mine:
            faults.append(f"differential {name}: expected one or more cases, got none")
        for case in mine:
            try:
                found = weigh(guideline, name, case.findings)
            except InputError as error:
                faults.append(f"{file}:{case.line}: case {case.name!r}: {error}")
                continue
            faults += [f"{file}:{case.line}: case {case.name!r}: {fault}" for fault in _faults(case, found)]
            for weighed in found:
                for i, sign in enumerate(weighed.signs):
                    met[weighed.name, i] += sign.step.truth is Truth.MET
        rows += [f"differential {name}: {len(mine)} cases", f"  {'sign':<28}{'met':>5}"]
        for diagnosis in asked.diagnoses:
            for i, sign in enumerate(diagnosis.signs):
                number = met[diagnosis.name, i]
                rows.append(f"  {f'{diagnosis.name} {i + 1} ({sign.weight:+g})':<28}{number:>5}")
                if number == 0:
                    faults.append(
                        f"differential {name}: sign {i + 1} of {diagnosis.name}: expected a case where it is met, got none"
                    )
    return faults, rows


def _faults(case: WeighedCase, found: tuple[Weighed, ...]) -> list[str]:
    faults: list[str] = []
    first = tuple(weighed.name for weighed in found if weighed.rank == 1)
    if case.first is not None and set(first) != set(case.first):
        faults.append(f"expected {' and '.join(case.first)} first, got {' and '.join(first)}")
    got = {weighed.name: weighed.score for weighed in found}
    faults += [
        f"expected a sum of {total:g} for {name}, got {got[name]:g}" for name, total in case.scores.items() if got[name] != total
    ]
    return faults
