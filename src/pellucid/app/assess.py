"""`pellucid assess`: a guideline on findings that a person typed or another system exported; no image, no model."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.app.command import ABSTAINED, DONE, Command
from pellucid.app.files import EXAMINATION_SUFFIX, READING_SUFFIX
from pellucid.app.guidelines import load_pack
from pellucid.errors import InputError
from pellucid.train.files import write_whole

if TYPE_CHECKING:
    from pellucid.record import Examination


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("findings", metavar="FINDINGS.yaml", help="findings; `guidelines show NAME --template` prints a form")
    parser.add_argument(
        "--guideline", metavar="NAME", help="a pack that ships, or a folder with one (default: the one that the file names)"
    )
    parser.add_argument(
        "--question", action="append", default=[], metavar="NAME", help="only this one; may be given several times"
    )
    parser.add_argument(
        "--joint", action="store_true", help="let the pack's counted tables of findings that go together replace independence"
    )
    parser.add_argument("-o", "--out", metavar="DIR", help="folder for the readings, one a lesion, and for the examination")
    parser.add_argument("--json", action="store_true", help="print the examination as one line of JSON")


def _run(args: argparse.Namespace) -> int:
    from pellucid import report
    from pellucid.assess.lesions import assess_stated
    from pellucid.assess.typed import guideline_named, read_typed

    name = args.guideline or guideline_named(args.findings)
    if name is None:
        raise InputError(f"{args.findings}: expected a guideline, got none: name it with --guideline, or in the file")
    pack = load_pack(name)
    examination = assess_stated(read_typed(args.findings, pack), pack, args.question, joint=args.joint)
    if args.json:
        print(examination.model_dump_json())
    else:
        several = len(examination.lesions) > 1
        print(report.examination_text(examination) if several else report.text(examination.lesions[0].reading))
    if args.out:
        _write(examination, Path(args.out), Path(args.findings).stem)
    answers = [one.assessment for one in examination.combined] or [
        a for one in examination.lesions for a in one.reading.assessments
    ]
    return ABSTAINED if answers and all(a.abstained_because for a in answers) else DONE


def _write(examination: "Examination", folder: Path, stem: str) -> None:
    for lesion in examination.lesions:
        plain = re.sub(r"[^A-Za-z0-9]+", "-", lesion.name).strip("-").lower() or "lesion"
        tail = "" if len(examination.lesions) == 1 else f"-{plain}"
        print(write_whole(folder / f"{stem}{tail}{READING_SUFFIX}", lesion.reading.as_json() + "\n"))
    if len(examination.lesions) > 1:
        print(write_whole(folder / f"{stem}{EXAMINATION_SUFFIX}", examination.as_json() + "\n"))


ASSESS = Command(
    summary="a guideline on findings that were typed",
    text="Reasons over findings in a YAML file, typed by a person or exported by another system: category with its exact "
    "distribution, derivation, reasons, next step, second opinions of published risk models, what several lesions make together.",
    examples=(
        "pellucid assess findings.yaml --guideline lung-cancer-screening",
        "pellucid assess findings.yaml --guideline thyroid-nodule -o readings",
    ),
    add_arguments=_arguments,
    run=_run,
)
