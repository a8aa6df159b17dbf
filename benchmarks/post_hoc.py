"""The study of explanation methods: method × measure × model family, with controls (docs/studies/post_hoc.md).

    python benchmarks/train_classifiers.py -o MODELS      (plain classifiers, held-out folds)
    python benchmarks/post_hoc.py MODELS [--only LINE …] [-o docs/studies/post_hoc.json]

Goes on where it was stopped. Arun's four tests (doi 10.1148/ryai.2021200267) by the structural similarity they used: with random
weights (low is right), trained again (high), another architecture (high); and the pixel AUPRC beside a net that segments.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from post_hoc_nets import Shown, classifier, concept_nets, shipped

from pellucid.audit.cases import Bench, Cases, Explain, Images, Maps
from pellucid.audit.map_trial import chosen, try_methods
from pellucid.audit.verdict import verdict
from pellucid.errors import ExplainError
from pellucid.explain import Subject
from pellucid.explain.methods import METHODS
from pellucid.record import MeasureResult

FAST: dict[str, dict[str, Any]] = {
    "grad-cam": {},
    "grad-cam++": {},
    "hires-cam": {},
    "eigen-cam": {},
    "saliency": {},
    "smoothgrad": {"samples": 10},
    "integrated-gradients": {"steps": 12},
    "gradient-shap": {"samples": 12},
    "attention-rollout": {},
    "chefer": {},
}
SLOW: dict[str, dict[str, Any]] = {
    "kernel-shap": {"samples": 200, "pieces": 36},
    "lime": {"samples": 200, "pieces": 36},
    "rise": {"samples": 300},
}
CONCEPT: dict[str, dict[str, Any]] = {"concept-evidence": {}, "concept-attention": {}, "grad-cam": {}, "saliency": {}}
OWN: dict[str, dict[str, Any]] = {"concept-evidence": {}, "concept-attention": {}, "grad-cam": {}}
MEASURES = (
    "pointing game",
    "pixel AUPRC",
    "MPRT",
    "label randomisation",
    "repeatability",
    "noise stability",
    "deletion",
    "insertion",
    "faithfulness correlation",
    "ROAD",
)
SSIM = "repeatability (SSIM)"
WITH = {
    "SSIM, random weights": "random",
    "SSIM, trained again": "again",
    "SSIM, other architecture": "other",
}
CASES, FEW = 36, 20


@dataclass(frozen=True)
class Line:
    """One model on trial: what it is, its cases, its partners, and the methods tried."""

    name: str
    shown: Shown
    methods: Mapping[str, Mapping[str, Any]]
    n: int
    again: Sequence[Subject] = ()
    other: Sequence[Subject] = ()
    permuted: Subject | None = None
    measures: Sequence[str] = MEASURES
    notes: Sequence[str] = field(default=())


def lines(models: Path) -> dict[str, Callable[[], Line]]:
    """Every line of the study by name, made when it is its turn."""

    def plain(stem: str, methods: Mapping[str, Any], n: int, again: Sequence[str], other: Sequence[str]) -> Callable[[], Line]:
        def make() -> Line:
            shown = classifier(models, f"{stem}-0")
            there = [name for name in (*again, *other, f"{stem}-permuted") if (models / name / "recipe.json").is_file()]
            subjects = {name: classifier(models, name).subject for name in there}
            return Line(
                name=f"{stem} {shown.subject.family}{' (forward only)' if methods is SLOW else ''}",
                shown=shown,
                methods=methods,
                n=n,
                again=[subjects[a] for a in again if a in subjects],
                other=[subjects[o] for o in other if o in subjects],
                permuted=subjects.get(f"{stem}-permuted"),
                notes=[f"not trained: {name}" for name in (*again, *other) if name not in there],
            )

        return make

    def concept() -> Line:
        first, again, permuted = concept_nets(models / "concept-nets")
        return Line("breast-us concept net", first, CONCEPT, CASES, [again.subject], (), permuted.subject)

    mri = ["brain-mri-0", "brain-mri-vit-0", "brain-mri-swin-0"]
    some = ("pointing game", "pixel AUPRC", "MPRT", "noise stability", "deletion", "insertion", "faithfulness correlation")
    return {
        "breast-us": plain("breast-us", FAST, CASES, ["breast-us-1", "breast-us-2"], ["breast-us-lite2-0"]),
        "concept": concept,
        "brain-mri": plain("brain-mri", FAST, CASES, ["brain-mri-1"], mri[1:]),
        "brain-mri-vit": plain("brain-mri-vit", FAST, CASES, [], [mri[0], mri[2]]),
        "fundus": plain("fundus", FAST, CASES, ["fundus-1"], []),
        "breast-us-slow": plain("breast-us", SLOW, FEW, ["breast-us-1"], ["breast-us-lite2-0"]),
        "brain-mri-swin": plain("brain-mri-swin", FAST, CASES, [], mri[:2]),
        "breast-ultrasound": lambda: Line("reader breast-ultrasound", shipped("breast-ultrasound"), OWN, FEW, measures=some),
        "fundus-reader": lambda: Line("reader fundus", shipped("fundus"), OWN, FEW, measures=some[2:]),
        "brain-mri-vit-slow": plain("brain-mri-vit", {"kernel-shap": SLOW["kernel-shap"]}, FEW, [], [mri[0]]),
    }


def tried(line: Line, done: Mapping[str, Any], keep: Callable[[str, str, MeasureResult], None]) -> None:
    """Every method of a line on every measure; results that `done` holds are not taken again."""
    shown = line.shown
    index = chosen(shown.cases.patients, line.n, 0)
    cases = Cases(
        shown.cases.images[index],
        shown.cases.targets[index],
        shown.cases.patients[index],
        None if shown.cases.masks is None else shown.cases.masks[index],
    )
    predict = shown.predict
    stages = [s for s in (shown.random(0.5), shown.random(1.0)) if s is not None]
    benches: dict[str, Bench] = {}
    for method, options in line.methods.items():
        made = explaining(shown, shown.subject, method, options)
        try:
            maps = made(cases.images, cases.targets)
        except ExplainError as error:
            print(f"    {method}: not for this model: {error}", flush=True)
            continue
        benches[method] = Bench(
            cases=cases,
            predict=predict,
            explain=made,
            maps=maps,
            randomised=tuple(
                (f"last {part:.0%}", shown.predicting(s), explaining(shown, s, method, options))
                for part, s in zip((0.5, 1.0), stages, strict=True)
            ),
            retrained=pairs(line, line.again, method, options),
            label_randomised=pairs(line, [line.permuted], method, options)[0] if line.permuted else None,
            reference=None if shown.reference is None else shown.reference[index],
        )
    take(benches, line.measures, done, keep, "")
    partners = {"random": stages[-1:], "again": line.again, "other": line.other}
    for name, which in WITH.items():
        if partners[which]:
            turned = {m: replace(b, retrained=pairs(line, partners[which], m, line.methods[m])) for m, b in benches.items()}
            take({m: b for m, b in turned.items() if b.retrained}, [SSIM], done, keep, name)


def pairs(line: Line, subjects: Sequence[Subject], method: str, options: Mapping[str, Any]) -> tuple[Any, ...]:
    """(predict, explain) of other models with the same method, those that allow it."""
    found = []
    for subject in subjects:
        explain = explaining(line.shown, subject, method, options)
        try:
            explain(line.shown.cases.images[:1], line.shown.cases.targets[:1])
        except ExplainError:
            continue
        found.append((line.shown.predicting(subject), explain))
    return tuple(found)


def explaining(shown: Shown, subject: Subject, method: str, options: Mapping[str, Any]) -> Explain:
    """A method on a subject as a function of arrays."""

    def explain(images: Images, targets: NDArray[np.int64]) -> Maps:
        return shown.maps(subject, images, targets, method, dict(options))

    return explain


def take(
    benches: Mapping[str, Bench],
    measures: Sequence[str],
    done: Mapping[str, Any],
    keep: Callable[[str, str, MeasureResult], None],
    called: str,
) -> None:
    """Measures on benches; kept under `called` where that is not empty."""
    if not benches:
        return
    names = {m: called or m for m in measures}
    there = {
        (method, m): MeasureResult.model_validate_json(json.dumps(done[method][names[m]]))
        for method in benches
        for m in measures
        if names[m] in done.get(method, {})
    }
    if len(there) == len(benches) * len(measures):
        return
    try_methods(benches, measures, progress=lambda method, r: keep(method, names[r.measure], r), done=there)


def run(models: Path, only: Sequence[str], out: Path) -> None:
    """Lines one after the other; the file holds all that was measured, whenever it stops."""
    study: dict[str, Any] = json.loads(out.read_text(encoding="utf-8")) if out.is_file() else {}
    for key, make in lines(models).items():
        if only and key not in only:
            continue
        start = time.perf_counter()
        line = make()
        entry = study.setdefault(key, {"methods": {}, "seconds": 0.0})
        entry |= {"name": line.name, "notes": [*line.shown.notes, *line.notes], "n": min(line.n, len(line.shown.cases.images))}
        entry |= {"again": len(line.again), "other": len(line.other), "permuted": line.permuted is not None}
        entry |= {"family": line.shown.subject.family, "figures": line.shown.figures, "target": line.shown.target}
        entry["settings"] = {m: dict(o) for m, o in line.methods.items()}

        def keep(method: str, name: str, result: MeasureResult, entry: dict[str, Any] = entry) -> None:
            entry["methods"].setdefault(method, {})[name] = result.model_dump(mode="json")
            write(study, out)

        tried(line, entry["methods"], keep)
        for method, found in entry["methods"].items():
            results = [MeasureResult.model_validate_json(json.dumps(r)) for n, r in found.items() if n in MEASURES]
            if results:
                entry.setdefault("verdicts", {})[method] = verdict(results).model_dump(mode="json")
        entry["seconds"] += time.perf_counter() - start
        write(study, out)
        print(f"{line.name}: {time.perf_counter() - start:.0f} s", flush=True)


def write(study: Mapping[str, Any], out: Path) -> None:
    """The file, whole or not at all."""
    from pellucid.train.files import write_whole

    write_whole(out, json.dumps(study, indent=1, ensure_ascii=False) + "\n")


def main() -> None:
    """Runs what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("-o", "--out", type=Path, default=Path("docs/studies/post_hoc.json"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    unknown = [m for m in (*FAST, *SLOW, *CONCEPT) if m not in METHODS]
    if unknown:
        raise SystemExit(f"methods that do not exist: {unknown}")
    run(args.models, args.only, args.out)


if __name__ == "__main__":
    main()
