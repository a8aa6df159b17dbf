"""Writes the tables of docs/studies/post_hoc.md from what benchmarks/post_hoc.py and benchmarks/known_evidence*.py measured.

    python docs/studies/make_post_hoc.py [--study FULL.json …] [--shortcuts FILE] [--verdicts FILE] [--found FILE]

Without files it uses post_hoc.json beside it, the short form of an earlier run. What stands between the page's marks is replaced.
"""

import argparse
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PAGE, SHORT = HERE / "post_hoc.md", HERE / "post_hoc.json"
BEGIN, END = "<!-- {}: written by make_post_hoc.py -->", "<!-- end of {} -->"
LIMIT = 0.5
"""Structural similarity below which two maps are called different, above which alike (ours)."""
MARGIN = 0.05
"""Pixel AUPRC by which a map may lie below the net that segments and still pass for no worse (non-inferiority; ours)."""
REFERENCE = "segmentation net or reader"
TESTS = {
    "localisation": "pixel AUPRC",
    "randomisation": "SSIM, random weights",
    "repeatability": "SSIM, trained again",
    "reproducibility": "SSIM, other architecture",
}
SHOWN = (
    "faithfulness correlation",
    "insertion",
    "deletion",
    "ROAD",
    "noise stability",
    "MPRT",
    "label randomisation",
    "repeatability",
)
CONTROLS = ("random map", "centre blob", "edge detector")
Cell = Mapping[str, Any]


def short(result: Cell) -> dict[str, Any]:
    """A result without what the page does not show."""
    return {
        "measured": rounded(result["measured"]),
        "controls": {
            c["name"]: {"measured": rounded(c["measured"]), "difference": rounded(c["difference"])} for c in result["controls"]
        },
    }


def rounded(measured: Cell) -> dict[str, Any]:
    """A measured number to three digits."""
    kept = {k: None if measured[k] is None else round(measured[k], 3) for k in ("value", "low", "high")}
    return {**kept, "n": measured["n"], **({"reason": measured["reason"]} if measured["value"] is None else {})}


def shortened(study: Mapping[str, Any]) -> dict[str, Any]:
    """The study in its short form."""
    found = {}
    for key, line in study.items():
        kept = {
            k: line[k] for k in ("name", "family", "n", "notes", "again", "other", "permuted", "target", "settings", "figures")
        }
        kept["minutes"] = round(line["seconds"] / 60, 1)
        kept["methods"] = {m: {name: short(r) for name, r in results.items()} for m, results in line["methods"].items()}
        kept["verdicts"] = {m: {"grade": v["grade"], "sentence": v["sentence"]} for m, v in line.get("verdicts", {}).items()}
        found[key] = kept
    return found


def number(measured: Cell | None) -> str:
    """'0.53 (0.41–0.60)', or a dash."""
    if measured is None or measured["value"] is None:
        return "–"
    if measured["low"] is None:
        return f"{measured['value']:.2f}"
    return f"{measured['value']:.2f} ({measured['low']:.2f}–{measured['high']:.2f})".replace("-", "−")


def passes(test: str, result: Cell | None) -> bool | None:
    """Whether a map passes one of Arun's tests; None where it could not be asked or the interval does not decide."""
    if result is None or result["measured"]["low"] is None:
        return None
    low, high = result["measured"]["low"], result["measured"]["high"]
    if test == "localisation":
        reference = result["controls"].get(REFERENCE)
        if reference is None or reference["difference"]["high"] is None:
            return None
        worse, better = reference["difference"]["low"], reference["difference"]["high"]
        return True if worse > -MARGIN else False if better < -MARGIN else None
    if test == "randomisation":
        return True if high < LIMIT else False if low > LIMIT else None
    return True if low > LIMIT else False if high < LIMIT else None


def said(passed: bool | None) -> str:
    """A mark for a test."""
    return {True: "yes", False: "**no**", None: "?"}[passed]


def arun(study: Mapping[str, Any]) -> list[str]:
    """The four tests: one row per line and method."""
    columns = "AUPRC; net that segments | less than 0.05 worse? | SSIM random weights | < 0.5? | SSIM trained again | > 0.5?"
    rows = [f"| model | method | {columns} | SSIM other architecture | > 0.5? | all four |", "|---" * 11 + "|"]
    for line in study.values():
        for method, results in line["methods"].items():
            cells, answers = [], []
            for test, name in TESTS.items():
                result = results.get(name)
                told = number(result["measured"]) if result else "–"
                if test == "localisation" and result and REFERENCE in result["controls"]:
                    told += f"; net {number(result['controls'][REFERENCE]['measured'])}"
                answers.append(passes(test, result))
                cells += [told, said(answers[-1]) if result and result["measured"]["value"] is not None else "–"]
            whole = "**no**" if False in answers else "yes" if all(answers) else "not shown"
            rows.append(f"| {line['name']} | {method} | {' | '.join(cells)} | {whole} |")
    return rows


def retrained(line: Cell) -> str:
    """'2 retrainings, 1 other architecture'."""
    again, other = line["again"], line["other"]
    return f"{again} retraining{'s' if again != 1 else ''}, {other} other architecture{'s' if other != 1 else ''}"


def answer(study: Mapping[str, Any]) -> list[str]:
    """In plain words: does any pass all four?"""
    asked, failed, passed = [], [], []
    where: dict[str, int] = {}
    for line in study.values():
        for method, results in line["methods"].items():
            answers = {t: passes(t, results.get(name)) for t, name in TESTS.items()}
            own = f"{method} on {line['name']}"
            if all(results.get(n) and results[n]["measured"]["value"] is not None for n in TESTS.values()):
                asked.append(own)
                told = f"{line['name']} ({retrained(line)})"
                where[told] = where.get(told, 0) + 1
                failed += [own] if False in answers.values() else []
                passed += [own] if all(answers.values()) else []
    lines = [
        f"All four tests could be asked of {len(asked)} pairs of a method and a model. "
        f"{len(passed)} passed all four{': ' + ', '.join(passed) if passed else ''}; {len(failed)} certainly failed at least "
        f"one; of {len(asked) - len(failed) - len(passed)} the intervals do not decide."
    ]
    nets = {name.split(" (")[0] for name in where}
    each = "; ".join(f"{n} on {name}" for name, n in where.items())
    lines.append(
        f"They are of {len(nets)} net{'s' if len(nets) != 1 else ''} ({', '.join(sorted(nets))}), no independent models: {each}."
    )
    blob = [
        r["controls"]["centre blob"]["measured"]["value"]
        for line in study.values()
        for results in line["methods"].values()
        for n in ("SSIM, trained again", "SSIM, other architecture")
        if (r := results.get(n)) and "centre blob" in r["controls"]
    ]
    if blob:
        lines.append(
            "A blob in the middle of every image, which says nothing of any model, passes the two tests of repetition "
            f"(structural similarity {min(v for v in blob if v is not None):.2f} or more in every line): to repeat is no merit."
        )
    return lines


def measures(study: Mapping[str, Any]) -> list[str]:
    """Method × measure, controls as rows of their own."""
    rows: list[str] = []
    for line in study.values():
        there = [m for m in SHOWN if any(results.get(m) for results in line["methods"].values())]
        rows += ["", f"**{line['name']}** ({line['n']} cases; explained: {line['target']}; {line['minutes']} minutes)", ""]
        rows += [f"| method | {' | '.join(there)} | verdict |", "|---" * (len(there) + 2) + "|"]
        for method, results in line["methods"].items():
            cells = [number(results[m]["measured"]) if m in results else "–" for m in there]
            rows.append(f"| {method} | {' | '.join(cells)} | {line['verdicts'].get(method, {}).get('grade', '–')} |")
        first = next(iter(line["methods"].values()), {})
        for control in CONTROLS:
            cells = [number(first[m]["controls"].get(control, {}).get("measured")) if m in first else "–" for m in there]
            rows.append(f"| *{control}* | {' | '.join(cells)} | |")
        rows += ["", *(f"{note[0].upper()}{note[1:].rstrip('.')}." for note in line["notes"])]
    return rows


def pooled(study: Mapping[str, Any]) -> list[str]:
    """Beside the pooled figures of Singh 2025."""
    rows = [
        "| method | pooled fidelity (Singh 2025) | faithfulness correlation here | insertion minus deletion here "
        "| pooled stability | stability at 10 % noise here |",
        "|---|---|---|---|---|---|",
    ]
    for title, names, fidelity, stability in (
        ("LIME", ("lime",), "0.81 (0.78–0.84)", "–"),
        ("Grad-CAM", ("grad-cam",), "0.54 (0.51–0.57)", "–"),
        ("SHAP", ("kernel-shap", "gradient-shap"), "0.38 (0.35–0.41)", "rank correlation 0.42 (ophthalmology), 0.89 (radiology)"),
        ("concept evidence", ("concept-evidence",), "–", "–"),
        ("concept attention", ("concept-attention",), "–", "–"),
    ):
        for line in study.values():
            for name in names:
                if (r := line["methods"].get(name)) is None:
                    continue
                correlation, noise = (
                    r[m]["measured"] if m in r else None for m in ("faithfulness correlation", "noise stability")
                )
                gain = "–"
                if "insertion" in r and "deletion" in r:
                    gain = f"{r['insertion']['measured']['value'] - r['deletion']['measured']['value']:.2f}".replace("-", "−")
                cells = (f"{title}: {name}, {line['name']}", fidelity, number(correlation), gain, stability, number(noise))
                rows.append(f"| {' | '.join(cells)} |")
    return rows


def models(study: Mapping[str, Any]) -> list[str]:
    """Who is on trial."""
    rows = [
        "| line | family | AUROC on held-out cases | trained again | other architectures | on permuted labels |",
        "|---|---|---|---|---|---|",
    ]
    for line in study.values():
        area = line["figures"].get("auroc") if line["figures"] else None
        told = number({"low": None, "high": None, **area}) if area else "–"
        told += " (on training images)" if any("trained on these" in note for note in line["notes"]) else ""
        cells = (line["name"], line["family"], told, line["again"], line["other"], "yes" if line["permuted"] else "no")
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return rows


def settings(study: Mapping[str, Any]) -> list[str]:
    """Which options are below the defaults, and which measures the verdicts do without."""
    from pellucid.audit.map_measures import MAP_MEASURES
    from pellucid.explain import METHODS

    used = {(m, k): v for line in study.values() for m, options in line["settings"].items() for k, v in options.items()}
    rows = ["| method | option | here | default |", "|---|---|---|---|"]
    rows += [f"| {m} | {k} | {v} | {METHODS[m].options[k]} |" for (m, k), v in used.items()]
    taken = {name for line in study.values() for results in line["methods"].values() for name in results}
    left = [m for m in MAP_MEASURES if m not in taken]
    return [
        *rows,
        "",
        f"The verdicts here rest on at most {len(MAP_MEASURES) - len(left)} of the {len(MAP_MEASURES)} measures that "
        f"`pellucid audit` can take. Not taken: {', '.join(left)}. A rule that asks one of them could not count for or "
        "against a map.",
    ]


def wilson(hits: int, n: int) -> str:
    """'60 of 62: 0.97 (0.89–0.99)': a share with its 95 % interval (Wilson 1927)."""
    if n == 0:
        return "none"
    z, p = 1.959964, hits / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = ((middle + side * half) / (1 + z * z / n) for side in (-1, 1))
    return f"{hits} of {n}: {p:.3f} ({max(0.0, low):.3f}–{min(1.0, high):.3f})"


def shortcut_rows(found: Sequence[Cell]) -> list[str]:
    """Error rates of the search for shortcuts."""
    kept = [r for r in found if r["twin"] == "planted" and r["effect"] > 0.1]
    clean = [r for r in found if r["twin"] != "planted" and not (r["twin"] == "at random" and r["effect"] > 0.1)]
    rows = ["| | nets | named | named or suspected |", "|---|---|---|---|"]
    for title, mine in (
        ("planted, and the net learned it", kept),
        *((f"… {kind}", [r for r in kept if r["kind"] == kind]) for kind in dict.fromkeys(r["kind"] for r in kept)),
        ("… moving the probability by more than 0.2", [r for r in kept if r["effect"] > 0.2]),
    ):
        rows.append(
            f"| {title} | {len(mine)} | {wilson(sum(r['named'] for r in mine), len(mine))} "
            f"| {wilson(sum(r['noticed'] for r in mine), len(mine))} |"
        )
    accused = sum(r["severity"] == "shortcut" for r in clean)
    either = sum(r["severity"] in ("shortcut", "suspicion") for r in clean)
    rows.append(f"| clean twins: false alarms | {len(clean)} | {wilson(accused, len(clean))} | {wilson(either, len(clean))} |")
    left = sum(r["twin"] == "planted" for r in found) - len(kept)
    odd = sum(r["twin"] == "at random" and r["effect"] > 0.1 for r in found)
    return [*rows, "", f"Left out: {left} planted nets that did not learn the shortcut, {odd} nets with the mark at random that "
            "nevertheless use it (the mark moves their probability by more than 0.1)."]  # fmt: skip


def verdict_rows(found: Sequence[Cell], part: str) -> list[str]:
    """Error rates of the verdict on one kind of nets, never pooled with another; bad maps by whether they follow the weights."""
    here = [r for r in found if r["part"] == part]
    rows = ["| explanation | is | asked of randomised models | refused |", "|---|---|---|---|"]
    for name in dict.fromkeys(r["explanation"] for r in here):
        mine = [r for r in here if r["explanation"] == name]
        bad = mine[0].get("bad") or ("fixed" if mine[0]["kind"] == "bad" else None)
        anew = "no: the same map" if bad == "fixed" else "yes, anew"
        refused = wilson(sum(r["grade"] == "not usable" for r in mine), len(mine))
        rows.append(f"| {name} | {mine[0]['kind']} | {anew} | {refused} |")
    rows.append("")
    good = [r for r in here if r["kind"] == "good"]
    follows = [r for r in here if r.get("bad") == "follows the weights"]
    rows.append(f"Good ones refused: {wilson(sum(r['grade'] == 'not usable' for r in good), len(good))}. ")
    let = [r for r in follows if r["grade"] != "not usable"]
    rows[-1] += f"Bad ones that follow the weights and were not refused: {wilson(len(let), len(follows))}"
    told = [
        f"{r['explanation']} (seed {r['seed']}, “{r['grade']}”, {r['on evidence']:.0%} of its weight on the evidence)"
        for r in let
    ]
    rows[-1] += f": {'; '.join(told)}." if told else "."
    return rows


def judge(found: Sequence[Cell]) -> list[str]:
    """The judge's errors in short, the two kinds of nets apart."""
    told: dict[str, list[str]] = {"good": [], "follows the weights": []}
    for part in dict.fromkeys(r["part"] for r in found):
        here = [r for r in found if r["part"] == part]
        nets = "nets on paper" if part == "on paper" else "trained nets with a planted shortcut"
        good = [r["grade"] == "not usable" for r in here if r["kind"] == "good"]
        let = [r["grade"] != "not usable" for r in here if r.get("bad") == "follows the weights"]
        told["good"].append(f"{wilson(sum(good), len(good))} on {nets}")
        told["follows the weights"].append(f"{wilson(sum(let), len(let))} on {nets}")
    return [
        f"- **The judge refuses many good maps of trained nets.** Good ones refused: {'; '.join(told['good'])}.",
        "- **It lets some wrong maps through.** Wrong maps that follow the weights and were not refused: "
        f"{'; '.join(told['follows the weights'])}. Maps that do not look at the model are refused by construction.",
    ]


def found_rows(found: Mapping[str, Cell]) -> list[str]:
    """What the search says of the classifiers on trial."""
    rows: list[str] = []
    for name, audit in found.items():
        rows.append(f"- **{name}** ({audit['searched']} cases searched, {audit['tested']} tested): {audit['sentence']}")
        rows += [f"  - {sentence}" for sentence in audit["findings"]]
    return rows


def put(page: str, name: str, lines: Iterable[str]) -> str:
    """The page with one part replaced."""
    begin, end = BEGIN.format(name), END.format(name)
    head, rest = page.split(begin)
    return f"{head}{begin}\n\n" + "\n".join(lines) + f"\n\n{end}{rest.split(end)[1]}"


def main() -> None:
    """Reads, shortens, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("study", "shortcuts", "verdicts", "found"):
        parser.add_argument(f"--{name}", type=Path, nargs="*", default=[])
    args = parser.parse_args()
    kept: dict[str, Any] = json.loads(SHORT.read_text(encoding="utf-8")) if SHORT.is_file() else {}
    for path in args.study:
        kept.setdefault("study", {}).update(shortened(json.loads(path.read_text(encoding="utf-8"))))
    for path in args.shortcuts:
        columns = ("kind", "seed", "twin", "set", "place", "effect", "accuracy", "named", "noticed", "severity")
        kept["shortcuts"] = [{k: r[k] for k in columns} for r in json.loads(path.read_text(encoding="utf-8"))]
    for path in args.verdicts:
        columns = ("part", "seed", "explanation", "kind", "bad", "on evidence", "grade")
        new = [{k: r[k] for k in columns if k in r} for r in json.loads(path.read_text(encoding="utf-8"))]
        kept["verdicts"] = (kept["verdicts"] if path != args.verdicts[0] else []) + new
    for path in args.found:
        columns = ("searched", "tested", "severity", "sentence")
        kept["found"] = {
            name: {**{k: audit[k] for k in columns}, "findings": [f["sentence"] for f in audit["findings"]]}
            for name, audit in json.loads(path.read_text(encoding="utf-8")).items()
        }
    SHORT.write_text(json.dumps(kept, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    study = kept.get("study", {})
    for name, lines in (
        ("models", models(study)),
        ("answer", answer(study)),
        ("arun", arun(study)),
        ("pooled", pooled(study)),
        ("measures", measures(study)),
        ("shortcuts", shortcut_rows(kept.get("shortcuts", []))),
        ("judge", judge(kept.get("verdicts", []))),
        ("verdicts on paper", verdict_rows(kept.get("verdicts", []), "on paper")),
        ("verdicts on planted nets", verdict_rows(kept.get("verdicts", []), "planted")),
        ("settings", settings(study)),
        ("found", found_rows(kept.get("found", {}))),
    ):
        page = put(page, name, lines)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
