"""The concept audit as a part of the card: its curves as plots, its words, and why there is none."""

from collections.abc import Mapping

from pellucid.audit.concept_measures import CONCEPT_MEASURES
from pellucid.errors import InputError
from pellucid.reader import Reader
from pellucid.record import ConceptAudit, MethodTrial
from pellucid.record import Curve as AuditCurve
from pellucid.record import Line as AuditLine
from pellucid.record.accountability import Figure, Interpretability, Plot, Series, Word
from pellucid.trial.concept_cases import Plan, Progress
from pellucid.trial.concepts import audit_concepts
from pellucid.trial.request import Request
from pellucid.trial.store import Store

NO_CONCEPTS = "This model has no concepts: between pixels and answer nothing with a clinical name could be checked or corrected."
QUESTIONS = {
    "relevance": "Does what is shown move the answer?",
    "completeness": "Does what is shown carry the whole answer?",
    "correctness": "Is what is shown so?",
    "clinical utility": "Does the answer lead to a better next step?",
}
"""The four words, each with the question that it stands for (docs/concepts/explanation_quality.md)."""
OF_MAPS = {"relevance": ("necessity",), "completeness": ("sufficiency",), "correctness": ("pointing game", "MPRT")}
"""Measures of maps that come nearest, for a model that cites nothing."""


def interpretability(
    reader: Reader | None, request: Request, store: Store, progress: Progress | None, by_fold: Mapping[int, Reader]
) -> Interpretability:
    """Pillar 2 of the card; kept as soon as it is measured. Readers of folds, where there are any, judge for the reader."""
    if reader is None:
        return Interpretability(because=NO_CONCEPTS)
    kept = store.content("concepts")
    if kept is None:
        try:
            found = audit_concepts(reader, request.data, by_fold=by_fold or None, plan=_plan(request), progress=progress)
        except InputError as error:
            return Interpretability(because=f"Too few cases: {error}")
        kept = store.keep_content("concepts", found.model_dump(mode="json"))
    import json

    audit = ConceptAudit.model_validate_json(json.dumps(kept))
    return Interpretability(concepts=audit, plots=tuple(intervention_plots(audit)))


def _plan(request: Request) -> Plan:
    """Fewer images where there is little time: places and corrections cost the most."""
    share = min(1.0, request.minutes / 15)
    return Plan(
        limit=request.cases,
        place_images=max(8, int(40 * share)),
        correction_cases=max(10, int(60 * share)),
        seed=request.seed,
    )


def intervention_plots(audit: ConceptAudit) -> list[Plot]:
    """One plot per question: its accuracy while concepts are corrected, in random and in informed order."""
    plots: list[Plot] = []
    for question in dict.fromkeys(c.of for c in audit.interventions):
        curves = [c for c in audit.interventions if c.of == question]
        series = tuple(_series(c, "subject" if i == 0 else "control") for i, c in enumerate(_informed_first(curves)))
        plots.append(
            Plot(
                kind="intervention",
                title=question,
                x=curves[0].x_name,
                y=curves[0].y_name,
                curves=series,
                note=f"{curves[0].n} cases; a person corrects one finding after another, the rules run again.",
            )
        )
    return plots


def _informed_first(curves: list[AuditCurve]) -> list[AuditCurve]:
    return sorted(curves, key=lambda c: "informed" not in c.name)


def _series(curve: AuditCurve, role: str) -> Series:
    return Series.model_validate(
        {"name": curve.name, "role": role, "x": curve.x, "y": curve.y, "low": curve.low, "high": curve.high}
    )


def decision_plots(audit: ConceptAudit | None) -> list[Plot]:
    """Net benefit over thresholds of acting, beside acting always and never."""
    if audit is None:
        return []
    plots: list[Plot] = []
    for question in dict.fromkeys(c.of for c in audit.decision_curves):
        curves = [c for c in audit.decision_curves if c.of == question]
        series = tuple(_series(c, "subject" if i == 0 else "control") for i, c in enumerate(curves))
        title = f"Net benefit: {question}"
        plots.append(Plot(kind="decision", title=title, x=curves[0].x_name, y=curves[0].y_name, curves=series))
    return plots


def words(audit: ConceptAudit | None, trials: tuple[MethodTrial, ...], right: tuple[Figure, ...]) -> tuple[Word, ...]:
    """The four words with their figures: of cited findings where there are some, else of the best map that was tried."""
    if audit is not None:
        return tuple(Word(word=w, question=q, figures=tuple(map(_figure, _lines(audit, w)))) for w, q in QUESTIONS.items())
    best = next(iter(sorted((t for t in trials if t.results), key=_rank)), None)
    found = {w: tuple(_of_map(best, m) for m in OF_MAPS.get(w, ())) if best else () for w in QUESTIONS}
    found["clinical utility"] = right
    return tuple(Word(word=w, question=q, figures=found[w]) for w, q in QUESTIONS.items())


def _lines(audit: ConceptAudit, word: str) -> list[AuditLine]:
    own = [x for x in audit.words if x.measure == word]
    return own or ([x for x in audit.words if x.measure not in QUESTIONS] if word == "clinical utility" else [])


def _figure(line: AuditLine) -> Figure:
    beside = next((b for b in line.beside if b.measured.value is not None), None)
    said = CONCEPT_MEASURES[line.measure].asks if line.measure in CONCEPT_MEASURES else line.measure
    return Figure(
        name=f"{line.measure}: {line.of}",
        said=said,
        measured=line.measured,
        baseline=beside.measured.value if beside else None,
        baseline_name=beside.name if beside else None,
    )


def _rank(trial: MethodTrial) -> int:
    return ("usable", "usable with caution", "not usable", "too few cases", "not tested").index(trial.verdict.grade)


def _of_map(trial: MethodTrial, name: str) -> Figure:
    from pellucid.record import Measured

    found = next((r for r in trial.results if r.measure == name), None)
    none = Measured(value=None, reason="this measure was not taken")
    control = next((c for c in found.controls if c.measured.value is not None), None) if found else None
    return Figure(
        name=f"{name} of {trial.method}",
        said="Of the map that came out best, since this model cites no findings.",
        measured=found.measured if found else none,
        baseline=control.measured.value if control else None,
        baseline_name=control.name if control else None,
    )
