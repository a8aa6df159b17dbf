"""What an audit has measured so far, on disk: one file per result, whole or not there; a second process is refused.

Results lie in `DIR/partial/KEY/`, where the key is the hash of model, data and settings: a run that was killed goes on where it
stopped, and results of another model, other data or other settings are never mixed in.
"""

import hashlib
import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from pellucid.errors import InputError
from pellucid.record import MeasureResult
from pellucid.train.files import write_whole

LOCK = "audit.lock"


def key_of(content: Mapping[str, Any]) -> str:
    """SHA-256 of anything JSON-able: the key of a run."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Holds the folder for this process while the block runs; the system lets go when the process ends, however it ends.

    Where the block raises before anything was written (data that cannot be used), the folders made here are taken away again.
    Raises InputError where another process holds it.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a+b") as file:
        if not _locked(file) or os.fstat(file.fileno()).st_nlink == 0:  # none left: it was taken away in between
            raise InputError(f"{folder}: another audit is writing here; wait for it, or give another folder with -o")
        try:
            yield
        except BaseException:
            if os.name == "nt":
                _unlock(file)
                file.close()  # Windows does not take away what is open; elsewhere it goes before anyone else can hold it
            _take_away(folder, made)
            raise
        _unlock(file)


def _take_away(folder: Path, made: list[Path]) -> None:
    """Removes the lock where it is all that the folder holds, and then the folders (innermost first) that were made for it."""
    if {path.name for path in folder.iterdir()} != {LOCK}:
        return
    with suppress(OSError):  # another audit began here meanwhile: it keeps its folder
        (folder / LOCK).unlink()
        for path in made:
            path.rmdir()


def _locked(file: IO[bytes]) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _unlock(file: IO[bytes]) -> None:
    if os.name == "nt":
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_UN)


class Store:
    """The results of one run by name. A file that cannot be read counts as not there: it is measured again."""

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder / "partial" / key[:16]

    def _path(self, name: str, suffix: str) -> Path:
        return self.folder / f"{hashlib.sha256(name.encode()).hexdigest()[:20]}{suffix}"

    def result(self, name: str) -> MeasureResult | None:
        """A measure's result, or None where it is not yet measured."""
        try:
            return MeasureResult.model_validate_json(self._path(name, ".json").read_bytes())
        except (OSError, ValidationError):
            return None

    def keep(self, name: str, result: MeasureResult) -> MeasureResult:
        """Writes a measure's result; gives it back."""
        write_whole(self._path(name, ".json"), result.model_dump_json())
        return result

    def content(self, name: str) -> Any:
        """Anything JSON-able kept under a name, or None."""
        try:
            return json.loads(self._path(name, ".content.json").read_bytes())
        except (OSError, ValueError):
            return None

    def keep_content(self, name: str, content: Any) -> Any:
        """Writes anything JSON-able; gives it back."""
        write_whole(self._path(name, ".content.json"), json.dumps(content, allow_nan=False))
        return content

    def array(self, name: str) -> NDArray[Any] | None:
        """An array kept under a name, or None."""
        try:
            return np.load(self._path(name, ".npy"), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None

    def keep_array(self, name: str, array: NDArray[Any]) -> NDArray[Any]:
        """Writes an array; gives it back."""
        out = io.BytesIO()
        np.save(out, array, allow_pickle=False)
        write_whole(self._path(name, ".npy"), out.getvalue())
        return array
