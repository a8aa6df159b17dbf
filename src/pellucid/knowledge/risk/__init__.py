"""Published risk models as data: load one, and ask what it gives for the findings at hand, or why it does not apply."""

from pellucid.knowledge.risk.compute import risk
from pellucid.knowledge.risk.loader import list_risk_models, load_risk_model, load_risk_model_file
from pellucid.knowledge.risk.model import RiskModel
from pellucid.knowledge.risk.record import Risk

__all__ = ["Risk", "RiskModel", "list_risk_models", "load_risk_model", "load_risk_model_file", "risk"]
