"""Files, functions and folders stay small enough to be read."""

import ast
from pathlib import Path

import pytest

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 40
MAX_PARAMETERS = 6
MAX_DEPTH = 2
MAX_PUBLIC_METHODS = 12
EMPTY_NAMES = {"core", "utils", "util", "common", "helpers", "base", "engine", "manager", "misc"}

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "pellucid"
SOURCES = sorted(PACKAGE.rglob("*.py"))
IDS = [str(path.relative_to(PACKAGE)) for path in SOURCES]


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, without the docstring."""
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    docstring = (first.end_lineno or first.lineno) - first.lineno + 1 if documented else 0
    return (function.end_lineno or function.lineno) - function.lineno + 1 - docstring


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_FILE_LINES


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_functions_are_short_and_take_few_parameters(path: Path) -> None:
    long = [f"{f.name}: {body_lines(f)} lines" for f in functions(path) if body_lines(f) > MAX_FUNCTION_LINES]
    wide: list[str] = []
    for f in functions(path):
        names = [a.arg for a in (*f.args.posonlyargs, *f.args.args, *f.args.kwonlyargs) if a.arg not in ("self", "cls")]
        if len(names) > MAX_PARAMETERS:
            wide.append(f"{f.name}: {len(names)} parameters")
    assert [*long, *wide] == []


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_classes_have_few_public_methods(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    swollen = [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and sum(isinstance(m, ast.FunctionDef) and not m.name.startswith("_") for m in node.body) > MAX_PUBLIC_METHODS
    ]
    assert swollen == []


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_folders_are_shallow_and_named_for_what_they_hold(path: Path) -> None:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    assert len(parts) - 1 <= MAX_DEPTH
    assert not EMPTY_NAMES & set(parts)


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_every_module_and_public_function_says_what_it_gives(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), f"{path.name} has no docstring"
    public = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef) and not n.name.startswith("_")]
    silent = [n.name for n in public if not ast.get_docstring(n)]
    assert silent == []


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_input_is_never_checked_by_assert_and_nothing_is_unpickled_or_evaluated(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    asserts = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    named = [c.func.id for c in calls if isinstance(c.func, ast.Name) and c.func.id in {"eval", "exec"}]
    imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names} & {"pickle", "dill", "joblib"}
    assert (asserts, named, imported) == ([], [], set())
