"""Files in and out of the command line: whole or not at all."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.errors import InputError

if TYPE_CHECKING:
    from pydantic import ValidationError

    from pellucid.record import Examination, Reading

READING_SUFFIX, EXAMINATION_SUFFIX = ".reading.json", ".examination.json"
MAX_READING_BYTES = 64 * 2**20
"""A reading with outlines of every concept takes some hundred kilobytes; more than this is not one."""


def load_reading(path: str | Path) -> "Reading":
    """The reading in a JSON file.

    Raises InputError where the file is not a reading, or is an examination, or where its content does not fit its id.
    """
    from pellucid.record import Examination

    record = load_record(path)
    if isinstance(record, Examination):
        names = ", ".join(lesion.name for lesion in record.lesions)
        raise InputError(
            f"{path}: expected the reading of one image or lesion, got an examination of lesions ({names}); "
            f"give one lesion's own {READING_SUFFIX}, which `pellucid assess -o` writes beside it"
        )
    return record


def load_record(path: str | Path) -> "Reading | Examination":
    """The reading, or the examination of several lesions, in a JSON file; InputError as `load_reading`."""
    from pydantic import ValidationError

    from pellucid.record import examination_from_json, is_examination, reading_from_json

    try:
        text = reading_bytes(path)
        return examination_from_json(text) if is_examination(text) else reading_from_json(text)
    except ValidationError as error:
        raise _fault(path, error) from None


def load_lesions(path: str | Path) -> dict[str, "Reading"]:
    """The readings of an examination's lesions by name, or one reading under its file's name.

    Raises InputError where the file is neither, or where its content does not fit its id.
    """
    from pellucid.record import Examination

    record = load_record(path)
    if isinstance(record, Examination):
        return {lesion.name: lesion.reading for lesion in record.lesions}
    return {stem_of(path): record}


def _fault(path: str | Path, error: "ValidationError") -> InputError:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "the whole"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    what = "examination" if str(path).endswith(EXAMINATION_SUFFIX) else "reading"
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
    return any(part.startswith(".") for part in path.parts) or path.name.endswith((READING_SUFFIX, EXAMINATION_SUFFIX))


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
    """The name of a reading's or an examination's file without its suffixes: `case` for `case.reading.json`."""
    name = Path(path).name
    suffix = next((suffix for suffix in (READING_SUFFIX, EXAMINATION_SUFFIX) if name.endswith(suffix)), None)
    return name.removesuffix(suffix) if suffix else Path(name).stem
