"""From measures to a verdict in words: what a map may be used for, by rules that are data (verdict_rules.yaml).

A rule is met only where its whole interval says so. What could not be asked is said, and limits what may be claimed.
"""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, Self, cast

from pydantic import ValidationError, model_validator

from pellucid.audit.map_controls import CONTROLS, IN_WORDS
from pellucid.audit.map_measures import MAP_MEASURES
from pellucid.errors import InputError
from pellucid.knowledge.strict_yaml import Node, parse
from pellucid.record.findings import Record, Sha256, Text
from pellucid.record.trial import Grade, Measured, MeasureResult, Reason, Verdict

RULES_FILE = Path(__file__).with_name("verdict_rules.yaml")
ORDER: tuple[Grade, ...] = ("usable", "usable with caution", "not tested", "too few cases", "not usable")
"""From what limits least to what limits most."""
UNTESTED = "it was not tested"
_PARTS = {"value": "0.50 [0.40, 0.60]", "controls": "random map"}


class Purpose(Record):
    """What a map might be used for."""

    name: Text
    said: Text


class Rule(Record):
    """One question to one measure, with the sentences of its answers."""

    name: Text
    measure: Text
    purposes: tuple[Text, ...]
    side: Literal["above", "below"] | None = None
    threshold: float | None = None
    either_sign: bool = False
    """The size is compared, not the sign: a map that turns over is no other map."""
    beats: tuple[Text, ...] = ()
    failing: Literal["not usable", "usable with caution"]
    open: Literal["not usable", "usable with caution"] | None = None
    unasked: Literal["not tested", "usable with caution", "nothing"]
    met: Text
    not_met: Text
    undecided: Text | None = None
    not_asked: Text
    source: Text
    verified: Literal["source", "recomputed", "background", "ours"]

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Self:
        compared = self.side is not None
        if compared == bool(self.beats) or compared != (self.threshold is not None):
            raise ValueError("expected either side and threshold, or beats")
        if self.either_sign and not compared:
            raise ValueError("expected either_sign only with a threshold")
        if compared != (self.open is not None) or compared != (self.undecided is not None):
            raise ValueError("expected open and undecided exactly where there is a threshold")
        if self.measure not in MAP_MEASURES:
            raise ValueError(f"expected a measure of the table, got {self.measure!r}")
        if unknown := set(self.beats) - set(CONTROLS):
            raise ValueError(f"expected controls of the table, got {sorted(unknown)}")
        for text in (self.met, self.not_met, self.undecided or ""):
            try:
                text.format(**_PARTS)
            except (KeyError, ValueError, IndexError):
                raise ValueError(f"expected only {{value}} and {{controls}} in braces, got {text!r}") from None
        return self


class Rules(Record):
    """All rules of a verdict, and the hash of the file they came from."""

    least_patients: int
    least_source: Text
    purposes: tuple[Purpose, ...]
    rules: tuple[Rule, ...]
    sha256: Sha256

    @model_validator(mode="after")
    def _purposes_are_known(self) -> Self:
        known = {p.name for p in self.purposes}
        wrong = {name for rule in self.rules for name in rule.purposes} - known
        if wrong or len(known) != len(self.purposes) or not known:
            raise ValueError(f"expected purposes of the list, each once, got {sorted(wrong) or 'a name twice or none'}")
        if len({r.name for r in self.rules}) != len(self.rules):
            raise ValueError("expected every rule's name once")
        return self


def load_rules(data: bytes, file: str) -> Rules:
    """Rules from YAML; InputError names file and line of what is unknown, missing or wrong."""
    node = parse(data, file)
    try:
        return Rules.model_validate({**_plain(node), "sha256": sha256(data).hexdigest()})
    except (ValidationError, TypeError) as error:
        if isinstance(error, TypeError):
            raise InputError(f"{file}: expected a mapping with purposes and rules") from None
        first = error.errors()[0]
        line = _line(node, first["loc"])
        where = ".".join(map(str, first["loc"])) or "rules"
        raise InputError(f"{file}:{line}: {where}: {first['msg'].removeprefix('Value error, ')}") from None


@lru_cache(maxsize=1)
def installed_rules() -> Rules:
    """The rules that ship."""
    return load_rules(RULES_FILE.read_bytes(), RULES_FILE.name)


def _plain(node: Node) -> Any:
    value = node.value
    if isinstance(value, dict):
        return {key: _plain(child) for key, child in cast(dict[str, Node], value).items()}
    if isinstance(value, list):
        return tuple(_plain(child) for child in cast(list[Node], value))
    return value


def _line(node: Node, place: tuple[int | str, ...]) -> int:
    """Line of the deepest node on the way to `place`."""
    for step in place:
        inner = node.value
        if isinstance(inner, dict) and step in inner:
            node = cast(dict[str | int, Node], inner)[step]
        elif isinstance(inner, list) and isinstance(step, int):
            node = cast(list[Node], inner)[step]
        else:
            break
    return node.line


def shown(measured: Measured) -> str:
    """A value with its interval, as a person reads it."""
    if measured.value is None:
        return "not known"
    if measured.low is None or measured.high is None:
        return f"{measured.value:.2f}"
    return f"{measured.value:.2f} [{measured.low:.2f}, {measured.high:.2f}]"


def answer(rule: Rule, results: Sequence[MeasureResult], least_patients: int) -> tuple[Reason, Grade]:
    """What a rule found, and the best grade that it leaves to its purposes."""
    found = next((r for r in results if r.measure == rule.measure), None)
    if found is None or found.measured.value is None:
        why = "not measured" if found is None else found.measured.reason
        return _reason(rule, f"{UNTESTED} {rule.not_asked} ({why})", None), _unasked(rule)
    if found.measured.patients < least_patients:
        few = f"{found.measured.patients} patients, at least {least_patients} needed"
        return _reason(rule, f"{UNTESTED} {rule.not_asked} ({few})", None), _unasked(rule, "too few cases")
    parts = {"value": shown(found.measured), "controls": ""}
    if rule.beats:
        lost = [name for name in rule.beats if not _beaten(found, name)]
        parts["controls"] = " or ".join(IN_WORDS[name] for name in lost)
        text = rule.not_met if lost else rule.met
        return _reason(rule, text.format(**parts), not lost), rule.failing if lost else "usable"
    met = _on_side(rule, found.measured)
    if met is None:
        return _reason(rule, (rule.undecided or rule.not_met).format(**parts), None), rule.open or rule.failing
    return _reason(rule, (rule.met if met else rule.not_met).format(**parts), met), "usable" if met else rule.failing


def _reason(rule: Rule, said: str, met: bool | None) -> Reason:
    return Reason(rule=rule.name, said=said, met=met, source=rule.source, verified=rule.verified)


def _unasked(rule: Rule, grade: Grade | None = None) -> Grade:
    if rule.unasked == "nothing":
        return "usable"
    return grade or rule.unasked


def _beaten(found: MeasureResult, name: str) -> bool:
    difference = next((c.difference for c in found.controls if c.name == name), None)
    return difference is not None and difference.low is not None and difference.low > 0


def _on_side(rule: Rule, measured: Measured) -> bool | None:
    """True or False where the whole interval lies on one side of the threshold, else None."""
    if measured.low is None or measured.high is None or rule.threshold is None:
        return None
    low, high = measured.low, measured.high
    if rule.either_sign and low < 0:
        low, high = max(0.0, -high), max(-low, high)
    if low > rule.threshold:
        return rule.side == "above"
    if high < rule.threshold:
        return rule.side == "below"
    return None


def verdict(results: Sequence[MeasureResult], rules: Rules | None = None) -> Verdict:
    """What the map may be used for, in words, with every rule's answer; the grade is that of the first purpose."""
    rules = rules or installed_rules()
    answers = [(rule, answer(rule, results, rules.least_patients)) for rule in rules.rules]
    reasons = tuple(reason for _, (reason, _) in answers)
    patients = {r.measure: r.measured.patients for r in results if r.measured.value is not None}
    graded: list[tuple[Purpose, Grade, list[str]]] = []
    for purpose in rules.purposes:
        asked: list[tuple[Reason, Grade]] = [
            (reason, grade) for rule, (reason, grade) in answers if purpose.name in rule.purposes
        ]
        grade = _worst([grade for _, grade in asked])
        if grade != "too few cases" and all(reason.said.startswith(UNTESTED) for reason, _ in asked):
            grade = "not tested"
        if grade == "too few cases":
            found = [patients[rule.measure] for rule, (_, g) in answers if g == grade and purpose.name in rule.purposes]
            why = [f"{min(found)} patients, at least {rules.least_patients} are needed"]
        else:
            why = [r.said for r, g in asked if g == grade and r.met is not True]
        graded.append((purpose, grade, why))
    return Verdict(grade=graded[0][1], sentence=_sentence(graded), reasons=reasons, rules_sha256=rules.sha256)


def _worst(grades: Sequence[Grade]) -> Grade:
    return ORDER[max((ORDER.index(grade) for grade in grades), default=ORDER.index("not tested"))]


def _sentence(told: Sequence[tuple[Purpose, Grade, list[str]]]) -> str:
    """What is said of every purpose, the first first; what is true of all of them is said once."""
    grades = {grade for _, grade, _ in told}
    if len(grades) == 1 and grades <= {"not usable", "too few cases", "not tested"}:
        reasons = [text for _, _, why in told for text in why]
        return f"{_capital(told[0][1])}{_because(told[0][1], reasons)}."
    groups: dict[tuple[Grade, tuple[str, ...]], list[str]] = {}
    for purpose, grade, why in told:
        groups.setdefault((grade, tuple(why)), []).append(purpose.said)
    said = [f"{_capital(g)} for {_listed(names)}{_because(g, why)}." for (g, why), names in groups.items()]
    return " ".join(said)


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _because(grade: Grade, why: Sequence[str]) -> str:
    if grade == "usable" or not why:
        return ""
    return (", because " if grade == "usable with caution" else ": ") + "; ".join(dict.fromkeys(why))


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
