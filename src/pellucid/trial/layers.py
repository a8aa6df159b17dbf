"""Which layer each class activation map is drawn from: chosen on cases set aside, on which no map is judged afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from pellucid.audit.cases import Bench, Predict
from pellucid.audit.faithfulness import area, deletion_curve
from pellucid.audit.map_trial import chosen
from pellucid.explain import METHODS, Choice, best_layer, candidates
from pellucid.trial.budget import Speed
from pellucid.trial.data import Collected
from pellucid.trial.store import Store
from pellucid.trial.subject import OnTrial, explainer

VALIDATION = 12
"""Images set aside to choose on, where there are at least `LEAST_PATIENTS`."""
LEAST_PATIENTS = 60
STEPS = 5
SHARE = 0.1
"""Share of the time for maps that the choice may take."""
NAME = "layers"
DEFAULT = "the deepest that keeps places, not chosen by score: {}"


@dataclass(frozen=True)
class Layers:
    """By method, the layer chosen (none where the default stays) and a sentence; and the rows of the cases set aside."""

    chosen: Mapping[str, str] = field(default_factory=dict[str, str])
    said: Mapping[str, str] = field(default_factory=dict[str, str])
    aside: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass(frozen=True)
class Validation:
    """What the choice is made on: cases, the output explained in each case (n,), the model's function, the time there is."""

    collected: Collected
    targets: NDArray[np.int64]
    predict: Predict
    seconds: float
    seed: int


def choose_layers(trial: OnTrial, on: Validation, speeds: Mapping[str, Speed], store: Store, asked: str) -> Layers:
    """The layer of every class activation map among the methods of `speeds`, by the area under the deletion curve.

    The choice is kept, so that a run that goes on draws the same maps. With too few patients or too little time the default
    stays, and the sentence says so.
    """
    cams = [m for m in speeds if METHODS[m].needs == "grid"]
    if not cams or len(candidates(trial.subject)) < 2:
        return Layers()
    if len(np.unique(on.collected.patients)) < LEAST_PATIENTS:
        return Layers(said=dict.fromkeys(cams, DEFAULT.format(f"fewer than {LEAST_PATIENTS} patients")))
    found: dict[str, tuple[str | None, str]] = {}
    aside = chosen(on.collected.patients, VALIDATION, on.seed + 1)
    for method in cams:
        name = f"{NAME}/{asked}/{method}"
        kept = store.content(name) or store.keep_content(name, _choice(trial, on, aside, method, speeds[method], len(cams)))
        found[method] = (kept["layer"], kept["said"])
    layers = {m: layer for m, (layer, _) in found.items() if layer}
    same = np.isin(on.collected.patients, on.collected.patients[aside])  # a patient's other images are not judged either
    return Layers(layers, {m: said for m, (_, said) in found.items()}, np.flatnonzero(same) if layers else aside[:0])


def _choice(
    trial: OnTrial, on: Validation, aside: NDArray[np.int64], method: str, speed: Speed, methods: int
) -> dict[str, str | None]:
    each = len(aside) * (speed.explanation + (STEPS + 1) * speed.forward)
    names = _thinned([layer.name for layer in candidates(trial.subject)], int(SHARE * on.seconds / (each * methods)))
    if len(names) < 2:
        return {"layer": None, "said": DEFAULT.format("no time; give more by --minutes")}
    choice = best_layer(names, lambda layer: _score(trial, on, aside, method, layer), method, "what is explained", len(aside))
    return {"layer": choice.layer, "said": _sentence(choice)}


def _thinned(names: Sequence[str], most: int) -> list[str]:
    """At most so many names, the last one (the deepest layer) always among them."""
    if most < 2 or len(names) <= most:
        return list(names) if most >= 2 else []
    return [names[round(i * (len(names) - 1) / (most - 1))] for i in range(most)]


def _score(trial: OnTrial, on: Validation, aside: NDArray[np.int64], method: str, layer: str) -> float:
    """Less the mean area under the deletion curve: high where removing what the map marks takes the score away."""
    cases = on.collected.cases(on.targets[aside], aside)
    explain = explainer(replace(trial, layers={method: layer}), method, seed=on.seed)
    bench = Bench(cases, on.predict, explain, explain(cases.images, cases.targets), on.seed)
    return -float(area(deletion_curve(bench, STEPS)).mean())


def _sentence(choice: Choice) -> str:
    scores = {name: -score for name, score in choice.scores if score is not None}
    others = "; ".join(f"{name} {score:.2f}" for name, score in scores.items() if name != choice.layer)
    return (
        f"{choice.layer} of {len(scores)} tried: least area under deletion, {scores[choice.layer]:.2f}, "
        f"on {choice.images} images set aside ({others})"
    )


def judged(count: int, layers: Layers) -> NDArray[np.int64]:
    """Rows of the cases on which maps are judged: all but those of patients set aside for the choice."""
    return np.setdiff1d(np.arange(count), layers.aside)
