"""Is the verdict right where the evidence is known? Good explanations and bad ones, on nets on paper and on planted nets.

    python benchmarks/known_evidence_verdicts.py --runs 30 --first-seed 200 [--bad FAMILY …] [--part PART …] [--json FILE]

On paper: a net that counts bright pixels in a region of real images; its exact explanation is good. Planted: a small net that
learned a scanner mark, a letter, a ruler or a bright border; occlusion is taken as good where it points at the plant. Bad, apart:

"fixed": maps that do not look at the model: the lesion outlined (plausible, and false), edges, the middle, another net's maps.
They stay the same under random weights, so that the test of random weights refuses every one of them by construction.
"follows the weights": what is wrong with a map that does come from the model: its sign inverted, the map of the other class,
moved by half the image, transposed, channels taken for places. Each is asked anew of the randomised model and of noisy images.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import known_evidence as known
import numpy as np
import torch
from numpy.typing import NDArray

from pellucid.audit.cases import Bench, Cases, Explain, Images, Maps, Predict
from pellucid.audit.map_controls import CONTROLS
from pellucid.audit.map_trial import try_methods
from pellucid.audit.remember import remembered_maps
from pellucid.audit.verdict import verdict
from pellucid.explain import Subject, recognise
from pellucid.explain.explaining import explain_outputs
from pellucid.train.classifier import probabilities
from pellucid.trial.known_evidence import PLANTS, CountingNet, SmallNet, counted, counting, planted, taught
from pellucid.trial.subject import random_weights

N = 40
MEASURES = ("MPRT", "ROAD", "insertion", "necessity", "noise stability", "shift stability", "JPEG stability")
SIDE = known.SIDE
GOOD, BAD = "good", "bad"
FIXED, FOLLOWS = "fixed", "follows the weights"
PARTS = ("on paper", "planted")
Transform = Callable[[Explain], Explain]
Tried = dict[str, tuple[str, Explain, Any]]
"""Name -> (good or bad, explanation, (predict, explain) of the randomised models)."""
Made = tuple[Cases, Predict, Tried, NDArray[np.bool_]]
"""The last is where the evidence lies."""


def inverted(explain: Explain) -> Explain:
    """What speaks for the class shown as what speaks against it."""
    return lambda images, targets: -explain(images, targets)


def other_class(explain: Explain) -> Explain:
    """The map of the other one of two classes."""
    return lambda images, targets: explain(images, 1 - targets)


def rolled(explain: Explain) -> Explain:
    """The map moved by half the image, down and to the right."""
    return lambda images, targets: np.roll(explain(images, targets), (SIDE // 2, SIDE // 2), axis=(1, 2))


def transposed(explain: Explain) -> Explain:
    """Rows taken for columns."""
    return lambda images, targets: np.ascontiguousarray(explain(images, targets).swapaxes(1, 2))


WRONG: dict[str, Transform] = {
    "sign inverted": inverted,
    "other class": other_class,
    "moved by half": rolled,
    "transposed": transposed,
}
"""What goes wrong with a map that follows the weights, as a function of the right one."""
MISPLACED = ("moved by half", "transposed")


def channels_as_places(net: torch.nn.Module) -> Explain:
    """Gradient times activation of a `SmallNet`'s channels, laid out as if channels were places (36 channels: 6 by 6)."""

    def explain(images: Images, targets: NDArray[np.int64]) -> Maps:
        features = net.body(torch.from_numpy(np.ascontiguousarray(images))).detach().requires_grad_()  # type: ignore[operator]
        scores = net.head(features.mean(dim=(2, 3)))  # type: ignore[operator]
        (gradient,) = torch.autograd.grad(scores[torch.arange(len(images)), torch.from_numpy(targets)].sum(), features)
        channels = (gradient * features).sum(dim=(2, 3)).detach()
        side = int(channels.shape[1] ** 0.5)
        grid = channels[:, : side * side].reshape(-1, 1, side, side)
        size = images.shape[2:]
        return torch.nn.functional.interpolate(grid, size=size, mode="bilinear", align_corners=False)[:, 0].numpy()

    return explain


def that_follow(good: Explain, stages: Sequence[Any], place: NDArray[np.bool_], cases: Cases) -> Tried:
    """Bad explanations made of the good one, on randomised models of theirs.

    A misplaced map is left out where it still has more than half as much of its weight on the evidence as the good one:
    a mark on the diagonal stays where it is.
    """
    kept: Tried = {}
    right = on_place(good(cases.images, cases.targets), place)
    for name, wrong in WRONG.items():
        explain = wrong(good)
        if name in MISPLACED and on_place(explain(cases.images, cases.targets), place) > right / 2:
            continue
        kept[name] = (BAD, explain, tuple((p, wrong(e)) for p, e in stages))
    return kept


def on_place(maps: Maps, place: NDArray[np.bool_]) -> float:
    """The mean share of a map's weight on a place."""
    sizes = np.abs(maps)
    return float(((sizes * place).sum(axis=(1, 2)) / np.maximum(sizes.sum(axis=(1, 2)), 1e-9)).mean())


def fixed(name: str, cases: Cases, seed: int) -> Explain:
    """A control as an explanation: it does not look at the model."""

    def explain(images: Images, targets: NDArray[np.int64]) -> Maps:
        rest = Cases(images, targets, np.array([str(i) for i in range(len(images))]))
        return CONTROLS[name](rest, np.random.default_rng(seed))

    return explain


def outlined(cases: Cases) -> Explain:
    """The lesion, softly outlined, whatever the model; the same order of cases is taken for granted."""
    masks = cases.masks if cases.masks is not None and cases.masks.any() else np.zeros((len(cases.images), SIDE, SIDE), bool)
    tensor = torch.from_numpy(masks.astype(np.float32))[:, None]
    soft = torch.nn.functional.avg_pool2d(tensor, 7, 1, 3)[:, 0].numpy()
    bump = np.exp(-((np.indices((SIDE, SIDE)) - SIDE / 2) ** 2).sum(axis=0) / (2 * (SIDE / 5) ** 2)).astype(np.float32)
    maps = soft + 0.01 * bump

    def explain(images: Images, targets: NDArray[np.int64]) -> Maps:
        return maps[np.arange(len(images)) % len(maps)]

    return explain


def some(data: known.Set, images: Images, index: NDArray[np.int64], targets: NDArray[np.int64]) -> Cases:
    """A few cases."""
    return Cases(images[index], targets, data.patients[index], None if data.masks is None else data.masks[index])


def on_paper(seed: int, cache: Path, bad: Sequence[str]) -> Made:
    """A counting net on a random region, with its exact explanation and bad ones."""
    rng = np.random.default_rng([seed, 21])
    data = known.load_set(known.SETS[seed % 3], cache)
    y, x = rng.integers(0, SIDE - 20, 2)
    region, other = np.zeros((SIDE, SIDE), bool), np.zeros((SIDE, SIDE), bool)
    region[y : y + 20, x : x + 20] = True
    other[(y + 32) % (SIDE - 20) : (y + 32) % (SIDE - 20) + 20, (x + 32) % (SIDE - 20) : (x + 32) % (SIDE - 20) + 20] = True
    net, wrong = counting(data.images, region), counting(data.images, other)
    predict = predicting(net)
    index = saying_yes(predict, data.images, rng.permutation(len(data.images)))
    cases = some(data, data.images, index, predict(data.images[index]).argmax(1))

    def exact(of: CountingNet) -> Explain:
        return lambda images, targets: counted(of, images, targets)

    subject = recognise(net, (1, SIDE, SIDE), name="counting net")
    stages = [random_weights(subject, share, seed) for share in (0.5, 1.0)]
    good = tuple((predicting(s.module), exact(s.module)) for s in stages if s is not None)  # type: ignore[arg-type]
    found: Tried = {"exact": (GOOD, exact(net), good)}
    if FOLLOWS in bad:
        found |= that_follow(exact(net), good, region, cases)
        del found["other class"]  # of the exact explanation it is the same as the sign inverted
    found = with_bad(found, exact(wrong), cases, good, seed) if FIXED in bad else found
    return cases, predict, found, region


def with_bad(found: Tried, wrong: Explain, cases: Cases, stages: Sequence[Any], seed: int) -> Tried:
    """The same with explanations that do not look at the model."""
    bad = {
        "lesion outlined": outlined(cases),
        "edges": fixed("edge detector", cases, seed),
        "middle": fixed("centre blob", cases, seed),
        "another net's": wrong,
    }
    return {**found, **{name: (BAD, e, tuple((p, e) for p, _ in stages)) for name, e in bad.items()}}


def saying_yes(predict: Predict, images: Images, order: NDArray[np.int64]) -> NDArray[np.int64]:
    """At most N cases in which the net says the finding is there: where it says that it is not, no pixel speaks for that."""
    return order[predict(images[order]).argmax(axis=1) == 1][:N]


def predicting(net: torch.nn.Module) -> Predict:
    """A net as a function of arrays."""
    return lambda images: probabilities(net, images, 64)


def on_planted(seed: int, cache: Path, bad: Sequence[str]) -> Made | None:
    """A net that learned a plant, occlusion of it and bad explanations; None where it did not learn, or occlusion misses."""
    rng = np.random.default_rng([seed, 22])
    data = known.load_set(known.SETS[seed % 3], cache)
    kind = list(PLANTS)[seed // 3 % len(PLANTS)]
    maker, places = PLANTS[kind]
    plant = maker((SIDE, SIDE), places[int(rng.integers(len(places)))])
    images, _ = planted(data.images, data.labels, plant, known.AGREEMENT, rng)
    order = rng.permutation(len(images))
    train = order[: len(order) // 2]
    net = taught(images[train], data.labels[train], seed)
    predict = predicting(net)
    index = saying_yes(predict, images, order[len(order) // 2 :])
    on, off = (np.stack([f(x) for x in data.images[index]]) for f in (plant.present, plant.absent))
    if np.abs(predict(on) - predict(off))[:, 1].mean() <= 0.3:
        return None
    subject = recognise(net, (1, SIDE, SIDE), name="small net")
    untrained = recognise(SmallNet().eval(), (1, SIDE, SIDE), name="small net")
    if len(index) < 20:
        return None
    cases = some(data, images, index, predict(images[index]).argmax(1))
    occlusion = remembered_maps(method(subject, "occlusion"))
    randomised = [s for s in (random_weights(subject, share, seed) for share in (0.5, 1.0)) if s is not None]
    pairs = tuple((predicting(s.module), remembered_maps(method(s, "occlusion"))) for s in randomised)
    near = known_place(plant.place)
    if on_place(occlusion(cases.images, cases.targets), near) < 3 * near.mean():
        return None
    found: Tried = {"occlusion": (GOOD, occlusion, pairs)}
    if FOLLOWS in bad:
        found |= that_follow(occlusion, pairs, near, cases)
        stages = tuple((p, channels_as_places(s.module)) for (p, _), s in zip(pairs, randomised, strict=True))
        found["channels as places"] = (BAD, channels_as_places(net), stages)
    found = with_bad(found, method(untrained, "occlusion"), cases, pairs, seed) if FIXED in bad else found
    return cases, predict, found, near


def known_place(place: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A plant's place with a few pixels around it."""
    from pellucid.audit.regions import grown

    return grown(place[None], 4)[0]


def method(subject: Subject, name: str) -> Explain:
    """A method of the table on a subject."""
    return lambda images, targets: explain_outputs(subject, torch.from_numpy(images), targets, name).values


def judge(made: Made, seed: int) -> list[dict[str, Any]]:
    """The verdict on each explanation."""
    cases, predict, tried, place = made
    benches = {
        name: Bench(
            cases,
            predict,
            explain,
            explain(cases.images, cases.targets),
            seed,
            tuple((f"stage {i}", p, e) for i, (p, e) in enumerate(stages)),
        )
        for name, (_, explain, stages) in tried.items()
    }
    results = try_methods(benches, MEASURES)
    found = []
    for name, (kind, _, _) in tried.items():
        said = verdict(results[name])
        found.append(
            {
                "explanation": name,
                "kind": kind,
                "bad": None if kind == GOOD else FOLLOWS if name in (*WRONG, "channels as places") else FIXED,
                "on evidence": on_place(benches[name].maps, place),
                "grade": said.grade,
                "sentence": said.sentence,
                "values": {r.measure: r.measured.value for r in results[name]},
            }
        )
    return found


def summary(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Refusals with Wilson intervals, each part and each explanation apart: their causes differ, so they are not pooled."""
    lines = []
    for part in dict.fromkeys(r["part"] for r in rows):
        here = [r for r in rows if r["part"] == part]
        for name in dict.fromkeys(r["explanation"] for r in here):
            mine = [r for r in here if r["explanation"] == name]
            refused = sum(r["grade"] == "not usable" for r in mine)
            low, high = known.wilson(refused, len(mine))
            lines.append(
                f"{part:<10}{mine[0]['kind']:<6}{name:<18} refused {refused:>3} of {len(mine):>3}: "
                f"{refused / len(mine):.3f} ({low:.3f}–{high:.3f})"
            )
    return lines


def main() -> None:
    """Runs, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=6)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--bad", nargs="*", choices=(FIXED, FOLLOWS), default=[FIXED, FOLLOWS])
    parser.add_argument("--part", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--cache", type=Path, default=Path("/tmp/pellucid-known"))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = json.loads(args.json.read_text(encoding="utf-8")) if args.json and args.json.is_file() else []
    there = {(r["part"], r["seed"]) for r in rows}
    for seed in range(args.first_seed, args.first_seed + args.runs):
        for part, make in zip(PARTS, (on_paper, on_planted), strict=True):
            start = time.perf_counter()
            made = None if part not in args.part or (part, seed) in there else make(seed, args.cache, args.bad)
            if made is None:
                continue
            found = [{"part": part, "seed": seed, **row} for row in judge(made, seed)]
            rows += found
            told = "; ".join(f"{r['explanation']}: {r['grade']}" for r in found)
            print(f"{seed:>4} {part:<9} {time.perf_counter() - start:.0f} s  {told}", flush=True)
            if args.json:
                args.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print("\n".join(summary(rows)))


if __name__ == "__main__":
    main()
