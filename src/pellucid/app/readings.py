"""`pellucid report`, `verify` and `revise`: what is done with a reading once it is there; none of it needs the model."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.app.command import ABSTAINED, DONE, ERROR, Command, note, setting
from pellucid.app.files import READING_SUFFIX, load_reading, load_record, reading_bytes, stem_of
from pellucid.app.guidelines import packs_in
from pellucid.app.narrate import narrate, narrate_arguments
from pellucid.app.summary import abstains, moves
from pellucid.errors import InputError, PellucidError, UnknownName
from pellucid.train.files import write_whole

if TYPE_CHECKING:
    from pellucid.record import Examination, Reading

FORMATS = {"text": ".txt", "narrative": ".narrative.txt", "html": ".html"}
"""Formats of a report that can be written, with their suffix."""
PLANNED = ("pdf", "sr", "fhir")
READING_HELP = "a reading, as `pellucid read` writes it, or an examination of several lesions, as `pellucid assess -o` does"


def own_guidelines(parser: argparse.ArgumentParser) -> None:
    """The option by which packs that do not ship come in."""
    parser.add_argument(
        "--guideline", action="append", default=[], metavar="FOLDER",
        help="a pack that does not ship, which the reading was concluded with; found by its hash; may be given several times",
    )  # fmt: skip


# report ---------------------------------------------------------------------------------------------------------------


def _report_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("reading", metavar="READING.json", help=READING_HELP)
    parser.add_argument(
        "--as",
        dest="formats",
        default="text",
        metavar="FORMATS",
        help="text, narrative, html, or several: text,html (default: text)",
    )
    parser.add_argument(
        "-o", "--out", metavar="DIR", help="folder of the reports (default: this folder; text and narrative are printed)"
    )
    parser.add_argument(
        "--image", metavar="FILE", help="the image that was read, to be drawn in the page (default: looked for by its name)"
    )
    narrate_arguments(parser)


def _report(args: argparse.Namespace) -> int:
    from pellucid.record import Examination

    formats = _formats(args.formats)
    record = load_record(args.reading)
    if isinstance(record, Examination) and args.image is not None:
        raise InputError(f"{args.reading}: expected no --image beside an examination of several lesions; leave it out")
    for name in formats:
        text = _render(name, record, args)
        if name != "html" and args.out is None:
            print(text)
        else:
            print(write_whole(Path(args.out or ".") / f"{stem_of(args.reading)}{FORMATS[name]}", text))
    return DONE


def _formats(text: str) -> list[str]:
    names = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    for name in names:
        if name in PLANNED:
            raise InputError(f"a report as {name} is not there yet; available: {', '.join(FORMATS)}")
        if name not in FORMATS:
            raise UnknownName("report format", name, FORMATS)
    return names or ["text"]


def _render(name: str, record: "Reading | Examination", args: argparse.Namespace) -> str:
    from pellucid import report
    from pellucid.record import Examination

    if name == "narrative":
        return narrate(record, args)
    if isinstance(record, Examination):
        return report.examination_text(record) if name == "text" else report.examination_html(record)
    if name == "text":
        return report.text(record)
    return report.html(record, pixels=pixels_of(record, Path(args.reading), args.image))


def pixels_of(reading: "Reading", where: Path, image: str | None = None) -> Any:
    """The pixels (H, W) or (H, W, 3) that were read, or None where no image with the reading's pixels is found.

    Looks at `image`, else at the reading's own file name, here and beside the reading. Raises InputError where the image
    that was named holds other pixels.
    """
    if image is not None:
        pixels, why = _matching(reading, Path(image))
        if pixels is None:
            raise InputError(f"{image} cannot be drawn in this report: {why}")
        return pixels
    source = reading.study.source
    if source is None:
        return None
    for candidate in dict.fromkeys((Path(source), where.parent / source, where.parent / Path(source).name)):
        if not candidate.is_file():
            continue
        pixels, why = _matching(reading, candidate)
        if pixels is not None:
            return pixels
        note(f"the page is made without pixels: {candidate}: {why}")
        return None
    note(f"the page is made without pixels: {source} was not found; --image FILE names it")
    return None


def _matching(reading: "Reading", path: Path) -> tuple[Any, str]:
    from pellucid.images.study import open_study

    try:
        images = open_study(path).images
        image = next((i for i in images if i.frame == reading.study.frame), None)
        if image is None:
            return None, f"it has no frame {reading.study.frame}"
        if image.pixels_sha256 != reading.study.pixels_sha256:
            return None, "its pixels are not those that were read"
        return image.pixels(), ""
    except (PellucidError, OSError) as error:
        return None, str(error)


REPORT = Command(
    summary="a reading as text, in prose, or as a page",
    text="Writes a reading as plain text, as a narrative in prose, or as one self-contained HTML page. A language model may "
    "rephrase the narrative; every sentence of it is held against the reading. The page shows the image where a file "
    "with the very pixels of the reading is found (by --image, or by its name here or beside the reading); otherwise it is made "
    "without pixels. An examination is one page: its category, which lesion drives and why, then each lesion.",
    examples=(
        "pellucid report case.reading.json",
        "pellucid report case.reading.json --as narrative",
        "pellucid report case.reading.json --as text,html -o reports",
        "pellucid report case.reading.json --as html --image archive/case.png",
        "pellucid report case.examination.json --as html",
    ),
    add_arguments=_report_arguments,
    run=_report,
)


# verify ---------------------------------------------------------------------------------------------------------------


def _verify_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("reading", metavar="READING.json", help=READING_HELP)
    own_guidelines(parser)
    parser.add_argument("--json", action="store_true", help="print the checks as JSON")


def _verify(args: argparse.Namespace) -> int:
    from pellucid.assess.verify import verdict, verify

    result = verify(reading_bytes(args.reading), guidelines=packs_in(args.guideline))
    if args.json:
        checks = [asdict(check) for check in result.checks]
        said = {"ok": result.ok, "complete": result.complete, "verdict": verdict(result)}
        print(json.dumps({**said, "checks": checks, "not_checked": result.beyond}, indent=1))
    else:
        for check in result.checks:
            state = "FAIL" if not check.ok else "ok" if check.checked else "-"
            print(f"  {state:<4}  {check.name}{f': {check.detail}' if check.detail else ''}")
        for told in result.beyond:
            print(f"  -     not checked: {told}")
        if result.ok:
            print(f"{args.reading} {verdict(result)}")
    if result.ok:
        return DONE
    failed = next(c for c in result.checks if not c.ok)
    note(f"error: {args.reading} does not verify: {failed.name}: {failed.detail}")
    return ERROR


VERIFY = Command(
    summary="re-derive a reading without the model",
    text="Recomputes everything that a reading concludes from its findings and the guideline of its hash, without the model and "
    "without torch: assessments, cautions, measurements from their outlines, and, where the reader is installed, its figures and "
    "all that its card asks for. Says which check fails (exit code 1), which could not be made, and what no check can show.",
    examples=(
        "pellucid verify case.reading.json",
        "pellucid verify case.reading.json --json",
        "pellucid verify case.reading.json --guideline my-packs/liver-cyst",
    ),
    add_arguments=_verify_arguments,
    run=_verify,
)


# revise ---------------------------------------------------------------------------------------------------------------


def _revise_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("reading", metavar="READING.json", help="a reading, as `pellucid read` writes it")
    parser.add_argument(
        "--set", dest="settings", action="append", required=True, type=setting, metavar="CONCEPT=STATE",
        help="what was seen instead; may be given several times; a measurement takes a number (long_axis=12.5)",
    )  # fmt: skip
    parser.add_argument("--by", required=True, metavar="WHO", help="who says so; it is written into the new reading")
    own_guidelines(parser)
    parser.add_argument(
        "-o", "--out", metavar="FILE", help="file of the new reading (default: beside the old one, named by its id)"
    )
    parser.add_argument("--json", action="store_true", help="print the new reading as one line of JSON")


def _revise(args: argparse.Namespace) -> int:
    from pellucid.assess.revise import revise

    before = load_reading(args.reading)
    after = revise(before, dict(args.settings), by=args.by, guidelines=packs_in(args.guideline))
    default = Path(args.reading).parent / f"{stem_of(args.reading)}-{after.id[:8]}{READING_SUFFIX}"
    out = Path(args.out) if args.out else default
    if out.resolve() == Path(args.reading).resolve():
        raise InputError(f"{out}: a reading is revised, never overwritten; choose another file with -o")
    write_whole(out, after.as_json() + "\n")
    print(after.model_dump_json() if args.json else f"{moves(before, after)}\n{out}")
    return ABSTAINED if abstains(after) else DONE


REVISE = Command(
    summary="correct a finding and conclude again",
    text="Gives a new reading in which a person's finding stands for the model's; the rules run again, the pixels do not. "
    "The old reading stays as it is, and the new one names it.",
    examples=(
        'pellucid revise case.reading.json --set margin=circumscribed --by "radiologist on call"',
        'pellucid revise case.reading.json --set shape=oval --set long_axis=12.5 --by "Dr A" -o corrected.json',
    ),
    add_arguments=_revise_arguments,
    run=_revise,
)
