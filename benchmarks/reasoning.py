"""What exact reasoning over a guideline costs beside sampling and beside brute force, in one run on one thread.

    OMP_NUM_THREADS=1 python benchmarks/reasoning.py [PACK …] [--repeats N] [--seed N] [--most-states N]

For every question of every shipped pack, once with all findings uncertain and once with all certain, prints milliseconds of the
processor for: the exact distribution, all sufficient reasons, the contrasts, the value of looking again (with the sums it needs),
and the whole `evaluate`. Beside it, in the uncertain case: Monte-Carlo sampling (a) with as many samples as a standard error of
1e-3 needs, each answered by the same diagram, vectorised over samples in numpy, which favours it; and plain enumeration of joint
states (b), where there are no more than --most-states, vectorised the same way.
"""

import argparse
import math
import random
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError
from pellucid.knowledge import Guideline, evaluate, list_guidelines, load_guideline
from pellucid.knowledge.evaluate import situated
from pellucid.knowledge.facts import Fact
from pellucid.knowledge.reasons import class_weights, contrasts, joint_with_each_axis, look_again, sufficient_reasons
from pellucid.knowledge.space import Compiled
from pellucid.record import Concept, Finding, Observer

MODEL = Observer(name="reader", kind="model")
LIMITS_MS = {"distribution": 20.0, "whole evaluation": 200.0}
ERROR = 1e-3
BLOCK = 100_000
HEAD = ("distribution", "reasons", "contrasts", "look again", "whole evaluation")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", nargs="*", default=list(list_guidelines()))
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most-states", type=int, default=10_000_000)
    args = parser.parse_args()
    slowest = dict.fromkeys(LIMITS_MS, 0.0)
    print(f"{'question':<58}{'findings':<11}" + "".join(f"{name:>18}" for name in HEAD) + f"{'sampling':>20}{'enumeration':>36}")
    for name in args.pack:
        guideline = load_guideline(name)
        for question in guideline.questions:
            for certain in (False, True):
                times, line = measured(guideline, question, certain, args)
                print(line, flush=True)
                slowest = {key: max(value, times[key]) for key, value in slowest.items()}
    for key, limit in LIMITS_MS.items():
        print(f"slowest {key}: {slowest[key]:.1f} ms, {slowest[key] / limit:.2f} x its limit of {limit:g} ms")


def milliseconds(work: Callable[[], object], repeats: int) -> float:
    """The median processor time of some work, after one run to warm up."""
    work()
    times: list[float] = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append((time.process_time() - start) * 1e3)
    return statistics.median(times)


def measured(guideline: Guideline, question: str, certain: bool, args: argparse.Namespace) -> tuple[dict[str, float], str]:
    """The times of one question, and its line of the table."""
    findings = possible_findings(guideline, question, certain, args.seed)
    compiled, facts, _ = situated(guideline, question, findings)
    weights = class_weights(compiled, facts)
    joints = joint_with_each_axis(compiled, weights)
    works: list[Callable[[], object]] = [
        lambda: distribution(compiled, weights),
        lambda: sufficient_reasons(compiled, facts),
        lambda: contrasts(compiled, facts),
        lambda: look_again(compiled, facts, joint_with_each_axis(compiled, weights)),
        lambda: evaluate(guideline, question, findings),
    ]
    times = {name: milliseconds(work, args.repeats) for name, work in zip(HEAD, works, strict=True)}
    asked = f"{guideline.name}-{guideline.edition} {question}"
    line = f"{asked:<58}{'certain' if certain else 'uncertain':<11}"
    line += "".join(f"{times[name]:15.2f} ms" for name in HEAD)
    if not certain:
        shares = joints[0].sum(axis=1)
        line += beside(compiled, weights, shares / shares.sum(), times["distribution"], args)
    return times, line


def distribution(compiled: Compiled, weights: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The exact distribution over categories, from the diagram."""
    ends = np.asarray([leaf.shares for leaf in compiled.flat.terminals])
    shares = compiled.flat.backward(ends, weights)[compiled.flat.root]
    return shares / shares.sum()


def beside(
    compiled: Compiled, weights: list[NDArray[np.float64]], exact: NDArray[np.float64], own: float, args: argparse.Namespace
) -> str:
    """The columns of sampling and of enumeration."""
    worst = float(exact[np.argmin(np.abs(exact - 0.5))])
    n = max(1, math.ceil(worst * (1 - worst) / ERROR**2))
    rng = np.random.default_rng(args.seed)
    sampled = milliseconds(lambda: sample(compiled, weights, n, rng), 3)
    told = f"{sampled:11.1f} ms{sampled / own:6.0f} x"
    states = math.prod(int((w > 0).sum()) for w in weights)
    if states > args.most_states:
        return told + f"{f'not feasible: {states:.2g} joint states':>36}"
    listed = milliseconds(lambda: enumerate_states(compiled, weights), 1)
    if np.abs(enumerate_states(compiled, weights) - exact).max() > 1e-9:
        raise InputError(f"{compiled.question.name}: enumeration and diagram disagree")
    return told + f"{f'{listed:.1f} ms, {states} states':>29}{listed / own:5.0f} x"


def walk(compiled: Compiled, classes: Callable[[int], NDArray[np.intp]], n: int) -> NDArray[np.intp]:
    """The terminal that each of `n` joint states leads to; `classes` gives the states of an axis."""
    flat = compiled.flat
    node = np.full(n, flat.root)
    for level in flat.levels:
        here = np.flatnonzero((node >= level.start) & (node < level.stop))
        node[here] = level.children[node[here] - level.start, classes(level.axis)[here]]
    return node - flat.first_terminal


def sample(compiled: Compiled, weights: list[NDArray[np.float64]], n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """P(category) from `n` joint states drawn at random; those that cannot be are left out."""
    drawn: dict[int, NDArray[np.intp]] = {}

    def classes(k: int) -> NDArray[np.intp]:
        if k not in drawn:
            drawn[k] = np.minimum(np.searchsorted(np.cumsum(weights[k]), rng.random(n), "right"), len(weights[k]) - 1)
        return drawn[k]

    counts = np.bincount(walk(compiled, classes, n), minlength=len(compiled.flat.terminals))
    shares = counts @ np.asarray([leaf.shares for leaf in compiled.flat.terminals])
    return shares / max(shares.sum(), 1e-300)


def enumerate_states(compiled: Compiled, weights: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """P(category) as a sum over every joint state, in blocks."""
    supports = [np.flatnonzero(w > 0) for w in weights]
    states, mass = math.prod(map(len, supports)), np.zeros(len(compiled.flat.terminals))
    for start in range(0, states, BLOCK):
        rest = np.arange(start, min(start + BLOCK, states))
        chance, cells = np.ones(len(rest)), list[NDArray[np.intp]]()
        for support, w in zip(supports, weights, strict=True):
            rest, at = np.divmod(rest, len(support))
            cells.append(support[at])
            chance *= w[support[at]]
        mass += np.bincount(walk(compiled, cells.__getitem__, len(chance)), chance, len(mass))
    shares = mass @ np.asarray([leaf.shares for leaf in compiled.flat.terminals])
    return shares / shares.sum()


def possible_findings(guideline: Guideline, question: str, certain: bool, seed: int) -> list[Finding]:
    """Random findings on all concepts that a question uses; certain ones that can be so together."""
    compiled, _, _ = situated(guideline, question, [])
    names = [axis.name for axis in compiled.axes]
    for attempt in range(10_000):
        rng = random.Random(f"{guideline.name} {question} {seed} {attempt}")
        found = [finding(rng, guideline, compiled, name, certain) for name in names]
        if not certain or all(sure(f) for f in situated(guideline, question, found)[1]):
            return found
    raise InputError(f"{question}: no certain findings that can be so together were found")


def sure(fact: Fact) -> bool:
    """Whether a fact was not withdrawn."""
    return fact.cell is not None


def finding(rng: random.Random, guideline: Guideline, compiled: Compiled, name: str, certain: bool) -> Finding:
    """A random distribution, or a certain state; a measurement with its standard deviation, or with none."""
    concept: Concept = guideline.concepts[name]
    if concept.unit is not None:
        cuts = [cut[0] for axis in compiled.axes if axis.name == name for cut in axis.cuts] or [1.0]
        low, high = guideline.entries[name].plausible or (0.0, 100.0)
        value = min(max(rng.choice(cuts) + rng.choice((-0.25, 0.25)), low), high)
        sd = 0.0 if certain else 0.2 * max(value, 1.0)
        return Finding(concept=name, observer=MODEL, unit=concept.unit, value=value, sd=sd)
    states = concept.states or ()
    if certain:
        state = rng.choice(states)
        shares = tuple(float(one == state) for one in states)
        return Finding(concept=name, observer=MODEL, states=states, state=state, probabilities=shares)
    drawn = [rng.gammavariate(1.0, 1.0) + 1e-6 for _ in states]
    return Finding(concept=name, observer=MODEL, states=states, probabilities=tuple(x / sum(drawn) for x in drawn))


if __name__ == "__main__":
    main()
