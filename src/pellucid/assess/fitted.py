"""What was fitted on held-out predictions beside the weights: calibrations, operating points, set rules, novelty, reliability."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from pellucid.assess.calibrate import Calibration, calibration_from_dict
from pellucid.assess.novelty import Novelty, novelty_from_dict
from pellucid.errors import CardError
from pellucid.record import Reliability, SetRule


@dataclass(frozen=True)
class Fitted:
    """The contents of a reader's calibration.json."""

    calibrations: Mapping[str, Calibration]
    operating_points: Mapping[str, tuple[float, ...]]
    """Per concept: the calibrated probability from which each state is stated."""
    shadow: Calibration
    shadow_limit: float
    """Difference between shadow and concept probability above which a caution is due."""
    novelty: Novelty
    sets: Mapping[str, SetRule] = field(default_factory=dict[str, SetRule])
    reliability: Mapping[str, Reliability] = field(default_factory=dict[str, Reliability])
    sd: Mapping[str, float] = field(default_factory=dict[str, float])
    """Per measurement: standard deviation of its error against the human outline, as a share of the value or in its unit."""

    def as_json(self) -> str:
        """The contents as JSON text."""
        content: dict[str, Any] = {
            "calibrations": {name: c.as_dict() for name, c in self.calibrations.items()},
            "operating_points": {name: list(points) for name, points in self.operating_points.items()},
            "shadow": self.shadow.as_dict(),
            "shadow_limit": self.shadow_limit,
            "novelty": self.novelty.as_dict(),
            "sets": {name: rule.model_dump(mode="json") for name, rule in self.sets.items()},
            "reliability": {name: r.model_dump(mode="json") for name, r in self.reliability.items()},
            "sd": dict(self.sd),
        }
        return json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n"


def fitted_from_json(text: str, where: str = "calibration.json") -> Fitted:
    """What `as_json` wrote; CardError where something is missing or does not fit."""
    try:
        content = json.loads(text)
        return Fitted(
            calibrations={name: calibration_from_dict(c) for name, c in content["calibrations"].items()},
            operating_points={name: tuple(float(p) for p in points) for name, points in content["operating_points"].items()},
            shadow=calibration_from_dict(content["shadow"]),
            shadow_limit=float(content["shadow_limit"]),
            novelty=novelty_from_dict(content["novelty"]),
            sets={name: SetRule.model_validate_json(json.dumps(rule)) for name, rule in content["sets"].items()},
            reliability={name: Reliability.model_validate_json(json.dumps(r)) for name, r in content["reliability"].items()},
            sd={name: float(v) for name, v in content["sd"].items()},
        )
    except (KeyError, TypeError, ValueError, ValidationError) as error:
        raise CardError(
            f"{where}: expected what training writes, got something that does not fit: {str(error)[:120]!r}"
        ) from None
