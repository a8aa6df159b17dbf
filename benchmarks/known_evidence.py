"""Is the judge right where the evidence is known? Shortcuts planted in real images: how many are found, how many false alarms?

    python benchmarks/known_evidence.py shortcuts --runs 60 --first-seed 4000 [--json FILE]
    python benchmarks/known_evidence_verdicts.py --runs 30 [--json FILE]      (is the wrong explanation refused?)

Every run takes a set (breast-us, lung-nodule, blood-cell at 64 px), a kind of shortcut, a place and a seed; trains a small net
with the shortcut agreeing with the label in 95 % of the training images, and a clean twin: without it, or with it at random.
Thresholds were chosen on seeds below 4000; what is reported begins there.
"""

import argparse
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from pellucid.audit.cases import Cases, Images, Predict
from pellucid.audit.shortcut import find_shortcuts
from pellucid.record.shortcut import ShortcutAudit
from pellucid.train.classifier import probabilities
from pellucid.train.labels import read_manifest
from pellucid.trial.known_evidence import PLANTS, Plant, planted, taught

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
SIDE = 64
PER_CLASS = 150
SETS = ("breast-us", "lung-nodule", "blood-cell")
AGREEMENT = 0.95
USED = 0.1
"""A net counts as having learned the shortcut where putting it on or off moves its probability by more, on average."""


@dataclass(frozen=True)
class Set:
    """Grey images (n, 1, 64, 64) in 0..1, labels (n,), patients (n,), lesions (n, 64, 64) or None."""

    images: Images
    labels: NDArray[np.int64]
    patients: NDArray[np.str_]
    masks: NDArray[np.bool_] | None


def small(path: Path) -> NDArray[np.float32]:
    """A file as grey pixels in 0..1, 64 by 64."""
    return np.asarray(Image.open(path).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX), np.float32) / np.float32(255)


def load_set(name: str, cache: Path) -> Set:
    """A set at 64 px: lesions of the breast, malignant or not; nodules rated 4 or more, or 2 or less; two kinds of cells."""
    path = cache / f"known_{name}.npz"
    if not path.is_file():
        rows = read_manifest(DATA / name / "manifest.csv")
        images, labels, patients, masks = [], [], [], []
        counts = [0, 0]
        for i in np.random.default_rng(0).permutation(len(rows)):
            row, label = rows[i], label_of(name, rows[i])
            if label is None or counts[label] >= PER_CLASS:
                continue
            counts[label] += 1
            folder = DATA / name / "images"
            images.append(small(folder / row["image"]))
            labels.append(label)
            patients.append(row.get("patient_id") or row.get("case_id") or row["image"])
            file = row.get("tumor_mask") or row.get("mask_reader0")
            masks.append(small(folder / file.split("&")[0]) > 0 if file else np.zeros((SIDE, SIDE), dtype=bool))
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(path, images=np.stack(images)[:, None], labels=labels, patients=np.array(patients), masks=np.stack(masks))
    with np.load(path) as found:
        masks = found["masks"] if name != "blood-cell" else None
        return Set(found["images"], found["labels"].astype(np.int64), found["patients"].astype(str), masks)


def label_of(name: str, row: dict[str, str]) -> int | None:
    """The class of a row, None where it is not used."""
    if name == "breast-us":
        return {"benign": 0, "malignant": 1}.get(row["classification"])
    if name == "blood-cell":
        return {"Neutrophil": 0, "Eosinophil": 1}.get(row["label"])
    rated = float(row["malignancy_median"])
    return 1 if rated >= 4 else 0 if rated <= 2 else None


@dataclass(frozen=True)
class Net:
    """A trained net with what is known of it."""

    predict: Predict
    cases: Cases
    kind: str
    plant: Plant
    place: str
    effect: float
    """Mean change of the probability when the shortcut is put on or off, everything else the same."""
    accuracy: float


def make(kind: str, seed: int, agreement: float | None, cache: Path) -> tuple[Net, str]:
    """One net: `agreement` None leaves the images as they are; 0.5 plants at random."""
    rng = np.random.default_rng([seed, 7])
    name = SETS[seed % len(SETS)]
    data = load_set(name, cache)
    maker, places = PLANTS[kind]
    place = places[int(rng.integers(len(places)))]
    plant = maker((SIDE, SIDE), place)
    names = rng.permutation(np.unique(data.patients))
    test = np.isin(data.patients, names[: len(names) // 2])
    images = data.images
    if agreement is not None:
        images, _ = planted(images, data.labels, plant, agreement, rng)
    net = taught(images[~test], data.labels[~test], seed)

    def predict(x: Images) -> NDArray[np.float64]:
        return probabilities(net, x, 64)

    on, off = (np.stack([f(x) for x in data.images[test]]) for f in (plant.present, plant.absent))
    effect = float(np.abs(predict(on) - predict(off))[:, 1].mean())
    accuracy = float((predict(images[test]).argmax(1) == data.labels[test]).mean())
    cases = Cases(images[test], data.labels[test], data.patients[test], None if data.masks is None else data.masks[test])
    return Net(predict, cases, kind, plant, place, effect, accuracy), name


def found_it(audit: ShortcutAudit, plant: Plant, severities: Sequence[str]) -> bool:
    """Whether a finding lies on the planted place: it holds half of it, or half of the finding's box lies in its box."""
    height, width = plant.place.shape
    for finding in audit.findings:
        left, top, wide, tall = finding.box
        box = np.zeros_like(plant.place)
        box[round(top * height) : round((top + tall) * height), round(left * width) : round((left + wide) * width)] = True
        share = np.count_nonzero(box & plant.place) / np.count_nonzero(plant.place)
        inside = np.count_nonzero(box & plant.place) / np.count_nonzero(box)
        if finding.severity in severities and (share >= 0.5 or inside >= 0.25):
            return True
    return False


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    if n == 0:
        return 0.0, 1.0
    z, p = 1.959964, hits / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def run(kind: str, seed: int, twin: str, cache: Path) -> dict[str, Any]:
    """One net made and searched."""
    agreement = {"planted": AGREEMENT, "at random": 0.5, "none": None}[twin]
    start = time.perf_counter()
    net, name = make(kind, seed, agreement, cache)
    made = time.perf_counter()
    audit = find_shortcuts(net.cases, net.predict, np.random.default_rng([seed, 9]))
    return {
        "kind": kind,
        "seed": seed,
        "twin": twin,
        "set": name,
        "place": net.plant.where,
        "effect": net.effect,
        "accuracy": net.accuracy,
        "named": found_it(audit, net.plant, ("shortcut",)),
        "noticed": found_it(audit, net.plant, ("shortcut", "suspicion")),
        "severity": audit.severity,
        "findings": [
            {
                "where": f.where,
                "look": f.look,
                "severity": f.severity,
                "by": f.found_by,
                "removed": f.removed.difference.model_dump(),
                "transplanted": f.transplanted.difference.model_dump(),
                "sentence": f.sentence,
            }
            for f in audit.findings
        ],
        "surroundings": None if audit.surroundings is None else audit.surroundings.sentence,
        "seconds": [made - start, time.perf_counter() - made],
    }


def shortcuts(runs: int, first: int, cache: Path, keep: Path | None) -> list[dict[str, Any]]:
    """Planted nets and as many clean twins, kinds and sets in turn; those that `keep` holds are not made again."""
    found: list[dict[str, Any]] = json.loads(keep.read_text(encoding="utf-8")) if keep and keep.is_file() else []
    there = {(r["seed"], r["twin"]) for r in found}
    kinds = list(PLANTS)
    for i in range(runs):
        kind = kinds[i % len(kinds)]
        for twin in ("planted", "at random" if i % 2 else "none"):
            seed = first + i // len(kinds) * len(kinds) + i
            if (seed, twin) in there:
                continue
            one = run(kind, seed, twin, cache)
            found.append(one)
            if keep:
                keep.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
            told = "; ".join(f"{f['look']} {f['where']} [{f['severity']}]" for f in one["findings"])
            print(
                f"{i:>3} {kind:<17}{twin:<10}{one['set']:<12}{one['place']:<24} effect {one['effect']:.2f} "
                f"acc {one['accuracy']:.2f} {one['severity']:<10} named {one['named']!s:<6}"
                f"{one['seconds'][0]:.0f}+{one['seconds'][1]:.0f} s  {told}",
                flush=True,
            )
    return found


def summary(found: Sequence[dict[str, Any]]) -> list[str]:
    """The error rates with Wilson intervals."""
    lines = []
    learned = [r for r in found if r["twin"] == "planted" and r["effect"] > USED]
    missed = sum(r["twin"] == "planted" for r in found) - len(learned)
    clean = [r for r in found if r["twin"] != "planted" and not (r["twin"] == "at random" and r["effect"] > USED)]
    for title, rows, key in (
        ("planted and learned: named", learned, lambda r: r["named"]),
        ("planted and learned: noticed (named or suspected)", learned, lambda r: r["noticed"]),
        ("clean: a shortcut named that is none", clean, lambda r: r["severity"] == "shortcut"),
        ("clean: a suspicion", clean, lambda r: r["severity"] == "suspicion"),
    ):
        hits = sum(bool(key(r)) for r in rows)
        low, high = wilson(hits, len(rows))
        lines.append(f"{title:<52}{hits:>4} of {len(rows):>3}: {hits / max(1, len(rows)):.3f} ({low:.3f}–{high:.3f})")
    lines.append(f"planted but not learned by the net (left out above): {missed}")
    return lines


def main() -> None:
    """Runs, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["shortcuts"])
    parser.add_argument("--runs", type=int, default=12)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=Path("/tmp/pellucid-known"))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print("\n".join(summary(shortcuts(args.runs, args.first_seed, args.cache, args.json))))


if __name__ == "__main__":
    main()
