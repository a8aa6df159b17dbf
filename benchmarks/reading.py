"""What a justified reading costs beside the bare encoder on the same image, in one run on one thread.

    python benchmarks/reading.py [READER …] [--image FILE] [--repeats N]

Prints, per reader, the milliseconds of every part and two ratios: the whole reading to the encoder's forward pass, and the
verification (a process of its own, without torch) to its limit of half a second.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from pellucid.images import prepare, study_from_array
from pellucid.images.frames import StudyImage
from pellucid.images.study import open_study
from pellucid.reader import Reader, list_readers, load_reader

LIMIT_RATIO = 1.25
LIMIT_VERIFY_S = 0.5


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reader", nargs="*", default=list(list_readers()))
    parser.add_argument("--image", type=Path)
    parser.add_argument("--repeats", type=int, default=30)
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in args.reader:
        reader = load_reader(name)
        image = open_study(args.image).images[0] if args.image else example(reader)
        print("\n".join(table(reader, image, args.repeats)))


def example(reader: Reader) -> StudyImage:
    """The fundus photograph that scikit-image ships, as grey for a reader of ultrasound."""
    import skimage.data

    pixels = skimage.data.retina()
    return study_from_array(pixels if reader.card.reader.modality != "US" else pixels[:, :, 1], spacing_mm=0.07).images[0]


def milliseconds(work: Callable[[], object], repeats: int) -> float:
    """The median time of some work, after one run to warm up."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


@torch.inference_mode()
def forward(reader: Reader, batch: torch.Tensor) -> object:
    """The bare encoder's forward pass."""
    return reader.net.encoder(batch)


def interleaved(one: Callable[[], object], other: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Median times of two works done in turn, so that both meet the same caches."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats + 1):
        for work, kept in zip((one, other), times, strict=True):
            start = time.perf_counter()
            work()
            kept.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times[0][1:]), statistics.median(times[1][1:])


def table(reader: Reader, image: StudyImage, repeats: int) -> list[str]:
    """The lines of one reader's table."""
    pixels, plan = image.pixels(), reader.card.plan()
    batch = torch.from_numpy(prepare(pixels, plan).array).unsqueeze(0).contiguous(memory_format=torch.channels_last)
    sight, reading = reader.see(image), reader.read(image)
    net = reader.net.bottleneck
    with torch.inference_mode():
        grids = reader.net.encoder(batch)
        encoder = milliseconds(lambda: reader.net.encoder(batch), repeats)
        bottleneck = milliseconds(lambda: net.support(net(grids), grids), repeats)
    parts = {
        "bare encoder": encoder,
        "preparation": milliseconds(lambda: prepare(pixels, plan), repeats),
        "concepts, places, shadow": bottleneck,
        "findings, rules, reasons, record": milliseconds(lambda: reader.conclude(image, sight), repeats),
    }
    whole, bare = interleaved(lambda: reader.read(image), lambda: forward(reader, batch), repeats)
    seconds = verify_seconds(reading.as_json())
    lines = [f"{reader.card.reader.name}: image {pixels.shape[1]}x{pixels.shape[0]}, one thread, median of {repeats}"]
    lines += [f"  {name:<36}{value:8.1f} ms{value / encoder:8.2f} x encoder" for name, value in parts.items()]
    lines.append(f"  {'whole reading':<36}{whole:8.1f} ms{whole / bare:8.2f} x encoder   (limit {LIMIT_RATIO}, in turn)")
    lines.append(f"  {'pellucid verify, whole process':<36}{seconds * 1e3:8.1f} ms{seconds / LIMIT_VERIFY_S:8.2f} x its limit")
    return lines


def verify_seconds(text: str) -> float:
    """The fastest of five runs of `pellucid verify` on a reading, as a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reading.json"
        path.write_text(text, encoding="utf-8")
        times = []
        for _ in range(5):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-m", "pellucid.app", "verify", str(path)], check=True, capture_output=True)
            times.append(time.perf_counter() - start)
    return float(np.min(times))


if __name__ == "__main__":
    main()
