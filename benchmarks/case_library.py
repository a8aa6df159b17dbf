"""Do the nearest confirmed cases add anything over the model? Held-out predictions, neighbours from other folds only.

    python benchmarks/case_library.py held-out.npz malignancy malignant > docs/studies/case_library_table.md

held-out.npz is written by benchmarks/case_library_data.py. For a case of fold f the library is the cases of the other folds;
where something is fitted (combinations), the cases that it is fitted on have their neighbours from outside their own fold and f,
so that no label of fold f is used. Intervals: 200 bootstrap draws over patients; differences are paired.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression

from pellucid.assess.novelty import COMPONENTS, fit_novelty
from pellucid.cases import Confirmed, Embedding, Query, find, open_library
from pellucid.cases.find import concept_distances, fused
from pellucid.cases.store import CASES
from pellucid.knowledge.likeness import seen_of
from pellucid.record import reading_from_json

Floats = NDArray[np.float64]
KS = (3, 5, 10)
DRAWS = 200
SEED = 20261125


class Bench:
    """Everything measured on: labels (n,), the model's probability, folds, distances per space and excluded folds."""

    def __init__(self, file: str, question: str, category: str) -> None:
        kept = np.load(file)
        readings = [reading_from_json(str(text)) for text in kept["readings"]]
        asked = [next(a for a in r.assessments if a.question == question) for r in readings]
        names = list(asked[0].probabilities)
        labels = kept[f"outcome_{question}"]
        known = np.flatnonzero(labels >= 0)
        self.readings = [readings[i] for i in known]
        self.y = (labels[known] >= names.index(category)).astype(float)
        self.p = np.array([sum(list(asked[i].probabilities.values())[names.index(category) :]) for i in known])
        self.folds, self.patients, self.vectors = kept["folds"][known], kept["patients"][known], kept["vectors"][known]
        self.question, self.category, self.other = question, category, names[0]
        self.concepts = self._concepts()
        self.made: dict[tuple[int, ...], dict[str, Floats]] = {}

    def _concepts(self) -> Floats:
        rows, layouts = [], dict[str, Any]()
        for reading in self.readings:
            seen = seen_of(reading.findings)
            axes = [(s.concept, list(s.states) if s.states else s.unit) for s in seen]
            numbers = [v for s in seen for v in (s.probabilities or (s.value, s.sd))]
            layouts[str(axes)] = axes
            rows.append(SimpleNamespace(layout=str(axes), concepts=np.array(numbers, dtype="<f8").tobytes()))
        return np.stack([concept_distances(reading, rows, layouts) for reading in self.readings])

    def distances(self, left_out: tuple[int, ...]) -> dict[str, Floats]:
        """Distances (n, n) in every space; whitening fitted without the folds that are left out."""
        if left_out not in self.made:
            use = ~np.isin(self.folds, left_out)
            whitening = fit_novelty(self.vectors[use], self.folds[use], components=min(COMPONENTS, int(use.sum()) // 6))
            centred = self.vectors - whitening.mean
            image, white = _cosine(centred), _cosine(centred @ whitening.axes.T)
            columns = np.where(use, 1.0, np.nan)
            both = np.stack([fused(c, w) for c, w in zip(self.concepts * columns, white * columns, strict=True)])
            self.made[left_out] = {
                "concepts": self.concepts, "image, plain": image, "image, whitened": white, "both": both,
                "random": np.random.default_rng(SEED).random(image.shape),
            }  # fmt: skip
        return self.made[left_out]

    def near(self, i: int, space: str, left_out: tuple[int, ...]) -> NDArray[np.int64]:
        """Positions of the cases of other folds and patients, the nearest first."""
        folds = tuple(sorted({int(self.folds[i]), *left_out}))
        values = np.where(
            np.isin(self.folds, folds) | (self.patients == self.patients[i]), np.nan, self.distances(folds)[space][i]
        )
        return np.argsort(values, kind="stable")[: int((~np.isnan(values)).sum())]

    def votes(self, space: str, k: int, left_out: tuple[int, ...] = ()) -> Floats:
        """Share of the k nearest with the category, one case added on either side (n,)."""
        return np.array([(self.y[self.near(i, space, left_out)[:k]].sum() + 1) / (k + 2) for i in range(len(self.y))])

    def same(self, space: str, k: int) -> Floats:
        """Share of the k nearest that have the case's own outcome (n,)."""
        return np.array([(self.y[self.near(i, space, ())[:k]] == self.y[i]).mean() for i in range(len(self.y))])


def _cosine(rows: Floats) -> Floats:
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return 1.0 - unit @ unit.T


def logit(p: Floats) -> Floats:
    """Log odds, with 0 and 1 moved in by a thousandth."""
    clipped = np.clip(p, 1e-3, 1 - 1e-3)
    return np.log(clipped / (1 - clipped))


def crossfit(bench: Bench, inputs: Callable[[tuple[int, ...]], Floats], target: Floats) -> Floats:
    """Probabilities (n,) of a logistic regression, fitted for each fold on the others."""
    out = np.zeros(len(target))
    for f in np.unique(bench.folds).tolist():
        here = bench.folds == f
        x = inputs((f,))
        model = LogisticRegression(C=1.0).fit(x[~here], target[~here])
        out[here] = model.predict_proba(x[here])[:, 1]
    return out


def interval(bench: Bench, measure: Callable[[NDArray[np.int64]], float]) -> str:
    """A measure with its 95 % bootstrap interval over patients."""
    rng, names = np.random.default_rng(SEED), np.unique(bench.patients)
    groups = [np.flatnonzero(bench.patients == name) for name in names]
    found: list[float] = []
    for _ in range(DRAWS):
        index = np.concatenate([groups[i] for i in rng.integers(0, len(groups), len(groups))])
        if 0 < bench.y[index].mean() < 1:
            found.append(measure(index))
    low, high = np.nanquantile(found, [0.025, 0.975])
    return f"{measure(np.arange(len(bench.y))):.3f} ({low:.3f} to {high:.3f})"


def ece(y: Floats, p: Floats, bins: int = 10) -> float:
    """Expected calibration error over equal-width bins."""
    which = np.minimum((p * bins).astype(int), bins - 1)
    return float(sum(abs(y[which == b].mean() - p[which == b].mean()) * (which == b).mean() for b in np.unique(which)))


def auroc(y: Floats, s: Floats) -> float:
    """AUROC; NaN where one class is missing."""
    ones = float(y.sum())
    if not 0 < ones < len(y):
        return float("nan")
    return float((rankdata(s)[y == 1].sum() - ones * (ones + 1) / 2) / (ones * (len(y) - ones)))


def brier(y: Floats, p: Floats) -> float:
    """Mean squared error of a probability."""
    return float(((y - p) ** 2).mean())


def vote_table(bench: Bench) -> None:
    """The vote alone, and fitted together with the model, beside the model fitted the same way."""
    y, base = bench.y, crossfit(bench, lambda _: logit(bench.p)[:, None], bench.y)
    print("| what | k | same outcome | vote AUROC | vote Brier | with the model: AUROC gain | Brier change | ECE |")
    print("|---|---|---|---|---|---|---|---|")
    for name, p in (("the model as it is", bench.p), ("the model, fitted again on other folds", base)):
        cells = [interval(bench, lambda i, p=p: auroc(y[i], p[i])), interval(bench, lambda i, p=p: brier(y[i], p[i]))]
        print(f"| {name} | – | – | {cells[0]} | {cells[1]} | – | – | {ece(y, p):.3f} |")
    rate = np.array([y[bench.folds != f].mean() for f in bench.folds])
    chance = interval(bench, lambda i: float((y[i] * rate[i] + (1 - y[i]) * (1 - rate[i])).mean()))
    print(f"| prevalence of the other folds | – | {chance} | 0.500 | {brier(y, rate):.3f} | – | – | {ece(y, rate):.3f} |")
    for space in ("random", "concepts", "image, plain", "image, whitened", "both"):
        for k in KS:
            vote, same = bench.votes(space, k), bench.same(space, k)
            joint = crossfit(bench, lambda f, s=space, k=k: np.stack([logit(bench.p), logit(bench.votes(s, k, f))], axis=1), y)
            gain = interval(bench, lambda i, j=joint: auroc(y[i], j[i]) - auroc(y[i], base[i]))
            change = interval(bench, lambda i, j=joint: brier(y[i], j[i]) - brier(y[i], base[i]))
            cells = [
                interval(bench, lambda i, s=same: float(s[i].mean())),
                interval(bench, lambda i, v=vote: auroc(y[i], v[i])),
                interval(bench, lambda i, v=vote: brier(y[i], v[i])),
            ]
            print(f"| {space} | {k} | {' | '.join(cells)} | {gain} | {change} | {ece(y, joint):.3f} |", flush=True)


def error_table(bench: Bench) -> None:
    """Do neighbours that disagree with the model point to its errors, beside the model's own margin?"""
    called = (bench.p >= 0.5).astype(float)
    wrong, margin = (called != bench.y).astype(float), 1 - np.abs(2 * bench.p - 1)
    print(f"\nThe model is wrong in {int(wrong.sum())} of {len(wrong)} cases (at a probability of 0.5).\n")
    print("| error score | k | AUROC of finding errors | with the margin: gain over the margin |\n|---|---|---|---|")
    print(f"| small margin of the model | – | {interval(bench, lambda i: auroc(wrong[i], margin[i]))} | – |")
    for space in ("random", "concepts", "image, plain", "image, whitened", "both"):
        for k in KS:

            def against(left_out: tuple[int, ...], space: str = space, k: int = k) -> Floats:
                vote = bench.votes(space, k, left_out)
                return np.where(called == 1, 1 - vote, vote)

            joint = crossfit(bench, lambda f, a=against: np.stack([margin, a(f)], axis=1), wrong)
            alone = crossfit(bench, lambda _: margin[:, None], wrong)
            score = against(())
            gain = interval(bench, lambda i, j=joint, b=alone: auroc(wrong[i], j[i]) - auroc(wrong[i], b[i]))
            found = interval(bench, lambda i, s=score: auroc(wrong[i], s[i]))
            print(f"| neighbours against the model: {space} | {k} | {found} | {gain} |", flush=True)


def find_time(bench: Bench, count: int = 10_000) -> None:
    """Milliseconds to find among many cases in a SQLite file, the file read anew each time."""
    rng, novelty = np.random.default_rng(SEED), fit_novelty(bench.vectors, bench.folds)
    with tempfile.TemporaryDirectory() as folder:
        library = open_library(Path(folder) / "cases.db", create=True)
        started = time.perf_counter()
        for n, reading in enumerate(bench.readings):
            outcome = bench.category if bench.y[n] else bench.other
            vector = (bench.vectors[n] - novelty.mean) @ novelty.axes.T
            library.add(reading, Confirmed(outcome, "annotation", f"P{n}", bench.question), Embedding("0" * 64, vector))
        rows = [dict(row._mapping) for row in library.rows()]
        copies = [{**rows[n % len(rows)], "id": n + 1, "reading": f"{n:064x}", "image": f"{n:064x}"} for n in range(count)]
        with library.engine.begin() as connection:
            connection.execute(CASES.insert(), copies[len(rows) :])
        kept = time.perf_counter() - started
        query = Query(bench.readings[0], Embedding("0" * 64, rng.normal(size=len(novelty.spreads))), "Q")
        times: list[float] = []
        for _ in range(5):
            started = time.perf_counter()
            find(library, query, space="both", k=3)
            times.append(time.perf_counter() - started)
        size = (Path(folder) / "cases.db").stat().st_size / 2**20
        library.close()
    print(f"\n{count} cases in SQLite: {size:.0f} MB, made in {kept:.0f} s, found in {1000 * np.median(times):.0f} ms.")


def main(file: str, question: str, category: str) -> None:
    """All tables of one reader."""
    bench = Bench(file, question, category)
    print(f"{len(bench.y)} cases, {int(bench.y.sum())} {category}, {len(np.unique(bench.folds))} folds.\n")
    vote_table(bench)
    error_table(bench)
    find_time(bench)


if __name__ == "__main__":
    main(*sys.argv[1:])
