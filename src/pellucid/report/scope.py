"""Which words of a sentence a denial or a word of doubt reaches: clauses, then what stands before and after in each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pellucid.report.spotting import Unit

ENDS = frozenset((";", ".", ":", "!", "?"))
ASSESSING = ("assessment", "evaluation", "judgment", "determination", "measured")
"""Nouns of which `is not possible` says that something could not be judged."""
STARTS_LIKE = ("as", "so", "like", "nor", "neither")
"""A clause that begins so repeats what the clause before it said."""


@dataclass(frozen=True)
class Clause:
    """Some units, and for each of them whether it is denied and how sure it is said to be."""

    units: tuple[Unit, ...]
    denied: tuple[bool, ...]
    level: tuple[str, ...]
    twice: tuple[int, ...]
    """Units that are denied twice, or by words that are not clear."""
    unjudged: bool
    unsettled: bool


def clauses(found: Sequence[Unit], heavy: Callable[[Unit], bool] | None = None) -> list[Clause]:
    """The clauses of a sentence; `heavy` says which units a denial can reach (default: those that claim something)."""
    parts: list[list[Unit]] = [[]]
    for index, unit in enumerate(found):
        if _cuts(found, index, parts[-1]):
            parts.append([])
            if not unit.has("negate"):
                continue
        parts[-1].append(unit)
    return [_scoped(part, heavy or _claiming) for part in parts if part]


def _cuts(found: Sequence[Unit], index: int, current: Sequence[Unit]) -> bool:
    unit, ahead = found[index], found[index + 1 :]
    if unit.text in ENDS:
        return True
    if unit.has("break"):
        return not (ahead and next((u for u in ahead if not u.mark), unit).has("verb"))
    begins = next((u for u in ahead if not u.mark and u.text not in ("and", "or")), None)
    if unit.text not in (",", "and", "or") or begins is None or begins.text in STARTS_LIKE:
        return False
    whole = _any(current, "verb") or (_any(current, "negate") and begins.text in ("the", "it", "there", "its"))
    return whole and _goes_on(ahead, begins)


def _goes_on(ahead: Sequence[Unit], begins: Unit) -> bool:
    """Whether what stands behind a comma or `and` has a verb of its own."""
    for at, later in enumerate(ahead):
        if later.text in (",", "and", "or", *ENDS) or later.has("break"):
            if later.text in ("and", "or") and later is not begins and not _any(ahead[:at], "verb"):
                continue
            return False
        if later.has("verb") and not later.has("assess"):
            return True
    return False


def _any(units: Sequence[Unit], *kinds: str) -> bool:
    return any(unit.has(*kinds) for unit in units)


def _claiming(unit: Unit) -> bool:
    return unit.has("state", "concept", "category", "diagnosis", "subject", "action")


def _measuring(unit: Unit) -> bool:
    return bool(unit.number) and unit.unit != "%"


def _scoped(units: list[Unit], heavy: Callable[[Unit], bool]) -> Clause:
    n = len(units)
    denied, level, twice = [False] * n, [""] * n, list[int]()
    unjudged = _any(units, "unjudged")
    for index, unit in enumerate(units):
        if unit.text == "nor" and any(u.has("negate") for u in units[:index]):
            continue  # the denial before it reaches over it
        if unit.has("negate") and not unit.has("state", "category", "concept"):
            role = _role(units, index, heavy)
            unjudged = unjudged or role == "unjudged"
            reach = _ahead(units, index, heavy) if role == "ahead" else _behind(units, index, heavy) if role == "behind" else ()
            _deny(reach, denied, twice)
            twice += [k for k in range(index + 1, min(index + 3, n)) if role == "ahead" and not reach and units[k].has("negate")]
        elif unit.has("deny") and not unit.has("state", "category"):
            _deny(_behind(units, index, heavy), denied, twice)
    for index, unit in enumerate(units):
        for sense in unit.of("level", "unlikely"):
            if unit.has("state", "category"):
                continue
            name = sense.said or "probable"
            reach = [k for k in _level_reach(units, index) if not level[k]]
            for k in reach:
                level[k] = name
            if sense.kind == "unlikely":
                _deny(reach, denied, twice)
    return Clause(tuple(units), tuple(denied), tuple(level), tuple(twice), unjudged, _any(units, "unsettled"))


def _deny(reach: Sequence[int], denied: list[bool], twice: list[int]) -> None:
    for index in reach:
        if denied[index]:
            twice.append(index)
        denied[index] = True


def _role(units: Sequence[Unit], index: int, heavy: Callable[[Unit], bool]) -> str:
    """Whether a denial makes the clause unjudged, denies what stands before it, or what stands behind it."""
    for unit in units[index + 1 : index + 6]:
        if unit.has("affirm", "advise") and not unit.has("state"):
            return "behind"
        if unit.has("assess"):
            return "ahead" if _leads_on(units, unit) else "unjudged"
        if heavy(unit) or unit.number:
            return "ahead"
    if units[index].text == "cannot" and any(u.text in ASSESSING for u in units[:index]):
        return "unjudged"
    later = [u for u in units[index + 1 :] if heavy(u) or u.has("level")]
    return "ahead" if later else "behind"


def _leads_on(units: Sequence[Unit], unit: Unit) -> bool:
    """Whether a verb such as `assessed` goes on to what was found: `not assessed as category 3`."""
    after = units[[*map(id, units)].index(id(unit)) + 1 :]
    return bool(after) and after[0].text in ("as", "to")


def _ahead(units: Sequence[Unit], index: int, heavy: Callable[[Unit], bool]) -> list[int]:
    found: list[int] = []
    for k in range(index + 1, len(units)):
        if units[k].has("with", "negate") and units[k].text != "nor" and not units[k].has("state", "category", "concept"):
            break
        if heavy(units[k]) or _measuring(units[k]):
            found.append(k)
    return found


def _behind(units: Sequence[Unit], index: int, heavy: Callable[[Unit], bool]) -> list[int]:
    found = [k for k in range(index) if heavy(units[k]) or _measuring(units[k])]
    return found or [k for k in range(index + 1, len(units)) if heavy(units[k])]


def _level_reach(units: Sequence[Unit], index: int) -> list[int]:
    found: list[int] = []
    for k in range(index + 1, len(units)):
        if units[k].has("with") or units[k].has("level", "unlikely"):
            break
        if _claiming(units[k]):
            found.append(k)
    if any(units[k].has("state", "concept", "category", "diagnosis") for k in found):
        return found
    start = max((k for k in range(index) if units[k].has("level", "unlikely")), default=-1)
    return [k for k in range(start + 1, index) if _claiming(units[k])]
