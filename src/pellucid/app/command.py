"""What a command is, how its arguments are typed, and its exit codes."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

DONE, ERROR, USAGE, ABSTAINED = 0, 1, 2, 3
LONGEST_LINE = 600


@dataclass(frozen=True)
class Command:
    """One command: its summary, what it does in full, examples that can be typed, its arguments and its function."""

    summary: str
    text: str
    examples: tuple[str, ...]
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


class Parser(argparse.ArgumentParser):
    """A parser whose usage errors are one line, and which takes no abbreviations."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **settings})

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: error: {' '.join(message.split())} (see {self.prog} --help)\n")


def box(text: str) -> tuple[int, int, int, int]:
    """A region of interest `x,y,w,h` in pixels of the original image."""
    try:
        x, y, w, h = (int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected four whole numbers x,y,w,h in pixels, got {text!r}") from None
    if x < 0 or y < 0 or w < 1 or h < 1:
        raise argparse.ArgumentTypeError(f"expected x and y from 0 and w and h from 1, got {text!r}")
    return x, y, w, h


def spacing(text: str) -> float | tuple[float, float]:
    """A pixel spacing in mm: one number, or `row,column`."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) not in (1, 2) or not all(0 < value < 1000 for value in values):
        raise argparse.ArgumentTypeError(f"expected millimetres per pixel, one positive number or row,column, got {text!r}")
    return values[0] if len(values) == 1 else (values[0], values[1])


def seed(text: str) -> int:
    """A seed: a whole number from 0."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"expected a whole number from 0, got {text!r}")
    return int(text)


def setting(text: str) -> tuple[str, str]:
    """`CONCEPT=STATE` as a pair."""
    concept, sign, state = text.partition("=")
    if not sign or not concept.strip() or not state.strip():
        raise argparse.ArgumentTypeError(f"expected CONCEPT=STATE, got {text!r}")
    return concept.strip(), state.strip()


def one_line(text: object) -> str:
    """Text on one line of bearable length, as errors are shown."""
    line = " ".join(str(text).split())
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 1]}…"


def note(text: str) -> None:
    """Say something beside the result, on stderr."""
    print(f"pellucid: {one_line(text)}", file=sys.stderr)
