"""Facts for the published forms: what this audit measured, and what the model's card declares."""

import platform
from collections.abc import Mapping, Sequence

from pellucid.reader import software
from pellucid.record import MethodTrial
from pellucid.record.accountability import Data, Entailment, Figure, OnTrialRef, Replay
from pellucid.report.card import told
from pellucid.trial.artefacts import US, Fact
from pellucid.trial.subject import OnTrial

GRADES = ("usable", "usable with caution", "not usable", "too few cases", "not tested")
STABLE = ("noise stability", "shift stability", "JPEG stability")


def declared_facts(trial: OnTrial) -> dict[str, Fact]:
    """What the model's own card says: declared, not measured."""
    if trial.reader is not None:
        card = trial.reader.card
        by = f"the card of {card.reader.name} {card.reader.version}"
        note = f" {card.data.note}" if card.data.note else ""
        texts = {
            "name": card.reader.name,
            "output_type": "classification by cited rules, with next step",
            "developer": "The Pellucid authors",
            "summary": card.reader.title,
            "modality": card.reader.modality,
            "training_data": f"{card.data.title} ({card.data.citation}; {card.data.licence}).{note}",
            "foundation": f"{card.encoder.name}, ImageNet weights{', kept frozen' if card.encoder.frozen else ''}",
            "intended_use": "Research on justified reading of images; not a medical device.",
            "decision_role": "Informs a person, who sees findings and rules and may correct each of them.",
            "oversight": "A person may correct any finding; the rules run again, and the revision is recorded.",
            "citation": card.data.citation,
            "design": "Categories come from displayed findings by cited rules, and can be re-derived without the model.",
            "regulatory": "None. Research use only.",
        }  # fmt: skip
        return _told_by_card(trial, by) | {name: Fact(text, by=by) for name, text in texts.items()}
    spec = trial.card.model if trial.card is not None else None
    if spec is None:
        return {}
    texts = {
        "name": spec.name,
        "output_type": "prediction",
        "developer": spec.developer,
        "summary": spec.title or spec.name,
        "training_data": spec.training_data,
        "intended_use": spec.intended_use,
    }
    by = spec.declared_by or "the model's card"
    said = {name: Fact(text, by=by, on=spec.declared_on) for name, text in texts.items() if text}
    return _told_by_card(trial, by, spec.declared_on) | said


def _told_by_card(trial: OnTrial, by: str, on: str | None = None) -> dict[str, Fact]:
    """What is read off a card and no measurement: outputs, preparation; and how this audit works, which we declare."""
    texts = {
        "outputs": f"Scores for: {', '.join(o.name for o in trial.outputs)}.",
        "input_spec": "; ".join(f"{s.name} {dict(s.parameters)}" for s in trial.plan),
        "sensitive": "None: the model takes pixels only. What pixels may give away of a person was not tested.",
    }
    spec = trial.card.model if trial.card is not None else None
    named = spec is None or spec.weights_sha256 is not None
    hashed = "compared with the SHA-256 in its card" if named else "not compared with any hash, since the card names none"
    run = "the model's code was run by the user's leave" if spec and spec.kind == "module" else "no code in them was run"
    note = f"Pellucid accountability card of {trial.ref.name} {trial.ref.version}"
    ours = {
        "integrity": f"Weights were {hashed}; {run}.",
        "process": "Figures with 95 % intervals over patients; explanations beside controls, whose differences are corrected.",
        "metrics_why": "Discrimination and calibration beside trivial baselines; explanations beside maps that cannot explain, "
        "since a measure without a control cannot fail.",
        "bibliography": f"@misc{{pellucid, title = {{{note}}}}}",
    }
    said = {name: Fact(text, by=by, on=on) for name, text in texts.items()}
    return said | {name: Fact(text, by=US) for name, text in ours.items()}


def measured_facts(
    trial: OnTrial, ref: OnTrialRef, data: Data, replay: Replay, figures: Mapping[str, Sequence[Figure]]
) -> dict[str, Fact]:
    """What this run measured of the model, the data and its answers; `figures` has `right` and `groups`."""
    right = "; ".join(f"{f.name} {told(f.measured)}" for f in figures["right"])
    texts = {
        "version": f"{ref.name} {ref.version}, weights {ref.weights_sha256}",
        "model_type": f"{ref.kind}, recognised as {ref.family}",
        "replay": f"{replay.what}, {replay.times} times: {'the same bytes' if replay.same else 'different bytes'}.",
        "software": f"{software()}, Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        "test_data": f"{data.title}: {data.images} images of {data.patients} patients, by hash {data.sha256}. "
        f"{data.seen_in_training}",
        "performance_here": right,
        "results_efficacy": right,
    }  # fmt: skip
    if figures["groups"]:
        told_groups = "; ".join(f"{f.name} {told(f.measured)}" for f in figures["groups"])
        texts |= {"fairness_here": told_groups, "results_fairness": told_groups}
    return {name: Fact(text, measured=True) for name, text in texts.items() if text}


def explained_facts(trials: Sequence[MethodTrial], entailed: Entailment, limits: Sequence[str]) -> dict[str, Fact]:
    """What the trials of explanations come to; `limits` is what must not be relied on, and what is thin about the data."""
    counts = {g: [t.method for t in trials if t.verdict.grade == g] for g in GRADES}
    said = "; ".join(f"{g}: {', '.join(dict.fromkeys(m))}" for g, m in counts.items() if m) or "no map was tried"
    share = entailed.share
    follows = entailed.because or f"{entailed.readings} readings re-derived without the model: {told(share)}"
    stable = [
        f"{t.method}, {r.measure} {told(r.measured)}"
        for t in trials
        for r in t.results
        if r.measure in STABLE and r.measured.value is not None
    ]
    told_all = f"{follows}. Maps: {said}."
    found = {
        "explanations": told_all,
        "results_safety": told_all,
        "robustness": f"Of the maps, not of the answers: {'; '.join(stable)}" if stable else "",
        "limitations": " ".join(limits) or "No test in this card failed; see what it does not show.",
    }
    return {name: Fact(text, measured=True) for name, text in found.items() if text}
