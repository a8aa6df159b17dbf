"""Printed reasons, tried out: what the engine gives holds, also by brute force; what is tampered with is struck."""

from itertools import product

import numpy as np
import pytest

from pellucid.audit.concept_reasons import check_reasons
from pellucid.knowledge import Guideline, evaluate, load_guideline
from pellucid.record import Assessment, Condition, Finding, Observer, Step, Truth

MODEL = Observer(name="toy 1.0", kind="model")


@pytest.fixture(scope="module")
def breast() -> Guideline:
    return load_guideline("breast-ultrasound-2013")


def stated(guideline: Guideline, name: str, state: str) -> Finding:
    states = guideline.concepts[name].states or ()
    p = tuple(float(s == state) for s in states)
    return Finding(concept=name, observer=MODEL, states=states, probabilities=p, state=state)


def drawn(guideline: Guideline, names: list[str], generator: np.random.Generator) -> tuple[Finding, ...]:
    """A state for each concept, some of them unknown."""
    found = []
    for name in names:
        states = guideline.concepts[name].states or ()
        if generator.uniform() < 0.2:
            found.append(Finding(concept=name, observer=MODEL, states=states, unknown_because="not seen"))
        else:
            found.append(stated(guideline, name, states[int(generator.integers(len(states)))]))
    return tuple(found)


def assessed(guideline: Guideline, question: str, findings: tuple[Finding, ...]) -> Assessment:
    e = evaluate(guideline, question, findings)
    return Assessment(
        question=question,
        guideline=guideline.ref(),
        category=e.crisp or e.most_probable,
        statement="for the test",
        probabilities=e.probabilities,
        confidence_set=(),
        derivation=Step(claim="for the test", truth=Truth.MET),
        sufficient_reason=e.sufficient_reason,
        contrasts=e.contrasts,
    )


def first_state(guideline: Guideline, name: str) -> str:
    return next(iter(guideline.concepts[name].states or ()))


NAMES = ["shape", "margin", "echogenicity", "posterior_features", "halo", "calcifications"]


def test_every_reason_that_the_engine_gives_holds(breast: Guideline) -> None:
    generator, tried = np.random.default_rng(0), 0
    for _ in range(40):
        findings = drawn(breast, NAMES, generator)
        for question in ("malignancy", "birads"):
            checked = check_reasons(breast, assessed(breast, question, findings), findings)
            assert checked.struck == ()
            tried += checked.tried
    assert tried > 100


def test_a_reason_holds_by_brute_force_over_all_other_findings(breast: Guideline) -> None:
    findings = tuple(stated(breast, name, first_state(breast, name)) for name in NAMES)
    a = assessed(breast, "malignancy", findings)
    assert a.sufficient_reason
    for reason in a.sufficient_reason[:3]:
        fixed = {c.concept: c.state for c in reason}
        rest = [name for name in NAMES if name not in fixed]
        answers = {
            evaluate(
                breast,
                "malignancy",
                tuple(stated(breast, n, s) for n, s in {**fixed, **dict(zip(rest, states, strict=True))}.items()),
            ).crisp
            for states in list(product(*[(breast.concepts[n].states or ()) for n in rest]))[::7]
        }
        assert answers == {a.category}


def test_dropping_a_finding_of_a_reason_is_noticed_every_time(breast: Guideline) -> None:
    generator, tampered = np.random.default_rng(1), 0
    for _ in range(30):
        findings = drawn(breast, NAMES, generator)
        a = assessed(breast, "birads", findings)
        for reason in a.sufficient_reason:
            broken = a.model_copy(update={"sufficient_reason": (reason[1:],), "contrasts": ()})
            checked = check_reasons(breast, broken, findings)
            assert checked.sufficient == ()
            assert len(checked.struck) == 1
            tampered += 1
    assert tampered > 10


def test_findings_that_the_guideline_cannot_take_strike_everything_and_say_so(breast: Guideline) -> None:
    findings = tuple(stated(breast, name, first_state(breast, name)) for name in NAMES)
    a = assessed(breast, "malignancy", findings)
    strange = (Finding(concept="shape", observer=MODEL, states=("a", "b"), probabilities=(1.0, 0.0), state="a"),)
    checked = check_reasons(breast, a, strange)
    assert checked.sufficient == ()
    assert checked.contrasts == ()
    assert checked.struck
    assert all("cannot be applied" in told for told in checked.struck)


def test_another_category_than_the_one_forced_is_struck(breast: Guideline) -> None:
    findings = tuple(stated(breast, name, first_state(breast, name)) for name in NAMES)
    a = assessed(breast, "malignancy", findings)
    other = next(name for name in a.probabilities if name != a.category)
    checked = check_reasons(breast, a.model_copy(update={"category": other, "contrasts": ()}), findings)
    assert checked.sufficient == ()
    nothing = a.model_copy(update={"sufficient_reason": ((Condition(concept="no_such_thing", state="x"),),), "contrasts": ()})
    assert "not what was found" in check_reasons(breast, nothing, findings).struck[0]
