"""Writes the tables of docs/reference/explanation-measures.md from MAP_MEASURES and the verdict's rules; a test compares."""

from pathlib import Path

from pellucid.audit.map_measures import MAP_MEASURES, MapMeasure
from pellucid.audit.verdict import Rule, installed_rules

PAGE = Path(__file__).with_name("explanation-measures.md")
NEEDS = {None: "", "masks": "masks", "randomised": "random weights", "retrained": "retrained nets", "seeds": "another seed",
         "label randomised": "a net trained on permuted labels", "others": "other methods"}  # fmt: skip


def _number(value: float) -> str:
    return "∞" if value == float("inf") else f"{value:g}"


def _cost(m: MapMeasure) -> str:
    parts = [
        f"{m.cost.forwards} shared" if m.cost.forwards else "",
        f"{m.cost.forwards_per_map} per map" if m.cost.forwards_per_map else "",
    ]
    forwards = " + ".join(p for p in parts if p) or "0"
    more = f" + {m.cost.explanations_per_model} per net" if m.cost.explanations_per_model else ""
    return f"{forwards} | {m.cost.explanations}{more}"


def measures() -> str:
    """The table of measures."""
    lines = [
        "| family | measure | what it is | better | bounds | needs | forwards | maps | cases | source |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, m in MAP_MEASURES.items():
        what = (m.function.__doc__ or "").strip().splitlines()[0].rstrip(".")
        bounds = f"{_number(m.bounds[0])} … {_number(m.bounds[1])}"
        cap = "all" if m.cap is None else str(m.cap)
        lines.append(
            f"| {m.family} | `{name}` | {what} | {m.better} | {bounds} | {NEEDS[m.needs]} | {_cost(m)} | {cap} | {m.reference} |"
        )
    return "\n".join(lines)


def _asks(rule: Rule) -> str:
    return f"{rule.side} {rule.threshold:g}" if rule.side else "beats " + ", ".join(rule.beats)


def rules() -> str:
    """The table of the verdict's rules."""
    found = installed_rules()
    said = {p.name: p.said for p in found.purposes}
    lines = [
        f"Fewer than {found.least_patients} patients: too few cases ({found.least_source}). "
        "Purposes, in the order in which they are said: "
        + "; ".join(f"`{name}` ({text})" for name, text in said.items()) + ".",
        "",
        "| rule | asks | must be | for | if not | if undecided | if not asked | source |",
        "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for r in found.rules:
        row = (r.name, f"`{r.measure}`", _asks(r), ", ".join(r.purposes), r.failing, r.open or "–", r.unasked, r.source)
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def made(page: str) -> str:
    """The page with its tables written anew."""
    for name, table in (("measures", measures()), ("rules", rules())):
        start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, rest = page.split(start)
        page = f"{before}{start}\n{table}\n\n{end}{rest.split(end)[1]}"
    return page


if __name__ == "__main__":
    PAGE.write_text(made(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
