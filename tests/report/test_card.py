"""The accountability card as a page and as CHAI-shaped XML: everything that counts is on it, and nothing of it is markup."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest

from pellucid.errors import InputError
from pellucid.record import FrozenDict, Measured, MeasureResult, MethodTrial, Reason, Verdict
from pellucid.record.accountability import (
    AccountabilityCard,
    Artefact,
    Data,
    Entailment,
    Explainability,
    Figure,
    FormField,
    Interpretability,
    OnTrialRef,
    Plot,
    Replay,
    Series,
    Summary,
    Transparency,
)
from pellucid.record.trial import Control
from pellucid.report.card import MapTile, card_html, told
from pellucid.report.chai import NAMESPACE, OPTIONAL, chai_xml

ZERO = "0" * 64
NASTY = '<script>alert("x")</script> & Ümlaut \x07'
ORDER = """
BasicInfo: ModelName ModelDeveloper DeveloperContact
ReleaseInfo: ReleaseStage ReleaseDate ReleaseVersion GlobalAvailability EHRCompatibility? RegulatoryApproval?
ModelSummary: Summary Keywords
UsesAndDirections: IntendedUseAndWorkflow PrimaryIntendedUsers HowToUse TargetedPatientPopulation CautionedOutOfScopeSettings
Warnings: KnownRisksAndLimitations KnownBiasesOrEthicalConsiderations ClinicalRiskLevel
TrustIngredients: AISystemFacts TransparencyInformation
TrustIngredients/AISystemFacts: OutcomesAndOutputs ModelType FoundationModels? InputDataSource OutputAndInputDataTypes \
DevelopmentDataCharacterization BiasMitigationApproaches OngoingMaintenance Security? Transparency?
TrustIngredients/TransparencyInformation: FundingSource ThirdPartyInformation? StakeholdersConsulted
KeyMetrics: UsefulnessUsabilityEfficacy FairnessEquity SafetyReliability
KeyMetrics/UsefulnessUsabilityEfficacy: MetricGoal Results Interpretation TestType TestingDataDescription \
ValidationProcessAndJustification
KeyMetrics/FairnessEquity: MetricGoal Results Interpretation TestType TestingDataDescription ValidationProcessAndJustification
KeyMetrics/SafetyReliability: MetricGoal Results Interpretation TestType TestingDataDescription ValidationProcessAndJustification
Resources: EvaluationReferences? ClinicalTrial? PeerReviewedPublications ReimbursementStatus? PatientConsentOrDisclosure
"""
"""Element order of the CHAI Applied Model Card v0.2, written out by hand from its schema's description, apart from the code."""
TOP = ["BasicInfo", "ReleaseInfo", "ModelSummary", "UsesAndDirections", "Warnings", "TrustIngredients", "KeyMetrics", "Resources"]


def trial(method: str = "grad-cam", grade: str = "not usable") -> MethodTrial:
    control = Control(
        name="random map", measured=Measured(value=0.5, low=0.4, high=0.6), difference=Measured(value=0.1, low=-0.1, high=0.3)
    )
    result = MeasureResult(
        measure="ROAD",
        family="faithfulness",
        better="lower",
        measured=Measured(value=0.4, low=0.3, high=0.5, n=40, patients=38),
        controls=(control,),
    )
    reason = Reason(
        rule="r", said=f"it says {NASTY.strip(chr(7))}".replace("\x07", ""), met=False, source="ours", verified="ours"
    )
    said = Verdict.model_validate(
        {"grade": grade, "sentence": f"{grade.capitalize()}: why not.", "reasons": (reason,), "rules_sha256": ZERO}
    )
    return MethodTrial(method=method, target="malignant", settings=FrozenDict(), results=(result,), verdict=said)


def forms() -> tuple[Artefact, ...]:
    pytest.importorskip("torch")
    from pellucid.trial.artefacts import Fact, fill

    return fill({"name": Fact("toy", measured=True), "developer": Fact(NASTY, by="B. Owner", on="2026")}, ZERO)


@pytest.fixture
def card() -> Callable[..., AccountabilityCard]:
    def make(artefacts: tuple[Artefact, ...] = (), share: float | None = 1.0) -> AccountabilityCard:
        entailed = Entailment(
            share=Measured(value=share, n=20, reason=None if share is not None else "none"),
            readings=20,
            because=None if share is not None else "it shows no findings",
        )
        series = Series(name="grad-cam", role="subject", x=(0.0, 1.0), y=(0.9, 0.1), low=(0.8, 0.0), high=(1.0, 0.2))
        plot = Plot(kind="deletion", title="grad-cam", x="removed", y="score", curves=(series,))
        return AccountabilityCard(
            subject=OnTrialRef(
                name="toy", version="1", kind="onnx model", family="black box",
                title=NASTY.replace("\x07", ""), weights_sha256=ZERO,
            ),
            settings=FrozenDict({"run": ZERO, "seed": 0, "methods": ("grad-cam", "lime")}),
            summary=Summary(headline="None may be shown.", rely=("This.",), rely_not=("That.",), before_use=("Do this.",)),
            transparency=Transparency(
                data=Data(
                    title="a set", sha256=ZERO, images=20, patients=18, rows_in_manifest=99, masks=0, basis="not known",
                    seen_in_training="Not known.", faults=("Only few.",),
                ),
                replay=Replay(what="scores of 5 images", times=2, same=True, digest=ZERO),
                artefacts=artefacts,
            ),
            interpretability=Interpretability(because="This model has no concepts."),
            explainability=Explainability(
                entailment=entailed,
                trials=(trial(), trial("lime", "usable")),
                right=(Figure(name="AUROC", said="rank", measured=Measured(value=0.8, low=0.7, high=0.9, n=20), baseline=0.5),),
                plots=(plot,),
            ),
            not_shown=("Whether patients fare better.",),
        )  # fmt: skip

    return make


def test_the_page_says_everything_a_board_decides_from(card: Callable[..., AccountabilityCard]) -> None:
    page = card_html(card(), (MapTile("a.png", "lime", "data:image/png;base64,AA==", "usable", "malignant"),))
    for words in (
        "None may be shown.", "This.", "That.", "Do this.", "Not usable: why not.", "1 of 2", "This model has no concepts.",
        "Whether patients fare better.", "Only few.", "What this card does not show", "0.80 (0.70 to 0.90), 20 cases",
    ):  # fmt: skip
        assert words in page
    assert page.index("Usable: why not.") < page.index("Not usable: why not.")


def test_nothing_of_the_card_is_taken_as_markup(card: Callable[..., AccountabilityCard]) -> None:
    page = card_html(card(forms()))
    assert "<script" not in page
    assert "\x07" not in page
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_a_card_that_cannot_be_re_derived_says_so(card: Callable[..., AccountabilityCard]) -> None:
    assert "of its answers can be re-derived: it shows no findings" in card_html(card(share=None))
    assert "it shows no findings" not in card_html(card())


def test_the_card_comes_back_from_its_json_and_a_changed_one_does_not(card: Callable[..., AccountabilityCard]) -> None:
    made = card(forms())
    text = made.model_dump_json()
    assert AccountabilityCard.model_validate_json(text) == made
    with pytest.raises(ValueError, match="changed after it was written"):
        AccountabilityCard.model_validate_json(text.replace("None may be shown.", "All may be shown."))
    later = made.model_copy(update={"created": "2026-11-25", "seconds": 3.0})
    assert AccountabilityCard.model_validate_json(later.model_dump_json()).id == made.id


def test_a_line_without_its_footing_is_refused() -> None:
    for spoilt in (
        {"status": "measured", "text": "x"},
        {"status": "declared", "text": "x"},
        {"status": "declared", "by": "me"},
        {"status": "not available"},
    ):
        with pytest.raises(ValueError, match=r"footing|expected"):
            FormField.model_validate({"field": "a", **spoilt})


def children(element: ET.Element) -> list[str]:
    return [child.tag.removeprefix(f"{{{NAMESPACE}}}") for child in element]


def test_the_xml_has_the_elements_of_the_schema_in_its_order(card: Callable[..., AccountabilityCard]) -> None:
    root = ET.fromstring(chai_xml(card(forms())))
    assert children(root) == [*TOP, "Bibliography"]
    for line in filter(None, ORDER.strip().splitlines()):
        path, _, names = line.partition(": ")
        found = root.find("/".join(f"{{{NAMESPACE}}}{part}" for part in path.split("/")))
        assert found is not None, path
        needed = [n for n in names.split() if not n.endswith("?")]
        allowed = [n.rstrip("?") for n in names.split()]
        assert [n for n in children(found) if n in needed] == needed, path
        assert children(found) == [n for n in allowed if n in children(found)], path


def test_metrics_carry_their_numbers_and_what_is_missing_is_said(card: Callable[..., AccountabilityCard]) -> None:
    root = ET.fromstring(chai_xml(card(forms())))
    space = {"c": NAMESPACE}
    first = root.find("c:KeyMetrics/c:UsefulnessUsabilityEfficacy/c:Results/c:MetricResult", space)
    assert first is not None
    assert first.findtext("c:Label", namespaces=space) == "AUROC"
    assert json.loads(first.findtext("c:ValueJson", "", space)) == {"value": 0.8, "low": 0.7, "high": 0.9, "n": 20, "patients": 0}
    fair = root.find("c:KeyMetrics/c:FairnessEquity/c:Results/c:MetricResult", space)
    assert fair is not None
    assert json.loads(fair.findtext("c:ValueJson", "", space))["value"] is None
    assert "declared by B. Owner, 2026" in root.findtext("c:BasicInfo/c:ModelDeveloper", "", space)
    assert "Not available: nobody declared the funding." in root.findtext(
        "c:TrustIngredients/c:TransparencyInformation/c:FundingSource", "", space
    )
    assert {"ReleaseInfo/RegulatoryApproval"} <= OPTIONAL
    assert root.find("c:ReleaseInfo/c:RegulatoryApproval", space) is None


def test_a_card_without_the_form_has_no_xml(card: Callable[..., AccountabilityCard]) -> None:
    with pytest.raises(InputError, match="chai-applied-model-card"):
        chai_xml(card())


@pytest.mark.parametrize(
    ("measured", "words"),
    [
        (Measured(value=0.5, low=0.4, high=0.6, n=30), "0.50 (0.40 to 0.60), 30 cases"),
        (Measured(value=0.5, n=1, reason="no interval: one patient"), "0.50, 1 cases; no interval: one patient"),
        (Measured(value=None, reason="no masks"), "not measured: no masks"),
        (Measured(value=0.00012), "below 0.001"),
        (Measured(value=-0.0042), "-0.004"),
    ],
)
def test_a_number_is_told_with_what_it_rests_on(measured: Measured, words: str) -> None:
    assert told(measured) == words
