"""The record: nothing invalid can be built, nothing changes afterwards, JSON gives back what went in, the id is the content's."""

import hashlib
import json
import math
import pickle
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pellucid.record import (
    Assessment,
    Caution,
    Change,
    Code,
    Concept,
    Condition,
    Contrast,
    Differential,
    Finding,
    FrozenDict,
    GuidelineRef,
    LookAgain,
    Observer,
    PreparationStep,
    Provenance,
    ReaderRef,
    Reading,
    Record,
    Region,
    Reliability,
    SetRule,
    Shadow,
    Signals,
    SimilarCase,
    Step,
    StudyRef,
    Truth,
    WeighedDiagnosis,
    WeighedSign,
    Weighing,
    content_hash,
    reading_from_json,
)

# Objects built by Hypothesis ------------------------------------------------------------------------------------------

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
SHARES = st.floats(0.0, 1.0)
HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def some(strategy: st.SearchStrategy[Any], least: int = 0, most: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, min_size=least, max_size=most).map(tuple)


@st.composite
def distributions(draw: st.DrawFn, n: int) -> tuple[float, ...]:
    weights = [draw(st.integers(0, 1000)) for _ in range(n)]
    weights[draw(st.integers(0, n - 1))] += 1
    return tuple(w / sum(weights) for w in weights)


OUTLINES = some(some(st.tuples(NUMBERS, NUMBERS), 3, 5), 1, 2)
REGIONS = st.builds(Region, outlines=OUTLINES, unit=st.sampled_from(["mm", "px"]), meaning=WORDS, share=maybe(SHARES))
OBSERVERS = st.builds(Observer, name=WORDS, kind=st.sampled_from(["model", "person"]))
RELIABILITIES = st.builds(
    Reliability,
    measure=WORDS,
    value=NUMBERS,
    low=NUMBERS,
    high=NUMBERS,
    baseline=maybe(NUMBERS),
    baseline_name=maybe(WORDS),
    human=maybe(NUMBERS),
    n=st.integers(1),
)


@st.composite
def findings(draw: st.DrawFn, concept: str) -> Finding:
    base: dict[str, Any] = {"concept": concept, "observer": draw(OBSERVERS), "region": draw(maybe(REGIONS))}
    base["reliability"] = draw(maybe(RELIABILITIES))
    kind = draw(st.sampled_from(["states", "value", "unknown states", "unknown value"]))
    if "value" in kind:
        base["unit"] = draw(WORDS)
    else:
        base["states"] = tuple(draw(st.lists(WORDS, min_size=2, max_size=4, unique=True)))
    if "unknown" in kind:
        return Finding(**base, unknown_because=draw(WORDS))
    if kind == "value":
        return Finding(**base, value=draw(NUMBERS), sd=draw(st.floats(0.0, 1e6)))
    states = base["states"]
    return Finding(**base, probabilities=draw(distributions(len(states))), state=draw(maybe(st.sampled_from(states))))


STEPS = st.recursive(
    st.builds(Step, claim=WORDS, truth=st.sampled_from(Truth), citation=maybe(st.text(max_size=5))),
    lambda inner: st.builds(
        Step,
        claim=WORDS,
        truth=st.sampled_from(Truth),
        because=some(inner),
        ground=st.sampled_from(["published", "learned", "observed", "logic"]),
        verified=st.sampled_from([None, "source", "recomputed", "background"]),
    ),
    max_leaves=6,
)
GUIDELINES = st.builds(GuidelineRef, name=WORDS, edition=WORDS, sha256=HASHES)
CONDITIONS = st.builds(Condition, concept=WORDS, state=WORDS)
CHANGES = st.builds(Change, concept=WORDS, seen=maybe(WORDS), instead=WORDS)
RULES = st.builds(
    SetRule, method=st.sampled_from(["lac", "aps", "ordinal-aps"]), threshold=NUMBERS, coverage=SHARES, n=st.integers(1)
)


@st.composite
def assessments(draw: st.DrawFn) -> Assessment:
    names = draw(st.lists(WORDS, min_size=2, max_size=4, unique=True))
    category = draw(maybe(st.sampled_from(names)))
    return Assessment(
        question=draw(WORDS),
        guideline=draw(GUIDELINES),
        category=category,
        statement=draw(WORDS),
        probabilities=dict(zip(names, draw(distributions(len(names))), strict=True)),
        confidence_set=tuple(draw(st.lists(st.sampled_from(names), unique=True))),
        coverage=draw(maybe(SHARES)),
        set_rule=draw(maybe(RULES)),
        derivation=draw(STEPS),
        sufficient_reason=draw(some(some(CONDITIONS))),
        contrasts=draw(some(st.builds(Contrast, category=WORDS, changes=some(CHANGES)))),
        look_again=draw(some(st.builds(LookAgain, concept=WORDS, bits=st.floats(0.0, 10.0), share=SHARES))),
        differential=draw(some(st.builds(Differential, name=WORDS, because=some(CONDITIONS), citation=maybe(WORDS)))),
        next_step=draw(maybe(WORDS)),
        next_step_shared=draw(maybe(st.booleans())),
        boundary=draw(some(WORDS)),
        conflict=draw(maybe(WORDS)),
        abstained_because=None if category else draw(WORDS),
    )


PARAMETERS = st.dictionaries(
    WORDS, WORDS | st.booleans() | st.integers(-(2**60), 2**60) | NUMBERS | some(NUMBERS) | some(WORDS), max_size=3
)
STUDIES = st.builds(
    StudyRef,
    pixels_sha256=HASHES,
    width=st.integers(1, 10**6),
    height=st.integers(1, 10**6),
    frame=st.integers(0, 100),
    modality=maybe(WORDS),
    spacing_mm=maybe(st.tuples(st.floats(1e-6, 100), st.floats(1e-6, 100))),
    ids=st.dictionaries(WORDS, st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=2),
    source=maybe(WORDS),
)
SIGNALS = st.builds(
    Signals,
    novelty=maybe(NUMBERS),
    novelty_threshold=maybe(NUMBERS),
    novelty_false_alarm=maybe(SHARES),
    shadow=some(
        st.builds(Shadow, question=WORDS, category=WORDS, probability=SHARES, concept_probability=SHARES, disagrees=st.booleans())
    ),
)
PROVENANCES = st.builds(
    Provenance,
    preparation=some(st.builds(PreparationStep, name=WORDS, parameters=PARAMETERS)),
    signals=SIGNALS,
    by=maybe(WORDS),
    created=maybe(WORDS),
    software=maybe(WORDS),
)
CAUTIONS = st.builds(Caution, kind=st.sampled_from(["shadow", "novelty", "boundary", "conflict", "input", "scope"]), text=WORDS)


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    concepts = draw(st.lists(WORDS, max_size=3, unique=True))
    return Reading(
        study=draw(STUDIES),
        reader=draw(st.builds(ReaderRef, name=WORDS, version=WORDS, weights_sha256=maybe(HASHES))),
        findings=tuple(draw(findings(concept)) for concept in concepts),
        assessments=draw(some(assessments(), most=2)),
        cautions=draw(some(CAUTIONS)),
        similar=draw(some(st.builds(SimilarCase, reading=HASHES, outcome=WORDS, alike=some(WORDS)), most=1)),
        provenance=draw(PROVENANCES),
        revises=draw(maybe(HASHES)),
    )


MANY = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@MANY
@given(readings())
def test_json_gives_back_exactly_what_went_in(reading: Reading) -> None:
    again = reading_from_json(reading.as_json())
    assert again == reading
    assert again.as_json() == reading.as_json()
    assert hash(again) == hash(reading)


@MANY
@given(readings())
def test_id_is_the_hash_of_the_content_however_the_json_is_written(reading: Reading) -> None:
    assert reading.id == content_hash(reading)
    content = json.loads(reading.as_json())
    shuffled = json.dumps(dict(reversed(content.items())), ensure_ascii=True, indent=3)
    assert reading_from_json(shuffled).id == reading.id


@MANY
@given(readings(), st.text("0123456789abcdef", min_size=64, max_size=64))
def test_another_id_is_refused(reading: Reading, other: str) -> None:
    if other != reading.id:
        with pytest.raises(ValidationError, match="changed after it was written"):
            Reading.model_validate({**dict(reading), "id": other})


# One reading by hand --------------------------------------------------------------------------------------------------

MODEL = Observer(name="m 1.0", kind="model")
MARGIN = ("circumscribed", "not circumscribed")


def _finding(**more: Any) -> dict[str, Any]:
    return {"concept": "margin", "observer": MODEL, "states": MARGIN, "probabilities": (0.3, 0.7)} | more


def _assessment(**more: Any) -> dict[str, Any]:
    ref = GuidelineRef(name="g", edition="1", sha256="a" * 64)
    base = {"question": "q", "guideline": ref, "category": "b", "statement": "B.", "probabilities": {"a": 0.2, "b": 0.8}}
    return base | {"confidence_set": ("b",), "derivation": Step(claim="b", truth=Truth.MET)} | more


def _reading(**more: Any) -> Reading:
    base: dict[str, Any] = {
        "study": StudyRef(pixels_sha256="b" * 64, width=10, height=20, spacing_mm=(0.1, 0.2), source="a.png"),
        "reader": ReaderRef(name="m", version="1.0"),
        "findings": (Finding(**_finding(state="not circumscribed")),),
        "assessments": (Assessment(**_assessment()),),
        "provenance": Provenance(created="2026-01-01", software="pellucid 0"),
    }
    return Reading(**(base | more))


def test_id_does_not_depend_on_file_name_time_and_software() -> None:
    study = _reading().study.model_copy(update={"source": "/elsewhere/b.dcm"})
    assert _reading(study=study, provenance=Provenance(created="2030-12-31", software="pellucid 9")).id == _reading().id


@pytest.mark.parametrize(
    "change",
    [
        {"study": StudyRef(pixels_sha256="c" * 64, width=10, height=20, spacing_mm=(0.1, 0.2))},
        {"study": StudyRef(pixels_sha256="b" * 64, width=10, height=20)},
        {"reader": ReaderRef(name="m", version="1.1")},
        {"findings": ()},
        {"findings": (Finding(**_finding(state="not circumscribed", probabilities=(0.3001, 0.6999))),)},
        {"assessments": ()},
        {"cautions": (Caution(kind="input", text="x"),)},
        {"provenance": Provenance(by="Dr A")},
        {"provenance": Provenance(signals=Signals(novelty=1.0))},
        {"provenance": Provenance(preparation=(PreparationStep(name="letterbox", parameters={"size": 384}),))},
        {"revises": "d" * 64},
    ],
)
def test_id_depends_on_everything_else(change: dict[str, Any]) -> None:
    assert _reading(**change).id != _reading().id


def test_id_is_sha256_of_canonical_json() -> None:
    content = json.loads(_reading().as_json())
    del content["id"], content["study"]["source"], content["provenance"]["created"], content["provenance"]["software"]
    del content["weighed"]  # younger than the first ids, and empty here
    for assessment in content["assessments"]:
        del assessment["second_opinions"], assessment["joint_shift"]  # younger than the first ids, and empty here
    for finding in content["findings"]:
        del finding["earlier"], finding["because"]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert _reading().id == hashlib.sha256(text.encode()).hexdigest()


def test_signs_that_were_weighed_enter_the_id() -> None:
    sign = WeighedSign(weight=2.0, step=Step(claim="a tail", truth=Truth.MET))
    one = WeighedDiagnosis(name="meningioma", rank=1, score=2.0, lowest=2.0, highest=2.0, signs=(sign,))
    ref = GuidelineRef(name="signs", edition="1", sha256="a" * 64)
    weighed = _reading(weighed=(Weighing(differential="mass", label="mass", guideline=ref, diagnoses=(one,)),))
    assert weighed.id != _reading().id
    assert reading_from_json(weighed.as_json()) == weighed
    with pytest.raises(ValidationError, match="changed after it was written"):
        reading_from_json(weighed.as_json().replace('"score": 2.0', '"score": 3.0'))


def test_order_of_categories_does_not_change_the_id() -> None:
    other = Assessment(**_assessment(probabilities={"b": 0.8, "a": 0.2}))
    assert _reading(assessments=(other,)).id == _reading().id


def test_tampered_json_is_refused() -> None:
    with pytest.raises(ValidationError, match="changed after it was written"):
        reading_from_json(_reading().as_json().replace("0.7", "0.6").replace("0.3", "0.4"))


def test_record_refuses_every_change() -> None:
    reading = _reading()
    with pytest.raises(ValidationError, match="frozen"):
        reading.findings = ()
    with pytest.raises(ValidationError, match="frozen"):
        reading.findings[0].state = None  # type: ignore[misc]
    probabilities: Any = reading.assessments[0].probabilities
    changes = [
        lambda: probabilities.__setitem__("a", 1.0),
        lambda: probabilities.update(a=1.0),
        lambda: probabilities.pop("a"),
        lambda: probabilities.__delitem__("a"),
        probabilities.clear,
        probabilities.popitem,
        lambda: probabilities.setdefault("c", 0.0),
        lambda: probabilities.__ior__({"a": 1.0}),
    ]
    for change in changes:
        with pytest.raises(TypeError, match="frozen"):
            change()
    assert reading.id == content_hash(reading)


def test_mapping_given_is_not_shared_with_the_record() -> None:
    mine = {"a": 0.2, "b": 0.8}
    assessment = Assessment(**_assessment(probabilities=mine))
    mine["a"] = 0.9
    assert assessment.probabilities == {"a": 0.2, "b": 0.8}


def test_records_and_their_dicts_can_be_pickled_and_stay_frozen() -> None:
    again = pickle.loads(pickle.dumps(_reading()))
    assert again == _reading()
    assert isinstance(again.assessments[0].probabilities, FrozenDict)


INVALID: dict[str, tuple[type[Record], dict[str, Any]]] = {
    "finding with nothing said": (Finding, _finding(probabilities=None)),
    "finding with two things said": (Finding, _finding(unknown_because="blurred")),
    "finding with states and unit": (Finding, _finding(unit="mm")),
    "finding with neither states nor unit": (Finding, _finding(states=None)),
    "probabilities that do not sum to one": (Finding, _finding(probabilities=(0.3, 0.6))),
    "probability below zero": (Finding, _finding(probabilities=(-0.1, 1.1))),
    "probability that is no number": (Finding, _finding(probabilities=(math.nan, 1.0))),
    "one probability too few": (Finding, _finding(probabilities=(1.0,))),
    "state that does not exist": (Finding, _finding(state="smooth")),
    "state of a finding that is unknown": (Finding, _finding(probabilities=None, unknown_because="x", state=MARGIN[0])),
    "value without unit": (Finding, _finding(probabilities=None, value=3.0, sd=0.1)),
    "value without sd": (Finding, {"concept": "size", "observer": MODEL, "unit": "mm", "value": 3.0}),
    "sd without value": (Finding, {"concept": "size", "observer": MODEL, "unit": "mm", "sd": 3.0, "unknown_because": "x"}),
    "negative sd": (Finding, {"concept": "size", "observer": MODEL, "unit": "mm", "value": 3.0, "sd": -1.0}),
    "infinite value": (Finding, {"concept": "size", "observer": MODEL, "unit": "mm", "value": math.inf, "sd": 1.0}),
    "text for a number": (Finding, {"concept": "size", "observer": MODEL, "unit": "mm", "value": "3", "sd": 1.0}),
    "list for a tuple": (Finding, _finding(probabilities=[0.3, 0.7])),
    "key that does not exist": (Finding, _finding(confidence=0.9)),
    "empty reason": (Finding, _finding(probabilities=None, unknown_because="")),
    "observer of another kind": (Observer, {"name": "x", "kind": "machine"}),
    "region without outline": (Region, {"outlines": (), "unit": "mm", "meaning": "x"}),
    "outline of two points": (Region, {"outlines": (((0.0, 0.0), (1.0, 1.0)),), "unit": "mm", "meaning": "x"}),
    "region in inches": (Region, {"outlines": (((0.0, 0.0), (1.0, 1.0), (1.0, 0.0)),), "unit": "in", "meaning": "x"}),
    "concept of one state": (Concept, {"name": "x", "label": "x", "definition": "x", "states": ("a",)}),
    "concept with a state twice": (Concept, {"name": "x", "label": "x", "definition": "x", "states": ("a", "a")}),
    "concept with states and unit": (Concept, {"name": "x", "label": "x", "definition": "x", "states": ("a", "b"), "unit": "mm"}),
    "concept with neither": (Concept, {"name": "x", "label": "x", "definition": "x"}),
    "concept with a spaced name": (Concept, {"name": "a b", "label": "x", "definition": "x", "unit": "mm"}),
    "empty code": (Code, {"scheme": "", "value": "1", "meaning": "x"}),
    "category with a reason to abstain": (Assessment, _assessment(abstained_because="x")),
    "neither category nor reason": (Assessment, _assessment(category=None)),
    "category that does not exist": (Assessment, _assessment(category="c")),
    "set with a stranger": (Assessment, _assessment(confidence_set=("c",))),
    "distribution that does not sum to one": (Assessment, _assessment(probabilities={"a": 0.2, "b": 0.7})),
    "truth as text": (Step, {"claim": "x", "truth": "met"}),
    "truth as boolean": (Step, {"claim": "x", "truth": True}),
    "hash that is none": (GuidelineRef, {"name": "g", "edition": "1", "sha256": "A" * 64}),
    "set rule of another method": (SetRule, {"method": "magic", "threshold": 0.5, "coverage": 0.9, "n": 10}),
    "set rule of no cases": (SetRule, {"method": "lac", "threshold": 0.5, "coverage": 0.9, "n": 0}),
    "image of no width": (StudyRef, {"pixels_sha256": "a" * 64, "width": 0, "height": 1}),
    "spacing of zero": (StudyRef, {"pixels_sha256": "a" * 64, "width": 1, "height": 1, "spacing_mm": (0.0, 1.0)}),
    "caution of another kind": (Caution, {"kind": "mood", "text": "x"}),
    "parameter that is a dict": (PreparationStep, {"name": "x", "parameters": {"a": {"b": 1}}}),
}


@pytest.mark.parametrize("name", INVALID)
def test_invalid_object_cannot_be_built(name: str) -> None:
    kind, content = INVALID[name]
    with pytest.raises(ValidationError):
        kind(**content)


def test_concept_found_twice_is_refused() -> None:
    with pytest.raises(ValidationError, match="found twice"):
        _reading(findings=(Finding(**_finding()), Finding(**_finding())))


def test_finding_of_a_concept_or_none() -> None:
    reading = _reading()
    assert reading.finding("margin") == reading.findings[0]
    assert reading.finding("halo") is None


def test_derivation_as_text_is_an_indented_tree() -> None:
    leaf = Step(claim="margin is spiculated", truth=Truth.UNKNOWN)
    step = Step(claim="at least 4", truth=Truth.MET, citation="F2", because=(leaf,))
    assert step.as_text() == "met     at least 4  [F2]\n  unknown margin is spiculated"
    assert step.as_text(1).startswith("  met")


def test_equal_records_have_equal_hashes() -> None:
    twice = [_reading(), _reading(), Caution(kind="input", text="x"), Caution(kind="input", text="x")]
    assert len({hash(record) for record in twice}) == 2
