"""Guidelines and risk models as data: load a pack, evaluate a question on findings, check a pack, show what it says."""

from pellucid.knowledge.check import Check, check_guideline
from pellucid.knowledge.contradict import contradictions_of
from pellucid.knowledge.differential import Weighed, WeighedSign, weigh
from pellucid.knowledge.evaluate import Evaluation, evaluate, next_step_of, score_of, statement
from pellucid.knowledge.guideline import Guideline
from pellucid.knowledge.loader import list_guidelines, load_guideline, load_guideline_file
from pellucid.knowledge.risk import Risk, list_risk_models, load_risk_model, risk
from pellucid.knowledge.template import template
from pellucid.knowledge.text import show, trace

__all__ = [
    "Check",
    "Evaluation",
    "Guideline",
    "Risk",
    "Weighed",
    "WeighedSign",
    "check_guideline",
    "contradictions_of",
    "evaluate",
    "list_guidelines",
    "list_risk_models",
    "load_guideline",
    "load_guideline_file",
    "load_risk_model",
    "next_step_of",
    "risk",
    "score_of",
    "show",
    "statement",
    "template",
    "trace",
    "weigh",
]
