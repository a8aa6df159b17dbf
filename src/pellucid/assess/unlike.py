"""Where two records differ, in words of one line; numbers within their rounding are the same."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from pellucid.assess.check import Check
from pellucid.record import Record, Step

TOLERANCE = 2e-6
"""Numbers that differ by no more are the same: probabilities are kept to six decimals, and machines round the seventh
differently."""
SHOWN = 80
MOST_SHOWN = 4


def check_same(name: str, recorded: Record, derived: Record) -> Check:
    """Two records of one kind, field by field: what is recorded against what the rules give."""
    return check_fields(
        name, [(field, getattr(recorded, field), getattr(derived, field)) for field in type(recorded).model_fields]
    )


def check_fields(name: str, fields: Sequence[tuple[str, object, object]]) -> Check:
    """Named values, each as recorded and as the rules give it; the first that differ are told."""
    wrong = [text for text in (difference(*field) for field in fields) if text]
    if not wrong:
        return Check(name, True, f"{len(fields)} fields are what the rules give for these findings")
    more = f"; and {len(wrong) - MOST_SHOWN} more fields" if len(wrong) > MOST_SHOWN else ""
    return Check(name, False, "; ".join(wrong[:MOST_SHOWN]) + more)


def short(value: object) -> str:
    """A value as it is quoted in one line, cut where it is long."""
    told = value if isinstance(value, str) else str(value)
    return repr(told if len(told) <= SHOWN else f"{told[: SHOWN - 1]}…")


def differs(where: str, field: str, says: object, gives: object, giver: str) -> str:
    """What the reading says of a field and what `giver` says of it."""
    return f"{where}: {field}: the reading says {short(says)}, {giver} {short(gives)}"


def difference(field: str, recorded: object, derived: object) -> str | None:
    """How a field differs from what the rules give; None where it is the same. Of derivations, the first steps that differ."""
    if isinstance(recorded, Step) and isinstance(derived, Step):
        found = next(_unlike_steps(recorded, derived), None)
        return f"derivation: the reading says {short(found[0])}, the rules give {short(found[1])}" if found else None
    if same(plain(recorded), plain(derived)):
        return None
    return f"{field}: the reading says {short(_told(recorded))}, the rules give {short(_told(derived))}"


def _unlike_steps(one: Step, other: Step) -> Iterator[tuple[str, str]]:
    """Pairs of lines of two derivations that differ, from the top."""
    if one.model_copy(update={"because": ()}) != other.model_copy(update={"because": ()}):
        yield f"{one.truth.value}: {one.claim} [{one.citation}]", f"{other.truth.value}: {other.claim} [{other.citation}]"
    if len(one.because) != len(other.because):
        yield f"{len(one.because)} steps under: {one.claim}", f"{len(other.because)} steps"
    for first, second in zip(one.because, other.because, strict=False):
        yield from _unlike_steps(first, second)


def plain(value: Any) -> Any:
    """Records as plain dicts and tuples as lists, so that numbers in them can be compared within the tolerance."""
    if isinstance(value, tuple):
        return [plain(item) for item in cast("tuple[Any, ...]", value)]
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


def same(one: Any, other: Any) -> bool:
    """Whether two plain values are the same, numbers within the tolerance."""
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= TOLERANCE
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        left, right = cast("Mapping[str, Any]", one), cast("Mapping[str, Any]", other)
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(one, list) and isinstance(other, list):
        here, there = cast("list[Any]", one), cast("list[Any]", other)
        return len(here) == len(there) and all(same(a, b) for a, b in zip(here, there, strict=True))
    return bool(one == other)


def _told(value: Any) -> object:
    simple = plain(value)
    return simple if isinstance(simple, str) else json.dumps(simple, ensure_ascii=False)
