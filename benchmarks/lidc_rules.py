"""Part of lidc_readers.py: what the packs answer to every combination of a reader's descriptors, asked of the engine once each.

The engine's own answer is exact and takes a tenth of a second; a study asks it a hundred thousand times. All that matters of a
reading is its nodule type, benign content, spiculation and the cell of its diameter, so each combination is put to `evaluate`
once, and a distribution over descriptors is carried through that table in the way of the engine. `check` compares the two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import erf, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.assess.observers import pool
from pellucid.knowledge import Guideline, evaluate, load_guideline
from pellucid.knowledge.space import compile_question
from pellucid.record import Concept, Finding, Observer
from pellucid.train.lidc import Annotation, findings_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

TYPES = ("solid", "part-solid", "non-solid")
PRESENCE = ("absent", "present")
OPEN = "open: needs the solid part"
SETTING = Observer(name="assumption of the study", kind="person")
LUNG = "lung-cancer-screening-2022"
INCIDENTAL = "incidental-lung-nodule-2017"
ROOT_TWO = sqrt(2.0)


@dataclass(frozen=True)
class Variant:
    """One question of one pack with everything stated that is no descriptor of the reader."""

    name: str
    pack: str
    question: str
    stated: Mapping[str, str | float]
    risk_by_margin: bool = False
    """Whether spiculation, as the reader saw it, puts the patient into the group of higher risk."""


SCREENING = {
    "setting": "screening",
    "known_lung_cancer": "absent",
    "age": 60.0,
    "status": "baseline",
    "solid_part_change": "absent",
}
CHANCE = {
    "setting": "incidental",
    "age": 60.0,
    "known_cancer": "absent",
    "immunosuppressed": "absent",
    "course": "first seen",
    "nodule_count": 1.0,
}
CONFIRMED = {"suspicion_confirmed": "present", "enlarged_lymph_nodes": "absent", "metastases": "absent"}
NO_FACTOR = ("older_age", "heavy_smoking", "carcinogens", "family_history_lung_cancer", "upper_lobe", "emphysema", "fibrosis")

VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("screening", LUNG, "nodule", SCREENING),
        Variant(
            "screening, spiculation confirmed", LUNG, "nodule", {**SCREENING, **CONFIRMED, "other_suspicious_feature": "absent"}
        ),
        Variant("incidental", INCIDENTAL, "follow-up", {**CHANCE, "risk": "high"}),
        Variant("incidental, low risk", INCIDENTAL, "follow-up", {**CHANCE, "risk": "low"}),
        Variant("incidental, risk by the margin alone", INCIDENTAL, "follow-up", CHANCE, risk_by_margin=True),
        Variant("incidental, one of several", INCIDENTAL, "follow-up", {**CHANCE, "risk": "high", "nodule_count": 2.0}),
    )
}


def state(concept: Concept, said: str | Sequence[float]) -> Finding:
    """A state for certain, or a distribution over the states."""
    states = concept.states or ()
    chances = tuple(float(s == said) for s in states) if isinstance(said, str) else tuple(float(p) for p in said)
    called = next((s for s, p in zip(states, chances, strict=True) if p > 0.5), None)
    return Finding(concept=concept.name, observer=SETTING, states=states, probabilities=chances, state=called)


def measured(concept: Concept, value: float, sd: float = 0.0) -> Finding:
    """A measured value."""
    return Finding(concept=concept.name, observer=SETTING, unit=concept.unit, value=float(value), sd=float(sd))


def stated(pack: Guideline, values: Mapping[str, str | float]) -> list[Finding]:
    """What the study states for every nodule alike."""
    known = pack.concepts
    return [state(known[n], v) if isinstance(v, str) else measured(known[n], v) for n, v in values.items()]


@dataclass(frozen=True)
class Rules:
    """Answers of a variant by (type, benign, spiculated, cell): `answer` a place in `outcomes`, `open` categories as bits."""

    variant: Variant
    pack: Guideline
    cuts: tuple[float, ...]
    outcomes: tuple[str, ...]
    answer: Ints
    open: Ints
    context: dict[int, list[Finding]] = field(default_factory=dict)

    def cell(self, diameter: Floats) -> Ints:
        """The cell of each diameter; limits belong to the cell above."""
        return np.searchsorted(np.array(self.cuts), diameter, side="right").astype(np.int64)

    def table(self) -> Floats:
        """(type, benign, spiculated, cell, outcome): one where that is the answer."""
        return np.eye(len(self.outcomes))[self.answer]


def rules_of(variant: Variant) -> Rules:
    """The answers to every combination, each asked of the engine."""
    pack = load_guideline(variant.pack)
    axis = next(a for a in compile_question(pack, variant.question).axes if a.name == "mean_diameter")
    cuts = tuple(cut[0] for cut in axis.cuts)
    inside = [cuts[0] - 0.5, *((a + b) / 2 for a, b in pairwise(cuts)), cuts[-1] + 0.5]
    order, context = list(pack.questions[variant.question].categories), {s: around(pack, variant, s) for s in (0, 1)}
    shape = (len(TYPES), 2, 2, len(inside))
    names, opened = np.empty(shape, dtype=object), np.zeros(shape, np.int64)
    for at in np.ndindex(shape):
        findings = [*context[at[2]], *described(pack, at), measured(pack.concepts["mean_diameter"], inside[at[3]])]
        answer = evaluate(pack, variant.question, findings)
        names[at] = answer.crisp or OPEN
        opened[at] = sum(1 << order.index(name) for name in answer.open)
    outcomes = tuple(name for name in (*order, OPEN) if (names == name).any())
    places = np.vectorize(outcomes.index, otypes=[np.int64])(names)
    return Rules(variant, pack, cuts, outcomes, places, opened, context)


def described(pack: Guideline, at: Sequence[int]) -> list[Finding]:
    """Type, benign content and spiculation of one combination."""
    words = {"nodule_type": TYPES[at[0]], "benign_content": PRESENCE[at[1]], "spiculation": PRESENCE[at[2]]}
    return [state(pack.concepts[name], word) for name, word in words.items()]


def around(pack: Guideline, variant: Variant, spiculated: int) -> list[Finding]:
    """What is stated besides the descriptors; the risk of cancer from the pack's own question where the margin decides on it."""
    found = stated(pack, variant.stated)
    if variant.risk_by_margin:
        factors = stated(pack, {**dict.fromkeys(NO_FACTOR, "absent"), "spiculation": PRESENCE[spiculated]})
        found.append(state(pack.concepts["risk"], evaluate(pack, "risk-group", factors).crisp or ""))
    return found


def cell_shares(diameter: Floats, sd: Floats, cuts: Sequence[float]) -> Floats:
    """(n, cells): how much of a normal distribution lies in each cell."""
    scaled = (np.array(cuts)[None] - diameter[:, None]) / np.maximum(sd, 1e-9)[:, None]
    below = 0.5 * (1.0 + np.vectorize(erf)(scaled / ROOT_TWO))
    edges = np.column_stack([np.zeros(len(diameter)), below, np.ones(len(diameter))])
    return np.diff(edges, axis=1)


def distribution(rules: Rules, kinds: Floats, benign: Floats, spiculated: Floats, cells: Floats) -> Floats:
    """(n, outcomes): the exact distribution over answers for descriptors taken as independent."""
    return np.einsum("nt,nb,ns,nc,tbsck->nk", kinds, benign, spiculated, cells, rules.table(), optimize=True)


def check(rules: Rules, generator: np.random.Generator, n: int) -> float:
    """The largest gap between the table's distribution and the engine's, over random uncertain findings, none part-solid."""
    worst = 0.0
    for _ in range(n):
        solid, benign, spiculated = generator.uniform(size=2), generator.uniform(), int(generator.integers(2))
        kinds = np.array([[solid[0], 0.0, 1.0 - solid[0]]])
        diameter, sd = generator.uniform(4.0, 32.0), generator.uniform(0.2, 2.0)
        cells = cell_shares(np.array([diameter]), np.array([sd]), rules.cuts)
        here = np.eye(2)[[spiculated]]
        ours = distribution(rules, kinds, np.array([[1 - benign, benign]]), here, cells)[0]
        theirs = ask(rules, kinds[0], benign, spiculated, (diameter, sd))
        worst = max(worst, *(abs(ours[k] - theirs.get(name, 0.0)) for k, name in enumerate(rules.outcomes)))
    return worst


def check_readings(rules: Rules, panels: Sequence[Sequence[Annotation]]) -> tuple[float, float]:
    """Share of readings whose findings get the table's answer from the engine, and the largest gap between the table's and the
    engine's distribution for the pooled findings of each panel (without part-solid readings)."""
    alike, total, worst = 0, 0, 0.0
    for panel in panels:
        found = [findings_of(said, rules.pack.concepts, 0.75) for said in panel]
        spiculated = [int(f.state == "present") for fs in found for f in fs if f.concept == "spiculation"]
        for said, findings, s in zip(panel, found, spiculated, strict=True):
            answer = evaluate(rules.pack, rules.variant.question, [*rules.context[s], *findings])
            kind, benign = TYPES.index(findings[0].state or ""), int(findings[1].state == "present")
            cell = rules.cell(np.array([said.axes.mean_mm]))[0]
            alike += (answer.crisp or OPEN) == rules.outcomes[rules.answer[kind, benign, s, cell]]
            total += 1
        if all(findings[0].state != "part-solid" for findings in found):
            worst = max(worst, _pool_gap(rules, found, spiculated))
    return alike / total, worst


def _pool_gap(rules: Rules, found: Sequence[Sequence[Finding]], spiculated: Sequence[int]) -> float:
    together = {one.concept: pool([f for fs in found for f in fs if f.concept == one.concept]) for one in found[0]}
    size, kind, benign = together["mean_diameter"], together["nodule_type"], together["benign_content"]
    theirs = evaluate(rules.pack, rules.variant.question, [*rules.context[0], *together.values()]).probabilities
    kinds = [(kind.probabilities or ())[(kind.states or ()).index(name)] for name in TYPES]
    cells = cell_shares(np.array([size.value or 0.0]), np.array([size.sd or 0.0]), rules.cuts)
    mean = float(np.mean(spiculated))
    ours = distribution(rules, np.array([kinds]), np.array([benign.probabilities]), np.array([[1 - mean, mean]]), cells)[0]
    return max(abs(ours[k] - theirs[name]) for k, name in enumerate(rules.outcomes) if name != OPEN)


def ask(rules: Rules, kinds: Floats, benign: float, spiculated: int, size: tuple[float, float]) -> dict[str, Any]:
    """The engine's own distribution for a certain or uncertain description."""
    known = rules.pack.concepts
    order = known["nodule_type"].states or ()
    shares = [float(kinds[TYPES.index(name)]) if name in TYPES else 0.0 for name in order]
    findings = [
        *rules.context[spiculated],
        state(known["nodule_type"], shares),
        state(known["benign_content"], [1.0 - benign, benign]),
        state(known["spiculation"], PRESENCE[spiculated]),
        measured(known["mean_diameter"], *size),
    ]
    return evaluate(rules.pack, rules.variant.question, findings).probabilities
