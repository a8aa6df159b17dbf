"""The concept audit of a reader as tables, and what the blood-cell attributes are worth without any image.

    python benchmarks/concept_audit.py breast-ultrasound ../shared/data/breast-us/manifest.csv
    python benchmarks/concept_audit.py breast-ultrasound MANIFEST --recipe recipes/breast-ultrasound.toml --out build/breast
    python benchmarks/concept_audit.py blood-cell ../shared/data/blood-cell

With --recipe and --out (the folder of `pellucid train`) every image is read by the net of a fold that did not see it.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pellucid.audit.agreement import accuracy, kappa
from pellucid.audit.concept_baselines import ceiling, class_only, inconsistent, majority
from pellucid.audit.logistic import held_out_probabilities
from pellucid.record import ConceptAudit, Line, Measured
from pellucid.train.labels import read_manifest

SECTIONS = (
    "accuracy", "ceilings", "leakage", "locality", "independence", "intervention_gains", "calibration", "reasons", "words",
)  # fmt: skip


def said(m: Measured) -> str:
    """`0.80 (0.75–0.85)`, a bare number, or the reason why there is none."""
    if m.value is None:
        return f"– ({m.reason})"
    return f"{m.value:.3f}" if m.low is None or m.high is None else f"{m.value:.3f} ({m.low:.3f}–{m.high:.3f})"


def row(x: Line) -> str:
    """One line of a table."""
    beside = "; ".join(f"{b.name} {said(b.measured)}" for b in x.beside)
    return f"| {x.measure} | {x.of} | {said(x.measured)} | {x.measured.n} | {beside} |"


def show(audit: ConceptAudit) -> None:
    """The whole audit."""
    print(f"{audit.reader}: {audit.images} images, {audit.patients} patients. {audit.basis_said}")
    for section in SECTIONS:
        print(f"\n{section}\n\n| measure | of | value (95 %) | n | beside |\n|---|---|---|---|---|")
        for x in getattr(audit, section):
            print(row(x))
    for pair in audit.dependent_pairs:
        print(f"not independent: {pair.first}, {pair.second}: {pair.correlation:+.2f} (p {pair.p_corrected:.4f})")
    for curve in (*audit.interventions, *audit.decision_curves):
        print(f"{curve.of}, {curve.name}: " + " ".join(f"{x:g}:{y:.3f}" for x, y in zip(curve.x, curve.y, strict=True)))
    print("\n".join([*audit.struck, *audit.notes]))


def blood_cells(folder: Path) -> None:
    """Attributes of blood cells on the labels alone: majority, class alone, second annotator, ceiling."""
    rows = read_manifest(folder / "manifest.csv")
    again = {r["img_name"]: r for r in read_manifest(folder / "reannotations.csv")}
    both = [r for r in rows if r["image"] in again]
    names = [n for n in rows[0] if n not in ("image", "label", "split")]
    classes, folds = _codes([r["label"] for r in rows]), np.arange(len(rows)) % 5
    print("| attribute | majority | class alone | the same held out | second annotator | kappa |\n|---|---|---|---|---|---|")
    table: list[np.ndarray] = []
    means: list[tuple[float, ...]] = []
    for name in names:
        labels = _codes([r[name] for r in rows])
        pair = _codes([*(r[name] for r in both), *(again[r["image"]][name] for r in both)])
        one, two = pair[: len(both)], pair[len(both) :]
        alone = (class_only(labels, classes), class_only(labels, classes, folds))
        found = (majority(labels), *alone, accuracy(one, two), kappa(one, two))
        print(f"| {name} | " + " | ".join(f"{v:.3f}" for v in found) + " |")
        table.append(labels)
        means.append(found)
    print("| mean | " + " | ".join(f"{v:.3f}" for v in np.mean(means, axis=0)) + " |")
    profiles = np.stack(table, axis=1)
    count, mixed, inside = inconsistent(profiles, classes)
    print(f"\n{len(rows)} cells, {len(both)} annotated twice")
    print(f"{count} profiles, {mixed} of them with several classes ({inside} cells)")
    print(f"ceiling {ceiling(profiles, classes):.4f}, held out {ceiling(profiles, classes, folds):.4f}")
    hot = np.concatenate([np.eye(int(t.max()) + 1)[t][:, 1:] for t in table], axis=1)
    print(f"logistic regression on the true attributes, held out: {accuracy(classes, _best(hot, classes, folds)):.4f}")


def _best(features: np.ndarray, labels: np.ndarray, folds: np.ndarray) -> np.ndarray:
    return held_out_probabilities(features, labels, folds).argmax(axis=1)


def _codes(words: Sequence[str]) -> np.ndarray:
    return np.unique([w.lower() for w in words], return_inverse=True)[1]


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reader")
    parser.add_argument("data", type=Path)
    parser.add_argument("--recipe", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if given.reader == "blood-cell":
        blood_cells(given.data)
        return
    from pellucid.reader import load_reader
    from pellucid.trial.concept_cases import Plan
    from pellucid.trial.concepts import audit_concepts
    from pellucid.trial.held_out import fold_readers

    start = time.perf_counter()
    folds = fold_readers(given.recipe, given.out) if given.recipe and given.out else None
    audit = audit_concepts(load_reader(given.reader), given.data, by_fold=folds, plan=Plan(limit=given.limit))
    if given.json:
        given.json.write_text(audit.model_dump_json(indent=1) + "\n", encoding="utf-8")
    show(audit)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
