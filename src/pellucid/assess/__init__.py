"""From findings to a conclusion that can be checked: calibration, sets, abstention, revision, verification; no torch."""

from pellucid.assess.conclude import conclude, conclude_all
from pellucid.assess.revise import revise
from pellucid.assess.verify import Check, Verification, verify

__all__ = ["Check", "Verification", "conclude", "conclude_all", "revise", "verify"]
