"""`pellucid guidelines`: list, show, check, trace."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import pellucid
from pellucid.assess.typed import guideline_named, read_typed
from pellucid.knowledge import list_guidelines, load_guideline
from pellucid.knowledge.axes import axes_of, parts_of
from pellucid.knowledge.terms import Atom, Predicate

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
    squeezed = " ".join(out.split())
    for question in pack.questions.values():
        assert [c.name for c in question.categories.values() if c.name not in squeezed] == []
        assert [rule.id for rule in question.rules if rule.claim not in squeezed] == []
    assert [source.short for source in pack.sources.values() if not set(source.short.split()) <= set(squeezed.split())] == []
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


@pytest.mark.parametrize("name", list_guidelines())
def test_the_template_of_every_pack_is_a_file_of_unknown_findings(run: Run, work: Path, name: str) -> None:
    code, out, _ = run("guidelines", "show", name, "--template", "-o", work / "findings.yaml")
    assert (code, out.strip()) == (0, str(work / "findings.yaml"))
    pack = load_guideline(name)
    typed = read_typed(work / "findings.yaml", pack)
    (findings,) = typed.lesions.values()
    assert guideline_named(work / "findings.yaml") == name
    assert all(finding.unknown_because for finding in findings)
    used = {axis.name for question in pack.questions.values() for axis in axes_of(pack, question)}
    used |= {part.concept for w in pack.differentials.values() for d in w.diagnoses for s in d.signs for part in atoms(s.when)}
    assert {finding.concept for finding in findings} == used


def atoms(predicate: Predicate) -> list[Atom]:
    return [part for part in parts_of(predicate) if isinstance(part, Atom)]


def test_a_page_is_written_for_every_pack(run: Run, work: Path) -> None:
    code, out, _ = run("guidelines", "pages", "-o", work / "pages")
    assert code == 0
    assert [Path(line).stem for line in out.splitlines()] == list(list_guidelines())
    assert (work / "pages" / "thyroid-nodule-2017.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_page_can_be_written_or_printed(run: Run, work: Path) -> None:
    assert run("guidelines", "show", "thyroid-nodule", "--html")[1].startswith("<!doctype html>")
    assert run("guidelines", "show", "thyroid-nodule", "--html", "-o", work / "page.html")[0] == 0
    assert (work / "page.html").is_file()
    assert run("guidelines", "show", "thyroid-nodule", "--html", "--json")[0] == 2


def test_check_says_how_large_a_pack_is_and_shows_the_coverage_of_one(run: Run) -> None:
    code, out, _ = run("guidelines", "check", "thyroid-nodule")
    assert code == 0
    assert "ok    thyroid-nodule: 33 rows, " in out
    assert "311,040 joint states" in out
    assert "question management: " in out
    assert "M5-from-10" in out


def test_a_pack_that_does_not_exist_fails_its_check_with_the_nearest_name(run: Run) -> None:
    code, out, _ = run("guidelines", "check", "thyroid-nodul")
    assert code == 1
    assert "thyroid-nodule" in out
