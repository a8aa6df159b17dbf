"""From a manifest's cells to states: what was recorded, as indices; what was not, as -1."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import RecipeError
from pellucid.models.card import Labels, Threshold

NOT_RECORDED = -1
Row = Mapping[str, str]


def read_manifest(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV manifest, cells stripped; RecipeError where it is missing, empty or ragged."""
    if path.is_dir():
        raise RecipeError(f"{path}: expected a manifest.csv, got a folder; give its manifest ({path / 'manifest.csv'})")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [
                {(k or "").strip(): (v or "").strip() for k, v in row.items() if isinstance(v, str | None)}
                for row in csv.DictReader(file)
            ]
    except FileNotFoundError:
        raise RecipeError(f"expected a manifest, got nothing at {path}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise RecipeError(f"{path}: expected a CSV table in UTF-8: {error}") from None
    if not rows:
        raise RecipeError(f"{path}: expected a table with a header and at least one row, got none")
    return rows


def state_index(labels: Labels, states: Sequence[str], row: Row) -> int:
    """Index of the state that a row records, or `NOT_RECORDED`."""
    index = _raw_index(labels, states, row)
    if index == NOT_RECORDED:
        return index
    for rule in labels.unless:
        contradicting = _number(row.get(rule.column, ""))
        if rule.state == states[index] and contradicting is not None and contradicting >= rule.at_least:
            return NOT_RECORDED
    return index


def _raw_index(labels: Labels, states: Sequence[str], row: Row) -> int:
    if labels.any_of is not None:
        return _any_of(labels.any_of, row)
    cell = row.get(labels.column or "", "")
    if labels.counts is not None:
        number = _number(cell)
        return NOT_RECORDED if number is None else sum(number >= limit for limit in labels.counts)
    if labels.contains is not None:
        return NOT_RECORDED if cell in labels.blank else int(labels.contains in cell)
    state = (labels.values or {}).get(cell)
    return NOT_RECORDED if state is None else list(states).index(state)


def _any_of(thresholds: Sequence[Threshold], row: Row) -> int:
    numbers = [(_number(row.get(t.column, "")), t.at_least) for t in thresholds]
    if any(n is not None and n >= limit for n, limit in numbers):
        return 1
    return NOT_RECORDED if any(n is None for n, _ in numbers) else 0


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def label_array(labels: Labels | None, states: Sequence[str], rows: Sequence[Row]) -> NDArray[np.int64]:
    """State indices of all rows (N,), `NOT_RECORDED` where nothing usable is recorded."""
    if labels is None:
        return np.full(len(rows), NOT_RECORDED)
    return np.array([state_index(labels, states, row) for row in rows], dtype=np.int64)


def rating_array(
    labels: Labels, states: Sequence[str], names: Sequence[str], rows: Sequence[Row], image_column: str
) -> NDArray[np.int64]:
    """What each reader said of each image, (N, R) state indices, `NOT_RECORDED` beyond the readers that an image had.

    `rows` are those of the table of ratings, `names` the images in the manifest's order.
    """
    said: dict[str, list[int]] = {name: [] for name in names}
    for row in rows:
        index = state_index(labels, states, row)
        if index != NOT_RECORDED and row.get(image_column, "") in said:
            said[row[image_column]].append(index)
    most = max((len(answers) for answers in said.values()), default=0)
    return np.array([said[name] + [NOT_RECORDED] * (most - len(said[name])) for name in names], dtype=np.int64).reshape(-1, most)


def medians(ratings: NDArray[np.int64]) -> NDArray[np.int64]:
    """The median of each image's ratings (N, R), a half to the later state; `NOT_RECORDED` where nobody rated it."""
    found = np.full(len(ratings), NOT_RECORDED)
    for i, row in enumerate(ratings):
        said = row[row != NOT_RECORDED]
        if len(said):
            found[i] = int(np.floor(np.median(said) + 0.5))
    return found


def shares(ratings: NDArray[np.int64], states: int) -> NDArray[np.float64]:
    """How the ratings (N, R) of each image are distributed, (N, S) summing to one; zeros where nobody rated it."""
    counts = np.stack([(ratings == state).sum(axis=1) for state in range(states)], axis=1).astype(np.float64)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def check_states(labels: Labels | None, states: Sequence[str], where: str) -> None:
    """Raises RecipeError where labels lead to a state that is not among `states`; `where` names the file and the key."""
    if labels is None:
        return
    known = ", ".join(states)
    for cell, state in (labels.values or {}).items():
        if state not in states:
            raise RecipeError(
                f"{where}.values: expected for {cell!r} one of {known}, got {state!r}; mend the value or the classes"
            )
    led = len(labels.counts) + 1 if labels.counts is not None else 2 if labels.values is None else 0
    if led > len(states):
        raise RecipeError(f"{where}: expected at most {len(states)} states ({known}), got labels that lead to {led}")


def unknown_cells(labels: Labels | None, rows: Sequence[Row]) -> tuple[str, ...]:
    """Cells that hold something which the labels' `values` do not name, one for each such row; they count as not recorded."""
    if labels is None or labels.values is None:
        return ()
    cells = (row.get(labels.column or "", "") for row in rows)
    return tuple(cell for cell in cells if cell and cell not in labels.values)


def check_columns(labels: Labels | None, rows: Sequence[Row], where: str) -> None:
    """Raises RecipeError where a column that the labels need is not in the manifest."""
    if labels is None:
        return
    needed = {labels.column} if labels.column else {t.column for t in labels.any_of or ()}
    for column in sorted(needed | {rule.column for rule in labels.unless}):
        if column not in rows[0]:
            raise RecipeError(f"{where}: expected a column {column!r}, got {', '.join(rows[0])}")
