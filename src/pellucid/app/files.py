"""Files in and out of the command line: whole or not at all."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.errors import InputError

if TYPE_CHECKING:
    from pydantic import ValidationError

    from pellucid.record import Reading

READING_SUFFIX = ".reading.json"
EXAMINATION_SUFFIX = ".examination.json"
MAX_READING_BYTES = 64 * 2**20
"""A reading with outlines of every concept takes some hundred kilobytes; more than this is not one."""


def load_reading(path: str | Path) -> "Reading":
    """The reading in a JSON file.

    Raises InputError where the file is not a reading, or where its content does not fit its id.
    """
    from pydantic import ValidationError

    from pellucid.record import reading_from_json

    try:
        return reading_from_json(reading_bytes(path))
    except ValidationError as error:
        raise _fault(path, "reading", error) from None


def load_lesions(path: str | Path) -> dict[str, "Reading"]:
    """The readings of an examination's lesions by name, or one reading under its file's name.

    Raises InputError where the file is neither, or where its content does not fit its id.
    """
    from pydantic import ValidationError

    from pellucid.record import Examination

    if not Path(path).name.endswith(EXAMINATION_SUFFIX):
        return {stem_of(path): load_reading(path)}
    try:
        found = Examination.model_validate_json(reading_bytes(path))
    except ValidationError as error:
        raise _fault(path, "examination", error) from None
    return {lesion.name: lesion.reading for lesion in found.lesions}


def _fault(path: str | Path, what: str, error: "ValidationError") -> InputError:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "the whole"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return InputError(f"{path} is not a valid {what}: {place}: {first['msg']}{more}; `pellucid verify` says more")


def reading_bytes(path: str | Path) -> bytes:
    """The bytes of a reading's file; raises InputError where there is none or it is far too large."""
    file = Path(path)
    if not file.is_file():
        raise InputError(f"{file}: no such file; expected a reading in JSON, as `pellucid read` writes it")
    if file.stat().st_size > MAX_READING_BYTES:
        raise InputError(f"{file}: {file.stat().st_size} bytes, expected a reading of at most {MAX_READING_BYTES}")
    return file.read_bytes()


def find_images(paths: Iterable[str]) -> list[Path]:
    """The files named, and every file under the folders named, in order and once; hidden files and readings are left out."""
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        if not path.is_dir():
            found[path] = None
            continue
        inside = [p for p in sorted(path.rglob("*")) if p.is_file() and not _left_out(p.relative_to(path))]
        if not inside:
            raise InputError(f"{path}: the folder holds no file to read")
        found.update(dict.fromkeys(inside))
    return list(found)


def _left_out(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts) or path.name.endswith(READING_SUFFIX)


def output_names(paths: Sequence[Path]) -> list[str]:
    """A name for each image's output: its stem where that is unique, else with its suffix, its folder, or a number."""
    candidates = (lambda p: p.stem, lambda p: p.name, lambda p: f"{p.resolve().parent.name}-{p.name}")
    names: dict[int, str] = {}
    left = list(range(len(paths)))
    for name_of in candidates:
        counts = Counter(name_of(paths[i]).casefold() for i in left)
        taken = {name.casefold() for name in names.values()}
        for i in left:
            name = name_of(paths[i])
            if counts[name.casefold()] == 1 and name.casefold() not in taken:
                names[i] = name
        left = [i for i in left if i not in names]
    for number, i in enumerate(left, start=2):
        names[i] = f"{paths[i].name}-{number}"
    return [names[i] for i in range(len(paths))]


def stem_of(path: str | Path) -> str:
    """The name of a reading's file without its suffixes: `case` for `case.reading.json`."""
    name = Path(path).name
    return name.removesuffix(READING_SUFFIX) if name.endswith(READING_SUFFIX) else Path(name).stem
