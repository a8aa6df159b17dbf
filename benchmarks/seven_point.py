"""The 7-point checklists of 1998 and 2011 on the criteria of derm7pt, computed through the packs: sensitivity and specificity.

    python benchmarks/seven_point.py meta.csv

`meta.csv` is the table of derm7pt (Kawahara et al., IEEE JBHI 2019;23:538; CC BY-NC-SA, so it is not in this repository): one row
per lesion with its diagnosis and what experts saw of the seven criteria. Nothing is fitted. Intervals are Wilson's, at 95 %, over
lesions. Beside the checklists stand trivial rules. Where the table has its column `seven_point_score`, the agreement with the
pack's points is printed.
"""

import argparse
import csv
import math
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path

from pellucid.knowledge import Guideline, evaluate, load_guideline
from pellucid.record import Finding, Observer

EXPERTS = Observer(name="derm7pt experts", kind="person")
NOT_MELANOCYTIC = ("basal cell carcinoma", "seborrheic keratosis", "dermatofibroma", "vascular lesion", "miscellaneous")
CRITERIA: dict[str, tuple[str, tuple[str, ...]]] = {
    "atypical_network": ("pigment_network", ("atypical",)),
    "blue_white_veil": ("blue_whitish_veil", ("present",)),
    "atypical_vessels": ("vascular_structures", ("dotted", "linear irregular")),
    "irregular_streaks": ("streaks", ("irregular",)),
    "irregular_dots_globules": ("dots_and_globules", ("irregular",)),
    "irregular_blotches": ("pigmentation", ("diffuse irregular", "localized irregular")),
    "regression": ("regression_structures", ("blue areas", "white areas", "combinations")),
}
"""Concept -> the table's column and the values in which the criterion is present."""
WEIGHTS_1998 = {"atypical_network": 2, "blue_white_veil": 2, "atypical_vessels": 2}

Row = dict[str, str]
Profile = tuple[bool, ...]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, help="meta.csv of derm7pt")
    with parser.parse_args().table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    print("\n".join(report(rows)))


def report(rows: list[Row]) -> list[str]:
    """The table as lines."""
    melanocytic = [row for row in rows if row["diagnosis"] not in NOT_MELANOCYTIC]
    lines = [*part("all lesions, each taken for melanocytic", rows), "", *part("melanocytic by their diagnosis", melanocytic)]
    return [*lines, "", agreement(rows)]


def part(title: str, rows: list[Row]) -> list[str]:
    """Figures on some of the lesions."""
    truth = [row["diagnosis"].startswith("melanoma") for row in rows]
    lines = [f"{title}: {len(rows)}, {sum(truth)} of them melanoma"]
    lines.append(f"  {'rule':<38}{'sensitivity':<36}{'specificity':<36}{'balanced'}")
    for name, called in rules().items():
        said = [called(profile(row)) for row in rows]
        found = sum(s and t for s, t in zip(said, truth, strict=True))
        spared = sum(not s and not t for s, t in zip(said, truth, strict=True))
        sick, well = sum(truth), len(truth) - sum(truth)
        balanced = (found / sick + spared / well) / 2
        lines.append(f"  {name:<38}{rate(found, sick):<36}{rate(spared, well):<36}{balanced:.3f}")
    return lines


def rules() -> dict[str, Callable[[Profile], bool]]:
    """The checklists, and trivial rules beside them."""
    return {
        "7-point 1998, three points or more": lambda p: suspicious("1998", p),
        "7-point 2011, one criterion or more": lambda p: suspicious("2011", p),
        "excise everything": lambda _: True,
        "excise nothing (majority)": lambda _: False,
        **{f"{name.replace('_', ' ')} alone": (lambda p, i=i: p[i]) for i, name in enumerate(CRITERIA)},
    }


def profile(row: Row) -> Profile:
    """Whether each criterion is present."""
    return tuple(row[column] in present for column, present in CRITERIA.values())


@lru_cache(maxsize=256)
def suspicious(edition: str, seen: Profile) -> bool:
    """The pack's answer on these criteria of a melanocytic lesion."""
    pack = load_guideline(f"dermoscopy-7-point-{edition}")
    stated = {"lesion": "melanocytic", **{name: "present" if p else "absent" for name, p in zip(CRITERIA, seen, strict=True)}}
    return evaluate(pack, "suspicion", [finding(pack, name, state) for name, state in stated.items()]).crisp == "suspicious"


def finding(pack: Guideline, name: str, state: str) -> Finding:
    """A state as somebody stated it."""
    states = pack.concepts[name].states or ()
    chances = tuple(float(one == state) for one in states)
    return Finding(concept=name, observer=EXPERTS, states=states, state=state, probabilities=chances)


def rate(k: int, n: int) -> str:
    """A share of n with Wilson's interval."""
    z = 1.959963984540054
    middle, half = k + z * z / 2, z * math.sqrt(k * (n - k) / n + z * z / 4)
    return f"{k}/{n} = {k / n:.3f} ({(middle - half) / (n + z * z):.3f} to {(middle + half) / (n + z * z):.3f})"


def agreement(rows: Iterable[Row]) -> str:
    """How often the points of 1998 are the table's own."""
    scored = [row for row in rows if row.get("seven_point_score", "") != ""]
    if not scored:
        return "agreement with the table's own points: this copy of the table has no column seven_point_score"
    alike = sum(points(profile(row)) == int(row["seven_point_score"]) for row in scored)
    return f"agreement with the table's own points: {rate(alike, len(scored))}"


def points(seen: Profile) -> int:
    """The points of 1998 in plain arithmetic."""
    return sum(WEIGHTS_1998.get(name, 1) for name, present in zip(CRITERIA, seen, strict=True) if present)


if __name__ == "__main__":
    main()
