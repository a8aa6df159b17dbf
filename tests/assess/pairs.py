"""Pairs of statements for tests: imaging and pathology as a person would type them."""

from pathlib import Path
from typing import Any

from pellucid.assess.imaging import Imaging, Risk
from pellucid.assess.pathology import Mention, Pathology, Sampling, Specimen
from pellucid.knowledge.concordance import load_table
from pellucid.knowledge.strict_yaml import Node, parse
from pellucid.record import Finding, Observer

READER = Observer(name="Dr R", kind="person")
PATHOLOGIST = Observer(name="Dr P", kind="person")
SNIPPETS = Path(__file__).with_name("pathology_snippets.yaml")


def seen(concept: str, state: str | None = None, organ: str = "breast") -> Finding:
    """A certain finding of one sign, or an unknown one."""
    states = load_table(organ).signs[concept].concept.states or ()
    if state is None:
        return Finding(concept=concept, observer=READER, states=states, unknown_because="not judged")
    return Finding(
        concept=concept, observer=READER, states=states, probabilities=tuple(float(s == state) for s in states), state=state
    )


def measured(concept: str, value: float, unit: str) -> Finding:
    """A certain measurement."""
    return Finding(concept=concept, observer=READER, unit=unit, value=value, sd=0.0)


BENIGN_MASS = (
    seen("shape", "oval"),
    seen("margin", "circumscribed"),
    seen("echogenicity", "hypoechoic"),
    measured("orientation", 10.0, "deg"),
    measured("long_axis", 12.0, "mm"),
)
SPICULATED_MASS = (
    seen("shape", "irregular"),
    seen("margin", "not circumscribed"),
    seen("spiculated", "present"),
    seen("echogenicity", "hypoechoic"),
    measured("orientation", 60.0, "deg"),
    measured("long_axis", 12.0, "mm"),
)


def image(
    category: str | None, findings: tuple[Finding, ...] = (), organ: str = "breast", p: float | None = None, **more: Any
) -> Imaging:
    """An imaging statement; without a category it says why."""
    return Imaging(
        organ=organ,
        by=READER,
        category=category,
        category_unknown_because=None if category else "not judged",
        statement=f"Category {category}." if category else "No category is given.",
        findings=findings,
        risk=None if p is None else Risk(value=p, of="typed"),
        **more,
    )


def tissue(
    *diagnoses: str, organ: str = "breast", target: str | None = "hit", unknown: tuple[str, ...] = (), **more: Any
) -> Pathology:
    """A pathology statement in which these diagnoses hold, sampled from the target unless said otherwise."""
    terms = load_table(organ).terms
    mentions = [
        Mention(term=d, words=d, quote=f"{d}.", status="present", tissue=terms[d].tissue, code=terms[d].code) for d in diagnoses
    ]
    mentions += [Mention(term=None, words=w, quote=w, status="present") for w in unknown]
    sampling = more.pop("sampling", Sampling.model_validate({"target": target}))
    return Pathology(organ=organ, by=PATHOLOGIST, specimens=(Specimen(mentions=tuple(mentions)),), sampling=sampling, **more)


def snippets(half: str) -> list[dict[str, Any]]:
    """The written report snippets of one half."""
    node = parse(SNIPPETS.read_bytes(), SNIPPETS.name)
    return [s for s in plain(node)["snippets"] if s["half"] == half]


def plain(node: Node) -> Any:
    """A node and all below it as plain values."""
    if isinstance(node.value, dict):
        return {key: plain(value) for key, value in node.value.items()}
    return [plain(value) for value in node.value] if isinstance(node.value, list) else node.value
