"""Risk models: find the files in `risk_models/`, read them strictly, keep them. The grammar is told in `model.py`.

`load_risk_model("mayo-1997")` gives a shipped model, `load_risk_model_file(path)` a user's own. What is wrong is refused with
file and line; nothing is run as code.
"""

import hashlib
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from pellucid.errors import GuidelineError, UnknownName
from pellucid.knowledge.fields import Fields, Place
from pellucid.knowledge.guideline import Citation
from pellucid.knowledge.loader import read_sources
from pellucid.knowledge.proposals import read_citation
from pellucid.knowledge.risk.model import ActionBand, Fixed, Input, Limit, RiskModel, Scheme, Term, Unstated, Vector
from pellucid.knowledge.strict_yaml import parse
from pellucid.record import Concept

SHIPPED = Path(__file__).parent.parent / "risk_models"
TERM_KINDS = ("linear", "centred", "power", "indicator", "by_state", "model")
MOST_INPUTS = 20


def list_risk_models() -> tuple[str, ...]:
    """The shipped models by name, in alphabetical order."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.yaml")))


def load_risk_model(name: str) -> RiskModel:
    """A shipped model by name; UnknownName offers the nearest."""
    if name not in list_risk_models():
        raise UnknownName("risk model", name, list_risk_models())
    return load_risk_model_file(SHIPPED / f"{name}.yaml")


def load_risk_model_file(path: str | Path) -> RiskModel:
    """The model in a YAML file; a model it rests on stands beside it or ships. GuidelineError names file and line."""
    return _load(Path(path), ())


def _load(path: Path, chain: tuple[str, ...]) -> RiskModel:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise GuidelineError(f"{path}: expected a readable risk model, got: {error.strerror}") from None
    return _read(data, str(path), chain)


@lru_cache(maxsize=64)
def _read(data: bytes, file: str, chain: tuple[str, ...]) -> RiskModel:
    return _Reader(Place(parse(data, file), file), chain).model(hashlib.sha256(data).hexdigest())


class _Reader:
    """One file being read; later parts refer to earlier ones."""

    def __init__(self, place: Place, chain: tuple[str, ...]) -> None:
        self.file, self.fields = place.file, place.fields()
        self.name = self.fields.take("name").text()
        self.chain = (*chain, self.name)
        self.sources = read_sources(self.fields.take("sources"))
        self.parts: dict[str, RiskModel] = {}
        self.inputs: dict[str, Input] = {}

    def model(self, sha256: str) -> RiskModel:
        take, maybe = self.fields.take, self.fields.maybe
        own, terms_place = take("inputs"), take("terms")
        self._load_parts(terms_place)
        self.inputs = {name: given for part in self.parts.values() for name, given in part.inputs.items()}
        self.inputs |= {name: self._input(name, place) for name, place in own.pairs()}
        if len(self.inputs) > MOST_INPUTS:
            own.refuse(f"at most {MOST_INPUTS} inputs", len(self.inputs))
        intercept = take("intercept").fields()
        fixed, domain, bands, limits, fuller = (maybe(key) for key in ("fixed", "domain", "bands", "limits", "fuller"))
        model = RiskModel(
            name=self.name,
            title=take("title").text(),
            label=take("label").text(),
            outcome=take("outcome").text(),
            sha256=sha256,
            file=self.file,
            sources=self.sources,
            inputs=self.inputs,
            intercept=intercept.take("value").number(),
            intercept_citation=self._cite(intercept),
            terms=tuple(self._term(item) for item in terms_place.items()),
            parts=self.parts,
            fixed=tuple(self._fixed(item) for item in fixed.items()) if fixed else (),
            domain=(
                *(limit for part in self.parts.values() for limit in part.domain),
                *(self._limit(item, "hard") for item in (domain.items() if domain else ())),
            ),
            schemes=tuple(self._scheme(item) for item in bands.items()) if bands else (),
            limits=limits.texts() if limits else (),
            vectors=tuple(self._vector(item) for item in take("vectors").items()),
            fuller=fuller.text() if fuller else None,
        )
        intercept.done()
        self.fields.done()
        return model

    def _cite(self, fields: Fields) -> Citation:
        return read_citation(fields.take("cite"), self.sources)

    def _load_parts(self, terms: Place) -> None:
        for item in terms.items():
            for key, place in item.pairs():
                if key != "model":
                    continue
                name = place.text()
                if name in self.chain:
                    place.refuse("a model that does not lead back to itself", " -> ".join((*self.chain, name)))
                beside = Path(self.file).with_name(f"{name}.yaml")
                if not beside.is_file() and name not in list_risk_models():
                    place.unknown("risk model", name, list(list_risk_models()))
                self.parts[name] = _load(beside if beside.is_file() else SHIPPED / f"{name}.yaml", self.chain)

    def _input(self, name: str, place: Place) -> Input:
        fields = place.fields()
        label, states, unit, plausible, unstated = (
            fields.maybe(key) for key in ("label", "states", "unit", "plausible", "unstated")
        )
        try:
            concept = Concept(
                name=name,
                label=label.text() if label else name.replace("_", " "),
                definition=fields.take("definition").text(),
                states=states.texts() if states else None,
                unit=unit.text() if unit else None,
            )
        except ValidationError as error:
            place.refuse("an input", error.errors()[0]["msg"])
        bounds = plausible.numbers() if plausible else None
        if (bounds is None) != (concept.unit is None) or (bounds and (len(bounds) != 2 or bounds[0] >= bounds[1])):
            place.refuse("plausible: [lowest, highest] beside a unit, and none beside states", bounds or "none")
        found = Input(concept, (bounds[0], bounds[1]) if bounds else None, self._unstated(unstated, concept))
        fields.done()
        return found

    def _unstated(self, place: Place | None, concept: Concept) -> Unstated | None:
        if place is None:
            return None
        fields = place.fields()
        state = fields.take("state")
        found = Unstated(_state(state, concept), fields.take("why").text(), self._cite(fields))
        fields.done()
        return found

    def _of(self, place: Place, name: str, *, measured: bool) -> Concept:
        if name not in self.inputs:
            place.unknown("input", name, list(self.inputs))
        concept = self.inputs[name].concept
        if (concept.unit is not None) is not measured:
            place.refuse("a measurement" if measured else "an input with states", name)
        return concept

    def _pair(self, place: Place) -> tuple[str, str]:
        pairs = list(place.pairs())
        if len(pairs) != 1:
            place.refuse("exactly one input with its state", f"{len(pairs)}")
        ((name, state),) = pairs
        return name, _state(state, self._of(place, name, measured=False))

    def _term(self, place: Place) -> Term:
        fields = place.fields()
        where = fields.maybe("where")
        kinds = [key for key, _ in place.pairs() if key in TERM_KINDS]
        if len(kinds) != 1:
            place.refuse(f"exactly one of {', '.join(TERM_KINDS)}", ", ".join(kinds) or "none of them")
        (kind,) = kinds
        of, cite = fields.take(kind), self._cite(fields)
        condition = self._pair(where) if where else None
        if kind == "indicator":
            name, state = self._pair(of)
            term = Term("states", name, cite, by_state=((state, fields.take("coefficient").number()),), where=condition)
        elif kind == "by_state":
            term = Term("states", of.text(), cite, by_state=self._by_state(of, fields.take("coefficients")), where=condition)
        elif kind == "model":
            term = Term("model", of.text(), cite, coefficient=fields.take("coefficient").number(), where=condition)
        else:
            term = self._transform(kind, of, fields, cite, condition)
        fields.done()
        return term

    def _transform(self, kind: str, of: Place, fields: Fields, cite: Citation, where: tuple[str, str] | None) -> Term:
        name = self._of(of, of.text(), measured=True).name
        per = fields.maybe("per") if kind != "centred" else None
        divisor = per.number() if per else 1.0
        if per and divisor <= 0:
            per.refuse("a number above 0", divisor)
        exponent = fields.take("exponent").number() if kind == "power" else 1.0
        minus = fields.take("at" if kind == "centred" else "minus").number() if kind != "linear" else 0.0
        lowest = (self.inputs[name].plausible or (0.0, 0.0))[0]
        if exponent != 1.0 and lowest <= 0:
            of.refuse(f"an input that is plausible above 0 only, because it is raised to {exponent:g}", f"{lowest:g}")
        return Term("transform", name, cite, fields.take("coefficient").number(), divisor, exponent, minus, where=where)

    def _by_state(self, of: Place, place: Place) -> tuple[tuple[str, float], ...]:
        concept = self._of(of, of.text(), measured=False)
        found = {_known(value, key, concept): value.number() for key, value in place.pairs()}
        if set(found) != set(concept.states or ()):
            place.refuse(f"a coefficient for each of {', '.join(concept.states or ())}", ", ".join(found))
        return tuple(found.items())

    def _fixed(self, place: Place) -> Fixed:
        fields = place.fields()
        concept, state = self._pair(fields.take("when"))
        probability = fields.take("probability")
        if not 0 <= probability.number() <= 1:
            probability.refuse("a probability from 0 to 1", probability.number())
        found = Fixed(concept, state, probability.number(), fields.take("claim").text(), self._cite(fields))
        fields.done()
        return found

    def _limit(self, place: Place, mark: str | None = None) -> Limit:
        fields = place.fields()
        concept, states = fields.take("concept"), fields.maybe("is")
        about = self._of(concept, concept.text(), measured=states is None)
        ends = {key: fields.maybe(key) for key in ("at_least", "above", "at_most", "below")}
        low = _end(ends["at_least"], ends["above"])
        high = _end(ends["at_most"], ends["below"])
        if states is None and (low is None) and (high is None):
            place.refuse("is, at_least, above, at_most or below", "none of them")
        if low and high and low[0] > high[0]:
            place.refuse("a lower limit that is not above the upper one", f"{low[0]:g} and {high[0]:g}")
        found = Limit(
            about.name,
            fields.take("why").text(),
            self._cite(fields),
            tuple(_known(states, state, about) for state in states.texts()) if states else (),
            low,
            high,
            _flag(fields.take(mark)) if mark else True,
        )
        fields.done()
        return found

    def _scheme(self, place: Place) -> Scheme:
        fields = place.fields()
        limits, applies = fields.take("limits"), fields.maybe("applies")
        bands = tuple(_band(item) for item in limits.items())
        edges = [band.limit for band in bands]
        if edges != sorted(set(edges)) or not bands or edges[-1] != 1.0 or not bands[-1].inclusive or edges[0] <= 0:
            limits.refuse("bands with ascending limits above 0, the last one up_to 1", edges)
        found = Scheme(
            fields.take("scheme").text(),
            bands,
            tuple(self._limit(item) for item in applies.items()) if applies else (),
            self._cite(fields),
        )
        fields.done()
        return found

    def _vector(self, place: Place) -> Vector:
        fields = place.fields()
        given: dict[str, str | float] = {}
        for name, value in fields.take("given").pairs():
            measured = name in self.inputs and self.inputs[name].concept.unit is not None
            concept = self._of(value, name, measured=measured)
            given[name] = value.number() if measured else _state(value, concept)
        decimals = fields.maybe("decimals")
        found = Vector(
            fields.take("name").text(), given, fields.take("probability").number(), decimals.whole() if decimals else 6
        )
        fields.done()
        return found


def _band(place: Place) -> ActionBand:
    fields = place.fields()
    below = fields.maybe("below")
    limit = below or fields.take("up_to")
    found = ActionBand(fields.take("name").text(), limit.number(), below is None, fields.take("action").text())
    fields.done()
    return found


def _end(inside: Place | None, outside: Place | None) -> tuple[float, bool] | None:
    if inside and outside:
        outside.refuse("one limit on this side", "two")
    place = inside or outside
    return (place.number(), place is outside) if place else None


def _state(place: Place, concept: Concept) -> str:
    return _known(place, place.text(), concept)


def _known(place: Place, state: str, concept: Concept) -> str:
    if state not in (concept.states or ()):
        place.unknown(f"state of {concept.name}", state, list(concept.states or ()))
    return state


def _flag(place: Place) -> bool:
    if not isinstance(place.node.value, bool):
        place.refuse("true or false", repr(place.node.value))
    return bool(place.node.value)
