"""`pellucid train` and `pellucid evaluate`: a recipe to a reader, a reader to its figures."""

import argparse
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pellucid.app.command import DONE, Command
from pellucid.train.files import write_whole


def _train_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", metavar="RECIPE.toml", help="the recipe: data, encoder, concepts, losses, seeds")
    parser.add_argument(
        "-o", "--out", metavar="DIR", help="folder of the reader that is made (default: trained/ and the recipe's name)"
    )


def _train(args: argparse.Namespace) -> int:
    from pellucid.reader import assemble
    from pellucid.train.run import train

    recipe = Path(args.recipe)
    out = Path(args.out) if args.out else Path("trained") / recipe.stem
    with _progress():
        measured = train(recipe, out, assemble)
    for name, figures in measured.items():
        print(f"{name.replace('_', ' ')}\n{figures_as_text(figures)}\n")
    print(f"trained: {out}; read with it by --reader {out}")
    return DONE


@contextmanager
def _progress() -> Iterator[None]:
    """Show what the training says of its progress, on stderr."""
    log = logging.getLogger("pellucid")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", "%H:%M:%S"))
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)


TRAIN = Command(
    summary="train a reader from a recipe",
    text="Trains a reader from a recipe and writes it as a folder: card, weights, calibration, figures with intervals. "
    "A training that was interrupted goes on from its last checkpoint when the same command is given again.",
    examples=("pellucid train recipes/fundus.toml", "pellucid train my-recipe.toml -o my-reader"),
    add_arguments=_train_arguments,
    run=_train,
)


def _evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reader", required=True, metavar="NAME", help="a reader that ships, or a folder with one")
    parser.add_argument(
        "--data", required=True, metavar="manifest.csv", help="images and labels, in the columns of the reader's card"
    )
    parser.add_argument("--json", metavar="FILE", help="write every figure to this file")


def _evaluate(args: argparse.Namespace) -> int:
    from pellucid.reader import load_reader
    from pellucid.train.evaluate import evaluate

    figures = evaluate(load_reader(args.reader), Path(args.data))
    print(figures_as_text(figures))
    if args.json:
        print(write_whole(Path(args.json), json.dumps(figures, indent=1, allow_nan=False) + "\n"))
    return DONE


def figures_as_text(figures: Mapping[str, Any]) -> str:
    """Figures of an evaluation as indented lines; every measured number with its 95 % interval, or why there is none."""
    head = f"{figures['reader']} on {figures['n_images']} images of {figures['n_patients']} patients"
    rest = {name: value for name, value in figures.items() if name not in ("reader", "n_images", "n_patients", "weights_sha256")}
    return "\n".join([head, *_lines(rest, 1)])


def _lines(figures: Mapping[str, Any], depth: int) -> Iterator[str]:
    for name, value in figures.items():
        if isinstance(value, Mapping) and "value" not in value:
            yield f"{'  ' * depth}{name}"
            yield from _lines(value, depth + 1)
        else:
            yield f"{'  ' * depth}{name:<{28 - 2 * depth}}{_figure(value)}"


def _figure(value: Any) -> str:
    match value:
        case {"value": float() | int() as middle, "low": float() | int() as low, "high": float() | int() as high}:
            return f"{middle:.3f}  ({low:.3f} to {high:.3f})"
        case {"value": float() | int() as middle}:
            return f"{middle:.3f}  ({value.get('reason') or 'no interval'})"
        case {"value": None}:
            return f"not measured: {value.get('reason') or 'does not apply'}"
        case float():
            return f"{value:.3f}"
        case None:
            return "not measured"
        case _:
            return str(value)


EVALUATE = Command(
    summary="measure a reader on labelled images",
    text="Reads every image of a manifest and prints each figure with its 95 % bootstrap interval over patients or cases. "
    "The manifest has the columns that the reader's card maps to concepts and outcomes: those of the set "
    "that it was trained on.",
    examples=(
        "pellucid evaluate --reader breast-ultrasound --data breast-us/manifest.csv",
        "pellucid evaluate --reader my-reader --data test/manifest.csv --json figures.json",
    ),
    add_arguments=_evaluate_arguments,
    run=_evaluate,
)
