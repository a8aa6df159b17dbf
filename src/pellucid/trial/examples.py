"""Maps over a few of the images, each with the verdict of its method, for the page of a card."""

import base64
from collections.abc import Sequence

import numpy as np

from pellucid.explain import METHODS
from pellucid.images import open_study
from pellucid.record import MethodTrial
from pellucid.report.card import MapTile
from pellucid.report.map_picture import tile
from pellucid.trial.picture import display_pixels, stamp_of
from pellucid.trial.trials import Ask, Room, maps_of

EXAMPLES = 3
NOTHING_THERE = ("= absent", "= none")
"""Ends of names of states that say that a finding is not there: their maps mark no place a person could check."""


def tiles(room: Room, ask: Ask, trials: Sequence[MethodTrial]) -> tuple[MapTile, ...]:
    """Maps of a few cases, first those with a lesion and a finding that is there; stamped where the verdict is bad."""
    collected = room.collected
    tried = [t for t in trials if t.target == ask.name and t.results]
    if not tried:
        return ()
    order = min((room.made[ask.name, t.method][0] for t in tried), key=len)
    names = [room.trial.outputs[int(ask.targets[i])].name for i in order]
    order = order[np.argsort([name.endswith(NOTHING_THERE) for name in names], kind="stable")]
    if collected.masks is not None:
        order = order[np.argsort(~collected.masks[order].any(axis=(1, 2)), kind="stable")]
    index, made = order[:EXAMPLES], list[MapTile]()
    for t in tried:
        maps = maps_of(room, ask, t.method, index)
        for k, i in enumerate(index):
            pixels = display_pixels(open_study(collected.files[i]).images[0].pixels(), room.trial)
            png = tile(pixels, maps[k].astype(np.float64), METHODS[t.method].signed, stamp_of(t.verdict.grade))
            uri = f"data:image/png;base64,{base64.b64encode(png).decode()}"
            what = room.trial.outputs[int(ask.targets[i])].name
            what += ": the map is empty" if np.ptp(maps[k]) == 0 else ""
            made.append(MapTile(collected.names[i], t.method, uri, t.verdict.grade, what))
    return tuple(made)
