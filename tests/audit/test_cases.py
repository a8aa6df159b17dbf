"""Cases and the bench refuse what does not fit together."""

from dataclasses import replace

import numpy as np
import pytest
from tests.audit.paper import bench, cases

from pellucid.errors import InputError


def test_maps_of_another_grid_or_with_nan_are_refused() -> None:
    b = bench(n=3)
    with pytest.raises(InputError, match="expected maps of the method of shape"):
        replace(b, maps=b.maps[:, :10])
    with pytest.raises(InputError, match="finite maps of other"):
        replace(b, others={"other": np.full_like(b.maps, np.nan)})
    with pytest.raises(InputError, match="reference"):
        replace(b, reference=b.maps[:2])


def test_masks_and_targets_of_another_size_are_refused() -> None:
    c = cases(3)
    with pytest.raises(InputError, match="bring them to the images' grid"):
        replace(c, masks=np.zeros((3, 5, 5), bool))
    with pytest.raises(InputError, match="expected 3 targets"):
        replace(c, targets=c.targets[:2])
    with pytest.raises(InputError, match="expected images"):
        replace(c, images=c.images[:, 0])


def test_part_of_a_bench_takes_the_same_cases_everywhere() -> None:
    b = replace(bench(n=5, whole=True), reference=bench(n=5).maps)
    part = b.of(np.array([1, 3]))
    assert part.reference is not None
    assert part.cases.masks is not None
    np.testing.assert_array_equal(part.cases.patients, ["1", "3"])
    for whole, some in ((b.maps, part.maps), (b.others["edges"], part.others["edges"]), (b.maps, part.reference)):
        np.testing.assert_array_equal(whole[[1, 3]], some)
