"""Small packs written in tests, from mappings: JSON is YAML without anchors."""

import json
from pathlib import Path
from typing import Any

from pellucid.knowledge import Guideline, load_guideline_file
from pellucid.record import Finding, Observer

CITE = {"source": "s", "clause": "c", "verified": "background"}
MODEL, PERSON = Observer(name="reader", kind="model"), Observer(name="someone", kind="person")
CONCEPTS: dict[str, Any] = {
    "shape": {"definition": "d", "states": ["round", "jagged"]},
    "stage": {"definition": "d", "states": ["low", "middle", "high"], "ordinal": True},
    "size": {"definition": "d", "unit": "mm", "plausible": [1, 200]},
    "part": {"definition": "d", "unit": "mm", "plausible": [1, 200]},
}


def row(category: str, when: Any, **more: Any) -> dict[str, Any]:
    """A decision row."""
    return {"claim": "x", "when": when, "category": category, "cite": CITE, **more}


def question(rows: list[dict[str, Any]], otherwise: str | None = "a", **more: Any) -> dict[str, Any]:
    """A question of three categories over decision rows, which are numbered."""
    decide: dict[str, Any] = {"rows": [{"id": f"S{k}", **one} for k, one in enumerate(rows)]}
    if otherwise:
        decide["otherwise"] = {"category": otherwise, "claim": "none of them"}
    categories = {name: {"statement": "x"} for name in more.pop("categories", "abc")}
    return {"label": "l", "noun": "category", "categories": categories, "proposal": {"decide": decide}, **more}


def pack(asked: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A whole pack with one question `q`."""
    head = {"name": "toy", "edition": "1", "title": "t", "sources": {"s": {"kind": "data", "short": "S", "reference": "r"}}}
    return {**head, "concepts": CONCEPTS, "questions": {"q": asked}, **more}


def load(folder: Path, content: dict[str, Any]) -> Guideline:
    """The pack, written and read."""
    file = folder / "guideline.yaml"
    file.write_text(json.dumps(content), encoding="utf-8")
    return load_guideline_file(file)


def said(guideline: Guideline, concept: str, state: str, by: Observer = PERSON) -> Finding:
    """A state said for certain."""
    states = guideline.concepts[concept].states or ()
    shares = tuple(float(one == state) for one in states)
    return Finding(concept=concept, observer=by, states=states, state=state, probabilities=shares)


def unsure(guideline: Guideline, concept: str, *shares: float) -> Finding:
    """A distribution over states without one that is called."""
    return Finding(concept=concept, observer=MODEL, states=guideline.concepts[concept].states, probabilities=shares)


def measured(concept: str, value: float, by: Observer = PERSON, sd: float = 0.0) -> Finding:
    """A value in mm."""
    return Finding(concept=concept, observer=by, unit="mm", value=value, sd=sd)
