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
    from pellucid.record import Combined, Examination, Lesion


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
        parts = [_told(pack, lesion, len(examination.lesions)) for lesion in examination.lesions]
        print("\n".join([*(_together(one) for one in examination.combined), *parts]))
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


def _told(pack: "Guideline", lesion: "Lesion", count: int) -> str:
    """One lesion's reading as text, and what its signs weigh for where the pack weighs signs."""
    from pellucid import report

    heading = "" if count == 1 else f"{'=' * 8} {lesion.name} {'=' * 8}\n\n"
    weighed = "".join(_weighed(pack, name, lesion) for name in pack.differentials)
    return f"{heading}{weighed}{report.text(lesion.reading)}"


def _weighed(pack: "Guideline", name: str, lesion: "Lesion") -> str:
    from pellucid.knowledge import weigh

    lines = [f"TO CONSIDER: {pack.differentials[name].label} (signs weighed; no probability, no category)"]
    for one in weigh(pack, name, lesion.reading.findings):
        lines.append(f"  {one.rank}. {one.name}: {one.score:g}  (from {one.lowest:g} to {one.highest:g} with what is not judged)")
        lines += [f"       {sign.step.claim}  [{sign.step.citation}]" for sign in (*one.speaks_for, *one.speaks_against)]
        if one.rank == 1:
            lines += [f"     Looks alike: {', '.join(one.mimics)}"] if one.mimics else []
            lines += [f"     Next step: {one.next_step.text}  [{one.next_step.citation.text}]"] if one.next_step else []
    return "\n".join([*lines, *(f"  {limit}" for limit in pack.differentials[name].limits), "", ""])


def _together(one: "Combined") -> str:
    a = one.assessment
    lines = [f"THE EXAMINATION: {a.question.replace('-', ' ')}", f"  {a.statement}"]
    if a.next_step:
        cited = f" [{a.next_step_citation}]" if a.next_step_citation else ""
        lines.append(f"  Next step: {a.next_step}{cited}")
    chances = ", ".join(f"{name} {100 * p:.0f} %" for name, p in a.probabilities.items() if p >= 0.005)
    lines.append(f"  Probabilities, lesions taken as independent: {chances}")
    lines += [f"  Followed: {', '.join(one.followed)}"] if one.followed else []
    lines += [f"  Sampled, where sampling is advised: {', '.join(one.sampled)}"] if one.sampled else []
    return "\n".join(lines) + "\n"


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
