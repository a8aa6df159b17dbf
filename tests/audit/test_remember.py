"""What was computed once is not computed again."""

import numpy as np
from tests.audit.paper import cases, counted, true_evidence

from pellucid.audit.remember import remembered_maps

C = cases(6)


def test_maps_are_known_by_image_and_target() -> None:
    method, calls = counted(true_evidence)
    known = remembered_maps(method)
    known(C.images, C.targets)
    np.testing.assert_allclose(known(C.images, C.targets), true_evidence(C.images, C.targets))
    known(C.images[:2], 1 - C.targets[:2])
    assert calls == [6, 2]


def test_oldest_maps_go_first_when_memory_is_full() -> None:
    method, calls = counted(true_evidence)
    one = true_evidence(C.images[:1], C.targets[:1]).nbytes
    known = remembered_maps(method, limit=3 * one)
    known(C.images, C.targets)
    np.testing.assert_allclose(known(C.images[3:], C.targets[3:]), true_evidence(C.images[3:], C.targets[3:]))
    assert calls == [6]
    known(C.images[:1], C.targets[:1])
    assert calls == [6, 1]
