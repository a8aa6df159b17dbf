"""One image, one method, one target: the map with its verdict and the tests of this very map, as words and a picture."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pellucid.audit.cases import Bench, Cases, Explain
from pellucid.audit.faithfulness import area, deletion_curve
from pellucid.audit.map_controls import CONTROLS, IN_WORDS, random_map
from pellucid.audit.randomisation import mprt
from pellucid.audit.stability import noise_spearman
from pellucid.errors import InputError
from pellucid.explain import METHODS, Maps, Subject, explain
from pellucid.images import StudyImage, prepare
from pellucid.record import Grade, MethodTrial, Record, Text
from pellucid.record.accountability import AccountabilityCard
from pellucid.report.map_picture import MapWords, map_picture
from pellucid.trial.subject import OnTrial, Output, explainer, find_output, predictor, randomised, target_of

RANDOM_MAPS = 19
"""A map that beats all of 19 random ones does so by chance once in 20."""
SIMPLE = ("centre blob", "edge detector")
STEPS = 5
SAME_UNDER_RANDOM = 0.5
LEAST_STABLE = 0.5
"""Rank correlations above which a map counts as the same; ours, as in audit/verdict_rules.yaml."""
TONES: dict[Grade, str] = {
    "usable": "good", "usable with caution": "caution", "not usable": "bad", "too few cases": "open", "not tested": "open",
}  # fmt: skip
STAMPS: dict[Grade, str] = {"not usable": "NOT USABLE AS AN EXPLANATION"}
FAILED = "THIS MAP FAILED ITS OWN TEST"


class OwnTest(Record):
    """One test of this very map: passed, failed, or could not be asked."""

    name: Text
    passed: bool | None
    value: float | None
    said: Text


class ExplainedImage(Record):
    """What stands beside a map: what it is of, how to make it again, its verdict and its own tests."""

    model: Text
    weights_sha256: Text
    pixels_sha256: Text
    method: Text
    target: Text
    probability: float
    signed: bool
    layer: str | None
    seed: int | None
    samples: int | None
    orientation: Text = "higher speaks more for the target; below zero, where signed, against it"
    grade: Grade
    verdict: Text
    verdict_from: Text
    tests: tuple[OwnTest, ...]
    stamp: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pictured:
    """The map (H, W) in the model's grid, what stands beside it, and both as a PNG."""

    maps: Maps
    words: ExplainedImage
    png: bytes


def stamp_of(grade: Grade) -> str:
    """What is written across a map of a method with this verdict; empty for none."""
    return STAMPS.get(grade, "")


def display_pixels(pixels: NDArray[np.uint8], trial: OnTrial) -> NDArray[np.uint8]:
    """The image in the model's grid as a person sees it: prepared without normalisation, (H, W, 3)."""
    plan = [step for step in trial.plan if step.name != "normalise"]
    shown = prepare(pixels, plan).array
    return (np.moveaxis(shown, 0, -1) * 255).round().astype(np.uint8)


@dataclass(frozen=True)
class How:
    """How a map is made: layer of methods on a grid (by default the deepest), seed, and the audit whose verdict counts."""

    layer: str | None = None
    seed: int = 0
    card: AccountabilityCard | None = None


def explain_image(trial: OnTrial, image: StudyImage, method: str, target: str, how: How = How()) -> Pictured:
    """The map of one image with its verdict (of an audit, where it is of these weights) and its own tests.

    Raises UnknownName, ExplainError or InputError: the target or method does not exist or does not fit the model.
    """
    pixels = image.pixels()
    array = prepare(pixels, trial.plan).array[None, : trial.channels]
    predict = predictor(trial)
    p = predict(array)
    found = find_output(trial, target)
    output = found if isinstance(found, Output) else _likeliest(trial, found, p[0])
    how = _audited_layer(how, method, target, output)
    made = explain(trial.subject, torch.from_numpy(array), target_of(trial, output.index), method, layer=how.layer, seed=how.seed)
    tests = own_tests(trial, method, array, output, made, how)
    grade, verdict, source = _verdict(trial, how, method, target, output)
    stamp = stamp_of(grade) or (FAILED if any(t.passed is False for t in tests) else "")
    words = ExplainedImage(
        model=f"{trial.ref.name} {trial.ref.version}",
        weights_sha256=trial.ref.weights_sha256,
        pixels_sha256=image.ref().pixels_sha256 or "none",
        method=method,
        target=output.name,
        probability=round(float(p[0, output.index]), 6),
        signed=made.signed,
        layer=made.layer,
        seed=made.seed,
        samples=made.samples,
        grade=grade,
        verdict=verdict,
        verdict_from=source,
        tests=tests,
        stamp=stamp,
        notes=made.notes,
    )
    return Pictured(made, words, _picture(display_pixels(pixels, trial), made, words, how.layer is not None))


def _audited_layer(how: How, method: str, target: str, output: Output) -> How:
    """With the layer on which the audit's verdict rests, unless another is asked for."""
    tried = None if how.card is None or how.layer else _trial_of(how.card, method, target, output)
    layer = None if tried is None else tried[1].settings.get("layer")
    return replace(how, layer=layer) if isinstance(layer, str) else how


def _trial_of(card: AccountabilityCard, method: str, target: str, output: Output) -> tuple[str, MethodTrial] | None:
    """What was explained, and the trial: of this target, else of its group, else of all together."""
    tried = {t.target: t for t in card.explainability.trials if t.method == method}
    return next(((name, tried[name]) for name in (output.name, output.group, target, *tried) if name in tried), None)


def _with_layer(trial: OnTrial, method: str, how: How, subject: Subject | None = None) -> Explain:
    settings = {"layer": how.layer} if how.layer else {}
    return explainer(trial, method, subject=subject, seed=how.seed, settings=settings)


def _likeliest(trial: OnTrial, group: str, p: NDArray[np.float64]) -> Output:
    columns = trial.groups()[group]
    return trial.outputs[int(columns[p[columns].argmax()])]


def own_tests(
    trial: OnTrial, method: str, array: NDArray[np.float32], output: Output, made: Maps, how: How
) -> tuple[OwnTest, ...]:
    """The tests of one map on its one image: deletion against random maps, noise, random weights."""
    cases = Cases(array, np.array([output.index]), np.array(["this image"]))
    values = made.values.astype(np.float32)
    bench = Bench(cases, predictor(trial), _with_layer(trial, method, how), values, how.seed)
    if np.ptp(values) == 0:
        return (OwnTest(name="says something", passed=False, value=0.0, said="The map is the same everywhere: it says nothing."),)
    return (_deletion(bench), _simple(bench), _noise(bench), _random_weights(trial, method, bench, how))


def _deletion(bench: Bench) -> OwnTest:
    own = _area(bench)
    generator = np.random.default_rng(bench.seed)
    # At other grains the model reacts to noise as such: pixels, patches, and the map itself moved to where it was not drawn.
    ways = (_moved, _coarse, _pixels)
    chance = [_area(replace(bench, maps=ways[turn % 3](bench, generator))) for turn in range(RANDOM_MAPS)]
    beaten = sum(own < other for other in chance)
    passed = beaten == len(chance)
    all_needed = "" if passed else "; it must beat them all"
    return OwnTest(
        name="deletion against random maps",
        passed=passed,
        value=round(own, 6),
        said=f"Removing what it marks lowers the score faster than {beaten} of {len(chance)} random maps{all_needed}.",
    )


def _simple(bench: Bench) -> OwnTest:
    """Against maps that know nothing of the model and may yet be right: never failed, for a lesion may lie in the middle."""
    own, generator = _area(bench), np.random.default_rng(bench.seed)
    names = [n for n in SIMPLE if own >= _area(replace(bench, maps=CONTROLS[n](bench.cases, generator)))]
    if not names:
        said = "Removing what it marks lowers the score faster than the middle of the image or its edges."
        return OwnTest(name="deletion against simple maps", passed=True, value=round(own, 6), said=said)
    listed = " or ".join(IN_WORDS[n] for n in names)
    said = f"Removing what it marks lowers the score no faster than {listed}, which knows nothing of the model."
    return OwnTest(name="deletion against simple maps", passed=None, value=round(own, 6), said=said)


def _area(bench: Bench) -> float:
    """Area under a deletion curve of few steps: many random maps are tried."""
    return float(area(deletion_curve(bench, STEPS))[0])


def _pixels(bench: Bench, generator: np.random.Generator) -> NDArray[np.float32]:
    return random_map(bench.cases, generator)


def _moved(bench: Bench, generator: np.random.Generator) -> NDArray[np.float32]:
    """The map itself, moved by at least a quarter of the image along each axis, round the border: the same grain elsewhere."""
    shape = bench.maps.shape[1:]
    shift = tuple(int(generator.integers(n // 4, n - n // 4 + 1)) for n in shape)
    return np.roll(bench.maps, shift, axis=tuple(range(1, len(shape) + 1)))


def _coarse(bench: Bench, generator: np.random.Generator) -> NDArray[np.float32]:
    """A random map of 8 x 8 patches."""
    shape = bench.maps.shape
    coarse = generator.random((shape[0], *(8 for _ in shape[1:])), dtype=np.float32)
    for axis, size in enumerate(shape[1:], start=1):
        coarse = np.take(coarse, np.arange(size) * 8 // size, axis=axis)
    return coarse


def _noise(bench: Bench) -> OwnTest:
    value = float(noise_spearman(bench)[0])
    passed = value >= LEAST_STABLE
    how = "stays much the same" if passed else "becomes another one"
    return OwnTest(
        name="10 % noise",
        passed=passed,
        value=round(value, 6),
        said=f"With 10 % noise on the image the map {how}: rank correlation {value:.2f}.",
    )


def _random_weights(trial: OnTrial, method: str, bench: Bench, how: How) -> OwnTest:
    other = randomised(trial, 1.0, bench.seed)
    if other is None:
        why = "The model's weights cannot be reached, so whether the map depends on them was not tested."
        return OwnTest(name="random weights", passed=None, value=None, said=why)
    stage = ("all layers", predictor(trial, other.module), _with_layer(trial, method, how, other))
    value = float(mprt(replace(bench, randomised=(stage,)))[0])
    if not np.isfinite(value):
        said = "With random weights the map is empty, so whether it shows what was learned was not decided."
        return OwnTest(name="random weights", passed=None, value=None, said=said)
    passed = abs(value) < SAME_UNDER_RANDOM
    same = "stays much the same" if value > 0 else "only turns over"
    told = "becomes another one" if passed else f"{same}, so it shows the image and not the model"
    return OwnTest(
        name="random weights", passed=passed, value=round(value, 6),
        said=f"With random weights the map {told}: rank correlation {value:.2f}.",
    )  # fmt: skip


def _verdict(trial: OnTrial, how: How, method: str, target: str, output: Output) -> tuple[Grade, str, str]:
    """Grade, sentence and where it is from; not tested where the audit is of other weights or another layer."""
    card = how.card
    if card is None:
        return "not tested", "Not tested on this model: no audit of it was given.", "no audit"
    if card.subject.weights_sha256 != trial.ref.weights_sha256:
        return "not tested", "Not tested on this model: the audit is of other weights.", f"audit {card.id[:12]}"
    tried = _trial_of(card, method, target, output)
    if tried is None:
        return "not tested", f"Not tested on this model: the audit did not try {method}.", f"audit {card.id[:12]}"
    name, found = tried
    drawn = found.settings.get("layer")
    if how.layer and drawn != how.layer:
        other = f"the audit drew {method} from {drawn or 'the deepest layer'}, this map is from {how.layer}"
        return "not tested", f"Not tested on this model: {other}.", f"audit {card.id[:12]}"
    where = f"audit {card.id[:12]} on {card.transparency.data.images} images, target: {name}"
    return found.verdict.grade, found.verdict.sentence, where


def _picture(pixels: NDArray[np.uint8], made: Maps, words: ExplainedImage, chosen: bool) -> bytes:
    if made.values.ndim != 3:
        raise InputError(f"picture: expected a map (H, W), got {made.values.shape[1:]}; volumes are explained in Python")
    tone = {True: "good", False: "bad", None: "open"}
    where = [f"layer {words.layer}"] if words.layer else []
    where += [f"{words.samples} samples or steps"] if words.samples else []
    notes = [f"Verdict from: {words.verdict_from}.", *words.notes]
    if METHODS[words.method].needs == "grid" and not chosen:
        notes.append("Drawn from the deepest layer that keeps places: no audit chose one by its score.")
    said = MapWords(
        title=f"{words.method} for {words.target} (probability {100 * words.probability:.0f} %)",
        subtitle=", ".join([words.model, f"weights {words.weights_sha256[:12]}", *where]),
        tone=TONES[words.grade],
        verdict=words.verdict,
        tests=[(tone[t.passed], t.said) for t in words.tests],
        stamp=words.stamp,
        notes=notes,
    )
    return map_picture(pixels, made.values[0].astype(np.float64), made.signed, said)


def save_picture(pictured: Pictured, path: Path) -> tuple[Path, Path]:
    """Writes the PNG and, beside it under the same name, the JSON; gives both paths."""
    from pellucid.train.files import write_whole

    beside = path.with_suffix(".json")
    return write_whole(path, pictured.png), write_whole(beside, pictured.words.model_dump_json(indent=1) + "\n")


__all__: Sequence[Any] = [
    "ExplainedImage", "OwnTest", "Pictured", "display_pixels", "explain_image", "own_tests", "save_picture", "stamp_of",
]  # fmt: skip
