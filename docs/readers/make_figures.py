"""Writes the tables of the readers' pages from the figures that training left beside each card.

    python docs/readers/make_figures.py          (part of `make docs`)

A page keeps its own words; what stands between its two marks is replaced.
"""

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
READERS = HERE.parent.parent / "src" / "pellucid" / "readers"
BEGIN, END = "<!-- figures: written by make_figures.py -->", "<!-- end of figures -->"
TITLES = {
    "cross_validated": "Whole image",
    "held_out_split": "Whole image, on the part of the set that was kept for testing",
    "cross_validated_within_region_of_interest": "Within a region of interest (the lesion's recorded box)",
}


def number(value: Any) -> str:
    """A measured value with its interval, or why there is none."""
    if value is None:
        return "–"
    if isinstance(value, int | float):
        return f"{value:.2f}"
    if value["value"] is None:
        return "–"
    interval = f" ({value['low']:.2f}–{value['high']:.2f})" if value.get("low") is not None else ""
    return f"{value['value']:.2f}{interval}"


def concepts(figures: dict[str, Any]) -> list[str]:
    """One row per concept."""
    lines = [
        "| concept | n | AUROC | balanced accuracy | by chance | accuracy | majority | kappa | ECE | not stated |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, c in figures["concepts"].items():
        cells = [
            name.replace("_", " "),
            str(c["n"]),
            *(number(c[key]) for key in ("auroc", "balanced_accuracy", "balanced_baseline", "accuracy", "majority_baseline")),
            *(number(c[key]) for key in ("kappa", "ece", "unknown_rate")),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += beside_readers(figures)
    values = [c["auroc"]["value"] for c in figures["concepts"].values() if c["auroc"]["value"] is not None]
    lines += [
        f"\n{name.replace('_', ' ').capitalize()}, any against none: AUROC {number(c['auroc_any'])}."
        for name, c in figures["concepts"].items()
        if (c.get("auroc_any") or {}).get("value") is not None
    ]
    return [*lines, "", f"Mean concept AUROC: {sum(values) / len(values):.3f}."]


def beside_readers(figures: dict[str, Any]) -> list[str]:
    """One row per concept that several readers rated: agreement beside theirs, and whether the spread follows theirs."""
    rated = {name: c for name, c in figures["concepts"].items() if "kappa_between_readers" in c}
    keys = ("kappa", "kappa_between_readers", "within_one", "within_one_constant", "spread")
    rows = [f"| {name} | {' | '.join(number(c[key]) for key in keys)} |" for name, c in rated.items()]
    head = [
        "",
        "| rated concept | kappa with their median | kappa between two readers | within one | best constant | spread |",
        "|---|---|---|---|---|---|",
    ]
    told = (
        "Kappas are quadratic-weighted. *Within one* is the share at most one grade away, and *best constant* is the same for "
        "an answer that never changes: a measure that a constant passes measures nothing. *Spread* is Spearman's correlation of "
        "the predicted with the readers' standard deviation, on images that three readers or more rated."
    )
    return [*head, *rows, "", told, ""] if rows else []


def assessments(figures: dict[str, Any]) -> list[str]:
    """One row per question."""
    lines = [
        "| question | n | AUROC | balanced accuracy | majority | kappa | ECE | 90 % sets cover | mean set size | abstains |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, a in figures["assessments"].items():
        cells = [
            f"`{name}`", str(a["n"]), number(a["auroc"]), number(a["balanced_accuracy"]), number(a["majority_baseline"]),
            number(a["kappa"]), number(a["ece"]), number(a["coverage"]), number(a["mean_set_size"]), number(a["abstained"]),
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def places(figures: dict[str, Any]) -> list[str]:
    """Where it points, and what the shadow says."""
    found, shadow = figures["localisation"], figures["shadow"]
    lines = [f"- Pointing game: {number(found['pointing_game'])}; overlap of outlines (IoU): {number(found['iou'])}."]
    lines += [
        f"  - {name.replace('_', ' ')}: {number(place['pointing_game'])} on {place['n']} images that show it"
        for name, place in found["per_place"].items()
        if len(found["per_place"]) > 1
    ]
    return [
        *lines,
        f"- Shadow head (features, no concepts): AUROC {number(shadow['auroc'])}; it disagrees with the concepts in "
        f"{number(shadow['disagreement'])} of the cases.",
        "- Interpretability tax (AUROC of the shadow minus the concept route; published: 0.05 to 0.07, Singh et al. 2025): "
        f"{number(shadow['tax'])}.",
    ]


def table(name: str) -> str:
    """The text between the marks for one reader."""
    measured = json.loads((READERS / name / "figures.json").read_text(encoding="utf-8"))
    parts: list[str] = []
    for key, figures in measured.items():
        size = f"{figures['n_images']} images of {figures['n_patients']} patients; numbers with 95 % intervals over patients."
        parts += [f"### {TITLES[key]}", "", size, "", *assessments(figures), "", *concepts(figures), "", *places(figures), ""]
    return "\n".join(parts)


def page(path: Path) -> str:
    """A reader's page with its figures as they now are."""
    text = path.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    return f"{before}{BEGIN}\n\n{table(path.stem)}\n{END}{after}"


def main() -> None:
    """Writes the page of every reader that ships again."""
    for path in sorted(HERE.glob("*.md")):
        if (READERS / path.stem).is_dir():
            path.write_text(page(path), encoding="utf-8")


if __name__ == "__main__":
    main()
