"""Finds the words of a concordance table in a sentence, and says of each whether it holds, is only possible, denied or past."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from pellucid.assess.pathology import Status
from pellucid.knowledge.concordance import Table
from pellucid.knowledge.concordance.table import Term

SPELLINGS = (
    ("tumour", "tumor"), ("naev", "nev"), ("haem", "hem"), ("oedema", "edema"), ("goitre", "goiter"), ("gynaeco", "gyneco"),
    ("seborrhoeic", "seborrheic"), ("favour", "favor"), ("leukaem", "leukem"),
    ("(necroti|organi|hyalini)s(?=ed|ing)", r"\1z"),
)  # fmt: skip
"""British spellings and what they become before words are compared."""

NEGATING = re.compile(
    r"\b(?:no|not|without|negative for|absence of|free of|free from|lacks?|lacking|rather than|excludes?|never|neither|nor)\b"
)
"""Words before a diagnosis that deny it."""
UNCERTAIN = re.compile(
    r"\b(?:highly )?suspicious (?:for|of)\b|\bsuspicion (?:for|of)\b|\bsuspected\b|\bconcern(?:ing)? for\b|\bworrisome for\b"
    r"|\b(?:cannot|can not|could not|unable to|does not|do not) (?:entirely |completely |definitely )?(?:exclude|rule out)\b"
    r"|\bfavor(?:s|ed|ing)?\b|\bpossib(?:le|ly|ility of)\b|\bprobabl[ey]\b|\bsuggest(?:s|ive of|ing|ed)?\b|\bquestionabl[ey]\b"
    r"|\bdifferential(?: diagnosis)?\b|\bversus\b|\bvs\b|\b(?:may|might) (?:represent|be)\b|\brule out\b|\br/o\b"
    r"|\bequivocal for\b|\bcannot be distinguished from\b|\blikely (?=\w)|\bpresumed\b|\?"
)
"""Words before a diagnosis that make it only possible."""
HISTORICAL = re.compile(
    r"\b(?:history of|status post|s/p|previous(?:ly)?|prior|family history|treated for|known|post(?:-| )?op\w*)\b"
)
"""Words before a diagnosis that put it in the past."""
ENDS_SCOPE = re.compile(
    r"[:;]|\b(?:but(?! not diagnostic)|however|although|though|except|apart from|yet|whereas|while)\b"
    r"|,? (?:with|and) (?=(?:an? )?\w+ (?:is|are) )"
)
VERB = re.compile(r"\b(?:is|are|was|were|shows?|present|identified|seen|found|consistent|compatible)\b")
_NOT_SEEN = (
    r"(?:is|are|was|were|has been|have been)? ?(?:not|neither) (?:definitively |clearly )?"
    r"(?:seen|present|identified|found|detected|noted|evident|shown|sampled)"
)
AFTER_DENIED = re.compile(
    rf"^[^.;:]{{0,60}}?\b(?:{_NOT_SEEN}|(?:is|are) (?:absent|excluded|ruled out)|: ?(?:absent|none|not identified|negative))\b"
)
"""Words after a diagnosis that deny it."""
_NOT_EXCLUDED = (
    r"(?:cannot|can not|could not) be (?:entirely |completely |definitely |fully )?(?:excluded|ruled out)"
    r"|(?:is|are) not (?:entirely |completely |definitely )?(?:excluded|ruled out)"
)
AFTER_POSSIBLE = re.compile(
    rf"^[^.;:]{{0,60}}?\b(?:{_NOT_EXCLUDED}"
    r"|(?:is|are) (?:favored|suspected|possible|considered)|(?:is|are) in the differential)\b"
)
"""Words after a diagnosis that make it only possible."""
DIAGNOSIS_LIKE = re.compile(
    r"\b(?:[a-z]+ ){0,2}?"
    r"(?:[a-z]*[a-z]{2}(?:omas?|omata|osis|oses|itis|plasia|plasias|opathy)\b"
    r"|(?:[a-z]+ )(?:neoplasms?|tumors?|nevus|nevi|dysplasia)\b)"
)
NOT_DIAGNOSES = re.compile(
    r"\b(?:diagnos[ie]s|prognosis|mitosis|mitoses|necrosis|apoptosis|stromas?|coma|anastomosis|comedonecrosis)$"
)
REACH = 400
"""Characters before and after a diagnosis in which words may bear on it."""
GENERIC = frozenset(
    ("the", "this", "that", "a", "an", "of", "primary", "residual", "no", "any", "and", "or", "with", "in", "for", "from", "per",
     "to", "by", "is", "are", "which")
)  # fmt: skip


@dataclass(frozen=True)
class Found:
    """Words of a sentence: a term of the table, or None where they look like a diagnosis and are not in it."""

    term: Term | None
    words: str
    status: Status
    start: int


def plain(text: str) -> str:
    """Text for comparing: ASCII letters, American spelling, hyphens between letters as spaces; case is kept."""
    folded = unicodedata.normalize("NFKD", text.replace("’", "'").replace("–", "-").replace("ß", "ss"))
    folded = "".join(c for c in folded if not unicodedata.combining(c))
    for british, american in SPELLINGS:
        folded = re.sub(british, american, folded, flags=re.IGNORECASE)
    return re.sub(r"(?<=[A-Za-z])-(?=[A-Za-z])", " ", folded)


@lru_cache(maxsize=32)
def _patterns(table: Table) -> tuple[re.Pattern[str], re.Pattern[str], Mapping[str, Term]]:
    """One pattern for words in any case, one for short capitals, and which term each word means."""
    owner: dict[str, Term] = {}
    words: list[str] = []
    capitals: list[str] = []
    for term in table.terms.values():
        for word in () if term.negative else (term.name, *term.also):
            spelled = plain(word)
            short = len(spelled) <= 7 and spelled.upper() == spelled and " " not in spelled
            (capitals if short else words).append(spelled)
            owner[spelled.casefold()] = term
    return _any_of(words, re.IGNORECASE), _any_of(capitals, 0), owner


def _any_of(words: list[str], flags: int) -> re.Pattern[str]:
    ordered = sorted(dict.fromkeys(words), key=len, reverse=True)
    gap = r"(?:\s+|\s*\([^()]{1,30}\)\s*)"  # 'mucinous (colloid) carcinoma'
    spelled = "|".join(gap.join(re.escape(part) for part in word.split()) for word in ordered)
    return re.compile(rf"(?<![\w-])(?:{spelled or '(?!)'})s?(?!\w)", flags)


def find_words(sentence: str, table: Table) -> list[Found]:
    """What one sentence says, in order: terms of the table with their status, then diagnosis-like words it does not know."""
    text = plain(sentence)
    found: list[Found] = []
    masked = text
    for start, end, term in _spans(text, table):
        found.append(Found(term, text[start:end], status_of(masked, start, end), start))
        masked = masked[:start] + "#" * (end - start) + masked[end:]  # 'suspicious for' inside a term says nothing of the next
    found += [Found(None, words, status_of(masked, at, at + len(words)), at) for at, words in _unknown(masked)]
    return found


def _spans(text: str, table: Table) -> list[tuple[int, int, Term]]:
    words, capitals, owner = _patterns(table)
    taken: list[tuple[int, int, Term]] = []
    for pattern in (words, capitals):
        for match in pattern.finditer(text):
            if all(match.end() <= start or match.start() >= end for start, end, _ in taken):
                taken.append((match.start(), match.end(), _owner(match[0], owner)))
    return sorted(taken, key=lambda span: span[0])


def _owner(words: str, owner: Mapping[str, Term]) -> Term:
    spelled = " ".join(re.sub(r"\([^()]*\)", " ", words).split()).casefold()
    whole = " ".join(words.split()).casefold()
    return next(owner[w] for w in (whole, spelled, whole.removesuffix("s"), spelled.removesuffix("s")) if w in owner)


def _unknown(masked: str) -> Iterator[tuple[int, str]]:
    for match in DIAGNOSIS_LIKE.finditer(masked.lower()):
        words = match[0].strip()
        if NOT_DIAGNOSES.search(words):
            continue
        parts = words.split()
        while len(parts) > 1 and parts[0] in GENERIC:
            parts = parts[1:]
        if len(parts) == 1 and re.fullmatch(r"neoplasms?|tumors?|nevus|nevi|dysplasia", parts[0]):
            continue
        words = " ".join(parts)
        yield match.start() + match[0].find(words), words


def status_of(text: str, start: int, end: int) -> Status:
    """Whether the words at start to end hold, by the words before and after them in the same sentence."""
    before, after = text[max(0, start - REACH) : start].lower(), text[end : end + REACH].lower()
    scope = before[max((m.end() for m in ENDS_SCOPE.finditer(before)), default=0) :]
    if AFTER_POSSIBLE.match(after):
        return "uncertain"
    past, doubt, denied = (_last(pattern, scope) for pattern in (HISTORICAL, UNCERTAIN, NEGATING))
    if denied is not None and doubt is not None and denied.start() >= doubt.start() and denied.end() <= doubt.end():
        denied = _last(NEGATING, scope[: doubt.start()])  # the 'not' of 'cannot exclude'
    if past is not None:
        return "negated" if denied is not None and denied.end() <= past.start() else "historical"
    if doubt is not None:
        return "negated" if denied is not None and 0 <= doubt.start() - denied.end() <= 30 else "uncertain"
    if denied is not None and not VERB.search(scope[denied.end() :]):
        return "negated"
    return "negated" if AFTER_DENIED.match(after) else "present"


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return next(reversed(list(pattern.finditer(text))), None)
