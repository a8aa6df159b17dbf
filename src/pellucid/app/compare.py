"""`pellucid compare`: does the pathology account for the image; if not, which statements conflict and what to do."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.app.command import ABSTAINED, DONE, USAGE, Command, note, setting
from pellucid.app.files import MAX_READING_BYTES, load_reading
from pellucid.errors import InputError, TamperedError, UnknownName
from pellucid.train.files import write_whole

if TYPE_CHECKING:
    from pellucid.assess.concordance import Concordance
    from pellucid.assess.imaging import Imaging, Risk
    from pellucid.assess.pathology import Pathology
    from pellucid.knowledge.concordance import Table

STATED = ("target", "specimen_calcifications", "removed", "guidance", "gauge", "cores", "history", "later_imaging")
"""Facts that --state may add to the pathology statement."""


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("radiology", nargs="?", metavar="RADIOLOGY.json", help="a reading of the image, or an imaging statement")
    parser.add_argument(
        "pathology", nargs="?", metavar="PATHOLOGY", help="a form (.yaml), a report's text (.txt), a reading or statement (.json)"
    )
    parser.add_argument("--organ", metavar="NAME", help="breast, lung, liver, thyroid, prostate or skin (default: the reading's)")
    parser.add_argument(
        "--risk", type=risk, metavar="P[,LOW,HIGH]", help="probability of malignancy before the biopsy (default: the reading's)"
    )
    parser.add_argument("--specimen", metavar="LABEL", help="the one specimen of the report that is of this lesion")
    parser.add_argument(
        "--state", dest="stated", action="append", default=[], type=setting, metavar="FACT=VALUE",
        help=f"what the pathology statement leaves out, such as target=hit; several times; facts: {', '.join(STATED)}",
    )  # fmt: skip
    parser.add_argument("--by", metavar="WHO", default="command line", help="who states it (default: command line)")
    parser.add_argument("-o", "--out", metavar="FILE", help="file of the record in JSON")
    parser.add_argument("--json", action="store_true", help="print the record as one line of JSON")
    parser.add_argument("--template", metavar="ORGAN", help="print a pathology form for this organ, and nothing else")
    parser.add_argument("--verify", metavar="RECORD.json", help="derive a record again from its two statements, and nothing else")


def risk(text: str) -> tuple[float, ...]:
    """`P` or `P,LOW,HIGH`, probabilities in order."""
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    ordered = len(values) == 1 or (len(values) == 3 and values[1] <= values[0] <= values[2])
    if not ordered or not all(0 <= value <= 1 for value in values):
        raise argparse.ArgumentTypeError(f"expected a probability from 0 to 1, or P,LOW,HIGH with LOW <= P <= HIGH, got {text!r}")
    return values


def _run(args: argparse.Namespace) -> int:
    from pellucid.knowledge.concordance import load_table

    if args.template is not None:
        from pellucid.assess.pathology_form import template

        print(template(load_table(args.template)), end="")
        return DONE
    if args.verify is not None:
        return _verify(args.verify)
    if args.radiology is None or args.pathology is None:
        note("error: compare needs RADIOLOGY.json and PATHOLOGY, or --template ORGAN, or --verify RECORD.json")
        return USAGE
    record = _combined(args)
    if args.out is not None:
        write_whole(Path(args.out), record.as_json() + "\n")
    if args.json:
        print(record.model_dump_json())
    else:
        from pellucid.app.compared import compared

        print(compared(record))
        if args.out is not None:
            print(args.out)
    return DONE if record.outcome is not None else ABSTAINED


def _combined(args: argparse.Namespace) -> "Concordance":
    from pellucid.assess.combine import combine

    imaging, table = _imaging(args)
    return combine(imaging, _stated(_pathology(args, table), args), table)


def _verify(path: str) -> int:
    from pydantic import ValidationError

    from pellucid.assess.combine import combine
    from pellucid.assess.concordance import concordance_from_json
    from pellucid.knowledge.concordance import load_table

    try:
        record = concordance_from_json(_bytes(path))
    except ValidationError as error:
        raise InputError(f"{path} is not a valid concordance record: {_first(error)}") from None
    table = load_table(record.organ)
    if table.ref() != record.table:
        raise TamperedError(
            f"{path}: derived with the table of hash {record.table.sha256[:12]}…, the one installed has {table.sha256[:12]}…"
        )
    if combine(record.imaging, record.pathology, table) != record:
        raise TamperedError(f"{path}: its two statements lead to another record than the one written; do not rely on it")
    print(f"{path} verifies: outcome, derivation and risk follow from its two statements and the table")
    return DONE


def _bytes(path: str) -> bytes:
    file = Path(path)
    if not file.is_file():
        raise InputError(f"{file}: no such file")
    if file.stat().st_size > MAX_READING_BYTES:
        raise InputError(f"{file}: {file.stat().st_size} bytes, expected at most {MAX_READING_BYTES}")
    data = file.read_bytes()
    if not data.strip():
        raise InputError(f"{file}: the file is empty")
    return data


def _first(error: Any) -> str:
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc']) or 'the whole'}: {first['msg']}"


def _keys(data: bytes, path: str) -> set[str]:
    """The keys of a JSON object; InputError where the file is none."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable as JSON: {error}") from None
    if not isinstance(found, dict):
        raise InputError(f"{path}: expected a JSON object, got {type(found).__name__}")
    return set(found)


def _imaging(args: argparse.Namespace) -> "tuple[Imaging, Table]":
    from pydantic import ValidationError

    from pellucid.assess.imaging import Imaging, imaging_of, organ_of
    from pellucid.knowledge.concordance import load_table

    data = _bytes(args.radiology)
    given = _risk(args.risk)
    if "statement" in _keys(data, args.radiology):
        try:
            imaging = Imaging.model_validate_json(data)
        except ValidationError as error:
            raise InputError(f"{args.radiology} is not a valid imaging statement: {_first(error)}") from None
        if args.organ is not None and args.organ != imaging.organ:
            raise InputError(f"{args.radiology}: expected imaging of the {args.organ}, got the {imaging.organ}")
        table = load_table(imaging.organ)
        return (imaging.model_copy(update={"risk": given}) if given else imaging), table
    reading = load_reading(args.radiology)
    table = load_table(args.organ or organ_of(reading))
    return imaging_of(reading, table, given), table


def _risk(values: tuple[float, ...] | None) -> "Risk | None":
    from pellucid.assess.imaging import Risk

    if values is None:
        return None
    value, low, high = values if len(values) == 3 else (values[0], None, None)
    return Risk(value=value, low=low, high=high, of="stated on the command line")


def _pathology(args: argparse.Namespace, table: "Table") -> "Pathology":
    path = Path(args.pathology)
    data = _bytes(args.pathology)
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        from pellucid.assess.pathology_form import read_form

        return read_form(data, str(path), table)
    if suffix == ".json":
        return _from_json(data, args.pathology, table)
    if suffix not in (".txt", ".text", ".md", ""):
        raise InputError(f"{path}: expected a form (.yaml), a report's text (.txt) or JSON (.json), got the suffix {suffix}")
    from pellucid.assess.pathology_text import read_report

    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected UTF-8 text, got byte {data[error.start]:#04x} at offset {error.start}") from None
    return read_report(text, table, path.name)


def _from_json(data: bytes, path: str, table: "Table") -> "Pathology":
    from pydantic import ValidationError

    from pellucid.assess.pathology import Pathology
    from pellucid.assess.pathology_reading import pathology_of

    if "specimens" not in _keys(data, path):
        return pathology_of(load_reading(path), table)
    try:
        return Pathology.model_validate_json(data)
    except ValidationError as error:
        raise InputError(f"{path} is not a valid pathology statement: {_first(error)}") from None


def _stated(pathology: "Pathology", args: argparse.Namespace) -> "Pathology":
    """The statement with what the command line adds; InputError where it contradicts what the statement says."""
    from pydantic import ValidationError

    said = pathology.model_dump()
    if args.specimen is not None:
        labels = [s.label for s in pathology.specimens if s.label]
        if args.specimen not in labels:
            raise UnknownName("specimen", args.specimen, labels, str(args.pathology))
        said["specimens"] = [s for s in said["specimens"] if s["label"] == args.specimen]
    for name, value in args.stated:
        _add(said, name, value)
    if args.stated:
        told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in args.stated)
        said["notes"] = (*said["notes"], f"stated beside the report by {args.by}: {told}")
    try:
        return type(pathology).model_validate_json(json.dumps(said))
    except ValidationError as error:
        raise InputError(f"what is stated on the command line does not fit: {_first(error)}") from None


def _add(said: dict[str, Any], name: str, value: str) -> None:
    if name not in STATED:
        raise UnknownName("fact", name, STATED)
    if name == "history":
        said["history"] = (*said["history"], value)
        return
    target = said if name == "later_imaging" else said["sampling"]
    before = target[name]
    if name != "later_imaging" and before is not None and str(before) != value:
        raise InputError(f"--state {name}={value} contradicts the pathology statement, which says {before}")
    target[name] = int(value) if name in ("gauge", "cores") and value.isdecimal() else value


COMPARE = Command(
    summary="does the pathology account for the image",
    text="Puts a reading of the image and the pathology of the same lesion side by side: concordant or discordant, the two "
    "statements that conflict, what to do and by when, who signs, and the risk of cancer that is left after the biopsy. What is "
    "not stated stays unknown. Exit code 3 where the statements leave more than one outcome open.",
    examples=(
        "pellucid compare case.reading.json report.txt",
        "pellucid compare case.reading.json form.yaml --state target=hit --by 'Dr A' -o case.concordance.json",
        "pellucid compare --template breast",
        "pellucid compare --verify case.concordance.json",
    ),
    add_arguments=_arguments,
    run=_run,
)
