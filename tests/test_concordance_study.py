"""The study on real pairs says what its page says (docs/concepts/concordance.md)."""

import importlib.util
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from pellucid.assess.pathology import unknown_words


@pytest.fixture(scope="module")
def study(root: Path) -> ModuleType:
    """benchmarks/concordance_breast.py as a module."""
    spec = importlib.util.spec_from_file_location("concordance_breast", root / "benchmarks" / "concordance_breast.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass looks its own module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_the_real_pairs_come_out_as_the_page_says(study: ModuleType, shared_data: Path, root: Path) -> None:
    pairs, rest = study.pairs_of(shared_data / "breast-us")
    assert (len(pairs), len(rest)) == (154, 45)
    assert [w for p in pairs for s in p.record.pathology.specimens for w in unknown_words(s)] == []
    counted = Counter(p.record.outcome for p in pairs)
    assert counted == {
        "concordant malignant": 75, "concordant benign": 43, "discordant benign": 22, "high-risk": 12,
        "discordant malignant": 1, None: 1,
    }  # fmt: skip
    for p in pairs:
        if p.row["classification"] == "malignant":
            assert "concordant benign" not in p.record.open_outcomes
    page = (root / "docs" / "concepts" / "concordance.md").read_text(encoding="utf-8")
    listed = [p for p in pairs if p.record.conflict is not None or p.record.outcome is None]
    assert [p.row["case_id"] for p in listed if f"| {p.row['case_id']} | {p.row['birads'].upper()} |" not in page] == []


def test_comparing_needs_no_torch() -> None:
    code = (
        "import sys\nfrom pellucid.app.cli import main\nmain(['compare', '--template', 'breast'])\n"
        "import pellucid.assess.combine, pellucid.assess.pathology_text, pellucid.app.compared\n"
        "assert not {'torch', 'timm', 'scipy', 'sklearn', 'pydicom'} & {n.partition('.')[0] for n in sys.modules}"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-1000:]
