"""A person corrects a finding: the rules run again, the pixels do not."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.resources import files
from sys import modules

import pytest

from pellucid.app.summary import moves
from pellucid.assess.conclude import Ask, conclude_all
from pellucid.assess.revise import revise
from pellucid.assess.verify import verify
from pellucid.errors import InputError, TamperedError, UnknownName
from pellucid.knowledge import Guideline
from pellucid.record import Caution, Finding, Reading, Region, Reliability, Signals, reading_from_json

from .conftest import findings

Toy = Callable[..., Reading]


def test_revised_finding_is_a_persons_and_certain(pack: Guideline, conclude_toy: Toy) -> None:
    second = revise(conclude_toy(findings()), {"edge": "rough"}, by="Dr A", guidelines=[pack])
    edge = second.finding("edge")
    assert edge is not None
    assert (edge.observer.name, edge.observer.kind) == ("Dr A", "person")
    assert (edge.state, edge.probabilities) == ("rough", (0.0, 1.0))
    assert second.provenance.by == "Dr A"


def test_category_moves_and_the_new_reading_names_the_old(pack: Guideline, conclude_toy: Toy) -> None:
    first = conclude_toy(findings(rough=0.02, irregular=0.02))
    second = revise(first, {"edge": "rough", "shape": "irregular"}, by="Dr A", guidelines=[pack])
    assert first.assessments[0].category == "low"
    assert second.assessments[0].category == "high"
    assert second.revises == first.id
    assert second.id != first.id
    assert second.study == first.study


def test_revision_gives_what_concluding_on_those_findings_gives(pack: Guideline, conclude_toy: Toy) -> None:
    second = revise(conclude_toy(findings()), {"edge": "rough"}, by="Dr A", guidelines=[pack])
    asks = [Ask(pack, a.question, a.set_rule) for a in second.assessments]
    assert conclude_all(second.study, second.findings, asks, second.provenance.signals) == (second.assessments, second.cautions)


def test_same_revision_twice_has_the_same_id(pack: Guideline, conclude_toy: Toy) -> None:
    first = conclude_toy(findings())
    one, other = (revise(first, {"edge": "rough"}, by="Dr A", guidelines=[pack]) for _ in range(2))
    assert one.id == other.id
    assert revise(first, {"edge": "rough"}, by="Dr B", guidelines=[pack]).id != one.id


def test_other_findings_and_the_place_stay_the_reliability_goes(pack: Guideline, conclude_toy: Toy) -> None:
    region = Region(outlines=(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)),), unit="mm", meaning="evidence", share=0.5)
    measured = Reliability(measure="auroc", value=0.9, low=0.8, high=0.95, n=100)
    old = findings()
    first = conclude_toy((old[0].model_copy(update={"region": region, "reliability": measured}), *old[1:]))
    second = revise(first, {"edge": "rough"}, by="Dr A", guidelines=[pack])
    edge = second.finding("edge")
    assert edge is not None
    assert edge.region == region.model_copy(update={"share": None})
    assert edge.reliability is None
    assert second.findings[1:] == first.findings[1:]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [("25", (25.0, 0.0)), (25, (25.0, 0.0)), ("25 mm", (25.0, 0.0)), ("25±1.5", (25.0, 1.5)), ("2.5e1 ± 1.5 mm", (25.0, 1.5))],
)
def test_measurement_takes_a_number(pack: Guideline, conclude_toy: Toy, setting: str, expected: tuple[float, float]) -> None:
    second = revise(conclude_toy(findings(0.02, 0.02)), {"size": setting}, by="Dr A", guidelines=[pack])
    size = second.finding("size")
    assert size is not None
    assert (size.value, size.sd) == expected
    assert second.assessments[0].category == "middle"


@pytest.mark.parametrize("setting", ["big", "nan", "inf", "", "-3", "12,5", "25 cm", "1.2.3", "25±x", "9" * 400])
def test_number_that_is_none_is_refused_in_one_line(pack: Guideline, conclude_toy: Toy, setting: str) -> None:
    with pytest.raises(InputError, match="expected a number in mm") as caught:
        revise(conclude_toy(findings()), {"size": setting}, by="Dr A", guidelines=[pack])
    assert "\n" not in str(caught.value)


def test_unknown_concept_and_state_offer_the_nearest(pack: Guideline, conclude_toy: Toy) -> None:
    first = conclude_toy(findings())
    with pytest.raises(UnknownName, match="did you mean 'edge'"):
        revise(first, {"edgy": "rough"}, by="Dr A", guidelines=[pack])
    with pytest.raises(UnknownName, match="did you mean 'rough'"):
        revise(first, {"edge": "rogh"}, by="Dr A", guidelines=[pack])


def test_nobody_or_nothing_is_refused(pack: Guideline, conclude_toy: Toy) -> None:
    for changes, by in (({}, "Dr A"), ({"edge": "rough"}, " ")):
        with pytest.raises(InputError):
            revise(conclude_toy(findings()), changes, by=by, guidelines=[pack])


def test_finding_can_be_withdrawn(pack: Guideline, conclude_toy: Toy) -> None:
    second = revise(conclude_toy(findings()), {"edge": "unknown"}, by="Dr A", guidelines=[pack])
    edge = second.finding("edge")
    assert edge is not None
    assert edge.unknown_because == "set to unknown by Dr A"
    assert second.assessments[0].category is None


def test_concept_that_the_reader_left_out_can_be_added(pack: Guideline, conclude_toy: Toy) -> None:
    first = conclude_toy(tuple(f for f in findings(0.02, 0.02) if f.concept != "vessels"))
    second = revise(first, {"vessels": "present"}, by="Dr A", guidelines=[pack])
    assert second.findings[-1].concept == "vessels"
    assert second.assessments[0].category == "high"


def test_cautions_are_concluded_again_and_the_readers_own_are_kept(pack: Guideline, conclude_toy: Toy) -> None:
    own = Caution(kind="input", text="The image was cropped.")
    first = conclude_toy(findings(rough=0.02, irregular=0.02, size=19.8))
    first = Reading.model_validate({**dict(first), "id": "", "cautions": (*first.cautions, own)})
    second = revise(first, {"size": 5}, by="Dr A", guidelines=[pack])
    assert own in second.cautions
    assert any(c.kind == "boundary" for c in first.cautions)
    assert not any(c.kind == "boundary" for c in second.cautions)
    assert any("Some findings are by Dr A" in c.text for c in second.cautions)


def test_novelty_stays_as_measured(pack: Guideline, conclude_toy: Toy) -> None:
    signals = Signals(novelty=3.0, novelty_threshold=1.5)
    second = revise(conclude_toy(findings(), signals), {"edge": "rough"}, by="Dr A", guidelines=[pack])
    assert second.provenance.signals == signals
    assert second.assessments[0].category is None
    every = revise(second, {"edge": "rough", "shape": "oval", "size": "5"}, by="Dr A", guidelines=[pack])
    assert every.assessments[0].category is not None


def test_another_guideline_of_the_same_name_is_refused(
    conclude_toy: Toy, pack: Guideline, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(pack, sha256="f" * 64)
    monkeypatch.setattr(modules["pellucid.assess.revise"], "load_guideline", lambda _: other)
    with pytest.raises(TamperedError, match="toy-mass 2024"):
        revise(conclude_toy(findings()), {"edge": "rough"}, by="Dr A")


def test_guideline_that_is_not_installed_is_named_with_its_hash_and_what_to_do(conclude_toy: Toy, pack: Guideline) -> None:
    reading = conclude_toy(findings())
    with pytest.raises(UnknownName, match=r"toy-mass-2024") as caught:
        revise(reading, {"edge": "rough"}, by="Dr A")
    assert pack.sha256[:12] in str(caught.value)
    assert "--guideline FOLDER" in str(caught.value)
    other = replace(pack, name="other", sha256="f" * 64)
    with pytest.raises(UnknownName, match="not other-2024"):
        revise(reading, {"edge": "rough"}, by="Dr A", guidelines=[other])


def test_guideline_given_by_name_with_other_bytes_is_refused_with_both_hashes(conclude_toy: Toy, pack: Guideline) -> None:
    edited = replace(pack, sha256="f" * 64)
    with pytest.raises(TamperedError, match="the one given") as caught:
        revise(conclude_toy(findings()), {"edge": "rough"}, by="Dr A", guidelines=[edited])
    assert pack.sha256[:12] in str(caught.value)
    assert "ffffffffffff" in str(caught.value)


def test_guideline_is_found_by_its_hash_among_several(conclude_toy: Toy, pack: Guideline) -> None:
    reading = conclude_toy(findings())
    edited = replace(pack, sha256="f" * 64)
    assert revise(reading, {"edge": "rough"}, by="Dr A", guidelines=[edited, pack]).revises == reading.id


BOTH = "edge rough (Dr A) and edge smooth (toy 1.0) cannot both be so"


def _rough_and_calm(_: Guideline, found: Sequence[Finding]) -> tuple[str, ...]:
    """Stands for a contradiction that a pack will declare: an edge set by a person, a shape by the model."""
    return (BOTH,) if any(f.concept == "edge" and f.observer.kind == "person" for f in found) else ()


def test_contradiction_after_a_revision_is_the_first_caution(
    pack: Guideline, conclude_toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modules["pellucid.assess.conclude"], "contradictions_of", _rough_and_calm)
    first = conclude_toy(findings(), Signals(novelty=3.0, novelty_threshold=1.5))
    second = revise(first, {"edge": "rough"}, by="Dr A", guidelines=[pack])
    assert not any(c.kind == "contradiction" for c in first.cautions)
    assert second.cautions[0] == Caution(kind="contradiction", text=f"{BOTH[0].upper()}{BOTH[1:]}.")
    assert second.cautions[1].kind == "novelty"
    assert sum(c.kind == "contradiction" for c in second.cautions) == 1, "two questions to one guideline say it once"
    third = revise(second, {"edge": "unknown"}, by="Dr A", guidelines=[pack])
    assert any(c.kind == "contradiction" for c in third.cautions), "it stays while a person's edge stands"
    assert f"contradiction: {BOTH[0].upper()}" in moves(first, second)


def test_contradiction_cannot_be_taken_out(pack: Guideline, conclude_toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modules["pellucid.assess.conclude"], "contradictions_of", _rough_and_calm)
    second = revise(conclude_toy(findings()), {"edge": "rough"}, by="Dr A", guidelines=[pack])
    assert verify(second.as_json(), guidelines=[pack]).ok
    quiet = tuple(c for c in second.cautions if c.kind != "contradiction")
    last = (*quiet, second.cautions[0])
    for cautions, told in ((quiet, "missing is the caution (contradiction)"), (last, "do not stand in their order")):
        forged = Reading.model_validate({**dict(second), "id": "", "cautions": cautions})
        check = next(c for c in verify(forged.as_json(), guidelines=[pack]).checks if c.name == "cautions")
        assert told in check.detail


def test_circumscribed_margin_beside_an_indistinct_part_is_a_contradiction() -> None:
    text = (files("pellucid.app") / "examples" / "breast-case.json").read_text(encoding="utf-8")
    second = revise(reading_from_json(text), {"margin": "circumscribed", "indistinct": "present"}, by="Dr A")
    assert second.cautions[0].kind == "contradiction"
    assert second.cautions[0].text.startswith(
        "Margin circumscribed (Dr A) and indistinct margin present (Dr A) cannot both be so"
    )
