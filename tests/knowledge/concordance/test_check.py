"""What a table must hold whatever is said: proved at loading, and walked here in full."""

from functools import lru_cache
from itertools import product
from pathlib import Path

import pytest

from pellucid.errors import GuidelineError
from pellucid.knowledge.concordance import Table, list_tables, load_table, load_table_file
from pellucid.knowledge.concordance.check import Walk, walk
from pellucid.knowledge.concordance.facts import CALCIFICATIONS, LATER, REMOVED, TARGET
from pellucid.knowledge.concordance.loader import SHIPPED
from pellucid.knowledge.concordance.table import BENIGN, FITS, TISSUES
from pellucid.knowledge.concordance.truth import Facts, truth_of
from pellucid.record import Truth

ORGANS = list_tables()


@lru_cache
def walked(organ: str) -> list[tuple[Facts, Walk]]:
    """Every combination of the facts of a pair, with the walk through the rules."""
    table = load_table(organ)
    return [(facts, walk(table.rules, facts)) for facts in whole_facts(table)]


def whole_facts(table: Table) -> list[Facts]:
    """Every combination of the facts of a pair, with signs that no phenotype asks for."""
    grades = {category: grade for scale in table.scales.values() for category, grade in scale.grades.items()}
    signs = {name: frozenset({"not examined"}) for name in table.signs}
    return [
        Facts(
            {
                **signs,
                "category": frozenset({category}),
                "suspicion": frozenset({grades[category].level}),
                "tissue": frozenset({tissue}),
                "fit": frozenset({fit}),
                "target": frozenset({target}),
                "specimen_calcifications": frozenset({calcifications}),
                "later_imaging": frozenset({later}),
                "removed": frozenset({removed}),
            }
        )
        for category, tissue, fit, target, calcifications, later, removed in product(
            grades, TISSUES, FITS, TARGET, CALCIFICATIONS, LATER, REMOVED
        )
    ]


@pytest.mark.parametrize("organ", ORGANS)
def test_every_pair_that_is_wholly_known_has_exactly_one_outcome(organ: str) -> None:
    gaps = [facts.states for facts, found in walked(organ) if found.met is None or len(found.open) != 1]
    assert gaps == []


@pytest.mark.parametrize("organ", ORGANS)
def test_no_pair_with_cancer_is_benign_and_none_without_is_malignant(organ: str) -> None:
    for facts, found in walked(organ):
        met = found.met
        (tissue,) = facts.states["tissue"]
        assert met is not None
        assert met.outcome.endswith("malignant") == (tissue == "malignant")
        assert met.outcome != "concordant benign" or tissue in BENIGN


@pytest.mark.parametrize("organ", ORGANS)
def test_a_missed_target_or_growth_is_never_concordant_benign(organ: str) -> None:
    for facts, found in walked(organ):
        met = found.met
        missed = facts.states["target"] == {"missed"} and facts.states["removed"] == {"part"}
        assert met is not None
        if missed or facts.states["later_imaging"] == {"larger"}:
            assert met.outcome != "concordant benign"


@pytest.mark.parametrize("organ", ORGANS)
def test_every_rule_decides_some_pair(organ: str) -> None:
    """Rules that rest on a phenotype or on named diagnoses are left to the tests of the engine."""
    table = load_table(organ)
    decided = {found.met.id for _, found in walked(organ) if found.met is not None}
    simple = {r.id for r in table.rules if not _rests_on_signs(table, r.id)}
    assert simple - decided == set()


def _rests_on_signs(table: Table, rule_id: str) -> bool:
    rule = next(r for r in table.rules if r.id == rule_id)
    nothing = Facts({name: frozenset({"not examined"}) for name in table.signs})
    everything = Facts({})
    text = repr(rule.when)
    named = any(f"concept='{name}'" in text for name in (*table.signs, "diagnosis"))
    return named or truth_of(rule.when, nothing) != truth_of(rule.when, everything)


def test_the_walk_widens_when_a_fact_is_taken_away() -> None:
    table = load_table("breast")
    for facts in whole_facts(table)[::37]:
        before = walk(table.rules, facts)
        for name in ("category", "suspicion", "tissue", "fit", "target", "later_imaging", "removed"):
            less = Facts({key: value for key, value in facts.states.items() if key != name})
            assert set(before.open) <= set(walk(table.rules, less).open)


def test_a_table_in_which_cancer_could_end_benign_is_refused(tmp_path: Path) -> None:
    text = (SHIPPED / "breast.yaml").read_text(encoding="utf-8")
    old = "    when: {is: {tissue: malignant}}\n    outcome: concordant malignant"
    assert old in text
    file = tmp_path / "table.yaml"
    file.write_text(text.replace(old, old.replace("concordant malignant", "concordant benign")), encoding="utf-8")
    with pytest.raises(GuidelineError, match="expected that malignant tissue never ends as concordant benign"):
        load_table_file(file)


def test_a_table_without_a_rule_for_cancer_is_refused(tmp_path: Path) -> None:
    text = (SHIPPED / "thyroid.yaml").read_text(encoding="utf-8")
    start, end = text.index("  - id: M1"), text.index("  - id: S1")
    file = tmp_path / "table.yaml"
    file.write_text(text[:start] + text[end:], encoding="utf-8")
    with pytest.raises(GuidelineError, match="malignant tissue"):
        load_table_file(file)


def test_truth_is_unknown_only_where_it_matters() -> None:
    table = load_table("breast")
    when = next(r for r in table.rules if r.id == "M1").when
    benign = Facts({"suspicion": frozenset({"benign", "probably benign"}), "tissue": frozenset({"malignant"})})
    assert truth_of(when, benign) is Truth.MET
    wide = Facts({"suspicion": frozenset({"benign", "low"}), "tissue": frozenset({"malignant"})})
    assert truth_of(when, wide) is Truth.UNKNOWN
    other = Facts({"suspicion": frozenset({"benign", "low"}), "tissue": frozenset({"high-risk"})})
    assert truth_of(when, other) is Truth.NOT_MET
