"""Are the bytes of an installed reader those that its card and a reading name, and does the reading use that reader's figures?

Hashes and the calibration file only: no weights are loaded, no torch.
"""

import tomllib
from pathlib import Path
from typing import Any

from pellucid.assess.fitted import Fitted, fitted_from_json
from pellucid.errors import CardError
from pellucid.models.card import sha256_of
from pellucid.record import Finding, ReaderRef, Reading

READERS = Path(__file__).resolve().parent.parent / "readers"
CARD, WEIGHTS, CALIBRATION = "card.toml", "weights.safetensors", "calibration.json"

Outcome = tuple[bool, bool, str]
"""(ok, checked, what was found)."""


def check_files(reader: ReaderRef, readers: Path) -> dict[str, Outcome]:
    """For weights, card and calibration: whether the installed file is the one that the card and the reading name."""
    parts = {"card": reader.card_sha256, "weights": reader.weights_sha256, "calibration": reader.calibration_sha256}
    if not any(parts.values()):
        return {"reader": (True, False, "the reading names no model: its findings were given by a person")}
    folder = next((f for f in readers.iterdir() if f.name == reader.name), None) if readers.is_dir() else None
    if folder is None or not (folder / CARD).is_file():
        return dict.fromkeys(parts, (True, False, f"the reader {reader.name} is not installed"))
    try:
        card = tomllib.loads((folder / CARD).read_text(encoding="utf-8"))
        return {name: _check_part(name, reader, folder, card) for name in parts}
    except (OSError, ValueError, AttributeError) as error:
        return {"card": (False, True, f"{folder / CARD} cannot be read as a card: {str(error)[:200]}")}


def check_installed(reading: Reading, readers: Path) -> dict[str, Outcome]:
    """The files of the reading's reader, and where its very calibration is installed, the figures taken from it."""
    found = check_files(reading.reader, readers)
    path = readers / reading.reader.name / CALIBRATION
    if found.get("calibration", (False, False, ""))[:2] != (True, True):
        return found
    try:
        wrong = _other_figures(reading, fitted_from_json(path.read_text(encoding="utf-8"), str(path)))
    except (CardError, OSError) as error:
        return {**found, "figures": (False, True, str(error))}
    told = "set rules, thresholds, called states and reliabilities are those of the reader's calibration"
    return {**found, "figures": (False, True, wrong) if wrong else (True, True, told)}


def _other_figures(reading: Reading, fitted: Fitted) -> str | None:
    """The first figure of the reading that is not the calibration's, with both values."""
    pairs: list[tuple[str, object, object]] = [
        (f"assessment {a.question}: set_rule", a.set_rule, fitted.sets.get(a.question)) for a in reading.assessments
    ]
    left_out = sorted(set(fitted.sets) - {a.question for a in reading.assessments})
    left_out += sorted(set(fitted.calibrations) - {f.concept for f in reading.findings})
    if left_out:
        return f"this reader always answers and judges {', '.join(left_out)}; the reading leaves it out"
    signals = reading.provenance.signals
    if signals.novelty is None:
        return "this reader always measures how unlike its training images an image is; the reading leaves it out"
    pairs.append(("novelty_threshold", signals.novelty_threshold, fitted.novelty.threshold))
    pairs.append(("novelty_false_alarm", signals.novelty_false_alarm, fitted.novelty.false_alarm))
    for s in signals.shadow:
        apart = abs(s.probability - s.concept_probability) > fitted.shadow_limit
        pairs.append((f"shadow of {s.question}: disagrees", s.disagrees, apart))
    for f in (f for f in reading.findings if f.observer.kind == "model"):
        if f.reliability is not None:
            pairs.append((f"{f.concept}: reliability", f.reliability, fitted.reliability.get(f.concept)))
        pairs.append((f"{f.concept}: state", f.state, _called(f, fitted)))
    said, here = next(((f"{what}: the reading says {a}", b) for what, a, b in pairs if a != b), (None, None))
    return f"{said}, the reader's calibration gives {here}"[:300] if said else None


def _called(finding: Finding, fitted: Fitted) -> str | None:
    """The state that passes its operating point; the finding's own where there is no operating point for it."""
    points = fitted.operating_points.get(finding.concept)
    if points is None or finding.states is None or finding.probabilities is None:
        return finding.state
    from pellucid.assess.findings import stated

    return stated(finding.states, finding.probabilities, points)


def _check_part(name: str, reader: ReaderRef, folder: Path, card: dict[str, Any]) -> Outcome:
    path = folder / {"card": CARD, "weights": WEIGHTS, "calibration": CALIBRATION}[name]
    if not path.is_file():
        return False, True, f"{path} is missing: install the reader {reader.name} again"
    installed = sha256_of(path)
    stated = card.get("files", {}).get(f"{name}_sha256")
    if stated is not None and stated != installed:
        return False, True, f"{path} hashes to {installed[:12]}… but its card says {stated[:12]}…: the file was changed"
    named = getattr(reader, f"{name}_sha256")
    if named is None:
        return True, False, f"the reading names no {name} file"
    if named == installed:
        return True, True, f"{path.name} of {reader.name} {reader.version} is the one that the reading names"
    version = card.get("reader", {}).get("version")
    if version != reader.version:
        return True, False, f"the reading is by {reader.name} {reader.version}, installed is version {version}"
    return False, True, f"the reading names {named[:12]}…, {path.name} of the same version {version} hashes to {installed[:12]}…"
