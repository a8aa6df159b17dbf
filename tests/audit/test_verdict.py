"""From measures to a verdict in words."""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.audit.paper import bench, cases, edges, knows_nothing, predict, true_evidence

from pellucid.audit.map_controls import CONTROLS, as_method
from pellucid.audit.map_measures import MAP_MEASURES
from pellucid.audit.map_trial import try_method
from pellucid.audit.verdict import ORDER, RULES_FILE, Rules, installed_rules, load_rules, shown, verdict
from pellucid.errors import InputError
from pellucid.record.trial import Control, Measured, MeasureResult

RULES = installed_rules()


def result(name: str, low: float, high: float, *, beats: Mapping[str, bool] | None = None, patients: int = 50) -> MeasureResult:
    """A result with the interval given; the controls named in `beats` are beaten or not."""
    middle = (low + high) / 2
    value = Measured(value=middle, low=low, high=high, n=patients, patients=patients)
    above, around = (Measured(value=0.1, low=edge, high=0.2, n=patients, patients=patients) for edge in (0.01, -0.01))
    beaten = dict.fromkeys(CONTROLS, True) | dict(beats or {})
    controls = tuple(Control(name=c, measured=value, difference=above if won else around) for c, won in beaten.items())
    m = MAP_MEASURES[name]
    return MeasureResult(measure=name, family=m.family, better=m.better, measured=value, controls=controls)


def good() -> dict[str, MeasureResult]:
    """Results that meet every rule."""
    found: dict[str, MeasureResult] = {}
    for rule in RULES.rules:
        threshold = rule.threshold if rule.threshold is not None else 0.5
        side = {"above": (0.85, 0.9), "below": (threshold - 0.2, threshold - 0.1)}
        found[rule.measure] = result(rule.measure, *side[rule.side or "above"])
    return found


def with_(**changed: MeasureResult) -> list[MeasureResult]:
    return list((good() | {r.measure: r for r in changed.values()}).values())


def without(*names: str) -> list[MeasureResult]:
    return [r for name, r in good().items() if name not in names]


def test_method_that_meets_every_rule_is_usable_for_everything() -> None:
    found = verdict(list(good().values()))
    assert found.grade == "usable"
    assert found.sentence == (
        "Usable for showing where the model's evidence lies, checking whether the model depends on the lesion"
        " and pointing a reader to the lesion."
    )
    assert all(reason.met for reason in found.reasons)
    assert len(found.reasons) == len(RULES.rules)


def test_map_that_does_not_change_with_random_weights_is_refused_in_words() -> None:
    found = verdict(with_(a=result("MPRT", 0.9, 0.95)))
    assert found.grade == "not usable"
    assert found.sentence == (
        "Not usable: the map keeps its pattern, or only turns it over, when the weights are random"
        " (rank correlation 0.93 [0.90, 0.95]), so it shows the image, not the model."
    )


def test_a_map_that_only_turns_over_with_random_weights_is_refused_and_one_near_zero_is_not() -> None:
    assert verdict(with_(a=result("MPRT", -0.95, -0.85))).grade == "not usable"
    assert verdict(with_(a=result("MPRT", -0.3, 0.3))).grade == "usable"
    assert verdict(with_(a=result("MPRT", -0.7, 0.1))).grade == "usable with caution"


def test_too_few_cases_are_said_with_the_number_of_patients_that_were_too_few() -> None:
    few = result("MPRT", 0.1, 0.2)
    few = few.model_copy(update={"measured": few.measured.model_copy(update={"patients": 15})})
    assert "15 patients, at least 20 are needed" in verdict(with_(a=few)).sentence


def test_interval_over_the_threshold_is_neither_met_nor_failed_and_asks_for_caution() -> None:
    found = verdict(with_(a=result("MPRT", 0.4, 0.6)))
    (reason,) = (r for r in found.reasons if r.rule == "changes with the weights")
    assert reason.met is None
    assert found.grade == "usable with caution"
    assert (
        "it is not clear that the map changes when the weights are random (rank correlation 0.50 [0.40, 0.60])" in found.sentence
    )


def test_control_that_is_not_beaten_is_named() -> None:
    found = verdict(with_(a=result("pointing game", 0.3, 0.5, beats={"centre blob": False})))
    assert found.grade == "usable"
    assert (
        "Not usable for pointing a reader to the lesion: it hits the lesion (in 0.40 [0.30, 0.50] of cases) no more often"
        " than a blob in the centre." in found.sentence
    )


def test_without_masks_localisation_is_not_asked_and_that_is_said() -> None:
    none = Measured(value=None, reason="no masks of lesions were given")
    lesion = {
        name: good()[name].model_copy(update={"measured": none, "controls": ()})
        for name in ("pointing game", "pixel AUPRC", "pointing game, small lesions")
    }
    found = verdict(with_(**{str(i): r for i, r in enumerate(lesion.values())}))
    assert found.grade == "usable"
    assert "Not tested for pointing a reader to the lesion: it was not tested whether it hits the lesion" in found.sentence
    assert "(no masks of lesions were given)" in found.sentence


def test_without_randomised_models_a_map_is_usable_with_caution_at_most() -> None:
    found = verdict(without("MPRT", "smooth MPRT", "efficient MPRT"))
    assert found.grade == "usable with caution"
    assert "it was not tested whether the map changes when the weights are random (not measured)" in found.sentence


def test_nothing_measured_is_not_tested() -> None:
    assert verdict([]).grade == "not tested"


def test_below_the_stated_number_of_patients_the_verdict_is_too_few_cases() -> None:
    few = [r.model_copy(update={"measured": r.measured.model_copy(update={"patients": 19, "n": 400})}) for r in good().values()]
    found = verdict(few)
    assert found.grade == "too few cases"
    assert found.sentence == "Too few cases: 19 patients, at least 20 are needed."
    assert all(reason.met is None for reason in found.reasons)


def test_few_patients_neither_save_nor_refuse_what_other_measures_refused() -> None:
    few = result("ROAD", 0.1, 0.2, patients=10)
    assert verdict(with_(a=few)).grade == "too few cases"
    assert verdict(with_(a=few, b=result("MPRT", 0.9, 0.95))).grade == "not usable"


MEASURED = sorted({r.measure for r in RULES.rules})


@given(st.sampled_from(MEASURED), st.sampled_from(MEASURED), st.floats(-1, 1), st.floats(0, 0.5), st.booleans())
def test_second_bad_result_never_makes_the_verdict_better(one: str, other: str, low: float, width: float, beaten: bool) -> None:
    def bad(name: str) -> MeasureResult:
        return result(name, low, low + width, beats=dict.fromkeys(CONTROLS, beaten))

    first = good() | {one: bad(one)}
    both = first | {other: bad(other)}
    grades = [ORDER.index(verdict(list(r.values())).grade) for r in (first, both)]
    met = all(reason.met for reason in verdict([bad(other)]).reasons if not reason.said.startswith("it was not tested"))
    assert grades[1] >= grades[0] or (one == other and met)


def whole(explain: Any, random: Any, n: int = 21) -> Any:
    b = bench(explain, of=cases(n))
    return replace(b, randomised=(("all", predict, random),), retrained=((predict, explain),))


def test_true_evidence_passes_and_what_cannot_explain_is_refused_end_to_end() -> None:
    assert verdict(try_method(whole(true_evidence, knows_nothing), MEASURED)).grade == "usable with caution"
    assert verdict(try_method(whole(edges, edges), MEASURED)).grade == "not usable"
    blob = as_method(CONTROLS["centre blob"], 0)
    assert verdict(try_method(whole(blob, blob), MEASURED)).grade == "not usable"
    noise = as_method(CONTROLS["random map"], 7)
    assert verdict(try_method(whole(noise, noise), MEASURED)).grade == "not usable"


def test_ten_images_are_too_few_end_to_end() -> None:
    assert verdict(try_method(whole(true_evidence, knows_nothing, n=10), MEASURED)).grade == "too few cases"


def test_verdict_names_the_rules_it_came_from_and_every_rule_its_source() -> None:
    assert verdict([]).rules_sha256 == sha256(RULES_FILE.read_bytes()).hexdigest()
    for rule in RULES.rules:
        assert rule.source == "ours" or any(mark in rule.source for mark in ("arXiv:", "doi:", "ours"))
        assert ("ours" in rule.source) == (rule.verified == "ours")


def rules_text(**changed: str) -> bytes:
    """A small rules file with lines replaced."""
    lines = {
        "measure": "    measure: MPRT",
        "purposes": "    purposes: [a]",
        "ask": "    side: below\n    threshold: 0.5\n    open: usable with caution\n    undecided: unclear",
        "failing": "    failing: not usable",
        "met": "    met: good {value}",
    } | changed
    head = "least_patients: 5\nleast_source: ours\npurposes:\n  - name: a\n    said: anything\nrules:\n  - name: one\n"
    rest = "\n    unasked: nothing\n    not_met: bad\n    not_asked: whether\n    source: ours\n    verified: ours\n"
    return (head + "\n".join(lines.values()) + rest).encode()


def test_small_rules_file_is_read() -> None:
    rules = load_rules(rules_text(), "r.yaml")
    assert isinstance(rules, Rules)
    assert verdict([result("MPRT", 0.9, 0.95)], rules).sentence == "Not usable: bad."


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"measure": "    measure: MPRTT"}, r"r\.yaml:7: rules\.0: expected a measure of the table, got 'MPRTT'"),
        ({"purposes": "    purposes: [b]"}, r"r\.yaml:1: .*expected purposes of the list, each once, got \['b'\]"),
        ({"failing": "    failing: bad"}, r"r\.yaml:14: rules\.0\.failing: .*not usable"),
        ({"met": "    met: good {amount}"}, r"only \{value\} and \{controls\}"),
        ({"met": "    met: good\n    colour: red"}, r"r\.yaml:1[56]: rules\.0\.colour: Extra inputs"),
        ({"ask": "    beats: [random map]\n    side: below"}, "either side and threshold, or beats"),
        ({"ask": "    beats: [moon]"}, r"controls of the table, got \['moon'\]"),
        ({"ask": "    side: below\n    threshold: 0.5"}, "open and undecided exactly where"),
    ],
)
def test_rule_that_breaks_its_grammar_is_refused_with_file_and_line(changed: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        load_rules(rules_text(**changed), "r.yaml")


def test_file_that_is_no_mapping_is_refused() -> None:
    with pytest.raises(InputError, match="expected a mapping"):
        load_rules(b"- one\n", "r.yaml")


def test_numbers_are_shown_with_their_interval() -> None:
    assert shown(Measured(value=0.5, low=0.4, high=0.6)) == "0.50 [0.40, 0.60]"
    assert shown(Measured(value=1.0, reason="one patient")) == "1.00"
    assert shown(Measured(value=None, reason="no masks")) == "not known"
