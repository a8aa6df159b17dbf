"""A pathology report's text as a statement: sections, specimens, sentences, and the diagnoses in them.

Small on purpose, and measured (docs/concepts/concordance.md): it knows the words of the organ's table, what denies them, what
makes them only possible, and what makes them past. Words that look like a diagnosis and are not in the table are listed, not
dropped, and leave the class of the tissue open. No diagnosis at all is said too.
"""

import re
import textwrap
from dataclasses import dataclass
from typing import Literal

from pellucid.assess.pathology import Mention, Pathology, Sampling, Specimen, driving_class, weight_of, worst
from pellucid.assess.pathology_words import find_words, plain
from pellucid.errors import InputError
from pellucid.knowledge.concordance import Table
from pellucid.knowledge.concordance.table import BENIGN, TISSUES
from pellucid.record import Observer

MAX_CHARACTERS = 100_000
LONGEST_QUOTE = 300
LONGEST_SENTENCE = 2000

Part = Literal["diagnosis", "comment", "history", "microscopy", "other", "body"]
HEADINGS: dict[str, Part] = {
    "diagnosis": "diagnosis", "final diagnosis": "diagnosis", "pathologic diagnosis": "diagnosis", "diagnoses": "diagnosis",
    "pathological diagnosis": "diagnosis", "histological diagnosis": "diagnosis", "histologic diagnosis": "diagnosis",
    "final pathologic diagnosis": "diagnosis", "cytologic diagnosis": "diagnosis", "cytological diagnosis": "diagnosis",
    "opinion": "diagnosis", "conclusion": "diagnosis", "interpretation": "diagnosis", "impression": "diagnosis",
    "summary": "diagnosis", "comment": "comment", "comments": "comment", "note": "comment", "addendum": "comment",
    "clinical history": "history", "history": "history", "clinical information": "history", "clinical data": "history",
    "clinical details": "history", "clinical": "history", "indication": "history", "clinical indication": "history",
    "gross": "other", "gross description": "other", "macroscopy": "other", "macroscopic": "other", "specimen": "other",
    "macroscopic description": "other", "specimens": "other", "specimen submitted": "other", "specimens submitted": "other",
    "microscopic": "microscopy", "microscopy": "microscopy", "microscopic description": "microscopy",
    "histology": "microscopy",
}  # fmt: skip
"""Headings of a report and the part they open."""
_HEADING = re.compile(
    rf"(?:^|(?<=\n)|(?<=[.;] ))[ \t]*({'|'.join(sorted(HEADINGS, key=len, reverse=True))})[ \t]*:", re.IGNORECASE
)
_LABEL = re.compile(
    r"(?:^|(?<=\n)|(?<=[.;:] ))[ \t]*(?:(?:specimen|part)[ \t]+)?([A-H]|(?<=specimen )\d|(?<=part )\d)[.):][ \t]+", re.IGNORECASE
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9(])|;\s*|\n\s*\n|\n(?=\s*(?:[-*•]|\d{1,2}[.)]|[A-Z]))")
_CALCIFICATIONS = re.compile(r"\b(?:micro)?calcifi(?:cations?|ed)\b")
_DENIES_CALCIFICATIONS = re.compile(
    r"\b(?:no|without|negative for|absence of|lacks?|free of)\b[^.;]{0,40}$"
    r"|^[^.;]{0,40}\b(?:not (?:seen|identified|present|found)|(?:is|are) absent)\b"
)
_HISTORY = {
    "surgery": r"lumpectom|excision|surger|mastectom|reduction|implant|post ?-?op|resection|biops",
    "trauma": r"trauma|injur|seat ?belt|\bfall\b|\bblow\b",
    "infection": r"fever|infect|redness|erythema|warmth|pneumonia|purulent|\bbcg\b",
    "lactation": r"lactat|breast ?feeding|post ?partum|nursing",
    "diabetes": r"diabet",
    "radiotherapy": r"radiation|radiotherap|irradiat",
}
_DENIES_HISTORY = re.compile(r"\b(?:no|denies|without|negative for)\b[^.;]*$")


@dataclass(frozen=True)
class _Piece:
    part: Part
    text: str


def read_report(text: str, table: Table, source: str | None = None, by: str = "pathology report") -> Pathology:
    """The statement in a report's text; InputError where there is no readable text."""
    where = source or "the report"
    if not text.strip():
        raise InputError(f"{where}: expected the text of a pathology report, got nothing")
    if len(text) > MAX_CHARACTERS or "\x00" in text:
        raise InputError(f"{where}: expected plain text of at most {MAX_CHARACTERS} characters, got {len(text)} or a binary file")
    pieces = _sections(text.replace("\r\n", "\n").replace("\r", "\n"))
    specimens, notes = _specimens(pieces, table)
    seen, history = _calcifications(pieces), _history(pieces)
    past = any(m.status == "historical" and m.tissue == "malignant" for s in specimens for m in s.mentions)
    return Pathology.model_validate(
        {
            "organ": table.organ,
            "by": Observer(name=by, kind="person"),
            "source": source,
            "specimens": specimens,
            "sampling": Sampling(specimen_calcifications=seen),
            "history": (*history, *(("cancer",) if past else ())),
            "notes": notes,
        }
    )


def _sections(text: str) -> list[_Piece]:
    """The report cut at its headings; what stands before the first one is its body."""
    found: list[_Piece] = []
    part: Part = "body"
    last = 0
    for match in _HEADING.finditer(text):
        found.append(_Piece(part, text[last : match.start()]))
        part, last = HEADINGS[match[1].lower()], match.end()
    found.append(_Piece(part, text[last:]))
    return [piece for piece in found if piece.text.strip()]


def _specimens(pieces: list[_Piece], table: Table) -> tuple[tuple[Specimen, ...], tuple[str, ...]]:
    """One specimen per label of the diagnosis (or of the body, where nothing is headed so); comments count for each."""
    headed = [piece for piece in pieces if piece.part == "diagnosis"]
    telling = headed or [piece for piece in pieces if piece.part in ("body", "microscopy")] or pieces
    rest = [piece for piece in pieces if piece not in telling]
    comments = [m for piece in rest if piece.part == "comment" for m in _mentions(piece.text, table)]
    past = [
        m.model_copy(update={"status": "historical"})
        for piece in rest
        if piece.part == "history"
        for m in _mentions(piece.text, table)
        if m.status == "historical"
    ]
    labelled = [cut for piece in telling for cut in _labelled(piece.text)]
    found: dict[str | None, list[Mention]] = {}
    for label, text in labelled:
        found.setdefault(label, []).extend(_mentions(text, table))
    if len(found) > 1 and None in found and not _weighty(found[None]):
        past += [m for m in found.pop(None) if m.status == "historical"]
    text = " ".join(piece.text for piece in telling)
    specimens = tuple(
        Specimen(label=label, mentions=_complete([*mentions, *comments, *past], text, table)) for label, mentions in found.items()
    )
    return specimens, _notes(specimens, rest, table)


def _weighty(mentions: list[Mention]) -> bool:
    return any(weight_of(m) or m.term is None for m in mentions)


def _labelled(text: str) -> list[tuple[str | None, str]]:
    """The text cut at specimen labels A to H, in order; text before the first label has none."""
    marks = list(_LABEL.finditer(text))
    expected = iter("ABCDEFGH")
    kept: list[re.Match[str]] = []
    wanted = next(expected)
    for mark in marks:
        if mark[1].upper() == wanted or mark[1].isdigit():
            kept.append(mark)
            wanted = next(expected, "")
    if not kept:
        return [(None, text)]
    cuts: list[tuple[str | None, str]] = [(None, text[: kept[0].start()])] if text[: kept[0].start()].strip() else []
    ends = [*(m.start() for m in kept[1:]), len(text)]
    return cuts + [(m[1].upper(), text[m.end() : end]) for m, end in zip(kept, ends, strict=True)]


def _mentions(text: str, table: Table) -> list[Mention]:
    found: dict[Mention, None] = {}
    for sentence in _sentences(text):
        quote = " ".join(sentence.split())
        for item in find_words(quote, table) if quote else ():
            mention = Mention(
                term=item.term.name if item.term else None,
                words=item.words,
                quote=quote if len(quote) <= LONGEST_QUOTE else f"{quote[: LONGEST_QUOTE - 1]}…",
                status=item.status,
                tissue=item.term.tissue if item.term else None,
                code=item.term.code if item.term else None,
            )
            found[mention] = None
    return list(found)


def _sentences(text: str) -> list[str]:
    """The sentences of a text; what has none for very long is cut between words."""
    return [part for sentence in _SENTENCE.split(text) for part in (textwrap.wrap(sentence, LONGEST_SENTENCE) or [""])]


def _complete(mentions: list[Mention], text: str, table: Table) -> tuple[Mention, ...]:
    """The mentions, with a word for a report that only denies, and for one that says nothing the table knows."""
    if _weighty([m for m in mentions if m.status in ("present", "uncertain")]):
        return tuple(mentions)
    denied = next((m for m in mentions if m.status == "negated" and m.tissue == "malignant"), None)
    if denied is not None:
        term = next(t for t in table.terms.values() if t.negative)
        made = Mention(
            term=term.name, words=denied.words, quote=denied.quote, status="present", tissue=term.tissue, code=term.code
        )
    else:
        said = " ".join(text.split())[:LONGEST_QUOTE]
        made = Mention(term=None, words=said[:80] or "nothing", quote=said or "nothing", status="present")
    return (*mentions, made)


def _notes(specimens: tuple[Specimen, ...], rest: list[_Piece], table: Table) -> tuple[str, ...]:
    """A worse diagnosis outside the diagnosis section is said, though it does not count."""
    driving = worst(c for s in specimens if (c := driving_class(s)))
    found: dict[str, None] = {}
    for piece in rest:
        if piece.part not in ("microscopy", "body", "other"):
            continue
        for m in _mentions(piece.text, table):
            if (
                weight_of(m)
                and weight_of(m) not in BENIGN
                and (driving is None or TISSUES.index(weight_of(m)) < TISSUES.index(driving))
            ):
                found[f"outside the diagnosis the report also says: {m.quote}"] = None
    return tuple(found)


def _calcifications(pieces: list[_Piece]) -> Literal["present", "absent"] | None:
    """Whether calcification is said to be in the specimen; present where one place has it and another has not."""
    found: set[str] = set()
    for piece in pieces:
        if piece.part == "history":
            continue
        for sentence in _sentences(piece.text):
            text = plain(sentence).lower()
            for match in _CALCIFICATIONS.finditer(text):
                before, after = text[: match.start()], text[match.end() :]
                denied = _DENIES_CALCIFICATIONS.search(before) or _DENIES_CALCIFICATIONS.match(after)
                found.add("absent" if denied else "present")
    return "present" if "present" in found else "absent" if found else None


def _history(pieces: list[_Piece]) -> tuple[str, ...]:
    """Kinds of history that the clinical section, or words such as 'history of', document."""
    told = " ".join(piece.text for piece in pieces if piece.part == "history")
    told += " . " + " ".join(
        m[0]
        for piece in pieces
        if piece.part != "history"
        for m in re.finditer(r"(?:history of|status post|s/p|prior|previous)[^.;\n]*", piece.text, re.IGNORECASE)
    )
    text = told.lower()
    return tuple(
        kind
        for kind, pattern in _HISTORY.items()
        if any(not _DENIES_HISTORY.search(text[: m.start()].rpartition(".")[2]) for m in re.finditer(pattern, text))
    )
