"""Every shipped pack is sound, and the checker sees what is not."""

from pathlib import Path

import pytest

from pellucid.knowledge import check_guideline, list_guidelines, load_guideline, load_guideline_file
from pellucid.knowledge.questions import rows_of


@pytest.mark.parametrize("name", list_guidelines())
def test_shipped_pack_is_sound(name: str) -> None:
    found = check_guideline(load_guideline(name))
    assert found.problems == ()
    assert all(rule.id in found.coverage for q in load_guideline(name).questions.values() for rule in q.rules)


@pytest.mark.parametrize("name", list_guidelines())
def test_every_shipped_rule_and_number_is_cited_and_marked(name: str) -> None:
    pack = load_guideline(name)
    marks = ("source", "recomputed", "background")
    for question in pack.questions.values():
        answers = [category for name, category in question.categories.items() if name not in question.outside]
        without = [category.name for category in answers if category.next_step is None]
        assert len(without) <= 1 or len(without) == len(answers), f"{question.name}: {without} say nothing to do"
        for rule in (*rows_of(question), *question.rules):
            assert rule.citation is not None
            assert rule.citation.clause
            assert rule.citation.verified in marks


def changed(tmp_path: Path, old: str, new: str, file: str) -> tuple[str, ...]:
    shipped = Path(load_guideline("breast-ultrasound").file).parent
    for name in ("guideline.yaml", "cases.yaml"):
        text = (shipped / name).read_text(encoding="utf-8")
        if name == file:
            assert old in text
            text = text.replace(old, new, 1)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return check_guideline(load_guideline_file(tmp_path)).problems


@pytest.mark.parametrize(
    ("old", "new", "file", "said"),
    [
        ('expect: {category: "2"', 'expect: {category: "3"', "cases.yaml", "case 'simple cyst': expected 3, got 2"),
        ("F1: met", "F1: unknown", "cases.yaml", "expected rule F1 unknown, got met"),
        (
            "given: {echogenicity: anechoic, posterior_features: enhancement}",
            "given: {echogenicity: null, posterior_features: enhancement}",
            "cases.yaml",
            "question birads: F1: expected a case where it is met, got none",
        ),
        ('open: ["2", "3"]', 'open: ["2"]', "cases.yaml", "expected 2 to stay open, got 2, 3"),
        ("conflict: false", "conflict: true", "cases.yaml", "expected a conflict, got none"),
        (
            "given: {echogenicity: anechoic, post",
            "given: {ecogenicity: anechoic, post",
            "cases.yaml",
            "did you mean 'echogenicity'",
        ),
        ("{category: benign}", "{category: benigne}", "cases.yaml", "unknown category 'benigne'"),
        ('exactly: "2"', 'exactly: "3"', "guideline.yaml", "category 2 can never be given"),
    ],
)
def test_fault_is_found(tmp_path: Path, old: str, new: str, file: str, said: str) -> None:
    assert any(said in problem for problem in changed(tmp_path, old, new, file))


def test_pack_without_cases_is_not_sound(tmp_path: Path) -> None:
    text = Path(load_guideline("breast-ultrasound").file).read_text(encoding="utf-8")
    (tmp_path / "guideline.yaml").write_text(text, encoding="utf-8")
    assert "no such file" in check_guideline(load_guideline_file(tmp_path)).problems[0]
