"""A method, or several, on the bench: every measure with its controls, one after the other, so that work can stop and go on."""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pellucid.audit import paired
from pellucid.audit.cases import Bench
from pellucid.audit.map_controls import CONTROLS, control_bench
from pellucid.audit.map_measures import MAP_MEASURES, MapMeasure, measure, missing
from pellucid.audit.remember import remembered_maps
from pellucid.errors import InputError
from pellucid.record.trial import Control, Measured, MeasureResult

Progress = Callable[[str, MeasureResult], None]
"""Called with the method's name and each result as it comes: to show it, or to keep it."""
Done = Mapping[tuple[str, str], MeasureResult]
"""Results that are there already, by (method, measure)."""
Caps = Mapping[str, int | None]
"""Most cases by measure; what is not named keeps the cap of the table, None takes all."""
Values = NDArray[np.float64]

REFERENCE = "segmentation net or reader"
NOT_DEFINED = "not defined on these cases: every map is constant, or none has what the measure asks for"


def chosen(patients: NDArray[np.str_], cap: int | None, seed: int) -> NDArray[np.int64]:
    """Indices, in order, of at most `cap` cases: one of each patient, then a second of each, and so on, patients in random order.

    A smaller cap takes a part of what a larger one takes.
    """
    n = len(patients)
    if cap is None or cap >= n:
        return np.arange(n)
    if cap < 1:
        raise InputError(f"cap: expected at least one case, got {cap}")
    order = np.random.default_rng(seed).permutation(n)
    _, which = np.unique(patients, return_inverse=True)
    turn = np.zeros(n, dtype=int)
    seen = np.zeros(int(which.max()) + 1, dtype=int)
    for place in order:
        turn[place] = seen[which[place]]
        seen[which[place]] += 1
    return np.sort(order[np.argsort(turn[order], kind="stable")][:cap])


def try_method(
    bench: Bench,
    measures: Sequence[str] = tuple(MAP_MEASURES),
    *,
    caps: Caps | None = None,
    progress: Callable[[MeasureResult], None] | None = None,
    done: Mapping[str, MeasureResult] | None = None,
) -> tuple[MeasureResult, ...]:
    """Every measure of one method with its controls, in the order asked.

    `done` holds results by measure that need not be taken again: the same measures, cases and seed give the same results however
    often the work was stopped. A measure that needs what the bench has not gives null and the reason.
    """

    def told(method: str, result: MeasureResult) -> None:
        if progress is not None:
            progress(result)

    earlier = {("method", name): result for name, result in (done or {}).items()}
    return try_methods({"method": bench}, measures, caps=caps, progress=told, done=earlier)["method"]


def try_methods(
    benches: Mapping[str, Bench],
    measures: Sequence[str] = tuple(MAP_MEASURES),
    *,
    caps: Caps | None = None,
    progress: Progress | None = None,
    done: Done | None = None,
) -> dict[str, tuple[MeasureResult, ...]]:
    """Several methods on the same cases and the same model: controls and the scores of shared images are computed once.

    Raises InputError where the benches have different cases or seeds, UnknownName for a measure that does not exist.
    """
    found: dict[str, dict[str, MeasureResult]] = {name: {} for name in benches}
    for method, result in results(benches, measures, caps=caps, done=done):
        found[method][result.measure] = result
        if progress is not None and (method, result.measure) not in (done or {}):
            progress(method, result)
    return {name: tuple(of[m] for m in measures) for name, of in found.items()}


def results(
    benches: Mapping[str, Bench], measures: Sequence[str], *, caps: Caps | None = None, done: Done | None = None
) -> Iterator[tuple[str, MeasureResult]]:
    """(method, result) one after the other, measure by measure; what is in `done` comes back as it is."""
    first = _same_cases(benches)
    for name in measures:
        measure(name)
    comparisons = {method: _comparisons(bench, measures) for method, bench in benches.items()}
    shared: dict[tuple[str, bytes], Values] = {} if first.known is None else first.known
    ready = {name: _remembering(replace(bench, known=shared)) for name, bench in benches.items()}
    for name in measures:
        cap = (caps or {}).get(name, measure(name).cap)
        index = chosen(first.cases.patients, cap, first.seed)
        session = _Session(name, measure(name))
        for method, bench in ready.items():
            known = (done or {}).get((method, name))
            yield method, known if known is not None else session.take(bench, index, comparisons[method])


def _comparisons(bench: Bench, measures: Sequence[str]) -> int:
    """Paired differences in the trial of one method: every measure that can be taken, with every control and the reference."""
    taken = [measure(name) for name in measures if missing(name, bench) is None]
    placed = sum(m.family == "localisation" for m in taken) if bench.reference is not None else 0
    return sum(len(m.controls) for m in taken) + placed


def _same_cases(benches: Mapping[str, Bench]) -> Bench:
    if not benches:
        raise InputError("trial: expected at least one method, got none")
    first = next(iter(benches.values()))
    for name, bench in benches.items():
        if bench.cases is not first.cases or bench.predict is not first.predict or bench.seed != first.seed:
            raise InputError(f"trial: expected every method on the same cases, model and seed; {name!r} has others")
    return first


def _remembering(bench: Bench) -> Bench:
    """The bench with methods that remember; where the method is tried with another seed it is asked anew."""
    return replace(
        bench,
        explain=remembered_maps(bench.explain),
        randomised=tuple((stage, p, remembered_maps(e)) for stage, p, e in bench.randomised),
        retrained=tuple((p, remembered_maps(e)) for p, e in bench.retrained),
    )


@dataclass
class _Session:
    """One measure on one choice of cases: what the controls gave is kept for the next method."""

    name: str
    measure: MapMeasure
    kept: dict[str, Values] | None = None

    def take(self, bench: Bench, index: NDArray[np.int64], comparisons: int) -> MeasureResult:
        """The result of the method on the bench."""
        lacking = missing(self.name, bench)
        if lacking is not None:
            return self._result(Measured(value=None, reason=lacking), ())
        part = bench.of(index)
        values = self.measure.function(part)
        sample = paired.sample(part.cases.patients, bench.seed)
        measured = paired.mean(values, sample, NOT_DEFINED)
        if measured.value is None:
            return self._result(measured, ())
        largest = self.measure.bounds[1] - self.measure.bounds[0]
        sign = 1.0 if self.measure.better == "higher" else -1.0
        controls = tuple(
            Control(
                name=control,
                measured=paired.mean(other, sample, NOT_DEFINED),
                difference=paired.difference(sign * (values - other), sample, comparisons, largest),
            )
            for control, other in self._controls(part).items()
        )
        return self._result(measured, controls)

    def _result(self, measured: Measured, controls: tuple[Control, ...]) -> MeasureResult:
        m = self.measure
        return MeasureResult(measure=self.name, family=m.family, better=m.better, measured=measured, controls=controls)

    def _controls(self, part: Bench) -> dict[str, Values]:
        """Values (n,) of every control, and of the reference where there is one; shared unless they depend on the method."""
        if self.kept is not None and self.measure.needs not in ("others", "seeds"):
            return self.kept
        found: dict[str, Values] = {}
        for name in self.measure.controls:
            seed = zlib.crc32(f"{part.seed}/{self.name}/{name}".encode())
            found[name] = self.measure.function(control_bench(part, CONTROLS[name], seed))
        if part.reference is not None and self.measure.family == "localisation":
            found[REFERENCE] = self.measure.function(replace(part, maps=part.reference))
        self.kept = found
        return found
