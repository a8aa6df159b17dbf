"""Did it see the lesion, or the scanner? The search for shortcuts on the plain classifiers' held-out images.

python benchmarks/shortcuts.py MODELS [NAME …] [--json FILE]
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from post_hoc_nets import classifier

from pellucid.audit.shortcut import find_shortcuts


def main() -> None:
    """Searches and prints what was found, in sentences."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path)
    parser.add_argument("name", nargs="*", default=["breast-us-0", "fundus-0", "brain-mri-0", "brain-mri-vit-0"])
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    found = {}
    for name in args.name:
        start = time.perf_counter()
        shown = classifier(args.models, name)
        audit = find_shortcuts(shown.cases, shown.predict, np.random.default_rng(0))
        found[name] = audit.model_dump(mode="json")
        print(f"{name} ({time.perf_counter() - start:.0f} s): {audit.severity}\n  {audit.sentence}")
        print("\n".join(f"  - [{f.severity}] {f.sentence}" for f in audit.findings), flush=True)
        if args.json:
            args.json.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
