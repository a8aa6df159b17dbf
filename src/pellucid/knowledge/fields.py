"""Reading strict YAML nodes: every take says what was expected, what was got, in which file and line; leftovers are refused."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, NoReturn

from pellucid.errors import GuidelineError
from pellucid.knowledge.strict_yaml import Node

_KINDS: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "number": (int, float),
    "whole number": (int,),
    "true or false": (bool,),
    "mapping": (dict,),
    "list": (list,),
}


class Place:
    """A node together with the file it came from, able to complain with file and line."""

    def __init__(self, node: Node, file: str) -> None:
        self.node, self.file = node, file

    def refuse(self, expected: str, got: object) -> NoReturn:
        """Raise GuidelineError at this line."""
        raise GuidelineError(f"{self.file}:{self.node.line}: expected {expected}, got {got}")

    def unknown(self, kind: str, got: str, known: list[str]) -> NoReturn:
        """Raise GuidelineError for a name that does not exist, offering the nearest."""
        near = get_close_matches(got, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}"
        raise GuidelineError(f"{self.file}:{self.node.line}: unknown {kind} {got!r}: {hint}")

    def _as(self, kind: str) -> Any:
        value = self.node.value
        is_flag = isinstance(value, bool) and kind != "true or false"
        if is_flag or not isinstance(value, _KINDS[kind]) or value == "":
            quoted = " (put it in quotes)" if kind == "text" and isinstance(value, (bool, int, float)) else ""
            self.refuse(kind + quoted, _describe(value))
        return value

    def text(self) -> str:
        """The node as text."""
        return self._as("text")

    def number(self) -> float:
        """The node as a number."""
        return float(self._as("number"))

    def whole(self) -> int:
        """The node as an integer."""
        return self._as("whole number")

    def items(self) -> list["Place"]:
        """The node's list items."""
        return [Place(item, self.file) for item in self._as("list")]

    def texts(self) -> tuple[str, ...]:
        """The node as a list of texts, or one text as a list of one."""
        return (self.text(),) if isinstance(self.node.value, str) else tuple(item.text() for item in self.items())

    def numbers(self) -> tuple[float, ...]:
        """The node as a list of numbers."""
        return tuple(item.number() for item in self.items())

    def pairs(self) -> Iterator[tuple[str, "Place"]]:
        """The node's keys and values."""
        return ((key, Place(node, self.file)) for key, node in self._as("mapping").items())

    def fields(self) -> "Fields":
        """The node as a mapping whose keys must all be taken."""
        return Fields(self, dict(self.pairs()))


class Fields:
    """A mapping read key by key; `done` refuses keys nobody took."""

    def __init__(self, place: Place, pairs: dict[str, Place]) -> None:
        self.place, self._pairs, self._taken = place, pairs, list[str]()

    def take(self, key: str) -> Place:
        """The value under `key`, which must be there."""
        found = self.maybe(key)
        if found is None:
            near = [k for k in self._pairs if k not in self._taken]
            self.place.refuse(f"the key {key!r}", f"only {', '.join(near) or 'an empty mapping'}")
        return found

    def maybe(self, key: str) -> Place | None:
        """The value under `key`, or None."""
        self._taken.append(key)
        return self._pairs.get(key)

    def done(self) -> None:
        """Refuse every key that was not asked for."""
        for key, value in self._pairs.items():
            if key not in self._taken:
                value.unknown("key", key, sorted(set(self._taken)))


def _describe(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else repr(value)
