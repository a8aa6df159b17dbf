"""Concordance of image and tissue on the real pairs of BrEaST-Lesions-USG: radiologists' descriptors and category, histology.

    python benchmarks/concordance_breast.py [FOLDER] [--markdown] [--json FILE]

FOLDER holds manifest.csv and images/ (default: ../shared/data/breast-us). Prints the table of outcomes, every discordant or
undecided case, and the words of the histology that the table of terms does not know. The data set does not say how each
biopsy was sampled; a diagnosis that it calls confirmed is taken as sampled from the lesion (target hit), and the table without
that assumption stands beside it.
"""

import argparse
import csv
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from pellucid.assess.combine import combine
from pellucid.assess.concordance import Concordance
from pellucid.assess.imaging import Imaging, Risk
from pellucid.assess.pathology import Pathology, Sampling, unknown_words
from pellucid.assess.pathology_text import read_report
from pellucid.images.measure import measure
from pellucid.knowledge import evaluate, load_guideline
from pellucid.knowledge.concordance import Table, load_table
from pellucid.record import Finding, Observer

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "breast-us"
READERS = Observer(name="radiologists of BrEaST-Lesions-USG", kind="person")
ECHO = {"complex cystic/solid": "complex cystic and solid"}
POSTERIOR = {"no": "none"}
Row = Mapping[str, str]


@dataclass(frozen=True)
class Pair:
    """One biopsied case with its judgement, with the target taken as hit and with nothing assumed."""

    row: Row
    record: Concordance
    unassumed: Concordance


def finding(concept: str, state: str, states: tuple[str, ...]) -> Finding:
    """What the radiologists recorded of one concept."""
    if state not in states:
        return Finding(concept=concept, observer=READERS, states=states, unknown_because="not recorded")
    certain = tuple(float(s == state) for s in states)
    return Finding(concept=concept, observer=READERS, states=states, probabilities=certain, state=state)


def findings_of(row: Row, folder: Path) -> list[Finding]:
    """The descriptors of a case, and the size and orientation of the mass as the radiologists outlined it."""
    pack = load_guideline("breast-ultrasound").concepts

    def states(name: str) -> tuple[str, ...]:
        return pack[name].states or ()

    margin = row["margin"].partition(" - ")
    found = [
        finding("shape", row["shape"], states("shape")),
        finding("margin", margin[0], states("margin")),
        finding("echogenicity", ECHO.get(row["echogenicity"], row["echogenicity"]), states("echogenicity")),
        finding(
            "posterior_features",
            POSTERIOR.get(row["posterior_features"], row["posterior_features"]),
            states("posterior_features"),
        ),
        finding("halo", {"no": "absent", "yes": "present"}.get(row["halo"], ""), states("halo")),
        finding("calcifications", "absent" if row["calcifications"] == "no" else "present", states("calcifications")),
        finding("skin_thickening", {"no": "absent", "yes": "present"}.get(row["skin_thickening"], ""), states("skin_thickening")),
    ]
    parts = margin[2].split("&")
    for part in ("angular", "microlobulated", "spiculated"):
        said = "" if margin[0] != "not circumscribed" else "present" if part in parts else "absent"
        found.append(finding(part, said, states(part)))
    return [*found, *measured(row, folder)]


def measured(row: Row, folder: Path) -> list[Finding]:
    """Long axis and orientation from the outline; nothing where the mask is not there."""
    file = folder / "images" / row["tumor_mask"]
    if not row["tumor_mask"] or not file.is_file():
        return []
    found = measure(np.asarray(Image.open(file).convert("L")) > 0, spacing_mm=float(row["pixel_size_cm"]) * 10).named()
    return [
        Finding(concept=name, observer=READERS, unit=found[name].unit, value=found[name].value, sd=found[name].sd)
        for name in ("long_axis", "orientation")
        if found[name].value is not None
    ]


def imaging_of_row(row: Row, folder: Path) -> Imaging:
    """The imaging statement: the radiologists' category and descriptors; the risk by the pack's points card on these."""
    found = findings_of(row, folder)
    category = row["birads"].upper()
    pack = load_guideline("breast-ultrasound")
    statements = {**pack.questions["birads"].categories}
    told = statements[category].statement if category in statements else f"Category {category}."
    chances = evaluate(pack, "malignancy", found).probabilities
    return Imaging(
        organ="breast",
        by=READERS,
        guideline=pack.ref(),
        question="birads",
        category=category,
        statement=told,
        risk=Risk(value=round(float(chances["malignant"]), 6), of="points card of breast-ultrasound 2013 on these descriptors"),
        findings=tuple(found),
    )


def pathology_of_row(row: Row, table: Table) -> Pathology:
    """The histological diagnosis, read as a report's text, and the documented history."""
    told = "; ".join(row["diagnosis"].split("&"))
    words = f"{row['signs']} {row['symptoms']} {row['tissue_composition']}"
    kinds = {
        "surgery": "scar", "trauma": "injury", "infection": "redness", "lactation": "lactating",
        "cancer": "personal history of breast cancer",
    }  # fmt: skip
    history = tuple(kind for kind, word in kinds.items() if word in words)
    read = read_report(told, table, "manifest.csv", by="histology of BrEaST-Lesions-USG")
    return read.model_copy(update={"history": history})


def pairs_of(folder: Path) -> tuple[list[Pair], list[Row]]:
    """The biopsied cases judged, and the rows without histology."""
    table = load_table("breast")
    with open(folder / "manifest.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    pairs: list[Pair] = []
    for row in rows:
        if row["diagnosis"] == "not applicable":
            continue
        imaging, pathology = imaging_of_row(row, folder), pathology_of_row(row, table)
        hit = pathology.model_copy(update={"sampling": Sampling(target="hit")})
        pairs.append(Pair(row, combine(imaging, hit, table), combine(imaging, pathology, table)))
    return pairs, [row for row in rows if row["diagnosis"] == "not applicable"]


def named(record: Concordance) -> str:
    """The outcome, or those that stay open."""
    return record.outcome or f"open: {' / '.join(record.open_outcomes)}"


def outcome_table(pairs: list[Pair]) -> list[str]:
    """Outcomes by the radiologists' category, and with nothing assumed of the sampling."""
    categories = sorted({p.row["birads"] for p in pairs})
    rows = ["| outcome | " + " | ".join(c.upper() for c in categories) + " | all | with nothing assumed of the sampling |"]
    rows.append("|---|" + "--:|" * (len(categories) + 2))
    assumed, bare = Counter(named(p.record) for p in pairs), Counter(named(p.unassumed) for p in pairs)
    by_category = Counter((named(p.record), p.row["birads"]) for p in pairs)
    for outcome in sorted({*assumed, *bare}):
        cells = " | ".join(str(by_category[outcome, c]) for c in categories)
        rows.append(f"| {outcome} | {cells} | {assumed[outcome]} | {bare[outcome]} |")
    return rows


def case_rows(pairs: list[Pair]) -> list[str]:
    """One row per case that is not concordant and not simply high-risk: what was seen, what was found, why it is discordant."""
    rows = ["| case | category | descriptors | histology | on the radiologists' own list | outcome | rule | R |"]
    rows.append("|--:|---|---|---|---|---|---|--:|")
    for p in pairs:
        r = p.record
        if r.outcome in ("concordant benign", "concordant malignant", "high-risk") and r.conflict is None:
            continue
        seen = f"{p.row['shape']}, {p.row['margin']}, {p.row['echogenicity']}, posterior {p.row['posterior_features']}"
        left = f"{100 * r.residual.value:.1f} %" if r.residual and r.residual.value is not None else ""
        listed = p.row["interpretation"].replace("&", ", ")
        found = p.row["diagnosis"].replace("&", ", ")
        rows.append(
            f"| {p.row['case_id']} | {p.row['birads'].upper()} | {seen} | {found} | {listed} | {named(r)} | {r.rule} | {left} |"
        )
    return rows


def summary(pairs: list[Pair], rest: list[Row]) -> list[str]:
    """What was compared, in a few lines."""
    unknown = sorted({w for p in pairs for s in p.record.pathology.specimens for w in unknown_words(s)})
    wrong = [p.row["case_id"] for p in pairs if p.row["classification"] == "malignant" and "benign" in named(p.record)]
    benign = [p for p in pairs if p.record.residual is not None and p.record.residual.value is not None]
    above = [p for p in benign if p.record.residual and p.record.residual.above_ceiling == "yes"]
    calm = [p.row["case_id"] for p in above if p.record.outcome == "concordant benign"]
    how = Counter(row["verification"] for row in rest)
    return [
        f"pairs of image and tissue: {len(pairs)}; without histology: {', '.join(f'{n} {w}' for w, n in how.items())}",
        f"words of the histology that are not in the table: {', '.join(unknown) or 'none'}",
        f"malignant cases (as the data set calls them) with a benign outcome: {', '.join(wrong) or 'none'}",
        f"risk left above 2 %: {len(above)} of {len(benign)} benign; of these concordant by rule: {', '.join(calm) or 'none'}",
    ]


def main() -> None:
    """Judges and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--json", type=Path, help="write every record, one a line")
    args = parser.parse_args()
    pairs, rest = pairs_of(args.folder)
    print("\n".join([*summary(pairs, rest), "", *outcome_table(pairs), "", *case_rows(pairs)]))
    if args.json:
        args.json.write_text("\n".join(json.dumps(p.record.model_dump(mode="json")) for p in pairs) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
