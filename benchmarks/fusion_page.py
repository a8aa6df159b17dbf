"""Writes the tables of docs/studies/fusion.md from what benchmarks/fusion.py and benchmarks/fusion_shortcuts.py measured.

    python benchmarks/fusion_page.py DIR [--page PAGE]

What stands between the page's marks is replaced; nothing in it is typed by hand. DIR/timing.json is measured where it is missing.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from fusion import BOTH, LINES, ONE, SETS, Line, spec_of
from numpy.typing import NDArray

from pellucid.audit.agreement import accuracy, auroc, balanced_accuracy, majority_baseline, quadratic_kappa
from pellucid.audit.interval import Interval, bootstrap
from pellucid.models.encoders import load_encoder
from pellucid.models.fusion import FusionClassifier, parameters_of
from pellucid.train.files import write_whole

PAGE = Path(__file__).resolve().parent.parent / "docs" / "studies" / "fusion.md"
BEGIN, END = "<!-- {}: written by benchmarks/fusion_page.py -->", "<!-- end of {} -->"
ROUNDS = 15
TITLES = {
    "probe-lite0": "probe: EfficientNet-Lite0 frozen, logistic regression",
    "probe-both": "probe: both encoders frozen, logistic regression",
    "conv-lite0": "EfficientNet-Lite0 frozen, convolution learned",
    "transformer-lite0": "EfficientNet-Lite0 frozen, transformer and convolution learned",
    "fusion-no-blocks": "both frozen, convolution learned (fusion without transformer)",
    "fusion-frozen": "**fusion**: both frozen, transformer and convolution learned",
    "fusion-whole": "**fusion**: everything learned",
    "cnn": "CNN only: EfficientNet-Lite0, everything learned",
    "vit": "ViT only: small, from random weights",
}
SET_TITLES = {
    "brain-mri": "brain-mri, four classes",
    "fundus": "fundus, referable diabetic retinopathy (grade 2 or more)",
    "fundus-grade": "fundus, grade 0 to 4",
}
COMPARED = (
    ("fusion-frozen", "probe-both", "transformer and convolution over logistic regression on the same two encoders"),
    ("fusion-frozen", "probe-lite0", "all of fusion over logistic regression on one encoder"),
    ("fusion-frozen", "fusion-no-blocks", "the transformer blocks alone"),
    ("fusion-frozen", "transformer-lite0", "the second encoder alone, under the transformer"),
    ("probe-both", "probe-lite0", "the second encoder alone, under logistic regression"),
    ("fusion-frozen", "cnn", "fusion on frozen encoders over one CNN fine-tuned"),
    ("fusion-whole", "fusion-frozen", "fine-tuning both CNNs"),
    ("cnn", "vit", "ImageNet weights and convolutions over a ViT from random weights"),
)
Scores = NDArray[np.float64]
Measure = Callable[[NDArray[np.int64], Scores], float]


@dataclass(frozen=True)
class Results:
    """A set's held-out labels (m,), its classes, and of each line the probabilities (seeds, m, K) and what was learned."""

    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    p: dict[str, Scores]
    learned: dict[str, int]


def load(folder: Path) -> Results | None:
    """What was measured of a set; None where nothing was."""
    if not (folder / "cases.json").is_file():
        return None
    about = json.loads((folder / "cases.json").read_text(encoding="utf-8"))
    p: dict[str, Scores] = {}
    learned: dict[str, int] = {}
    for name in LINES:
        runs = [json.loads(f.read_text(encoding="utf-8")) for f in sorted(folder.glob(f"{name}-[0-9].json"))]
        if runs:
            p[name], learned[name] = np.array([run["p"] for run in runs]), runs[0]["learned"]
    return Results(np.array(about["labels"]), tuple(about["classes"]), p, learned)


def right(y: NDArray[np.int64], p: Scores) -> float:
    """Accuracy."""
    return accuracy(y, p.argmax(axis=1))


def balanced(y: NDArray[np.int64], p: Scores) -> float:
    """Mean recall of the classes."""
    return balanced_accuracy(y, p.argmax(axis=1))


def area(y: NDArray[np.int64], p: Scores) -> float:
    """Area under the curve, one class against the rest, averaged."""
    columns = range(1 if p.shape[1] == 2 else 0, p.shape[1])
    return float(np.mean([auroc((y == k).astype(int), p[:, k]) for k in columns]))


def graded(y: NDArray[np.int64], p: Scores) -> float:
    """Quadratic-weighted kappa of the grade."""
    return quadratic_kappa(y, p.argmax(axis=1))


def over_seeds(measure: Measure, y: NDArray[np.int64], p: Scores) -> Interval:
    """A measure averaged over seeds (S, m, K), with its interval over images (all seeds see the same resample)."""

    def mean(labels: NDArray[np.int64], stacked: Scores) -> float:
        return float(np.mean([measure(labels, stacked[:, s]) for s in range(stacked.shape[1])]))

    return bootstrap(mean, (y, p.transpose(1, 0, 2)), np.random.default_rng(0))


def gain(y: NDArray[np.int64], p: Scores, q: Scores) -> Interval:
    """How much more of the images line p gets right than line q, averaged over the seeds of each; paired over images."""
    hits = [(np.equal(a.argmax(axis=2), y)).mean(axis=0) for a in (p, q)]
    return bootstrap(lambda d: float(d.mean()), (hits[0] - hits[1],), np.random.default_rng(0))


def shown(value: Interval, factor: float = 100.0) -> str:
    """Value with its interval; shares in per cent."""
    digits = 1 if factor == 100.0 else 3
    if value.value is None or value.low is None or value.high is None:
        return "n/a"
    middle, low, high = (f"{v * factor:.{digits}f}" for v in (value.value, value.low, value.high))
    return f"{middle} ({low} to {high})".replace("-0.0 ", "0.0 ")


def table(name: str, results: Results, timing: dict[str, Any]) -> list[str]:
    """The table of one set, the trivial baseline first."""
    tumours, last = name == "brain-mri", "AUROC" if name != "fundus-grade" else "quadratic kappa"
    head = ["line", "seeds", "numbers learned", "accuracy, %", "balanced accuracy, %", last]
    head += ["three tumours only, %"] * tumours + ["ms per image"]
    kinds = "; ".join(f"{c} {int((results.labels == k).sum())}" for k, c in enumerate(results.classes))
    rows = [f"### {SET_TITLES[name]}", "", f"Held-out fold 0: {len(results.labels)} images ({kinds}).", ""]
    rows += ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    constant = 100 * majority_baseline(accuracy, results.labels)
    floor = [f"{constant:.1f}", f"{100 / len(results.classes):.1f}", "0" if last != "AUROC" else "0.500"]
    some = results.labels < 3
    floor += [f"{100 * majority_baseline(accuracy, results.labels[some]):.1f}"] * tumours
    rows.append("| " + " | ".join(["always the commonest class", "", "0", *floor, ""]) + " |")
    for line, title in TITLES.items():
        if line not in results.p:
            if name != "fundus-grade" or LINES[line].kind != "whole":
                rows.append(f"| {title} | not run yet |" + " |" * (len(head) - 2))
            continue
        p, y = results.p[line], results.labels
        cells = [title, str(len(p)), f"{results.learned[line]:,}"]
        cells += [shown(over_seeds(right, y, p)), shown(over_seeds(balanced, y, p))]
        cells.append(shown(over_seeds(area if last == "AUROC" else graded, y, p), 1.0))
        if tumours:
            cells.append(shown(over_seeds(right, y[some], p[:, some, :3])))
        rows.append("| " + " | ".join([*cells, f"{timing[line]['ms']:.0f}"]) + " |")
    return [*rows, ""]


def gains(found: dict[str, Results]) -> list[str]:
    """What each part adds, in percentage points of accuracy."""
    rows = ["| what is added | " + " | ".join(SET_TITLES[name] for name in found) + " |", "|---" * (len(found) + 1) + "|"]
    for new, old, what in COMPARED:
        cells: list[str] = []
        for results in found.values():
            if new not in results.p or old not in results.p:
                cells.append("not run")
                continue
            value = gain(results.labels, results.p[new], results.p[old])
            clear = "" if value.low is None or value.high is None or value.low <= 0 <= value.high else "**"
            cells.append(f"{clear}{shown(value)}{clear}")
        if set(cells) != {"not run"}:
            rows.append(f"| {what} | " + " | ".join(cells) + " |")
    return [*rows, "", "Percentage points of accuracy, paired over images; bold where the interval leaves zero out."]


def shortcuts(folder: Path, brain: Results) -> list[str]:
    """What the set gives away, and how the figures fall where no training slice is alike."""
    told = json.loads((folder / "shortcuts.json").read_text(encoding="utf-8"))
    twins = np.array(told["twins"])
    rows = ["| what is looked at (no net) | `no` against tumours, AUROC | four classes, accuracy % |", "|---|---|---|"]
    for key, title in (
        ("frame", "the outer 6 of 96 pixels alone, logistic regression"),
        ("file", "width, height, their ratio and share of black alone, logistic regression"),
        ("nearest", "class of the training slice with the highest pixel correlation"),
    ):
        cells = [Interval(**told[key][m]) if m in told[key] else None for m in ("none_auroc", "accuracy")]
        first = shown(cells[0], 1.0) if cells[0] else ""
        rows.append(f"| {title} | {first} | {shown(cells[1]) if cells[1] else ''} |")
    alike, middle = float((twins >= 0.95).mean()), float(np.median(twins))
    rows += ["", f"Of the held-out slices {100 * alike:.0f} % have a training slice that correlates with them by 0.95 or more."]
    rows += [f"Accuracy on the half with the nearer training slice (correlation {middle:.2f} or more) and on the other half:", ""]
    rows += ["| line | nearer half, % | farther half, % |", "|---|---|---|"]
    for line, title in TITLES.items():
        if line in brain.p:
            halves = [shown(over_seeds(right, brain.labels[w], brain.p[line][:, w])) for w in (twins >= middle, twins < middle)]
            rows.append(f"| {title} | {halves[0]} | {halves[1]} |")
    return rows


def nets() -> dict[str, torch.nn.Module]:
    """A net of each line, weights untrained: what it costs does not depend on them."""
    made: dict[str, torch.nn.Module] = {}
    for name, line in LINES.items():
        if line.kind == "head":
            made[name] = FusionClassifier(spec_of(line), 4)
    made["probe-both"] = FusionClassifier(spec_of(Line("head", BOTH, 0)), 4)
    made["probe-lite0"] = load_encoder(ONE[0])
    made["fusion-whole"] = made["fusion-frozen"]
    made["cnn"] = timm.create_model(ONE[0], num_classes=4)
    options: dict[str, Any] = {"img_size": 96, "patch_size": 8, "embed_dim": 128, "depth": 6, "num_heads": 4}
    made["vit"] = timm.create_model("vit_tiny_patch16_224", num_classes=4, **options)
    return made


@torch.inference_mode()
def timed(path: Path) -> dict[str, Any]:
    """Milliseconds of one 96 px image on one thread, the fastest of rounds in which all lines take turns."""
    if not path.is_file():
        torch.set_num_threads(1)
        made, x = {name: net.eval() for name, net in nets().items()}, torch.zeros(1, 3, 96, 96)
        times: dict[str, list[float]] = {name: [] for name in made}
        for _ in range(ROUNDS):
            for name, net in made.items():
                start = time.perf_counter()
                net(x)
                times[name].append(1000 * (time.perf_counter() - start))
        told = {n: {"ms": min(times[n]), "numbers": parameters_of(net)[0]} for n, net in made.items()}
        write_whole(path, json.dumps(told, indent=1) + "\n")
    return json.loads(path.read_text(encoding="utf-8"))


def put(text: str, name: str, rows: list[str]) -> str:
    """The page with one block replaced."""
    begin, end = BEGIN.format(name), END.format(name)
    before, rest = text.split(begin)
    return before + "\n".join([begin, "", *rows, "", end]) + rest.split(end)[1]


def main() -> None:
    """Writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--page", type=Path, default=PAGE)
    args = parser.parse_args()
    found = {name: results for name in SETS if (results := load(args.folder / name)) is not None}
    timing = timed(args.folder / "timing.json")
    text = args.page.read_text(encoding="utf-8")
    text = put(text, "tables", [row for name, results in found.items() for row in table(name, results, timing)])
    text = put(text, "gains", gains(found))
    text = put(text, "shortcuts", shortcuts(args.folder, found["brain-mri"]))
    write_whole(args.page, text)


if __name__ == "__main__":
    main()
