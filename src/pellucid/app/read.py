"""`pellucid read`: images in, readings out."""

import argparse
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.app.command import ABSTAINED, DONE, ERROR, Command, box, note, one_line, spacing
from pellucid.app.files import READING_SUFFIX, find_images, output_names
from pellucid.app.summary import abstains, summary
from pellucid.errors import PellucidError
from pellucid.train.files import write_whole

if TYPE_CHECKING:
    from pellucid.reader import Neighbours, Reader
    from pellucid.record import Reading


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="PNG, JPEG, TIFF, DICOM or NIfTI files, or folders of them")
    parser.add_argument(
        "--reader", required=True, metavar="NAME", help="a reader that ships, or a folder with one (see `pellucid doctor`)"
    )
    parser.add_argument("--roi", type=box, metavar="X,Y,W,H", help="the region of interest in pixels of the original image")
    parser.add_argument(
        "--spacing-mm", type=spacing, metavar="S", help="millimetres per pixel (or row,column) where the file does not say"
    )
    parser.add_argument(
        "-o", "--out", metavar="DIR", help="folder of the readings (default: this folder; with --json alone, none)"
    )
    parser.add_argument("--cases", metavar="FILE|URL", help="a case library: each reading gets the confirmed cases most like it")
    parser.add_argument("--patient", metavar="PSEUDONYM", help="whose images they are: cases of that patient are left out")
    parser.add_argument("--json", action="store_true", help="print each reading as one line of JSON on stdout")


def _run(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from pellucid.reader import load_reader

    paths = find_images(args.images)
    reader = load_reader(args.reader)
    near = _neighbours(args)
    failures: list[str] = []
    abstained = 0
    bar = tqdm(list(zip(paths, output_names(paths), strict=True)), unit="image", disable=None if len(paths) > 3 else True)
    for path, name in bar:
        try:
            readings = _read_file(reader, path, args, near)
        except Exception as error:  # one bad file must not stop the rest: it is listed at the end
            failures.append(_failure(path, error, args.debug))
            continue
        for frame, reading in readings:
            suffix = f".frame-{frame:04d}" if len(readings) > 1 else ""
            try:
                _give(reading, path, f"{name}{suffix}", args)
            except OSError as error:
                failures.append(_failure(path, error, args.debug))
            abstained += abstains(reading)
    if failures:
        return _list_failures(failures, len(paths))
    return ABSTAINED if abstained else DONE


def _neighbours(args: argparse.Namespace) -> "Neighbours | None":
    if args.cases is None:
        return None
    from pellucid.cases import open_library
    from pellucid.reader import Neighbours

    return Neighbours(open_library(args.cases), patient=args.patient)


def _read_file(reader: "Reader", path: Path, args: argparse.Namespace, near: "Neighbours | None") -> list[tuple[int, "Reading"]]:
    from pellucid.images.study import open_study

    study = open_study(path, spacing_mm=args.spacing_mm)
    if near is None:
        return [(image.frame, reader.read(image, roi=args.roi)) for image in study.images]
    return [(image.frame, reader.read(image, roi=args.roi, cases=near)) for image in study.images]


def _give(reading: "Reading", path: Path, name: str, args: argparse.Namespace) -> None:
    written = None
    if args.out is not None or not args.json:
        written = write_whole(Path(args.out or ".") / f"{name}{READING_SUFFIX}", reading.as_json() + "\n")
    if args.json:
        print(reading.model_dump_json())
    else:
        print(f"{path} -> {written}\n{summary(reading)}")


def _failure(path: Path, error: Exception, debug: bool) -> str:
    if debug:
        traceback.print_exception(error)
    reason = one_line(error) or type(error).__name__
    named = reason if isinstance(error, (PellucidError, OSError)) else f"unexpected {type(error).__name__}: {reason}"
    return named if str(path) in named else f"{path}: {named.removeprefix(f'{path.name}: ')}"


def _list_failures(failures: list[str], total: int) -> int:
    if total == 1:
        note(f"error: {failures[0]}")
        return ERROR
    note(f"error: {len(failures)} failed of {total} files; the rest were read")
    for failure in failures:
        note(f"error: {failure}")
    return ERROR


READ = Command(
    summary="read images: findings, rules, assessment",
    text="Reads each image with a reader and writes one reading in JSON per image, named after it (several frames: one each). "
    "When one image fails the rest are read all the same; the failures are listed at the end and the exit code is 1. "
    "The exit code is 3 where a reading answers none of its questions: the reason is in the reading.",
    examples=(
        "pellucid read breast.png --reader breast-ultrasound --spacing-mm 0.09",
        "pellucid read cine.dcm --reader breast-ultrasound --roi 120,80,300,260 -o readings",
        "pellucid read photographs/ --reader fundus -o readings",
        "pellucid read eye.jpg --reader fundus --json",
        "pellucid read breast.png --reader breast-ultrasound --cases pellucid-cases.db --patient P17",
    ),
    add_arguments=_arguments,
    run=_run,
)
