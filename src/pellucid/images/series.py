"""A folder that holds the DICOM files of one series."""

from pathlib import Path

from pellucid.errors import ImageError
from pellucid.images.dicom import is_dicom, open_dicom, read_header
from pellucid.images.frames import MAX_FRAMES, Study, study_of

INDEX = "DICOMDIR"
"""Name of the table of contents on a DICOM disc; it holds no image."""


def open_series(folder: Path) -> Study:
    """The images of one DICOM series, in the order of their instance numbers; hidden files and DICOMDIR are passed over.

    Raises ImageError on an empty folder, on any other file or folder in it, and on files of more than one series.
    """
    files = sorted(f for f in folder.iterdir() if not f.name.startswith(".") and f.name != INDEX)
    if not files:
        raise ImageError(f"{folder.name}: expected a folder with the DICOM files of one series, got an empty one")
    if len(files) > MAX_FRAMES:
        raise ImageError(f"{folder.name}: expected at most {MAX_FRAMES} files, got {len(files)}; split the folder first")
    ordered: list[tuple[float, str, Study]] = []
    for file in files:
        if not _holds_dicom(file):
            said = f"{file.name!r}, which is not DICOM"
            raise ImageError(f"{folder.name}: expected a folder with the DICOM files of one series, got {said}; give that file")
        ordered.append((_instance(file), file.name, open_dicom(file)))
    series = {study.ids.get("SeriesInstanceUID") for _, _, study in ordered}
    if len(series) > 1:
        raise ImageError(f"{folder.name}: expected one DICOM series, got {len(series)}; put each into its own folder")
    ordered.sort(key=lambda item: item[:2])
    return study_of(tuple(image for _, _, study in ordered for image in study.images), folder.name)


def _holds_dicom(file: Path) -> bool:
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        return is_dicom(opened.read(1024))


def _instance(file: Path) -> float:
    """The instance number; files without one come last."""
    number = read_header(file).get("InstanceNumber")
    return float("inf") if number is None else int(number)
