"""Concordance: every kind of pair of the facts file, and what must hold for every pair."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pellucid.assess.combine import combine
from pellucid.assess.concordance import Concordance, concordance_from_json
from pellucid.assess.imaging import Imaging
from pellucid.assess.pathology import History, Mention, Pathology, Sampling, Specimen
from pellucid.assess.pathology_text import read_report
from pellucid.errors import InputError
from pellucid.knowledge.concordance import list_tables, load_table
from pellucid.knowledge.concordance.table import OUTCOMES
from pellucid.record import Finding, Truth

BREAST = [
    ("4C", "spiculated", ("invasive lobular carcinoma",), {}, ("concordant malignant", "M3")),
    ("2", "benign", ("ductal carcinoma in situ",), {}, ("discordant malignant", "M1")),
    ("4A", "benign", ("mucinous carcinoma",), {}, ("discordant malignant", "M2")),
    ("4B", "benign", ("invasive lobular carcinoma",), {}, ("concordant malignant", "M3")),
    ("5", "spiculated", ("radial scar",), {}, ("high-risk", "H1")),
    ("4A", "benign", ("intraductal papilloma",), {}, ("high-risk", "H2")),
    ("4A", "benign", ("atypical cells",), {}, ("high-risk", "A1")),
    ("4B", "benign", ("suspicious for malignancy",), {}, ("high-risk", "S1")),
    ("4A", "benign", ("insufficient material",), {}, ("non-diagnostic", "N1")),
    ("4A", "benign", ("fibroadenoma",), {"target": "missed"}, ("non-diagnostic", "N2")),
    ("4A", "benign", ("fibroadenoma",), {"later_imaging": "larger"}, ("discordant benign", "G1")),
    ("5", "spiculated", ("fibroadenoma",), {}, ("discordant benign", "D1")),
    ("4C", "spiculated", ("fat necrosis",), {"history": ("trauma",)}, ("concordant benign", "B1")),
    ("5", "spiculated", ("scar",), {"history": ("surgery",)}, ("concordant benign", "B1")),
    ("5", "spiculated", ("scar",), {}, ("discordant benign", "D1")),
    ("4B", "benign", ("fibrocystic change",), {}, ("discordant benign", "D2")),
    ("4A", "benign", ("normal breast tissue",), {}, ("discordant benign", "D3")),
    ("3", "benign", ("adipose tissue",), {}, ("discordant benign", "D3")),
    ("4A", "benign", ("diabetic mastopathy",), {}, ("discordant benign", "D4")),
    ("4B", "benign", ("fibroadenoma",), {}, ("concordant benign", "B1")),
    ("4A", "benign", ("fibroadenoma",), {}, ("concordant benign", "B2")),
    ("4A", "benign", ("focal fibrosis",), {}, ("concordant benign", "B3")),
    ("4C", "spiculated", ("fibroadenoma",), {"sampling": Sampling(removed="whole")}, ("concordant benign", "X1")),
]


@pytest.mark.parametrize(("category", "looks", "diagnoses", "more", "expected"), BREAST)
def test_pairs_of_the_breast(
    pairs: ModuleType, category: str, looks: str, diagnoses: tuple[str, ...], more: dict[str, Any], expected: tuple[str, str]
) -> None:
    findings = pairs.BENIGN_MASS if looks == "benign" else pairs.SPICULATED_MASS
    record = combine(pairs.image(category, findings), pairs.tissue(*diagnoses, **more))
    assert (record.outcome, record.rule) == expected
    assert record.action
    assert record.deadline
    assert record.sign


OTHERS = [
    ("lung", "4B", "fibrosis", {}, ("discordant benign", "D2")),
    ("lung", "4X", "insufficient material", {}, ("non-diagnostic", "N1")),
    ("lung", "4B", "atypical cells", {}, ("discordant benign", "D1")),
    ("lung", "4B", "hamartoma", {}, ("concordant benign", "B1")),
    ("lung", "4B", "organising pneumonia", {}, ("discordant benign", "D3")),
    ("lung", "4B", "organising pneumonia", {"history": ("infection",)}, ("concordant benign", "B1")),
    ("lung", "3", "adenocarcinoma of the lung", {}, ("discordant malignant", "M1")),
    ("lung", "4A", "chronic inflammation", {}, ("concordant benign", "B2")),
    ("lung", "4A", "chronic inflammation", {"later_imaging": "larger"}, ("discordant benign", "G1")),
    ("liver", "LR-5", "cirrhosis", {}, ("discordant benign", "D1")),
    ("liver", "LR-4", "liver tissue", {}, ("discordant benign", "D2")),
    ("liver", "LR-M", "hepatocellular carcinoma", {}, ("concordant malignant", "M2")),
    ("liver", "LR-5", "cholangiocarcinoma", {}, ("concordant malignant", "M3")),
    ("liver", "LR-5", "hepatocellular carcinoma", {}, ("concordant malignant", "M4")),
    ("liver", "LR-2", "hepatocellular carcinoma", {}, ("discordant malignant", "M1")),
    ("liver", "LR-3", "focal nodular hyperplasia", {}, ("concordant benign", "B1")),
    ("thyroid", "TR5", "benign follicular nodule", {}, ("discordant benign", "D1")),
    ("thyroid", "TR4", "benign follicular nodule", {}, ("concordant benign", "B1")),
    ("thyroid", "TR2", "papillary thyroid carcinoma", {}, ("discordant malignant", "M1")),
    ("thyroid", "TR4", "follicular neoplasm", {}, ("high-risk", "H1")),
    ("prostate", "5", "benign prostatic tissue", {}, ("discordant benign", "D1")),
    ("prostate", "4", "granulomatous prostatitis", {}, ("concordant benign", "B1")),
    ("prostate", "2", "adenocarcinoma, grade group 1", {}, ("concordant malignant", "M0")),
    ("prostate", "2", "adenocarcinoma, grade group 2 or above", {}, ("discordant malignant", "M1")),
    ("skin", "suspicious", "dysplastic naevus", {}, ("high-risk", "H1")),
    ("skin", "suspicious", "melanocytic naevus", {}, ("discordant benign", "D1")),
    ("skin", "suspicious", "melanocytic naevus", {"sampling": Sampling(removed="whole")}, ("concordant benign", "B1")),
    ("skin", "not suspicious", "melanoma", {}, ("discordant malignant", "M1")),
]


@pytest.mark.parametrize(("organ", "category", "diagnosis", "more", "expected"), OTHERS)
def test_pairs_of_other_organs(
    pairs: ModuleType, organ: str, category: str, diagnosis: str, more: dict[str, Any], expected: tuple[str, str]
) -> None:
    record = combine(pairs.image(category, organ=organ), pairs.tissue(diagnosis, organ=organ, **more))
    assert (record.outcome, record.rule) == expected


def test_a_part_solid_nodule_is_never_closed(pairs: ModuleType) -> None:
    image = pairs.image("4A", (pairs.seen("nodule_type", "part-solid", "lung"),), organ="lung")
    assert combine(image, pairs.tissue("fibrosis", organ="lung")).rule == "P1"
    named = combine(image, pairs.tissue("granulomatous inflammation", organ="lung"))
    assert (named.outcome, named.rule) == ("concordant benign", "P2")
    assert "Do not close" in named.action


@pytest.mark.parametrize(
    ("calcifications", "outcome"), [("absent", "discordant benign"), ("present", "concordant benign"), (None, None)]
)
def test_calcifications_must_be_in_the_specimen(pairs: ModuleType, calcifications: str | None, outcome: str | None) -> None:
    image = pairs.image(
        "4B", (pairs.seen("calcification_morphology", "amorphous"), pairs.seen("calcification_distribution", "grouped"))
    )
    sampling = Sampling.model_validate({"target": "hit", "specimen_calcifications": calcifications})
    record = combine(image, pairs.tissue("sclerosing adenosis", sampling=sampling))
    assert record.outcome == outcome
    if outcome is None:
        assert "calcification is in the specimen" in (record.undecided_because or "")


def test_a_discordance_quotes_both_statements(pairs: ModuleType) -> None:
    image = pairs.image("4C", pairs.SPICULATED_MASS, p=0.9, step="points 9 give category 4C")
    record = combine(image, read_report("Core biopsy: Fibrocystic change. No malignancy.", load_table("breast"), "report.txt"))
    assert record.outcome == "discordant benign"
    assert record.conflict is not None
    assert "category 4C" in record.conflict.imaging.text
    assert "spiculated present" in record.conflict.imaging.text
    assert record.conflict.imaging.step == "points 9 give category 4C"
    assert record.conflict.pathology.text == "Core biopsy: Fibrocystic change."
    assert record.conflict.pathology.by == "pathology report, report.txt"


def test_a_concordant_pair_has_no_conflict(pairs: ModuleType) -> None:
    assert combine(pairs.image("4A", pairs.BENIGN_MASS), pairs.tissue("fibroadenoma")).conflict is None


def test_a_target_that_nobody_stated_leaves_a_benign_pair_open(pairs: ModuleType) -> None:
    record = combine(pairs.image("4A", pairs.BENIGN_MASS), pairs.tissue("fibroadenoma", target=None))
    assert record.outcome is None
    assert record.open_outcomes == ("concordant benign", "non-diagnostic")
    assert "whether the target was hit (not stated)" in (record.undecided_because or "")
    assert [u.what for u in record.unstated if u.decides] == ["target hit not stated"]
    assert "a statement of whether the target was hit" in record.resolves
    assert record.action.startswith("Have it stated first: whether the target was hit")


def test_a_discordance_does_not_wait_for_the_target(pairs: ModuleType) -> None:
    record = combine(pairs.image("5", pairs.SPICULATED_MASS), pairs.tissue("fibroadenoma", target=None))
    assert record.outcome == "discordant benign"
    assert any(u.fact == "target" and not u.decides for u in record.unstated)


def test_words_that_nobody_knows_leave_the_pair_open_and_are_named(pairs: ModuleType) -> None:
    record = combine(pairs.image("4A", pairs.BENIGN_MASS), pairs.tissue("fibroadenoma", unknown=("schwannoma",)))
    assert record.outcome is None
    assert "discordant malignant" in record.open_outcomes
    assert "schwannoma" in (record.undecided_because or "")


def test_cancer_beside_unknown_words_is_cancer(pairs: ModuleType) -> None:
    record = combine(pairs.image("5", pairs.SPICULATED_MASS), pairs.tissue("carcinoma", unknown=("schwannoma",)))
    assert record.outcome == "concordant malignant"


def test_of_several_specimens_the_worst_drives_and_all_are_kept(pairs: ModuleType) -> None:
    text = "A. Left: Fibroadenoma.\nB. Left: Ductal carcinoma in situ."
    record = combine(pairs.image("4B", pairs.BENIGN_MASS), read_report(text, load_table("breast")))
    assert record.outcome == "concordant malignant"
    assert len(record.pathology.specimens) == 2
    assert any(flag.startswith("specimen B (malignant) drives; beside it: A (specific benign)") for flag in record.flags)


def test_a_concordant_pair_with_much_risk_left_says_so(pairs: ModuleType) -> None:
    record = combine(pairs.image("4B", pairs.BENIGN_MASS, p=0.7), pairs.tissue("fibroadenoma"))
    assert record.outcome == "concordant benign"
    assert record.residual is not None
    assert record.residual.above_ceiling == "yes"
    assert any("lies above 2%; the rules alone call the pair concordant" in flag for flag in record.flags)
    assert any("outside the published range of category 4B" in flag for flag in record.flags)


def test_another_category_within_the_confidence_set_is_weighed(pairs: ModuleType) -> None:
    image = pairs.image("4A", pairs.BENIGN_MASS, confidence_set=("4A", "4B"))
    record = combine(image, pairs.tissue("focal fibrosis"))
    assert record.outcome == "concordant benign"
    assert any("category 4B is within the confidence set" in flag and "discordant benign" in flag for flag in record.flags)


def test_a_cancer_that_may_look_benign_is_said_to(pairs: ModuleType) -> None:
    record = combine(pairs.image("3", pairs.BENIGN_MASS), pairs.tissue("mucinous carcinoma"))
    assert "mucinous carcinoma is known to look benign on the image" in record.flags


def test_the_derivation_names_both_statements_the_expectation_and_the_rules(pairs: ModuleType) -> None:
    record = combine(pairs.image("4C", pairs.SPICULATED_MASS), pairs.tissue("fibroadenoma"))
    text = record.derivation.as_text()
    assert record.derivation.truth is Truth.MET
    for part in (
        "imaging, by Dr R",
        "pathology, by Dr P",
        "fibroadenoma: not accepted",
        "D1: ",
        "[Youk 2011, discordant benign: 4C and 5]",
    ):
        assert part in text


def test_a_category_that_is_on_no_scale_is_refused(pairs: ModuleType) -> None:
    with pytest.raises(InputError, match="expected a BI-RADS category of 1, 2, 3, 4, 4A, 4B, 4C, 5, got '4D'"):
        combine(pairs.image("4D"), pairs.tissue("fibroadenoma"))


def test_two_organs_are_refused(pairs: ModuleType) -> None:
    with pytest.raises(InputError, match="imaging of the breast and pathology of the lung"):
        combine(pairs.image("5"), pairs.tissue("fibrosis", organ="lung"))


# what must hold for every pair ------------------------------------------------------------------------------------------


KINDS: list[History] = ["surgery", "trauma", "infection", "diabetes"]


@st.composite
def anything(draw: st.DrawFn, pairs: ModuleType, organ: str | None = None) -> tuple[Imaging, Pathology]:
    """Any pair of one organ: categories, signs known or not, diagnoses of any status, sampling stated or not."""
    organ = organ or draw(st.sampled_from(list_tables()))
    table = load_table(organ)
    grades = [c for scale in table.scales.values() for c in scale.grades]
    findings: list[Finding] = []
    for name, entry in table.signs.items():
        if draw(st.booleans()):
            states = entry.concept.states
            if states is None:
                findings.append(pairs.measured(name, draw(st.sampled_from([5.0, 30.0, 60.0])), entry.concept.unit))
            else:
                findings.append(pairs.seen(name, draw(st.sampled_from([None, *states])), organ))
    image = pairs.image(
        draw(st.sampled_from([None, *grades])), tuple(findings), organ=organ, p=draw(st.one_of(st.none(), st.floats(0, 1)))
    )
    specimens = tuple(
        Specimen(label=label, mentions=tuple(draw(st.lists(mentions(table.organ), min_size=1, max_size=3, unique=True))))
        for label in draw(st.sampled_from([("A",), ("A", "B")]))
    )
    removed = draw(st.sampled_from([None, "part", "whole"]))
    sampling = {
        "target": draw(st.sampled_from([None, "hit"] if removed == "whole" else [None, "hit", "missed"])),
        "specimen_calcifications": draw(st.sampled_from([None, "present", "absent"])),
        "removed": removed,
    }
    pathology = Pathology(
        organ=organ,
        by=pairs.PATHOLOGIST,
        specimens=specimens,
        sampling=Sampling.model_validate(sampling),
        history=tuple(draw(st.lists(st.sampled_from(KINDS), unique=True, max_size=2))),
        later_imaging=draw(st.sampled_from(["none", "stable", "smaller", "larger", "unknown"])),
    )
    return image, pathology


def mentions(organ: str) -> st.SearchStrategy[Mention]:
    """Diagnoses of the organ's table with any status, and words it does not know."""
    known = st.builds(
        lambda term, status: Mention(term=term.name, words=term.name, quote=term.name, status=status, tissue=term.tissue),
        st.sampled_from(list(load_table(organ).terms.values())),
        st.sampled_from(["present", "present", "uncertain", "negated", "historical"]),
    )
    return st.one_of(known, known, known, st.just(Mention(term=None, words="abc-oma", quote="abc-oma.", status="present")))


Change = Callable[[Imaging, Pathology], tuple[Imaging, Pathology] | None]


def less_category(image: Imaging, pathology: Pathology) -> tuple[Imaging, Pathology] | None:
    return image.model_copy(update={"category": None, "category_unknown_because": "taken away"}), pathology


def less_target(image: Imaging, pathology: Pathology) -> tuple[Imaging, Pathology]:
    return image, pathology.model_copy(update={"sampling": pathology.sampling.model_copy(update={"target": None})})


def less_calcifications(image: Imaging, pathology: Pathology) -> tuple[Imaging, Pathology]:
    return image, pathology.model_copy(
        update={"sampling": pathology.sampling.model_copy(update={"specimen_calcifications": None})}
    )


def less_removed(image: Imaging, pathology: Pathology) -> tuple[Imaging, Pathology]:
    return image, pathology.model_copy(update={"sampling": pathology.sampling.model_copy(update={"removed": None})})


def less_later(image: Imaging, pathology: Pathology) -> tuple[Imaging, Pathology]:
    return image, pathology.model_copy(update={"later_imaging": "unknown"})


def less_history(image: Imaging, pathology: Pathology) -> tuple[Imaging, Pathology]:
    return image, pathology.model_copy(update={"history": ()})


def less_signs(image: Imaging, pathology: Pathology) -> tuple[Imaging, Pathology]:
    gone = [
        Finding(concept=f.concept, observer=f.observer, states=f.states, unit=f.unit, unknown_because="taken away")
        for f in image.findings
    ]
    return image.model_copy(update={"findings": tuple(gone)}), pathology


def more_unknown_words(image: Imaging, pathology: Pathology) -> tuple[Imaging, Pathology]:
    first, *rest = pathology.specimens
    word = Mention(term=None, words="xyz-oma", quote="xyz-oma.", status="present")
    longer = first.model_copy(update={"mentions": (*first.mentions, word)})
    return image, pathology.model_copy(update={"specimens": (longer, *rest)})


LESS: list[Change] = [
    less_category, less_target, less_calcifications, less_removed, less_later, less_history, less_signs, more_unknown_words,
]  # fmt: skip
EVERY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def least_reassuring(record: Concordance) -> int:
    return max((OUTCOMES.index(outcome) for outcome in record.open_outcomes), default=0)


@EVERY
@given(data=st.data())
def test_an_added_unknown_never_makes_a_pair_more_reassuring(pairs: ModuleType, data: st.DataObject) -> None:
    image, pathology = data.draw(anything(pairs))
    before = combine(image, pathology)
    changed = data.draw(st.sampled_from(LESS))(image, pathology)
    assert changed is not None
    after = combine(*changed)
    assert least_reassuring(after) >= least_reassuring(before)
    if before.outcome != "concordant benign":
        assert after.outcome != "concordant benign"


@EVERY
@given(data=st.data())
def test_cancer_is_never_benign(pairs: ModuleType, data: st.DataObject) -> None:
    image, pathology = data.draw(anything(pairs))
    statuses = {m.status for s in pathology.specimens for m in s.mentions if m.tissue == "malignant"}
    record = combine(image, pathology)
    if "present" in statuses:
        assert {outcome.rpartition(" ")[2] for outcome in record.open_outcomes} == {"malignant"}
    elif "uncertain" in statuses:
        assert "concordant benign" not in record.open_outcomes


@EVERY
@given(data=st.data())
def test_every_record_survives_json_and_comes_out_the_same_again(pairs: ModuleType, data: st.DataObject) -> None:
    image, pathology = data.draw(anything(pairs))
    record = combine(image, pathology)
    assert concordance_from_json(record.as_json()) == record
    assert combine(record.imaging, record.pathology).id == record.id
