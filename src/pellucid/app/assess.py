"""`pellucid assess`: a guideline on findings that a person typed or another system exported; no image, no model."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.app.command import ABSTAINED, DONE, Command, note
from pellucid.app.files import EXAMINATION_SUFFIX, READING_SUFFIX, load_lesions
from pellucid.app.guidelines import load_pack
from pellucid.errors import InputError
from pellucid.train.files import write_whole

if TYPE_CHECKING:
    from pellucid.assess.typed import Typed
    from pellucid.knowledge import Guideline
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
    parser.add_argument(
        "--earlier",
        metavar="READING.json",
        help="an earlier reading of the lesion, or an earlier examination with lesions of the same names: growth becomes a "
        "probability (in the file itself: the block `earlier`)",
    )
    parser.add_argument(
        "--interval-months",
        type=float,
        metavar="N",
        help="months between the two (default: the time since the earlier examination, where it is stated)",
    )
    parser.add_argument("-o", "--out", metavar="DIR", help="folder for the readings, one a lesion, and for the examination")
    parser.add_argument("--json", action="store_true", help="print the examination as one line of JSON")


def _run(args: argparse.Namespace) -> int:
    from pellucid import report
    from pellucid.assess.lesions import assess_stated
    from pellucid.assess.typed import guideline_named

    name = args.guideline or guideline_named(args.findings)
    if name is None:
        raise InputError(f"{args.findings}: expected a guideline, got none: name it with --guideline, or in the file")
    pack = load_pack(name)
    examination = assess_stated(_typed(args, pack), pack, args.question, joint=args.joint)
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


def _typed(args: argparse.Namespace, pack: "Guideline") -> "Typed":
    """The findings of the file, beside what an earlier reading measured where one is given."""
    from pellucid.assess.earlier_reading import with_readings
    from pellucid.assess.typed import read_typed

    typed = read_typed(args.findings, pack)
    if args.earlier is None:
        if args.interval_months is not None:
            raise InputError("--interval-months: expected --earlier READING.json beside it, got none")
        return typed
    before = load_lesions(args.earlier)
    if len(before) > 1 or len(typed.lesions) > 1:
        for name in typed.lesions:
            if name not in before:
                note(f"{name}: not in {args.earlier}, so nothing is said of its growth")
    return with_readings(typed, pack, before, args.interval_months)


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
        "pellucid assess ct-2024.yaml --earlier readings/ct-2023.reading.json --interval-months 12",
    ),
    add_arguments=_arguments,
    run=_run,
)
