"""Are the bytes of an installed reader those that its card and a reading name, and does the reading use that reader's figures
and hold all that its card asks for?

Hashes, card and calibration only: no weights are loaded, no torch.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pellucid.assess.demands import unmet
from pellucid.assess.findings import stated
from pellucid.assess.fitted import Fitted, fitted_from_json
from pellucid.errors import CardError
from pellucid.models.card import Card, load_toml, parse, sha256_of
from pellucid.record import Finding, ReaderRef, Reading

READERS = Path(__file__).resolve().parent.parent / "readers"
CARD, WEIGHTS, CALIBRATION = "card.toml", "weights.safetensors", "calibration.json"
TRAINING_IMAGES = "training-images.json"
"""The hashes of the images that a reader learned from, so that figures on them can be told from others."""

NO_CALIBRATION = (
    "whether set rules, thresholds, called states and reliabilities are the reader's, and whether a second look or the novelty "
    "should have raised a caution: that needs its calibration"
)
NO_CARD = (
    "whether a finding, a measurement, the second look or the novelty was left out, and whether the preparation is the reader's: "
    "that needs its card"
)
FIGURES_HOLD = "set rules, thresholds, called states and reliabilities are those of the reader's calibration"
ALL_THERE = "every finding, signal and step of the preparation that the reader's card asks for is there"

Outcome = tuple[bool, bool, str]
"""(ok, checked, what was found)."""


def check_files(reader: ReaderRef, readers: Path) -> dict[str, Outcome]:
    """For weights, card and calibration: whether the installed file is the one that the card and the reading name."""
    parts = {"card": reader.card_sha256, "weights": reader.weights_sha256, "calibration": reader.calibration_sha256}
    folder = next((f for f in readers.iterdir() if f.name == reader.name), None) if readers.is_dir() else None
    if folder is None or not (folder / CARD).is_file():
        return dict.fromkeys(parts, (True, False, f"the reader {reader.name} is not installed"))
    try:
        card = tomllib.loads((folder / CARD).read_text(encoding="utf-8"))
        return {name: _check_part(name, reader, folder, card) for name in parts}
    except (OSError, ValueError, AttributeError) as error:
        return {"card": (False, True, f"{folder / CARD} cannot be read as a card: {str(error)[:200]}")}


@dataclass(frozen=True)
class Installed:
    """What was found of a reading's reader, by the name of the check; its very card and calibration, where they are installed."""

    outcomes: Mapping[str, Outcome]
    card: Card | None = None
    fitted: Fitted | None = None


def check_installed(reading: Reading, readers: Path) -> Installed:
    """The files of the reading's reader; where its very calibration is installed, the figures taken from it, and where its very
    card is, what that asks for. What cannot be compared is there too, as not checked."""
    named = reading.reader.weights_sha256, reading.reader.calibration_sha256, reading.reader.card_sha256
    mine = [f for f in reading.findings if f.observer.kind == "model"]
    if not mine and not any(named):
        return Installed({"reader": (True, False, "the reading names no model: its findings were given by a person")})
    found = check_files(reading.reader, readers)
    if wrong := _misnamed(reading, mine):
        found["reader"] = (False, True, wrong)
    folder, same = readers / reading.reader.name, (True, True)
    card, fitted = None, None
    found["figures"], found["completeness"] = (True, False, NO_CALIBRATION), (True, False, NO_CARD)
    try:
        if found.get("calibration", (False, False))[:2] == same:
            fitted = fitted_from_json((folder / CALIBRATION).read_text(encoding="utf-8"), str(folder / CALIBRATION))
            wrong = _other_figures(reading, fitted)
            found["figures"] = (wrong is None, True, wrong or FIGURES_HOLD)
    except (CardError, OSError) as error:
        found["figures"] = (False, True, str(error)[:300])
    try:
        if found.get("card", (False, False))[:2] == same:
            card = parse(Card, load_toml(folder / CARD), str(folder / CARD))
            wrong = unmet(reading, card)
            found["completeness"] = (wrong is None, True, wrong or ALL_THERE)
    except (CardError, OSError) as error:
        found["completeness"] = (False, True, str(error)[:300])
    return Installed(found, card, fitted)


def _misnamed(reading: Reading, mine: Sequence[Finding]) -> str | None:
    """What is wrong with how a reading names the model of its findings."""
    who = f"{reading.reader.name} {reading.reader.version}"
    if reading.study.pixels_sha256 is None:
        return None  # findings that another system stated: nothing of its model is here
    if mine and None in (reading.reader.weights_sha256, reading.reader.calibration_sha256, reading.reader.card_sha256):
        return "it holds findings by a model, but does not name that model's weights, calibration and card by hash"
    other = next((f for f in mine if f.observer.name != who), None)
    return f"{other.concept} was found by {other.observer.name}, but the reading is by {who}" if other else None


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
        told = fitted.reliability.get(f.concept) if f.concept in fitted.calibrations else None
        pairs.append((f"{f.concept}: reliability", f.reliability, told))
        pairs.append((f"{f.concept}: state", f.state, _called(f, fitted)))
    pairs += [(f"{f.concept}: reliability", f.reliability, None) for f in reading.findings if f.observer.kind == "person"]
    said, here = next(((f"{what}: the reading says {a}", b) for what, a, b in pairs if a != b), (None, None))
    return f"{said}, the reader's calibration gives {here}"[:300] if said else None


def _called(finding: Finding, fitted: Fitted) -> str | None:
    """The state that passes its operating point; the finding's own where there is no operating point for it."""
    points = fitted.operating_points.get(finding.concept)
    if points is None or finding.states is None or finding.probabilities is None:
        return finding.state
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
    version = card.get("reader", {}).get("version")
    if named == installed and version != reader.version:
        return False, True, f"the reading names {path.name} of version {version}, but says it is by version {reader.version}"
    if named == installed:
        return True, True, f"{path.name} of {reader.name} {reader.version} is the one that the reading names"
    if version != reader.version:
        return True, False, f"the reading is by {reader.name} {reader.version}, installed is version {version}"
    return (
        False,
        True,
        f"the reading names {str(named)[:12]}…, {path.name} of the same version {version} hashes to {installed[:12]}…",
    )
