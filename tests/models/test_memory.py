"""Freed memory is kept, so that the next pass of a net does not map and zero it again."""

import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import numpy as np
from pellucid.models.memory import keep_memory

if sys.argv[1] == "keep":
    keep_memory()
np.ones(8_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    np.ones(8_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_an_array_of_the_size_of_one_just_freed_is_not_mapped_again() -> None:
    faults = {
        how: int(subprocess.run([sys.executable, "-c", FAULTS, how], check=True, capture_output=True, text=True).stdout)
        for how in ("keep", "give back")
    }
    assert faults["keep"] * 10 < max(faults["give back"], 1000)
