"""Where in a pack's file something stands: what a proof finds wrong is told with file and line."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import cast

from pellucid.errors import GuidelineError
from pellucid.knowledge.guideline import Guideline
from pellucid.knowledge.strict_yaml import Node, parse


def at(guideline: Guideline, *keys: str) -> str:
    """'FILE:LINE' of what the keys lead to, for example ('questions', 'management', 'categories', '4'); of the last that is found
    where one is not. An item of a list is found by its id or name. The file alone where it cannot be read any more.
    """
    try:
        text = Path(guideline.file).read_bytes()
    except OSError:
        return guideline.file
    line, node = 1, _parsed(text, guideline.file)
    lines = text.decode("utf-8", errors="replace").splitlines()
    for key in keys:
        found = _child(node, key) if node is not None else None
        if found is None:
            break
        node = found
        line = _line_of_key(lines, key, node.line)
    return f"{guideline.file}:{line}"


@lru_cache(maxsize=4)
def _parsed(text: bytes, file: str) -> Node | None:
    try:
        return parse(text, file)
    except GuidelineError:
        return None


def _child(node: Node, key: str) -> Node | None:
    value: object = node.value
    if isinstance(value, dict):
        return cast("dict[str, Node]", value).get(key)
    items = cast("list[Node]", value) if isinstance(value, list) else []
    return next((item for item in items if key in _names(item)), None)


def _names(item: Node) -> list[str]:
    """What an item of a list may be called."""
    value: object = item.value
    fields = cast("dict[str, Node]", value) if isinstance(value, dict) else {}
    return [str(fields[name].value) for name in ("id", "name", "category", "concept") if name in fields]


def _line_of_key(lines: Sequence[str], key: str, below: int) -> int:
    """The line of a key whose value begins on line `below`: that line, or the nearest one above that holds the key."""
    return next((n for n in range(min(below, len(lines)), max(0, below - 8), -1) if key in lines[n - 1]), below)
