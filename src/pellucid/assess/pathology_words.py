"""Finds the words of a concordance table in a sentence, and says of each whether it holds, is only possible, denied or past."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from pellucid.assess.pathology import Status
from pellucid.assess.pathology_spelling import is_misspelt, misspelt
from pellucid.knowledge.concordance import Table
from pellucid.knowledge.concordance.table import BENIGN, Term

SPELLINGS = (
    ("tumour", "tumor"), ("naev", "nev"), ("haem", "hem"), ("oedema", "edema"), ("goitre", "goiter"), ("gynaeco", "gyneco"),
    ("seborrhoeic", "seborrheic"), ("favour", "favor"), ("leukaem", "leukem"),
    ("(necroti|organi|hyalini)s(?=ed|ing)", r"\1z"),
)  # fmt: skip
"""British spellings and what they become before words are compared."""

NEGATING = re.compile(
    r"\b(?:no(?! speci(?:al|fic) type)|not(?! (?:only|just|merely|otherwise))|without|negative for|absence of|free of|free from"
    r"|lacks?|lacking|rather than|excludes|never|neither|nor)\b"
)
"""Words before a diagnosis that deny it."""
_RELATIVE = r"\b(?:(?:grand)?(?:mother|father)|sister|brother|aunt|uncle|cousin|relative)"
_NO_RELATIVE = r"(?! (?:lesion|nodule|mass|node|specimen|focus|foci|section|block|biops|core|sample|mary))"
_FAMILY = rf"{_RELATIVE}s?\b{_NO_RELATIVE}"
"""A relative who is no 'sister lesion' and no 'Sister Mary Joseph nodule'."""
UNCERTAIN = re.compile(
    r"\b(?:highly )?suspicious (?:for|of)\b|\bsuspicion (?:for|of)\b|\bsuspected\b|\bconcern(?:ing)? for\b|\bworrisome for\b"
    r"|\b(?:cannot|can not|could not|unable to|does not|do not) (?:entirely |completely |definitely )?(?:exclude|rule out)\b"
    r"|(?:\b(?:not|cannot|unable|insufficient|inadequate|difficult|impossible|hard|limited|fail(?:s|ed)?)|n't)\b[^.;:,]{0,40}?"
    r"\b(?:exclude|rule out)\b|\bknown\b|\bexclude\b"
    r"|\bfavor(?:s|ed|ing)?\b|\bpossib(?:le|ly|ility of)\b|\bprobabl[ey]\b|\bsuggest(?:s|ive of|ing|ed)?\b|\bquestionabl[ey]\b"
    r"|\bdifferential(?: diagnosis)?\b|\bversus\b|\bvs\b|\b(?:may|might) (?:represent|be)\b|\brule out\b|\br/o\b"
    rf"|\bequivocal for\b|\bcannot be distinguished from\b|\blikely (?=\w)|\bpresumed\b|\?|{_FAMILY}"
)
"""Words before a diagnosis that make it only possible."""
HISTORICAL = re.compile(
    r"\b(?:history of|status post|s/p|previous(?:ly)?|prior|family history|treated for|post(?:-| )?op\w*)\b"
    rf"|{_RELATIVE}s?\b(?=(?:,? \w+){{0,3}}? (?:had|has|have|with|was|were|is|are|died|diagnosed|treated|suffered|suffers)\b)"
)
"""Words before a diagnosis that put it in the past, or in the family."""
ENDS_SCOPE = re.compile(
    r"[:;\]☐☑☒]|\.(?=\s)|\b(?:but(?! not diagnostic)|however|although|though|except|apart from|yet|whereas|while)\b"
    r"|,? (?:with|and) (?=(?:an? )?\w+ (?:is|are) )"
)
AFFIRMING = re.compile(
    r"\b(?:is|are|was|were|shows?|present|identified|seen|found|consistent|compatible|positive|demonstrates|reveals|contains"
    r"|confirms|represents|harbou?rs|has|noted|detected|diagnosed|yes)\b"
)
"""Words that end the reach of a denial before them."""
AFFIRMED = re.compile(
    r"^[^,.;]{0,40}?(?:\b(?:is|are|was|were|has been|have been) (?:also |now |clearly |focally )?"
    r"(?:seen|present|identified|found|noted|detected|diagnosed|confirmed)\b|(?<!not )\bpresent\b"
    r"|[:=] ?(?:yes|positive|seen|identified)\b)"
)
"""Words after a diagnosis that say it is there."""
MEASURED = re.compile(r"\d ?(?:mm|cm)\b|\bgrade \w+|\bgrade\s*$|\b(?:size|score)\b")
"""A size or a grade, which only what is there has."""
FIRM = re.compile(r"^(?:negative for|without|absence of|free of|free from)$")
"""Denials after which a list joined by 'and' is denied whole."""
ORDINARY = re.compile(
    r"of|for|to|a|an|the|any|in|on|or|nor|and|as|by|this|these|that|which|either|both|other|s|all|at|within|with|no|not|are"
    r"|evidence|features?|findings?|changes?|signs?|suggestions?|indications?|support|elements?|components?|areas?|foci|focus|cells?"
    r"|suggest(?:ive|ing)?|suspicious|suspicion|suggested|suspected|concern(?:ing)?|worrisome|diagnostic|indicative|highly|keeping"
    r"|definit(?:e|ive)|convincing|unequivocal|overt|obvious|clear|significant|frank|further|additional|residual|recurrent|underlying"
    r"|associated|primary|secondary|metastatic|active|acute|chronic|viable|histolog\w+|morpholog\w+|microscop\w+|cytolog\w+"
    r"|in-?situ|situ|invasive|infiltrating|microinvasive|intraductal|ductal|lobular|mammary|breast|epithelial|stromal|glandular"
    r"|squamous|small|large|high|low|intermediate|grade|type|usual|florid|atypical|atypia|dysplastic|malignan\w+|benign|neoplas\w+"
    r"|tumou?rs?|mass|lesions?|invasion|disease|necrosis|necrotizing|mitos[ei]s|mitotic|figures|activity|calcifications?"
    r"|microcalcifications?|granulomas?|granulomatous|organisms?|fungal|bacterial|cirrhosis|steatosis|fibrosis|inflammation"
    r"|inflammatory|lymphovascular|vascular|perineural|capsular|nuclear|papillary|follicular|hepatocellular|melanocytic|nodular"
    r"|phyllodes|proliferati(?:ve|on)|overgrowth|colloid|hemorrhage|abscess|well|moderately|poorly|differentiated|possible|probable"
    r"|\w*(?:oma|omas|omata|osis|itis|plasia)"
)
"""Words that may stand between a denial and what it denies; any other makes it unclear."""
A_FINDING = re.compile(
    r"\b(?:necrosis|mitos[ei]s|figures|activity|(?:micro)?calcifications?|organisms?|cirrhosis|fibrosis|steatosis|inflammation"
    r"|invasion|disease|hemorrhage|abscess|atypia|mass|overgrowth|\w+(?:omas?|omata|osis|itis|plasia))\b"
    r"(?!.*(?:[,/]|\b(?:or|nor|and|of|for|by|in|as|to|suspicious|suggest\w*|indicat\w*|diagnostic|concern\w*)\b))"
)
"""A finding that a denial may be of, with nothing that joins it to the diagnosis behind it: 'no necrosis carcinoma present'."""
_PART = re.compile(r",|\s-+\s|—")
_LIST_GOES_ON = re.compile(r"^\s*(?:,[^,.;:]{1,60}?){0,6}?,?\s*\b(and/or|or|nor|and)\b")
_SEEN = r"(?:seen|present|identified|found|detected|noted|evident|shown|sampled|demonstrated|observed|recogni[sz]ed)"
_DENIAL_AFTER = re.compile(
    rf"\b(?:(?:is|are|was|were|has been|have been|has|have)? ?(?:not|neither) (?:been )?(?:definitively |clearly )?{_SEEN}"
    r"|(?:is|are|was|were|has been|have been) (?:absent|excluded|ruled out))\b"
)
"""Words after a diagnosis that deny it, if nothing else stands between."""
_PLAIN_BETWEEN = re.compile(
    r"(?:\s|#|\([^()]*\)|\b(?:or|nor|in|this|these|the|material|biops\w+|specimens?|sections?|cores?|samples?|components?|cells?"
    r"|foci|focus|elements?|examined|tissue|any|either|of|s)\b)*"
)
_SYNOPTIC = re.compile(
    rf"^(?:\s|components?\b|cells\b|status\b|\([^()]{{0,40}}\))*(?:[:=]|\s-+\s|(?=\b(?:absent|not {_SEEN})\b))\s*"
    rf"(?P<no>absent|none(?: {_SEEN})?|no(?: evidence)?|nil|negative|not {_SEEN}|ruled out|excluded|not applicable|n/a)\b"
    r"(?P<rest>[^,.;)]*)"
)
"""A line of a form: 'DCIS: absent'."""
_COMPANION = re.compile(
    r"\s*,?\s*\b(?:with|and)\b (?:an? |any |definite )?(?:(?:lympho|angio)?vascular|lymphatic|venous|perineural|capsular|pleural"
    r"|extra\w+|margin|necrosis|(?:micro)?calcifications?|mitos[ei]s)\b[a-z# ]{0,30}"
)
"""Something beside a diagnosis that the denial behind it is of: 'carcinoma with lymphovascular invasion not identified'."""
_ELSEWHERE = re.compile(r"\b(?:margins?|edges?|ink(?:ed)?|nodes?|nodal)\b")
_UNTICKED = re.compile(r"(?:\[\s*\]|☐)\s*$")
_UNTICKED_AFTER = re.compile(r"^\s*[:=]?\s*(?:\[\s*\]|☐)")
_NOT_EXCLUDED = (
    r"(?:cannot|can not|could not) be (?:entirely |completely |definitely |fully )?(?:excluded|ruled out)"
    r"|(?:is|are|was|were|has|have) not (?:been )?(?:entirely |completely |definitely |fully )?(?:excluded|ruled out)"
)
AFTER_POSSIBLE = re.compile(
    rf"^[^.;:]{{0,60}}?\b(?:{_NOT_EXCLUDED}"
    r"|(?:is|are|was|were) (?:favored|suspected|possible|considered|(?:very |highly |thought )?unlikely)"
    r"|(?:is|are) in the differential)\b"
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
Reach = Literal["yes", "unsure", "no"]
"""Whether a denial reaches a diagnosis."""
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
def _patterns(table: Table) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str], Mapping[str, Term]]:
    """Patterns for words in any case, for short capitals, for capitals in lower case too, and which term each word means."""
    owner: dict[str, Term] = {}
    words: list[str] = []
    capitals: list[str] = []
    lower: list[str] = []
    for term in table.terms.values():
        for word in () if term.negative else (term.name, *term.also):
            spelled = plain(word)
            short = len(spelled) <= 7 and spelled.upper() == spelled and " " not in spelled
            (capitals if short else words).append(spelled)
            if short and term.tissue not in BENIGN and len(spelled) > 2 and spelled != "ASAP":
                lower.append(spelled)  # 'dcis' must not be overlooked
            owner[spelled.casefold()] = term
    anyhow = re.compile(rf"{_any_of(lower, 0).pattern}(?!\s+like\b)", re.IGNORECASE)
    return _any_of(words, re.IGNORECASE), _any_of(capitals, 0), anyhow, owner


def _any_of(words: list[str], flags: int) -> re.Pattern[str]:
    ordered = sorted(dict.fromkeys(words), key=len, reverse=True)
    gap = r"(?:\s+|\s*\([^()]{1,30}\)\s*)"  # 'mucinous (colloid) carcinoma'
    spelled = "|".join(gap.join(re.escape(part) for part in word.split()) for word in ordered)
    return re.compile(rf"(?<![\w-])(?:{spelled or '(?!)'})s?(?!\w)", flags)


def find_words(sentence: str, table: Table) -> list[Found]:
    """What one sentence says, in order: terms of the table with their status, then diagnosis-like words it does not know."""
    text = plain(sentence)
    spans = _spans(text, table)
    masked = text
    for start, end, _ in spans:  # 'suspicious for' inside a term says nothing of the next
        masked = masked[:start] + "#" * (end - start) + masked[end:]
    found = [Found(term, text[start:end], status_of(masked, start, end), start) for start, end, term in spans]
    found += [_not_known(masked, at, words) for at, words in _unknown(masked)]
    return found


def _not_known(masked: str, at: int, words: str) -> Found:
    """Words that are in no table; of what is misspelt no denial is plain enough."""
    head = words.rpartition(" ")[2]
    status = status_of(masked, at + len(words) - len(head), at + len(words))
    return Found(None, words, "uncertain" if status == "negated" and is_misspelt(head) else status, at)


def _spans(text: str, table: Table) -> list[tuple[int, int, Term]]:
    *patterns, owner = _patterns(table)
    taken: list[tuple[int, int, Term]] = []
    for pattern in patterns:
        for match in pattern.finditer(text):
            if all(match.end() <= start or match.start() >= end for start, end, _ in taken):
                taken.append((match.start(), match.end(), _owner(match[0], owner)))
    return sorted(taken, key=lambda span: span[0])


def _owner(words: str, owner: Mapping[str, Term]) -> Term:
    spelled = " ".join(re.sub(r"\([^()]*\)", " ", words).split()).casefold()
    whole = " ".join(words.split()).casefold()
    return next(owner[w] for w in (whole, spelled, whole.removesuffix("s"), spelled.removesuffix("s")) if w in owner)


def _unknown(masked: str) -> Iterator[tuple[int, str]]:
    told: list[tuple[int, str]] = []
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
        told.append((match.start() + match[0].find(words), words))
    yield from told
    for at, word in misspelt(masked.lower()):
        if not any(start <= at < start + len(words) for start, words in told):
            yield at, word


def status_of(text: str, start: int, end: int) -> Status:
    """Whether the words at start to end hold, by the words before and after them in the same sentence.

    Diagnoses are masked by '#'. What is unclear is 'uncertain': a denial has to be plain.
    """
    before, after = text[max(0, start - REACH) : start].lower(), text[end : end + REACH].lower()
    if (box := _box(before, after)) is not None:
        return box
    if AFTER_POSSIBLE.match(after):
        return "uncertain"
    return _standing(before, after)


def _standing(before: str, after: str) -> Status:
    begins = max((m.end() for m in ENDS_SCOPE.finditer(before)), default=0)
    scope = before[begins:]
    past, doubt, denied = (_last(pattern, scope) for pattern in (HISTORICAL, UNCERTAIN, NEGATING))
    if denied is not None and doubt is not None and denied.start() >= doubt.start() and denied.end() <= doubt.end():
        denied = _last(NEGATING, scope[: doubt.start()])  # the 'not' of 'cannot exclude'
    ahead = "no" if denied is None else _reach(denied[0], scope[denied.end() :], after)
    twice = denied is not None and re.search(r"(?:\b(?:not|never|without)|n't)(?: \w+)?\s*$", scope[: denied.start()])
    if ahead == "yes" and (twice or _UNTICKED.search(before[:begins])):
        return "uncertain"  # 'not free of carcinoma', '[ ] No carcinoma'
    if past is not None and (held := _reach("history of", scope[past.end() :], after)) != "no":
        if denied is not None and denied.end() <= past.start() and ahead == "yes":
            return "negated"
        return "historical" if held == "yes" else "uncertain"
    if doubt is not None:
        near = denied is not None and 0 <= doubt.start() - denied.end() <= 30
        return "negated" if near and ahead == "yes" else "uncertain"
    behind = _denied_behind(after)
    if "yes" in (ahead, behind):
        return "negated"
    return "uncertain" if "unsure" in (ahead, behind) else "present"


def _reach(lead: str, gap: str, after: str) -> Reach:
    """Whether words such as 'no' reach over the gap to a diagnosis with the words `after` behind it.

    Across a comma they do in a list that 'or' joins; anything that affirms in between ends them.
    """
    if gap.count(")") > gap.count("(") or AFFIRMING.search(gap):
        return "no"
    firm = (FIRM.match(lead) or gap.startswith(" evidence of")) and not AFFIRMING.search(after.partition(".")[0])
    *earlier, last = _PART.split(gap)
    found = _across(earlier, last, after, firm=bool(firm)) if earlier else _along(last, firm=bool(firm))
    strange = lead != "history of" and any(not ORDINARY.fullmatch(word) for word in re.findall(r"[a-z']+", gap))
    apart = A_FINDING.search(gap) and lead != "history of"
    return "unsure" if found == "yes" and (strange or apart) else found


def _along(gap: str, *, firm: bool) -> Reach:
    """Whether a denial reaches over a gap without a comma."""
    with_another = re.search(r"(?<!keeping )\bwith\b", gap) or (re.search(r"\band\b(?!/)", gap) and not firm)
    beside = re.search(r"#(?!.*(?:\b(?:or|nor|and)\b|[/(]|\bsuspicious\b|\bsuggest))", gap)
    return "unsure" if with_another or beside else "yes"


def _across(earlier: list[str], last: str, after: str, *, firm: bool) -> Reach:
    """Whether a denial reaches over the parts of a list."""
    goes_on = _LIST_GOES_ON.match(after)
    joined = re.search(r"\b(?:or|nor)\b|/", last) is not None or (goes_on is not None and goes_on[1] != "and")
    anded = re.search(r"\band\b", last) is not None or (goes_on is not None and goes_on[1] == "and")
    if not joined and AFFIRMED.match(after):
        return "no"
    measured = any(MEASURED.search(part) for part in _PART.split(after.partition(";")[0])[1:])
    measured = measured or any(re.search(r"\d ?(?:mm|cm)\b|\bgrade \w*\d", part) for part in (*earlier[1:], last))
    ended = any(re.search(r"#.*\b(?:or|nor|and) .*#", part) for part in earlier)  # 'no A or B, C'
    return "yes" if (joined or (anded and firm)) and not measured and not ended else "unsure"


def _denied_behind(after: str) -> Reach:
    """Whether the words behind a diagnosis deny it: a line of a form, or 'is not seen' with nothing else between."""
    if form := _SYNOPTIC.match(after):
        return _entry(form["no"], form["rest"].strip())
    clause = re.split(r"[.;:]", after, maxsplit=1)[0]
    denial = _DENIAL_AFTER.search(clause)
    between = clause[: denial.start()] if denial else ""
    if denial is None or denial.start() > 60 or AFFIRMING.search(between) or _COMPANION.fullmatch(between):
        return "no"
    if "," in between:
        if not re.fullmatch(r"(?:[\s,#]|\b(?:or|nor|and)\b)*", between):
            return "no"
        return "yes" if re.search(r"\b(?:or|nor)\b", between) else "unsure"
    listed = "#" not in between or re.search(r"\b(?:or|nor)\b", between)
    plainly = _PLAIN_BETWEEN.fullmatch(between) and listed
    return "yes" if plainly and not _ELSEWHERE.search(clause[denial.end() :][:40]) else "unsure"


def _entry(no: str, rest: str) -> Reach:
    """What an entry of a form says that begins with a word that denies."""
    if not rest or (re.match(r"in (?:this|these|the)\b|on (?:this|these)\b|of\b", rest) and not _ELSEWHERE.search(rest)):
        return "yes"
    return "no" if no in ("no", "negative") else "unsure"


def _box(before: str, after: str) -> Status | None:
    """What an unticked box at a diagnosis says; uncertain where it may be the box of something else."""
    if _UNTICKED_AFTER.match(after) and "]" not in before:
        return "uncertain"
    if not _UNTICKED.search(before):
        return None
    heading = re.split(r"\[|☐|☑|☒", before, maxsplit=1)[0].strip()
    return "negated" if not heading.strip("-*•") or (heading.endswith(":") and "#" not in heading) else "uncertain"


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return next(reversed(list(pattern.finditer(text))), None)
