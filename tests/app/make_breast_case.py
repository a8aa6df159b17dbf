"""Makes src/pellucid/app/examples/breast-case.json again: what radiologists recorded of one case of BrEaST-Lesions-USG.

Run it from the checkout after an edition of the breast guideline changes: `python tests/app/make_breast_case.py [CASE]`.
Needs the data set in ../shared/data/breast-us; findings only, no pixels are kept.
"""

import csv
import sys
from pathlib import Path

from pellucid.assess.conclude import Ask, conclude_all
from pellucid.images.study import open_study
from pellucid.knowledge import load_guideline
from pellucid.record import Finding, Observer, Provenance, ReaderRef, Reading, Signals
from pellucid.train.labels import state_index
from pellucid.train.recipe import load_recipe

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data" / "breast-us"
TARGET = ROOT / "src" / "pellucid" / "app" / "examples" / "breast-case.json"
CASE = "case054"
OBSERVER = Observer(name="radiologists of BrEaST-Lesions-USG", kind="person")


def make(case: str) -> Reading:
    """The reading of one case, from the manifest's descriptors by the recipe's own mapping of columns."""
    with open(DATA / "manifest.csv", encoding="utf-8") as file:
        row = next(row for row in csv.DictReader(file) if row["image"] == f"{case}.png")
    recipe = load_recipe(ROOT / "recipes" / "breast-ultrasound.toml")
    findings: list[Finding] = []
    for spec in recipe.concepts:
        index = state_index(spec.labels, spec.states, row) if spec.labels else -1
        if index < 0:
            findings.append(Finding(concept=spec.name, observer=OBSERVER, states=spec.states, unknown_because="not recorded"))
            continue
        certain = tuple(float(i == index) for i in range(len(spec.states)))
        findings.append(
            Finding(concept=spec.name, observer=OBSERVER, states=spec.states, probabilities=certain, state=spec.states[index])
        )
    pack = load_guideline("breast-ultrasound")
    spacing = float(row["pixel_size_cm"]) * 10
    study = open_study(DATA / "images" / row["image"], spacing_mm=spacing).images[0].ref()
    study = study.model_copy(update={"spacing_source": "manifest of the data set", "source": row["image"]})
    asks = [Ask(pack, question) for question in pack.questions]
    assessments, cautions = conclude_all(study, findings, asks, Signals())
    return Reading(
        study=study,
        reader=ReaderRef(name=OBSERVER.name, version="2024"),
        findings=tuple(findings),
        assessments=assessments,
        cautions=cautions,
        provenance=Provenance(by=OBSERVER.name),
    )


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(make(sys.argv[1] if len(sys.argv) > 1 else CASE).as_json() + "\n", encoding="utf-8")
