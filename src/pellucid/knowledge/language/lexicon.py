"""The words of one guideline pack: what each phrase may mean, from the pack itself and from the synonyms beside it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from pellucid.knowledge.fields import Place
from pellucid.knowledge.guideline import Guideline
from pellucid.knowledge.language.certainty import levels
from pellucid.knowledge.language.tokens import tokens, words_of
from pellucid.knowledge.language.words import data, lists, parts, roles, sizes
from pellucid.knowledge.terms import Entry

NEGATIVE = ("absent", "none", "not seen", "no nodule", "not present")
POSITIVE = ("present", "definite", "seen", "positive")
GENERIC = ("absent", "none", "not seen", *POSITIVE, "not mentioned", "other", "not adequate", "negative")
"""States that are said of a concept that is named, never by themselves."""
_FLUFF = re.compile(
    r"^(?:the |an? )?(?:sign of |pattern of |finding of |mention of |ancillary feature |history of |look of )?(?:the |an? )?"
)


@dataclass(frozen=True, slots=True)
class Sense:
    """One thing that a phrase may mean: its part in the sentence, and what it is about."""

    kind: str
    about: str = ""
    said: str = ""


@dataclass(frozen=True)
class Wording:
    """How the grammar names a concept."""

    noun: str
    plural: bool
    say: str
    """Sentence with one {state}, without a capital and without a full stop."""
    states: Mapping[str, str]
    """Words for states that do not read well in it."""
    spelled: bool = False
    """Its states stand for nothing by themselves (a mass that calcifies is not the state `mass`): only those words do."""


@dataclass(frozen=True, eq=False)
class Lexicon:
    """Every phrase that is understood, by its tokens, and what the pack's concepts and questions can say."""

    terms: Mapping[tuple[str, ...], tuple[Sense, ...]]
    longest: int
    neutral: frozenset[str]
    states: Mapping[str, tuple[str, ...]]
    units: Mapping[str, str]
    categories: Mapping[str, tuple[str, ...]]
    labels: Mapping[tuple[str, ...], str]
    """Questions by their label's tokens."""
    wordings: Mapping[str, Wording]

    def poles(self, concept: str) -> tuple[str | None, str | None]:
        """The state that says the concept is not there, and the one that says it is; None where it has no such state."""
        spelled = concept in self.wordings and self.wordings[concept].spelled
        states = () if spelled else self.states.get(concept, ())
        low = next((s for s in NEGATIVE if s in states), None)
        high = next((s for s in POSITIVE if s in states), None)
        return low, high


@lru_cache(maxsize=64)
def lexicon(guideline: Guideline | None) -> Lexicon:
    """The lexicon of a pack; without one, of the words that every report shares."""
    extra = _extra(guideline.name) if guideline else dict[str, Place]()
    found: dict[tuple[str, ...], dict[Sense, None]] = {}
    pairs = [*_shared(), *(_of_pack(guideline, extra) if guideline else ())]
    for phrase, sense in pairs:
        if key := _key(phrase):
            found.setdefault(key, {})[sense] = None
    entries = guideline.entries if guideline else dict[str, Entry]()
    about = extra.get("neutral")
    return Lexicon(
        terms={key: tuple(senses) for key, senses in found.items()},
        longest=max(len(key) for key in found),
        neutral=frozenset(words_of(parts()["neutral"].text())) | frozenset(words_of(" ".join(about.texts()) if about else "")),
        states={name: e.concept.states for name, e in entries.items() if e.concept.states},
        units={name: e.concept.unit for name, e in entries.items() if e.concept.unit},
        categories={name: tuple(q.categories) for name, q in guideline.questions.items()} if guideline else {},
        labels={words_of(q.label): name for name, q in guideline.questions.items()} if guideline else {},
        wordings={name: wording(entry, extra) for name, entry in entries.items()},
    )


def _key(phrase: str) -> tuple[str, ...]:
    """The tokens of a phrase without marks and without a leading article."""
    key = tuple(t.word for t in tokens(phrase) if not t.mark or t.word == "%")
    return key[1:] if len(key) > 1 and key[0] in ("the", "a", "an") else key


def phrases_of(guideline: Guideline) -> Mapping[str, tuple[str, ...]]:
    """Every phrase for each concept or state of a pack (`margin`, `margin=spiculated`), as written."""
    found: dict[str, dict[str, None]] = {}
    for phrase, sense in _of_pack(guideline, _extra(guideline.name)):
        if sense.kind in ("concept", "state"):
            found.setdefault(sense.about + (f"={sense.said}" if sense.said else ""), {})[phrase] = None
    return {name: tuple(said) for name, said in found.items()}


def wording(entry: Entry, extra: Mapping[str, Place]) -> Wording:
    """How the grammar names a concept: the data file's words, else those of the pack."""
    fields = _concept_fields(extra, entry.concept.name)
    noun = fields["noun"].text() if "noun" in fields else noun_of(entry)
    default = entry.say.replace("is: {state}", "is {state}").replace("are: {state}", "are {state}")
    say = fields["say"].text() if "say" in fields else _measured(entry, noun) if entry.concept.unit else default
    last = noun.split(" of ")[0].split(" in ")[0].split(" on ")[0].split(" with ")[0].split(" to ")[0].split()[-1]
    plural = last.endswith("s") and not last.endswith(("ss", "us", "is"))
    return Wording(
        noun,
        fields["plural"].node.value if "plural" in fields else plural,
        say,
        {name: body.text() for name, body in fields["words"].pairs()} if "words" in fields else {},
        "spelled" in fields,
    )


def _measured(entry: Entry, noun: str) -> str:
    verb = "measures" if entry.concept.unit in ("mm", "mm2") and "diameter" not in noun else "is"
    return f"the {noun} {verb} {{state}}"


def noun_of(entry: Entry) -> str:
    """The name of a concept inside a sentence, without an article: `echogenic halo`."""
    label = entry.concept.label
    inner = label if label[1:2].isupper() or label[1:2].isdigit() else label[:1].lower() + label[1:]
    cut = re.fullmatch(r"(.+?)(?: is| are|:) ?:? ?\{state\}", entry.say)
    if cut is None or entry.concept.unit is not None or not set(entry.concept.states or ()) & {*NEGATIVE, *POSITIVE}:
        return inner
    return _FLUFF.sub("", cut[1]) or inner


def _shared() -> Iterator[tuple[str, Sense]]:
    for name, phrases in roles().items():
        yield from ((phrase, Sense(name, said=phrase if name in ("side", "place") else "")) for phrase in phrases)
    for level in levels():
        yield from ((phrase, Sense("level", said=level.name)) for phrase in level.phrases)
    yield from ((phrase, Sense("size")) for phrase in sizes())
    yield from ((phrase, Sense("generic", said=phrase)) for phrase in GENERIC if phrase not in ("absent", "present", "none"))


def _of_pack(guideline: Guideline, extra: Mapping[str, Place]) -> Iterator[tuple[str, Sense]]:
    nouns = extra["subjects"].texts() if "subjects" in extra else ()
    subjects = frozenset(word for phrase in nouns for word in words_of(phrase))
    taken = {_key(wording(entry, extra).noun): name for name, entry in guideline.entries.items()}
    for name, entry in guideline.entries.items():
        for phrase, sense in _of_concept(name, entry, _concept_fields(extra, name), subjects):
            if sense.kind != "concept" or taken.get(_key(phrase), name) == name:  # what names one concept names no other
                yield phrase, sense
    schemes = lists(extra["schemes"]) if "schemes" in extra else {}
    said = dict(extra["categories"].pairs()) if "categories" in extra else {}
    for name, question in guideline.questions.items():
        yield from ((phrase, Sense("scheme", name)) for phrase in (question.noun, question.label, *schemes.get(name, ())))
        more = lists(said[name]) if name in said else {}
        for category, facts in question.categories.items():
            told = re.sub(r"\s*\([^()]*\)\s*$", "", facts.statement.rstrip(". "))
            parts = [part for part in told.split(", ") if len(words_of(part)) > 2]
            spelled = (category, told, facts.statement.rstrip(". "), *parts, *more.get(category, ()))
            yield from ((phrase, Sense("category", name, category)) for phrase in spelled if not _bare(phrase))
        for one in question.anchors:
            yield from ((part, Sense("diagnosis", name, one.name)) for part in {one.name, *re.split(r"[;,] | or ", one.name)})
    for question in guideline.differentials.values():
        yield from ((one.name, Sense("diagnosis", said=one.name)) for one in question.diagnoses)
    yield from ((phrase, Sense("subject")) for phrase in nouns)


def _bare(phrase: str) -> bool:
    """Whether a category says nothing without the word before it: a number, a letter, `absent`."""
    words = words_of(phrase)
    return phrase in GENERIC or all(re.fullmatch(r"[<>]?\d+|[a-z]|i+v?|v", word) for word in words)


def _of_concept(name: str, entry: Entry, fields: Mapping[str, Place], subjects: frozenset[str]) -> Iterator[tuple[str, Sense]]:
    nouns = dict.fromkeys((entry.concept.label, name.replace("_", " "), noun_of(entry)))
    for key in ("noun", "nouns"):
        nouns.update(dict.fromkeys(fields[key].texts() if key in fields else ()))
    for say in (entry.say, fields["say"].text() if "say" in fields else ""):
        for head in _head(say, subjects):
            nouns[head] = None
            if " that " not in head and {*words_of(head)} & {word for phrase in roles()["verb"] for word in words_of(phrase)}:
                yield head, Sense("verb")  # `mitoses were counted in` is the verb of its clause too
    yield from ((noun, Sense("concept", name)) for noun in nouns)
    more = lists(fields["states"]) if "states" in fields else {}
    written = {key: body.texts() for key, body in fields["words"].pairs()} if "words" in fields else {}
    for state in entry.concept.states or ():
        spelled = [*more.get(state, ()), *written.get(state, ())]
        spelled += [] if state in GENERIC or _bare(state) or "spelled" in fields else [state]
        yield from ((phrase, Sense("state", name, state)) for phrase in spelled if phrase not in roles()["negate"])


def _head(say: str, subjects: frozenset[str]) -> Iterator[str]:
    """What stands before the state in the pack's sentence, where that names the concept."""
    head = re.sub(r"[\s:]*(?:\b(?:is|are|was|were|has)\b[\s:]*)?$", "", say.partition("{state}")[0])
    if head and head.count(" ") and not {*_key(head)} <= {*subjects, "the", "a", "there", "is", "patient"}:
        yield head


def _extra(name: str) -> Mapping[str, Place]:
    for pack, place in data("concepts.yaml").pairs():
        if pack == name:
            return dict(place.pairs())
    return {}


def _concept_fields(extra: Mapping[str, Place], concept: str) -> dict[str, Place]:
    concepts = dict(extra["concepts"].pairs()) if "concepts" in extra else {}
    return dict(concepts[concept].pairs()) if concept in concepts else {}
