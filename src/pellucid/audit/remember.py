"""What was computed once is not computed again: a method that remembers images it has seen.

Several measures ask for the map of the same altered image. Only for methods that give the same for the same image.
"""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from pellucid.audit.cases import Explain, Images, Maps

MAP_BYTES = 256 * 2**20
"""Maps kept by one method, in bytes; the oldest go first."""


def _key(image: NDArray[np.float32], target: int) -> bytes:
    return blake2b(np.ascontiguousarray(image).tobytes(), digest_size=16, key=str(target).encode()).digest()


def remembered_maps(explain: Explain, limit: int = MAP_BYTES) -> Explain:
    """The same method; maps of images it has seen are not computed again, while they fit in `limit` bytes."""
    known: dict[bytes, Maps] = {}

    def call(images: Images, targets: NDArray[np.int64]) -> Maps:
        keys = [_key(image, int(target)) for image, target in zip(images, targets, strict=True)]
        new = [i for i, key in enumerate(keys) if key not in known and keys.index(key) == i]
        fresh: dict[bytes, Maps] = {}
        if new:
            given = explain(images[new], targets[new])
            if len(given) != len(new):
                return given
            fresh = dict(zip((keys[i] for i in new), given, strict=True))
        maps = np.stack([fresh[key] if key in fresh else known[key] for key in keys])
        known.update(fresh)
        while len(known) > 1 and len(known) * maps[0].nbytes > limit:
            del known[next(iter(known))]
        return maps

    return call
