"""What was looked at when a reading is verified, what could not be, and the one line that says so."""

from collections.abc import Sequence
from dataclasses import dataclass

BEYOND = (
    "whether the findings, their places and standard deviations, the novelty and the second look are what the model gives for "
    "this image: read the image again with the same reader and compare the ids",
    "whether the pixels, spacing, modality and identifiers are those of the file: hold the file beside it",
    "who wrote it, and who is named as having set a finding: a reading carries a hash, not a signature; compare its id with one "
    "that reached you by another way",
    "file name, time and software version: they stand outside the hash",
)
"""What no check can show from the reading alone, whoever runs it."""
BEYOND_LESIONS = (*BEYOND, "whether every lesion that was seen is in the examination: hold it beside the report")
"""The same of an examination."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `checked` is false where it could not be looked at; `detail` then says why."""

    name: str
    ok: bool
    detail: str
    checked: bool = True


@dataclass(frozen=True)
class Verification:
    """Whether a reading holds, every check behind that, and what no check can show.

    `ok`: no check failed. `complete`: none was left out either.
    """

    ok: bool
    checks: tuple[Check, ...]
    beyond: tuple[str, ...] = BEYOND

    @property
    def complete(self) -> bool:
        """Whether every check could be made, and none failed."""
        return self.ok and all(check.checked for check in self.checks)


def unchecked(name: str, why: str) -> Check:
    """A check that could not be made; it holds nothing against the reading, and says so."""
    return Check(name, True, f"not checked: {why}", checked=False)


def concluded(checks: Sequence[Check], beyond: tuple[str, ...] = BEYOND) -> Verification:
    """The verification that some checks come to."""
    return Verification(all(check.ok for check in checks), tuple(checks), beyond)


def verdict(result: Verification) -> str:
    """One line: it fails and where, it holds in part and what was left out, or every check that can be made without the model
    holds. Never a bare "verifies"."""
    failed = [check.name for check in result.checks if not check.ok]
    left = [check.name for check in result.checks if not check.checked]
    made = len(result.checks) - len(left)
    if failed:
        return f"does not verify: {', '.join(failed)}"
    if left:
        return f"verifies only in part: {made} checks hold, NOT CHECKED: {', '.join(left)}"
    return f"verifies, as far as can be checked without the model: all {made} checks hold; what the model saw is taken on trust"
