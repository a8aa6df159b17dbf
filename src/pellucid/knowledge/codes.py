"""Codes for whatever a pack names: DICOM, SNOMED or RadLex where the pack cites one, else a private code that never changes.

A private code is made from the pack's name and edition and from what is named, by SHA-256, so that anybody can make it again.
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields

from pellucid.knowledge.guideline import Guideline
from pellucid.record import Code

PRIVATE = "99PELLUCID"
"""Coding scheme designator of the private codes."""
LENGTH = 10
"""Characters of a private code after its letter; DICOM allows 16 in all."""
PRESENCE = {"present": Code(scheme="SCT", value="52101004", meaning="Present")}
"""States whose code is the same in every pack."""


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One line of the code list."""

    pack: str
    kind: str
    """concept, state, question, category or diagnosis."""
    of: str
    """The concept of a state, the question of a category, the differential of a diagnosis."""
    name: str
    scheme: str
    value: str
    meaning: str


def private_code(pack: str, kind: str, of: str, name: str, meaning: str) -> Code:
    """The private code of a named thing in one edition of a pack."""
    text = "/".join((pack, kind, of, name))
    return Code(scheme=PRIVATE, value="P" + hashlib.sha256(text.encode()).hexdigest()[:LENGTH].upper(), meaning=meaning)


def codes_of(guideline: Guideline) -> Iterator[CodeRow]:
    """Every concept with its states, every question with its categories, every diagnosis of a differential."""
    pack = f"{guideline.name}-{guideline.edition}"

    def row(kind: str, of: str, name: str, meaning: str, code: Code | None = None) -> CodeRow:
        found = code or private_code(pack, kind, of, name, meaning)
        return CodeRow(pack, kind, of, name, found.scheme, found.value, found.meaning)

    for name, concept in guideline.concepts.items():
        yield row("concept", "", name, concept.label, concept.code)
        for state in concept.states or ():
            yield row("state", name, state, f"{concept.label}: {state}", PRESENCE.get(state))
    for question in guideline.questions.values():
        yield row("question", "", question.name, question.label)
        for name, category in question.categories.items():
            yield row("category", question.name, name, f"{question.label}: {name}", category.code)
    for weights in guideline.differentials.values():
        for diagnosis in weights.diagnoses:
            yield row("diagnosis", weights.name, diagnosis.name, diagnosis.name)


def code_list(rows: Iterable[CodeRow]) -> str:
    """The rows as CSV with a header."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([field.name for field in fields(CodeRow)])
    writer.writerows(astuple(row) for row in rows)
    return out.getvalue()
