"""Post hoc attribution: functions from (subject, images, target) to maps. What a map is worth, `audit` measures."""

from pellucid.explain.explaining import explain, explain_all, explain_outputs
from pellucid.explain.layers import Choice, best_layer, candidates, choose_layer
from pellucid.explain.maps import Maps, Target
from pellucid.explain.methods import METHODS, Method
from pellucid.explain.subject import FAMILIES, Subject, recognise
from pellucid.explain.targets import ConceptTarget, class_target, concept_target, similarity_target

__all__ = [
    "FAMILIES", "METHODS", "Choice", "ConceptTarget", "Maps", "Method", "Subject", "Target", "best_layer", "candidates",
    "choose_layer", "class_target", "concept_target", "explain", "explain_all", "explain_outputs", "recognise",
    "similarity_target",
]  # fmt: skip
