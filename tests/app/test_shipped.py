"""The readers that ship, through the command line, on real images: run where they and the data sets are there."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pellucid.assess.verify import verify
from pellucid.record import Reading, reading_from_json

Run = Callable[..., tuple[int, str, str]]
Shipped = Callable[[str], Path]

CASES = {"breast-ultrasound": "breast-us/images/case054.png", "fundus": "fundus/images", "blood-cell": "blood-cell/images"}


def first_image(shared_data: Path, reader: str) -> Path:
    path = shared_data / CASES[reader]
    return path if path.is_file() else sorted(path.iterdir())[0]


def read(run: Run, path: Path, reader: str, *more: str) -> tuple[int, Reading]:
    code, out, err = run("read", path, "--reader", reader, "--json", *more)
    assert err == ""
    return code, reading_from_json(out)


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_real_image_is_read_reported_and_verifies(
    name: str, run: Run, work: Path, shipped_reader: Shipped, shared_data: Path
) -> None:
    shipped_reader(name)
    image = first_image(shared_data, name)
    code, _, err = run("read", image, "--reader", name)
    assert code in (0, 3)
    assert err == ""
    written = work / f"{image.stem}.reading.json"
    assert run("verify", written)[0] == 0
    assert run("report", written, "--as", "text,html", "--image", image, "-o", "out")[0] == 0
    assert "data:image/" in (work / "out" / f"{image.stem}.html").read_text(encoding="utf-8")


Change = Callable[[dict[str, Any]], object]


def _set(concept: str, **values: object) -> Change:
    return lambda content: next(f for f in content["findings"] if f["concept"] == concept).update(values)


def _signals(**values: object) -> Change:
    return lambda content: content["provenance"]["signals"].update(values)


def _silence(content: dict[str, Any]) -> None:
    """The second look taken out, and its caution with it."""
    content["provenance"]["signals"]["shadow"] = []
    content["cautions"] = [c for c in content["cautions"] if c["kind"] != "shadow"]


FORGERIES: dict[str, tuple[Change, str, str]] = {
    "long axis": (_set("long_axis", value=70.0), "measurements", "long_axis: the reading says 70.00 mm"),
    "short axis": (_set("short_axis", value=2.0), "measurements", "short_axis: the reading says 2.00 mm"),
    "area": (_set("area", value=20.0), "measurements", "area: the reading says 20.00 mm2"),
    "aspect": (_set("aspect", value=3.0), "measurements", "aspect: the reading says 3.00 1"),
    "deviation": (_set("long_axis", sd=0.05), "measurements", "a standard deviation of 0.05"),
    "outline": (_set("long_axis", region=None), "completeness", "this reader measures it from an outline"),
    "spacing": (lambda c: c["study"].update(spacing_mm=[0.2, 0.2]), "places", "got one that lies on none"),
    "half the spacing": (lambda c: c["study"].update(spacing_mm=[0.05, 0.05]), "places", "got one that lies on none"),
    "size": (lambda c: c["study"].update(width=c["study"]["width"] + 7), "preparation", "none of this image"),
    "second look": (_silence, "completeness", "always takes a second look at malignancy (shadow)"),
    "novelty": (_signals(novelty=None), "completeness", "unlike its training images an image is (novelty)"),
    "threshold": (_signals(novelty_threshold=9.0), "figures", "novelty_threshold: the reading says 9.0"),
    "reliability": (_set("margin", reliability=None), "figures", "margin: reliability"),
    "preparation": (lambda c: c["provenance"].update(preparation=[]), "completeness", "preparation"),
    "hash": (lambda c: c["reader"].update(calibration_sha256=None), "reader", "does not name that model's weights"),
    "caution": (lambda c: c["cautions"].append({"kind": "scope", "text": "Benign."}), "cautions", "nothing gives rise"),
}


def test_forger_of_a_real_reading_who_computes_the_id_again_is_named(
    run: Run, shipped_reader: Shipped, shared_data: Path
) -> None:
    shipped_reader("breast-ultrasound")
    image = first_image(shared_data, "breast-ultrasound")
    reading = read(run, image, "breast-ultrasound", "--spacing-mm", "0.1")[1]
    assert verify(reading.as_json()).complete
    for name, (change, where, told) in FORGERIES.items():
        content = json.loads(reading.as_json())
        change(content)
        content["id"] = ""
        checks = {c.name: c for c in verify(reading_from_json(json.dumps(content)).as_json()).checks}
        assert checks["content"].ok
        assert not checks[where].ok, (name, checks)
        assert told in checks[where].detail, (name, checks[where])


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_same_image_gives_the_same_reading(name: str, run: Run, shipped_reader: Shipped, shared_data: Path) -> None:
    shipped_reader(name)
    image = first_image(shared_data, name)
    assert read(run, image, name)[1].id == read(run, image, name)[1].id


@pytest.mark.parametrize(("name", "other"), list(itertools.permutations(sorted(CASES), 2)))
def test_an_image_for_another_reader_abstains_with_the_reason(
    name: str, other: str, run: Run, shipped_reader: Shipped, shared_data: Path
) -> None:
    shipped_reader(name)
    code, reading = read(run, first_image(shared_data, other), name)
    assert code == 3
    assert all(a.abstained_because for a in reading.assessments)


def test_no_spacing_leaves_every_length_unknown(run: Run, shipped_reader: Shipped, shared_data: Path) -> None:
    shipped_reader("breast-ultrasound")
    _, reading = read(run, first_image(shared_data, "breast-ultrasound"), "breast-ultrasound")
    lengths = [f for f in reading.findings if f.unit in ("mm", "mm2")]
    assert lengths
    assert all(f.unknown_because for f in lengths)


def test_a_png_and_a_dicom_made_from_it_give_the_same_findings(
    run: Run, work: Path, shipped_reader: Shipped, shared_data: Path
) -> None:
    pydicom = pytest.importorskip("pydicom")
    shipped_reader("breast-ultrasound")
    image = first_image(shared_data, "breast-ultrasound")
    pixels = np.asarray(Image.open(image).convert("L"))
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = pydicom.uid.UltrasoundImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = pydicom.uid.generate_uid()
    dataset.Modality = "US"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    dataset.PixelData = pixels.tobytes() + b"\0" * (pixels.size % 2)
    dataset.save_as(work / "case.dcm", enforce_file_format=True)
    Image.fromarray(pixels).save(work / "case.png")
    from_dicom = read(run, work / "case.dcm", "breast-ultrasound", "--spacing-mm", "0.1")[1]
    from_png = read(run, work / "case.png", "breast-ultrasound", "--spacing-mm", "0.1")[1]
    assert from_dicom.findings == from_png.findings
    assert from_dicom.study.pixels_sha256 == from_png.study.pixels_sha256


def test_a_tampered_reader_is_refused_and_says_which_file(run: Run, work: Path, shipped_reader: Shipped) -> None:
    source = shipped_reader("fundus")
    copy = work / "copy"
    copy.mkdir()
    for file in source.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    weights = bytearray((copy / "weights.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "weights.safetensors").write_bytes(weights)
    Image.fromarray(np.zeros((64, 64), dtype=np.uint8)).save(work / "x.png")
    code, _, err = run("read", work / "x.png", "--reader", copy)
    assert code == 1
    assert "weights.safetensors" in err
    assert "SHA-256" in err


def test_evaluate_writes_the_figures_of_the_contract(run: Run, work: Path, shipped_reader: Shipped, shared_data: Path) -> None:
    shipped_reader("breast-ultrasound")
    lines = (shared_data / "breast-us" / "manifest.csv").read_text(encoding="utf-8").splitlines()
    (work / "images").symlink_to(shared_data / "breast-us" / "images")
    (work / "manifest.csv").write_text("\n".join(lines[:7]) + "\n", encoding="utf-8")
    code, out, _ = run("evaluate", "--reader", "breast-ultrasound", "--data", "manifest.csv", "--json", "figures.json")
    assert code == 0
    assert "6 images" in out
    figures = json.loads((work / "figures.json").read_text())
    assert {"reader", "weights_sha256", "n_images", "n_patients", "concepts", "assessments", "localisation", "shadow"} <= set(
        figures
    )
