"""The language of reports as data and pure functions: tokens, the words of a pack, what denies and what makes uncertain."""

from pellucid.knowledge.language.certainty import Level, level_of, levels
from pellucid.knowledge.language.lexicon import Lexicon, Sense, lexicon, phrases_of
from pellucid.knowledge.language.tokens import Token, tokens

__all__ = ["Level", "Lexicon", "Sense", "Token", "level_of", "levels", "lexicon", "phrases_of", "tokens"]
