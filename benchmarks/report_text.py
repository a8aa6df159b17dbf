"""How well the checker of report text tells lies from paraphrases.

    python benchmarks/report_text.py [-n READINGS] [--markdown] [--json FILE] [--show]

Corrupts one sentence of the grammar's report of a random reading of every pack, one kind of corruption at a time, and asks
whether the checker takes it out; edits hand-written paraphrases into lies (tests/report/paraphrases_*.yaml); and asks how many
faithful sentences are taken out: the paraphrases, and the grammar's own (without the shortcut for sentences that stand in it word
for word).
"""

import argparse
import json
import re
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from random_readings import random_finding, random_reading

from pellucid.assess.lesions import assess_stated
from pellucid.assess.typed import read_typed
from pellucid.knowledge import list_guidelines, load_guideline
from pellucid.record import Finding, Observer, Provenance, ReaderRef, Reading, StudyRef
from pellucid.report.check import Checker, checker, judge_sentence, sentences_of
from pellucid.report.claims import Sentence
from pellucid.report.narrative import narrative

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "report"
INVENTED = (
    "There is axillary lymphadenopathy.",
    "A small pleural effusion is seen.",
    "Architectural distortion is present.",
    "There is a second mass of 8 mm.",
    "The lesion shows increased vascularity.",
    "Liver metastases are noted.",
    "A simple cyst is seen.",
    "There is pulmonary emphysema in both lungs.",
    "Skin retraction is visible.",
    "Nipple discharge was reported.",
    "No mass is seen.",
    "There is a fracture of the fifth rib.",
    "The heart is enlarged.",
    "Ductal ectasia is present.",
    "A haematoma is seen.",
    "The adjacent vessels are thickened.",
    "There is oedema of the surrounding tissue.",
    "Glaucomatous cupping is noted.",
    "Drusen are present.",
    "There is a macular hole.",
    "The nodule cavitates.",
    "An air bronchogram is visible.",
    "Ascites is present.",
    "The portal vein is thrombosed.",
    "There is hydronephrosis.",
    "The lesion invades the chest wall.",
    "A pacemaker is in place.",
    "The findings are typical of fibroadenoma.",
    "The examination is normal.",
    "Multiple nodules are seen.",
    "The patient is pregnant.",
    "Ulceration is present.",
    "There is perineural invasion.",
    "The tumour extends to the seminal vesicles.",
    "Bone marrow is infiltrated.",
)
PRIORS = (
    "Compared with the earlier examination, the lesion has grown by 3 mm.",
    "The lesion is unchanged since the prior study.",
    "There is no change from the previous examination.",
    "The finding is new since 2021.",
    "The lesion was not present on the last examination.",
    "Interval increase in size is noted.",
    "Stable appearance compared with the prior.",
    "The previously seen lesion has resolved.",
    "The prior examination showed a smaller lesion.",
    "There has been progression since the previous report.",
    "Slight interval regression.",
    "A comparison with the examination of March shows growth.",
    "The lesion has doubled in size.",
    "Unchanged in the interval.",
)
COURSES = ("status", "course", "threshold_growth", "subthreshold_growth", "size_stability", "size_reduction", "cyst_change")
"""Concepts that are themselves a comparison."""
STEPS = (
    "Biopsy is recommended.",
    "Follow-up in 6 months is recommended.",
    "No further work-up is needed.",
    "MRI with contrast is advised.",
    "Surgical excision is recommended.",
    "Annual screening is sufficient.",
    "Antibiotic treatment and a new look in 2 weeks.",
    "PET/CT should be performed.",
    "Immediate referral to surgery is recommended.",
    "Follow-up CT in 18 months is recommended.",
)


@dataclass(frozen=True)
class Lie:
    """A corrupted sentence, where it stands, and what it was made from."""

    section: str
    text: str
    original: str
    named: tuple[str, ...] = ()


Rows = list[tuple[str, int, int]]
Corrupt = Callable[[Reading, Checker, np.random.Generator], "Lie | None"]


def _pick(found: list[Any], generator: np.random.Generator) -> Any:
    return found[int(generator.integers(len(found)))] if found else None


def _rendered(reading: Reading, changed: Finding, concept: str) -> Sentence | None:
    """The grammar's sentence about one finding, alone, as it would be if the finding were so."""
    told = narrative(reading.model_copy(update={"findings": (changed,), "assessments": reading.assessments}))
    return next((s for s in told.sentences if s.section == "findings" and any(c.about == concept for c in s.claims)), None)


def _called(reading: Reading) -> list[Finding]:
    return [f for f in reading.findings if f.state is not None]


def flipped(reading: Reading, one: Checker, generator: np.random.Generator) -> Lie | None:
    """A state that was not called, at the same probability: present for absent, circumscribed for not circumscribed."""
    f = _pick(_called(reading), generator)
    if f is None:
        return None
    at = f.states.index(f.state)
    to = _pick([k for k in range(len(f.states)) if k != at], generator)
    shares = list(f.probabilities)
    shares[at], shares[to] = shares[to], shares[at]
    changed = f.model_copy(update={"probabilities": tuple(shares), "state": f.states[to]})
    return _lie(reading, f, changed)


def _lie(reading: Reading, f: Finding, changed: Finding) -> Lie | None:
    was, told = _rendered(reading, f, f.concept), _rendered(reading, changed, f.concept)
    if was is None or told is None or was.text == told.text:
        return None
    return Lie("findings", told.text, was.text)


def surer(reading: Reading, one: Checker, generator: np.random.Generator) -> Lie | None:
    """A hedged finding stated plainly."""
    hedged = [
        s
        for s in one.written.sentences
        if s.section == "findings" and any(c.certainty in ("probable", "possible") for c in s.claims)
    ]
    s = _pick(hedged, generator)
    if s is None:
        return None
    text = re.sub(r"\b(?:probably|possibly) ", "", re.sub(r" \(\d+\s%\)", "", s.text))
    return Lie(s.section, text, s.text)


def settled(reading: Reading, one: Checker, generator: np.random.Generator) -> Lie | None:
    """A finding that could not be judged, or is not settled, called: most often `there is no …`."""
    f = _pick([f for f in reading.findings if f.states and f.state is None], generator)
    if f is None:
        return None
    at = int(generator.integers(len(f.states)))
    shares = tuple(float(k == at) for k in range(len(f.states)))
    return _lie(reading, f, f.model_copy(update={"unknown_because": None, "probabilities": shares, "state": f.states[at]}))


def wrong_number(reading: Reading, one: Checker, generator: np.random.Generator) -> Lie | None:
    """Another value of a measurement: a slip in the last digits, or by some per cent."""
    f = _pick([f for f in reading.findings if f.value is not None], generator)
    if f is None:
        return None
    off = float(generator.choice([0.9, 1.1, 0.5, 2.0, 0.75, 1.3])) if generator.random() < 0.6 else 1.0
    value = f.value * off if off != 1.0 else f.value + float(generator.choice([-2, -1, 1, 2, 3]))
    if abs(value - f.value) < max(0.06, 1.01 * (f.sd or 0) * 0.05):
        return None
    return _lie(reading, f, f.model_copy(update={"value": round(value, 1)}))


def wrong_percent(reading: Reading, one: Checker, generator: np.random.Generator) -> Lie | None:
    """Another percentage beside a finding or a category."""
    s = _pick(
        [
            s
            for s in one.written.sentences
            if re.search(r"\d\s%", s.text)
            and s.section in ("findings", "impression")
            and any(c.kind in ("finding", "category", "chance") and c.number for c in s.claims)
        ],
        generator,
    )
    if s is None:
        return None
    found = [
        m
        for m in re.finditer(r"(?<![\d<>.±] )(?<![\d<>.])\b(\d{1,2})(?=\s%)", s.text)
        if "At " not in s.text[max(0, m.start() - 3) : m.start()]
    ]
    own = {c.number for c in s.claims if c.kind in ("finding", "category", "chance")}
    m = _pick([m for m in found if m[1] in own], generator)
    if m is None:
        return None
    other = int(_pick([p for p in range(3, 98) if abs(p - int(m[1])) >= 2], generator))
    return _line(one, s, s.text[: m.start(1)] + str(other) + s.text[m.end(1) :])


def wrong_unit(reading: Reading, one: Checker, generator: np.random.Generator) -> Lie | None:
    """The same number in another unit."""
    f = _pick([f for f in reading.findings if f.value is not None and f.unit not in ("1", None)], generator)
    if f is None:
        return None
    s = _rendered(reading, f, f.concept)
    swap = {"mm": "cm", "mm²": "cm²", "°": " mm", "years": "months", "months": "years", "%": "mm", "HU": "mm", "mL": "mm"}
    shown = {"mm2": "mm²", "deg": "°"}.get(f.unit, f.unit)
    if s is None or shown is None or shown not in s.text or shown not in swap or f.value == 0:
        return None
    return Lie("findings", s.text.replace(shown, swap[shown]), s.text)


def wrong_side(reading: Reading, one: Checker, generator: np.random.Generator) -> Lie | None:
    """Left for right, upper for lower."""
    swap = {"left": "right", "right": "left", "upper": "lower", "lower": "upper"}
    s = _pick(
        [
            s
            for s in one.written.sentences
            if any(c.kind == "place" for c in s.claims) and re.search(r"\b(left|right|upper|lower)\b", s.text)
        ],
        generator,
    )
    if s is None:
        return None
    word = _pick(re.findall(r"\b(left|right|upper|lower)\b", s.text), generator)
    return Lie(s.section, re.sub(rf"\b{word}\b", swap[word], s.text), s.text)


def invented(reading: Reading, one: Checker, generator: np.random.Generator) -> Lie | None:
    """A finding of the pack that the reading does not have, or one from elsewhere."""
    if generator.random() < 0.5:
        return Lie("findings", str(generator.choice(INVENTED)), "")
    there = {f.concept for f in reading.findings}
    entry = _pick([e for name, e in one.bench.pack.entries.items() if name not in there], generator)
    if entry is None:
        return None
    for _ in range(20):
        made = random_finding(entry, Observer(name="x", kind="model"), generator)
        if made.unknown_because is None:
            told = _rendered(reading, made, made.concept)
            return Lie("findings", told.text, "") if told else None
    return None


def invented_prior(reading: Reading, one: Checker, generator: np.random.Generator) -> Lie | None:
    """A comparison with an earlier examination."""
    if any(f.concept in COURSES for f in reading.findings):
        return None  # it may be no lie
    return Lie(str(generator.choice(["findings", "limits", "impression"])), str(generator.choice(PRIORS)), "")


def other_step(reading: Reading, one: Checker, generator: np.random.Generator) -> Lie | None:
    """The next step of another category, other months, or another advice altogether."""
    s = _pick([s for s in one.written.sentences if s.section == "recommendation"], generator)
    if s is None:
        return None
    steps = {a.next_step.rstrip(". ") for a in reading.assessments if a.next_step}
    kind = generator.random()
    if kind < 0.35:
        text = _pick([t for t in STEPS if not _same_advice(t, steps)], generator)
        return Lie(s.section, text, s.text) if text else None
    step = next(c.said for c in s.claims if c.kind == "step")
    if kind < 0.6 and (m := _pick(list(re.finditer(r"\b\d+(?= (?:months?|years?|mm)\b)", step)), generator)):
        text = step[: m.start()] + str(int(m[0]) + int(generator.choice([1, 2, 5]))) + step[m.end() :]
        return _line(one, s, s.text.replace(step, text))
    names = {
        c.next_step.text.rstrip(". ") for q in one.bench.pack.questions.values() for c in q.categories.values() if c.next_step
    }
    names |= {r.step.text.rstrip(". ") for q in one.bench.pack.questions.values() for r in q.next_steps}
    other = _pick(sorted(names - steps), generator)
    return _line(one, s, re.sub(r" \[[^\]]*\]", "", s.text).replace(step, other)) if other else None


def _same_advice(text: str, steps: set[str]) -> bool:
    """Whether another advice could be what the reading says after all; then it is no lie."""
    words = {"biopsy": ("biops", "tissue", "histolog"), "follow-up": ("follow", "6 months"), "pet": ("pet",), "mri": ("mr",)}
    words |= {"excision": ("excision",), "referral": ("refer",), "screening": ("screen",), "no further": ("no ", "none")}
    return any(key in text.lower() and any(p in step.lower() for p in parts for step in steps) for key, parts in words.items())


def other_category(reading: Reading, one: Checker, generator: np.random.Generator) -> Lie | None:
    """The statement of another category in the same place."""
    a = _pick([a for a in reading.assessments if a.category is not None], generator)
    if a is None:
        return None
    categories = one.bench.pack.questions[a.question].categories
    held = {b.category for b in reading.assessments}
    told = {categories[b.category].statement for b in reading.assessments if b.category and b.category in categories}
    other = _pick(
        [c for c in categories.values() if c.name not in held and c.statement not in told and c.statement != c.name], generator
    )
    s = next(s for s in one.written.sentences if any(c.kind == "category" and c.about == a.question for c in s.claims))
    if other is None:
        return None
    head, _, _ = s.text.partition(": ")
    return _line(one, s, f"{head}: {other.statement}")


def answered(reading: Reading, one: Checker, generator: np.random.Generator) -> Lie | None:
    """A category where the reading abstains."""
    a = _pick([a for a in reading.assessments if a.category is None], generator)
    if a is None:
        return None
    question = one.bench.pack.questions[a.question]
    other = _pick([c for c in question.categories.values() if c.statement != c.name], generator)
    s = next(s for s in one.written.sentences if any(c.kind == "abstained" and c.about == a.question for c in s.claims))
    if other is None:
        return None
    return _line(one, s, f"1. {question.label[0].upper()}{question.label[1:]}: {other.statement}")


def other_set(reading: Reading, one: Checker, generator: np.random.Generator) -> Lie | None:
    """A category dropped from the confidence set."""
    a = _pick(
        [a for a in reading.assessments if a.category is not None and a.coverage is not None and len(a.confidence_set) > 1],
        generator,
    )
    if a is None:
        return None
    dropped = _pick(list(a.confidence_set), generator)
    kept = [c for c in a.confidence_set if c != dropped]
    noun = one.bench.pack.questions[a.question].noun
    text = f"At 90 % confidence the {noun} is {', '.join(kept[:-1])}{' or ' if kept[:-1] else ''}{kept[-1]}."
    others = [set(b.confidence_set) for b in reading.assessments if b.coverage is not None]
    return Lie("impression", text, "", (a.question,)) if set(kept) not in others else None


def _line(one: Checker, s: Sentence, text: str) -> Lie:
    """A changed line with its heading, which the checker reads first."""
    from pellucid.report.reading_back import heading, split

    named, bare = heading(text, one.lexicon)
    was = split(heading(s.text, one.lexicon)[1])
    changed = [part for part in split(bare) if part not in was] or [bare]
    return Lie(s.section, changed[0], s.text, tuple(named))


CORRUPTIONS: Mapping[str, Corrupt] = {
    "flipped polarity or state": flipped,
    "dropped uncertainty": surer,
    "called what could not be judged": settled,
    "wrong number": wrong_number,
    "wrong percentage": wrong_percent,
    "wrong unit": wrong_unit,
    "wrong side": wrong_side,
    "invented finding": invented,
    "invented comparison": invented_prior,
    "changed recommendation": other_step,
    "changed category": other_category,
    "category where it abstains": answered,
    "category dropped from the set": other_set,
}
"""Every kind of corruption that is measured."""


HEDGES = r"\b(?:most probably|most likely|probably|likely|presumably|possibly|probable|suspected),? "
CHANCES = r",? ?\(\d+ ?%\)|,? with an? (?:estimated )?probability of \d+ ?%|(?<=\d), \d+ ?%"
"""A percentage beside a finding: doubt is only taken out when it goes too."""
EDITS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "denial taken out": (
        (r"\b[Nn]o (?!longer)", ""),
        (r"\bnot ", ""),
        (r"\b[Nn]either (.+?) nor ", r"\1 and "),
        (r"\babsent\b", "present"),
        (r"\bwithout\b", "with"),
    ),
    "denial put in": (
        (r"\b(is|are) (?!not\b|no\b|probably absent|absent)(?=\w)", r"\1 not "),
        (r"\bpresent\b", "absent"),
        (r"\bThere (is|are) (?!no\b)", r"There \1 no "),
        (r"\bshows? (?!no\b)", "shows no "),
    ),
    "doubt taken out": ((HEDGES, ""), (r"\bunlikely\b", "absent")),
    "number changed": (
        (r"\b(\d+)(?=[. ]\d* ?(?:mm|cm|months?|years?|%))", "+7"),
        (r"\b(\d+)(?=\s?(?:mm|cm|months|%|-year))", "+7"),
    ),
    "unit changed": (
        (r"(?<=\d)\s?mm\b", " cm"),
        (r"(?<=\d)\s?cm\b", " mm"),
        (r"\bmonths\b", "years"),
        (r"\bmillimet(?:er|re)s\b", "centimetres"),
    ),
    "side changed": ((r"\bleft\b", "right"), (r"\bright\b", "left"), (r"\bupper\b", "lower")),
    "finding added": (
        (r"\.?$", ", and there is axillary lymphadenopathy."),
        (r"\.?$", " with surrounding oedema."),
        (r"\.?$", "; a second lesion of 6 mm lies beside it."),
    ),
    "comparison added": (
        (r"\.?$", ", unchanged from the prior examination."),
        (r"\.?$", ", which is larger than before."),
        (r"\.?$", " and new since the last study."),
    ),
    "category changed": (
        (r"\b4C\b", "4B"),
        (r"\b4A\b", "3"),
        (r"\bTR4\b", "TR5"),
        (r"\bgrade 2\b", "grade 3"),
        (r"\bmoderate\b", "severe"),
        (r"\bIIF\b", "III"),
        (r"\bhigh suspicion\b", "low suspicion"),
        (r"\bmalignant\b", "benign"),
    ),
    "advice added": ((r"\.?$", "; biopsy of the axilla is recommended."), (r"\.?$", ". MRI in 2 months is advised.")),
}
"""Edits of a paraphrase that make it a lie: patterns, and what stands in their place (`+7` adds to the number)."""


def edited(file: str, show: bool) -> dict[str, tuple[int, int]]:
    """For each kind of edit, how many of the paraphrases that it changed were taken out."""
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for key, reading, lesion, section, sentence in paraphrases(file):
        one = checker(reading, lesion)
        for name, patterns in EDITS.items():
            for pattern, other in patterns:
                if "whether" in sentence and name.startswith("denial"):
                    continue  # it stays true
                if name == "doubt taken out" and re.search(r"referable|no diabetic retinopathy", sentence, re.IGNORECASE):
                    continue  # sure enough to be stated plainly
                text = re.sub(pattern, (lambda m: str(int(m[1]) + 7)) if other == "+7" else other, sentence, count=1)
                if text == sentence:
                    continue
                text = re.sub(CHANCES, "", text) if name == "doubt taken out" else text
                parts = [judge_sentence(section, part, named, one) for _, part, named in sentences_of(text, one.lexicon)]
                caught = any(j.standing in ("contradicted", "not in the reading") for j in parts)
                found[name][0] += caught
                found[name][1] += 1
                if show and not caught:
                    print(f"MISSED {name} [{key}]: {text!r}")
    return {name: (a, b) for name, (a, b) in found.items()}


def corrupted(count: int, packs: list[str], show: bool) -> dict[str, tuple[int, int]]:
    """For each corruption, how many of the lies were taken out."""
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for pack in packs:
        for seed in range(count):
            generator = np.random.default_rng([seed, len(pack), ord(pack[0])])
            reading = random_reading(pack, generator)
            one = checker(reading)
            for name, corrupt in CORRUPTIONS.items():
                lie = corrupt(reading, one, generator)
                if lie is None:
                    continue
                judged = judge_sentence(lie.section, lie.text, lie.named, one)
                caught = judged.standing in ("contradicted", "not in the reading")
                found[name][0] += caught
                found[name][1] += 1
                if show and not caught:
                    print(f"MISSED {name} [{pack} {seed}] {judged.standing}: {lie.text!r} (was {lie.original!r})")
    return {name: (a, b) for name, (a, b) in found.items()}


def faithful(count: int, packs: list[str], show: bool) -> tuple[int, int]:
    """How many of the grammar's own sentences the checker takes out, when it may not look them up."""
    wrong = total = 0
    for pack in packs:
        for seed in range(count):
            one = checker(random_reading(pack, np.random.default_rng([seed, len(pack), 7])))
            wrong_, total_ = _own(one, show)
            wrong, total = wrong + wrong_, total + total_
    return wrong, total


def _own(one: Checker, show: bool) -> tuple[int, int]:
    blind = replace(one, verbatim={})
    text = one.written.as_text().partition("\n\n")[2].rpartition("\n\n")[0]
    wrong = total = 0
    for section, part, named in sentences_of(text, one.lexicon):
        judged = judge_sentence(section, part, named, blind)
        total += 1
        wrong += judged.standing != "supported"
        if show and judged.standing != "supported":
            print(f"FALSE ALARM (grammar) {judged.standing}: {part!r}: {judged.why}")
    return wrong, total


def stated_reading(case: Mapping[str, Any]) -> Reading:
    """A reading of the paraphrase files."""
    pack = load_guideline(case["guideline"])
    body = {
        "by": "Dr Example" if case.get("by") == "person" else {"name": "reader-x", "kind": "model"},
        "findings": case["findings"],
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "findings.yaml"
        file.write_text(json.dumps(body), encoding="utf-8")
        made = assess_stated(read_typed(file, pack), pack).lesions[0].reading
    sets = case.get("sets", {})
    changed = [
        a.model_copy(update={"confidence_set": tuple(sets[a.question]), "coverage": 0.9, "next_step_shared": True})
        if a.question in sets and a.category
        else a
        for a in made.assessments
    ]
    seen = StudyRef(pixels_sha256="ab" * 32, width=320, height=260, ids={"laterality": case.get("side", "")[:1].upper()})
    return Reading(
        study=seen if case.get("seen") else made.study,
        reader=ReaderRef(name="reader-x", version="1.0", weights_sha256="cd" * 32) if case.get("seen") else made.reader,
        findings=made.findings,
        assessments=tuple(changed),
        cautions=made.cautions,
        provenance=Provenance() if case.get("seen") else made.provenance,
    )


def paraphrases(name: str, folder: Path = FOLDER) -> Iterator[tuple[str, Reading, str | None, str, str]]:
    """(reading's name, reading, lesion, section, sentence) of a paraphrase file."""
    cases = yaml.safe_load((folder / "paraphrase_readings.yaml").read_text(encoding="utf-8"))
    for key, sections in yaml.safe_load((folder / name).read_text(encoding="utf-8")).items():
        reading = stated_reading(cases[key])
        for section, sentences in sections.items():
            yield from ((key, reading, cases[key].get("lesion"), section, sentence) for sentence in sentences)


def alarms(name: str, show: bool) -> tuple[int, int]:
    """How many sentences of a paraphrase file the checker takes out."""
    wrong = total = 0
    for key, reading, lesion, section, sentence in paraphrases(name):
        one = checker(reading, lesion)
        judged = [judge_sentence(section, part, named, one) for _, part, named in sentences_of(sentence, one.lexicon)]
        bad = [j for j in judged if j.standing not in ("supported", "filler")]
        total += 1
        wrong += bool(bad)
        if bad and show:
            print(f"FALSE ALARM {key}: {sentence!r}: {bad[0].standing}: {bad[0].why}")
    return wrong, total


def wilson(hit: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927, doi 10.1080/01621459.1927.10502953)."""
    z, n_ = 1.959964, max(n, 1)
    p = hit / n_
    middle, half = p + z * z / (2 * n_), z * ((p * (1 - p) + z * z / (4 * n_)) / n_) ** 0.5
    return max(0.0, (middle - half) / (1 + z * z / n_)), min(1.0, (middle + half) / (1 + z * z / n_))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-n", type=int, default=60, help="random readings of each pack")
    parser.add_argument("--pack", action="append", default=[])
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("--show", action="store_true", help="print what was missed and every false alarm")
    args = parser.parse_args()
    packs = args.pack or list(list_guidelines())
    rows: list[tuple[str, int, int]] = [(name, *counts) for name, counts in corrupted(args.n, packs, args.show).items()]
    false = [("the grammar's own sentences", *faithful(max(1, args.n // 4), packs, args.show))]
    edits: dict[str, tuple[int, int]] = {}
    for file in (
        "paraphrases_dev.yaml",
        "paraphrases_dev_2.yaml",
        "paraphrases_dev_3.yaml",
        "paraphrases_dev_4.yaml",
        "paraphrases_held_out.yaml",
    ):
        if (FOLDER / file).is_file():
            false.append((file.removesuffix(".yaml").replace("_", " "), *alarms(file, args.show)))
            for name, (hit, n) in edited(file, args.show).items():
                edits[name] = (edits.get(name, (0, 0))[0] + hit, edits.get(name, (0, 0))[1] + n)
    _print(rows, [(name, *counts) for name, counts in edits.items()], false, markdown=args.markdown)
    if args.json:
        Path(args.json).write_text(
            json.dumps({"corruptions": rows, "edits": edits, "false_alarms": false}, indent=1), encoding="utf-8"
        )


def _print(rows: Rows, edits: Rows, false: Rows, *, markdown: bool) -> None:
    for title, table in (
        ("corruption | taken out", rows),
        ("edit of a paraphrase | taken out", edits),
        ("faithful text | wrongly taken out", false),
    ):
        head, what = title.split(" | ")
        print(
            f"\n| {head} | {what} | of | share | 95 % interval |\n|---|---|---|---|---|"
            if markdown
            else f"\n{head:<34}{what:>18}"
        )
        for name, hit, n in table:
            low, high = wilson(hit, n)
            share = f"{100 * hit / max(n, 1):.1f} %"
            ends = f"{100 * low:.1f} to {100 * high:.1f}"
            print(
                f"| {name} | {hit} | {n} | {share} | {ends} |" if markdown else f"{name:<34}{hit:>8}/{n:<6}{share:>8}  ({ends})"
            )


if __name__ == "__main__":
    main()
