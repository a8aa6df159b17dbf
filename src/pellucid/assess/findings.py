"""From what a net saw to findings: calibrated, stated or unknown with the reason, each with its place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.assess.calibrate import apply, round_probabilities
from pellucid.assess.fitted import Fitted
from pellucid.images import Prepared
from pellucid.images.measure import Measure, measure
from pellucid.images.outline import components, outlines, quick_outlines
from pellucid.models.card import Card, ConceptSpec, PlaceSpec
from pellucid.record import Finding, Observer, Region

Grid = NDArray[np.float64]
Spacing = tuple[float, float] | None

EVIDENCE_SHARE = 0.5
"""A finding's place is the smallest part of the image that holds half of what speaks for it."""
NOTHING_THERE = frozenset({"absent", "none", "not seen"})
"""States that say that something is not there."""
EVIDENCE = "where half of what speaks for it lies"
LOOKED = "looked for here, at the"
OUTLINE = "outline, found by the reader, of the"
"""What a region means: the evidence of a finding; where an absent thing was looked for; where a measurement was taken."""
CUT_SPREAD = 0.2
"""How far above and below a place's threshold it is cut again: the spread of what is measured is part of its uncertainty."""
SMALLEST_PLACE_CELLS = 3.0
"""A place must have at least this much probability, summed over the cells of the grid, to count as found."""


@dataclass(frozen=True)
class Sight:
    """What a net gave for one image: logits (K, S), support (K, h, w), places (P, h, w) probabilities, shadow (C,), vector
    (D,)."""

    prepared: Prepared
    logits: Grid
    support: Grid
    places: Grid
    shadow: Grid
    vector: Grid


@dataclass(frozen=True)
class Found:
    """A kind of place as found: probabilities on the grid with everything but the counted parts removed, and their mask."""

    probability: Grid
    mask: NDArray[np.bool_]


@dataclass(frozen=True)
class _Scene:
    """What every finding of one image shares."""

    fitted: Fitted
    found: Mapping[str, Found]
    way: "_Way"
    observer: Observer

    def looked_for(self, name: str | None) -> Region | None:
        """The outline of the place in which something was looked for and not seen; None where that is the whole image."""
        place = self.found.get(name or "")
        return None if name is None or place is None else self.way.outline(name, place.mask, LOOKED)


def findings_of(card: Card, fitted: Fitted, sight: Sight, spacing: Spacing, observer: Observer) -> tuple[Finding, ...]:
    """All findings of one image: concepts in the card's order, then measurements, then what the reader can never judge."""
    found = {place.name: _found(place, sight.places[i], card) for i, place in enumerate(card.places)}
    scene = _Scene(fitted, found, _Way(sight, spacing), observer)
    concepts = [_judged(spec, sight.logits[k], sight.support[k], scene) for k, spec in enumerate(card.concepts)]
    unjudged = [
        Finding(concept=spec.name, observer=observer, states=spec.states, unknown_because=spec.because) for spec in card.unjudged
    ]
    return (*concepts, *_measurements(card, scene), *unjudged)


def _found(place: PlaceSpec, probability: Grid, card: Card) -> Found:
    """The parts of a place map above its threshold; the one with most probability where measurements are taken from it."""
    mask = probability > place.threshold
    labels = components(mask)
    if labels.max(initial=0):
        weight = np.bincount(labels.ravel(), probability.ravel())
        weight[0] = 0.0
        single = any(m.place == place.name for m in card.measurements)
        keep = weight >= (max(weight.max(), SMALLEST_PLACE_CELLS) if single else SMALLEST_PLACE_CELLS)
        mask &= keep[labels]
        probability = np.where(mask | (labels == 0), probability, 0.0)
    return Found(probability, mask)


class _Way:
    """The way from cells of the grid back to the original image, in mm where spacing is known."""

    def __init__(self, sight: Sight, spacing: Spacing) -> None:
        self.sight, self.spacing = sight, spacing
        self.traced: dict[str, Region | None] = {}
        self.cell = sight.prepared.array.shape[-1] / sight.support.shape[-1]

    def outline(self, name: str, mask: NDArray[np.bool_], meaning: str) -> Region | None:
        """The outline of a place by its name, traced once."""
        if name not in self.traced:
            self.traced[name] = self.region(mask, name)
        region = self.traced[name]
        return None if region is None else region.model_copy(update={"meaning": f"{meaning} {name.replace('_', ' ')}"})

    def affine(self) -> Grid:
        """(2, 3) from grid (x, y) to pixels of the original image."""
        lead = self.sight.prepared.affine
        return np.hstack([lead[:, :2] * self.cell, lead[:, 2:]])

    def region(self, mask: NDArray[np.bool_], meaning: str, share: float | None = None) -> Region | None:
        """The outlines of a mask as a region, those of evidence (with a share) drawn the quick way; None where it is empty."""
        found = outlines(mask) if share is None else quick_outlines(mask)
        if not found:
            return None
        scale = np.array([self.spacing[1], self.spacing[0]]) if self.spacing else np.ones(2)
        affine = self.affine()
        placed = [((o @ affine[:, :2].T + affine[:, 2]) * scale).round(2).tolist() for o in found]
        points = tuple(tuple((x, y) for x, y in outline) for outline in placed)
        return Region(outlines=points, unit="mm" if self.spacing else "px", meaning=meaning, share=share)


def evidence_mask(support: Grid, share: float = EVIDENCE_SHARE) -> tuple[NDArray[np.bool_], float]:
    """The fewest cells (h, w) that hold at least `share` of a map, and the share that they hold."""
    order = np.argsort(support, axis=None)[::-1]
    held = np.cumsum(support.ravel()[order])
    count = min(int((held < share * held[-1]).sum()) + 1, len(order))
    mask = np.zeros(support.size, dtype=np.bool_)
    mask[order[:count]] = True
    return mask.reshape(support.shape), float(held[count - 1] / held[-1])


def _judged(spec: ConceptSpec, logits: Grid, support: Grid, scene: _Scene) -> Finding:
    reliability = scene.fitted.reliability.get(spec.name)
    needed = scene.found.get(spec.unless_found or "")
    if needed is not None and not needed.mask.any():
        because = f"no {(spec.unless_found or '').replace('_', ' ')} was found"
        return Finding(
            concept=spec.name, observer=scene.observer, states=spec.states, unknown_because=because, reliability=reliability
        )
    probabilities = round_probabilities(apply(scene.fitted.calibrations[spec.name], logits[: len(spec.states)]))
    return Finding(
        concept=spec.name,
        observer=scene.observer,
        states=spec.states,
        probabilities=probabilities,
        state=stated(spec.states, probabilities, scene.fitted.operating_points[spec.name]),
        region=_place(spec, probabilities, support, scene),
        reliability=reliability,
    )


def stated(states: tuple[str, ...], probabilities: tuple[float, ...], operating_points: tuple[float, ...]) -> str | None:
    """The state that passes its operating point by the largest factor; None where none passes."""
    factors = [p / point for p, point in zip(probabilities, operating_points, strict=True)]
    best = max(range(len(states)), key=lambda i: factors[i])
    return states[best] if factors[best] >= 1 else None


def _place(spec: ConceptSpec, probabilities: Sequence[float], support: Grid, scene: _Scene) -> Region | None:
    """Where a finding was seen; what is absent has no place but the one where it was looked for."""
    likeliest = spec.states[int(np.argmax(probabilities))]
    place = scene.found.get(spec.place or "")
    if likeliest in NOTHING_THERE:
        return scene.looked_for(spec.unless_found)
    if spec.show == "place" and place is not None:
        held = float(support[place.mask].sum() / support.sum())
        return scene.way.region(place.mask, f"where {spec.place or ''} was found".replace("_", " "), round(held, 4))
    mask, held = evidence_mask(support)
    return scene.way.region(mask, EVIDENCE, round(held, 4))


def _measurements(card: Card, scene: _Scene) -> list[Finding]:
    results: list[Finding] = []
    cut = {place.name: place.threshold for place in card.places}
    for name in dict.fromkeys(m.place for m in card.measurements):
        place, way = scene.found[name], scene.way
        # Cut where the outline is drawn, so that `verify` finds the same in it.
        cuts = (max(0.0, cut[name] - CUT_SPREAD), cut[name], min(1.0, cut[name] + CUT_SPREAD))
        scale = scene.fitted.sd or 1.0
        measured = measure(place.probability, way.affine(), way.spacing, cuts, scale).named()
        region = way.outline(name, place.mask, OUTLINE)
        results += [
            _measured(m.name, m.unit, measured[m.name], region, scene.observer) for m in card.measurements if m.place == name
        ]
    return results


def _measured(name: str, unit: str, measured: Measure, region: Region | None, observer: Observer) -> Finding:
    if measured.value is None or measured.sd is None:
        because = measured.unknown_because or "it could not be measured"
        return Finding(concept=name, observer=observer, unit=unit, unknown_because=because, region=region)
    value, sd = round(measured.value, 2), round(measured.sd, 2)
    return Finding(concept=name, observer=observer, unit=unit, value=value, sd=sd, region=region)
