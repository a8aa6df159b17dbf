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
from pellucid.trial.trials import Ask, Room, kept_maps

EXAMPLES = 3


def tiles(room: Room, ask: Ask, trials: Sequence[MethodTrial]) -> tuple[MapTile, ...]:
    """Maps of a few cases, those with a lesion first; stamped where the verdict is bad."""
    collected = room.collected
    order = np.arange(len(collected))
    if collected.masks is not None:
        order = np.argsort(~collected.masks.any(axis=(1, 2)), kind="stable")
    index, made = order[:EXAMPLES], list[MapTile]()
    for t in (t for t in trials if t.target == ask.name and t.results):
        maps = kept_maps(room, ask, t.method, index)
        for k, i in enumerate(index):
            pixels = display_pixels(open_study(collected.files[i]).images[0].pixels(), room.trial)
            png = tile(pixels, maps[k].astype(np.float64), METHODS[t.method].signed, stamp_of(t.verdict.grade))
            uri = f"data:image/png;base64,{base64.b64encode(png).decode()}"
            what = room.trial.outputs[int(ask.targets[i])].name
            made.append(MapTile(collected.names[i], t.method, uri, t.verdict.grade, what))
    return tuple(made)
