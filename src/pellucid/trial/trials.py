"""Methods on trial: for each thing to explain, maps in batches, measures with controls, a verdict; on disk as it goes."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from pellucid.audit import paired
from pellucid.audit.cases import Bench, Cases, Explain, Maps, Predict
from pellucid.audit.faithfulness import deletion_curve
from pellucid.audit.map_controls import CONTROLS, control_bench
from pellucid.audit.map_trial import chosen, try_methods
from pellucid.audit.verdict import installed_rules, verdict
from pellucid.errors import PellucidError
from pellucid.explain import METHODS, Subject
from pellucid.reader import Reader
from pellucid.record import FrozenDict, MeasureResult, MethodTrial, Reason, Verdict
from pellucid.record.accountability import Plot, Series
from pellucid.record.trial import Measured
from pellucid.trial.budget import LEAST, Speed, allot, grouped, ordered, seconds_per_case
from pellucid.trial.data import Collected
from pellucid.trial.layers import Layers, Validation, choose_layers, judged
from pellucid.trial.store import Store
from pellucid.trial.subject import CLASS, SHADOW, OnTrial, explainer, find_output, lesion_maps, predictor, randomised

IN_TURN = "findings, in each image one of them in turn"
ANSWERED = "the class it answers"
STAGES: tuple[tuple[str, float], ...] = (("last third of the layers", 1 / 3), ("last two thirds", 2 / 3), ("all layers", 1.0))
PILOT = 4
SLOW = 1.0
"""Seconds of a first map from which no second is made to measure the speed."""
CORE = ("ROAD", "MPRT", "noise stability")
"""What no verdict does without."""
MAPS_OF_CORE = 4
"""Maps per case for these: the case's own, one with random weights, two under noise."""
CHUNK = 16
CURVE_CASES = 24
RESAMPLES = 300


@dataclass(frozen=True)
class Ask:
    """What is explained: its name, and the output of each case (n,)."""

    name: str
    targets: NDArray[np.int64]


@dataclass(frozen=True)
class Room:
    """Where a trial happens: the model, the cases, its functions, what is kept, and the randomised copies of the model."""

    trial: OnTrial
    collected: Collected
    predict: Predict
    store: Store
    stages: tuple[tuple[str, Subject], ...]
    seed: int = 0
    by_fold: Mapping[int, Reader] = field(default_factory=dict[int, Reader])
    """Readers of the folds, each of which reads the cases that it did not learn from; none for the reader alone."""
    made: dict[tuple[str, str], tuple[NDArray[np.int64], Maps]] = field(default_factory=dict)
    """By (what is explained, method): the rows of the cases, and their maps; filled while methods are tried."""
    known: dict[tuple[str, bytes], NDArray[np.float64]] = field(default_factory=dict)
    """Scores of alterations that do not depend on a map, shared by all methods."""
    layers: dict[str, Layers] = field(default_factory=dict[str, Layers])
    """By what is explained, the layers of class activation maps; filled while methods are tried."""

    def drawn(self, asked: str) -> OnTrial:
        """The model with the layers chosen for what is explained."""
        return replace(self.trial, layers=self.layers[asked].chosen) if asked in self.layers else self.trial


@dataclass(frozen=True)
class Group:
    """Methods tried together: the cases of each measure."""

    methods: tuple[str, ...]
    cases: Mapping[str, int]


def open_room(trial: OnTrial, collected: Collected, store: Store, seed: int, by_fold: Mapping[int, Reader]) -> Room:
    """A room with three randomised copies of the model; with none where it has no weights to be seen (ONNX)."""
    copies = [(name, randomised(trial, share, seed)) for name, share in STAGES]
    return Room(trial, collected, predictor(trial), store, tuple((n, c) for n, c in copies if c is not None), seed, by_fold)


def asks_of(trial: OnTrial, p: NDArray[np.float64], wanted: Sequence[str]) -> tuple[Ask, ...]:
    """What is to be explained, from names; by default the class that is answered, or of a reader its findings in turn.

    `p` (n, K) are the probabilities of the cases. A name of a group stands for its likeliest output in each case.
    """
    if not wanted:
        return (_in_turn(trial, p),) if trial.reader is not None else (_likeliest(trial, p, CLASS, ANSWERED),)
    found: list[Ask] = []
    for name in dict.fromkeys(wanted):
        output = find_output(trial, name)
        if isinstance(output, str):
            found.append(_likeliest(trial, p, output, output))
        else:
            found.append(Ask(output.name, np.full(len(p), output.index)))
    return tuple(found)


def _likeliest(trial: OnTrial, p: NDArray[np.float64], group: str, name: str) -> Ask:
    columns = trial.groups()[group]
    return Ask(name, columns[p[:, columns].argmax(axis=1)])


def _in_turn(trial: OnTrial, p: NDArray[np.float64]) -> Ask:
    groups = [columns for name, columns in trial.groups().items() if name != SHADOW]
    targets = [groups[i % len(groups)][row[groups[i % len(groups)]].argmax()] for i, row in enumerate(p)]
    return Ask(IN_TURN, np.array(targets))


def try_all(room: Room, ask: Ask, methods: Sequence[str], measures: Sequence[str], seconds: float) -> tuple[MethodTrial, ...]:
    """Every method on one ask. A method that the model does not allow is listed with the reason, not tested."""
    begun = time.perf_counter()
    speeds, refused = _speeds(room, ask, methods, seconds)
    on = Validation(room.collected, ask.targets, room.predict, seconds, room.seed)
    room.layers[ask.name] = choose_layers(room.trial, on, speeds, room.store, ask.name)
    groups, late = _kept_plan(room, ask, speeds, measures, seconds - (time.perf_counter() - begun))
    refused |= late
    found: dict[str, tuple[MeasureResult, ...]] = {}
    total = sum(len(g.methods) * len(measures) for g in groups)
    with tqdm(total=total, desc=ask.name, unit="measure", disable=None) as bar:
        for group in groups:
            found |= _try_group(room, ask, group, measures, bar)
    settings = {m: _settings(room, ask, groups, m) for m in found}
    return tuple(
        _not_tested(ask, m, refused[m])
        if m in refused
        else MethodTrial(method=m, target=ask.name, settings=settings[m], results=found[m], verdict=verdict(found[m]))
        for m in methods
    )


def _settings(room: Room, ask: Ask, groups: Sequence[Group], method: str) -> FrozenDict:
    group = next(g for g in groups if method in g.methods)
    told = {"seed": room.seed, "experimental": METHODS[method].experimental, "most cases": max(group.cases.values())}
    layers = room.layers[ask.name]
    told |= {"layer": layers.chosen[method]} if method in layers.chosen else {}
    told |= {"layer chosen": layers.said[method]} if method in layers.said else {}
    return FrozenDict(told)


def _not_tested(ask: Ask, method: str, why: str) -> MethodTrial:
    reason = Reason(rule="applies to this model", said=why, met=None, source="ours", verified="ours")
    said = Verdict(grade="not tested", sentence=f"Not tested: {why}", reasons=(reason,), rules_sha256=installed_rules().sha256)
    return MethodTrial(method=method, target=ask.name, settings=FrozenDict(), results=(), verdict=said)


def _speeds(room: Room, ask: Ask, methods: Sequence[str], seconds: float) -> tuple[dict[str, Speed], dict[str, str]]:
    """Seconds per call of each method that applies, and why others do not; kept, so that a run that goes on plans the same."""
    kept = room.store.content(f"speeds/{ask.name}") or {}
    refused: dict[str, str] = kept.get("refused", {})
    speeds = {name: Speed(*pair) for name, pair in kept.get("speeds", {}).items()}
    images, targets = room.collected.images[:PILOT], ask.targets[:PILOT]
    predictor(room.trial)(images[:1])  # the first call prepares: it is not timed
    begun = time.perf_counter()
    predictor(room.trial)(images)
    forward = (time.perf_counter() - begun) / len(images)
    for name in tqdm([m for m in methods if m not in speeds and m not in refused], desc="speed of methods", disable=None):
        expected = expected_seconds(name, forward)
        if expected > seconds:  # not even the trial of the speed would end in time
            refused[name] = _too_slow(expected / (LEAST * MAPS_OF_CORE), expected)
            continue
        try:
            speeds[name] = Speed(forward, _seconds_each(explainer(room.trial, name, seed=room.seed), images, targets))
        except PellucidError as error:
            refused[name] = str(error)
        content = {"refused": refused, "speeds": {n: [s.forward, s.explanation] for n, s in speeds.items()}}
        room.store.keep_content(f"speeds/{ask.name}", content)
    return {m: speeds[m] for m in methods if m in speeds}, {m: refused[m] for m in methods if m in refused}


def expected_seconds(method: str, forward: float) -> float:
    """Seconds that a trial of least size takes, from the passes that a method's options stand for: before anything is run."""
    options = METHODS[method].options
    passes = options.get("samples") or options.get("steps") or 1
    backward = 3 if METHODS[method].needs == "gradients" else 1
    return forward * passes * backward * LEAST * MAPS_OF_CORE


def _seconds_each(method: Explain, images: NDArray[np.float32], targets: NDArray[np.int64]) -> float:
    """Seconds of one map; of a fast method without its first call, which prepares."""
    begun = time.perf_counter()
    method(images[:1], targets[:1])
    first = time.perf_counter() - begun
    if first > SLOW:
        return first
    begun = time.perf_counter()
    method(images, targets)
    return (time.perf_counter() - begun) / len(images)


def _kept_plan(
    room: Room, ask: Ask, speeds: Mapping[str, Speed], measures: Sequence[str], seconds: float
) -> tuple[tuple[Group, ...], dict[str, str]]:
    """The plan of the first run, so that one that goes on asks for the same cases."""
    kept = room.store.content(f"plan/{ask.name}")
    if kept is None:
        groups, late = _plan(room, ask, speeds, measures, seconds)
        content = {"groups": [[list(g.methods), dict(g.cases)] for g in groups], "late": late}
        kept = room.store.keep_content(f"plan/{ask.name}", content)
    return tuple(Group(tuple(methods), cases) for methods, cases in kept["groups"]), kept["late"]


def _plan(
    room: Room, ask: Ask, speeds: Mapping[str, Speed], measures: Sequence[str], seconds: float
) -> tuple[tuple[Group, ...], dict[str, str]]:
    """Groups of methods with the cases of each measure, so that all ends in time; and why others find no time at all.

    A method that cannot get what its verdict rests on (`CORE`) is not tried: half a trial would cost and say nothing.
    """
    chosen_groups, count = grouped(speeds), len(judged(len(room.collected), room.layers[ask.name]))
    late: dict[str, str] = {}
    while chosen_groups:
        plan, short = _shared_out(room, count, speeds, chosen_groups, measures, seconds)
        if short is None:
            return plan, late
        chosen_groups.remove(list(short[0]))
        late |= dict.fromkeys(short[0], short[1])
    return (), late


def _shared_out(
    room: Room, count: int, speeds: Mapping[str, Speed], groups: Sequence[Sequence[str]], measures: Sequence[str], seconds: float
) -> tuple[tuple[Group, ...], tuple[Sequence[str], str] | None]:
    """The plan, fast groups leaving their rest to slow ones; and the slowest group that comes off too short, with the reason."""
    left, waiting, plan = seconds, sum(map(len, groups)), list[Group]()
    short: tuple[Sequence[str], str] | None = None
    core = [m for m in CORE if m in measures and (room.stages or m != "MPRT")]
    for methods in groups:
        speed = Speed(max(speeds[m].forward for m in methods), max(speeds[m].explanation for m in methods))
        each = {m: seconds_per_case(m, speed, methods=len(methods), stages=max(1, len(room.stages))) for m in ordered(measures)}
        map_seconds = speed.explanation * len(methods)
        cases = allot(each, count, left * len(methods) / waiting, map_seconds)
        if any(cases[m] == 0 for m in core):
            least = min(count, LEAST) * (map_seconds + sum(each[m] for m in core))
            short = (methods, _too_slow(speed.explanation, least))
        left -= sum(each[m] * cases[m] for m in each) + map_seconds * max(cases.values())
        waiting -= len(methods)
        plan.append(Group(tuple(methods), cases))
    return tuple(plan), short


def _too_slow(each: float, whole: float) -> str:
    return f"a map takes about {each:.1f} s here, a trial {whole / 60:.0f} minutes or more; give more by --minutes"


def _try_group(room: Room, ask: Ask, group: Group, measures: Sequence[str], bar: Any) -> dict[str, tuple[MeasureResult, ...]]:
    """The measures of methods that share their cases; their maps go into `room.made`."""
    allowed = [m for m in measures if group.cases[m]]
    rows = judged(len(room.collected), room.layers[ask.name])
    index = rows[chosen(room.collected.patients[rows], max(1, *group.cases.values()), room.seed)]
    cases = room.collected.cases(ask.targets[index], index)
    for m in group.methods:
        room.made[ask.name, m] = (index, _maps(room, ask, m, cases))
    maps = {m: maps_of(room, ask, m, index) for (name, m) in room.made if name == ask.name}
    drawn = replace(room, trial=room.drawn(ask.name))
    benches = {m: _bench(drawn, m, cases, maps[m], {o: v for o, v in maps.items() if o != m}) for m in group.methods}
    name = f"{ask.name}/{{}}/{{}}/{len(index)}"
    done = {(m, k): r for m in group.methods for k in allowed if (r := room.store.result(name.format(m, k))) is not None}
    bar.update(len(done))

    def keep(method: str, result: MeasureResult) -> None:
        room.store.keep(name.format(method, result.measure), result)
        bar.update(1)

    found = try_methods(benches, allowed, caps={m: group.cases[m] for m in allowed}, progress=keep, done=done)
    slow = {m: _no_time(m) for m in measures if m not in allowed}
    bar.update(len(slow) * len(group.methods))
    return {m: tuple({**{r.measure: r for r in found[m]}, **slow}[k] for k in measures) for m in group.methods}


def _no_time(name: str) -> MeasureResult:
    from pellucid.audit.map_measures import measure

    of, why = measure(name), "no time for enough cases; give more by --minutes"
    return MeasureResult(measure=name, family=of.family, better=of.better, measured=Measured(value=None, reason=why))


def draws(method: str) -> bool:
    """Whether a method draws at random, so that another seed gives another map."""
    return "samples" in METHODS[method].options


def _bench(room: Room, method: str, cases: Cases, maps: Maps, others: Mapping[str, Maps]) -> Bench:
    def with_subject(subject: Subject) -> Explain:
        return explainer(room.trial, method, subject=subject, seed=room.seed)

    return Bench(
        cases=cases,
        predict=room.predict,
        explain=explainer(room.trial, method, seed=room.seed),
        maps=maps,
        seed=room.seed,
        randomised=tuple((name, predictor(room.trial, s.module), with_subject(s)) for name, s in room.stages),
        others=others,
        known=room.known,
        reseeded=(lambda seed: explainer(room.trial, method, seed=seed)) if draws(method) else None,
        retrained=tuple(_partner(room, other, method) for other in room.trial.again),
        label_randomised=None if room.trial.shuffled is None else _partner(room, room.trial.shuffled, method),
        reference=None if cases.masks is None else lesion_maps(room.trial, cases.images),
    )


def _partner(room: Room, other: OnTrial, method: str) -> tuple[Predict, Explain]:
    """Another model of the same kind, with maps from the same layer."""
    return predictor(other), explainer(replace(other, layers=room.trial.layers), method, seed=room.seed)


def _maps(room: Room, ask: Ask, method: str, cases: Cases) -> Maps:
    """Maps of the cases, chunk by chunk, each kept as it is made."""
    own = explainer(room.drawn(ask.name), method, seed=room.seed)
    parts: list[Maps] = []
    for start in range(0, len(cases.images), CHUNK):
        some = slice(start, start + CHUNK)
        name = f"maps/{ask.name}/{method}/{len(cases.images)}/{start}"
        kept = room.store.array(name)
        parts.append(kept if kept is not None else room.store.keep_array(name, own(cases.images[some], cases.targets[some])))
    return np.concatenate(parts)


def maps_of(room: Room, ask: Ask, method: str, rows: NDArray[np.int64]) -> Maps:
    """Maps of some cases (rows of the collected): those that were made, and made now where they were not."""
    index, maps = room.made.get((ask.name, method), (np.zeros(0, np.int64), np.zeros((0, 0, 0), np.float32)))
    at = {int(row): k for k, row in enumerate(index)}
    missing = np.array([r for r in rows.tolist() if r not in at], dtype=np.int64)
    fresh = dict[int, Maps]()
    if len(missing):
        given = explainer(room.drawn(ask.name), method, seed=room.seed)(room.collected.images[missing], ask.targets[missing])
        fresh = dict(zip(missing.tolist(), given, strict=True))
    return np.stack([maps[at[r]] if r in at else fresh[r] for r in rows.tolist()])


def deletion_plots(room: Room, ask: Ask, methods: Sequence[str]) -> tuple[Plot, ...]:
    """For each method the score while what its maps mark is removed, beside the controls; means over cases."""
    if not methods:
        return ()
    index = _curve_rows(room, ask, methods)
    cases = room.collected.cases(ask.targets[index], index)
    blank = np.zeros((len(index), *cases.images.shape[2:]), np.float32)
    bench = Bench(cases, room.predict, explainer(room.trial, methods[0]), blank, room.seed)
    name = f"curves/{ask.name}/{len(index)}"
    controls = {n: _kept_curve(room, f"{name}/{n}", control_bench(bench, c, room.seed)) for n, c in CONTROLS.items()}
    plots: list[Plot] = []
    for m in methods:
        own = _kept_curve(room, f"{name}/{m}", replace(bench, maps=maps_of(room, ask, m, index)))
        curves = [_curve(m, "subject", own, cases.patients, room.seed)]
        curves += [_curve(n, "control", values, cases.patients, room.seed) for n, values in controls.items()]
        said = {"x": "share of the image removed", "y": "probability of what is explained"}
        note = f"{len(index)} cases; band, 95 % interval of the method."
        plots.append(Plot(kind="deletion", title=m, curves=tuple(curves), note=note, **said))
    return tuple(plots)


def _curve_rows(room: Room, ask: Ask, methods: Sequence[str]) -> NDArray[np.int64]:
    """Rows for the curves: among those of the method that was tried on the fewest."""
    fewest = min((room.made[ask.name, m][0] for m in methods), key=len)
    return fewest[chosen(room.collected.patients[fewest], CURVE_CASES, room.seed)]


def _kept_curve(room: Room, name: str, bench: Bench) -> NDArray[np.float64]:
    kept = room.store.array(name)
    return kept if kept is not None else room.store.keep_array(name, deletion_curve(bench))


def _curve(name: str, role: Any, values: NDArray[np.float64], patients: NDArray[np.str_], seed: int) -> Series:
    x = tuple(float(v) for v in np.linspace(0, 1, values.shape[1]))
    drawn = paired.sample(patients, seed, RESAMPLES)
    found = [paired.mean(column, drawn, "none") for column in values.T]
    banded = role == "subject" and found[0].low is not None
    return Series(
        name=name,
        role=role,
        x=x,
        y=tuple(float(v) for v in values.mean(axis=0)),
        low=tuple(m.low or 0.0 for m in found) if banded else (),
        high=tuple(m.high or 0.0 for m in found) if banded else (),
    )
