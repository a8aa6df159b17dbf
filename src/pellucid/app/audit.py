"""`pellucid audit`: a model on a manifest, and the accountability card that comes of it."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.app.command import DONE, Command, note, seed
from pellucid.app.explain import CARD_JSON, model_arguments, model_of
from pellucid.errors import InputError
from pellucid.train.files import write_whole

if TYPE_CHECKING:
    from pellucid.reader import Reader
    from pellucid.trial.subject import OnTrial

FOLDS_AGAIN = 2
"""Readers of folds that stand for the model trained again, unless others are named."""


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 10_000:
        raise argparse.ArgumentTypeError(f"expected a positive number, got {text!r}")
    return value


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text!r}")
    return int(text)


def _arguments(parser: argparse.ArgumentParser) -> None:
    model_arguments(parser)
    parser.add_argument(
        "--data", required=True, metavar="manifest.csv", help="images, labels and, where there are, masks and sites"
    )
    parser.add_argument("-o", "--out", metavar="DIR", help="folder of the card (default: audit- and the model's name)")
    parser.add_argument(
        "--method", action="append", default=[], metavar="NAME", help="a method to try, again for more; `all` for every one"
    )
    parser.add_argument(
        "--target", action="append", default=[], metavar="T",
        help="what is explained, again for more (default: the class answered; of a reader, its findings in turn)",
    )  # fmt: skip
    parser.add_argument("--measure", action="append", default=[], metavar="NAME", help="a measure, again for more (default: all)")
    parser.add_argument("--cases", type=_count, default=200, metavar="N", help="images at most (default: 200)")
    parser.add_argument("--minutes", type=_positive, default=15.0, metavar="M", help="time to plan for (default: 15)")
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="seed of every draw (default: 0)")
    parser.add_argument("--declare", metavar="FILE.toml", help="facts that a person declares for the forms: by, on, [facts]")
    parser.add_argument(
        "--held-out", nargs=2, metavar=("RECIPE", "OUT"),
        help="of a reader: its recipe and the folder of `pellucid train`; every image is then read by the net of a fold that did "
        "not learn from it, so that accuracy and concepts are judged on unseen images (maps stay those of the reader)",
    )  # fmt: skip
    parser.add_argument(
        "--again", action="append", default=[], metavar="MODEL",
        help="the same model trained again with another seed (a card, or a reader's folder): do its maps repeat? again for more",
    )  # fmt: skip
    parser.add_argument("--shuffled", metavar="MODEL", help="the same model trained on shuffled labels: do its maps change?")
    parser.add_argument("--no-examples", action="store_true", help="leave images out of the page, so that it may leave the house")


def _run(args: argparse.Namespace) -> int:
    from pellucid.report.card import card_html
    from pellucid.report.chai import chai_xml
    from pellucid.trial.run import Request, audit

    trial = model_of(args)
    by_fold = _by_fold(args, trial)
    trial = _with_partners(args, trial, by_fold)
    out = Path(args.out or f"audit-{_as_folder(trial.ref.name)}")
    request = Request(
        data=Path(args.data),
        out=out,
        methods=tuple(args.method),
        targets=tuple(args.target),
        measures=tuple(args.measure),
        cases=args.cases,
        minutes=args.minutes,
        seed=args.seed,
        declared=Path(args.declare) if args.declare else None,
        examples=not args.no_examples,
    )
    made = audit(trial, request, by_fold=by_fold, say=note)
    card = made.card
    write_whole(out / CARD_JSON, card.model_dump_json(indent=1) + "\n")
    write_whole(out / "card.html", card_html(card, made.tiles))
    write_whole(out / "card.xml", chai_xml(card))
    print(f"{card.summary.headline}\n")
    for title, rows in (
        ("May be relied on", card.summary.rely),
        ("Must not be relied on", card.summary.rely_not),
        ("To be done before use", card.summary.before_use),
    ):
        print(title)
        print("\n".join(f"  - {row}" for row in rows) or "  - nothing")
    print(f"\nwritten: {out / 'card.html'}, {CARD_JSON}, card.xml ({card.id[:12]}…)")
    return DONE


def _by_fold(args: argparse.Namespace, trial: "OnTrial") -> "dict[int, Reader]":
    if args.held_out is None:
        return {}
    from pellucid.trial.held_out import fold_readers

    if trial.reader is None:
        raise InputError("--held-out: expected a reader, got another model; give --reader, or leave --held-out away")
    recipe, out = args.held_out
    return fold_readers(recipe, out, of=trial.ref.name, data=Path(args.data))


def _with_partners(args: argparse.Namespace, trial: "OnTrial", by_fold: "dict[int, Reader]") -> "OnTrial":
    """The model with those that were trained again; without any named, two readers of the folds, where there are any."""
    from pellucid.trial.subject import foreign_on_trial, reader_on_trial, trial_of, with_partners

    def opened(name: str) -> "OnTrial":
        return reader_on_trial(name) if trial.reader is not None else foreign_on_trial(Path(name), allow_code=args.allow_code)

    again = [opened(name) for name in args.again] or [trial_of(by_fold[fold]) for fold in sorted(by_fold)[:FOLDS_AGAIN]]
    return with_partners(trial, again, opened(args.shuffled) if args.shuffled else None)


def _as_folder(name: str) -> str:
    """A model's name as the name of one folder: letters, digits, dots, dashes; everything else a dash."""
    return re.sub(r"[^A-Za-z0-9._-]+|\.\.+", "-", name).strip("-.") or "model"


AUDIT = Command(
    summary="put a model and its explanations on trial: the accountability card",
    text="Tries the explanations of a reader or of your own model on labelled images, beside controls that cannot explain, and "
    "writes an accountability card: card.html to read, card.json to keep, card.xml in the shape of the CHAI model card. "
    "Every figure says how many cases it rests on. The same command goes on where an earlier run was stopped.",
    examples=(
        "pellucid audit --reader breast-ultrasound --data breast-us/manifest.csv",
        "pellucid audit --model resnet.toml --data manifest.csv --method grad-cam --method lime -o audit-resnet",
        "pellucid audit --reader fundus --data manifest.csv --cases 100 --minutes 10 --no-examples",
    ),
    add_arguments=_arguments,
    run=_run,
)
