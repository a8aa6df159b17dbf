"""The reader `blood-cell` on the validation cells: attributes beside the class alone and beside people, the type by rules, and
cells of a kind that it never saw.

    python benchmarks/blood_cell.py blood-cell blood-cell-other [-o docs/readers/blood-cell.md] [--reader blood-cell]

The folders are those of the sets: `manifest.csv` with its split and `reannotations.csv`, and 700 immature granulocytes. With `-o`
what stands between the page's two marks is replaced. Intervals: 95 % bootstrap over cells.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from pellucid.audit.agreement import accuracy, auroc, macro_f1
from pellucid.audit.interval import bootstrap
from pellucid.images import open_study
from pellucid.knowledge import evaluate, load_guideline
from pellucid.reader import Reader, load_reader
from pellucid.record import Finding, Observer, Reading
from pellucid.train.data import TESTED, Cases, load_cases
from pellucid.train.labels import label_array, read_manifest

BEGIN, END = "<!-- benchmark: written by benchmarks/blood_cell.py -->", "<!-- end of benchmark -->"
PUBLISHED = "ResNet-50 of Tsutsui et al. 2023 on the test part: accuracy 94.1 %, macro F1 91.3 %"
WHO = Observer(name="stated by the reader", kind="model")
Ints = NDArray[np.int64]


def main() -> None:
    """Reads, measures, prints, and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("other", type=Path)
    parser.add_argument("-o", "--out", type=Path)
    parser.add_argument("--reader", default="blood-cell")
    args = parser.parse_args()
    reader = load_reader(args.reader)
    types = tuple(reader.guideline("cell-type").questions["cell-type"].categories)
    cases = load_cases(reader.card, args.folder / "manifest.csv", {"cell-type": types})
    tested = np.flatnonzero(cases.folds == TESTED)
    readings = read_all(reader, [args.folder / "images" / cases.names[i] for i in tested])
    others = read_all(reader, sorted((args.other / "images").iterdir()))
    human = second_annotator(reader, cases, args.folder / "reannotations.csv")
    lines = [
        *attributes(reader, cases, tested, readings, human),
        "",
        *kinds(cases, tested, readings, types),
        "",
        *unseen(readings, others),
    ]
    text = "\n".join(lines)
    print(text)
    if args.out:
        page = args.out.read_text(encoding="utf-8")
        before, rest = page.split(BEGIN, 1)
        args.out.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.split(END, 1)[1]}", encoding="utf-8")


def read_all(reader: Reader, files: Sequence[Path]) -> list[Reading]:
    """A reading of every image."""
    return [reader.read(open_study(file)) for file in tqdm(files, disable=None)]


def second_annotator(reader: Reader, cases: Cases, table: Path) -> dict[str, tuple[Ints, Ints]]:
    """Per attribute: what the first and the second annotator said of the cells that both judged."""
    rows = {row["img_name"]: row for row in read_manifest(table)}
    both = [i for i, name in enumerate(cases.names) if name in rows]
    again = [rows[cases.names[i]] for i in both]
    return {
        spec.name: (cases.labels[both, k], label_array(spec.labels, spec.states, again))
        for k, spec in enumerate(reader.card.concepts)
    }


def commonest_given_class(labels: Ints, kinds: Ints, fitted: NDArray[np.bool_], tested: Ints) -> Ints:
    """What somebody would say of an attribute who knows the type of the cell and nothing else."""
    said = {int(kind): Counter(labels[fitted & (kinds == kind)].tolist()).most_common(1)[0][0] for kind in np.unique(kinds)}
    return np.array([said[int(kind)] for kind in kinds[tested]])


def stated_states(reading: Reading) -> dict[str, str | None]:
    """The state of every attribute as stated; where none is, the most probable one."""
    return {f.concept: f.state or (f.states or ())[int(np.argmax(f.probabilities or ()))] for f in reading.findings}


def mean_recall(labels: Ints, said: Ints) -> float:
    """Mean over the types of the share that was recognised; a type left open (-1) was not."""
    return float(np.mean([(said[labels == kind] == kind).mean() for kind in np.unique(labels)]))


def attributes(
    reader: Reader, cases: Cases, tested: Ints, readings: Sequence[Reading], human: dict[str, tuple[Ints, Ints]]
) -> list[str]:
    """One row per attribute, and their means."""
    kinds, fitted = cases.outcomes["cell-type"], cases.folds != TESTED
    truth, ours, alone = [], [], []
    lines = ["| attribute | accuracy | macro F1 | type alone | majority | two people |", "|---|---|---|---|---|---|"]
    for k, spec in enumerate(reader.card.concepts):
        said = [stated_states(reading)[spec.name] for reading in readings]
        truth.append(cases.labels[tested, k])
        ours.append(np.array([spec.states.index(s) if s is not None else -1 for s in said]))
        alone.append(commonest_given_class(cases.labels[:, k], kinds, fitted, tested))
        majority = np.bincount(truth[-1]).max() / len(tested)
        figures = [
            interval(accuracy, truth[-1], ours[-1]), interval(macro_f1, truth[-1], ours[-1]),
            f"{accuracy(truth[-1], alone[-1]):.3f}", f"{majority:.3f}", f"{accuracy(*human[spec.name]):.3f}",
        ]  # fmt: skip
        lines.append(f"| {spec.name.replace('_', ' ')} | {' | '.join(figures)} |")
    y, p, c = (np.stack(part, axis=1) for part in (truth, ours, alone))
    people = float(np.mean([accuracy(*pair) for pair in human.values()]))
    majority = float(np.mean([np.bincount(column).max() / len(tested) for column in truth]))
    means = [
        interval(mean_of(accuracy), y, p), interval(mean_of(macro_f1), y, p), interval(mean_of(accuracy), y, c),
        f"{majority:.3f}", f"{people:.3f}",
    ]  # fmt: skip
    first = len(human[reader.card.concepts[0].name][0])
    return [
        f"{len(tested)} cells that neither net nor calibration saw. *Type alone*: the commonest state "
        f"given the true type of the cell. "
        f"*Two people*: the second annotator against the first on {first} cells of the set. Where no state is "
        f"stated the most probable one counts. {PUBLISHED}.",
        "", *lines, f"| **mean of {len(truth)}** | {' | '.join(means)} |",
    ]  # fmt: skip


def mean_of(measure: Any) -> Any:
    """The mean of a measure over the columns of two tables (n, K)."""
    return lambda y, p: float(np.mean([measure(y[:, k], p[:, k]) for k in range(y.shape[1])]))


def interval(measure: Any, y: Any, p: Any) -> str:
    """A figure with its 95 % interval over cells."""
    found = bootstrap(measure, (y, p), np.random.default_rng(0)).as_dict()
    return f"{found['value']:.3f} ({found['low']:.3f}–{found['high']:.3f})"


@cache
def by_rules(stated: tuple[tuple[str, str | None], ...]) -> str | None:
    """The type that the pack gives stated attributes and nothing else; None where they leave it open."""
    pack = load_guideline("blood-cell-type-2023")
    found = [
        Finding(concept=name, observer=WHO, states=states, state=state, probabilities=tuple(float(s == state) for s in states))
        for name, state in stated
        if state is not None and (states := pack.concepts[name].states) is not None
    ]
    return evaluate(pack, "cell-type", found).crisp


def kinds(cases: Cases, tested: Ints, readings: Sequence[Reading], types: tuple[str, ...]) -> list[str]:
    """The type of the cell: by the rules on stated attributes, and as the reading gives it."""
    y = cases.outcomes["cell-type"][tested]
    hard = [by_rules(tuple(stated_states(reading).items())) for reading in readings]
    truly = [by_rules(tuple(zip(cases_names(readings[0]), row, strict=True))) for row in true_states(cases, tested, readings[0])]
    soft = [max(types, key=lambda t, r=reading: r.assessments[0].probabilities[t]) for reading in readings]
    abstained = np.array([reading.assessments[0].category is None for reading in readings])
    code = {name: i for i, name in enumerate(types)}
    as_codes = [np.array([code.get(t or "", -1) for t in said]) for said in (truly, hard, soft)]
    lines = ["| type of the cell | accuracy | balanced accuracy |", "|---|---|---|"]
    names = (
        "rules on the attributes of pathologists",
        "rules on the attributes as stated (hard concepts)",
        "most probable type of the reading",
    )
    for name, said in zip(names, as_codes, strict=True):
        lines.append(f"| {name} | {interval(accuracy, y, said)} | {interval(mean_recall, y, said)} |")
    return [*lines, "", f"The reading gives no type for {abstained.mean():.3f} of the cells."]


def cases_names(reading: Reading) -> list[str]:
    """The attributes in the card's order."""
    return [finding.concept for finding in reading.findings]


def true_states(cases: Cases, tested: Ints, reading: Reading) -> list[list[str]]:
    """What pathologists recorded of each cell, as states."""
    states: list[tuple[str, ...]] = [finding.states or () for finding in reading.findings]
    return [[states[k][label] for k, label in enumerate(row)] for row in cases.labels[tested].tolist()]


def unseen(known: Sequence[Reading], others: Sequence[Reading]) -> list[str]:
    """How well the distance tells cells of another kind, and how many of them are refused."""
    distance = [np.array([r.provenance.signals.novelty or 0.0 for r in group]) for group in (known, others)]
    refused = [sum(r.assessments[0].category is None for r in group) / len(group) for group in (known, others)]
    y = np.repeat([0, 1], [len(known), len(others)])
    area = interval(auroc, y, np.concatenate(distance))
    cut = float(np.quantile(distance[1], 0.05))
    return [
        f"Immature granulocytes, a kind that it never saw ({len(others)} cells): their distance from the training cells against "
        f"that of validation cells has an AUROC of {area}; where 95 % of them are caught, {np.mean(distance[0] >= cut):.3f} of "
        f"the validation cells are caught too. The reading gives no type for {refused[1]:.3f} of them, and for {refused[0]:.3f} "
        "of the validation cells.",
    ]


if __name__ == "__main__":
    main()
