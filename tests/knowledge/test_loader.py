"""Packs load strictly; what is wrong is named with file, line and the nearest right word."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.knowledge.packs import load as write_pack
from tests.knowledge.packs import measured, pack, question, row

from pellucid.errors import GuidelineError, InputError, UnknownName
from pellucid.knowledge import Guideline, evaluate, list_guidelines, load_guideline, load_guideline_file
from pellucid.knowledge.space import compile_question
from pellucid.record import Finding, Observer

SMALL = """\
name: toy
edition: "1"
title: A toy
sources:
  here: {kind: data, short: Here, reference: invented}
concepts:
  shape: {definition: outline, states: [round, jagged]}
  stage: {definition: how far, states: [low, middle, high], ordinal: true}
  size: {definition: how large, unit: mm}
definitions:
  bad shape: {claim: the shape is bad, when: {is: {shape: jagged}}}
scorecards:
  points:
    outcome: harm
    terms:
      - {when: {rule: bad shape}, points: 1}
      - {when: {at_least: {stage: middle}}, points: 1}
    risks: [0.1, 0.4, 0.9]
    cite: {source: here, clause: all, verified: background}
    figures: {n: 3}
questions:
  care:
    label: what care
    noun: level
    categories:
      none: {statement: No care.}
      some: {statement: Some care.}
    proposal:
      bands:
        scorecard: points
        limits: [{category: none, below: 0.4}, {category: some, up_to: 1.0}]
        cite: {source: here, clause: limits, verified: background}
    rules:
      - id: L1
        claim: large is some
        at_least: some
        when: {all: [{at_least: {size: 6}}, {below: {size: 8.5}}]}
        cite: {source: here, clause: L1, verified: background}
      - id: L2
        claim: very large is some
        at_least: some
        when: {above: {size: 10}}
        cite: {source: here, clause: L2, verified: background}
"""
Write = Callable[[str, str], Guideline]


@pytest.fixture
def load(tmp_path: Path) -> Write:
    def changed(old: str, new: str) -> Guideline:
        assert old in SMALL
        file = tmp_path / "guideline.yaml"
        file.write_text(SMALL.replace(old, new), encoding="utf-8")
        return load_guideline_file(file)

    return changed


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{is: {shape: jagged}}", "{is: {shap: jagged}}", r"yaml:11: unknown concept 'shap': did you mean 'shape'"),
        ("{is: {shape: jagged}}", "{is: {shape: jaged}}", r"yaml:11: unknown state of shape 'jaged': did you mean 'jagged'"),
        ("    noun:", "    ask_for: [shap]\n    noun:", r"unknown concept 'shap': did you mean 'shape'"),
        ("    noun:", "    ask_for: [shape]\n    noun:", r"expected a concept that is an input .*, got shape"),
        ("{is: {shape: jagged}}", "{iz: {shape: jagged}}", r"unknown word 'iz': did you mean 'is'"),
        ("{is: {shape: jagged}}", "{is: {shape: jagged}, not: {is: {shape: round}}}", r"expected exactly one word \(of is"),
        (
            "{is: {shape: jagged}}",
            "{is: {shape: jagged, stage: low}}",
            r"expected exactly one concept \(of shape, stage, size\), got shape, stage",
        ),
        ("{is: {shape: jagged}}", "{all: []}", "expected one or more predicates"),
        ("{is: {shape: jagged}}", "{at_least: {shape: jagged}}", "whose states have no order"),
        ("{is: {shape: jagged}}", "{at_least: {stage: low}}", "a limit that some states of stage meet and some do not"),
        ("{is: {shape: jagged}}", "{above: {size: big}}", "expected number, got 'big'"),
        ("{is: {shape: jagged}}", "{rule: bad shape}", r"unknown definition \(it must stand above its use\)"),
        ("rule: bad shape", "rule: bad shapes", "did you mean 'bad shape'"),
        ("title: A toy", "titel: A toy", "expected the key 'title'"),
        ("title: A toy", "title: A toy\nextra: 1", "yaml:4: unknown key 'extra'"),
        ('edition: "1"', "edition: 1", r"yaml:2: expected text \(put it in quotes\), got 1"),
        ("source: here, clause: L1", "source: there, clause: L1", "unknown source 'there': did you mean 'here'"),
        ("clause: L1, verified: background", "clause: L1, verified: surely", "unknown mark 'surely'"),
        ("        cite: {source: here, clause: L1, verified: background}\n", "", "expected the key 'cite'"),
        ("[0.1, 0.4, 0.9]", "[0.1, 0.9]", r"one risk for each total from 0 to 2 \(3\), got 2"),
        ("[0.1, 0.4, 0.9]", "[0.4, 0.1, 0.9]", "do not fall as points rise"),
        ("points: 1}\n      - {when: {at", "points: 0}\n      - {when: {at", "points other than 0"),
        ("category: some, up_to: 1.0", "category: some, up_to: 0.9", "the last one up_to 1.0"),
        ("category: none, below: 0.4", "category: nine, below: 0.4", "unknown category 'nine': did you mean 'none'"),
        ("scorecard: points", "scorecard: point", "unknown scorecard 'point': did you mean 'points'"),
        ("at_least: some\n        when: {all", "when: {all", "at_least and/or at_most, or exactly"),
        ("id: L2", "id: L1", "every rule with its own id"),
        ("states: [round, jagged]", "states: [round]", "expected a concept"),
        ("states: [round, jagged]", "states: [round, not judged]", "states other than not stated and not judged"),
        ("states: [round, jagged]}", "states: [round, jagged], say: it is so}", r"a sentence with one \{state\}"),
        ("kind: data", "kind: rumour", "expected publication or data, got rumour"),
        ("label: what care", "label: [what]", "expected text, got a list"),
    ],
)
def test_mistake_is_named_with_its_place(load: Write, old: str, new: str, said: str) -> None:
    with pytest.raises(GuidelineError, match=said) as caught:
        load(old, new)
    assert "guideline.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


CITE = "cite: {source: here, clause: a, verified: background}"
WHEN = "{above: {size: 10}}"
SHAPE = "states: [round, jagged]}"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("title: A toy", "title: &a A toy", "yaml:3: expected plain values, got an anchor or alias"),
        ("title: A toy", "title: A toy\nnotes: [*a, *a]", "yaml:4: expected plain values, got an anchor or alias"),
        ("title: A toy", "title: A toy\ntitle: B", "yaml:4: expected each key once and no merge keys, got 'title'"),
        ("title: A toy", "title: !!python/name:os.system A toy", "yaml:3: expected plain values, got the tag"),
        ("states: [round, jagged]", "states: [yes, no]", "yaml:11: unknown state of shape 'jagged': known: yes, no"),
        ("states: [round, jagged]", "states: [true, false]", r"yaml:7: expected text \(put it in quotes\), got True"),
        ("states: [round, jagged]", "states: [round, round]", "yaml:7: expected a concept.*two or more different states"),
        ("states: [round, jagged]", "states: [round, jagged], answered_by: car", "yaml:7: unknown question 'car': did you mean"),
        (
            "states: [round, jagged]",
            "states: [round, jagged], answered_by: care",
            "yaml:7: expected a question that answers round",
        ),
        ("unit: mm", "unit: mm, rounded_to: 0", "yaml:9: expected a step above 0, of a measurement, got 0 on mm"),
        (
            "unit: mm",
            "unit: mm, rounded_to: 5",
            r"yaml:\d+: expected a limit of size in steps of 5, to which it is",
        ),
        (
            "states: [round, jagged]",
            "states: [round, jagged], rounded_to: 1",
            "yaml:7: expected a step above 0, of a measurement",
        ),
        ("states: [round, jagged]", "states: [round, jagged], counted: lesions", "yaml:7: expected 'lesions', on a concept of"),
        ("ordinal: true", "ordinal: yes", "yaml:8: expected true or false, got 'yes'"),
        ("ordinal: true", "ordinal: 'true'", "yaml:8: expected true or false, got 'true'"),
        (
            "when: {is: {shape: jagged}}}",
            "when: {rule: worse}}\n  worse: {claim: x, when: {rule: bad shape}}",
            r"yaml:11: unknown definition \(it must stand above its use\) 'worse': known: none",
        ),
        (
            "definitions:",
            f"scores:\n  s: {{terms: [{{when: {{score: {{s: {{at_least: 1}}}}}}, points: 1}}], {CITE}}}\ndefinitions:",
            r"yaml:11: unknown score \(it must stand above its use\) 's'",
        ),
        (WHEN, "{answer: {care: some}}", r"yaml:42: unknown question \(it must stand above its use\) 'care'"),
        (WHEN, "{or: [{is: {shape: jagged}}]}", "yaml:42: unknown word 'or'"),
        (WHEN, "{above: {size: 10, stage: low}}", "yaml:42: expected exactly one concept"),
        (WHEN, "{above: {size: '10'}}", "yaml:42: expected number, got '10'"),
        (WHEN, "{above: {size: 1e3}}", "yaml:42: expected number, got '1e3'"),
        (WHEN, "{above: {size: .inf}}", "yaml:42: expected number, got '.inf'"),
        (
            WHEN,
            "{count: {of: [{is: {shape: jagged}}], at_least: 2}}",
            "yaml:42: expected at_least and/or at_most between 0 and 1",
        ),
        (WHEN, "{count: {of: [{is: {shape: jagged}}]}}", "yaml:42: expected at_least and/or at_most between 0 and 1"),
        (WHEN, "{score: {points: {at_least: 1}}}", r"yaml:42: unknown score \(it must stand above its use\) 'points'"),
        ("unit: mm}", "unit: mm, plausible: [200, 1]}", r"yaml:9: expected \[lowest, highest\] of a measurement"),
        ("unit: mm}", "unit: mm, plausible: [1]}", r"yaml:9: expected \[lowest, highest\] of a measurement"),
        (SHAPE, f"states: [round, jagged], base_rate: {{counts: [0, 0], {CITE}}}}}", "yaml:7: expected one count per state"),
        (SHAPE, f"states: [round, jagged], base_rate: {{counts: [1], {CITE}}}}}", "yaml:7: expected one count per state"),
        (SHAPE, f"states: [round, jagged], when_unknown: {{counts_as: flat, {CITE}}}}}", "yaml:7: unknown state of shape 'flat'"),
        (SHAPE, "states: [round, jagged], when_unknown: guess}", "yaml:7: unknown word 'guess': known: base rate"),
        (
            "questions:",
            "contradictions:\n  - {id: C, claim: x, hard: yes, when: {is: {shape: jagged}}}\nquestions:",
            "yaml:22: expected true or false, got 'yes'",
        ),
        (
            "questions:",
            "contradictions:\n  - {id: C, claim: x, larger: {size: shape}}\nquestions:",
            "yaml:22: expected two measurements of one unit",
        ),
        (
            "questions:",
            "contradictions:\n  - {id: C, claim: x}\nquestions:",
            "yaml:22: expected one of when and larger, got neither",
        ),
        (
            "questions:",
            f"joint:\n  - {{concepts: [shape, stage], counts: [[1, 2, 3]], {CITE}}}\nquestions:",
            "yaml:22: expected 2 entries, one for each state, got 1",
        ),
        (
            "questions:",
            f"joint:\n  - {{concepts: [shape, stage], counts: [[1, 2, 3], [1, -2, 3]], {CITE}}}\nquestions:",
            "yaml:22: expected counts that are not negative",
        ),
        ("noun: level", "noun: level\n    outside: [nine]", "yaml:25: unknown category 'nine'"),
        ("noun: level", "noun: level\n    needs: [sice]", "yaml:25: unknown concept 'sice': did you mean 'size'"),
        ("noun: level", "noun: level\n    monotone: [{concept: shape}]", "yaml:25: expected `worse`"),
        ("[0.1, 0.4, 0.9]", "[0.1, 0.4, 1.9]", "yaml:18: expected risks between 0 and 1"),
    ],
)
def test_careless_or_hostile_pack_is_refused_in_one_line(load: Write, old: str, new: str, said: str) -> None:
    with pytest.raises(GuidelineError, match=said) as caught:
        load(old, new)
    assert "\n" not in str(caught.value)


def test_bomb_of_nested_aliases_is_refused_before_it_grows(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]" for k in range(1, 12)]
    file = tmp_path / "guideline.yaml"
    file.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(GuidelineError, match="yaml:1: expected plain values, got an anchor or alias"):
        load_guideline_file(file)


def test_question_that_asks_the_one_below_it_is_refused(load: Write) -> None:
    second = "    label: what care"
    new = SMALL[SMALL.index(second) :].replace("id: L1", "id: M1").replace("id: L2", "id: M2")
    circular = WHEN + "\n        cite: {source: here, clause: L2, verified: background}\n"
    with pytest.raises(GuidelineError, match=r"yaml:42: unknown question \(it must stand above its use\) 'later'"):
        load(circular, circular.replace(WHEN, "{answer: {later: some}}") + f"  later:\n{new}")


def test_probabilities_that_do_not_sum_to_one_are_refused() -> None:
    with pytest.raises(ValueError, match=r"finding shape: probabilities must sum to 1, got 0\.900000"):
        Finding(concept="shape", observer=Observer(name="r", kind="model"), states=("round", "jagged"), probabilities=(0.5, 0.4))


def test_length_in_cm_for_mm_is_refused_by_what_is_plausible(load: Write) -> None:
    pack = load("unit: mm}", "unit: mm, plausible: [2, 200]}")
    who = Observer(name="w", kind="person")
    with pytest.raises(InputError, match=r"size: 1.2 mm is not plausible \(expected 2 to 200 mm\); look at the unit"):
        evaluate(pack, "care", [Finding(concept="size", observer=who, unit="mm", value=1.2, sd=0.0)])
    with pytest.raises(InputError, match="size: expected a value in mm, got the unit cm"):
        evaluate(pack, "care", [Finding(concept="size", observer=who, unit="cm", value=12.0, sd=0.0)])


def test_any_edit_of_a_pack_changes_the_hash_that_a_reading_keeps(load: Write) -> None:
    before = load("A toy", "A toy").ref()
    after = load("A toy", "A  toy").ref()
    assert (before.name, before.edition) == (after.name, after.edition)
    assert before.sha256 != after.sha256


def test_thresholds_cut_a_measurement_into_cells(load: Write) -> None:
    compiled = compile_question(load("A toy", "A toy"), "care")
    (size,) = [axis for axis in compiled.axes if axis.name == "size"]
    labels = ("below 6 mm", "at least 6 mm and below 8.5 mm", "at least 8.5 mm and at most 10 mm", "above 10 mm")
    assert size.labels == labels
    assert size.size == len(labels)


def test_states_that_no_rule_tells_apart_share_a_class() -> None:
    compiled = compile_question(load_guideline("breast-ultrasound"), "birads")
    (echo,) = [axis for axis in compiled.axes if axis.name == "echogenicity"]
    shared = {label: int(number) for label, number in zip(echo.labels, echo.classes, strict=True)}
    assert shared["hyperechoic"] == shared["isoechoic"] != shared["hypoechoic"] == shared["heterogeneous"]
    assert "skin_thickening" not in [axis.name for axis in compiled.axes]


@pytest.mark.parametrize(
    ("value", "category"), [(5.999, "none"), (6.0, "some"), (8.499, "some"), (8.5, "none"), (10.0, "none"), (10.001, "some")]
)
def test_value_on_a_limit_falls_on_its_side(load: Write, value: float, category: str) -> None:
    pack, who = load("A toy", "A toy"), Observer(name="w", kind="person")
    findings = [
        Finding(concept="shape", observer=who, states=("round", "jagged"), probabilities=(1.0, 0.0), state="round"),
        Finding(concept="stage", observer=who, states=("low", "middle", "high"), probabilities=(1.0, 0.0, 0.0), state="low"),
        Finding(concept="size", observer=who, unit="mm", value=value, sd=0.0),
    ]
    got = evaluate(pack, "care", findings)
    assert got.crisp == category
    assert got.probabilities[category] == 1.0


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ({"most": 2, "of": ["biopsy"]}, "unknown category 'biopsy'"),
        ({"most": 0, "of": ["c"]}, "expected 1 lesion or more, got 0"),
        ({"most": 2, "of": []}, "expected one or more categories of this question, got none"),
        ({"most": 2}, "expected the key 'of'"),
        (2, "expected mapping"),
    ],
)
def test_how_many_lesions_are_sampled_stands_with_the_answers_that_ask_for_it(tmp_path: Path, limit: object, said: str) -> None:
    rule = {
        "rule": "most suspicious",
        "claim": "x",
        "cite": {"source": "s", "clause": "c", "verified": "background"},
        "sampled": limit,
    }
    with pytest.raises(GuidelineError, match=said):
        write_pack(tmp_path, pack(question([row("c", {"is": {"shape": "jagged"}})], examination=rule)))


@pytest.mark.parametrize(
    ("limit", "below", "from_there"),
    [
        ({"at_least": 8}, 7.949, 7.95),
        ({"above": 8}, 8.049, 8.05),
        ({"at_least": 0.3}, 0.249, 0.25),
        ({"at_least": 15}, 14.949, 14.95),
    ],
)
def test_a_limit_on_a_rounded_measurement_begins_half_a_step_below_or_above(
    tmp_path: Path, limit: dict[str, float], below: float, from_there: float
) -> None:
    ((word, value),) = limit.items()
    asked = question([row("c", {word: {"size": value}})], needs=["size"])
    other = question([row("c", {"not": {{"at_least": "below", "above": "at_most"}[word]: {"size": value}}})], needs=["size"])
    for one in (asked, other):
        content = pack(one)
        content["concepts"] = {"size": {"definition": "d", "unit": "mm", "plausible": [0.1, 200], "rounded_to": 0.1}}
        guideline = write_pack(tmp_path, content)
        assert evaluate(guideline, "q", [measured("size", below)]).crisp == "a"
        assert evaluate(guideline, "q", [measured("size", from_there)]).crisp == "c"
        told = evaluate(guideline, "q", [measured("size", from_there)]).derivation.as_text()
        assert f"{value:g} mm, rounded to 0.1 mm (measured: {from_there:g}" in told


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"p": ["S0"]}, "unknown question 'p'"),
        ({"q": ["S7"]}, "unknown row of q 'S7'"),
        ({"q": ["S0", "S1"]}, "expected rows that do not rest on number, got S1, which does"),
    ],
)
def test_rows_by_which_a_lesion_is_not_counted_are_there_and_do_not_count(
    tmp_path: Path, rows: dict[str, list[str]], said: str
) -> None:
    asked = question([row("a", {"is": {"shape": "round"}}), row("c", {"at_least": {"number": 2}})], otherwise="b")
    content, number = pack(asked), {"definition": "d", "unit": "1", "plausible": [1, 9], "counted": "lesions"}
    content["concepts"] = {**content["concepts"], "number": {**number, "not_counted": rows}}
    with pytest.raises(GuidelineError, match=said):
        write_pack(tmp_path, content)
    del content["concepts"]["number"]["counted"]
    with pytest.raises(GuidelineError, match="expected `counted: lesions` beside `not_counted`, got none"):
        write_pack(tmp_path, content)


@pytest.mark.parametrize("fault", [{"hard": True}, {"beyond_error": False}, {"larger": None, "when": {"is": {"shape": "round"}}}])
def test_a_comparison_beyond_the_error_is_a_plain_one_that_is_not_hard(tmp_path: Path, fault: dict[str, object]) -> None:
    one = {"id": "C", "claim": "x", "larger": {"part": "size"}, "beyond_error": True, **fault}
    kept = {key: value for key, value in one.items() if value is not None}
    with pytest.raises(GuidelineError, match="expected true, beside `larger` and without `hard`"):
        write_pack(tmp_path, pack(question([row("c", {"is": {"shape": "jagged"}})]), contradictions=[kept]))


def test_a_question_cannot_stand_in_for_what_it_rests_on(tmp_path: Path) -> None:
    asked = question([row("jagged", {"is": {"shape": "jagged"}})], "round", categories=("round", "jagged"))
    shape = {"definition": "d", "states": ["round", "jagged"], "answered_by": "q"}
    content = {**pack(asked), "concepts": {"shape": shape}}
    with pytest.raises(GuidelineError, match="expected a question that does not rest on shape, got q, which does"):
        write_pack(tmp_path, content)


def test_shipped_packs_load_by_name_and_by_edition() -> None:
    assert {"breast-ultrasound-2013", "diabetic-retinopathy-icdr-2003"} <= set(list_guidelines())
    assert list(list_guidelines()) == sorted(list_guidelines())
    for name in list_guidelines():
        pack = load_guideline(name)
        newest = max(known for known in list_guidelines() if known.rpartition("-")[0] == pack.name)
        assert load_guideline(pack.name) is load_guideline(newest)
        assert pack.sha256 == hashlib.sha256(Path(pack.file).read_bytes()).hexdigest()
        assert pack.ref().edition == pack.edition


def test_unknown_pack_offers_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'breast-ultrasound'"):
        load_guideline("breast-ultrasond")


def test_missing_file_is_a_guideline_error(tmp_path: Path) -> None:
    with pytest.raises(GuidelineError, match="expected a readable guideline file"):
        load_guideline_file(tmp_path)


@pytest.mark.parametrize("name", list_guidelines())
def test_every_code_is_in_dicom(name: str) -> None:
    dictionary = pytest.importorskip("pydicom.sr._concepts_dict").concepts
    pack = load_guideline(name)
    codes = [concept.code for concept in pack.concepts.values()]
    codes += [category.code for question in pack.questions.values() for category in question.categories.values()]
    for code in (code for code in codes if code is not None):
        terms = (term for terms in dictionary[code.scheme].values() for term in terms.items())
        assert code.meaning in {meaning for value, (meaning, *_) in terms if value == code.value}


def test_loading_and_evaluating_needs_no_torch_scipy_or_sklearn() -> None:
    code = (
        "import sys; from pellucid.knowledge import load_guideline, evaluate\n"
        "evaluate(load_guideline('breast-ultrasound'), 'birads', [])\n"
        "sys.exit(bool({'torch', 'timm', 'scipy', 'sklearn'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
