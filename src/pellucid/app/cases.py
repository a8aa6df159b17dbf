"""`pellucid cases`: confirmed cases kept, found again, listed, taken out, checked."""

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.app.command import DONE, ERROR, Command, note
from pellucid.app.files import load_reading
from pellucid.errors import InputError, LibraryError

if TYPE_CHECKING:
    from pellucid.cases import Embedding
    from pellucid.record import Reading

DEFAULT = "pellucid-cases.db"
VARIABLE = "PELLUCID_CASES"


def library_of(args: argparse.Namespace) -> str:
    """Where the library is: what was given, what the environment says, or a file in this folder."""
    return args.library or os.environ.get(VARIABLE) or DEFAULT


def _library(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--library", metavar="FILE|URL",
        help=f"a SQLite file or postgresql://user@host/name (default: ${VARIABLE}, else {DEFAULT} in this folder)",
    )  # fmt: skip


def _arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add = actions.add_parser("add", help="keep a reading with what it turned out to be", allow_abbrev=False)
    add.add_argument("reading", metavar="READING.json", help="a reading, as `pellucid read --json` gives it")
    add.add_argument("--outcome", required=True, help="what it turned out to be: a category of a question, where it is one")
    add.add_argument("--verified-by", required=True, metavar="HOW", help="histology, cytology, surgery, follow-up, …")
    add.add_argument("--patient", required=True, metavar="PSEUDONYM", help="whose image it is; never a name")
    add.add_argument("--question", metavar="NAME", help="the question it answers (default: the one it is a category of)")
    add.add_argument("--by", metavar="WHO", help="who confirmed it")
    add.add_argument("--on", metavar="DAY", help="when it was confirmed, YYYY-MM-DD")
    add.add_argument("--image", metavar="FILE", help="with --reader: the image, so that the case is found by its features too")
    add.add_argument("--reader", metavar="NAME", help="with --image: the reader that made the reading")
    add.add_argument("--replace", action="store_true", help="put this in the place of what is kept of the reading")
    load = actions.add_parser("import", help="read and keep the images of a labelled manifest", allow_abbrev=False)
    load.add_argument("manifest", metavar="manifest.csv", help="in the columns of the reader's card")
    load.add_argument("--reader", required=True, metavar="NAME", help="the reader that reads the images")
    load.add_argument("--question", metavar="NAME", help="the outcome to keep (default: the reader's first question)")
    load.add_argument("--verified-by", required=True, metavar="HOW", help="how the outcomes were verified, as for `add`")
    find = actions.add_parser("find", help="the nearest cases of other patients", allow_abbrev=False)
    find.add_argument("case", metavar="READING.json|IMAGE", help="a reading, or an image with --reader")
    find.add_argument("--reader", metavar="NAME", help="needed for an image")
    find.add_argument(
        "--space",
        choices=("concepts", "image", "both"),
        default="both",
        help="alike in findings, image, or both (default)",
    )
    find.add_argument("-k", type=int, default=3, metavar="N", help="how many (default: 3)")
    find.add_argument("--patient", metavar="PSEUDONYM", help="whose image it is: cases of the same patient are left out")
    find.add_argument("--json", action="store_true", help="print them as JSON")
    shown = actions.add_parser("list", help="all cases, one a line", allow_abbrev=False)
    shown.add_argument("--json", action="store_true", help="print them as JSON")
    remove = actions.add_parser("remove", help="take a case out", allow_abbrev=False)
    remove.add_argument("number", type=int, metavar="NUMBER", help="as `cases list` shows it")
    check = actions.add_parser("check", help="whether the library is whole", allow_abbrev=False)
    for action in (add, load, find, shown, remove, check):
        _library(action)


def _add(args: argparse.Namespace) -> int:
    from pellucid.cases import Confirmed, open_library

    reading = load_reading(args.reading)
    embedding = _embedding(args, reading)
    confirmed = Confirmed(args.outcome, args.verified_by, args.patient, args.question, args.by, args.on)
    library = open_library(library_of(args), create=True)
    if not library.add(reading, confirmed, embedding, replace=args.replace):
        raise LibraryError(f"{library.name}: the reading {reading.id[:12]}… is there already; --replace puts this in its place")
    features = "" if embedding else " (found by its findings alone: --image and --reader add its features)"
    print(f"kept {reading.id[:12]}… as {args.outcome} in {library.name}{features}")
    return DONE


def _embedding(args: argparse.Namespace, reading: "Reading") -> "Embedding | None":
    if args.image is None and args.reader is None:
        return None
    if args.image is None or args.reader is None:
        raise InputError("cases add: expected --image and --reader together, got one of the two")
    from pellucid.images.study import open_study
    from pellucid.reader import load_reader

    reader = load_reader(args.reader)
    images = open_study(args.image).images
    image = next((i for i in images if i.pixels_sha256 == reading.study.pixels_sha256), None)
    if image is None or reader.ref != reading.reader:
        wrong = "image" if image is None else "reader"
        raise InputError(f"cases add: expected the {wrong} of the reading {reading.id[:12]}…, got another")
    return reader.embed(reader.see(image))


def _import(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from pellucid.cases import Confirmed, open_library
    from pellucid.reader import load_reader
    from pellucid.train.data import load_cases, open_case
    from pellucid.train.evaluate import categories_of

    reader = load_reader(args.reader)
    categories = categories_of(reader)
    question = args.question or reader.card.questions[0].name
    if question not in categories:
        raise InputError(f"cases import: expected a question of {', '.join(categories)}, got {question!r}")
    cases = load_cases(reader.card, Path(args.manifest), categories)
    library = open_library(library_of(args), create=True)
    there = library.images(reader.space)
    kept = before = unlabelled = learned = 0
    for i in tqdm(range(len(cases)), desc="cases", disable=None):
        if cases.outcomes[question][i] < 0:
            unlabelled += 1
            continue
        image = open_case(cases, reader.card.data, i)
        learned += image.pixels_sha256 in (reader.training_images or ())
        if image.pixels_sha256 in there:
            before += 1
            continue
        sight = reader.see(image)
        outcome = categories[question][cases.outcomes[question][i]]
        confirmed = Confirmed(outcome, args.verified_by, str(cases.patients[i]), question)
        kept += library.add(reader.conclude(image, sight), confirmed, reader.embed(sight))
    print(f"{library.name}: {kept} cases kept, {before} were there, {unlabelled} without an outcome for {question}")
    if learned:
        note(f"{learned} of the images are ones that the reader learned from: what it saw in them is better than in new ones")
    return DONE


def _find(args: argparse.Namespace) -> int:
    from pellucid.cases import Query, find, open_library
    from pellucid.report import words

    library = open_library(library_of(args))
    if args.case.endswith(".json"):
        if args.space == "image":
            raise InputError("cases find: expected an image and --reader for --space image; a reading holds no features")
        query = Query(load_reading(args.case), None, args.patient)
    else:
        query = _query(args)
    similar = find(library, query, space=args.space, k=args.k)
    if args.json:
        print(json.dumps([case.model_dump(mode="json") for case in similar], indent=1))
    else:
        print("\n".join(words.plain(f"- {words.similar(case)}") for case in similar) or "no case of another patient")
    if args.patient is None:
        note("no --patient was given: of the query's own patient only the same image is left out")
    return DONE


def _query(args: argparse.Namespace) -> Any:
    from pellucid.cases import Query
    from pellucid.images.study import open_study
    from pellucid.reader import load_reader, one_image

    if args.reader is None:
        raise InputError("cases find: expected --reader with an image, got none")
    reader, image = load_reader(args.reader), one_image(open_study(args.case))
    sight = reader.see(image)
    return Query(reader.conclude(image, sight), reader.embed(sight), args.patient)


def _list(args: argparse.Namespace) -> int:
    from pellucid.cases import open_library
    from pellucid.report import words

    for case in open_library(library_of(args)).cases():
        c = case.confirmed
        if args.json:
            told = {"id": case.id, "reading": case.reading, "reader": case.reader, "patient": c.patient, "question": c.question}
            print(json.dumps({**told, "outcome": c.outcome, "verified": c.verified, "by": c.by, "on": c.on}))
        else:
            said = next((v for q, v in case.answers.items() if q == c.question), None) or "no answer"
            print(
                words.plain(f"{case.id:>5}  {c.outcome}  by {c.verified}  read as {said} by {case.reader}  {case.reading[:12]}…")
            )
    return DONE


def _remove(args: argparse.Namespace) -> int:
    from pellucid.cases import open_library

    library = open_library(library_of(args))
    if not library.remove(args.number):
        raise LibraryError(f"{library.name}: expected the number of a case, got {args.number}; `pellucid cases list` shows them")
    print(f"case {args.number} was taken out of {library.name}")
    return DONE


def _check(args: argparse.Namespace) -> int:
    from pellucid.cases import open_library

    library = open_library(library_of(args))
    wrong = library.check()
    for line in wrong:
        note(f"error: {library.name}: {line}")
    if not wrong:
        print(f"{library.name}: whole, {len(library.rows())} cases")
    return ERROR if wrong else DONE


ACTIONS = {"add": _add, "import": _import, "find": _find, "list": _list, "remove": _remove, "check": _check}

CASES = Command(
    summary="confirmed cases: keep them, find those that are alike",
    text="A library of cases whose outcome is known, in a SQLite file or on a PostgreSQL server. What is kept of a case: the "
    "findings, the answers, the outcome, how it was confirmed, a pseudonym, and where the image lies in the reader's features; "
    "no pixels. Finding gives only cases of other patients, says in concepts how each is alike and how it differs, and always "
    "gives the nearest case with another outcome. An import that was stopped goes on when it is given again.",
    examples=(
        "pellucid cases add case.reading.json --outcome malignant --verified-by histology --patient P17",
        "pellucid cases import breast-us/manifest.csv --reader breast-ultrasound --verified-by histology",
        "pellucid cases find breast.png --reader breast-ultrasound --space both -k 3",
        "pellucid cases find case.reading.json --patient P17",
        "pellucid cases list --library postgresql://reader@host/cases",
        "pellucid cases check",
    ),
    add_arguments=_arguments,
    run=lambda args: ACTIONS[args.action](args),
)
