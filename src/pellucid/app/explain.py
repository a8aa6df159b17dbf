"""`pellucid explain`: one image, one map, and never without its verdict and its own tests."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.app.command import DONE, ERROR, Command, note, seed, spacing
from pellucid.errors import InputError, PellucidError

if TYPE_CHECKING:
    from pellucid.record.accountability import AccountabilityCard
    from pellucid.trial.picture import Pictured
    from pellucid.trial.subject import OnTrial

CARD_JSON = "card.json"
SHIPPED = "audit.json"


def model_arguments(parser: argparse.ArgumentParser) -> None:
    """--reader or --model, as `explain` and `audit` take them."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--reader", metavar="NAME", help="a reader that ships, or a folder with one (see `pellucid doctor`)")
    which.add_argument("--model", metavar="CARD", help="a model of your own, described by a TOML card")
    parser.add_argument("--allow-code", action="store_true", help="let a card of kind 'module' import and run the code it names")


def model_of(args: argparse.Namespace) -> "OnTrial":
    """The model that the arguments name; InputError where they name none."""
    from pellucid.trial.subject import foreign_on_trial, reader_on_trial

    if args.reader is None and args.model is None:
        raise InputError("expected a model, got none; give --reader NAME or --model CARD")
    if args.reader is not None:
        return reader_on_trial(args.reader)
    return foreign_on_trial(Path(args.model), allow_code=args.allow_code)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", nargs="?", metavar="IMAGE", help="a PNG, JPEG, TIFF, DICOM or NIfTI file with one image")
    model_arguments(parser)
    parser.add_argument("--method", required=True, metavar="NAME", help="a method; `list` shows them, `all` tries every one")
    parser.add_argument(
        "--target",
        metavar="T",
        help="what is explained: a class, a finding (margin: its likeliest state; or margin=circumscribed), or shadow",
    )
    parser.add_argument(
        "--audit", metavar="DIR", help="an audit of this model (folder or card.json): its verdict stands beside the map"
    )
    parser.add_argument("--layer", metavar="L", help="layer of methods on a grid (default: the deepest that keeps places)")
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="seed of methods that draw (default: 0)")
    parser.add_argument("--spacing-mm", type=spacing, metavar="S", help="millimetres per pixel where the file does not say")
    parser.add_argument(
        "-o", "--out", metavar="map.png", help="the picture, its JSON beside it; with `all` a folder (default: map.png, or maps/)"
    )
    parser.add_argument("--json", action="store_true", help="print what stands beside the map as one line of JSON on stdout")


def _run(args: argparse.Namespace) -> int:
    if args.method == "list":
        return _list()
    if args.image is None:
        raise InputError("expected an image, got none; give its file, or --method list for the methods")
    from pellucid.explain import METHODS
    from pellucid.images import open_study
    from pellucid.reader import one_image
    from pellucid.trial.picture import How, explain_image

    trial = model_of(args)
    if args.target is None:
        raise InputError(f"expected --target, got none; one of {', '.join([*trial.groups(), *(o.name for o in trial.outputs)])}")
    image = one_image(open_study(args.image, spacing_mm=args.spacing_mm))
    how = How(layer=args.layer, seed=args.seed, card=audit_of(args))
    if args.method != "all":
        pictured = explain_image(trial, image, args.method, args.target, how)
        return _give(pictured, Path(args.out or "map.png"), args.json)
    made = 0
    for method in METHODS:
        try:
            pictured = explain_image(trial, image, method, args.target, how)
        except PellucidError as error:
            note(f"{method}: not shown: {error}")
            continue
        _give(pictured, Path(args.out or "maps") / f"{method.replace('+', 'p')}.png", args.json)
        made += 1
    return DONE if made else ERROR


def _list() -> int:
    from pellucid.explain import METHODS

    width = max(map(len, METHODS))
    for name, method in METHODS.items():
        sign = "signed" if method.signed else "one-sided"
        print(f"{name:<{width}}  {sign:<10}needs {method.needs:<17}{method.gives} ({method.reference})")
    return DONE


def audit_of(args: argparse.Namespace) -> "AccountabilityCard | None":
    """The audit that is given, or the one that ships beside the reader, or None."""
    if args.audit is not None:
        given = Path(args.audit)
        return load_card(given / CARD_JSON if given.is_dir() else given)
    if args.reader is not None:
        from pellucid.reader import reader_folder

        shipped = reader_folder(args.reader) / SHIPPED
        return load_card(shipped) if shipped.is_file() else None
    return None


def load_card(path: Path) -> "AccountabilityCard":
    """An accountability card from its JSON; InputError where it is none or was changed after it was written."""
    from pydantic import ValidationError

    from pellucid.record.accountability import AccountabilityCard

    if not path.is_file():
        raise InputError(f"{path}: expected an accountability card in JSON, got nothing; `pellucid audit` writes one")
    try:
        return AccountabilityCard.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise InputError(
            f"{path}: expected an accountability card: {place}: {first['msg'].removeprefix('Value error, ')}"
        ) from None


def _give(pictured: "Pictured", path: Path, as_json: bool) -> int:
    from pellucid.trial.picture import save_picture

    words = pictured.words
    png, beside = save_picture(pictured, path)
    if as_json:
        print(words.model_dump_json())
        return DONE
    print(f"{words.method} for {words.target} (probability {100 * words.probability:.0f} %): {png}, {beside}")
    print(f"  verdict: {words.verdict} ({words.verdict_from})")
    for test in words.tests:
        said = {True: "passed", False: "FAILED", None: "not asked"}[test.passed]
        print(f"  {said}: {test.said}")
    return DONE


EXPLAIN = Command(
    summary="draw where a model's evidence lies, with its test result",
    text="Draws the map of one method over one image and says what it is worth: the verdict of an audit of the same weights, "
    "and three tests of this very map (removal against random maps, 10 % noise, random weights). A map that fails carries that "
    "across the picture. The JSON beside it holds everything needed to make the map again. "
    "A category of a reader is computed by rules from findings, so a reader's maps are of its findings.",
    examples=(
        "pellucid explain breast.png --reader breast-ultrasound --method concept-evidence --target margin",
        "pellucid explain breast.png --reader breast-ultrasound --method grad-cam --target margin=circumscribed -o map.png",
        "pellucid explain eye.jpg --model resnet.toml --method integrated-gradients --target referable --audit audit-resnet",
        "pellucid explain --method list",
    ),
    add_arguments=_arguments,
    run=_run,
)
