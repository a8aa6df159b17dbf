"""Writing files so that a kill or a full disk leaves the old one whole."""

import os
import secrets
from pathlib import Path


def write_whole(path: Path, content: str | bytes) -> Path:
    """Write a file so that it is there whole or not at all, whatever happens meanwhile; gives its path.

    The content goes to a temporary file in the same folder, to the disk, and only then to its name; so a full disk, a kill
    or a second process writing the same name leaves the old file or a new one, never a piece.
    """
    data = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".pellucid-{os.getpid()}-{secrets.token_hex(4)}.tmp"
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path
