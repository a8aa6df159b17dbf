"""Facts for the published forms: what this audit measured, and what the model's card declares."""

import platform
from collections.abc import Mapping, Sequence

from pellucid.reader import software
from pellucid.record import MethodTrial
from pellucid.record.accountability import Data, Entailment, Figure, OnTrialRef, Replay
from pellucid.report.card import told
from pellucid.trial.artefacts import Fact
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
            "developer": "The Pellucid authors",
            "summary": card.reader.title,
            "modality": card.reader.modality,
            "training_data": f"{card.data.title} ({card.data.citation}; {card.data.licence}).{note}",
            "foundation": card.encoder.title,
            "intended_use": "Research on justified reading of images; not a medical device.",
            "decision_role": "Informs a person, who sees findings and rules and may correct each of them.",
            "oversight": "A person may correct any finding; the rules run again, and the revision is recorded.",
            "citation": card.data.citation,
            "design": "Categories come from displayed findings by cited rules, and can be re-derived without the model.",
            "regulatory": "None. Research use only.",
        }  # fmt: skip
        return {name: Fact(text, by=by) for name, text in texts.items()}
    spec = trial.card.model if trial.card is not None else None
    if spec is None:
        return {}
    texts = {
        "developer": spec.developer,
        "summary": spec.title or spec.name,
        "training_data": spec.training_data,
        "intended_use": spec.intended_use,
    }
    by = spec.declared_by or "the model's card"
    return {name: Fact(text, by=by, on=spec.declared_on) for name, text in texts.items() if text}


def measured_facts(
    trial: OnTrial, ref: OnTrialRef, data: Data, replay: Replay, figures: Mapping[str, Sequence[Figure]]
) -> dict[str, Fact]:
    """What this run measured of the model, the data and its answers; `figures` has `right` and `groups`."""
    right = "; ".join(f"{f.name} {told(f.measured)}" for f in figures["right"])
    texts = {
        "name": ref.name,
        "version": f"{ref.name} {ref.version}, weights {ref.weights_sha256}",
        "model_type": f"{ref.kind}, recognised as {ref.family}",
        "outputs": f"Scores for: {', '.join(o.name for o in trial.outputs)}.",
        "output_type": "prediction" if trial.reader is None else "classification by cited rules, with next step",
        "input_spec": "; ".join(f"{s.name} {dict(s.parameters)}" for s in trial.plan),
        "sensitive": "None: the model takes pixels only. What pixels may give away of a person was not tested.",
        "integrity": "Weights are checked by SHA-256 and read without running code in them."
        if trial.card is None or trial.card.model.kind != "module"
        else "Weights are checked by SHA-256; the model's code was run by the user's leave.",
        "replay": f"{replay.what}, {replay.times} times: {'the same bytes' if replay.same else 'different bytes'}.",
        "software": f"{software()}, Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        "test_data": f"{data.title}: {data.images} images of {data.patients} patients, by hash {data.sha256}. "
        f"{data.seen_in_training}",
        "process": "Figures with 95 % intervals over patients; explanations beside controls, comparisons corrected.",
        "performance_here": right or "not measured",
        "results_efficacy": "see the results",
        "results_safety": "see the results",
        "metrics_why": "Discrimination and calibration beside trivial baselines; explanations beside maps that cannot explain, "
        "since a measure without a control cannot fail.",
        "bibliography": "@misc{pellucid, title = {Pellucid accountability card}, note = {" + ref.name + " " + ref.version + "}}",
    }  # fmt: skip
    if figures["groups"]:
        told_groups = "; ".join(f"{f.name} {told(f.measured)}" for f in figures["groups"])
        texts |= {"fairness_here": told_groups, "results_fairness": "see the results"}
    return {name: Fact(text, measured=True) for name, text in texts.items()}


def explained_facts(trials: Sequence[MethodTrial], entailed: Entailment, faults: Sequence[str]) -> dict[str, Fact]:
    """What the trials of explanations come to."""
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
    limits = [f"Maps of {', '.join(dict.fromkeys(counts['not usable']))} are not usable."] if counts["not usable"] else []
    return {
        "explanations": Fact(f"{follows}. Maps: {said}.", measured=True),
        "robustness": Fact("; ".join(stable) or "stability of explanations was not measured", measured=True),
        "limitations": Fact(
            " ".join([*limits, *faults]) or "No test in this card failed; see what it does not show.", measured=True
        ),
    }
