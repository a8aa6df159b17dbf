"""Published forms (CHAI model card, HTI-1 attributes, EU AI Act Annex IV) filled from facts; which field takes which is data."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pellucid.errors import InputError
from pellucid.knowledge.strict_yaml import Node, parse
from pellucid.models.card import load_toml
from pellucid.models.card import parse as parse_record
from pellucid.record import Names, Record, Sha256, Text
from pellucid.record.accountability import Artefact, FormField

FORMS = Path(__file__).with_name("artefacts.yaml")
US = "Pellucid's audit"


@dataclass(frozen=True)
class Fact:
    """What is known for the forms: a text, and whether it was measured in this run or declared by someone."""

    text: str
    measured: bool = False
    by: str | None = None
    on: str | None = None


class Declared(Record):
    """What a person declares in a TOML file: who, when, and a text for each fact."""

    by: Text
    on: Text
    facts: Names


class FieldSpec(Record):
    """One field of a form: the fact that fills it, or a fixed text; why it is empty otherwise."""

    field: Text
    fact: Text | None = None
    text: Text | None = None
    missing: Text = "it was not gathered"
    optional: bool = False


class Form(Record):
    """A published form: its fields in order."""

    name: Text
    title: Text
    source: Text
    fields: tuple[FieldSpec, ...]


class _Forms(Record):
    artefacts: tuple[Form, ...]


@cache
def forms() -> tuple[Form, ...]:
    """Every form, in the order of the card."""
    content = _plain(parse(FORMS.read_bytes(), FORMS.name))
    return _Forms.model_validate_json(json.dumps(content)).artefacts


def _plain(node: Node) -> Any:
    if isinstance(node.value, dict):
        return {key: _plain(value) for key, value in node.value.items()}
    return [_plain(item) for item in node.value] if isinstance(node.value, list) else node.value


def fact_names() -> tuple[str, ...]:
    """Every fact that some form asks for."""
    return tuple(sorted({f.fact for form in forms() for f in form.fields if f.fact}))


def load_declared(path: Path) -> dict[str, Fact]:
    """Facts that a person declares in a TOML file (`by`, `on`, `[facts]`); InputError on a fact that no form asks for."""
    declared = parse_record(Declared, load_toml(path), str(path))
    unknown = sorted(set(declared.facts) - set(fact_names()))
    if unknown:
        raise InputError(f"{path}: no form asks for {unknown[0]!r}; known: {', '.join(fact_names())}")
    return {name: Fact(text, by=declared.by, on=declared.on) for name, text in declared.facts.items()}


def fill(facts: Mapping[str, Fact], run: Sha256) -> tuple[Artefact, ...]:
    """All forms filled; `run` is the hash of model, data and settings of this audit."""
    return tuple(
        Artefact(name=f.name, title=f.title, source=f.source, lines=tuple(_line(spec, facts, run) for spec in f.fields))
        for f in forms()
    )


def _line(spec: FieldSpec, facts: Mapping[str, Fact], run: Sha256) -> FormField:
    if spec.text is not None:
        return FormField(field=spec.field, status="declared", text=spec.text, by=US)
    fact = facts.get(spec.fact or "")
    if fact is None or not fact.text:
        return FormField(field=spec.field, status="not available", reason=spec.missing)
    if fact.measured:
        return FormField(field=spec.field, status="measured", text=fact.text, run=run)
    return FormField(field=spec.field, status="declared", text=fact.text, by=fact.by or "the model's card", on=fact.on)
