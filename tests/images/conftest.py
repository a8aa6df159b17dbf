"""Synthetic images and DICOM files; nothing here comes from a patient."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray


@pytest.fixture
def grey() -> NDArray[np.uint8]:
    """A grey picture (48, 64) with every kind of neighbourhood."""
    rng = np.random.default_rng(7)
    ramp = np.linspace(0, 255, 64)[None, :] * np.linspace(0.2, 1, 48)[:, None]
    return np.clip(ramp + rng.normal(0, 12, ramp.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def colour() -> NDArray[np.uint8]:
    """A coloured picture (40, 56, 3)."""
    return np.random.default_rng(3).integers(0, 256, (40, 56, 3), dtype=np.uint8)


@pytest.fixture
def write_dicom(tmp_path: Path) -> Callable[..., Path]:
    """Writes a DICOM file of pixels (H, W), (H, W, 3) or (N, H, W), with further attributes by keyword."""
    pydicom = pytest.importorskip("pydicom")
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    def write(pixels: NDArray[Any], name: str = "image.dcm", **attributes: Any) -> Path:
        header = pydicom.Dataset()
        header.SOPClassUID, header.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.6.1", generate_uid()
        header.StudyInstanceUID, header.SeriesInstanceUID = generate_uid(), generate_uid()
        header.Modality, header.PatientName, header.PatientID = "US", "Secret^Person", "12345"
        samples = 3 if pixels.ndim > 2 and pixels.shape[-1] == 3 else 1
        shape = pixels.shape[:-1] if samples == 3 else pixels.shape
        header.SamplesPerPixel = samples
        header.PhotometricInterpretation = "RGB" if samples == 3 else "MONOCHROME2"
        if samples == 3:
            header.PlanarConfiguration = 0
        if len(shape) == 3:
            header.NumberOfFrames = shape[0]
        header.Rows, header.Columns = shape[-2:]
        header.BitsAllocated = header.BitsStored = 8 * pixels.itemsize
        header.HighBit = header.BitsStored - 1
        header.PixelRepresentation = int(np.issubdtype(pixels.dtype, np.signedinteger))
        header.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
        header["PixelData"].VR = "OB" if pixels.itemsize == 1 else "OW"
        for keyword, value in attributes.items():
            if value is None:
                delattr(header, keyword)
            else:
                setattr(header, keyword, value)
        header.file_meta = pydicom.dataset.FileMetaDataset()
        header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID
        header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        header.save_as(path, enforce_file_format=True)
        return path

    return write
