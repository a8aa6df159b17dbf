"""The derivation says of every step whether it was published, learned or observed, and follows Kleene's logic."""

from collections.abc import Iterator

import pytest

from pellucid.knowledge import Evaluation, evaluate, load_guideline
from pellucid.record import Finding, Observer, Step, Truth

PACK = load_guideline("breast-ultrasound")
MODEL, PERSON = Observer(name="reader", kind="model"), Observer(name="Dr A", kind="person")


def judged(concept: str, state: str | None, share: float = 1.0, by: Observer = MODEL) -> Finding:
    states = PACK.concepts[concept].states or ("",)
    first = state or states[0]
    rest = (1 - share) / (len(states) - 1)
    return Finding(
        concept=concept,
        observer=by,
        states=states,
        probabilities=tuple(share if s == first else rest for s in states),
        state=state,
    )


def birads(*findings: Finding) -> Evaluation:
    return evaluate(PACK, "birads", findings)


def steps(step: Step) -> Iterator[Step]:
    yield step
    for part in step.because:
        yield from steps(part)


def claims(evaluation: Evaluation) -> dict[str, Step]:
    return {step.claim: step for step in steps(evaluation.derivation)}


@pytest.mark.parametrize(
    ("finding", "claim", "truth"),
    [
        (judged("margin", "circumscribed", 0.71), "the margin is circumscribed (seen: circumscribed, 0.71)", Truth.MET),
        (
            judged("margin", None, 0.52),
            "the margin is circumscribed (not sure: circumscribed 0.52, not circumscribed 0.48)",
            Truth.UNKNOWN,
        ),
        (
            judged("margin", "not circumscribed", by=PERSON),
            "the margin is circumscribed (seen: not circumscribed, by Dr A)",
            Truth.NOT_MET,
        ),
        (
            Finding(concept="margin", observer=MODEL, states=PACK.concepts["margin"].states, unknown_because="cut off"),
            "the margin is circumscribed (unknown: cut off)",
            Truth.UNKNOWN,
        ),
        (
            Finding(concept="orientation", observer=MODEL, unit="deg", value=70.0, sd=4.0),
            "the orientation is not parallel to the skin (measured: 70 ± 4 deg)",
            Truth.MET,
        ),
    ],
)
def test_observed_step_says_what_was_seen(finding: Finding, claim: str, truth: Truth) -> None:
    step = claims(birads(finding))[claim]
    assert (step.truth, step.ground) == (truth, "observed")


def test_published_and_learned_steps_are_cited_and_marked() -> None:
    tree = birads(judged("shape", "irregular")).derivation
    rule = next(step for step in tree.because if step.claim.startswith("F2"))
    assert (rule.truth, rule.ground, rule.verified) == (Truth.MET, "published", "background")
    assert rule.citation == "BI-RADS 2013 ultrasound lexicon, rule F2 (own wording)"
    card = tree.because[0].because[0]
    assert (card.ground, card.verified) == ("learned", "recomputed")
    assert card.citation is not None
    assert "196 masses" in card.citation
    assert all(
        step.citation for step in steps(tree) if step.ground in ("published", "learned") and step not in tree.because[-1].because
    )


def test_unknown_concept_gives_a_range_of_points_and_is_met_where_the_band_is_the_same() -> None:
    known = {
        "shape": "irregular",
        "margin": "not circumscribed",
        "angular": "present",
        "microlobulated": "absent",
        "spiculated": "absent",
        "echogenicity": "hypoechoic",
        "posterior_features": "none",
    }
    proposal = birads(*(judged(name, state) for name, state in known.items())).derivation.because[0]
    assert proposal.truth is Truth.MET
    assert proposal.because[0].truth is Truth.UNKNOWN
    assert "between 9 and 11 (of 12)" in proposal.because[0].claim
    assert proposal.claim == "a risk of malignancy of 74 % to 91.2 % proposes 4C"


def test_concept_that_was_not_judged_is_weighted_by_its_base_rate_and_says_so() -> None:
    graded = birads(judged("shape", "oval")).derivation.because[-1]
    assert "independent given the image" in graded.claim
    said = {step.claim: step for step in graded.because}
    step = said["echogenic halo: not judged; weighted by its base rate (absent 0.79, present 0.21)"]
    assert (step.ground, step.citation) == ("learned", "BrEaST-Lesions-USG, 196 masses")
    assert "orientation: not judged; every state is given the same weight, for want of a base rate" in said


def test_unknown_that_cannot_matter_does_not_leave_the_category_open() -> None:
    known = {
        "shape": "oval",
        "margin": "circumscribed",
        "echogenicity": "isoechoic",
        "posterior_features": "none",
        "halo": "absent",
        "new_or_enlarging": "absent",
        "palpable_or_high_risk": "absent",
    }
    got = birads(*(judged(name, state) for name, state in known.items()))
    assert got.crisp == "3"
    assert got.derivation.truth is Truth.MET
    assert "whatever the unknown findings are, the category stays the same" in claims(got)


def test_every_truth_follows_from_the_steps_below_it() -> None:
    rank = {Truth.NOT_MET: 0, Truth.UNKNOWN: 1, Truth.MET: 2}
    for state in ("circumscribed", "not circumscribed", None):
        for step in steps(birads(judged("margin", state, 0.6), judged("shape", "oval")).derivation):
            below = [rank[part.truth] for part in step.because]
            if step.claim == "all of these hold":
                assert rank[step.truth] == min(below)
            if step.claim == "one or more of these hold":
                assert rank[step.truth] == max(below)
            if step.claim.startswith("not so:"):
                assert rank[step.truth] == 2 - below[0]
