"""`pellucid guidelines`: list, show, check, trace."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import pellucid
from pellucid.knowledge import list_guidelines, load_guideline

Run = Callable[..., tuple[int, str, str]]

PACKS = Path(pellucid.__file__).parent / "knowledge" / "guidelines"


def test_every_pack_that_ships_is_listed_with_its_hash(run: Run) -> None:
    code, out, _ = run("guidelines", "list")
    assert code == 0
    for name in list_guidelines():
        pack = load_guideline(name)
        assert pack.name in out
        assert pack.sha256[:12] in out
    assert len(json.loads(run("guidelines", "list", "--json")[1])) == len(list_guidelines())


@pytest.mark.parametrize("name", list_guidelines())
def test_show_names_every_concept_category_rule_and_source(run: Run, name: str) -> None:
    code, out, _ = run("guidelines", "show", name)
    pack = load_guideline(name)
    assert code == 0
    assert [concept for concept in pack.concepts if concept not in out] == []
    for question in pack.questions.values():
        assert [c.statement for c in question.categories.values() if c.statement not in out] == []
        assert [rule.id for rule in question.rules if rule.claim not in out] == []
    assert [source.reference for source in pack.sources.values() if source.reference not in out] == []
    assert json.loads(run("guidelines", "show", name, "--json")[1])["sha256"] == pack.sha256


def test_an_unknown_pack_offers_the_nearest(run: Run) -> None:
    code, out, err = run("guidelines", "show", "breast-ultrasond")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "breast-ultrasound" in err


def test_every_pack_that_ships_passes_its_checks(run: Run) -> None:
    code, out, err = run("guidelines", "check")
    assert (code, err) == (0, "")
    assert out.count("ok") >= len(list_guidelines())


def test_a_broken_pack_fails_and_the_rest_are_checked(run: Run, work: Path) -> None:
    packs = work / "packs"
    for source in sorted(PACKS.iterdir()):
        if (source / "guideline.yaml").is_file():
            shutil.copytree(source, packs / source.name)
    broken = packs / "broken-1"
    broken.mkdir()
    (broken / "guideline.yaml").write_text("name: broken\nnonsense: true\n")
    code, out, err = run("guidelines", "check", packs)
    assert code == 1
    assert out.count("FAIL") == 1
    assert "1 of" in err


def test_a_case_that_does_not_come_out_fails_the_check(run: Run, work: Path) -> None:
    source = next(path.parent for path in sorted(PACKS.glob("*/cases.yaml")))
    pack = work / source.name
    shutil.copytree(source, pack)
    (pack / "cases.yaml").write_text("- name: nothing\n")
    assert run("guidelines", "check", pack)[0] == 1


def test_a_folder_without_packs_is_said(run: Run, work: Path) -> None:
    code, _, err = run("guidelines", "check", work)
    assert code == 1
    assert "guideline.yaml" in err


def test_an_action_is_needed(run: Run) -> None:
    assert run("guidelines")[0] == 2
    assert run("guidelines", "lst")[0] == 2
