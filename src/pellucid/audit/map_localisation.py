"""Does the map lie on the lesion? Functions of a bench with masks -> (n,), NaN where a case has no recorded lesion.

They say whether a map points where a reader would look, not whether the model looks there: a faithful map of a model that reads
the scanner's mark lies beside the lesion.
"""

import numpy as np
from numpy.typing import NDArray

from pellucid.audit import localisation
from pellucid.audit.cases import Bench, Maps
from pellucid.audit.perturb import descending

SHARES = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
"""Shares of the image among which the threshold of the intersection over union is chosen on the other fold."""


def _masks(bench: Bench) -> NDArray[np.bool_]:
    masks = bench.cases.masks
    return np.zeros(bench.maps.shape, dtype=bool) if masks is None else masks


def _lesions(bench: Bench) -> NDArray[np.bool_]:
    masks = _masks(bench)
    return np.count_nonzero(masks.reshape(len(masks), -1), axis=1) > 0


def pointing_game(bench: Bench) -> NDArray[np.float64]:
    """1 where the map's highest pixel lies in the lesion (Zhang 2018, doi 10.1007/s11263-017-1059-x), no tolerance."""
    return np.array([localisation.pointing_game(m, mask) for m, mask in zip(bench.maps, _masks(bench), strict=True)])


def small_lesions(bench: Bench) -> NDArray[np.bool_]:
    """(n,): the case's lesion is among the smallest third of the lesions of the bench."""
    masks, lesion = _masks(bench), _lesions(bench)
    size = masks.reshape(len(masks), -1).sum(axis=1)
    largest = float(np.quantile(size[lesion], 1 / 3)) if lesion.any() else 0.0
    return np.asarray(lesion & (size <= largest), bool)


def pointing_game_small(bench: Bench) -> NDArray[np.float64]:
    """The pointing game on the smallest third of the lesions: the gap to readers is widest there (Saporta 2022)."""
    return np.where(small_lesions(bench), pointing_game(bench), np.nan)


def mass_accuracy(bench: Bench) -> NDArray[np.float64]:
    """Share of the map's positive sum that lies in the lesion (Arras 2022, doi 10.1016/j.inffus.2021.11.008)."""
    positive = np.clip(bench.maps.reshape(len(bench.maps), -1).astype(np.float64), 0, None)
    inside = (positive * _masks(bench).reshape(len(positive), -1)).sum(axis=1)
    total = positive.sum(axis=1)
    return np.where(_lesions(bench) & (total > 0), inside / np.where(total > 0, total, 1.0), np.nan)


def average_precision(maps: Maps, masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n,): area under the precision-recall curve over pixels, as average precision; equal values form one step."""
    found = np.full(len(maps), np.nan)
    for i, (values, mask) in enumerate(zip(maps.reshape(len(maps), -1), masks.reshape(len(masks), -1), strict=True)):
        if not mask.any():
            continue
        order = np.argsort(-values, kind="stable")
        ranked, hit = values[order], mask[order]
        last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
        hits = np.cumsum(hit)[last]
        recall = hits / hits[-1]
        found[i] = float((np.diff(recall, prepend=0.0) * hits / (last + 1)).sum())
    return found


def pixel_auprc(bench: Bench) -> NDArray[np.float64]:
    """Area under the precision-recall curve of the pixels, to stand beside a segmentation net's (Arun 2021).

    Per case, then averaged (doi 10.1148/ryai.2021200267). By chance it is the lesion's share of the image.
    """
    return average_precision(bench.maps, _masks(bench))


def tuned_iou(bench: Bench) -> NDArray[np.float64]:
    """Intersection over union of the map's highest pixels with the lesion; how many is chosen on the other fold.

    Two folds of patients; the share of the image that is best on average in one is used in the other. Tuned thresholds as in
    Saporta 2022 (doi 10.1038/s42256-022-00536-x), with shares of pixels in place of values so that scale does not matter.
    """
    masks, lesion = _masks(bench), _lesions(bench)
    place = descending(bench.maps, bench.seed)
    flat = masks.reshape(len(masks), -1)
    ious = np.full((len(masks), len(SHARES)), np.nan)
    for k, share in enumerate(SHARES):
        marked = place < max(1, round(share * place.shape[1]))
        union = (marked | flat).sum(axis=1)
        ious[:, k] = np.where(lesion, (marked & flat).sum(axis=1) / np.maximum(union, 1), np.nan)
    names = np.unique(bench.cases.patients[lesion])
    first = np.isin(bench.cases.patients, np.random.default_rng(bench.seed).permutation(names)[: len(names) // 2])
    found = np.full(len(masks), np.nan)
    for here, other in ((first, ~first), (~first, first)):
        tuning = ious[other & lesion]
        if len(tuning):
            found[here] = ious[here, int(tuning.mean(axis=0).argmax())]
    return found
