"""The words of every pack: each phrase means one state of a concept, and the data name only what is there."""

import pytest

from pellucid.knowledge import Guideline, list_guidelines, load_guideline
from pellucid.knowledge.language import lexicon, phrases_of
from pellucid.knowledge.language.words import data

PACKS = list(list_guidelines())


@pytest.mark.parametrize("name", PACKS)
def test_no_phrase_means_two_states_of_one_concept(name: str) -> None:
    for phrase, senses in lexicon(load_guideline(name)).terms.items():
        said = [sense.about for sense in senses if sense.kind == "state"]
        assert len(said) == len(set(said)), (phrase, senses)


@pytest.mark.parametrize("name", PACKS)
def test_every_concept_and_state_has_words(name: str) -> None:
    guideline: Guideline = load_guideline(name)
    said, words = phrases_of(guideline), lexicon(guideline)
    for concept in guideline.concepts.values():
        assert said[concept.name]
        assert words.wordings[concept.name].say.count("{state}") == 1
        low, high = words.poles(concept.name)
        assert all(s in (concept.states or ()) for s in (low, high) if s is not None)


def test_the_data_name_only_packs_concepts_states_and_questions_that_are_there() -> None:
    packs = {pack.name: pack for pack in map(load_guideline, PACKS)}
    for name, place in data("concepts.yaml").pairs():
        fields = dict(place.pairs())
        pack = packs[name]
        assert set(fields) <= {"subjects", "neutral", "schemes", "categories", "concepts"}
        for concept, body in fields["concepts"].pairs() if "concepts" in fields else ():
            entries = [p.entries[concept] for p in map(load_guideline, PACKS) if p.name == name and concept in p.entries]
            assert entries, (name, concept)
            inside = dict(body.pairs())
            assert set(inside) <= {"noun", "nouns", "plural", "say", "spelled", "words", "states"}, (name, concept)
            states = {s for entry in entries for s in entry.concept.states or ()}
            for key in ("words", "states"):
                assert {s for s, _ in inside[key].pairs()} <= states if key in inside else True, (name, concept)
        for question, body in fields["categories"].pairs() if "categories" in fields else ():
            assert {category for category, _ in body.pairs()} <= set(pack.questions[question].categories)
        assert {q for q, _ in fields["schemes"].pairs()} <= set(pack.questions) if "schemes" in fields else True
