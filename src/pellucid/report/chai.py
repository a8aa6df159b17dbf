"""The CHAI Applied Model Card v0.2 of an accountability card, as XML in the schema's element order; text is Markdown."""

import json
import re
import xml.etree.ElementTree as ET

from pellucid.errors import InputError
from pellucid.record.accountability import AccountabilityCard, Artefact, Figure, FormField

NAMESPACE = "https://mc.chai.org/v0.2/schema.xsd"
FORM = "chai-applied-model-card"
OPTIONAL = {
    "ReleaseInfo/RegulatoryApproval",
    "TrustIngredients/AISystemFacts/FoundationModels",
    "TrustIngredients/AISystemFacts/Security",
    "TrustIngredients/AISystemFacts/Transparency",
    "TrustIngredients/TransparencyInformation/ThirdPartyInformation",
    "Resources/EvaluationReferences",
}
"""Elements that the schema lets a card leave out; all others are there, and say why where nothing is known."""
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
RESULTS = {
    "KeyMetrics/UsefulnessUsabilityEfficacy/Results": "efficacy",
    "KeyMetrics/FairnessEquity/Results": "fairness",
    "KeyMetrics/SafetyReliability/Results": "safety",
}


def chai_xml(card: AccountabilityCard) -> bytes:
    """The card as CHAI-shaped XML in UTF-8; InputError where the card holds no CHAI form.

    Structure after the schema's own description (accountability facts §5.2b); not validated against the published XSD here.
    """
    form = next((a for a in card.transparency.artefacts if a.name == FORM), None)
    if form is None:
        raise InputError(
            f"card: expected the form {FORM!r} among its artefacts, got {[a.name for a in card.transparency.artefacts]}"
        )
    ET.register_namespace("", NAMESPACE)
    root = ET.Element(_tag("AppliedModelCard"))
    _fill(root, form, _results(card))
    ET.indent(root, " ")
    return ET.tostring(root, encoding="utf-8", xml_declaration=True)


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _fill(root: ET.Element, form: Artefact, results: dict[str, list[Figure]]) -> None:
    for line in form.lines:
        if line.status == "not available" and line.field in OPTIONAL:
            continue
        *parents, leaf = line.field.split("/")
        place = root
        for name in parents:
            found = place.find(_tag(name))
            place = ET.SubElement(place, _tag(name)) if found is None else found
        element = ET.SubElement(place, _tag(leaf))
        if line.field in RESULTS:
            _metrics(element, results[RESULTS[line.field]], line)
        else:
            element.text = _clean(markdown(line))


def markdown(line: FormField) -> str:
    """The text of a line with its footing behind it."""
    if line.status == "not available":
        return f"Not available: {line.reason}."
    footing = f"measured in run `{(line.run or '')[:12]}`" if line.status == "measured" else f"declared by {line.by}"
    return f"{line.text}\n\n*({footing}{f', {line.on}' if line.on else ''})*"


def _metrics(element: ET.Element, figures: list[Figure], line: FormField) -> None:
    """One MetricResult per figure; the schema wants at least one, so an absence is said as one."""
    for figure in figures:
        result = ET.SubElement(element, _tag("MetricResult"))
        ET.SubElement(result, _tag("Label")).text = _clean(figure.name)
        content = {k: v for k, v in figure.measured.model_dump(mode="json").items() if v is not None}
        ET.SubElement(result, _tag("ValueJson")).text = json.dumps(content, sort_keys=True)
    if not figures:
        result = ET.SubElement(element, _tag("MetricResult"))
        ET.SubElement(result, _tag("Label")).text = "not available"
        ET.SubElement(result, _tag("ValueJson")).text = json.dumps({"value": None, "reason": line.reason or "not measured"})


def _results(card: AccountabilityCard) -> dict[str, list[Figure]]:
    words = {word.word: list(word.figures) for word in card.explainability.words}
    trials = [
        Figure(name=f"{t.method} on {t.target}: {r.measure}", said=r.measure, measured=r.measured)
        for t in card.explainability.trials
        for r in t.results
    ]
    entailed = Figure(name="entailment", said="entailment", measured=card.explainability.entailment.share)
    return {
        "efficacy": [*card.explainability.right, *words.get("clinical utility", [])],
        "fairness": [*card.explainability.groups],
        "safety": [entailed, *card.explainability.uncertainty, *trials],
    }


def _clean(text: str) -> str:
    return CONTROL.sub("", text)
