"""YAML reduced to what a guideline needs: mappings, lists, text, numbers, each with its line.

Read from the parser's events, so that tags, anchors, aliases, duplicate keys, deep nesting and huge files are refused before
anything is built. Nothing is constructed but dicts, lists, str, int, float, bool and None. Words such as yes and no stay words.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import yaml

from pellucid.errors import GuidelineError

MAX_BYTES = 512 * 1024
MAX_DEPTH = 32
MAX_NODES = 20_000

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,11})")
_DECIMAL = re.compile(r"-?[0-9]{1,12}\.[0-9]{1,15}")
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Node:
    """A value and the line it stands on (counted from 1)."""

    value: Any
    """dict[str, Node] | list[Node] | str | int | float | bool | None"""
    line: int


def parse(data: bytes, file: str) -> Node:
    """The one document in `data`; GuidelineError names file and line of what is refused."""
    if len(data) > MAX_BYTES:
        raise GuidelineError(f"{file}: expected at most {MAX_BYTES} bytes, got {len(data)}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise GuidelineError(f"{file}: expected UTF-8 text, got byte {data[error.start]:#04x} at offset {error.start}") from None
    read = cast(Any, yaml).parse  # PyYAML is untyped
    try:
        return _Builder(read(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)), file).document()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise GuidelineError(f"{file}:{line}: not readable as YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise GuidelineError(f"{file}: not readable as YAML: {str(error).splitlines()[0]}") from None


class _Builder:
    """Turns parser events into nodes, counting nodes and depth."""

    def __init__(self, events: Iterator[Any], file: str) -> None:
        self._events, self._file, self._count = events, file, 0

    def document(self) -> Node:
        node: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if node is not None:
                    self._refuse(event, "one document", "a second one")
                if event.tags or event.version:
                    self._refuse(event, "plain YAML", "a directive")
                node = self._node(next(self._events), 1)
        if node is None:
            raise GuidelineError(f"{self._file}: expected a guideline, got an empty file")
        return node

    def _node(self, event: Any, depth: int) -> Node:
        self._count += 1
        line = event.start_mark.line + 1
        if self._count > MAX_NODES or depth > MAX_DEPTH:
            self._refuse(event, f"at most {MAX_NODES} values nested at most {MAX_DEPTH} deep", "more")
        if event.anchor is not None:  # an alias has nothing else
            self._refuse(event, "plain values", "an anchor or alias")
        if event.tag is not None:
            self._refuse(event, "plain values", f"the tag {event.tag!r}")
        if isinstance(event, yaml.ScalarEvent):
            return Node(_scalar(event.value) if event.implicit[0] else event.value, line)
        if isinstance(event, yaml.SequenceStartEvent):
            return Node(list(self._items(depth)), line)
        return Node(self._mapping(depth), line)

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _mapping(self, depth: int) -> dict[str, Node]:
        found: dict[str, Node] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent) or event.tag is not None or event.anchor is not None:
                self._refuse(event, "a plain word as key", "something else")
            if event.value in found or event.value == "<<":
                self._refuse(event, "each key once and no merge keys", repr(event.value))
            found[event.value] = self._node(next(self._events), depth + 1)
        return found

    def _refuse(self, event: Any, expected: str, got: str) -> None:
        raise GuidelineError(f"{self._file}:{event.start_mark.line + 1}: expected {expected}, got {got}")


def _scalar(text: str) -> str | int | float | bool | None:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return text
