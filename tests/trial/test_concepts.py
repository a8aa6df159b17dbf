"""The concept audit of a tiny reader trained on synthetic lesions: every section, its baselines, and on which images it is."""

import csv
import importlib.util
import shutil
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pellucid.assess.installed import TRAINING_IMAGES  # noqa: E402
from pellucid.audit.concept_measures import CONCEPT_MEASURES  # noqa: E402
from pellucid.errors import CardError, InputError, RecipeError  # noqa: E402
from pellucid.reader import Reader, assemble, load_reader  # noqa: E402
from pellucid.record import ConceptAudit, Line  # noqa: E402
from pellucid.train.run import train  # noqa: E402
from pellucid.trial.concept_cases import Plan  # noqa: E402
from pellucid.trial.concepts import audit_concepts  # noqa: E402
from pellucid.trial.held_out import fold_readers  # noqa: E402

PLAN = Plan(place_images=6, correction_cases=20)


@pytest.fixture(scope="module")
def lesions(root: Path) -> ModuleType:
    """Makers of the synthetic lesions (tests/train/conftest.py)."""
    path = root / "tests" / "train" / "conftest.py"
    spec = importlib.util.spec_from_file_location("lesions", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def recipe(lesions: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_set(lesions, tmp_path_factory.mktemp("lesions"), 36)


def make_set(lesions: ModuleType, folder: Path, count: int, seed: int = 0) -> Path:
    (folder / "data" / "images").mkdir(parents=True)
    rng = np.random.default_rng(seed)
    write(folder / "data" / "manifest.csv", [lesions._case(folder / "data", i, rng) for i in range(count)])
    path = folder / "toy.toml"
    path.write_text(lesions.RECIPE)
    return path


def write(path: Path, rows: Sequence[dict[str, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def out(recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reader")
    train(recipe, folder, assemble)
    return folder


@pytest.fixture(scope="module")
def reader(out: Path) -> Reader:
    return load_reader(out)


@pytest.fixture(scope="module")
def audit(reader: Reader, recipe: Path) -> ConceptAudit:
    return audit_concepts(reader, recipe.parent / "data" / "manifest.csv", plan=PLAN)


def lines(audit: ConceptAudit) -> list[Line]:
    return [
        x
        for section in (
            audit.accuracy, audit.ceilings, audit.leakage, audit.locality, audit.independence, audit.intervention_gains,
            audit.calibration, audit.reasons, audit.words,
        )
        for x in section
    ]  # fmt: skip


def value(line: Line | None) -> float:
    assert line is not None
    assert line.measured.value is not None
    return line.measured.value


def beside(line: Line | None, name: str) -> float:
    assert line is not None
    found = next(b.measured.value for b in line.beside if b.name == name)
    assert found is not None
    return found


def test_the_audit_is_a_record_that_survives_json(audit: ConceptAudit) -> None:
    assert ConceptAudit.model_validate_json(audit.model_dump_json()) == audit


def test_every_line_is_in_the_table_lies_in_its_bounds_and_has_a_number_or_a_reason(audit: ConceptAudit) -> None:
    for x in lines(audit):
        low, high = CONCEPT_MEASURES[x.measure].bounds
        if x.measured.value is None:
            assert x.measured.reason
        else:
            assert low - 1e-9 <= x.measured.value <= high + 1e-9, (x.measure, x.of)
    assert {x.measure for x in lines(audit)} == set(CONCEPT_MEASURES)


def test_figures_on_training_images_say_so_in_capitals(audit: ConceptAudit) -> None:
    assert audit.basis == "training images"
    assert "ON TRAINING IMAGES" in audit.basis_said


def test_the_ceiling_is_above_the_majority_and_what_it_gives_held_out(audit: ConceptAudit) -> None:
    top = audit.line("ceiling", "malignancy")
    assert value(top) >= beside(top, "majority")
    assert value(top) >= beside(top, "the same held out")
    assert value(top) == pytest.approx(1.0)  # shape and margin decide the synthetic classes


def test_every_printed_reason_holds_and_fails_once_a_finding_is_dropped(audit: ConceptAudit) -> None:
    held = audit.line("reasons that hold", "malignancy")
    assert held is not None
    assert held.measured.value in (1.0, None)
    assert audit.struck == ()
    if held.measured.value is not None:
        assert beside(held, "the same with a finding dropped") == 0.0


def test_deleting_all_concepts_leaves_nothing_to_answer_with(audit: ConceptAudit) -> None:
    cost, soft = audit.line("cost of deleting all concepts", "malignancy"), audit.line("soft minus hard", "malignancy")
    assert value(cost) == pytest.approx(beside(soft, "AUROC, soft") - 0.5, abs=1e-9)


def test_correcting_every_concept_gives_what_the_rules_give_on_the_labels(audit: ConceptAudit) -> None:
    assert [c.name for c in audit.interventions] == ["informed order", "random order"]
    for c in audit.interventions:
        assert len(c.x) == len(c.y) == len(c.low) == len(c.high) == 3
        assert all(low <= y + 1e-9 and y <= high + 1e-9 for low, y, high in zip(c.low, c.y, c.high, strict=True))
    informed, random = audit.interventions
    assert informed.y[0] == random.y[0]
    assert informed.y[-1] == pytest.approx(random.y[-1])


def test_the_same_seed_gives_the_same_audit(reader: Reader, recipe: Path) -> None:
    plan = Plan(limit=14, place_images=2, correction_cases=4, seed=5)
    told: list[str] = []
    first, second = (
        audit_concepts(reader, recipe.parent / "data" / "manifest.csv", plan=plan, progress=lambda w, d, n: told.append(w))
        for _ in range(2)
    )
    assert first == second
    assert first.images == 14
    assert {"reading", "taking places away"} <= set(told)


def test_nets_of_the_folds_read_what_they_have_not_seen(out: Path, recipe: Path, reader: Reader) -> None:
    readers = fold_readers(recipe, out)
    assert set(readers) == {0, 1, 2}
    manifest = recipe.parent / "data" / "manifest.csv"
    plan = Plan(place_images=0, correction_cases=0)
    held = audit_concepts(reader, manifest, by_fold=readers, plan=plan)
    assert held.basis == "held-out"
    assert held.weights_sha256 is None
    assert held.locality == ()
    with pytest.raises(InputError, match="got none for fold 2"):
        audit_concepts(reader, manifest, by_fold={0: readers[0], 1: readers[1]}, plan=plan)
    with pytest.raises(RecipeError, match="folder of a training run"):
        fold_readers(recipe, out / "nothing")


def test_other_images_are_known_by_their_pixels_and_a_second_annotator_counts(
    reader: Reader, lesions: ModuleType, tmp_path: Path
) -> None:
    other = make_set(lesions, tmp_path / "other", 12, seed=9)
    manifest = other.parent / "data" / "manifest.csv"
    with manifest.open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows[1]["margin"] = "circumscribed"
    second = write(tmp_path / "second.csv", rows[:10])
    plan = Plan(place_images=0, correction_cases=0)
    found = audit_concepts(reader, manifest, second=second, plan=plan)
    assert found.basis == "other images"
    margin = found.line("concept accuracy", "margin")
    assert margin is not None
    human = next(b.measured for b in margin.beside if b.name == "second annotator")
    assert human.value == pytest.approx(0.9)
    assert human.n == 10
    few = write(manifest.with_name("few.csv"), rows[:5])
    with pytest.raises(InputError, match="at least 10 patients"):
        audit_concepts(reader, few, plan=plan)
    unnamed = write(tmp_path / "unnamed.csv", [{k: v for k, v in row.items() if k != "image"} for row in rows])
    with pytest.raises(RecipeError, match="image names"):
        audit_concepts(reader, manifest, second=unnamed, plan=plan)


def test_one_outcome_only_gives_reasons_and_no_numbers(reader: Reader, lesions: ModuleType, tmp_path: Path) -> None:
    manifest = make_set(lesions, tmp_path / "one", 24, seed=4).parent / "data" / "manifest.csv"
    with manifest.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["classification"] == "benign"]
    found = audit_concepts(reader, write(manifest, rows), plan=Plan(place_images=0, correction_cases=4))
    for measure in ("ceiling", "soft minus hard", "CTL", "conditional leakage", "gain of correcting", "AURC"):
        line = found.line(measure, "malignancy")
        assert line is not None
        assert line.measured.value is None
        assert line.measured.reason


def test_a_reader_that_does_not_say_what_it_learned_from_is_taken_at_its_worst(out: Path, recipe: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(out, copy, ignore=shutil.ignore_patterns("work"))
    (copy / TRAINING_IMAGES).unlink()
    plan = Plan(limit=12, place_images=0, correction_cases=0)
    found = audit_concepts(load_reader(copy), recipe.parent / "data" / "manifest.csv", plan=plan)
    assert found.basis == "not known"
    (copy / TRAINING_IMAGES).write_text("[]")
    with pytest.raises(CardError, match="expected what training writes"):
        load_reader(copy)


@pytest.mark.slow
def test_the_shipped_breast_reader_is_audited_on_its_own_set_and_says_so(shipped_reader, shared_data: Path) -> None:
    reader = load_reader(shipped_reader("breast-ultrasound"))
    found = audit_concepts(
        reader, shared_data / "breast-us" / "manifest.csv", plan=Plan(limit=30, place_images=4, correction_cases=6)
    )
    assert found.basis == "training images"
    for question in ("malignancy", "birads"):
        assert value(found.line("reasons that hold", question)) == 1.0
    assert value(found.line("cost of deleting all concepts", "malignancy")) > 0.2
