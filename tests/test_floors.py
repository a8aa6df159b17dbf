"""The floors of the house hold, and what must be light stays light."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"torch", "timm", "scipy", "sklearn", "pydicom", "nibabel", "skimage"}


def loaded_after(code: str) -> set[str]:
    """Top-level packages that a fresh interpreter has loaded after running `code`."""
    script = f"{code}\nimport sys\nprint(' '.join(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_imports_go_down_only_and_never_sideways(root: Path) -> None:
    program = Path(sys.executable).with_name("lint-imports")
    if not program.exists():
        pytest.skip("import-linter is not installed beside this Python")
    paths = os.pathsep.join([str(root / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [program, "--no-cache"], cwd=root, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": paths}
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_importing_pellucid_loads_nothing_heavy() -> None:
    assert not loaded_after("import pellucid") & (HEAVY | {"numpy", "pydantic", "PIL"})


@pytest.mark.parametrize("arguments", [["--help"], ["read", "--help"], ["train", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        f"from pellucid.app.cli import main\ntry:\n    main({arguments!r})\nexcept SystemExit as end:\n    assert end.code == 0"
    )
    assert not loaded_after(code) & HEAVY


def test_importing_pellucid_changes_nothing_outside_it() -> None:
    code = (
        "import logging, random, warnings, jinja2, numpy, PIL.Image, pydantic, yaml\n"  # numpy sets filters of its own
        "state = lambda: (list(warnings.filters), logging.root.level, list(logging.root.handlers), random.getstate())\n"
        "before = state()\nimport pellucid\n[getattr(pellucid, n) for n in ('Reading', 'verify', 'report', 'open_study')]\n"
        "assert state() == before, 'import changed warnings, logging or seeds'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-1000:]


def test_verify_revise_and_report_need_no_torch() -> None:
    code = (
        "import pellucid\npellucid.verify, pellucid.revise, pellucid.report.text, pellucid.report.html, pellucid.load_guideline"
    )
    assert not loaded_after(code) & {"torch", "timm", "scipy", "sklearn"}
