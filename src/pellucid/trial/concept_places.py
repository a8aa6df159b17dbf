"""Locality of a reader's concepts: the pixels of a concept's place are taken away, then as many elsewhere, then all the rest."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.audit.concept_locality import moved, place_share, ring_fill, swapped, worst_move
from pellucid.images.frames import StudyImage
from pellucid.record import Line, Measured
from pellucid.train.data import open_case, place_masks
from pellucid.trial.concept_cases import Floats, Gathered, Progress, constant, mean, measured, missing, probabilities_of
from pellucid.trial.concept_lines import line

Bools = NDArray[np.bool_]
Pixels = NDArray[np.uint8]

SMALLEST, LARGEST = 2e-4, 0.6
"""Shares of the image between which a place can be taken away and something is left to compare with."""
TRIES = 12
DARK = 16


@dataclass(frozen=True)
class _Moves:
    """Moves of one concept (n,): its place filled, or swapped; as many pixels elsewhere; the rest; the worst from outside."""

    place: Floats
    swap: Floats
    elsewhere: Floats
    rest: Floats
    worst: Floats
    patients: NDArray[np.str_]


def locality_lines(gathered: Gathered, progress: Progress | None, images: int) -> list[Line]:
    """For every concept with a place: how far its output moves with its place, and with everything else.

    Each place is tried on at most `images` images, drawn from those where it is recorded.
    """
    card, found = gathered.card, list[Line]()
    for at, place in enumerate(card.places):
        concepts = [k for k, spec in enumerate(card.concepts) if spec.place == place.name]
        if not concepts:
            continue
        rows = _rows(gathered, at, images)
        seen = [_seen(gathered, at, i, rows[(n + 1) % len(rows)]) for n, i in enumerate(rows) if _told(progress, n, len(rows))]
        patients = gathered.patients[rows]
        for k in concepts:
            found += _lines(gathered, card.concepts[k].name, _moves([s[k] for s in seen], patients) if seen else None)
    for spec in card.concepts:
        if spec.place is None:
            found.append(line("place share", spec.name, missing("the card gives this concept no place: it may lie anywhere")))
    return found


def _told(progress: Progress | None, done: int, count: int) -> bool:
    if progress is not None:
        progress("taking places away", done + 1, count)
    return True


def _rows(gathered: Gathered, at: int, images: int) -> list[int]:
    """Cases (places among those gathered) where the place is recorded and neither a speck nor nearly everything."""
    kept: list[int] = []
    for i in gathered.generator(21, at).permutation(len(gathered.index)).tolist():
        if len(kept) == images:
            break
        row = int(gathered.index[i])
        if gathered.cases.known[row, at] and SMALLEST <= _mask(gathered, at, i)[0].mean() <= LARGEST:
            kept.append(i)
    return sorted(kept)


def _mask(gathered: Gathered, at: int, i: int) -> tuple[Bools, StudyImage]:
    row = int(gathered.index[i])
    image = open_case(gathered.cases, gathered.card.data, row)
    return place_masks(gathered.cases, gathered.card, row, (image.height, image.width))[at].astype(np.bool_), image


def _seen(gathered: Gathered, at: int, i: int, other: int) -> list[Floats]:
    """For every concept its probabilities (6, S): on the image as it is, with its place filled, as much elsewhere filled, the
    rest filled, the place swapped with that of another image, the rest swapped."""
    mask, image = _mask(gathered, at, i)
    pixels, generator = image.pixels(), gathered.generator(22, at, i)
    donor = open_case(gathered.cases, gathered.card.data, int(gathered.index[other])).pixels()
    donor = donor if donor.ndim == pixels.ndim else np.resize(donor, pixels.shape)
    views = (
        pixels,
        ring_fill(pixels, mask, generator),
        ring_fill(pixels, _elsewhere(mask, pixels, generator), generator),
        ring_fill(pixels, ~mask, generator),
        swapped(pixels, mask, donor),
        swapped(pixels, ~mask, donor),
    )
    reader = gathered.readers[i]
    told = [probabilities_of(reader, reader.see(_image(view, image))) for view in views]
    return [np.stack([t[k] for t in told]) for k in range(len(gathered.card.concepts))]


def _image(pixels: Pixels, like: StudyImage) -> StudyImage:
    rule = "perturbed for the audit"
    return StudyImage(like.width, like.height, lambda: (pixels.copy(), rule), modality=like.modality, spacing_mm=like.spacing_mm)


def _elsewhere(mask: Bools, pixels: Pixels, generator: np.random.Generator) -> Bools:
    """The mask moved to where it overlaps itself least and lies least on black: as many pixels of the same shape elsewhere."""
    dark = (pixels if pixels.ndim == 2 else pixels.max(axis=2)) < DARK
    best, lowest = mask, float("inf")
    for _ in range(TRIES):
        moved_by = (int(generator.integers(mask.shape[0])), int(generator.integers(mask.shape[1])))
        tried = np.roll(mask, moved_by, axis=(0, 1))
        cost = 2.0 * float((tried & mask).sum()) + float((tried & dark).sum())
        if cost < lowest:
            best, lowest = tried, cost
    return best


def _moves(seen: list[Floats], patients: NDArray[np.str_]) -> _Moves:
    whole = np.stack(seen)  # (n, 6, S)
    place, elsewhere, rest, swap = (moved(whole[:, 0], whole[:, at]) for at in (1, 2, 3, 4))
    return _Moves(place, swap, elsewhere, rest, worst_move(whole[:, 0], [whole[:, 2], whole[:, 3], whole[:, 5]]), patients)


def _lines(gathered: Gathered, name: str, moves: _Moves | None) -> list[Line]:
    if moves is None:
        none = missing("its place is recorded on no image in a size that can be taken away")
        return [line(m, name, none) for m in ("moved by its place", "place share", "worst move from outside")]

    def of(values: Floats) -> Measured:
        return measured(mean, (values,), moves.patients, gathered.generator(23), "nothing moved")

    share = measured(place_share, (moves.place, moves.elsewhere), moves.patients, gathered.generator(23), "nothing moved")
    beside = (
        ("swapped with another image's", of(moves.swap)),
        ("as many pixels elsewhere", of(moves.elsewhere)),
        ("everything else", of(moves.rest)),
    )
    return [
        line("moved by its place", name, of(moves.place), *beside),
        line("place share", name, share, ("like any other place", constant(0.5))),
        line("worst move from outside", name, of(moves.worst), ("its place", of(moves.place))),
    ]
